"""What README and docs say is run: their Python blocks, and their `debye` command lines."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from debye import schema, store

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / folder / "README.md" for folder in ("workflow", "config")]
LINKED = [*PAGES, ROOT / "benchmarks" / "README.md", ROOT / "CHANGELOG.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    return [body for name, body in BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


@pytest.fixture
def folder(tmp_path):
    """A folder that holds what the pages talk about."""
    store.write(schema.mock(), tmp_path / "results" / "dataset" / "test.nc")
    for body in blocks(ROOT / "README.md", "yaml"):
        if body.startswith("# problem.yaml"):
            (tmp_path / "problem.yaml").write_text(body)
    (tmp_path / "docs" / "figures").mkdir(parents=True)
    (tmp_path / "docs" / "problem.yaml").write_text((ROOT / "docs" / "problem.yaml").read_text())
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_blocks_run(page, folder):
    body = "\n".join(blocks(page, "python"))
    if not body:
        pytest.skip("no Python on this page")
    done = subprocess.run(
        [sys.executable, "-c", body], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_command_lines_are_real(page, folder):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in "\n".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["debye"]:
            done = subprocess.run(
                words, cwd=folder, capture_output=True, text=True, env=environment, timeout=300
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"
        elif words[:1] == ["make"] and len(words) > 1:
            assert words[1] in targets, line
        elif "--configfile" in words:
            assert (ROOT / words[words.index("--configfile") + 1]).is_file(), line


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, section = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if section:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), flags=re.M)
            assert section in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, (
                target
            )


def test_the_plan_of_the_house_names_every_module():
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    inside = plan.partition("src/debye/\n")[2].partition("\ntests/")[0]
    rooms = re.split(r"^  (?=\S)", inside, flags=re.M)
    packages = {room.split("/")[0]: room for room in rooms if re.match(r"\w+/", room)}
    ground = "".join(room for room in rooms if not re.match(r"\w+/", room))
    home = ROOT / "src" / "debye"
    for module in home.rglob("*.py"):
        room = packages.get(module.relative_to(home).parts[0], ground)
        if module.stem != "__init__":
            assert re.search(rf"\b{module.stem}\b", room), (
                f"{module.relative_to(home)} in docs/architecture.md"
            )
