import numpy as np
import pytest
import xarray as xr

from debye import schema, store
from debye.errors import FormatError
from debye.parameters import Grid


@pytest.mark.parametrize("dim", [2, 3])
def test_mock_is_valid_and_survives_the_disk(tmp_path, dim):
    grid = Grid(cells=8, half_width=4.0, dim=dim)
    made = schema.mock(samples=3, grid=grid)
    store.write(made, tmp_path / "mock.nc")
    assert schema.validate(store.open_dataset(tmp_path / "mock.nc")) == grid
    xr.testing.assert_equal(store.open_dataset(tmp_path / "mock.nc").load(), made)


def without(name):
    return lambda dataset: dataset.drop_vars(name)


def with_attribute(name, value):
    return lambda dataset: dataset.assign_attrs({name: value})


def poisoned(dataset):
    dataset = dataset.copy(deep=True)
    dataset["regular_potential"][1, 2, 3] = np.nan
    return dataset


def unnamed(dataset):
    del dataset.attrs["code_digest"]
    return dataset


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without("level_set"), "variable level_set"),
        (without("x"), "coordinates"),
        (with_attribute("format_version", "9.0"), r"format version: found 9\.0, expected 2\.0"),
        (unnamed, "attribute code_digest"),
        (poisoned, "regular_potential: found NaN"),
        (lambda d: d.assign(level_set=d["level_set"].astype("f8")), "level_set: found type float64"),
        (lambda d: d.assign(charge_value=d["charge_value"].T), "charge_value: found dimensions"),
        (lambda d: d.assign(ions=("sample", np.zeros(4))), "ions: found type"),
        (lambda d: d.assign_coords(x=d["x"] + 1.0), "coordinate x"),
        (lambda d: d.assign_coords(x=d["x"] ** 3), "coordinate"),
        (lambda d: d.assign_coords(x=d["x"] * np.nan), "coordinate"),
    ],
)
def test_every_departure_from_the_format_is_named(spoil, words):
    with pytest.raises(FormatError, match=words):
        schema.validate(spoil(schema.mock()), "here")


def test_specification_page_lists_every_variable():
    from pathlib import Path

    page = (Path(__file__).parents[1] / "docs" / "data_format.md").read_text()
    for name, variable in schema.VARIABLES.items():
        assert f"`{name}`" in page
        if variable.units not in (None, "1"):
            assert variable.units in page
    for name in schema.ROOT_ATTRIBUTES:
        assert f"`{name}`" in page
