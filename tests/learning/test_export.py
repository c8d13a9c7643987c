from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from debye import networks
from debye.cli import cli
from debye.errors import ConfigError, MissingExtra
from debye.learning import checkpoint
from debye.learning.export import export
from debye.learning.models import BUILDERS
from debye.networks import Architecture

CheckpointOf = Callable[[Architecture], Path]

EXAMPLES: dict[str, Architecture] = {
    "resnet": networks.ResNet(kind="resnet", channels=8, blocks=2, downsample=2),
    "unet": networks.UNet(kind="unet", channels=4, downsample=2),
    "dilated_resnet": networks.DilatedResNet(kind="dilated_resnet", channels=4, blocks=2),
    "fno": networks.FourierOperator(kind="fno", channels=6, modes=8, layers=2),
    "gated": networks.GatedOperator(kind="gated", channels=8, downsample=3, odd_channels=2),
    "multigrid": networks.MultigridOperator(kind="multigrid", channels=4, coarse_channels=6, downsample=3),
}
RESNET = EXAMPLES["resnet"]


@pytest.mark.parametrize("kind", sorted(set(BUILDERS) - {"fno"}))
def test_onnx_runtime_agrees_with_torch(kind: str, living: CheckpointOf, tmp_path: Path) -> None:
    runtime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    source, out = living(EXAMPLES[kind]), tmp_path / "network.onnx"
    export(source, out)
    onnx.checker.check_model(str(out), full_check=True)
    session = runtime.InferenceSession(out, providers=["CPUExecutionProvider"])
    record, model = checkpoint.load(source)
    for samples in (1, 3):
        # All images positive: the weights of an equation are.
        image = torch.rand(samples, sum(record.network.inputs), 17, 17) + 0.1
        (found,) = session.run(["output"], {"channels": image.numpy()})
        expected = model(image).detach()
        assert (torch.from_numpy(found) - expected).abs().max() <= 1e-5 * expected.abs().max()
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said["channels"]) == list(record.network.images)
    assert said["output"] == record.network.target
    assert checkpoint.Record.model_validate_json(said["debye"]) == record


@pytest.mark.parametrize("kind", sorted(BUILDERS))
def test_an_exported_program_gives_the_same(kind: str, living: CheckpointOf, tmp_path: Path) -> None:
    source, out = living(EXAMPLES[kind]), tmp_path / "network.pt2"
    export(source, out)
    said = {"channels": "", "debye": "", "output": ""}
    again = torch.export.load(out, extra_files=said).module()
    record, model = checkpoint.load(source)
    for samples in (1, 3):
        # All images positive: the weights of an equation are.
        image = torch.rand(samples, sum(record.network.inputs), 17, 17) + 0.1
        torch.testing.assert_close(again(image), model(image).detach(), rtol=1e-6, atol=1e-7)
    assert json.loads(said["channels"]) == list(record.network.images)
    assert checkpoint.Record.model_validate_json(said["debye"]) == record


def test_a_fourier_operator_is_not_for_onnx(living: CheckpointOf, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    source = living(EXAMPLES["fno"])
    with pytest.raises(ConfigError, match=r"export it as \.pt2"):
        export(source, tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == [source]


def test_without_the_packages_the_extra_is_named(
    checkpoint_of: CheckpointOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtra, match=r"pip install 'debye\[export\]'"):
        export(checkpoint_of(RESNET), tmp_path / "network.onnx")


@pytest.mark.parametrize("name", ["network", "network.pt", "network.onnx.gz"])
def test_another_suffix_is_refused_and_leaves_no_file(
    name: str, checkpoint_of: CheckpointOf, tmp_path: Path
) -> None:
    source = checkpoint_of(RESNET)
    done = CliRunner().invoke(cli, ["export", str(source), "-o", str(tmp_path / name)])
    assert isinstance(done.exception, ConfigError)
    assert ".onnx or .pt2" in str(done.exception)
    assert list(tmp_path.iterdir()) == [source]


def test_an_export_that_fails_leaves_no_file(
    checkpoint_of: CheckpointOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError("no more")

    monkeypatch.setattr(torch.export, "save", broken)
    source = checkpoint_of(RESNET)
    with pytest.raises(OSError, match="no more"):
        export(source, tmp_path / "network.pt2")
    assert list(tmp_path.iterdir()) == [source]


def test_the_command_writes_the_file(checkpoint_of: CheckpointOf, tmp_path: Path) -> None:
    out = tmp_path / "network.pt2"
    done = CliRunner().invoke(cli, ["export", str(checkpoint_of(RESNET)), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert out.stat().st_size > 0


def test_the_command_for_onnx_says_nothing(checkpoint_of: CheckpointOf, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    command = [sys.executable, "-m", "debye.cli", "export", str(checkpoint_of(RESNET))]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "network.onnx")], capture_output=True, text=True, timeout=240
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
