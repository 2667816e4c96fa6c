"""The special points of a curve of fixed points: folds, cusps and flips, solved from their conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy as sp

from symgrad.dynamics.constants import constant_sign, named
from symgrad.dynamics.curve_setting import Setting, neat
from symgrad.dynamics.slope_pieces import LEVEL, Joint, SlopePiece, joints, slope_pieces
from symgrad.language.elementwise import VARIABLE
from symgrad.presentable import Presentable
from symgrad.rigor.balls import Enclosed

__all__ = ["CurveCusp", "CurvePoint", "at_preactivation", "cusps_of", "points_at_multiplier"]

FOLD, FLIP, KINK_FOLD, KINK_FLIP, CUSP = "fold", "flip", "kink fold", "kink flip", "cusp"


@dataclass(frozen=True, eq=False)
class CurvePoint(Presentable):
    """A fold or a flip on a curve of fixed points.

    Attributes:
        kind: ``"fold"`` or ``"flip"``; ``"kink fold"`` or ``"kink flip"`` where the multiplier jumps over the critical
            value at a kink of the activation; ``"cusp"`` where two folds have just merged.
        z: the pre-activation; the symbol ``z`` itself where it has no closed form in the weight.
        x: the state.
        b: the bias.
        w: the weight: its symbol or number; a formula in z where z has no closed form in the weight.
        condition: on the parameters, under which the point exists and is real; of the symbol z, where that is used.
        nondegenerate: where the second derivative of the bias along the curve (of a flip: that of the activation) is
            not zero, so that two fixed points meet.
        exact: whether the numbers are closed forms, proved by substitution; else they are enclosed.
        curvature: the second derivative ``-W s''(z)`` of the effective bias by z; None at a kink.
    """

    kind: str
    z: sp.Expr
    x: sp.Expr
    b: sp.Expr
    w: sp.Expr
    condition: sp.Basic
    nondegenerate: sp.Basic
    exact: bool = True
    curvature: sp.Expr | None = None

    @property
    def is_parametric(self) -> bool:
        """Whether the point is given with the pre-activation z as a parameter."""
        return self.z == VARIABLE

    def __iter__(self) -> Iterator[sp.Expr]:
        """Weight, bias and state."""
        return iter((self.w, self.b, self.x))


@dataclass(frozen=True, eq=False)
class CurveCusp(Presentable):
    """Where two folds of a curve of fixed points merge: an extremum of s'(z), so that W s'(z) = 1 has a double zero.

    Attributes:
        w: the weight.
        b: the bias.
        x: the state.
        z: the pre-activation.
        smooth: whether the activation is smooth there and its third derivative not zero, as a standard cusp has it;
            False at a corner of s', as softsign has one at 0, and at a kink where a smooth fold meets that of the kink.
        exact: whether the numbers are closed forms; else they are enclosed.
    """

    w: sp.Expr
    b: sp.Expr
    x: sp.Expr
    z: sp.Expr
    smooth: bool
    exact: bool = True

    def __iter__(self) -> Iterator[sp.Expr]:
        """Weight, bias and state."""
        return iter((self.w, self.b, self.x))


def points_at_multiplier(setting: Setting, multiplier: int) -> tuple[CurvePoint, ...]:
    """The folds (multiplier 1; of a flow eigenvalue 0) or the flips (multiplier -1): where W s'(z) has a level.

    From left to right in z where the weight is a number.

    Raises:
        TailUndecidedError: what lies too close to a limit to be told apart from it.
    """
    target = sp.S.One if multiplier == 1 else setting.level(multiplier)
    if target.is_zero:
        return ()
    pieces = slope_pieces(setting.unit.activation)
    weight = setting.effective_weight
    if weight.free_symbols or target.free_symbols:
        found = [p for piece in pieces for p in _symbolic(setting, piece, target, multiplier)]
        return (*found, *(p for joint in joints(pieces) for p in _symbolic_kink(setting, joint, target, multiplier)))
    if weight.is_zero:
        return ()
    points = [p for piece in pieces for p in _numeric(setting, piece, target, multiplier)]
    points += [p for joint in joints(pieces) for p in _numeric_joint(setting, joint, target, multiplier)]
    return tuple(sorted(points, key=lambda point: float(point.z)))


def cusps_of(setting: Setting, target: sp.Expr = sp.S.One) -> tuple[CurveCusp, ...]:
    """Where W s'(z) - 1 vanishes together with its derivative and changes its sign twice nearby."""
    found = []
    for joint in joints(slope_pieces(setting.unit.activation)):
        level = joint.extreme_slope
        if level is None or level in (sp.oo, -sp.oo) or constant_sign(level) == 0:
            continue
        third = named(sp.diff(joint.before.slope, VARIABLE, 2).xreplace({VARIABLE: joint.point}))
        smooth = joint.is_smooth and constant_sign(third) != 0
        weight = setting.weight_for(target / level)
        fields = at_preactivation(setting, joint.before.formula, joint.point, weight)
        w, b, x, z = (setting.named(_settled(e)) for e in (weight, fields["b"], fields["x"], joint.point))
        found.append(CurveCusp(w, b, x, z, smooth, not any(e.atoms(Enclosed) for e in (w, b, x, z))))
    return tuple(found)


