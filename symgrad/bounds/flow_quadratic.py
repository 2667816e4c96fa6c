"""The logarithmic 2-norm of all Jacobians with slopes in intervals, by multipliers found in floats and then proved.

With ``J x = direct x + out w``, ``w = delta o z``, ``z = into x + inner w`` and ``w = m o z + e``, ``|e| <= r |z|``:
for any multipliers ``lambda > 0`` the form ``x^T J x + sum_k lambda_k (r_k^2 z_k^2 - e_k^2)`` is at least ``x^T J x``,
and quadratic in x and e. Its largest value for ``|x| = 1`` and any e is an eigenvalue, of which the least over the
multipliers is sought. This is the S-procedure; Boyd, El Ghaoui, Feron and Balakrishnan 1994, Linear Matrix Inequalities
in System and Control Theory, sec. 2.6.3 and 5.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray
from scipy.optimize import minimize

from symgrad.calculus.slope_form import SlopeForm
from symgrad.errors import InputError
from symgrad.rigor.balls import exact_ball
from symgrad.rigor.logarithmic_norms import logarithmic_norm
from symgrad.rigor.matrix_balls import midpoint_radius
from symgrad.rigor.positive_definite import is_positive_definite

__all__ = ["rate_from_multipliers"]

Array = NDArray[np.float64]

_LARGEST = 400  # entries of the states and slopes up to which multipliers are sought
_DECAYS = (1.0, 0.1, 0.01, 1e-4)
_SMOOTH = (1e-1, 1e-2, 1e-3)
_ROUNDS = 60
_INFEASIBLE = 1e100
_TINY = 1e-12
_WIDEST = 60.0  # of the logarithms of multipliers


@dataclass(frozen=True)
class _Centred:
    """``y = state x + errors e`` and ``z = seen x + chained e`` with ``|e| <= radius |z|``."""

    state: Any
    errors: Any
    seen: Any
    chained: Any
    radius: Any


def rate_from_multipliers(form: SlopeForm) -> Iterator[float]:
    """A float that no logarithmic 2-norm of a Jacobian of the form exceeds; none where no multipliers are found."""
    free = np.flatnonzero(form.low < form.high)
    if not 0 < free.size <= _LARGEST or form.size > _LARGEST:
        return
    centred = _in_balls(form, free)
    with np.errstate(all="ignore"):  # what overflows is no candidate
        multipliers = _found(_in_floats(centred), _depth(form)[free])
    if multipliers is not None and np.isfinite(multipliers).all():
        rate = _proved(centred, multipliers)
        if rate is not None:
            yield rate


def _depth(form: SlopeForm) -> Array:
    """How many diagonals stand before the one that a slope belongs to."""
    return np.repeat(np.arange(len(form.slots)), form.slots).astype(float)


def _in_balls(form: SlopeForm, free: NDArray[np.intp]) -> _Centred:
    """The form around the middle of the slopes; slopes that are known exactly leave no error."""
    ends = [(exact_ball(float(low)), exact_ball(float(high))) for low, high in zip(form.low, form.high, strict=True)]
    middle = [(low + high) / 2 for low, high in ends]
    radius = [((high - low) / 2).upper() for low, high in ends]
    count = form.count
    moved = [form.inner[i, j] * middle[j] for i in range(count) for j in range(count)]
    step = arb_mat(count, count, moved)
    solver, power = _identity(count), _identity(count)
    for _ in form.slots[1:]:  # nilpotent: the geometric series ends
        power = power * step
        solver = solver + power
    seen = solver * form.into
    chained = solver * form.inner
    slopes = _diagonal(middle)
    state = form.direct + form.out * slopes * seen
    errors = form.out * (_identity(count) + slopes * chained)
    spread = _diagonal([radius[int(k)] for k in free])
    return _Centred(state, _chosen(errors, None, free), _chosen(seen, free, None), _chosen(chained, free, free), spread)


def _chosen(matrix: Any, rows: Any, columns: Any) -> Any:
    rows = range(matrix.nrows()) if rows is None else map(int, rows)
    columns = list(range(matrix.ncols()) if columns is None else map(int, columns))
    return arb_mat([[matrix[i, j] for j in columns] for i in rows])


def _identity(size: int) -> Any:
    return _diagonal([arb(1)] * size)


def _diagonal(entries: list[arb]) -> Any:
    size = len(entries)
    return arb_mat(size, size, [entries[i] if i == j else arb(0) for i in range(size) for j in range(size)])


def _in_floats(centred: _Centred) -> _Centred:
    parts = (centred.state, centred.errors, centred.seen, centred.chained, centred.radius)
    state, errors, seen, chained, radius = (midpoint_radius(part)[0] for part in parts)
    return _Centred(state, errors, seen, chained, np.diag(radius))


# --- the search, in floats ----------------------------------------------------------


def _found(form: _Centred, depth: Array) -> Array | None:
    """Multipliers that make the eigenvalue about as small as can be."""
    seen = np.maximum(form.radius * np.linalg.norm(form.seen, axis=1), _TINY)
    balance = np.log(np.maximum(np.linalg.norm(form.errors, axis=0), _TINY) / (2 * seen))
    starts = [balance + np.log(decay) * depth for decay in _DECAYS]
    start = next((logs for logs in starts if _value(form, logs, 1.0)[0] < _INFEASIBLE), None)
    if start is None:
        return None
    scale = max(1.0, float(np.abs(form.state).max()))
    for smooth in _SMOOTH:
        found = minimize(
            lambda logs, width=smooth * scale: _value(form, logs, width),
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _ROUNDS},
        )
        start = found.x if found.fun < _INFEASIBLE else start
    return np.exp(np.clip(start, -_WIDEST, _WIDEST))


def _value(form: _Centred, logs: Array, width: float) -> tuple[float, Array]:
    """A smooth maximum of the eigenvalues, and its gradient by the logarithms of the multipliers."""
    multipliers = np.exp(np.clip(logs, -_WIDEST, _WIDEST))
    weight = multipliers * form.radius**2
    cost = np.diag(multipliers) - form.chained.T @ (weight[:, None] * form.chained)
    cross = form.errors / 2 + form.seen.T @ (weight[:, None] * form.chained)
    try:
        np.linalg.cholesky(cost)
    except np.linalg.LinAlgError:
        return _INFEASIBLE, np.zeros_like(logs)
    reply = np.linalg.solve(cost, cross.T)
    whole = (form.state + form.state.T) / 2 + form.seen.T @ (weight[:, None] * form.seen) + cross @ reply
    values, vectors = np.linalg.eigh((whole + whole.T) / 2)
    shares = np.exp((values - values[-1]) / width)
    errors = reply @ vectors
    inside = form.seen @ vectors + form.chained @ errors
    slopes = (form.radius[:, None] ** 2 * inside**2 - errors**2) @ (shares / shares.sum())
    return float(values[-1] + width * np.log(shares.sum())), multipliers * slopes


# --- the proof, in balls ----------------------------------------------------------------


def _proved(form: _Centred, multipliers: Array) -> float | None:
    """The eigenvalue for given multipliers, rounded up; None where it is not proved to be one."""
    exact = _diagonal([exact_ball(float(value)) for value in multipliers])
    weight = exact * form.radius * form.radius
    cost = exact - form.chained.transpose() * weight * form.chained
    cross = form.errors * arb(0.5) + form.seen.transpose() * weight * form.chained
    try:
        if not _is_definite(cost):
            return None
        whole = form.state + form.seen.transpose() * weight * form.seen + cross * cost.solve(cross.transpose())
        mid, radius = midpoint_radius(whole)
    except (ZeroDivisionError, InputError):  # no solution in balls, or one beyond the floats
        return None
    return logarithmic_norm(mid, 2, radius=radius).upper


def _is_definite(cost: Any) -> bool:
    """Whether a symmetric matrix in balls is proved positive definite."""
    mid, radius = midpoint_radius(cost)
    spread = radius + radius.T + np.abs(mid - mid.T)  # twice what is needed: rounding does not matter
    return is_positive_definite((mid + mid.T) / 2, spread)
