"""The leaderboard: errors by hand, factors, tables that agree with the numbers, and what is refused."""

import csv
import io
import json

import numpy as np
import pytest
from matplotlib.text import Text
from tests.analysis.made_up import COST, leaderboard_files, spoilt

from debye.analysis import leaderboard_figure, leaderboard_text
from debye.analysis.leaderboard import add_factors, errors_of, make_leaderboard, read_leaderboard
from debye.config import Analysis
from debye.errors import FormatError


@pytest.fixture
def board(made, tmp_path):
    """Two networks on two splits: errors of 1 % and 2 % of w on the first, three and five times that on the other."""
    return leaderboard_files(made, tmp_path, {"small": (0.01, 0.03), "large": (0.02, 0.1)})


def rows_of(found):
    return {(row["model"], row["split"]): row for row in found["rows"]}


def test_an_error_in_proportion_to_w_is_that_share_of_w(board):
    make_leaderboard(*board.arguments)
    rows = rows_of(read_leaderboard(board.out))
    assert set(rows) == {(model, split) for model in ("small", "large") for split in ("test", "molecules")}
    for (model, split), share in board.shares.items():
        regular = rows[model, split]["regular"]
        assert regular["relative_l2_median"] == pytest.approx(share, rel=1e-4)
        assert regular["relative_l2_95"] == pytest.approx(share, rel=1e-4)
    assert rows["small", "molecules"]["factor"]["regular"] == pytest.approx(3.0, rel=1e-3)
    assert rows["large", "molecules"]["factor"]["regular"] == pytest.approx(5.0, rel=1e-3)
    assert rows["small", "test"]["factor"] == {"total": 1.0, "regular": 1.0}
    assert rows["small", "molecules"]["medium_differs"] == "debye_length"
    assert rows["small", "test"]["medium_differs"] == ""


def test_errors_by_hand(made):
    labels = made.three_families(samples=3)
    w = labels["regular_potential"].astype("f8")
    u = w + 5.0 * (labels["level_set"] < 0)
    labels["potential"] = u
    error = made.interface_error(labels)
    estimate = (w + error).astype("f4")
    found = errors_of(labels, estimate, Analysis(bands=(-1, 0, 1), near_charge=2.0, interface_band=2.0))
    e = estimate.astype("f8") - w
    axes = ("x", "y")
    for name, field in (("total", u), ("regular", w)):
        relative = np.sqrt((e**2).sum(axes) / (field**2).sum(axes))
        assert found[name]["relative_l2_median"] == pytest.approx(float(relative.median()))
        assert found[name]["relative_l2_95"] == pytest.approx(float(relative.quantile(0.95)))
        assert found[name]["rmse"] == pytest.approx(float(np.sqrt((e**2).mean())))
        assert found[name]["maximum"] == pytest.approx(float(abs(e).max()))
        spacing = float(labels["x"][1] - labels["x"][0])
        band = abs(labels["level_set"]) < 2.0 * spacing
        assert found[name]["interface_rmse"] == pytest.approx(float(np.sqrt((e**2).where(band).mean())))
    # One error, two norms.
    assert found["total"]["relative_l2_median"] < found["regular"]["relative_l2_median"]


def test_tables_hold_what_was_found(board):
    make_leaderboard(*board.arguments)
    found = read_leaderboard(board.out)
    lines = list(csv.DictReader(io.StringIO((board.out / "leaderboard.csv").read_text(encoding="utf-8"))))
    assert len(lines) == 4
    rows = rows_of(found)
    for line in lines:
        row = rows[line["model"], line["split"]]
        assert float(line["total_relative_l2_median"]) == row["total"]["relative_l2_median"]
        assert float(line["regular_factor"]) == row["factor"]["regular"]
        assert float(line["solver_cold_seconds"]) == 0.025
        # The faster of two batches.
        assert (line["batch"], float(line["samples_per_second"])) == ("16", 400.0)
    table = leaderboard_text.models_table(found)
    # The better one first, whatever the order of the configuration.
    assert [row[0] for row in table.rows] == ["small", "large"]
    assert {len(row) for row in table.rows} == {len(table.head)}
    for cell in ("1.5 M", "76 M", "12 s", "4 ms", "400", "25 ms", "5 ms", "a processor, 1 thread"):
        assert cell in table.rows[0]
    splits = leaderboard_text.splits_table(found)
    assert [row[:3] for row in splits.rows] == [
        ("test", "disc, ellipse, star", "6"),
        ("molecules", "shapes never seen", "6"),
    ]
    assert splits.rows[1][3].endswith("(3 ×)")
    text = (board.out / "leaderboard.md").read_text(encoding="utf-8")
    for shown in (table, splits):
        for row in shown.rows:
            assert "| " + " | ".join(row) + " |" in text


def test_order_of_the_table_follows_the_error(board):
    board.write_prediction("small", "test", 0.5)
    make_leaderboard(*board.arguments)
    table = leaderboard_text.models_table(read_leaderboard(board.out))
    assert [row[0] for row in table.rows] == ["large", "small"]


def test_a_network_without_error_has_no_factor_and_no_point(board):
    board.write_prediction("small", "test", 0.0)
    make_leaderboard(*board.arguments)
    found = read_leaderboard(board.out)
    assert rows_of(found)["small", "molecules"]["factor"] == {"total": None, "regular": None}
    axes = leaderboard_figure.draw(found).axes[0]
    assert [text.get_text() for text in axes.texts] == ["large"]


