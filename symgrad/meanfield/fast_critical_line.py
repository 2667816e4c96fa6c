"""The critical line of an activation in floats: all variances at which gradients keep their size, for many biases.

On the line ``sigma_w^2 = 1/E[phi'^2]``, and the variance q is a fixed point if ``sigma_b^2 = q - E[phi^2]/E[phi'^2]``.
Both are functions of q, so that one scan over q serves all values of sigma_b^2; what is left are scalar equations,
solved together by Newton's method inside brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.elementwise import Activation
from symgrad.meanfield.fast_means import fast_mean, fast_means
from symgrad.presentable import Presentable

__all__ = ["CriticalLineFloats", "critical_line_floats"]

Array = NDArray[np.float64]

_PER_DECADE = 8
_SMALLEST = 1e-6  # where a scan for sigma_b^2 = 0 begins, besides q = 0
_FARTHEST = 2000.0
_ROUNDING = 1e-13
_STEPS = 60
_NEUTRAL = 1e-9


@dataclass(frozen=True)
class CriticalLineFloats(Presentable):
    """Solutions of ``chi_1 = 1`` at a fixed point of the variance map, approximate; nothing is proved.

    Attributes:
        sigma_b2: the variances of the biases, of shape (n,).
        q: the fixed points found for each, in increasing order, of shape (n, most of them); NaN where there are fewer.
        sigma_w2: the variances of the weights, likewise.
        slopes: the derivative of the variance map there.
        attracting: where the fixed point attracts.
        continuum: whether every q solves the equations for ``sigma_b^2 = 0``, as for homogeneous activations; q is
            then NaN there.
    """

    sigma_b2: Array
    q: Array
    sigma_w2: Array
    slopes: Array
    attracting: NDArray[np.bool_]
    continuum: bool

    @property
    def edge_of_chaos(self) -> Array:
        """For each sigma_b^2 the sigma_w^2 of the smallest attracting fixed point, NaN where none attracts."""
        if not self.q.shape[1]:
            return np.full(len(self.sigma_b2), np.nan)
        first = self.attracting.argmax(axis=1)
        rows = np.arange(len(first))
        return np.where(self.attracting.any(axis=1), self.sigma_w2[rows, first], np.nan)


def critical_line_floats(activation: Activation, sigma_b2: Any, largest_q: float | None = None) -> CriticalLineFloats:
    """The critical line at many values of sigma_b^2, each to about 12 digits.

    Args:
        activation: phi; kinks are allowed, jumps are not: its derivative then has no mean square.
        sigma_b2: variances of the biases, an array of one dimension or a number.
        largest_q: where the search for fixed points ends; by default 2000, and for sigma_b^2 above 1 as
            many times the square of the largest.

    Returns:
        The solutions; two of them closer to each other than a tenth of a decade may be missed.

    Raises:
        InputError: a malformed argument.
        UnsupportedExpressionError: the activation jumps.

    >>> import symgrad as sg
    >>> line = critical_line_floats(sg.activation("tanh"), [0.0, 0.05])
    >>> line.edge_of_chaos.round(6).tolist()
    [1.0, 1.760955]
    """
    targets = _checked(sigma_b2)
    curve = _Curve(activation)
    top = _FARTHEST * max(1.0, float(targets.max(initial=0))) ** 2 if largest_q is None else float(largest_q)
    grid = _grid(targets, top)
    scan = curve.at(grid)
    continuum = bool((np.abs(scan.offset) <= _ROUNDING * grid).all())
    if continuum:
        return _continuum(targets, float(scan.gain[0]))
    row, cell = _brackets(targets, scan)
    roots = _solve(curve, targets[row], scan, cell)
    zero = np.flatnonzero(targets == 0)
    if zero.size and not curve.starts_at_zero():
        zero = zero[:0]
    rows, q = np.concatenate([zero, row]), np.concatenate([np.zeros(len(zero)), roots])
    return _collected(curve, targets, rows, q)


def _checked(sigma_b2: Any) -> Array:
    try:
        values = np.atleast_1d(np.asarray(sigma_b2, dtype=float))
    except (TypeError, ValueError) as error:
        raise InputError(f"sigma_b2: numbers are needed, got {sigma_b2!r}") from error
    if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any():
        raise InputError(f"sigma_b2: finite numbers of at least 0 are needed in one dimension, got {sigma_b2!r}")
    return values


@dataclass(frozen=True)
class _Points:
    """Points of the critical line, with derivatives by q."""

    q: Array
    gain: Array
    offset: Array
    offset_slope: Array
    slope: Array


class _Curve:
    """The critical line with q as its parameter."""

    def __init__(self, activation: Activation) -> None:
        self._variable = activation.variable
        self._square = activation.expr**2
        self._derivative = activation.derivative.expr**2

    def at(self, q: Array) -> _Points:
        """sigma_w^2, sigma_b^2, its derivative and the slope of the variance map."""
        k, k1 = self._with_slope(self._square, q)
        m, m1 = self._with_slope(self._derivative, q)
        with np.errstate(all="ignore"):
            return _Points(q, 1 / m, q - k / m, 1 - (k1 - k * m1 / m) / m, k1 / m)

    def _with_slope(self, formula: sp.Expr, q: Array) -> tuple[Array, Array]:
        value, slope = fast_means(formula, self._variable, q, (0, 1))
        return value.usable(), slope.usable()

    def starts_at_zero(self) -> bool:
        """Whether q = 0 is a point with sigma_b^2 = 0."""
        k, m = (float(fast_mean(f, self._variable, 0.0)) for f in (self._square, self._derivative))
        return k == 0 and 0 < m < np.inf

    def attracts_to_zero(self) -> bool:
        """Whether the variance map of the critical point at q = 0 lies below the diagonal next to it."""
        q = np.geomspace(_SMALLEST, 1, 6 * _PER_DECADE)
        gain = 1 / float(fast_mean(self._derivative, self._variable, 0.0))
        excess = gain * fast_mean(self._square, self._variable, q) / q - 1
        clear = np.flatnonzero(np.abs(excess) > _ROUNDING)
        return bool(clear.size) and bool(excess[clear[0]] < 0)


def _grid(targets: Array, top: float) -> Array:
    """Where to look: a fixed point is at least sigma_b^2."""
    positive = targets[targets > 0]
    bottom = float(positive.min()) if positive.size == targets.size and positive.size else _SMALLEST
    bottom = min(bottom, float(positive.min(initial=np.inf)))
    if not top > bottom:
        raise InputError(f"largest_q: a number above {bottom} is needed, got {top}")
    return np.asarray(np.geomspace(bottom, top, int(np.ceil(np.log10(top / bottom) * _PER_DECADE)) + 2))


def _brackets(targets: Array, scan: _Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Each sigma_b^2 with each cell of the grid at whose ends sigma_b^2(q) lies on different sides of it."""
    distance = scan.offset[None, :] - targets[:, None]
    side = np.where(np.abs(distance) <= _ROUNDING * scan.q, 0, np.sign(distance))
    places = np.maximum.accumulate(np.where(side == 0, 0, np.arange(side.shape[1])), axis=1)
    side = np.take_along_axis(side, places, axis=1)  # where the side is unclear, the last clear one
    row, cell = np.nonzero(side[:, 1:] * side[:, :-1] < 0)
    return row, cell


