"""Enclosures of Gaussian means by rigorous integration in ball arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import sympy as sp
from flint import arb, ctx

from symgrad.errors import InputError
from symgrad.rigor.balls import ball_from_ends, ball_function, exact_ball, to_ball
from symgrad.rigor.gaussian_cells import common, mean_on_cells
from symgrad.rigor.gaussian_existence import mean_exists
from symgrad.rigor.gaussian_jumps import distribution
from symgrad.rigor.gaussian_pairs import nested_pair_mean
from symgrad.rigor.gaussian_points import mean_against_hermite
from symgrad.rigor.gaussian_series import PairSeries, expansion
from symgrad.rigor.integrals import smooth_parts
from symgrad.rigor.parity import is_odd
from symgrad.rigor.smooth_pieces import SmoothPiece

__all__ = ["gaussian_mean", "gaussian_pair_mean", "is_integrable"]

_MOST_DERIVATIVES = 6
_NARROW = arb(2) ** -36
_HALVINGS = 1
_FEW_BITS = 8


def gaussian_mean(formula: sp.Expr, symbol: sp.Symbol, variance: arb, mean: arb | None = None, order: int = 0) -> arb:
    """Encloses ``E[f(mean + sqrt(variance) z)]`` over a standard normal z, or its derivative by the variance.

    Args:
        formula: f, a real scalar expression of the whitelist of :func:`symgrad.rigor.balls.ball_function` in one
            symbol; kinks, jumps and integrable singularities are allowed.
        symbol: its variable.
        variance: a ball, which may be wide. Of a ball that reaches below 0, only the part from 0 on counts.
        mean: a ball (default: 0).
        order: which derivative by the variance, up to 6; 0 for the mean itself.

    Returns:
        A ball that contains the value for every variance and mean in the balls. At variance 0 it is f at the mean, and
        a derivative is the limit from above. For narrow balls its relative accuracy is about the present precision
        where the value is not much smaller than the mean of ``|f|``. Not finite where the mean does not exist or
        nothing is proved.

    Raises:
        InputError: the variance is negative, or the order is not an integer from 0 to 6, or f has other symbols.
        UnsupportedExpressionError: a node of f is not in the whitelist.

    >>> x = sp.Symbol("x", real=True)
    >>> gaussian_mean(sp.tanh(x) ** 2, x, arb(1)).str(14, radius=False)
    '0.39429449039784'
    >>> gaussian_mean(sp.tanh(x) ** 2, x, arb(0), order=1) == 1
    True
    >>> gaussian_mean(sp.exp(x**2), x, arb(1)).is_finite()
    False
    """
    if isinstance(order, bool) or not isinstance(order, int) or not 0 <= order <= _MOST_DERIVATIVES:
        raise InputError(f"order: an integer from 0 to {_MOST_DERIVATIVES} is needed, not {order!r}")
    q = variance if isinstance(variance, arb) else exact_ball(variance)
    center = arb(0) if mean is None else mean if isinstance(mean, arb) else exact_ball(mean)
    if q < 0:
        raise InputError(f"variance: a ball of numbers from 0 on is needed, not {q}")
    ball_function(formula, symbol)
    parts = smooth_parts(formula, symbol)
    if parts is None or not (q.is_finite() and center.is_finite()):
        return arb("nan")
    return _Mean(formula, symbol, parts).derivative(q.lower().max(arb(0)), q.upper(), center, order)


def is_integrable(formula: sp.Expr, symbol: sp.Symbol, variance: arb) -> bool | None:
    """Whether ``E|f(sqrt(q) z)|`` is finite for a standard normal z.

    Args:
        formula: f, as for :func:`gaussian_mean`.
        symbol: its variable.
        variance: a ball above 0.

    Returns:
        True if it is proved to be finite for all variances q in the ball, False if it is proved to be infinite for all
        of them, None if neither is.

    Raises:
        InputError: the variance is not positive, or f has other symbols.
        UnsupportedExpressionError: a node of f is not in the whitelist.

    >>> x = sp.Symbol("x", real=True)
    >>> [is_integrable(sp.exp(x**2), x, arb(q)) for q in (0.25, 0.5, 1)]
    [True, False, False]
    """
    q = variance if isinstance(variance, arb) else exact_ball(variance)
    if not (q > 0 and q.is_finite()):
        raise InputError(f"variance: a ball of positive numbers is needed, not {q}")
    ball_function(formula, symbol)
    parts = smooth_parts(formula, symbol)
    if parts is None:
        return None
    answer = mean_exists(parts, symbol, q.lower(), q.upper())
    return answer if answer is False or not gaussian_mean(formula, symbol, q).is_finite() else True


@dataclass(frozen=True)
class _Mean:
    """The Gaussian mean of a formula as a function of the variance and the mean of its argument."""

    formula: sp.Expr
    symbol: sp.Symbol
    parts: tuple[SmoothPiece, ...]

    def derivative(self, low: arb, high: arb, mean: arb, order: int) -> arb:
        """The derivative of this order by the variance, from exact ``low`` to exact ``high``."""
        if high.is_zero() and order == 0:
            return ball_function(self.formula, self.symbol)(mean)
        found = self._from_above(low, high, mean, order)
        if low.is_zero() and order == 0 and found.is_finite():  # at a jump the value differs from the limit
            return _hull([found, ball_function(self.formula, self.symbol)(mean)])
        return found

    def _from_above(self, low: arb, high: arb, mean: arb, order: int, halvings: int = _HALVINGS) -> arb:
        """The same, with the limit from above in the place of the value at variance 0."""
        if high == low and mean.is_exact():
            return self._at(low, mean, order)
        middle = ((low + high) / 2).mid()
        width = (high - low).upper()
        if width < middle * _NARROW and mean.rad() < middle.sqrt() * _NARROW:
            near = self._at(ball_from_ends(low, high), mean, order)
            if near.is_finite():
                return near
        found = [self._on_cells(low, high, mean, order)]
        if mean.is_exact():
            found.append(self._expanded(low, high, mean, order, halvings))
        else:
            spread = self._spread(low, high, mean, order) * (mean - mean.mid())
            found.append(self._from_above(low, high, mean.mid(), order) + spread)
        return common(found)

    def _at(self, variance: arb, mean: arb, order: int) -> arb:
        """At one variance and one mean, or for narrow balls of them."""
        if variance.is_zero():
            return self._at_zero(mean, order)
        direct = self._direct(variance, mean, order)
        if direct.contains(0) and direct.is_finite() and mean.is_zero() and is_odd(self.formula, self.symbol):
            return arb(0)
        if not direct.is_finite() or direct.rel_accuracy_bits() < _FEW_BITS:  # the quadrature may have given up
            direct = common([direct, self._on_cells(variance.lower(), variance.upper(), mean, order)])
        if order == 0 or (direct.is_finite() and direct.rel_accuracy_bits() > ctx.prec - 10):
            return direct
        return common([direct, self._by_parts(variance, mean, order)])

    def _direct(self, variance: arb, mean: arb, order: int) -> arb:
        """By derivatives of the density: ``E[f He_2n(z)] / (2 q)**n``, for any f."""
        return mean_against_hermite(self.parts, self.symbol, variance, mean, 2 * order) * _inverse_power(
            2 * variance.lower(), 2 * variance.upper(), order
        )

    def _by_parts(self, variance: arb, mean: arb, order: int) -> arb:
        """By derivatives of f: ``E[f^(2n)] / 2**n``, well conditioned for small variances."""
        derived = distribution(self.formula, self.symbol, 2 * order)
        if derived is None:
            return arb("nan")
        value = mean_against_hermite(derived.parts, self.symbol, variance, mean, 0)
        deviation = variance.sqrt()
        return (value + derived.jump_means(deviation.lower(), deviation.upper(), mean)) / 2**order

    def _at_zero(self, mean: arb, order: int) -> arb:
        """The limit from above at variance 0: the mean of both sides where the formula jumps."""
        derived = distribution(self.formula, self.symbol, 2 * order)
        if derived is None or not derived.has_means(self.symbol):
            return arb("nan")
        touching = [p for p in derived.parts if p.left.ball() <= mean <= p.right.ball()]
        values = [self._limit(part, mean) for part in touching]
        if not values or any(p.left.ball().overlaps(mean) and p.left.ball() != mean for p in derived.parts):
            return arb("nan")
        return (sum(values, arb(0)) / len(values) + derived.jump_means(arb(0), arb(0), mean)) / 2**order

    def _limit(self, part: SmoothPiece, point: arb) -> arb:
        for end in (part.left, part.right):
            if end.is_finite and end.ball() == point:
                return to_ball(end.substitute(part.formula, self.symbol))
        return ball_function(part.formula, self.symbol)(point)

    def _on_cells(self, low: arb, high: arb, mean: arb, order: int) -> arb:
        """A first enclosure on a range of variances, from the ranges of f or of its derivative on cells."""
        deviations = low.sqrt().lower(), high.sqrt().upper()
        found = []
        if low > 0 or order == 0:
            value = mean_on_cells(self.parts, self.symbol, deviations, mean, 2 * order)
            found.append(value * _inverse_power(2 * low, 2 * high, order) if order else value)
        derived = distribution(self.formula, self.symbol, 2 * order) if order and not high < 4 * low else None
        if derived is not None:
            value = mean_on_cells(derived.parts, self.symbol, deviations, mean, 0)
            found.append((value + derived.jump_means(*deviations, mean)) / 2**order)
        return common(found)

    def _spread(self, low: arb, high: arb, mean: arb, order: int) -> arb:
        """The derivative by the mean on a range: ``E[f He_(2n+1)] / (s (2 q)**n)``."""
        if not low > 0:
            return arb("nan")
        deviations = low.sqrt().lower(), high.sqrt().upper()
        value = mean_on_cells(self.parts, self.symbol, deviations, mean, 2 * order + 1)
        return value * _inverse_power(2 * low, 2 * high, order) * _inverse_power(*deviations, 1)

    def _expanded(self, low: arb, high: arb, mean: arb, order: int, halvings: int) -> arb:
        """By Taylor's theorem around the middle, and by the values at the ends where the slope has one sign."""
        middle = ((low + high) / 2).mid()
        step = low.union(high) - middle
        value, slope = self._at(middle, mean, order), self._at(middle, mean, order + 1)
        curvature = self._on_cells(low, high, mean, order + 2) if order == 0 or high < 4 * low else arb("nan")
        slopes = common([self._on_cells(low, high, mean, order + 1), slope + curvature * step])
        if slopes > 0 or slopes < 0:
            ends = [self._at(end, mean, order) for end in (low, high)]
            return _hull(ends)
        if halvings and slopes.is_finite() and high > 2 * low and (order == 0 or low > 0):
            cut = ((low * high).sqrt() if low > 0 else high / 8).mid()
            return _hull([self._from_above(a, b, mean, order, halvings - 1) for a, b in ((low, cut), (cut, high))])
        square = arb(0).union(step.abs_upper() ** 2)
        return common([value + slope * step + curvature * square / 2, value + slopes * step])


