"""`snakemake --report` after a finished run: one page, or a zip, with figures, captions and our own page."""

from __future__ import annotations

import base64
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.workplace import ROOT, Workplace

pytestmark = pytest.mark.workflow

MODELS = ("tiny", "tiny_regular")
SHOWN = re.compile(r"\.(svg|png)$")


def embedded(page: str, name: str) -> Any:
    """JSON that the page assigns to a variable."""
    start = re.search(rf"^\s*var {name} = (?={{)", page, re.MULTILINE)
    assert start, f"no {name} in the page"
    return json.JSONDecoder().raw_decode(page, start.end())[0]


def figures(place: Workplace) -> dict[str, list[str]]:
    """Paths of the figures of each network's analysis."""
    found = {}
    for model in MODELS:
        folder = place.result(f"analysis/{model}")
        found[model] = sorted(
            f"results/analysis/{model}/{path.name}" for path in folder.iterdir() if SHOWN.search(path.name)
        )
        assert len(found[model]) > 3
    return found


def test_page_has_every_figure_with_a_caption(finished: Workplace) -> None:
    before = finished.planned()
    done = finished.snakemake("--report", "report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    categories = embedded(page, "categories")
    assert set(categories) == {"Report", "Networks", "Penalty study", "Leaderboard"}
    assert {model: sorted(paths) for model, paths in categories["Networks"].items()} == figures(finished)
    results = embedded(page, "results")
    assert len(results) == 3 + sum(len(paths) for paths in figures(finished).values())
    for path, result in results.items():
        assert len(re.sub("<[^>]*>", "", result["caption"])) > 50, f"{path} has no caption"
    assert results["results/analysis/tiny/training.svg"]["labels"] == {
        "network": "tiny",
        "figure": "training",
    }
    assert "<strong>tiny</strong>" in results["results/analysis/tiny/training.svg"]["caption"]
    # Ours, byte for byte, and nothing to be loaded from elsewhere.
    ours = results["results/report/index.html"]["data_uri"].partition("base64,")[2]
    assert base64.b64decode(ours) == finished.result("report/index.html").read_bytes()
    assert not re.search(r"""<(?:script|link|img)[^>]*(?:src|href)=["']https?:""", page)
    # A report is no result: nothing runs again for it.
    assert finished.planned() == before == set()


def test_zip_has_the_files(finished: Workplace) -> None:
    done = finished.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(finished.folder / "report.zip") as archive:
        names = [Path(name).name for name in archive.namelist()]
    assert {"report.html", "index.html", "penalty.svg"} <= set(names)
    for paths in figures(finished).values():
        assert {Path(path).name for path in paths} <= set(names)


def test_captions_are_used() -> None:
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow").rglob("*.smk"))
    rules += (ROOT / "workflow" / "Snakefile").read_text(encoding="utf-8")
    for caption in (ROOT / "workflow" / "report").iterdir():
        assert f"report/{caption.name}" in rules
