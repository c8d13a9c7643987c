"""Where the labels of points stand, so that they lie neither on each other nor on what else is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.path import Path
from matplotlib.transforms import Bbox

Point = tuple[float, float]

BESIDE = 7.0
"""Points of the page from a mark to a label that touches no other."""
AWAY, STEP, STEPS = 15.0, 3.0, 30
"""Points of the page to a label that a line joins to its mark; by how much and how often it may be moved."""

CLASH, CROSSED, COVERED, OTHER_SIDE = 1000.0, 200.0, 25.0, 6.0
"""What it costs to lie on a label or mark, or out of the frame; on a line; on something faint; left of the mark."""


def placed(
    points: Sequence[Point],
    sizes: Sequence[Point],
    frame: Bbox,
    marks: Sequence[Bbox] = (),
    faint: Sequence[Bbox] = (),
) -> list[Point]:
    """Place the label of each point beside it or, where others are in the way, as near as there is room.

    Labels are placed from the highest point down and by their order, each where it costs least: equal input gives
    equal places.

    Parameters
    ----------
    points, sizes
        Points to be labelled, and width and height of their labels; all lengths are points of the page.
    frame : Bbox
        Where labels may lie.
    marks, faint : sequence of Bbox
        What they should not cover, and what only if there is no room.

    Returns
    -------
    list of (float, float)
        For each label the way from its point to the middle of its near edge: the left one, or the right one where
        the way leads to the left. A way longer than `BESIDE` needs a line.

    Examples
    --------
    >>> page = Bbox.from_extents(0, 0, 100, 100)
    >>> placed([(50, 50), (50, 50)], [(30, 10), (30, 10)], page)
    [(7.0, 0.0), (-7.0, 0.0)]
    """
    ways: dict[int, Point] = {}
    labels: list[Bbox] = []
    lines: list[Path] = []
    for number in sorted(range(len(points)), key=lambda one: (-points[one][1], one)):
        point, size = points[number], sizes[number]

        def cost(way: Point, point: Point = point, size: Point = size) -> float:
            label, line = _box(point, way, size), _line(point, way)
            crossed = sum(one.intersects_bbox(label, filled=False) for one in lines)
            crossed += sum(line.intersects_bbox(one, filled=False) for one in labels)
            crossed += sum(line.intersects_path(one, filled=False) for one in lines)
            clashes = label.count_overlaps([*labels, *marks])
            clashes += not (frame.contains(*label.min) and frame.contains(*label.max))
            dear = CLASH * clashes + CROSSED * crossed + COVERED * label.count_overlaps(faint)
            return dear + abs(way[0]) + abs(way[1]) + OTHER_SIDE * (way[0] < 0)

        ways[number] = min(_ways(), key=cost)
        labels.append(_box(point, ways[number], size))
        lines.append(_line(point, ways[number]))
    return [ways[number] for number in range(len(points))]


def _ways() -> Iterator[Point]:
    for side in (1.0, -1.0):
        yield side * BESIDE, 0.0
        for step in range(1, STEPS + 1):
            yield from ((side * AWAY, up * step * STEP) for up in (1.0, -1.0))


def _box(point: Point, way: Point, size: Point) -> Bbox:
    left = point[0] + way[0] - (size[0] if way[0] < 0 else 0.0)
    return Bbox.from_bounds(left, point[1] + way[1] - size[1] / 2, *size)


def _line(point: Point, way: Point) -> Path:
    return Path([point, (point[0] + way[0], point[1] + way[1])])
