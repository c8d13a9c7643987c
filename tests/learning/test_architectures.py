"""The networks beside the residual one: U-Net, dilated, and the Fourier neural operator of a library."""

from __future__ import annotations

import csv
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from debye.errors import ConfigError, MissingExtra
from debye.frozen import NetworkSlice
from debye.learning import checkpoint, state
from debye.learning.models import build, dilated, fourier, multiply_adds, parameters, unet
from debye.learning.train import train
from debye.networks import Architecture, DilatedResNet, FourierOperator, Inputs, Network, Training, UNet
from debye.parameters import Grid

GRID = Grid(cells=64, half_width=16.0)
SMALL = Grid(cells=16, half_width=8.0)
TWO = Inputs(charges=1, shapes=1)

UNETS = [UNet(kind="unet", channels=4, downsample=each) for each in (1, 2, 4)]
DILATED = [
    DilatedResNet(kind="dilated_resnet", channels=4, blocks=1),
    DilatedResNet(kind="dilated_resnet", channels=6, blocks=2, dilations=(1, 3)),
]
FOURIER = FourierOperator(kind="fno", channels=6, modes=8, layers=2)


def network_of(architecture: Architecture) -> Network:
    return Network(architecture=architecture, training=Training(epochs=1, batch_size=1, learning_rate=1e-3))


@pytest.fixture
def library() -> Any:
    return pytest.importorskip("neuralop")


def conv(inputs: int, outputs: int, size: int = 3) -> int:
    """Weights and biases of a convolution."""
    return size**2 * inputs * outputs + outputs


@pytest.mark.parametrize("architecture", [*UNETS, *DILATED])
def test_an_image_keeps_its_size(architecture: Architecture) -> None:
    model = build(network_of(architecture), GRID)
    assert model(torch.zeros(2, 2, 65, 65)).shape == (2, 1, 65, 65)
    assert model(torch.zeros(1, 2, 33, 65)).shape == (1, 1, 33, 65)


@pytest.mark.parametrize("architecture", UNETS)
def test_parameter_count_of_a_unet(architecture: UNet) -> None:
    width = [4 * each for each in (1, 2, 4, 8, 8)][: architecture.downsample + 1]
    count = conv(2, 4) + conv(4, 4) + conv(4, 1, size=1)
    for fine, coarse in itertools.pairwise(width):
        count += conv(fine, fine) + conv(fine, coarse) + conv(coarse, coarse)
        count += conv(fine + coarse, fine) + conv(fine, fine)
    assert parameters(build(network_of(architecture), GRID)) == count


@pytest.mark.parametrize("architecture", DILATED)
def test_parameter_count_of_a_dilated_network(architecture: DilatedResNet) -> None:
    width, layers = architecture.channels, architecture.blocks * len(architecture.dilations)
    count = conv(2, width) + layers * conv(width, width) + conv(width, 1)
    assert parameters(build(network_of(architecture), GRID)) == count


def test_multiply_adds_by_hand() -> None:
    # 17² nodes and 9²; no biases.
    one = UNet(kind="unet", channels=4, downsample=1)
    fine = 9 * (2 * 4 + 4 * 4) + 9 * (12 * 4 + 4 * 4) + 4
    coarse = 9 * (4 * 4 + 4 * 8 + 8 * 8)
    assert multiply_adds(network_of(one), SMALL) == 17**2 * fine + 9**2 * coarse
    assert multiply_adds(network_of(DILATED[1]), SMALL) == 17**2 * 9 * (2 * 6 + 4 * 6 * 6 + 6)


def reach(model: nn.Module, half: int) -> int:
    """How far from a node its output depends on the image, on 2 half + 1 nodes an axis."""
    model = model.double()
    for weight in model.parameters():
        # All positive: no path cancels and no activation is shut.
        nn.init.constant_(weight, 0.1)
    far = 0
    for shift in range(4):
        image = torch.ones(1, 2, 2 * half + 1, 2 * half + 1, dtype=torch.float64, requires_grad=True)
        model(image)[0, 0, half + shift, half].backward()
        assert image.grad is not None
        seen = torch.nonzero(image.grad[0].abs().sum((0, 2))).flatten()
        far = max(far, int(seen.max()) - half - shift, half + shift - int(seen.min()))
    return far


