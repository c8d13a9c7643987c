"""Small data sets with made-up content, and small networks."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.learning.made_up import change_weights, record_of

from debye import networks, schema, store
from debye.frozen import NetworkSlice
from debye.learning import checkpoint, train
from debye.learning.models import build
from debye.networks import Network, ResNet
from debye.parameters import Grid
from debye.provenance import code_digest


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    # Sums depend on the number of threads, and pytest-xdist has the cores already.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def mock_file(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "train", scale: float = 1.0, **arguments: Any) -> Path:
        dataset = schema.mock(**({"samples": 10, "seed": 1} | arguments))
        dataset["regular_potential"] *= scale
        dataset.attrs["content_digest"] = store.content_digest(dataset)
        path = tmp_path / f"{name}.nc"
        store.write(dataset, path)
        return path

    return make


@pytest.fixture
def frozen() -> Callable[..., NetworkSlice]:
    def make(network: dict[str, Any] | None = None, **training: Any) -> NetworkSlice:
        size = ResNet(kind="resnet", channels=16, blocks=2, downsample=2)
        settings = networks.Training(**({"epochs": 3, "batch_size": 4, "learning_rate": 2e-3} | training))
        whole = Network(**({"architecture": size, "training": settings} | (network or {})))
        return NetworkSlice(code="test", name="small", network=whole)

    return make


class Training:
    """A training by the command line, in a folder with `train.nc` and `validation.nc`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if "SLURM" not in name}
        self.environment["OMP_NUM_THREADS"] = "1"

    @staticmethod
    def accepted(settings: NetworkSlice) -> NetworkSlice:
        """The same settings, frozen with the code that is installed."""
        return settings.model_copy(update={"code": code_digest("learning")})

    @contextlib.contextmanager
    def running(
        self, settings: NetworkSlice, *options: str, program: tuple[str, ...] = ("-m", "debye.cli")
    ) -> Iterator[subprocess.Popen[str]]:
        """Start it with a pipe for its log; nothing of it is left when the block ends."""
        (self.folder / "frozen.json").write_text(self.accepted(settings).text())
        files = ("--frozen", "frozen.json", "--train", "train.nc", "--validation", "validation.nc")
        command = [sys.executable, *program, "train", *files, "--state", "state.pt", "-o", "out", *options]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def run(
        self, settings: NetworkSlice, *options: str, program: tuple[str, ...] = ("-m", "debye.cli")
    ) -> tuple[int, str]:
        """Run it to its end; give its status and log."""
        with self.running(settings, *options, program=program) as process:
            log = process.communicate(timeout=240)[1]
        return process.returncode, log

    @staticmethod
    def read_until(words: str, process: subprocess.Popen[str]) -> None:
        """Read the log of a running one up to a line with these words; end it if they do not come."""
        assert process.stderr is not None
        watch = threading.Timer(240, process.kill)
        watch.start()
        read = []
        for line in process.stderr:
            read.append(line)
            if words in line:
                break
        watch.cancel()
        assert words in read[-1], "".join(read)

    def history(self, folder: str = "out") -> list[dict[str, float]]:
        with (self.folder / folder / "history.csv").open() as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        for row in rows:
            del row["seconds"], row["data_wait"]
        return rows


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path)


@pytest.fixture
def signal_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Have this process sent a signal in the middle of a step of the trainings that follow, counted from 1."""

    def arrange(step: int, number: int) -> None:
        real, steps = train.clip_grad_norm_, itertools.count(1)

        def clip(*arguments: Any) -> torch.Tensor:
            if next(steps) == step:
                # What nobody handles would end pytest.
                assert callable(signal.getsignal(number))
                os.kill(os.getpid(), number)
            return real(*arguments)

        monkeypatch.setattr(train, "clip_grad_norm_", clip)

    return arrange


SCONTROL = """#!/bin/sh
echo "$@" >> {folder}/scontrol.txt
cp {folder}/state.pt {folder}/then.pt
{after}
"""


@pytest.fixture
def slurm(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Variables of job 4711 of a Slurm whose scontrol notes how it was called and what state was on disk then."""

    def make(after: str) -> dict[str, str]:
        program = tmp_path / "bin" / "scontrol"
        program.parent.mkdir()
        program.write_text(SCONTROL.format(folder=tmp_path, after=after))
        program.chmod(0o755)
        return {"SLURM_JOB_ID": "4711", "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}

    return make


def seen_by(architecture: networks.Architecture) -> dict[str, Any]:
    """Channels and target that an architecture asks for."""
    if architecture.kind != "multigrid":
        return {}
    shapes = ["volume_fraction", "signed_distance", "stiffness"]
    return {"charge_channels": ["smeared", "screened"], "shape_channels": shapes, "target": "compact"}


@pytest.fixture
def checkpoint_of(tmp_path: Path) -> Callable[[networks.Architecture], Path]:
    """Checkpoint of an untrained network on 16 cells, its weights drawn from seed 0."""

    def save(architecture: networks.Architecture) -> Path:
        settings = networks.Training(epochs=1, batch_size=1, learning_rate=1e-3)
        network = Network(architecture=architecture, training=settings, **seen_by(architecture))
        grid = Grid(cells=16, half_width=8.0)
        torch.manual_seed(0)
        model = build(network, grid)
        path = tmp_path / "checkpoint.safetensors"
        checkpoint.save(path, record_of(network, grid, model), model.state_dict())
        return path

    return save


@pytest.fixture
def living(checkpoint_of: Callable[[networks.Architecture], Path]) -> Callable[[networks.Architecture], Path]:
    """A checkpoint whose every weight takes part: some networks start with zeros."""

    def make(architecture: networks.Architecture) -> Path:
        if architecture.kind == "fno":
            pytest.importorskip("neuralop")
        path = checkpoint_of(architecture)
        torch.manual_seed(1)
        change_weights(path, lambda weight: weight + 0.05 * torch.randn_like(weight))
        return path

    return make
