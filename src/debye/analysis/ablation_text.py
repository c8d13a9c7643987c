"""The ablation's table: what a figure becomes when one ingredient of a network is changed.

`ablation.json` holds `{"factors": [...]}`, each with `name`, `what` (what it asks), `base` and `variant` in words, and
`metric`: name of a figure → its values with the variant, one for each seed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from debye.analysis.definitions import DEFINITIONS
from debye.analysis.leaderboard_text import Table
from debye.errors import FormatError, explain


def read_ablation(folder: Path) -> Table:
    """Read the table of an ablation: a row for each factor, its figures as median and range over the seeds.

    Raises
    ------
    FormatError
        If the file is missing or not what it should be.
    """
    path = folder / "ablation.json"
    try:
        factors = json.loads(path.read_text(encoding="utf-8"))["factors"]
        names = list(dict.fromkeys(name for one in factors for name in one["metric"]))
        rows = tuple(
            (*(str(one[key]) for key in ("name", "what", "base", "variant")), *_cells(one["metric"], names))
            for one in factors
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = " ".join(str(error).split())
        raise FormatError(explain(str(path), found, "an ablation", "run the workflow again")) from None
    titles = (DEFINITIONS[name].title if name in DEFINITIONS else name.replace("_", " ") for name in names)
    return Table(("factor", "what it asks", "base", "variant", *titles), rows)


def _cells(metric: dict[str, list[float]], names: list[str]) -> list[str]:
    return [_cell(name, metric.get(name, [])) for name in names]


def _cell(name: str, values: list[float]) -> str:
    """Median over the seeds, with the range where there are several."""
    if not values:
        return "–"
    show: Any = DEFINITIONS[name].show if name in DEFINITIONS else "{:.3g}".format
    middle, low, high = (show(float(of(values))) for of in (np.median, np.min, np.max))
    return middle if len(values) == 1 else f"{middle} ({low} to {high}; {len(values)} seeds)"
