"""What kind of bifurcation a critical point is: coefficients of the normal form in balls, and what they prove.

Kuznetsov, *Elements of Applied Bifurcation Theory* (3rd ed. 2004): theorems 3.1 (fold of flows), 4.1 (fold of maps),
4.3 (flip), 8.1 (cusp), section 7.1 (pitchfork under symmetry). With the residual r of a map F or a flow f, and its
derivatives at the point, the fixed points next to it solve
``r_p dp + r_xx dx^2/2 + r_xp dx dp + r_xxx dx^3/6 + ... = 0``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp
from flint import arb

from symgrad.dynamics.bifurcation_points import (
    CUSP,
    FLIP,
    PITCHFORK,
    SADDLE_NODE,
    SUBCRITICAL,
    SUPERCRITICAL,
    TRANSCRITICAL,
    BifurcationPoint,
)
from symgrad.dynamics.constant_order import BITS, closed, sign_of, simplified
from symgrad.dynamics.critical_points import Critical
from symgrad.dynamics.points import UNDECIDED, UNIQUE
from symgrad.dynamics.scalar_system import EQUATION, FLOW, MAP, ScalarSystem
from symgrad.rigor.balls import to_ball

__all__ = ["Jet", "classified_flip", "classified_stationary", "jet_of"]

_LONGEST = 60  # operations of a closed form
_LETTERS = {MAP: "F", FLOW: "f", EQUATION: "r"}


@dataclass(frozen=True, eq=False)
class Jet:
    """Derivatives of a smooth residual at a point of (x, p)."""

    system: ScalarSystem
    parameter: sp.Symbol
    residual: sp.Expr
    at_state: sp.Expr
    at_parameter: sp.Expr

    def value(self, in_x: int, in_p: int = 0) -> sp.Expr:
        """A partial derivative, as a constant."""
        derived = self.residual.diff(self.system.state, in_x).diff(self.parameter, in_p)
        derived = derived.replace(sp.DiracDelta, lambda *_: sp.S.Zero)  # of a kink elsewhere
        return simplified(derived.subs(self.parameter, self.at_parameter).subs(self.system.state, self.at_state))

    @property
    def letter(self) -> str:
        """F for a map, f for a flow, r for an equation."""
        return _LETTERS[self.system.kind]

    def point(
        self, kind: str, coefficients: dict[str, sp.Expr], notes: tuple[str, ...], status: str = UNIQUE
    ) -> BifurcationPoint:
        """The record, with coefficients as balls and the conditions that they prove."""
        signs = {name: sign_of(value) for name, value in coefficients.items()}
        facts = tuple(_fact(name, sign) for name, sign in signs.items())
        eigenvalues = () if self.system.kind == EQUATION else (arb(-1 if kind == FLIP else self.system.edge),)
        return BifurcationPoint(
            kind=kind,
            parameter=to_ball(self.at_parameter, BITS),
            state=(to_ball(self.at_state, BITS),),
            eigenvalues=eigenvalues,
            coefficients={name: _told_from_zero(value, signs[name]) for name, value in coefficients.items()},
            nondegenerate=_all_nonzero(list(signs.values())),
            status=status,
            conditions=(*notes, *facts),
            exact_parameter=self.at_parameter if closed(self.at_parameter) else None,
            exact_state=(self.at_state,) if closed(self.at_state) else None,
            exact_coefficients={name: value for name, value in coefficients.items() if _reads(value)},
        )


def _told_from_zero(value: sp.Expr, sign: int | None) -> arb:
    """A ball around a coefficient, with as many bits as its sign takes where that is known."""
    for bits in (BITS, 512, 2048):
        ball = to_ball(value, bits)
        if not sign or (ball.is_finite() and not ball.contains(0)):
            break
    return ball


def _reads(value: sp.Expr) -> bool:
    """Whether a constant is a closed form that is short enough to be of use."""
    return closed(value) and bool(value.count_ops() <= _LONGEST)


def _all_nonzero(signs: list[int | None]) -> bool | None:
    if 0 in signs:
        return False
    return None if None in signs or not signs else True


def _fact(name: str, sign: int | None) -> str:
    return f"{name} " + {0: "= 0", 1: "> 0", -1: "< 0", None: "is not told from 0"}[sign]


def jet_of(system: ScalarSystem, parameter: sp.Symbol, critical: Critical, unknown: sp.Symbol) -> Jet:
    """The derivatives at a critical point of a reduction."""
    state = critical.piece.state.subs(unknown, critical.unknown).subs(parameter, critical.parameter)
    return Jet(system, parameter, critical.piece.residual, simplified(state), critical.parameter)


def classified_stationary(jet: Jet, order: int | None, lasting: bool, proved: bool) -> BifurcationPoint:
    """The kind of a point with r = 0 and r_x = 0.

    Args:
        jet: the derivatives there.
        order: of contact of the curve of fixed points with the line p = const, less one, where the curve is a graph
            over x; at a point of a lasting branch the order of the zero of the reduced condition.
        lasting: whether it is fixed for all parameters.
        proved: whether there is exactly one.
    """
    letter = jet.letter
    forms = {
        (1, False): (SADDLE_NODE, {f"{letter}_xx/2": (2, 0, 2), f"{letter}_p": (0, 1, 1)}),
        (2, False): (CUSP, {f"{letter}_xxx/6": (3, 0, 6), f"{letter}_p": (0, 1, 1)}),
        (2, True): (TRANSCRITICAL, {f"{letter}_xx/2": (2, 0, 2), f"{letter}_xp": (1, 1, 1)}),
        (3, True): (PITCHFORK, {f"{letter}_xxx/6": (3, 0, 6), f"{letter}_xp": (1, 1, 1)}),
    }
    kind, orders = forms.get((order or 0, lasting), (UNDECIDED, {}))
    coefficients = {name: simplified(jet.value(i, j) / size) for name, (i, j, size) in orders.items()}
    notes = _stationary_notes(jet, kind, order, lasting)
    point = jet.point(kind, coefficients, notes, UNIQUE if proved else UNDECIDED)
    return _named(jet, point, kind, coefficients)


def _stationary_notes(jet: Jet, kind: str, order: int | None, lasting: bool) -> tuple[str, ...]:
    letter, x, p = jet.letter, jet.system.state, jet.parameter
    slope = f"{letter}_x = {0 if jet.system.kind != MAP else 1}"
    notes = [f"fixed point with {slope}"]
    if lasting:
        notes.append(f"{x} = {jet.at_state} is a fixed point for every {p}")
    if kind == CUSP:
        notes.append(f"{letter}_xx = 0")
    if kind == PITCHFORK:
        notes.append(f"{letter}_p = 0, {letter}_xx = 0")
    if kind == TRANSCRITICAL:
        notes.append(f"{letter}_p = 0")
    if kind == UNDECIDED:
        notes.append("no normal form" if order is None else f"degenerate of order {order}")
    return tuple(notes)


def _named(jet: Jet, point: BifurcationPoint, kind: str, coefficients: dict[str, sp.Expr]) -> BifurcationPoint:
    """With the side on which fixed points exist, and the criticality."""
    signs = [sign_of(value) or 0 for value in coefficients.values()]
    if kind == UNDECIDED:
        return replace(point, nondegenerate=False)
    if not point.nondegenerate:
        return point if point.nondegenerate is None else replace(point, kind=UNDECIDED)
    p, side = jet.parameter, "<" if signs[0] * signs[1] > 0 else ">"
    if kind == SADDLE_NODE:
        return replace(point, conditions=(*point.conditions, f"two fixed points for {p} {side} its critical value"))
    if kind == PITCHFORK:
        words = SUPERCRITICAL if signs[0] < 0 else SUBCRITICAL
        facts = (*point.conditions, f"three fixed points for {p} {side} its critical value")
        return replace(point, criticality=None if jet.system.kind == EQUATION else words, conditions=facts)
    return point


def classified_flip(jet: Jet, proved: bool) -> BifurcationPoint:
    """A fixed point of a map with multiplier -1: the period doubles where both coefficients differ from 0.

    ``c = F_xx^2/4 + F_xxx/6`` decides on the stability of the cycle of period two, and ``dm/dp = F_xp + F_xx F_p/2`` is
    how fast the multiplier moves along the curve of fixed points.
    """
    second, third = jet.value(2), jet.value(3)
    speed = simplified(jet.value(1, 1) + second * jet.value(0, 1) / 2)
    cubic = sp.S.Zero if _is_moebius(jet) else simplified(second**2 / 4 + third / 6)
    point = jet.point(
        FLIP,
        {"c": cubic, "dm/dp": speed},
        ("fixed point with F_x = -1",),
        UNIQUE if proved else UNDECIDED,
    )
    if point.nondegenerate:
        return replace(point, criticality=SUPERCRITICAL if sign_of(cubic) == 1 else SUBCRITICAL)
    return point


def _is_moebius(jet: Jet) -> bool:
    """Whether the map is a fraction of affine functions of the state: its Schwarzian derivative, -6 c here, is zero."""
    x = jet.system.state
    first, second, third = (jet.residual.diff(x, order) for order in (1, 2, 3))
    if not all(part.is_rational_function(x) for part in (first, second, third)):
        return False
    return bool(sp.cancel(sp.together((1 + first) * third - sp.Rational(3, 2) * second**2)) == 0)
