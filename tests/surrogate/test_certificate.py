"""What a certificate says, against what is true."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.surrogate.conftest import Maker

import debye
from debye.errors import FormatError
from debye.parameters import Solver
from debye.store import certificate_beside
from debye.surrogate import calibration
from debye.surrogate.calibration import FEWEST, NOMINAL, Calibration, Factors, conformal
from debye.surrogate.certificate import Assessment, assess, certify
from debye.surrogate.flags import FEATURES, charge_features, flags_of, shape_features
from debye.surrogate.geometry import Geometry
from debye.surrogate.surrogate import Surrogate


def looked_at(asked: debye.Problem, w: np.ndarray) -> Assessment:
    return assess(Geometry(asked.grid, asked.solute, asked.medium), asked, w.ravel())


@pytest.mark.parametrize("ions", ["nonlinear", "linear"])
@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_a_solution_has_the_residual_of_its_report(ions: str, rtol: float, problem: Maker) -> None:
    asked = problem(medium=debye.Medium(ions=ions))
    solved = debye.solve(asked, rtol=rtol)
    found = looked_at(asked, solved.regular)
    assert found.relative_residual == pytest.approx(solved.report.relative_residual, rel=1e-3, abs=1e-13)
    assert found.relative_residual <= rtol
    assert found.estimate < 100 * rtol


def perturbation(kind: str, asked: debye.Problem) -> np.ndarray:
    x, y = (part.reshape(asked.grid.shape) / asked.grid.half_width for part in asked.grid.points().T)
    if kind == "smooth":
        return np.cos(1.5 * x + 0.4) * np.cos(1.1 * y)
    if kind == "rough":
        return np.random.default_rng(0).normal(size=asked.grid.shape)
    if kind == "wavy":
        return np.sin(11 * x) * np.sin(9 * y + 1)
    return np.where(np.hypot(x, y) < 0.4, 1.0, 0.0)  # A jump in the solute.


@pytest.mark.parametrize("kind", ["smooth", "rough", "wavy", "jump"])
@pytest.mark.parametrize("size", [1e-4, 1e-2, 0.3])
def test_the_estimate_is_near_a_known_error(kind: str, size: float, problem: Maker) -> None:
    asked = problem(2)
    solved = debye.solve(asked, rtol=1e-11)
    error = size * perturbation(kind, asked)
    wrong = solved.regular + error
    finite = np.isfinite(solved.potential)
    true = np.linalg.norm(error[finite]) / np.linalg.norm((solved.potential + error)[finite])
    estimate = looked_at(asked, wrong).estimate
    # The wave that the cycle knows least of is still within a third.
    assert true / 1.5 < estimate < 1.5 * true


def test_an_estimate_of_a_potential_that_is_far_too_large_is_not_of_a_newton_step(problem: Maker) -> None:
    """Newton comes down by 1 kT/e a step from where sinh is large; the estimate must not: it would be a sixth."""
    asked = problem(2)
    solved = debye.solve(asked, rtol=1e-11)
    error = 60.0 * np.exp(-(asked.grid.points() ** 2).sum(axis=1) / 200.0).reshape(asked.grid.shape)
    finite = np.isfinite(solved.potential)
    true = np.linalg.norm(error[finite]) / np.linalg.norm(solved.potential[finite])
    found = looked_at(asked, solved.regular + error)
    assert true / 3 < found.estimate < 2 * true
    assert found.relative_residual > 1e6


def test_wrong_values_on_the_box_are_part_of_the_error(problem: Maker) -> None:
    asked = problem()
    solved = debye.solve(asked, rtol=1e-11)
    wrong = solved.regular.copy()
    wrong[0] += 0.5
    finite = np.isfinite(solved.potential)
    expected = np.linalg.norm((wrong - solved.regular)[finite]) / np.linalg.norm(solved.potential[finite])
    assert looked_at(asked, wrong).estimate == pytest.approx(expected, rel=1e-4)


def test_quantiles_hold_the_share_that_they_promise() -> None:
    random = np.random.default_rng(4)

    def scores(count: int) -> np.ndarray:
        return np.exp(0.3 * random.standard_t(3, count) + 0.1)

    held, counts = [], []
    for _ in range(200):
        found = conformal(scores(100), np.ones(100))
        assert found is not None
        new = scores(500)
        held.append(((found.lower <= new) & (new <= found.upper)).mean())
    # Split conformal prediction promises at least that on average, and at most 2/(n+1) more.
    assert NOMINAL - 0.005 < np.mean(held) < NOMINAL + 2 / 101 + 0.005
    counts = [conformal(np.arange(1.0, n + 1), np.ones(n)) for n in (FEWEST - 1, FEWEST)]
    assert counts[0] is None
    assert counts[1] is not None
    assert (counts[1].lower, counts[1].upper) == (1.0, float(FEWEST))


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_an_error_without_a_logarithm_is_refused(bad: float) -> None:
    with pytest.raises(FormatError, match="zero or no number"):
        conformal([1.0] * 30, [1.0] * 29 + [bad])


def test_the_packages_certificate_is_its_own_and_holds_what_it_promises(own: Surrogate) -> None:
    found = own.calibration
    assert found is not None
    assert found.factors is not None
    assert found.validation_digest == own.record.validation_digest
    assert found.ranges_digest == own.record.train_digest
    inside = found.splits["test"]
    assert abs(inside.coverage - found.nominal) <= 0.03
    assert inside.flagged < 0.05
    assert inside.width < 2.0


def test_the_packages_certificates_hold_the_error(own: Surrogate, own_problem: Maker) -> None:
    asked = [own_problem(number) for number in range(12)]
    found = own.predict(asked, "cpu")
    near = 0
    for prediction, one in zip(found, asked, strict=True):
        solved, certificate = debye.solve(one), prediction.certificate
        assert certificate is not None
        assert certificate.error_estimate is not None
        assert certificate.error_interval is not None
        finite = np.isfinite(solved.potential)
        error = np.linalg.norm((prediction.regular - solved.regular)[finite])
        error /= np.linalg.norm(solved.potential[finite])
        low, high = certificate.error_interval
        near += 0.8 * low < error < 1.25 * high
        assert low < certificate.error_estimate < high
        assert "relative error of u" in str(certificate)
    assert near == len(asked)


def test_wrong_predictions_are_flagged(own: Surrogate, own_problem: Maker) -> None:
    asked = own_problem(1)
    assert own.calibration is not None
    good = own.predict(asked, "cpu")
    assert good.certificate is not None
    assert good.certificate.flags == ()
    mirrored, noise = good.regular[::-1], np.random.default_rng(0).normal(size=good.regular.shape)
    for wrong in (
        0.9 * good.regular,
        mirrored,
        good.regular + 0.05 * np.abs(good.regular).max() * noise,
        np.zeros_like(good.regular),
        good.regular + 1e3,
    ):
        found = certify(looked_at(asked, wrong), own.calibration, own.grid, {})
        assert any("worse than any" in flag for flag in found.flags)
    broken = replace(looked_at(asked, good.regular), estimate=np.nan, relative_residual=np.nan)
    found = certify(broken, own.calibration, own.grid, {})
    assert sum("worse than any" in flag for flag in found.flags) == 2
    assert found.error_interval == (0.0, np.inf)


RANGES = {
    "charges": (1.0, 6.0), "largest_charge": (0.02, 0.1), "total_charge": (0.02, 0.5), "depth": (1.2, 8.0),
    "area": (60.0, 300.0), "perimeter": (30.0, 60.0), "curvature": (0.1, 2.0), "solvent": (0.1, 6.0),
}  # fmt: skip
INSIDE = {name: 0.5 * (low + high) for name, (low, high) in RANGES.items()}


def test_each_feature_has_its_flag() -> None:
    grid = debye.Grid(cells=64, half_width=16.0)
    assert set(RANGES) == set(FEATURES)
    assert flags_of(INSIDE, RANGES, grid) == ()
    for name, (low, high) in RANGES.items():
        feature = FEATURES[name]
        for value, there in ((0.5 * low, feature.low), (2.0 * high, feature.high)):
            found = flags_of(INSIDE | {name: value}, RANGES, grid)
            assert len(found) == there
            if there:
                assert found[0].startswith(f"{feature.words}: {value:.3g}")
                assert found[0].endswith("in the training data")
        # What is drawn up to an end never reaches it.
        assert flags_of(INSIDE | {name: high}, {**RANGES, name: (low, high - 1e-4)}, grid) == ()
    assert "(1.2 cells)" in flags_of(INSIDE | {"depth": 0.6}, RANGES, grid)[0]


def test_features_of_a_disc() -> None:
    grid = debye.Grid(cells=64, half_width=16.0)
    disc = debye.Ball((0.3, -0.2), 7.0)
    level_set = disc(grid.points()).reshape(grid.shape)
    found = shape_features(level_set[None], grid)[0]
    assert found["area"] == pytest.approx(np.pi * 49, rel=0.01)
    assert found["perimeter"] == pytest.approx(2 * np.pi * 7, rel=0.03)
    assert found["curvature"] == pytest.approx(1 / 6, rel=0.05)
    places = np.array([[0.3, -0.2], [5.0, 1.0]])
    of_charges = charge_features(places, np.array([0.1, -0.3]), level_set, grid)
    assert of_charges["depth"] == pytest.approx(-disc(places)[1], abs=0.02)
    expected = {"charges": 2.0, "largest_charge": 0.3, "total_charge": 0.4}
    assert {name: of_charges[name] for name in expected} == pytest.approx(expected)


def made_up(**changes: object) -> Calibration:
    keys = {
        "checkpoint": "0", "model": "small", "samples": 30, "factors": Factors(median=1.0, lower=0.9, upper=1.2),
        "residual_most": 1.0, "estimate_most": 0.1, "ranges": RANGES, "validation_digest": "v",
        "ranges_digest": "t", "code_digest": "c", "source": "debye", "date_created": "2000-01-01",
    }  # fmt: skip
    return Calibration(**(keys | changes))


def test_a_calibration_is_read_again(small: Path, problem: Maker, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(small.read_bytes())
    assert calibration.load(path) is None
    made = made_up(checkpoint=calibration.file_digest(path))
    calibration.save(made, tmp_path / "net.certificate.json")
    assert calibration.load(path) == made
    found = Surrogate.load(path).predict(problem(), "cpu").certificate
    assert found is not None
    assert found.error_interval == pytest.approx((0.9 * found.uncalibrated, 1.2 * found.uncalibrated))


def test_a_calibration_of_another_checkpoint_is_refused(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(small.read_bytes())
    calibration.save(made_up(checkpoint="f" * 64), tmp_path / "net.certificate.json")
    words = (
        r"net\.certificate\.json: found the calibration of a checkpoint ffffffffffff…, expected that of net"
    )
    with pytest.raises(FormatError, match=words):
        Surrogate.load(path)
    (tmp_path / "net.certificate.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FormatError, match="version 1 of a calibration"):
        Surrogate.load(path)


def test_without_a_calibration_the_residual_is_all(small: Path, problem: Maker) -> None:
    found = Surrogate.load(small).predict(problem(), "cpu").certificate
    assert found is not None
    assert (found.error_estimate, found.error_interval, found.nominal) == (None, None, None)
    assert found.relative_residual > 0
    assert any(flag.startswith("not calibrated: run debye certify") for flag in found.flags)
    assert "not calibrated" in str(found)


def test_labels_of_order_4_differ_by_little(problem: Maker) -> None:
    """The estimate is of the second-order equation: a fourth-order label looks wrong by the discretisation's error."""
    asked = problem(solute=debye.Ball((0.1, 0.2), 7.5))
    solved = debye.solve(asked, solver=Solver(order=4))
    assert solved.report.order == 4
    assert looked_at(asked, solved.regular).estimate < 0.02


