"""One neuron in its own coordinate, the pre-activation: every fixed point solves ``z = W s(z) + B``."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.dynamics.scalar_system import FLOW, ScalarSystem
from symgrad.language.elementwise import VARIABLE, ActivatedScalar, Activation

__all__ = ["Unit", "unit_of"]


@dataclass(frozen=True, eq=False)
class Unit:
    """A scalar system ``r(x) = a (x - c s(z) - d)`` with ``z = omega x + delta``, all letters but x and z free of x.

    With ``W = omega c`` and ``B = omega d + delta`` its fixed points are the solutions of ``z = W s(z) + B``, so that
    ``B(z) = z - W s(z)`` is an explicit curve, whether or not s can be inverted. Its turns, ``W s'(z) = 1``, do not
    depend on B. (With s the logistic function and x = s(z) the curve is ``b = ln(x/(1-x)) - w x`` of Doya 1993.)

    Attributes:
        system: which system.
        activation: s.
        decay: a, the derivative of the residual by x where s is held fixed: -1 or -eps for the models of a neuron.
        height: c.
        offset: d.
        weight_in: omega.
        bias_in: delta.
    """

    system: ScalarSystem
    activation: Activation
    decay: sp.Expr
    height: sp.Expr
    offset: sp.Expr
    weight_in: sp.Expr
    bias_in: sp.Expr

    @property
    def weight(self) -> sp.Expr:
        """W, the weight of the unit on itself."""
        return self.weight_in * self.height

    @property
    def bias(self) -> sp.Expr:
        """B, the pre-activation that the unit has without its own output."""
        return sp.expand(self.weight_in * self.offset + self.bias_in)

    @property
    def variable(self) -> sp.Symbol:
        """The symbol of the pre-activation z, that of the activation's formula."""
        return VARIABLE

    def state_at(self, z: sp.Expr) -> sp.Expr:
        """The state c s(z) + d at a fixed point whose pre-activation is z."""
        return self.height * self.activation.expr.xreplace({VARIABLE: z}) + self.offset

    def multiplier_at(self, z: sp.Expr) -> sp.Expr:
        """The multiplier of the map, or the eigenvalue of the flow, at a fixed point whose pre-activation is z."""
        slope = self.activation.derivative.expr.xreplace({VARIABLE: z})
        change = self.decay * (1 - self.weight * slope)
        return change if self.system.kind == FLOW else 1 + change


def unit_of(system: ScalarSystem) -> Unit | None:
    """The system as one unit, or None where it has another form.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.scalar_system import scalar_system
    >>> unit = unit_of(scalar_system(sg.models.neuron(eps=None)))
    >>> unit.weight, unit.bias, unit.decay, unit.state_at(sp.S.Zero)
    (w, b, -eps, 1/2)
    """
    x = system.state
    nodes = _outermost(system.residual, x)
    if len(nodes) != 1:
        return None
    (node,) = nodes
    argument = node.argument if isinstance(node, ActivatedScalar) else node.args[0]
    output = sp.Dummy("s", real=True)
    inner, outer = _affine(argument, (x,)), _affine(system.residual.xreplace({node: output}), (x, output))
    if inner is None or outer is None or inner[1].is_zero or outer[1].is_zero or outer[2].is_zero:
        return None
    (bias_in, weight_in), (constant, decay, factor) = inner, outer
    function = _activation(node)
    return Unit(system, function, decay, -factor / decay, -constant / decay, weight_in, bias_in)


def _activation(node: sp.Expr) -> Activation:
    if isinstance(node, ActivatedScalar):
        return node.activation
    return Activation(type(node).__name__, node.func(VARIABLE))


def _outermost(expr: sp.Expr, x: sp.Symbol) -> set[sp.Expr]:
    """The functions of x that stand in no other one."""
    if x not in expr.free_symbols:
        return set()
    if isinstance(expr, ActivatedScalar) or (isinstance(expr, (sp.Function, sp.exp)) and len(expr.args) == 1):
        return {expr}
    return {node for argument in expr.args for node in _outermost(argument, x)}


def _affine(expr: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> list[sp.Expr] | None:
    """The constant and the coefficients of an affine expression, or None."""
    expr = sp.expand(expr) if not isinstance(expr, sp.Symbol) else expr
    coefficients = [sp.diff(expr, symbol) for symbol in symbols]
    if any(c.free_symbols & set(symbols) for c in coefficients):
        return None
    constant = sp.expand(expr - sum(c * s for c, s in zip(coefficients, symbols, strict=True)))
    return None if constant.free_symbols & set(symbols) else [constant, *coefficients]
