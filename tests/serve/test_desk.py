"""What a browser may ask, and what comes of it, without a browser."""

import json

import numpy as np
import pytest
from bokeh.document import Document

from debye import ConfigError, DebyeError, GeometryError, Solution
from debye.serve.answers import Answers
from debye.serve.asked import COMMANDS, LONGEST, commands
from debye.serve.desk import Desk
from debye.serve.fields import Field, isolines, levels, relative, scale
from debye.serve.session import Session
from debye.serve.told import told


@pytest.fixture(scope="module")
def answers():
    return Answers()


@pytest.fixture
def desk(answers):
    return Desk(answers)


@pytest.fixture
def asks(desk):
    """Sends commands to a session as the page does; gives what the page is told."""
    session = Session(Document(), desk)

    def asks(*rows):
        session.ask.data = {"text": [json.dumps(rows)], "number": [session.number]}
        return json.loads(session.tell.data["text"][0])

    return asks


@pytest.mark.parametrize(
    "text",
    [
        None,
        3,
        "",
        "{}",
        '["solve"]',
        '[["charge"]]',
        '[["charge", 0, 1]]',
        '[["charge", 0.5, 1, 1]]',
        '[["charge", -1, 1, 1]]',
        '[["charge", 0, NaN, 1]]',
        '[["charge", 0, Infinity, 1]]',
        '[["charge", 0, true, 1]]',
        '[["charge", 0, "1", 1]]',
        '[["charge", 0, 1' + "0" * 400 + ", 1]]",
        '[["__init__"]]',
        '[["look"]]',
        '[["family", ["star"]]]',
        json.dumps([["family", "x" * 99]]),
        json.dumps([["solve"]] * 65),
        " " * LONGEST + "[]",
        "[" * 5000,
    ],
)
def test_nonsense_is_refused(text):
    with pytest.raises(ConfigError, match="load the page again"):
        commands(text)


def test_every_command_has_a_deed(desk):
    assert all(callable(getattr(desk, f"_{name}")) for name in COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        ("family", ("cube",)),
        ("charge", (7, 0.0, 0.0)),
        ("value", (0, 5.0)),
        ("handle", (99, 0.0, 0.0)),
        ("radius", (0, 3.0)),
        ("add_atom", ()),
        ("medium", ("ions", 3.0)),
        ("medium", ("debye_length", 0.0)),
        ("line", (2, 0.0, 0.0)),
        ("line", (0, 14.0, 6.0)),
        ("source", ("oracle",)),
        ("download", ("exe",)),
    ],
)
def test_what_cannot_be_done_changes_nothing(desk, command):
    before = desk.drawing, desk.line
    with pytest.raises(DebyeError, match="expected"):
        desk.do(command)
    assert (desk.drawing, desk.line) == before


def test_the_answer_follows_the_charge(desk):
    desk.look()
    first = desk.answer
    desk.do(("charge", (0, 2.0, -1.0)))
    desk.look()
    assert desk.answer.source == "network"
    assert desk.answer.problem.charges.positions[0].tolist() == [2.0, -1.0]
    assert np.abs(desk.answer.field.regular - first.field.regular).max() > 0.1


def test_a_wrong_drawing_keeps_the_last_good_answer(desk):
    desk.look()
    good = desk.answer
    desk.do(("charge", (0, 15.0, 0.0)))
    with pytest.raises(DebyeError, match="outside the solute"):
        desk.look()
    assert desk.answer is good
    assert desk.drawing.charges[0].x == 15.0


@pytest.mark.parametrize("source", ["network", "solver"])
def test_a_solute_must_stay_in_the_box(desk, source):
    desk.do(("source", (source,)))
    desk.look()
    good = desk.answer
    desk.do(("family", ("ball",)))
    desk.do(("handle", (1, -16.0, 16.0)))
    with pytest.raises(GeometryError, match="box"):
        desk.look()
    assert desk.answer is good


def test_network_and_solver_agree_and_are_compared(desk):
    desk.do(("solve", ()))
    desk.look()
    found = desk.difference()
    assert 0 < found["relative"] < 0.01
    assert desk.pair[0].field.regular - desk.pair[1].field.regular == pytest.approx(found["field"])
    desk.do(("source", ("solver",)))
    desk.look()
    assert desk.answer is desk.pair[1]
    # Of another drawing this says nothing.
    desk.do(("value", (0, 0.07)))
    assert desk.difference() is None
    desk.look()
    assert desk.answer.source == "solver"


