"""What a file is and how it was made, in a few lines for a person."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from debye import schema
from debye.errors import FormatError, explain
from debye.store import open_raw

CERTIFICATE = ("relative_residual", "error_estimate", "flags")
"""Variables by which a file with certificates is known."""

LONGEST = 100
"""Characters of a value that a line shows."""


def summary(path: Path) -> str:
    """Describe a shard, data set, solution, prediction, checkpoint or frozen slice.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Lines of text.

    Raises
    ------
    FormatError
        If the file is missing or none of these.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise FormatError(explain(str(path), found, "a file made by debye", "check the path"))
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith((b"\x89HDF", b"CDF")):
        return _netcdf(path)
    if path.suffix == ".safetensors":
        return _checkpoint(path)
    if path.suffix == ".json":
        return _slice(path)
    raise FormatError(
        explain(
            str(path),
            "an unknown kind of file",
            "netCDF, safetensors or a frozen slice (JSON)",
            "check the path",
        )
    )


def _lines(title: str, entries: dict[str, Any]) -> str:
    width = max((len(name) for name in entries), default=0)
    shown = [title]
    for name, value in entries.items():
        text = " ".join(str(value).split())
        text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
        shown.append(f"  {name:<{width}}  {text}")
    return "\n".join(shown)


def _netcdf(path: Path) -> str:
    dataset = open_raw(path)
    try:
        title = str(dataset.attrs.get("title", "a netCDF file that debye did not make"))
        entries: dict[str, Any] = {
            "dimensions": ", ".join(f"{name} {size}" for name, size in dataset.sizes.items())
        }
        try:
            grid = schema.grid_of(dataset)
            entries["grid"] = (
                f"{grid.cells} cells an axis on [-{grid.half_width:g}, {grid.half_width:g}]^{grid.dim} Å"
            )
        except FormatError:
            pass
        if set(schema.VARIABLES) <= set(dataset.variables):
            entries |= _samples(dataset)
        if set(CERTIFICATE) <= set(dataset.variables):
            entries |= _certificates(dataset)
        entries["variables"] = ", ".join(str(name) for name in dataset.data_vars)
        entries |= {
            str(name): value for name, value in dataset.attrs.items() if name not in ("title", "Conventions")
        }
        return _lines(f"{path}: {title}", entries)
    finally:
        dataset.close()


def _samples(dataset: xr.Dataset) -> dict[str, Any]:
    names, counts = _count(dataset["geometry"].values.tolist())
    rejected = {
        name: int(dataset[name].sum()) for name in ("rejected_shapes", "rejected_charges", "rejected_solves")
    }
    return {
        "families": ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True)),
        "refused draws": ", ".join(
            f"{name.removeprefix('rejected_')} {count}" for name, count in rejected.items()
        ),
        "samples with a warning": f"{sum(map(bool, dataset['warnings'].values.tolist()))}"
        f" (thinnest boundary layer {float(dataset['layer_cells'].min()):.2g} cells)",
        "largest residual": f"{float(dataset['relative_residual'].max()):.1e}",
        "solve seconds": f"{float(dataset['solve_seconds'].sum()):.2f} in all",
    }


def _certificates(dataset: xr.Dataset) -> dict[str, Any]:
    estimates = dataset["error_estimate"].values
    known = estimates[np.isfinite(estimates)]
    # That a network has no calibration is a flag of each of its samples, and nothing about the sample.
    others = [
        [flag for flag in str(flags).split("; ") if flag and not flag.startswith("not calibrated")]
        for flags in dataset["flags"].values.tolist()
    ]
    return {
        "largest residual": f"{float(dataset['relative_residual'].max()):.1e}",
        "relative L2 error, estimated": f"median {np.median(known):.2g}, at most {known.max():.2g}"
        if known.size
        else "none: the network has no calibration, see `debye certify`",
        "samples out of the ordinary": f"{sum(map(bool, others))} (variable flags says why)",
    }


def _count(values: list[str]) -> tuple[list[str], list[int]]:
    names = sorted(set(values))
    return names, [values.count(name) for name in names]


def _checkpoint(path: Path) -> str:
    # A safetensors file begins with the length of a JSON header: no need of torch to read it.
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, 100_000_000)))
        entries = {"tensors": len(header) - 1} | json.loads(header["__metadata__"]["debye"])
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise FormatError(
            explain(
                str(path),
                f"no checkpoint of debye ({type(error).__name__})",
                "a file written by `debye train`",
                "train the network again",
            )
        ) from None
    return _lines(f"{path}: Debye checkpoint", entries)


def _slice(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise FormatError(
            explain(str(path), "no JSON mapping", "a frozen slice or summary", "check the path")
        )
    kind = "frozen slice of a configuration" if "code" in content else "JSON"
    if path.name.endswith(".certificate.json"):
        kind = "calibration of a network's certificates"
    return _lines(f"{path}: {kind}", content)
