"""The table of the data format: its variables with dimensions, types and units, coordinates and attributes.

`docs/data_format.md` is the specification in prose. `debye.schema` gives these names to the rest of the program.
"""

from __future__ import annotations

from dataclasses import dataclass

FORMAT_VERSION = "2.0"
AXES = ("x", "y", "z")

ROOT_ATTRIBUTES = (
    "Conventions",
    "format_version",
    "title",
    "source",
    "configuration",
    "code_digest",
    "date_created",
    "geometry_parameters",
)
"""Attributes every file carries; `configuration` and `geometry_parameters` are JSON."""


@dataclass(frozen=True)
class Variable:
    """One variable of the format; `dims` writes the grid's axes as "grid"."""

    dims: tuple[str, ...]
    dtype: str
    """numpy type code, or "str"."""
    units: str | None
    long_name: str
    finite: bool = True
    """False where NaN pads a ragged row."""

    def dims_on(self, dim: int) -> tuple[str, ...]:
        """Dimensions with "grid" replaced by the axes of a `dim`-dimensional grid."""
        spread = [AXES[:dim] if name == "grid" else (name,) for name in self.dims]
        return tuple(name for names in spread for name in names)


VARIABLES: dict[str, Variable] = {
    "regular_potential": Variable(
        ("sample", "grid"), "f4", "1", "regular potential w: u - G in the solute, u in the solvent, in kT/e"
    ),
    "level_set": Variable(
        ("sample", "grid"), "f4", "angstrom", "signed distance to the interface, < 0 in the solute"
    ),
    "charge_position": Variable(
        ("sample", "charge", "axis"),
        "f8",
        "angstrom",
        "positions of the charges, NaN where padded",
        finite=False,
    ),
    "charge_value": Variable(
        ("sample", "charge"), "f8", "e", "charges (e in 3-D, e/angstrom in 2-D), 0 where padded"
    ),
    "charge_count": Variable(("sample",), "i4", "1", "number of charges"),
    "eps_solute": Variable(("sample",), "f8", "1", "relative permittivity of the solute"),
    "eps_solvent": Variable(("sample",), "f8", "1", "relative permittivity of the solvent"),
    "debye_length": Variable(("sample",), "f8", "angstrom", "Debye length, inf without ions", finite=False),
    "temperature": Variable(("sample",), "f8", "K", "absolute temperature"),
    "ions": Variable(("sample",), "str", None, "ionic term: nonlinear (sinh u) or linear (u)"),
    "geometry": Variable(("sample",), "str", None, "geometry family"),
    "geometry_parameter": Variable(
        ("sample", "parameter"),
        "f8",
        None,
        "parameters of the shape, named by geometry_parameters",
        finite=False,
    ),
    "seed": Variable(("sample",), "i8", None, "seed of the shard"),
    "index": Variable(("sample",), "i8", None, "index of the sample within its family and seed"),
    "reaction_energy": Variable(("sample",), "f8", "kT", "half the sum of q_i w(x_i); kT/angstrom in 2-D"),
    "ionic_energy": Variable(
        ("sample",),
        "f8",
        "kT",
        "osmotic energy of the ions, 0 where they are linear; kT/angstrom in 2-D",
    ),
    "newton_steps": Variable(("sample",), "i4", "1", "Newton steps (1 for the linear equation)"),
    "cg_iterations": Variable(("sample",), "i4", "1", "conjugate-gradient iterations in all"),
    "relative_residual": Variable(
        ("sample",), "f8", "1", "relative residual of the discrete equation at the end"
    ),
    "layer_cells": Variable(
        ("sample",),
        "f8",
        "1",
        "least debye_length/sqrt(cosh u) in the solvent, in cells; inf without ions",
        finite=False,
    ),
    "warnings": Variable(
        ("sample",), "str", None, "what is inaccurate in a converged sample, empty where nothing is"
    ),
    "solve_seconds": Variable(("sample",), "f8", "s", "wall time of the sample"),
    "rejected_shapes": Variable(
        ("sample",), "i4", "1", "shapes drawn and refused before this sample's shape"
    ),
    "rejected_charges": Variable(
        ("sample",), "i4", "1", "charge positions drawn and refused for this sample"
    ),
    "rejected_solves": Variable(
        ("sample",), "i4", "1", "charge sets drawn and refused because no solve converged"
    ),
}

COORDINATES: dict[str, tuple[str, str]] = {
    name: ("angstrom", f"{name} coordinate of the nodes") for name in AXES
}

MEASURED = ("solve_seconds",)
"""Variables that differ from run to run; content digests leave them out."""


def coordinate_attributes(name: str) -> dict[str, str]:
    """CF attributes of a coordinate."""
    units, long_name = COORDINATES[name]
    return {"units": units, "long_name": long_name, "axis": name.upper()}


def variable_attributes(name: str) -> dict[str, str]:
    """CF attributes of a variable of the format."""
    variable = VARIABLES[name]
    attributes = {"long_name": variable.long_name}
    if variable.units is not None:
        attributes["units"] = variable.units
    return attributes
