"""Constants between weighted and plain norms: exact values for small cases, and safety where floats end."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.rigor.weighted_norms import diagonal_distortion, quadratic_distortion

P = (1, 2, math.inf)


def reached(inside, outside, signs):
    """The largest product of ``||x||_P^2`` over sign vectors and unit vectors: reached, so never above the constant."""
    return max(float(x @ inside @ x) for x in signs) * max(float(y @ outside @ y) for y in np.eye(len(outside)))


@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(-6, 1))
@settings(max_examples=60)
def test_quadratic_constants_are_reached_or_close(seed, n, power):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = (q * 10.0 ** np.linspace(0, power, n)) @ q.T
    matrix = (matrix + matrix.T) / 2
    inverse, signs = np.linalg.inv(matrix), np.array(list(product((-1.0, 1.0), repeat=n)))
    exact = {
        1: reached(inverse, matrix, signs),
        2: np.linalg.cond(matrix),
        math.inf: reached(matrix, inverse, signs),
    }
    for p in P:
        bound = float(quadratic_distortion(matrix, p)) ** 2
        assert exact[p] * (1 - 1e-8) <= bound <= n * np.linalg.cond(matrix) * (1 + 1e-8)
    assert float(quadratic_distortion(matrix, 2)) ** 2 == pytest.approx(exact[2], rel=1e-8)


def test_non_negative_matrices_have_the_exact_constant():
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    inverse = np.linalg.inv(matrix)
    assert float(quadratic_distortion(matrix, math.inf)) == pytest.approx(math.sqrt(7 * inverse.diagonal().max()))


def test_indefinite_and_singular_matrices_have_none():
    for matrix in (np.zeros((2, 2)), np.ones((2, 2))):
        assert not quadratic_distortion(matrix, 2).is_finite()


@pytest.mark.parametrize(("index", "p", "expected"), [
    (1, 1, 4), (1, 2, math.sqrt(17)), (1, math.inf, 5), (2, 1, math.sqrt(17)), (2, 2, 4),
    (2, math.inf, math.sqrt(17)), (math.inf, 1, 5), (math.inf, 2, math.sqrt(17)), (math.inf, math.inf, 4),
])  # fmt: skip
def test_diagonal_constants_by_hand(index, p, expected):
    assert float(diagonal_distortion(np.array([1.0, 4.0]), index, p)) == pytest.approx(expected)


def test_weights_at_the_ends_of_the_floats():
    assert float(diagonal_distortion(np.array([1e-300, 1.0]), 2, 2)) == pytest.approx(1e300)
    assert diagonal_distortion(np.array([1e-308, 1e308]), 2, 2).is_finite()