def _hull(balls: list[arb]) -> arb:
    """A ball around several balls that keeps an end where it can."""
    return ball_from_ends(reduce(arb.min, [b.lower() for b in balls]), reduce(arb.max, [b.upper() for b in balls]))


def _inverse_power(low: arb, high: arb, power: int) -> arb:
    """The ball of ``q**-power`` for q between two positive numbers."""
    return ball_from_ends(1 / high**power, 1 / low**power)


def gaussian_pair_mean(first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variance: arb, correlation: arb) -> arb:
    """Encloses ``E[f(x) g(y)]`` for Gaussian x, y of mean 0 with one variance and a correlation.

    Args:
        first: f, as for :func:`gaussian_mean`, of finite mean square.
        second: g, likewise.
        symbol: their variable.
        variance: a ball, which may be wide; only the part from 0 on counts.
        correlation: a ball, which may be wide; only the part from -1 to 1 counts.

    Returns:
        A ball that contains the value for all variances and correlations in the balls. Not finite where a mean square
        is not finite or nothing is proved.

    Raises:
        InputError: the variance is negative, the correlation is not between -1 and 1, or there are other symbols.
        UnsupportedExpressionError: a node of f or g is not in the whitelist.

    >>> x = sp.Symbol("x", real=True)
    >>> gaussian_pair_mean(sp.sin(x), sp.sin(x), x, arb(1), arb(0.5)).overlaps(arb(0.5).sinh() / arb(1).exp())
    True
    """
    q, c = (given if isinstance(given, arb) else exact_ball(given) for given in (variance, correlation))
    if q < 0:
        raise InputError(f"variance: a ball of numbers from 0 on is needed, not {q}")
    if c < -1 or c > 1:
        raise InputError(f"correlation: a ball of numbers from -1 to 1 is needed, not {c}")
    for formula in (first, second):
        ball_function(formula, symbol)
    if not (q.is_finite() and c.is_finite()):
        return arb("nan")
    pair = _Pair(first, second, symbol, q.lower().max(arb(0)), q.upper())
    return pair.value(c.lower().max(arb(-1)), c.upper().min(arb(1)))


