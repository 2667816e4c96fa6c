"""Enclosures of logarithmic norms against mpmath, against their definition as a limit, and at the edges of float64."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from symgrad.errors import InputError
from symgrad.rigor.logarithmic_norms import logarithmic_norm

P = pytest.mark.parametrize("p", [1, 2, math.inf])
numbers = st.floats(-1e3, 1e3, allow_subnormal=True)


def exact(matrix, p):
    """The logarithmic norm of exact float64 entries to 60 digits."""
    with mpmath.workdps(60):
        return of_entries(mpmath.matrix(matrix.tolist()), p)


def of_entries(entries, p):
    """The same of an mpmath matrix, at the digits set there."""
    if p == 2:
        return max(mpmath.eigsy((entries + entries.T) / 2, eigvals_only=True))
    lines, size = (entries.T if p == 1 else entries), entries.rows
    return max(lines[i, i] + sum(abs(lines[i, j]) for j in range(size) if j != i) for i in range(size))


@P
@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 5), data=st.data())
def test_it_encloses_the_value(p, size, data):
    matrix = data.draw(arrays.arrays(np.float64, (size, size), elements=numbers))
    found, value = logarithmic_norm(matrix, p), exact(matrix, p)
    slack = mpmath.mpf(10) ** -45 * (1 + abs(value))
    assert found.lower <= value + slack
    assert value - slack <= found.upper
    assert found.upper - found.lower <= 2e-14 * max(np.abs(matrix).sum(), 1e-300)


@P
@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 4), data=st.data())
def test_with_a_radius_it_encloses_every_matrix_within(p, size, data):
    matrix = data.draw(arrays.arrays(np.float64, (size, size), elements=numbers))
    radius = np.abs(data.draw(arrays.arrays(np.float64, (size, size), elements=st.floats(0, 10))))
    found = logarithmic_norm(matrix, p, radius=radius)
    for corner in data.draw(st.lists(arrays.arrays(np.int8, (size, size), elements=st.integers(-1, 1)), max_size=4)):
        with mpmath.workdps(60):
            near = mpmath.matrix(matrix.tolist()) + mpmath.matrix((corner * radius).tolist())
            value = of_entries(near, p)
        assert found.lower - 1e-30 <= value <= found.upper + 1e-30


@P
@pytest.mark.parametrize("size", [2, 40, 150])
def test_it_is_the_derivative_of_the_norm_of_the_identity_moved(p, size):
    matrix = np.random.default_rng(size).standard_normal((size, size)) / math.sqrt(size)
    step = 1e-7
    quotient = (np.linalg.norm(np.eye(size) + step * matrix, p) - 1) / step
    found = logarithmic_norm(matrix, p)
    assert found.upper - found.lower < 1e-12
    assert quotient == pytest.approx(found.upper, abs=2e-5)


def test_known_values():
    assert logarithmic_norm(-3 * np.eye(4)).upper == -3
    assert logarithmic_norm(np.diag([-1.0, -0.1])).upper == -0.1
    skew = np.array([[-0.5, 7.0], [-7.0, -0.5]])
    assert logarithmic_norm(skew).upper == -0.5
    assert logarithmic_norm(skew, 1).upper == 6.5
    assert logarithmic_norm(np.zeros((3, 3))).upper == 0
    assert logarithmic_norm(np.zeros((0, 0))).upper == -math.inf


@P
def test_at_the_edges_of_float64(p):
    tiny = np.full((2, 2), 5e-324)
    assert logarithmic_norm(tiny, p).lower <= 1e-323 <= logarithmic_norm(tiny, p).upper <= 2e-323
    huge = logarithmic_norm(np.full((3, 3), 1.7e308), p)
    assert huge.upper == math.inf
    apart = np.array([[1e300, 1.0], [1.0, -1e-300]])
    assert logarithmic_norm(apart, p).lower <= 1e300 <= logarithmic_norm(apart, p).upper <= 1e300 * (1 + 1e-15)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (dict(matrix=np.ones((2, 3))), r"matrix: the logarithmic norm needs a square matrix, got shape \(2, 3\)"),
        (dict(matrix=np.eye(2), p=3), "p: 3 was given; accepted are 1, 2 and inf"),
        (dict(matrix=np.eye(2), p="fro"), "p: 'fro' was given"),
        (dict(matrix=np.eye(2), radius=-np.eye(2)), "radius: the negative entry"),
    ],
)
def test_bad_input(given_, words):
    with pytest.raises(InputError, match=words):
        logarithmic_norm(**given_)
