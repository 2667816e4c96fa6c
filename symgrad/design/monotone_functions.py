"""Functions of one argument that are strictly monotone where they are defined, with proved range and inverse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from symgrad.design.spans import Span
from symgrad.errors import SymgradError
from symgrad.rigor.balls import Enclosed
from symgrad.rigor.ends import End
from symgrad.rigor.extrema import Extremum, extrema
from symgrad.rigor.roots import all_roots
from symgrad.rigor.smooth_pieces import split

__all__ = ["Undone", "computed", "undone"]

_X = sp.Symbol("x", real=True)
_INVERTED = {sp.erfinv: sp.erf, sp.erfcinv: sp.erfc}
_DOMAINS = (
    sp.Interval(-sp.oo, sp.oo),
    sp.Interval.open(0, sp.oo),
    sp.Interval.open(-1, 1),
    sp.Interval.open(1, sp.oo),
)


@dataclass(frozen=True)
class Undone:
    """How a function is undone.

    Attributes:
        inverse: on values strictly between ``low`` and ``high``.
        low: greatest lower bound of its values, not taken.
        high: least upper bound of them, not taken.
        increasing: whether it is strictly increasing, otherwise strictly decreasing.
        domain: where it is defined, an open interval.
    """

    inverse: Callable[[sp.Expr], sp.Expr]
    low: sp.Expr
    high: sp.Expr
    increasing: bool
    domain: Span


def undone(expr: sp.Expr) -> Undone | None:
    """The outermost function of a formula, if it is strictly monotone on an open interval and has a known inverse.

    >>> found = undone(sp.tanh(_X))
    >>> found.low, found.high, found.inverse(sp.Rational(1, 2))
    (-1, 1, atanh(1/2))
    """
    if len(expr.args) != 1 or not isinstance(expr, sp.Function):
        return None
    return _undone(expr.func)


def computed(expr: sp.Expr) -> sp.Expr:
    """A formula with inverse error functions of constants as enclosed constants, which balls have no function for."""
    nodes = [node for node in expr.atoms(*_INVERTED) if node.args[0].is_number]
    return expr.xreplace({node: _enclosed(node) for node in nodes}) if nodes else expr


def _enclosed(node: sp.Expr) -> sp.Expr:
    """The zero of ``erf(x) - c``; undefined constants stay as they are."""
    found = all_roots(_INVERTED[type(node)](_X) - node.args[0], _X, sp.Interval(-sp.oo, sp.oo))
    if len(found.points) != 1 or found.gaps:
        return node
    (root,) = found.points
    return root.exact if root.exact is not None else Enclosed(str(node), root.ball)


@lru_cache(maxsize=128)
def _undone(function: type[sp.Function]) -> Undone | None:
    if not hasattr(function, "inverse"):
        return None
    formula = function(_X)
    slope = formula.diff(_X)
    for domain in _DOMAINS:
        try:
            if not _is_whole(formula, domain):
                continue
            slopes, values = extrema(slope, _X, domain), extrema(formula, _X, domain)
        except SymgradError:
            continue
        increasing = _keeps_sign(slopes.inf)
        if not (increasing or _keeps_sign(slopes.sup, -1)):
            continue
        if values.inf.attained is not False or values.sup.attained is not False:
            continue
        inverse = _inverse(formula)
        return Undone(inverse, values.inf.value, values.sup.value, increasing, Span.of(domain))
    return None


def _is_whole(formula: sp.Expr, domain: sp.Interval) -> bool:
    """Whether a function is smooth on the whole interval and no real number at its finite ends."""
    pieces = split(formula, _X, End(domain.start, 1), End(domain.end, -1))
    finite = [end for end in (domain.start, domain.end) if end.is_finite]
    return len(pieces) == 1 and not any(formula.subs(_X, end).is_finite for end in finite)


def _keeps_sign(extremum: Extremum, sign: int = 1) -> bool:
    """Whether the slope is above zero everywhere: its infimum is, or is zero and not attained."""
    value = extremum.value * sign
    return bool(value > 0) or (value == 0 and extremum.attained is False)


def _inverse(formula: sp.Expr) -> Callable[[sp.Expr], sp.Expr]:
    function = formula.inverse()

    def applied(value: sp.Expr) -> sp.Expr:
        return computed(function(value))

    return applied
