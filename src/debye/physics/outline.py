"""Distance to the curve of a star, compiled.

The curve is r(θ) = R (1 + Σ a_k cos(kθ + p_k)), k = 2, 3, …

The nearest of many samples of the curve is found exactly: the curve runs within a known distance of the chords of its
arcs, so an arc whose chord is too far off holds no nearest sample, and the points that are asked for are looked at in
short runs that share the arcs left over. From the nearest sample Newton's method goes to the foot of the perpendicular.
No angle is ever computed: directions are unit vectors, and cos kθ, sin kθ come from cos θ, sin θ by recurrence.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from debye.physics.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Six = tuple[float, float, float, float, float, float]

SAMPLES = 1024
"""Samples of the curve."""

ARC = 16
"""Steps from sample to sample in an arc."""

RUN = 8
"""Points that share a choice of arcs."""

STEPS = 12
"""Most steps of Newton's method; one or two are usual."""

NEAR = 1e-6
"""Radians from the foot within which the osculating parabola gives the distance to round-off."""


class Outline(NamedTuple):
    """The tables of a star's curve about its centre."""

    radius: float
    """R, Å."""
    modes: Floats
    """a_k cos p_k and a_k sin p_k, shape (modes, 2)."""
    samples: Floats
    """cos θ, sin θ, r, r', r'', r''', x and y at the samples, shape (8, samples)."""
    chords: Floats
    """Start, direction and 1/length² of the arcs' chords, shape (5, arcs)."""
    bulge: float
    """Most distance of the curve from the chord of its arc, Å."""
    gap: float
    """Most distance of a point of the curve from the nearest sample, Å."""


@cache
def _directions() -> Floats:
    theta = np.linspace(0.0, 2 * np.pi, SAMPLES, endpoint=False)
    return np.stack([np.cos(theta), np.sin(theta)])


def outline(radius: float, amplitudes: Floats, phases: Floats) -> Outline:
    """Tabulate the curve of a star."""
    modes = np.stack([amplitudes * np.cos(phases), amplitudes * np.sin(phases)], axis=1)
    samples = _tabulated(_directions(), radius, modes)
    start = samples[6:, ::ARC]
    along = np.roll(start, -1, axis=1) - start
    chords = np.concatenate([start, along, 1.0 / (along**2).sum(axis=0)[None]])
    # γ is a sum of terms R a_k/2 exp(i(1 ± k)θ): that bounds its derivatives.
    orders = np.arange(2, 2 + len(modes)) + 1.0
    speed, bend = (radius * (1.0 + float(np.abs(amplitudes) @ orders**power)) for power in (1, 2))
    spacing = 2 * np.pi / SAMPLES
    return Outline(radius, modes, samples, chords, bend * (ARC * spacing) ** 2 / 8, speed * spacing / 2)


@compiled
def _radii(cosine: float, sine: float, modes: Floats) -> tuple[float, float, float, float]:
    """r/R and its first three derivatives in the direction (cosine, sine)."""
    value, first, second, third = 1.0, 0.0, 0.0, 0.0
    c, s = cosine, sine
    for number in range(modes.shape[0]):
        c, s = c * cosine - s * sine, s * cosine + c * sine
        k = number + 2.0
        even = modes[number, 0] * c - modes[number, 1] * s
        odd = k * (modes[number, 0] * s + modes[number, 1] * c)
        value += even
        first -= odd
        second -= k * k * even
        third += k * k * odd
    return value, first, second, third


@compiled
def _tabulated(directions: Floats, radius: float, modes: Floats) -> Floats:
    """The rows of `Outline.samples`."""
    table = np.empty((8, directions.shape[1]))
    for j in range(directions.shape[1]):
        cosine, sine = directions[0, j], directions[1, j]
        value, first, second, third = _radii(cosine, sine, modes)
        table[0, j], table[1, j] = cosine, sine
        table[2, j], table[3, j] = radius * value, radius * first
        table[4, j], table[5, j] = radius * second, radius * third
        table[6, j], table[7, j] = radius * value * cosine, radius * value * sine
    return table


@compiled
def _level(x: float, y: float, radius: float, modes: Floats) -> float:
    """|x| - r in the direction of (x, y)."""
    length = np.sqrt(x * x + y * y)
    # The centre has no direction; any will do.
    cosine, sine = (x / length, y / length) if length > 0.0 else (1.0, 0.0)
    value = 1.0
    c, s = cosine, sine
    for number in range(modes.shape[0]):
        c, s = c * cosine - s * sine, s * cosine + c * sine
        value += modes[number, 0] * c - modes[number, 1] * s
    return float(length - radius * value)


