"""The ablation: what the error at the interface becomes when one thing about a network, or its grid, is another.

Every variant is trained with the same seeds as the base, so changes are differences seed by seed. Figures are those of
`debye.analysis.merit` over all families. A variant on a grid of its own has them twice: with the regions as many cells
wide as on the base's grid, and as wide in Å, because a narrower band alone would change them.
"""

from __future__ import annotations

import json
import math
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from debye import provenance, schema, store
from debye.ablation import BASE
from debye.analysis import ablation_text
from debye.analysis.definitions import EVERY
from debye.analysis.errors import accumulate, potential_error
from debye.analysis.inputs import IDENTITY, PREDICTION_ATTRIBUTES, open_estimate, same_samples
from debye.analysis.intervals import change, interval
from debye.analysis.merit import figures_of_merit
from debye.config import Analysis
from debye.errors import FormatError, explain
from debye.frozen import AblationSlice

PROBLEM = (*IDENTITY, "geometry_parameter", "charge_position", "charge_value")
"""Variables that make a problem the same on every grid."""


def make_ablation(frozen: AblationSlice, predictions: Path, datasets: Path, out: Path) -> None:
    """Compare the variants of an ablation with the base and write `ablation.json`, `.csv` and `.md`.

    Parameters
    ----------
    frozen : AblationSlice
        Variants, seeds, and what the regions are.
    predictions, datasets : Path
        Folders with `{variant}/seed{seed}/test.nc` and `{split}.nc`.
    out : Path
        Folder to write into.

    Raises
    ------
    FormatError
        If predictions belong to another network or to other samples.
    """
    with closing(store.open_dataset(datasets / f"{frozen.variants[BASE].test}.nc")) as labels:
        base = labels[list(PROBLEM)].load()
        spacing = schema.grid_of(labels).spacing
    rows: list[dict[str, Any]] = []
    for variant, one in frozen.variants.items():
        with closing(store.open_dataset(datasets / f"{one.test}.nc", add=["potential"])) as labels:
            grid = schema.grid_of(labels)
            about = {
                "variant": variant, "about": one.about, "change": one.change, "split": one.test,
                "cells": grid.cells, "spacing": grid.spacing, "samples": int(labels.sizes["sample"]),
                "same_problems": same_problems(base, labels),
            }  # fmt: skip
            settings = {"cells": frozen.analysis}
            if grid.spacing != spacing:
                settings["length"] = _as_wide(frozen.analysis, spacing / grid.spacing)
            by_seed = [
                _figures(labels, predictions / variant / f"seed{seed}" / "test.nc", variant, seed, settings)
                for seed in frozen.seeds
            ]
        for regions, chosen in settings.items():
            figures = {
                name: interval([found[regions][name] for found in by_seed]) for name in ablation_text.FIGURES
            }
            width = {
                "interface_band": chosen.interface_band * grid.spacing,
                "near_charge": chosen.near_charge * grid.spacing,
            }
            rows.append(about | {"regions": regions, "widths": width, "figures": figures})
    for row in rows:
        row["against_base"] = {
            name: change(figure["values"], rows[0]["figures"][name]["values"])
            for name, figure in row["figures"].items()
        }
    found: dict[str, Any] = {
        "source": provenance.source(),
        "date": provenance.now(),
        "code": frozen.code,
        "seeds": list(frozen.seeds),
        "rows": rows,
    }
    store.write_text(out / "ablation.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    store.write_text(out / "ablation.csv", ablation_text.as_csv(found))
    store.write_text(out / "ablation.md", ablation_text.markdown(found))


def same_problems(base: xr.Dataset, labels: xr.Dataset) -> int:
    """Number of samples that have shape and charges of the base's sample in their place.

    All of them, but for those that one of the two grids refused to draw.

    Raises
    ------
    FormatError
        If the samples are other ones.
    """
    # `same_samples` would ask for one digest, which two grids never share.
    for name in IDENTITY:
        if not np.array_equal(base[name].values, labels[name].values):
            found = "other samples than those of the base"
            raise FormatError(
                explain("ablation", found, "the same problems on another grid", "run the workflow again")
            )
    same = np.ones(base.sizes["sample"], dtype=bool)
    for name in PROBLEM[len(IDENTITY) :]:
        one, other = (dataset[name].transpose("sample", ...).values for dataset in (base, labels))
        if one.shape != other.shape:
            return 0
        equal = (one == other) | (np.isnan(one) & np.isnan(other))
        same &= equal.reshape(len(same), -1).all(axis=1)
    return int(same.sum())


def _as_wide(settings: Analysis, factor: float) -> Analysis:
    """Settings with regions as wide in Å as on a grid whose cells are larger by the factor."""
    return settings.model_copy(
        update={
            "interface_band": settings.interface_band * factor,
            "near_charge": settings.near_charge * factor,
        }
    )


def _figures(
    labels: xr.Dataset, path: Path, variant: str, seed: int, settings: dict[str, Analysis]
) -> dict[str, dict[str, float | None]]:
    """Figures of one network, for each kind of regions."""
    with closing(open_estimate(path, labels, PREDICTION_ATTRIBUTES)) as predicted:
        same_samples(predicted, labels, str(path))
        name = f"{variant}_seed{seed}"
        if str(predicted.attrs["model"]) != name:
            raise FormatError(
                explain(f"{path}: model", predicted.attrs["model"], name, "run the workflow again")
            )
        errors = potential_error(labels, predicted["regular_potential"])
        return {regions: _merit(errors, chosen) for regions, chosen in settings.items()}


def _merit(errors: xr.Dataset, settings: Analysis) -> dict[str, float | None]:
    merit = figures_of_merit(accumulate(errors, settings)).sel(family=EVERY)
    found = {
        "interface_excess": merit["interface_excess"],
        "interface_rmse": merit["rmse"].sel(region="interface"),
        "bulk_rmse": merit["rmse"].sel(region="bulk"),
        "relative_l2_median": merit["relative_l2_median"].sel(region="all"),
    }
    numbers = {name: float(value) for name, value in found.items()}
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}
