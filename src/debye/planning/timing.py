"""A small shard of each family and grid and a small merge, timed here, each in a process of its own as jobs are."""

from __future__ import annotations

import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar, cast

from debye import schema
from debye.config import Config
from debye.errors import DebyeError, explain
from debye.frozen import ShardSlice, slices
from debye.merging import merge
from debye.parameters import Grid
from debye.physics.sampling import make_shard
from debye.planning.plan import MergeTiming, Plan, ShardTiming, plan, to_time
from debye.progress import track
from debye.store import open_dataset, write
from debye.streaming import sample_bytes
from debye.threads import one_thread_from_now_on

MERGED_BYTES = 1 << 26
"""Bytes of the merge that is timed: dozens of its blocks, and a fraction of a second."""

Result = TypeVar("Result")


def timed_plan(config: Config, shapes: int, folder: Path) -> Plan:
    """Plan the samples of a configuration from what this machine needs for a few.

    Parameters
    ----------
    config : Config
    shapes : int
        Shapes of each family and grid that are timed, each with all its charge sets; at most those of a shard.
    folder : Path
        Where temporary files are made: on the disk that the results will be on.

    Returns
    -------
    Plan

    Raises
    ------
    DebyeError
        If a family cannot be sampled, or a timed process is killed.
    """
    with tempfile.TemporaryDirectory(prefix=".debye-plan-", dir=folder) as name:
        timed = dict(track(_timings(config, shapes, Path(name)), len(to_time(config)), "timing"))
        return plan(config, timed, _time_merge(config.grid, Path(name)))


def _timings(config: Config, shapes: int, folder: Path) -> Iterator[tuple[str, ShardTiming]]:
    frozen = slices(config)
    for number, (name, (split, geometry, seed)) in enumerate(to_time(config).items()):
        part = cast("ShardSlice", frozen[f"shards/{split}/{geometry}"])
        out = folder / f"{number}.nc"
        # The first process ever compiles the loops, other ones for each family, and keeps them on disk for the jobs.
        _apart("first sample", make_shard, part.model_copy(update={"samples": 1}), seed, out)
        few = part.model_copy(update={"samples": min(shapes * part.charges_per_shape, part.samples)})
        yield name, _time_shard(few, seed, out)


def _time_shard(part: ShardSlice, seed: int, out: Path) -> ShardTiming:
    start, seconds, elapsed, peak = _apart(f"shard of family {part.geometry}", _make_shard, part, seed, out)
    with open_dataset(out) as shard:
        parameters = shard.sizes["parameter"]
    return ShardTiming(
        samples=part.samples,
        seconds=seconds,
        start_seconds=start,
        elapsed_seconds=elapsed,
        file_bytes=out.stat().st_size,
        parameters=parameters,
        peak_bytes=peak,
    )


def _make_shard(part: ShardSlice, seed: int, out: Path) -> tuple[float, float, float, int]:
    """Make a shard after a first sample, with which all code is loaded.

    Returns
    -------
    start, seconds, elapsed : float
        Of the processor before the shard and for it, and by the clock for it.
    peak : int
        Memory, bytes.
    """
    one_thread_from_now_on()
    make_shard(part.model_copy(update={"samples": 1}), seed, out)
    start, begun = time.process_time(), time.perf_counter()
    make_shard(part, seed, out)
    return start, time.process_time() - start, time.perf_counter() - begun, peak_memory()


def _time_merge(grid: Grid, folder: Path) -> MergeTiming:
    """Merge two shards of made-up samples."""
    samples = max(1, MERGED_BYTES // (2 * sample_bytes(grid, {})))
    paths = [folder / f"mock{seed}.nc" for seed in (0, 1)]
    _apart("made-up shards", _write_mocks, paths, grid, samples)
    start, seconds, peak = _apart("merge", _merge, paths, folder / "merged.nc")
    size = sum(path.stat().st_size for path in paths)
    return MergeTiming(input_bytes=size, seconds=seconds, start_seconds=start, peak_bytes=peak)


def _write_mocks(paths: list[Path], grid: Grid, samples: int) -> None:
    for seed, path in enumerate(paths):
        write(schema.mock(samples, grid, seed=seed), path)


def _merge(paths: list[Path], out: Path) -> tuple[float, float, int]:
    """Merge shards after a first one, with which all code is loaded; seconds of start and merge, and peak memory."""
    merge(paths[:1], out, "first", "none")
    start, begun = time.process_time(), time.perf_counter()
    merge(paths, out, "timed merge", "none")
    return start, time.perf_counter() - begun, peak_memory()


def _apart(what: str, function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in a fresh process: with a start and a peak of memory that are its own.

    The process ends with this one's wish to end, so that a plan that is stopped leaves none behind.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments), daemon=True)
    try:
        process.start()
        sender.close()
        result, error = receiver.recv()
    except EOFError:
        raise DebyeError(
            explain(
                f"timed {what}",
                "its process was killed",
                "it to end",
                "free memory, or use a machine with more of it",
            )
        ) from None
    finally:
        receiver.close()
        if process.pid is not None:
            process.kill()
            process.join()
    if error is not None:
        raise error
    return cast("Result", result)


def _answer(sender: Connection, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    """Send a function's result or its error."""
    # Ctrl-C reaches all processes of a terminal; the one that waits for this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sender.send((function(*arguments), None))
    except Exception as error:
        sender.send((None, error))


def peak_memory() -> int:
    """Peak memory of this process, bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would carry over the memory of the process that started this one.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) * 1024
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
