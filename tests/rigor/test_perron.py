"""Perron vectors and the ratio of their entries, against numpy and against norms of powers."""

import math

import numpy as np
import pytest
from flint import arb_mat
from hypothesis import given
from hypothesis import strategies as st

from symgrad.errors import InputError
from symgrad.rigor.balls import lower_float, upper_float
from symgrad.rigor.matrix_balls import point_matrix
from symgrad.rigor.perron import perron_ratio, perron_vector


def positive(size, seed):
    return np.random.default_rng(seed).uniform(0.1, 1.0, (size, size))


@given(st.integers(2, 5), st.integers(0, 99))
def test_the_vector_is_that_of_numpy(size, seed):
    matrix = positive(size, seed)
    values, vectors = np.linalg.eig(matrix)
    expected = np.abs(vectors[:, np.argmax(values.real)])
    found = np.array([float(entry.mid()) for entry in perron_vector(point_matrix(matrix))])
    np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-10)


@pytest.mark.parametrize("p", [1, 2, math.inf])
@given(seed=st.integers(0, 99))
def test_powers_stay_below_the_ratio_times_the_rate(p, seed):
    matrix = positive(4, seed)
    ratio = upper_float(perron_ratio(point_matrix(matrix), p))
    rate = np.abs(np.linalg.eigvals(matrix)).max()
    powers = [np.linalg.norm(np.linalg.matrix_power(matrix, k), p) / rate**k for k in range(1, 12)]
    assert max(powers) <= ratio * (1 + 1e-12)


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_a_smaller_ratio_is_exceeded(p):
    """[[0, 4], [1, 0]]: one factor is 4/2, the ratio in every norm is 2."""
    matrix = np.array([[0.0, 4.0], [1.0, 0.0]])
    ratio = perron_ratio(point_matrix(matrix), p)
    assert lower_float(ratio) <= 2 <= upper_float(ratio)
    assert np.linalg.norm(matrix, p) / 2 > 0.99 * lower_float(ratio)


@pytest.mark.parametrize(
    "matrix",
    [[[2, 1], [0, 1]], [[1, 0], [0, 1]], [[0, 1], [0, 0]], [[0, 0], [0, 0]], [[math.nan, 1], [1, 1]]],
    ids=["reducible", "several", "nilpotent", "zero", "not a number"],
)
def test_nothing_is_claimed_without_positive_vectors(matrix):
    matrix = arb_mat(matrix)
    assert perron_vector(matrix) is None
    assert all(upper_float(perron_ratio(matrix, p)) == math.inf for p in (2, math.inf))


def test_one_entry_has_ratio_one():
    assert all(perron_ratio(arb_mat([[0]]), p) == 1 for p in (1, 2, math.inf))


def test_another_norm_is_refused():
    with pytest.raises(InputError, match="1, 2 or inf"):
        perron_ratio(arb_mat([[1]]), 3)
