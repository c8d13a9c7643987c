"""Progress of long work: a bar on a terminal, plain log lines otherwise."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
log = logging.getLogger("debye")

LOG_SECONDS = 10.0
"""Least time between two progress lines where there is no terminal."""


def track(iterable: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield from `iterable` and show how far it is.

    Parameters
    ----------
    iterable : iterable
        What is worked through.
    total : int
        Its number of items.
    what : str
        A word or two for the bar or the log line.

    Yields
    ------
    object
        The items, unchanged.
    """
    if sys.stderr.isatty():
        yield from tqdm(iterable, total=total, desc=what, leave=False)
        return
    start = spoken = time.monotonic()
    for done, item in enumerate(iterable):
        yield item
        now = time.monotonic()
        if now - spoken >= LOG_SECONDS and done + 1 < total:
            spoken = now
            left = (now - start) / (done + 1) * (total - done - 1)
            log.info("%s: %d of %d, about %.0f s left", what, done + 1, total, left)
    log.info("%s: %d done in %.1f s", what, total, time.monotonic() - start)


def set_up_logging(verbose: bool = True) -> None:
    """Send log lines to standard error, with the time; called once by the command line."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
