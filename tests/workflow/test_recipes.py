"""The recipes of container images, the script that both run, and what is added to a conda environment.

No image is built here. What the recipes copy is looked at and planned from; what the script runs is recorded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.workflow.workplace import ROOT, Workplace

ENVS = ROOT / "envs"
INSIDE = "/opt/debye"
STEPS = [f"{INSIDE}/envs/install.sh libraries", f"{INSIDE}/envs/install.sh debye"]


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with their arguments."""
    text = (ENVS / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], " ".join(line.split()[1:])) for line in lines]


def sections() -> dict[str, list[str]]:
    """Lines of the sections of the Apptainer definition; its head is the section "head"."""
    found: dict[str, list[str]] = {"head": []}
    name = "head"
    for line in (ENVS / "debye.def").read_text(encoding="utf-8").splitlines():
        if line.startswith("%"):
            name = line[1:].strip()
            found[name] = []
        elif line.strip() and not line.startswith("#"):
            found[name].append(line.strip())
    return found


def copied() -> dict[str, str]:
    """What the Dockerfile copies: path in the repository → path in the image."""
    found = {}
    for instruction, arguments in instructions():
        if instruction == "COPY":
            *sources, target = arguments.split()
            found |= {source: target + source if target.endswith("/") else target for source in sources}
    return found


def recorder(folder: Path, *names: str) -> Path:
    """Programs that write down their arguments, one line a call, into `folder / "calls"`."""
    for name in names:
        program = folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        # As Python it says where it is, for the script to find `debye` beside it.
        program.write_text(
            f'#!/bin/bash\necho "$(basename "$0")" "$(printf "[%s]" "$@")" >> "{folder}/calls"\n'
            '[ "$1" != -c ] || echo "$0"\n',
            encoding="utf-8",
        )
        program.chmod(0o755)
    return folder / "calls"


def test_both_start_from_the_python_of_the_conda_environment() -> None:
    environment = yaml.safe_load((ENVS / "debye.yaml").read_text(encoding="utf-8"))
    (python,) = (
        line for line in environment["dependencies"] if isinstance(line, str) and line.startswith("python")
    )
    base = f"python:{python.partition('=')[2]}-slim-bookworm"
    assert [arguments for instruction, arguments in instructions() if instruction == "FROM"] == [base]
    assert sections()["head"] == ["Bootstrap: docker", f"From: {base}"]


def test_both_copy_the_same() -> None:
    assert copied() == dict(line.split() for line in sections()["files"])
    assert copied() == {source: f"{INSIDE}/{source}" for source in copied()}
    assert all((ROOT / source).exists() for source in copied())


def test_both_run_the_script_and_nothing_else() -> None:
    runs = [arguments for instruction, arguments in instructions() if instruction == "RUN"]
    assert [run for run in runs if "useradd" not in run] == sections()["post"] == STEPS
    assert sections()["test"] == ["debye --version"]
    # What a step needs is there before it, and what the code's edits touch comes after the libraries.
    order = [arguments for _, arguments in instructions()]
    libraries, debye = (order.index(step) for step in STEPS)
    place = {
        source: next(i for i, text in enumerate(order) if text.startswith(source) or f" {source} " in text)
        for source in copied()
    }
    assert {source for source, number in place.items() if number < libraries} == {"requirements.lock", "envs"}
    assert max(place.values()) < debye


def test_a_user_whom_the_image_does_not_know_can_run() -> None:
    """Snakemake asks for the name of the user, and every cache has to be writable."""
    (environment,) = (arguments for instruction, arguments in instructions() if instruction == "ENV")
    said = dict(pair.split("=") for pair in environment.split())
    assert said.pop("LOGNAME") == "debye"
    assert set(said) == {"NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"}
    cache = said["XDG_CACHE_HOME"]
    assert all(Path(folder).is_relative_to(cache) for folder in said.values())
    (user,) = (run for instruction, run in instructions() if instruction == "RUN" and "useradd" in run)
    assert user.endswith(f" && install --directory --mode=1777 {cache}")


def test_labels_are_the_same() -> None:
    (labels,) = (arguments for instruction, arguments in instructions() if instruction == "LABEL")
    docker = dict(re.findall(r'([\w.]+)="([^"]*)"', labels))
    assert docker == dict(line.split(None, 1) for line in sections()["labels"])


def test_the_builder_is_sent_what_is_copied() -> None:
    lines = (ENVS / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


@pytest.mark.parametrize("recipe", ["Dockerfile", "debye.def"])
def test_the_cpu_build_has_the_version_of_the_lock(recipe: str) -> None:
    named = re.findall(r"torch==\S+", (ENVS / recipe).read_text(encoding="utf-8"))
    assert named
    assert set(named) <= set((ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())


def test_the_script_installs_the_lock_then_debye(tmp_path: Path) -> None:
    calls = recorder(tmp_path, "python", "debye")
    for step in ("libraries", "debye"):
        subprocess.run([ENVS / "install.sh", step, tmp_path / "python"], check=True, capture_output=True)
    said = [line for line in calls.read_text(encoding="utf-8").splitlines() if "[-c]" not in line]
    assert said == [
        f"python [-m][pip][install][--requirement][{ROOT}/requirements.lock]",
        f"python [-m][pip][install][--no-deps][{ROOT}]",
        "python [-m][pip][check]",
        "debye [--version]",
    ]


def test_the_script_refuses_another_word() -> None:
    done = subprocess.run([ENVS / "install.sh", "all"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "found 'all', expected libraries or debye" in done.stderr


@pytest.mark.parametrize(
    ("origin", "package"),
    [
        ("/a clone's folder", "[--editable][/a clone's folder]"),
        ("debye @ git+https://example.org/debye@0123", "[debye @ git+https://example.org/debye@0123]"),
        ("debye==0.1.0", "[debye==0.1.0]"),
    ],
)
def test_a_conda_environment_gets_the_debye_of_snakemake(tmp_path: Path, origin: str, package: str) -> None:
    calls = recorder(tmp_path / "bin", "python")
    subprocess.run(
        ["bash", ENVS / "debye.post-deploy.sh"],
        env=os.environ | {"CONDA_PREFIX": str(tmp_path), "DEBYE_ORIGIN": origin},
        check=True,
    )
    assert calls.read_text(encoding="utf-8") == f"python [-m][pip][install][--no-deps]{package}\n"


@pytest.mark.workflow
def test_the_workflow_in_the_image_is_whole(tmp_path: Path) -> None:
    """What the recipes copy plans a run, with the default configuration."""
    image = tmp_path / "image"
    image.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, image / source, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / source, image / source)
    place = Workplace(tmp_path / "work", {}, default=True)
    shutil.copytree(image / "src" / "debye", place.source)
    planned = place.planned("--snakefile", str(image / "Snakefile"))
    assert {"sample train star 0", "report"} <= planned
