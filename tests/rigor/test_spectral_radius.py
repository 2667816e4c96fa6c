"""Bounds of spectral radii against NumPy, mpmath and values known in closed form."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import ball_matrix, point_matrix
from symgrad.rigor.spectral_radius import spectral_radius_bounds

ENTRIES = st.floats(-4, 4).map(lambda x: round(x, 3))
SQUARES = st.integers(2, 5).flatmap(lambda n: arrays(np.float64, (n, n), elements=ENTRIES))


def bounds(array):
    return spectral_radius_bounds(point_matrix(np.asarray(array, dtype=np.float64)))


def reference(array):
    """The spectral radius to 60 digits by the QR algorithm of mpmath."""
    with mpmath.workdps(60):
        values = mpmath.eig(mpmath.matrix(np.asarray(array).tolist()), left=False, right=False)
        return max(abs(value) for value in values)


def between(low, value, high, slack):
    """Whether low <= value <= high, up to what the reference may be wrong by."""
    ends = [mpmath.mpf(str(end.str(40, radius=False))) for end in (low, high)]
    return ends[0] - slack <= value <= ends[1] + slack


@given(SQUARES)
@settings(max_examples=60, deadline=None)
def test_encloses_the_largest_modulus(array):
    low, high = bounds(array)
    assert low <= high
    assert between(low, reference(array), high, slack=1e-9)
    assert high - low <= arb(10) ** -8 * (1 + high)


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (np.eye(3) + np.eye(3, k=1), 1.0),
        (0.5 * np.eye(12) + np.eye(12, k=1), 0.5),
        ([[0.0, -1.0], [1.0, 0.0]], 1.0),
        (np.roll(np.eye(7), 1, axis=0), 1.0),
        (-0.25 * np.eye(40), 0.25),
        ([[8.0, -16.0], [4.0, -8.0]], 0.0),
        (np.eye(30, k=1), 0.0),
        ([[-0.1]], 0.1),
        (np.zeros((0, 0)), 0.0),
        (np.zeros((2, 2)), 0.0),
        ([[1e300, 0.0], [1.0, 1e-300]], 1e300),
    ],
)
def test_multiple_vanishing_and_extreme_eigenvalues(array, value):
    low, high = bounds(array)
    assert low <= arb(value) <= high
    assert high - low <= arb(1e-8) * high


def test_a_large_defective_matrix_falls_back_to_powers():
    low, high = bounds(0.7 * np.eye(20) + np.eye(20, k=1))
    assert low <= arb(0.7) <= high
    assert high - low < 1e-8


@pytest.mark.parametrize("n", [16, 48])
def test_random_matrices_agree_with_numpy(n):
    array = np.random.default_rng(n).standard_normal((n, n)) / np.sqrt(n)
    low, high = bounds(array)
    assert abs(float(low) - np.abs(np.linalg.eigvals(array)).max()) < 1e-12
    assert high - low < 1e-30


@given(SQUARES, st.floats(0, 1e-3))
@settings(max_examples=40, deadline=None)
def test_holds_for_every_matrix_within_the_balls(array, radius):
    low, high = spectral_radius_bounds(ball_matrix(array, np.full(array.shape, radius)))
    random = np.random.default_rng(1)
    for _ in range(5):
        inside = array + radius * random.choice([-1.0, 1.0, 0.0], array.shape)
        value = np.abs(np.linalg.eigvals(inside)).max()
        slack = 1e-3 if radius == 0 else 0.0  # of the float eigenvalues of defective matrices
        assert float(low) - slack - 1e-9 <= value + slack
        assert value <= float(high) + slack + 1e-6


def test_a_moved_bound_is_caught():
    low, high = bounds([[1.0, 1.0], [1.0, 0.0]])
    with working_precision(256):
        golden = (1 + arb(5).sqrt()) / 2
        assert low <= golden <= high
        assert not golden <= high * arb("0.99")
        assert not low * arb("1.01") <= golden


def test_zero_within_the_balls_is_not_taken_for_zero():
    low, high = spectral_radius_bounds(ball_matrix(np.zeros((2, 2)), np.full((2, 2), 0.5)))
    assert low == 0
    assert high >= 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.eye(2), "arb_mat is needed, not ndarray"),
        (arb_mat(2, 3), "square one is needed, not 2 by 3"),
        (arb_mat(1, 1, [arb.nan()]), "not finite"),
    ],
)
def test_bad_input_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        spectral_radius_bounds(given)
