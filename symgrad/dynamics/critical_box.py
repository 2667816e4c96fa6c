"""Critical points by subdivision of a box of (x, p): where the parameter does not enter in one affine way."""

from __future__ import annotations

import sympy as sp
from flint import arb

from symgrad.dynamics.bifurcation_points import BifurcationPoint
from symgrad.dynamics.constant_order import constant_of, sign_of
from symgrad.dynamics.normal_forms import Jet, classified_flip, classified_stationary
from symgrad.dynamics.points import UNDECIDED
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.errors import InputError
from symgrad.rigor.balls import ball_function, exact_ball, lower_float, to_ball, upper_float
from symgrad.rigor.closed_forms import is_zero_function
from symgrad.rigor.roots import all_roots
from symgrad.rigor.system_zeros import SWITCHES, Box, system_zeros

__all__ = ["FLIPS", "STATIONARY", "box_points", "finite_ends"]

STATIONARY, FLIPS = "stationary", "flips"
Outcome = tuple[list[BifurcationPoint], list[sp.Interval], list[str]]


def box_points(
    system: ScalarSystem, parameter: sp.Symbol, interval: sp.Interval, box: sp.Interval, kind: str
) -> Outcome:
    """The points with r = 0 and r_x = 0 (or -2, for flips of maps) in a box.

    Fixed points that do not move with the parameter are recognised; on them the two conditions are one in p.

    Returns:
        The points, stretches of the parameter that are not decided, and remarks.

    Raises:
        InputError: the interval or the box is infinite.
    """
    whole = (finite_ends("box", box, system.state), finite_ends("interval", interval, parameter))
    target = sp.S.Zero if kind == STATIONARY else sp.Integer(-2)
    residual, x = system.formula, system.state
    slope = residual.diff(x)
    lasting = _lasting(system, parameter, box)
    exact = [_on_lasting(system, parameter, state, interval, target) for state in lasting]
    pairs = [pair for found_there, _ in exact for pair in found_there]
    points = [point for _, point in pairs]
    near = [_Nearby(residual, x, parameter, state) for state in lasting if kind == STATIONARY]
    found = system_zeros(
        [residual, slope - target],
        [x, parameter],
        whole,
        lambda balls: any(place.holds_none(*balls) for place in near),
    )
    for zero in found.certified:
        if any(zero.holds(*constants) for constants, _ in pairs):
            continue  # the zero of this box is known in closed form
        jet = Jet(system, parameter, residual, *zero.constants)
        points.append(classified_stationary(jet, 1, False, True) if kind == STATIONARY else classified_flip(jet, True))
    clusters = _clusters(list(found.undecided))
    points += [_undecided(system, cluster, target) for cluster in clusters]
    stretches = [sp.Interval(*map(sp.Rational, cluster[1])) for cluster in clusters]
    if not all(known for _, known in exact):
        stretches.append(interval)
    remarks = [f"not decided: {parameter} in [{c[1][0]:.6g}, {c[1][1]:.6g}]" for c in clusters]
    return points, stretches, remarks


def finite_ends(name: str, interval: sp.Interval, symbol: sp.Symbol) -> tuple[float, float]:
    """The ends of a finite interval as floats, rounded outwards.

    Args:
        name: of the argument, for the message.
        interval: of the symbol.
        symbol: for the message.

    Raises:
        InputError: an end is infinite.
    """
    if not (interval.start.is_finite and interval.end.is_finite):
        raise InputError(
            f"{name}: a finite interval of {symbol} is needed, got {interval}: the parameter does not enter the "
            "fixed-point equation in one affine way, so that a box is searched"
        )
    return lower_float(to_ball(interval.start)), upper_float(to_ball(interval.end))


def _lasting(system: ScalarSystem, parameter: sp.Symbol, box: sp.Interval) -> list[sp.Expr]:
    """States in closed form that are fixed for every value of the parameter, of a formula without kinks."""
    if system.formula.has(*SWITCHES):
        return []
    sample = system.formula.subs(parameter, sp.Rational(7, 5))
    guesses = {sp.S.Zero}
    if system.state in sample.free_symbols:
        guesses |= {root.exact for root in all_roots(sample, system.state, box).points if root.exact is not None}
    ordered = sorted(guesses, key=sp.default_sort_key)
    return [guess for guess in ordered if is_zero_function(system.formula.subs(system.state, guess))]


def _on_lasting(
    system: ScalarSystem, parameter: sp.Symbol, state: sp.Expr, interval: sp.Interval, target: sp.Expr
) -> tuple[list[tuple[tuple[sp.Expr, sp.Expr], BifurcationPoint]], bool]:
    """The critical points on a fixed point that does not move, with their constants; and whether these are all."""
    condition = system.formula.diff(system.state).subs(system.state, state) - target
    if parameter not in condition.free_symbols:
        return [], sign_of(condition) not in (0, None)
    roots = all_roots(condition, parameter, interval)
    found = []
    for root in roots.points:
        jet = Jet(system, parameter, system.formula, state, constant_of(root, str(condition)))
        if target == 0:
            point = classified_stationary(jet, _order(jet), True, root.proved)
        else:
            point = classified_flip(jet, root.proved)
        found.append(((state, jet.at_parameter), point))
    return found, not (roots.gaps or roots.continua)


def _order(jet: Jet) -> int | None:
    """2 for a transcritical, 3 for a pitchfork; None where no derivative is proved to differ from 0."""
    second = sign_of(jet.value(2))
    if second not in (0, None):
        return 2
    return 3 if second == 0 and sign_of(jet.value(3)) not in (0, None) else None


class _Nearby:
    """Proves that a box around a lasting fixed point holds no critical point off it.

    With ``r = s h + q(xi) h^2/2`` and ``r_x = s + q(eta) h`` for ``h = x - x0``, both are zero with ``h != 0`` only if
    ``q(xi) = 2 q(eta)``; if r_xx vanishes at x0 for all p, likewise only if r_xxx takes values with the ratio 3.
    """

    def __init__(self, residual: sp.Expr, x: sp.Symbol, parameter: sp.Symbol, state: sp.Expr) -> None:
        self.state = state
        flat = is_zero_function(residual.diff(x, 2).subs(x, state))
        self.ratio = 3 if flat else 2
        self.curvature = ball_function(residual.diff(x, 3 if flat else 2), (x, parameter))

    def holds_none(self, state: arb, parameter: arb) -> bool:
        """Whether no critical point with another state lies in the balls."""
        place = to_ball(self.state)
        if not state.overlaps(place):
            return False
        values = self.curvature(state.union(place), parameter)
        low, high = abs(values).lower(), abs(values).upper()
        return bool(values.is_finite()) and not values.contains(0) and bool(high < self.ratio * low)


def _clusters(boxes: list[Box]) -> list[Box]:
    """Hulls of boxes that touch."""
    hulls: list[Box] = []
    for box in boxes:
        touching = [hull for hull in hulls if _touch(hull, box)]
        hulls = [hull for hull in hulls if hull not in touching]
        for other in touching:
            box = tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(box, other, strict=True))
        hulls.append(box)
    return hulls


def _touch(one: Box, other: Box) -> bool:
    return all(a <= d and c <= b for (a, b), (c, d) in zip(one, other, strict=True))


def _undecided(system: ScalarSystem, box: Box, target: sp.Expr) -> BifurcationPoint:
    state, parameter = (exact_ball(low).union(exact_ball(high)) for low, high in box)
    multiplier = arb(system.edge + int(target))
    return BifurcationPoint(
        UNDECIDED, parameter, (state,), (multiplier,), status=UNDECIDED, conditions=("there may be a critical point",)
    )
