"""The page's verdict: three sentences, true for any numbers and whatever is missing."""

import re

import pytest
from hypothesis import given, settings
from tests.analysis.test_verdict import LOW, NODES, PLACES, counts, sizes, summary_of

from debye.analysis.definitions import DEFINITIONS, EVERY, NETWORK, ON_FLOOR
from debye.analysis.overview import overview, ranked
from debye.analysis.verdict import EVEN, LABEL_LIMITED, MOST, NEAR_FLOOR

MEDIAN = "relative_l2_median"


def network(model, median, summary=None):
    """Summary of a network with this median error."""
    made = summary or summary_of(NODES, {"near": 1.0, "both": 0.0, "interface": 9.0, "bulk": 90.0}, LOW)
    made["figures"][NETWORK][EVERY]["all"][MEDIAN] = median
    return made | {"model": model, "parameters": 176_304}


def board(factors, model="good"):
    """A leaderboard of one network with these factors outside its training."""
    rows = [
        {"model": model, "split": split, "factor": {"total": factor}} for split, factor in factors.items()
    ]
    cost = {
        "model": model,
        "latency_seconds": 0.0179,
        "batches": {"1": {"samples_per_second": 56.0}, "64": {"samples_per_second": 160.0}},
        "solver": {"cold_seconds": 0.00633, "warm_seconds": 0.00276},
    }
    return {"models": [cost], "rows": [{"model": model, "split": "test", "factor": {"total": 1.0}}, *rows]}


def check_sentences(found):
    """Three of them, each one sentence."""
    assert len(found) == 3
    for sentence in found:
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert not re.search(r"None|nan|inf\b", sentence)


@settings(max_examples=300, deadline=None)
@given(counts, sizes, sizes)
def test_every_sentence_is_true_for_any_numbers(nodes, mean_square, mean_floor):
    square = {name: nodes[name] * mean_square[name] for name in nodes}
    summary = summary_of(nodes, square, {name: nodes[name] * mean_floor[name] for name in nodes})
    found = overview([network("good", 0.05, summary)], None)
    check_sentences(found)
    here, on_floor = (summary["figures"][of][EVERY] for of in (NETWORK, ON_FLOOR))
    if here["all"]["error_share"] is None:
        assert found[1].startswith("It has no error anywhere")
    else:
        excess = {name: here[name]["error_share"] - here[name]["node_share"] for name in PLACES.values()}
        place = re.search(r"(Its error sits|largest excess of its error lies) ([a-z ]+?),", found[1])
        assert (place is None) == (max(excess.values()) <= EVEN) == ("spread about evenly" in found[1])
        if place:
            region = PLACES[place[2]]
            assert excess[region] == max(excess.values())
            assert ("sits" in place[1]) == (here[region]["error_share"] > MOST)
            assert DEFINITIONS["error_share"].show(here[region]["error_share"]) in found[1]
    ratios = [on_floor[name]["floor_ratio"] for name in PLACES.values()]
    low = any(ratio is not None and ratio < NEAR_FLOOR for ratio in ratios)
    known = on_floor["all"]["floor_ratio"] is not None
    assert ("labels do not limit it" in found[1]) == (known and not low)
    limited = any(ratio is not None and ratio <= LABEL_LIMITED for ratio in ratios)
    assert ("it is label-limited in" in found[1]) == (known and limited)
    assert ("a good part of what is measured" in found[1]) == (known and low and not limited)


def test_the_best_is_named_with_those_behind_it():
    many = [network("last", 0.3), network("good", 0.01), network("none", None), network("next", 0.02)]
    assert [one["model"] for one in ranked(many)] == ["good", "next", "last", "none"]
    first = overview(many, None)[0]
    assert first == (
        "The best of 4 networks, good (176 k parameters), is wrong by at most 1 % (relative L2 error of u) on half of "
        "the 300 test samples and by at most 10 % on 95 % of them; next is next with a median of 2 %, last last with "
        "30 %."
    )
    assert "last" not in overview(many[1:2] + many[3:], None)[0]
    assert overview([network("good", 0.01)], None)[0].startswith("The network good (176 k parameters) is")
    assert "no relative error" in overview([network("none", None)], None)[0]


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({}, "what becomes of its error outside its training is not known."),
        ({"molecules": None}, "what becomes of its error outside its training is not known."),
        (
            {"molecules": 2.5},
            "outside its training, on molecules, its median error is 2.5 times that on the test split.",
        ),
        (
            {"molecules": 2.5, "salt": 0.82, "charges": 1.3, "other": None},
            "on 3 test sets outside its training its median error is 0.82 (salt) to 2.5 times (molecules) that on the "
            "test split.",
        ),
    ],
)
def test_cost_and_what_lies_outside_come_from_the_leaderboard(factors, expected):
    found = overview([network("good", 0.01)], board(factors))
    check_sentences(found)
    assert found[2] == (
        "One problem takes it 17.9 ms, and 6.25 ms in batches of 64, where the solver takes 6.33 ms for a new shape "
        f"and 2.76 ms for further charges on it; {expected}"
    )


@pytest.mark.parametrize("leaderboard", [None, board({"molecules": 2.0}, "another")])
def test_what_was_not_measured_is_said(leaderboard):
    found = overview([network("good", 0.01)], leaderboard)
    check_sentences(found)
    assert found[2].endswith("are not part of this page.")
