"""The fixed points of a scalar system as an explicit curve: one unknown y with ``R0(y) + g(p) R1(y) = 0``.

In the pre-activation z of a unit the equation ``z = W s(z) + B`` is affine in the weights and the bias, whether or not
s can be inverted, and other systems are often affine in their parameter as they stand. What then asks for a critical
slope is one equation in y alone, so that *all* of its solutions can be found, over all real numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.dynamics.unit import Unit, unit_of
from symgrad.rigor.ends import End
from symgrad.rigor.functions import canonical
from symgrad.rigor.smooth_pieces import SmoothPiece, split

__all__ = ["Piece", "Reduction", "affine_level", "reduction_of", "smooth_parts"]


@dataclass(frozen=True, eq=False)
class Piece:
    """An open interval of y on which everything is smooth.

    Attributes:
        left: its left end, possibly infinite.
        right: its right end.
        constant: R0, a formula in y.
        factor: R1, a formula in y.
        state: x in terms of y and p.
        residual: r in terms of x and p, the branch that holds there.
    """

    left: sp.Expr
    right: sp.Expr
    constant: sp.Expr
    factor: sp.Expr
    state: sp.Expr
    residual: sp.Expr


@dataclass(frozen=True, eq=False)
class Reduction:
    """A scalar system whose fixed points solve ``R0(y) + g(p) R1(y) = 0``; the residual's slope is ``k (R0' + g R1')``.

    Attributes:
        system: which.
        parameter: p.
        unknown: y.
        level: g(p).
        gain: k, not zero; it may depend on p.
        pieces: from left to right.
        unit: the system as a unit, where y is its pre-activation; None where y is the state.
    """

    system: ScalarSystem
    parameter: sp.Symbol
    unknown: sp.Symbol
    level: sp.Expr
    gain: sp.Expr
    pieces: tuple[Piece, ...]
    unit: Unit | None = None

    @property
    def inner(self) -> sp.Expr | None:
        """The pre-activation in terms of the state; None where y is the state."""
        return None if self.unit is None else self.unit.weight_in * self.system.state + self.unit.bias_in

    @property
    def is_fixed(self) -> bool:
        """Whether the fixed points do not depend on the parameter, as those of a neuron on the step eps."""
        return all(piece.factor.is_zero for piece in self.pieces)


def reduction_of(system: ScalarSystem, parameter: sp.Symbol, unit: Unit | None = None) -> Reduction | None:
    """The reduction of a system to one unknown, or None where its parameter does not enter in one affine way.

    Args:
        system: with one parameter left, or with others that count as constants.
        parameter: p.
        unit: the system as a unit, where that is known already.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> system = scalar_system(sg.models.neuron(b=-2))
    >>> found = reduction_of(system, system.symbol("w"))
    >>> found.level, found.gain, found.pieces[0].constant, found.pieces[0].factor
    (w, -1, z + 2, -logistic(z))
    """
    unit = unit or unit_of(system)
    found = None if unit is None else _of_unit(unit, parameter)
    return found or _of_state(system, parameter)


def affine_level(expr: sp.Expr, parameter: sp.Symbol) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """``(R0, R1, g)`` with ``expr = R0 + g(p) R1``, and R0, R1 free of p; None if more functions of p occur.

    >>> p, x = sp.symbols("p x")
    >>> affine_level(3 * p**2 * x - p**2 + x, p)
    (x, 3*x - 1, p**2)
    >>> affine_level(p * x + sp.exp(p) * x - 1, p)
    (-1, x, p + exp(p))
    """
    groups: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(sp.expand_mul(expr)):
        rest, level = term.as_independent(parameter, as_Add=False)
        groups[level] = groups.get(level, sp.S.Zero) + rest
    constant = groups.pop(sp.S.One, sp.S.Zero)
    groups = {level: factor for level, factor in groups.items() if factor != 0}
    if any(level.free_symbols != {parameter} for level in groups):
        return None
    factor = next(iter(groups.values()), sp.S.Zero)
    shares = {level: sp.cancel(other / factor) for level, other in groups.items()}
    if not all(share.is_number for share in shares.values()):
        return None
    return constant, factor, sp.Add(*(share * level for level, share in shares.items())) or parameter


def _of_unit(unit: Unit, parameter: sp.Symbol) -> Reduction | None:
    output, z, x = sp.Dummy("s", real=True), unit.variable, unit.system.state
    parts = affine_level(z - unit.weight * output - unit.bias, parameter)
    if parts is None:
        return None
    constant, factor, level = parts
    inner = unit.weight_in * x + unit.bias_in
    pieces = []
    for piece in smooth_parts(unit.activation.expr, z):
        branch = piece.formula
        residual = unit.decay * (x - unit.height * branch.xreplace({z: inner}) - unit.offset)
        state = unit.height * branch + unit.offset
        first, second = (part.xreplace({output: branch}) for part in (constant, factor))
        pieces.append(Piece(piece.left.value, piece.right.value, first, second, state, residual))
    return Reduction(unit.system, parameter, z, level, unit.decay, tuple(pieces), unit)


def _of_state(system: ScalarSystem, parameter: sp.Symbol) -> Reduction | None:
    parts = affine_level(system.formula, parameter)
    if parts is None:
        return None
    x, gain = system.state, sp.S.One
    constant, factor, level = parts
    if constant.is_zero:  # r = g(p) q(x): the fixed points are those of q, at every p
        constant, factor, gain = factor, sp.S.Zero, level
    pieces = []
    for first in smooth_parts(constant, x):
        for second in smooth_parts(factor, x, first):
            residual = gain * (first.formula + level * second.formula)
            pieces.append(Piece(second.left.value, second.right.value, first.formula, second.formula, x, residual))
    return Reduction(system, parameter, x, level, gain, tuple(pieces))


def smooth_parts(formula: sp.Expr, symbol: sp.Symbol, within: SmoothPiece | None = None) -> tuple[SmoothPiece, ...]:
    """The open intervals on which a formula is defined and smooth, with its branch there.

    Args:
        formula: of one symbol, or without it.
        symbol: the variable.
        within: the piece that is cut; all real numbers unless given.
    """
    left, right = (End(-sp.oo, 1), End(sp.oo, -1)) if within is None else (within.left, within.right)
    if symbol not in formula.free_symbols:
        return (SmoothPiece(formula, left, right),)
    return split(canonical(formula), symbol, left, right, where_defined=True)
