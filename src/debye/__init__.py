"""Debye: data factory and surrogate solver for the Poisson-Boltzmann equation.

Names come from their modules when they are asked for: every job of the workflow reads the configuration and the frozen
slices with this package, and most have no use for the solver and what it is compiled with.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from debye.provenance import version

if TYPE_CHECKING:
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
    from debye.store import open_dataset
    from debye.surrogate.certificate import Certificate
    from debye.surrogate.prediction import Prediction
    from debye.surrogate.surrogate import Surrogate

__version__ = version()

# What the imports above say, for Python; tests/test_package.py keeps the two in step.
_HOMES = {
    "debye.errors": (
        "ChargeError",
        "ConfigError",
        "DebyeError",
        "FormatError",
        "GeometryError",
        "SolveError",
    ),
    "debye.parameters": ("Grid", "Medium", "Solver"),
    "debye.physics.charges": ("PointCharges",),
    "debye.physics.export": ("Assembled", "assemble"),
    "debye.physics.interface": ("Interface",),
    "debye.physics.molecule": ("Molecule",),
    "debye.physics.problem": ("Problem", "load_problem"),
    "debye.physics.shapes": ("Ball", "Ellipsoid", "Star"),
    "debye.physics.solution": ("Solution",),
    "debye.physics.solve": ("solve", "solve_many"),
    "debye.store": ("open_dataset",),
    "debye.surrogate.certificate": ("Certificate",),
    "debye.surrogate.prediction": ("Prediction",),
    "debye.surrogate.surrogate": ("Surrogate",),
}

__all__ = [
    "Assembled",
    "Ball",
    "Certificate",
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
    "Prediction",
    "Problem",
    "Solution",
    "SolveError",
    "Solver",
    "Star",
    "Surrogate",
    "assemble",
    "load_problem",
    "open_dataset",
    "solve",
    "solve_many",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            # From now on without this function.
            return globals().setdefault(name, getattr(import_module(home), name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
