"""The ablation's configuration: networks of variants, splits on other grids, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from debye.ablation import Ablation
from debye.config import Config
from debye.errors import ConfigError
from debye.frozen import AblationSlice, MergeSlice, NetworkSlice, ShardSlice, slices
from debye.physics.sampling import samples
from debye.planning.plan import jobs

SMOKE = Path(__file__).resolve().parents[1] / "workflow" / "scenarios" / "smoke.yaml"


@pytest.fixture
def raw() -> dict[str, Any]:
    """The smoke scenario with an ablation of its first network."""
    content = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    base = copy.deepcopy(content["models"]["tiny"])
    base["training"]["loss"] = {"relative_l2": 1, "h1": 0.1}
    variants = {
        "regular": {"target": "regular", "about": "w instead of u"},
        "band": {"training": {"loss": {"band": 2}}},
        "wide": {"architecture": {"channels": 12}},
        "other": {"architecture": {"kind": "unet", "channels": 4}},
        "finer": {"cells": 48},
    }
    content["ablation"] = {"base": base, "seeds": [3, 5], "variants": variants}
    return content


def test_a_variant_is_the_base_with_one_change(raw: dict[str, Any]) -> None:
    ablation = Ablation(**raw["ablation"])
    base = ablation.network("base", 3)
    assert base.training.seed == 3
    assert ablation.names == ("base", "regular", "band", "wide", "other", "finer")
    assert ablation.network("regular", 3) == base.model_copy(update={"target": "regular"})
    assert ablation.network("finer", 3) == base
    # A loss and an architecture of another kind are whole; keys of the same kind are not.
    assert ablation.network("band", 3).training.terms == {"band": 2.0}
    assert ablation.network("band", 3).training.epochs == base.training.epochs
    assert ablation.network("wide").architecture.model_dump() == {
        "kind": "resnet", "channels": 12, "blocks": 1, "downsample": 1,
    }  # fmt: skip
    assert ablation.network("other").architecture.kind == "unet"
    assert ablation.variants["band"].words() == "training: {loss: {band: 2}}"
    assert ablation.variants["finer"].words() == "cells: 48"


EDITS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda c: c["ablation"].update(seed=1), "ablation.seed: unknown key"),
    (lambda c: c["ablation"].update(seeds=[1]), "ablation.seeds"),
    (lambda c: c["ablation"].update(seeds=[1, 1]), r"found seeds \[1, 1\], expected no entry twice"),
    (lambda c: c["ablation"].update(variants={}), "ablation.variants"),
    (lambda c: c["ablation"]["variants"].update(new={"tarket": "total"}), "ablation.variants.new.tarket: unknown"),
    (lambda c: c["ablation"]["variants"].update(new={"target": "half"}), "ablation.variants.new.target: found 'half'"),
    (lambda c: c["ablation"]["variants"].update(new={"training": {"epoch": 1}}), "training.epoch: unknown"),
    (lambda c: c["ablation"]["variants"].update(new={"architecture": {"kind": "x"}}), "in variant new: .*found 'x'"),
    (lambda c: c["ablation"]["variants"].update(new={"training": {"seed": 1}}), "found training.seed in variant new"),
    (lambda c: c["ablation"]["variants"].update(new={"target": "total"}), "found variant new equal to the base"),
    (lambda c: c["ablation"]["variants"].update(base={"target": "regular"}), "found a variant 'base'"),
    (lambda c: c["ablation"]["variants"]["finer"].update(cells=32), "variant finer of the ablation with 32 cells"),
    (lambda c: c["ablation"]["variants"]["finer"].update(cells=16), r"expected at least a cell \(2 Å\)"),
    (lambda c: c["splits"].update(test_48=c["splits"]["other_salt"]), "found a split test_48, expected another name"),
    (
        lambda c: c["ablation"]["variants"].update(new={"charge_normalization": "scale"}),
        "found variant new of the ablation with charge_normalization scale",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "words"), EDITS, ids=[words for _, words in EDITS])
def test_what_is_wrong_is_named(
    raw: dict[str, Any], edit: Callable[[dict[str, Any]], Any], words: str
) -> None:
    edit(raw)
    with pytest.raises(ConfigError, match=words):
        Config(**raw)


def test_slices_of_the_ablation_stand_beside_the_others(raw: dict[str, Any]) -> None:
    config = Config(**raw)
    found = slices(config)
    without = slices(Config(**{key: value for key, value in raw.items() if key != "ablation"}))
    assert {name: found[name] for name in without} == without
    grids = {
        f"shards/{split}_48/{family}"
        for split in ("train", "validation", "test")
        for family in ("disc", "star")
    }
    networks = {f"ablation/{name}/seed{seed}" for name in config.ablation.names for seed in (3, 5)}
    merges = {f"merge/{split}_48" for split in ("train", "validation", "test")}
    assert set(found) - set(without) == grids | merges | networks | {"ablation"}
    network = found["ablation/band/seed5"]
    assert isinstance(network, NetworkSlice)
    assert (network.name, network.network.training.seed) == ("band_seed5", 5)
    shard, merge, tables = found["shards/test_48/star"], found["merge/test_48"], found["ablation"]
    assert isinstance(shard, ShardSlice)
    assert (shard.split, shard.equation.grid.cells) == ("test", 48)
    assert isinstance(merge, MergeSlice)
    assert merge.split == "test_48"
    assert isinstance(tables, AblationSlice)
    assert {name: one.test for name, one in tables.variants.items() if one.test != "test"} == {
        "finer": "test_48"
    }
    assert tables.variants["regular"].about == "w instead of u"
    # No network of the models is asked about them.
    assert config.further_splits == ("other_salt",)
    assert jobs(config)["ablation_train"] == 12
    assert jobs(config)["freeze"] == len(found)


def test_another_grid_has_the_same_problems(raw: dict[str, Any]) -> None:
    found = slices(Config(**raw))
    for family in ("disc", "star"):
        parts = [found[f"shards/{split}/{family}"] for split in ("test", "test_48")]
        base, finer = (list(samples(part, 0, range(2))) for part in parts)
        for one, other in zip(base, finer, strict=True):
            assert one.solution.problem.solute == other.solution.problem.solute
            charges = [draw.solution.problem.charges for draw in (one, other)]
            np.testing.assert_array_equal(charges[0].positions, charges[1].positions)
            np.testing.assert_array_equal(charges[0].values, charges[1].values)
            assert other.solution.problem.grid.cells == 48
