"""The Fourier neural operator of the library `neuraloperator`, made to fit a box with a boundary.

    channels, x, y ── ⊞ pad ── [ neuralop.models.FNO ] ── crop ── u

Z. Li et al., *Fourier neural operator for parametric partial differential equations* (ICLR 2021). Its layers are
the library's own: `layers` spectral convolutions that keep `modes` Fourier modes along each axis (half of them
negative), each with a linear skip connection and a small perceptron across channels; no normalisation. What stands
around it here has a reason each:

- **Padding.** The Fourier transform takes the image for periodic, and the potential is not. The image goes on for an
  eighth of its width, half of that on each side, with the values of its edge: solvent without charges. What the
  operator returns there is cut off.
- **An even number of nodes.** Version 2.0.0 puts the frequencies back with `fftshift` where the inverse `ifftshift` is
  meant. The two agree for an even number of nodes; for an odd one, such as our 65, every frequency comes back as its
  neighbour and the operator no longer commutes with a shift of the image. The padded image is even.
- **Coordinates.** A periodic operator cannot know where the box ends, and on its edge the potential has given values:
  x and y enter as two further channels, -1 to 1 from edge to edge and on beyond it. The library's own embedding is
  not used: it starts at 0 and stops short of 1, and keeps the device on which it was first used.
- **Real weights.** The library's spectral weights are complex, and neither the fused AdamW nor the mean over
  processes take those. They are kept as pairs of real numbers and seen as complex ones in each step.
- **Tensors alone in the state.** The library adds its arguments to `state_dict()`, among them functions, that neither
  safetensors nor `torch.load(weights_only=True)` accept. They are left out: our record has them.
- **float32 always**, also under automatic mixed precision: there is no Fourier transform of bfloat16.

Every node sees the whole image. Size at 65² nodes (72² padded), with two channels in:

=====================  ==========  =============
channels/modes/layers  parameters  multiply-adds
=====================  ==========  =============
64 / 32 / 4            17.9 M      0.335 G
32 / 24 / 4            2.57 M      0.091 G
24 / 16 / 4            0.67 M      0.054 G
=====================  ==========  =============
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.parametrize import register_parametrization

from debye import networks
from debye.errors import MissingExtra, explain


def padded_size(nodes: int) -> int:
    """Nodes an axis of the padded image: about nine eighths, and even.

    Examples
    --------
    >>> padded_size(65), padded_size(17), padded_size(20)
    (72, 18, 22)
    """
    return 2 * ((9 * (nodes - 1) + 15) // 16)


class Complex(nn.Module):
    """Pairs of real numbers seen as complex ones: (n, 2) → the shape given.

    Two axes, as `Module.to(memory_format=...)` sets out four anew and stumbles over five.
    """

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, pairs: Tensor) -> Tensor:
        """Shape (n, 2), real, to `shape`, complex."""
        return torch.view_as_complex(pairs).reshape(self.shape)


def _library_operator(architecture: networks.FourierOperator, inputs: int) -> nn.Module:
    """The library's network with real weights, drawn as the library draws them."""
    try:
        # The library changes the filter of warnings of the whole process.
        with warnings.catch_warnings():
            from neuralop.models import FNO
    except ImportError as error:
        raise MissingExtra(
            explain(
                "architecture: kind: fno",
                f"no library neuraloperator ({error})",
                "its version 2.0.0",
                "pip install 'debye[fno]'",
            )
        ) from None
    operator: nn.Module = FNO(
        n_modes=(architecture.modes, architecture.modes),
        in_channels=inputs,
        out_channels=1,
        hidden_channels=architecture.channels,
        n_layers=architecture.layers,
        positional_embedding=None,
        norm=None,
        domain_padding=None,
    )
    for layer in operator.fno_blocks.convs:  # type: ignore[union-attr]
        weight = layer.weight.tensor.detach()
        del layer.weight
        layer.weight = nn.Parameter(torch.view_as_real(weight).reshape(-1, 2).clone())
        # "Unsafe" is to change the type, which is the purpose.
        register_parametrization(layer, "weight", Complex(weight.shape), unsafe=True)
        layer._contract = _contract
    return operator


def _contract(image: Tensor, weight: Tensor, separable: bool) -> Tensor:
    """Multiply each mode's channels by its matrix, as the library does by way of a search for the best order.

    There is one order only, and the search ties an exported network to the number of samples it was exported with.
    """
    return torch.einsum("bixy,ioxy->boxy", image, weight)


def _tensors_alone(_: nn.Module, state: dict[str, Any], __: str, ___: dict[str, Any]) -> None:
    """Take the library's arguments out of a state."""
    state.pop("_metadata", None)


class FourierNetwork(nn.Module):
    """The network of `debye.networks.FourierOperator`: (b, channels, x, y) → (b, 1, x, y).

    Raises
    ------
    MissingExtra
        If the library is not installed.
    """

    def __init__(self, architecture: networks.FourierOperator, inputs: networks.Inputs) -> None:
        super().__init__()
        self.operator = _library_operator(architecture, sum(inputs) + 2)
        self.register_state_dict_post_hook(_tensors_alone)  # type: ignore[no-untyped-call]

    def forward(self, image: Tensor) -> Tensor:
        """Shape (b, inputs, x, y) to (b, 1, x, y), float32."""
        with _in_float32(image.device):
            nodes = image.shape[-2:]
            before = [(padded_size(size) - size) // 2 for size in nodes]
            after = [padded_size(size) - size - start for size, start in zip(nodes, before, strict=True)]
            wide = pad(image.float(), (before[1], after[1], before[0], after[0]), mode="replicate")
            wide = torch.cat([wide, _coordinates(wide, nodes, before)], dim=1)
            result: Tensor = self.operator(wide)
            # Slices with an end: a negative one would be empty where nothing is padded.
            rows, columns = (slice(start, start + size) for size, start in zip(nodes, before, strict=True))
            return result[:, :, rows, columns]


def _in_float32(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Without automatic mixed precision, on a device that has it ("meta" has not)."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()


def _coordinates(wide: Tensor, nodes: torch.Size, before: list[int]) -> Tensor:
    """Coordinates x and y of the nodes of a padded image, -1 to 1 from edge to edge of the box; (b, 2, x, y)."""
    axes = [
        (torch.arange(size, device=wide.device, dtype=wide.dtype) - start) * (2 / (inner - 1)) - 1
        for size, start, inner in zip(wide.shape[-2:], before, nodes, strict=True)
    ]
    both = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    return both.expand(wide.shape[0], -1, -1, -1)
