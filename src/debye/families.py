"""Geometry families as types: from which ranges a random solute and its charges are drawn."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from debye.parameters import Model, Positive, Range, ordered

Lengths = Annotated[tuple[Positive, Positive], AfterValidator(ordered)]


class ChargeSampling(Model):
    """How charges are drawn inside a solute."""

    count: Annotated[tuple[int, int], AfterValidator(ordered)] = Field(description="[fewest, most] charges")
    magnitude: Range = Field(description="[least, largest] |q|, e/Å in 2-D and e in 3-D; the sign is drawn")
    clearance: Positive = Field(description="least distance of a charge to the interface, Å")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.count[0] < 1:
            raise ValueError(
                f"found count {list(self.count)}, expected at least 1 charge; raise the lower end"
            )
        if self.magnitude[0] <= 0:
            raise ValueError(f"found magnitude {list(self.magnitude)}, expected |q| > 0; raise the lower end")
        return self


class BallFamily(Model):
    """Discs (2-D) and balls (3-D)."""

    kind: Literal["ball"]
    radius: Lengths = Field(description="[least, largest] radius, Å")
    offset: Range = Field(default=(0.0, 0.0), description="[least, largest] coordinate of the centre, Å")
    charges: ChargeSampling

    def extent(self) -> float:
        """Farthest that a shape of the family can reach from its centre, Å."""
        return self.radius[1]


class EllipsoidFamily(Model):
    """Ellipses, turned by any angle (2-D)."""

    kind: Literal["ellipsoid"]
    semi_axis: Lengths = Field(description="[least, largest] longer semi-axis, Å")
    aspect: Range = Field(
        description="[least, largest] ratio of the shorter to the longer semi-axis, in (0, 1]"
    )
    offset: Range = Field(default=(0.0, 0.0), description="[least, largest] coordinate of the centre, Å")
    charges: ChargeSampling

    def extent(self) -> float:
        """Farthest that a shape of the family can reach from its centre, Å."""
        return self.semi_axis[1]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 0 < self.aspect[0] <= self.aspect[1] <= 1:
            raise ValueError(
                f"found aspect {list(self.aspect)}, expected 0 < low <= high <= 1; mend the range"
            )
        return self


class StarFamily(Model):
    """Stars r(θ) = R (1 + Σ a_k cos(kθ + p_k)), k = 2 … modes+1 (2-D)."""

    kind: Literal["star"]
    radius: Lengths = Field(description="[least, largest] mean radius R, Å")
    amplitude: Range = Field(description="[least, largest] sum of the |a_k|; below 1")
    modes: int = Field(ge=1, le=16, description="number of Fourier modes, from k = 2")
    offset: Range = Field(default=(0.0, 0.0), description="[least, largest] coordinate of the centre, Å")
    charges: ChargeSampling

    def extent(self) -> float:
        """Farthest that a shape of the family can reach from its centre, Å."""
        return self.radius[1] * (1.0 + self.amplitude[1])

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 0 <= self.amplitude[0] <= self.amplitude[1] < 1:
            raise ValueError(
                f"found amplitude {list(self.amplitude)}, expected 0 <= low <= high < 1; mend the range"
            )
        return self


class MoleculeFamily(Model):
    """Molecules: trees of overlapping atoms, each grown from an earlier one in a random direction."""

    kind: Literal["molecule"]
    atoms: Annotated[tuple[int, int], AfterValidator(ordered)] = Field(description="[fewest, most] atoms")
    radius: Lengths = Field(description="[least, largest] radius of an atom, Å")
    bond: Range = Field(
        description="[least, largest] distance of an atom to the one it grows from, as a share of the sum of their "
        "radii, in (0, 1); no two atoms come nearer than the least"
    )
    probe_radius: float = Field(
        default=1.4, ge=0, allow_inf_nan=False, description="radius of the solvent's probe, Å"
    )
    reach: Positive = Field(
        description="farthest that an atom may reach from the mean of the atoms' centres, Å; what would is drawn again"
    )
    offset: Range = Field(default=(0.0, 0.0), description="[least, largest] coordinate of that mean, Å")
    charges: ChargeSampling

    def extent(self) -> float:
        """Farthest that a shape of the family can reach from its centre, Å."""
        return self.reach

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.atoms[0] < 1:
            raise ValueError(f"found atoms {list(self.atoms)}, expected at least 1 atom; raise the lower end")
        # A bond of 1 or more would leave two pieces that touch or lie apart.
        if not 0 < self.bond[0] <= self.bond[1] < 1:
            raise ValueError(f"found bond {list(self.bond)}, expected 0 < low <= high < 1; mend the range")
        if self.reach < self.radius[1]:
            raise ValueError(
                f"found reach {self.reach:g} Å, expected at least the largest radius ({self.radius[1]:g} Å); raise it"
            )
        return self


Family = Annotated[BallFamily | EllipsoidFamily | StarFamily | MoleculeFamily, Field(discriminator="kind")]