@compiled
def levels(points: Floats, center: Floats, radius: float, modes: Floats) -> Floats:
    """|x| - r at points (n, 2), shape (n,)."""
    x0, y0 = center
    found = np.empty(len(points))
    for i in range(len(points)):
        found[i] = _level(points[i, 0] - x0, points[i, 1] - y0, radius, modes)
    return found


@compiled
def _slopes(x: float, y: float, cosine: float, sine: float, r: float, first: float, second: float) -> Six:
    """γ - x, γ', f' and f'' of f(θ) = |γ - x|²/2, vectors by components along the direction and across it."""
    along, across = r - (x * cosine + y * sine), x * sine - y * cosine
    df = along * first + across * r
    d2f = first * first + r * r + along * (second - r) + across * 2 * first
    return along, across, first, r, df, d2f


@compiled
def _turned(cosine: float, sine: float, turn: float) -> tuple[float, float]:
    """A direction after a small turn: Taylor's series ends at round-off."""
    square = turn * turn
    c = 1.0 - square / 2 * (1.0 - square / 12 * (1.0 - square / 30))
    s = turn * (1.0 - square / 6 * (1.0 - square / 20 * (1.0 - square / 42)))
    return cosine * c - sine * s, sine * c + cosine * s


@compiled
def _to_parabola(along: float, across: float, first: float, r: float, second: float, move: float) -> float:
    """Distance to the osculating parabola, `move` from where it touches the curve."""
    bend_along, bend_across = second - r, 2 * first
    along += move * (first + 0.5 * move * bend_along)
    across += move * (r + 0.5 * move * bend_across)
    first += move * bend_along
    r += move * bend_across
    return float(abs(along * r - across * first) / np.sqrt(first * first + r * r))


@compiled
def _foot(x: float, y: float, j: int, radius: float, modes: Floats, samples: Floats) -> float:
    """Distance from (x, y) to the curve near sample j, where one step from the sample is not enough."""
    spacing = 2 * np.pi / samples.shape[1]
    turn, along, across = 0.0, 0.0, 0.0
    for _ in range(STEPS):
        cosine, sine = _turned(samples[0, j], samples[1, j], turn)
        r, first, second, _ = _radii(cosine, sine, modes)
        r, first, second = radius * r, radius * first, radius * second
        along, across, _, _, df, d2f = _slopes(x, y, cosine, sine, r, first, second)
        if not d2f > 0.0:
            break
        move = -df / d2f
        if abs(move) < NEAR:
            return float(_to_parabola(along, across, first, r, second, move))
        turn += min(max(move, -spacing), spacing)
    # On the medial axis, where the foot is not unique, Newton's method may not settle: what it has is good enough.
    return float(np.sqrt(along * along + across * across))


@compiled
def _feet(points: Floats, best: Ints, radius: float, modes: Floats, samples: Floats, found: Floats) -> None:
    """Signed distances from points to the curve near the samples `best`.

    Nearly always one step by the table, which is Halley's, and the parabola there are enough; without branches on the
    way points overlap in the processor.
    """
    spacing = 2 * np.pi / samples.shape[1]
    for i in range(len(points)):
        x, y, j = points[i, 0], points[i, 1], best[i]
        r, first, second, third = samples[2, j], samples[3, j], samples[4, j], samples[5, j]
        along, across, _, _, df, d2f = _slopes(x, y, samples[0, j], samples[1, j], r, first, second)
        d3f = 3 * first * (second + r) + along * (third - 3 * first) + across * (3 * second - r)
        turn = -df * d2f / (d2f * d2f - 0.5 * df * d3f)
        cosine, sine = _turned(samples[0, j], samples[1, j], turn)
        r, first, second, _ = _radii(cosine, sine, modes)
        r, first, second = radius * r, radius * first, radius * second
        along, across, _, _, df, slope = _slopes(x, y, cosine, sine, r, first, second)
        move = -df / slope
        distance = _to_parabola(along, across, first, r, second, move)
        if not (d2f > 0.0 and slope > 0.0 and abs(turn) < spacing and abs(move) < NEAR):
            distance = _foot(x, y, j, radius, modes, samples)
        found[i] = -distance if _level(x, y, radius, modes) < 0.0 else distance


