"""Enclosures of all eigenvalues against closed forms, NumPy and mpmath."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from flint import acb, arb, arb_mat

import symgrad as sg
from symgrad.rigor.balls import working_precision
from symgrad.rigor.exact_eigenvalues import exact_eigenvalues
from symgrad.rigor.spectrum import enclosed_spectrum, largest_modulus, largest_real_part

TINY = arb(0, 1e-30)


def _blurred(rows: list[list[float]]) -> arb_mat:
    return arb_mat([[arb(entry) + TINY for entry in row] for row in rows])


def _matched(values: tuple[acb, ...], expected: list[complex]) -> bool:
    """Whether each expected number lies in a ball of its own."""
    free = list(values)
    for number in expected:
        holding = [ball for ball in free if ball.contains(acb(number.real, number.imag))]
        if not holding:
            return False
        free.remove(min(holding, key=lambda ball: float(ball.rad())))
    return not free


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 1], [0, 1]], [1, 1]),
        ([[2, 1, 0], [0, 2, 1], [0, 0, 2]], [2, 2, 2]),
        ([[0, -1], [1, 0]], [1j, -1j]),
        ([[3, 0], [0, 3]], [3, 3]),
        ([[8, -16], [4, -8]], [0, 0]),
        ([[1, 2, 0], [0, 1, 0], [0, 0, -1]], [1, 1, -1]),
        ([[5]], [5]),
    ],
)
@pytest.mark.parametrize("exact", [True, False])
def test_defective_and_repeated_eigenvalues_are_all_there(
    rows: list[list[float]], expected: list[complex], exact: bool
) -> None:
    found = enclosed_spectrum(arb_mat(rows) if exact else _blurred(rows))
    assert _matched(found, [complex(value) for value in expected])
    assert all(float(ball.rad()) < (1e-30 if exact else 1e-7) for ball in found)


@pytest.mark.parametrize("size", [3, 8, 30, 64])
def test_random_matrices_agree_with_numpy(size: int) -> None:
    array = np.random.default_rng(size).normal(size=(size, size)) / size**0.5
    found = enclosed_spectrum(_blurred(array.tolist()))
    expected = np.linalg.eigvals(array)
    assert len(found) == size
    for value in expected:
        assert min(abs(complex(ball.mid()) - value) for ball in found) < 1e-11
    assert all(float(ball.rad()) < 1e-10 for ball in found)
    assert abs(float(largest_modulus(found).mid()) - np.abs(expected).max()) < 1e-11
    assert abs(float(largest_real_part(found).mid()) - expected.real.max()) < 1e-11


def _distance(ball: acb, exact: list[Any]) -> Any:
    """From the middle of a ball to the nearest of some numbers."""
    parts = [mpmath.mpf(part.mid().str(45, radius=False)) for part in (ball.real, ball.imag)]
    return min(abs(mpmath.mpc(*parts) - value) for value in exact)


def test_balls_hold_the_eigenvalues_at_50_digits_and_moved_ones_do_not() -> None:
    array = np.random.default_rng(7).normal(size=(5, 5))
    with mpmath.workdps(50), working_precision(160):
        exact, _ = mpmath.eig(mpmath.matrix(array.tolist()))
        for ball in enclosed_spectrum(_blurred(array.tolist())):
            assert _distance(ball, exact) <= 2 * float(ball.rad())
            moved = ball + arb(20 * float(ball.rad()))
            assert _distance(moved, exact) > 2 * float(moved.rad())


def test_every_matrix_within_the_balls_is_meant() -> None:
    found = enclosed_spectrum(arb_mat([[arb(0, 0.25), arb(1)], [arb(0), arb(3)]]))
    for corner in (-0.25, 0.0, 0.2):
        assert _matched(found, [3, complex(corner)])


def test_exact_eigenvalues_are_for_small_exact_matrices() -> None:
    assert exact_eigenvalues(_blurred([[1.0]])) is None
    assert exact_eigenvalues(arb_mat(np.eye(17).tolist())) is None
    assert exact_eigenvalues(arb_mat([[2.0**-300, 0], [0, 1]])) is None
    assert len(exact_eigenvalues(arb_mat([[0, 0], [0, 0]])) or []) == 2


@pytest.mark.parametrize("matrix", [3, arb_mat([[1, 2]]), arb_mat([[arb.pos_inf()]])])
def test_other_matrices_are_refused(matrix: object) -> None:
    with pytest.raises(sg.InputError, match="matrix"):
        enclosed_spectrum(matrix)
