"""Problems for a network, and a small network whose every weight takes part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.learning.made_up import change_weights, record_of

import debye
from debye import networks
from debye.learning import checkpoint
from debye.learning.models import build
from debye.networks import Network
from debye.physics.problem import Problem
from debye.surrogate.surrogate import Surrogate

SEEN: dict[str, Any] = {
    "charge_channels": ["smeared", "screened"],
    "shape_channels": ["volume_fraction", "signed_distance", "stiffness"],
    "target": "compact",
}
SMALL = networks.MultigridOperator(kind="multigrid", channels=4, coarse_channels=6, downsample=3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def save_network(path: Path, grid: debye.Grid, medium: debye.Medium) -> Path:
    """Checkpoint of an untrained network, its weights drawn from a seed."""
    settings = networks.Training(epochs=1, batch_size=1, learning_rate=1e-3)
    network = Network(architecture=SMALL, training=settings, **SEEN)
    torch.manual_seed(0)
    model = build(network, grid)
    checkpoint.save(path, record_of(network, grid, model, medium=medium), model.state_dict())
    torch.manual_seed(1)
    change_weights(path, lambda weight: weight + 0.02 * torch.randn_like(weight))
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Network for 32 cells on [-16, 16]² Å in the default medium."""
    path = tmp_path_factory.mktemp("small") / "checkpoint.safetensors"
    return save_network(path, debye.Grid(cells=32, half_width=16.0), debye.Medium())


@pytest.fixture(scope="session")
def own() -> Surrogate:
    """The network of the package."""
    return Surrogate.load()


@dataclass(frozen=True)
class Maker:
    """Problems like those of a network's training, from a number."""

    grid: debye.Grid
    medium: debye.Medium

    def __call__(self, number: int = 0, **changes: Any) -> Problem:
        random = np.random.default_rng(number)
        # As large in its box as the solutes of the experiments.
        size = self.grid.half_width / 16.0
        star = debye.Star(
            center=tuple(size * random.uniform(-1, 1, 2)),
            radius=size * random.uniform(6.0, 8.0),
            amplitudes=tuple(random.uniform(-0.06, 0.06, 3)),
            phases=tuple(random.uniform(0, 6, 3)),
        )
        count = int(random.integers(2, 5))
        angle = np.arange(count) * 2 * np.pi / count + random.uniform(0, 1)
        places = np.array(star.center) + size * random.uniform(1.5, 3.5, (count, 1)) * np.stack(
            [np.cos(angle), np.sin(angle)], axis=1
        )
        values = random.choice([-1.0, 1.0], count) * random.uniform(0.03, 0.09, count)
        parts = {"grid": self.grid, "solute": star, "charges": debye.PointCharges(places, values)}
        return Problem(**(parts | {"medium": self.medium} | changes))


@pytest.fixture
def problem() -> Maker:
    """Problems for `small`."""
    return Maker(debye.Grid(cells=32, half_width=16.0), debye.Medium())


@pytest.fixture
def own_problem(own: Surrogate) -> Maker:
    """Problems for the package's network."""
    return Maker(own.grid, own.medium)


@pytest.fixture
def scaled() -> Callable[..., Problem]:
    """The same problem with other units: lengths × s, permittivities × a, another temperature."""

    def scale(
        asked: Problem, s: float = 1.0, a: float = 1.0, temperature: float | None = None, **changes: Any
    ) -> Problem:
        medium = asked.medium.model_copy(
            update={
                "eps_solute": a * asked.medium.eps_solute,
                "eps_solvent": a * asked.medium.eps_solvent,
                "debye_length": s * asked.medium.debye_length,
                "temperature": temperature or asked.medium.temperature,
            }
        )
        star = asked.solute
        assert isinstance(star, debye.Star)
        factor = a * asked.medium.coupling / medium.coupling
        parts = {
            "grid": asked.grid.model_copy(update={"half_width": s * asked.grid.half_width}),
            "solute": debye.Star(
                tuple(s * np.array(star.center)), s * star.radius, star.amplitudes, star.phases
            ),
            "charges": debye.PointCharges(s * asked.charges.positions, factor * asked.charges.values),
            "medium": medium,
        }
        return Problem(**(parts | changes))

    return scale
