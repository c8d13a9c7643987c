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
from debye.analysis.definitions import DEFINITIONS, FLOOR, NETWORK
from debye.analysis.errors import accumulate, potential_error
from debye.analysis.gallery import gallery
from debye.analysis.inputs import (
    IDENTITY,
    PREDICTION_ATTRIBUTES,
    identities,
    open_estimate,
    read_history,
    same_samples,
)
from debye.analysis.merit import figures_of_merit
from debye.analysis.summary import summarise
from debye.errors import FormatError, explain
from debye.frozen import AnalysisSlice

_BANDS = {
    "band_rmse": "RMSE of the potential by distance from the interface, kT/e",
    "band_maximum": "largest error of the potential by distance from the interface, kT/e",
    "band_lower": "lower edge of the band: signed distance from the interface, in cells",
    "band_upper": "upper edge of the band: signed distance from the interface, in cells",
}


def analyse(
    frozen: AnalysisSlice, prediction: Path, dataset: Path, floor: Path, history: Path, out: Path
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
        sums = accumulate(errors, frozen.analysis)
        network = figures_of_merit(sums)
        label_floor = floor_figures(labels, finer, str(floor), frozen, float(network["potential_range"]))
        metrics = combine(network, label_floor).assign_coords(
            {name: ("sample", labels[name].values) for name in IDENTITY}
        )
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


def floor_figures(
    labels: xr.Dataset, finer: xr.Dataset, where: str, frozen: AnalysisSlice, potential_range: float
) -> xr.Dataset:
    """Figures of the labels' own error: label minus the solution on a finer grid.

    Raises
    ------
    FormatError
        If the floor holds a sample that the data set does not, or was made from other labels.
    """
    position = {identity: i for i, identity in enumerate(identities(labels))}
    wanted = identities(finer)
    unknown = [identity for identity in wanted if identity not in position]
    remedy = "make the label floor of this data set again"
    if unknown or not wanted or "reference_potential" not in finer:
        found = f"sample {unknown[0]}" if unknown else "no sample or no reference_potential"
        raise FormatError(explain(f"{where}: label floor", found, "samples of the data set", remedy))
    part = labels.isel(sample=[position[identity] for identity in wanted])
    gap = abs(finer["regular_potential"].variable - part["regular_potential"].variable).max()
    scale = abs(part["regular_potential"].variable).max()
    # A label solved twice differs by round-off and the solver's tolerance at most.
    if not float(gap) <= 1e-4 * float(scale):
        raise FormatError(explain(f"{where}: label floor", "other labels", "those of the data set", remedy))
    # û − u with û the label and u the finer solution: the labels are what is judged here.
    reference = (part["regular_potential"].dims, finer["reference_potential"].data)
    judged = part.assign(regular_potential=reference)
    errors = potential_error(judged, finer["regular_potential"])
    return figures_of_merit(accumulate(errors, frozen.analysis), potential_range)


def combine(network: xr.Dataset, label_floor: xr.Dataset) -> xr.Dataset:
    """Figures of network and label floor side by side along `of`, with the ratio of the two."""
    samples = ["sample_relative_l2"]
    label_floor = label_floor.drop_vars(samples).reindex(family=network["family"])
    for name in ("nodes", "band_nodes", "excluded_nodes"):
        label_floor[name] = label_floor[name].fillna(0).astype(np.int64)
    both = xr.concat(
        [network.drop_vars(samples).expand_dims(of=[NETWORK]), label_floor.expand_dims(of=[FLOOR])],
        dim="of",
        join="exact",
        coords="minimal",
        compat="equals",
    )
    rmse, floor_rmse = (both["rmse"].sel(of=of, drop=True) for of in (NETWORK, FLOOR))
    both["floor_ratio"] = rmse / floor_rmse.where(floor_rmse > 0)
    both["sample_relative_l2"] = network["sample_relative_l2"]
    meanings = {d.name: f"{d.title}: {d.formula}" for d in DEFINITIONS.values()} | _BANDS
    for name, meaning in meanings.items():
        both[name].attrs = {"long_name": meaning, "units": "1"}
    return both
