"""The arithmetic of a plan: from a timed shard of each family to the cost of all samples of a configuration.

A shard takes a start (interpreter, libraries) and a time a sample, a file an overhead and the bytes a sample that the
format prescribes, a merge the time of its bytes. Nothing is known here of how fast a machine is: every speed comes from
`debye.planning.timing`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from debye.config import Config
from debye.families import Family
from debye.frozen import slices
from debye.parameters import Grid
from debye.splits import Split
from debye.streaming import sample_bytes

SHORTEST, LONGEST = 20 * 60.0, 60 * 60.0
"""Seconds that a job of a cluster should last: a shorter one mostly waits in the queue, a longer one loses much when it
fails."""

INDEX_BYTES, INDEX_BYTES_A_SAMPLE = 30 * 10**6, 1500
"""Most memory that HDF5 takes for a file's index of chunks while it is written and read back, and for each sample as
long as it is less; measured with `streaming.streamed`."""

Verdict = Literal["fits", "too short", "too long"]


@dataclass(frozen=True)
class ShardTiming:
    """A small shard of one family on one grid, made in a process of its own."""

    samples: int
    seconds: float
    """Of the processor, for the samples: what a job takes that has a core of its own."""
    start_seconds: float
    """Of the processor, for everything before the first of them, once a job."""
    elapsed_seconds: float
    """By the clock, for the samples: more than `seconds` where other programs want the core, or the disk is slow."""
    file_bytes: int
    parameters: int
    """Parameters of a shape of the family."""
    peak_bytes: int
    """Memory of the process at its peak."""

    @property
    def seconds_a_sample(self) -> float:
        """Seconds of one sample."""
        return self.seconds / self.samples

    @property
    def waited(self) -> float:
        """Share of the clock's time in which the processor did not work on the samples."""
        return max(0.0, 1.0 - self.seconds / self.elapsed_seconds)


@dataclass(frozen=True)
class MergeTiming:
    """A small merge of made-up shards on the same grid, in a process of its own."""

    input_bytes: int
    seconds: float
    start_seconds: float
    """Of the processor, for everything before the merge."""
    peak_bytes: int


@dataclass(frozen=True)
class Part:
    """The shards of one split and family."""

    split: str
    geometry: str
    shards: int
    cells: int
    """Along each axis of its grid: an ablation may have splits on others."""
    samples: int
    """In a shard."""
    seconds: float
    """For a shard."""
    file_bytes: int
    """Of a shard."""
    memory_bytes: int
    """Of a shard's job."""
    suggested: tuple[int, int]
    """Least and most samples of a shard whose job lasts from `SHORTEST` to `LONGEST`; at most all of the part's."""
    verdict: Verdict


