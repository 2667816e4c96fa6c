r"""The inequality that makes a rate hold in a quadratic norm, proved for given multipliers.

With the loop ``(y, z) = T (x, v)``, ``v = theta z``, ``|theta_i| <= 1`` of :mod:`symgrad.bounds.normal_loop`: if P is
positive definite, lambda >= 0 and

    diag(g^2 P, diag(lambda)) - T' diag(P, diag(lambda)) T   is positive definite,

then ``y'Py <= g^2 x'Px`` for every theta, since ``lambda_i (z_i^2 - v_i^2) >= 0`` (the S-procedure; Boyd, El Ghaoui,
Feron, Balakrishnan, *Linear Matrix Inequalities in System and Control Theory*, 1994, section 2.6.3).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.normal_loop import NormalLoop
from symgrad.rigor.positive_definite import congruence, is_positive_definite

__all__ = ["certified_rate", "least_rate", "proves_rate", "weighted"]

Array = NDArray[np.float64]

_ROUNDING = 2.0**-53
_LEAST = 2.0**-1000
# what is added to a rate, relatively, until it is proved
_MARGINS = (1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
# below this rate of a scaled loop, the square of the rate would leave the range in which rounding is bounded
_LEAST_RATE = 2.0**-200


def weighted(matrix: Array, multipliers: Array) -> Array:
    """``diag(P, diag(lambda))``.

    >>> weighted(np.eye(1), np.array([2.0])).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    states = len(matrix)
    whole = np.zeros((states + len(multipliers),) * 2)
    whole[:states, :states] = matrix
    places = np.arange(states, len(whole))
    whole[places, places] = multipliers
    return whole


def proves_rate(loop: NormalLoop, matrix: Array, multipliers: Array, rate: float) -> bool:
    """Whether the inequality is proved for all of the loop, given a scaled rate and any proposed P and lambda.

    Proved in floats with error bounds; nothing is assumed about where P and lambda come from.

    Args:
        loop: with n states and q units.
        matrix: P, (n, n) and symmetric.
        multipliers: lambda, (q,).
        rate: g, of T; that of the Jacobians is ``loop.scaled_rate(g)``.
    """
    shapes = matrix.shape == (loop.states,) * 2 and multipliers.shape == (loop.units,)
    if not (shapes and np.isfinite(matrix).all() and bool((multipliers >= 0).all()) and _LEAST_RATE <= rate < math.inf):
        return False
    if not (np.array_equal(matrix, matrix.T) and is_positive_definite(matrix)):
        return False
    return is_positive_definite(*_gap(loop, matrix, multipliers, rate))


def _gap(loop: NormalLoop, matrix: Array, multipliers: Array, rate: float) -> tuple[Array, Array]:
    """The matrix of the inequality: a midpoint and a radius."""
    weight = weighted(matrix, multipliers)
    with np.errstate(all="ignore"):
        taken, radius = congruence(weight, loop.mid, loop.radius)
        kept = weight.copy()
        kept[: loop.states, : loop.states] *= rate * rate
        mid = kept - taken
        spread = (radius + 4 * _ROUNDING * np.abs(kept) + 2 * _ROUNDING * np.abs(mid)) * (1 + 2.0**-40)
        return mid, spread + _LEAST


def least_rate(loop: NormalLoop, matrix: Array, multipliers: Array) -> float:
    """About the least scaled rate for given P and lambda, by a Schur complement; inf where there is none.

    >>> from symgrad.bounds.normal_loop import NormalLoop
    >>> loop = NormalLoop(np.array([[0.5, 0.5], [1.0, 0.0]]), np.zeros((2, 2)), 1, 0, np.array([0]), np.ones(1), 1)
    >>> round(least_rate(loop, np.eye(1), np.array([0.5])), 6)
    1.0
    """
    states = loop.states
    with np.errstate(all="ignore"):
        taken = loop.mid.T @ weighted(matrix, multipliers) @ loop.mid
        try:
            factor = np.linalg.cholesky(np.diag(multipliers) - taken[states:, states:])
            half = np.linalg.solve(factor, taken[states:, :states])
            whole = taken[:states, :states] + half.T @ half
            root = np.linalg.cholesky(matrix)
            whole = np.linalg.solve(root, np.linalg.solve(root, (whole + whole.T) / 2).T)
            square = np.linalg.eigvalsh((whole + whole.T) / 2)[-1]
        except (np.linalg.LinAlgError, ValueError):
            return math.inf
    return math.sqrt(max(float(square), 0.0))


def certified_rate(loop: NormalLoop, matrix: Array, multipliers: Array) -> float:
    """The least scaled rate a little above that of the floats which is proved; inf where none is."""
    least = max(least_rate(loop, matrix, multipliers), 2 * _LEAST_RATE)
    if not math.isfinite(least):
        return math.inf
    return next(
        (rate for margin in _MARGINS if proves_rate(loop, matrix, multipliers, rate := least * (1 + margin))), math.inf
    )
