import numpy as np
import pytest
from scipy.spatial import cKDTree

import debye
from debye import schema
from debye.physics.cut import find_cut
from debye.physics.floor import rebuild_shape
from debye.physics.problem import load_problem, load_shape
from debye.physics.solution import shape_parameters
from tests.physics.rates import fitted_rate, relative_l2

RING = [[6 * np.cos(t), 6 * np.sin(t)] for t in np.linspace(0, 2 * np.pi, 12, endpoint=False)]
TRIPLE = debye.Molecule([[0.1, -0.2], [4.1, 2.8], [-3.9, 2.8]], [4.0, 2.5, 2.5], 1.4)


def directions(dim, count):
    if dim == 2:
        theta = np.linspace(0, 2 * np.pi, count, endpoint=False)
        return np.stack([np.cos(theta), np.sin(theta)], axis=1)
    # The spiral of Fibonacci: points of nearly equal shares of the sphere.
    z, turn = 1 - (2 * np.arange(count) + 1) / count, np.pi * (1 + 5**0.5) * np.arange(count)
    return np.stack([np.cos(turn) * np.sqrt(1 - z * z), np.sin(turn) * np.sqrt(1 - z * z), z], axis=1)


def by_rolling(centers, radii, probe, points, count):
    """Signed distance from many positions of the probe that touch the atoms and overlap none."""
    reach = np.asarray(radii) + probe
    touching = (
        np.asarray(centers)[:, None] + reach[:, None, None] * directions(len(centers[0]), count)
    ).reshape(-1, len(centers[0]))

    def gap(places):
        return (np.linalg.norm(places[:, None] - centers, axis=2) - reach).min(axis=1)

    open_places = touching[gap(touching) > -1e-9]
    beyond = gap(points)
    return probe + np.where(beyond < 0, -cKDTree(open_places).query(points)[0], beyond)


@pytest.mark.parametrize(("dim", "count", "resolution"), [(2, 3000, 0.01), (3, 20_000, 0.06)])
@pytest.mark.parametrize("seed", range(6))
def test_distance_is_that_of_a_rolling_probe(dim, count, resolution, seed):
    random = np.random.default_rng([dim, seed])
    atoms = int(random.integers(2, 12))
    centers, radii = random.uniform(-3, 3, (atoms, dim)), random.uniform(0.8, 2.0, atoms)
    # One atom twice, and one inside another.
    centers[1], radii[1] = centers[0], radii[0] * random.choice([1.0, 0.4])
    probe = random.choice([0.0, 0.5, 1.4])
    points = random.uniform(-6, 6, (1500, dim))
    molecule = debye.Molecule(centers, radii, probe)
    expected = by_rolling(centers, radii, probe, points, count)
    # The positions are a sample: the true nearest one may be nearer, never farther.
    assert (molecule(points) >= expected - 1e-9).all()
    np.testing.assert_allclose(molecule(points), expected, atol=resolution)
    # A point's value does not depend on the points that are asked for beside it.
    np.testing.assert_allclose(molecule(points[:7]), molecule(points)[:7], atol=1e-12)


def test_without_a_probe_it_is_the_union_of_the_atoms_and_one_atom_is_a_ball():
    points = np.random.default_rng(0).uniform(-6, 6, (500, 3))
    for probe in (0.0, 1.4):
        one = debye.Molecule([[0.5, 0.0, -1.0]], [2.0], probe)
        np.testing.assert_allclose(one(points), debye.Ball((0.5, 0.0, -1.0), 2.0)(points), atol=1e-12)
        np.testing.assert_allclose(one(np.array([[0.5, 0.0, -1.0]])), -2.0)
    two = debye.Molecule([[-1.0, 0, 0], [1.0, 0, 0]], [1.5, 2.0], 0.0)
    in_any = (debye.Ball((-1.0, 0, 0), 1.5)(points) < 0) | (debye.Ball((1.0, 0, 0), 2.0)(points) < 0)
    np.testing.assert_array_equal(two(points) < 0, in_any)


def test_coplanar_coincident_and_touching_atoms_are_no_trouble():
    # Spheres through common circles and points: every degenerate case of a lattice at once.
    lattice = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.random.default_rng(1).uniform(-3, 3, (200, 3))
    for radius in (0.5, np.sqrt(0.5), 0.75, np.sqrt(0.75), 1.0):
        found = debye.Molecule(np.concatenate([lattice, lattice]), [radius] * 54, 0.0)(points)
        expected = by_rolling(lattice, [radius] * 27, 0.0, points, 3000)
        np.testing.assert_allclose(found, expected, atol=0.08)


def test_holes_fill_up_for_a_probe_that_does_not_fit():
    middle, crevice = np.array([[0.0, 0.0]]), np.array([[5.05, 5.05]])
    for probe in (0.0, 1.0):
        ring = debye.Molecule(RING, [2.0] * 12, probe)
        assert ring(middle) == pytest.approx(4.0)
        assert (ring(crevice) > 0) == (probe == 0.0)
    # The probe's radius is that of the hole: 6 - 2 Å.
    assert debye.Molecule(RING, [2.0] * 12, 3.99)(middle) > 0
    assert debye.Molecule(RING, [2.0] * 12, 4.01)(middle) < 0


