"""The penalty study of all families: one data set, and what it says about σ.

The rule by which a penalty is recommended: among those that are *proved* definite in every case of the study (a
constant σ at least as large as the largest that any facet needs, or "auto" by its construction) and with which every
solve converged, the one with the smallest product of error and multigrid iterations, in the geometric mean over all
cases.
"""

from __future__ import annotations

import json
import math
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from debye import schema, store
from debye.analysis import penalty_figure, penalty_text
from debye.analysis.style import save
from debye.errors import FormatError, explain
from debye.frozen import PenaltyReportSlice

OFTEN_USED = 10.0
"""The constant σ that the literature often takes; the study's nearest is looked at."""


def make_study(frozen: PenaltyReportSlice, files: list[Path], out: Path) -> None:
    """Write `study.nc`, `findings.json`, `recommendation.md` and `penalty.svg` into the folder `out`.

    Parameters
    ----------
    frozen : PenaltyReportSlice
        The families that must be there.
    files : list of Path
        One file a family, as `debye penalty-family` writes them.
    out : Path

    Raises
    ------
    FormatError
        If a family is missing or the files are not of one study.
    """
    study = merged(frozen, files)
    found = findings(study)
    found["paragraphs"] = penalty_text.paragraphs(found)
    store.write(study, out / "study.nc")
    save(penalty_figure.draw(study, found), out / "penalty.svg")
    store.write_text(out / "findings.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    store.write_text(out / "recommendation.md", penalty_text.markdown(found["paragraphs"]))


def merged(frozen: PenaltyReportSlice, files: list[Path]) -> xr.Dataset:
    """One data set of all families.

    Raises
    ------
    FormatError
        As `make_study`.
    """
    parts: dict[str, xr.Dataset] = {}
    for path in files:
        with closing(store.open_raw(path)) as opened:
            if "sufficient_penalty" not in opened or "family" not in opened.coords:
                raise FormatError(
                    explain(str(path), "another kind of file", "a family's penalty study", "make it anew")
                )
            part = opened.load()
        parts[str(part["family"].item())] = part
    if set(parts) != set(frozen.families) or len(files) != len(parts):
        raise FormatError(
            explain(
                "penalty study", f"families {sorted(parts)}", f"{sorted(frozen.families)}, each once", "name them all"
            )
        )  # fmt: skip
    ordered = [parts[name] for name in frozen.families]
    try:
        study = xr.concat(
            ordered,
            dim="family",
            join="exact",
            data_vars="all",
            coords="minimal",
            compat="override",
            combine_attrs="override",
        )
    except ValueError as error:
        found = " ".join(str(error).split())
        raise FormatError(explain("penalty study", found, "families studied alike", "run it again")) from None
    configuration = {name: json.loads(part.attrs["configuration"]) for name, part in parts.items()}
    study.attrs = schema.root_attributes("Debye penalty study", json.dumps(configuration), frozen.code, {})
    return study


def findings(study: xr.Dataset) -> dict[str, Any]:
    """What the study says, as JSON: the recommendation, its evidence, and where it ends."""
    symmetric = study.sel(variant="symmetric")
    enough = study["sufficient_penalty"]
    labels = [str(label) for label in study["penalty"].values]
    proved = [label for label in labels if label == "auto" or float(label) >= float(enough.max())]
    scores = {label: _score(symmetric.sel(penalty=label)) for label in labels}
    recommended = min(proved, key=lambda label: scores[label])
    constants = sorted((float(label), label) for label in labels if label != "auto")
    definite = [label for _, label in constants if not _indefinite(symmetric.sel(penalty=label))]
    often = min((label for value, label in constants if value > 0), key=_from_often, default=None)
    # A penalty with which a solve failed has no score: null in JSON, which knows no infinity.
    compared = {
        label: _compared(symmetric, label, recommended)
        | {"proved": label in proved, "score": _number(scores[label])}
        for label in labels
    }
    return {
        "recommended": recommended,
        "penalties": compared,
        "smallest_definite_constant": definite[0] if definite else None,
        "smallest_proved_constant": next((label for _, label in constants if label in proved), None),
        "often_used": often,
        "sufficient": {str(c): _median_and_worst(enough.sel(contrast=c)) for c in enough["contrast"].values},
        "zero": _at_zero(symmetric, recommended) if "0" in labels else None,
        "iterations": _iterations(symmetric.sel(penalty=recommended)),
        "variants": {str(v): _variant(study, str(v), recommended) for v in study["variant"].values if v != "symmetric"},
        "scope": _scope(study),
    }  # fmt: skip


def _from_often(label: str) -> float:
    return abs(math.log(float(label) / OFTEN_USED))


def _score(case: xr.Dataset) -> float:
    """Geometric mean of error times iterations; infinite where a solve failed."""
    product = case["error_all"] * case["multigrid_iterations"]
    tried = case["negative_eigenvalues"].notnull()
    if bool((product.isnull() & tried).any()):
        return math.inf
    return float(np.exp(np.log(product.where(tried)).mean()))


def _indefinite(case: xr.Dataset) -> int:
    return int((case["negative_eigenvalues"] > 0).sum())


def _median_and_worst(values: xr.DataArray) -> list[float | None]:
    """Median and maximum of what is finite."""
    finite = values.values[np.isfinite(values.values)]
    return [float(np.median(finite)), float(finite.max())] if finite.size else [None, None]


def _compared(symmetric: xr.Dataset, label: str, recommended: str) -> dict[str, Any]:
    """A penalty against the recommended one, case by case: medians and worst cases of the ratios."""
    one, best = symmetric.sel(penalty=label), symmetric.sel(penalty=recommended)
    definite = one["negative_eigenvalues"] == 0
    ratios = {
        name: _median_and_worst((one[name] / best[name]).where(definite))
        for name in (
            "error_all",
            "error_solvent",
            "error_interface",
            "multigrid_iterations",
            "plain_iterations",
            "setup_seconds",
        )
    }
    condition = (one["eigenvalue_largest"] / one["eigenvalue_smallest"]).where(definite)
    return {
        "cases": int(one["negative_eigenvalues"].notnull().sum()),
        "indefinite": _indefinite(one),
        "ratios": ratios
        | {
            "condition": _median_and_worst(
                condition / (best["eigenvalue_largest"] / best["eigenvalue_smallest"])
            )
        },
    }


def _at_zero(symmetric: xr.Dataset, recommended: str) -> dict[str, dict[str, Any]]:
    """σ = 0 at each contrast: indefinite cases, all cases, and its error and iterations where it is definite."""
    zero, best = symmetric.sel(penalty="0"), symmetric.sel(penalty=recommended)
    negative = zero["negative_eigenvalues"]
    ratios = {
        name: (zero[name] / best[name]).where(negative == 0) for name in ("error_all", "multigrid_iterations")
    }
    return {
        str(c): {
            "indefinite": int((negative.sel(contrast=c) > 0).sum()),
            "cases": int(negative.sel(contrast=c).notnull().sum()),
        }
        | {name: _median_and_worst(ratio.sel(contrast=c)) for name, ratio in ratios.items()}
        for c in negative["contrast"].values
    }


def _iterations(case: xr.Dataset) -> dict[str, list[float | None]]:
    """Most multigrid iterations on each grid, by contrast."""
    most = case["multigrid_iterations"].max(("family", "geometry"))
    return {
        str(c): [_number(most.sel(contrast=c, cells=n)) for n in most["cells"].values]
        for c in most["contrast"].values
    }


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _variant(study: xr.Dataset, name: str, recommended: str) -> dict[str, Any]:
    """Another variant at its own best penalty against the symmetric form at the recommended one."""
    best = study.sel(variant="symmetric", penalty=recommended)
    other = study.sel(variant=name)
    ratio = (other["error_all"] / best["error_all"]).median(
        ("family", "contrast", "cells", "geometry"), skipna=True
    )
    label = str(ratio["penalty"].values[int(np.nanargmin(ratio.values))])
    chosen = other.sel(penalty=label)
    return {
        "penalty": label,
        "cells": int(study["cells"].values[0]),
        "indefinite": {str(p): _indefinite(other.sel(penalty=p)) for p in study["penalty"].values},
    } | {
        name: _median_and_worst(chosen[name] / best[name])
        for name in ("error_all", "multigrid_iterations", "solve_seconds")
    }


def _scope(study: xr.Dataset) -> dict[str, Any]:
    """What was studied, and so where the recommendation ends."""
    part = next(iter(json.loads(study.attrs["configuration"]).values()))
    tried = study["negative_eigenvalues"].sel(variant="symmetric").isel(penalty=0, contrast=0).notnull()
    return {
        "families": [str(name) for name in study["family"].values],
        "contrasts": [str(name) for name in study["contrast"].values],
        "cells": [int(n) for n in study["cells"].values],
        "geometries": [int(tried.sel(cells=n).sum()) for n in study["cells"].values],
        "penalties": [str(name) for name in study["penalty"].values],
        "dim": part["dim"],
        "half_width": part["half_width"],
        "debye_length": part["debye_length"],
    }
