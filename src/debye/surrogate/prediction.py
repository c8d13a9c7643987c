"""A prediction: the fields of a solution, made by a network, with a certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from debye.parameters import Solver
from debye.physics.charges import coulomb_potential
from debye.physics.outcome import Report
from debye.physics.problem import Problem
from debye.physics.solution import Solution, check_points
from debye.surrogate.certificate import Certificate
from debye.surrogate.geometry import Geometry
from debye.surrogate.scaling import Mapping

if TYPE_CHECKING:
    from debye.surrogate.polish import Polished

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What `debye.Surrogate.predict` returns: the fields of a `debye.Solution`, and a certificate."""

    mapping: Mapping
    geometry: Geometry
    nodal: Floats
    """w as posed to the network, at the nodes of its grid, flat, kT/e."""
    certificate: Certificate | None
    """None where none was asked for."""
    network: dict[str, str | int]
    """Attributes that say which network this is."""
    seconds: float = field(default=0.0)
    """Wall time of geometry and network, this prediction's share of its batch; without the certificate."""

    def __repr__(self) -> str:
        """One line: arrays have no place in it."""
        return f"<Prediction of {self.network['model']}: {self.certificate or 'no certificate'}>"

    @property
    def problem(self) -> Problem:
        """The problem as it was asked."""
        return self.mapping.asked

    @property
    def regular(self) -> Floats:
        """Regular potential w = u - χ_solute G at the nodes, shape (cells+1,)*dim, in kT/e."""
        grid, mapping = self.geometry.grid, self.mapping
        return mapping.nodes(mapping.regular(self.nodal.reshape(grid.shape), self.geometry.level_set))

    @property
    def level_set(self) -> Floats:
        """Signed distance (or the shape's own level set) at the nodes, shape (cells+1,)*dim, Å."""
        return self.mapping.length * self.mapping.nodes(self.geometry.level_set)

    @property
    def potential(self) -> Floats:
        """Potential u at the nodes, shape (cells+1,)*dim, in kT/e; ±inf where a node holds a charge."""
        u, inside = np.array(self.regular), self.level_set < 0
        points = self.problem.grid.points()[inside.ravel()]
        u[inside] += coulomb_potential(points, self.problem.charges, self.problem.medium)
        return u

    @cached_property
    def _posed(self) -> Solution:
        """The prediction in the place of a solution of the problem as posed: no step was taken."""
        residual = 1.0 if self.certificate is None else self.certificate.relative_residual
        posed = self.mapping.posed
        bubble = self.geometry.discretisation.load(posed.charges).bubble
        report = Report("iteration limit", 0, (), (residual,))
        return Solution(posed, self.geometry.discretisation, bubble, self.nodal, report)

    @property
    def reaction_energy(self) -> float:
        """½ Σ q_i w(x_i): kT in 3-D, kT/Å in 2-D."""
        charges, mapping = self.problem.charges, self.mapping
        posed = mapping.posed.charges
        # Σ q w is twice the energy of the posed problem, q there q·κ⁻¹·(its charges' factor): taken node by node.
        w = mapping.unit * self._posed.regular_at(posed.positions)[0] + mapping.rise[0]
        return float(0.5 * charges.values @ w)

    @property
    def ionic_energy(self) -> float:
        """Osmotic energy of the ions, as that of a solution: kT, kT/Å in 2-D; 0 for linear ions."""
        asked, posed = self.problem.medium, self.mapping.posed.medium
        # (ε⁺/(C λ²)) times an area: lengths cancel.
        factor = asked.eps_solvent / asked.coupling * posed.coupling / posed.eps_solvent
        return factor * self._posed.ionic_energy

    def evaluate(self, points: ArrayLike) -> Floats:
        """Potential u at any points of the box, with the solver's immersed basis in cut cells of the network's grid.

        Parameters
        ----------
        points : array_like, shape (n, dim)
            Å.

        Returns
        -------
        ndarray, shape (n,)
            In kT/e; ±inf at a charge.

        Raises
        ------
        ConfigError
            If the points have another shape, are not finite, or lie outside the box.
        """
        places = check_points(points, self.problem.grid)
        w, inside = self._posed.regular_at(places / self.mapping.length)
        u = self.mapping.unit * w + np.where(inside, *self.mapping.rise)
        u[inside] += coulomb_potential(places[inside], self.problem.charges, self.problem.medium)
        return u

    def to_dataset(self) -> xr.Dataset:
        """The prediction as a data set of one sample in the documented format (`docs/data_format.md`)."""
        from debye.surrogate.datasets import dataset_of

        return dataset_of([self])

    @overload
    def polish(
        self, rtol: float | None = ..., *, solver: Solver | None = ..., compare: Literal[False] = ...
    ) -> Solution: ...

    @overload
    def polish(
        self, rtol: float | None = ..., *, solver: Solver | None = ..., compare: Literal[True]
    ) -> Polished: ...

    def polish(
        self, rtol: float | None = 1e-8, *, solver: Solver | None = None, compare: bool = False
    ) -> Solution | Polished:
        """Go on from the prediction to the solver's answer, with Newton's method and multigrid.

        Parameters
        ----------
        rtol : float, optional
            Relative residual of the discrete equation to reach.
        solver : Solver, optional
            Penalty, order, limits; the solver's defaults if left out.
        compare : bool
            Also solve from zero, and return both reports: what the prediction saved.

        Returns
        -------
        Solution
            That of `debye.solve` within the tolerance; with `compare` a `debye.surrogate.polish.Polished`.

        Raises
        ------
        GeometryError
            If the problem's own grid does not resolve the shape: the network's may be finer.
        SolveError
            If the solve did not converge.
        """
        from debye.surrogate.polish import polish, polished

        if compare:
            return polished(self, rtol, solver)
        return polish(self, rtol, solver)