@pytest.mark.parametrize("depth", [1, 2])
def test_receptive_field_of_a_unet(depth: int) -> None:
    architecture = UNet(kind="unet", channels=2, downsample=depth)
    expected = unet.receptive_field(architecture)
    assert reach(unet.UNetwork(architecture, TWO), expected + 8 + -expected % 8) == expected


@pytest.mark.parametrize("architecture", DILATED)
def test_receptive_field_of_a_dilated_network(architecture: DilatedResNet) -> None:
    expected = dilated.receptive_field(architecture)
    assert reach(dilated.DilatedNetwork(architecture, TWO), expected + 8) == expected


def test_dilated_blocks_are_the_identity_at_the_start() -> None:
    image = torch.randn(1, 6, 9, 9)
    assert torch.equal(dilated.DilatedNetwork(DILATED[1], TWO).blocks(image), image)


@pytest.mark.parametrize("architecture", [UNETS[2], DILATED[0]])
def test_images_neither_fade_nor_grow_at_the_start(architecture: Architecture) -> None:
    torch.manual_seed(0)
    wide = architecture.model_copy(update={"channels": 16})
    size = build(network_of(wide), GRID)(torch.randn(2, 2, 65, 65)).std()
    assert 0.1 < size < 10


def test_parameter_count_of_a_fourier_operator(library: Any) -> None:
    c, m, half = 6, 8, 3
    lifting = (4 * 2 * c + 2 * c) + (2 * c * c + c)
    spectral = 2 * c * c * m * (m // 2 + 1) + c
    layer = spectral + c * c + (c * half + half) + (half * c + c) + c
    projection = (c * 2 * c + 2 * c) + (2 * c + 1)
    assert parameters(build(network_of(FOURIER), SMALL)) == lifting + 2 * layer + projection


def test_multiply_adds_of_a_fourier_operator(library: Any) -> None:
    # 17 nodes are padded to 18.
    c, m, half, nodes = 6, 8, 3, 18**2
    pointwise = 4 * 2 * c + 2 * c * c + 2 * (c * c + 2 * half * c) + 2 * c * c + 2 * c
    products = 2 * 4 * c * c * m * (m // 2 + 1)
    transforms = 2 * 2 * c * 2.5 * nodes * math.log2(nodes) / 2
    count = multiply_adds(network_of(FOURIER), SMALL)
    assert count == pytest.approx(nodes * pointwise + products + transforms, rel=1e-5)


def test_the_fourier_operator_sees_the_whole_image_and_keeps_its_size(library: Any) -> None:
    model = build(network_of(FOURIER), SMALL)
    for nodes in ((17, 17), (33, 17), (16, 20)):
        image = torch.randn(2, 2, *nodes, requires_grad=True)
        output = model(image)
        assert output.shape == (2, 1, *nodes)
        output[0, 0, 0, 0].backward()
        assert image.grad is not None
        assert bool((image.grad[0].abs().sum(0) > 0).all())
        assert not bool(image.grad[1].any())


def test_on_the_padded_image_the_operator_commutes_with_shifts(library: Any) -> None:
    # On an odd number of nodes it does not: fftshift in the library where ifftshift is meant.
    torch.manual_seed(0)
    convolve = fourier.FourierNetwork(FOURIER, TWO).operator.fno_blocks.convs[0]  # type: ignore[union-attr,index]

    @torch.no_grad()
    def difference(nodes: int) -> float:
        image = torch.randn(1, 6, nodes, nodes)
        there = convolve(image.roll((3, 5), (2, 3)))  # type: ignore[operator]
        return float((there - convolve(image).roll((3, 5), (2, 3))).abs().max())  # type: ignore[operator]

    for cells in range(8, 300):
        nodes = fourier.padded_size(cells + 1)
        assert nodes % 2 == 0
        assert cells * 9 / 8 <= nodes < cells * 9 / 8 + 2
        assert nodes > cells
    assert difference(fourier.padded_size(17)) < 1e-5
    assert difference(17) > 0.01


def test_coordinates_go_from_edge_to_edge() -> None:
    seen = fourier._coordinates(torch.zeros(1, 2, 18, 22), torch.Size((17, 19)), [0, 1])
    x, y = seen[0]
    assert x[0, 0] == -1
    assert x[16, 0] == pytest.approx(1)
    assert y[0, 1] == -1
    assert y[0, 10] == pytest.approx(0, abs=1e-6)
    assert y[0, 19] == pytest.approx(1)


def test_the_fourier_operator_computes_in_float32_under_mixed_precision(library: Any) -> None:
    model, image = build(network_of(FOURIER), SMALL), torch.randn(1, 2, 17, 17)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(image)
    assert torch.equal(mixed, model(image))


def test_more_modes_than_cells_are_refused() -> None:
    many = FOURIER.model_copy(update={"modes": 17})
    with pytest.raises(ConfigError, match="17 modes on 16 cells"):
        build(network_of(many), SMALL)


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, checkpoint_of: Callable[[Architecture], Path], library: Any
) -> None:
    path = checkpoint_of(FOURIER)
    for name in ("neuralop", "neuralop.models"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"pip install 'debye\[fno\]'"):
        build(network_of(FOURIER), SMALL)
    with pytest.raises(MissingExtra, match=r"pip install 'debye\[fno\]'"):
        checkpoint.load(path)


@pytest.mark.parametrize("architecture", [UNETS[1], DILATED[1], FOURIER], ids=lambda each: each.kind)
def test_round_trip_through_a_checkpoint(
    architecture: Architecture, checkpoint_of: Callable[[Architecture], Path]
) -> None:
    if architecture.kind == "fno":
        pytest.importorskip("neuralop")
    path = checkpoint_of(architecture)
    torch.manual_seed(0)
    fresh = build(network_of(architecture), SMALL).eval()
    image = torch.randn(2, 2, 17, 17)
    record, again = checkpoint.load(path)
    assert record.network.architecture == architecture
    assert torch.equal(again(image), fresh(image))
    tensors = load_file(path)
    assert sum(each.numel() for each in tensors.values()) == record.parameters
    assert all(each.dtype == torch.float32 for each in tensors.values())


def test_a_fourier_operator_is_trained_stopped_and_resumed(
    library: Any,
    frozen: Callable[..., NetworkSlice],
    mock_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings = frozen({"architecture": FOURIER}, epochs=2)
    splits = mock_file("train", samples=10), mock_file("validation", samples=4, seed=2)
    train(settings, *splits, tmp_path / "whole.pt", tmp_path / "whole", "cpu")

    class StoppedError(Exception):
        pass

    monkeypatch.setattr(state.Keeper, "due", lambda self: True)
    before, saves = state.Keeper.save, 0

    def save_and_stop(self: state.Keeper, current: state.State) -> None:
        nonlocal saves
        before(self, current)
        saves += 1
        if saves == 4:  # after the first step of the second epoch
            raise StoppedError

    monkeypatch.setattr(state.Keeper, "save", save_and_stop)
    with pytest.raises(StoppedError):
        train(settings, *splits, tmp_path / "state.pt", tmp_path / "resumed", "cpu")
    train(settings, *splits, tmp_path / "state.pt", tmp_path / "resumed", "cpu")
    assert not list(tmp_path.glob("*.aside"))
    assert saves == 7  # the other two steps and the end: nothing was done twice

    one, other = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "resumed"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    with (tmp_path / "resumed" / "history.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[1] < losses[0]
