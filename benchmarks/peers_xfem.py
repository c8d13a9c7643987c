"""CutFEM of ngsxfem on a structured background mesh: Nitsche's method, ghost penalty, isoparametric from order 2 on."""

from __future__ import annotations

from functools import partial

import ngsolve as ng
import numpy as np
import xfem
from ngsolve.meshes import MakeStructured2DMesh
from peers_clock import NEWTON, Clock
from peers_ngsolve import boundary, coulomb
from solver_cases import HALF_WIDTH, Case, Nodes
from xfem.lsetcurv import LevelSetMeshAdaptation


def level_set(case: Case) -> ng.CoefficientFunction:
    """Level set r - r(θ), with the waves as polynomials of the direction's cosine and sine: no arctangent."""
    cx, cy = case.parameters["center"]
    px, py = ng.x - cx, ng.y - cy
    r = ng.sqrt(px * px + py * py)
    if case.kind == "ball":
        return r - case.parameters["radius"]
    c, s = px / (r + 1e-12), py / (r + 1e-12)
    wave, cosine, sine = ng.CF(1.0), c, s
    for a, p in zip(case.parameters["amplitudes"], case.parameters["phases"], strict=True):
        cosine, sine = cosine * c - sine * s, sine * c + cosine * s
        wave = wave + a * (np.cos(p) * cosine - np.sin(p) * sine)
    return r - case.parameters["radius"] * wave


