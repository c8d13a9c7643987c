"""The splits of a configuration as types: which shards make one, and in which medium its samples are solved."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from debye.parameters import Medium, Model, Name, Positive

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class OtherMedium(Model):
    """What the medium of a split has otherwise than the configuration's."""

    eps_solute: Positive | None = Field(default=None, description="relative permittivity of the solute")
    eps_solvent: Positive | None = Field(default=None, description="relative permittivity of the solvent")
    debye_length: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="λ_D in the solvent, Å; inf for no ions"
    )
    temperature: Positive | None = Field(default=None, description="absolute temperature, K")
    ions: Literal["nonlinear", "linear"] | None = Field(
        default=None,
        description="ionic term: sinh u (nonlinear) or u (linear); other ions than those of training are refused by "
        "networks, so such a split has labels but no predictions",
    )

    def changes(self) -> dict[str, Any]:
        """Keys that differ, with their values."""
        return self.model_dump(exclude_none=True)

    def on(self, medium: Medium) -> Medium:
        """Medium with the changes.

        Raises
        ------
        ConfigError
            If the whole is none.

        Examples
        --------
        >>> OtherMedium(debye_length=4.0).on(Medium(eps_solute=4.0)) == Medium(eps_solute=4.0, debye_length=4.0)
        True
        """
        return Medium(**(medium.model_dump() | self.changes()))


class Split(Model):
    """Which shards make a split."""

    geometries: tuple[Name, ...] = Field(min_length=1, description="names of the families sampled")
    seeds: Seeds | dict[Name, Seeds] = Field(
        description="seeds of every family, or family → seeds; one shard for each family and seed"
    )
    samples_per_shard: int = Field(ge=1, description="samples in a shard")
    medium: OtherMedium = OtherMedium()
    about: str = Field(default="", description="what the split asks of a network, in a few words for tables")

    def seeds_of(self, geometry: str) -> tuple[int, ...]:
        """Seeds of one family."""
        return self.seeds[geometry] if isinstance(self.seeds, dict) else self.seeds

    def shards(self) -> list[tuple[str, int]]:
        """Every (family, seed) of the split.

        Examples
        --------
        >>> Split(geometries=["disc", "star"], seeds={"disc": [0], "star": [0, 1]}, samples_per_shard=9).shards()
        [('disc', 0), ('star', 0), ('star', 1)]
        """
        return [(geometry, seed) for geometry in self.geometries for seed in self.seeds_of(geometry)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.seeds, dict) and set(self.seeds) != set(self.geometries):
            raise ValueError(
                f"found seeds for {list(self.seeds)}, expected for {list(self.geometries)}; give seeds for each family"
            )
        lists = [("geometries", self.geometries)] + [
            (f"seeds of {geometry}", self.seeds_of(geometry)) for geometry in self.geometries
        ]
        for name, items in lists:
            if len(set(items)) < len(items):
                raise ValueError(
                    f"found {name} {list(items)}, expected no entry twice; remove the repetition"
                )
        return self
