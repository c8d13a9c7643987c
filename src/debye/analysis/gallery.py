"""Samples worth looking at: the worst, the middle and the best by relative L2 error, with their fields."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from debye.errors import FormatError, explain
from debye.schema import AXES

GALLERIES = ("median", "worst", "best")


def choose(relative: NDArray[np.float64], number: int) -> dict[str, NDArray[np.intp]]:
    """Choose samples by their relative L2 error.

    Parameters
    ----------
    relative : (sample,) array
        Relative L2 error of each sample; those that are not finite are not chosen.
    number : int
        Samples in the median and the worst gallery; the best is one.

    Returns
    -------
    dict
        Gallery → positions of samples: the median ones from the middle outward, the worst one first.

    Examples
    --------
    >>> chosen = choose(np.array([0.1, 0.5, 0.3, 0.2, 0.4]), 2)
    >>> {name: where.tolist() for name, where in chosen.items()}
    {'median': [2, 3], 'worst': [1, 4], 'best': [0]}
    """
    order = np.argsort(relative, kind="stable")
    order = order[np.isfinite(relative[order])]
    outward = np.argsort(np.abs(np.arange(order.size) - (order.size - 1) / 2), kind="stable")
    middle = order[outward[:number]]
    if middle.size and order.size % 2 == 1:
        middle[0] = order[order.size // 2]
    return {"median": middle, "worst": order[::-1][:number], "best": order[:1]}


def gallery(
    errors: xr.Dataset, identities: xr.Dataset, relative: NDArray[np.float64], number: int
) -> xr.Dataset:
    """Fields of the chosen samples.

    Parameters
    ----------
    errors : xarray.Dataset
        From `debye.analysis.errors.potential_error`.
    identities : xarray.Dataset
        `geometry`, `seed` and `index` of each sample.
    relative : (sample,) array
        Relative L2 error of each sample.
    number : int
        Samples in a gallery.

    Returns
    -------
    xarray.Dataset
        In memory: `potential`, `prediction`, `error`, `level_set` (sample, x, y) in float32, the charges, the
        names of the samples, `gallery` and `relative_l2`. In 3-D the plane z ≈ 0, charges projected onto it.

    Raises
    ------
    FormatError
        If no sample has a relative error.
    """
    chosen = choose(relative, number)
    if not chosen["worst"].size:
        raise FormatError(
            explain(
                "gallery",
                "u = 0 in every sample",
                "a potential to compare with",
                "check the data set's charges",
            )
        )
    where = np.concatenate([chosen[name] for name in GALLERIES])
    fields = errors[["potential", "error", "level_set", "charge_position", "charge_value"]].isel(sample=where)
    fields = mid_plane(fields).load()
    fields["prediction"] = fields["potential"] + fields["error"]
    for name in ("potential", "prediction", "error", "level_set"):
        fields[name] = fields[name].astype("f4")
    for name in ("geometry", "seed", "index"):
        fields[name] = ("sample", identities[name].values[where])
    fields["relative_l2"] = ("sample", relative[where])
    fields["gallery"] = (
        "sample",
        np.repeat(np.array(GALLERIES, dtype=object), [chosen[n].size for n in GALLERIES]),
    )
    return fields


def mid_plane(fields: xr.Dataset) -> xr.Dataset:
    """Cut 3-D fields through the middle of their last axis; leave 2-D fields as they are."""
    last = AXES[2]
    return fields.isel({last: fields.sizes[last] // 2}, drop=True) if last in fields.dims else fields
