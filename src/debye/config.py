"""The workflow's configuration as types: every key described, none optional by accident, no unknown one let through.

Only the standard library, numpy, pydantic and the constants of scipy are used here, so that the Snakefile can load a
configuration in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationInfo, field_validator, model_validator

from debye import consistency
from debye.ablation import Ablation, on_grid
from debye.consistency import MAIN_SPLITS
from debye.errors import ConfigError, explain
from debye.families import Family
from debye.networks import Network
from debye.parameters import (
    LARGEST_CONTRAST,
    Grid,
    Medium,
    Model,
    Name,
    Penalty,
    Positive,
    Solver,
    load_yaml,
)
from debye.placement import Dask
from debye.splits import Split

STUDY_CELLS = {2: (32, 64), 3: (12, 24)}
"""Grids of the penalty study in 2-D and 3-D where none are named."""

MOST_STUDY_CELLS_3D = 32
"""The study factorises its matrices: 3 s and 0.6 GB a case at 32³ cells, but 41 s and 2.6 GB at 48³."""


class Floor(Model):
    """The label floor: the solver's own error, from a finer grid on a subset of the test split."""

    samples: int = Field(ge=1, description="test samples solved again, spread evenly over the split")
    refine: int = Field(default=4, ge=2, description="how many times finer the grid is")


