import json
import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from debye import schema, store
from debye.errors import FormatError
from debye.parameters import Grid, Medium
from debye.units import coupling


@pytest.fixture
def shards(tmp_path):
    """Three shards with different numbers of charges and parameters, written in no particular order."""
    paths = []
    for geometry, seed, charges in (("star", 0, 4), ("disc", 1, 2), ("disc", 0, 3)):
        paths.append(tmp_path / f"{geometry}{seed}.nc")
        store.write(schema.mock(samples=5, charges=charges, geometry=geometry, seed=seed), paths[-1])
    return paths


def test_atomic_leaves_nothing_after_an_error_and_keeps_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    store.write_text(target, "old")

    def fail():
        with store.atomic(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_new_files_have_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    store.write_text(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_merge_keeps_every_sample_in_the_order_of_its_identity(shards, tmp_path):
    store.merge(shards, tmp_path / "merged.nc", "title", "digest")
    store.merge(shards[::-1], tmp_path / "again.nc", "title", "digest")
    merged, again = (store.open_dataset(tmp_path / name).load() for name in ("merged.nc", "again.nc"))
    xr.testing.assert_equal(merged, again)
    identities = list(
        zip(merged["geometry"].values, merged["seed"].values, merged["index"].values, strict=True)
    )
    assert identities == sorted(identities)
    assert len(identities) == 15
    assert merged.sizes["charge"] == 4
    star = xr.open_dataset(shards[0])
    row = merged.isel(sample=slice(10, 15))
    for name in ("regular_potential", "level_set", "charge_value"):
        np.testing.assert_array_equal(row[name], star[name])
    disc = merged.isel(sample=slice(0, 5))
    assert (disc["charge_value"].values[:, 3:] == 0).all()
    assert np.isnan(disc["charge_position"].values[:, 3:]).all()
    assert json.loads(merged.attrs["geometry_parameters"]).keys() == {"disc", "star"}
    assert merged.attrs["content_digest"] == again.attrs["content_digest"]


def test_fields_lie_one_sample_a_chunk_and_uncompressed(shards, tmp_path):
    import h5py

    store.merge(shards, tmp_path / "merged.nc", "title", "digest")
    with h5py.File(tmp_path / "merged.nc") as file:
        for name in ("regular_potential", "level_set"):
            assert file[name].chunks == (1, 17, 17)
            assert file[name].compression is None
            assert "_FillValue" not in file[name].attrs


def test_content_digest_sees_content_and_not_time():
    one = schema.mock()
    slower = one.assign(solve_seconds=one["solve_seconds"] + 1.0).assign_attrs(date_created="later")
    other = one.assign(regular_potential=one["regular_potential"] * np.float32(1.0001))
    assert store.content_digest(one) == store.content_digest(slower)
    assert store.content_digest(one) != store.content_digest(other)


def test_shard_on_another_grid_is_refused(shards, tmp_path):
    store.write(schema.mock(grid=Grid(cells=8, half_width=8.0), geometry="disc", seed=9), tmp_path / "odd.nc")
    with pytest.raises(FormatError, match=r"odd\.nc: grid: found cells=8.*expected cells=16"):
        store.merge([*shards, tmp_path / "odd.nc"], tmp_path / "merged.nc", "title", "digest")
    assert not (tmp_path / "merged.nc").exists()
    assert (tmp_path / "odd.nc").exists()


def test_sample_named_twice_is_refused(shards, tmp_path):
    with pytest.raises(FormatError, match="twice"):
        store.merge([*shards, shards[0]], tmp_path / "merged.nc", "title", "digest")


@pytest.mark.parametrize("size", [0, 7, 3000, -2000])
def test_truncated_shard_is_moved_aside_and_named(shards, tmp_path, size):
    content = shards[1].read_bytes()
    shards[1].write_bytes(content[:size])
    with pytest.raises(FormatError, match=r"disc1\.nc.*moved aside"):
        store.merge(shards, tmp_path / "merged.nc", "title", "digest")
    assert not shards[1].exists()
    assert (tmp_path / "disc1.nc.corrupt").exists()
    assert not (tmp_path / "merged.nc").exists()


def test_missing_shard_is_named(shards, tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        store.merge([*shards, tmp_path / "none.nc"], tmp_path / "merged.nc", "title", "digest")


@pytest.mark.parametrize("dim", [2, 3])
def test_derived_fields(tmp_path, dim):
    store.write(schema.mock(grid=Grid(cells=8, half_width=4.0, dim=dim)), tmp_path / "mock.nc")
    dataset = store.open_dataset(tmp_path / "mock.nc", add=["potential", "coulomb_potential"]).load()
    grid = schema.grid_of(dataset)
    sample = dataset.isel(sample=2)
    distance = np.linalg.norm(grid.points()[:, None] - sample["charge_position"].values, axis=2)
    kernel = -np.log(distance) / (2 * np.pi) if dim == 2 else 1 / (4 * np.pi * distance)
    coulomb = coupling(298.15) / Medium().eps_solute * kernel @ sample["charge_value"].values
    np.testing.assert_allclose(sample["coulomb_potential"].values.ravel(), coulomb, rtol=1e-9, atol=1e-9)
    inside = sample["level_set"].values < 0
    expected = sample["regular_potential"].values + np.where(inside, coulomb.reshape(inside.shape), 0.0)
    np.testing.assert_allclose(sample["potential"], expected, rtol=1e-9)
    with pytest.raises(FormatError, match="add"):
        store.open_dataset(tmp_path / "mock.nc", add=["field"])


LIMITED = """
import resource, sys
from debye import store
store.merge(sys.argv[2:3], sys.argv[3], "warm-up", "digest")
pages = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
allowed = pages + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
store.merge(sys.argv[4:], sys.argv[3], "title", "digest")
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc for its memory limit")
def test_merge_of_more_than_the_memory_it_may_use(tmp_path):
    grid = Grid(cells=128, half_width=16.0)
    small = tmp_path / "small.nc"
    store.write(schema.mock(samples=8, grid=grid, geometry="warm"), small)
    shards = []
    for seed in range(6):
        shards.append(tmp_path / f"shard{seed}.nc")
        store.write(schema.mock(samples=250, grid=grid, seed=seed), shards[-1])
    size = sum(path.stat().st_size for path in shards)
    allowed = 96_000_000
    assert size > 2 * allowed
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-c",
        LIMITED,
        str(allowed),
        str(small),
        str(tmp_path / "merged.nc"),
        *map(str, shards),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert store.open_dataset(tmp_path / "merged.nc").sizes["sample"] == 1500
    # The same limit does stop a merge that holds everything at once.
    eager = (
        LIMITED.replace('store.merge(sys.argv[4:], sys.argv[3], "title", "digest")', "").replace(
            "from debye import store", "from debye import store; import xarray"
        )
        + "\nxarray.concat([store.open_raw(path).load() for path in sys.argv[4:]], 'sample')\n"
    )
    failed = subprocess.run(
        [*command[:2], eager, *command[3:]], capture_output=True, text=True, env=environment, timeout=300
    )
    assert failed.returncode != 0
    assert "Memory" in failed.stderr or "allocate" in failed.stderr
