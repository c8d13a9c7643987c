"""How large must the penalty be? The figures of docs/penalty.md: `python benchmarks/penalty.py [STARS]` (400, minutes).

Three tables: the largest σ that cuts of two neighbouring triangles were seen to ask for, in a random search with equal
shares of energy and γ = 0; how many random stars have an indefinite matrix at a constant σ, without ions; and the
penalty auto against σ = 1 in 3-D.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import sparse

import debye
from debye.config import load_config
from debye.parameters import Grid, Solver
from debye.physics.assembly import discretise
from debye.physics.conditioning import spectrum
from debye.physics.drawing import draw_shape
from debye.physics.exact import ball_regular_potential
from debye.seeds import generator

CONTRASTS = ((2.0, 80.0), (80.0, 2.0), (1.0, 1000.0), (1000.0, 1.0))
CONSTANTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0)


def triangle(corners, lone_cut, other_cut, sign, low, high):
    """An immersed triangle whose first corner has the given sign of ℓ and is alone on its side.

    `corners` (3, 2); ℓ vanishes on the first corner's edges at the shares `lone_cut`, `other_cut` (n,) from it.
    Returns ℓ at the corners, slopes c_i, gradients on T⁻ and T⁺, and the energy matrix.
    """
    a, b, c = corners
    first, second = a + lone_cut[:, None] * (b - a), a + other_cut[:, None] * (c - a)
    along = second - first
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]
    normal *= sign * np.sign(((a - first) * normal).sum(axis=1))[:, None]
    level = np.stack([((corner - first) * normal).sum(axis=1) for corner in corners], axis=1)
    edges = np.linalg.inv(np.stack([b - a, c - a], axis=1))
    gradients = np.stack([-edges.sum(axis=1), edges[:, 0], edges[:, 1]])
    interpolated = np.maximum(level, 0.0) @ gradients
    s = (interpolated * normal).sum(axis=1)
    slope = -(high - low) * (normal @ gradients.T) / (high * (1 - s) + low * s)[:, None]
    below = gradients - slope[:, :, None] * interpolated[:, None]
    above = below + slope[:, :, None] * normal[:, None]
    corner_share = lone_cut * other_cut
    share = np.where(sign < 0, corner_share, 1 - corner_share)
    area = 0.5 * abs(np.linalg.det(np.stack([b - a, c - a])))
    energy = low * share[:, None, None] * (below @ np.swapaxes(below, 1, 2))
    energy += high * (1 - share)[:, None, None] * (above @ np.swapaxes(above, 1, 2))
    return level, slope, below, above, area * energy


SINGULAR = 1e-12
"""Smallest eigenvalue of an energy matrix with unit diagonal below which a draw says nothing about σ."""


def largest_of_pairs(low, high, number):
    """Largest σ of `number` random cuts of each kind of two neighbouring triangles (h = 1), and draws left out."""
    random = generator("benchmark", "pairs")
    pairs = (
        (np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([1.0, 0.0]), np.array([0.0, 1.0])),
        (np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([1.0, 1.0]), np.array([0.0, -1.0])),
    )
    most, skipped = 0.0, 0
    for shared, *apexes in pairs:
        for kind in range(8):
            sign, lone = (-1.0, 1.0)[kind & 1], (kind >> 1 & 1, kind >> 2)
            cut = near_the_ends(random, number)
            sides = []
            for apex, alone in zip(apexes, lone, strict=True):
                corners = np.array([shared[alone], shared[1 - alone], apex])
                found = triangle(
                    corners, 1 - cut if alone else cut, near_the_ends(random, number),
                    -sign if alone else sign, low, high,
                )  # fmt: skip
                order = [1, 0, 2] if alone else [0, 1, 2]
                *vectors, energy = found
                sides.append([*(one[:, order] for one in vectors), energy[:, order][:, :, order]])
            largest, singular = largest_of_kind(shared, cut, sign, sides, low, high)
            most, skipped = max(most, largest), skipped + singular
    return most, skipped


def near_the_ends(random, number):
    """Shares in (0, 1), evenly in the logarithm of the distance to the nearer end, from 5e-6 on."""
    share = 0.5 * 10.0 ** random.uniform(-5, 0, number)
    return np.where(random.random(number) < 0.5, share, 1 - share)


def largest_of_kind(shared, cut, sign, sides, low, high):
    """Largest σ over the cuts of one kind, and the number of cuts whose energy is singular to round-off.

    σ is Φ - (1 - X)²/J over the hinge's square, as in `debye.physics.facets`.
    """
    length = np.linalg.norm(shared[1] - shared[0])
    normal = np.array([shared[1, 1] - shared[0, 1], shared[0, 0] - shared[1, 0]]) / length
    ends = sides[0][0][:, :2]
    scale = (sides[1][0][:, :2] * ends).sum(axis=1) / (ends**2).sum(axis=1)
    # The hinge on the facet is a hat whose tip stands at the cut.
    tip = -np.where(ends[:, 0] > 0, ends[:, 0] * (1 - cut), ends[:, 1] * cut)
    negative = np.where(sign < 0, cut, 1 - cut)
    weights = 0.25 * length * tip * np.stack([low * negative, high * (1 - negative)])
    energy, functionals = np.zeros((len(cut), 4, 4)), np.zeros((len(cut), 4, 2))
    for (_, slope, below, above, own), factor, apex in zip(
        sides, (np.ones_like(scale), -scale), (2, 3), strict=True
    ):
        nodes = np.array([0, 1, apex])
        energy[:, nodes[:, None], nodes] += 0.5 * own
        functionals[:, nodes, 0] += factor[:, None] * slope
        functionals[:, nodes, 1] += weights[0][:, None] * (below @ normal) + weights[1][:, None] * (
            above @ normal
        )
    # Nodes with little energy are no trouble: their rows and columns are brought to a unit diagonal.
    size = np.sqrt(np.einsum("nii->ni", energy[:, 1:, 1:]))
    energy = energy[:, 1:, 1:] / (size[:, :, None] * size[:, None, :])
    regular = np.linalg.eigvalsh(energy)[:, 0] > SINGULAR
    functionals = (functionals[:, 1:] / size[:, :, None])[regular]
    gram = np.swapaxes(functionals, 1, 2) @ np.linalg.solve(energy[regular], functionals)
    tau = gram[:, 1, 1] - (1 - gram[:, 0, 1]) ** 2 / gram[:, 0, 0]
    sigma = tau / (max(low, high) * length * tip[regular] ** 2 / 3)
    return float(sigma.max(initial=0.0)), int((~regular).sum())


def indefinite_stars(stars):
    """Print how many random stars are indefinite at each constant σ."""
    family = load_config(Path(__file__).parents[1] / "config.yaml").families["star"]
    for cells in (32, 64, 128):
        grid = Grid(cells=cells, half_width=16.0)
        for low, high in CONTRASTS:
            medium = debye.Medium(eps_solute=low, eps_solvent=high, debye_length=np.inf, ions="linear")
            bad = dict.fromkeys(CONSTANTS, 0)
            for number in range(stars):
                shape = draw_shape(family, 2, generator("benchmark", "stars", cells, number))
                bare, one = (discretise(grid, shape, medium, penalty) for penalty in (0.0, 1.0))
                inner = bare.interior
                matrices = [sparse.csr_array(each.stiffness[inner][:, inner]) for each in (bare, one)]
                for sigma in CONSTANTS:
                    mixed = sparse.csr_array((1 - sigma) * matrices[0] + sigma * matrices[1])
                    if not spectrum(mixed)["negative_eigenvalues"]:
                        break
                    bad[sigma] += 1
            counts = ", ".join(f"σ = {sigma:g}: {count}" for sigma, count in bad.items() if count) or "none"
            print(f"N = {cells:3d}  {low:g}:{high:g}  of {stars} stars indefinite: {counts}", flush=True)


def in_three_dimensions():
    """Print error and iterations of auto and σ = 1 on a ball in 3-D."""
    charges = debye.PointCharges([[3.0, 1.0, 0.5], [-2.0, -3.0, 1.0], [0.5, 4.0, -1.0]], [1.0, -0.5, 0.8])
    center = np.array([0.3, 0.2, 0.1])
    grid = Grid(cells=32, half_width=12.0, dim=3)
    for low, high in CONTRASTS:
        medium = debye.Medium(eps_solute=low, eps_solvent=high, ions="linear")

        def exact(points, medium=medium):
            return ball_regular_potential(points - center, 7.0, charges, medium)

        moved = debye.PointCharges(charges.positions + center, charges.values)
        problem = debye.Problem(grid, debye.Ball(tuple(center), 7.0), moved, medium, exact)
        reference = exact(grid.points()).reshape(grid.shape)
        for penalty in (0.5, 1.0, "auto"):
            solution = debye.solve(problem, solver=Solver(penalty=penalty), check=False)
            error = np.linalg.norm(solution.regular - reference) / np.linalg.norm(reference)
            report = solution.report
            said = (
                f"error {error:.2e}, {sum(report.cg_iterations)} iterations"
                if report.converged
                else report.outcome
            )
            print(f"3-D, N = 32  {low:g}:{high:g}  penalty {penalty}: {said}", flush=True)


if __name__ == "__main__":
    for pair in ((2.0, 80.0), (80.0, 2.0), (1.0, 1e3), (1e3, 1.0), (1.0, 1e5), (1e5, 1.0)):
        largest, skipped = largest_of_pairs(*pair, 100_000)
        print(
            f"two triangles, {pair[0]:g}:{pair[1]:g}: largest σ found {largest:.2f}; {skipped} of 1.6 million draws "
            "left out, singular to round-off",
            flush=True,
        )
    in_three_dimensions()
    indefinite_stars(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
