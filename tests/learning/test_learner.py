"""Options of a training: what the network computes in, how its weights move, which of them are kept."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from debye.errors import ConfigError
from debye.frozen import NetworkSlice
from debye.learning import checkpoint
from debye.learning import train as training_module
from debye.learning.data import Samples
from debye.learning.epoch import evaluate
from debye.learning.learner import Learner
from debye.learning.train import train
from debye.learning.world import World
from debye.networks import Training

Frozen = Callable[..., NetworkSlice]
MockFile = Callable[..., Path]
CPU = World(torch.device("cpu"))


@pytest.fixture
def splits(mock_file: MockFile) -> tuple[Path, Path]:
    return mock_file("train", samples=10), mock_file("validation", samples=4, seed=2)


@pytest.fixture
def trained(splits: tuple[Path, Path], tmp_path: Path) -> Callable[..., dict[str, torch.Tensor]]:
    """Train; give the weights of the checkpoint."""

    def run(settings: NetworkSlice, name: str) -> dict[str, torch.Tensor]:
        train(settings, *splits, tmp_path / f"{name}.pt", tmp_path / name, "cpu")
        return load_file(tmp_path / name / "checkpoint.safetensors")

    return run


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_running_mean_by_hand() -> None:
    torch.manual_seed(1)
    model = nn.Linear(3, 2)
    learner = Learner(model, Training(epochs=1, batch_size=1, learning_rate=0.1, ema=0.25))
    expected = torch.zeros(0)
    for number in range(6):
        model.weight.grad, model.bias.grad = torch.randn(2, 3), torch.randn(2)
        learner.move(rate=0.1 + 0.1 * number)
        weight = model.weight.detach().clone()
        # 2/11 and 3/12 = 1/4, and from there on what was asked for.
        decay = {0: 0.0, 1: 2 / 11}.get(number, 0.25)
        expected = weight if number == 0 else decay * expected + (1 - decay) * weight
        torch.testing.assert_close(learner.kept.weight, expected)
    assert not torch.allclose(model.weight, expected, rtol=1e-2)
    assert same(learner.kept_weights(), dict(learner.kept.state_dict()))


def test_without_a_mean_the_weights_are_kept() -> None:
    model = nn.Linear(3, 2)
    learner = Learner(model, Training(epochs=1, batch_size=1, learning_rate=0.1))
    assert learner.kept is model
    copied = learner.kept_weights()
    model.weight.data += 1.0
    assert not same(copied, model.state_dict())


def test_the_mean_is_what_is_validated_and_shipped(
    trained: Any, splits: tuple[Path, Path], frozen: Frozen, tmp_path: Path
) -> None:
    kept = trained(frozen(ema=0.9), "mean")
    record, model = checkpoint.load(tmp_path / "mean" / "checkpoint.safetensors")
    assert record.best_epoch == 3
    found = evaluate(model, record.encoding(), Samples(splits[1]), CPU)
    assert found == pytest.approx(record.validation_loss, rel=1e-6)
    state = torch.load(tmp_path / "mean.pt", weights_only=True)
    assert state["mean"]["n_averaged"] == 9
    assert same(kept, {name: state["mean"][f"module.{name}"] for name in kept})
    assert not same(kept, state["weights"])


@pytest.mark.parametrize("options", [{"ema": 0.9}, {"precision": "bfloat16"}])
def test_goes_on_with_the_same_bits(
    options: dict[str, Any],
    trained: Any,
    frozen: Frozen,
    signal_at: Callable[[int, int], None],
) -> None:
    whole = trained(frozen(**options), "whole")
    signal_at(5, signal.SIGUSR1)
    with pytest.raises(SystemExit):
        trained(frozen(**options), "stopped")
    assert same(trained(frozen(**options), "stopped"), whole)


def test_mixed_precision_computes_in_bfloat16_and_keeps_float32(
    trained: Any, frozen: Frozen, training: Any
) -> None:
    settings = {"epochs": 20, "augment": False, "learning_rate": 5e-3}
    weights = trained(frozen(precision="bfloat16", **settings), "half")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert not same(weights, trained(frozen(**settings), "whole"))
    losses = [row["train_loss"] for row in training.history("half")]
    assert losses[-1] < 0.7 * losses[0]
    half = Training(epochs=1, batch_size=1, learning_rate=0.1, precision="bfloat16")
    output = Learner(nn.Linear(3, 2), half).forward(CPU)(torch.ones(1, 3))
    assert output.dtype == torch.bfloat16


def test_a_compiled_network_has_the_same_weights_by_the_same_names(
    trained: Any, frozen: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = trained(frozen(epochs=1), "plain")
    calls: list[str] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> Any:
        calls.append("compiled")
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    assert same(trained(frozen(epochs=1, compile=True), "compiled"), plain)
    # 10 samples in batches of 4: two sizes of batches.
    assert calls == ["compiled"] * 2


def test_what_cannot_be_compiled_is_an_error_of_the_configuration(
    trained: Any, frozen: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backend(graph: object, _: object) -> Any:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    with pytest.raises(ConfigError, match=r"compile: found .*no compiler.*C\+\+"):
        trained(frozen(epochs=1, compile=True), "compiled")


def test_graphs_are_for_a_gpu_and_nothing_elsewhere(trained: Any, frozen: Frozen) -> None:
    plain = trained(frozen(epochs=1), "plain")
    assert same(trained(frozen(epochs=1, compile="graphs"), "graphs"), plain)
    with pytest.raises(ConfigError, match="compile graphs with precision bfloat16"):
        frozen(compile="graphs", precision="bfloat16")


def test_gradients_are_clipped_as_configured(
    trained: Any, frozen: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, found = training_module.clip_grad_norm_, []

    def clip(weights: Any, limit: float) -> torch.Tensor:
        weights = list(weights)
        norm = real(weights, limit)
        found.append(torch.cat([weight.grad.flatten() for weight in weights]).norm().item())
        return norm

    monkeypatch.setattr(training_module, "clip_grad_norm_", clip)
    trained(frozen(epochs=1, clip=0.01), "clipped")
    assert found == pytest.approx([0.01] * 3, rel=1e-3)


def test_the_loss_of_the_interface_trains(trained: Any, frozen: Frozen, training: Any) -> None:
    loss = {"relative_l2": 1.0, "h1": 0.5, "band": 0.5, "flux_jump": 0.1}
    trained(frozen(epochs=20, learning_rate=5e-3, augment=False, loss=loss), "sum")
    losses = [row["train_loss"] for row in training.history("sum")]
    assert losses[-1] < 0.7 * losses[0]


def test_what_a_training_cost_is_told(
    trained: Any, frozen: Frozen, training: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Samples.__getitems__

    def slow(self: Samples, indices: Any) -> Any:
        time.sleep(0.15)
        return real(self, indices)

    trained(frozen(data="stream"), "quick")
    monkeypatch.setattr(Samples, "__getitems__", slow)
    trained(frozen(data="stream"), "slow")
    quick, waited = (
        checkpoint.read_record(tmp_path / name / "checkpoint.safetensors") for name in ("quick", "slow")
    )
    assert (quick.steps, waited.steps) == (9, 9)
    # An epoch reads three batches and a block of the validation split, which is no wait of the steps.
    assert waited.seconds > 12 * 0.15
    assert 0.3 < waited.data_wait < 0.8
    assert 0.0 < quick.data_wait < waited.data_wait
    assert quick.device.endswith(", 1 thread")
    with (tmp_path / "slow" / "history.csv").open() as file:
        assert file.readline().strip().endswith(",seconds,data_wait")
