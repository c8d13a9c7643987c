"""The ablation's two tables, as cells of text for the report, as Markdown and as CSV, and its finding in a sentence."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from debye.ablation import BASE
from debye.analysis.definitions import DEFINITIONS, Definition
from debye.analysis.leaderboard_text import Table, as_markdown
from debye.errors import FormatError, explain

FIGURES: dict[str, tuple[str, Definition]] = {
    "interface_excess": ("interface excess", DEFINITIONS["interface_excess"]),
    "interface_rmse": ("RMSE, interface / (kT/e)", DEFINITIONS["rmse"]),
    "bulk_rmse": ("RMSE, bulk / (kT/e)", DEFINITIONS["rmse"]),
    "relative_l2_median": ("rel. L2 of u, median", DEFINITIONS["relative_l2_median"]),
}
"""Figure → title in the tables, and the definition by which it is shown."""

NOTE = (
    "Mean over the seeds of the training and, in brackets, the two-sided 95 % interval of the mean after Student: it "
    "tells of seeds, not of other samples. A change is the mean difference from the base, seed by seed; it is "
    "separable from 0 where its interval does not hold 0. The interface excess is the RMSE over the interface band "
    "divided by that over the bulk, so it also falls where the bulk becomes worse. A grid of its own stands twice: "
    "with regions of as many cells, and of as many Å, as on the grid of the base; only the latter compares the same "
    "parts of space."
)


def figures_table(found: Mapping[str, Any]) -> Table:
    """One row for each variant and kind of regions: its figures."""
    head = ("variant", "what it asks", "grid", "interface band", *(title for title, _ in FIGURES.values()))
    return Table(head, tuple(_figures_row(row) for row in found["rows"]))


def _figures_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    cells = [shown(definition, row["figures"][name]) for name, (_, definition) in FIGURES.items()]
    grid = f"{row['cells']} cells"
    if row["same_problems"] < row["samples"]:
        grid += f" ({row['same_problems']} of {row['samples']} problems those of the base)"
    return (name_of(row), row["about"] or "–", grid, f"|φ| < {row['widths']['interface_band']:g} Å", *cells)


def changes_table(found: Mapping[str, Any]) -> Table:
    """One row for each variant and kind of regions: its changes against the base, and whether they are any."""
    head = ("variant", "change", *(title for title, _ in FIGURES.values()))
    rows = []
    for row in found["rows"]:
        if row["variant"] == BASE:
            continue
        cells = [
            f"{shown(definition, row['against_base'][name], signed=True)}; separable from 0: "
            f"{'yes' if row['against_base'][name]['separable'] else 'no'}"
            for name, (_, definition) in FIGURES.items()
        ]
        rows.append((name_of(row), row["change"], *cells))
    return Table(head, tuple(rows))


def name_of(row: Mapping[str, Any]) -> str:
    """Name of a row: the variant's, and which regions it is about where there are two."""
    return str(row["variant"]) + (", regions in Å as the base's" if row["regions"] == "length" else "")


def shown(definition: Definition, one: Mapping[str, Any], *, signed: bool = False) -> str:
    """Mean with its interval as text.

    Examples
    --------
    >>> shown(DEFINITIONS["interface_excess"], {"mean": -1.5, "low": -2.0, "high": -1.0}, signed=True)
    '−1.5 × [−2.0 ×, −1.0 ×]'
    """
    if one["mean"] is None:
        return "–"
    mean, low, high = (
        ("+" if signed and one[name] > 0 else "") + definition.show(one[name]).replace("-", "−", 1)
        for name in ("mean", "low", "high")
    )
    return f"{mean} [{low}, {high}]"


def finding(found: Mapping[str, Any]) -> str:
    """Say which change moves the interface excess most, among those that are separable from 0.

    A variant on a grid of its own counts with the regions that are as wide as the base's.
    """
    base = found["rows"][0]
    last = {row["variant"]: row for row in found["rows"] if row["variant"] != BASE}
    seeds = f"{len(found['seeds'])} seeds"
    name = "interface_excess"
    moved = [row for row in last.values() if row["against_base"][name]["separable"]]
    if not moved:
        return (
            f"None of {len(last)} changes moves the interface excess of the base, "
            f"{shown(FIGURES[name][1], base['figures'][name])}, by an amount that {seeds} can tell from 0."
        )
    most = max(moved, key=lambda row: abs(row["against_base"][name]["mean"]))
    ways = []
    for region in ("interface", "bulk"):
        values = [one["figures"][f"{region}_rmse"]["mean"] for one in (base, most)]
        ways.append(" to ".join(map(DEFINITIONS["rmse"].show, values)))
    moves = shown(FIGURES[name][1], most["against_base"][name], signed=True)
    return (
        f"Of {len(last)} changes, {len(moved)} of them separable from 0, {most['variant']} ({most['change']}) moves "
        f"the interface excess most: by {moves} from {DEFINITIONS[name].show(base['figures'][name]['mean'])}, over "
        f"{seeds}; the RMSE goes from {ways[0]} kT/e in the interface band and from {ways[1]} kT/e in the bulk."
    )


def markdown(found: Mapping[str, Any]) -> str:
    """What was found, both tables, and what their numbers mean."""
    parts = [
        "# Ablation",
        finding(found),
        "## Variants",
        as_markdown(figures_table(found)),
        "## Changes against the base",
        as_markdown(changes_table(found)),
        NOTE,
        f"{found['source']}, {found['date']}",
    ]
    return "\n\n".join(parts) + "\n"


def as_csv(found: Mapping[str, Any]) -> str:
    """One line for each variant, kind of regions and figure."""
    text = io.StringIO()
    about = ("variant", "regions", "change", "split", "cells", "spacing", "samples", "same_problems")
    bounds = ("mean", "low", "high")
    head = [*about, "interface_band", "figure", *bounds, *(f"change_{name}" for name in bounds), "separable"]
    seeds = [f"seed{seed}" for seed in found["seeds"]]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*head, *seeds])
    for row in found["rows"]:
        for name in FIGURES:
            one, other = row["figures"][name], row["against_base"][name]
            cells = [*(row[key] for key in about), row["widths"]["interface_band"], name]
            cells += [*(one[key] for key in bounds), *(other[key] for key in bounds), other["separable"]]
            writer.writerow([*cells, *one["values"]])
    return text.getvalue()


def read_ablation(folder: Path) -> dict[str, Any]:
    """What the report shows of `ablation.json`: a sentence, both tables and the note.

    Raises
    ------
    FormatError
        If the file is missing or not what it should be.
    """
    path = folder / "ablation.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            "finding": finding(found),
            "figures": figures_table(found),
            "changes": changes_table(found),
            "note": NOTE,
        }
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise FormatError(explain(str(path), said, "an ablation", "run the workflow again")) from None
