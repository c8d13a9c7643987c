"""Files written sample by sample hold what was put in, or do not exist."""

import os
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import xarray as xr

from debye import schema, store
from debye.errors import FormatError
from debye.parameters import Grid
from debye.streaming import streamed


def written(path, dataset, blocks, **changes):
    """Put the samples of a data set into a file, `blocks` samples at a time."""
    sizes = {name: dataset.sizes[name] for name in ("sample", "charge", "parameter")} | changes
    with streamed(path, schema.grid_of(dataset), sizes, dataset.attrs) as put:
        for start in range(0, dataset.sizes["sample"], blocks):
            rows = dataset.isel(sample=slice(start, start + blocks))
            put({name: rows[name].values for name in schema.VARIABLES})


@pytest.mark.parametrize("blocks", [1, 3, 7])
@pytest.mark.parametrize("dim", [2, 3])
def test_file_is_that_of_the_whole_data_set(tmp_path, blocks, dim):
    dataset = schema.mock(samples=7, grid=Grid(cells=6, half_width=4.0, dim=dim), charges=3)
    dataset["warnings"][5] = "one; two"
    written(tmp_path / "streamed.nc", dataset, blocks)
    store.write(dataset, tmp_path / "whole.nc")
    read = [xr.load_dataset(tmp_path / name) for name in ("streamed.nc", "whole.nc")]
    xr.testing.assert_identical(*read)
    assert [array.dtype for array in read[0].values()] == [array.dtype for array in read[1].values()]
    with netCDF4.Dataset(tmp_path / "streamed.nc") as file:
        assert file["level_set"].chunking() == [1, *(7,) * dim]


def test_numbers_are_stored_in_the_type_of_the_format(tmp_path):
    dataset = schema.mock(samples=2)
    wide = dataset.assign(regular_potential=dataset["regular_potential"].astype(float) + 1e-12)
    written(tmp_path / "file.nc", wide, 1)
    np.testing.assert_array_equal(
        xr.load_dataset(tmp_path / "file.nc")["regular_potential"],
        wide["regular_potential"].values.astype(np.float32),
    )


def test_left_out_columns_are_zero_or_empty(tmp_path):
    dataset = schema.mock(samples=2)
    sizes = {"sample": 2, "charge": 2, "parameter": 3}
    with streamed(tmp_path / "file.nc", schema.grid_of(dataset), sizes, dataset.attrs) as put:
        put({name: dataset[name].values for name in ("regular_potential", "level_set", "index")})
    read = store.open_dataset(tmp_path / "file.nc")
    assert (read["charge_value"].values == 0).all()
    assert read["warnings"].values.tolist() == ["", ""]


def test_nothing_is_left_of_an_invalid_or_short_file(tmp_path):
    dataset = schema.mock(samples=3)
    with pytest.raises(FormatError, match=r"file\.nc: found 3 samples, expected 4"):
        written(tmp_path / "file.nc", dataset, 1, sample=4)
    for name in ("regular_potential", "reaction_energy"):
        bad = dataset.copy(deep=True)
        bad[name].values[-1] = np.nan
        with pytest.raises(FormatError, match=rf"file\.nc: variable {name}: found NaN or inf"):
            written(tmp_path / "file.nc", bad, 2)
    assert not list(tmp_path.iterdir())


MANY = """
import re, sys
from debye import schema
from debye.parameters import Grid
from debye.streaming import streamed

def put_all(samples):
    dataset = schema.mock(samples=20, grid=Grid(cells=8, half_width=4.0))
    content = {name: dataset[name].values for name in schema.VARIABLES}
    sizes = {"sample": samples, "charge": dataset.sizes["charge"], "parameter": dataset.sizes["parameter"]}
    with streamed(sys.argv[1], schema.grid_of(dataset), sizes, dataset.attrs) as put:
        for _ in range(samples // 20):
            put(content)
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])

few = put_all(1000)
print(1024 * (put_all(20000) - few))
"""


@pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="reads the peak of memory from Linux's /proc"
)
def test_memory_of_a_long_shard_grows_by_what_the_plan_says(tmp_path):
    """Few columns beside the fields, and a bounded index of chunks: read back at once, it took 80 MB here."""
    command = [sys.executable, "-c", MANY, str(tmp_path / "file.nc")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 30e6 + 19000 * 300
