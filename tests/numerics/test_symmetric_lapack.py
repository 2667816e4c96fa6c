"""Single symmetric matrices with LAPACK against NumPy's decompositions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.numerics import symmetric_lapack as module
from symgrad.numerics.symmetric_lapack import (
    inner_products,
    is_positive_definite_below,
    iterated_eigenvalue,
    largest_eigenvalue,
    orthonormal,
    pivoted_cholesky,
)


def columns(seed: int, rows: int, size: int, count: int, decay: float, dtype: str = "float64") -> np.ndarray:
    """(rows, size, count) with lengths that decay, mixed."""
    random = np.random.default_rng(seed)
    drawn = random.standard_normal((rows, size, count)) * decay ** np.arange(count)
    return (drawn @ np.linalg.qr(random.standard_normal((count, count)))[0]).astype(dtype)


def spoiled(gram: np.ndarray) -> np.ndarray:
    """With other numbers below the diagonal, which are not to be read."""
    return np.triu(gram) + np.tril(np.full_like(gram, 1e3), -1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("rows", "count"), [(7, 5), (5, 7), (100, 80), (600, 200)])
def test_inner_products(rows: int, count: int, dtype: str) -> None:
    given_columns = columns(0, rows, 3, count, 0.99, dtype)
    found = inner_products(given_columns)
    assert found.dtype == dtype
    expected = np.einsum("nbi,nbj->bij", given_columns, given_columns, dtype=np.float64)
    tolerance = 1e-13 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(np.triu(found), np.triu(expected), atol=tolerance * np.abs(expected).max())


def test_parts_of_columns_are_taken_as_they_lie() -> None:
    whole = columns(1, 90, 2, 100, 0.99)
    np.testing.assert_array_equal(inner_products(whole[:, :, :70]), inner_products(whole[:, :, :70].copy()))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 150), st.floats(0.3, 1.0))
def test_eigenvalues(seed: int, count: int, decay: float) -> None:
    gram = inner_products(columns(seed, count + 5, 1, count, decay))[0]
    exact = np.linalg.eigvalsh(gram, UPLO="U")[-1]
    assert largest_eigenvalue(spoiled(gram)) == pytest.approx(exact, rel=1e-12)
    start = np.random.default_rng(seed).standard_normal(count)
    value, vector = iterated_eigenvalue(spoiled(gram), start, 1e-8)
    assert value <= exact * (1 + 1e-12)
    assert np.linalg.norm(vector) == pytest.approx(1, rel=1e-9)
    full = np.triu(gram) + np.triu(gram, 1).T
    assert vector @ full @ vector == pytest.approx(value, rel=1e-9)
    assert is_positive_definite_below(exact * (1 + 1e-9), spoiled(gram))
    assert not is_positive_definite_below(exact * (1 - 1e-9), spoiled(gram))


def test_an_invariant_space_ends_the_iteration() -> None:
    value, vector = iterated_eigenvalue(np.diag([3.0, 2.0, 1.0]), np.array([0.0, 1.0, 0.0]), 1e-6)
    assert value == pytest.approx(2.0, rel=1e-15)
    np.testing.assert_allclose(np.abs(vector), [0, 1, 0])


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_multiples_of_the_identity(value: float) -> None:
    assert iterated_eigenvalue(value * np.eye(4), np.ones(4), 1e-6)[0] == pytest.approx(value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(0.3, 1.0), st.integers(0, 3))
def test_bases_from_pivoting(seed: int, count: int, decay: float, further: int) -> None:
    """The first j columns span what the first j from pivoting do, and leave out what these leave out."""
    gram = inner_products(columns(seed, count + 5, 1, count, decay))[0]
    full = np.triu(gram) + np.triu(gram, 1).T
    trapezoid, pivots = pivoted_cholesky(spoiled(gram), 1e-8 * np.trace(gram) / count)
    rank = trapezoid.shape[1]
    np.testing.assert_allclose(
        trapezoid @ trapezoid.T, full[np.ix_(pivots, pivots)], atol=1.001e-8 * np.trace(gram), rtol=0
    )
    wanted = min(count, rank + further)
    basis = orthonormal(trapezoid, pivots, wanted)
    np.testing.assert_allclose(basis.T @ basis, np.eye(wanted), atol=1e-7)
    for part in range(1, rank + 1):
        projected = basis[:, :part].T @ trapezoid[np.argsort(pivots), :part]
        np.testing.assert_allclose(
            np.square(projected).sum(axis=0), np.square(trapezoid[:, :part]).sum(axis=0), rtol=1e-6
        )
        left = np.trace(full) - np.trace(basis[:, :part].T @ full @ basis[:, :part])
        assert left <= np.square(trapezoid[:, part:]).sum() + 1.001e-8 * np.trace(gram)


def test_columns_that_are_nearly_dependent_are_orthogonalised_by_another_way(monkeypatch) -> None:
    """A lower triangle as Kahan's, whose columns are as long as pivoting makes them and nearly dependent."""
    sine, size = 0.3, 40
    cosine = np.sqrt(1 - sine**2)
    kahan = (np.diag(sine ** np.arange(size)) @ (np.eye(size) - cosine * np.triu(np.ones((size, size)), 1))).T
    called = []
    decompose = np.linalg.qr
    monkeypatch.setattr(module.np.linalg, "qr", lambda matrix: called.append(1) or decompose(matrix))
    basis = orthonormal(kahan, np.arange(size), size)
    assert called
    np.testing.assert_allclose(basis.T @ basis, np.eye(size), atol=1e-12)
