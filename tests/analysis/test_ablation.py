"""The ablation's tables by hand: intervals, paired changes, regions of both kinds, and what is refused."""

import csv
import io
import json
import math

import numpy as np
import pytest
from scipy import stats
from tests.analysis.made_up import spoilt

from debye import provenance, store
from debye.ablation import MOST_SEEDS
from debye.analysis import ablation_text
from debye.analysis.ablation import make_ablation, same_problems
from debye.analysis.intervals import QUANTILES, change, interval
from debye.config import Analysis
from debye.errors import FormatError
from debye.frozen import AblationSlice

BAND, BULK = 2.0, 0.01
EXCESS = {
    "base": (2.0, 3.0, 4.0),
    "lower": (1.0, 2.1, 3.0),
    "same": (1.0, 3.0, 5.0),
    "finer": (1.5, 2.5, 3.6),
}
"""Error in the band over that elsewhere, one for each seed."""


def test_quantiles_are_those_of_student():
    assert len(QUANTILES) == MOST_SEEDS - 1
    expected = stats.t.ppf(0.975, np.arange(1, MOST_SEEDS))
    np.testing.assert_allclose(QUANTILES, expected, atol=5.1e-7)


@pytest.mark.parametrize("values", [[1.0, 3.0], [2.0, 2.5, 4.0], list(np.linspace(-1, 2, MOST_SEEDS) ** 3)])
def test_intervals_are_those_of_scipy(values):
    found = interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert found["values"] == values
    assert found["mean"] == pytest.approx(np.mean(values))
    assert (found["low"], found["high"]) == pytest.approx((low, high), rel=1e-6, abs=1e-6)


def test_changes_are_paired_by_seed():
    """The values of the two overlap; their differences are nearly one number."""
    base, values = [1.0, 5.0, 9.0], [1.5, 5.6, 9.5]
    found = change(values, base)
    assert found["mean"] == pytest.approx(1.6 / 3)
    assert found["separable"]
    assert not change(values[::-1], base)["separable"]
    assert not change(base, base)["separable"]
    unknown = change([1.0, None], [1.0, 2.0])
    assert (unknown["values"], unknown["mean"], unknown["separable"]) == ([0.0, None], None, False)


@pytest.fixture
def made_ablation(made, tmp_path):
    """Networks whose error is one number in the band of the base and another one elsewhere."""
    grids = dict.fromkeys(EXCESS, 24) | {"finer": 48}
    names = {24: "test", 48: "test_48"}
    for cells, name in names.items():
        store.write(made.three_families(samples=2, cells=cells), tmp_path / "datasets" / f"{name}.nc")
    for variant, excess in EXCESS.items():
        labels = made.three_families(samples=2, cells=grids[variant])
        # Cells of the base are 1 Å.
        inside = abs(labels["level_set"]) < BAND
        for seed, times in enumerate(excess):
            error = BULK * (1.0 + (times - 1.0) * inside)
            predicted = made.prediction_of(labels, error, f"{variant}_seed{seed}")
            store.write(predicted, tmp_path / "predictions" / variant / f"seed{seed}" / "test.nc")
    frozen = AblationSlice(
        code=provenance.code_digest("analysis"),
        analysis=Analysis(bands=(-2, 0, 2), near_charge=2.0, interface_band=BAND),
        seeds=(0, 1, 2),
        variants={
            name: {"about": f"about {name}", "change": f"key: {name}", "test": names[grids[name]]}
            for name in EXCESS
        },
    )
    return frozen, tmp_path / "predictions", tmp_path / "datasets", tmp_path / "out"


def found_in(made_ablation):
    make_ablation(*made_ablation)
    found = json.loads((made_ablation[-1] / "ablation.json").read_text(encoding="utf-8"))
    return found, {(row["variant"], row["regions"]): row for row in found["rows"]}


