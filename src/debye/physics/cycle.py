"""The compiled loops of geometric multigrid: smoothing, transfer, V-cycle, and conjugate gradients around it.

Vectors hold all nodes of a level, flat, and are zero on the box. The arrays of `debye.physics.multigrid.Levels` hold
all levels one after another, so that a solve is one call: at 128² a V-cycle takes less time than a dozen calls from
Python.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import numpy as np

from debye.physics.compiled import compiled

FIRST, LAST = 1, 2
"""Sweeps over the special nodes before the colours and after them, and the other way round on the way up.

The coarse grids know nothing of the facet terms, so it is here that the error stays, and these nodes are few: against
one sweep, these three nearly halve the number of iterations where the permittivities jump by a factor of 1000.
"""

CHUNK = 2048
"""Nodes that a loop and the sum after it share, so that the sum finds them in the cache."""

CONVERGED, ITERATION_LIMIT, NOT_DEFINITE, NOT_FINITE = range(4)


# Indices are unsigned: numba then leaves out its test for indices counted from the end, which costs half the time.
ONE = np.uint64(1)


@compiled
def near2(x, i, n):
    """Sum of x over the neighbours of node i along one axis, 2-D; n nodes an axis."""
    return x[i - ONE] + x[i + ONE] + (x[i - n] + x[i + n])


@compiled
def far2(x, i, n):
    """The same over the neighbours along two axes, 2-D."""
    a, b = i - n, i + n
    return x[a - ONE] + x[a + ONE] + (x[b - ONE] + x[b + ONE])


@compiled
def near3(x, i, n, m):
    """Sum of x over the neighbours of node i along one axis, 3-D; m = n²."""
    return near2(x, i, n) + (x[i - m] + x[i + m])


@compiled
def middle3(x, i, n, m):
    """The same over those along two axes, 3-D."""
    return far2(x, i, n) + (near2(x, i - m, n) + near2(x, i + m, n))


@compiled
def far3(x, i, n, m):
    """The same over those along three axes, 3-D."""
    return far2(x, i - m, n) + far2(x, i + m, n)


@compiled
def line_start(line, n, dim):
    """First inner node of a line along the last axis, and whether it is black: 1 if the sum of its places is odd."""
    if dim == 2:
        return (line + 1) * n + 1, line % 2
    plane, row = line // (n - 2) + 1, line % (n - 2) + 1
    return (plane * n + row) * n + 1, (plane + row + 1) % 2


@compiled
def relax_colour(x, b, inverse, scale, stencil, dim, nodes, colour, step):
    """Gauss-Seidel on the nodes of one colour, in rising order for step = 1 and in falling order for -1.

    Nodes of one line and colour are no neighbours: their order does not matter.
    """
    near, middle, far = stencil[0], stencil[1], stencil[2]
    n, m, two = np.uint64(nodes), np.uint64(nodes * nodes), np.uint64(2)
    lines = (nodes - 2) ** (dim - 1)
    for counted in range(lines):
        start, black = line_start(counted if step == 1 else lines - 1 - counted, nodes, dim)
        stop = np.uint64(start + nodes - 2)
        first = np.uint64(start + (black != colour))
        if dim == 2 and middle == 0.0:
            for i in range(first, stop, two):
                if inverse[i] != 0.0:
                    x[i] = (b[i] - scale[i] * near * near2(x, i, n)) * inverse[i]
        elif dim == 2:
            for i in range(first, stop, two):
                if inverse[i] != 0.0:
                    around = near * near2(x, i, n) + middle * far2(x, i, n)
                    x[i] = (b[i] - scale[i] * around) * inverse[i]
        elif middle == 0.0:
            for i in range(first, stop, two):
                if inverse[i] != 0.0:
                    x[i] = (b[i] - scale[i] * near * near3(x, i, n, m)) * inverse[i]
        else:
            for i in range(first, stop, two):
                if inverse[i] != 0.0:
                    around = near * near3(x, i, n, m) + middle * middle3(x, i, n, m) + far * far3(x, i, n, m)
                    x[i] = (b[i] - scale[i] * around) * inverse[i]


@compiled
def relax_special(x, b, diagonal, special, own, step, times):
    """Gauss-Seidel on the special nodes with the numbers `own`, in rising or falling order, a number of times."""
    nodes, start, columns, entries = special
    for _ in range(times):
        for counted in range(own[1] - own[0]):
            s = own[0] + counted if step == 1 else own[1] - 1 - counted
            i = np.uint64(nodes[s])
            value = b[i]
            for k in range(np.uint64(start[s]), np.uint64(start[s + 1])):
                value -= entries[k] * x[np.uint64(columns[k])]
            x[i] = value / diagonal[i]


@compiled
def subtract_product(x, b, result, diagonal, scale, stencil, special, own, dim, nodes):
    """Result = b - A x; zero on the box if it was there."""
    near, middle, far = stencil[0], stencil[1], stencil[2]
    n, m = np.uint64(nodes), np.uint64(nodes * nodes)
    for line in range((nodes - 2) ** (dim - 1)):
        start, _ = line_start(line, nodes, dim)
        first, stop = np.uint64(start), np.uint64(start + nodes - 2)
        if dim == 2 and middle == 0.0:
            for i in range(first, stop):
                result[i] = b[i] - diagonal[i] * x[i] - scale[i] * near * near2(x, i, n)
        elif dim == 2:
            for i in range(first, stop):
                around = near * near2(x, i, n) + middle * far2(x, i, n)
                result[i] = b[i] - diagonal[i] * x[i] - scale[i] * around
        elif middle == 0.0:
            for i in range(first, stop):
                result[i] = b[i] - diagonal[i] * x[i] - scale[i] * near * near3(x, i, n, m)
        else:
            for i in range(first, stop):
                around = near * near3(x, i, n, m) + middle * middle3(x, i, n, m) + far * far3(x, i, n, m)
                result[i] = b[i] - diagonal[i] * x[i] - scale[i] * around
    places, begin, columns, entries = special
    for s in range(own[0], own[1]):
        place = np.uint64(places[s])
        value = b[place] - diagonal[place] * x[place]
        for k in range(np.uint64(begin[s]), np.uint64(begin[s + 1])):
            value -= entries[k] * x[np.uint64(columns[k])]
        result[place] = value


@compiled
def restrict(fine, coarse, dim, nodes):
    """Coarse = Pᵀ fine at the inner nodes; `nodes` along an axis of the fine grid."""
    n, m, two = np.uint64(nodes), np.uint64(nodes * nodes), np.uint64(2)
    nc = nodes // 2 + 1
    for line in range((nc - 2) ** (dim - 1)):
        start, _ = line_start(line, nc, dim)
        target = np.uint64(start)
        if dim == 2:
            i = np.uint64(2 * (line + 1) * nodes + 2)
            for _ in range(nc - 2):
                coarse[target] = fine[i] + 0.5 * near2(fine, i, n) + 0.25 * far2(fine, i, n)
                target, i = target + ONE, i + two
        else:
            plane, row = 2 * (line // (nc - 2) + 1), 2 * (line % (nc - 2) + 1)
            i = np.uint64((plane * nodes + row) * nodes + 2)
            for _ in range(nc - 2):
                total = fine[i] + 0.5 * near3(fine, i, n, m) + 0.25 * middle3(fine, i, n, m)
                coarse[target] = total + 0.125 * far3(fine, i, n, m)
                target, i = target + ONE, i + two


@compiled
def restrict_all(vector, dim, cells, first):
    """Pᵀ of the finest level's part of a vector on all levels, level by level."""
    for level in range(len(cells) - 1):
        fine, coarse = vector[first[level] : first[level + 1]], vector[first[level + 1] : first[level + 2]]
        restrict(fine, coarse, dim, cells[level] + 1)


