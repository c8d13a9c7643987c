"""Error beside time: Debye and its peers on the same problems, in one run, taking turns.

`python benchmarks/solver.py` writes benchmarks/results/solver.md (tables), solver.json (all numbers, the machine) and
solver.svg (the figure); `--quick` takes minutes and writes nothing unless asked. Every method has one thread. Times are
medians over rounds in which all methods run once each, so that what disturbs the machine disturbs all. The unit beside
milliseconds is one Poisson solve by fast sine transforms, timed in the same rounds. What each method is:
benchmarks/README.md.
"""

from __future__ import annotations

import os

for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    # Before any library reads them.
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import argparse  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import solver_report as report  # noqa: E402
from apbs import find_apbs  # noqa: E402
from solver_ball import CASES, ball_runs  # noqa: E402
from solver_cases import COMMON, REFERENCES, Case, all_cases  # noqa: E402
from solver_memory import measure  # noqa: E402
from solver_methods import SETS, Outcome, entries  # noqa: E402

RESULTS = Path(__file__).parent / "results"
FAMILIES = ("debye", "fitted", "cut", "skfem", "pyamg", "apbs")
UNIT = 128
"""N whose DST solve is the unit of methods without a grid in 2-D."""
CUBE = 64
"""The same in 3-D."""
LONG = 10.0
"""s: what takes longer runs three times, not in every round."""
ON_A_GRID = (
    "debye", "amortised", "debye 4", "amortised 4", "cut", "pyamg", "dst", "apbs mol", "apbs smol"
)  # fmt: skip
"""Families whose size is an N, so that the DST solve of that N is a unit for them."""
PANELS = {
    "disc": "Disc, linear", "star": "Star, linear", "star sinh": "Star, sinh",
    "charge at 0.75 R": "Ball, charge at 0.75 R, N³ cells",
}  # fmt: skip


@dataclass
class Track:
    """One method on one problem, and its rounds so far."""

    case: str
    method: str
    family: str
    size: int
    run: Callable[[], Outcome]
    check: Callable[[Outcome], dict[str, float]]
    outcomes: list[Outcome] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    def turn(self) -> None:
        """Run once; the first time, take the errors too. A method that fails says so and is not run again."""
        if self.failure or (len(self.outcomes) >= 3 and self.outcomes[0].total > LONG):
            return
        gc.collect()
        try:
            found = self.run()
            if found.values and not self.errors:
                self.errors = self.check(found)
        except Exception as error:
            # A peer's failure must not lose the others' figures.
            self.failure = f"{self.case}, {self.method}, N = {self.size}: {type(error).__name__}: {error}"
            print(self.failure, file=sys.stderr, flush=True)
            return
        found.values = None
        self.outcomes.append(found)

    def row(self) -> dict[str, Any]:
        """Medians over the rounds."""
        totals = [outcome.total for outcome in self.outcomes]
        middle = statistics.median(totals)

        def medians(parts: list[dict[str, float]]) -> dict[str, float]:
            names = dict.fromkeys(name for part in parts for name in part)
            return {name: statistics.median(part.get(name, 0.0) for part in parts) for name in names}

        return {
            "case": self.case, "method": self.method, "family": self.family, "size": self.size,
            "unknowns": self.outcomes[0].unknowns, "seconds": middle, "least": min(totals),
            "spread": statistics.median(abs(total - middle) for total in totals) / middle,
            "phases": medians([outcome.seconds for outcome in self.outcomes]),
            "apart": medians([outcome.apart for outcome in self.outcomes]), "rounds": len(totals),
        } | self.errors  # fmt: skip


def check_plane(case: Case, outcome: Outcome) -> dict[str, float]:
    """Errors at the common nodes."""
    return case.errors(outcome.values(case.nodes(COMMON)))


def run_plane(entry: Any, case: Case) -> Outcome:
    """One run in 2-D; for NGSolve also the sampling at 129² nodes, apart, its look-up shared by charge sets."""
    outcome = entry.run(case)
    if entry.family in ("fitted", "fitted amortised", "cut"):
        nodes = case.nodes(report.SAMPLED)
        times = []
        for _ in range(2 if entry.family == "fitted amortised" else 1):
            start = time.perf_counter()
            outcome.values(nodes)
            times.append(time.perf_counter() - start)
        outcome.apart[report.AT_NODES] = (times[0] + (SETS - 1) * times[1]) / SETS if times[1:] else times[0]
    return outcome


