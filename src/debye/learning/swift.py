"""The same network in less time: through torch.compile, or with its kernels recorded once as CUDA graphs.

Both change nothing but the time: a compiled network is made to prove it on its first batch, because some versions of
Inductor give some of the gradients of these networks as zero (torch 2.13 on a CPU: `multigrid`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from debye.errors import ConfigError, explain

MOST = 0.05
"""By how much the gradient of a weight may differ, of its norm: twice what bfloat16 makes of it."""


def compiled(model: nn.Module, wrap: Callable[[nn.Module], nn.Module]) -> Callable[[Tensor], Tensor]:
    """Network through torch.compile; its first batch is computed without it, too.

    Parameters
    ----------
    model : Module
    wrap : callable
        Makes of the compiled network that of several processes.

    Raises
    ------
    ConfigError
        At the first batch, if torch.compile fails, or gives other gradients.
    """
    # Static shapes: the batch at the end of an epoch, if it is smaller, is compiled for itself.
    quick: Any = torch.compile(model, dynamic=False)
    wrapped, proved = wrap(quick), False

    def output(channels: Tensor) -> Tensor:
        nonlocal proved
        # It takes a second to load.
        from torch._dynamo.exc import TorchDynamoException

        try:
            if not proved:
                _prove(model, quick, channels)
                proved = True
            returned: Tensor = wrapped(channels)
        except TorchDynamoException as error:
            found = " ".join(str(error).split())[:200]
            remedy = "install a C++ compiler (g++), on a GPU also Triton, or set compile to false"
            expected = "a network that torch.compile can compile here"
            raise ConfigError(explain("training: compile", found, expected, remedy)) from None
        return returned

    return output


def _prove(model: nn.Module, quick: Callable[[Tensor], Tensor], channels: Tensor) -> None:
    """Make sure that the compiled network has the gradients of the network."""
    names, weights = zip(*model.named_parameters(), strict=True)
    expected = _gradients(model, channels, weights)
    try:
        found = _gradients(quick, channels, weights)
    except UnboundLocalError as error:
        # Of the code that Inductor wrote.
        found, why = None, str(error)
    if found is None:
        worst = f"code that does not run ({why})"
    else:
        sizes = [float(gradient.norm()) for gradient in expected]
        # Gradients that are nothing beside the others are round-off.
        least = 1e-6 * max(sizes)
        apart = [
            float((one - other).norm()) / max(size, least)
            for one, other, size in zip(expected, found, sizes, strict=True)
        ]
        if max(apart) <= MOST:
            return
        name = names[apart.index(max(apart))]
        worst = f"a gradient of {name} that differs by {max(apart):.2g} of its norm"
    raise ConfigError(
        explain(
            "training: compile",
            worst,
            "what the network has without torch.compile",
            "set compile to false, or on a GPU to graphs; it is torch's mistake, another version may do better",
        )
    )


def _gradients(
    network: Callable[[Tensor], Tensor], channels: Tensor, weights: Sequence[nn.Parameter]
) -> tuple[Tensor, ...]:
    output = network(channels)
    return torch.autograd.grad(output.float().square().mean(), weights, materialize_grads=True)


def graphed(model: nn.Module, size: int) -> Callable[[Tensor], Tensor]:
    """Network whose kernels, forward and backward, are recorded at its first whole batch and replayed since.

    Parameters
    ----------
    model : Module
        On a GPU, in float32.
    size : int
        Samples of a batch; a smaller one, at the end of an epoch, is computed as it is.
    """
    quick: Any = None
    # The network itself stays as it is, for validation and for smaller batches.
    recorded = _Behind(model)

    def output(channels: Tensor) -> Tensor:
        nonlocal quick
        if len(channels) != size:
            return model(channels)  # type: ignore[no-any-return]
        if quick is None:
            quick = torch.cuda.make_graphed_callables(recorded, (channels.detach().clone(),))
            # Gradients are added up on another stream than the one of the recording; it costs less than is saved.
            warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream")
        replayed: Tensor = quick(channels)
        return replayed

    return output


class _Behind(nn.Module):
    """A network behind another module, whose `forward` may be replaced."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, channels: Tensor) -> Tensor:
        """Shape (b, k, x, y) to (b, 1, x, y)."""
        output: Tensor = self.model(channels)
        return output
