"""Sentences about a network must be true, whatever its numbers are."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debye.analysis.definitions import DEFINITIONS, EVERY, FLOOR, NETWORK, ON_FLOOR
from debye.analysis.verdict import EVEN, LABEL_LIMITED, MOST, NEAR_FLOOR, verdict

PARTS = {
    "all": ("near", "both", "interface", "bulk"),
    "near_charges": ("near", "both"),
    "interface": ("both", "interface"),
    "bulk": ("bulk",),
}
PLACES = {"near the charges": "near_charges", "at the interface": "interface", "in the bulk": "bulk"}
NAMES = {"neighbourhood of the charges": "near_charges", "interface band": "interface", "bulk": "bulk"}


def figures(nodes, square, floor_square):
    """Figures by region from the nodes and squared errors of four disjoint parts of the grid."""
    found = {}
    for region, parts in PARTS.items():
        n, e, f = (sum(of[part] for part in parts) for of in (nodes, square, floor_square))
        every = sum(square.values())
        found[region] = {
            "rmse": (e / n) ** 0.5 if n else None,
            "error_share": e / every if every else None,
            "node_share": n / sum(nodes.values()),
            "relative_l2_median": 0.05,
            "relative_l2_95": 0.1,
            "floor_ratio": (e / f) ** 0.5 if f else None,
        }
    bulk, interface = found["bulk"]["rmse"], found["interface"]["rmse"]
    found["interface_excess"] = interface / bulk if bulk and interface is not None else None
    return found


def summary_of(nodes, square, floor_square):
    network = figures(nodes, square, floor_square)
    return {
        "samples": 300,
        "floor": {"samples": 12, "refine": 4},
        "settings": {"interface_band": 2.0, "near_charge": 3.0},
        "figures": {
            NETWORK: {EVERY: network},
            ON_FLOOR: {EVERY: network},
            FLOOR: {EVERY: figures(nodes, floor_square, floor_square)},
        },
    }


def parts(values):
    return st.fixed_dictionaries({name: values for name in PARTS["all"]})


counts = parts(st.integers(0, 5000)).filter(lambda nodes: sum(nodes.values()) > 0)
sizes = parts(st.one_of(st.just(0.0), st.floats(-6, 3).map(lambda power: 10**power)))


@settings(max_examples=400, deadline=None)
@given(counts, sizes, sizes)
def test_every_sentence_is_true_for_any_numbers(nodes, mean_square, mean_floor):
    square = {name: nodes[name] * mean_square[name] for name in nodes}
    summary = summary_of(nodes, square, {name: nodes[name] * mean_floor[name] for name in nodes})
    network = summary["figures"][NETWORK][EVERY]
    text = " ".join(verdict(summary))
    check_place(text, network)
    check_floor(text, network)
    for shown in ("None", "nan", "inf "):
        assert shown not in text


def check_place(text, network):
    """One place at most, the one that holds most beyond its share of the nodes; every share as it is."""
    named = re.findall(r"(The error sits|The largest excess of error lies) ([a-z ]+?)[:,]", text)
    if network["all"]["error_share"] is None:
        assert not named
        assert "evenly" not in text
        return
    excess = {name: network[name]["error_share"] - network[name]["node_share"] for name in PLACES.values()}
    assert len(named) + text.count("spread about evenly") == 1
    if named:
        ((said, place),) = named
        region = PLACES[place]
        assert excess[region] == max(excess.values()) > EVEN
        assert (said == "The error sits") == (network[region]["error_share"] > MOST)
    else:
        assert max(excess.values()) <= EVEN
    held = re.findall(
        r"he ([a-z ]+?)(?: \(within [23] cells\))?, ([\d.e-]+ %) of the nodes, holds ([\d.e-]+ %)", text
    )
    for name, node_share, error_share in held:
        assert node_share == DEFINITIONS["node_share"].show(network[NAMES[name]]["node_share"])
        assert error_share == DEFINITIONS["error_share"].show(network[NAMES[name]]["error_share"])
    assert {NAMES[name] for name, _, _ in held} >= {n for n in excess if network[n]["node_share"] > 0}


def check_floor(text, network):
    """Regions called low are those below the limit, all of them and no other."""
    ratios = {name: network[name]["floor_ratio"] for name in PLACES.values()}
    low = {name for name, ratio in ratios.items() if ratio is not None and ratio < NEAR_FLOOR}
    if network["all"]["floor_ratio"] is None:
        assert "label floor" not in text
        return
    assert "On the 12 of 300 samples whose label floor is known" in text
    assert ("The labels are not what limits the network" in text) == (not low)
    reached = {name for name, ratio in ratios.items() if ratio is not None and ratio <= LABEL_LIMITED}
    limited = re.search(r"It is label-limited in (.*)\.", text)
    assert {region for name, region in NAMES.items() if limited and name in limited[1]} == reached
    ending = re.search(r"kT/e\)\. (.*) (?:is|are) below 3 times the floor: the labels' own error", text)
    assert (ending is not None) == bool(low)
    if ending:
        assert {region for name, region in NAMES.items() if name in ending[1]} == low
        known = [name for name in ratios if ratios[name] is not None]
        assert ("alone" in ending[1]) == (len(low) == 1 < len(known))


NODES = {"near": 10, "both": 0, "interface": 90, "bulk": 900}
LOW = dict.fromkeys(NODES, 1e-6)


@pytest.mark.parametrize(
    ("square", "expected"),
    [
        # RMSE 1.3 times the bulk's at the interface and 20 times near the charges.
        ({"near": 4000.0, "interface": 152.0, "bulk": 900.0}, ["The error sits near the charges"]),
        ({"near": 0.0, "interface": 80.0, "bulk": 20.0}, ["The error sits at the interface", "holds 80 %"]),
        (
            {"near": 0.0, "interface": 40.0, "bulk": 60.0},
            ["The largest excess of error lies at the interface"],
        ),
        ({"near": 0.0, "interface": 0.0, "bulk": 9.0}, ["spread about evenly"]),
        (
            {"near": 1.0, "interface": 9.0, "bulk": 90.0},
            ["spread about evenly", "is 1.0 times that of the bulk"],
        ),
    ],
)
def test_the_place_follows_the_numbers(square, expected):
    text = " ".join(verdict(summary_of(NODES, square | {"both": 0.0}, LOW)))
    assert "at most 5 %" in text
    for words in expected:
        assert words in text
    assert len(re.findall("error sits|excess of error lies|evenly", text)) == 1


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ((30, 30, 30), ["No region is below 3 times the floor", "not what limits"]),
        ((30, 2, 30), ["The interface band alone (2.0 times) is below 3 times the floor"]),
        (
            (2, 2, 30),
            ["The interface band (2.0 times) and the neighbourhood of the charges (2.0 times) are below"],
        ),
        (
            (1, 1, 1),
            [
                "(1.0 times) are below 3 times the floor",
                "It is label-limited in the interface band, the neighbourhood of the charges and the bulk.",
            ],
        ),
        ((30, 1.15, 30), ["It is label-limited in the interface band."]),
    ],
)
def test_what_is_said_of_the_labels_follows_the_floor(ratios, expected):
    floor = {"near": 1.0, "both": 0.0, "interface": 1.0, "bulk": 1.0}
    square = dict(zip(("near", "interface", "bulk"), (r**2 for r in ratios), strict=True)) | {"both": 0.0}
    text = " ".join(verdict(summary_of(NODES, square, floor)))
    for words in expected:
        assert words in text


def test_the_floor_is_compared_on_its_own_samples():
    summary = summary_of(NODES, {"near": 1.0, "both": 0.0, "interface": 9.0, "bulk": 90.0}, LOW)
    other = figures(NODES, dict.fromkeys(NODES, 1e-5), LOW)
    summary["figures"][ON_FLOOR] = {EVERY: other}
    text = verdict(summary)[-1]
    shown = DEFINITIONS["rmse"].show(other["all"]["rmse"])
    assert f"is 3.2 times the floor ({shown} against" in text
