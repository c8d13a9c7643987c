"""The page's tables of errors: by family, by region across networks, and by region of one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from debye.analysis.definitions import BY_REGION, DEFINITIONS, EVERY, FLOOR, NETWORK, ON_FLOOR
from debye.analysis.leaderboard_text import Table

SHARES = ("error_share", "node_share")

COMPARED = ("rmse", "floor_ratio", "error_share")
"""Figures that are compared across networks region by region."""


def family_rows(summaries: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Figures of each family over all nodes.

    Parameters
    ----------
    summaries : sequence of mapping
        One for each network, as `debye.analysis.analyse` writes them.

    Returns
    -------
    dict
        Family → rows: every network, every network on the samples of the floor, the floor.
    """
    columns = [(of, one) for of in (NETWORK, ON_FLOOR) for one in summaries] + [(FLOOR, summaries[0])]
    return {
        family: [_row(one["figures"][of][family], of, str(one["model"])) for of, one in columns]
        for family in summaries[0]["figures"][NETWORK]
    }


def _row(figures: Mapping[str, Any], of: str, model: str) -> dict[str, Any]:
    return {
        "name": {NETWORK: model, ON_FLOOR: f"{model}, floor's samples", FLOOR: FLOOR}[of],
        "of": of,
        "samples": figures["samples"],
        "values": [DEFINITIONS[name].show(figures["all"].get(name)) for name in BY_REGION]
        + [DEFINITIONS["interface_excess"].show(figures["interface_excess"])],
    }


def region_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures of one network by region, over all families; error over label floor over the samples of the floor."""
    network, on_floor = (summary["figures"][of][EVERY] for of in (NETWORK, ON_FLOOR))
    return [
        {
            "region": region,
            "formula": formula,
            "values": [
                DEFINITIONS[name].show((on_floor if name == "floor_ratio" else network)[region][name])
                for name in (*BY_REGION, *SHARES)
            ],
        }
        for region, formula in summary["regions"].items()
    ]


def region_table(summaries: Sequence[Mapping[str, Any]], name: str) -> Table:
    """One figure in every region, over all families: a row for each network, and the label floor where it has one.

    Parameters
    ----------
    summaries : sequence of mapping
        One for each network.
    name : str
        Figure, see `debye.analysis.definitions`.
    """
    of = ON_FLOOR if name == "floor_ratio" else NETWORK
    regions = tuple(summaries[0]["regions"])
    lines = [(str(one["model"]), one["figures"][of][EVERY]) for one in summaries]
    if name != "floor_ratio":
        lines.append((FLOOR, summaries[0]["figures"][FLOOR][EVERY]))
    shares = len(regions) * ("",)
    if name == "error_share":
        first = summaries[0]["figures"][NETWORK][EVERY]
        shares = tuple(
            f", {DEFINITIONS['node_share'].show(first[region]['node_share'])} of the nodes"
            for region in regions
        )
    head = [region.replace("_", " ") + share for region, share in zip(regions, shares, strict=True)]
    rows = [
        (model, *(DEFINITIONS[name].show(figures[one].get(name)) for one in regions))
        for model, figures in lines
    ]
    return Table(("network", *head), tuple(rows))


def excess_table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """Interface excess of every network beside what was asked of it, and that of the label floor.

    Parameters
    ----------
    summaries : sequence of mapping
        One for each network.
    """
    shown = DEFINITIONS["interface_excess"].show
    rows = []
    for one in summaries:
        figures = one["figures"]
        network = one["configuration"]["network"]
        excess = (figures[of][EVERY]["interface_excess"] for of in (NETWORK, ON_FLOOR))
        asked = (str(network.get("target", "–")), ", ".join(network.get("shape_channels", ())) or "–")
        loss = _loss(network.get("training", {}).get("loss"))
        rows.append((str(one["model"]), *map(shown, excess), *asked, loss, str(network.get("start") or "–")))
    floor = summaries[0]["figures"][FLOOR][EVERY]["interface_excess"]
    rows.append((FLOOR, "–", shown(floor), "–", "–", "–", "–"))
    head = ("network", "interface excess", "on the floor's samples", "target", "shape", "loss", "starts from")
    return Table(head, tuple(rows))


def _loss(loss: Any) -> str:
    """Terms of a loss with their factors, as in the configuration."""
    if isinstance(loss, Mapping):
        return " + ".join(f"{factor:g} {name}" for name, factor in loss.items())
    return "–" if loss is None else str(loss)
