"""The report: one self-contained HTML page made from the folders that the analyses wrote.

Only sums over samples reach the page, beside the few samples of the galleries: its size does not grow with the split.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from debye import provenance, store
from debye.analysis import (
    curves,
    elsewhere,
    embedding,
    leaderboard_figure,
    leaderboard_text,
    penalty_figure,
    plots,
)
from debye.analysis import report_tables as tables
from debye.analysis.ablation_text import read_ablation
from debye.analysis.certificates import NOTE, coverage_table, read_certificate
from debye.analysis.definitions import BY_REGION, DEFINITIONS, EVERY, EXCLUDED, NETWORK
from debye.analysis.leaderboard import read_leaderboard
from debye.analysis.overview import overview, ranked
from debye.analysis.penalty import read_study
from debye.analysis.report_samples import Analysed, galleries, pictures, read_analysis
from debye.analysis.style import Look, data_uri, looks
from debye.analysis.verdict import verdict
from debye.errors import FormatError, explain
from debye.frozen import ReportSlice

SAMPLES_SIZE = 2_200_000
"""Characters that all pictures of samples may take together, so that the page stays below 5 MB."""


def write_report(
    frozen: ReportSlice,
    analyses: list[Path],
    out: Path,
    penalty: Path | None = None,
    leaderboard: Path | None = None,
    ablation: Path | None = None,
    models_folder: Path | None = None,
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
    ablation : Path, optional
        Folder that `debye.analysis.ablation.make_ablation` wrote.
    models_folder : Path, optional
        Folder with ``{model}/checkpoint.certificate.json`` of each network.

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
    compared = None if leaderboard is None else read_leaderboard(leaderboard)
    taken_away = None if ablation is None else read_ablation(ablation)
    certified = [] if models_folder is None else [models_folder / model for model in models]
    files = [store.certificate_beside(folder / "checkpoint.safetensors") for folder in certified]
    found = [read_certificate(file) for file in files]
    store.write_text(out, page(frozen, read, studied, compared, taken_away, found))


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


def page(
    frozen: ReportSlice,
    read: list[Analysed],
    penalty: dict[str, Any] | None = None,
    leaderboard: dict[str, Any] | None = None,
    ablation: dict[str, Any] | None = None,
    certificates: Sequence[Mapping[str, Any]] = (),
) -> str:
    """HTML text of the report."""
    metrics = {one.model: one.metrics for one in read}
    summaries = ranked([one.summary for one in read])
    first = summaries[0]
    by_model = {one.model: one for one in read}
    number = frozen.report.gallery
    most = SAMPLES_SIZE // max(1, sum(pictures(one, number) for one in read))
    further = [] if leaderboard is None else [one["model"] for one in leaderboard["models"]]
    drawn = looks(dict.fromkeys([*metrics, *further]))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=frozen.report.title,
            source=provenance.source(),
            date=provenance.now(),
            overview=overview(summaries, leaderboard),
            analyses=[
                {
                    "model": one.model,
                    "summary": one.summary,
                    "verdict": verdict(one.summary),
                    "galleries": galleries(one, number, most),
                    "regions": tables.region_rows(one.summary),
                    "configuration": json.dumps(one.summary["configuration"], indent=1, ensure_ascii=False),
                }
                for one in (by_model[summary["model"]] for summary in summaries)
            ],
            families=tables.family_rows(summaries),
            excess=tables.excess_table(summaries),
            quantities=elsewhere.quantity_table(summaries),
            quantity_texts=first["quantities"],
            curvature_share=float(read[0].metrics["curvature_share"].sel(of=NETWORK, family=EVERY)),
            region_tables={name: tables.region_table(summaries, name) for name in tables.COMPARED},
            by_region=[DEFINITIONS[name] for name in (*BY_REGION, *tables.SHARES)],
            definitions=DEFINITIONS,
            excluded=EXCLUDED,
            first=first,
            code=frozen.code,
            seeds=", ".join(seeds(first)),
            drawn=drawn,
            pictures={
                "distance": data_uri(curves.error_by_distance(metrics, first)),
                "families": data_uri(curves.error_by_family(metrics, first)),
                "training": data_uri(curves.training_curve(metrics)),
            },
            penalty=penalty,
            leaderboard=None if leaderboard is None else show_leaderboard(leaderboard),
            ablation=ablation,
            certificates=coverage_table(certificates) if certificates else None,
            certificates_note=NOTE,
            **_interactive(read, leaderboard, drawn),
        )
    )


def seeds(summary: Mapping[str, Any]) -> list[str]:
    """Root seeds of the data set and the seed of the training, in words."""
    data, network = (summary["configuration"][name] for name in ("data set", "network"))
    # A shard that was never merged holds its own slice; a data set holds one for every family.
    slices = [one for one in (data, *data.values()) if isinstance(one, dict) and "root_seed" in one]
    roots = sorted({str(one["root_seed"]) for one in slices})
    found = [f"samples: root seed {root}" for root in roots]
    if "seed" in network.get("training", {}):
        found.append(f"training: seed {network['training']['seed']}")
    return found or ["not recorded"]


def show_leaderboard(found: dict[str, Any]) -> dict[str, Any]:
    """Figure and tables of a leaderboard."""
    return {
        "image": data_uri(leaderboard_figure.draw(found)),
        "models": leaderboard_text.models_table(found),
        "splits": leaderboard_text.splits_table(found),
        "speed": leaderboard_text.speed_table(found),
        "notes": (leaderboard_text.NOTE, leaderboard_text.FACTOR_NOTE),
    }


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("debye.analysis"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = lambda moment: str(moment)[:16].replace("T", " ") + " UTC"
    environment.filters["grouped"] = lambda number: f"{number:,}".replace(",", " ")
    return environment


def _interactive(
    read: list[Analysed], leaderboard: dict[str, Any] | None, drawn: dict[str, Look]
) -> dict[str, Any]:
    """Bokeh's library, all figures that answer the pointer as JSON, and the places of those of the families."""
    metrics = {one.model: one.metrics for one in read}
    every, *families = plots.by_distance(metrics, read[0].summary, drawn).items()
    places = {name: f"plot-family-{number}" for number, (name, _) in enumerate(families)}
    figures = {"plot-distance": every[1], "plot-training": plots.training(metrics, drawn)}
    figures |= {places[name]: shown for name, shown in families}
    figures |= {f"plot-{name}": elsewhere.over_bands(metrics, drawn, name) for name in elsewhere.AXES}
    figures["plot-spectrum"] = elsewhere.spectrum(metrics, drawn)
    if leaderboard is not None:
        figures["plot-parameters"] = plots.by_parameters(leaderboard, drawn)
        figures["plot-throughput"] = plots.throughput(leaderboard, drawn)
    return {
        "library": embedding.library(),
        "plots": embedding.as_json(figures),
        # Held free before a figure is drawn, so that nothing moves when it is.
        "heights": {place: shown.height for place, shown in figures.items()},
        "family_places": places,
    }
