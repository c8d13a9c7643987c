"""The parameters of one problem as types: grid, medium, solver; and what all of Debye's types have in common.

`Grid` and `Medium` are the public `debye.Grid` and `debye.Medium`. The workflow's own types build on these in
`debye.config`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from debye.errors import ConfigError, explain
from debye.units import STANDARD_TEMPERATURE, coupling

Place = tuple[str, ...]

LARGEST_PENALTY = 1e6
LARGEST_CONTRAST = 1e6
"""Ratio of the permittivities beyond which round-off, not the method, decides (docs/penalty.md)."""

DEBYE_LENGTHS = (1e-3, 1e9)
"""Debye lengths in Å that are computed with; longer is inf."""


def _places(error: ValidationError) -> list[tuple[Place, str]]:
    """All that pydantic found wrong: where, and what in the house's words."""
    places: list[tuple[Place, str]] = []
    for found in error.errors():
        # Where one of several types may stand, pydantic adds the type's name in brackets.
        place = tuple(str(part) for part in found["loc"] if "[" not in str(part))
        message = found["msg"].removeprefix("Value error, ")
        cause = found.get("ctx", {}).get("error")
        if isinstance(cause, ConfigError) and cause.places:
            # A section's own error: its places lie below this one.
            places += [(place + inner, words) for inner, words in cause.places]
            continue
        if found["type"] == "extra_forbidden":
            message = "unknown key; remove it or correct its spelling"
        elif found["type"] == "missing":
            message = "missing; give it a value"
        elif found["type"] == "union_tag_invalid":
            place += (found["ctx"]["discriminator"].strip("'"),)
            message = (
                f"found {found['ctx']['tag']!r}, expected one of {found['ctx']['expected_tags']}; correct it"
            )
        elif found["type"] != "value_error":
            expected = message.removeprefix("Input should be ").removeprefix("Input should ")
            message = f"found {found['input']!r}, expected {expected}; correct the value"
        places.append((place, message))
    return places


class Model(BaseModel):
    """Frozen, strict about keys, and with errors of the house's own kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            places = _places(error)
            whole = type(self).__name__.lower()
            text = "; ".join(f"{'.'.join(place) or whole}: {words}" for place, words in places)
            raise ConfigError(text, places) from None


def ordered(pair: tuple[float, float]) -> tuple[float, float]:
    """Check that a range is one: low ≤ high, which NaN never is."""
    if not pair[0] <= pair[1]:
        raise ValueError(
            f"found {list(pair)}, expected [low, high]; swap the two or mend the one that is not a number"
        )
    return pair


Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Range = Annotated[tuple[Finite, Finite], AfterValidator(ordered)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _penalty(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value != "auto" and not (number and 0.0 <= value <= LARGEST_PENALTY):
        raise ValueError(f"found {value!r}, expected auto or 0 to {LARGEST_PENALTY:g}; correct the value")
    return value


Multigrid = Literal["auto", "geometric", "algebraic"]
"""Preconditioner of the linear solves."""

Penalty = Annotated[
    Annotated[float, Field(ge=0, le=LARGEST_PENALTY)] | Literal["auto"], BeforeValidator(_penalty)
]


class Grid(Model):
    """A uniform grid of cubes on the box [-half_width, half_width]^dim, each cube cut into dim! simplices.

    Examples
    --------
    >>> grid = Grid(cells=64, half_width=16.0, dim=2)
    >>> grid.spacing, grid.shape
    (0.5, (65, 65))
    """

    cells: int = Field(ge=4, description="cells along each axis; the grid has cells+1 nodes an axis")
    half_width: Positive = Field(description="half the edge of the box, Å")
    dim: Literal[2, 3] = Field(default=2, description="number of space dimensions")

    @property
    def spacing(self) -> float:
        """Edge h of a cell, Å."""
        return 2.0 * self.half_width / self.cells

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of nodes along each axis."""
        return (self.cells + 1,) * self.dim

    @property
    def axis(self) -> NDArray[np.float64]:
        """Coordinates of the nodes along an axis, shape (cells+1,), Å."""
        return np.linspace(-self.half_width, self.half_width, self.cells + 1)

    def points(self) -> NDArray[np.float64]:
        """Coordinates of all nodes, shape ((cells+1)**dim, dim), Å, in C order of `shape`."""
        axes = np.meshgrid(*(self.axis,) * self.dim, indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1)

    def refined(self, factor: int) -> Grid:
        """Return the grid with `factor` times as many cells; its every factor-th node is a node of this one."""
        return Grid(cells=self.cells * factor, half_width=self.half_width, dim=self.dim)


