"""Random solutes and charges, and the shards made of their solutions.

A sample is a function of (root seed, split, family, seed, index) alone: every draw comes from a stream named by those
words, so shard size, order and worker count do not matter. Consecutive indices share a shape (and its set-up) in
groups of `charges_per_shape`; each has its own charges. A draw that the grid or the solver refuses is counted,
recorded with the sample that replaces it, and drawn again from the next stream of the same name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from debye import schema
from debye.errors import DebyeError, GeometryError, SolveError, explain
from debye.families import BallFamily, EllipsoidFamily, Family, StarFamily
from debye.frozen import ShardSlice
from debye.parameters import Grid
from debye.physics.charges import PointCharges
from debye.physics.depth import distance_inside
from debye.physics.problem import Problem
from debye.physics.shapes import Ball, Ellipsoid, Shape, Star
from debye.physics.solution import Solution, sample_content, shape_parameters
from debye.physics.solve import Prepared, prepare
from debye.progress import track
from debye.seeds import generator
from debye.store import write

Floats = NDArray[np.float64]
log = logging.getLogger("debye")

MOST_POSITIONS = 500
"""Positions drawn for one charge after which the shape counts as too small for the clearance."""


class NoRoomError(GeometryError):
    """A solute in which no place for a charge was found; `refused` positions were drawn."""

    def __init__(self, message: str, refused: int) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class Draw:
    """One accepted sample before it is written."""

    solution: Solution
    index: int
    rejected_shapes: int
    rejected_charges: int
    rejected_solves: int


def draw_shape(family: Family, dim: int, random: np.random.Generator) -> Shape:
    """Draw a shape of a family.

    Parameters
    ----------
    family : BallFamily, EllipsoidFamily or StarFamily
        Ranges; every parameter is uniform in its range.
    dim : int
        Number of space dimensions.
    random : numpy.random.Generator

    Returns
    -------
    Shape
    """
    center = tuple(random.uniform(*family.offset, size=dim))
    if isinstance(family, BallFamily):
        return Ball(center, float(random.uniform(*family.radius)))
    if isinstance(family, EllipsoidFamily):
        longer = float(random.uniform(*family.semi_axis))
        shorter = longer * float(random.uniform(*family.aspect))
        return Ellipsoid(center, (longer, shorter), float(random.uniform(0.0, np.pi)))
    return _draw_star(family, center, random)


def _draw_star(family: StarFamily, center: tuple[float, ...], random: np.random.Generator) -> Star:
    radius = float(random.uniform(*family.radius))
    # High modes are damped like 1/k, so that the curvature does not grow with the number of modes.
    modes = random.uniform(-1.0, 1.0, family.modes) / np.arange(2, family.modes + 2)
    amplitudes = modes * random.uniform(*family.amplitude) / np.abs(modes).sum()
    return Star(center, radius, tuple(amplitudes), tuple(random.uniform(0.0, 2 * np.pi, family.modes)))


def draw_charges(
    shape: Shape, family: Family, grid: Grid, random: np.random.Generator
) -> tuple[PointCharges, int]:
    """Draw charges uniformly in the part of a shape that keeps the clearance.

    Returns
    -------
    charges : PointCharges
    rejected : int
        Positions drawn outside that part.

    Raises
    ------
    NoRoomError
        If `MOST_POSITIONS` draws in a row find no place.
    """
    sampling = family.charges
    low, high = shape.bounds
    count = int(random.integers(sampling.count[0], sampling.count[1] + 1))
    positions: list[Floats] = []
    rejected = 0
    while len(positions) < count:
        for _ in range(MOST_POSITIONS):
            point = random.uniform(low, high)
            if distance_inside(shape, point[None], grid.spacing)[0] >= sampling.clearance:
                positions.append(point)
                break
            rejected += 1
        else:
            raise NoRoomError(
                explain(
                    "solute",
                    f"no place for a charge in {MOST_POSITIONS} draws",
                    f"room {sampling.clearance:g} Å from the interface",
                    "lower the clearance or enlarge the family",
                ),
                rejected,
            )
    values = random.uniform(*sampling.magnitude, size=count) * random.choice([-1.0, 1.0], size=count)
    return PointCharges(np.array(positions), values), rejected


def samples(part: ShardSlice, seed: int, indices: range) -> Iterator[Draw]:
    """Draw and solve the samples with the given indices.

    Parameters
    ----------
    part : ShardSlice
        Split, family and everything that the solution depends on.
    seed : int
        Seed of the shard.
    indices : range
        Which samples of that seed.

    Yields
    ------
    Draw
        In the order of `indices`.

    Raises
    ------
    DebyeError
        If a sample is refused `max_draws` times.
    """
    group, prepared, shapes, positions = -1, None, 0, 0
    for index in indices:
        if index // part.charges_per_shape != group:
            group = index // part.charges_per_shape
            prepared, shapes, positions = _draw_prepared(part, seed, group)
        if prepared is not None:
            yield _draw_sample(part, prepared, seed, index, shapes, positions)
            # What a shape's own draws refused stands with the first of its samples, so that sums count it once.
            shapes, positions = 0, 0


def _words(part: ShardSlice, seed: int) -> tuple[str | int, ...]:
    return (part.root_seed, part.split, part.geometry, seed)


def _draw_prepared(part: ShardSlice, seed: int, group: int) -> tuple[Prepared, int, int]:
    """Shape of a group of samples, set up for solving; how many shapes and trial positions were refused on the way."""
    equation = part.equation
    positions = 0
    reason: DebyeError | None = None
    for attempt in range(part.max_draws):
        random = generator(*_words(part, seed), "shape", group, attempt)
        shape = draw_shape(part.family, equation.grid.dim, random)
        try:
            # Room for charges is a property of the shape: a shape without it is refused here, with all its samples.
            probe = generator(*_words(part, seed), "room", group, attempt)
            charges, refused = draw_charges(shape, part.family, equation.grid, probe)
            positions += refused
            problem = Problem(equation.grid, shape, charges, equation.medium, equation.boundary)
            return prepare(problem, equation.solver), attempt, positions
        except GeometryError as error:
            reason = error
            positions += error.refused if isinstance(error, NoRoomError) else 0
            log.info("%s seed %d shape %d: refused: %s", part.geometry, seed, group, error)
    raise _given_up(part, f"seed {seed}, shape {group}", reason)


def _draw_sample(
    part: ShardSlice, prepared: Prepared, seed: int, index: int, shapes: int, positions: int
) -> Draw:
    """Charges of a sample and its solution; `shapes` and `positions` were refused before."""
    shape, grid = prepared.problem.solute, part.equation.grid
    reason: DebyeError | None = None
    solves = 0
    for attempt in range(part.max_draws):
        random = generator(*_words(part, seed), "charges", index, attempt)
        try:
            charges, refused = draw_charges(shape, part.family, grid, random)
            positions += refused
            solution = prepared.solve(charges)
        except (NoRoomError, SolveError) as error:
            reason = error
            if isinstance(error, NoRoomError):
                positions += error.refused
            else:
                solves += 1
            log.info("%s seed %d sample %d: refused: %s", part.geometry, seed, index, error)
        else:
            return Draw(solution, index, shapes, positions, solves)
    raise _given_up(part, f"seed {seed}, sample {index}", reason)


def _given_up(part: ShardSlice, which: str, reason: DebyeError | None) -> DebyeError:
    return GeometryError(
        explain(f"family {part.geometry}, {which}", f"{part.max_draws} refused draws (the last: {reason})",
                "a draw that is accepted", "narrow the family's ranges or refine the grid")
    )  # fmt: skip


def make_shard(part: ShardSlice, seed: int, out: Path) -> None:
    """Draw, solve and write the samples 0 … samples-1 of a seed; the file appears whole or not at all.

    Raises
    ------
    DebyeError
        If a sample is refused `max_draws` times.
    """
    grid = part.equation.grid
    most = part.family.charges.count[1]
    rows: list[dict[str, Any]] = []
    drawn = samples(part, seed, range(part.samples))
    for draw in track(drawn, part.samples, f"{part.split}/{part.geometry}/seed{seed}"):
        parameters = shape_parameters(draw.solution.problem.solute)
        row = sample_content(draw.solution, most) | {
            "geometry": [part.geometry],
            "geometry_parameter": [list(parameters.values())],
            "seed": [seed],
            "index": [draw.index],
            "rejected_shapes": [draw.rejected_shapes],
            "rejected_charges": [draw.rejected_charges],
            "rejected_solves": [draw.rejected_solves],
        }
        for name in ("regular_potential", "level_set"):
            row[name] = row[name].astype(np.float32)
        rows.append(row)
    content = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    attributes = schema.root_attributes(
        f"Debye shard {part.split}/{part.geometry}/seed{seed}",
        part.model_dump_json(),
        part.code,
        {part.geometry: list(parameters)},
    )
    dataset = schema.build(content, grid, attributes)
    schema.validate(dataset, str(out))
    write(dataset, out)
