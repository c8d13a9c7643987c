"""Labels of points: beside them where there is room, never on one another, and always in the same place."""

import pytest
from matplotlib.transforms import Bbox

from debye.analysis.labels import AWAY, BESIDE, placed
from debye.seeds import generator

PAGE = Bbox.from_extents(0, 0, 400, 250)
SIZE = (70.0, 11.0)


def boxes(points, ways, size=SIZE):
    """Where labels lie."""
    lefts = [x + dx - (size[0] if dx < 0 else 0) for (x, _), (dx, _) in zip(points, ways, strict=True)]
    middles = [y + dy for (_, y), (_, dy) in zip(points, ways, strict=True)]
    return [Bbox.from_bounds(x, y - size[1] / 2, *size) for x, y in zip(lefts, middles, strict=True)]


def marks(points):
    return [Bbox.from_bounds(x - 3.5, y - 3.5, 7, 7) for x, y in points]


def assert_apart(points, ways):
    labels = boxes(points, ways)
    for number, label in enumerate(labels):
        assert label.count_overlaps(labels[number + 1 :] + marks(points)) == 0
        assert PAGE.contains(*label.min)
        assert PAGE.contains(*label.max)


def test_a_point_with_room_has_its_label_at_its_right():
    points = [(100.0, 100.0), (100.0, 130.0), (300.0, 100.0)]
    assert placed(points, [SIZE] * 3, PAGE, marks(points)) == [(BESIDE, 0.0)] * 3


def test_at_the_right_edge_the_label_stands_at_the_left():
    assert placed([(390.0, 100.0)], [SIZE], PAGE) == [(-BESIDE, 0.0)]


@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("apart", [0.0, 0.5, 4.0])
def test_points_in_one_place_have_labels_apart(count, apart):
    points = [(200.0, 125.0 + apart * number) for number in range(count)]
    ways = placed(points, [SIZE] * count, PAGE, marks(points))
    assert_apart(points, ways)
    # Where a line is needed, the label leaves room for one.
    assert {abs(way[0]) for way in ways} <= {BESIDE, AWAY}


@pytest.mark.parametrize("seed", range(5))
def test_random_points_have_labels_apart_and_always_the_same(seed):
    random = generator("labels", seed)
    points = [(float(x), float(y)) for x, y in random.uniform((100, 60), (300, 190), (12, 2))]
    ways = placed(points, [SIZE] * 12, PAGE, marks(points))
    assert_apart(points, ways)
    assert ways == placed(points, [SIZE] * 12, PAGE, marks(points))


def test_what_is_faint_is_covered_only_where_there_is_no_room():
    point, faint = (200.0, 125.0), [Bbox.from_bounds(230, 120, 5, 5)]
    assert placed([point], [SIZE], PAGE, (), faint) == [(-BESIDE, 0.0)]
    narrow = Bbox.from_extents(190, 118, 300, 132)
    assert placed([point], [SIZE], narrow, (), faint) == [(BESIDE, 0.0)]


def test_without_any_room_there_is_still_a_place():
    assert len(placed([(5.0, 5.0)] * 3, [SIZE] * 3, Bbox.from_extents(0, 0, 10, 10))) == 3
