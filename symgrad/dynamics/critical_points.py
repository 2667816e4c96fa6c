"""All points of a reduced system at which the slope of its residual has a given value, by one equation in one unknown.

On ``R0(y) + g R1(y) = 0`` with ``R1 != 0`` the level is ``g = -R0/R1``, and ``R0' + g R1' = m`` becomes
``(R0' - m) R1 - R0 R1' = 0``: its zeros are isolated over all real numbers, with their multiplicities. A common zero of
R0 and R1 is a fixed point for every value of the parameter; it solves that equation too, and has the slope m where
``g = (m - R0')/R1'``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sympy as sp
from flint import arb

from symgrad.dynamics.constant_order import constant_of, inside, sign_at, sign_of, simplified
from symgrad.dynamics.reduction import Piece, Reduction
from symgrad.errors import InputError
from symgrad.rigor.balls import interval_function
from symgrad.rigor.ends import End, sample_point
from symgrad.rigor.functions import logistic, softplus
from symgrad.rigor.roots import Roots, all_roots

__all__ = ["Critical", "Search", "critical_points", "levels_at", "values_of", "without_positive_factors"]


@dataclass(frozen=True, eq=False)
class Critical:
    """A fixed point with the slope that was asked for.

    Attributes:
        piece: on which it lies.
        unknown: y, exact or enclosed.
        parameter: p, likewise.
        order: the multiplicity of y as a zero, where known: the parameter turns in a point of order 1.
        lasting: whether it is a fixed point for every value of the parameter.
        proved: whether it is proved that there is exactly one in its enclosures.
    """

    piece: Piece
    unknown: sp.Expr
    parameter: sp.Expr
    order: int | None
    lasting: bool = False
    proved: bool = True


@dataclass(eq=False)
class Search:
    """What a search found, and what it could not decide.

    Attributes:
        points: of the slope asked for.
        undecided: stretches of the parameter in which there may be more.
        remarks: degenerate facts.
    """

    points: list[Critical] = field(default_factory=list)
    undecided: list[sp.Interval] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def critical_points(reduction: Reduction, slope: sp.Expr, interval: sp.Interval, within: sp.Interval) -> Search:
    """All fixed points with ``R0' + g R1' = slope`` and a parameter in an interval.

    Args:
        reduction: of a system whose level depends on the parameter.
        slope: m, a constant.
        interval: of the parameter, closed where finite.
        within: of the unknown y.
    """
    search = Search()
    for piece in reduction.pieces:
        domain = _common(piece, within)
        if domain is None:
            continue
        if piece.factor.is_zero:
            _search_still(search, reduction, piece, slope, domain)
        else:
            _search_piece(search, reduction, piece, slope, interval, domain)
    return search


def levels_at(reduction: Reduction, level: sp.Expr, interval: sp.Interval) -> Iterator[sp.Expr]:
    """The values of the parameter in an interval at which g(p) is a constant."""
    yield from values_of(reduction.level, reduction.parameter, level, interval)


def values_of(function: sp.Expr, parameter: sp.Symbol, value: sp.Expr, interval: sp.Interval) -> Iterator[sp.Expr]:
    """The parameters in an interval at which a function of them has a constant value."""
    if function == parameter:
        found = simplified(value)
        if inside(found, interval) is not False:
            yield found
        return
    for root in all_roots(function - value, parameter, interval).points:
        yield constant_of(root, f"{function} - ({value})")


def without_positive_factors(condition: sp.Expr) -> sp.Expr:
    """A formula with the same zeros, of the same orders: factors without zeros, which hide its sign, are left out.

    These are exponential and logistic ones, and polynomials of a logistic function without zeros in (0, 1).

    >>> z = sp.Symbol("z", real=True)
    >>> without_positive_factors(sp.exp(-(z**2)) * z - 3 * sp.exp(-(z**2)))
    z - 3
    """
    factors = sp.Mul.make_args(sp.factor(condition.replace(_is_tanh_of_softplus, _by_logistic)))
    return sp.Mul(*(factor for factor in factors if not _is_exp(factor) and not _is_logistic(factor)))


def _is_exp(factor: sp.Expr) -> bool:
    return isinstance(factor, sp.exp) or isinstance(factor.as_base_exp()[0], sp.exp)


def _is_logistic(factor: sp.Expr) -> bool:
    """Whether it is a power of a logistic function, or of a polynomial of one that has no zero in (0, 1)."""
    base = factor.as_base_exp()[0]
    if isinstance(base, logistic):
        return True
    inner = list(base.atoms(logistic))
    if len(inner) != 1:
        return False
    value = sp.Dummy("s", real=True)
    polynomial = base.subs(inner[0], value)
    if polynomial.free_symbols != {value} or not polynomial.is_polynomial(value):
        return False
    found = sp.Poly(polynomial, value)
    return bool(found.domain.is_ZZ or found.domain.is_QQ) and found.count_roots(0, 1) == 0


def _is_tanh_of_softplus(node: sp.Basic) -> bool:
    return isinstance(node, sp.tanh) and isinstance(node.args[0], softplus)


def _by_logistic(node: sp.Expr) -> sp.Expr:
    """``tanh(log(1 + e^u)) = s (2 - s) / (1 + (1 - s)^2)`` with ``s = 1/(1 + e^-u)``, where ``1 + e^u = 1/(1 - s)``."""
    value = logistic(node.args[0].args[0])
    return value * (2 - value) / (value**2 - 2 * value + 2)


def _common(piece: Piece, within: sp.Interval) -> sp.Interval | None:
    """The part of a piece in an interval, or None."""
    low, high = sp.Max(piece.left, within.start), sp.Min(piece.right, within.end)
    return sp.Interval(low, high) if sp.Lt(low, high) == sp.true else None


def _search_piece(
    search: Search, reduction: Reduction, piece: Piece, slope: sp.Expr, interval: sp.Interval, domain: sp.Interval
) -> None:
    y, r0, r1 = reduction.unknown, piece.constant, piece.factor
    condition = without_positive_factors((r0.diff(y) - slope) * r1 - r0 * r1.diff(y))
    found = _roots(condition, y, domain)
    for root in found.points:
        at = constant_of(root, str(condition))
        if at in (piece.left, piece.right):
            continue  # a kink, where slopes are one-sided
        order = root.multiplicity
        for level, lasting in _levels(search, reduction, piece, at, slope, interval):
            for parameter in levels_at(reduction, level, interval):
                search.points.append(Critical(piece, at, parameter, order, lasting, root.proved))
    for continuum in found.continua:
        _note_continuum(search, reduction, piece, slope, continuum, interval)
    for low, high in found.gaps:
        _note_gap(search, reduction, piece, low, high, interval)


def _search_still(search: Search, reduction: Reduction, piece: Piece, slope: sp.Expr, domain: sp.Interval) -> None:
    """A piece on which the fixed points do not move, so that their slopes are critical always or never."""
    y = reduction.unknown
    for root in _roots(piece.constant, y, domain).points:
        at = constant_of(root, str(piece.constant))
        if sign_of(piece.constant.diff(y).subs(y, at) - slope) in (0, None):
            search.remarks.append(f"the fixed point at {y} = {at} is critical for every {reduction.parameter}")


def _roots(condition: sp.Expr, y: sp.Symbol, domain: sp.Interval) -> Roots:
    if y in condition.free_symbols:
        return all_roots(condition, y, domain)
    sign = sign_of(condition)
    everywhere = (domain,) if sign == 0 else ()
    gap = ((End(domain.start, 1).ball(), End(domain.end, -1).ball()),) if sign is None else ()
    return Roots((), everywhere, gap, ())


def _levels(
    search: Search, reduction: Reduction, piece: Piece, at: sp.Expr, slope: sp.Expr, interval: sp.Interval
) -> Iterator[tuple[sp.Expr, bool]]:
    """Values of g at a zero of the condition, and whether the point is fixed for every g."""
    y = reduction.unknown
    r0, r1 = (part.subs(y, at) for part in (piece.constant, piece.factor))
    signs = sign_at(piece.constant, y, at), sign_at(piece.factor, y, at)
    if signs[1] not in (0, None):
        yield -r0 / r1, False
    elif signs == (0, 0):
        d0, d1 = (part.diff(y).subs(y, at) for part in (piece.constant, piece.factor))
        turning = sign_of(d1)
        if turning not in (0, None):
            yield (slope - d0) / d1, True
        elif turning is None or sign_of(d0 - slope) in (0, None):
            search.remarks.append(f"the fixed point at {y} = {at} is degenerate for every {reduction.parameter}")
            search.undecided.append(interval)
    elif signs[1] is None:
        search.undecided.append(interval)


def _note_continuum(
    search: Search,
    reduction: Reduction,
    piece: Piece,
    slope: sp.Expr,
    continuum: sp.Interval,
    interval: sp.Interval,
) -> None:
    """On which the condition holds throughout: all points are fixed at one level, or the slope is m at every level."""
    y, point = reduction.unknown, sample_point(End(continuum.start, 1), End(continuum.end, -1))
    if sign_of(piece.factor.subs(y, point)) == 0 and y in piece.factor.free_symbols:
        point += sp.Rational(1, 3) * (1 if not continuum.end.is_finite else (continuum.end - point))
    r0, r1 = (part.subs(y, point) for part in (piece.constant, piece.factor))
    if sign_of(r1) in (0, None):
        search.undecided.append(interval)
        return
    if slope != 0:
        search.remarks.append(f"the slope has the critical value for every {reduction.parameter}")
        search.undecided.append(interval)
        return
    for parameter in levels_at(reduction, -r0 / r1, interval):
        search.remarks.append(
            f"at {reduction.parameter} = {parameter} all points with {y} in {continuum} are fixed: no normal form"
        )
        if not (continuum.start.is_finite or continuum.end.is_finite):  # else its ends are kinks, and reported
            search.points.append(Critical(piece, sp.S.Zero, parameter, None, proved=True))


def _note_gap(search: Search, reduction: Reduction, piece: Piece, low: arb, high: arb, interval: sp.Interval) -> None:
    """A stretch of y about which nothing is proved matters where a parameter of the interval may belong to it."""
    try:
        level = interval_function(-piece.constant / piece.factor, reduction.unknown)((low, high))
    except (InputError, ZeroDivisionError):
        level = None
    plain = level is not None and reduction.level == reduction.parameter
    if plain and level is not None and _apart(level, interval):
        return
    if not (low.is_finite() and high.is_finite()):
        search.remarks.append("critical points may lie arbitrarily far out: a finite interval and box bound the search")
    search.undecided.append(interval)


def _apart(values: tuple[arb, arb], interval: sp.Interval) -> bool:
    """Whether an enclosure of values misses an interval."""
    low, high = values[0].lower(), values[1].upper()
    return bool(low > End(interval.end, -1).ball()) or bool(high < End(interval.start, 1).ball())
