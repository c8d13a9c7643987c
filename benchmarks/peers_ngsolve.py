"""NGSolve with meshes fitted to Γ, curved from order 2 on."""

from __future__ import annotations

import math

import netgen.occ as occ
import ngsolve as ng
import numpy as np
from peers_clock import NEWTON, Clock
from solver_cases import HALF_WIDTH, Case, Nodes

import debye

ng.SetNumThreads(1)

SIDES = "bottom|top|left|right"


def polynomial(coefficients: np.ndarray, t: ng.CoefficientFunction) -> ng.CoefficientFunction:
    """Σ c_k t^k by Horner's rule."""
    value = ng.CF(float(coefficients[-1]))
    for c in coefficients[-2::-1]:
        value = t * value + float(c)
    return value


def boundary(case: Case, mesh: ng.Mesh) -> ng.CoefficientFunction:
    """Dirichlet data g."""
    across = {"bottom": ng.x, "top": ng.x, "left": ng.y, "right": ng.y}
    sides = {name: polynomial(c, across[name] / HALF_WIDTH) for name, c in case.sides.items()}
    return mesh.BoundaryCF(sides, default=ng.CF(0.0))


def coulomb(
    charges: debye.PointCharges, medium: debye.Medium
) -> tuple[ng.CoefficientFunction, ng.CoefficientFunction]:
    """G and its gradient."""
    scale = medium.coupling / (2 * math.pi * medium.eps_solute)
    g = ng.CF(0.0)
    slope = ng.CF((0.0, 0.0))
    for (px, py), q in zip(charges.positions, charges.values, strict=True):
        gap = ng.CF((ng.x - float(px), ng.y - float(py)))
        squared = ng.InnerProduct(gap, gap)
        g = g - 0.5 * scale * float(q) * ng.log(squared)
        slope = slope - scale * float(q) / squared * gap
    return g, slope


def fitted_mesh(case: Case, size: float, order: int, grading: float, smoothing: int, knots: int) -> ng.Mesh:
    """Triangles of edge `size` Å on Γ, at most `grading` times it elsewhere, curved; a star is a spline."""
    if case.kind == "ball":
        (cx, cy), radius = case.parameters["center"], case.parameters["radius"]
        solute = occ.WorkPlane().MoveTo(cx, cy).Circle(radius).Face()
    else:
        theta = 2 * np.pi * np.arange(knots) / knots
        points = [occ.Pnt(float(px), float(py), 0.0) for px, py in case.curve(theta)]
        solute = occ.Face(occ.Wire([occ.SplineInterpolation(points, periodic=True, tol=1e-12)]))
    solute.edges.name, solute.edges.maxh = "gamma", size
    box = occ.MoveTo(-HALF_WIDTH, -HALF_WIDTH).Rectangle(2 * HALF_WIDTH, 2 * HALF_WIDTH).Face()
    for name, edge in (
        ("bottom", box.edges.Min(occ.Y)), ("top", box.edges.Max(occ.Y)),
        ("left", box.edges.Min(occ.X)), ("right", box.edges.Max(occ.X)),
    ):  # fmt: skip
        edge.name = name
    solute.faces.name, box.faces.name = "solute", "solvent"
    both = occ.Glue([solute, box - solute])
    mesh = ng.Mesh(occ.OCCGeometry(both, dim=2).GenerateMesh(maxh=size * grading, optsteps2d=smoothing))
    if order > 1:
        mesh.Curve(order)
    return mesh


def outward(mesh: ng.Mesh, case: Case) -> ng.CoefficientFunction:
    """Unit normal on Γ from solute to solvent; which way NGSolve's points is asked of Gauss's theorem."""
    n = ng.specialcf.normal(2)
    cx, cy = case.parameters["center"]
    sign = ng.Integrate(n * ng.CF((ng.x - cx, ng.y - cy)) * ng.ds("gamma"), mesh)
    return n if sign > 0 else -n


class Fitted:
    """Continuous P_k; w's jump is lifted by the values of G on Γ. Condensed from P3 on, sparse Cholesky."""

    def __init__(self, order: int, grading: float = 2.0, smoothing: int = 0, knots: int = 100) -> None:
        self.order, self.grading, self.smoothing, self.knots = order, grading, smoothing, knots
        self.name = f"NGSolve fitted P{order}"

    def run(self, case: Case, cells: int, sets: list[debye.PointCharges] | None = None):
        """Solve for the case's charges, or for many sets on one mesh, with edges of 32/cells Å on Γ.

        Seconds by phase, values of the first solution, unknowns.
        """
        clock = Clock()
        mesh = fitted_mesh(case, 2 * HALF_WIDTH / cells, self.order, self.grading, self.smoothing, self.knots)
        clock("mesh")
        discrete = Discrete(case, mesh, self.order, clock)
        solutions = [discrete.solve(charges) for charges in sets or [case.charges]]
        return clock.seconds, Values(mesh, *solutions[0]), discrete.space.ndof


