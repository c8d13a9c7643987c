"""Where merge and analysis work, as a type.

Nothing that a stage makes depends on it, so it is in no code digest (`debye.provenance.GROUND`).
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from debye.errors import ConfigError, explain
from debye.parameters import Model

FORMS = "in-process, local:WORKERS or slurm:WORKERS"


class Dask(Model):
    """Where merge and analysis work: no byte of a result depends on it, and an edit makes nothing run again.

    Partition, account and network of a site are dask-jobqueue's own configuration (docs/slurm.md).
    """

    cluster: Literal["in-process", "local", "slurm"] = Field(
        default="in-process",
        description="in the job itself; in worker processes beside it; in Slurm jobs that it submits",
    )
    workers: int = Field(default=2, ge=1, description="worker processes; with slurm, a job for each")
    memory: int = Field(default=2000, ge=500, description="memory of a worker, MB")
    runtime: int = Field(default=120, ge=1, description="time limit of a worker's Slurm job, minutes")
    patience: int = Field(
        default=30, ge=1, description="minutes without any worker after which the job gives up; with slurm"
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the short form of the command line, `CLUSTER[:WORKERS][,KEY=NUMBER]…`.

        Raises
        ------
        ConfigError
            If it is none.

        Examples
        --------
        >>> Dask.parse("slurm:4,memory=3000").text()
        'slurm:4,memory=3000,runtime=120,patience=30'
        """
        head, *rest = text.split(",")
        cluster, colon, workers = head.partition(":")
        pairs = [("cluster", "=", cluster), *([("workers", "=", workers)] if colon else [])]
        pairs += [entry.partition("=") for entry in rest]
        keys = [key for key, _, _ in pairs]
        if len(set(keys)) < len(keys) or (cluster == "in-process" and len(keys) > 1):
            expected = "each key once, and none beside in-process"
            raise ConfigError(explain("dask", repr(text), expected, f"write {FORMS}"))
        try:
            given: dict[str, Any] = {key: value for key, _, value in pairs}
            return cls(**given)
        except ConfigError as error:
            raise ConfigError(f"dask {text!r}: {error} ({FORMS}; docs/slurm.md)", error.places) from None

    def text(self) -> str:
        """Short form, which `parse` reads."""
        if self.cluster == "in-process":
            return self.cluster
        keys = ("memory", "runtime", "patience")
        return ",".join([f"{self.cluster}:{self.workers}", *(f"{key}={getattr(self, key)}" for key in keys)])

    @property
    def beside(self) -> int:
        """Worker processes that run in the job's own share of the machine."""
        return self.workers if self.cluster == "local" else 0
