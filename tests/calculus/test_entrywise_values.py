"""Moduli of entries, blocks and Perron vectors with numbers put in: every number system against numpy."""

import numpy as np
import pytest
import sympy as sp

from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator
from symgrad.calculus.explicit import ExplicitEvaluator
from symgrad.calculus.unit_ranges import IntervalEvaluator
from symgrad.language.entrywise import EntrywiseModulus, PerronRatio
from symgrad.language.norms import OperatorNorm, SpectralRadius
from symgrad.language.weights import Weights
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.rigor.balls import lower_float, upper_float

n, m = (sp.Symbol(name, integer=True, positive=True) for name in "nm")
A, B, S = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("B", n, m), sp.MatrixSymbol("S", m, m)
VALUES = {
    A: np.array([[1.0, -2.0], [0.5, 4.0]]),
    B: np.array([[-1.0, 0.0, 2.0], [4.0, -0.25, 1.0]]),
    S: np.array([[0.5, -1.0, 0.25], [2.0, 0.0, -1.0], [-0.5, 1.0, 1.0]]),
}
WEIGHTS = Weights(VALUES, {n: 2, m: 3})
BLOCKS = sp.BlockMatrix([[EntrywiseModulus(A), EntrywiseModulus(B) / 2], [sp.ZeroMatrix(m, n), EntrywiseModulus(S)]])
a, b, s = (np.abs(VALUES[symbol]) for symbol in (A, B, S))
EXPECTED = np.block([[a, b / 2], [np.zeros((3, 2)), s]])
FULL = sp.BlockMatrix([[EntrywiseModulus(A), EntrywiseModulus(B)], [EntrywiseModulus(B.T), EntrywiseModulus(S)]])
FULL_EXPECTED = np.block([[a, b], [b.T, s]])


def test_blocks_in_balls():
    found = BallEvaluator.of_weights(WEIGHTS).matrix(BLOCKS)
    assert np.array_equal([[float(entry) for entry in row] for row in found.tolist()], EXPECTED)


def test_blocks_in_floats():
    assert np.array_equal(ArrayEvaluator.of_weights(WEIGHTS).matrix(BLOCKS), EXPECTED)


def test_blocks_in_intervals():
    found = IntervalEvaluator(WEIGHTS, {}).matrix(BLOCKS)
    assert np.array_equal(found.low, EXPECTED)
    assert np.array_equal(found.high, EXPECTED)


def test_blocks_of_entries():
    found = ExplicitEvaluator([A, B, S], {n: 1, m: 1}).matrix(BLOCKS)
    entries = (sp.MatrixSymbol(name, 1, 1)[0, 0] for name in "ABS")
    x, y, z = (sp.Abs(entry) for entry in entries)
    assert found == sp.ImmutableDenseMatrix([[x, y / 2], [0, z]])


@pytest.mark.parametrize(("matrix", "expected"), [(BLOCKS, EXPECTED), (FULL, FULL_EXPECTED), (A, VALUES[A])])
def test_the_spectral_radius_is_enclosed(matrix, expected):
    ball = BoundEvaluator(WEIGHTS).ball(SpectralRadius(matrix))
    value = np.abs(np.linalg.eigvals(expected)).max()
    assert lower_float(ball) <= value * (1 + 1e-13)
    assert upper_float(ball) >= value * (1 - 1e-13)
    assert upper_float(ball) - lower_float(ball) < 1e-9


@pytest.mark.parametrize("p", [1, 2, sp.oo])
def test_the_perron_ratio_is_enclosed(p):
    ball = BoundEvaluator(WEIGHTS).ball(PerronRatio(FULL, p))
    numbers = PerronRatio(sp.ImmutableDenseMatrix(FULL_EXPECTED), p).evalf()
    assert lower_float(ball) <= float(numbers) * (1 + 1e-12)
    assert upper_float(ball) == pytest.approx(float(numbers), rel=1e-12)


def test_a_reducible_matrix_has_no_finite_ratio():
    assert upper_float(BoundEvaluator(WEIGHTS).ball(PerronRatio(BLOCKS, 2))) == np.inf


def test_the_norm_of_moduli_counts_every_sign():
    ball = BoundEvaluator(WEIGHTS).ball(OperatorNorm(EntrywiseModulus(A) - A, 1))
    assert float(ball) == 4.0


def test_explicit_entries_have_values():
    matrix = sp.ImmutableDenseMatrix([[0, -4], [1, 0]])
    assert EntrywiseModulus(matrix).doit() == sp.ImmutableDenseMatrix([[0, 4], [1, 0]])
    assert SpectralRadius(EntrywiseModulus(matrix)).doit() == 2
    assert sp.Abs(PerronRatio(EntrywiseModulus(matrix), sp.oo).evalf(40) - 2) < 1e-35
    assert PerronRatio(sp.ImmutableDenseMatrix([[2, 1], [0, 1]]), sp.oo).evalf() == sp.oo
    blocks = BLOCKS.xreplace({symbol: sp.ImmutableDenseMatrix(value) for symbol, value in VALUES.items()})
    assert float(SpectralRadius(blocks.xreplace({n: 2, m: 3})).evalf()) == pytest.approx(
        np.abs(np.linalg.eigvals(EXPECTED)).max()
    )


def test_a_norm_may_stand_within_a_matrix_and_outside_of_it():
    """rho(||A|| |A| + |A|^2) ||A||: the norm of A is a factor of the whole and of a term in the matrix."""
    size = OperatorNorm(A, 2)
    found = BoundEvaluator(WEIGHTS).ball(size * SpectralRadius(size * EntrywiseModulus(A) + EntrywiseModulus(A) ** 2))
    norm = np.linalg.norm(VALUES[A], 2)
    expected = norm * np.abs(np.linalg.eigvals(norm * a + a @ a)).max()
    assert lower_float(found) <= expected * (1 + 1e-12)
    assert upper_float(found) == pytest.approx(expected)
