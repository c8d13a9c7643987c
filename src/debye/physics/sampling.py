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
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from debye import schema
from debye.errors import DebyeError, GeometryError, SolveError, explain
from debye.families import Family
from debye.frozen import ShardSlice
from debye.parameters import Grid
from debye.physics.charges import PointCharges
from debye.physics.depth import distance_inside
from debye.physics.drawing import draw_shape, parameter_names, parameter_row
from debye.physics.problem import Problem
from debye.physics.shapes import Shape
from debye.physics.solution import Solution, sample_content
from debye.physics.solve import Prepared, prepare
from debye.progress import track
from debye.seeds import generator
from debye.streaming import streamed
from debye.threads import one_thread

Floats = NDArray[np.float64]
log = logging.getLogger("debye")

MOST_POSITIONS = 500
"""Positions drawn for one charge after which the shape counts as too small for the clearance."""

AHEAD = 8
"""Positions that a shape is asked about at once."""

AT_ONCE = 16
"""Charge sets on one shape that are drawn and solved together, and so the samples that are held at once."""


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
    count = int(random.integers(sampling.count[0], sampling.count[1] + 1))
    positions: list[Floats] = []
    rejected = 0
    places = _places(shape, grid, random)
    while len(positions) < count:
        for _ in range(MOST_POSITIONS):
            point, depth = next(places)
            if depth >= sampling.clearance:
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


def _places(shape: Shape, grid: Grid, random: np.random.Generator) -> Iterator[tuple[Floats, float]]:
    """Positions uniform in a shape's bounds and how deep they lie: drawn one by one, but looked at some ahead."""
    low, high = shape.bounds
    while True:
        state = random.bit_generator.state
        points = random.uniform(low, high, (AHEAD, len(low)))
        depths = distance_inside(shape, points, grid.spacing)
        # The stream moves on by what is taken, so that the next draws do not depend on `AHEAD`.
        random.bit_generator.state = state
        for point, depth in zip(points, depths, strict=True):
            random.random(len(low))
            yield point, float(depth)


def samples(part: ShardSlice, seed: int, indices: range) -> Iterator[Draw]:
    """Draw and solve the samples with the given indices.

    Parameters
    ----------
    part : ShardSlice
        Split, family and everything that the solution depends on.
    seed : int
        Seed of the shard.
    indices : range
        Which samples of that seed, in rising order.

    Yields
    ------
    Draw
        In the order of `indices`.

    Raises
    ------
    DebyeError
        If a sample is refused `max_draws` times.
    """
    for group, members in groupby(indices, lambda index: index // part.charges_per_shape):
        yield from _samples_of_shape(part, seed, group, list(members))


def _samples_of_shape(part: ShardSlice, seed: int, group: int, members: list[int]) -> Iterator[Draw]:
    prepared, shapes, positions = _draw_prepared(part, seed, group)
    for start in range(0, len(members), AT_ONCE):
        # What a shape's own draws refused stands with the first of its samples, so that sums count it once.
        yield from _draw_block(part, prepared, seed, members[start : start + AT_ONCE], shapes, positions)
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
        try:
            shape = draw_shape(part.family, equation.grid.dim, random)
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


def _draw_block(
    part: ShardSlice, prepared: Prepared, seed: int, indices: list[int], shapes: int, positions: int
) -> list[Draw]:
    """Samples of one shape, solved together; those refused are drawn again, each from its own next stream.

    `shapes` and `positions` were refused before the first of them.
    """
    shape, grid = prepared.problem.solute, part.equation.grid
    accepted: dict[int, Solution] = {}
    refused_positions = dict.fromkeys(indices, 0) | {indices[0]: positions}
    refused_solves = dict.fromkeys(indices, 0)
    reason: DebyeError | None = None
    for attempt in range(part.max_draws):
        drawn: dict[int, PointCharges] = {}
        for index in indices:
            if index in accepted:
                continue
            random = generator(*_words(part, seed), "charges", index, attempt)
            try:
                drawn[index], refused = draw_charges(shape, part.family, grid, random)
            except NoRoomError as error:
                refused, reason = error.refused, error
                log.info("%s seed %d sample %d: refused: %s", part.geometry, seed, index, error)
            refused_positions[index] += refused
        for index, outcome in zip(drawn, _solve_block(prepared, list(drawn.values())), strict=True):
            if isinstance(outcome, Solution):
                accepted[index] = outcome
                continue
            refused_solves[index], reason = refused_solves[index] + 1, outcome
            log.info("%s seed %d sample %d: refused: %s", part.geometry, seed, index, outcome)
        if len(accepted) == len(indices):
            return [
                Draw(
                    accepted[index],
                    index,
                    shapes if index == indices[0] else 0,
                    refused_positions[index],
                    refused_solves[index],
                )
                for index in indices
            ]
    refused_sample = next(index for index in indices if index not in accepted)
    raise _given_up(part, f"seed {seed}, sample {refused_sample}", reason)


def _solve_block(prepared: Prepared, charge_sets: list[PointCharges]) -> list[Solution | SolveError]:
    """Solutions of charge sets on one shape, in order; the error in the place of one that did not converge."""
    outcomes: list[Solution | SolveError] = []
    for charges in charge_sets:
        try:
            outcomes.append(prepared.solve(charges))
        except SolveError as error:
            outcomes.append(error)
    return outcomes


def _given_up(part: ShardSlice, which: str, reason: DebyeError | None) -> DebyeError:
    return GeometryError(
        explain(f"family {part.geometry}, {which}", f"{part.max_draws} refused draws (the last: {reason})",
                "a draw that is accepted", "narrow the family's ranges or refine the grid")
    )  # fmt: skip


def make_shard(part: ShardSlice, seed: int, out: Path) -> None:
    """Draw, solve and write the samples 0 … samples-1 of a seed; the file appears whole or not at all.

    Each sample goes to disk when it is solved, so that memory does not grow with the length of the shard, but for the
    numbers beside the fields.

    Raises
    ------
    DebyeError
        If a sample is refused `max_draws` times.
    """
    which = f"{part.split}/{part.geometry}/seed{seed}"
    grid, most = part.equation.grid, part.family.charges.count[1]
    parameters = parameter_names(part.family, grid.dim)
    attributes = schema.root_attributes(
        f"Debye shard {which}", part.model_dump_json(), part.code, {part.geometry: parameters}
    )
    sizes = {"sample": part.samples, "charge": most, "parameter": len(parameters)}
    # `map` lets go of a draw before it asks for the next: no discretisation is held while another is set up.
    contents = map(partial(_content, part, seed, parameters), samples(part, seed, range(part.samples)))
    with one_thread(), streamed(out, grid, sizes, attributes) as put:
        for content in track(contents, part.samples, which):
            put(content)


def _content(part: ShardSlice, seed: int, parameters: list[str], draw: Draw) -> dict[str, Any]:
    """Arrays of one sample of a shard, its charges padded to the family's most."""
    return sample_content(draw.solution, part.family.charges.count[1]) | {
        "geometry": [part.geometry],
        "geometry_parameter": [parameter_row(draw.solution.problem.solute, parameters)],
        "seed": [seed],
        "index": [draw.index],
        "rejected_shapes": [draw.rejected_shapes],
        "rejected_charges": [draw.rejected_charges],
        "rejected_solves": [draw.rejected_solves],
    }
