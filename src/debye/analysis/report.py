"""The report: one self-contained HTML page made from the folders that the analyses wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import xarray as xr

from debye import provenance, store
from debye.analysis import curves, figures, leaderboard_figure, leaderboard_text, penalty_figure
from debye.analysis.definitions import BY_REGION, DEFINITIONS, EVERY, EXCLUDED, FLOOR, NETWORK, ON_FLOOR
from debye.analysis.leaderboard import read_leaderboard
from debye.analysis.penalty import read_study
from debye.analysis.style import data_uri
from debye.analysis.verdict import verdict
from debye.errors import FormatError, explain
from debye.frozen import ReportSlice

SAMPLES_SIZE = 3_500_000
"""Characters that all pictures of samples may take together, so that the page stays below 5 MB."""

GALLERIES = (
    ("best", "Best sample", "the smallest relative L2 error of the split"),
    ("median", "Typical samples", "relative L2 error nearest the median"),
    ("worst", "Worst cases", "the largest relative L2 errors of the split, the worst first"),
)


@dataclass(frozen=True)
class Analysed:
    """What one folder of an analysis holds."""

    model: str
    summary: dict[str, Any]
    metrics: xr.Dataset
    gallery: xr.Dataset


def write_report(
    frozen: ReportSlice,
    analyses: list[Path],
    out: Path,
    penalty: Path | None = None,
    leaderboard: Path | None = None,
) -> None:
    """Write the report of one or more analyses as a single HTML page that needs no network.

    Parameters
    ----------
    frozen : ReportSlice
        Title of the page, samples in a gallery.
    analyses : list of Path
        Folders that `debye.analysis.analyse.analyse` wrote, one a network.
    out : Path
        The page, written whole or not at all.
    penalty : Path, optional
        Folder that `debye.analysis.penalty.make_study` wrote.
    leaderboard : Path, optional
        Folder that `debye.analysis.leaderboard.make_leaderboard` wrote.

    Raises
    ------
    FormatError
        If a folder lacks a file or two folders analyse the same network.
    """
    read = [read_analysis(folder) for folder in analyses]
    models = [one.model for one in read]
    if len(set(models)) < len(models):
        raise FormatError(explain("report", f"networks {models}", "each once", "name every analysis once"))
    studied = None if penalty is None else read_penalty(penalty)
    compared = None if leaderboard is None else show_leaderboard(read_leaderboard(leaderboard))
    store.write_text(out, page(frozen, read, studied, compared))


def show_leaderboard(found: dict[str, Any]) -> dict[str, Any]:
    """Figure and tables of a leaderboard."""
    return {
        "image": data_uri(leaderboard_figure.draw(found)),
        "models": leaderboard_text.models_table(found),
        "splits": leaderboard_text.splits_table(found),
        "notes": (leaderboard_text.NOTE, leaderboard_text.FACTOR_NOTE),
    }


def read_penalty(folder: Path) -> dict[str, Any]:
    """Figure and paragraphs of a penalty study.

    Raises
    ------
    FormatError
        If a file is missing or not what it should be.
    """
    study, found = read_study(folder)
    image = data_uri(penalty_figure.draw(study, found))
    return {"image": image, "paragraphs": [str(text) for text in found["paragraphs"]]}


def read_analysis(folder: Path) -> Analysed:
    """Read the folder of an analysis.

    Raises
    ------
    FormatError
        If a file is missing or not what it should be.
    """
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        model = str(summary["model"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = " ".join(str(error).split())
        raise FormatError(
            explain(f"{folder}/summary.json", found, "an analysis", "analyse the network again")
        ) from None
    loaded = []
    for name in ("metrics.nc", "gallery.nc"):
        with closing(store.open_raw(folder / name)) as dataset:
            loaded.append(dataset.load())
    return Analysed(model, summary, *loaded)


def page(
    frozen: ReportSlice,
    read: list[Analysed],
    penalty: dict[str, Any] | None = None,
    leaderboard: dict[str, Any] | None = None,
) -> str:
    """HTML text of the report."""
    metrics = {one.model: one.metrics for one in read}
    drawn = sum(min(frozen.report.gallery, count) for one in read for count in _counts(one))
    most = SAMPLES_SIZE // max(1, drawn)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("debye.analysis"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = lambda moment: str(moment)[:16].replace("T", " ") + " UTC"
    first = read[0].summary
    return environment.get_template("report.html.j2").render(
        title=frozen.report.title,
        source=provenance.source(),
        date=provenance.now(),
        analyses=[
            {
                "model": one.model,
                "summary": one.summary,
                "verdict": verdict(one.summary),
                "galleries": _galleries(one, frozen.report.gallery, most),
                "regions": _region_rows(one.summary),
                "configuration": json.dumps(one.summary["configuration"], indent=1, ensure_ascii=False),
            }
            for one in read
        ],
        key_figures=_key_figures(read),
        families=_family_rows(read),
        by_region=[DEFINITIONS[name] for name in (*BY_REGION, "error_share", "node_share")],
        definitions=list(DEFINITIONS.values()),
        regions=first["regions"],
        excluded=EXCLUDED,
        first=first,
        code=frozen.code,
        by_distance=data_uri(curves.error_by_distance(metrics, first)),
        by_family=data_uri(curves.error_by_family(metrics, first)),
        training=data_uri(curves.training_curve(metrics)),
        penalty=penalty,
        leaderboard=leaderboard,
    )


def _key_figures(read: list[Analysed]) -> list[dict[str, Any]]:
    """One row a figure over all nodes: its definition, every network, the same on the floor, the floor."""
    rows = []
    for definition in DEFINITIONS.values():
        if definition.name in ("error_share", "node_share"):
            continue
        columns = [(NETWORK, one) for one in read] + [(ON_FLOOR, one) for one in read] + [(FLOOR, read[0])]
        values = [_value(one.summary["figures"][of][EVERY], definition.name) for of, one in columns]
        rows.append({"definition": definition, "values": [definition.show(value) for value in values]})
    return rows


def _value(figures: Mapping[str, Any], name: str) -> float | None:
    """Figure over all nodes; the interface excess belongs to no region."""
    value = figures[name] if name == "interface_excess" else figures["all"].get(name)
    return None if value is None else float(value)


def _family_rows(read: list[Analysed]) -> list[dict[str, Any]]:
    """Rows of a family: every network, every network on the samples of the floor, the floor."""
    rows = []
    for family in read[0].summary["figures"][NETWORK]:
        columns = [(of, one) for of in (NETWORK, ON_FLOOR) for one in read] + [(FLOOR, read[0])]
        for of, one in columns:
            figures_of = one.summary["figures"][of][family]
            rows.append(
                {
                    "family": family,
                    "name": {NETWORK: one.model, ON_FLOOR: f"{one.model}, floor's samples", FLOOR: FLOOR}[of],
                    "floor": of == FLOOR,
                    "samples": figures_of["samples"],
                    "values": [DEFINITIONS[name].show(figures_of["all"].get(name)) for name in BY_REGION]
                    + [DEFINITIONS["interface_excess"].show(figures_of["interface_excess"])],
                }
            )
    return rows


def _region_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a region, over all families; error over label floor over the samples of the floor."""
    network, on_floor = (summary["figures"][of][EVERY] for of in (NETWORK, ON_FLOOR))
    names = (*BY_REGION, "error_share", "node_share")
    return [
        {
            "region": region,
            "formula": formula,
            "values": [
                DEFINITIONS[name].show((on_floor if name == "floor_ratio" else network)[region][name])
                for name in names
            ],
        }
        for region, formula in summary["regions"].items()
    ]


def _counts(one: Analysed) -> list[int]:
    """Count the samples that the analysis kept for each gallery."""
    return [int((one.gallery["gallery"].values == name).sum()) for name, _, _ in GALLERIES]


def _galleries(one: Analysed, number: int, most: int) -> list[dict[str, Any]]:
    """Galleries of a network, each with at most `number` samples of `most` characters."""
    shown = []
    for name, title, meaning in GALLERIES:
        samples = one.gallery.isel(sample=one.gallery["gallery"].values == name)
        drawn = []
        for position in range(min(number, samples.sizes["sample"])):
            sample = samples.isel(sample=position)
            drawn.append(
                {
                    "image": data_uri(figures.sample_fields(sample), most),
                    "geometry": str(sample["geometry"].item()),
                    "seed": int(sample["seed"]),
                    "index": int(sample["index"]),
                    "relative": DEFINITIONS["relative_l2_median"].show(float(sample["relative_l2"])),
                }
            )
        shown.append({"name": name, "title": title, "meaning": meaning, "samples": drawn})
    return shown
