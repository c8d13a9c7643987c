"""The stage `certify`: a network's certificate calibrated on the validation split, and measured on others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from debye.learning.answer import Answers
from debye.physics.charges import coulomb_potential
from debye.progress import track
from debye.provenance import code_digest, now, source
from debye.schema import grid_of
from debye.store import BLOCK, open_dataset
from debye.surrogate.calibration import FEWEST, Calibration, Split, conformal, file_digest, save
from debye.surrogate.certificate import Assessment, certify
from debye.surrogate.flags import FEATURES, charge_features, ranges_of, shape_features, solvent_feature
from debye.surrogate.samples import Labelled
from debye.surrogate.surrogate import Surrogate

Floats = NDArray[np.float64]


class Found(NamedTuple):
    """Assessments of the samples of a split, and their true errors ‖û - u_h‖/‖u_h‖."""

    assessments: list[Assessment]
    errors: Floats


def certify_network(
    checkpoint: Path,
    validation: Path,
    tests: Mapping[str, Path],
    out: Path,
    train: Path | None = None,
    device: str = "auto",
) -> Calibration:
    """Calibrate the certificate of a network and write it as JSON.

    Parameters
    ----------
    checkpoint : Path
    validation : Path
        Split that the quantiles are from; it chose the weights, and nothing else of the network.
    tests : mapping
        Name → data set on which coverage and width of the interval are measured.
    out : Path
        JSON file; it counts where it lies beside the checkpoint, as `debye.store.certificate_beside` names it.
    train : Path, optional
        Split that the ranges of the inputs are from; the validation split if left out.
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    Calibration
        Without an interval, and with no split measured, where the validation split has too few samples for one.

    Raises
    ------
    FormatError
        If a file is not what it should be, or on another grid than the network's.
    """
    surrogate = Surrogate(checkpoint, Answers(checkpoint), None)
    labelled = Labelled(validation, surrogate)
    found = _found(labelled, device)
    estimates = np.array([one.estimate for one in found.assessments])
    factors = conformal(found.errors, estimates)
    calibration = Calibration(
        checkpoint=file_digest(checkpoint),
        model=surrogate.name,
        samples=len(found.errors),
        factors=factors,
        residual_most=max(one.relative_residual for one in found.assessments),
        estimate_most=float(estimates.max()),
        ranges=_ranges(train or validation),
        validation_digest=labelled.digest,
        ranges_digest=labelled.digest if train is None else _digest(train),
        code_digest=code_digest("surrogate"),
        source=source(),
        date_created=now(),
    )
    if factors is not None:
        measured = {
            name: _split(Labelled(path, surrogate), calibration, device) for name, path in tests.items()
        }
        calibration = calibration.model_copy(update={"splits": measured})
    save(calibration, out)
    return calibration


def summary(calibration: Calibration) -> str:
    """What was found, in Markdown: the interval, and coverage and width on each split."""
    if calibration.factors is None:
        return f"no interval: {calibration.samples} validation samples, at least {FEWEST} are needed"
    ends = f"{calibration.factors.lower:.3g} and {calibration.factors.upper:.3g} times its estimate"
    line = f"{100 * calibration.nominal:g} % interval of the error: between {ends}"
    return line if not calibration.splits else f"{line}\n{_table(calibration)}"


def _table(calibration: Calibration) -> str:
    head = ("split", "samples", "error, median", "coverage", "unflagged", "width, median", "worst", "flagged")
    rows = [
        (
            f"`{name}`",
            str(one.samples),
            f"{100 * one.error_median:.3g} %",
            f"{100 * one.coverage:.1f} %",
            "–" if one.coverage_unflagged is None else f"{100 * one.coverage_unflagged:.1f} %",
            f"{one.width:.3g} ×",
            f"{one.worst:.2g} ×",
            f"{100 * one.flagged:.1f} %",
        )
        for name, one in calibration.splits.items()
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))


def _found(labelled: Labelled, device: str) -> Found:
    assessments: list[Assessment] = []
    errors: list[float] = []
    starts = range(0, len(labelled), BLOCK)
    with open_dataset(labelled.path) as dataset:
        for start in track(starts, len(starts), f"certifying on {labelled.path.name}"):
            numbers = range(start, min(start + BLOCK, len(labelled)))
            part = dataset[["regular_potential", "level_set"]].isel(sample=list(numbers)).load()
            level_sets, labels = part["level_set"].values, part["regular_potential"].values.astype(float)
            predicted = labelled.predict(numbers, level_sets, device)
            for row, number in enumerate(numbers):
                assessments.append(labelled.assess(number, predicted[row]))
                errors.append(_true_error(predicted[row], labels[row], labelled, number, level_sets[row]))
    return Found(assessments, np.array(errors))


def _true_error(
    w: Floats, label: Floats, labelled: Labelled, number: int, level_set: NDArray[np.float32]
) -> float:
    """‖û - u‖/‖u‖ over the nodes at which u is finite."""
    problem = labelled.problem(number)
    u, inside = label.ravel().copy(), level_set.ravel() < 0
    u[inside] += coulomb_potential(problem.grid.points()[inside], problem.charges, problem.medium)
    finite = np.isfinite(u)
    return float(np.linalg.norm((w - label).ravel()[finite]) / np.linalg.norm(u[finite]))


def _split(labelled: Labelled, calibration: Calibration, device: str) -> Split:
    """Coverage and width of the interval on a split that the calibration has not seen."""
    found = _found(labelled, device)
    made = [certify(one, calibration, labelled.grid, labelled.differs) for one in found.assessments]
    ends = np.array([one.error_interval for one in made])
    held = (ends[:, 0] <= found.errors) & (found.errors <= ends[:, 1])
    ratio = found.errors / np.array([one.error_estimate for one in made], dtype=float)
    plain = np.array([not one.flags for one in made])
    return Split(
        samples=len(held),
        coverage=float(held.mean()),
        width=float(np.median(ends[:, 1] / ends[:, 0])),
        error_median=float(np.median(found.errors)),
        worst=float(np.maximum(ratio, 1.0 / ratio).max()),
        flagged=float(1.0 - plain.mean()),
        coverage_unflagged=float(held[plain].mean()) if plain.any() else None,
        medium_differs=tuple(labelled.differs),
        digest=labelled.digest,
    )


def _ranges(path: Path) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each feature in a split, read block by block."""
    values: dict[str, list[float]] = {name: [] for name in FEATURES}
    with open_dataset(path) as dataset:
        grid = grid_of(dataset)
        starts = range(0, dataset.sizes["sample"], BLOCK)
        for start in track(starts, len(starts), f"ranges of {path.name}"):
            part = dataset.isel(sample=slice(start, start + BLOCK)).load()
            level_sets, labels = part["level_set"].values, part["regular_potential"].values
            for row, features in enumerate(shape_features(level_sets, grid)):
                count = int(part["charge_count"].values[row])
                places, charges = (
                    part[name].values[row, :count] for name in ("charge_position", "charge_value")
                )
                features |= charge_features(places, charges, level_sets[row], grid)
                features |= solvent_feature(labels[row], level_sets[row])
                for name, value in features.items():
                    values[name].append(value)
    return ranges_of(values)


def _digest(path: Path) -> str:
    with open_dataset(path) as dataset:
        return str(dataset.attrs.get("content_digest", ""))