def test_figure_has_a_point_for_each_network_and_split(board):
    make_leaderboard(*board.arguments)
    found = read_leaderboard(board.out)
    axes = leaderboard_figure.draw(found).axes[0]
    rows = rows_of(found)
    points = sorted(
        point for line in axes.lines for point in zip(line.get_xdata(), line.get_ydata(), strict=True)
    )
    assert points == sorted((1_500_000, row["total"]["relative_l2_median"]) for row in rows.values())
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert {text.get_text() for text in axes.texts} == {"small", "large"}
    assert (board.out / "error_against_parameters.svg").stat().st_size > 1000


@pytest.mark.parametrize("models", [2, 9])
def test_names_of_networks_alike_do_not_lie_on_each_other(board, models):
    make_leaderboard(*board.arguments)
    found = read_leaderboard(board.out)
    one = found["models"][0]
    names = [f"{one['model']}_{number}" for number in range(models)]
    rows = [row for row in found["rows"] if row["model"] == one["model"]]
    found["models"] = [one | {"model": name} for name in names]
    found["rows"] = [row | {"model": name} for name in names for row in rows]
    figure = leaderboard_figure.draw(found)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    assert len(boxes) == models
    for number, box in enumerate(boxes):
        assert box.count_overlaps(boxes[number + 1 :]) == 0
        assert figure.bbox.contains(*box.min)
        assert figure.bbox.contains(*box.max)


def test_the_same_inputs_give_the_same_bytes(board, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    make_leaderboard(*board.arguments)
    first = {path.name: path.read_bytes() for path in board.out.iterdir()}
    make_leaderboard(*board.arguments)
    assert first == {path.name: path.read_bytes() for path in board.out.iterdir()}
    assert set(first) == {
        "leaderboard.json", "leaderboard.csv", "leaderboard.md", "error_against_parameters.svg",
    }  # fmt: skip


def test_predictions_of_another_network_or_data_set_are_refused(board):
    board.write_prediction("small", "test", 0.1, name="other")
    with pytest.raises(FormatError, match=r"small/test.nc: model: found other, expected small"):
        make_leaderboard(*board.arguments)
    (board.predictions / "small" / "molecules.nc").unlink()
    board.write_prediction("small", "test", 0.1)
    with pytest.raises(FormatError, match=r"molecules.nc"):
        make_leaderboard(*board.arguments)
    assert not board.out.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "expected a JSON file"),
        (None, "expected a JSON file"),
        ("{}", "network.json: parameters: found nothing"),
        ("[1]", "network.json: found [1], expected an object"),
        (
            spoilt(COST, "latency_seconds", None),
            "network.json: latency_seconds: found None, expected a valid",
        ),
        (spoilt(COST, "training.seconds", ...), "network.json: training.seconds: found nothing"),
        (spoilt(COST, "batches", {}), "network.json: batches: found {}, expected at least one"),
        (spoilt(COST, "batches.16", {"seconds": 1.0}), "batches.16.samples_per_second: found nothing"),
    ],
)
def test_costs_that_are_none_are_named(board, text, words):
    path = board.costs / "small" / "network.json"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=r"network\.json") as caught:
        make_leaderboard(*board.arguments)
    assert words in str(caught.value)


def test_costs_stand_beside_the_solvers(board):
    make_leaderboard(*board.arguments)
    content = json.loads((board.out / "leaderboard.json").read_text(encoding="utf-8"))
    assert content["models"][0]["latency_seconds"] == COST["latency_seconds"]
    assert content["models"][0]["solver"]["warm_seconds"] == 0.005


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("rows", ..., "leaderboard.json: rows: found nothing, expected a value"),
        ("rows", None, "leaderboard.json: rows: found None, expected a valid list"),
        ("rows.1.total", ..., "rows.1.total: found nothing"),
        ("rows.1.total.rmse", "0.1", "rows.1.total.rmse: found '0.1', expected a valid number"),
        ("rows.0.factor", None, "rows.0.factor: found None, expected an object"),
        ("rows.0.factor.total", ..., "rows.0.factor.total: found nothing"),
        ("rows.0.split", "salt", "row of small on salt: found one"),
        ("rows.0", ..., "row of small on test: found none"),
        ("models.1", ..., "row of large on molecules: found one"),
        ("models.0.parameters", None, "models.0.parameters: found None, expected a valid integer"),
        ("models.0.solver.warm_seconds", None, "models.0.solver.warm_seconds: found None"),
        ("splits.0.families", "disc", "splits.0.families: found 'disc', expected a valid list"),
    ],
)
def test_a_leaderboard_made_by_hand_is_refused_by_what_is_wrong(board, place, value, words):
    make_leaderboard(*board.arguments)
    path = board.out / "leaderboard.json"
    path.write_text(spoilt(json.loads(path.read_text(encoding="utf-8")), place, value), encoding="utf-8")
    with pytest.raises(FormatError, match=r"leaderboard\.json.*; run the workflow again") as caught:
        read_leaderboard(board.out)
    assert words in str(caught.value)


def test_factors_need_the_split_of_the_training():
    rows = [{"model": "small", "split": "molecules", "total": {}, "regular": {}}]
    with pytest.raises(
        FormatError, match=r"leaderboard: small: found none, expected a row on the split test"
    ):
        add_factors(rows)
