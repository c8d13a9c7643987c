"""The folder of an analysis: complete, labelled, made only from files that belong together."""

import itertools
import json
import re

import numpy as np
import pytest
import xarray as xr

from debye import store
from debye.analysis import attributes
from debye.analysis.analyse import analyse
from debye.analysis.definitions import BY_REGION, DEFINITIONS, EVERY, FLOOR, NETWORK, ON_FLOOR, QUANTITIES
from debye.errors import FormatError


def rewrite(path, change):
    """Write a netCDF file again with one thing changed."""
    with store.open_raw(path) as opened:
        content = opened.load()
    store.write(change(content), path)


def test_the_folder_holds_whole_files_and_nothing_else(analysed):
    names = {path.name for path in analysed.folder.iterdir()}
    assert names == {
        "metrics.nc",
        "summary.json",
        "gallery.nc",
        "error_by_distance.svg",
        "error_by_family.svg",
        "training.svg",
        "worst_sample.png",
    }


def test_metrics_and_summary_say_the_same(analysed):
    summary = json.loads((analysed.folder / "summary.json").read_text())
    with store.open_raw(analysed.folder / "metrics.nc") as metrics:
        assert list(metrics["of"].values) == [NETWORK, ON_FLOOR, FLOOR]
        assert list(metrics["family"].values) == [EVERY, "disc", "ellipse", "star"]
        for name in BY_REGION:
            assert metrics[name].attrs["long_name"].endswith(DEFINITIONS[name].formula)
            value = metrics[name].sel(family="star", region="interface")
            of = ON_FLOOR if name == "floor_ratio" else NETWORK
            value = value if name == "floor_ratio" else value.sel(of=of)
            assert summary["figures"][of]["star"]["interface"][name] == pytest.approx(float(value))
        assert metrics.sizes["step"] == 20
    assert summary["samples"] == 24
    assert summary["rejected_draws"]["rejected_shapes"] == 24
    assert summary["warned_samples"] == 2
    assert summary["thinnest_layer_cells"] == pytest.approx(9.6 / 0.75)
    assert summary["training_seconds"] == pytest.approx(50.0)
    assert summary["parameters"] == 123456
    assert set(summary["definitions"]) == set(DEFINITIONS)


def listed_variables():
    """Variable → dimensions, as the head of `debye.analysis.attributes` lists them."""
    table, names = {}, []
    axes = ("band", "debye_band", "charge_band", "curvature_band")
    for line in re.findall(r"^    (\S.*)$", attributes.__doc__, re.M):
        words = re.fullmatch(r"(.*?),?(?:\s+\((.*)\))?", line)
        names += words[1].split(", ")
        if words[2]:
            for name, axis in itertools.product(names, axes):
                table[name.replace("AXIS", axis)] = tuple(words[2].replace("AXIS", axis).split(", "))
            names = []
    return table


def test_every_variable_of_the_metrics_is_listed_and_described(analysed):
    listed = listed_variables()
    assert listed.pop("history_*") == ("step",)
    with store.open_raw(analysed.folder / "metrics.nc") as metrics:
        found = {
            name: variable.dims
            for name, variable in metrics.variables.items()
            if not name.startswith("history_") and name not in ("of", "family", "region", "side")
        }
        assert found == listed
        for name in found:
            if metrics[name].dtype.kind in "if" and name not in ("seed", "index"):
                assert metrics[name].attrs["long_name"], name
                own_unit = name.startswith(("quantity_error", "sample_quantity_error"))
                assert ("units" in metrics[name].attrs) != own_unit, name
        units = dict(zip(metrics["quantity"].values, metrics["quantity_unit"].values, strict=True))
        assert units["reaction_energy"] == "kT/angstrom"
        assert units["field"] == "1/angstrom"


