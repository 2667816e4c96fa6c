"""All zeros of a smooth function on a bounded interval, by bisection and interval Newton in ball arithmetic.

Existence and uniqueness on an interval follow from the interval Newton operator ``N(X) = m - h(m) / h'(X)``:
``N(X)`` inside ``X`` proves exactly one zero, an empty intersection proves none (Moore, Kearfott and Cloud,
*Introduction to Interval Analysis*, SIAM 2009, section 8.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sympy as sp
from flint import arb

from symgrad.rigor.balls import Interval, ball_function, interval_function, working_precision

__all__ = ["Bracket", "RealFunction", "Zero", "Zeros", "isolate_zeros", "newton_zero"]


@dataclass(frozen=True)
class Bracket:
    """An interval with exactly representable ends."""

    lo: arb
    hi: arb

    @property
    def ball(self) -> arb:
        """A ball that contains it."""
        return self.lo.union(self.hi)

    @property
    def middle(self) -> arb:
        """An exact point inside."""
        return ((self.lo + self.hi) / 2).mid()

    @property
    def width(self) -> arb:
        """Upper bound of its length."""
        return (self.hi - self.lo).upper()

    def halves(self) -> tuple[Bracket, Bracket]:
        """The two halves."""
        middle = self.middle
        return Bracket(self.lo, middle), Bracket(middle, self.hi)

    def widened(self) -> Bracket:
        """An interval with the same centre, a quarter longer on each side."""
        extra = (self.width / 4).upper()
        return Bracket((self.lo - extra).mid(), (self.hi + extra).mid())


@dataclass(frozen=True)
class RealFunction:
    """A formula compiled for balls and for intervals given by their ends (which keep signs that a ball loses)."""

    ball: Callable[[arb], arb] = field(repr=False)
    interval: Callable[[Interval], Interval] = field(repr=False)

    @staticmethod
    def of(formula: sp.Expr, symbol: sp.Symbol) -> RealFunction:
        """Compiles a formula of one symbol."""
        return RealFunction(ball_function(formula, symbol), interval_function(formula, symbol))

    def bounds(self, bracket: Bracket) -> tuple[arb, arb]:
        """A lower and an upper bound on a bracket, possibly infinite."""
        low, high = self.interval((bracket.lo, bracket.hi))
        return low.lower(), high.upper()

    def excludes_zero(self, bracket: Bracket) -> bool:
        """True if the function is proved to have one strict sign on the bracket."""
        low, high = self.bounds(bracket)
        return bool(low > 0) or bool(high < 0)


@dataclass(frozen=True)
class Zero:
    """The only zero of h in a bracket on which h' does not vanish."""

    bracket: Bracket
    function: RealFunction = field(repr=False)
    derivative: RealFunction = field(repr=False)

    def ball(self, bits: int) -> arb:
        """Encloses the zero, with a radius of about ``2**-bits`` relative to it (or to the bracket around 0)."""
        return newton_zero(self.function, self.derivative, self.bracket, bits)


@dataclass(frozen=True)
class Zeros:
    """``simple`` ones are proved to be zeros, one each; any other zero lies in an ``undecided`` bracket.

    ``complete`` is False if the search stopped early because there were too many boxes.
    """

    simple: tuple[Zero, ...]
    undecided: tuple[Bracket, ...]
    complete: bool = True


def newton_zero(function: RealFunction, derivative: RealFunction, bracket: Bracket, bits: int) -> arb:
    """Encloses the unique zero of a function whose derivative has one sign on the bracket."""
    with working_precision(bits + 40):
        enclosure = bracket.ball
        finest = bracket.width * arb(2) ** (-2 * bits)
        while True:
            middle = enclosure.mid()
            value = function.ball(middle)
            step = middle - value / derivative.ball(enclosure)
            sharper = enclosure.intersection(step) if step.is_finite() and step.overlaps(enclosure) else enclosure
            if not sharper.rad() < enclosure.rad() * 0.75:  # the slope varies too much over the enclosure
                rise = function.ball(bracket.hi) - function.ball(bracket.lo)
                sharper = sharper.intersection(_half_with_zero(enclosure, value * rise))
            if not sharper.rad() < enclosure.rad() * 0.75 or sharper.rad() < finest:
                return sharper
            enclosure = sharper


def _half_with_zero(enclosure: arb, side: arb) -> arb:
    """The half with the zero: the left one where the value in the middle has the sign of the rise."""
    if side > 0:
        return enclosure.lower().union(enclosure.mid())
    return enclosure.mid().union(enclosure.upper()) if side < 0 else enclosure


def isolate_zeros(
    function: RealFunction,
    derivative: RealFunction,
    bracket: Bracket,
    irrelevant: Callable[[Bracket], bool] = lambda box: False,
    smallest: float = 2.0**-40,
    max_boxes: int = 3000,
) -> Zeros:
    """Isolates the zeros of ``function`` in ``bracket``.

    Args:
        function: h as a function on balls.
        derivative: h' as a function on balls; it may return infinite balls.
        bracket: where to look (nowhere if its ends are in the wrong order); zeros up to a quarter of a final box
            outside it may be reported as well.
        irrelevant: called with each box; one for which it is true is dropped.
        smallest: width, relative to the bracket, at which boxes are no longer bisected.
        max_boxes: number of boxes at which the search stops early.

    Returns:
        Every relevant zero is a ``simple`` one or lies in an ``undecided`` bracket.
    """
    simple: list[Zero] = []
    empty = bracket.hi < bracket.lo
    boxes = [] if empty or _excluded(function, derivative, bracket, irrelevant) else [bracket]
    limit = (bracket.width * smallest).upper()
    while boxes and boxes[0].width > limit and len(boxes) <= max_boxes:
        halves = [half for box in boxes for half in box.halves()]
        kept = [box for box in halves if not _excluded(function, derivative, box, irrelevant)]
        boxes = []
        for cluster in _clusters(kept):
            outcome = _newton_test(function, derivative, cluster[0].lo, cluster[-1].hi)
            if isinstance(outcome, Zero):
                simple.append(outcome)
            elif outcome is None:
                boxes += cluster
    undecided = tuple(Bracket(cluster[0].lo, cluster[-1].hi) for cluster in _clusters(boxes))
    return Zeros(tuple(simple), undecided, complete=len(boxes) <= max_boxes)


def _excluded(
    function: RealFunction, derivative: RealFunction, box: Bracket, irrelevant: Callable[[Bracket], bool]
) -> bool:
    if function.excludes_zero(box):
        return True
    middle = box.middle
    centred = function.ball(middle) + derivative.ball(box.ball) * (box.ball - middle)
    if centred.is_finite() and not centred.contains(0):
        return True
    return irrelevant(box)


def _clusters(boxes: list[Bracket]) -> list[list[Bracket]]:
    """Groups of boxes that touch."""
    groups: list[list[Bracket]] = []
    for box in boxes:
        if groups and groups[-1][-1].hi >= box.lo:
            groups[-1].append(box)
        else:
            groups.append([box])
    return groups


def _newton_test(function: RealFunction, derivative: RealFunction, lo: arb, hi: arb) -> Zero | bool | None:
    """The unique zero, True if there is none, None if undecided."""
    bracket = Bracket(lo, hi).widened()
    slope = derivative.ball(bracket.ball)
    if not slope.is_finite() or slope.contains(0):
        return None
    middle = bracket.middle
    step = middle - function.ball(middle) / slope
    if not step.overlaps(bracket.ball):
        return True
    if step > bracket.lo and step < bracket.hi:
        return Zero(bracket, function, derivative)
    return None
