"""Work by several processes: results in order, few items under way, errors as they were raised."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from debye import merging, provenance, schema, store
from debye.cluster import UNDER_WAY
from debye.errors import ConfigError, DebyeError, FormatError, SolveError
from debye.workers import Each, Site, Task, in_process, ready


def late(item: int) -> tuple[int, int]:
    """Even items take longer."""
    time.sleep(0.2 if item % 2 == 0 else 0.0)
    return item, os.getpid()


def refuse(error: Exception) -> None:
    raise error


@contextmanager
def held() -> Iterator[Callable[[Path], int]]:
    """Counts how often it was opened before, in the folder that an item names."""
    yield lambda folder: len(list(folder.iterdir()))


def test_results_come_in_the_order_of_the_items_from_several_processes(two_workers: Each) -> None:
    results = list(two_workers(ready(late), range(8)))
    assert [item for item, _ in results] == list(range(8))
    processes = {process for _, process in results}
    assert len(processes) == 2
    assert os.getpid() not in processes


@pytest.mark.parametrize("where", ["in-process", "two workers"])
def test_few_items_are_taken_before_their_results_are(two_workers: Each, where: str) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    each, most = (in_process, 1) if where == "in-process" else (two_workers, 2 * UNDER_WAY)
    results = each(ready(abs), items())
    for number in range(3):
        assert next(results) == number
        assert len(taken) <= number + most


@pytest.mark.parametrize(
    "error",
    [
        FormatError("of the user's"),
        ConfigError("of the user's", [(("grid", "cells"), "odd")]),
        SolveError("of the user's", report={"outcome": "stalled"}),
        merging.UnusableShard.of(Path("shard.nc"), FormatError("of the user's")),
        TimeoutError("of the disk"),
        ZeroDivisionError("ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_arrive_as_they_were_raised(two_workers: Each, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        list(two_workers(ready(refuse), [error]))
    assert type(caught.value) is type(error)
    assert caught.value.args == error.args
    assert vars(caught.value).items() >= vars(error).items()


def test_what_came_before_an_error_is_handed_out(two_workers: Each) -> None:
    results = two_workers(ready(np.reciprocal), [1, "none", 3])
    assert next(results) == 1
    with pytest.raises(TypeError):
        next(results)


def test_paths_may_be_relative_to_the_folder_of_the_caller(two_workers: Each) -> None:
    here = [str(Path.cwd())] * 4
    assert [str(path) for path in two_workers(ready(Path.resolve), [Path()] * 4)] == here


def test_a_worker_with_other_code_or_libraries_refuses_to_work(tmp_path: Path) -> None:
    here = Site.here()
    for other in (Site(here.folder, "0" * 16, here.source), Site(here.folder, here.code, "debye 0.0")):
        with pytest.raises(ConfigError, match=r"dask worker: found .* expected (0000|debye 0\.0)"):
            Task(held, tmp_path, other).run()
    assert Task(held, tmp_path, here).run() == 0


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Shards with different numbers of charges, one of them of several blocks."""
    paths = []
    for geometry, seed, charges, samples in (("star", 0, 4, 5), ("disc", 1, 2, 2500), ("disc", 0, 3, 5)):
        paths.append(tmp_path / f"{geometry}{seed}.nc")
        mock = schema.mock(samples=samples, charges=charges, geometry=geometry, seed=seed)
        store.write(mock, paths[-1])
    return paths


@pytest.mark.usefixtures("fixed_time")
def test_a_merge_by_workers_writes_the_same_bytes(
    shards: list[Path], tmp_path: Path, two_workers: Each, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = merging.merge(shards, tmp_path / "alone.nc", "title", "digest")

    def refuse_here(*_: Any) -> None:
        raise AssertionError("read in the process that writes")

    monkeypatch.setattr(schema, "refuse_not_finite", refuse_here)
    monkeypatch.setattr(merging, "open_raw", refuse_here)
    together = merging.merge(shards, tmp_path / "together.nc", "title", "digest", two_workers)
    assert together == alone
    assert (tmp_path / "together.nc").read_bytes() == (tmp_path / "alone.nc").read_bytes()


@pytest.mark.parametrize("damage", ["truncated", "not a number"])
def test_a_damaged_shard_is_moved_aside_whoever_reads_it(
    shards: list[Path], tmp_path: Path, two_workers: Each, damage: str
) -> None:
    if damage == "truncated":
        shards[1].write_bytes(shards[1].read_bytes()[:5000])
    else:
        with netCDF4.Dataset(shards[1], "a") as shard:
            # In two blocks, which two workers read at the same time.
            shard["level_set"][100, 5, 5] = shard["regular_potential"][100, 5, 5] = np.nan
    with pytest.raises(FormatError, match=r"disc1\.nc: found|disc1\.nc: variable .* NaN.*moved aside"):
        merging.merge(shards, tmp_path / "merged.nc", "title", "digest", two_workers)
    assert (tmp_path / "disc1.nc.corrupt").exists()
    assert not shards[1].exists()
    assert shards[0].exists()
    assert not (tmp_path / "merged.nc").exists()


def test_a_missing_shard_is_named(shards: list[Path], tmp_path: Path, two_workers: Each) -> None:
    with pytest.raises(DebyeError, match=r"none\.nc: found no such file"):
        merging.merge([*shards, tmp_path / "none.nc"], tmp_path / "m.nc", "title", "digest", two_workers)


def test_versions_and_code_of_the_site_are_those_of_every_file() -> None:
    assert Site.here().source == provenance.source()
    assert Site.here().code == provenance.code_digest("analysis")
