"""scikit-fem on meshes of gmsh fitted to Γ: P1, isoparametric P2; CHOLMOD if scikit-sparse is there, or SuperLU."""

from __future__ import annotations

import dataclasses

import gmsh
import numpy as np
import scipy.sparse.linalg
import skfem
from matplotlib.tri import Triangulation
from peers_clock import NEWTON, Clock
from skfem.generic_utils import OrientedBoundary
from skfem.helpers import dot, grad
from solver_cases import HALF_WIDTH, Case, Nodes

from debye.physics.charges import coulomb_gradient, coulomb_potential

try:
    from sksparse.cholmod import cholesky
except ImportError:
    cholesky = None

FACTOR = "CHOLMOD" if cholesky else "SuperLU"


def mesh_of(case: Case, size: float, grading: float):
    """Points (2, n), triangles (3, m) and whether each lies in the solute; Γ is divided in edges of `size` Å."""
    fine = case.curve(np.linspace(0.0, 2 * np.pi, 2001))
    length = np.append(0.0, np.cumsum(np.hypot(*np.diff(fine, axis=0).T)))
    count = max(8, round(length[-1] / size))
    theta = np.interp(np.arange(count) / count * length[-1], length, np.linspace(0.0, 2 * np.pi, 2001))
    if not gmsh.isInitialized():
        gmsh.initialize(interruptible=False)
        gmsh.option.setNumber("General.Verbosity", 0)
    try:
        geo = gmsh.model.geo
        rim = [geo.addPoint(px, py, 0.0, size) for px, py in case.curve(theta)]
        half, coarse = HALF_WIDTH, size * grading
        corners = [
            geo.addPoint(px, py, 0.0, coarse)
            for px, py in ((-half, -half), (half, -half), (half, half), (-half, half))
        ]
        loops = []
        for points in (rim, corners):
            lines = [geo.addLine(a, b) for a, b in zip(points, points[1:] + points[:1], strict=True)]
            loops.append(geo.addCurveLoop(lines))
        solute, solvent = geo.addPlaneSurface(loops[:1]), geo.addPlaneSurface([loops[1], loops[0]])
        geo.synchronize()
        gmsh.model.mesh.generate(2)
        tags, places, _ = gmsh.model.mesh.getNodes()
        order = np.zeros(int(tags.max()) + 1, dtype=np.int64)
        order[tags] = np.arange(len(tags))
        parts = [order[gmsh.model.mesh.getElementsByType(2, s)[1]].reshape(-1, 3) for s in (solute, solvent)]
    finally:
        gmsh.clear()
    triangles = np.vstack(parts)
    inside = np.arange(len(triangles)) < len(parts[0])
    return places.reshape(-1, 3)[:, :2].T.copy(), triangles.T.copy(), inside


