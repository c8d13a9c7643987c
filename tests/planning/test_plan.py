"""The arithmetic of a plan, by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from debye.config import Config
from debye.planning import table
from debye.planning.plan import MergeTiming, Plan, ShardTiming, plan, suggestion, to_time
from debye.streaming import sample_bytes

SMOKE = Path(__file__).resolve().parents[2] / "workflow" / "scenarios" / "smoke.yaml"

# A sample on 33² nodes with 3 charges and 3 parameters: two float32 fields; 3 times 2 coordinates and a value;
# eps_solute, eps_solvent, debye_length, temperature, two energies, residual, layer_cells, seconds (9 of 8 bytes);
# seed and index (2 of 8); count, Newton, CG, three refusals (6 of 4); ions, geometry, warnings (3 references of 16).
FIELDS = 2 * 4 * 33**2
BESIDE = 3 * 3 * 8 + 9 * 8 + 2 * 8 + 6 * 4 + 3 * 16

DISC = ShardTiming(
    samples=10, seconds=5.0, start_seconds=2.0, elapsed_seconds=5.5, file_bytes=10 * (FIELDS + BESIDE + 3 * 8) + 1000,
    parameters=3, peak_bytes=2 * 10**8,
)  # fmt: skip
STAR = ShardTiming(
    samples=20, seconds=20.0, start_seconds=3.0, elapsed_seconds=20.0, file_bytes=20 * (FIELDS + BESIDE + 7 * 8) + 1500,
    parameters=7, peak_bytes=3 * 10**8,
)  # fmt: skip
MERGE = MergeTiming(input_bytes=10**6, seconds=0.5, start_seconds=1.5, peak_bytes=10**8)


def planned(**changes: Any) -> Plan:
    content = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    # Sums by hand are of the three splits.
    content["splits"].pop("other_salt")
    content["splits"]["train"] = {
        "geometries": ["disc", "star"], "seeds": {"disc": [0], "star": [0, 1, 2]}, "samples_per_shard": 3000,
    }  # fmt: skip
    return plan(Config(**(content | changes)), {"disc": DISC, "star": STAR}, MERGE)


def test_bytes_of_a_sample():
    config = Config(**yaml.safe_load(SMOKE.read_text(encoding="utf-8")))
    assert sample_bytes(config.grid, {}) == FIELDS
    assert sample_bytes(config.grid, {"charge": 3, "parameter": 7}) == FIELDS + BESIDE + 7 * 8


def test_shards_by_hand():
    parts = {(part.split, part.geometry): part for part in planned().parts}
    assert len(parts) == 6
    disc, star = parts["train", "disc"], parts["train", "star"]
    assert (disc.shards, star.shards) == (1, 3)
    assert disc.seconds == pytest.approx(2.0 + 3000 * 0.5)
    assert star.seconds == pytest.approx(3.0 + 3000 * 1.0)
    assert disc.file_bytes == 1000 + 3000 * (FIELDS + BESIDE + 3 * 8)
    assert star.memory_bytes == 3 * 10**8 + (3000 - 20) * (BESIDE + 7 * 8 + 1500)
    # Shapes have two charge sets each: 1197 and 3597 seconds of a second a sample, in pairs.
    assert star.suggested == (1198, 3596)
    assert star.verdict == "fits"
    # 4 test samples of half a second are a short job, but there are no more of them.
    assert parts["test", "disc"].suggested == (4, 4)
    assert parts["test", "disc"].verdict == "fits"


def test_sums_by_hand():
    made = planned()
    # train 3000 and 9000; validation and test 4 of each family.
    assert made.samples == 12000 + 16
    assert made.shards == 1 + 3 + 4
    seconds = (2 + 1500) + 3 * (3 + 3000) + 2 * (2 + 2) + 2 * (3 + 4)
    assert made.core_hours == pytest.approx(seconds / 3600)
    assert made.shard_bytes == sum(part.shards * part.file_bytes for part in made.parts)


def test_merge_by_hand():
    train = planned().merges[0]
    # All rows are as long as the longest, those of the stars.
    assert train.file_bytes == 1500 + 12000 * (FIELDS + BESIDE + 7 * 8)
    assert train.seconds == pytest.approx(1.5 + train.file_bytes * 0.5 / 10**6)
    assert train.memory_bytes == 10**8


@pytest.mark.parametrize(
    ("samples", "verdict"), [(1196, "too short"), (1198, "fits"), (3596, "fits"), (3598, "too long")]
)
def test_what_lies_outside_is_marked(samples, verdict):
    splits = {
        name: {"geometries": ["star"], "seeds": [0, 1, 2, 3], "samples_per_shard": samples}
        for name in ("train", "validation", "test")
    }
    made = planned(splits=splits)
    assert {part.verdict for part in made.parts} == {verdict}
    assert (f"< {verdict}" in table.as_text(made)) == (verdict != "fits")


def test_slow_samples_get_a_shard_of_one_shape():
    """Even one shape takes longer than a job should."""
    slow = ShardTiming(
        samples=1,
        seconds=4000.0,
        start_seconds=0.0,
        elapsed_seconds=4000.0,
        file_bytes=0,
        parameters=0,
        peak_bytes=0,
    )
    assert suggestion(slow, charges_per_shape=3, most=1000) == (3, 3)


def test_a_further_split_is_sampled_merged_and_predicted():
    config = Config(**yaml.safe_load(SMOKE.read_text(encoding="utf-8")))
    with_it, without = plan(config, {"disc": DISC, "star": STAR}, MERGE), planned()
    assert with_it.merges[-1].split == "other_salt"
    more = {rule: count - without.jobs[rule] for rule, count in with_it.jobs.items()}
    assert more["merge"] == 1
    assert more["predict"] == 2
    assert more["train"] == more["analyse"] == more["floor"] == 0


def test_families_come_from_all_splits():
    content = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    content["splits"]["train"] = {"geometries": ["star"], "seeds": [4, 5], "samples_per_shard": 2}
    assert to_time(Config(**content)) == {"star": ("train", "star", 4), "disc": ("validation", "disc", 0)}


def test_samples_of_an_ablation_on_another_grid_count():
    without = planned()
    content = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    content["splits"].pop("other_salt")
    content["ablation"] = {
        "base": next(iter(content["models"].values())), "seeds": [0, 1], "variants": {"finer": {"cells": 48}},
    }  # fmt: skip
    config = Config(**content)
    finer = {split for split in config.sampled if split not in config.splits}
    assert len(finer) == 3
    timed = {name: DISC if family == "disc" else STAR for name, (_, family, _) in to_time(config).items()}
    assert set(timed) == {"disc", "star", "disc, 48 cells", "star, 48 cells"}
    # Half as fast, on 49² nodes.
    few = 10 * (2 * 4 * 49**2 + BESIDE + 3 * 8) + 1000
    timed["disc, 48 cells"] = replace(DISC, seconds=10.0, file_bytes=few)
    made = plan(config, timed, MERGE)
    parts = {(part.split, part.geometry): part for part in made.parts}
    for split in finer:
        part, on_the_grid = parts[split, "disc"], parts[split.removesuffix("_48"), "disc"]
        assert (part.cells, part.samples, part.shards) == (48, on_the_grid.samples, on_the_grid.shards)
        assert part.seconds - 2.0 == pytest.approx(2 * (on_the_grid.seconds - 2.0))
        assert part.file_bytes == 1000 + part.samples * (2 * 4 * 49**2 + BESIDE + 3 * 8)
    assert made.samples == 2 * made.samples_on_other_grids
    assert made.jobs["sample"] == made.shards
    same = made.samples_on_other_grids
    assert table.as_text(made).startswith(
        f"{same} samples on 33² nodes and {same} of the ablation on other grids, "
    )
    merges = {one.split: one for one in made.merges}
    samples = sum(
        parts["train_48", family].shards * parts["train_48", family].samples for family in ("disc", "star")
    )
    assert merges["train_48"].file_bytes == 1000 + samples * (2 * 4 * 49**2 + BESIDE + 7 * 8)
    assert without.samples_on_other_grids == 0
    assert "other grids" not in table.as_text(without)


def test_a_busy_machine_is_told():
    """Times stay those of the processor."""
    assert "elsewhere" not in table.as_text(planned())
    waiting = replace(DISC, elapsed_seconds=10.0)
    config = Config(**yaml.safe_load(SMOKE.read_text(encoding="utf-8")))
    made = plan(config, {"disc": waiting, "star": STAR}, MERGE)
    assert "elsewhere for up to 50% of the timing" in table.as_text(made)
    assert made.parts[0].seconds == plan(config, {"disc": DISC, "star": STAR}, MERGE).parts[0].seconds


def test_json_has_the_numbers_of_the_plan():
    made = planned()
    content = json.loads(table.as_json(made))
    assert content["core_hours"] == made.core_hours
    assert content["parts"][1]["suggested"] == [1198, 3596]
    assert content["timed"]["disc"]["seconds"] == 5.0
    assert content["jobs"]["all"] == sum(made.jobs.values())


def test_text_has_the_numbers_of_the_plan():
    text = table.as_text(planned())
    assert "12,016 samples on 33² nodes" in text
    # 3000 samples of a second and a start of 3 s: 50.05 minutes.
    assert "50 min" in text
    assert "for 20 to 60 min" in text
    assert "1,198 to 3,596" in text
    assert "2 MB a second" in text
    assert "8 sample" in text


def test_the_wall_time_is_that_of_the_longest_shards():
    made = planned()
    disc, star = 2 + 1500.0, 3 + 3000.0
    short = 2 * (2 + 2) + 2 * (3 + 4)
    assert made.elapsed(1) == pytest.approx(3600 * made.core_hours)
    # Three shards of stars one after another on two cores, and the disc's beside the third.
    assert made.elapsed(2) == pytest.approx(2 * star)
    assert disc + short < star
    assert made.elapsed(16) == pytest.approx(star)
    assert "50 min on 64 cores" in table.as_text(made)


def test_a_shape_is_set_up_for_few_samples_too():
    """Five samples, two a shape, are three shapes."""
    splits = {
        name: {"geometries": ["disc"], "seeds": [seed], "samples_per_shard": 5}
        for seed, name in enumerate(("train", "validation", "test"))
    }
    # Ten samples, five shapes, took 5 s.
    assert planned(splits=splits).parts[0].seconds == pytest.approx(2.0 + 3 * 1.0)