@compiled
def prolong(coarse, fine, dim, nodes, line):
    """Fine += P coarse at the inner nodes; `nodes` along an axis of the fine grid; `line`: room for a coarse line."""
    nc = nodes // 2 + 1
    count, two = np.uint64(nc), np.uint64(2)
    for number in range((nodes - 2) ** (dim - 1)):
        start, _ = line_start(number, nodes, dim)
        if dim == 2:
            a, b = np.uint64((number + 1) // 2 * nc), np.uint64((number + 2) // 2 * nc)
            for j in range(count):
                line[j] = 0.5 * (coarse[a + j] + coarse[b + j])
        else:
            plane, row = number // (nodes - 2) + 1, number % (nodes - 2) + 1
            low, high = plane // 2 * nc, (plane + 1) // 2 * nc
            a, b = np.uint64((low + row // 2) * nc), np.uint64((low + (row + 1) // 2) * nc)
            c, d = np.uint64((high + row // 2) * nc), np.uint64((high + (row + 1) // 2) * nc)
            for j in range(count):
                line[j] = 0.25 * (coarse[a + j] + coarse[b + j] + (coarse[c + j] + coarse[d + j]))
        i = np.uint64(start)
        for j in range(np.uint64((nodes - 1) // 2)):
            fine[i] += 0.5 * (line[j] + line[j + ONE])
            i += two
        i = np.uint64(start + 1)
        for j in range(np.uint64((nodes - 2) // 2)):
            fine[i] += line[j + ONE]
            i += two


@compiled
def v_cycle(x, b, work, line, level_data, diagonal, inverse):
    """X = one V-cycle for A x = b from zero; b is overwritten on all levels but the finest."""
    dim, cells, first, stencil, scale, first_special, special = level_data
    last = len(cells) - 1
    for level in range(last):
        n = cells[level] + 1
        here, own = slice(first[level], first[level + 1]), (first_special[level], first_special[level + 1])
        below = slice(first[level + 1], first[level + 2])
        xl, bl = x[here], b[here]
        xl[:] = 0.0
        relax_special(xl, bl, diagonal[here], special, own, 1, FIRST)
        for colour in range(2):
            relax_colour(xl, bl, inverse[here], scale[here], stencil[level], dim, n, colour, 1)
        relax_special(xl, bl, diagonal[here], special, own, 1, LAST)
        subtract_product(
            xl, bl, work[here], diagonal[here], scale[here], stencil[level], special, own, dim, n
        )  # fmt: skip
        restrict(work[here], b[below], dim, n)
    # One inner node is left, in the middle of 3^d.
    middle = first[last] + (first[last + 1] - first[last]) // 2
    x[middle] = b[middle] / diagonal[middle]
    for level in range(last - 1, -1, -1):
        n = cells[level] + 1
        here, own = slice(first[level], first[level + 1]), (first_special[level], first_special[level + 1])
        below = slice(first[level + 1], first[level + 2])
        xl, bl = x[here], b[here]
        prolong(x[below], xl, dim, n, line)
        relax_special(xl, bl, diagonal[here], special, own, -1, LAST)
        for colour in range(1, -1, -1):
            relax_colour(xl, bl, inverse[here], scale[here], stencil[level], dim, n, colour, -1)
        relax_special(xl, bl, diagonal[here], special, own, -1, FIRST)


@compiled
def dot(a, b):
    """Σ a_i b_i in eight partial sums, so that the order of the additions is fixed and they overlap."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = len(a) - len(a) % 8
    for i in range(0, whole, 8):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
        s4 += a[i + 4] * b[i + 4]
        s5 += a[i + 5] * b[i + 5]
        s6 += a[i + 6] * b[i + 6]
        s7 += a[i + 7] * b[i + 7]
    for i in range(whole, len(a)):
        s0 += a[i] * b[i]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@compiled
def conjugate_gradients(right, x, rtol, most, level_data, diagonal, inverse):
    """Solve A x = right from zero until ‖right - A x‖ ≤ rtol ‖right‖; the number of iterations and a verdict."""
    dim, cells, first, stencil, scale, first_special, special = level_data
    n, size = cells[0] + 1, first[1]
    own = (0, first_special[1])
    z, b = np.zeros(first[-1]), np.zeros(first[-1])
    work, line = np.zeros(first[-1]), np.zeros(n)
    direction, product, nothing = np.zeros(size), np.zeros(size), np.zeros(size)
    residual = b[:size]
    residual[:] = right
    x[:] = 0.0
    square = dot(right, right)
    target = rtol * rtol * square
    before = 1.0
    if not np.isfinite(target):
        return 0, NOT_FINITE
    for iteration in range(most + 1):
        if square <= target:
            return iteration, CONVERGED
        if not np.isfinite(square):
            return iteration, NOT_FINITE
        if iteration == most:
            break
        v_cycle(z, b, work, line, level_data, diagonal, inverse)
        now = dot(residual, z[:size])
        if now <= 0.0:
            return iteration, NOT_DEFINITE
        share = now / before if iteration else 0.0
        for i in range(size):
            direction[i] = z[i] + share * direction[i]
        before = now
        subtract_product(
            direction, nothing, product, diagonal[:size], scale[:size], stencil[0], special, own, dim, n
        )  # fmt: skip
        # The product is -A p here.
        curvature = -dot(direction, product)
        if curvature <= 0.0:
            return iteration, NOT_DEFINITE
        length = now / curvature
        square = 0.0
        for begin in range(0, size, CHUNK):
            end = min(begin + CHUNK, size)
            for i in range(begin, end):
                x[i] += length * direction[i]
                residual[i] += length * product[i]
            square += dot(residual[begin:end], residual[begin:end])
    return most, ITERATION_LIMIT
