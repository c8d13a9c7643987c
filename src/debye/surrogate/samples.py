"""Samples of a data set as problems again: their predictions assessed, and certified block by block."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from debye.errors import FormatError, explain
from debye.frozen import Equation
from debye.parameters import Solver
from debye.physics.floor import problem_of
from debye.physics.problem import Problem
from debye.schema import grid_of, medium_of
from debye.store import open_dataset
from debye.surrogate.certificate import Assessment, assess, certify
from debye.surrogate.datasets import CERTIFIED, certified
from debye.surrogate.geometry import Geometry
from debye.surrogate.scaling import medium_differences
from debye.surrogate.surrogate import Surrogate

Floats = NDArray[np.float64]


class Labelled:
    """A data set whose samples are rebuilt as problems, one after another.

    Raises
    ------
    FormatError
        If it is none, mixes media, or lies on another grid than the network's.
    """

    def __init__(self, path: Path, surrogate: Surrogate) -> None:
        self.path, self.surrogate = path, surrogate
        with open_dataset(path) as dataset:
            self.described = dataset.drop_vars(["regular_potential", "level_set"]).load()
            self.digest = str(dataset.attrs.get("content_digest", ""))
        if (self.described["geometry"] == "custom").any():
            raise FormatError(
                explain(
                    f"{path}: geometry",
                    "a shape of the user's own, which a file does not keep",
                    "Debye's shapes",
                    "predict the problem itself",
                )
            )
        self.grid, medium = grid_of(self.described), medium_of(self.described, str(path))
        if self.grid != surrogate.grid or medium.ions != surrogate.medium.ions:
            whose = f"{surrogate.grid}, {surrogate.medium.ions} ions of the network {surrogate.name}"
            found = f"{self.grid}, {medium.ions} ions"
            raise FormatError(explain(str(path), found, whose, "use data of the same problem"))
        self.equation = Equation(
            grid=self.grid, medium=medium, boundary=_boundary(self.described), solver=Solver()
        )
        self.differs: dict[str, str] = medium_differences(medium, surrogate.medium)
        self._geometry: Geometry | None = None

    def __len__(self) -> int:
        return int(self.described.sizes["sample"])

    def problem(self, number: int) -> Problem:
        """Problem of a sample."""
        return problem_of(self.described, number, self.equation, self.grid)

    def assess(self, number: int, w: NDArray[np.floating]) -> Assessment:
        """Assess the prediction w, (x, y[, z]), of a sample; consecutive ones of one shape share its geometry."""
        problem = self.problem(number)
        if self._geometry is None or self._geometry.solute != problem.solute:
            self._geometry = Geometry(problem.grid, problem.solute, problem.medium)
        return assess(self._geometry, problem, np.asarray(w, dtype=float).ravel())

    def predict(self, numbers: Sequence[int], level_sets: NDArray[np.float32], device: str) -> Floats:
        """W of samples, (b, x, y[, z]); `level_sets` are those of the file."""
        rows = self.described.isel(sample=list(numbers))
        counts = rows["charge_count"].values
        places, values = rows["charge_position"].values, rows["charge_value"].values
        charges = [(places[row, :count], values[row, :count]) for row, count in enumerate(counts)]
        return self.surrogate.regular(level_sets, charges, self.equation.medium, device)

    def certificates(
        self, start: int, regular: NDArray[np.floating]
    ) -> dict[str, tuple[Any, dict[str, str]]]:
        """Variables of the certificates of samples from `start` on, with their attributes."""
        surrogate = self.surrogate
        found = [
            certify(self.assess(start + row, w), surrogate.calibration, self.grid, self.differs)
            for row, w in enumerate(regular)
        ]
        return {name: (values, CERTIFIED[name]) for name, values in certified(found).items()}


def _boundary(described: xr.Dataset) -> Literal["debye-huckel", "zero"]:
    """Boundary values of a data set, from its configuration; the usual ones where it does not say."""
    try:
        configuration = json.loads(described.attrs["configuration"])
    except ValueError:
        configuration = {}
    parts = [configuration, *(part for part in configuration.values() if isinstance(part, Mapping))]
    named = [part.get("equation", part).get("boundary") for part in parts]
    return "zero" if "zero" in named else "debye-huckel"
