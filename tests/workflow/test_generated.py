"""What is generated is in step with its source: schema, table of keys, lock, conda environment."""

from __future__ import annotations

import doctest
import importlib.util
import json
import tomllib
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
import yaml

from debye.config import Config, load_config
from tests.workflow.workplace import ROOT

SCENARIOS = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "scenarios").glob("*.yaml"))]


def load(path: Path) -> ModuleType:
    """Import a script by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load(ROOT / "workflow" / "schemas" / "generate.py")
lock = load(ROOT / "envs" / "lock.py")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_schema_is_in_step() -> None:
    """`make schema` mends it."""
    assert generate.SCHEMA.read_text(encoding="utf-8") == generate.schema_text()


def test_table_of_keys_is_in_step() -> None:
    """`make schema` mends it."""
    text = generate.README.read_text(encoding="utf-8")
    assert text == generate.readme_text(text)


def test_table_of_keys_has_every_key() -> None:
    text = generate.README.read_text(encoding="utf-8")
    for name in Config.model_fields:
        assert f"`{name}`" in text
    for key in (
        "families.{kind: star}.amplitude",
        "models.{name}.training.learning_rate",
        "splits.{name}.seeds",
    ):
        assert f"`{key}`" in text


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios_satisfy_the_schema(path: Path) -> None:
    schema = json.loads(generate.SCHEMA.read_text(encoding="utf-8"))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"sed": 1}, schema)


def test_the_million_is_one() -> None:
    """Shards are filled with whole shapes."""
    config = load_config(ROOT / "workflow" / "scenarios" / "million.yaml")
    splits = config.splits.values()
    assert sum(len(split.shards()) * split.samples_per_shard for split in splits) == 1_000_000
    assert {split.samples_per_shard % config.charges_per_shape for split in splits} == {0}
    assert config.grid.cells == 128
    assert all(set(split.geometries) == set(config.families) for split in splits)


def test_lock_is_exact_and_portable() -> None:
    assert all("==" in line and "+" not in line for line in locked())
    assert "torch==2.13.0" in locked()
    assert not [line for line in locked() if line.startswith(("nvidia", "debye"))]


def test_lock_has_everything_that_is_asked_for() -> None:
    # The extra `benchmark` is a program to compare with: no part of the environment.
    extras = {
        name: group for name, group in project()["optional-dependencies"].items() if name != "benchmark"
    }
    asked = [project()["dependencies"], *extras.values()]
    # An extra may ask for other extras of debye itself.
    names = {lock.name_of(line) for group in asked for line in group} - {"debye"}
    assert names <= {lock.name_of(line) for line in locked()}


def test_conda_environment_has_the_pins_of_the_lock() -> None:
    """`make lock` mends it."""
    text = (ROOT / "envs" / "debye.yaml").read_text(encoding="utf-8")
    assert text == lock.environment(locked(), project()["dependencies"])
    pins = yaml.safe_load(text)["dependencies"][-1]["pip"]
    assert set(pins) <= set(locked())
    names = {lock.name_of(pin) for pin in pins}
    asked = {lock.name_of(line) for line in project()["dependencies"]}
    # The one extra that is a package of its own.
    assert names == asked | {"distributed"}


def test_lock_drops_labels_and_gpu_libraries() -> None:
    assert lock.locked("torch==2.13.0+cpu\nnvidia-cublas==1\n-e /somewhere\na==1") == [
        "torch==2.13.0",
        "a==1",
    ]


def test_examples_in_the_scripts() -> None:
    assert doctest.testmod(lock).failed == 0