def tracks(chosen: argparse.Namespace) -> tuple[list[Track], list[str], str | None]:
    """All that will be run, and a line for all that will not."""
    found, missing = [], []
    methods, missing = entries(chosen.cells, chosen.only, chosen.quick)
    for case in all_cases().values():
        if case.name not in chosen.cases:
            continue
        if case.expected is None:
            missing.append(f"{case.name}: left out, {REFERENCES.name} holds no reference (--make-reference)")
            continue
        for entry in methods:
            if entry.family == "cut" and case.medium.ions == "nonlinear" and entry.size > 256:
                missing.append(
                    f"{case.name}, {entry.method}, N = {entry.size}: left out, a minute for one solve"
                )
                continue
            if entry.family == "pyamg" and case.name != next(iter(chosen.cases)):
                # It knows no interface: once is enough.
                continue
            run, check = partial(run_plane, entry, case), partial(check_plane, case)
            found.append(Track(case.name, entry.method, entry.family, entry.size, run, check))
    program = None
    if "apbs" in chosen.only:
        try:
            program = find_apbs(None)
        except SystemExit as error:
            missing.append(f"APBS: left out, {error}")
    for case_name, method, family, size, run in ball_runs([n + 1 for n in chosen.cubes], program):
        if case_name in chosen.cases and (family != "debye" or "debye" in chosen.only):
            found.append(Track(case_name, method, family, size, run, lambda outcome: outcome.values(None)))
    return found, missing, program


def units(rows: list[dict[str, Any]]) -> dict[tuple[bool, int], float]:
    """Seconds of a DST solve by whether it is in 3-D, and N: the median of all problems' medians."""
    found: dict[tuple[bool, int], list[float]] = {}
    for row in rows:
        if row["family"] == "dst":
            found.setdefault((row["case"] in CASES, row["size"]), []).append(row["seconds"])
    return {key: statistics.median(values) for key, values in found.items()}


