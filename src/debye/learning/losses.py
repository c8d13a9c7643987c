"""What a training minimises: a sum of terms, each one number a sample, averaged over the samples.

The relative terms divide the norm of the error e = output − target by the norm of the target over the same nodes or
edges. Their differences along the grid need no spacing, which cancels. A target of next to nothing is measured against
`FLOOR`: nothing is divided by zero.

h1 and flux_jump look at the error, not at the output: what the target does at the interface (w jumps, u has a kink) and
how the grid resolves it is in the output and in the target alike, and an exact output has the loss zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch import Tensor

from debye.learning.batch import Scene
from debye.networks import LossName, Training
from debye.parameters import Medium

Loss = Callable[[Tensor, Scene], Tensor]
"""From the output, shape (b, 1, x, y[, z]), and the scene to the losses of the samples, shape (b,)."""

FLOOR = 1e-4
"""Root mean square of a target below which its error counts as if the target were that large. Targets have the root
mean square 1 over a training split."""


def mse(output: Tensor, scene: Scene) -> Tensor:
    """Mean squared error over the known nodes, of each sample.

    Parameters
    ----------
    output : Tensor
        What the network returns, shape (b, 1, x, y[, z]).
    scene : Scene
        What was wanted.

    Returns
    -------
    Tensor
        Shape (b,).
    """
    square = scene.weight * (output - scene.target) ** 2
    return square.flatten(1).sum(1) / scene.weight.flatten(1).sum(1)


def relative_l2(output: Tensor, scene: Scene) -> Tensor:
    """Relative L2 error ‖output − target‖ / ‖target‖ over the known nodes, of each sample.

    Parameters and result as in `mse`.

    Examples
    --------
    >>> one = torch.ones(1, 1, 2, 2)
    >>> relative_l2(1.5 * one, Scene(target=one, weight=one, distance=one))
    tensor([0.5000])
    """
    return _relative([(output - scene.target, scene.target, scene.weight)])


def h1(output: Tensor, scene: Scene) -> Tensor:
    """Relative error of the gradient, by the differences over all edges of the grid whose ends are both known.

    Parameters and result as in `mse`.
    """
    error, known = _error(output, scene), scene.weight
    return _relative(
        (_steps(error, axis), _steps(scene.target, axis), _left(known, axis) * _right(known, axis))
        for axis in range(2, output.ndim)
    )


def band(output: Tensor, scene: Scene, half_width: float) -> Tensor:
    """Relative L2 error over the known nodes that are less than `half_width` cells from the interface.

    Other parameters and result as in `mse`. A sample without such a node has the loss 0.
    """
    near = scene.weight * (scene.distance.abs() < half_width)
    return _relative([(output - scene.target, scene.target, near)])


def flux_jump(output: Tensor, scene: Scene, medium: Medium) -> Tensor:
    """How far the flux of the error jumps at the interface, relative to the target's fluxes on its two sides.

    Of an edge from i to i+1 that the interface cuts, along the edge's axis, with ε the permittivity of a side:

        F⁻ = ε_i (e_i − e_{i−1}),   F⁺ = ε_{i+1} (e_{i+2} − e_{i+1}),   jump = F⁺ − F⁻

    where i−1 … i+2 are nodes of the grid, known, and two of them lie on each side. The loss is the root of
    Σ jump² / Σ (f⁻² + f⁺²) over these edges of all axes, with f the same fluxes of the target.

    It is the error's flux that is looked at: the target's own flux jumps by what is prescribed (J1, if the target is
    w), and by what one-sided differences half a cell to three halves from the interface make of a curved field. Both
    are in the output of an exact network as well. The error of two fields with the same jumps has a continuous flux
    along the normal; along an axis oblique to it the tangential slope of the error enters too, which must vanish
    as well.

    Other parameters and result as in `mse`. A sample without such an edge has the loss 0.
    """
    error = _error(output, scene)
    solute = scene.distance < 0
    eps = torch.where(solute, medium.eps_solute, medium.eps_solvent)

    def parts() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for axis in range(2, output.ndim):
            same = _left(solute, axis) == _right(solute, axis)
            known = scene.weight.bool()
            usable = same & _left(known, axis) & _right(known, axis)
            # Edge i−1 → i, the cut edge i → i+1, edge i+1 → i+2: three edges in a row.
            cut = ~same.narrow(axis, 1, same.shape[axis] - 2)
            chosen = (_first(usable, axis) & cut & _last(usable, axis)).to(error.dtype)
            # Both ends of a usable edge have the same permittivity.
            flux, wanted = (_steps(field, axis) * _left(eps, axis) for field in (error, scene.target))
            sides = torch.hypot(_first(wanted, axis), _last(wanted, axis))
            yield _last(flux, axis) - _first(flux, axis), sides, chosen

    return _relative(parts())


def loss_of(training: Training, medium: Medium) -> Loss:
    """Sum of a training's terms times their factors, in float32 whatever the network computes in."""
    made: dict[LossName, Loss] = {
        "mse": mse,
        "relative_l2": relative_l2,
        "h1": h1,
        "band": partial(band, half_width=training.band),
        "flux_jump": partial(flux_jump, medium=medium),
    }
    terms = [(factor, made[name]) for name, factor in training.terms.items()]

    def total(output: Tensor, scene: Scene) -> Tensor:
        losses = [factor * term(output.float(), scene) for factor, term in terms]
        return torch.stack(losses).sum(0)

    return total


def _relative(parts: Iterable[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Norm of the errors over that of the wanted values, (b,), where the weights are 1, of (error, wanted, weight)."""
    errors, wanted, counts = [], [], []
    for error, value, weight in parts:
        errors.append((weight * error).flatten(1))
        wanted.append((weight * value).flatten(1))
        counts.append(weight.flatten(1).sum(1))
    # vector_norm has the gradient zero where the error vanishes; a square root has none.
    error = torch.linalg.vector_norm(torch.cat(errors, dim=1), dim=1)
    size = torch.linalg.vector_norm(torch.cat(wanted, dim=1), dim=1)
    # Nothing at all to compare is no error.
    floor = FLOOR * torch.stack(counts).sum(0).clamp(min=1.0).sqrt()
    relative: Tensor = error / torch.maximum(size, floor)
    return relative


def _error(output: Tensor, scene: Scene) -> Tensor:
    """Output − target, and 0 where the target is not known."""
    return scene.weight * (output - scene.target)


def _first(edges: Tensor, axis: int) -> Tensor:
    """Of every three edges in a row the first."""
    return edges.narrow(axis, 0, edges.shape[axis] - 2)


def _last(edges: Tensor, axis: int) -> Tensor:
    """Of every three edges in a row the third."""
    return edges.narrow(axis, 2, edges.shape[axis] - 2)


def _left(nodes: Tensor, axis: int) -> Tensor:
    """Values at the lower ends of the edges along an axis."""
    return nodes.narrow(axis, 0, nodes.shape[axis] - 1)


def _right(nodes: Tensor, axis: int) -> Tensor:
    """Values at the upper ends of the edges along an axis."""
    return nodes.narrow(axis, 1, nodes.shape[axis] - 1)


def _steps(nodes: Tensor, axis: int) -> Tensor:
    """Differences along the edges of an axis."""
    return _right(nodes, axis) - _left(nodes, axis)
