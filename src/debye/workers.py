"""Work on many items by this process or by several: results come in the order of the items, a few at a time.

Merge and analysis are loops over blocks of samples. A function that reads or computes is handed to an `Each` with the
items; what comes back is put together by the caller alone, in order. So where a block is worked on changes no byte of
a result, and memory is bounded by the blocks under way. `debye.cluster` starts and ends the workers.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol, TypeVar

import dask

from debye import provenance
from debye.errors import ClusterError, ConfigError, explain
from debye.threads import one_thread_from_now_on

A = TypeVar("A")
B = TypeVar("B")

Opened = Callable[[], AbstractContextManager[Callable[[A], B]]]
"""Gives the function inside a `with` block, which may hold a file open; a worker must be able to import it."""

POLL = 1.0
"""Seconds after which it is looked again whether there are workers at all."""

FETCH = 60.0
"""Seconds after which fetching a finished result is begun anew."""


class Each(Protocol):
    """Results of a function over items, in the order of the items; the first item that fails raises its error."""

    def __call__(self, opened: Opened[A, B], items: Iterable[A]) -> Iterator[B]:
        """Work on the items as results are asked for; items that are taken early are few."""


def ready(function: Callable[[A], B]) -> Opened[A, B]:
    """`Opened` of a function that holds nothing open.

    Examples
    --------
    >>> list(in_process(ready(abs), [-1, 2]))
    [1, 2]
    """
    return partial(_with_nothing_open, function)


def _with_nothing_open(function: Callable[[A], B]) -> AbstractContextManager[Callable[[A], B]]:
    return nullcontext(function)


def in_process(opened: Opened[A, B], items: Iterable[A]) -> Iterator[B]:
    """`Each` of this process alone: a plain loop, one item at a time."""
    with opened() as function:
        yield from map(function, items)


@dataclass(frozen=True)
class Site:
    """What a worker must share with the process that it works for."""

    folder: str
    """Working folder: paths in items may be relative to it."""
    code: str
    """Digest of the code of merge and analysis."""
    source: str
    """Program and libraries with their versions."""

    @classmethod
    def here(cls) -> Site:
        """That of this process."""
        return cls(os.getcwd(), provenance.code_digest("analysis"), provenance.source())


@dataclass(frozen=True)
class Task:
    """One item on its way to a worker; one object, so that dask does not look for tasks of its own inside."""

    opened: Opened[Any, Any]
    item: Any
    site: Site

    def run(self) -> Any:
        """Result of the item; called by the worker."""
        _settle(self.site)
        # A worker's own choice would be to hand lazy arrays back to the scheduler that waits for this task.
        with self.opened() as function, dask.config.set(scheduler="synchronous"):
            return function(self.item)


@cache
def _settle(site: Site) -> None:
    """Make this worker process the like of the one it works for, or refuse to work."""
    os.chdir(site.folder)
    one_thread_from_now_on()
    here = Site.here()
    for found, expected in ((here.code, site.code), (here.source, site.source)):
        if found != expected:
            remedy = "let workers start the same Python with the same environment"
            raise ConfigError(explain("dask worker", found, expected, remedy))


def on_cluster(client: Any, window: int, watch: Callable[[], None]) -> Each:
    """`Each` of the workers of a dask cluster.

    Parameters
    ----------
    client : distributed.Client
    window : int
        Most items that are under way or wait to be fetched.
    watch : callable
        Called about every `POLL` seconds while a result is waited for; raises where none can come.
    """
    site = Site.here()

    def each(opened: Opened[A, B], items: Iterable[A]) -> Iterator[B]:
        waiting: deque[Any] = deque()
        for item in items:
            # Of a lazy data set only the tasks of this block travel, not those of the whole.
            light = dask.optimize(item)[0] if dask.is_dask_collection(item) else item
            waiting.append(client.submit(Task.run, Task(opened, light, site), pure=False))
            if len(waiting) == window:
                yield _result(waiting.popleft(), watch)
        while waiting:
            yield _result(waiting.popleft(), watch)

    return each


def _result(future: Any, watch: Callable[[], None]) -> Any:
    """Result of a task, or the error that it ended with; never waits longer than `watch` allows.

    Raises
    ------
    ClusterError
        If worker after worker died on the task, or the cluster was shut down.
    """
    from distributed import CancelledError, KilledWorker

    while True:
        try:
            # Waits for the end of the task, and gives its error back as a value: it may be a TimeoutError as well.
            error = future.exception(timeout=POLL)
            if error is not None:
                break
            return future.result(timeout=FETCH)
        except TimeoutError:
            watch()
        except CancelledError:
            raise ClusterError(
                explain("dask cluster", "it was shut down", "workers until the end", "run again")
            ) from None
    if isinstance(error, KilledWorker):
        found = "one block of samples ended every worker that it was given to"
        remedy = "give workers more memory (dask.memory) or time (dask.runtime), or run in-process"
        raise ClusterError(explain("dask workers", found, "workers that live", remedy)) from None
    raise error
