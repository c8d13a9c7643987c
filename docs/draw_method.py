"""The figures of docs/method.md, drawn by the solver's own code: `python docs/draw_method.py`."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Circle, Polygon
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

import debye
from debye.analysis.style import COLOURS, INK, canvas, save, style
from debye.physics.charges import coulomb_gradient, coulomb_potential
from debye.physics.cut import find_cut
from debye.physics.elements import immersed_elements

FOLDER = Path(__file__).parent / "figures"
SOLUTE, SOLVENT, LINE = "#f7cbb0", "#bddcf0", COLOURS[1]


def cut_cells(axes):
    """A few cells of a coarse grid with the true interface, its flat pieces and their roots."""
    grid = debye.Grid(cells=16, half_width=8.0)
    cut = find_cut(grid, debye.Ball((0.3, 0.2), 4.3))
    low, high = np.array([2.0, 0.0]), np.array([5.0, 3.0])
    axes.set_facecolor("#f1f7fb")
    axes.add_patch(Circle((0.3, 0.2), 4.3, facecolor="#fdf3ec", zorder=0))
    for corners, ell in zip(cut.vertices, cut.ell, strict=True):
        axes.add_patch(Polygon(corners, facecolor="none", edgecolor="#888888", linewidth=0.8, zorder=2))
        for side, colour in ((-1, SOLUTE), (1, SOLVENT)):
            axes.add_patch(Polygon(clipped(corners, side * ell), facecolor=colour, zorder=1))
    roots = np.einsum("nkv,nvx->nkx", cut.edge_points(), cut.vertices)
    for piece in roots:
        axes.plot(*piece.T, color=LINE, linewidth=1.6, marker="o", markersize=3, zorder=4)
    angle = np.linspace(0, 2 * np.pi, 2000)
    axes.plot(0.3 + 4.3 * np.cos(angle), 0.2 + 4.3 * np.sin(angle), color=INK, ls=":", lw=1.0, zorder=3)
    middle = roots.mean(axis=1)
    shown = np.flatnonzero(((middle > low + 0.2) & (middle < high - 0.2)).all(axis=1))[::3]
    axes.quiver(*middle[shown].T, *cut.normal[shown].T, color=INK, width=0.006, scale=9, zorder=5)
    for number in range(17):
        for draw in (axes.axvline, axes.axhline):
            draw(grid.axis[number], color="#dddddd", lw=0.6, zorder=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="x, Å", ylabel="y, Å")
    axes.set_title("Cut triangles: true roots, flat pieces, normals")
    axes.text(2.15, 0.2, "solute Ω⁻", color=INK)
    axes.text(4.15, 2.8, "solvent Ω⁺", color=INK)


def clipped(corners, ell):
    """Polygon of the part of a triangle where the affine function with these vertex values is positive."""
    points = []
    for one in range(3):
        two = (one + 1) % 3
        if ell[one] > 0:
            points.append(corners[one])
        if (ell[one] > 0) != (ell[two] > 0):
            share = ell[one] / (ell[one] - ell[two])
            points.append(corners[one] + share * (corners[two] - corners[one]))
    return np.array(points)


def surface(axes, elements, row, function, title):
    """A function on one cut triangle: a flat piece over its solute part and one over its solvent part."""
    corners, ell = elements.cut.vertices[row], elements.cut.ell[row]
    local = (corners - corners.mean(axis=0)) / elements.cut.grid.spacing
    axes.add_collection3d(Line3DCollection([flat(np.vstack([local, local[:1]]))], colors="#555555", lw=1.0))
    seen = flat(local)
    for positive, colour in ((False, COLOURS[1]), (True, COLOURS[0])):
        part = clipped(np.eye(3), ell if positive else -ell)
        heights = function(part, np.full(len(part), positive))
        base = part @ local
        axes.add_collection3d(Poly3DCollection([flat(base)], facecolors=colour, alpha=0.18))
        piece = np.column_stack([base, heights])
        axes.add_collection3d(Poly3DCollection([piece], facecolors=colour, edgecolors=INK, alpha=0.8, lw=0.8))
        pillars = [np.array([[*at, 0.0], [*at, height]]) for at, height in zip(base, heights, strict=True)]
        axes.add_collection3d(Line3DCollection(pillars, colors="#999999", lw=0.6, linestyles=":"))
        seen = np.vstack([seen, piece])
    axes.set_title(title, y=1.0)
    low, high = seen.min(axis=0), seen.max(axis=0)
    axes.set(xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axes.set_box_aspect((1, 1, 0.9), zoom=1.05)
    axes.view_init(elev=24, azim=-35)


def flat(points):
    """Points of the plane at height zero."""
    return np.column_stack([points, np.zeros(len(points))])


def elements_figure():
    """A cut cell, a basis function and a bubble."""
    medium = debye.Medium(eps_solute=1.0, eps_solvent=5.0)
    cut = find_cut(debye.Grid(cells=16, half_width=8.0), debye.Ball((0.3, 0.2), 4.3))
    elements = immersed_elements(cut, medium)
    # A triangle cut nearly in halves whose first vertex lies in the solute.
    score = np.abs(elements.share_negative - 0.5) + (cut.ell[:, 0] > 0) + (cut.normal[:, 0] < 0.5)
    row = int(np.argmin(score))
    one = np.array([row])

    def basis(weights, positive):
        rows = np.repeat(one, len(weights))
        return elements.basis(rows, weights, positive)[:, 0]

    charges = debye.PointCharges([[2.0, 0.5]], [0.004])
    edge = elements.edge_points
    jump = coulomb_potential(edge.reshape(-1, 2), charges, medium).reshape(edge.shape[:2])
    slope = (coulomb_gradient(edge.mean(axis=1), charges, medium) * cut.normal).sum(axis=1)
    bubble = elements.bubble(jump, medium.eps_solute * slope)

    def bubble_of(weights, positive):
        return elements.bubble_values(bubble, np.repeat(one, len(weights)), weights, positive)

    figure = canvas(10.5, 3.6)
    cut_cells(figure.add_subplot(1, 3, 1))
    surface(figure.add_subplot(1, 3, 2, projection="3d"), elements, row, basis,
            "Basis ψ: continuous, ε∂ₙψ continuous\n(ε = 1 orange, 5 blue)")  # fmt: skip
    surface(figure.add_subplot(1, 3, 3, projection="3d"), elements, row, bubble_of,
            "Bubble B: zero at the vertices,\n[B] = J0 and [ε∂ₙB] = J1")  # fmt: skip
    save(figure, FOLDER / "method_elements.svg")


if __name__ == "__main__":
    with style():
        elements_figure()
