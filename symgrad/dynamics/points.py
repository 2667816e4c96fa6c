"""Fixed points of one real unknown, each with its enclosure, and the proof that there are no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import sympy as sp
from flint import arb

from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, to_ball, working_precision
from symgrad.rigor.closed_forms import is_zero_constant
from symgrad.rigor.ends import End
from symgrad.rigor.sign_proof import exact_end, excludes_zeros, keeps_sign
from symgrad.rigor.smooth_pieces import split

__all__ = ["AT_LEAST_ONE", "DOUBLE", "STABLE", "UNDECIDED", "UNIQUE", "UNSTABLE", "FixedPoint", "FixedPoints", "Gap"]

STABLE, UNSTABLE, UNDECIDED = "stable", "unstable", "undecided"
UNIQUE, AT_LEAST_ONE, DOUBLE = "unique", "at least one", "double"
_BITS = 256


@dataclass(frozen=True, eq=False)
class FixedPoint(Presentable):
    """A fixed point of a scalar map, flow or equation.

    Attributes:
        ball: encloses it, with a radius of at most 1e-15.
        multiplier: encloses F'(x*) of a map, or the eigenvalue f'(x*) of a flow; at a kink the slopes of both sides,
            at a jump infinite; None for an equation that is not of the form x = g(x).
        stability: by linearisation, at a kink on both sides: ``"stable"``, ``"unstable"``, or ``"undecided"`` where
            the enclosure of the multiplier does not tell: at a bifurcation.
        status: ``"unique"``: exactly one zero of multiplicity one or higher odd order lies in the ball, and no other
            one touches it; ``"double"``: one zero of even order, proved; ``"at least one"``: a change of sign;
            ``"undecided"``: there may be one.
        exact: the point in closed form, where one is proved; else None.
        order: the multiplicity of the zero, where proved: 1, at a fold 2, at a cusp 3.

    >>> import symgrad as sg
    >>> point = sg.fixed_points(sg.models.neuron(w=5, b=-2.5))[1]
    >>> point.exact, point.stability, point.status, float(point.multiplier)
    (1/2, 'unstable', 'unique', 1.25)
    """

    ball: arb
    multiplier: arb | None
    stability: str
    status: str
    exact: sp.Expr | None = None
    order: int | None = None

    @property
    def value(self) -> float:
        """The point as a float, the middle of the ball rounded."""
        return float(self.ball.mid())


@dataclass(frozen=True)
class Gap:
    """A stretch between neighbouring fixed points, or between one and an end of the box.

    Attributes:
        left: its left end, a float at or inside the ball of the fixed point there, or an end of the box.
        right: its right end.
        sign: of the residual everywhere in it, -1 or 1, proved; 0 where a sign is not proved.
    """

    left: float
    right: float
    sign: int


@dataclass(frozen=True, eq=False)
class FixedPoints(Presentable):
    """All fixed points of a scalar system in an interval: a sequence of :class:`FixedPoint` from left to right.

    Attributes:
        system: whose fixed points.
        box: where they were searched.
        points: those found.
        continua: intervals that consist of fixed points, as of ``x = relu(x)``.
        complete: whether it is proved that there are no others.
        gaps: what is proved: between fixed points the residual has one strict sign.

    >>> import symgrad as sg
    >>> found = sg.fixed_points(sg.models.neuron(w=5, b=-2.5))
    >>> len(found), len(found.stable), found.complete, [gap.sign for gap in found.gaps]
    (3, 2, True, [1, -1, 1, -1])
    """

    system: ScalarSystem
    box: sp.Interval
    points: tuple[FixedPoint, ...]
    continua: tuple[sp.Interval, ...] = ()
    complete: bool = True
    gaps: tuple[Gap, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[FixedPoint]:
        return iter(self.points)

    def __getitem__(self, index: int) -> FixedPoint:
        return self.points[index]

    @property
    def stable(self) -> tuple[FixedPoint, ...]:
        """Those that are stable by linearisation."""
        return tuple(point for point in self.points if point.stability == STABLE)

    @property
    def unstable(self) -> tuple[FixedPoint, ...]:
        """Those that are unstable by linearisation."""
        return tuple(point for point in self.points if point.stability == UNSTABLE)

    def audit(self) -> bool:
        """Whether it is proved once more, in another way, that these are the fixed points and that there are no others.

        The sign in every gap is proved by interval evaluation and expansions at the ends alone; between neighbouring
        gaps lies one point, at which the sign changes, or does not if its order is even, or a continuum.

        >>> import symgrad as sg
        >>> from dataclasses import replace
        >>> found = sg.fixed_points(sg.models.neuron(w=5, b=-2.5))
        >>> found.audit(), replace(found, points=found.points[1:]).audit()
        (True, False)
        """
        formula, state = self.system.formula, self.system.state
        if not self.complete or not all(
            gap.sign and keeps_sign(formula, state, gap.left, gap.right, gap.sign) for gap in self.gaps
        ):
            return False
        joints = list(pairwise(self.gaps))
        if not all(self._is_explained(before, after) for before, after in joints):
            return False
        inner = [point for point in self.points if any(_lies_at(point, *joint) for joint in joints)]
        outer = [point for point in self.points if point not in inner]
        return all(self._is_zero(point) for point in outer) and self._ends_with([point.exact for point in outer])

    def _ends_with(self, points: list[sp.Expr | None]) -> bool:
        """Whether exactly these are the ends of the box, or of where the residual is real, at which it may be zero."""
        residual = ball_function(self.system.formula, self.system.state)
        sides = End(self.box.start, 1), End(self.box.end, -1)
        pieces = split(self.system.formula, self.system.state, *sides, where_defined=True)
        with working_precision(_BITS):
            reach = pieces[0].left.value, pieces[-1].right.value
            ends = [end for end in reach if end.is_finite]
            zeros = [end for end in ends if residual(to_ball(end)).is_finite() and residual(to_ball(end)).contains(0)]
        inside = [c for c in self.continua for end in zeros if end in (c.start, c.end)]
        known = all(point in ends for point in points) and len(points) + len(inside) == len(zeros)
        return known and self._reaches(*reach)

    def _reaches(self, first: sp.Expr, last: sp.Expr) -> bool:
        """Whether gaps and continua extend to both ends, or at least to floats so near that no zero is left out."""
        left = [*(c.start for c in self.continua), *(exact_end(gap.left) for gap in self.gaps)]
        right = [*(c.end for c in self.continua), *(exact_end(gap.right) for gap in self.gaps)]
        return bool(left) and self._is_free(first, min(left)) and self._is_free(max(right), last)

    def _is_free(self, left: sp.Expr, right: sp.Expr) -> bool:
        if left >= right:
            return True
        bounded = left.is_finite and right.is_finite
        return bool(bounded) and excludes_zeros(self.system.formula, self.system.state, left, right)

    def _is_explained(self, before: Gap, after: Gap) -> bool:
        """Whether what lies between two gaps is one fixed point, one continuum, or no fixed point at all."""
        here = [point for point in self.points if _lies_at(point, before, after)]
        continua = [c for c in self.continua if c.start <= before.right and after.left <= c.end]
        if here:
            return len(here) == 1 and not continua and self._is_crossing(here[0], before.sign != after.sign)
        formula, state = self.system.formula, self.system.state
        if before.right < after.left and not continua:
            return self._is_free(exact_end(before.right), exact_end(after.left))
        with working_precision(_BITS):
            middle = ball_function(formula, state)((arb(before.right) + arb(after.left)) / 2)
        return bool(middle.contains(0)) if continua else not (middle.is_finite() and middle.contains(0))

    def _is_crossing(self, point: FixedPoint, changes: bool) -> bool:
        """Whether a point is proved to be a zero: by a change of sign, or in closed form."""
        if point.order is not None and changes != (point.order % 2 == 1):
            return False
        return (changes and point.exact is None) or self._is_zero(point)

    def _is_zero(self, point: FixedPoint) -> bool:
        """Whether the residual is proved to be exactly zero at the closed form of a point."""
        return point.exact is not None and is_zero_constant(self.system.formula.subs(self.system.state, point.exact))

    @property
    def is_flow(self) -> bool:
        """Whether multipliers are eigenvalues of a flow."""
        return self.system.kind == FLOW


def _lies_at(point: FixedPoint, before: Gap, after: Gap) -> bool:
    """Whether a point lies between two gaps."""
    return bool(point.ball.overlaps(arb(before.right).union(arb(after.left))))
