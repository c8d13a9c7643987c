"""The leaderboard's two tables, as cells of text for the report and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from debye.analysis.definitions import DEFINITIONS

NOTE = (
    "e = û − u is the same for u and w; its norm is divided by that of the label's u or w. Latency: one problem from "
    "memory to memory, encoding and decoding included; throughput: the best of the batches measured. The solver: one "
    "thread, in the same job; cold with the set-up of a new shape, warm for a further charge set on it."
)

FACTOR_NOTE = (
    "Median relative L2 error of u, and in brackets its ratio to that of the same network on the split `test`, which "
    "has the families, charges and medium of the training. No network was trained on the other splits."
)


@dataclass(frozen=True)
class Table:
    """Cells of text; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def models_table(found: Mapping[str, Any]) -> Table:
    """One row a network: errors on the test split, size, training, time beside the solver's; the best error first."""
    head = (
        "network", "parameters", "multiply-adds", "training", "rel. L2 of u, median", "95 %",
        "rel. L2 of w, median", "RMSE / (kT/e)", "RMSE/range u", "RMSE, interface", "max / (kT/e)",
        "latency", "samples/s", "solver, cold", "warm", "device",
    )  # fmt: skip
    models = {one["model"]: one for one in found["models"]}
    # Ties and networks without a figure keep the order of the configuration.
    ranked = sorted(
        (row for row in found["rows"] if row["split"] == "test"),
        key=lambda row: _or_last(row["total"]["relative_l2_median"]),
    )
    return Table(head, tuple(_model_row(row, models[row["model"]]) for row in ranked))


def _or_last(value: float | None) -> float:
    return float("inf") if value is None else value


def _model_row(row: Mapping[str, Any], model: Mapping[str, Any]) -> tuple[str, ...]:
    total, regular = row["total"], row["regular"]
    training = model["training"]
    start = training.get("start")
    throughput = model["batches"][fastest_batch(model)]["samples_per_second"]
    return (
        row["model"],
        count(model["parameters"]),
        count(model["multiply_adds"]),
        duration(training["seconds"]) + (f" after {start}" if start else ""),
        shown("relative_l2_median", total),
        shown("relative_l2_95", total),
        shown("relative_l2_median", regular),
        shown("rmse", total),
        shown("normalised_rmse", total),
        DEFINITIONS["rmse"].show(total["interface_rmse"]),
        shown("maximum", total),
        duration(model["latency_seconds"]),
        count(throughput),
        duration(model["solver"]["cold_seconds"]),
        duration(model["solver"]["warm_seconds"]),
        str(model["device"]),
    )


def splits_table(found: Mapping[str, Any]) -> Table:
    """One row a split: what it asks, and for each network the median relative error with its factor."""
    models = [one["model"] for one in found["models"]]
    by_place = {(row["model"], row["split"]): row for row in found["rows"]}
    rows = []
    for split in found["splits"]:
        cells = [_factor_cell(by_place[model, split["split"]]) for model in models]
        about = split["about"] or ", ".join(split["families"])
        rows.append((split["split"], about, str(split["samples"]), *cells))
    return Table(("split", "what it asks", "samples", *models), tuple(rows))


def speed_table(found: Mapping[str, Any]) -> Table:
    """One row a network: its time for one problem and its rates, beside the solver's of the same job."""
    batches = sorted({size for one in found["models"] for size in one["batches"]}, key=int)
    head = (
        "network", "latency", *(f"samples/s, batch of {size}" for size in batches), "solver, cold", "solver, warm",
        "best rate over solver, cold", "best rate over solver, warm", "training", "machine of the training",
        "machine of the times",
    )  # fmt: skip
    rows = []
    for one in found["models"]:
        rates = {size: one["batches"].get(size, {}).get("samples_per_second") for size in batches}
        best = rates[fastest_batch(one)] or 0.0
        solver = [one["solver"][f"{name}_seconds"] for name in ("cold", "warm")]
        rows.append(
            (
                one["model"],
                duration(one["latency_seconds"]),
                *("–" if rate is None else count(rate) for rate in rates.values()),
                *map(duration, solver),
                *(DEFINITIONS["floor_ratio"].show(best * seconds) for seconds in solver),
                duration(one["training"]["seconds"]),
                str(one["training"]["device"]),
                str(one["device"]),
            )
        )
    return Table(head, tuple(rows))


def _factor_cell(row: Mapping[str, Any]) -> str:
    error = shown("relative_l2_median", row["total"])
    factor = row["factor"]["total"]
    return error if row["split"] == "test" or factor is None else f"{error} ({factor:.2g} ×)"


def as_csv(found: Mapping[str, Any]) -> str:
    """One line for each network and split, with everything that is known of the two."""
    models = {one["model"]: one for one in found["models"]}
    lines = [_flat(row, models[row["model"]]) for row in found["rows"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _flat(row: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {name: row[name] for name in ("model", "split", "samples", "medium_differs")}
    for of in ("total", "regular"):
        line |= {f"{of}_{name}": value for name, value in row[of].items()}
        line[f"{of}_factor"] = row["factor"][of]
    batch = fastest_batch(model)
    return line | {
        "parameters": model["parameters"],
        "multiply_adds": model["multiply_adds"],
        "training_seconds": model["training"]["seconds"],
        "latency_seconds": model["latency_seconds"],
        "samples_per_second": model["batches"][batch]["samples_per_second"],
        "batch": int(batch),
        "solver_cold_seconds": model["solver"]["cold_seconds"],
        "solver_warm_seconds": model["solver"]["warm_seconds"],
        "device": model["device"],
        "threads": model["threads"],
    }


def fastest_batch(model: Mapping[str, Any]) -> str:
    """Samples at once that give a network's highest throughput, as the leaderboard names them."""
    speed: dict[str, float] = {size: one["samples_per_second"] for size, one in model["batches"].items()}
    return max(speed, key=speed.__getitem__)


def markdown(found: Mapping[str, Any]) -> str:
    """Both tables with what their numbers mean."""
    parts = [
        "# Leaderboard",
        "## Networks on the test split",
        as_markdown(models_table(found)),
        NOTE,
        "## Test sets",
        as_markdown(splits_table(found)),
        FACTOR_NOTE,
        f"{found['source']}, {found['date']}",
    ]
    return "\n\n".join(parts) + "\n"


def as_markdown(table: Table) -> str:
    """Table in Markdown."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    rule = "|" + "---|" * len(table.head)
    return "\n".join([line(table.head), rule, *map(line, table.rows)])


def shown(name: str, errors: Mapping[str, Any]) -> str:
    """Value of a figure as its definition says."""
    return DEFINITIONS[name].show(errors[name])


def duration(seconds: float) -> str:
    """Time with three digits, in the unit that suits it.

    Examples
    --------
    >>> [duration(seconds) for seconds in (0.00123, 0.25, 12.0, 1200.0, 36000.0)]
    ['1.23 ms', '250 ms', '12 s', '20 min', '10 h']
    """
    for unit, size, most in (("ms", 1e-3, 1.0), ("s", 1.0, 600.0), ("min", 60.0, 36000.0)):
        if seconds < most:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 3600.0:.3g} h"


def count(number: float) -> str:
    """Number of things with three digits.

    Examples
    --------
    >>> [count(number) for number in (812, 76_543, 50_123_456, 1.2e9)]
    ['812', '76.5 k', '50.1 M', '1.2 G']
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"
