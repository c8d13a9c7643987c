import errno
import json
import os
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import xarray as xr

from debye import merging, schema, store
from debye.errors import DebyeError, FormatError
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


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("NetCDF: HDF error")]
)
def test_a_full_disk_is_told_with_the_target_and_what_is_free(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1234}))
    with pytest.raises(DebyeError, match=r"file\.nc: found .*not be written.*1,234 bytes.*; free space"):
        store.write(schema.mock(), tmp_path / "file.nc")
    assert not list(tmp_path.iterdir())


def test_other_errors_of_a_write_stay_what_they_are(tmp_path):
    for error in (RuntimeError("bug"), FormatError("NetCDF: of the user's"), PermissionError(13, "no")):
        with pytest.raises(type(error)) as caught, store.atomic(tmp_path / "file"):
            raise error
        assert caught.value is error


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    keep = [".seed0.abcd_123.tmp.txt", ".seed1.abcdefgh.tmp.nc", ".seed0.tmp.nc", ".seed0.x.abcdefgh.tmp.nc"]
    for name in (*keep, ".seed0.abcd_123.tmp.nc"):
        (tmp_path / name).write_text("half")
    store.write_text(tmp_path / "seed0.nc", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {*keep, "seed0.nc"}


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a pipe"])
def test_atomic_never_takes_the_place_of_something_else_than_a_file(tmp_path, kind):
    target = tmp_path / "there"
    if kind == "folder":
        target.mkdir()
    else:
        os.mkfifo(target if kind == "pipe" else tmp_path / "pipe")
        if kind != "pipe":
            target.symlink_to("pipe")
    before = {path: path.lstat().st_mode for path in tmp_path.iterdir()}
    with pytest.raises(FormatError, match=r"there: found a (folder|device).*expected a file"):
        store.write_text(target, "x")
    assert {path: path.lstat().st_mode for path in tmp_path.iterdir()} == before


def test_atomic_names_a_link_in_a_loop(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FormatError, match="loop"):
        store.write_text(tmp_path / "loop", "x")


def test_atomic_writes_to_where_a_link_points(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "link").symlink_to("scratch/real")
    for text in ("first", "second"):
        store.write_text(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "scratch" / "real").read_text() == text


def test_atomic_replaces_the_file_and_never_writes_into_it(tmp_path):
    target = tmp_path / "file.txt"
    store.write_text(target, "old")
    with target.open() as reader:
        store.write_text(target, "new and longer")
        assert reader.read() == "old"
    assert target.read_text() == "new and longer"


def test_new_files_have_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    store.write_text(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_merge_keeps_every_sample_in_the_order_of_its_identity(shards, tmp_path):
    merging.merge(shards, tmp_path / "merged.nc", "title", "digest")
    merging.merge(shards[::-1], tmp_path / "again.nc", "title", "digest")
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

    merging.merge(shards, tmp_path / "merged.nc", "title", "digest")
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
        merging.merge([*shards, tmp_path / "odd.nc"], tmp_path / "merged.nc", "title", "digest")
    assert not (tmp_path / "merged.nc").exists()
    assert (tmp_path / "odd.nc").exists()


def test_sample_named_twice_is_refused(shards, tmp_path):
    with pytest.raises(FormatError, match="twice"):
        merging.merge([*shards, shards[0]], tmp_path / "merged.nc", "title", "digest")


def test_shard_of_another_configuration_or_split_is_refused(shards, tmp_path):
    other = schema.mock(geometry="disc", seed=9)
    for changed in (
        other.assign_attrs(configuration='{"mock":2}'),
        other.assign_attrs(geometry_parameters='{"disc":["radius","center_x","center_y"]}'),
    ):
        store.write(changed, tmp_path / "other.nc")
        with pytest.raises(FormatError, match=r"configuration.*one for the family disc"):
            merging.merge([*shards, tmp_path / "other.nc"], tmp_path / "merged.nc", "title", "digest")
    store.write(schema.mock(geometry="a").assign_attrs(configuration='{"split":"test"}'), tmp_path / "a.nc")
    store.write(schema.mock(geometry="b").assign_attrs(configuration='{"split":"train"}'), tmp_path / "b.nc")
    with pytest.raises(FormatError, match="one split"):
        merging.merge([tmp_path / "a.nc", tmp_path / "b.nc"], tmp_path / "merged.nc", "title", "digest")


def test_shard_out_of_order_or_overlapping_another_is_refused(shards, tmp_path):
    mixed = schema.mock(geometry="disc", seed=9).isel(sample=[1, 0, 2, 3])
    store.write(mixed, tmp_path / "mixed.nc")
    with pytest.raises(FormatError, match="in order"):
        merging.merge([tmp_path / "mixed.nc"], tmp_path / "merged.nc", "title", "digest")
    whole = schema.mock(geometry="disc", seed=9)
    for name, rows in (("even.nc", [0, 2]), ("odd.nc", [1, 3])):
        store.write(whole.isel(sample=rows), tmp_path / name)
    with pytest.raises(FormatError, match="twice"):
        merging.merge([tmp_path / "even.nc", tmp_path / "odd.nc"], tmp_path / "merged.nc", "title", "digest")


@pytest.mark.parametrize("name", [name for name in schema.VARIABLES if name not in schema.MEASURED])
def test_content_digest_sees_every_variable(name):
    one = schema.mock()
    other = one.copy(deep=True)
    values = other[name].values.copy()
    values[(1,) + (0,) * (values.ndim - 1)] = "other" if values.dtype.kind in "OUT" else 7
    assert store.content_digest(one) != store.content_digest(other.assign({name: (one[name].dims, values)}))


def test_content_digest_sees_the_grid_and_the_names_of_parameters(shards, tmp_path):
    one = schema.mock()
    wider = one.assign_coords(x=one["x"] * 2, y=one["y"] * 2)
    renamed = one.assign_attrs(geometry_parameters='{"disc":["a","b","c"]}')
    assert len({store.content_digest(dataset) for dataset in (one, wider, renamed)}) == 3
    digest = merging.merge(shards, tmp_path / "merged.nc", "title", "digest")
    assert digest == store.content_digest(store.open_dataset(tmp_path / "merged.nc"))


@pytest.mark.parametrize("size", [0, 7, 3000, -2000])
def test_truncated_shard_is_moved_aside_and_named(shards, tmp_path, size):
    content = shards[1].read_bytes()
    shards[1].write_bytes(content[:size])
    with pytest.raises(FormatError, match=r"disc1\.nc.*moved aside"):
        merging.merge(shards, tmp_path / "merged.nc", "title", "digest")
    assert not shards[1].exists()
    assert (tmp_path / "disc1.nc.corrupt").exists()
    assert not (tmp_path / "merged.nc").exists()


def test_shard_with_a_value_that_is_no_number_is_moved_aside(shards, tmp_path):
    with netCDF4.Dataset(shards[2], "a") as shard:
        shard["level_set"][3, 5, 5] = np.nan
    with pytest.raises(FormatError, match=r"disc0\.nc: variable level_set: found NaN or inf.*moved aside"):
        merging.merge(shards, tmp_path / "merged.nc", "title", "digest")
    assert (tmp_path / "disc0.nc.corrupt").exists()
    assert not (tmp_path / "merged.nc").exists()


def test_shard_that_cannot_be_read_to_its_end_is_moved_aside(shards, tmp_path, monkeypatch):
    def broken(name, values, where):
        if "disc1" in where and name == "seed":
            raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(schema, "refuse_not_finite", broken)
    with pytest.raises(FormatError, match=r"disc1\.nc: variable seed: found NetCDF: HDF error.*moved aside"):
        merging.merge(shards, tmp_path / "merged.nc", "title", "digest")
    assert (tmp_path / "disc1.nc.corrupt").exists()


def test_missing_shard_is_named(shards, tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        merging.merge([*shards, tmp_path / "none.nc"], tmp_path / "merged.nc", "title", "digest")


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
from debye import merging, store
merging.merge(sys.argv[2:3], sys.argv[3], "warm-up", "digest")
pages = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
allowed = pages + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
merging.merge(sys.argv[4:], sys.argv[3], "title", "digest")
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc for its memory limit")
def test_merge_of_more_than_the_memory_it_may_use(tmp_path):
    grid = Grid(cells=128, half_width=16.0)
    small = tmp_path / "small.nc"
    store.write(schema.mock(samples=8, grid=grid, geometry="warm"), small)
    shards = []
    for seed in range(3):
        shards.append(tmp_path / f"shard{seed}.nc")
        store.write(schema.mock(samples=250, grid=grid, seed=seed), shards[-1])
    size = sum(path.stat().st_size for path in shards)
    allowed = 32_000_000
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
    assert store.open_dataset(tmp_path / "merged.nc").sizes["sample"] == 750
    # The same limit does stop a merge that holds everything at once, and only the limit does.
    eager = (
        LIMITED.replace('merging.merge(sys.argv[4:], sys.argv[3], "title", "digest")', "").replace(
            "from debye import merging, store", "from debye import merging, store; import xarray"
        )
        + "\nxarray.concat([store.open_raw(path).load() for path in sys.argv[4:]], 'sample')\n"
    )
    for limit, fails in ((allowed, True), (4_000_000_000, False)):
        command[2:4] = eager, str(limit)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
        assert (done.returncode != 0) == fails, done.stderr[-2000:]
