"""`debye.Surrogate`: a trained network that is asked as the solver is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from debye.errors import ConfigError, GeometryError, explain
from debye.learning.answer import Answers
from debye.learning.device import choose_device
from debye.learning.shipped import shipped
from debye.parameters import Grid, Medium
from debye.physics.problem import SHAPES, Problem
from debye.surrogate.calibration import Calibration
from debye.surrogate.calibration import load as load_calibration
from debye.surrogate.certificate import assess, certify
from debye.surrogate.geometry import Geometry
from debye.surrogate.prediction import Prediction
from debye.surrogate.scaling import Mapping, pose

Floats = NDArray[np.float64]

AT_ONCE = {"cpu": 64, "cuda": 512}
"""Problems that the network sees at once, and geometries whose discrete equations are kept; what is done around a
network takes as long on a GPU for a few problems as for many."""


class Surrogate:
    """A network in the solver's place; see `load`."""

    def __init__(self, path: Path, answers: Answers, calibration: Calibration | None) -> None:
        self.path = path
        self._answers = answers
        self.record = answers.record
        self.calibration = calibration

    @classmethod
    def load(cls, path: str | Path | None = None) -> Surrogate:
        """Read a network and its calibration.

        Parameters
        ----------
        path : str or Path, optional
            `checkpoint.safetensors` of a training; the package's own network if left out.

        Raises
        ------
        FormatError
            If the file is no checkpoint, or the calibration beside it belongs to another.

        Examples
        --------
        >>> import debye
        >>> surrogate = debye.Surrogate.load()
        >>> problem = debye.Problem(
        ...     grid=surrogate.grid,
        ...     solute=debye.Ball(center=(0.0, 0.0), radius=8.0),
        ...     charges=debye.PointCharges(positions=[[3.0, 1.0]], values=[0.1]),
        ...     medium=surrogate.medium,
        ... )
        >>> prediction = surrogate.predict(problem, device="cpu")
        >>> bool(abs(prediction.regular - debye.solve(problem).regular).max() < 0.05 * abs(prediction.regular).max())
        True
        >>> prediction.certificate.relative_residual < 0.01
        True
        """
        where = shipped() if path is None else Path(path)
        return cls(where, Answers(where), load_calibration(where))

    @property
    def grid(self) -> Grid:
        """Grid that the network was trained on."""
        return self.record.grid

    @property
    def medium(self) -> Medium:
        """Medium that the network was trained in."""
        return self.record.medium

    @property
    def name(self) -> str:
        """Name of the network in its configuration."""
        return self.record.name

    @overload
    def predict(
        self, problem: Problem, device: str = ..., *, certify: bool = ..., any_medium: bool = ...
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        problem: Sequence[Problem],
        device: str = ...,
        *,
        certify: bool = ...,
        any_medium: bool = ...,
        names: Sequence[str] | None = ...,
    ) -> list[Prediction]: ...

    def predict(
        self,
        problem: Problem | Sequence[Problem],
        device: str = "auto",
        *,
        certify: bool = True,
        any_medium: bool = False,
        names: Sequence[str] | None = None,
    ) -> Prediction | list[Prediction]:
        """Predict a problem, or all of a list in batches.

        Problems that share solute and medium share what is made of them, and the network sees 64 problems at once, on a
        GPU 512.
        A problem off the network's grid or out of its medium is put there where the equation's scaling is exact
        (`debye.surrogate.scaling`), and refused where it is not.

        Parameters
        ----------
        problem : Problem or sequence of Problem
        device : {"auto", "cpu", "cuda"}
            Where the network runs; "auto" is the GPU if there is one.
        certify : bool
            Make a certificate, for which the discrete equation is set up. Without, the geometry is cut but not more.
        any_medium : bool
            Take a problem in a medium that no scaling takes to the network's; its certificate has a flag for it.
        names : sequence of str, optional
            What messages call the problems of a list; their numbers if left out.

        Returns
        -------
        Prediction or list of Prediction
            A list for a list, in its order.

        Raises
        ------
        ConfigError
            If the network cannot be asked about a problem, with the reason; or "cuda" is asked for and absent.
        GeometryError
            If the network's grid does not resolve a shape.
        FormatError
            If a prediction is not finite.
        """
        if isinstance(problem, Problem):
            return next(iter(self._predict([problem], ["problem"], device, certify, any_medium)))
        if not isinstance(problem, Iterable):
            raise ConfigError(
                explain(
                    "problem", type(problem).__name__, "a debye.Problem or a list of them", "give problems"
                )
            )
        problems = list(problem)
        for number, one in enumerate(problems):
            if not isinstance(one, Problem):
                raise ConfigError(
                    explain(f"problem {number}", type(one).__name__, "a debye.Problem", "give problems")
                )
        called = [f"problem {number}" for number in range(len(problems))] if names is None else list(names)
        if len(called) != len(problems):
            found = f"{len(called)} for {len(problems)} problems"
            raise ConfigError(explain("names", found, "one for each", "mend the list"))
        return list(self._predict(problems, called, device, certify, any_medium))

    def _predict(
        self, problems: list[Problem], names: list[str], device: str, certify: bool, any_medium: bool
    ) -> Iterator[Prediction]:
        whose = f"the network {self.name} in {self.path.name}"
        most = np.inf if self.calibration is None else self.calibration.ranges["total_charge"][1]
        # A list is refused as a whole, before any work.
        mappings = [
            pose(one, self.grid, self.medium, whose, name=name, any_medium=any_medium, most_charge=most)
            for one, name in zip(problems, names, strict=True)
        ]
        geometries: dict[object, Geometry] = {}
        at_once = AT_ONCE[choose_device(device).type]
        for start in range(0, len(mappings), at_once):
            for one in geometries.values():
                one.forget()
            block = slice(start, start + at_once)
            yield from self._block(mappings[block], names[block], geometries, device, certify)

    def _block(
        self,
        mappings: list[Mapping],
        names: list[str],
        geometries: dict[object, Geometry],
        device: str,
        certified: bool,
    ) -> Iterator[Prediction]:
        started = time.perf_counter()
        here = []
        for mapping, name in zip(mappings, names, strict=True):
            key = _key(mapping)
            if key not in geometries:
                posed = mapping.posed
                geometries[key] = Geometry(posed.grid, posed.solute, posed.medium)
                try:
                    _ = geometries[key].level_set
                except GeometryError as error:
                    raise GeometryError(f"{name}: {error}") from None
            here.append(geometries[key])
        nodal = self._nodal(mappings, names, here, device)
        seconds = (time.perf_counter() - started) / len(mappings)
        for mapping, geometry, w in zip(mappings, here, nodal, strict=True):
            certificate = None
            if certified:
                found = assess(geometry, mapping.posed, w)
                certificate = certify(found, self.calibration, self.grid, mapping.differs)
            yield Prediction(mapping, geometry, w, certificate, self.attributes, seconds)

    def _nodal(
        self, mappings: list[Mapping], names: list[str], geometries: list[Geometry], device: str
    ) -> Floats:
        """W as posed, flat, shape (b, nodes); one call of the network for each medium."""
        nodal = np.empty((len(mappings), int(np.prod(self.grid.shape))))
        media = list(dict.fromkeys(mapping.posed.medium for mapping in mappings))
        for medium in media:
            chosen = [number for number, one in enumerate(mappings) if one.posed.medium == medium]
            level_sets = np.stack([geometries[number].level_set for number in chosen]).astype(np.float32)
            charges = [mappings[number].posed.charges for number in chosen]
            pairs = [(one.positions, one.values) for one in charges]
            called = [names[number] for number in chosen]
            found = self.regular(level_sets, pairs, medium, device, called)
            nodal[chosen] = found.reshape(len(chosen), -1)
        return nodal

    def regular(
        self,
        level_sets: NDArray[np.float32],
        charges: Sequence[tuple[Floats, Floats]],
        medium: Medium,
        device: str = "auto",
        names: Sequence[str] | None = None,
    ) -> Floats:
        """W of problems given as arrays, see `debye.learning.answer.Answers.regular`."""
        return self._answers.regular(level_sets, charges, medium, device, names)

    @property
    def attributes(self) -> dict[str, str | int]:
        """What files say of the network."""
        return {
            "model": self.name,
            "parameters": self.record.parameters,
            "train_digest": self.record.train_digest,
        }


def _key(mapping: Mapping) -> object:
    """Problems of one key have one geometry; a user's own shape is known by its identity alone."""
    solute = mapping.asked.solute
    known = solute if type(solute) in SHAPES.values() else id(solute)
    return known, mapping.length, mapping.posed.medium