@compiled
def _limit(nearest: float, bulge: float, gap: float) -> float:
    """Distance beyond which a chord belongs to no nearest sample, if the nearest chord is at `nearest`.

    The foot is at most d = nearest + bulge away. There f = |γ - x|²/2 has slope 0, and f'' <= |γ'|² + |γ - x| |γ''|:
    half a step from the foot is a sample at a distance of at most √(d² + gap² + (d + gap) 2 bulge/ARC²).
    """
    d = nearest + bulge
    return float(np.sqrt(d * d + gap * gap + (d + gap) * 2 * bulge / ARC**2) + bulge)


@compiled
def _choose_arcs(
    points: Floats, chords: Floats, bulge: float, gap: float, square: Floats, chosen: Floats, number: Ints
) -> int:
    """Find the arcs that may hold the sample nearest to one of the points, which lie together; returns how many."""
    low_x = high_x = points[0, 0]
    low_y = high_y = points[0, 1]
    for i in range(1, len(points)):
        low_x, high_x = min(low_x, points[i, 0]), max(high_x, points[i, 0])
        low_y, high_y = min(low_y, points[i, 1]), max(high_y, points[i, 1])
    x, y = 0.5 * (low_x + high_x), 0.5 * (low_y + high_y)
    reach = np.sqrt((high_x - x) ** 2 + (high_y - y) ** 2)
    arcs = chords.shape[1]
    for a in range(arcs):
        dx, dy = x - chords[0, a], y - chords[1, a]
        t = min(max((dx * chords[2, a] + dy * chords[3, a]) * chords[4, a], 0.0), 1.0)
        dx, dy = dx - t * chords[2, a], dy - t * chords[3, a]
        square[a] = dx * dx + dy * dy
    least = square[0]
    for a in range(1, arcs):
        least = min(least, square[a])
    limit = (_limit(np.sqrt(least) + reach, bulge, gap) + reach) ** 2
    count = 0
    for a in range(arcs):
        # Whatever is not a number must not spoil the other points.
        if not square[a] > limit:
            for row in range(5):
                chosen[row, count] = chords[row, a]
            number[count] = a
            count += 1
    return count


@compiled
def _nearest_samples(
    points: Floats, samples: Floats, bulge: float, gap: float, chosen: Floats, number: Ints, count: int,
    square: Floats, best: Ints,
) -> None:  # fmt: skip
    """Find the sample nearest to each point, on the chosen arcs."""
    for i in range(len(points)):
        x, y = points[i, 0], points[i, 1]
        for a in range(count):
            dx, dy = x - chosen[0, a], y - chosen[1, a]
            t = min(max((dx * chosen[2, a] + dy * chosen[3, a]) * chosen[4, a], 0.0), 1.0)
            dx, dy = dx - t * chosen[2, a], dy - t * chosen[3, a]
            square[a] = dx * dx + dy * dy
        least = square[0]
        for a in range(1, count):
            least = min(least, square[a])
        limit = _limit(np.sqrt(least), bulge, gap) ** 2
        found, nearest = 0, np.inf
        for a in range(count):
            if not square[a] > limit:
                for j in range(ARC * number[a], ARC * (number[a] + 1)):
                    dx, dy = x - samples[6, j], y - samples[7, j]
                    here = dx * dx + dy * dy
                    # Without a branch, which the processor could not foresee.
                    found = j if here < nearest else found
                    nearest = here if here < nearest else nearest
        best[i] = found


@compiled
def distances(
    points: Floats, center: Floats, radius: float, modes: Floats, samples: Floats, chords: Floats, bulge: float,
    gap: float,
) -> Floats:  # fmt: skip
    """Signed distance at points (n, 2), shape (n,); the sign is that of `levels`."""
    arcs = chords.shape[1]
    found = np.empty(len(points))
    square, chosen, number = np.empty(arcs), np.empty((5, arcs)), np.empty(arcs, dtype=np.int64)
    run, best = np.empty((RUN, 2)), np.empty(RUN, dtype=np.int64)
    for begin in range(0, len(points), RUN):
        local = run[: min(RUN, len(points) - begin)]
        for i in range(len(local)):
            local[i, 0], local[i, 1] = points[begin + i, 0] - center[0], points[begin + i, 1] - center[1]
        count = _choose_arcs(local, chords, bulge, gap, square, chosen, number)
        _nearest_samples(local, samples, bulge, gap, chosen, number, count, square, best)
        _feet(local, best, radius, modes, samples, found[begin : begin + len(local)])
    return found
