"""What the numbers say, in a few plain sentences made from them.

Every sentence must be true for any numbers. So the place of the error is judged by one measure alone, the share of
the squared error that a region holds beyond its share of the nodes, and network and label floor are compared on the
samples of the floor alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from debye.analysis.definitions import DEFINITIONS, EVERY, FLOOR, NETWORK, ON_FLOOR

EVEN = 0.1
"""Share of the squared error beyond the share of the nodes up to which the error is called spread evenly."""

MOST = 0.5
"""Share of the squared error above which the error is said to sit in a region."""

NEAR_FLOOR = 3.0
"""Error over label floor below which a region is at its floor: the labels' own error counts there."""

LABEL_LIMITED = 1.2
"""Error over label floor up to which a network has reached the floor: then the labels are what limits it."""

REGIONS = {
    "interface": ("at the interface", "the interface band"),
    "near_charges": ("near the charges", "the neighbourhood of the charges"),
    "bulk": ("in the bulk, away from interface and charges", "the bulk"),
}
"""Region → place and name; together they hold all nodes."""


def verdict(summary: Mapping[str, Any]) -> list[str]:
    """Sentences about one network: how large the error is, where it sits, how far above the floor.

    Parameters
    ----------
    summary : mapping
        As `debye.analysis.analyse` writes it.

    Returns
    -------
    list of str
        Three sentences or short paragraphs; one is left out where its number does not exist.
    """
    figures = summary["figures"][NETWORK][EVERY]
    sentences = (_size(figures), _place(figures, summary), _floor(summary))
    return [sentence for sentence in sentences if sentence is not None]


def excess_share(region: Mapping[str, Any]) -> float:
    """Share of the squared error that a region holds beyond its share of the nodes, from -1 to 1.

    Examples
    --------
    >>> excess_share({"error_share": 0.75, "node_share": 0.25})
    0.5
    """
    return float(region["error_share"]) - float(region["node_share"])


def _size(figures: Mapping[str, Any]) -> str | None:
    every = figures["all"]
    if every["relative_l2_median"] is None or every["relative_l2_95"] is None:
        return None
    median, most = (_shown(name, every[name]) for name in ("relative_l2_median", "relative_l2_95"))
    return f"Half of the samples are wrong by at most {median} (relative L2); the 95 % quantile is {most}."


def _place(figures: Mapping[str, Any], summary: Mapping[str, Any]) -> str | None:
    # Shares do not exist where the error vanishes everywhere.
    if any(figures[name][share] is None for name in REGIONS for share in ("error_share", "node_share")):
        return None
    ordered = sorted(REGIONS, key=lambda name: excess_share(figures[name]), reverse=True)
    first = figures[ordered[0]]
    if excess_share(first) <= EVEN:
        text = (
            "The error is spread about evenly: no region's share of the squared error exceeds its share of the "
            f"nodes by more than {100 * EVEN:g} percentage points."
        )
        held = list(REGIONS)
    else:
        said = "The error sits" if first["error_share"] > MOST else "The largest excess of error lies"
        text = f"{said} {REGIONS[ordered[0]][0]}: {_held(figures, ordered[0], summary)}."
        held = [name for name in ordered[1:] if figures[name]["node_share"] > 0]
    for name in held:
        described = _held(figures, name, summary)
        text += f" {described[0].upper()}{described[1:]}."
    return text


def _held(figures: Mapping[str, Any], name: str, summary: Mapping[str, Any]) -> str:
    """What a region holds, in numbers alone."""
    region, settings = figures[name], summary["settings"]
    nodes, error = (_shown(share, region[share]) for share in ("node_share", "error_share"))
    reach = {
        "interface": f" (within {settings['interface_band']:g} cells)",
        "near_charges": f" (within {settings['near_charge']:g} cells)",
    }
    text = (
        f"{REGIONS[name][1]}{reach.get(name, '')}, {nodes} of the nodes, holds {error} of the squared error"
    )
    excess = figures["interface_excess"]
    if name == "interface" and excess is not None:
        text += (
            f"; its RMSE is {_shown('interface_excess', excess).removesuffix(' ×')} times that of the bulk"
        )
    return text


def _floor(summary: Mapping[str, Any]) -> str | None:
    network, floor = (summary["figures"][of][EVERY] for of in (ON_FLOOR, FLOOR))
    every = network["all"]
    if every["floor_ratio"] is None:
        return None
    return (
        f"On the {summary['floor']['samples']} of {summary['samples']} samples whose label floor is known, the "
        f"network's RMSE is {times(every['floor_ratio'])} the floor ({_shown('rmse', every['rmse'])} against "
        f"{_shown('rmse', floor['all']['rmse'])} kT/e).{_at_floor(network)}"
    )


def _at_floor(network: Mapping[str, Any]) -> str:
    """Which regions are at their floor; those without a ratio are not spoken of."""
    ratios = {name: network[name]["floor_ratio"] for name in REGIONS}
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    if not known:
        return ""
    low = [name for name in known if known[name] < NEAR_FLOOR]
    alone = " alone" if len(low) == 1 < len(known) else ""
    names = listed([f"{REGIONS[name][1]}{alone} ({times(known[name])})" for name in low or known])
    limit = f"{NEAR_FLOOR:g} times the floor"
    if not low:
        return f" No region is below {limit}: {names}. The labels are not what limits the network."
    verb = "is" if len(low) == 1 else "are"
    return (
        f" {names[0].upper()}{names[1:]} {verb} below {limit}: the labels' own error is a good part of what "
        f"is measured there.{_limited(known)}"
    )


def _limited(known: Mapping[str, float]) -> str:
    names = label_limited(known)
    return f" It is label-limited in {listed(names)}." if names else ""


def label_limited(ratios: Mapping[str, float | None]) -> list[str]:
    """Names of the regions in which a network has reached the label floor.

    Parameters
    ----------
    ratios : mapping
        Region → error over label floor, None where it is not known.

    Examples
    --------
    >>> label_limited({"interface": 1.1, "near_charges": None, "bulk": 4.0})
    ['the interface band']
    """
    return [
        REGIONS[name][1] for name, ratio in ratios.items() if ratio is not None and ratio <= LABEL_LIMITED
    ]


def listed(names: list[str]) -> str:
    """Join names as in a sentence.

    Examples
    --------
    >>> listed(["one", "two", "three"])
    'one, two and three'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def times(ratio: float) -> str:
    """Ratio in words, with the digits that mean something.

    Examples
    --------
    >>> times(37.8)
    '38 times'
    """
    return f"{_shown('floor_ratio', ratio).removesuffix(' ×')} times"


def _shown(name: str, value: float | None) -> str:
    return DEFINITIONS[name].show(value)
