"""What the numbers say, in a few plain sentences made from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from debye.analysis.definitions import DEFINITIONS, EVERY, FLOOR, NETWORK

EVEN = 1.25
"""Interface excess below which the error is called even."""

NEAR_FLOOR = 3.0
"""Error over label floor below which the labels limit what can be learned."""


def verdict(summary: Mapping[str, Any]) -> list[str]:
    """Sentences about one network: how large the error is, where it sits, how far above the floor.

    Parameters
    ----------
    summary : mapping
        As `debye.analysis.analyse` writes it.

    Returns
    -------
    list of str
        Three sentences; one is left out where its number does not exist.
    """
    figures = summary["figures"][NETWORK][EVERY]
    return [
        sentence
        for sentence in (_size(figures), _place(figures, summary), _floor(summary))
        if sentence is not None
    ]


def _size(figures: Mapping[str, Any]) -> str:
    every = figures["all"]
    median, most = (_shown(name, every[name]) for name in ("relative_l2_median", "relative_l2_95"))
    return f"Half of the samples are wrong by less than {median} (relative L2), 95 % by less than {most}."


def _place(figures: Mapping[str, Any], summary: Mapping[str, Any]) -> str | None:
    excess = figures["interface_excess"]
    if excess is None:
        return None
    band, share = summary["settings"]["interface_band"], figures["interface"]
    held = (
        f"the {_shown('node_share', share['node_share'])} of the nodes within {band:g} cells of it hold "
        f"{_shown('error_share', share['error_share'])} of the squared error"
    )
    if excess > EVEN:
        place = "The error sits at the interface"
    elif excess < 1 / EVEN:
        place = "The error does not sit at the interface"
    else:
        place = "The error is about even"
    text = f"{place}: RMSE in the interface band is {excess:.2g} times that of the bulk, and {held}."
    near, interface = figures["near_charges"]["rmse"], figures["interface"]["rmse"]
    if near is not None and near > EVEN * max(interface, figures["bulk"]["rmse"]):
        text += f" It is largest near the charges: {near / figures['bulk']['rmse']:.2g} times the bulk."
    return text


def _floor(summary: Mapping[str, Any]) -> str | None:
    figures, floor = (summary["figures"][of][EVERY] for of in (NETWORK, FLOOR))
    ratio = figures["all"]["floor_ratio"]
    if ratio is None:
        return None
    shown = _shown("floor_ratio", ratio).removesuffix(" ×")
    text = (
        f"The RMSE is {shown} times the label floor "
        f"({_shown('rmse', figures['all']['rmse'])} against {_shown('rmse', floor['all']['rmse'])} kT/e)"
    )
    if ratio < NEAR_FLOOR:
        return f"{text}: these labels have little left to teach."
    return f"{text}: the labels are not what limits the network."


def _shown(name: str, value: float | None) -> str:
    return DEFINITIONS[name].show(value)
