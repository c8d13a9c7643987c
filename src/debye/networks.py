"""Networks as types: their architecture, what they see, what they are asked for and how they are trained."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from debye.errors import ConfigError, explain
from debye.parameters import Grid, Model, Name, Positive

Width = Annotated[int, Field(ge=1)]


class ResNet(Model):
    """Residual network: halve the image `downsample` times, `blocks` residual blocks, and back up."""

    kind: Literal["resnet"]
    channels: Width = Field(description="channels of the residual blocks")
    blocks: int = Field(ge=1, description="number of residual blocks of two 3x3 convolutions")
    downsample: int = Field(
        default=2, ge=0, le=5, description="number of halvings before the residual blocks"
    )


class UNet(Model):
    """U-Net: halve the image `downsample` times with twice the channels each time, and back up beside it."""

    kind: Literal["unet"]
    channels: Width = Field(description="channels at the full resolution")
    downsample: int = Field(default=4, ge=1, le=6, description="number of halvings")


class DilatedResNet(Model):
    """Dilated residual network: all at the full resolution; dilated convolutions widen the view."""

    kind: Literal["dilated_resnet"]
    channels: Width = Field(description="channels of the blocks")
    blocks: int = Field(ge=1, description="number of residual blocks")
    dilations: tuple[Width, ...] = Field(
        default=(1, 2, 4, 8, 4, 2, 1), min_length=1, description="dilations of the convolutions of a block"
    )


class FourierOperator(Model):
    """Fourier neural operator of the library `neuraloperator` (an extra: `pip install 'debye[fno]'`)."""

    kind: Literal["fno"]
    channels: Width = Field(description="channels of the Fourier layers")
    modes: Width = Field(description="Fourier modes kept along each axis")
    layers: int = Field(default=4, ge=1, description="number of Fourier layers")


class GatedOperator(Model):
    """Compact operator network: linear in the charges, gated by the shape, cycles over a ladder of grids."""

    kind: Literal["gated"]
    channels: Width = Field(description="features of the charges at the full resolution")
    downsample: int = Field(default=5, ge=1, le=6, description="number of halvings")
    cycles: int = Field(default=2, ge=1, description="ways down and up")
    gate_channels: Width = Field(
        default=8, description="features of the shape, from which the gates are made"
    )
    odd_channels: int = Field(
        default=0,
        ge=0,
        description="features of the small correction that is odd in the charges, for sinh; 0 leaves it out, and then "
        "the network is linear in the charges",
    )


class MultigridOperator(Model):
    """Learned multigrid: gated cycles, each of which sees how far the image before it is from solving the equation."""

    kind: Literal["multigrid"]
    channels: Width = Field(description="features of the charges at the full resolution")
    coarse_channels: Width = Field(description="features of the charges on the coarser grids")
    downsample: int = Field(default=5, ge=2, le=6, description="number of halvings")
    cycles: int = Field(default=3, ge=1, description="ways down and up, each with weights of its own")
    gate_channels: Width = Field(
        default=8, description="features of the shape, from which the gates are made"
    )
    sinh: bool = Field(
        default=True,
        description="put the sinh of the potential into the equation; false, for linear ions, leaves the network "
        "linear in the charges",
    )


Architecture = Annotated[
    ResNet | UNet | DilatedResNet | FourierOperator | GatedOperator | MultigridOperator,
    Field(discriminator="kind"),
]

LossName = Literal["mse", "relative_l2", "h1", "band", "flux_jump"]
"""Terms of a loss, see `debye.learning.losses`."""


class Training(Model):
    """How a network is trained."""

    epochs: int = Field(ge=1, description="passes over the training split")
    batch_size: int = Field(ge=1, description="samples a step")
    samples: int | None = Field(
        default=None, ge=1, description="train on so many samples only, evenly spread over the training split"
    )
    learning_rate: Positive = Field(description="peak learning rate of AdamW")
    weight_decay: float = Field(default=1e-4, ge=0, description="decoupled weight decay of AdamW")
    beta2: float = Field(
        default=0.999, gt=0, lt=1, description="decay of AdamW's running mean of the squared gradients"
    )
    warmup: float = Field(
        default=0.05, ge=0, lt=1, description="share of the steps with a rising learning rate"
    )
    augment: bool = Field(default=True, description="turn and mirror samples by the symmetries of the square")
    loss: LossName | Annotated[dict[LossName, Positive], Field(min_length=1)] = Field(
        default="relative_l2",
        description="what is minimised: a name, or the sum of name → factor; mse, relative_l2, h1 (of the gradient), "
        "band (relative L2 near the interface), flux_jump (of the flux across the interface)",
    )
    band: Positive = Field(default=2.0, description="half width of the band of the loss `band`, cells")
    clip: Positive = Field(default=1.0, description="largest norm of a step's gradient")
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the running mean of the weights that is kept; 0 keeps the weights",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the network's arithmetic; bfloat16 is automatic mixed precision"
    )
    compile: bool | Literal["graphs"] = Field(
        default=False,
        description="true: run the network through torch.compile; graphs: on a GPU, in float32 and by one process, "
        "record its kernels once and replay them",
    )
    data: Literal["auto", "memory", "stream"] = Field(
        default="auto",
        description="hold the training split in memory or read each sample when it is asked for; auto: in memory where "
        "it takes a quarter of what is free at most",
    )
    seed: int = Field(default=0, description="seed of the initial weights and of the order of the samples")

    @property
    def terms(self) -> dict[LossName, float]:
        """Terms of the loss with their factors."""
        return {self.loss: 1.0} if isinstance(self.loss, str) else self.loss

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.compile == "graphs" and self.precision != "float32":
            raise ValueError(
                f"found compile graphs with precision {self.precision}, expected float32; change one of them"
            )
        return self


class Inputs(NamedTuple):
    """How many channels of each kind a network sees; those of the charges come first."""

    charges: int
    shapes: int


ChargeChannel = Literal["charges", "smeared", "coulomb", "compact", "screened", "jump", "flux_jump"]
ShapeChannel = Literal["mask", "volume_fraction", "signed_distance", "stiffness"]

POTENTIALS: tuple[ChargeChannel, ...] = ("smeared", "screened")
"""Charge channels of the equation itself; a network that computes in kT/e sees them as they are."""

IMAGES: dict[str, tuple[str, ...]] = {
    "stiffness": ("edge_x", "edge_y", "edge_rising", "edge_falling", "ionic"),
}
"""Names of the images of a shape channel, in 2-D, where they are more than one."""


class Network(Model):
    """A network, what it sees and what it is asked for."""

    architecture: Architecture
    charge_channels: tuple[ChargeChannel, ...] = Field(
        default=("charges",),
        min_length=1,
        description="images linear in the charges: charges (spread by cloud-in-cell), smeared (each evenly in "
        "the ball in which S lives), coulomb (G in the solute), "
        "compact (the compactly supported singular part), screened (their Debye-Hückel potential in the solvent), "
        "jump and flux_jump (the interface data J0 and J1 in a band around the interface)",
    )
    shape_channels: tuple[ShapeChannel, ...] = Field(
        default=("mask",),
        min_length=1,
        description="images of the shape: mask (1 in the solute and 0 outside), volume_fraction (of solvent in the "
        "cell around a node), signed_distance, stiffness (edge weights of the discrete equation and its ionic term)",
    )
    charge_normalization: Literal["none", "sign", "scale"] = Field(
        default="none",
        description="what each sample's charges are divided by, and its output multiplied by: nothing; their sign, so "
        "that u(-q) = -u(q) holds exactly; or their size and sign, so that u is homogeneous, for linear ions",
    )
    target: Literal["total", "regular", "compact"] = Field(
        default="total",
        description="what the network returns: u; w (the Coulomb part is added back exactly); or u without its "
        "compactly supported singular part, which is added back exactly",
    )
    start: Name | None = Field(
        default=None,
        description="another network of this configuration, which differs in its training alone, from whose trained "
        "weights this one starts",
    )
    training: Training

    @property
    def physical(self) -> bool:
        """Whether the network computes in kT/e, and not in units of the training split."""
        return self.architecture.kind == "multigrid"

    def differences(self, other: Network) -> list[str]:
        """Keys, beside those of the training, in which another network differs."""
        own = {"start", "training"}
        return [
            key
            for key in type(self).model_fields
            if key not in own and getattr(self, key) != getattr(other, key)
        ]

    def continues(self, other: Network) -> bool:
        """Whether it can start from the weights of another: only the trainings may differ."""
        return not self.differences(other)

    @property
    def inputs(self) -> Inputs:
        """Numbers of channels."""
        return Inputs(len(self.charge_channels), len(self.images) - len(self.charge_channels))

    @property
    def images(self) -> tuple[str, ...]:
        """Names of all images that the network sees, in order."""
        shapes = [IMAGES.get(name, (name,)) for name in self.shape_channels]
        return (*self.charge_channels, *itertools.chain(*shapes))

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("charge_channels", "shape_channels"):
            items = getattr(self, name)
            if len(set(items)) < len(items):
                raise ValueError(
                    f"found {name} {list(items)}, expected no entry twice; remove the repetition"
                )
        if self.architecture.kind == "multigrid":
            found = (self.charge_channels[:2], self.shape_channels[-1:], self.target)
            if found != (("smeared", "screened"), ("stiffness",), "compact"):
                raise ValueError(
                    f"found charge_channels {list(self.charge_channels)}, shape_channels "
                    f"{list(self.shape_channels)} and target {self.target} of a multigrid, "
                    "expected the first two smeared and screened, the last one "
                    "stiffness, and compact: the terms of the equation that it solves; mend the lists"
                )
        return self


def require_grid(architecture: Architecture, grid: Grid) -> None:
    """Refuse a grid on which an architecture cannot work.

    Raises
    ------
    ConfigError
        If the grid is not two-dimensional, cannot be halved `downsample` times, or has fewer cells than `modes`.
    """
    if grid.dim != 2:
        raise ConfigError(
            explain("grid", f"dim {grid.dim}", "dim 2", f"a {architecture.kind} works on images")
        )
    halvings = getattr(architecture, "downsample", 0)
    if grid.cells % 2**halvings or grid.cells < 2 ** (halvings + 1):
        raise ConfigError(
            explain(
                "architecture: downsample",
                f"{halvings} halvings of {grid.cells} cells",
                "a number of cells that can be halved so often, so that coarse nodes are fine nodes",
                "lower downsample or change grid: cells",
            )
        )
    modes = getattr(architecture, "modes", 0)
    if modes > grid.cells:
        raise ConfigError(
            explain(
                "architecture: modes",
                f"{modes} modes on {grid.cells} cells",
                "at most as many as cells: the shortest wave of a grid has two cells",
                "lower modes or raise grid: cells",
            )
        )
