"""The network that comes with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from debye.errors import FormatError, explain

NAME = "compact.safetensors"
MOST_SOLVENT = 5.0
"""Potential in the solvent, kT/e, up to which the package's network was wrong by 1.6 % at most in every sample
of the test sets in its own medium (benchmarks/strong_solvent.py)."""


def shipped() -> Path:
    """Path of the checkpoint that comes with the package; its model card lies beside it.

    Raises
    ------
    FormatError
        If it was left out of the installation.
    """
    path = Path(str(resources.files("debye"))) / "weights" / NAME
    if not path.is_file():
        raise FormatError(
            explain(
                str(path),
                "no such file",
                "the network of the package",
                "install debye again, or name a model",
            )
        )
    return path
