"""Scalar formulas as functions of arrays: stable for any argument, over any array library of the array API standard."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import sympy as sp
from array_api_compat import array_namespace
from flint import arb

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.libraries import host, library_of, on_device_of
from symgrad.numerics.special import BALL_BITS, constant_float, is_known, operation
from symgrad.rigor.balls import ball_function, upper_float, working_precision
from symgrad.rigor.balls_stable import stable

__all__ = ["COMPARISONS", "ArrayFunction", "array_function", "constant_float"]

Step = Callable[[Any, list[Any]], Any]

# Functions with poles: a rounded argument may hit one though the exact one does not.
_POLES = (
    *(sp.log, sp.coth, sp.csch, sp.atanh, sp.tan, sp.sec, sp.csc, sp.cot, sp.gamma, sp.loggamma, sp.polygamma),
    *(sp.acosh, sp.asin, sp.acos),
)
_MAX_BITS = 4096
_RADIUS_BITS = 64
_SMALL_RADII = (1e150, 1e18, 350.0, 80.0, 20.0, 5.0, 1.0)
_TINY = 2.0**-1074


class ArrayFunction:
    """A formula in one variable, compiled to operations on arrays; common sub-expressions are computed once.

    The values are approximate, in the data type of the argument. Where the operations leave the range of floats on the
    way an entry is computed again in ball arithmetic, on the host: infinity minus infinity would be NaN, and one over
    infinity 0. So no argument gives NaN but one at which the formula has no real value. While a library traces or
    records derivatives this cannot be done; :meth:`is_safe` tells afterwards whether it was needed.

    Args:
        expr: a formula in ``VARIABLE`` of the functions that :func:`symgrad.rigor.balls.ball_function` accepts.

    Raises:
        UnsupportedExpressionError: the formula has a node outside that language.
    """

    def __init__(self, expr: sp.Expr) -> None:
        self._balls = ball_function(expr, VARIABLE)
        self._slots: dict[sp.Basic, int] = {VARIABLE: 0}
        self._steps: list[Step] = []
        self._radii: dict[Any, float] = {}
        rewritten = stable(expr)
        self._has_poles = rewritten.has(*_POLES) or any(map(_divides, rewritten.atoms(sp.Pow)))
        self._result = self._compile(rewritten)

    def __call__(self, xp: Any, x: Any) -> Any:
        """The formula at every entry of an array of the library ``xp``."""
        x = x if hasattr(x, "dtype") else xp.asarray(x)
        with np.errstate(all="ignore"):
            return self.checked(xp, x)

    def checked(self, xp: Any, x: Any) -> Any:
        """The same, where floating-point warnings are off already."""
        values = self._values(xp, x)
        result = self._shaped(xp, values)
        if self.never_lost(x) or library_of(xp).is_traced(x) or bool(self.is_safe(xp, x, result)):
            return result
        return self._recomputed(xp, x, result, self._lost(xp, values, result))

    def unchecked(self, xp: Any, x: Any) -> Any:
        """The same without ball arithmetic: right wherever :meth:`is_safe`."""
        return self._shaped(xp, self._values(xp, x))

    def kernel(self, xp: Any, x: Any) -> Any:
        """The cheapest function of a namespace and arrays like this one that gives the same, and is equal next time."""
        if not self.never_lost(x):
            return self
        return self._single(xp) or self.unchecked

    def _single(self, xp: Any) -> Any:
        """The operation on arrays, where the formula is one function of the variable itself."""
        for expr, slot in self._slots.items():
            if slot == self._result == len(self._steps) == 1 and is_known(type(expr)) and expr.args == (VARIABLE,):
                kind: Any = type(expr)
                return operation(kind, 0, xp)
        return None

    def is_safe(self, xp: Any, x: Any, result: Any) -> Any:
        """Whether no entry of an unchecked result can need ball arithmetic; an array without dimensions.

        An entry may, where its argument lies beyond the radius, or where the result is not finite.
        """
        radius = self.radius(x)
        suspects = xp.abs(x) > radius if radius < math.inf else None
        if self._has_poles:
            infinite = ~xp.isfinite(result)
            suspects = infinite if suspects is None else suspects | infinite
        return ~xp.any(suspects & xp.isfinite(x))

    def never_lost(self, x: Any) -> bool:
        """Whether no finite argument of this data type can leave the range of floats on the way."""
        return not self._has_poles and self.radius(x) == math.inf

    def radius(self, x: Any) -> float:
        """Up to which modulus of the argument all values on the way are proved to be floats of its data type.

        Ball arithmetic encloses every sub-expression over some intervals around zero; infinite where all are served.
        """
        key = type(x), x.dtype  # data types of different libraries are not compared
        if key not in self._radii:
            self._radii[key] = self._found_radius(float(array_namespace(x).finfo(x.dtype).max))
        return self._radii[key]

    def _found_radius(self, largest: float) -> float:
        parts = [ball_function(part, VARIABLE) for part in self._slots if part != VARIABLE and part.free_symbols]
        with working_precision(_RADIUS_BITS):
            for radius in (largest, *_SMALL_RADII):
                balls = (part(arb(0, radius)) for part in parts)
                if radius <= largest and all(
                    ball.is_finite() and upper_float(abs(ball)) <= largest / 4 for ball in balls
                ):
                    return math.inf if radius == largest else radius
        return 0.0

    def _values(self, xp: Any, x: Any) -> list[Any]:
        values = [x]
        for step in self._steps:
            values.append(step(xp, values))
        return values

    def _shaped(self, xp: Any, values: list[Any]) -> Any:
        result = values[self._result]
        return result + xp.zeros_like(values[0]) if self._result == 0 or isinstance(result, float) else result

    def _lost(self, xp: Any, values: list[Any], result: Any) -> Any:
        """Where a value on the way is infinite or the result is not finite, though the argument is."""
        lost = ~xp.isfinite(result)
        for value in values[1:]:
            if not isinstance(value, float):
                lost = lost | xp.isinf(value)
        return lost & xp.isfinite(values[0])

    def _recomputed(self, xp: Any, x: Any, result: Any, lost: Any) -> Any:
        """The same with the marked entries computed in balls, on the host."""
        points, values = host(xp, x), np.array(host(xp, result))
        for place in zip(*np.nonzero(host(xp, lost)), strict=True):
            values[place] = self._through_balls(float(points[place]), float(values[place]))
        return on_device_of(xp, values, x)

    def _through_balls(self, point: float, otherwise: float) -> float:
        bits = BALL_BITS
        while True:
            with working_precision(bits):
                ball = self._balls(point)
                if ball.is_finite() and (ball.rel_accuracy_bits() > 53 or ball.rad() < _TINY):
                    return float(ball.mid())
            if bits >= _MAX_BITS:
                return otherwise
            bits *= 4

    def _compile(self, expr: sp.Basic) -> int:
        slot = self._slots.get(expr)
        if slot is None:
            step = self._step(expr)
            self._steps.append(step)
            slot = self._slots[expr] = len(self._steps)
        return slot

    def _step(self, expr: sp.Basic) -> Step:
        if not expr.free_symbols:
            return _constant(expr)
        if isinstance(expr, sp.Piecewise):
            return self._piecewise(expr)
        if isinstance(expr, sp.Pow):
            return self._power(expr)
        for kind, fold in _FOLDS.items():
            if isinstance(expr, kind):
                return _folded(fold, [self._compile(arg) for arg in expr.args])
        if isinstance(expr, sp.Heaviside):
            return _heaviside(*map(self._compile, expr.args))
        return self._function(expr)

    def _power(self, expr: sp.Pow) -> Step:
        base, exponent = expr.base, expr.exp
        if exponent.is_Integer and abs(exponent) <= 4:
            slot, count = self._compile(base), abs(int(exponent))
            repeated = _folded(lambda xp, a, b: a * b, [slot] * count)
            return repeated if exponent > 0 else lambda xp, values: 1 / repeated(xp, values)
        if exponent == sp.S.Half:
            slot = self._compile(base)
            return lambda xp, values: xp.sqrt(values[slot])
        slot, power = self._compile(base), self._compile(exponent)
        return lambda xp, values: xp.pow(values[slot] + xp.zeros_like(values[0]), values[power])

    def _piecewise(self, expr: sp.Piecewise) -> Step:
        branches = [(self._compile(value), self._condition(condition)) for value, condition in expr.args]

        def step(xp: Any, values: list[Any]) -> Any:
            result = xp.full_like(values[0], math.nan)
            for slot, condition in reversed(branches):
                holds = condition(xp, values)
                result = xp.where(holds, values[slot] + xp.zeros_like(values[0]), result)
            return result

        return step

    def _condition(self, condition: Any) -> Step:
        if condition in (sp.true, sp.false):
            compare = operator.eq if condition == sp.true else operator.ne
            return lambda xp, values: compare(values[0], values[0])  # not a number stays so: it has no branch
        if isinstance(condition, sp.Not):
            part = self._condition(condition.args[0])
            return lambda xp, values: ~part(xp, values)
        if isinstance(condition, (sp.And, sp.Or)):
            parts = [self._condition(arg) for arg in condition.args]
            join = operator.and_ if isinstance(condition, sp.And) else operator.or_
            return lambda xp, values: reduce(join, [part(xp, values) for part in parts])
        compare = COMPARISONS[type(condition)]
        left, right = self._compile(condition.lhs), self._compile(condition.rhs)
        return lambda xp, values: compare(values[left] + xp.zeros_like(values[0]), values[right])

    def _function(self, expr: sp.Basic) -> Step:
        kind: Any = type(expr)
        order = 0
        if not is_known(kind):
            raise UnsupportedExpressionError(f"expr: no array function is known for {expr} ({kind.__name__})")
        if kind is sp.polygamma:
            if not expr.args[0].is_Integer:
                raise UnsupportedExpressionError(f"expr: the order of {expr} must be an integer")
            order = int(expr.args[0])
        slot = self._compile(expr.args[-1])
        return lambda xp, values: operation(kind, order, xp)(xp, values[slot])


def _divides(power: sp.Pow) -> bool:
    """Whether a power can be infinite at a finite base; a hyperbolic cosine is never near zero."""
    return not (power.exp.is_nonnegative or isinstance(power.base, sp.cosh) or not power.free_symbols)


@lru_cache(maxsize=1024)
def array_function(expr: sp.Expr) -> ArrayFunction:
    """The function of arrays for a formula in ``VARIABLE``, compiled once.

    >>> import numpy as np
    >>> from symgrad.rigor.functions import logistic
    >>> array_function(VARIABLE * logistic(VARIABLE))(np, np.array([-1000.0, 0.0, 1000.0])).tolist()
    [-0.0, 0.0, 1000.0]
    """
    return ArrayFunction(expr)


def _constant(expr: sp.Expr) -> Step:
    value = constant_float(expr)
    return lambda xp, values: value


def _folded(operation: Callable[[Any, Any, Any], Any], slots: Sequence[int]) -> Step:
    if len(slots) == 2:
        first, second = slots
        return lambda xp, values: operation(xp, values[first], values[second])
    return lambda xp, values: reduce(lambda a, b: operation(xp, a, b), [values[slot] for slot in slots])


def _heaviside(slot: int, at_zero: int) -> Step:
    def step(xp: Any, values: list[Any]) -> Any:
        x = values[slot] + xp.zeros_like(values[0])
        return xp.where(x == 0, values[at_zero] + xp.zeros_like(x), xp.where(x > 0, xp.ones_like(x), xp.zeros_like(x)))

    return step


def _maximum(xp: Any, a: Any, b: Any) -> Any:
    return xp.where(a >= b, a, b)


def _minimum(xp: Any, a: Any, b: Any) -> Any:
    return xp.where(a <= b, a, b)


_FOLDS: dict[Any, Callable[[Any, Any, Any], Any]] = {
    sp.Add: lambda xp, a, b: a + b,
    sp.Mul: lambda xp, a, b: a * b,
    sp.Max: _maximum,
    sp.Min: _minimum,
}

COMPARISONS: dict[Any, Callable[[Any, Any], Any]] = {
    sp.Gt: operator.gt,
    sp.Ge: operator.ge,
    sp.Lt: operator.lt,
    sp.Le: operator.le,
    sp.Eq: operator.eq,
    sp.Ne: operator.ne,
}
