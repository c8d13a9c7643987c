"""Frozen slices: each holds what its stage depends on and nothing else, and is refused with other code."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import debye.frozen
from debye.config import Config
from debye.errors import ConfigError, FormatError
from debye.frozen import MergeSlice, NetworkSlice, ShardSlice, slices

SMOKE = Path(__file__).resolve().parents[1] / "workflow" / "scenarios" / "smoke.yaml"
SPLITS = ("train", "validation", "test", "other_salt")


@pytest.fixture
def raw() -> dict[str, Any]:
    """The smoke scenario, without the sharing of YAML anchors."""
    content = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    content["families"] = {name: copy.deepcopy(family) for name, family in content["families"].items()}
    return content


def changed_by(raw: dict[str, Any], edit: Callable[[dict[str, Any]], None]) -> set[str]:
    """Names of the slices that differ after an edit of the configuration."""
    before = {name: part.text() for name, part in slices(Config(**raw)).items()}
    edited = copy.deepcopy(raw)
    edit(edited)
    after = {name: part.text() for name, part in slices(Config(**edited)).items()}
    return {name for name in before | after if before.get(name) != after.get(name)}


PENALTY = {"penalty/disc", "penalty/star"}
# The further split has stars alone, in a medium of its own.
OTHER_SALT = {"shards/other_salt/star"}
SHARDS = {f"shards/{split}/{family}" for split in SPLITS[:3] for family in ("disc", "star")} | OTHER_SALT
SOLVED = {"floor", "solver_cost"}
STARS = {name for name in SHARDS | PENALTY if name.endswith("star")}
EDITS: list[tuple[str, Callable[[dict[str, Any]], None], set[str]]] = [
    ("learning rate", lambda c: c["models"]["tiny"]["training"].update(learning_rate=0.1), {"models/tiny"}),
    ("target", lambda c: c["models"]["tiny_regular"].update(target="total"), {"models/tiny_regular"}),
    ("bands", lambda c: c["analysis"].update(bands=[-1, 0, 1]), {"analysis", "leaderboard"}),
    ("where merge and analysis work", lambda c: c.update(dask={"cluster": "slurm", "workers": 9}), set()),
    ("title", lambda c: c["report"].update(title="x"), {"report"}),
    ("floor", lambda c: c["floor"].update(samples=3), {"floor"}),
    ("range", lambda c: c["families"]["star"].update(radius=[6.5, 8]), STARS),
    ("clearance", lambda c: c["families"]["star"]["charges"].update(clearance=1.6), STARS),
    ("root seed", lambda c: c.update(seed="other"), SHARDS | PENALTY),
    ("grid", lambda c: c["grid"].update(cells=40), SHARDS | SOLVED),
    ("box", lambda c: c["grid"].update(half_width=15.5), SHARDS | PENALTY | SOLVED),
    ("medium", lambda c: c.update(medium={"ions": "linear"}), SHARDS | SOLVED),
    (
        "Debye length",
        lambda c: c.update(medium={"debye_length": 8.0}),
        SHARDS - OTHER_SALT | PENALTY | SOLVED,
    ),
    ("salt of a split", lambda c: c["splits"]["other_salt"]["medium"].update(debye_length=5.0), OTHER_SALT),
    ("words about a split", lambda c: c["splits"]["other_salt"].update(about="salty"), {"leaderboard"}),
    (
        "a split less",
        lambda c: c["splits"].pop("other_salt"),
        OTHER_SALT | {"merge/other_salt", "certificate", "leaderboard"},
    ),
    ("penalty study", lambda c: c["penalty"].update(values=["auto"]), PENALTY),
    (
        "families of the penalty study",
        lambda c: c["penalty"].update(families=["star"]),
        {"penalty", "penalty/disc"},
    ),
    ("solver", lambda c: c.update(solver={"rtol": 1e-9}), SHARDS | SOLVED),
    ("boundary", lambda c: c.update(boundary="zero"), SHARDS | SOLVED),
    ("sharing", lambda c: c.update(charges_per_shape=3), SHARDS),
    ("draws", lambda c: c.update(max_draws=7), SHARDS | PENALTY),
    ("seeds", lambda c: c["splits"]["train"].update(seeds=[0, 1, 2]), {"merge/train"}),
    (
        "seeds of one family",
        lambda c: c["splits"]["train"].update(seeds={"disc": [0, 1, 2], "star": [0, 1]}),
        {"merge/train"},
    ),
    (
        "size of the shards",
        lambda c: c["splits"]["test"].update(samples_per_shard=9),
        {"shards/test/disc", "shards/test/star"},
    ),
]


@pytest.mark.parametrize(("edit", "names"), [one[1:] for one in EDITS], ids=[one[0] for one in EDITS])
def test_an_edit_changes_the_slices_that_see_it(
    raw: dict[str, Any], edit: Callable[[dict[str, Any]], None], names: set[str]
) -> None:
    assert changed_by(raw, edit) == names


def test_a_default_written_out_changes_nothing(raw: dict[str, Any]) -> None:
    assert (
        changed_by(
            raw, lambda c: c.update(medium={"eps_solute": 2.0, "debye_length": 9.6}, boundary="debye-huckel")
        )
        == set()
    )


def test_seeds_written_by_family_change_nothing(raw: dict[str, Any]) -> None:
    by_family = {"disc": [0, 1], "star": [0, 1]}
    assert changed_by(raw, lambda c: c["splits"]["train"].update(seeds=by_family)) == set()


def test_code_of_a_layer_changes_its_stages(raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: part.text() for name, part in slices(Config(**raw)).items()}
    real = debye.frozen.code_digest
    monkeypatch.setattr(
        debye.frozen, "code_digest", lambda layer=None: "0" if layer == "physics" else real(layer)
    )
    after = {name: part.text() for name, part in slices(Config(**raw)).items()}
    assert {name for name in before if before[name] != after[name]} == SHARDS | PENALTY | SOLVED


NETWORKS = {"models/tiny", "models/tiny_regular"}
MERGES = {f"merge/{split}" for split in SPLITS}
COMPUTED_WITH: list[tuple[str, set[str]]] = [
    (
        "numpy",
        SHARDS
        | PENALTY
        | SOLVED
        | MERGES
        | NETWORKS
        | {"certificate", "analysis", "leaderboard", "penalty", "report"},
    ),
    ("scipy", SHARDS | PENALTY | SOLVED | {"certificate"}),
    ("pyamg", SHARDS | PENALTY | SOLVED | {"certificate"}),
    ("torch", NETWORKS | {"certificate"}),
    ("xarray", MERGES | {"analysis", "leaderboard", "penalty", "report"}),
    ("netCDF4", MERGES),
    ("click", set()),
]


@pytest.mark.parametrize(("library", "names"), COMPUTED_WITH, ids=[one[0] for one in COMPUTED_WITH])
def test_version_of_a_library_changes_the_slices_that_compute_with_it(
    raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch, library: str, names: set[str]
) -> None:
    before = {name: part.text() for name, part in slices(Config(**raw)).items()}
    monkeypatch.setattr(debye.frozen, "library_versions", with_version(library, "99.0"))
    after = {name: part.text() for name, part in slices(Config(**raw)).items()}
    assert {name for name in before if before[name] != after[name]} == names


def with_version(library: str, version: str) -> Callable[[str | None], dict[str, str]]:
    """`library_versions` of a machine where one library has another version."""
    real = debye.frozen.library_versions
    return lambda layer=None: {
        name: version if name == library else installed for name, installed in real(layer).items()
    }


def test_other_libraries_are_refused(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "slice.json"
    part = slices(Config(**raw))["models/tiny"]
    file.write_text(part.text(), encoding="utf-8")
    monkeypatch.setattr(debye.frozen, "library_versions", with_version("torch", "99.0"))
    frozen_with = part.libraries["torch"]
    with pytest.raises(
        ConfigError,
        match=f"found torch 99.0, expected torch {frozen_with}; the libraries changed: run the workflow again",
    ):
        NetworkSlice.load(file)


def test_a_file_without_versions_is_refused(raw: dict[str, Any], tmp_path: Path) -> None:
    """One that an earlier Debye froze."""
    file = tmp_path / "slice.json"
    file.write_text(slices(Config(**raw))["merge/train"].model_dump_json(exclude={"libraries"}))
    with pytest.raises(ConfigError, match=r"expected numpy \(no version in the file\), xarray"):
        MergeSlice.load(file)


def test_round_trip_through_a_file(raw: dict[str, Any], tmp_path: Path) -> None:
    raw["medium"] = {"debye_length": float("inf")}
    for name, part in slices(Config(**raw)).items():
        file = tmp_path / "slice.json"
        file.write_text(part.text(), encoding="utf-8")
        assert type(part).load(file) == part, name


def test_shards_are_named_as_in_the_workflow(raw: dict[str, Any]) -> None:
    part = slices(Config(**raw))["merge/train"]
    assert isinstance(part, MergeSlice)
    names = [str(path) for path in part.shards(Path("s"))]
    assert names == ["s/disc/seed0.nc", "s/disc/seed1.nc", "s/star/seed0.nc", "s/star/seed1.nc"]


def test_slices_of_thousands_of_shards_fit_a_command_line(raw: dict[str, Any]) -> None:
    """The workflow's rule `freeze` hands the text to a shell: Linux allows an argument 128 KiB."""
    raw["splits"]["train"]["seeds"] = list(range(5000))
    assert len(slices(Config(**raw))["merge/train"].text()) < 100_000


def test_other_code_is_refused(raw: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "slice.json"
    part = slices(Config(**raw))["models/tiny"].model_copy(update={"code": "0123456789abcdef"})
    file.write_text(part.text(), encoding="utf-8")
    with pytest.raises(
        ConfigError, match="expected code 0123456789abcdef; the code changed: run the workflow again"
    ):
        NetworkSlice.load(file)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"code": "x"}', "[]"])
def test_what_is_no_slice_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "slice.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=r"slice\.json: found .* expected a frozen ShardSlice"):
        ShardSlice.load(file)


def test_slice_of_another_stage_is_refused(raw: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "slice.json"
    file.write_text(slices(Config(**raw))["floor"].text(), encoding="utf-8")
    with pytest.raises(FormatError, match="expected a frozen ShardSlice"):
        ShardSlice.load(file)


def test_missing_slice(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="No such file"):
        ShardSlice.load(tmp_path / "none.json")
