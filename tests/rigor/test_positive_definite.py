"""Proofs of positive definiteness against exact rational elimination, near the edge and at any scale."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from symgrad.errors import InputError
from symgrad.rigor.positive_definite import congruence, is_positive_definite


def exact(matrix):
    return [[Fraction(x) for x in row] for row in matrix.tolist()]


def definite(rows):
    """Whether a rational symmetric matrix is positive definite: every pivot of its elimination is positive."""
    rows = [list(row) for row in rows]
    for k in range(len(rows)):
        if rows[k][k] <= 0:
            return False
        for i in range(k + 1, len(rows)):
            ratio = rows[i][k] / rows[k][k]
            rows[i] = [a - ratio * b for a, b in zip(rows[i], rows[k], strict=True)]
    return True


def rotated(rng, eigenvalues):
    q = np.linalg.qr(rng.standard_normal((len(eigenvalues),) * 2))[0]
    matrix = (q * eigenvalues) @ q.T
    return (matrix + matrix.T) / 2


entries = st.floats(-4, 4).map(lambda x: float(np.float32(x)))


@given(hnp.arrays(np.float64, (3, 3), elements=entries), st.sampled_from([0.0, 1e-15, 1e-12, 1e-6, 1.0]))
@settings(max_examples=200)
def test_what_is_proved_is_definite(matrix, shift):
    symmetric = matrix @ matrix.T + shift * np.eye(3)
    for candidate in ((symmetric + symmetric.T) / 2, (matrix + matrix.T) / 2):
        assert not is_positive_definite(candidate) or definite(exact(candidate))


@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(-16, 0), st.booleans(), st.integers(-400, 400))
@settings(max_examples=200)
def test_close_to_singular_at_any_scale(seed, n, power, negative, exponent):
    """The least eigenvalue is about 10^power times the largest, of either sign; rows are scaled at will."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.5, 1, n)
    values[0] = -(10.0**power) if negative else 10.0**power
    scales = 2.0 ** rng.integers(-40, 40, n)
    matrix = rotated(rng, values) * scales[:, None] * scales * 2.0**exponent
    proved = is_positive_definite(matrix)
    assert not proved or definite(exact(matrix))
    assert proved or negative or power < -13


@given(hnp.arrays(np.float64, (2, 2), elements=entries), hnp.arrays(np.float64, (2, 2), elements=st.floats(0, 3)))
@settings(max_examples=200)
def test_every_corner_of_a_radius(matrix, radius):
    matrix, radius = matrix + matrix.T + 4 * np.eye(2), radius + radius.T
    if is_positive_definite(matrix, radius):
        for a, b, c in product((-1, 1), repeat=3):
            corner = exact(matrix)
            spread = exact(radius)
            signs = ((a, b), (b, c))
            assert definite([[corner[i][j] + signs[i][j] * spread[i][j] for j in range(2)] for i in range(2)])


def test_a_radius_that_reaches_the_edge_is_not_proved():
    matrix = rotated(np.random.default_rng(1), np.linspace(1, 2, 20))
    direction = np.linalg.eigh(matrix)[1][:, 0]
    push = np.abs(np.outer(direction, direction))
    assert not is_positive_definite(matrix, 1.0000001 * push)
    assert is_positive_definite(matrix, 1e-3 * push)


@pytest.mark.parametrize("n", [40, 256])
def test_large_matrices_close_to_the_edge(n):
    rng = np.random.default_rng(n)
    assert is_positive_definite(rotated(rng, np.geomspace(1e-11, 1, n)))
    values = np.linspace(1e-3, 1, n)
    values[0] = -1e-11
    assert not is_positive_definite(rotated(rng, values))


def test_nothing_is_proved_of_what_is_singular_or_not_finite():
    assert not is_positive_definite(np.ones((4, 4)))
    assert not is_positive_definite(np.zeros((2, 2)))
    assert not is_positive_definite([[np.nan, 0.0], [0.0, 1.0]])
    assert not is_positive_definite([[1.0, 0.0], [0.0, np.inf]])
    assert not is_positive_definite(np.eye(2), [[np.inf, 0.0], [0.0, 0.0]])
    assert is_positive_definite(np.eye(2) * 5e-324)
    assert is_positive_definite(np.diag([1e-300, 1e300]))
    assert is_positive_definite(np.zeros((0, 0)))


@pytest.mark.parametrize(
    ("matrix", "radius", "named"),
    [
        ([[1.0, 2.0]], None, "mid"),
        ([[1.0, 0.5], [0.25, 1.0]], None, "mid.*symmetric"),
        ([[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.1], [0.2, 0.0]], "radius.*symmetric"),
        ([[1.0]], [[-1.0]], "radius"),
        ([["a"]], None, "mid"),
    ],
)
def test_bad_input_is_named(matrix, radius, named):
    with pytest.raises(InputError, match=named):
        is_positive_definite(matrix, radius)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.integers(-200, 200))
@settings(max_examples=60)
def test_congruence_encloses_the_exact_product(seed, n, m, exponent):
    rng = np.random.default_rng(seed)
    middle = rng.standard_normal((n, n))
    middle = middle + middle.T
    factor = rng.standard_normal((n, m)) * 2.0**exponent
    spread = np.abs(factor) * 1e-9
    mid, radius = congruence(middle, factor, spread)
    shifted = factor + spread * rng.choice([-1, 1], spread.shape) * 0.999
    for inside, around in ((factor, congruence(middle, factor)), (shifted, (mid, radius))):
        q, t = exact(middle), exact(inside)
        for i, j in product(range(m), repeat=2):
            truth = sum(t[a][i] * q[a][b] * t[b][j] for a in range(n) for b in range(n))
            assert abs(truth - Fraction(around[0][i, j])) <= Fraction(around[1][i, j])