def test_quantities_stand_in_the_summary_by_name(analysed):
    summary = json.loads((analysed.folder / "summary.json").read_text())
    with store.open_raw(analysed.folder / "metrics.nc") as metrics:
        for of in (NETWORK, ON_FLOOR, FLOOR):
            here = metrics.sel(of=of, family="star", quantity="field")
            told = summary["figures"][of]["star"]["quantities"]["field"]
            for name in ("error_median", "error_95", "relative_median", "relative_95"):
                assert told[name] == pytest.approx(float(here[f"quantity_{name}"])), name
            assert ("floor_ratio" in told) == (of == ON_FLOOR)
        ratio = metrics["quantity_floor_ratio"].sel(family=EVERY, quantity="enclosed_charge")
        above, below = (
            summary["figures"][of][EVERY]["quantities"]["enclosed_charge"]["error_median"]
            for of in (ON_FLOOR, FLOOR)
        )
        assert float(ratio) == pytest.approx(above / below)
    assert set(summary["quantities"]) == set(QUANTITIES)
    assert summary["quantities"]["enclosed_charge"]["unit"] == "e/angstrom"


def test_the_error_of_the_files_is_the_error_of_the_analysis(analysed):
    with (
        store.open_raw(analysed.folder / "metrics.nc") as metrics,
        store.open_raw(analysed.files.prediction) as predicted,
    ):
        with store.open_raw(analysed.files.dataset) as labels:
            error = (
                predicted["regular_potential"].astype("f8") - labels["regular_potential"].astype("f8")
            ).values
        network = metrics.sel(of=NETWORK, family=EVERY)
        assert float(network["rmse"].sel(region="all")) == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-9)
        assert float(network["interface_excess"]) > 2


def test_the_label_floor_goes_through_the_same_formulas(analysed):
    with (
        store.open_raw(analysed.folder / "metrics.nc") as metrics,
        store.open_raw(analysed.files.floor) as floor,
    ):
        error = (floor["regular_potential"].astype("f8") - floor["reference_potential"].astype("f8")).values
        of_labels = metrics.sel(of=FLOOR, family=EVERY, region="all")
        rmse = float(of_labels["rmse"])
        assert rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-9)
        assert float(of_labels["normalised_rmse"]) == pytest.approx(
            rmse / float(metrics["potential_range"].sel(of=NETWORK))
        )


@pytest.fixture
def uneven(made, frozen, tmp_path):
    """An analysis whose network is ten times worse on the samples that the label floor leaves out."""
    dataset = made.three_families()
    order = xr.DataArray(np.arange(dataset.sizes["sample"]), dims="sample")
    files = made.write_files(
        tmp_path, dataset, xr.where(order % 4 == 0, 1.0, 10.0) * made.interface_error(dataset)
    )
    # The floor may hold its samples in any order.
    rewrite(files.floor, lambda d: d.isel(sample=[4, 0, 5, 1, 3, 2]))
    analyse(frozen, *files, tmp_path / "out")
    with store.open_raw(tmp_path / "out" / "metrics.nc") as metrics:
        return files, metrics.load(), json.loads((tmp_path / "out" / "summary.json").read_text())


