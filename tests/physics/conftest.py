import pytest

import debye


@pytest.fixture
def charges():
    return debye.PointCharges([[3.0, 1.0], [-2.0, -4.0], [0.5, 5.0]], [0.1, -0.05, 0.08])


@pytest.fixture
def linear():
    return debye.Medium(ions="linear")


@pytest.fixture
def problem(charges):
    """Make problems on the disc by changing what a test is about."""

    def make(cells=32, **changes):
        parts = {
            "grid": debye.Grid(cells=cells, half_width=16.0),
            "solute": debye.Ball((0.0, 0.0), 8.0),
            "charges": charges,
        }
        return debye.Problem(**(parts | changes))

    return make
