"""The penalty study's findings: the rule of the recommendation, the words and the figure, on made-up studies."""

import json
import math

import numpy as np
import pytest
import xarray as xr
from tests.analysis.made_up import CONTRASTS, LABELS, STRENGTH, family_study

from debye import provenance, schema, store
from debye.analysis.penalty import findings, make_study, merged, read_study
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
    counts = {name: found["zero"]["1000:1"][name] for name in ("indefinite", "cases", "smallest")}
    assert counts == {"indefinite": 6, "cases": 8, "smallest": 2}


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


def at(**labels):
    """Index of the symmetric form at the labels."""
    return {"variant": "symmetric", **labels}


def said(study):
    found = findings(study)
    return found, " ".join(paragraphs(found))


def test_often_used_is_said_of_ten_alone(study):
    """A study without σ = 10 has no word on it."""
    found, text = said(study.assign_coords(penalty=["0", "0.5", "2", "9", "auto"]))
    assert found["often_used"] is None
    assert "often used" not in text


def test_often_used_is_not_safe_where_it_is_indefinite(study):
    study["negative_eigenvalues"].loc[
        at(penalty="10", family="disc", contrast="2:80", cells=64, geometry=0)
    ] = 1.0
    _, text = said(study)
    assert (
        "The often used σ = 10 is not safe: the matrix is indefinite in 1 of 16 cases, and 0 solves" in text
    )
    assert "is safe" not in text


def test_often_used_is_not_safe_where_a_solve_failed(study):
    study["multigrid_iterations"].loc[
        at(penalty="10", family="disc", contrast="2:80", cells=64, geometry=0)
    ] = np.nan
    _, text = said(study)
    assert (
        "σ = 10 is not safe: the matrix is indefinite in 0 of 16 cases, and 1 solves did not converge" in text
    )


def test_often_used_is_not_dear_where_it_costs_no_more(study):
    for name in ("error_all", "multigrid_iterations"):
        study[name].loc[at(penalty="10")] = study[name].sel(at(penalty="auto"))
        # Of two that cost the same the first is taken: a constant comes before auto.
        study[name].loc[at(penalty="auto")] *= 0.9999
    found, text = said(study)
    assert found["recommended"] == "auto"
    assert "The often used σ = 10 is safe and no dearer than the recommended penalty: error × 1 (" in text
    study["multigrid_iterations"].loc[at(penalty="10")] *= 1.2
    assert "The often used σ = 10 is safe and dear" in said(study)[1]


def test_often_used_that_is_recommended_is_not_compared_with_itself(study):
    study["error_all"].loc[at(penalty="10")] *= 1e-3
    found, text = said(study)
    assert found["recommended"] == "10"
    assert "often used" not in text


def test_error_without_penalty_is_told_as_it_is(study):
    _, text = said(study)
    assert "smaller than at any other penalty in 10 of these 10 cases" in text
    assert "an eigenvalue is near zero" not in text
    place = at(penalty="0", family="disc", contrast="1000:1", cells=32, geometry=2)
    study["error_all"].loc[place] *= 50
    _, text = said(study)
    assert "in 9 of these 10 cases" in text
    # A large error beside an ordinary eigenvalue says nothing about eigenvalues.
    assert "an eigenvalue is near zero" not in text
    study["eigenvalue_smallest"].loc[place] = 0.01
    _, text = said(study)
    assert "In the worst case, at 1000:1, an eigenvalue is near zero: the smallest is 0.01 times" in text


def test_no_penalty_that_is_definite_everywhere_buys_no_certainty(study):
    study["negative_eigenvalues"].loc[at(penalty="0")] = study["negative_eigenvalues"].sel(at(penalty="auto"))
    _, text = said(study)
    assert (
        "0 of 8 cases at 2:80 and 0 of 8 cases at 1000:1: it was definite in all of them, but that is proved"
        in text
    )
    assert "no ground to stand on" not in text
    assert "What a penalty buys" not in text