class Medium(Model):
    """What fills the solute and the solvent."""

    eps_solute: Positive = Field(default=2.0, description="relative permittivity of the solute")
    eps_solvent: Positive = Field(default=80.0, description="relative permittivity of the solvent")
    debye_length: float = Field(default=9.6, gt=0, description="λ_D in the solvent, Å; inf for no ions")
    temperature: Positive = Field(default=STANDARD_TEMPERATURE, description="absolute temperature, K")
    ions: Literal["nonlinear", "linear"] = Field(
        default="nonlinear", description="ionic term: sinh u (nonlinear) or u (linear)"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        contrast = max(self.eps_solute / self.eps_solvent, self.eps_solvent / self.eps_solute)
        if contrast > LARGEST_CONTRAST:
            raise ValueError(
                f"found permittivities {self.eps_solute:g} and {self.eps_solvent:g}, expected a ratio of at most "
                f"{LARGEST_CONTRAST:g}; round-off would decide beyond"
            )
        low, high = DEBYE_LENGTHS
        if not (low <= self.debye_length <= high or math.isinf(self.debye_length)):
            raise ValueError(
                f"found debye_length {self.debye_length:g}, expected {low:g} to {high:g} Å or inf; correct the value"
            )
        return self

    @property
    def coupling(self) -> float:
        """C = e²/(ε0 kT), Å."""
        return coupling(self.temperature)

    @property
    def screening(self) -> float:
        """Coefficient ε⁺/λ_D² of the ionic term, Å⁻²; zero without ions."""
        return 0.0 if math.isinf(self.debye_length) else self.eps_solvent / self.debye_length**2


class Solver(Model):
    """How the discrete equation is set up and solved."""

    rtol: float = Field(
        default=1e-8, ge=1e-14, lt=1, description="relative residual at which a solve has converged"
    )
    penalty: Penalty = Field(
        default="auto",
        description="σ of the interior-penalty term on cut facets; auto: on each facet the least that keeps the "
        "matrix definite",
    )
    multigrid: Multigrid = Field(
        default="auto",
        description="preconditioner of conjugate gradients: geometric; algebraic, which is pyamg's Ruge-Stüben; auto: "
        "geometric, and algebraic where that takes too long",
    )
    order: Literal[2, 4] = Field(
        default=2,
        description="order in h of w at the nodes; 4, in 2-D only: where the interface is smooth and resolved, and "
        "second order with a warning elsewhere",
    )
    max_newton: int = Field(default=50, ge=1, description="most Newton steps")
    max_cg: int = Field(default=500, ge=1, description="most conjugate-gradient iterations in a linear solve")


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping: which of the two counts is not for us to choose."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE_TAG]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


MERGE_TAG = "tag:yaml.org,2002:merge"


def load_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, or holds something else than a mapping.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(explain(str(path), reason, "a readable YAML file", "check the path")) from None
    except yaml.YAMLError as error:
        found = " ".join(str(error).split())
        raise ConfigError(explain(str(path), found, "valid YAML", "mend the line named")) from None
    if not isinstance(content, dict):
        raise ConfigError(explain(str(path), type(content).__name__, "a mapping of keys", "see README"))
    for key in content:
        if not isinstance(key, str):
            raise ConfigError(explain(f"{path}: key", repr(key), "a name", "correct the key"))
    return content
