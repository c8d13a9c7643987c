"""The model card: what it tells, in which words, and of which networks."""

import copy
import json
import re

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.analysis.made_up import COST, SOLVER_COST, spoilt

from debye.analysis.card import card, write_card
from debye.analysis.definitions import DEFINITIONS
from debye.errors import FormatError

EXPERIMENT = "`workflow/scenarios/made_up.yaml`"
RECORD = {
    "name": "small",
    "network": {
        "architecture": {"kind": "gated", "channels": 8},
        "charge_channels": ["smeared", "screened"],
        "shape_channels": ["volume_fraction"],
        "target": "compact",
        "training": {"batch_size": 16, "epochs": 40, "seed": 3},
    },
    "grid": {"cells": 64, "half_width": 16.0, "dim": 2},
    "medium": {
        "eps_solute": 2.0, "eps_solvent": 80.0, "debye_length": 9.6, "temperature": 298.15, "ions": "nonlinear",
    },
    "parameters": 1_500_000,
    "multiply_adds": 76_000_000,
    "best_epoch": 37,
    "train_samples": 4000,
    "steps": 10_000,
    "seconds": 720.0,
    "device": "a graphics card",
    "train_digest": "0123456789abcdef",
    "source": "debye 9.9",
    "date_created": "2001-02-03T04:05:06+00:00",
}  # fmt: skip


def errors(scale):
    """Figures of one row; 1 gives a median of 1 %."""
    return {
        "relative_l2_median": 0.01 * scale, "relative_l2_95": 0.024 * scale, "rmse": 0.0033 * scale,
        "normalised_rmse": 0.0044 * scale, "maximum": 0.55 * scale, "interface_rmse": 0.0066 * scale,
    }  # fmt: skip


def row(model, split, scale, factor):
    return {
        "model": model, "split": split, "samples": 512, "medium_differs": "",
        "total": errors(scale), "regular": errors(7 * scale), "factor": {"total": factor, "regular": factor},
    }  # fmt: skip


@pytest.fixture
def board():
    """Two networks on the test split and two others."""
    models = ("large", "small")
    return {
        "models": [{"model": model} | COST | {"solver": SOLVER_COST} for model in models],
        "splits": [
            {"split": "test", "about": "", "samples": 512, "families": ["disc", "star"]},
            {"split": "molecules", "about": "shapes never seen", "samples": 512, "families": ["molecule"]},
            {"split": "salt", "about": "ten times the salt", "samples": 512, "families": ["disc"]},
        ],
        "rows": [
            row(model, split, base * scale, factor)
            for model, base in (("large", 20.0), ("small", 1.0))
            for split, scale, factor in (("test", 1.0, 1.0), ("molecules", 4.0, 4.0), ("salt", 5.0, None))
        ],
        "source": "debye 9.9",
        "date": "2001-02-03",
    }


def table(text, head):
    """Rows of the table whose first column has this title, by their first cell."""
    lines = text[text.index(f"\n| {head} |") :].strip().split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(cells) for cells in rows} == {len(rows[0])}
    return {cells[0]: dict(zip(rows[0][1:], cells[1:], strict=True)) for cells in rows[2:]}


def test_errors_of_record_are_those_of_the_networks_own_rows(board):
    text = card(RECORD, 3_210_000, board, EXPERIMENT)
    median, rmse = DEFINITIONS["relative_l2_median"].title, DEFINITIONS["rmse"].title
    inside = table(text, "potential")
    assert set(inside) == {"total", "regular"}
    assert inside["total"] == {
        median: "1 %",
        DEFINITIONS["relative_l2_95"].title: "2.4 %",
        rmse: "0.00330",
        DEFINITIONS["maximum"].title: "0.550",
        "RMSE, interface band": "0.00660",
    }
    assert inside["regular"][median] == "7 %"
    outside = table(text, "test set")
    assert set(outside) == {"`molecules`", "`salt`"}
    assert outside["`molecules`"] == {
        "what it is": "shapes never seen",
        median: "4 %",
        DEFINITIONS["relative_l2_95"].title: "9.6 %",
        "factor": "4.0 ×",
    }
    # No error on `test`: nothing to divide by.
    assert outside["`salt`"]["factor"] == "–"
    assert "512 samples never trained on" in text


def test_figures_of_record_are_those_of_the_checkpoint(board):
    text = card(RECORD, 3_210_000, board, EXPERIMENT)
    facts = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE))
    assert facts["parameters"] == "1,500,000"
    assert facts["file"] == "3.21 MB"
    assert facts["grid"] == "64² cells on [-16, 16]² Å"
    assert "9.6 Å, nonlinear ions, 298.15 K" in facts["medium"]
    assert facts["one prediction"] == "4.0 ms on a processor, 1 thread"
    assert facts["the solver there"] == "25.0 ms, on a known shape 5.0 ms"
    assert text.startswith("# Model card: small\n")
    for words in (
        "sees `smeared`, `screened`, `volume_fraction`, and returns `compact`",
        "shapes of its experiment: disc, star.",
        "4000 samples, 10000 steps of 16, 12 minutes on a graphics card",
        "epoch 37 of 40",
        f"To repeat it: {EXPERIMENT}.",
        "0123456789abcdef; debye 9.9, 2001-02-03.",
    ):
        assert words in text
    configured = text.split("```json\n")[1].split("\n```")[0]
    assert json.loads(configured) == RECORD["network"]


