"""Matrices whose answers are known by hand: bounds, and what verification observes, to the last digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

LINEAR = sg.models.elman("identity")
ORDERS = [1, 2, "inf"]
KS = [0, 1, 2, 5, 64, 1000]


def with_inputs(matrix):
    """Weights of a linear network: its Jacobian is the matrix at every step."""
    size = len(matrix)
    return {"W": np.asarray(matrix, dtype=float), "U": np.zeros((size, 1)), "b": np.zeros(size)}


def values(matrix, p=2, side="upper"):
    """The bound at every k of KS."""
    series = sg.product_bound(LINEAR, p, side=side).with_weights(with_inputs(matrix))
    return [float(series.at(k)) for k in KS]


def observed(matrix, p=2, side="upper", horizon=6):
    """The extreme norm that a search finds, for k = 1 ... horizon."""
    bound = sg.product_bound(LINEAR, p, side=side)
    check = sg.verify(bound, with_inputs(matrix), horizon=horizon, trajectories=5)
    assert check.verdict is sg.Verdict.OBSERVED
    return 10.0**check.log10_observed


@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize("p", ORDERS)
def test_permutations_and_signs_keep_every_norm(p, side):
    """Orthogonal with exact entries: both bounds are 1 for every k, and attained."""
    matrix = [[0, -1, 0], [0, 0, 1], [1, 0, 0]]
    assert values(matrix, p, side) == pytest.approx([1.0] * len(KS), rel=1e-14)
    assert observed(matrix, p, side) == pytest.approx(np.ones(6), rel=1e-12)


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_hadamard_matrix_scales_the_2_norm(side):
    """H of order 4 is twice an orthogonal matrix: bound and product are 2**k."""
    matrix = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    assert values(matrix, 2, side) == pytest.approx([2.0**k for k in KS], rel=1e-12)
    assert observed(matrix, 2, side) == pytest.approx(2.0 ** np.arange(1, 7), rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_rank_one(p):
    """u v^T with u = (1, 2), v = (3, 4): norms |u||v| by hand; the product is (v.u)**(k-1) u v^T."""
    u, v = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    norm = {1: 3 * 4, 2: math.sqrt(5) * 5, "inf": 2 * 7}[p]
    assert values(np.outer(u, v), p)[:4] == pytest.approx([float(norm) ** k for k in KS[:4]], rel=1e-13)
    assert observed(np.outer(u, v), p) == pytest.approx([norm * 11.0 ** (k - 1) for k in range(1, 7)], rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_diagonal(p):
    """Every norm is the largest entry, every minimum modulus the least, for every k."""
    matrix = np.diag([0.5, -2.0, 1.0])
    assert values(matrix, p) == pytest.approx([2.0**k for k in KS], rel=1e-13)
    assert values(matrix, p, "lower")[:5] == pytest.approx([0.5**k for k in KS[:5]], rel=1e-13)
    assert observed(matrix, p) == pytest.approx(2.0 ** np.arange(1, 7), rel=1e-12)
    assert observed(matrix, p, "lower") == pytest.approx(0.5 ** np.arange(1, 7), rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_nilpotent(p):
    """The shift has norm 1, so the bound is 1, while the product of 3 of them is zero."""
    shift = np.eye(3, k=1)
    assert values(shift, p) == pytest.approx([1.0] * len(KS), rel=1e-13)
    assert observed(shift, p).tolist() == pytest.approx([1, 1, 0, 0, 0, 0], rel=1e-12)
    assert values(shift, p, "lower") == [1.0] + [0.0] * (len(KS) - 1)


def test_the_nilpotent_matrix_of_the_false_theorem():
    """[[8, -16], [4, -8]] has spectral radius 0 and norm 20: the spectral radius bounds nothing."""
    matrix = np.array([[8.0, -16.0], [4.0, -8.0]])
    assert values(matrix, 2)[1] == pytest.approx(20.0, rel=1e-14)
    assert observed(matrix, 2, horizon=2).tolist() == pytest.approx([20, 0], abs=1e-9)


def test_a_jordan_block():
    """||J|| of [[a, 1], [0, a]] is (1 + sqrt(1 + 4 a^2)) / 2."""
    assert values([[0.5, 1], [0, 0.5]])[1] == pytest.approx((1 + math.sqrt(2)) / 2, rel=1e-14)
    assert values([[0.5, 1], [0, 0.5]], side="lower")[1] == pytest.approx((math.sqrt(2) - 1) / 2, rel=1e-12)


def test_a_normal_matrix_attains_the_bound_at_every_k():
    """A rotation by 3-4-5 times 10: normal with eigenvalues of modulus 50."""
    matrix = 10 * np.array([[3.0, -4.0], [4.0, 3.0]])
    assert values(matrix)[:4] == pytest.approx([50.0**k for k in KS[:4]], rel=1e-13)
    assert observed(matrix) == pytest.approx(50.0 ** np.arange(1, 7), rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_a_constructed_attaining_vector(p):
    """W maps v to 3 w, w to 3 v and shrinks what is orthogonal to both: norm 3 in every product."""
    v, w, z = np.array([1.0, 1, 1, 1]) / 2, np.array([1.0, -1, 1, -1]) / 2, np.array([1.0, 1, -1, -1]) / 2
    matrix = 3 * np.outer(w, v) + 3 * np.outer(v, w) + 0.5 * np.outer(z, z)
    expected = np.linalg.norm(matrix, {1: 1, 2: 2, "inf": np.inf}[p])
    assert values(matrix, p)[1] == pytest.approx(expected, rel=1e-13)
    if p == 2:
        assert expected == pytest.approx(3, rel=1e-14)
        assert observed(matrix) == pytest.approx(3.0 ** np.arange(1, 7), rel=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_one_by_one(p):
    assert values([[-0.75]], p)[:5] == pytest.approx([0.75**k for k in KS[:5]], rel=1e-13)
    assert values([[-0.75]], p, "lower")[:5] == pytest.approx([0.75**k for k in KS[:5]], rel=1e-13)


@pytest.mark.parametrize("side", ["upper", "lower"])
@pytest.mark.parametrize("p", ORDERS)
def test_no_factor_and_one_factor(p, side):
    """The empty product is the identity; one factor is the Jacobian itself."""
    bound = sg.product_bound(LINEAR, p, side=side)
    assert bound.at(0) == 1
    assert bound.at(1) == bound.rate
    assert bound.evaluate(with_inputs([[2.0, 1.0], [0.0, 3.0]]), 0) == 1.0


def test_a_shear_of_two_states_grows_linearly():
    """G = [[1, 1], [0, 1]]: the k-th power is [[1, k], [0, 1]], its norms k + 1 and a square root."""
    a, b = sp.symbols("a b")
    model = sg.Recurrence({a: a + b, b: b})
    k = 7
    assert sg.product_bound(model, 1).at(k) == sg.product_bound(model, "inf").at(k).func(sp.Matrix([[1, k], [0, 1]]), 1)
    assert sg.product_bound(model, 1).at(k).doit() == k + 1
    assert sg.product_bound(model, "inf").at(k).doit() == k + 1
    spectral = sp.sqrt((k**2 + 2 + k * sp.sqrt(k**2 + 4)) / sp.Integer(2))
    assert abs(float(sg.product_bound(model, 2).evaluate({}, k)) - float(spectral)) <= 1e-12
    assert sg.product_bound(model, 2).vanishes == sp.false


def test_the_golden_ratio_is_the_rate_of_the_fibonacci_recurrence():
    """[[1, 1], [1, 0]]: symmetric, so the bound golden**k is attained."""
    a, b = sp.symbols("a b")
    bound = sg.product_bound(sg.Recurrence({a: a + b, b: a}))
    assert sp.simplify(bound.rate - sp.GoldenRatio.expand(func=True)) == 0
    assert float(bound.evaluate({}, 30)) == pytest.approx(float(sp.GoldenRatio) ** 30, rel=1e-12)


def test_a_slope_of_a_quarter_is_four_times_sharper_than_the_norm_alone():
    """The logistic network vanishes for ||W|| < 4: |sigma'| <= 1/4, where the bound ||W||**k asks for ||W|| < 1."""
    bound = sg.product_bound(sg.models.sigmoid_rnn())
    weights = {"W_rec": 2 * np.eye(2), "W_in": np.zeros((2, 1)), "b": np.zeros(2)}
    assert bound.evaluate(weights, 10) == 2.0**-10
    assert bound.horizon(0.001, weights) == 10
