"""What is drawn: bounded, and the same problem through a file and through its handles."""

import numpy as np
import pytest

from debye import (
    Ball,
    ChargeError,
    ConfigError,
    Ellipsoid,
    Grid,
    Molecule,
    PointCharges,
    Problem,
    Star,
    load_problem,
)
from debye.serve.drawing import FAMILIES, MOST_ATOMS, MOST_CHARGES, Charge, Drawing, as_yaml, from_problem
from debye.serve.handles import (
    dragged,
    first_of,
    handles,
    radii,
    star_of,
    with_atom,
    with_radius,
    without_atom,
)
from debye.serve.outlines import outline

GRID = Grid(cells=64, half_width=16.0)
CHARGES = (Charge(2.0, 1.0, 0.08), Charge(-1.5, -1.0, -0.05))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_drawing_survives_its_file(family, tmp_path):
    drawing = Drawing(first_of(family), CHARGES).in_medium("debye_length", 5.0)
    path = tmp_path / "problem.yaml"
    path.write_text(as_yaml(drawing.problem(GRID)), encoding="utf-8")
    problem = load_problem(path)
    assert problem.grid == GRID
    assert from_problem(problem) == drawing


@pytest.mark.parametrize("family", FAMILIES)
def test_a_handle_that_stays_changes_nothing(family):
    solute = first_of(family)
    for number, (_, x, y) in enumerate(handles(solute)):
        again = dragged(solute, number, x, y, 16.0)
        assert np.allclose(outline(again, 16.0), outline(solute, 16.0), atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("family", ["ball", "ellipsoid", "star", "molecule"])
def test_handles_lie_where_they_say(family):
    solute = first_of(family)
    places = np.array([[x, y] for _, x, y in handles(solute)])
    inside = family == "molecule"
    if not inside:
        assert np.allclose(solute(places[1:]), 0.0, atol=1e-9)
    assert (solute(places if inside else places[:1]) < 0).all()


def test_handles_drag_the_outline():
    assert dragged(Ball((1.0, 0.0), 8.0), 1, 1.0, -5.0, 16.0) == Ball((1.0, 0.0), 5.0)
    assert dragged(Ball((1.0, 0.0), 8.0), 0, 3.0, 2.0, 16.0) == Ball((3.0, 2.0), 8.0)
    turned = dragged(Ellipsoid((0.0, 0.0), (9.0, 6.0), 0.0), 2, -7.0, 0.0, 16.0)
    assert turned.semi_axes == (9.0, 7.0)
    assert turned.angle == pytest.approx(np.pi / 2)
    atoms = dragged(Molecule([(0.0, 0.0), (4.0, 0.0)], [4.0, 4.0]), 1, 3.0, 1.0, 16.0)
    assert atoms.centers == ((0.0, 0.0), (3.0, 1.0))


def test_a_star_takes_radii_and_gives_them_back():
    # Modes 0 and 2 to 6, of which a star consists; of mode 6 the handles see the cosine.
    angle = 2 * np.pi * np.arange(12) / 12
    around = 8.0 + 0.9 * np.cos(2 * angle + 0.3) - 0.4 * np.cos(5 * angle + 1.0) + 0.2 * np.cos(6 * angle)
    star = star_of(1.0, -2.0, around)
    assert np.allclose(radii(star), around, atol=1e-12)
    assert star.center == pytest.approx((1.0, -2.0))
    assert star.radius == pytest.approx(8.0)
    assert np.allclose(star.amplitudes, [0.9 / 8, 0, 0, 0.4 / 8, 0.2 / 8])


def test_mode_one_moves_the_centre():
    angle = 2 * np.pi * np.arange(12) / 12
    star = star_of(0.0, 0.0, 8.0 + 0.3 * np.cos(angle) - 0.2 * np.sin(angle))
    assert star.center == pytest.approx((0.3, -0.2))
    assert np.allclose(star.amplitudes, 0.0, atol=1e-12)


def test_a_star_follows_a_dragged_handle():
    solute = Star((0.0, 0.0), 8.0, (0.0,) * 5, (0.0,) * 5)
    pulled = dragged(solute, 1, 10.0, 0.0, 16.0)
    (_, x, y) = handles(pulled)[1]
    # What of the pull is mode 1 went into the centre, to first order.
    assert np.hypot(x - 10.0, y) < 0.4
    assert float(pulled(np.array([[-8.0, 0.0]]))[0]) == pytest.approx(0.0, abs=0.4)


def test_atoms_come_and_go():
    solute = first_of("molecule")
    more = with_atom(solute)
    assert len(more.radii) == 4
    assert without_atom(more, 3) == solute
    assert with_radius(solute, 1, 3.0, 16.0).radii == (4.5, 3.0, 4.0)
    with pytest.raises(ConfigError, match="at least one"):
        without_atom(Molecule([(0.0, 0.0)], [4.0]), 0)
    for _ in range(MOST_ATOMS - 3):
        solute = with_atom(solute)
    with pytest.raises(ConfigError, match="at most 12"):
        with_atom(solute)


def test_numbers_are_bounded():
    drawing = Drawing(first_of("ball"), CHARGES)
    for change in (
        lambda: drawing.moved(0, 17.0, 0.0, 16.0),
        lambda: drawing.moved(0, float("nan"), 0.0, 16.0),
        lambda: drawing.valued(0, 3.0),
        lambda: drawing.valued(0, True),
        lambda: drawing.in_medium("debye_length", float("inf")),
        lambda: drawing.in_medium("eps_solute", 0.0),
        lambda: drawing.in_medium("ions", "cubic"),
        lambda: dragged(drawing.solute, 0, 99.0, 0.0, 16.0),
    ):
        with pytest.raises(ConfigError, match="expected"):
            change()


def test_charges_are_counted():
    drawing = Drawing(first_of("ball"), CHARGES)
    with pytest.raises(ConfigError, match="at least one"):
        drawing.removed(0).removed(0)
    for number in range(MOST_CHARGES - 2):
        drawing = drawing.added(Charge(0.1 * number, 3.0, 0.01), 16.0)
    with pytest.raises(ConfigError, match="at most 12"):
        drawing.added(Charge(0.0, -3.0, 0.01), 16.0)


def test_a_drawing_may_be_wrong_and_says_so():
    drawing = Drawing(first_of("ball"), CHARGES)
    with pytest.raises(ChargeError, match="outside the solute"):
        drawing.moved(0, 12.0, 0.0, 16.0).problem(GRID)
    with pytest.raises(ChargeError, match="at least one cell"):
        drawing.moved(0, 7.8, 0.0, 16.0).problem(GRID)


def test_what_cannot_be_drawn_is_refused():
    charges = PointCharges([[0.0, 0.0]], [0.1])
    with pytest.raises(ConfigError, match="boundary"):
        from_problem(Problem(GRID, first_of("ball"), charges, boundary="zero"))
    grid, middle = Grid(cells=16, half_width=8.0, dim=3), [0.0, 0.0, 0.0]
    spatial = Problem(grid, Ball(middle, 4.0), PointCharges([middle], [0.1]))
    with pytest.raises(ConfigError, match="2-D"):
        from_problem(spatial)
