"""Debye: data factory and surrogate solver for the Poisson-Boltzmann equation."""

from debye.errors import ChargeError, ConfigError, DebyeError, FormatError, GeometryError, SolveError
from debye.parameters import Grid, Medium, Solver
from debye.physics.charges import PointCharges
from debye.physics.export import Assembled, assemble
from debye.physics.interface import Interface
from debye.physics.molecule import Molecule
from debye.physics.problem import Problem, load_problem
from debye.physics.shapes import Ball, Ellipsoid, Star
from debye.physics.solution import Solution
from debye.physics.solve import solve, solve_many
from debye.provenance import version
from debye.store import open_dataset

__version__ = version()

__all__ = [
    "Assembled",
    "Ball",
    "ChargeError",
    "ConfigError",
    "DebyeError",
    "Ellipsoid",
    "FormatError",
    "GeometryError",
    "Grid",
    "Interface",
    "Medium",
    "Molecule",
    "PointCharges",
    "Problem",
    "Solution",
    "SolveError",
    "Solver",
    "Star",
    "assemble",
    "load_problem",
    "open_dataset",
    "solve",
    "solve_many",
]
