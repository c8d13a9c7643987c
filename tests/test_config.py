"""The configuration: the scenarios load, and whatever is wrong is named with what was expected."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from debye.config import MAIN_SPLITS, Config, load_config
from debye.errors import ConfigError
from debye.frozen import slices
from debye.parameters import Grid, Medium, load_yaml

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "scenarios").glob("*.yaml"))]


def samples(config: Config) -> int:
    return sum(len(split.shards()) * split.samples_per_shard for split in config.splits.values())


@pytest.fixture
def raw() -> dict[str, Any]:
    """The default configuration, without the sharing of YAML anchors."""
    content = load_yaml(ROOT / "config.yaml")
    content["families"] = {name: copy.deepcopy(family) for name, family in content["families"].items()}
    return content


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios_load(path: Path) -> None:
    config = load_config(path)
    trained = set(config.splits["train"].geometries)
    # A family nobody samples, or one that is trained on and not judged, is a slip of the pen.
    assert all(set(config.splits[name].geometries) == trained for name in MAIN_SPLITS)
    further = {name for split in config.further_splits for name in config.splits[split].geometries}
    assert trained | further == set(config.families)
    # Tables say what a further split asks.
    assert all(config.splits[name].about for name in config.further_splits)


def test_default_scenario() -> None:
    config = load_config(ROOT / "config.yaml")
    assert config.grid.cells >= 64
    assert {family.kind for family in config.families.values()} == {"ball", "ellipsoid", "star", "molecule"}
    assert samples(config) == 2280
    assert {name: config.medium_of(name).debye_length for name in config.further_splits} == {
        "molecules": 9.6,
        "more_charges": 9.6,
        "larger_charges": 9.6,
        "other_salt": 4.0,
    }


def test_paper_scenario() -> None:
    config = load_config(ROOT / "workflow" / "scenarios" / "paper.yaml")
    assert config.grid.cells == 128
    assert samples(config) == 12_000
    network = config.models["resnet_50m"].architecture
    assert (network.channels, network.blocks, network.downsample) == (512, 10, 2)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_comments_explain_every_key_of_the_default_only_once(path: Path) -> None:
    """A key written twice would silently win over the first."""

    class Strict(yaml.SafeLoader):
        pass

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        merge = "tag:yaml.org,2002:merge"
        keys = [loader.construct_object(key) for key, _ in node.value if key.tag != merge]
        assert len(set(keys)) == len(keys), f"{path}: {keys}"
        loader.flatten_mapping(node)
        return dict(loader.construct_pairs(node, deep=True))

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    yaml.load(path.read_text(encoding="utf-8"), Loader=Strict)


MOLECULE = {
    "kind": "molecule",
    "atoms": [2, 4],
    "radius": [2.0, 3.0],
    "bond": [0.5, 0.8],
    "reach": 10.0,
    "charges": {"count": [1, 2], "magnitude": [0.02, 0.1], "clearance": 1.2},
}

WRONG: list[tuple[Callable[[dict[str, Any]], None], list[str]]] = [
    (lambda c: c.update(sed=1), ["sed: unknown key; remove it or correct its spelling"]),
    (lambda c: c["grid"].update(cell=1), ["grid", "cell: unknown key"]),
    (lambda c: c.pop("grid"), ["grid: missing; give it a value"]),
    (lambda c: c["grid"].update(cells="many"), ["cells: found 'many'", "integer"]),
    (lambda c: c["grid"].update(cells=64.5), ["cells: found 64.5", "integer"]),
    (lambda c: c["grid"].update(cells=2), ["cells: found 2", "greater than or equal to 4"]),
    (lambda c: c["grid"].update(half_width=float("nan")), ["half_width: found nan"]),
    (lambda c: c["grid"].update(dim=4), ["dim: found 4", "2 or 3"]),
    (lambda c: c["medium"].update(eps_solvent=-80), ["eps_solvent: found -80", "greater than 0"]),
    (lambda c: c["medium"].update(eps_solute=float("inf")), ["eps_solute: found inf"]),
    (lambda c: c["medium"].update(debye_length=0), ["debye_length: found 0", "greater than 0"]),
    (lambda c: c["medium"].update(debye_length=float("nan")), ["debye_length: found nan"]),
    (lambda c: c["medium"].update(ions="some"), ["ions: found 'some'", "'nonlinear' or 'linear'"]),
    (lambda c: c["solver"].update(rtol=1), ["rtol: found 1", "less than 1"]),
    (lambda c: c["solver"].update(penalty=-1), ["penalty", "found -1"]),
    (lambda c: c["penalty"].update(values=[0, 1]), ["penalty", "found values [0.0, 1.0], expected auto"]),
    (lambda c: c["penalty"].update(values=[1, 1, "auto"]), ["penalty", "no entry twice"]),
    (lambda c: c["penalty"].update(variants=["incomplete"]), ["penalty", "expected symmetric"]),
    (lambda c: c["penalty"].update(cells=[32, 48]), ["penalty", "each a multiple of the one before"]),
    (lambda c: c["penalty"].update(geometries=[1, 2]), ["penalty", "none larger than the one before"]),
    (lambda c: c["penalty"].update(geometries=[1]), ["penalty", "expected one number for each grid"]),
    (
        lambda c: c["penalty"].update(families=["disc", "disc"]),
        ["penalty: found families disc, disc, expected no entry twice", "remove the repetition"],
    ),
    (
        lambda c: c["penalty"].update(contrasts=[[2, 80], [1, 9], [2, 80]]),
        ["penalty: found contrasts 2:80, 1:9, 2:80, expected no entry twice"],
    ),
    (
        lambda c: c["penalty"].update(contrasts=[[2, 80], [2, 80.00001]]),
        ["penalty: found contrasts 2:80, 2:80, expected no entry twice to six digits"],
    ),
    (
        lambda c: c["penalty"].update(values=[1, 1.0000001, "auto"]),
        ["penalty: found values 1, 1, auto, expected no entry twice to six digits"],
    ),
    (
        lambda c: c["penalty"].update(contrasts=[[1, 2e6]]),
        ["penalty: found contrast 1:2e+06, expected a ratio of at most 1e+06"],
    ),
    (
        lambda c: c["grid"].update(cells=66),
        ["in model resnet: architecture: downsample: found 3 halvings of 66 cells", "lower downsample"],
    ),
    (
        lambda c: c["models"]["resnet"]["training"].update(samples=10**6),
        ["found model resnet trained on 1000000 samples, expected at most the", "lower training.samples"],
    ),
    (
        lambda c: c["penalty"].update(families=["cube"]),
        ["found penalty study of family 'cube'", "add the family"],
    ),
    (
        lambda c: c["families"]["disc"].update(radius=[9, 5]),
        ["found [9.0, 5.0], expected [low, high]; swap the two"],
    ),
    (lambda c: c["families"]["disc"].update(radius=[-1, 5]), ["radius", "-1"]),
    (
        lambda c: c["families"]["disc"].update(radius=[5, float("nan")]),
        ["radius", "found nan, expected a finite number"],
    ),
    (
        lambda c: c["families"]["disc"]["charges"].update(magnitude=[1, float("inf")]),
        ["magnitude", "found inf"],
    ),
    (lambda c: c["families"]["disc"].update(kind="cube"), ["families.disc", "cube"]),
    (
        lambda c: c["families"]["disc"].update(radius=[5, 15]),
        ["found family disc reaching 16 Å", "expected two cells inside the box (15 Å)", "shrink the family"],
    ),
    (
        lambda c: c["families"]["star"].update(amplitude=[0, 0.9]),
        ["found family star reaching", "two cells inside"],
    ),
    (lambda c: c["families"]["star"].update(amplitude=[0, 1]), ["found amplitude [0.0, 1.0]", "high < 1"]),
    (lambda c: c["families"]["ellipse"].update(aspect=[0, 0.5]), ["found aspect [0.0, 0.5]", "0 < low"]),
    (
        lambda c: c["families"]["disc"]["charges"].update(clearance=0.4),
        ["found clearance 0.4 Å in family disc", "at least a cell (0.5 Å)", "raise it or refine the grid"],
    ),
    (
        lambda c: c["families"]["disc"]["charges"].update(count=[0, 2]),
        ["found count [0, 2]", "at least 1 charge"],
    ),
    (
        lambda c: c["families"]["disc"]["charges"].update(magnitude=[0, 1]),
        ["found magnitude [0.0, 1.0]", "|q| > 0"],
    ),
    (
        lambda c: c["families"].update(m=MOLECULE | {"bond": [0.5, 1.0]}),
        ["found bond [0.5, 1.0]", "high < 1"],
    ),
    (lambda c: c["families"].update(m=MOLECULE | {"atoms": [0, 2]}), ["found atoms [0, 2]", "at least 1"]),
    (
        lambda c: c["families"].update(m=MOLECULE | {"reach": 2.0}),
        ["found reach 2 Å", "largest radius (3 Å)"],
    ),
    (
        lambda c: c["families"].update(m=MOLECULE | {"reach": 16.0}),
        ["found family m reaching 16 Å", "two cells"],
    ),
    (lambda c: c["families"].update({"Big Disc": c["families"]["disc"]}), ["Big Disc"]),
    (lambda c: c["splits"].pop("validation"), ["found no split 'validation'", "add it"]),
    (lambda c: c["splits"].update({"Extra": c["splits"]["test"]}), ["splits.Extra", "pattern"]),
    (
        lambda c: c["splits"]["test"].update(medium={"debye_length": 4.0}),
        ["found a medium for split test, expected none", "or name another split"],
    ),
    (
        lambda c: c["splits"]["other_salt"].update(medium={"eps_solute": 1e9}),
        ["in the medium of split other_salt", "found permittivities 1e+09 and 80"],
    ),
    (
        lambda c: c["splits"]["other_salt"].update(medium={"salt": 1.0}),
        ["splits.other_salt.medium.salt: unknown key"],
    ),
    (
        lambda c: c["splits"]["test"].update(geometries=["cube"]),
        ["split test with geometry 'cube'", "disc, ellipse, star"],
    ),
    (
        lambda c: c["splits"]["test"].update(seeds=[1, 1]),
        ["found seeds of disc [1, 1], expected no entry twice"],
    ),
    (lambda c: c["splits"]["test"].update(seeds=[-1]), ["seeds", "-1"]),
    (lambda c: c["splits"]["test"].update(seeds={"disc": [1]}), ["found seeds for ['disc'], expected for"]),
    (
        lambda c: c["analysis"].update(bands=[2, 1]),
        ["found bands [2.0, 1.0], expected rising edges; sort them"],
    ),
    (lambda c: c["models"].clear(), ["models: found {}", "at least 1"]),
    (lambda c: c["models"]["resnet"]["training"].update(loss="l1"), ["loss: found 'l1'"]),
    (lambda c: c["models"]["resnet"]["architecture"].update(kind="vgg"), ["kind: found 'vgg'", "'unet'"]),
]


@pytest.mark.parametrize(("edit", "words"), WRONG, ids=["; ".join(words)[:50] for _, words in WRONG])
def test_what_is_wrong_is_named(
    raw: dict[str, Any], edit: Callable[[dict[str, Any]], None], words: list[str]
) -> None:
    edit(raw)
    with pytest.raises(ConfigError) as caught:
        Config(**raw)
    for word in words:
        assert word in str(caught.value)


def test_everything_wrong_is_named_at_once(raw: dict[str, Any]) -> None:
    raw["grid"]["cells"] = 0
    raw["medium"]["temperature"] = -1
    with pytest.raises(ConfigError, match=r"cells: found 0.*temperature: found -1"):
        Config(**raw)


def test_three_dimensions_know_balls_only(raw: dict[str, Any]) -> None:
    raw["grid"]["dim"] = 3
    raw["penalty"]["cells"] = []
    with pytest.raises(ConfigError, match="found family ellipse of kind ellipsoid in 3-D, expected ball"):
        Config(**raw)


@pytest.mark.parametrize(("dim", "cells"), [(2, (32, 64)), (3, (12, 24))])
@pytest.mark.parametrize("section", ["absent", "empty"])
def test_study_fits_the_number_of_dimensions(
    raw: dict[str, Any], dim: int, cells: tuple[int, ...], section: str
) -> None:
    raw["grid"]["dim"] = dim
    raw["families"] = {"disc": raw["families"]["disc"]}
    raw["penalty"].pop("families")
    for split in raw["splits"].values():
        split.update(geometries=["disc"], seeds=[0])
    if section == "absent":
        del raw["penalty"]
    else:
        raw["penalty"]["cells"] = []
    config = Config(**raw)
    assert config.penalty.cells == cells
    # What runs is told the same.
    assert slices(config)["penalty/disc"].study.cells == cells  # type: ignore[attr-defined]


@pytest.mark.parametrize(("cells", "refused"), [([16, 32], False), ([33], True), ([16, 64], True)])
def test_study_in_3d_refuses_grids_that_it_cannot_factorise(
    raw: dict[str, Any], cells: list[int], refused: bool
) -> None:
    raw["grid"]["dim"] = 3
    raw["families"] = {"disc": raw["families"]["disc"]}
    raw["penalty"].pop("families")
    for split in raw["splits"].values():
        split.update(geometries=["disc"], seeds=[0])
    raw["penalty"].update(cells=cells, geometries=[1] * len(cells))
    if not refused:
        assert list(Config(**raw).penalty.cells) == cells
        return
    words = rf"penalty: found cells \[{', '.join(map(str, cells))}\] in 3-D, expected at most 32.*use coarser grids"
    with pytest.raises(ConfigError, match=words):
        Config(**raw)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"seed: [1", "expected valid YAML; mend the line named"),
        (b"- 1\n- 2\n", "found list, expected a mapping of keys"),
        (b"", "found NoneType, expected a mapping of keys"),
        (b"\xff\xfe", "found not UTF-8 text"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.yaml") as caught:
        load_config(file)
    assert words in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found No such file or directory, expected a readable YAML file"):
        load_config(tmp_path / "none.yaml")


def test_configuration_cannot_be_edited() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Grid(cells=8, half_width=1.0).cells = 9  # type: ignore[misc]


def test_refined_grid_keeps_the_nodes() -> None:
    coarse = Grid(cells=8, half_width=3.0)
    np.testing.assert_allclose(coarse.refined(4).axis[::4], coarse.axis, atol=1e-14)
    assert coarse.refined(4).spacing == coarse.spacing / 4


def test_points_run_in_the_order_of_the_fields() -> None:
    grid = Grid(cells=4, half_width=2.0)
    x = grid.points()[:, 0].reshape(grid.shape)
    assert (np.diff(x, axis=0) > 0).all()
    assert (np.diff(x, axis=1) == 0).all()


def test_a_split_changes_only_what_it_says_of_the_medium(raw: dict[str, Any]) -> None:
    raw["medium"].update(eps_solute=4.0)
    raw["splits"]["other_salt"]["medium"] = {"debye_length": float("inf"), "ions": "linear"}
    config = Config(**raw)
    assert config.medium_of("other_salt") == Medium(eps_solute=4.0, debye_length=float("inf"), ions="linear")
    frozen = slices(config)
    assert frozen["shards/other_salt/star"].equation.medium == config.medium_of("other_salt")  # type: ignore[attr-defined]
    for name in ("shards/test/star", "shards/molecules/molecule", "floor"):
        assert frozen[name].equation.medium == config.medium  # type: ignore[attr-defined]


def test_no_ions_no_screening() -> None:
    assert Medium(debye_length=float("inf")).screening == 0.0
    assert Medium(debye_length=10.0, eps_solvent=80.0).screening == pytest.approx(0.8)
