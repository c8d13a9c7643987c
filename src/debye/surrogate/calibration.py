"""What a network's certificate rests on: errors against estimates on the validation split, and ranges of the training.

The certificate's estimate of the error is short of it by a factor that hardly differs from sample to sample, and that
factor is calibrated: of the n logarithms log(error / estimate) on the validation split, the ⌈(n+1)(1-α/2)⌉-th least and
its mirror image bound that of a further sample of the same distribution with probability of at least 1-α, whatever the
network (split conformal prediction: V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005;
J. Lei et al., J. Am. Stat. Assoc. 113, 2018). Outside of that distribution nothing is promised; what was found on other
splits is written down.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, field_validator, model_validator

from debye.errors import FormatError, explain
from debye.parameters import Model, Positive, Range
from debye.store import certificate_beside, write_text
from debye.surrogate.flags import FEATURES

VERSION: Literal["1"] = "1"
NOMINAL = 0.9
"""Share of samples whose error the interval shall hold."""

FEWEST = 19
"""Validation samples below which no interval is given: not even the extremes of all would hold 90 %."""


class Split(Model):
    """What was found on a split that the calibration has not seen."""

    samples: int
    coverage: float = Field(description="share of samples whose error lies in the interval")
    width: float = Field(description="median of upper over lower end")
    error_median: float = Field(description="median of the true relative L2 error of u")
    worst: float = Field(
        description="largest ratio of true error and calibrated estimate, whichever is larger"
    )
    flagged: float = Field(description="share of samples with a flag")
    coverage_unflagged: float | None = Field(description="coverage of those without a flag; None without any")
    medium_differs: tuple[str, ...] = ()
    digest: str = Field(description="digest of the content of the split")


class Factors(Model):
    """True error over estimate on the validation split."""

    median: Positive
    lower: Positive = Field(description="quantile below the interval")
    upper: Positive = Field(description="quantile above the interval")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.lower <= self.median <= self.upper:
            raise ValueError(
                f"found factors {self.lower:g}, {self.median:g}, {self.upper:g}, expected rising ones; certify again"
            )
        return self


class Calibration(Model):
    """Calibration of one checkpoint, as written beside it."""

    version: Literal["1"] = VERSION
    checkpoint: str = Field(description="SHA-256 of the checkpoint's file")
    model: str = Field(description="name of the network")
    nominal: float = Field(default=NOMINAL, gt=0, lt=1)
    samples: int = Field(description="validation samples")
    factors: Factors | None = Field(description="error over estimate; None where samples were too few")
    residual_most: float = Field(description="greatest relative residual on the validation split")
    estimate_most: float = Field(description="greatest estimate of the error there, not calibrated")
    ranges: dict[str, Range] = Field(description="feature → least and greatest of the training data")
    validation_digest: str
    ranges_digest: str = Field(description="digest of the split that the ranges are from")
    splits: dict[str, Split] = Field(default_factory=dict)
    code_digest: str
    source: str
    date_created: str

    @field_validator("ranges")
    @classmethod
    def _all_features(cls, ranges: dict[str, Range]) -> dict[str, Range]:
        if set(ranges) != set(FEATURES):
            raise ValueError(
                f"found ranges of {', '.join(sorted(ranges))}, expected of {', '.join(sorted(FEATURES))}; certify again"
            )
        return ranges


def conformal(errors: ArrayLike, estimates: ArrayLike, nominal: float = NOMINAL) -> Factors | None:
    """Median and ends of the interval of the factor between estimate and error.

    Parameters
    ----------
    errors, estimates : array_like, shape (n,)
        Positive.
    nominal : float
        1 - α.

    Returns
    -------
    Factors or None
        None for fewer than `FEWEST` samples.

    Raises
    ------
    FormatError
        If an error or an estimate is zero or no number.

    Examples
    --------
    >>> found = conformal(np.linspace(1.0, 1.2, 100), np.ones(100))
    >>> round(found.lower, 2), round(found.median, 2), round(found.upper, 2)
    (1.01, 1.1, 1.19)
    """
    true, estimated = np.asarray(errors, dtype=float), np.asarray(estimates, dtype=float)
    # Written so that NaN fails too; infinite is an estimate as good as any other that is far too large.
    if not ((true > 0) & (estimated > 0)).all():
        raise FormatError(
            explain(
                "validation split",
                "an error or an estimate of it that is zero or no number",
                "positive numbers",
                "look at the network's predictions",
            )
        )
    if len(true) < FEWEST:
        return None
    scores = np.sort(true / estimated)
    upper = math.ceil((len(scores) + 1) * (0.5 + 0.5 * nominal)) - 1
    lower = len(scores) - 1 - upper
    return Factors(median=float(np.median(scores)), lower=float(scores[lower]), upper=float(scores[upper]))


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(calibration: Calibration, path: Path) -> None:
    """Write a calibration whole or not at all."""
    write_text(path, calibration.model_dump_json(indent=1) + "\n")


def load(checkpoint: Path) -> Calibration | None:
    """Calibration beside a checkpoint; None if there is no file.

    Raises
    ------
    FormatError
        If the file is none, or that of another checkpoint.
    """
    path = certificate_beside(checkpoint)
    remedy = f"run debye certify {checkpoint} again, or delete the file"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        found = " ".join(str(error).split())
        raise FormatError(explain(str(path), found, "a readable file", remedy)) from None
    try:
        calibration = Calibration.model_validate_json(text)
    except ValueError as error:
        found = " ".join(str(error).split())[:200]
        raise FormatError(explain(str(path), found, f"version {VERSION} of a calibration", remedy)) from None
    current = file_digest(checkpoint)
    if calibration.checkpoint != current:
        raise FormatError(
            explain(
                str(path),
                f"the calibration of a checkpoint {calibration.checkpoint[:12]}…",
                f"that of {checkpoint.name}, {current[:12]}…",
                remedy,
            )
        )
    return calibration