def test_network_and_floor_are_compared_on_the_samples_of_the_floor(uneven):
    files, metrics, summary = uneven
    with (
        store.open_raw(files.dataset) as labels,
        store.open_raw(files.prediction) as predicted,
        store.open_raw(files.floor) as floor,
    ):
        label = labels["regular_potential"].astype("f8").values
        wrong = (predicted["regular_potential"].astype("f8").values - label)[::4]
        own = (floor["reference_potential"].astype("f8") - floor["regular_potential"].astype("f8")).values
        own = own[[1, 3, 5, 4, 0, 2]]
        distance = labels["level_set"].values[::4] / 0.75
        family = labels["geometry"].values.astype(str)[::4]
    for name in (EVERY, "disc", "star"):
        chosen = np.ones(6, dtype=bool) if name == EVERY else family == name
        for region, mask in (("all", np.abs(distance) >= 0), ("interface", np.abs(distance) < 2)):
            nodes = mask & chosen[:, None, None]
            expected = np.sqrt(np.sum(wrong[nodes] ** 2) / np.sum(own[nodes] ** 2))
            ratio = metrics["floor_ratio"].sel(family=name, region=region)
            assert float(ratio) == pytest.approx(expected, rel=1e-9)
            assert summary["figures"][ON_FLOOR][name][region]["floor_ratio"] == pytest.approx(expected)
        nodes = (distance >= 2) & (distance < 4) & chosen[:, None, None]
        band = metrics["band_floor_ratio"].sel(family=name, side="outside")
        at = (metrics["band_lower"] == 2).values
        expected = np.sqrt(np.sum(wrong[nodes] ** 2) / np.sum(own[nodes] ** 2))
        assert float(band.values[at][0]) == pytest.approx(expected, rel=1e-9)
    both = metrics["nodes"].sel(of=ON_FLOOR), metrics["nodes"].sel(of=FLOOR)
    np.testing.assert_array_equal(*both)
    whole, part = (metrics["rmse"].sel(of=of, family=EVERY, region="all") for of in (NETWORK, ON_FLOOR))
    assert float(whole) > 5 * float(part)


def test_the_numbers_of_samples_are_recorded(uneven):
    _, metrics, summary = uneven
    assert metrics["samples"].sel(of=NETWORK).values.tolist() == [24, 8, 8, 8]
    assert metrics["samples"].sel(of=ON_FLOOR).values.tolist() == [6, 2, 2, 2]
    assert metrics["samples"].sel(of=FLOOR).values.tolist() == [6, 2, 2, 2]
    assert summary["figures"][NETWORK]["disc"]["samples"] == 8
    assert summary["figures"][FLOOR]["disc"]["samples"] == 2
    assert summary["definitions"]["floor_ratio"]["samples"] == 6
    assert summary["definitions"]["rmse"]["samples"] == 24


def test_the_floor_is_divided_by_the_norm_of_the_labels(frozen, tmp_path, made):
    """A reference twice the label is wrong by all of the label: 100 %, not 50 %."""
    dataset = made.three_families()
    dataset["charge_value"][:] = 0.0
    files = made.write_files(tmp_path, dataset, made.interface_error(dataset))
    rewrite(files.floor, lambda d: d.assign(reference_potential=2 * d["regular_potential"]))
    analyse(frozen, *files, tmp_path / "out")
    with store.open_raw(tmp_path / "out" / "metrics.nc") as metrics:
        median = metrics["relative_l2_median"].sel(of=FLOOR, family=EVERY, region="all")
        assert float(median) == pytest.approx(1.0, rel=1e-9)


def test_the_code_that_solved_the_samples_is_named(files, frozen, tmp_path):
    slices = {name: {"code": "5011ed", "samples": 8} for name in ("disc", "ellipse")}
    slices["star"] = {"code": "01d5011ed"}
    rewrite(files.dataset, lambda d: d.assign_attrs(configuration=json.dumps(slices), code_digest="3e76ed"))
    rewrite(files.floor, lambda d: d.assign_attrs(code_digest="f1005"))
    analyse(frozen, *files, tmp_path / "out")
    digests = json.loads((tmp_path / "out" / "summary.json").read_text())["digests"]
    assert digests["data set, code of its samples"] == "01d5011ed, 5011ed"
    assert digests["data set, code of its file"] == "3e76ed"
    assert digests["label floor, code"] == "f1005"