def test_another_medium_is_flagged_and_linear_ions_are_solved(desk):
    desk.do(("medium", ("debye_length", 5.0)))
    desk.look()
    assert desk.answer.source == "network"
    assert any("debye_length" in one for one in desk.answer.warnings)
    desk.do(("ions", ("linear",)))
    desk.look()
    assert desk.answer.source == "solver"
    assert "the network refuses" in desk.answer.warnings[0]
    assert "0.3" in told(desk, "")["texts"]["salt"]


def test_all_that_is_told_is_json(desk):
    for family in ("ball", "ellipsoid", "star", "molecule"):
        desk.do(("family", (family,)))
        desk.look()
        content = told(desk, "a message")
        assert json.loads(json.dumps(content, allow_nan=False)) is not None
        assert len(content["options"]["handle"]) == len(content["places"]["handle"])
        assert ("radius" in content["values"]) == (family == "molecule")


def test_values_between_the_nodes_are_those_of_the_solver(answers, desk):
    from debye import solve

    solution: Solution = solve(desk.drawing.problem(answers.grid))
    problem = solution.problem
    parts = solution.regular, solution.level_set, problem.charges, problem.medium
    field = Field(problem.grid, *parts, solution.evaluate)
    finite = np.isfinite(solution.potential)
    assert np.array_equal(field.potential[finite], solution.potential[finite])
    points = np.random.default_rng(1).uniform(-16.0, 16.0, (2000, 2))
    # Three nodes of a simplex there, four of a cell here: a second-order difference, for potentials of up to 100.
    assert np.abs(field.at(points) - solution.evaluate(points)).max() < 0.2
    # In the solute the Coulomb part is exact, however near the charge.
    near = problem.charges.positions[:1] + [[0.02, 0.0]]
    assert field.at(near) == pytest.approx(solution.evaluate(near), abs=0.05)


def test_isolines_lie_on_their_level():
    axis = np.linspace(-2.0, 2.0, 81)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    lines = isolines(x**2 + 2 * y**2, axis, [1.0])
    held = np.isfinite(lines["x"])
    assert held.sum() > 20
    assert np.allclose((lines["x"] ** 2 + 2 * lines["y"] ** 2)[held], 1.0, atol=5e-3)
    nothing = isolines(x, axis, [9.0])
    assert not np.isfinite(nothing["x"]).any()


def test_relative_difference_leaves_infinite_nodes_out():
    assert relative(np.array([3.0, 0.0, 9.0]), np.array([0.0, 6.0, np.inf])) == pytest.approx(0.5)
    assert relative(np.zeros(2), np.zeros(2)) == 0.0
    assert relative(np.ones(2), np.zeros(2)) == np.inf


def test_a_refused_file_is_said_and_never_delivered_later(asks):
    assert asks(["charge", 0, 15.0, 0.0])["stale"]
    refused = asks(["download", "yaml"])
    assert refused["file"] is None
    assert refused["message"].startswith("not saved: charge 0")
    back = asks(["charge", 0, 2.0, 0.0])
    assert (back["file"], back["message"]) == (None, "")
    assert asks(["download", "yaml"])["file"]["name"] == "problem.yaml"


@pytest.mark.parametrize("q", [1e-6, 1e-15, 1e-300, 0.0])
def test_tiny_charges_are_answered_drawn_and_compared(asks, q):
    found = asks(["value", 0, q], ["value", 1, 0], ["value", 2, 0])
    assert (found["message"], found["stale"]) == ("", False)
    found = asks(["solve"])
    assert (found["message"], found["stale"]) == ("", False)
    assert "inf" not in found["texts"]["difference"]
    assert asks(["download", "png"])["file"] is not None


@pytest.mark.parametrize("limit", [1e-9, 2e-9, 3e-7, 0.02, 700.0, 1e5])
def test_levels_rise(limit):
    found = levels(limit)
    assert len(found) >= 4
    assert found[0] > 0
    assert (np.diff(found) > 0).all()
    assert scale(1e-320) == scale(1e-9)


def test_a_number_too_large_is_told_by_its_field(asks):
    expected = "charge: found 1e+99 e/Å, expected -1 to 1; choose a value between them"
    assert asks(["value", 0, 1e99])["message"] == expected
    assert asks(["charge", 0, -1e99, 0])["message"].startswith("x: found -1e+99, expected -16 to 16")
    assert asks(["medium", "temperature", 10**30])["message"].startswith("temperature: found 1e+30, ")
