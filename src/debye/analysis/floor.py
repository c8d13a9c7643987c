"""The label floor: the labels' own error, and the network's error on the very samples where it is known.

The floor is known on a subset of the split. Errors differ much from sample to sample, so network and floor are
only ever divided by each other over the same samples and nodes.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from debye.analysis.definitions import FLOOR, NETWORK, ON_FLOOR
from debye.analysis.errors import accumulate, potential_error
from debye.analysis.inputs import identities
from debye.analysis.merit import axes_of, figures_of_merit
from debye.config import Analysis
from debye.errors import FormatError, explain


def floor_positions(labels: xr.Dataset, finer: xr.Dataset, where: str) -> list[int]:
    """Positions in the data set of the samples of a label floor, in the order of the floor.

    Raises
    ------
    FormatError
        If the floor holds a sample that the data set does not, or one twice, or was made from other labels.
    """
    position = {identity: i for i, identity in enumerate(identities(labels))}
    wanted = identities(finer)
    wrong = [one for one in wanted if one not in position or wanted.count(one) > 1]
    remedy = "make the label floor of this data set again"
    if wrong or not wanted or "reference_potential" not in finer:
        found = f"sample {wrong[0]}" if wrong else "no sample or no reference_potential"
        expected = "samples of the data set, each once"
        raise FormatError(explain(f"{where}: label floor", found, expected, remedy))
    positions = [position[identity] for identity in wanted]
    part = labels.isel(sample=positions)
    gap = abs(finer["regular_potential"].variable - part["regular_potential"].variable).max()
    scale = abs(part["regular_potential"].variable).max()
    # A label solved twice differs by round-off and the solver's tolerance at most.
    if not float(gap) <= 1e-4 * float(scale):
        raise FormatError(explain(f"{where}: label floor", "other labels", "those of the data set", remedy))
    return positions


def figures_on_floor(
    network: xr.Dataset,
    errors: xr.Dataset,
    labels: xr.Dataset,
    finer: xr.Dataset,
    positions: list[int],
    settings: Analysis,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Figures of the network and of the labels' own error, both on the samples of the floor.

    Parameters
    ----------
    network : xarray.Dataset
        Figures of the network on the whole split; the normalised RMSE divides by the range of u found there.
    errors, labels : xarray.Dataset
        Errors of the network, see `debye.analysis.errors.potential_error`, and the labels, on the whole split.
    finer : xarray.Dataset
        The label floor.
    positions : list of int
        From `floor_positions`.
    settings : Analysis
        Bands and regions.
    """
    # e = û − u with û the finer solution and u the label: the sign plays no part in any figure, and the
    # relative errors of network and floor are divided by the same norm of u.
    own = potential_error(labels.isel(sample=positions), finer["reference_potential"])
    potential_range = float(network["potential_range"])
    matched, label_floor = (
        figures_of_merit(accumulate(one, settings, decomposed=True), potential_range)
        for one in (errors.isel(sample=positions), own)
    )
    return matched, label_floor


def combine(network: xr.Dataset, matched: xr.Dataset, label_floor: xr.Dataset) -> xr.Dataset:
    """Figures of network, network on the samples of the floor, and floor along `of`; ratios of the last two.

    The tables of samples are the network's.
    """
    parts, of_samples = [], [str(name) for name in network.data_vars if "sample" in network[name].dims]
    axis_names = axes_of(network)
    for name, part in ((NETWORK, network), (ON_FLOOR, matched), (FLOOR, label_floor)):
        aligned = part.drop_vars(of_samples).reindex(family=network["family"])
        for count in ("nodes", *(f"{axis}_nodes" for axis in axis_names), "excluded_nodes", "samples"):
            aligned[count] = aligned[count].fillna(0).astype(np.int64)
        parts.append(aligned.expand_dims(of=[name]))
    every = xr.concat(parts, dim="of", join="exact", coords="minimal", compat="equals")
    compared = {"rmse": "floor_ratio", "quantity_error_median": "quantity_floor_ratio"}
    for name, ratio in (compared | {f"{axis}_rmse": f"{axis}_floor_ratio" for axis in axis_names}).items():
        above, below = (every[name].sel(of=of, drop=True) for of in (ON_FLOOR, FLOOR))
        every[ratio] = above / below.where(below > 0)
    return every.assign({name: network[name] for name in of_samples})