def with_units(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their times in DST solves: of the same N for methods on the grid, and of one N for all."""
    solves = units(rows)
    for row in rows:
        row["dst unit"] = row["seconds"] / reference_unit(solves, row["case"])
        same = solves.get((row["case"] in CASES, row["size"]))
        if same and row["family"] in ON_A_GRID:
            row["dst same"] = row["seconds"] / same
    return rows


def reference_unit(solves: dict[tuple[bool, int], float], case: str) -> float:
    """Seconds of the problem's unit: N = 128 in 2-D, 64 in 3-D, or the largest there is."""
    sizes = {size: seconds for (three, size), seconds in solves.items() if three == (case in CASES)}
    return sizes.get(CUBE if case in CASES else UNIT, sizes[max(sizes)])


def document(
    rows: list[dict[str, Any]], memory: list[dict[str, Any]], notes: list[str], where: dict[str, Any]
) -> str:
    """The tables."""
    versions = ", ".join(f"{name} {number}" for name, number in where["packages"].items())
    lines = [
        "# Error beside time", "",
        f"Made by `{where['command']}` on {where['date']}, commit {where['commit']}: {where['processor']}, "
        f"{where['cores']} cores, load {where['load'][0]} before and {where['load after'][0]} after, "
        f"{where['system']}, "
        f"Python {where['python']}; {versions}. One thread. How to read it: benchmarks/README.md.", "",
    ]  # fmt: skip
    lines += [f"- {note}" for note in notes] + [""] * bool(notes)
    for case in dict.fromkeys(row["case"] for row in rows):
        here = [row for row in rows if row["case"] == case]
        lines += [f"## {case}", "", "Least time to an error, relative L2 on the worse side of Γ:", ""]
        lines += [report.front(here, report.BALL if "energy" in here[0] else report.PLANE), ""]
        if "energy" in here[0]:
            lines += [
                "Least time to an error of the energy:",
                "",
                report.front(here, report.ENERGY, "energy"),
                "",
            ]
        lines += [report.table(here), ""]
    if memory:
        lines += ["## Peak memory of a process that solves once", "", report.memory_table(memory), ""]
    return "\n".join(lines)


def make_reference() -> None:
    """Reference w of the stars: NGSolve, curved P7, which agrees with P6 on the same mesh and a coarser one."""
    import peers_ngsolve

    made: dict[str, Any] = {"command": "python benchmarks/solver.py --make-reference"}
    for name in ("star", "star sinh"):
        case = all_cases()[name]
        nodes, found = case.nodes(COMMON), {}
        for order, size in ((6, 32), (6, 48), (7, 48)):
            method = peers_ngsolve.Fitted(order, grading=1.0, smoothing=3, knots=800)
            found[order, size] = method.run(case, size)[1](nodes)
        best = found[7, 48]
        for which, w in found.items():
            for side, where in (("solute", nodes.solute), ("solvent", ~nodes.solute)):
                gap = float(np.abs(w - best)[where].max() / np.abs(best[where]).max())
                print(f"{name}, {side}: P{which[0]}, N = {which[1]} differs by {gap:.1e}")
        made[name] = best
    np.savez_compressed(REFERENCES, **made)


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    cases = [*all_cases(), "Born ion", "charge at 0.75 R"]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--only", nargs="+", choices=FAMILIES, default=list(FAMILIES), help="methods, default all"
    )
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases, help="problems, default all")
    parser.add_argument(
        "--cells", type=int, nargs="+", help="N in 2-D, multiples of 32; default 64 96 128 160 192 256 512"
    )
    parser.add_argument(
        "--cubes", type=int, nargs="+", help="N in 3-D; default 32 48 64; APBS takes multiples of 32"
    )
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--quick", action="store_true", help="two rounds, small sizes: does it run?")
    parser.add_argument("--no-memory", action="store_true", help="leave out the table of memory")
    parser.add_argument("--figure", type=Path, help="SVG, PDF or PNG; default results/solver.svg")
    parser.add_argument("--out", type=Path, help="JSON; the tables go beside it; default results/solver.json")
    parser.add_argument("--make-reference", action="store_true", help="make the stars' references and end")
    chosen = parser.parse_args(words)
    chosen.cells = chosen.cells or ([64, 128] if chosen.quick else [64, 96, 128, 160, 192, 256, 512])
    chosen.cubes = chosen.cubes or ([16, 32] if chosen.quick else [32, 48, 64])
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    if any(n % (COMMON // 2) for n in chosen.cells):
        parser.error(
            f"--cells: multiples of {COMMON // 2}, whose nodes contain a quarter of those of errors at least"
        )
    if not chosen.quick:
        chosen.out = chosen.out or RESULTS / "solver.json"
        chosen.figure = chosen.figure or RESULTS / "solver.svg"
    return chosen


def main() -> None:
    """Run the rounds; print and write what they gave."""
    chosen = parse()
    if chosen.make_reference:
        make_reference()
        return
    where = report.machine() | {"command": " ".join(["python benchmarks/solver.py", *sys.argv[1:]])}
    todo, notes, program = tracks(chosen)
    for track in todo:
        # What is loaded and compiled on the first call is nobody's time, but it does not show in a long one.
        track.turn()
        if track.outcomes and track.outcomes[0].total <= LONG:
            track.outcomes.clear()
    for number in range(chosen.rounds):
        start = time.perf_counter()
        for track in todo:
            track.turn()
        print(f"round {number + 1}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    notes += [track.failure for track in todo if track.failure]
    rows = with_units([track.row() for track in todo if track.outcomes])
    memory = [] if chosen.no_memory else measure(
        [n for n in chosen.cells if n in (128, 256, 512)], [max(chosen.cubes)], chosen.only, program
    )  # fmt: skip
    where["load after"] = report.machine()["load"]
    text = document(rows, memory, notes, where)
    print(text)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": where, "notes": notes, "rows": rows, "memory": memory}
        chosen.out.write_text(json.dumps(content, indent=1) + "\n")
        chosen.out.with_suffix(".md").write_text(text)
    if chosen.figure:
        solves = units(rows)
        known = {row["case"] for row in rows}
        scale = {case: reference_unit(solves, case) for case in PANELS if case in known}
        report.draw(rows, PANELS, scale, chosen.figure)


if __name__ == "__main__":
    main()
