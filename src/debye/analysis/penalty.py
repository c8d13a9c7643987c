"""The penalty study of all families: one data set, and what it says about σ.

The rule by which a penalty is recommended: among those that are *proved* definite in every case of the study (a
constant σ at least as large as the largest that any facet needs, or "auto" by its construction), were not found
indefinite, and with which every solve converged, the one with the smallest product of error and multigrid iterations,
in the geometric mean over all cases. Where there is none, none is recommended.
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

OFTEN_USED = "10"
"""The constant σ that the literature often takes."""

VARIABLES = (
    "error_all", "multigrid_iterations", "eigenvalue_smallest", "eigenvalue_largest", "negative_eigenvalues",
)  # fmt: skip
"""What the figure needs of a study, each over `DIMENSIONS`."""

DIMENSIONS = ("family", "contrast", "cells", "penalty", "variant", "geometry")


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
        If a family is missing, the files are not of one study, or `out` cannot be a folder.
    """
    blocked = next((path for path in (out, *out.parents) if path.exists() and not path.is_dir()), None)
    if blocked is not None:
        raise FormatError(explain(str(blocked), "a file", "a folder, or nothing yet", "name another folder"))
    study = merged(frozen, files)
    found = findings(study)
    found["paragraphs"] = penalty_text.paragraphs(found)
    store.write(study, out / "study.nc")
    save(penalty_figure.draw(study, found), out / "penalty.svg")
    store.write_text(out / "findings.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    store.write_text(out / "recommendation.md", penalty_text.markdown(found["paragraphs"]))


def read_study(folder: Path) -> tuple[xr.Dataset, dict[str, Any]]:
    """Read back the study and the findings that `make_study` wrote.

    Raises
    ------
    FormatError
        If a file is missing, not what it should be, or of another study than the other.
    """
    path, source = folder / "findings.json", folder / "study.nc"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        wanted = [found["scope"][name] for name in ("families", "contrasts", "cells", "penalties")]
        recommended, paragraphs = found["recommended"], found["paragraphs"]
        if not isinstance(paragraphs, list) or recommended not in (None, *wanted[3]):
            raise ValueError("no list of paragraphs, or a recommended penalty that is not in the study")
    except (OSError, ValueError, KeyError, TypeError) as error:
        words = " ".join(str(error).split())
        raise FormatError(
            explain(str(path), words, "the findings of a penalty study", "make the study again")
        ) from None
    with closing(store.open_raw(source)) as opened:
        whole = all(name in opened and set(opened[name].dims) == set(DIMENSIONS) for name in VARIABLES)
        if not whole or not set(DIMENSIONS) <= set(opened.coords) or "sufficient_penalty" not in opened:
            raise FormatError(
                explain(str(source), "another kind of file", "a penalty study", "make the study again")
            )
        study = opened.load()
    names = ("family", "contrast", "cells", "penalty")
    if _families(study) != wanted[0] or [study[name].values.tolist() for name in names] != wanted:
        raise FormatError(
            explain(
                str(source),
                f"families {study['family'].values.tolist()}",
                "the study of findings.json, all families in one",
                "make it again",
            )
        )
    return study, found


def _families(study: xr.Dataset) -> list[str]:
    """Families whose configurations a study of all of them holds; that of one family has none by name."""
    try:
        configuration = json.loads(study.attrs["configuration"])
    except (KeyError, TypeError, ValueError):
        return []
    names = [str(name) for name in study["family"].values]
    return [name for name in names if isinstance(configuration, dict) and name in configuration]


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
    constants = sorted((float(label), label) for label in labels if label != "auto")
    indefinite = {label: _indefinite(symmetric.sel(penalty=label)) for label in labels}
    definite = [label for _, label in constants if not indefinite[label]]
    # A proof is one of exact arithmetic: a matrix that is seen to be indefinite counts for more.
    sound = [label for label in proved if math.isfinite(scores[label]) and not indefinite[label]]
    recommended = min(sound, key=lambda label: scores[label], default=None)
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
        "often_used": OFTEN_USED if OFTEN_USED in labels else None,
        "sufficient": {str(c): _median_and_worst(enough.sel(contrast=c)) for c in enough["contrast"].values},
        "zero": _at_zero(symmetric, recommended) if "0" in labels else None,
        "iterations": _iterations(symmetric.sel(penalty=recommended)) if recommended else {},
        "variants": {
            str(v): _variant(study, str(v), recommended)
            for v in study["variant"].values
            if v != "symmetric" and recommended
        },
        "scope": _scope(study),
    }  # fmt: skip


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