def test_a_floor_without_one_of_the_families_leaves_a_gap(files, frozen, tmp_path):
    rewrite(files.floor, lambda content: content.isel(sample=content["geometry"].values != "star"))
    analyse(frozen, *files, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["figures"][FLOOR]["star"]["all"]["rmse"] is None
    assert summary["figures"][ON_FLOOR]["star"]["all"]["floor_ratio"] is None
    assert summary["figures"][FLOOR]["star"]["samples"] == 0
    assert summary["figures"][FLOOR]["disc"]["all"]["rmse"] > 0


def test_the_gallery_holds_worst_median_and_best(analysed):
    with (
        store.open_raw(analysed.folder / "metrics.nc") as metrics,
        store.open_raw(analysed.folder / "gallery.nc") as gallery,
    ):
        relative = np.sort(metrics["sample_relative_l2"].sel(region="all").values)
        shown = {
            name: gallery["relative_l2"].values[gallery["gallery"].values == name]
            for name in set(gallery["gallery"].values)
        }
        np.testing.assert_array_equal(shown["worst"], relative[::-1][:2])
        np.testing.assert_array_equal(shown["best"], relative[:1])
        np.testing.assert_array_equal(np.sort(shown["median"]), relative[11:13])
        both = np.isfinite(gallery["potential"])
        gap = (gallery["prediction"] - gallery["potential"] - gallery["error"]).where(both, 0)
        assert float(abs(gap).max()) < 1e-4


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        ("prediction", lambda d: d.isel(sample=slice(None, None, -1)), r"sample 0: found \('star'"),
        ("prediction", lambda d: d.isel(sample=slice(3)), "samples: found 3, expected 24"),
        ("prediction", lambda d: d.assign(seed=d["seed"] + 1), "sample 0"),
        ("prediction", lambda d: d.isel(x=slice(0, -2), y=slice(0, -2)), "coordinate x"),
        ("prediction", lambda d: d.drop_vars("regular_potential"), "variable regular_potential"),
        ("prediction", lambda d: d.drop_attrs(), "attribute model"),
        (
            "prediction",
            lambda d: d.assign(regular_potential=d["regular_potential"] * np.float32(np.nan)),
            "NaN",
        ),
        ("floor", lambda d: d.assign(index=d["index"] + 1000), "label floor: found sample"),
        (
            "floor",
            lambda d: d.assign(regular_potential=d["regular_potential"] + np.float32(1)),
            "other labels",
        ),
        ("floor", lambda d: d.isel(sample=[0, 1, 0]), "each once"),
        ("floor", lambda d: d.drop_vars("reference_potential"), "reference_potential"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(files, frozen, tmp_path, which, change, message):
    rewrite(getattr(files, which), change)
    with pytest.raises(FormatError, match=message):
        analyse(frozen, *files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_predictions_of_another_data_set_are_refused_by_its_digest(files, frozen, tmp_path):
    rewrite(files.dataset, lambda d: d.assign_attrs(content_digest="another"))
    with pytest.raises(FormatError, match="digest of the data set: found none, expected another"):
        analyse(frozen, *files, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column epoch"),
        ("epoch,train_loss\n1,2\n", "no column learning_rate"),
        ("epoch,learning_rate,train_loss,validation_loss,seconds\n1,2,many,4,5\n", "many"),
        ("epoch,learning_rate,train_loss,validation_loss,seconds\n1,2\n", "expected numbers"),
    ],
)
def test_a_broken_history_is_refused(files, frozen, tmp_path, text, message):
    files.history.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        analyse(frozen, *files, tmp_path / "out")


def test_a_missing_history_is_refused(files, frozen, tmp_path):
    files.history.unlink()
    with pytest.raises(FormatError, match="train again"):
        analyse(frozen, *files, tmp_path / "out")


def test_a_second_run_gives_the_same_numbers_and_figures(analysed, frozen, tmp_path):
    analyse(frozen, *analysed.files, tmp_path)
    first, second = analysed.folder, tmp_path
    with store.open_raw(first / "metrics.nc") as one, store.open_raw(second / "metrics.nc") as two:
        xr.testing.assert_equal(one, two)
    for name in ("error_by_distance.svg", "training.svg", "worst_sample.png"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.usefixtures("fixed_time")
def test_workers_change_no_byte(files, frozen, tmp_path, two_workers):
    analyse(frozen, *files, tmp_path / "alone")
    analyse(frozen, *files, tmp_path / "together", two_workers)
    for name in ("metrics.nc", "gallery.nc", "summary.json", "error_by_distance.svg"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "together" / name).read_bytes(), name
