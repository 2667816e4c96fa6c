"""Joint spectral radii against published values, random products and properties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from flint import arb, arb_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from symgrad.bounds.ellipsoid_norm import ellipsoid_norm, largest_stretch
from symgrad.bounds.joint_spectral_radius import joint_spectral_radius, rate_of_product
from symgrad.bounds.word_products import Factors, Words, norms_above
from symgrad.errors import InputError
from symgrad.rigor.matrix_balls import point_matrix

GOLDEN = (1 + 5**0.5) / 2
PAIR = [[[1.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]]
SETS = st.integers(1, 4).flatmap(
    lambda n: arrays(np.float64, st.tuples(st.integers(1, 3), st.just(n), st.just(n)), elements=st.floats(-2, 2))
)


def exhaustive(matrices, length):
    """(max rho^(1/k), max ||.||^(1/length)) over all products, in floats."""
    low = 0.0
    for k in range(1, length + 1):
        for word in itertools.product(range(len(matrices)), repeat=k):
            product = np.linalg.multi_dot([matrices[i] for i in word]) if k > 1 else matrices[word[0]]
            low = max(low, np.abs(np.linalg.eigvals(product)).max() ** (1 / k))
            high = np.linalg.norm(product, 2)
    return low, high


def test_the_golden_pair_of_blondel_and_tsitsiklis():
    found = joint_spectral_radius(PAIR, gap=1e-9)
    assert found.lower <= GOLDEN <= found.upper
    assert found.gap < 1e-9
    assert sorted(found.product) == [0, 1]
    assert found.replay()


def test_the_example_of_gripenberg_1996():
    pair = np.array([[[3.0, 0.0], [1.0, 3.0]], [[3.0, -3.0], [0.0, -1.0]]]) / 5
    found = joint_spectral_radius(pair, gap=1e-4)
    assert 0.6596789 <= found.lower <= 0.6596924  # the published bracket
    assert found.lower <= found.upper <= 0.6597586


@pytest.mark.parametrize(
    ("matrices", "value"),
    [
        ([[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]], 1.0),  # each nilpotent, together not
        ([[[3.0]], [[-4.0]], [[2.0]]], 4.0),
        ([[[0.0, -2.0], [2.0, 0.0]]], 2.0),
        ([np.diag([1.0, 0.5]), np.diag([0.5, 2.0])], 2.0),
        ([np.zeros((3, 3))], 0.0),
    ],
)
def test_known_values(matrices, value):
    found = joint_spectral_radius(matrices, gap=1e-6)
    assert found.lower <= value <= found.upper
    assert found.lower == pytest.approx(value, rel=1e-12)
    assert found.upper == pytest.approx(value, rel=2e-6, abs=1e-100)


@given(SETS)
@settings(max_examples=25, deadline=None)
def test_contains_what_all_short_products_show(matrices):
    found = joint_spectral_radius(matrices, products=300, gap=1e-2)
    low, _ = exhaustive(matrices, 3)
    assert found.lower <= found.upper
    assert low <= found.upper * (1 + 1e-5) + 1e-4  # eigenvalues of defective products are inaccurate in floats
    assert found.replay()


@given(SETS, st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_long_products_grow_no_faster_than_the_upper_rate(matrices, seed):
    found = joint_spectral_radius(matrices, products=200)
    random = np.random.default_rng(seed)
    change, back = found.transform, np.linalg.inv(found.transform)
    constant = np.linalg.norm(change, 2) * np.linalg.norm(back, 2)
    product, logarithm = np.eye(matrices.shape[1]), 0.0
    for _ in range(200):
        product = matrices[random.integers(len(matrices))] @ product
        size = np.linalg.norm(product, 2)
        if size == 0:
            return
        product, logarithm = product / size, logarithm + np.log(size)
    # the largest factor may stand in front of, or behind, what the words cover
    slack = np.log(constant) + 60 * max(0.0, np.log(np.abs(matrices).sum() + 1) - np.log(found.upper + 1e-300))
    assert logarithm <= 200 * np.log(found.upper) + slack + 1e-6


def test_a_tightened_upper_rate_is_refuted_by_the_witness():
    found = joint_spectral_radius(PAIR, gap=1e-9)
    claim = 0.99 * found.upper
    assert rate_of_product([found.matrices[i] for i in found.product]) > claim


def test_a_wrong_transform_costs_sharpness_only():
    found = joint_spectral_radius(PAIR, transform=[[50.0, 1.0], [0.0, 1.0]], products=500)
    assert found.lower <= GOLDEN <= found.upper


def test_wide_balls_are_covered():
    wide = [arb_mat(2, 2, [arb(entry, 1e-3) for entry in np.ravel(matrix).tolist()]) for matrix in PAIR]
    found = joint_spectral_radius(wide, gap=1e-2)
    shifted = joint_spectral_radius([np.array(matrix) + 1e-3 for matrix in PAIR])
    smaller = joint_spectral_radius([np.array(matrix) - 1e-3 for matrix in PAIR])
    assert found.upper >= shifted.lower
    assert found.lower <= smaller.upper


@given(arrays(np.float64, st.tuples(st.just(3), st.integers(1, 6), st.just(6)), elements=st.floats(-1e3, 1e3)))
@settings(max_examples=40, deadline=None)
def test_norms_are_bounded_from_above_and_tightly(batch):
    above, exact = norms_above(batch), np.linalg.norm(batch, 2, axis=(1, 2))
    assert (above >= exact * (1 - 1e-14)).all()
    assert (above <= exact * (1 + 1e-11) + 1e-70).all()


def test_errors_of_products_cover_the_exact_ones():
    random = np.random.default_rng(3)
    matrices = [point_matrix(random.standard_normal((5, 5))) for _ in range(3)]
    factors = Factors.of(matrices, np.eye(5))
    words = Words.single(factors)
    for _ in range(2):
        words = words.extended(factors)
    scale = arb(factors.scale) ** 3
    for letters, product, error in zip(words.letters, words.matrices, words.errors, strict=True):
        exact = matrices[letters[2]] * matrices[letters[1]] * matrices[letters[0]]
        rest = [abs(a / scale - arb(b)).upper() for a, b in zip(exact.entries(), product.ravel().tolist(), strict=True)]
        assert max(rest) <= arb(float(error))


def test_the_ellipsoid_undoes_a_change_of_coordinates():
    random = np.random.default_rng(0)
    change = random.standard_normal((4, 4)) + 3 * np.eye(4)
    turns = np.linalg.qr(random.standard_normal((3, 4, 4)))[0]
    moved = change @ turns @ np.linalg.inv(change)
    assert largest_stretch(moved, np.eye(4)) > 1.2
    assert largest_stretch(moved, ellipsoid_norm(moved)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("matrices", "options", "message"),
    [
        ([], {}, "a sequence of square matrices"),
        (3, {}, "a sequence of square matrices"),
        ([np.eye(2), np.eye(3)], {}, "of one size"),
        ([np.ones((2, 3))], {}, "of one size"),
        ([np.eye(2)], {"gap": 0}, "gap: a positive number"),
        ([np.eye(2)], {"depth": 0}, "depth: a positive integer"),
        ([np.eye(2)], {"products": True}, "products: a positive integer"),
        ([np.eye(2)], {"transform": np.eye(3)}, r"transform: shape \(2, 2\)"),
        ([np.eye(2)], {"transform": np.ones((2, 2))}, "invertible"),
    ],
)
def test_bad_input_is_refused(matrices, options, message):
    with pytest.raises(InputError, match=message):
        joint_spectral_radius(matrices, **options)
