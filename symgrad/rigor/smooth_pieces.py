"""Splits a formula at its kinks, jumps and singular points into smooth pieces on open intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import sympy as sp
from sympy.core.relational import Relational

from symgrad.errors import InputError
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.ends import End, sample_point
from symgrad.rigor.real_roots import position, real_roots
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["SmoothPiece", "split"]

_SWITCHES = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise, sp.DiracDelta)
_MAX_POLES = 50
_SINGULAR: dict[type[sp.Function], Callable[[sp.Expr], tuple[sp.Expr, ...]]] = {
    sp.tan: lambda z: (sp.cos(z),),
    sp.sec: lambda z: (sp.cos(z),),
    sp.cot: lambda z: (sp.sin(z),),
    sp.csc: lambda z: (sp.sin(z),),
    sp.coth: lambda z: (z,),
    sp.csch: lambda z: (z,),
    sp.asin: lambda z: (z - 1, z + 1),
    sp.acos: lambda z: (z - 1, z + 1),
    sp.acosh: lambda z: (z - 1,),
    sp.atanh: lambda z: (z - 1, z + 1),
}


@dataclass(frozen=True)
class SmoothPiece:
    """A formula that is analytic on the open interval between two ends."""

    formula: sp.Expr
    left: End
    right: End


def split(
    expr: sp.Expr, symbol: sp.Symbol, left: End, right: End, where_defined: bool = False
) -> tuple[SmoothPiece, ...]:
    """The smooth pieces of an expression, from left to right.

    Args:
        expr: in one real symbol.
        symbol: the variable.
        left: the left end of the open interval.
        right: its right end.
        where_defined: leave out the pieces on which the expression is not a real number.

    Raises:
        InputError: if the expression is not defined as a real number on one of the pieces.
        TailUndecidedError: if its kinks and singular points could not all be found.
    """
    node = next(_switches(expr, symbol), None)
    if node is not None:
        parts = _cut_at(_deciders(node, symbol), symbol, left, right)
        pieces: list[SmoothPiece] = []
        for begin, end in parts:
            resolved = expr.xreplace({node: _resolve(node, symbol, begin, end)})
            pieces += split(resolved, symbol, begin, end, where_defined)
        return tuple(pieces)
    intervals = _cut_at(list(_singular_functions(expr, symbol, left, right)), symbol, left, right)
    pieces = [SmoothPiece(expr, begin, end) for begin, end in intervals]
    if where_defined:  # between its singular points an expression is real everywhere or nowhere
        return tuple(piece for piece in pieces if _is_real(piece, symbol))
    for piece in pieces:
        _check_real(piece, symbol)
    return tuple(pieces)


def _switches(expr: sp.Expr, symbol: sp.Symbol) -> Iterator[sp.Expr]:
    """Nodes that switch between formulas and whose deciding parts are smooth, innermost first."""
    for node in sp.postorder_traversal(expr):
        if isinstance(node, _SWITCHES) and all(not d.has(*_SWITCHES) for d in _deciders(node, symbol)):
            yield node


def _deciders(node: sp.Expr, symbol: sp.Symbol) -> list[sp.Expr]:
    """The formulas whose signs decide which branch of a node holds."""
    if isinstance(node, (sp.Max, sp.Min)):
        return [a - b for a, b in combinations(node.args, 2)]
    if isinstance(node, sp.Piecewise):
        relations = {r for _, condition in node.args for r in condition.atoms(Relational)}
        return [r.lhs - r.rhs for r in sorted(relations, key=sp.default_sort_key)]
    return [node.args[0]]


def _cut_at(formulas: list[sp.Expr], symbol: sp.Symbol, left: End, right: End) -> list[tuple[End, End]]:
    """The open intervals between the zeros of the formulas."""
    zeros: list[tuple[sp.Expr, set[sp.Expr]]] = []
    for formula in formulas:
        if symbol not in formula.free_symbols:
            continue
        for root in real_roots(formula, symbol, left, right):
            known = next((names for point, names in zeros if _same(point, root)), None)
            if known is None:
                zeros.append((root, {formula, -formula}))
            else:
                known.update((formula, -formula))
    zeros.sort(key=lambda item: float(to_ball(item[0]).mid()))
    marks = [(p, frozenset(names)) for p, names in zeros]
    ends = [(left, left), *((End(p, 1, n), End(p, -1, n)) for p, n in marks), (right, right)]
    return [(first[0], second[1]) for first, second in pairwise(ends)]


def _same(first: sp.Expr, second: sp.Expr) -> bool:
    return first == second or position(first, End(second, 1)) == 0


def _resolve(node: sp.Expr, symbol: sp.Symbol, left: End, right: End) -> sp.Expr:
    """The branch of a switching node that holds on an interval on which nothing switches."""
    point = sample_point(left, right)
    if isinstance(node, (sp.Max, sp.Min)):
        return _greatest(list(node.args), symbol, point, 1 if isinstance(node, sp.Max) else -1)
    if isinstance(node, sp.Piecewise):
        for value, condition in node.args:
            if _holds(condition, symbol, point):
                return value
        raise InputError(f"the expression {node} is not defined at {symbol} = {point}: no condition holds")
    if isinstance(node, sp.DiracDelta):
        return sp.S.Zero
    argument = node.args[0]
    side = _sign_at(argument, symbol, point)
    if isinstance(node, sp.Abs):
        return argument * side
    if isinstance(node, sp.sign):
        return sp.Integer(side)
    return sp.Integer(1 if side > 0 else 0)


def _greatest(args: list[sp.Expr], symbol: sp.Symbol, point: sp.Rational, direction: int) -> sp.Expr:
    best = args[0]
    for other in args[1:]:
        if _sign_at(other - best, symbol, point) * direction > 0:
            best = other
    return best


def _holds(condition: sp.Basic, symbol: sp.Symbol, point: sp.Rational) -> bool:
    if condition in (sp.true, sp.false):
        return bool(condition == sp.true)
    if isinstance(condition, sp.And):
        return all(_holds(arg, symbol, point) for arg in condition.args)
    if isinstance(condition, sp.Or):
        return any(_holds(arg, symbol, point) for arg in condition.args)
    if isinstance(condition, sp.Not):
        return not _holds(condition.args[0], symbol, point)
    if isinstance(condition, Relational):
        side = _sign_at(condition.lhs - condition.rhs, symbol, point)
        return bool(condition.func(sp.Integer(side), 0))
    raise InputError(f"the condition {condition} of a Piecewise is not a combination of comparisons")


def _sign_at(formula: sp.Expr, symbol: sp.Symbol, point: sp.Rational) -> int:
    if formula.is_zero:
        return 0
    value = formula.xreplace({symbol: point})
    for bits in (64, 256, 1024):
        ball = to_ball(value, bits)
        if ball > 0 or ball < 0:
            return 1 if ball > 0 else -1
    raise TailUndecidedError(f"the sign of {formula} at {symbol} = {point} could not be decided")


def _singular_functions(expr: sp.Expr, symbol: sp.Symbol, left: End, right: End) -> Iterator[sp.Expr]:
    """Formulas at whose zeros a smooth expression may have a pole, a branch point or a vertical tangent."""
    for node in sorted(expr.atoms(sp.Pow, sp.Function), key=sp.default_sort_key):
        if symbol not in node.free_symbols:
            continue
        argument = node.args[0]
        is_power = node.is_Pow and not (node.exp.is_Integer and node.exp.is_positive)
        if isinstance(node, sp.log) or (is_power and symbol in argument.free_symbols):
            yield from (part for part in sp.together(argument).as_numer_denom() if symbol in part.free_symbols)
        elif isinstance(node, sp.gamma):
            yield from _gamma_poles(argument, symbol, left, right)
        elif type(node) in _SINGULAR:
            yield from _SINGULAR[type(node)](argument)


def _gamma_poles(argument: sp.Expr, symbol: sp.Symbol, left: End, right: End) -> Iterator[sp.Expr]:
    """``argument + k`` for every k at which the argument may meet the pole at ``-k``."""
    point = sample_point(left, right)
    for k in range(_MAX_POLES):
        shifted = argument + k
        if real_roots(shifted, symbol, left, right):
            yield shifted
        elif _sign_at(shifted, symbol, point) > 0:
            return
    raise TailUndecidedError(f"the argument {argument} of the gamma function meets too many of its poles")


def _is_real(piece: SmoothPiece, symbol: sp.Symbol) -> bool:
    point = sample_point(piece.left, piece.right)
    return bool(ball_function(piece.formula, (symbol,))(to_ball(point)).is_finite())


def _check_real(piece: SmoothPiece, symbol: sp.Symbol) -> None:
    if not _is_real(piece, symbol):
        where = f"({piece.left.value}, {piece.right.value})"
        raise InputError(f"the expression {piece.formula} is not a real number on {where}")