CASES = {
    "re-entrant, with a probe": (TRIPLE, [[0.1, 0.5], [4.2, 3.0]]),
    "cavity, with a probe": (debye.Molecule(RING, [2.0] * 12, 1.4), RING[::4]),
    "apart": (debye.Molecule([[-5.0, 0.1], [5.0, 1.0]], [3.0, 2.5], 1.4), [[-5.0, 0.5], [5.1, 1.2]]),
    "corners": (debye.Molecule([[-2.2, 0.0], [2.2, 0.3]], [5.0, 5.0], 0.0), [[-3.0, 0.5], [3.1, 0.2]]),
    "cavity with corners": (debye.Molecule(RING, [2.0] * 12, 0.0), RING[::4]),
}


@pytest.mark.parametrize("name", CASES)
def test_solutions_converge(name):
    molecule, places = CASES[name]
    charges = debye.PointCharges(places, [0.05, -0.03, 0.02][: len(places)])
    medium = debye.Medium(ions="linear")

    def solve(cells):
        grid = debye.Grid(cells=cells, half_width=16.0)
        solution = debye.solve(debye.Problem(grid, molecule, charges, medium))
        assert solution.report.converged
        return solution.regular

    fine, cells, errors = solve(576), (48, 64, 96, 144), []
    for number in cells:
        every = (slice(None, None, 576 // number),) * 2
        errors.append(relative_l2(solve(number), fine[every]))
    rate, table = fitted_rate(cells, errors)
    assert errors[-1] < (5e-3 if "corners" in name else 2e-3), table
    # At a corner of the interface the solution is not smooth, and the corner is cut off.
    assert rate > (0.8 if "corners" in name else 1.6), table


def test_water_in_3d_solves_and_its_file_is_valid(tmp_path):
    text = """
grid: {cells: 32, half_width: 6.0, dim: 3}
solute: {kind: molecule, centers: [[0, 0, 0.1], [0.76, 0, 0.69], [-0.76, 0, 0.69]], radii: [1.5, 1.2, 1.2]}
charges: {positions: [[0, 0, 0.1], [0.76, 0, 0.69], [-0.76, 0, 0.69]], values: [-0.8, 0.4, 0.4]}
"""
    path = tmp_path / "water.yaml"
    path.write_text(text)
    problem = load_problem(path)
    assert problem.solute.probe_radius == 1.4
    solution = debye.solve(problem)
    # A dipole is drawn towards water.
    assert -30 < solution.reaction_energy < -5
    dataset = solution.to_dataset()
    schema.validate(dataset)
    names = schema.parameter_names(dataset)["molecule"]
    assert names[:4] == ["centers_0_x", "centers_0_y", "centers_0_z", "centers_1_x"]
    assert names[-4:] == ["radii_0", "radii_1", "radii_2", "probe_radius"]
    values = dataset["geometry_parameter"][0].values.tolist()
    assert rebuild_shape(dict(zip(names, values, strict=True))) == problem.solute


def test_molecules_are_values():
    keys = {"kind": "molecule", "centers": [[0, 0], [2, 1]], "radii": [1, 2], "probe_radius": 0}
    one, two = load_shape(keys), debye.Molecule(np.array([[0.0, 0.0], [2.0, 1.0]]), (1.0, 2.0), 0.0)
    assert one == two
    assert hash(one) == hash(two)
    assert one != debye.Molecule([[0, 0], [2, 1]], [1, 2], 1.4)
    assert rebuild_shape(shape_parameters(two)) == two


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"centers": []}, "centers"),
        ({"centers": [[0.0], [1.0]]}, "centers"),
        ({"centers": [[0.0, 1.0], [1.0]]}, "centers"),
        ({"centers": [[0.0, 1.0], [1.0, float("nan")]]}, "finite"),
        ({"centers": "atoms"}, "centers"),
        ({"radii": [1.0]}, "1 radii.*expected 2"),
        ({"radii": [1.0, 0.0]}, "positive"),
        ({"radii": [1.0, float("inf")]}, "finite"),
        ({"probe_radius": -0.1}, r"0 to 1e\+06"),
        ({"probe_radius": float("nan")}, "finite"),
        ({"probe_radius": [1.0, 2.0]}, "one number"),
        ({"probe_radius": 1e12}, r"0 to 1e\+06"),
        ({"probe_radius": "water"}, "one number"),
    ],
)
def test_impossible_molecules_are_refused(keys, words):
    good = {"centers": [[0.0, 0.0], [1.0, 0.0]], "radii": [1.0, 1.0], "probe_radius": 1.4}
    with pytest.raises(debye.GeometryError, match=words):
        debye.Molecule(**(good | keys))


def test_a_neck_or_slit_thinner_than_a_cell_is_refused_and_cusps_pass():
    grid = debye.Grid(cells=64, half_width=10.0)
    for share, refused in ((0.7, False), (0.9, False), (1.003, True), (1.5, False)):
        # Half the way between the probe's two positions over its radius: below 1 cusps, just above 1 a thin neck.
        half = np.sqrt(4.4**2 - (share * 1.4) ** 2)
        molecule = debye.Molecule([[-half, 0.05], [half, 0.05]], [3.0, 3.0], 1.4)
        if refused:
            with pytest.raises(debye.GeometryError, match="probe_radius"):
                find_cut(grid, molecule)
        else:
            find_cut(grid, molecule)


def test_three_hundred_atoms_are_cut():
    random = np.random.default_rng(2)
    lattice = 2.5 * np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    centers = lattice[np.argsort(np.linalg.norm(lattice, axis=1))[:300]] + random.normal(0, 0.4, (300, 3))
    molecule = debye.Molecule(centers, random.choice([1.2, 1.5, 1.7, 1.8], 300))
    cut = find_cut(debye.Grid(cells=26, half_width=15.0, dim=3), molecule)
    assert len(cut.simplex) > 4000
