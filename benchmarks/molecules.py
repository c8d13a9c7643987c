"""Molecules: error of the potential against a finer grid, with and without a probe, and the cost of 300 atoms.

python benchmarks/molecules.py
"""

from __future__ import annotations

import resource
import time

import numpy as np

import debye
from debye.physics.cut import find_cut

FINE = 1024
CELLS = (32, 64, 128, 256)
RING = [[6 * np.cos(t), 6 * np.sin(t)] for t in np.linspace(0, 2 * np.pi, 12, endpoint=False)]
TRIPLE = [[0.0, 0.0], [4.0, 3.0], [-4.0, 3.0]]
CASES = {
    "three atoms, probe 1.4 Å": (debye.Molecule(TRIPLE, [4.0, 2.5, 2.5], 1.4), TRIPLE),
    "ring with a cavity, probe 1.4 Å": (debye.Molecule(RING, [2.0] * 12, 1.4), RING[::4]),
    "two apart, probe 1.4 Å": (debye.Molecule([[-5.0, 0.0], [5.0, 1.0]], [3.0, 2.5], 1.4), [[-5.0, 0.5], [5.1, 1.2]]),
    "three atoms": (debye.Molecule(TRIPLE, [4.0, 2.5, 2.5], 0.0), TRIPLE),
    "ring with a cavity": (debye.Molecule(RING, [2.0] * 12, 0.0), RING[::4]),
    "corners of 128°": (debye.Molecule([[-2.2, 0.0], [2.2, 0.3]], [5.0, 5.0], 0.0), [[-3.0, 0.5], [3.1, 0.2]]),
    "corners of 91°": (debye.Molecule([[-3.5, 0.0], [3.5, 0.3]], [5.0, 5.0], 0.0), [[-3.0, 0.5], [3.1, 0.2]]),
    "corners of 63°": (debye.Molecule([[-4.25, 0.0], [4.25, 0.3]], [5.0, 5.0], 0.0), [[-3.0, 0.5], [3.1, 0.2]]),
}  # fmt: skip


def convergence() -> None:
    """Relative L2 error of w at the nodes, and the order fitted over all grids."""
    print(
        f"{'relative L2 error of w':34s}"
        + "".join(f"{f'N = {cells}':>10s}" for cells in CELLS)
        + "     order"
    )
    for name, (molecule, places) in CASES.items():
        charges = debye.PointCharges(places, [0.05, -0.03, 0.02][: len(places)])

        def solve(cells: int, molecule=molecule, charges=charges) -> np.ndarray:
            grid = debye.Grid(cells=cells, half_width=16.0)
            return debye.solve(debye.Problem(grid, molecule, charges), rtol=1e-9).regular

        fine = solve(FINE)
        errors = []
        for cells in CELLS:
            expected = fine[:: FINE // cells, :: FINE // cells]
            errors.append(np.linalg.norm(solve(cells) - expected) / np.linalg.norm(expected))
        order = -np.polyfit(np.log(CELLS), np.log(errors), 1)[0]
        print(f"{name:34s}" + "".join(f"{error:10.1e}" for error in errors) + f"{order:10.2f}")


def cost(atoms: int = 300, cells: int = 64) -> None:
    """Seconds of the distance at all nodes and of the whole cut, for atoms packed as in a protein."""
    random = np.random.default_rng(1)
    lattice = 2.5 * np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = np.argsort(np.linalg.norm(lattice, axis=1))[:atoms]
    centers = lattice[nearest] + random.normal(0, 0.4, (atoms, 3))
    grid = debye.Grid(cells=cells, half_width=16.0, dim=3)
    points, before = grid.points(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = [time.perf_counter()]
    molecule = debye.Molecule(centers, random.choice([1.2, 1.5, 1.7, 1.8], atoms), 1.4)
    times.append(time.perf_counter())
    molecule(points)
    times.append(time.perf_counter())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    find_cut(grid, molecule)
    times.append(time.perf_counter())
    setup, distance, cut = np.diff(times)
    print(
        f"\n{atoms} atoms, {cells + 1}³ nodes: edges of the surface {setup:.2f} s, distance at all nodes "
        f"{distance:.2f} s and {(peak - before) / 1024:.0f} MB, cut {cut:.1f} s"
    )


if __name__ == "__main__":
    convergence()
    cost()