@dataclass(frozen=True)
class Merge:
    """The merge of one split."""

    split: str
    file_bytes: int
    """Of the data set."""
    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a configuration costs."""

    grid: Grid
    charges_per_shape: int
    timed: dict[str, ShardTiming]
    """By `timing_name`."""
    timed_merge: MergeTiming
    parts: tuple[Part, ...]
    merges: tuple[Merge, ...]
    jobs: dict[str, int]
    """Rule of the workflow → number of its jobs."""

    @property
    def samples(self) -> int:
        """Samples of all splits."""
        return sum(part.shards * part.samples for part in self.parts)

    @property
    def samples_on_other_grids(self) -> int:
        """Those of an ablation."""
        return sum(part.shards * part.samples for part in self.parts if part.cells != self.grid.cells)

    @property
    def shards(self) -> int:
        """Shards of all splits."""
        return sum(part.shards for part in self.parts)

    @property
    def core_hours(self) -> float:
        """Of all shards."""
        return sum(part.shards * part.seconds for part in self.parts) / 3600.0

    def elapsed(self, cores: int) -> float:
        """Seconds by the clock for all shards on a number of cores, the longest first, if each core is as fast as here.

        It does not fall below the time of the longest shard.
        """
        ends = [0.0] * cores
        for part in sorted(self.parts, key=lambda part: -part.seconds):
            for _ in range(part.shards):
                heapq.heapreplace(ends, ends[0] + part.seconds)
        return max(ends)

    @property
    def shard_bytes(self) -> int:
        """Disk for all shards."""
        return sum(part.shards * part.file_bytes for part in self.parts)

    @property
    def dataset_bytes(self) -> int:
        """Disk for the merged data sets, which stand beside the shards."""
        return sum(merge.file_bytes for merge in self.merges)


def timing_name(config: Config, split: str, geometry: str) -> str:
    """What the timing of a shard is called: as its family; on another grid with its cells."""
    cells = config.grid_of(split).cells
    return geometry if cells == config.grid.cells else f"{geometry}, {cells} cells"


def to_time(config: Config) -> dict[str, tuple[str, str, int]]:
    """Each name of a timing → the first split with such shards, their family, and the first of their seeds."""
    found: dict[str, tuple[str, str, int]] = {}
    for name, split in config.sampled.items():
        for geometry, seed in split.shards():
            found.setdefault(timing_name(config, name, geometry), (name, geometry, seed))
    return found


def plan(config: Config, timed: Mapping[str, ShardTiming], timed_merge: MergeTiming) -> Plan:
    """Cost of the samples of a configuration.

    Parameters
    ----------
    config : Config
    timed : mapping
        `timing_name` → timing of such a shard.
    timed_merge : MergeTiming

    Returns
    -------
    Plan
    """
    return Plan(
        grid=config.grid,
        charges_per_shape=config.charges_per_shape,
        timed=dict(timed),
        timed_merge=timed_merge,
        parts=tuple(
            _part(config, name, split, geometry, timed[timing_name(config, name, geometry)])
            for name, split in config.sampled.items()
            for geometry in split.geometries
        ),
        merges=tuple(
            _merge(config, name, split, timed, timed_merge) for name, split in config.sampled.items()
        ),
        jobs=jobs(config),
    )


def jobs(config: Config) -> dict[str, int]:
    """Number of jobs of each rule of the workflow, with nothing made yet."""
    models, families = len(config.models), len(config.studied)
    found = {
        "freeze": len(slices(config)),
        "sample": sum(len(split.shards()) for split in config.sampled.values()),
        "merge": len(config.sampled),
        "floor": 1,
        "train": models,
        "predict": models * (1 + len(config.further_splits)),
        "analyse": models,
        "certify": models,
        "cost": models,
        "leaderboard": 1,
        "penalty_family": families,
        "penalty_study": 1,
        "report": 1,
    }
    if config.ablation is not None:
        networks = len(config.ablation.names) * len(config.ablation.seeds)
        found |= {"ablation_train": networks, "ablation_predict": networks, "ablation": 1}
    return found


def _part(config: Config, name: str, split: Split, geometry: str, timing: ShardTiming) -> Part:
    family = config.families[geometry]
    grid = config.grid_of(name)
    samples, shards = split.samples_per_shard, len(split.seeds_of(geometry))
    a_sample = sample_bytes(grid, _sizes(family, timing))
    beside_fields = a_sample - sample_bytes(grid, {})
    more = max(0, samples - timing.samples)
    low, high = suggestion(timing, config.charges_per_shape, shards * samples)
    return Part(
        split=name,
        geometry=geometry,
        shards=shards,
        cells=grid.cells,
        samples=samples,
        seconds=timing.start_seconds + _work(timing, config.charges_per_shape, samples),
        file_bytes=_overhead(grid, family, timing) + samples * a_sample,
        # What is kept of each sample until the shard is written, see `streaming.streamed`.
        memory_bytes=timing.peak_bytes + more * beside_fields + min(INDEX_BYTES, more * INDEX_BYTES_A_SAMPLE),
        suggested=(low, high),
        verdict="too short" if samples < low else "too long" if samples > high else "fits",
    )


def _work(timing: ShardTiming, charges_per_shape: int, samples: int) -> float:
    """Seconds for the samples of a shard: by their number or that of their shapes, whichever is more.

    The last shape is set up for as many samples as are left.
    """
    shapes, timed = (math.ceil(count / charges_per_shape) for count in (samples, timing.samples))
    return timing.seconds * max(samples / timing.samples, shapes / timed)


def suggestion(timing: ShardTiming, charges_per_shape: int, most: int) -> tuple[int, int]:
    """Least and most samples of a shard whose job lasts from `SHORTEST` to `LONGEST`, in whole shapes.

    Where all samples there are take less, one shard of all of them is as long as it gets.

    Parameters
    ----------
    timing : ShardTiming
    charges_per_shape : int
    most : int
        Samples of all shards of the split and family.

    Examples
    --------
    >>> timing = ShardTiming(
    ...     samples=10, seconds=1.0, start_seconds=0.0, elapsed_seconds=1.0,
    ...     file_bytes=0, parameters=0, peak_bytes=0,
    ... )
    >>> suggestion(timing, charges_per_shape=16, most=100_000)
    (12000, 36000)
    >>> suggestion(timing, charges_per_shape=16, most=100)
    (100, 100)
    """
    shapes = [
        (seconds - timing.start_seconds) / (timing.seconds_a_sample * charges_per_shape)
        for seconds in (SHORTEST, LONGEST)
    ]
    low = max(1, math.ceil(shapes[0])) * charges_per_shape
    high = max(1, math.floor(shapes[1])) * charges_per_shape
    return min(low, most), min(max(low, high), most)


def _sizes(family: Family, timing: ShardTiming) -> dict[str, int]:
    return {"charge": family.charges.count[1], "parameter": timing.parameters}


def _overhead(grid: Grid, family: Family, timing: ShardTiming) -> int:
    """Bytes of a shard beside those of its samples."""
    return max(0, timing.file_bytes - timing.samples * sample_bytes(grid, _sizes(family, timing)))


def _merge(
    config: Config, name: str, split: Split, timed: Mapping[str, ShardTiming], timing: MergeTiming
) -> Merge:
    grid = config.grid_of(name)
    members = [
        (config.families[geometry], timed[timing_name(config, name, geometry)])
        for geometry in split.geometries
    ]
    # Rows are padded to the longest of the split.
    rows = [_sizes(family, one) for family, one in members]
    longest = {length: max(row[length] for row in rows) for length in ("charge", "parameter")}
    overhead = max(_overhead(grid, family, one) for family, one in members)
    samples = len(split.shards()) * split.samples_per_shard
    size = overhead + samples * sample_bytes(grid, longest)
    return Merge(
        split=name,
        file_bytes=size,
        seconds=timing.start_seconds + size * timing.seconds / timing.input_bytes,
        memory_bytes=timing.peak_bytes,
    )
