"""What leaderboards, their costs, and the records of checkpoints must hold, as far as the analysis reads them.

Files are checked against these types where they are read, and are handed on as dictionaries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from debye.errors import FormatError, explain


class Part(BaseModel):
    """Base of all: text is no number; what else a file holds is nobody's concern here."""

    model_config = ConfigDict(strict=True)


class Errors(Part):
    """Figures of a network on a split; None where there is none."""

    relative_l2_median: float | None
    relative_l2_95: float | None
    rmse: float | None
    normalised_rmse: float | None
    maximum: float | None
    interface_rmse: float | None


class Factor(Part):
    """Median errors over those on the split `test`."""

    total: float | None
    regular: float | None


class Row(Part):
    """A network on a split."""

    model: str
    split: str
    samples: int
    medium_differs: str
    total: Errors
    regular: Errors
    factor: Factor


class Split(Part):
    """A test set."""

    split: str
    about: str
    samples: int
    families: list[str]


class Spent(Part):
    """What the training of a network took, and the network whose weights it started from."""

    seconds: float
    start: str | None = None


class Speed(Part):
    """Throughput of a batch."""

    samples_per_second: float


class SolverCost(Part):
    """`solver.json`."""

    cold_seconds: float
    warm_seconds: float
    device: str
    threads: int


class NetworkCost(Part):
    """`network.json`."""

    parameters: int = Field(gt=0)
    multiply_adds: int
    training: Spent
    latency_seconds: float
    batches: Annotated[dict[Annotated[str, Field(pattern=r"^\d+$")], Speed], Field(min_length=1)]
    device: str
    threads: int


class Compared(NetworkCost):
    """A network of a leaderboard."""

    model: str
    solver: SolverCost


class Leaderboard(Part):
    """`leaderboard.json`."""

    models: list[Compared]
    splits: list[Split]
    rows: list[Row]
    source: str
    date: str


class Kind(Part):
    """An architecture."""

    kind: str


class Schedule(Part):
    """How a network was trained."""

    batch_size: int
    epochs: int
    seed: int


class Configured(Part):
    """Configuration of a network."""

    architecture: Kind
    charge_channels: list[str]
    shape_channels: list[str]
    target: str
    training: Schedule


class Box(Part):
    """The grid of a network."""

    cells: int
    half_width: float


class Surrounding(Part):
    """The medium of a network; JSON has no infinite number."""

    eps_solute: float
    eps_solvent: float
    debye_length: float | Literal["Infinity"]
    temperature: float
    ions: str


class Trained(Part):
    """Record of a checkpoint; all of it is `debye.learning.checkpoint.Record`."""

    name: str
    network: Configured
    grid: Box
    medium: Surrounding
    parameters: int
    multiply_adds: int
    best_epoch: int
    train_samples: int
    steps: int
    seconds: float
    device: str
    train_digest: str
    source: str
    date_created: str


def checked(kind: type[Part], content: Any, where: str, remedy: str) -> dict[str, Any]:
    """Content of a file that holds what it must.

    Parameters
    ----------
    kind : type
        What it must hold.
    content : object
        As JSON gave it.
    where, remedy : str
        Name of the file and the way out, in messages.

    Raises
    ------
    FormatError
        Naming the first value that is missing or is another than it should be.

    Examples
    --------
    >>> checked(Spent, {"seconds": 1.5, "steps": 3}, "file", "mend it")
    {'seconds': 1.5, 'steps': 3}
    >>> checked(Spent, {"seconds": None}, "file", "mend it")
    Traceback (most recent call last):
    debye.errors.FormatError: file: seconds: found None, expected a valid number; mend it
    """
    try:
        kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ": ".join([where, ".".join(map(str, first["loc"]))] if first["loc"] else [where])
        missing = first["type"] == "missing"
        found = "nothing" if missing else _short(first["input"])
        words = first["msg"].removeprefix("Input should be ")
        expected = {"missing": "a value", "model_type": "an object", "too_short": "at least one"}.get(
            first["type"], words
        )
        raise FormatError(explain(place, found, expected, remedy)) from None
    return dict(content)


def _short(value: Any, most: int = 60) -> str:
    """Value as Python writes it, cut where it is a long one."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def complete(board: Mapping[str, Any], where: str, remedy: str) -> None:
    """Make sure that a leaderboard has a row for each of its networks on each of its splits, and no other.

    Raises
    ------
    FormatError
        Naming the first that is missing or too many.
    """
    expected = {(one["model"], two["split"]) for one in board["models"] for two in board["splits"]}
    found = {(row["model"], row["split"]) for row in board["rows"]}
    for model, split in sorted(expected ^ found):
        what = "none" if (model, split) in expected else "one"
        raise FormatError(
            explain(
                f"{where}: row of {model} on {split}", what, "one for each of `models` and `splits`", remedy
            )
        )