def test_nothing_is_recommended_where_nothing_qualifies(parts, tmp_path):
    """Every proved penalty failed somewhere: text, files and figure say so."""
    for path in parts:
        one = family_study(path.stem)
        one["multigrid_iterations"].loc[at(penalty=["2", "10", "auto"], cells=64, geometry=0)] = np.nan
        store.write(one, path)
    make_study(frozen_for("disc", "star"), parts, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "findings.json").read_text(encoding="utf-8"))
    assert found["recommended"] is None
    text = " ".join(found["paragraphs"])
    for wanted in (
        "No penalty is recommended.",
        "auto: indefinite in 0 and without convergence in 4 of 16 cases",
        "The largest σ that any facet needs is 0.7 at 2:80; 1.2 at 1000:1.",
        "matrix is indefinite in 0 of 8 cases at 2:80 and 6 of 8 cases at 1000:1",
        "The often used σ = 10 is indefinite in 0 of 16 cases, and 4 solves did not converge.",
        "What was studied: disc and star",
    ):
        assert wanted in text, wanted
    for unwanted in ("Recommended penalty", "of the recommended", "None", "nan", "The recommendation ends"):
        assert unwanted not in text, unwanted
    study, again = read_study(tmp_path / "out")
    axes = draw(study, again).axes[0]
    assert axes.get_ylabel() == "error"
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 1e-3 * (1 + STRENGTH[:4]))


def test_proved_penalty_that_is_seen_indefinite_is_not_recommended(study):
    """A proof is one of exact arithmetic; round-off may know better."""
    study["negative_eigenvalues"].loc[
        at(penalty="auto", family="disc", contrast="2:80", cells=64, geometry=0)
    ] = 1.0
    assert findings(study)["recommended"] == "2"


def test_variant_that_never_converged_is_said_so(study):
    study["error_all"].loc[{"variant": "incomplete"}] = np.nan
    found, text = said(study)
    assert found["variants"]["incomplete"]["penalty"] is None
    assert "the incomplete form converged at no penalty" in text


def test_a_file_where_the_folder_should_be_is_refused(parts, tmp_path):
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    for folder in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(FormatError, match=r"out: found a file, expected a folder.*name another folder"):
            make_study(frozen_for("disc", "star"), parts, folder)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


@pytest.fixture
def folder(parts, tmp_path):
    """A finished study."""
    make_study(frozen_for("disc", "star"), parts, tmp_path / "whole")
    return tmp_path / "whole"


def test_a_study_is_read_back(folder, study):
    again, found = read_study(folder)
    assert found["recommended"] == "auto"
    xr.testing.assert_equal(again.drop_attrs(), study.drop_attrs())


@pytest.mark.parametrize("key", ["recommended", "paragraphs", "scope"])
def test_findings_that_lack_something_are_refused(folder, key):
    path = folder / "findings.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    for broken in (
        {name: value for name, value in found.items() if name != key},
        found | {key: "9"},
        [found],
    ):
        path.write_text(json.dumps(broken), encoding="utf-8")
        with pytest.raises(FormatError, match=r"findings\.json: .*expected the findings of a penalty study"):
            read_study(folder)


def test_another_study_than_that_of_the_findings_is_refused(folder, parts, study):
    """One family's file, a data set of samples, another study, and no file at all."""
    for other in (
        family_study("disc"), schema.mock(), study.isel(family=[0]), study.isel(penalty=slice(0, 4)),
        study.drop_vars("eigenvalue_largest"), study.isel(geometry=0),
    ):  # fmt: skip
        store.write(other, folder / "study.nc")
        with pytest.raises(FormatError, match=r"study\.nc: "):
            read_study(folder)
    (folder / "study.nc").unlink()
    with pytest.raises(FormatError, match=r"study\.nc: found no such file"):
        read_study(folder)


def test_the_file_of_the_only_family_is_not_the_study(parts, tmp_path):
    make_study(frozen_for("disc"), parts[:1], tmp_path / "one")
    assert read_study(tmp_path / "one")[0].sizes["family"] == 1
    store.write(family_study("disc"), tmp_path / "one" / "study.nc")
    with pytest.raises(FormatError, match="all families in one"):
        read_study(tmp_path / "one")


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
