"""The one tree of errors a user of Debye can meet.

Every message names the thing, what was found, what was expected and the way out; `explain` keeps that shape.
"""

from __future__ import annotations

from typing import Any


class DebyeError(Exception):
    """Base of every error that Debye raises on purpose."""


class ConfigError(DebyeError, ValueError):
    """A configuration or problem file that cannot be used: unknown key, wrong type, value out of range.

    Attributes
    ----------
    places : list of (tuple of str, str)
        Where each fault lies in a configuration and what it is; empty for other faults.
    """

    def __init__(self, message: str, places: list[tuple[tuple[str, ...], str]] | None = None) -> None:
        super().__init__(message)
        self.places = places or []


class MissingExtra(ConfigError):
    """Something that needs a package which is not installed; the message has the pip command."""


class GeometryError(DebyeError, ValueError):
    """A shape outside the box, touching its boundary, or not resolved by the grid."""


class ChargeError(DebyeError, ValueError):
    """A charge outside the solute, too near the interface, or not finite."""


class SolveError(DebyeError, RuntimeError):
    """A solve that ended without convergence.

    Attributes
    ----------
    report : object or None
        The `debye.physics.outcome.Report` of the failed solve: outcome, Newton steps, residuals.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class TrainingError(DebyeError, RuntimeError):
    """A training whose loss or gradient is no longer a number."""


class BusyError(DebyeError, RuntimeError):
    """A result that another live process is making at this moment."""


class FormatError(DebyeError, ValueError):
    """A file that is not what it should be: truncated, on another grid, of another version."""


class ClusterError(DebyeError, RuntimeError):
    """Workers of a dask cluster that cannot be started, never come, or die."""


def explain(thing: str, found: object, expected: str, remedy: str) -> str:
    """Put an error message into the house's shape.

    Examples
    --------
    >>> explain("radius", -1, "a positive length in Å", "give a radius > 0")
    'radius: found -1, expected a positive length in Å; give a radius > 0'
    """
    return f"{thing}: found {found}, expected {expected}; {remedy}"
