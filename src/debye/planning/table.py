"""A plan as a table for a person, and as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from debye.planning.plan import LONGEST, SHORTEST, Plan

MUCH_WAITING = 0.2
"""Share of waiting in a timing from which on the reader is told."""

CORES = (1, 16, 64)
"""Numbers of cores for which the time of all samples is told."""


def as_json(plan: Plan) -> str:
    """All numbers of a plan: seconds, bytes, counts."""
    content = {
        "grid": plan.grid.model_dump(),
        "charges_per_shape": plan.charges_per_shape,
        "samples": plan.samples,
        "samples_on_other_grids": plan.samples_on_other_grids,
        "shards": plan.shards,
        "core_hours": plan.core_hours,
        "elapsed_seconds": {str(cores): plan.elapsed(cores) for cores in CORES},
        "shard_bytes": plan.shard_bytes,
        "dataset_bytes": plan.dataset_bytes,
        "jobs": plan.jobs | {"all": sum(plan.jobs.values())},
        "parts": [asdict(part) for part in plan.parts],
        "merges": [asdict(merge) for merge in plan.merges],
        "timed": {name: asdict(one) for name, one in plan.timed.items()},
        "timed_merge": asdict(plan.timed_merge),
    }
    return json.dumps(content, indent=1)


def as_text(plan: Plan) -> str:
    """Tables of what was timed, of the shards, of the merges, and the sums."""
    elsewhere = plan.samples_on_other_grids
    nodes = f"{plan.grid.cells + 1}{'²' if plan.grid.dim == 2 else '³'} nodes"
    where = f"on {nodes}"
    if elsewhere:
        where += f" and {elsewhere:,} of the ablation on other grids"
    sets = f"{plan.charges_per_shape} charge sets a shape"
    title = f"{plan.samples - elsewhere:,} samples {where}, {sets}, one core a shard"
    sections = [title, _timed(plan), _shards(plan), _merges(plan), _sums(plan)]
    return "\n\n".join(sections)


def _timed(plan: Plan) -> str:
    rows = [["timed here", "samples", "ms a sample", "start", "peak memory"]]
    for name, one in plan.timed.items():
        rows.append(
            [
                name,
                f"{one.samples}",
                f"{1e3 * one.seconds_a_sample:.3g}",
                duration(one.start_seconds),
                size(one.peak_bytes),
            ]
        )
    table = columns(rows)
    waited = max(one.waited for one in plan.timed.values())
    if waited > MUCH_WAITING:
        elsewhere = f"The processor was elsewhere for up to {waited:.0%} of the timing"
        table += f"\n{elsewhere} (other programs, or a slow disk).\nTimes are those of its own work."
    return table


def _shards(plan: Plan) -> str:
    wanted = f"for {SHORTEST / 60:g} to {LONGEST / 60:g} min"
    several = plan.samples_on_other_grids > 0
    rows = [
        [
            "split",
            "family",
            *["cells"] * several,
            "shards",
            "samples each",
            "time each",
            "size each",
            wanted,
            "",
        ]
    ]
    for part in plan.parts:
        low, high = part.suggested
        rows.append(
            [
                part.split,
                part.geometry,
                *[f"{part.cells}"] * several,
                f"{part.shards:,}",
                f"{part.samples:,}",
                duration(part.seconds),
                size(part.file_bytes),
                f"{low:,}" if low == high else f"{low:,} to {high:,}",
                "" if part.verdict == "fits" else f"< {part.verdict}",
            ]
        )
    return columns(rows)


def _merges(plan: Plan) -> str:
    rows = [["merge", "data set", "time", "peak memory"]]
    for merge in plan.merges:
        rows.append([merge.split, size(merge.file_bytes), duration(merge.seconds), size(merge.memory_bytes)])
    return columns(rows)


def _sums(plan: Plan) -> str:
    jobs = ", ".join(f"{count:,} {rule}" for rule, count in plan.jobs.items())
    rate = plan.timed_merge.input_bytes / plan.timed_merge.seconds
    times = ", ".join(
        f"{duration(plan.elapsed(cores))} on {cores} core{'s' if cores > 1 else ''}" for cores in CORES
    )
    rows = [
        ["all samples", f"{plan.samples:,}"],
        ["core-hours", f"{plan.core_hours:,.3g} of the shards"],
        ["wall time", f"{times} for the shards; at least that of the longest"],
        ["disk", f"{size(plan.shard_bytes)} of shards and {size(plan.dataset_bytes)} of data sets"],
        ["memory", f"{size(max(part.memory_bytes for part in plan.parts))} a shard's job"],
        ["merge", f"{size(rate)} a second"],
        ["jobs", f"{sum(plan.jobs.values()):,}: {jobs}"],
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns, words to the left and numbers to the right.

    Examples
    --------
    >>> print(columns([["shard", "size"], ["a", "12"], ["longer", "7"]]))
    shard   size
    a         12
    longer     7
    """
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    numbers = [all(row[place][:1].isdigit() for row in rows[1:]) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if number else f"{cell:{width}}"
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in rows
    )


def duration(seconds: float) -> str:
    """Time to three digits in the unit that suits it.

    Examples
    --------
    >>> duration(0.25), duration(90.0), duration(5400.0), duration(200 * 3600.0)
    ('0.25 s', '1.5 min', '1.5 h', '200 h')
    """
    for limit, unit, length in ((60.0, "s", 1.0), (3600.0, "min", 60.0)):
        if seconds < limit:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 3600.0:,.3g} h"


def size(count: float) -> str:
    """Bytes to three digits in the unit that suits them.

    Examples
    --------
    >>> size(66_564), size(133.4e9)
    ('66.6 kB', '133 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000.0:
            return f"{count:.3g} {unit}"
        count /= 1000.0
    return f"{count:,.3g} TB"