def _solve(curve: _Curve, targets: Array, scan: _Points, cell: NDArray[np.intp]) -> Array:
    """Newton's method inside the cells, halving them where it leaves."""
    low, high = scan.q[cell], scan.q[cell + 1]
    rising = scan.offset[cell + 1] > scan.offset[cell]
    q = _cubic(targets, scan, cell)
    active = np.arange(len(q))
    for _ in range(_STEPS):
        if not active.size:
            break
        here = curve.at(q[active])
        residual = here.offset - targets[active]
        above = (residual > 0) == rising[active]
        high[active] = np.where(above, q[active], high[active])
        low[active] = np.where(above, low[active], q[active])
        with np.errstate(all="ignore"):
            moved = q[active] - residual / here.offset_slope
        inside = (moved > low[active]) & (moved < high[active])
        step = np.where(inside, moved, (low[active] + high[active]) / 2)
        small = np.abs(moved - q[active]) <= 1e-9 * q[active]  # Newton's method squares this
        rounded = np.abs(residual) <= 4e-16 * q[active]
        q[active] = np.where(small & ~inside, q[active], np.where(rounded, q[active], step))
        active = active[~(small | rounded)]
    return q


def _cubic(targets: Array, scan: _Points, cell: NDArray[np.intp]) -> Array:
    """Where the cubic through both ends of a cell with their slopes takes the value, approximately."""
    width = scan.q[cell + 1] - scan.q[cell]
    begin, end = scan.offset[cell] - targets, scan.offset[cell + 1] - targets
    first, last = scan.offset_slope[cell] * width, scan.offset_slope[cell + 1] * width
    with np.errstate(all="ignore"):
        t = np.clip(begin / (begin - end), 0, 1)
        for _ in range(4):
            b, a = 3 * (end - begin) - 2 * first - last, first + last - 2 * (end - begin)
            t = np.clip(t - (begin + t * (first + t * (b + t * a))) / (first + t * (2 * b + 3 * t * a)), 0, 1)
    return np.asarray(scan.q[cell] + np.where(np.isfinite(t), t, 0.5) * width)


def _continuum(targets: Array, gain: float) -> CriticalLineFloats:
    zero = targets[:, None] == 0
    gains = np.where(zero, gain, np.nan)
    nothing = np.full(gains.shape, np.nan)
    return CriticalLineFloats(targets, nothing, gains, np.where(zero, 1.0, np.nan), np.zeros(zero.shape, bool), True)


def _collected(curve: _Curve, targets: Array, rows: NDArray[np.intp], q: Array) -> CriticalLineFloats:
    """The solutions of each row, in increasing order, filled up with NaN."""
    order = np.lexsort((q, rows))
    rows, q = rows[order], q[order]
    counts = np.bincount(rows, minlength=len(targets))
    column = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    points = curve.at(q)
    attracting = np.abs(points.slope) < 1 - _NEUTRAL
    neutral = (q == 0) & (np.abs(points.slope - 1) <= _NEUTRAL)
    if neutral.any():
        attracting |= neutral & curve.attracts_to_zero()
    shape = (len(targets), int(counts.max(initial=0)))

    def table(values: Array) -> Array:
        filled = np.full(shape, np.nan)
        filled[rows, column] = values
        return filled

    stable = np.zeros(shape, dtype=bool)
    stable[rows, column] = attracting
    return CriticalLineFloats(targets, table(q), table(points.gain), table(points.slope), stable, False)
