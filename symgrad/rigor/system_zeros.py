"""All zeros of a few smooth formulas in as many unknowns in a box: subdivision with the operator of Krawczyk.

With m the middle of a box X and Y an approximate inverse of the derivative there, the set
``K = m - Y f(m) + (I - Y f'(X))(X - m)`` contains every zero in X; K inside X proves exactly one, K apart from X none
(R. Krawczyk 1969; Moore, Kearfott and Cloud, *Introduction to Interval Analysis*, SIAM 2009, section 8.2).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp
from flint import arb, arb_mat

from symgrad.rigor.balls import (
    Enclosed,
    ball_from_ends,
    ball_function,
    exact_ball,
    lower_float,
    to_ball,
    upper_float,
    working_precision,
)
from symgrad.rigor.closed_forms import closed_form, is_zero_constant, tidy
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.krawczyk import krawczyk_zero

__all__ = ["SWITCHES", "SystemZero", "SystemZeros", "system_zeros"]

Box = tuple[tuple[float, float], ...]
_BITS = 80
_MARGIN = 0.125  # boxes are tested with a margin, so that no zero lies on the edge of all of them
SWITCHES = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise, sp.DiracDelta)


@dataclass(frozen=True, eq=False)
class SystemZero:
    """The only zero in a box.

    Attributes:
        box: in which there is no other, one pair of ends an unknown.
        constants: its coordinates, in closed form where that is proved, else enclosed to any precision.
        balls: the coordinates as balls.
    """

    box: Box
    constants: tuple[sp.Expr, ...]
    balls: tuple[arb, ...]

    def holds(self, *constants: sp.Expr) -> bool:
        """Whether a point, if it is a zero, is this one: it lies in the box."""
        return _holds(self.box, tuple(to_ball(constant) for constant in constants))


@dataclass(frozen=True)
class SystemZeros:
    """``certified`` are zeros, one each; any other zero of the box lies in one of the ``undecided`` boxes."""

    certified: tuple[SystemZero, ...]
    undecided: tuple[Box, ...]


def system_zeros(
    formulas: Sequence[sp.Expr],
    symbols: Sequence[sp.Symbol],
    box: Box,
    excluded: Callable[[tuple[arb, ...]], bool] = lambda balls: False,
    smallest: float = 1e-6,
    max_boxes: int = 4000,
) -> SystemZeros:
    """All common zeros of n formulas in n unknowns in a box with finite ends.

    Args:
        formulas: smooth, or with kinks; zeros on kinks stay undecided.
        symbols: the unknowns.
        box: a pair of floats for each.
        excluded: proves of the balls of a box that its zeros are not wanted.
        smallest: size of a box, relative to the whole, that is not divided any more.
        max_boxes: number of boxes after which the rest is undecided.

    >>> x, y = sp.symbols("x y", real=True)
    >>> found = system_zeros([x**2 + y**2 - 1, x - y], [x, y], ((-2.0, 2.0), (-2.0, 3.0)))
    >>> [zero.constants for zero in found.certified], found.undecided
    ([(-sqrt(2)/2, -sqrt(2)/2), (sqrt(2)/2, sqrt(2)/2)], ())
    """
    with working_precision(_BITS):
        search = _Search(_System(formulas, symbols), box, excluded, smallest)
        search.run(max_boxes)
        found = sorted(search.found, key=lambda zero: [float(ball.mid()) for ball in zero.balls])
    return SystemZeros(tuple(found), tuple(search.undecided))


class _System:
    """The formulas and their derivatives as functions of balls."""

    def __init__(self, formulas: Sequence[sp.Expr], symbols: Sequence[sp.Symbol]) -> None:
        self.formulas, self.symbols, self.size = list(formulas), list(symbols), len(symbols)
        slopes = [derivative(f, s).replace(sp.DiracDelta, lambda *_: sp.S.Zero) for f in formulas for s in symbols]
        self._values = [ball_function(f, symbols) for f in formulas]
        self._slopes = [ball_function(s, symbols) for s in slopes]
        self._guards = [ball_function(g, symbols) for g in _deciders(formulas)]

    def values(self, balls: Sequence[arb]) -> list[arb]:
        return [value(*balls) for value in self._values]

    def slopes(self, balls: Sequence[arb]) -> arb_mat | None:
        """The derivatives, or None where a kink may lie."""
        if any(guard(*balls).contains(0) for guard in self._guards):
            return None
        entries = [slope(*balls) for slope in self._slopes]
        return arb_mat(self.size, self.size, entries) if all(e.is_finite() for e in entries) else None

    def refined(self, start: Sequence[arb], bits: int) -> tuple[arb, ...] | None:
        """The zero near a point, enclosed at a precision."""

        def column(balls: arb_mat) -> arb_mat:
            return arb_mat(self.size, 1, self.values(balls.entries()))

        def matrix(balls: arb_mat) -> arb_mat:
            found = self.slopes(balls.entries())
            return arb_mat(self.size, self.size, [arb(0, arb.pos_inf())] * self.size**2) if found is None else found

        with working_precision(bits + 40):
            found = krawczyk_zero(column, matrix, arb_mat(self.size, 1, [ball.mid() for ball in start]))
        return None if found is None else tuple(found.entries())


def _deciders(formulas: Sequence[sp.Expr]) -> list[sp.Expr]:
    """What is zero where formulas have kinks."""
    found: list[sp.Expr] = []
    for formula in formulas:
        for node in sorted(formula.atoms(*SWITCHES), key=sp.default_sort_key):
            if isinstance(node, (sp.Max, sp.Min)):
                found += [first - second for i, first in enumerate(node.args) for second in node.args[:i]]
            elif isinstance(node, sp.Piecewise):
                relations = {r for _, condition in node.args for r in condition.atoms(sp.core.relational.Relational)}
                found += [r.lhs - r.rhs for r in sorted(relations, key=sp.default_sort_key)]
            else:
                found.append(node.args[0])
    return list(dict.fromkeys(found))


@dataclass(eq=False)
class _Search:
    """Large boxes first, so that what is left at a limit is small."""

    system: _System
    whole: Box
    excluded: Callable[[tuple[arb, ...]], bool]
    smallest: float
    found: list[SystemZero] = field(default_factory=list)
    undecided: list[Box] = field(default_factory=list)

    def run(self, max_boxes: int) -> None:
        boxes, count = deque([self.whole]), 0
        while boxes:
            box = boxes.popleft()
            count += 1
            if count > max_boxes:
                self.undecided += [box, *boxes]
                return
            rest = self._treated(box)
            if rest is None:
                continue
            if self._size(rest) < self.smallest:
                self.undecided.append(rest)
            else:
                boxes += self._halves(rest)

    def _size(self, box: Box) -> float:
        return max((b - a) / (d - c) for (a, b), (c, d) in zip(box, self.whole, strict=True))

    def _halves(self, box: Box) -> list[Box]:
        shares = [(b - a) / (d - c) for (a, b), (c, d) in zip(box, self.whole, strict=True)]
        place = int(np.argmax(shares))
        low, high = box[place]
        middle = low + (high - low) * 0.4921875  # off the middle, where zeros like to lie
        return [(*box[:place], part, *box[place + 1 :]) for part in ((low, middle), (middle, high))]

    def _treated(self, box: Box) -> Box | None:
        """None where all zeros of the box are known; else what remains of it."""
        if any(_within(box, zero.box) for zero in self.found):
            return None
        exact = tuple(_ball(a, b) for a, b in box)
        if any(not value.contains(0) for value in self.system.values(exact)) or self.excluded(exact):
            return None
        wide = tuple((a - _MARGIN * (b - a), b + _MARGIN * (b - a)) for a, b in box)
        balls = [_ball(a, b) for a, b in wide]
        image = self._krawczyk(balls)
        if image is None:
            return box
        if any(not one.overlaps(other) for one, other in zip(image, balls, strict=True)):
            return None
        if all(other.contains_interior(one) for one, other in zip(image, balls, strict=True)):
            self._note(wide, image)
            return None
        kept = [_meet(ends, part) for ends, part in zip(box, image, strict=True)]
        return None if None in kept else tuple(part for part in kept if part is not None)

    def _krawczyk(self, balls: list[arb]) -> tuple[arb, ...] | None:
        slopes = self.system.slopes(balls)
        if slopes is None:
            return None
        size = self.system.size
        middle = [ball.mid() for ball in balls]
        try:
            inverse = slopes.mid().inv().mid()
        except ZeroDivisionError:
            return None
        values = arb_mat(size, 1, self.system.values(middle))
        centre = arb_mat(size, 1, middle)
        identity = arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
        away = arb_mat(size, 1, [ball - point for ball, point in zip(balls, middle, strict=True)])
        image = centre - inverse * values + (identity - inverse * slopes) * away
        return tuple(image.entries()) if all(entry.is_finite() for entry in image.entries()) else None

    def _note(self, wide: Box, image: tuple[arb, ...]) -> None:
        """A zero that is proved, unless it is known or lies outside of the whole box."""
        sharp = self.system.refined(image, 128)
        if sharp is None or not _holds(wide, sharp):
            self.undecided.append(wide)
            return
        outside = any(ball < arb(a) or ball > arb(b) for ball, (a, b) in zip(sharp, self.whole, strict=True))
        known = any(_holds(zero.box, sharp) for zero in self.found)
        if not outside and not known:
            self.found.append(SystemZero(wide, _constants(self.system, wide, sharp), sharp))


def _ball(low: float, high: float) -> arb:
    return ball_from_ends(exact_ball(low), exact_ball(high))


def _within(inner: Box, outer: Box) -> bool:
    return all(a >= c and b <= d for (a, b), (c, d) in zip(inner, outer, strict=True))


def _holds(box: Box, balls: tuple[arb, ...]) -> bool:
    return all(ball > arb(a) and ball < arb(b) for ball, (a, b) in zip(balls, box, strict=True))


def _meet(ends: tuple[float, float], image: arb) -> tuple[float, float] | None:
    low, high = max(ends[0], lower_float(image)), min(ends[1], upper_float(image))
    if low > high:
        return None
    return (low, high) if low < high else (math.nextafter(low, -math.inf), math.nextafter(high, math.inf))


def _constants(system: _System, wide: Box, sharp: tuple[arb, ...]) -> tuple[sp.Expr, ...]:
    """Closed forms, if putting them in makes all formulas zero: then they are the only zero of the box."""
    refined: dict[int, tuple[arb, ...]] = {}

    def at(place: int) -> Callable[[int], arb]:
        def refine(bits: int) -> arb:
            if bits not in refined:
                refined[bits] = system.refined(sharp, bits) or sharp
            return refined[bits][place]

        return refine

    guesses = [closed_form(at(place), lambda guess: True) for place in range(system.size)]
    if all(guess is not None for guess in guesses):
        values = dict(zip(system.symbols, guesses, strict=True))
        if all(is_zero_constant(formula.subs(values)) for formula in system.formulas):
            return tuple(tidy(guess) for guess in guesses if guess is not None)
    names = ", ".join(map(str, system.formulas))
    return tuple(
        Enclosed(f"{symbol} at the zero of {names} near {_digits(sharp)}", at(place))
        for place, symbol in enumerate(system.symbols)
    )


def _digits(balls: tuple[arb, ...]) -> str:
    return ", ".join(str(ball.mid().str(25, radius=False)) for ball in balls)
