"""Figures and table of the error against other things than distance, with numbers known beforehand."""

import numpy as np
import pytest
import xarray as xr

from debye.analysis.definitions import EVERY, FLOOR, NETWORK, QUANTITIES
from debye.analysis.elsewhere import both_sides, over_bands, quantity_table, spectrum
from debye.analysis.style import looks

NODES = np.array([[4, 0, 1, 2], [12, 0, 3, 0]])
RMSE = np.array([[2.0, np.nan, 1.0, 5.0], [0.0, np.nan, 3.0, np.nan]])


@pytest.fixture
def metrics():
    """Four bands on two sides, the second without a node; four wave numbers."""
    sides = ("family", "side", "charge_band")
    figures = {
        "charge_band_nodes": (sides, NODES[None]),
        "charge_band_rmse": (sides, RMSE[None]),
        "power_ratio": (("family", "wave_number"), np.array([[0.1, 0.2, 0.4, np.nan]])),
        "power_error": (("family", "wave_number"), np.array([[1.0, 2.0, 4.0, 0.0]])),
    }
    coordinates = {
        "family": [EVERY],
        "side": ["inside", "outside"],
        "charge_band_lower": ("charge_band", [0.0, 1.0, 2.0, 4.0]),
        "charge_band_upper": ("charge_band", [1.0, 2.0, 4.0, np.inf]),
        "wave_number": [0.0, 0.5, 1.0, 1.5],
    }
    one = xr.Dataset(figures, coords=coordinates)
    floor = one.assign(charge_band_rmse=0.1 * one["charge_band_rmse"], power_ratio=0.01 * one["power_ratio"])
    return xr.concat([one, floor], dim=xr.Variable("of", [NETWORK, FLOOR]), coords="minimal")


def test_both_sides_are_put_together_node_by_node(metrics):
    edges, values, nodes = both_sides(metrics.sel(of=NETWORK), "charge_band")
    # 4 nodes of 2² and 12 of 0; none; 1 of 1² and 3 of 3²; 2 of 5².
    np.testing.assert_allclose(values, [1.0, np.nan, np.sqrt(7.0), 5.0])
    assert nodes.tolist() == [16, 0, 4, 2]
    # The open end is as wide as the band before it.
    assert edges.tolist() == [0.0, 1.0, 2.0, 4.0, 6.0]


def drawn_values(shown, name):
    """All y that a figure shows under a name."""
    sources = [one.data_source.data for one in shown.renderers if one.name == name]
    return [source["y"] for source in sources if "y" in source]


def test_a_band_without_a_node_breaks_the_line(metrics):
    shown = over_bands({"small": metrics}, looks(["small"]), "charge_band")
    found = np.concatenate([np.asarray(values, float) for values in drawn_values(shown, "small")])
    found = found[np.isfinite(found)]
    assert {round(value, 6) for value in found} == {1.0, round(7**0.5, 6), 5.0}


def test_the_spectrum_shows_the_ratio(metrics):
    shown = spectrum({"small": metrics}, looks(["small"]))
    found = np.concatenate([np.asarray(values, float) for values in drawn_values(shown, "small")])
    assert set(found[np.isfinite(found)]) == {0.1, 0.2, 0.4}


def test_the_table_of_quantities_leaves_out_what_is_no_error_of_a_network():
    def summary(model, value):
        known = {name: {"relative_median": value} for name in QUANTITIES}
        unknown = known | {"field": {"relative_median": None}}
        figures = {NETWORK: {EVERY: {"quantities": known}}, FLOOR: {EVERY: {"quantities": unknown}}}
        return {"model": model, "figures": figures}

    table = quantity_table([summary("good", 0.01), summary("bad", 0.5)])
    assert [row[0] for row in table.rows] == ["good", "bad", "label floor"]
    assert len(table.head) == len(QUANTITIES)
    assert QUANTITIES["flux_jump_label"].title not in table.head
    column = table.head.index(QUANTITIES["field"].title)
    assert [row[column] for row in table.rows] == ["1 %", "50 %", "–"]
