"""Zeros and eigenvalues enclosed by the operator of Krawczyk, against mpmath and known values."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from flint import acb_mat, arb, arb_mat

from symgrad.rigor.balls import working_precision
from symgrad.rigor.eigenvalues import enclosed_eigenvalue
from symgrad.rigor.krawczyk import krawczyk_zero
from symgrad.rigor.matrix_balls import point_matrix


@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_an_eigenvalue_is_that_of_mpmath(n: int) -> None:
    matrix = np.random.default_rng(n).normal(size=(n, n))
    values, vectors = np.linalg.eig(matrix)
    place = int(np.argmax(np.abs(values)))
    with working_precision(160):
        found = enclosed_eigenvalue(point_matrix(matrix), complex(values[place]), vectors[:, place])
    assert found is not None
    assert found.real.rad() < 1e-30
    with mpmath.workdps(40):
        exact = min(mpmath.eig(mpmath.matrix(matrix.tolist()))[0], key=lambda z: abs(z - mpmath.mpc(values[place])))
        middle = mpmath.mpc(str(found.real.mid().str(40, radius=False)), str(found.imag.mid().str(40, radius=False)))
        assert abs(middle - exact) < mpmath.mpf(10) ** -30


def test_the_eigenvalue_of_every_matrix_within_the_balls_is_enclosed() -> None:
    centre, spread = np.array([[2.0, 1.0], [1.0, -1.0]]), 1e-6
    balls = arb_mat(2, 2, [arb(entry, spread) for entry in centre.ravel().tolist()])
    values, vectors = np.linalg.eig(centre)
    found = enclosed_eigenvalue(balls, complex(values[0]), vectors[:, 0])
    assert found is not None
    random = np.random.default_rng(0)
    for _ in range(20):
        inside = centre + random.uniform(-spread, spread, (2, 2)) * 0.999
        assert found.real.overlaps(arb(float(np.linalg.eigvals(inside)[0].real), 1e-13))


def test_nothing_is_claimed_of_a_multiple_eigenvalue_or_far_from_one() -> None:
    with working_precision(128):
        assert enclosed_eigenvalue(arb_mat([[2, 1], [0, 2]]), 2.0, np.array([1.0, 0.0])) is None
        assert enclosed_eigenvalue(arb_mat([[2, 0], [0, 2]]), 2.0, np.array([1.0, 1.0])) is None


def test_where_there_is_no_zero_none_is_found() -> None:
    with working_precision(128):
        found = krawczyk_zero(lambda x: x * x[0, 0] + arb_mat([[1]]), lambda x: 2 * x, arb_mat([[0.5]]))
        assert found is None
        assert krawczyk_zero(lambda x: x * x[0, 0], lambda x: 2 * x, arb_mat([[0]])) is None


def test_a_complex_zero_is_enclosed() -> None:
    with working_precision(128):
        one = acb_mat(arb_mat([[1]]))
        found = krawczyk_zero(lambda z: z * z[0, 0] + one, lambda z: 2 * z, acb_mat([[0.1 + 0.9j]]))
    assert found is not None
    assert found[0, 0].contains(1j)
