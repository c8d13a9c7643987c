"""The page's verdict: three sentences about the best network, made from the numbers and true for any.

How good it is, where its error sits and whether the labels limit it, and what it costs and what becomes of it outside
its training. `verdict` says more of each network by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from debye.analysis.definitions import DEFINITIONS, EVERY, NETWORK, ON_FLOOR
from debye.analysis.leaderboard_text import count, duration, fastest_batch
from debye.analysis.verdict import EVEN, MOST, NEAR_FLOOR, REGIONS, excess_share, label_limited, listed, times


def overview(summaries: Sequence[Mapping[str, Any]], leaderboard: Mapping[str, Any] | None) -> list[str]:
    """Three sentences about the best of the networks.

    Parameters
    ----------
    summaries : sequence of mapping
        One for each network, as `debye.analysis.analyse` writes them.
    leaderboard : mapping, optional
        As `debye.analysis.leaderboard.make_leaderboard` makes it.

    Returns
    -------
    list of str
        One sentence each, whatever is missing.
    """
    summary = ranked(summaries)[0]
    return [_size(summaries), _place(summary), _cost(str(summary["model"]), leaderboard)]


def ranked(summaries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Order networks by their median relative error on the test split; those without one are last."""
    return sorted(summaries, key=_median)


def _median(summary: Mapping[str, Any]) -> float:
    """Median relative error; infinite where there is none."""
    value = summary["figures"][NETWORK][EVERY]["all"]["relative_l2_median"]
    return math.inf if value is None else float(value)


def _size(summaries: Sequence[Mapping[str, Any]]) -> str:
    first, *others = ranked(summaries)
    every = first["figures"][NETWORK][EVERY]["all"]
    name = f"{first['model']} ({count(first['parameters'])} parameters)"
    who = f"The best of {len(summaries)} networks, {name}," if others else f"The network {name}"
    if every["relative_l2_median"] is None or every["relative_l2_95"] is None:
        return (
            f"{who} has no relative error on the {first['samples']} test samples, whose potential vanishes."
        )
    median, most = (DEFINITIONS[key].show(every[key]) for key in ("relative_l2_median", "relative_l2_95"))
    text = (
        f"{who} is wrong by at most {median} (relative L2 error of u) on half of the {first['samples']} test samples "
        f"and by at most {most} on 95 % of them"
    )
    known = [one for one in others if _median(one) < math.inf]
    if known:
        last = DEFINITIONS["relative_l2_median"].show(_median(known[-1]))
        behind = f"next is {known[0]['model']} with a median of "
        behind += DEFINITIONS["relative_l2_median"].show(_median(known[0]))
        text += f"; {behind}" + (f", last {known[-1]['model']} with {last}" if len(known) > 1 else "")
    return f"{text}."


def _place(summary: Mapping[str, Any]) -> str:
    figures = summary["figures"][NETWORK][EVERY]
    if any(figures[name][share] is None for name in REGIONS for share in ("error_share", "node_share")):
        where = "It has no error anywhere"
    else:
        first = max(REGIONS, key=lambda name: excess_share(figures[name]))
        region = figures[first]
        nodes, error = (DEFINITIONS[key].show(region[key]) for key in ("node_share", "error_share"))
        if excess_share(region) <= EVEN:
            where = "Its error is spread about evenly over interface, charges and bulk"
        else:
            said = (
                "Its error sits" if region["error_share"] > MOST else "The largest excess of its error lies"
            )
            where = (
                f"{said} {REGIONS[first][0]}, where {nodes} of the nodes hold {error} of the squared error"
            )
    return f"{where}; {_limit(summary)}."


def _limit(summary: Mapping[str, Any]) -> str:
    """Whether the labels limit the network: error over label floor, on the samples of the floor."""
    network = summary["figures"][ON_FLOOR][EVERY]
    if network["all"]["floor_ratio"] is None:
        return "how far above the labels' own error it is, is not known"
    ratios = {name: network[name]["floor_ratio"] for name in REGIONS}
    low = [REGIONS[name][1] for name, ratio in ratios.items() if ratio is not None and ratio < NEAR_FLOOR]
    text = f"its RMSE is {times(network['all']['floor_ratio'])} the labels' own error"
    limited = label_limited(ratios)
    if limited:
        return f"{text}, and it is label-limited in {listed(limited)}"
    if low:
        return f"{text}, which is a good part of what is measured in {listed(low)}"
    return f"{text} and no region is below {NEAR_FLOOR:g} times it, so that the labels do not limit it"


def _cost(model: str, leaderboard: Mapping[str, Any] | None) -> str:
    measured = [] if leaderboard is None else [one for one in leaderboard["models"] if one["model"] == model]
    if leaderboard is None or not measured:
        return "Its time beside the solver's and its error on other test sets are not part of this page."
    (one,) = measured
    batch = fastest_batch(one)
    rate = one["batches"][batch]["samples_per_second"]
    text = (
        f"One problem takes it {duration(one['latency_seconds'])}, and {duration(1 / rate)} in batches of {batch}, "
        f"where the solver takes {duration(one['solver']['cold_seconds'])} for a new shape and "
        f"{duration(one['solver']['warm_seconds'])} for further charges on it"
    )
    return f"{text}; {_outside(model, leaderboard)}."


def _outside(model: str, leaderboard: Mapping[str, Any]) -> str:
    """What becomes of the median error on the test sets outside the training."""
    factors = {
        row["split"]: row["factor"]["total"]
        for row in leaderboard["rows"]
        if row["model"] == model and row["split"] != "test" and row["factor"]["total"] is not None
    }
    if not factors:
        return "what becomes of its error outside its training is not known"
    most = max(factors, key=factors.__getitem__)
    factor = DEFINITIONS["floor_ratio"]
    shown = {split: factor.show(value).removesuffix(" ×") for split, value in factors.items()}
    if len(factors) == 1:
        return (
            f"outside its training, on {most}, its median error is {shown[most]} times that on the test split"
        )
    least = min(factors, key=factors.__getitem__)
    return (
        f"on {len(factors)} test sets outside its training its median error is {shown[least]} ({least}) to "
        f"{shown[most]} times ({most}) that on the test split"
    )
