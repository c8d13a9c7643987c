"""How much memory is free, and whether a training split is held in it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

log = logging.getLogger("debye")

SHARE = 4
"""A training split is held in memory by itself where it takes at most one part in so many of what is free."""

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Memory that this process may still take without swapping, bytes: the machine's, or what its cgroup leaves.

    A job of Slurm or a container has less than its node.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError, IndexError):
        # What is free and the caches that would be given up.
        lines = (PROC / "meminfo").read_text(encoding="ascii").splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    return min([free, *_left_by_cgroups()])


def _left_by_cgroups() -> Iterator[int]:
    """What the limits of this process's cgroup (version 2) and of those around it leave, bytes."""
    try:
        (own,) = (
            line.split("::")[1]
            for line in (PROC / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
            if line.startswith("0::")
        )
    except (OSError, ValueError):
        return
    folder = CGROUPS / own.lstrip("/")
    for place in (folder, *folder.parents):
        if not place.is_relative_to(CGROUPS):
            return
        # "max" is no limit, and the root has none.
        with contextlib.suppress(OSError, ValueError):
            limit = int((place / "memory.max").read_text(encoding="ascii"))
            yield max(0, limit - int((place / "memory.current").read_text(encoding="ascii")))


def fits(asked: Literal["auto", "memory", "stream"], size: int, processes: int) -> bool:
    """Whether to hold a training split in memory.

    Parameters
    ----------
    asked : str
        As in `debye.networks.Training.data`.
    size : int
        What it takes, bytes.
    processes : int
        Processes of the training on this machine, each with a copy of its own.
    """
    if asked != "auto":
        return asked == "memory"
    free = free_memory()
    held = processes * size * SHARE <= free
    where = "held in memory" if held else "read when it is asked for"
    log.debug("training split of %.0f MB, %.0f MB free: %s", size / 1e6, free / 1e6, where)
    return held
