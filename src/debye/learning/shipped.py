"""The network that comes with the package, and predictions for a single problem."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from debye.errors import ConfigError, FormatError, explain
from debye.learning import checkpoint
from debye.learning.batch import Batch
from debye.learning.data import READ
from debye.learning.device import choose_device, place
from debye.learning.predict import regular_potential, require_ions_of_the_network
from debye.schema import grid_of, medium_of

NAME = "compact.safetensors"
MOST_SOLVENT = 5.0
"""Potential in the solvent, kT/e, up to which the package's network was wrong by 1.6 % at most in every sample
of the test sets in its own medium (benchmarks/strong_solvent.py)."""

BOUNDARY = "debye-huckel"
"""Boundary values of the labels; no network is told of others."""


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


def predict_problem(
    checkpoint_file: Path,
    problem: xr.Dataset,
    boundary: object,
    device: str = "auto",
    any_medium: bool = False,
) -> xr.Dataset:
    """Predict the regular potential of one problem.

    Parameters
    ----------
    checkpoint_file : Path
        `checkpoint.safetensors` of a training, or what `shipped` names.
    problem : xarray.Dataset
        From `debye.physics.unsolved.unsolved`.
    boundary : str or callable
        Boundary values of the problem.
    device : {"auto", "cpu", "cuda"}
    any_medium : bool
        Take a problem in another medium than the network was trained in, but for the kind of its ions; the attribute
        `medium_differs` says so.

    Returns
    -------
    xarray.Dataset
        The problem with the predicted `regular_potential`; as attributes the network and the digest of its data.

    Raises
    ------
    ConfigError
        If the network was made for another grid, medium or other boundary values.
    FormatError
        If the file is no checkpoint, or the prediction is not finite.
    """
    record, model = checkpoint.load(checkpoint_file)
    grid, medium = grid_of(problem), medium_of(problem, "problem")
    for what, found, expected in (
        ("grid", grid, record.grid),
        ("medium", medium, medium if any_medium else record.medium),
        ("boundary", boundary if isinstance(boundary, str) else "a function", BOUNDARY),
    ):
        if found != expected:
            remedy = f"change the problem's {what}, solve it with `debye solve`, or train a network for it"
            whose = f"{expected} of the network {record.name} in {checkpoint_file.name}"
            raise ConfigError(explain(f"problem: {what}", found, whose, remedy))
    require_ions_of_the_network(medium, record, checkpoint_file, "problem", ConfigError)
    fields = (torch.from_numpy(np.array(problem[name].values)) for name in READ)
    where = choose_device(device)
    encoding = replace(record.encoding(), medium=medium)
    regular, _ = regular_potential(Batch(*fields), place(model, where), encoding)
    if not np.isfinite(regular).all():
        raise FormatError(
            explain(str(checkpoint_file), "a prediction with NaN or inf", "finite values", "solve it")
        )
    predicted = problem.copy()
    predicted["regular_potential"] = problem["regular_potential"].copy(data=regular.astype("f4"))
    predicted.attrs |= {
        "title": f"Prediction of the network {record.name}",
        "model": record.name,
        "parameters": record.parameters,
        "train_digest": record.train_digest,
    }
    # What sinh does to a prediction shows in the solvent, where w is the potential.
    outside = problem["level_set"].values >= 0
    predicted.attrs["solvent_potential_max"] = float(np.abs(regular[outside]).max(initial=0.0))
    if medium != record.medium:
        differing = (
            name
            for name in type(medium).model_fields
            if getattr(medium, name) != getattr(record.medium, name)
        )
        predicted.attrs["medium_differs"] = ", ".join(differing)
    return predicted
