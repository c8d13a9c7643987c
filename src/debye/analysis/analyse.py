"""Analysis of one network: reads predictions, labels and label floor, writes numbers, samples and figures.

Into the folder of the analysis go `metrics.nc` (all numbers, labelled), `summary.json` (the same by name,
with definitions and provenance), `gallery.nc` (fields of chosen samples) and figures; the report reads
nothing else.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from debye import store
from debye.analysis import curves, figures
from debye.analysis.attributes import describe
from debye.analysis.errors import accumulate, potential_error
from debye.analysis.floor import combine, figures_on_floor, floor_positions
from debye.analysis.gallery import gallery
from debye.analysis.inputs import (
    IDENTITY,
    PREDICTION_ATTRIBUTES,
    open_estimate,
    read_history,
    same_samples,
)
from debye.analysis.merit import figures_of_merit
from debye.analysis.summary import summarise
from debye.frozen import AnalysisSlice
from debye.schema import grid_of
from debye.workers import Each, in_process


def analyse(
    frozen: AnalysisSlice,
    prediction: Path,
    dataset: Path,
    floor: Path,
    history: Path,
    out: Path,
    each: Each = in_process,
) -> None:
    """Analyse the error of a network and write the folder that the report reads.

    Parameters
    ----------
    frozen : AnalysisSlice
        Bands and regions, samples in a gallery.
    prediction, dataset, floor : Path
        Predictions of a split, the split, and the label floor of a part of it.
    history : Path
        `history.csv` of the training.
    out : Path
        Folder to write into.
    each : Each
        Where the split is read and its errors are summed up; the few samples of the label floor always are here.

    Raises
    ------
    FormatError
        If a file is not what it should be, or predictions or floor belong to other samples or another grid.
    """
    epochs = read_history(history)
    with ExitStack() as stack:
        labels = stack.enter_context(closing(store.open_dataset(dataset, add=["potential"])))
        predicted = stack.enter_context(closing(open_estimate(prediction, labels, PREDICTION_ATTRIBUTES)))
        finer = stack.enter_context(closing(open_estimate(floor, labels, ("refine",))))
        same_samples(predicted, labels, str(prediction))
        errors = potential_error(labels, predicted["regular_potential"])
        sums = accumulate(errors, frozen.analysis, each=each, decomposed=True)
        network = figures_of_merit(sums)
        subset = floor_positions(labels, finer, str(floor))
        matched, own = figures_on_floor(network, errors, labels, finer, subset, frozen.analysis)
        metrics = describe(combine(network, matched, own), frozen.analysis, grid_of(labels).dim)
        metrics = metrics.assign_coords({name: ("sample", labels[name].values) for name in IDENTITY})
        metrics = metrics.assign({f"history_{name}": ("step", values) for name, values in epochs.items()})
        relative = network["sample_relative_l2"].sel(region="all").values
        samples = gallery(errors, labels[list(IDENTITY)], relative, frozen.gallery)
        summary = summarise(frozen, metrics, labels, predicted, finer)
    write_analysis(out, metrics, samples, summary)


def write_analysis(out: Path, metrics: xr.Dataset, samples: xr.Dataset, summary: dict[str, Any]) -> None:
    """Write the folder of an analysis, each of its files whole or not at all."""
    model = str(summary["model"])
    metrics.attrs = {
        "Conventions": "CF-1.11",
        "title": f"Errors of the network {model}",
        "source": summary["source"],
        "date_created": summary["date"],
        "definitions": json.dumps(summary["definitions"], ensure_ascii=False),
    }
    samples.attrs = {**metrics.attrs, "title": f"Samples predicted by the network {model}"}
    store.write(metrics, out / "metrics.nc")
    store.write(samples, out / "gallery.nc")
    figures.save(curves.error_by_distance({model: metrics}, summary), out / "error_by_distance.svg")
    figures.save(curves.error_by_family({model: metrics}, summary), out / "error_by_family.svg")
    figures.save(curves.training_curve({model: metrics}), out / "training.svg")
    worst = samples.isel(sample=int(np.flatnonzero(samples["gallery"].values == "worst")[0]))
    figures.save(figures.sample_fields(worst), out / "worst_sample.png")
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    store.write_text(out / "summary.json", text + "\n")
