"""Workers for merge and analysis: started when they are wanted, ended whatever happens.

`local` starts processes on this machine, `slurm` submits a job for each worker (`debye.worker_jobs`). In both dask's
scheduler runs in this process, and the workers connect to it. What they compute passes through `debye.workers`.
"""

from __future__ import annotations

import logging
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from debye.errors import ClusterError, explain
from debye.placement import Dask
from debye.workers import Each, in_process, on_cluster

log = logging.getLogger("debye")

LOCAL_PATIENCE = 120.0
"""Seconds without any worker after which processes on this machine are given up; they start in some five."""

CLOSE = 60.0
"""Most seconds that ending the workers may take."""

UNDER_WAY = 3
"""Items under way for each worker: one that it works on, one that it has, one that is fetched."""

LIVE_OR_DIE = {f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")}
"""A worker short of memory is ended and its block given to another: one that pauses would be waited for for ever."""


OWN_KEYS = True
"""dask makes keys for this run alone: who reaches the scheduler's port without them could run code as its owner."""


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
        security=OWN_KEYS,
        silence_logs=logging.CRITICAL,
    )
    return stack.enter_context(_ended(cluster)), _Watch(cluster, LOCAL_PATIENCE)


def _slurm(wanted: Dask, stack: ExitStack) -> tuple[Any, Callable[[], None]]:
    """Cluster of Slurm jobs, none submitted yet, and the watch over it."""
    from debye.worker_jobs import Jobs

    # In the working folder, because the nodes share no other for certain. On some disks it cannot go while jobs end.
    made = tempfile.TemporaryDirectory(prefix=".debye-dask-", dir=".", ignore_cleanup_errors=True)
    jobs = stack.enter_context(_ended(Jobs(Path(stack.enter_context(made)).resolve())))
    cluster = jobs.cluster(wanted, LIVE_OR_DIE, OWN_KEYS)
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
    """Close a cluster, a client or jobs when the block ends."""
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
