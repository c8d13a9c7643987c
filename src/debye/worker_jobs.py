"""Slurm jobs as dask workers: submitted by dask-jobqueue, asked after while none has come, cancelled at the end.

What a site sets in dask-jobqueue's own configuration (partition, account, network, lines before the worker) holds
beside what is set here.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from debye.placement import Dask

if TYPE_CHECKING:
    from dask_jobqueue.slurm import SLURMJob

log = logging.getLogger("debye")

ASK = 15.0
"""Seconds between two questions to Slurm whether jobs wait or run, while no worker is there."""


def dask_jobqueue() -> Any:
    """Import dask-jobqueue, which takes Ctrl-C for itself as it is imported: a program it stops would end with 0."""
    handler = signal.getsignal(signal.SIGINT)
    from dask_jobqueue import slurm

    signal.signal(signal.SIGINT, handler)
    return slurm


@dataclass
class Jobs:
    """The worker jobs of one run."""

    folder: Path
    """Where jobs write what they say, if the site names no other; seen by all nodes."""
    ids: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What sbatch said where it refused a job."""
    asked: float = -ASK
    """When Slurm was asked last."""
    made: Any = None
    """The cluster."""

    def cluster(self, wanted: Dask, settings: Mapping[str, Any], security: bool) -> Any:
        """Cluster without jobs yet; `scale` submits them.

        Parameters
        ----------
        wanted : Dask
            Memory and time limit of a job.
        settings : mapping
            Of dask, for the workers.
        security : bool
            True for encrypted connections between those alone that this run gave a key.

        Returns
        -------
        dask_jobqueue.SLURMCluster
        """
        import dask

        slurm = dask_jobqueue()

        def site(key: str) -> Any:
            # One by one: so are keys found that environment variables wrote with underscores.
            return dask.config.get(f"jobqueue.slurm.{key}")

        exports = {f"DASK_{key.upper().replace('.', '__')}": str(value) for key, value in settings.items()}
        exports |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        output = [] if site("log-directory") else [f'--output="{self.folder}/%j.log"']
        self.made = slurm.SLURMCluster(
            job_cls=self._recorded(),
            cores=1,
            processes=1,
            memory=f"{wanted.memory}MB",
            walltime=f"{wanted.runtime // 60:02d}:{wanted.runtime % 60:02d}:00",
            job_name="debye-worker",
            python=site("python") or shlex.quote(sys.executable),
            worker_extra_args=[*site("worker-extra-args"), "--no-dashboard"],
            # A site may keep the environment from jobs (`--export=NONE`).
            job_script_prologue=[
                *site("job-script-prologue"),
                *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
            ],
            job_extra_directives=[*site("job-extra-directives"), *output],
            scheduler_options={"dashboard_address": "127.0.0.1:0", **site("scheduler-options")},
            security=security,
            # Relative: jobs start where they are submitted, and dask-jobqueue does not quote the paths of keys.
            shared_temp_directory=os.path.relpath(self.folder),
            silence_logs=logging.CRITICAL,
        )
        return self.made

    def _recorded(self) -> type[SLURMJob]:
        """Kind of job that is entered here. dask-jobqueue itself writes a refusal into a log and goes on waiting."""
        from distributed.core import Status

        ids, refused = self.ids, self.refused

        class Recorded(dask_jobqueue().SLURMJob):  # type: ignore[misc]
            async def start(self) -> None:
                try:
                    await super().start()
                    ids.append(self.job_id)
                except (OSError, RuntimeError, ValueError) as error:
                    said = " ".join((str(error).partition("stderr:")[2] or str(error)).split())
                    refused.append(f"a refusal of sbatch ({said})")
                    log.warning("dask: a worker job was refused: %s", said)
                    # Else dask waits for it while the cluster is closed.
                    self.status = Status.running

            async def close(self) -> None:
                await super().close()
                self.status = Status.closed

        return Recorded

    def gone(self) -> str | None:
        """Why no worker can come any more; None while a job waits or runs, or Slurm does not answer."""
        if not self.ids:
            return self.refused[0] if self.refused else None
        now = time.monotonic()
        if now - self.asked < ASK:
            return None
        self.asked = now
        command = ["squeue", "--noheader", "--format=%i %T", "--jobs", ",".join(self.ids)]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if said.stdout.strip() or (said.returncode and "Invalid job id" not in said.stderr):
            return None
        return f"their jobs {', '.join(self.ids)} ended{self._last_words()}"

    def _last_words(self) -> str:
        """What the jobs said last; a dozen lines of it go to the log."""
        logs = sorted(self.folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        said = [line.strip() for path in logs for line in path.read_text(errors="replace").splitlines()]
        lines = [line for line in said if line and " - INFO - " not in line]
        for line in lines[-12:]:
            log.warning("dask worker: %s", line)
        return f" ({lines[-1]})" if lines else ""

    def close(self, timeout: float) -> None:
        """Cancel what dask-jobqueue may have left: a job that was submitted while the run was told to end."""
        if self.ids:
            with suppress(OSError, subprocess.TimeoutExpired):
                command = ["scancel", "--quiet", *self.ids]
                subprocess.run(command, capture_output=True, check=False, timeout=timeout)
        # Keys on disk, which would outlive the folder in which they are.
        for name in ("ca_file", "cert", "key"):
            file = getattr(self.made, f"_job_{name}", None)
            if file is not None:
                file.close()