def test_a_network_that_started_from_another_says_so_with_the_time_that_took(board):
    record = copy.deepcopy(RECORD)
    record["network"]["start"] = "large"
    board["models"][0]["training"] = {"seconds": 3360.0}
    text = card(record, 3_210_000, board, EXPERIMENT)
    assert (
        "From the weights of the network `large` (its own training is in the leaderboard, 56 minutes): 4000"
        in text
    )
    assert "From the weights" not in card(RECORD, 3_210_000, board, EXPERIMENT)


def test_the_leaderboard_of_another_network_of_that_name_is_refused(board):
    other = RECORD | {"parameters": 7}
    with pytest.raises(FormatError, match="found 1500000, expected 7 of the checkpoint"):
        card(other, 10, board, EXPERIMENT)


def test_the_same_content_gives_the_same_text_and_is_left_alone(board):
    record, before = copy.deepcopy(RECORD), copy.deepcopy(board)
    first = card(record, 10, board, EXPERIMENT)
    assert (record, board) == (RECORD, before)
    again = json.loads(json.dumps(board))
    again["rows"] = again["rows"][3:] + again["rows"][:3]
    assert card(json.loads(json.dumps(record)), 10, again, EXPERIMENT) == first


@pytest.mark.parametrize("missing", ["models", "rows"])
def test_a_leaderboard_without_the_network_is_refused(board, missing):
    board[missing] = [one for one in board[missing] if one["model"] != "small"]
    with pytest.raises(FormatError, match=r"leaderboard: found networks large.*, expected small"):
        card(RECORD, 10, board, EXPERIMENT)


@pytest.fixture
def files(tmp_path, board):
    """Checkpoint and leaderboard on disk; no torch."""
    save_file({"weight": np.zeros(3, "f4")}, tmp_path / "small.safetensors", {"debye": json.dumps(RECORD)})
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "leaderboard.json").write_text(json.dumps(board), encoding="utf-8")
    return tmp_path


def test_a_card_is_written_from_the_files(files, board):
    path = files / "small.safetensors"
    write_card(path, files / "board", EXPERIMENT, files / "card.md")
    written = (files / "card.md").read_text(encoding="utf-8")
    assert written == card(RECORD, path.stat().st_size, board, EXPERIMENT)


def test_what_is_no_checkpoint_is_refused_and_nothing_written(files):
    path = files / "small.safetensors"
    save_file({"weight": np.zeros(3, "f4")}, files / "other.safetensors")
    path.write_bytes(path.read_bytes()[:20])
    for name in ("small.safetensors", "other.safetensors", "none.safetensors"):
        with pytest.raises(FormatError, match=rf"{name}: found .* expected a checkpoint of debye"):
            write_card(files / name, files / "board", EXPERIMENT, files / "card.md")
    assert not (files / "card.md").exists()


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("network", ..., "network: found nothing"),
        ("network.architecture.kind", ..., "network.architecture.kind: found nothing"),
        ("network.training", None, "network.training: found None, expected an object"),
        ("medium.ions", ..., "medium.ions: found nothing"),
        ("grid.half_width", None, "grid.half_width: found None, expected a valid number"),
        ("seconds", "long", "seconds: found 'long', expected a valid number"),
        ("date_created", 2001, "date_created: found 2001, expected a valid string"),
    ],
)
def test_a_record_made_by_hand_is_refused_by_what_is_wrong(files, place, value, words):
    save_file(
        {"weight": np.zeros(3, "f4")}, files / "hand.safetensors", {"debye": spoilt(RECORD, place, value)}
    )
    with pytest.raises(FormatError, match=r"hand\.safetensors: record: .*; give checkpoint") as caught:
        write_card(files / "hand.safetensors", files / "board", EXPERIMENT, files / "card.md")
    assert words in str(caught.value)
    assert not (files / "card.md").exists()


def test_a_medium_without_ions_is_no_departure(files):
    salt_free = spoilt(RECORD, "medium.debye_length", "Infinity")
    save_file({"weight": np.zeros(3, "f4")}, files / "hand.safetensors", {"debye": salt_free})
    write_card(files / "hand.safetensors", files / "board", EXPERIMENT, files / "card.md")
    assert "Debye length Infinity Å" in (files / "card.md").read_text(encoding="utf-8")


def test_a_leaderboard_made_by_hand_is_refused_and_nothing_written(files, board):
    (files / "board" / "leaderboard.json").write_text(spoilt(board, "rows.3.factor", None), encoding="utf-8")
    with pytest.raises(FormatError, match=r"leaderboard\.json: rows\.3\.factor: found None"):
        write_card(files / "small.safetensors", files / "board", EXPERIMENT, files / "card.md")
    assert not (files / "card.md").exists()
