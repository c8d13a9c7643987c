"""What the sections of a configuration must have to do with each other.

Each function looks at some sections and raises ValueError, which pydantic gives its place in the file.
"""

from __future__ import annotations

from collections.abc import Mapping

from debye.ablation import Ablation, on_grid
from debye.errors import ConfigError
from debye.families import Family
from debye.networks import Network, require_grid
from debye.parameters import Grid, Medium
from debye.splits import Split

MAIN_SPLITS = ("train", "validation", "test")
"""Splits that every configuration has: networks are trained on the first, chosen on the second, judged on the third."""


def check_splits(splits: Mapping[str, Split], families: Mapping[str, Family], medium: Medium) -> None:
    """The main splits are there, in the one medium; every geometry is a family; every medium is one."""
    for name in MAIN_SPLITS:
        if name not in splits:
            raise ValueError(f"found no split {name!r}, expected train, validation and test; add it")
        if splits[name].medium.changes():
            raise ValueError(
                f"found a medium for split {name}, expected none: train, validation and test share the one of "
                "the configuration; take it away, or name another split"
            )
    for name, split in splits.items():
        for geometry in split.geometries:
            if geometry not in families:
                known = ", ".join(families)
                raise ValueError(
                    f"found split {name} with geometry {geometry!r}, expected one of {known}; add the family"
                )
        try:
            split.medium.on(medium)
        except ConfigError as error:
            raise ValueError(f"in the medium of split {name}: {error}") from None


def check_family(name: str, family: Family, grid: Grid) -> None:
    """A family's solutes and charges fit the grid."""
    if grid.dim == 3 and family.kind != "ball":
        raise ValueError(
            f"found family {name} of kind {family.kind} in 3-D, expected ball; use dim 2 or a ball"
        )
    if family.charges.clearance < grid.spacing:
        raise ValueError(
            f"found clearance {family.charges.clearance} Å in family {name}, expected at least a cell "
            f"({grid.spacing:g} Å); raise it or refine the grid"
        )
    reach = family.extent() + max(abs(end) for end in family.offset)
    if reach > grid.half_width - 2 * grid.spacing:
        raise ValueError(
            f"found family {name} reaching {reach:g} Å from the origin, expected two cells inside the box "
            f"({grid.half_width - 2 * grid.spacing:g} Å); shrink the family or widen the box"
        )


def check_network(name: str, network: Network, grid: Grid, medium: Medium, train: Split) -> None:
    """A network can work on the grid and in the medium, and there are as many samples as its training wants.

    What would be found out only by the training, when all samples are made.
    """
    if network.charge_normalization == "scale" and medium.ions != "linear":
        raise ValueError(
            f"found {name} with charge_normalization scale for nonlinear ions, expected none or sign: "
            "sinh is not homogeneous; change it, or make the ions linear"
        )
    if getattr(network.architecture, "sinh", False) and medium.ions == "linear":
        raise ValueError(
            f"found {name} with sinh in its equation for linear ions, expected sinh: false; change it, "
            "or make the ions nonlinear"
        )
    wanted, there = network.training.samples, train.samples_per_shard * len(train.shards())
    if wanted is not None and wanted > there:
        raise ValueError(
            f"found {name} trained on {wanted} samples, expected at most the {there} of the training split; lower "
            "training.samples, or raise samples_per_shard or the seeds of the split"
        )
    # In 3-D there are no networks yet, but there are data to make; their training says so.
    if grid.dim == 2:
        try:
            require_grid(network.architecture, grid)
        except ConfigError as error:
            raise ValueError(f"in {name}: {error}") from None


def check_start(name: str, models: Mapping[str, Network]) -> None:
    """The network that a network starts from is there, differs in its training alone, and there is no circle."""
    network = models[name]
    before, chain = network, [name]
    while before.start is not None:
        if before.start not in models:
            raise ValueError(
                f"found model {chain[-1]} that starts from {before.start!r}, expected another model of the "
                "configuration; name one"
            )
        chain.append(before.start)
        if chain[-1] in chain[:-1]:
            raise ValueError(
                f"found models that start from each other, {' from '.join(chain)}, expected no circle; take the "
                "start of one of them away"
            )
        before = models[before.start]
    if network.start is not None and not network.continues(models[network.start]):
        keys = ", ".join(network.differences(models[network.start]))
        raise ValueError(
            f"found model {name} that starts from {network.start} and has another {keys}, expected the same: weights "
            "fit one network only; change one of them"
        )


def check_ablation(
    ablation: Ablation,
    grid: Grid,
    medium: Medium,
    splits: Mapping[str, Split],
    families: Mapping[str, Family],
) -> None:
    """Every variant is a network that can be trained on its grid, and its splits' names are free."""
    for name in ablation.names:
        network, cells = ablation.network(name), ablation.cells_of(name)
        own = grid if cells is None else Grid(**(grid.model_dump() | {"cells": cells}))
        check_network(f"variant {name} of the ablation", network, own, medium, splits["train"])
        if network.start is not None:
            raise ValueError(
                f"found variant {name} of the ablation that starts from {network.start}, expected fresh weights; "
                "take start away"
            )
        if cells is None:
            continue
        if cells == grid.cells:
            raise ValueError(
                f"found variant {name} of the ablation with {cells} cells, expected another number than that of "
                "the grid; change it, or take it away"
            )
        for split in MAIN_SPLITS:
            if on_grid(split, cells) in splits:
                raise ValueError(
                    f"found a split {on_grid(split, cells)}, expected another name: variant {name} of the ablation "
                    "makes one that is called so; rename the split"
                )
            for geometry in splits[split].geometries:
                try:
                    check_family(geometry, families[geometry], own)
                except ValueError as error:
                    raise ValueError(f"variant {name} of the ablation, {cells} cells: {error}") from None
