"""Largest eigenvalues of Gram matrices against NumPy's decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.numerics import leading_values
from symgrad.numerics.backends import backend
from symgrad.numerics.leading_values import ArrayLeadingValues, LapackLeadingValues

TOLERANCE = 1e-6


@pytest.fixture(params=["iterated", "tridiagonal", "any library"])
def finder(request, monkeypatch):
    if request.param == "any library":
        return ArrayLeadingValues(backend(), TOLERANCE)
    monkeypatch.setattr(leading_values, "_TRIDIAGONAL", 20 if request.param == "iterated" else 160)
    return LapackLeadingValues(TOLERANCE)


def powers(matrix: np.ndarray, count: int) -> np.ndarray:
    """Gram matrices of the powers of a matrix, each scaled to a largest entry of 1."""
    product, grams = np.eye(len(matrix)), []
    for _ in range(count):
        product = matrix @ product
        product = product / np.abs(product).max()
        grams.append(product.T @ product)
    return np.array(grams)


def shifted(n: int) -> np.ndarray:
    return np.eye(n) / 2 + 2 * np.eye(n, k=1)


@pytest.mark.parametrize(
    "matrix",
    [shifted(40), np.eye(40, k=1), np.diag(10.0 ** -np.arange(0, 120, 3)), np.eye(40), np.zeros((40, 40)) + 1.0],
    ids=["growing Jordan block", "nilpotent", "graded", "identity", "rank 1"],
)
def test_many_at_once_whose_ranks_collapse(matrix: np.ndarray, finder) -> None:
    """What is left of an invariant space may be so small that its square underflows."""
    with np.errstate(invalid="ignore"):
        grams = np.nan_to_num(powers(matrix, 60))
    exact = np.linalg.eigvalsh(grams)[:, -1]
    lower, upper = finder(grams)
    assert (lower <= exact * (1 + 1e-12)).all()
    assert (exact <= upper * (1 + 1e-12) + 1e-300).all()
    assert (upper <= lower * (1 + 2 * TOLERANCE)).all()


def test_one_large_after_another(finder) -> None:
    random = np.random.default_rng(0)
    product = np.eye(120)
    for _ in range(20):
        product = random.normal(size=(120, 120)) @ product / 120**0.5
        lower, upper = finder((product.T @ product)[None])
        exact = np.linalg.norm(product, 2) ** 2
        assert lower[0] <= exact * (1 + 1e-12) <= upper[0] * (1 + 2e-12) <= lower[0] * (1 + 2 * TOLERANCE)


def test_directions_take_part_in_a_change_of_basis(finder) -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(200, 120)) * 0.97 ** np.arange(120)
    finder((matrix.T @ matrix)[None])
    basis = np.linalg.qr(np.linalg.svd(matrix)[2][:100].T)[0]
    finder.turn(basis[None])
    lower, upper = finder((basis.T @ matrix.T @ matrix @ basis)[None])
    exact = np.linalg.norm(matrix @ basis, 2) ** 2
    assert lower[0] <= exact * (1 + 1e-12) <= upper[0] * (1 + 2e-12) <= lower[0] * (1 + 2 * TOLERANCE)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_value_that_is_too_small_is_found_out(name: str) -> None:
    """The upper side rests on a factorisation, which fails for a bound below the largest eigenvalue."""
    pytest.importorskip(name)
    grams = np.diag(np.arange(1.0, 4.0))[None]
    chosen = backend(name)
    with chosen.scope():
        values = ArrayLeadingValues(chosen, TOLERANCE)
        assert values._is_above(chosen.asarray(grams), np.array([3.1]))
        assert not values._is_above(chosen.asarray(grams), np.array([2.9]))


def test_a_search_that_misses_the_largest_eigenvalue_is_done_again(monkeypatch) -> None:
    """The vectors to start with are orthogonal to the direction wanted, at first."""
    gram, calls = np.diag(np.linspace(1.0, 2.0, 120)), []

    class Blind(LapackLeadingValues):
        def _start(self, gram, place):
            calls.append(place)
            start = super()._start(gram, place)
            start[-1] *= len(calls) > 1
            return start

    lower, upper = Blind(TOLERANCE)(gram[None])
    assert len(calls) > 1
    assert 2 / (1 + TOLERANCE) <= lower[0] <= 2.0 * (1 + 1e-12)
    assert upper[0] * (1 + 1e-12) >= 2
