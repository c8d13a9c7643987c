"""An ablation as types: networks that differ from a base in one thing each, all trained with the same few seeds."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from debye.errors import ConfigError
from debye.networks import ChargeChannel, Network, ShapeChannel
from debye.parameters import Model, Name

BASE = "base"
"""Name of the base among the variants."""

MOST_SEEDS = 31
"""Student's t is tabled for so many seeds in `debye.analysis.intervals`."""


class Variant(Model):
    """What a variant has otherwise than the base: keys of a network, or the grid of its samples."""

    about: str = Field(default="", description="what the variant asks, in a few words for tables")
    cells: int | None = Field(
        default=None,
        ge=4,
        description="cells along each axis of another grid on the same box, on which the same shapes and charges are "
        "solved for this variant",
    )
    architecture: dict[str, Any] | None = Field(
        default=None, description="keys that differ, or a whole architecture of another kind"
    )
    charge_channels: tuple[ChargeChannel, ...] | None = Field(
        default=None, description="as of a network, in the place of the base's"
    )
    shape_channels: tuple[ShapeChannel, ...] | None = Field(
        default=None, description="as of a network, in the place of the base's"
    )
    charge_normalization: Literal["none", "sign", "scale"] | None = Field(
        default=None, description="as of a network"
    )
    target: Literal["total", "regular", "compact"] | None = Field(default=None, description="as of a network")
    training: dict[str, Any] | None = Field(
        default=None, description="keys that differ; a loss is replaced as a whole"
    )

    def changes(self) -> dict[str, Any]:
        """Keys of the network that differ, with their values."""
        return self.model_dump(exclude_none=True, exclude={"about", "cells"})

    def words(self) -> str:
        """All that differs, as one would write it in the configuration."""
        cells = {} if self.cells is None else {"cells": self.cells}
        found = {name: json.dumps(value) for name, value in (cells | self.changes()).items()}
        return ", ".join(f"{name}: {text.replace(chr(34), '')}" for name, text in found.items())


class Ablation(Model):
    """What is taken away from a network, one thing at a time, and with how many seeds."""

    base: Network
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(0, 1, 2),
        min_length=2,
        max_length=MOST_SEEDS,
        description="seeds of the trainings; each network is trained once with each, in the place of training.seed",
    )
    variants: dict[Name, Variant] = Field(min_length=1, description="variants by name")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the base and of the variants."""
        return (BASE, *self.variants)

    def cells_of(self, variant: str) -> int | None:
        """Cells of a variant's own grid, None where it has that of the configuration."""
        return None if variant == BASE else self.variants[variant].cells

    def split_of(self, split: str, variant: str) -> str:
        """Name of the split that a variant sees in the place of train, validation or test."""
        cells = self.cells_of(variant)
        return split if cells is None else on_grid(split, cells)

    def network(self, variant: str, seed: int | None = None) -> Network:
        """Network of a variant; with a seed in the place of its own, or as it is.

        Raises
        ------
        ConfigError
            If base and change make no network.
        """
        content = self.base.model_dump()
        if variant != BASE:
            content = _changed(content, self.variants[variant].changes())
        if seed is not None:
            content["training"]["seed"] = seed
        return Network(**content)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                f"found seeds {list(self.seeds)}, expected no entry twice; remove the repetition"
            )
        if BASE in self.variants:
            raise ValueError(f"found a variant {BASE!r}, expected another name: it is the base's; rename it")
        for name, variant in self.variants.items():
            if "seed" in (variant.training or {}):
                raise ValueError(
                    f"found training.seed in variant {name}, expected none: all variants are trained with the seeds "
                    "of the ablation; take it away"
                )
            try:
                network = self.network(name)
            except ConfigError as error:
                raise ValueError(f"in variant {name}: {error}") from None
            if network == self.base and variant.cells is None:
                raise ValueError(f"found variant {name} equal to the base, expected a change; give it one")
        return self


def on_grid(split: str, cells: int) -> str:
    """Name of a split solved on another grid.

    Examples
    --------
    >>> on_grid("train", 64)
    'train_64'
    """
    return f"{split}_{cells}"


def _changed(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Content with changes, section by section; what is a choice among kinds is replaced as a whole."""
    found = dict(content)
    for name, value in changes.items():
        old = content.get(name)
        if (
            name != "loss"
            and isinstance(old, dict)
            and isinstance(value, dict)
            and value.get("kind", old.get("kind")) == old.get("kind")
        ):
            found[name] = _changed(old, value)
        else:
            found[name] = value
    return found
