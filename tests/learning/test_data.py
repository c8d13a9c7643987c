from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from debye import merging, schema, store
from debye.errors import FormatError
from debye.frozen import NetworkSlice
from debye.learning.data import Samples, batches, order
from debye.learning.scales import statistics
from debye.networks import Network, Training


def test_reads_what_was_written_in_the_order_asked_for(mock_file: Callable[..., Path]) -> None:
    path = mock_file()
    dataset = store.open_dataset(path).load()
    batch = Samples(path).__getitems__([7, 2, 2])
    chosen = dataset.isel(sample=[7, 2, 2])
    np.testing.assert_array_equal(batch.regular, chosen["regular_potential"])
    np.testing.assert_array_equal(batch.level_set, chosen["level_set"])
    np.testing.assert_array_equal(batch.value, chosen["charge_value"])
    np.testing.assert_array_equal(batch.position, chosen["charge_position"])


def test_padded_charges_have_a_finite_place(mock_file: Callable[..., Path], tmp_path: Path) -> None:
    few, many = schema.mock(charges=1, geometry="disc"), schema.mock(charges=3, geometry="star")
    for name, dataset in (("few", few), ("many", many)):
        store.write(dataset, tmp_path / f"{name}.nc")
    merging.merge([tmp_path / "few.nc", tmp_path / "many.nc"], tmp_path / "both.nc", "both", "test")
    batch = Samples(tmp_path / "both.nc").__getitems__([0, 5])
    assert batch.value.shape == (2, 3)
    assert bool(torch.isfinite(batch.position).all())
    assert batch.value[0].count_nonzero() == 1


def test_opens_nothing_before_it_reads_and_anew_in_each_process(mock_file: Callable[..., Path]) -> None:
    samples = Samples(mock_file())
    assert samples._file is None
    expected = samples.__getitems__([3, 1])
    ours = samples._file
    batches = list(samples.loader([[3, 1], [0], [3, 1]], workers=2))
    assert [len(batch.value) for batch in batches] == [2, 1, 2]
    for batch in batches[::2]:
        assert torch.equal(batch.regular, expected.regular)
    assert samples._file is ours


def test_readers_outlive_the_signals_that_stop_a_training(mock_file: Callable[..., Path]) -> None:
    """Slurm sends them to every process of a job; the readers are needed until the state is saved."""
    stream = iter(Samples(mock_file()).loader([[0], [1], [2], [3], [4], [5]], workers=1))
    next(stream)
    (reader,) = stream._workers  # type: ignore[attr-defined]
    for number in (signal.SIGTERM, signal.SIGUSR1):
        os.kill(reader.pid, number)
    assert len(list(stream)) == 5


def test_a_loader_leaves_the_global_stream_alone(mock_file: Callable[..., Path]) -> None:
    samples = Samples(mock_file())
    before = torch.get_rng_state()
    list(samples.loader([[0], [1]]))
    assert torch.equal(torch.get_rng_state(), before)


def test_order_depends_on_seed_and_epoch_alone() -> None:
    first, turns = order(seed=4, epoch=2, samples=50)
    again, turns_again = order(seed=4, epoch=2, samples=50)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(turns, turns_again)
    assert sorted(first) == list(range(50))
    assert set(turns) == set(range(8))
    for other in (order(4, 3, 50), order(5, 2, 50)):
        assert not np.array_equal(other[0], first)
        assert not np.array_equal(other[1], turns)


@pytest.mark.parametrize("target", ["total", "regular"])
def test_scales_are_root_mean_squares(
    target: str,
    mock_file: Callable[..., Path],
    frozen: Callable[..., NetworkSlice],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = Samples.blocks
    monkeypatch.setattr(Samples, "blocks", lambda self: blocks(self, 3))
    network: Network = frozen({"target": target}).network
    path = mock_file(samples=10)
    field = store.open_dataset(path, add=["potential"])[
        "potential" if target == "total" else "regular_potential"
    ]
    scales = statistics(Samples(path), network)
    assert scales.target == pytest.approx(float(np.sqrt((field.astype(float) ** 2).mean())), rel=1e-6)


def test_one_medium_in_a_data_set(tmp_path: Path) -> None:
    dataset = schema.mock()
    dataset["debye_length"][1] = 5.0
    store.write(dataset, tmp_path / "mixed.nc")
    with pytest.raises(FormatError, match=r"debye_length: found .*one medium"):
        Samples(tmp_path / "mixed.nc")


def test_a_damaged_file_is_a_format_error(mock_file: Callable[..., Path], tmp_path: Path) -> None:
    whole = mock_file().read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"half\.nc"):
        Samples(tmp_path / "half.nc")


@pytest.mark.parametrize(
    ("value", "message"), [(0.0, "root mean square of the target"), (np.nan, "NaN or inf")]
)
def test_a_split_without_numbers_is_refused(
    value: float, message: str, mock_file: Callable[..., Path], frozen: Callable[..., NetworkSlice]
) -> None:
    path = mock_file(scale=value)
    with pytest.raises(FormatError, match=message):
        statistics(Samples(path), frozen({"target": "regular"}).network)


def test_batches_go_on_after_the_step_where_they_stopped(mock_file: Callable[..., Path]) -> None:
    samples, training = Samples(mock_file()), Training(epochs=3, batch_size=4, learning_rate=1e-3)
    everything = list(batches(samples, training, 0, 0))
    assert [len(batch.value) for batch, _ in everything] == 3 * [4, 4, 2]
    for epoch in range(3):
        values = torch.cat([batch.value for batch, _ in everything[3 * epoch : 3 * epoch + 3]])
        assert len({tuple(value.tolist()) for value in values}) == 10
    rest = list(batches(samples, training, 1, 2))
    assert len(rest) == 4
    for (batch, turns), (again, turns_again) in zip(everything[5:], rest, strict=True):
        assert torch.equal(batch.regular, again.regular)
        assert turns is not None
        assert turns_again is not None
        assert torch.equal(turns, turns_again)


def test_a_part_of_a_split_is_spread_evenly_over_it(mock_file: Callable[..., Path]) -> None:
    path = mock_file(samples=10)
    whole, part = Samples(path), Samples(path, most=4)
    assert len(part) == 4
    chosen = [0, 2, 5, 7]
    assert torch.equal(part[2].regular, whole[5].regular)
    (block,) = part.blocks(8)
    assert torch.equal(block.regular, whole.__getitems__(chosen).regular)
    part.hold()
    assert torch.equal(part[3].level_set, whole[7].level_set)
    with pytest.raises(FormatError, match="10 samples, expected at least the 11"):
        Samples(path, most=11)