def test_a_prediction_far_too_large_is_not_measured_by_its_own_size(
    own: Surrogate, own_problem: Maker
) -> None:
    asked = own_problem(0)
    solution = debye.solve(asked)
    geometry = Geometry(asked.grid, asked.solute, asked.medium)
    found = assess(geometry, asked, 1e6 * solution.regular.ravel())
    # By that it could not be more than 1.
    assert found.estimate > 2.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "99"}, "version"),
        ({"factors": {"median": -1.0, "lower": 5.0, "upper": 2.0}}, "factors"),
        ({"factors": {"median": 1.0, "lower": 5.0, "upper": 6.0}}, "expected rising ones"),
        ({"ranges": {"depth": [0.0, 1.0]}}, "found ranges of depth"),
    ],
)
def test_a_calibration_that_is_none_is_refused(
    change: dict[str, object], words: str, own: Surrogate, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "copy.safetensors"
    shutil.copy(own.path, checkpoint)
    content = json.loads(certificate_beside(own.path).read_text(encoding="utf-8"))
    certificate_beside(checkpoint).write_text(json.dumps(content), encoding="utf-8")
    assert Surrogate.load(checkpoint).calibration is not None
    certificate_beside(checkpoint).write_text(json.dumps(content | change), encoding="utf-8")
    with pytest.raises(debye.FormatError, match=words):
        Surrogate.load(checkpoint)
