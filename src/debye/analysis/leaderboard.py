"""The leaderboard: every network on every test set, with its size, its training, and its time beside the solver's.

Errors are those of `debye.analysis.merit` over all families and nodes, once against the potential u and once against
the regular potential w: the error at a node is the same, what it is divided by is not. The split `test` has the
families, charges and medium that the networks were trained on; on any other the median relative error over that on
`test` says what becomes of a network outside them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import xarray as xr

from debye import provenance, store
from debye.analysis import figures, leaderboard_figure, leaderboard_text
from debye.analysis.definitions import DEFINITIONS, EVERY
from debye.analysis.errors import accumulate, potential_error
from debye.analysis.inputs import PREDICTION_ATTRIBUTES, open_estimate, same_samples
from debye.analysis.leaderboard_types import Leaderboard, NetworkCost, Part, SolverCost, checked, complete
from debye.analysis.merit import figures_of_merit
from debye.config import Analysis
from debye.errors import FormatError, explain
from debye.frozen import LeaderboardSlice

IN_FAMILY = "test"
"""The split with which every other one is compared."""

OVER_ALL = ("rmse", "normalised_rmse", "relative_l2_median", "relative_l2_95", "maximum")
"""Figures over all nodes; the interface band adds its RMSE."""

REMEDY = "run the workflow again"


def make_leaderboard(
    frozen: LeaderboardSlice, predictions: Path, datasets: Path, costs: Path, out: Path
) -> None:
    """Compare networks on test sets and write `leaderboard.json`, `.csv`, `.md` and the figure.

    Parameters
    ----------
    frozen : LeaderboardSlice
        Networks, splits, and what the regions are.
    predictions, datasets, costs : Path
        Folders with `{model}/{split}.nc`, `{split}.nc`, and `{model}/network.json` beside `{model}/solver.json`.
    out : Path
        Folder to write into.

    Raises
    ------
    FormatError
        If a file is not what it should be, or predictions belong to other samples.
    """
    found: dict[str, Any] = {
        "source": provenance.source(),
        "date": provenance.now(),
        "code": frozen.code,
        "definitions": {name: DEFINITIONS[name].formula for name in OVER_ALL},
        "models": [{"model": model} | _cost(costs / model) for model in frozen.models],
        "splits": [],
        "rows": [],
    }
    for split, about in frozen.splits.items():
        described, rows = _split(frozen, split, predictions, datasets / f"{split}.nc")
        found["splits"].append({"split": split, "about": about} | described)
        found["rows"] += rows
    add_factors(found["rows"])
    store.write_text(out / "leaderboard.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    store.write_text(out / "leaderboard.csv", leaderboard_text.as_csv(found))
    store.write_text(out / "leaderboard.md", leaderboard_text.markdown(found))
    figures.save(leaderboard_figure.draw(found), out / "error_against_parameters.svg")


def read_leaderboard(folder: Path) -> dict[str, Any]:
    """What `make_leaderboard` found.

    Raises
    ------
    FormatError
        If the file is missing or not what it should be.
    """
    path = folder / "leaderboard.json"
    found = _read(path, Leaderboard)
    complete(found, str(path), REMEDY)
    return found


def add_factors(rows: list[dict[str, Any]], potentials: Sequence[str] = ("total", "regular")) -> None:
    """Add to each row its median relative errors over those of the same network on the split `test`.

    Raises
    ------
    FormatError
        If a network has no row of that split.

    Examples
    --------
    >>> errors = {"test": 0.02, "molecules": 0.05}
    >>> rows = [
    ...     {"model": "a", "split": split, "total": {"relative_l2_median": error}}
    ...     for split, error in errors.items()
    ... ]
    >>> add_factors(rows, ("total",))
    >>> [row["factor"] for row in rows]
    [{'total': 1.0}, {'total': 2.5}]
    """
    known = {row["model"]: row for row in rows if row["split"] == IN_FAMILY}
    for row in rows:
        if row["model"] not in known:
            expected = f"a row on the split {IN_FAMILY}"
            raise FormatError(explain(f"leaderboard: {row['model']}", "none", expected, "add that split"))
        row["factor"] = {}
        for of in potentials:
            here, there = (one[of]["relative_l2_median"] for one in (row, known[row["model"]]))
            row["factor"][of] = here / there if here is not None and there else None


def _split(
    frozen: LeaderboardSlice, split: str, predictions: Path, dataset: Path
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a split is, and the row of each network on it."""
    with closing(store.open_dataset(dataset, add=["potential"])) as labels:
        families = sorted(set(labels["geometry"].values.astype(str)))
        described = {"samples": int(labels.sizes["sample"]), "families": families}
        rows = []
        for model in frozen.models:
            path = predictions / model / f"{split}.nc"
            with closing(open_estimate(path, labels, PREDICTION_ATTRIBUTES)) as predicted:
                same_samples(predicted, labels, str(path))
                if str(predicted.attrs["model"]) != model:
                    raise FormatError(
                        explain(f"{path}: model", predicted.attrs["model"], model, "predict the split again")
                    )
                rows.append(
                    {
                        "model": model,
                        "split": split,
                        "samples": described["samples"],
                        "medium_differs": str(predicted.attrs.get("medium_differs", "")),
                    }
                    | errors_of(labels, predicted["regular_potential"], frozen.analysis)
                )
    return described, rows


def errors_of(labels: xr.Dataset, estimate: xr.DataArray, settings: Analysis) -> dict[str, dict[str, Any]]:
    """Errors of an estimate of the regular potential, against u ("total") and against w ("regular").

    Parameters
    ----------
    labels : xarray.Dataset
        In the format, with `potential` added.
    estimate : xarray.DataArray
        ŵ on the same samples and nodes, kT/e.
    settings : Analysis
        Says what the interface band is.

    Returns
    -------
    dict
        For each of the two: the figures of `OVER_ALL` and `interface_rmse`; None where there is none.
    """
    errors = potential_error(labels, estimate)
    regular = labels["regular_potential"]
    found = {}
    for name, pair in (
        ("total", errors),
        ("regular", errors.assign(potential=(regular.dims, regular.variable.data.astype("f8")))),
    ):
        merit = figures_of_merit(accumulate(pair, settings)).sel(family=EVERY)
        found[name] = {key: _number(merit[key].sel(region="all")) for key in OVER_ALL}
        found[name]["interface_rmse"] = _number(merit["rmse"].sel(region="interface"))
    return found


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _cost(folder: Path) -> dict[str, Any]:
    """Cost of a network and, measured in the same job, of the solver."""
    network, solver = _read(folder / "network.json", NetworkCost), _read(folder / "solver.json", SolverCost)
    return {name: network[name] for name in NetworkCost.model_fields} | {
        "solver": {name: solver[name] for name in SolverCost.model_fields}
    }


def _read(path: Path, kind: type[Part]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found = " ".join(str(error).split())
        raise FormatError(explain(str(path), found, "a JSON file", REMEDY)) from None
    return checked(kind, content, str(path), REMEDY)