class Discrete:
    """The discrete problem on one mesh; for the linear equation one factorisation serves all charge sets."""

    def __init__(self, case: Case, mesh: ng.Mesh, order: int, clock: Clock) -> None:
        self.medium, self.mesh, self.clock = case.medium, mesh, clock
        self.space = ng.H1(mesh, order=order, dirichlet=SIDES)
        v, test = self.space.TnT()
        medium = case.medium
        self.linear = medium.ions == "linear"
        eps = mesh.MaterialCF({"solute": medium.eps_solute, "solvent": medium.eps_solvent})
        decay = medium.eps_solvent / medium.debye_length**2
        self.form = ng.BilinearForm(self.space, symmetric=True, condense=order > 2)
        self.form += eps * ng.grad(v) * ng.grad(test) * ng.dx
        self.form += decay * (v if self.linear else ng.sinh(v)) * test * ng.dx("solvent")
        self.normal, self.edge, self.inverse = outward(mesh, case), boundary(case, mesh), None
        clock("set-up")

    def solve(self, charges: debye.PointCharges):
        """The continuous field w + lift, and the lift."""
        space, eps = self.space, self.medium.eps_solute
        g, slope = coulomb(charges, self.medium)
        lift, found = ng.GridFunction(space), ng.GridFunction(space)
        lift.Set(g, definedon=self.mesh.Boundaries("gamma"))
        found.Set(self.edge, definedon=self.mesh.Boundaries(SIDES))
        load, test = ng.LinearForm(space), space.TestFunction()
        load += eps * ng.grad(lift) * ng.grad(test) * ng.dx("solute")
        load += -eps * (slope * self.normal) * test * ng.ds("gamma")
        load.Assemble()
        if self.linear:
            self._linear(load, found)
        else:
            self._newton(load, found)
        return found, lift

    def _linear(self, load, found):
        if self.inverse is None:
            self.form.Assemble()
            self.clock("assembly")
            self._factor()
        residual = load.vec.CreateVector()
        residual.data = load.vec - self.form.mat * found.vec
        if self.form.condense:
            # The boundary values' own part in the unknowns inside elements, which the matrix no longer holds.
            inner = found.vec.CreateVector()
            inner.data = self.form.harmonic_extension * found.vec
            found.vec.data += inner
        self._step(residual, found)

    def _newton(self, load, found):
        """Newton's method, undamped, which these charges allow."""
        first = None
        for _ in range(20):
            self.form.AssembleLinearization(found.vec)
            applied, residual = load.vec.CreateVector(), load.vec.CreateVector()
            self.form.Apply(found.vec, applied)
            residual.data = load.vec - applied
            self.clock("assembly")
            self._factor()
            size = self._step(residual, found)
            first = first or size
            if size <= NEWTON * first:
                return
        raise ArithmeticError("NGSolve: Newton did not converge")

    def _factor(self):
        free = self.space.FreeDofs(self.form.condense)
        self.inverse = self.form.mat.Inverse(free, inverse="sparsecholesky")
        self.clock("factor")

    def _step(self, residual, found):
        """Add A⁻¹ residual to found; returns the correction's energy, which falls with Newton's steps."""
        form, change = self.form, found.vec.CreateVector()
        if form.condense:
            residual.data += form.harmonic_extension_trans * residual
        change.data = self.inverse * residual
        if form.condense:
            change.data += form.inner_solve * residual
            change.data += form.harmonic_extension * change
        found.vec.data += change
        self.clock("solve")
        return abs(ng.InnerProduct(change, residual))


class Values:
    """w of a fitted solution at nodes; where they lie in the mesh is looked up once."""

    def __init__(self, mesh, found, lift):
        self.parts, self._known = (mesh, found, lift), (None, None, None)

    def __call__(self, nodes: Nodes) -> np.ndarray:
        """Values at nodes."""
        mesh, found, lift = self.parts
        if self._known[0] is not nodes:
            places = mesh(*nodes.drawn_in.T)
            solute = mesh.MaterialCF({"solute": 1.0, "solvent": 0.0})
            self._known = nodes, places, np.asarray(solute(places)).ravel() > 0.5
        _, places, there = self._known
        w = np.asarray(found(places)).ravel()
        w[there] -= np.asarray(lift(places[there])).ravel()
        return nodes.regular(w, there)
