"""Workers for merge and analysis: started when they are wanted, ended whatever happens.

`local` starts processes on this machine, `slurm` submits a job for each worker by dask-jobqueue. In both dask's
scheduler runs in this process, and the workers connect to it. What they compute passes through `debye.workers`.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from debye.config import Dask
from debye.errors import ClusterError, explain
from debye.workers import Each, in_process, on_cluster

if TYPE_CHECKING:
    from dask_jobqueue.slurm import SLURMJob

log = logging.getLogger("debye")

LOCAL_PATIENCE = 120.0
"""Seconds without any worker after which processes on this machine are given up; they start in some five."""

CLOSE = 60.0
"""Most seconds that ending the workers may take."""

ASK_SLURM = 15.0
"""Seconds between two questions to Slurm whether worker jobs wait or run, while no worker is there."""

UNDER_WAY = 3
"""Items under way for each worker: one that it works on, one that it has, one that is fetched."""

LIVE_OR_DIE = {f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")}
"""A worker short of memory is ended and its block given to another: one that pauses would be waited for for ever."""


@contextmanager
def workers(wanted: Dask) -> Iterator[Each]:
    """Start workers, and end them when the block ends, by an error or a signal too.

    Parameters
    ----------
    wanted : Dask
        Where to work. In-process nothing is started and no module of dask's scheduler is imported.

    Yields
    ------
    Each

    Raises
    ------
    ClusterError
        In the block, if no worker can be started, none comes in the time allowed, or all are lost.
    """
    if wanted.cluster == "in-process":
        yield in_process
        return
    import dask
    from distributed import Client

    with ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(dask.config.set(LIVE_OR_DIE))
        start = _local if wanted.cluster == "local" else _slurm
        cluster, watch = start(wanted, stack)
        # As the default it would take over every computation with lazy arrays in this process.
        client = stack.enter_context(_ended(Client(cluster, set_as_default=False)))
        cluster.scale(wanted.workers)
        yield on_cluster(client, UNDER_WAY * wanted.workers, watch)


def _local(wanted: Dask, stack: ExitStack) -> tuple[Any, Callable[[], None]]:
    """Cluster of processes on this machine, without workers yet, and the watch over it."""
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        memory_limit=f"{wanted.memory}MB",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )
    return stack.enter_context(_ended(cluster)), _Watch(cluster, LOCAL_PATIENCE)


def _slurm(wanted: Dask, stack: ExitStack) -> tuple[Any, Callable[[], None]]:
    """Cluster of Slurm jobs, none submitted yet, and the watch over it.

    What a site sets in dask-jobqueue's own configuration (partition, account, network, lines before the worker) holds
    beside what is set here.
    """
    import dask
    from dask_jobqueue.slurm import SLURMCluster

    # In the working folder, because workers and this process share no other for certain.
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".debye-dask-", dir=".")))
    jobs = stack.enter_context(_Jobs(folder.resolve()))

    def site(key: str) -> Any:
        # One by one: so are keys found that environment variables wrote with underscores.
        return dask.config.get(f"jobqueue.slurm.{key}")

    exports = {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): str(value)
        for name, value in LIVE_OR_DIE.items()
    } | {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    cluster = SLURMCluster(
        job_cls=jobs.recorder(),
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
        job_extra_directives=[*site("job-extra-directives"), *jobs.directives(site("log-directory"))],
        scheduler_options={"dashboard_address": "127.0.0.1:0", **site("scheduler-options")},
        silence_logs=logging.CRITICAL,
    )
    return stack.enter_context(_ended(cluster)), _Watch(cluster, 60.0 * wanted.patience, jobs.gone)


@dataclass
class _Watch:
    """Raises where no worker is there and none will come; called while a result is waited for."""

    cluster: Any
    patience: float
    """Most seconds without any worker."""
    gone: Callable[[], str | None] = lambda: None
    """Says why none can come any more, or None while one can."""
    since: float = 0.0
    """Since when no worker is known to be there."""
    asked: float = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        # After a long time of no asking there may have been workers.
        if self.cluster.scheduler.workers or now - self.asked > 10.0:
            self.since = now
        self.asked = now
        if self.cluster.scheduler.workers:
            return
        found = self.gone()
        if found is None and now - self.since > self.patience:
            found = f"none for {self.patience / 60:g} min"
        if found is not None:
            remedy = "mend what is said here, raise dask.patience or dask.runtime, or run in-process"
            raise ClusterError(explain("dask workers", found, "one at least", remedy))


@dataclass
class _Jobs:
    """The worker jobs that were submitted; those that are left are cancelled at the end of a `with` block."""

    folder: Path
    ids: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What sbatch said where it refused a job."""
    asked: float = 0.0

    def recorder(self) -> type[SLURMJob]:
        """Kind of job that is entered here. dask-jobqueue itself writes a refusal into a log and goes on waiting."""
        from dask_jobqueue.slurm import SLURMJob
        from distributed.core import Status

        ids, refused = self.ids, self.refused

        class Recorded(SLURMJob):  # type: ignore[misc]
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

    def directives(self, chosen: str | None) -> list[str]:
        """Where jobs write what they say: into the folder that the site chose, or into one that goes with this run."""
        return [] if chosen else [f'--output="{self.folder}/%j.log"']

    def gone(self) -> str | None:
        """Why no worker can come any more; None while a job waits or runs, or Slurm does not answer."""
        if not self.ids:
            return self.refused[0] if self.refused else None
        now = time.monotonic()
        if now - self.asked < ASK_SLURM:
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
        logs = sorted(self.folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        lines = [
            line for path in logs for line in path.read_text(errors="replace").splitlines() if line.strip()
        ]
        for line in lines[-20:]:
            log.warning("dask worker: %s", line)
        return f" ({lines[-1].strip()})" if lines else ""

    def __enter__(self) -> _Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        if self.ids:
            with _undisturbed():
                subprocess.run(
                    ["scancel", "--quiet", *self.ids], capture_output=True, check=False, timeout=CLOSE
                )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep dask's own log lines out of the program's: what goes wrong is raised."""
    loggers = [
        logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado.application")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _ended(thing: Any) -> Iterator[Any]:
    """Close a cluster or client of dask when the block ends."""
    try:
        yield thing
    finally:
        with _undisturbed():
            try:
                thing.close(timeout=CLOSE)
            except Exception as error:
                # What ended the block is what the user has to know.
                log.warning("dask: %s was not closed: %s", type(thing).__name__, error)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off what signals ask for until the block has ended: workers would be left over from half a clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    handlers = {number: signal.signal(number, note) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        for late in came:
            signal.raise_signal(late)
