"""What the bound of a discretised flow becomes as its step tends to zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import sympy as sp

from symgrad.bounds.product import Bound
from symgrad.errors import NoBoundError
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.norms import OperatorNorm, maximum, scalar_part
from symgrad.presentable import Presentable

__all__ = ["FlowLimit", "limit_of_steps", "right_derivative"]

Germ = tuple[Any, Any]  # the value at zero and the derivative from the right there


@dataclass(frozen=True, eq=False)
class FlowLimit(Presentable):
    """The limit of the bound of the map ``x' = x + eps f(x, u)`` after ``T / eps`` steps, as eps tends to zero.

    With a bound ``gamma(eps)`` on its Jacobian, ``gamma(0) = 1``, it is ``exp(mu' T)`` with the derivative mu' of
    gamma from the right at zero, since ``(1 + mu' eps + o(eps))^(T / eps)`` tends to that. For several states with
    gain matrix ``G(eps)``, ``G(0) = I``, the limit of ``||G^(T / eps)||`` is ``||exp(M T)||`` with the derivative M of
    G, and is at most ``exp(mu(M) T)``.

    Attributes:
        bound: of the map, with the step as a symbol.
        step: the symbol for the step.
        gain: the derivative of the gain matrix, 1 x 1 for one state.
        rate: mu', for several states the logarithmic norm of ``gain``.
        flow_rate: the rate mu of the bound that was derived for the flow itself.
        time: the symbol T.

    >>> import sympy as sp, symgrad as sg
    >>> x, w = sp.symbols("x w")
    >>> limit = sg.flow_bound(sg.Flow({x: -x + sg.activation("sigmoid")(w * x)})).limit_of_discretised()
    >>> limit.bound.rate
    Max(Abs(eps - 1), Abs(eps*w/4 - eps + 1))
    >>> limit.rate, limit.agrees
    (Max(-1, w/4 - 1), True)
    """

    bound: Bound
    step: sp.Symbol
    gain: sp.ImmutableDenseMatrix
    rate: sp.Expr
    flow_rate: sp.Expr
    time: sp.Symbol

    @property
    def expr(self) -> sp.Expr:
        """``exp(mu' T)``."""
        return sp.exp(self.rate * self.time)

    @property
    def agrees(self) -> bool:
        """Whether the rate is the one that was derived for the flow itself; else it is larger, or not seen to agree."""
        return bool(sp.expand(self.rate - self.flow_rate) == 0)


def limit_of_steps(bound: Bound, flow_rate: sp.Expr, time: sp.Symbol) -> FlowLimit:
    """The limit of a bound whose model has the positive symbol ``eps`` for its step.

    Raises:
        NoBoundError: an expression in the bound has no derivative from the right known here.
    """
    step = sp.Symbol("eps", positive=True)
    germs = [right_derivative(entry, step) for entry in bound.gain]
    identity = sp.eye(bound.gain.rows)
    if any(value != start for (value, _), start in zip(germs, identity, strict=True)):
        raise NoBoundError(f"the bound of the map does not tend to the identity with its step: {bound.gain}")
    gain = sp.ImmutableDenseMatrix(*bound.gain.shape, [slope for _, slope in germs])
    rate = gain[0, 0] if gain.rows == 1 else LogarithmicNorm(gain, bound.norm.p)
    return FlowLimit(bound, step, gain, rate, flow_rate, time)


def right_derivative(expr: sp.Expr, variable: sp.Symbol) -> Germ:
    """The value of an expression at zero and its derivative from the right there.

    Sums, products, powers, moduli, maxima and norms of matrices that are zero or the identity at zero; the derivative
    of ``||I + h A||`` is the logarithmic norm of A, by definition.

    Raises:
        NoBoundError: another expression, or one whose sign at zero is not known.

    >>> h = sp.Symbol("h", positive=True)
    >>> right_derivative(sp.Max(sp.Abs(1 - h), 1 - 3 * h) ** 2, h)
    (1, -2)
    """
    if variable not in expr.free_symbols:
        return expr, sp.S.Zero
    if expr == variable:
        return sp.S.Zero, sp.S.One
    for kind, rule in _RULES.items():
        if isinstance(expr, kind):
            return rule(expr, variable)
    raise NoBoundError(f"no derivative from the right is known of {expr}")


def _sum(expr: sp.Expr, variable: sp.Symbol) -> Germ:
    germs = [right_derivative(term, variable) for term in expr.args]
    return sp.Add(*(value for value, _ in germs)), sp.Add(*(slope for _, slope in germs))


def _product(expr: sp.Expr, variable: sp.Symbol) -> Germ:
    def times(left: Germ, right: Germ) -> Germ:
        return left[0] * right[0], sp.expand_mul(left[1] * right[0] + left[0] * right[1])

    return reduce(times, (right_derivative(factor, variable) for factor in expr.args))


def _power(expr: sp.Expr, variable: sp.Symbol) -> Germ:
    base, exponent = expr.as_base_exp()
    value, slope = right_derivative(base, variable)
    if variable in exponent.free_symbols or (value.is_zero is not False and not (exponent - 1).is_nonnegative):
        raise NoBoundError(f"no derivative from the right is known of {expr}")
    return value**exponent, exponent * value ** (exponent - 1) * slope


def _modulus(expr: sp.Expr, variable: sp.Symbol) -> Germ:
    value, slope = right_derivative(expr.args[0], variable)
    if value.is_zero:
        return sp.S.Zero, sp.Abs(slope)
    if value.is_positive:
        return value, slope
    if value.is_negative:
        return -value, -slope
    raise NoBoundError(f"the sign of {value}, the value of {expr.args[0]} at {variable} = 0, is not known")


def _maximum(expr: sp.Expr, variable: sp.Symbol) -> Germ:
    germs = [right_derivative(arg, variable) for arg in expr.args]
    top = maximum(*(value for value, _ in germs))
    slopes = [slope for value, slope in germs if value == top]
    if not slopes or any((top - value).is_positive is not True for value, _ in germs if value != top):
        raise NoBoundError(f"which part of {expr} is largest at {variable} = 0 is not known")
    return top, maximum(*slopes)


def _norm(expr: sp.Expr, variable: sp.Symbol) -> Germ:
    value, slope = map(_written_out, _matrix(expr.matrix, variable))
    if value.is_ZeroMatrix or (isinstance(value, sp.MatrixBase) and value.is_zero_matrix):
        return sp.S.Zero, OperatorNorm(slope, expr.p)
    if isinstance(value, sp.Identity) or (isinstance(value, sp.MatrixBase) and value == sp.eye(value.rows)):
        return sp.S.One, LogarithmicNorm(slope, expr.p)
    raise NoBoundError(f"no derivative from the right is known of {expr}")


def _written_out(matrix: sp.Expr) -> sp.Expr:
    """A matrix expression of numbers as an explicit matrix."""
    if isinstance(matrix, sp.MatrixBase) or matrix.atoms(sp.MatrixSymbol):
        return matrix
    return sp.ImmutableDenseMatrix(matrix.as_explicit()) if all(s.is_Integer for s in matrix.shape) else matrix


def _matrix(matrix: sp.Expr, variable: sp.Symbol) -> Germ:
    """The same of a matrix: a sum of constant matrices times scalars, or entry by entry."""
    if isinstance(matrix, sp.MatrixBase):
        germs = [right_derivative(entry, variable) for entry in matrix]
        return tuple(sp.ImmutableDenseMatrix(*matrix.shape, [germ[part] for germ in germs]) for part in (0, 1))
    if isinstance(matrix, sp.DiagMatrix):
        value, slope = _matrix(matrix.args[0], variable)
        ones = isinstance(value, sp.OneMatrix)
        return (sp.Identity(matrix.rows) if ones else sp.DiagMatrix(value)), sp.DiagMatrix(slope)
    if isinstance(matrix, sp.MatAdd):
        germs = [_matrix(term, variable) for term in matrix.args]
        return tuple(sp.MatAdd(*(germ[part] for germ in germs)).doit() for part in (0, 1))
    factor, rest = scalar_part(matrix)
    (start, rise), (value, slope) = right_derivative(factor, variable), (rest, sp.ZeroMatrix(*rest.shape))
    if variable in rest.free_symbols:
        if factor == 1 and not isinstance(rest, sp.MatrixBase):
            raise NoBoundError(f"no derivative from the right is known of {matrix}")
        value, slope = _matrix(rest, variable)
    return (start * value).doit(), (rise * value + start * slope).doit()


_RULES: dict[Any, Callable[[Any, sp.Symbol], Germ]] = {
    sp.Add: _sum,
    sp.Mul: _product,
    sp.Pow: _power,
    sp.Abs: _modulus,
    sp.Max: _maximum,
    OperatorNorm: _norm,
}