def at_preactivation(
    setting: Setting, formula: sp.Expr, z: sp.Expr, weight: sp.Expr | None = None
) -> dict[str, sp.Expr]:
    """State and bias of the fixed point whose pre-activation is z.

    Args:
        setting: of which unit.
        formula: s near z.
        z: where.
        weight: the value of the weight; by default what is given, or its symbol.
    """
    unit = setting.unit
    value = setting.at_weight(setting.weight) if weight is None else weight

    def put(expr: sp.Expr) -> sp.Expr:
        return expr.xreplace({setting.weight: value})

    output = neat(formula.xreplace({VARIABLE: z}))
    bias = neat(setting.bias_for(z - put(unit.weight) * output, value))
    if setting.bias not in unit.offset.free_symbols:
        state = put(unit.height) * output + put(unit.offset)
    elif setting.bias not in unit.bias_in.free_symbols:
        state = (z - put(unit.bias_in)) / put(unit.weight_in)
    else:
        state = put(unit.height) * output + put(unit.offset).xreplace({setting.bias: bias})
    return {"x": neat(state), "b": bias}


def _settled(expr: sp.Expr) -> sp.Expr:
    return expr if expr.free_symbols else named(expr)


def _point(setting: Setting, kind: str, formula: sp.Expr, z: sp.Expr, **fields: sp.Basic) -> CurvePoint:
    weight = fields.pop("w", None)
    state = at_preactivation(setting, formula, z, weight)
    w = setting.at_weight(setting.weight) if weight is None else weight
    effective = setting.unit.weight.xreplace({setting.weight: w})
    curvature = _settled(neat(-effective * sp.diff(formula, VARIABLE, 2).xreplace({VARIABLE: z})))
    x, b, w, z = (setting.named(_settled(e)) for e in (state["x"], state["b"], w, z))
    condition, nondegenerate = (setting.named(fields[key]) for key in ("condition", "nondegenerate"))
    exact = not any(e.atoms(Enclosed) for e in (z, x, b, w))
    bend = None if kind in (KINK_FOLD, KINK_FLIP) else setting.named(curvature)
    return CurvePoint(kind, z, x, b, w, condition, nondegenerate, exact, bend)


def _numeric(setting: Setting, piece: SlopePiece, target: sp.Expr, multiplier: int) -> Iterator[CurvePoint]:
    z = piece.at_level(target / setting.effective_weight)
    if z is not None:
        kind = FOLD if multiplier == 1 else FLIP
        yield _point(setting, kind, piece.formula, z, condition=sp.true, nondegenerate=sp.true)


def _numeric_joint(setting: Setting, joint: Joint, target: sp.Expr, multiplier: int) -> Iterator[CurvePoint]:
    """A kink over which the multiplier jumps past the critical value, or a point at which it just reaches it."""
    turn = joint.sides(target / setting.effective_weight)
    if turn.reached and turn.product > 0:
        if joint.is_kink:
            return  # the multiplier only touches the value from one side
        kind = CUSP if multiplier == 1 else FLIP
    elif turn.product < 0:
        fold, flip = (KINK_FOLD, KINK_FLIP) if joint.is_kink else (FOLD, FLIP)
        kind = fold if multiplier == 1 else flip
    else:
        return
    generic = sp.false if turn.reached else sp.true
    yield _point(setting, kind, joint.before.formula, joint.point, condition=sp.true, nondegenerate=generic)


