"""Every norm: its facts as columns, and what rules rest on, checked on random matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

from symgrad.language.norms import NORMS, MinimumModulus, OperatorNorm, SmallestSingularValue

EVERY = pytest.mark.parametrize("norm", NORMS.values(), ids=lambda norm: f"p={norm}")


def order(norm):
    return np.inf if norm.p == sp.oo else int(norm.p)


def draws(count=20):
    random = np.random.default_rng(5)
    for _ in range(count):
        rows, columns = random.integers(1, 5, 2)
        yield random, random.standard_normal((rows, columns)) * 10.0 ** random.uniform(-2, 2)


@EVERY
def test_the_dual_is_the_norm_of_the_transpose(norm):
    for _, matrix in draws():
        dual = order(NORMS[norm.dual])
        assert np.linalg.norm(matrix.T, dual) == pytest.approx(np.linalg.norm(matrix, order(norm)), rel=1e-12)
    assert NORMS[norm.dual].dual == norm.p


@EVERY
def test_the_atom_is_the_norm(norm):
    """The SymPy atom on explicit entries against numpy: the name says which sums are meant."""
    for _, matrix in draws(6):
        value = OperatorNorm(sp.Matrix(matrix.round(3)), norm.p)
        assert float(value.evalf(20)) == pytest.approx(np.linalg.norm(matrix.round(3), order(norm)), rel=1e-9)
    lines = {1: "column", 2: "spectral", np.inf: "row"}
    assert lines[order(norm)] in norm.name


@EVERY
def test_it_is_induced_by_the_vector_norm(norm):
    """No vector is stretched more, and of_vector is the vector norm of non-negative entries."""
    for random, matrix in draws():
        vectors = random.standard_normal((matrix.shape[1], 200))
        stretched = np.linalg.norm(matrix @ vectors, order(norm), axis=0)
        limit = np.linalg.norm(matrix, order(norm))
        assert (stretched <= limit * np.linalg.norm(vectors, order(norm), axis=0) * (1 + 1e-12)).all()
        entries = np.abs(vectors[:, 0]).round(3)
        exact = norm.of_vector([sp.Rational(str(entry)) for entry in entries])
        assert float(exact) == pytest.approx(np.linalg.norm(entries, order(norm)), rel=1e-12)


@EVERY
def test_it_is_sub_multiplicative_and_monotone_on_non_negative_matrices(norm):
    random = np.random.default_rng(6)
    for size in itertools.islice(itertools.cycle([1, 2, 3, 4]), 20):
        a, b = random.standard_normal((2, size, size))
        product = np.linalg.norm(a @ b, order(norm))
        assert product <= np.linalg.norm(a, order(norm)) * np.linalg.norm(b, order(norm)) * (1 + 1e-12)
        less, more = np.abs(a), np.abs(a) + np.abs(b)
        assert np.linalg.norm(less, order(norm)) <= np.linalg.norm(more, order(norm)) * (1 + 1e-12)


@EVERY
def test_a_diagonal_has_its_largest_entry_as_norm(norm):
    """What every rule about activations rests on; it would be false for, say, the Frobenius norm."""
    for random, _ in draws(5):
        entries = random.standard_normal(4)
        assert np.linalg.norm(np.diag(entries), order(norm)) == pytest.approx(np.abs(entries).max(), rel=1e-14)


@EVERY
def test_the_minimum_modulus_is_the_least_stretching(norm):
    for random, _ in draws():
        matrix = random.integers(-4, 5, (3, 3))
        value = float(MinimumModulus(sp.Matrix(matrix), norm.p).evalf(20))
        vectors = random.standard_normal((3, 500))
        stretched = np.linalg.norm(matrix @ vectors, order(norm), axis=0) / np.linalg.norm(vectors, order(norm), axis=0)
        assert value <= stretched.min() * (1 + 1e-12)
        if abs(np.linalg.det(matrix)) < 0.5:
            assert value == 0
        else:
            assert value == pytest.approx(1 / np.linalg.norm(np.linalg.inv(matrix), order(norm)), rel=1e-9)


def test_the_minimum_modulus_of_the_2_norm_is_the_smallest_singular_value():
    matrix = sp.Matrix([[3, 1], [0, 2]])
    assert MinimumModulus(matrix, 2) == SmallestSingularValue(matrix)