class _Pair:
    """The mean of a product for the variances between two numbers, as a function of the correlation."""

    def __init__(self, first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, low: arb, high: arb) -> None:
        self.first, self.second, self.symbol, self.low, self.high = first, second, symbol, low, high
        self.series = PairSeries(*(expansion(formula, symbol, low, high) for formula in (first, second)))

    def value(self, low: arb, high: arb) -> arb:
        """For all correlations between two exact numbers."""
        if low == high and abs(low) == 1:
            mirrored = self.second if low > 0 else self.second.xreplace({self.symbol: -self.symbol})
            return gaussian_mean(self.first * mirrored, self.symbol, ball_from_ends(self.low, self.high))
        if self.high.is_zero():
            return ball_function(self.first * self.second, self.symbol)(arb(0))
        if not self.series.exists:
            return arb("nan")
        expanded = self.series.value(low, high)
        if self.low != self.high or expanded.rad() < self.series.size * arb(2) ** (12 - ctx.prec):
            return expanded
        if low == high:
            return common([expanded, self._nested(low)])
        middle = ((low + high) / 2).mid()
        change = self.series.slope(low, high) * (ball_from_ends(low, high) - middle)
        center = self.series.value(middle, middle)
        if center.rad() > change.rad():
            center = common([center, self._nested(middle)])
        return common([expanded, center + change])

    def _nested(self, correlation: arb) -> arb:
        parts = [smooth_parts(formula, self.symbol) for formula in (self.first, self.second)]
        return nested_pair_mean(parts[0] or (), parts[1] or (), self.symbol, self.low, correlation)