def _compared(symmetric: xr.Dataset, label: str, recommended: str | None) -> dict[str, Any]:
    """A penalty's failures, and it against the recommended one, case by case: medians and worst cases of the ratios."""
    one = symmetric.sel(penalty=label)
    definite = one["negative_eigenvalues"] == 0
    counts = {
        "cases": int(one["negative_eigenvalues"].notnull().sum()),
        "indefinite": _indefinite(one),
        "failed": int((one["negative_eigenvalues"].notnull() & one["multigrid_iterations"].isnull()).sum()),
    }
    if recommended is None:
        return counts | {"ratios": None}
    best = symmetric.sel(penalty=recommended)
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
    return counts | {
        "ratios": ratios
        | {
            "condition": _median_and_worst(
                condition / (best["eigenvalue_largest"] / best["eigenvalue_smallest"])
            )
        },
    }


def _at_zero(symmetric: xr.Dataset, recommended: str | None) -> dict[str, dict[str, Any]]:
    """σ = 0 at each contrast: indefinite cases, all cases, and its error and iterations where it is definite.

    `smallest` counts the definite cases with a smaller error than at any other penalty; `eigenvalue` is the smallest
    eigenvalue over that of the recommended penalty in the case with the worst error.
    """
    zero = symmetric.sel(penalty="0")
    negative = zero["negative_eigenvalues"]
    definite = negative == 0
    other = symmetric["error_all"].where(symmetric["penalty"] != "0").min("penalty")
    smallest = (zero["error_all"] < other) & definite
    counts = {"indefinite": negative > 0, "cases": negative.notnull(), "smallest": smallest}
    found: dict[str, dict[str, Any]] = {
        str(c): {name: int(values.sel(contrast=c).sum()) for name, values in counts.items()}
        for c in negative["contrast"].values
    }
    if recommended is None:
        return found
    best = symmetric.sel(penalty=recommended)
    names = ("error_all", "multigrid_iterations", "eigenvalue_smallest")
    ratios = {name: (zero[name] / best[name]).where(definite) for name in names}
    for c, one in found.items():
        error, count, eigenvalue = (ratios[name].sel(contrast=c) for name in names)
        one |= {"error_all": _median_and_worst(error), "multigrid_iterations": _median_and_worst(count)}
        worst = eigenvalue.where(error == error.max()).min()
        one["eigenvalue"] = _number(worst)
    return found


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
    """Another variant at its own best penalty, if any, against the symmetric form at the recommended one."""
    best = study.sel(variant="symmetric", penalty=recommended)
    other = study.sel(variant=name)
    ratio = (other["error_all"] / best["error_all"]).median(
        ("family", "contrast", "cells", "geometry"), skipna=True
    )
    counts = {
        "cells": int(study["cells"].values[0]),
        "indefinite": {str(p): _indefinite(other.sel(penalty=p)) for p in study["penalty"].values},
    }
    if bool(ratio.isnull().all()):
        return counts | {"penalty": None}
    label = str(ratio["penalty"].values[int(np.nanargmin(ratio.values))])
    chosen = other.sel(penalty=label)
    return (
        counts
        | {"penalty": label}
        | {
            name: _median_and_worst(chosen[name] / best[name])
            for name in ("error_all", "multigrid_iterations", "solve_seconds")
        }
    )


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