def test_figures_by_hand(made_ablation):
    _, rows = found_in(made_ablation)
    kinds = [(variant, "cells") for variant in EXCESS] + [("finer", "length")]
    assert list(rows) == kinds
    for variant, excess in EXCESS.items():
        row = rows[variant, "length" if variant == "finer" else "cells"]
        figures = row["figures"]
        assert figures["interface_excess"]["values"] == pytest.approx(excess, rel=1e-3)
        assert figures["interface_rmse"]["values"] == pytest.approx([BULK * one for one in excess], rel=1e-3)
        assert figures["bulk_rmse"]["values"] == pytest.approx([BULK] * 3, rel=1e-3)
        assert row["widths"]["interface_band"] == pytest.approx(2.0)
        assert row["same_problems"] == row["samples"] == 6
    base = rows["base", "cells"]["figures"]["interface_excess"]
    half = stats.t.ppf(0.975, 2) / math.sqrt(3)
    assert (base["low"], base["high"]) == pytest.approx((3 - half, 3 + half), rel=1e-3)
    # Cells of half the size: half of the wrong band belongs to the bulk.
    narrow = rows["finer", "cells"]
    assert narrow["widths"] == {"interface_band": 1.0, "near_charge": 1.0}
    assert narrow["figures"]["interface_excess"]["mean"] < 0.9 * np.mean(EXCESS["finer"])


def test_changes_by_hand(made_ablation):
    found, rows = found_in(made_ablation)
    lower, same = (rows[name, "cells"]["against_base"]["interface_excess"] for name in ("lower", "same"))
    assert lower["values"] == pytest.approx([-1.0, -0.9, -1.0], abs=0.01)
    assert lower["separable"]
    assert same["values"] == pytest.approx([-1.0, 0.0, 1.0], abs=0.01)
    assert not same["separable"]
    text = ablation_text.finding(found)
    assert text.startswith(
        "Of 3 changes, 2 of them separable from 0, lower (key: lower) moves the interface excess"
    )
    assert "by −0.97 × [−1.1 ×, −0.82 ×] from 3.0 ×, over 3 seeds" in text
    assert (
        "from 0.0300 to 0.0203 kT/e in the interface band and from 0.0100 to 0.0100 kT/e in the bulk" in text
    )
    for row in found["rows"]:
        row["against_base"]["interface_excess"]["separable"] = False
    assert ablation_text.finding(found).startswith("None of 3 changes moves the interface excess of the base")


def test_files_agree(made_ablation):
    found, rows = found_in(made_ablation)
    out = made_ablation[-1]
    lines = list(csv.DictReader(io.StringIO((out / "ablation.csv").read_text(encoding="utf-8"))))
    assert len(lines) == 4 * len(rows)
    first = lines[4]
    assert (first["variant"], first["figure"], first["separable"]) == ("lower", "interface_excess", "True")
    assert float(first["seed1"]) == rows["lower", "cells"]["figures"]["interface_excess"]["values"][1]
    assert float(first["change_mean"]) == rows["lower", "cells"]["against_base"]["interface_excess"]["mean"]
    text = (out / "ablation.md").read_text(encoding="utf-8")
    assert ablation_text.finding(found) in text
    assert "| base | about base | 24 cells | \\|φ\\| < 2 Å | 3.0 × [0.52 ×, 5.5 ×] |" in text
    assert "| lower | key: lower | −0.97 × [−1.1 ×, −0.82 ×]; separable from 0: yes |" in text
    assert "separable from 0: no" in text
    shown = ablation_text.read_ablation(out)
    assert shown["figures"].rows[-1][0] == "finer, regions in Å as the base's"


def test_other_problems_are_counted_and_other_samples_refused(made):
    base = made.three_families(samples=2, cells=24)
    other = made.three_families(samples=2, cells=48).copy(deep=True)
    assert same_problems(base, other) == 6
    other["charge_value"][3, 0] += 1e-9
    assert same_problems(base, other) == 5
    other["index"][0] = 77
    with pytest.raises(FormatError, match="found other samples than those of the base"):
        same_problems(base, other)


def test_predictions_of_another_network_are_refused(made_ablation):
    folder = made_ablation[1] / "lower"
    (folder / "seed0" / "test.nc").replace(folder / "seed1" / "test.nc")
    (folder / "seed2" / "test.nc").replace(folder / "seed0" / "test.nc")
    with pytest.raises(FormatError, match="found lower_seed2, expected lower_seed0"):
        make_ablation(*made_ablation)


@pytest.mark.parametrize(
    "place", ["rows", "rows.0.figures", "rows.1.against_base.bulk_rmse", "seeds", "rows.1.widths"]
)
def test_another_file_is_refused(made_ablation, place):
    found, _ = found_in(made_ablation)
    path = made_ablation[-1] / "ablation.json"
    path.write_text(spoilt(found, place, ...), encoding="utf-8")
    with pytest.raises(FormatError, match=r"ablation\.json: .*expected an ablation"):
        ablation_text.read_ablation(path.parent)
