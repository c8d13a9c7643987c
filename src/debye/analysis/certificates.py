"""What the networks' certificates were worth on test splits: the table of the report and of the model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from debye.analysis.leaderboard_text import Table
from debye.analysis.leaderboard_types import Part, checked
from debye.errors import FormatError, explain

NOTE = (
    "A prediction's certificate gives an interval for its relative L2 error of u against the solution of the discrete "
    "equation, calibrated on the validation split. Coverage: share of the samples whose error lies in it; of samples "
    "unlike the validation split nothing is promised. Width: upper over lower end, median. Worst: largest ratio of the "
    "error and its estimate. Flagged: share of samples with something out of the ordinary."
)


class Coverage(Part):
    """What was found on a split."""

    samples: int
    coverage: float
    width: float
    error_median: float
    worst: float
    flagged: float


class Certified(Part):
    """What `debye certify` wrote, as far as it is shown."""

    model: str
    checkpoint: str
    nominal: float
    samples: int
    factors: dict[str, float] | None
    splits: dict[str, Coverage]


def read_certificate(path: Path) -> dict[str, Any]:
    """Calibration of a network's certificates.

    Raises
    ------
    FormatError
        If the file is missing or none.
    """
    remedy = "run debye certify, or the workflow, again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        found = " ".join(str(error).split())
        raise FormatError(explain(str(path), found, "what debye certify writes", remedy)) from None
    return checked(Certified, content, str(path), remedy)


def coverage_table(found: Sequence[Mapping[str, Any]], network: bool = True) -> Table:
    """One row for each network and split, or one that says that there is no interval.

    Parameters
    ----------
    found : sequence of mapping
        From `read_certificate`.
    network : bool
        With a column that names the network.
    """
    head = ("network",) * network + (
        "test set", "error of u, median", "coverage", "width", "worst", "flagged"
    )  # fmt: skip
    rows = []
    for one in found:
        name = (str(one["model"]),) * network
        if one["factors"] is None:
            few = f"none: {one['samples']} validation samples give no interval"
            rows.append((*name, few, *("–",) * 5))
        for split, measured in one["splits"].items():
            rows.append(
                (
                    *name,
                    split,
                    f"{100 * measured['error_median']:.3g} %",
                    f"{100 * measured['coverage']:.1f} % of {100 * one['nominal']:g} %",
                    f"{measured['width']:.3g} ×",
                    f"{measured['worst']:.2g} ×",
                    f"{100 * measured['flagged']:.1f} %",
                )
            )
    return Table(head, tuple(rows))
