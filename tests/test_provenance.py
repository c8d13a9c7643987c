"""The digest of the code: prose does not count, code does, and each layer sees itself and what lies below.

Versions of libraries: what a layer computes with, as `requirements.lock` would name them.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest

from debye.errors import ConfigError
from debye.provenance import (
    ALSO,
    GROUND,
    LAYERS,
    LIBRARIES,
    PACKAGE,
    canonical_json,
    code_digest,
    library_version,
    library_versions,
    now,
    origin,
    source,
    without_prose,
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package that may be edited."""
    copy = tmp_path / "debye"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def digests(package: Path) -> dict[str | None, str]:
    return {layer: code_digest(layer, package) for layer in (None, *LAYERS)}


def changed_by(package: Path, file: str, text: str) -> set[str | None]:
    """Layers whose digest changes when a text is added at the end of a file."""
    before = digests(package)
    path = package / file
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    after = digests(package)
    return {layer for layer in before if before[layer] != after[layer]}


@pytest.mark.parametrize("file", ["store.py", "physics/solve.py", "learning/train.py", "analysis/errors.py"])
@pytest.mark.parametrize("prose", ["\n# a comment\n", '\n"""A sentence after the code."""\n', "\n\n\n"])
def test_prose_leaves_every_digest(package: Path, file: str, prose: str) -> None:
    assert changed_by(package, file, prose) == set()


@pytest.mark.parametrize(
    ("file", "layers"),
    [
        ("physics/solve.py", {"physics", "surrogate"}),
        ("learning/models/resnet.py", {"learning", "surrogate"}),
        ("surrogate/flags.py", {"surrogate"}),
        ("analysis/report.py", {"analysis"}),
        ("store.py", {None, *LAYERS}),
        ("config.py", {None, *LAYERS}),
        ("cli.py", set()),
        ("stages.py", set()),
        ("networks.py", {"learning", "surrogate"}),
        ("progress.py", {None, *LAYERS}),
        ("workers.py", {None, *LAYERS}),
        ("cluster.py", set()),
        ("ablation.py", set()),
    ],
)
def test_code_changes_the_digest_of_its_layer_and_of_those_above(
    package: Path, file: str, layers: set[str | None]
) -> None:
    assert changed_by(package, file, "\nEDITED = 1\n") == layers


def test_every_module_stands_in_a_digest_or_decides_nothing() -> None:
    modules = {path.name for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/*.py")
    }
    assert modules == {
        *GROUND,
        *LAYERS,
        *itertools.chain(*ALSO.values()),
        "__init__.py",
        "ablation.py",
        "arguments.py",
        "cli.py",
        "cluster.py",
        "consistency.py",
        "ending.py",
        "info.py",
        "locks.py",
        "placement.py",
        "preflight.py",
        "stages.py",
        "worker_jobs.py",
        "planning",
        "serve",
    }


def test_templates_count(package: Path) -> None:
    (package / "analysis" / "templates").mkdir(exist_ok=True)
    (package / "analysis" / "templates" / "new.html.j2").write_text("", encoding="utf-8")
    assert changed_by(package, "analysis/templates/new.html.j2", "<p>") == {"analysis"}


def test_a_moved_module_counts(package: Path) -> None:
    before = code_digest("physics", package)
    (package / "physics" / "shapes.py").rename(package / "physics" / "forms.py")
    assert code_digest("physics", package) != before


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("def f():\n    return 1", "def f():\n    return 2"),
        ("x = 'text'", "x = 'Text'"),
        ("def f(a=1): pass", "def f(a=2): pass"),
        ("f('a')", "f('b')"),
    ],
)
def test_strings_that_compute_are_not_prose(code: str, other: str) -> None:
    assert without_prose(code) != without_prose(other)


def test_class_and_nested_docstrings_are_prose() -> None:
    bare = "class A:\n    x = 1\n    def f(self):\n        return 1\n"
    told = (
        'class A:\n    """Doc."""\n    x = 1\n    """What x is."""\n'
        '    def f(self):\n        """Doc."""\n        return 1  # one\n'
    )
    assert without_prose(bare) == without_prose(told)


def test_a_function_of_prose_alone_is_still_one() -> None:
    assert without_prose('def f():\n    "doc"') != without_prose("")


def test_canonical_json_does_not_know_the_order_of_keys() -> None:
    assert (
        canonical_json({"b": 1, "a": [1.0, "ä"]})
        == canonical_json({"a": [1.0, "ä"], "b": 1})
        == '{"a":[1.0,"ä"],"b":1}'
    )


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with a labelled build of torch and without pyamg."""

    def installed(name: str) -> str:
        if name == "pyamg":
            raise metadata.PackageNotFoundError(name)
        return "9.8.7+cu130" if name == "torch" else "1.2"

    monkeypatch.setattr(metadata, "version", installed)
    library_version.cache_clear()
    yield
    library_version.cache_clear()


def test_versions_are_those_installed() -> None:
    import numpy
    import torch

    assert library_versions("learning") == {
        "numpy": numpy.__version__,
        "torch": torch.__version__.partition("+")[0],
    }
    assert set(LIBRARIES) == {None, *LAYERS}
    assert all(library_versions(layer).keys() == set(names) for layer, names in LIBRARIES.items())


@pytest.mark.usefixtures("elsewhere")
def test_a_machine_s_own_build_is_no_other_version() -> None:
    assert library_versions("learning") == {"numpy": "1.2", "torch": "9.8.7"}


@pytest.mark.usefixtures("elsewhere")
def test_a_missing_library_is_named_not_raised() -> None:
    """`snakemake -n` has to work on a login node without every library."""
    assert library_versions("physics") == {"numpy": "1.2", "scipy": "1.2", "numba": "1.2", "pyamg": "none"}


@pytest.mark.usefixtures("elsewhere")
def test_every_file_says_what_it_was_computed_with() -> None:
    assert (
        source()
        == "debye 1.2 (numpy 1.2, xarray 1.2, netCDF4 1.2, scipy 1.2, numba 1.2, pyamg none, torch 9.8.7)"
    )


def test_a_time_of_day_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    assert now() == "2020-09-13T12:26:40+00:00"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert abs(datetime.fromisoformat(now()) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("value", ["", "yesterday", "1.5", "9" * 30])
def test_a_time_of_day_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    with pytest.raises(ConfigError, match=r"SOURCE_DATE_EPOCH: found .* expected seconds since 1970"):
        now()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, "debye==9.9"),
        ({"url": "file:///a%20clone", "dir_info": {"editable": True}}, "/a clone"),
        (
            {"url": "https://example.org/debye", "vcs_info": {"vcs": "git", "commit_id": "0123"}},
            "debye @ git+https://example.org/debye@0123",
        ),
        (
            {"url": "https://example.org/debye.tar.gz", "archive_info": {}},
            "debye @ https://example.org/debye.tar.gz",
        ),
    ],
)
def test_origin_is_what_pip_would_install_again(
    monkeypatch: pytest.MonkeyPatch, said: dict | None, expected: str
) -> None:
    class Distribution:
        version = "9.9"

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if said is None else json.dumps(said)

    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    assert origin() == expected
