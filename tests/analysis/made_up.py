"""A made-up penalty study of one family."""

import json

import numpy as np
import xarray as xr

from debye import schema

LABELS = ["0", "0.5", "2", "10", "auto"]
STRENGTH = np.array([0.0, 0.5, 2.0, 10.0, 0.4])
CONTRASTS = ["2:80", "1000:1"]
VARIANTS = ["symmetric", "incomplete"]


def family_study(name="disc", enough=1.2) -> xr.Dataset:
    """Error 1 + σ, iterations 10 (1 + σ) and condition 100 (1 + σ); σ = 0 indefinite at 1000:1, twice of three."""
    shape = (1, len(CONTRASTS), 2, len(LABELS), len(VARIANTS), 3)
    dims = ("family", "contrast", "cells", "penalty", "variant", "geometry")
    growth = np.broadcast_to((1.0 + STRENGTH)[None, None, None, :, None, None], shape).copy()
    growth[:, :, :, :, 1] *= 1.5
    negative = np.zeros(shape)
    negative[:, 1, :, 0, 0, :2] = 1.0
    # The second grid has one solute, and the symmetric form alone.
    tried = np.ones(shape, dtype=bool)
    tried[:, :, 1, :, :, 1:] = False
    tried[:, :, 1, :, 1, :] = False
    factors = {
        "error_all": 1e-3, "error_solvent": 1e-2, "error_interface": 2e-3, "eigenvalue_largest": 100.0,
        "multigrid_iterations": 10.0, "plain_iterations": 100.0, "setup_seconds": 0.1, "solve_seconds": 0.1,
    }  # fmt: skip
    content = {
        key: (dims, np.where(tried & (negative == 0), value * growth, np.nan))
        for key, value in factors.items()
    }
    content["eigenvalue_smallest"] = (dims, np.where(tried, 1.0 - 2.0 * negative, np.nan))
    content["negative_eigenvalues"] = (dims, np.where(tried, negative, np.nan))
    sufficient = np.full((1, len(CONTRASTS), 2, 3), 0.7)
    sufficient[0, 1, 0, 0] = enough
    content["sufficient_penalty"] = (("family", "contrast", "cells", "geometry"), sufficient)
    configuration = json.dumps({"dim": 2, "half_width": 16.0, "debye_length": 9.6})
    return xr.Dataset(
        content,
        coords={
            "family": [name], "contrast": CONTRASTS, "cells": [32, 64], "penalty": LABELS, "variant": VARIANTS,
            "geometry": [0, 1, 2],
        },
        attrs=schema.root_attributes("made up", configuration, "made up", {}),
    )  # fmt: skip