class Cut:
    """Two fields w and u that overlap on cut triangles; jumps J0 and J1 in Nitsche's terms.

    With a ghost penalty the fluxes' weights are those of the permittivities; without one they are Hansbo's, the parts
    of the cut triangle, which need none: half the time at the same error, but no bound on the condition number.
    """

    def __init__(self, order: int, ghost: float = 0.01, stab: float = 20.0) -> None:
        self.order, self.ghost, self.stab = order, ghost, stab
        self.name = f"ngsxfem P{order}, ghost penalty" if ghost else f"ngsxfem P{order}"

    def run(self, case: Case, cells: int):
        """Solve on 2 cells² triangles; seconds by phase, values at the common nodes, unknowns."""
        clock = Clock()
        mesh = MakeStructured2DMesh(
            quads=False, nx=cells, ny=cells,
            mapping=lambda s, t: ((2 * s - 1) * HALF_WIDTH, (2 * t - 1) * HALF_WIDTH),
        )  # fmt: skip
        clock("mesh")
        order = self.order
        phi = level_set(case)
        if order > 1:
            adapted = LevelSetMeshAdaptation(mesh, order=order, levelset=phi)
            lset, deformation = adapted.lset_p1, adapted.deform
        else:
            lset, deformation = ng.GridFunction(ng.H1(mesh, order=1)), None
            xfem.InterpolateToP1(phi, lset)
        info = xfem.CutInfo(mesh, lset)
        base = ng.H1(mesh, order=order, dirichlet="bottom|top|left|right")
        has = [info.GetElementsOfType(kind) for kind in (xfem.HASNEG, xfem.HASPOS)]
        space = ng.FESpace(
            [ng.Compress(base, xfem.GetDofsOfElements(base, some)) for some in has],
            dgjumps=self.ghost > 0 or case.medium.ions != "linear",
        )
        found = ng.GridFunction(space)
        found.components[1].Set(boundary(case, mesh), definedon=mesh.Boundaries("bottom|top|left|right"))
        clock("set-up")
        form, ions, load = self._forms(case, mesh, space, lset, deformation, info, has)
        form.Assemble()
        load.Assemble()
        residual = load.vec.CreateVector()
        residual.data = load.vec - form.mat * found.vec
        if ions is None:
            clock("assembly")
            self._step(space, form.mat, residual, found, clock)
        else:
            self._newton(space, form, ions, load, found, clock)
        return clock.seconds, Values(mesh, found, deformation), space.ndof

    def _forms(self, case, mesh, space, lset, deformation, info, has):
        medium, order = case.medium, self.order
        eps = medium.eps_solute, medium.eps_solvent
        (u, v), cut = space.TnT(), info.GetElementsOfType(xfem.IF)
        kinds = xfem.NEG, xfem.POS
        # Uncut triangles need no cut rules: ordinary integrals are several times faster.
        whole = [
            ng.dx(definedonelements=info.GetElementsOfType(kind), deformation=deformation) for kind in kinds
        ]
        part = [
            xfem.dCut(lset, kind, definedonelements=cut, deformation=deformation, order=2 * order)
            for kind in kinds
        ]
        on = xfem.dCut(lset, xfem.IF, definedonelements=cut, deformation=deformation, order=2 * order)
        slope = ng.grad(lset)
        n = slope / ng.Norm(slope)
        if self.ghost:
            k = eps[1] / sum(eps), eps[0] / sum(eps)
            scale = 2 * eps[0] * eps[1] / sum(eps)
        else:
            ratio = xfem.CutRatioGF(info)
            k, scale = (ratio, 1 - ratio), sum(eps)
        h = ng.specialcf.mesh_size
        stab = self.stab * order**2 * scale / h
        g, dg = coulomb(case.charges, medium)
        jump_u, jump_v = u[1] - u[0], v[1] - v[0]
        flux_u, flux_v = (sum(k[i] * eps[i] * ng.grad(f[i]) * n for i in (0, 1)) for f in (u, v))
        facets = [xfem.GetFacetsWithNeighborTypes(mesh, a=some, b=cut) for some in has]
        # Couplings across a facet only where the ghost penalty needs them.
        across = facets[0] | facets[1]
        if not self.ghost:
            across.Clear()
        linear = medium.ions == "linear"
        make = partial(ng.BilinearForm, space)
        if self.ghost or not linear:
            # One pattern for both matrices below, too.
            make = partial(xfem.RestrictedBilinearForm, space, facet_restriction=across)
        # The ions' part apart, as only it changes in Newton's steps.
        form, ions = (make(symmetric=True, check_unused=False) for _ in range(2))
        for i in (0, 1):
            bulk = eps[i] * ng.grad(u[i]) * ng.grad(v[i])
            form += bulk * whole[i]
            form += bulk * part[i]
        decay = medium.eps_solvent / medium.debye_length**2
        for where in (whole[1], part[1]):
            if linear:
                form += decay * u[1] * v[1] * where
            else:
                ions += decay * ng.sinh(u[1]) * v[1] * where
        form += (flux_u * jump_v + flux_v * jump_u + stab * jump_u * jump_v) * on
        if self.ghost:
            for i in (0, 1):
                patch = xfem.dFacetPatch(definedonelements=facets[i], deformation=deformation)
                form += self.ghost * eps[i] / h**2 * (u[i] - u[i].Other()) * (v[i] - v[i].Other()) * patch
        load = ng.LinearForm(space)
        flux_jump = medium.eps_solute * dg * n
        load += (g * flux_v + stab * g * jump_v - flux_jump * (k[1] * v[0] + k[0] * v[1])) * on
        return form, None if linear else ions, load

    def _step(self, space, matrix, residual, found, clock):
        inverse = matrix.Inverse(space.FreeDofs(), inverse="sparsecholesky")
        clock("factor")
        change = found.vec.CreateVector()
        change.data = inverse * residual
        found.vec.data += change
        clock("solve")
        return abs(ng.InnerProduct(change, residual))

    def _newton(self, space, form, ions, load, found, clock):
        first = None
        for _ in range(20):
            ions.AssembleLinearization(found.vec)
            applied, residual = load.vec.CreateVector(), load.vec.CreateVector()
            ions.Apply(found.vec, applied)
            residual.data = load.vec - applied - form.mat * found.vec
            # Same space, same facets: the same pattern.
            ions.mat.AsVector().data += form.mat.AsVector()
            clock("assembly")
            size = self._step(space, ions.mat, residual, found, clock)
            first = first or size
            if size <= NEWTON * first:
                return
        raise ArithmeticError("ngsxfem: Newton did not converge")


class Values:
    """w in the solute, u in the solvent at nodes."""

    def __init__(self, mesh, found, deformation):
        self.parts = mesh, found, deformation

    def __call__(self, nodes: Nodes) -> np.ndarray:
        """Values at nodes."""
        mesh, found, deformation = self.parts
        points = nodes.drawn_in
        if deformation is not None:
            points = pulled_back(mesh, deformation, points)
        places = mesh(*points.T)
        w, u = (np.asarray(part(places)).ravel() for part in found.components)
        return np.where(nodes.solute, w, u)


def pulled_back(mesh, deformation, points):
    """Places that the deformation moves to `points`: a fixed-point iteration, as it is small."""
    at, moving = points.copy(), np.arange(len(points))
    for _ in range(40):
        shift = np.asarray(deformation(mesh(*at[moving].T)))
        moved = np.clip(points[moving] - shift, -HALF_WIDTH + 1e-9, HALF_WIDTH - 1e-9)
        far = np.abs(moved - at[moving]).max(axis=1) > 1e-12
        at[moving] = moved
        moving = moving[far]
        if not len(moving):
            break
    return at