class Analysis(Model):
    """What the error analysis reports."""

    bands: tuple[float, ...] = Field(min_length=2, description="edges of the signed-distance bands, in cells")
    near_charge: Positive = Field(
        description="nodes closer to a charge than this are 'near charges', in cells"
    )
    interface_band: Positive = Field(
        default=2.0, description="|signed distance| below which is 'interface', in cells"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not all(low < high for low, high in zip(self.bands, self.bands[1:], strict=False)):
            raise ValueError(f"found bands {list(self.bands)}, expected rising edges; sort them")
        return self


class PenaltyStudy(Model):
    """The penalty study: on which solutes, media and grids which penalties and variants are compared."""

    families: tuple[Name, ...] = Field(
        default=(), description="names of the families studied; all of them if left empty"
    )
    cells: tuple[Annotated[int, Field(ge=8)], ...] = Field(
        default=(),
        description="cells along each axis, each grid finer by a whole factor, 32 at most in 3-D; "
        "[32, 64] in 2-D and [12, 24] in 3-D if left empty",
    )
    geometries: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(2, 1),
        description="random solutes of each family on each of these grids; no more on a finer one",
    )
    contrasts: tuple[tuple[Positive, Positive], ...] = Field(
        default=((2.0, 80.0), (80.0, 2.0), (1.0, 1000.0), (1000.0, 1.0)),
        min_length=1,
        description="pairs [eps_solute, eps_solvent]",
    )
    values: tuple[Penalty, ...] = Field(
        default=(0.0, 0.25, 1.0, 10.0, "auto"),
        description="penalties, as solver.penalty; `auto` has to be one of them",
    )
    variants: tuple[Literal["symmetric", "incomplete", "nonsymmetric"], ...] = Field(
        default=("symmetric", "incomplete", "nonsymmetric"),
        description="variants of the form, `symmetric` among them; the others on the coarsest grid alone",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, needed in (("values", "auto"), ("variants", "symmetric")):
            items = getattr(self, name)
            if needed not in items or len(set(items)) < len(items):
                raise ValueError(
                    f"found {name} {list(items)}, expected {needed} and no entry twice; mend the list"
                )
        for name, labels in (
            ("families", self.families), ("values", self.labels), ("contrasts", self.contrast_labels)
        ):  # fmt: skip
            if len(set(labels)) < len(labels):
                raise ValueError(
                    f"found {name} {', '.join(labels)}, expected no entry twice to six digits; remove the repetition"
                )
        for low, high in self.contrasts:
            if not 1 / LARGEST_CONTRAST <= low / high <= LARGEST_CONTRAST:
                raise ValueError(
                    f"found contrast {low:g}:{high:g}, expected a ratio of at most {LARGEST_CONTRAST:g}; correct it"
                )
        steps = list(zip(self.cells, self.cells[1:], strict=False))
        if any(fine <= coarse or fine % coarse for coarse, fine in steps):
            raise ValueError(
                f"found cells {list(self.cells)}, expected each a multiple of the one before; mend the list"
            )
        counts = self.geometries
        cells = self.cells or STUDY_CELLS[2]
        if len(counts) != len(cells) or list(counts) != sorted(counts, reverse=True):
            raise ValueError(
                f"found geometries {list(counts)} for {len(cells)} grids, expected one number for each grid, none "
                "larger than the one before; mend the list"
            )
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the penalties."""
        return tuple(value if value == "auto" else f"{value:g}" for value in self.values)

    @property
    def contrast_labels(self) -> tuple[str, ...]:
        """Names of the contrasts, solute first."""
        return tuple(f"{low:g}:{high:g}" for low, high in self.contrasts)


class Report(Model):
    """What the report shows."""

    title: str = Field(description="title of the page")
    gallery: int = Field(default=4, ge=1, le=24, description="samples in each gallery")


class Config(Model):
    """The whole workflow: what is sampled, solved, learned and shown."""

    seed: str | int = Field(description="root seed; with split, family, seed and index it names a sample")
    grid: Grid
    medium: Medium = Medium()
    boundary: Literal["debye-huckel", "zero"] = Field(default="debye-huckel", description="values on the box")
    solver: Solver = Solver()
    charges_per_shape: int = Field(default=1, ge=1, description="samples that share a shape and its set-up")
    max_draws: int = Field(
        default=200, ge=1, description="draws for a sample after which the sampler gives up"
    )
    families: dict[Name, Family] = Field(min_length=1, description="geometry families by name")
    splits: dict[Name, Split] = Field(
        description="train, validation and test; further ones are test sets of another kind, predicted but never "
        "trained on"
    )
    models: dict[Name, Network] = Field(min_length=1, description="networks by name")
    floor: Floor
    analysis: Analysis
    penalty: PenaltyStudy = Field(default=PenaltyStudy(), validate_default=True)
    report: Report
    ablation: Ablation | None = Field(
        default=None, description="an ablation beside the models; without it nothing of one runs"
    )
    dask: Dask = Dask()

    @field_validator("penalty")
    @classmethod
    def _fit_study(cls, study: PenaltyStudy, info: ValidationInfo) -> PenaltyStudy:
        """Grids of the study for this number of dimensions."""
        if "grid" not in info.data:
            return study
        dim = info.data["grid"].dim
        if dim == 3 and max(study.cells, default=0) > MOST_STUDY_CELLS_3D:
            raise ValueError(
                f"found cells {list(study.cells)} in 3-D, expected at most {MOST_STUDY_CELLS_3D} along an axis, "
                "because the study factorises its matrices; use coarser grids"
            )
        return study.model_copy(update={"cells": study.cells or STUDY_CELLS[dim]})

    @property
    def studied(self) -> tuple[str, ...]:
        """Names of the families of the penalty study."""
        return self.penalty.families or tuple(self.families)

    @model_validator(mode="after")
    def _check(self) -> Self:
        consistency.check_splits(self.splits, self.families, self.medium)
        for name, family in self.families.items():
            consistency.check_family(name, family, self.grid)
        for name, network in self.models.items():
            consistency.check_network(f"model {name}", network, self.grid, self.medium, self.splits["train"])
            consistency.check_start(name, self.models)
        if self.ablation is not None:
            consistency.check_ablation(self.ablation, self.grid, self.medium, self.splits, self.families)
        for name in self.studied:
            if name not in self.families:
                raise ValueError(
                    f"found penalty study of family {name!r}, expected one of {', '.join(self.families)}; "
                    "add the family"
                )
        return self

    @property
    def further_splits(self) -> tuple[str, ...]:
        """Names of the splits beside train, validation and test."""
        return tuple(name for name in self.splits if name not in MAIN_SPLITS)

    @property
    def regridded(self) -> dict[str, tuple[str, int]]:
        """Splits of the ablation on other grids: name → the split whose problems they have, and the cells."""
        if self.ablation is None:
            return {}
        found = filter(None, map(self.ablation.cells_of, self.ablation.names))
        return {on_grid(split, cells): (split, cells) for cells in found for split in MAIN_SPLITS}

    @property
    def sampled(self) -> dict[str, Split]:
        """All that is sampled: the splits, and those of the ablation on other grids."""
        return self.splits | {name: self.splits[split] for name, (split, _) in self.regridded.items()}

    def drawn_as(self, split: str) -> str:
        """Name of the split in the streams of random numbers: on another grid that of the same problems."""
        return self.regridded[split][0] if split in self.regridded else split

    def grid_of(self, split: str) -> Grid:
        """Grid of a split."""
        if split not in self.regridded:
            return self.grid
        return Grid(**(self.grid.model_dump() | {"cells": self.regridded[split][1]}))

    def medium_of(self, split: str) -> Medium:
        """Medium of a split: that of the configuration with the split's own changes."""
        return self.sampled[split].medium.on(self.medium)


def load_config(path: str | Path) -> Config:
    """Read and check a workflow configuration; `ConfigError` names the place of everything that is wrong."""
    return Config(**load_yaml(path))


def merged_config(paths: Sequence[str | Path], entries: Sequence[str] = ()) -> Config:
    """Read a configuration as Snakemake does.

    Parameters
    ----------
    paths : sequence of path
        Files, as after `--configfile`: the later ones' keys count.
    entries : sequence of str
        `key=value` on top, as after `--config`; the value is YAML.

    Raises
    ------
    ConfigError
        With the place of everything that is wrong.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        _update(merged, load_yaml(path))
    for entry in entries:
        key, sign, text = entry.partition("=")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            sign = ""
        if not (key and sign):
            raise ConfigError(
                explain(f"--config {entry}", "no key and value", "key=value", "write it in YAML")
            )
        _update(merged, {key: value})
    return Config(**merged)


def _update(content: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(content.get(key), dict):
            _update(content[key], value)
        else:
            content[key] = value
