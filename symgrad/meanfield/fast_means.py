"""Gaussian means in floats, for whole arrays of variances at once, with estimates of the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.meanfield.float_pieces import FloatPieces, float_pieces
from symgrad.meanfield.gaussian_lines import Factor, by_lines
from symgrad.meanfield.gaussian_panels import Indices, Integrals, Integrand, by_panels, nothing_found
from symgrad.numerics.functions import constant_float
from symgrad.rigor.gaussian_jumps import distribution

__all__ = ["FastMeans", "checked_variances", "fast_mean", "fast_mean_with_error", "fast_means"]

Array = NDArray[np.float64]

_LOG_DENSITY = -0.5 * np.log(2 * np.pi)
_USELESS = 1e-6  # relative error beyond which a value is not handed out
_SMALL = 1e-2  # variance below which a derivative by the variance is taken of the formula instead of the density


@dataclass(frozen=True)
class FastMeans:
    """Approximate means with estimates of their errors, arrays of one shape.

    Attributes:
        values: the means; infinite where the integral does not converge, NaN where nothing was found.
        errors: estimates of the errors from two rules each; they are no bounds.
        sizes: the means of the absolute values (for derivatives of what is integrated then), the scale of rounding.
    """

    values: Array
    errors: Array
    sizes: Array

    def usable(self) -> Array:
        """The values, NaN where the estimated error is larger than a millionth of the mean absolute value."""
        with np.errstate(invalid="ignore"):
            good = np.isinf(self.values) | (self.errors <= _USELESS * self.sizes) | (self.sizes == 0)
        return np.where(good, self.values, np.nan)


def fast_mean(formula: sp.Expr, symbol: sp.Symbol, variances: Any, order: int = 0) -> Array:
    """``E[f(sqrt(q) z)]``, or a derivative of it by q, for an array of variances; approximate.

    Args:
        formula: f, in one symbol; kinks and jumps are allowed.
        symbol: the symbol.
        variances: values of q, at least 0, of any shape.
        order: 0, 1 or 2, how often the mean is differentiated by q.

    Returns:
        An array of the same shape, as a rule right to 12 digits; infinite where the mean is, NaN where the estimated
        error is above 1e-6 of ``E|f|``.

    Raises:
        InputError: a variance that is negative or no number, or another order.

    >>> import sympy as sp
    >>> x = sp.Symbol("x", real=True)
    >>> fast_mean(sp.Max(x, 0) ** 2, x, [0, 1, 4]).round(12).tolist()
    [0.0, 0.5, 2.0]
    """
    return fast_mean_with_error(formula, symbol, variances, order).usable()


def fast_mean_with_error(formula: sp.Expr, symbol: sp.Symbol, variances: Any, order: int = 0) -> FastMeans:
    """The same with estimates of the errors; see :func:`fast_mean`."""
    if isinstance(order, bool) or order not in (0, 1, 2):
        raise InputError(f"order: 0, 1 or 2 is needed, got {order!r}")
    return fast_means(formula, symbol, variances, (order,))[0]


def fast_means(formula: sp.Expr, symbol: sp.Symbol, variances: Any, orders: Sequence[int]) -> tuple[FastMeans, ...]:
    """The same for several orders at once, which is cheaper than one after the other."""
    shaped = checked_variances(variances)
    pieces = float_pieces(formula, symbol)
    flat = shaped.ravel()
    parts = [nothing_found(len(flat)) for _ in orders]
    zero = flat == 0
    small = (flat < _SMALL) & ~zero
    direct = []
    for order, into in zip(orders, parts, strict=True):
        if zero.any():
            _put(into, zero, _at_zero(pieces, order, int(zero.sum())))
        by_parts = _by_parts(pieces, flat[small], order) if order and small.any() else None
        if by_parts is not None:
            _put(into, small, by_parts)
        direct.append(~zero if by_parts is None else ~(zero | small))
    for where in {mask.tobytes(): mask for mask in direct if mask.any()}.values():
        chosen = [i for i, mask in enumerate(direct) if (mask == where).all()]
        for i, found in zip(chosen, _means(pieces, flat[where], [orders[i] for i in chosen]), strict=True):
            _put(parts[i], where, found)
    return tuple(FastMeans(*(part.reshape(shaped.shape) for part in (p.values, p.errors, p.sizes))) for p in parts)


def _by_parts(pieces: FloatPieces, variances: Array, order: int) -> Integrals | None:
    """Derivatives by the heat equation, from derivatives of the formula between its kinks and jumps at them."""
    derived = distribution(pieces.formula, VARIABLE, 2 * order)
    if derived is None:
        return None
    ends = [part.right.value >= VARIABLE for part in derived.parts[:-1]]
    formulas = zip(derived.parts, [*ends, True], strict=True)
    found = _means(float_pieces(sp.Piecewise(*((part.formula, end) for part, end in formulas))), variances, (0,))[0]
    deviations = np.sqrt(variances)
    for point, m, size in derived.jumps:
        with np.errstate(all="ignore"):
            y = constant_float(point) / deviations
            weight = np.polynomial.hermite_e.hermeval(y, np.eye(m + 1)[m]) * np.exp(_LOG_DENSITY - y**2 / 2)
            jump = np.where(np.abs(weight) > 0, constant_float(size) * weight / deviations ** (m + 1), 0.0)
        found.values[:] += jump
        found.sizes[:] += np.abs(jump)
        found.errors[:] += 4e-16 * np.abs(jump)
    return Integrals(found.values / 2**order, found.errors / 2**order, found.sizes / 2**order)


def _put(into: Integrals, where: NDArray[np.bool_], found: Integrals) -> None:
    into.values[where], into.errors[where], into.sizes[where] = found.values, found.errors, found.sizes


def checked_variances(variances: Any) -> Array:
    """Variances as an array of floats.

    Raises:
        InputError: an entry is negative or no finite number.
    """
    try:
        values = np.asarray(variances, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"variances: numbers are needed, got {variances!r}") from error
    if not np.isfinite(values).all() or (values < 0).any():
        raise InputError(f"variances: finite numbers of at least 0 are needed, got {variances!r}")
    return values


def _means(pieces: FloatPieces, variances: Array, orders: Sequence[int]) -> list[Integrals]:
    deviations = np.sqrt(variances)
    shift = _at_zero_itself(pieces) if all(orders) else 0.0

    def integrand(index: Indices, z: Array) -> Array:
        """Without a constant, to which the weights of the derivatives are orthogonal, less of them cancels."""
        logarithm = _LOG_DENSITY - z**2 / 2
        values = pieces.weighted(deviations[index] * z, logarithm)
        return values - shift * np.exp(logarithm) if shift else values

    def factor(order: int) -> Factor | None:
        return (lambda index, z: _weight(z, variances[index], order)) if order else None

    found = [nothing_found(len(variances)) for _ in orders]
    factors = [factor(order) for order in orders]
    done = by_lines(integrand, pieces.line_scales(deviations), factors, found, even=pieces.even)
    rest = np.flatnonzero(~done)
    if rest.size:
        breaks = pieces.breaks(0.0, deviations)
        for weight, into in zip(factors, found, strict=True):
            by_panels(_times(integrand, weight), rest, breaks, into)
    return found


def _times(integrand: Integrand, factor: Factor | None) -> Integrand:
    return integrand if factor is None else lambda index, z: integrand(index, z) * factor(index, z)


def _weight(z: Array, variance: Array, order: int) -> Array:
    """The derivative of the density of the variable by its variance, over that density."""
    with np.errstate(all="ignore"):
        if order == 1:
            return np.asarray((z**2 - 1) / (2 * variance))
        return np.asarray((z**4 - 6 * z**2 + 3) / (4 * variance**2))


def _at_zero_itself(pieces: FloatPieces) -> float:
    """The value at 0, or 0 where there is only a limit, of which too little is known in floats."""
    with np.errstate(all="ignore"):
        known = np.isfinite(pieces(np.zeros(1))).all()
    value = pieces.at_zero() if known else 0.0
    return value if np.isfinite(value) else 0.0


def _at_zero(pieces: FloatPieces, order: int, count: int) -> Integrals:
    value = pieces.at_zero() if order == 0 else _derivative_at_zero(pieces, order)
    return Integrals(np.full(count, value), np.zeros(count), np.full(count, abs(value)))


def _derivative_at_zero(pieces: FloatPieces, order: int) -> float:
    """Half the mean of the one-sided second derivatives; infinite where an odd derivative jumps."""
    if 0.0 not in pieces.kinks:
        return float_pieces(sp.diff(pieces.formula, VARIABLE, 2 * order) / 2**order).at_zero()
    sides = pieces.sides_of_zero()
    for odd in range(1, 2 * order, 2):
        left, right = (_one_sided(side, odd) for side in sides)
        if left != right:
            return float(np.sign(right - left) * np.inf)
    return sum(_one_sided(side, 2 * order) for side in sides) / 2 / 2**order


def _one_sided(formula: sp.Expr, order: int) -> float:
    return float_pieces(sp.diff(formula, VARIABLE, order)).at_zero()
