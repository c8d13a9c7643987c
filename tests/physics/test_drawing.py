"""Random shapes keep what their families say, and a draw is a function of its stream alone."""

import numpy as np
import pytest

import debye
from debye.families import ChargeSampling, MoleculeFamily
from debye.physics.drawing import draw_shape, parameter_names, parameter_row
from debye.seeds import generator

CHARGES = ChargeSampling(count=(1, 4), magnitude=(0.02, 0.1), clearance=1.5)
MOLECULES = MoleculeFamily(
    kind="molecule",
    atoms=(1, 9),
    radius=(2.0, 3.5),
    bond=(0.5, 0.8),
    reach=9.0,
    offset=(-1, 2),
    charges=CHARGES,
)


def molecules(family=MOLECULES, dim=2, number=200):
    return [draw_shape(family, dim, generator("drawing", one)) for one in range(number)]


@pytest.mark.parametrize("dim", [2, 3])
def test_molecules_keep_their_ranges(dim):
    drawn = molecules(dim=dim, number=60)
    assert {len(one.radii) for one in drawn} >= {1, 2, 3, 4, 5}
    for one in drawn:
        centers, radii = np.array(one.centers), np.array(one.radii)
        assert centers.shape[1] == dim
        assert ((radii >= 2.0) & (radii <= 3.5)).all()
        middle = centers.mean(axis=0)
        assert ((middle > -1 - 1e-9) & (middle < 2 + 1e-9)).all()
        assert (np.linalg.norm(centers - middle, axis=1) + radii).max() <= 9.0 + 1e-9
        # In units of the sums of the radii: each atom hangs on an earlier one, and none comes nearer than the least.
        share = np.linalg.norm(centers[:, None] - centers, axis=2) / (radii[:, None] + radii)
        for number in range(1, len(radii)):
            nearest = share[number, :number].min()
            assert 0.5 - 1e-9 <= nearest <= 0.8 + 1e-9


def test_reach_binds_and_bounds_the_shape():
    loose = MOLECULES.model_copy(update={"reach": 40.0, "atoms": (9, 9)})
    widest = [np.abs(np.array(one.bounds)).max() for one in molecules(loose)]
    assert max(widest) > 14.0
    for one in molecules(MOLECULES.model_copy(update={"atoms": (9, 9)})):
        low, high = one.bounds
        assert (low >= -1 - 9.0 - 1e-9).all()
        assert (high <= 2 + 9.0 + 1e-9).all()


def test_same_stream_same_molecule():
    assert molecules(number=20) == molecules(number=20)
    assert len(set(molecules(number=20))) == 20


def test_molecules_that_never_fit_are_refused():
    wide = MOLECULES.model_copy(update={"atoms": (40, 40)})
    with pytest.raises(
        debye.GeometryError, match=r"molecule: found none of 200 within its reach.*raise reach"
    ):
        draw_shape(wide, 2, generator("wide"))


def test_parameters_stand_under_the_names_of_the_family():
    names = parameter_names(MOLECULES, 2)
    assert len(names) == 9 * 3 + 1
    pair = debye.Molecule([[0.0, 1.0], [2.0, 3.0]], [4.0, 5.0], 1.4)
    row = dict(zip(names, parameter_row(pair, names), strict=True))
    assert {name: value for name, value in row.items() if not np.isnan(value)} == {
        "centers_0_x": 0.0, "centers_0_y": 1.0, "centers_1_x": 2.0, "centers_1_y": 3.0,
        "radii_0": 4.0, "radii_1": 5.0, "probe_radius": 1.4,
    }  # fmt: skip