class Fitted:
    """w with its jump lifted by the values of G on Γ: continuous P1 or P2, one sparse factorisation a step."""

    def __init__(self, order: int, grading: float = 2.0) -> None:
        self.order, self.grading = order, grading
        self.name = f"scikit-fem fitted P{order} ({FACTOR})"

    def run(self, case: Case, cells: int):
        """Solve on a mesh with edges of 32/cells Å on Γ; seconds by phase, values at the common nodes, unknowns."""
        clock, medium = Clock(), case.medium
        points, triangles, inside = mesh_of(case, 2 * HALF_WIDTH / cells, self.grading)
        mesh = skfem.MeshTri(points, triangles, sort_t=False)
        sides = inside[mesh.f2t]
        interface = np.flatnonzero((mesh.f2t[1] >= 0) & (sides[0] != sides[1]))
        element, straight = skfem.ElementTriP1(), mesh
        if self.order == 2:
            mesh, element = self._curved(case, mesh, interface), skfem.ElementTriP2()
        clock("mesh")
        basis = skfem.Basis(mesh, element)
        solute, solvent = (skfem.Basis(mesh, element, elements=np.flatnonzero(e)) for e in (inside, ~inside))
        # Facets seen from the solute: normals point to the solvent.
        seen = OrientedBoundary(interface, np.where(sides[0, interface], 0, 1))
        rim = skfem.FacetBasis(mesh, element, facets=seen)
        on = basis.get_dofs(facets=interface).all()
        edge = basis.get_dofs().all()
        lift = np.zeros(basis.N)
        lift[on] = coulomb_potential(basis.doflocs[:, on].T, case.charges, medium)
        found = np.zeros(basis.N)
        found[edge] = case.boundary(basis.doflocs[:, edge].T)
        free = np.setdiff1d(np.arange(basis.N), edge)
        clock("set-up")
        inner, outer = stiffness.assemble(solute), stiffness.assemble(solvent)
        flux = skfem.LinearForm(lambda v, w: v * dot(w.n, slope(w.x, case))).assemble(rim)
        load = -medium.eps_solute * flux + medium.eps_solute * (inner @ lift)
        decay = medium.eps_solvent / medium.debye_length**2
        base = medium.eps_solute * inner + medium.eps_solvent * outer
        first_size = None
        for _ in range(20):
            if medium.ions == "linear":
                ions = decay * mass.assemble(solvent)
                reaction = ions @ found
            else:
                u = solvent.interpolate(found)
                ions = decay * curvature.assemble(solvent, u=u)
                reaction = decay * force.assemble(solvent, u=u)
            matrix = (base + ions).tocsc()[free][:, free].tocsc()
            residual = (load - base @ found - reaction)[free]
            clock("assembly")
            solve = factorised(matrix)
            clock("factor")
            change = solve(residual)
            found[free] += change
            clock("solve")
            size = abs(change @ residual)
            first_size = first_size or size
            if medium.ions == "linear" or size <= NEWTON * first_size:
                break
        else:
            raise ArithmeticError("scikit-fem: Newton did not converge")
        return clock.seconds, Values(straight, basis, found, lift, inside), int(basis.N)

    def _curved(self, case, mesh, interface):
        """Quadratic triangles whose middles of edges on Γ lie on it."""
        curved = skfem.MeshTri2.from_mesh(mesh)
        middles = curved.dofs.facet_dofs[0, interface]
        places = curved.doflocs.copy()
        gap = places[:, middles].T - case.parameters["center"]
        theta = np.arctan2(gap[:, 1], gap[:, 0])
        places[:, middles] = case.curve(theta).T
        return dataclasses.replace(curved, doflocs=places)


def factorised(matrix):
    """What solves with a symmetric matrix."""
    if cholesky:
        return cholesky(matrix)
    options = {"SymmetricMode": True}
    return scipy.sparse.linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A", options=options).solve


def slope(x, case):
    """∇G at points of any shape (2, …)."""
    flat = coulomb_gradient(x.reshape(2, -1).T, case.charges, case.medium)
    return flat.T.reshape(x.shape)


@skfem.BilinearForm
def stiffness(u, v, w):
    """∫ ∇u·∇v."""
    return dot(grad(u), grad(v))


@skfem.BilinearForm
def mass(u, v, w):
    """∫ u v."""
    return u * v


@skfem.BilinearForm
def curvature(u, v, w):
    """∫ cosh(u_h) u v."""
    return np.cosh(w["u"]) * u * v


@skfem.LinearForm
def force(v, w):
    """∫ sinh(u_h) v."""
    return np.sinh(w["u"]) * v


class Values:
    """w of a fitted solution at nodes."""

    def __init__(self, *parts):
        self.parts = parts

    def __call__(self, nodes: Nodes) -> np.ndarray:
        """Values at nodes."""
        mesh, basis, found, lift, inside = self.parts
        points = nodes.drawn_in.T
        # matplotlib's finder: scikit-fem's own needs seconds on a graded mesh.
        cells = np.array(Triangulation(*mesh.p, mesh.t.T).get_trifinder()(*points))
        self._cross(mesh, inside, nodes.solute, cells)
        local = np.full((2, points.shape[1], 1), 1.0 / 3.0)
        for _ in range(8):
            # scikit-fem's own inverse keeps to the triangle; a node between two descriptions of Γ lies just outside.
            gap = points[:, :, None] - basis.mapping.F(local, cells)
            local = local + np.einsum("ijkl,jkl->ikl", basis.mapping.invDF(local, cells), gap)
        w, there = np.zeros(points.shape[1]), inside[cells]
        for number in range(basis.Nbfun):
            phi = basis.elem.gbasis(basis.mapping, local, number, tind=cells)[0].value[:, 0]
            dofs = basis.element_dofs[number, cells]
            w += phi * (found[dofs] - np.where(there, lift[dofs], 0.0))
        return nodes.regular(w, there)

    def _cross(self, mesh, inside, solute, cells):
        """Nodes between Γ and an edge of the straight mesh belong to the triangle on the other side of that edge."""
        wrong = np.flatnonzero(inside[cells] != solute)
        for node, cell in zip(wrong, cells[wrong], strict=True):
            for facet in mesh.t2f[:, cell]:
                for other in mesh.f2t[:, facet]:
                    if other >= 0 and inside[other] == solute[node]:
                        cells[node] = other
