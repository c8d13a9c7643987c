"""The penalty study's findings: the rule of the recommendation, the words and the figure, on made-up studies."""

import json
import math

import numpy as np
import pytest
import xarray as xr
from tests.analysis.made_up import CONTRASTS, LABELS, STRENGTH, family_study

from debye import provenance, schema, store
from debye.analysis.penalty import findings, make_study, merged
from debye.analysis.penalty_figure import draw
from debye.analysis.penalty_text import paragraphs
from debye.errors import FormatError
from debye.frozen import PenaltyReportSlice


def frozen_for(*families):
    return PenaltyReportSlice(code=provenance.code_digest("analysis"), families=families)


@pytest.fixture
def parts(tmp_path):
    """Files of two families."""
    paths = [tmp_path / f"{name}.nc" for name in ("disc", "star")]
    for path in paths:
        store.write(family_study(path.stem), path)
    return paths


@pytest.fixture
def study(parts):
    return merged(frozen_for("disc", "star"), parts)


def test_recommended_is_the_cheapest_of_the_proved(study):
    found = findings(study)
    assert found["recommended"] == "auto"
    assert {label for label, one in found["penalties"].items() if one["proved"]} == {"2", "10", "auto"}
    # 0.5 is definite in every case and no more than that; 0 is cheapest of all and not even that.
    assert found["smallest_definite_constant"] == "0.5"
    assert found["smallest_proved_constant"] == "2"
    assert found["penalties"]["0"]["indefinite"] == 6
    assert found["zero"]["1000:1"] | {"error_all": 0, "multigrid_iterations": 0} == {
        "indefinite": 6, "cases": 8, "error_all": 0, "multigrid_iterations": 0,
    }  # fmt: skip


def test_constant_wins_where_auto_is_dearer(study):
    dearer = study.copy(deep=True)
    dearer["error_all"].loc[{"penalty": "auto"}] *= 20
    assert findings(dearer)["recommended"] == "2"


def test_constant_that_is_enough_everywhere_may_win(study):
    """With a bound of 0.5 σ = 0.5 is proved, and it is the smallest once auto costs more."""
    easier = study.copy(deep=True)
    easier["sufficient_penalty"][:] = 0.5
    easier["error_all"].loc[{"penalty": "auto"}] *= 1.2
    assert findings(easier)["recommended"] == "0.5"


def test_penalty_with_a_failed_solve_is_not_recommended(study):
    failing = study.copy(deep=True)
    failing["multigrid_iterations"][0, 0, 0, LABELS.index("auto"), 0, 0] = np.nan
    found = findings(failing)
    assert found["recommended"] == "2"
    assert found["penalties"]["auto"]["score"] is None


def test_ratios_are_medians_and_worst_cases_over_definite_cases(study):
    found = findings(study)
    often = found["penalties"][found["often_used"]]["ratios"]
    assert found["often_used"] == "10"
    assert often["error_all"] == pytest.approx([11 / 1.4] * 2)
    assert often["condition"] == pytest.approx([11 / 1.4] * 2)
    study["error_all"][0, 0, 0, LABELS.index("10"), 0, 0] *= 3
    assert findings(study)["penalties"]["10"]["ratios"]["error_all"] == pytest.approx([11 / 1.4, 33 / 1.4])
    assert found["variants"]["incomplete"]["penalty"] == "0"
    assert found["variants"]["incomplete"]["error_all"] == pytest.approx([1.5 / 1.4] * 2)
    assert found["scope"]["geometries"] == [6, 2]


def test_words_say_the_numbers(study):
    found = findings(study)
    text = " ".join(paragraphs(found))
    for wanted in (
        "Recommended penalty: auto",
        "over all 16 cases",
        "1.2 at 1000:1",
        "0 of 8 cases at 2:80 and 6 of 8 cases at 1000:1",
        f"σ = 10 is safe and dear: error × {11 / 1.4:.3g}",
        "never seen indefinite, though not proved definite, is σ = 0.5",
        "proved definite in every case is σ = 2",
        "disc and star (6 at N = 32, 2 at N = 64 random solutes in all)",
        "Debye length 9.6 Å",
        "the incomplete form, at its best penalty (σ = 0)",
    ):
        assert wanted in text, wanted
    study["error_all"].loc[{"penalty": "auto"}] *= 20
    other = " ".join(paragraphs(findings(study)))
    assert "Recommended penalty: σ = 2 on every facet" in other
    assert "neither definiteness nor error nor iterations are vouched for" in other


def test_files_of_the_study(parts, tmp_path):
    folder = tmp_path / "out"
    make_study(frozen_for("star", "disc"), parts, folder)

    def refuse(constant):
        raise AssertionError(constant)

    found = json.loads((folder / "findings.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert (folder / "recommendation.md").read_text(encoding="utf-8").split("\n\n")[0] == found["paragraphs"][
        0
    ]
    assert "<svg" in (folder / "penalty.svg").read_text(encoding="utf-8")
    with xr.open_dataset(folder / "study.nc") as dataset:
        assert dataset["family"].values.tolist() == ["star", "disc"]
        assert set(schema.ROOT_ATTRIBUTES) <= set(dataset.attrs)
        assert set(json.loads(dataset.attrs["configuration"])) == {"disc", "star"}


def test_figure_shows_every_contrast_and_marks_what_is_indefinite(study):
    figure = draw(study, findings(study))
    panels = figure.axes
    assert len(panels) == 3 * len(CONTRASTS)
    assert [axes.get_title(loc="left") for axes in panels[: len(CONTRASTS)]] == [f"ε {c}" for c in CONTRASTS]
    crosses = [sum(line.get_marker() == "x" for line in axes.lines) for axes in panels]
    assert crosses == [0, 1] * 3
    # Medians of the first panel: error over the recommended one's, in the order of σ.
    line = panels[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), (1 + STRENGTH[:4]) / 1.4)
    assert math.isclose(line.get_xdata()[2], math.log10(2))


@pytest.mark.parametrize(
    ("families", "words"),
    [
        (("disc",), "found families ['disc', 'star']"),
        (("disc", "star", "ellipse"), "expected ['disc', 'ellipse'"),
    ],
)
def test_families_must_be_those_of_the_study(parts, families, words):
    with pytest.raises(FormatError, match="penalty study") as caught:
        merged(frozen_for(*families), parts)
    assert words in str(caught.value)


def test_families_studied_differently_are_refused(parts):
    other = family_study("star").assign_coords(penalty=["0", "0.5", "2", "100", "auto"])
    store.write(other, parts[1])
    with pytest.raises(FormatError, match="families studied alike"):
        merged(frozen_for("disc", "star"), parts)


def test_another_file_is_refused(tmp_path):
    store.write(schema.mock(), tmp_path / "disc.nc")
    with pytest.raises(FormatError, match=r"disc\.nc: found another kind of file"):
        merged(frozen_for("disc"), [tmp_path / "disc.nc"])