def _symbolic(setting: Setting, piece: SlopePiece, target: sp.Expr, multiplier: int) -> Iterator[CurvePoint]:
    if piece.direction == 0:
        return
    weight, kind = setting.effective_weight, FOLD if multiplier == 1 else FLIP
    strict = _condition(target, weight, piece, strictly=True)
    closed = _condition(target, weight, piece, strictly=False)
    if strict == sp.false and closed == sp.false:
        return
    if piece.inverse is not None:
        z = neat(piece.inverse.xreplace({LEVEL: target / weight}))
        yield _point(setting, kind, piece.formula, z, condition=closed, nondegenerate=strict)
    elif setting.weight not in setting.given:
        moved = setting.weight_for(target / piece.slope)
        between = sp.And(sp.Gt(VARIABLE, piece.left.value), sp.Lt(VARIABLE, piece.right.value))
        if piece.contains(sp.S.Zero):
            between = sp.And(between, sp.Ne(VARIABLE, piece.at_level(sp.S.Zero)))
        yield _point(setting, kind, piece.formula, VARIABLE, w=moved, condition=between, nondegenerate=sp.true)


def _symbolic_kink(setting: Setting, joint: Joint, target: sp.Expr, multiplier: int) -> Iterator[CurvePoint]:
    if not joint.is_kink:
        return
    weight, kind = setting.effective_weight, KINK_FOLD if multiplier == 1 else KINK_FLIP
    ends = sorted((joint.before.last, joint.after.first), key=_size)
    crossed = _between(target, weight, ends[0], ends[1], (True, True))
    if crossed != sp.false:
        yield _point(setting, kind, joint.before.formula, joint.point, condition=crossed, nondegenerate=crossed)


def _size(value: sp.Expr) -> float:
    return float(value) if value.is_finite else float("inf") * (1 if value == sp.oo else -1)


def _condition(target: sp.Expr, weight: sp.Expr, piece: SlopePiece, *, strictly: bool) -> sp.Basic:
    open_ends = tuple(strictly or not piece.attains(low=low) for low in (True, False))
    return _between(target, weight, piece.low, piece.high, open_ends)


def _between(target: sp.Expr, weight: sp.Expr, low: sp.Expr, high: sp.Expr, open_ends: tuple[bool, ...]) -> sp.Basic:
    """``low <= target/weight <= high``, solved for the weight, for either sign of target and weight."""
    if target.is_number:
        return _for_sign(target, weight, low, high, open_ends, constant_sign(target))
    signs = {1: target > 0, -1: target < 0}
    return sp.Or(*(sp.And(r, _for_sign(target, weight, low, high, open_ends, s)) for s, r in signs.items()))


def _for_sign(
    target: sp.Expr, weight: sp.Expr, low: sp.Expr, high: sp.Expr, open_ends: tuple[bool, ...], sign: int
) -> sp.Basic:
    """The same for one sign of the target: the quotient is positive where the weight has that sign."""
    up, down = (sp.Ge, sp.Le) if sign > 0 else (sp.Le, sp.Ge)
    strict = {sp.Ge: sp.Gt, sp.Le: sp.Lt}

    def end(relation: type, value: sp.Expr, index: int) -> sp.Basic:
        if value in (sp.oo, -sp.oo):
            return strict[relation](weight, 0)
        return (strict[relation] if open_ends[index] else relation)(weight, target / value)

    ways = []
    if high == sp.oo or constant_sign(high) > 0:
        beyond = low != -sp.oo and constant_sign(low) > 0
        ways.append(sp.And(end(up, high, 1), end(down, low, 0) if beyond else sp.true))
    if low == -sp.oo or constant_sign(low) < 0:
        beyond = high != sp.oo and constant_sign(high) < 0
        ways.append(sp.And(end(down, low, 0), end(up, high, 1) if beyond else sp.true))
    return sp.Or(*ways)
