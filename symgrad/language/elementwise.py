"""Activation: a scalar function known by its formula, applied entry by entry.

Only the formula is stated. Slope range, curvature, range of values, parity and
derivative are derived from it on demand, exactly or enclosed by ball arithmetic
(:mod:`symgrad.rigor.extrema`), and cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp
from sympy.core.symbol import Str

from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.rigor.balls import ball_function
from symgrad.rigor.derivatives import derivative
from symgrad.rigor.extrema import Extrema, extrema, is_even, is_odd
from symgrad.rigor.functions import canonical
from symgrad.rigor.jumps import jumps

__all__ = ["ActivatedMatrix", "ActivatedScalar", "Activation", "Range", "hadamard", "written_out"]

VARIABLE = sp.Symbol("z", real=True)
REALS = sp.Interval(-sp.oo, sp.oo)


@dataclass(frozen=True)
class Range:
    """The closed hull of what a scalar function reaches.

    Attributes:
        inf: greatest lower bound: exact, an enclosed constant, or ``-oo``.
        sup: least upper bound, likewise.
        extrema: where both are attained or approached; None when a bound was stated without it.
    """

    inf: sp.Expr
    sup: sp.Expr
    extrema: Extrema | None = None

    @property
    def sup_abs(self) -> sp.Expr:
        """The least upper bound of the absolute value."""
        return self.extrema.sup_abs if self.extrema is not None else sp.Max(-self.inf, self.sup)

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are finite."""
        return bool(self.inf.is_finite) and bool(self.sup.is_finite)


@dataclass(frozen=True, eq=False)
class Activation:
    """A scalar function applied to each entry of a vector.

    Args:
        name: how it is printed; a plain word.
        expr: a SymPy expression in one symbol, built from the functions that
            :mod:`symgrad.rigor.balls` encloses.
        latex: how it is typeset; by default the name in upright letters.

    Raises:
        InputError: ``expr`` is no SymPy expression or has more than one symbol.
        UnsupportedExpressionError: ``expr`` contains a function outside the whitelist.

    >>> import sympy as sp
    >>> z = sp.Symbol("z")
    >>> swish2 = Activation("swish2", z / (1 + sp.exp(-2 * z)))
    >>> swish2.range.sup, swish2.parity is None
    (oo, True)
    >>> Activation("cubic_tanh", sp.tanh(z) ** 3).range.sup
    1
    """

    name: str
    expr: sp.Expr
    latex: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"name: an activation needs a non-empty string, got {self.name!r}")
        object.__setattr__(self, "expr", _checked_formula(self.name, self.expr))

    def __hash__(self) -> int:
        return hash((self.name, self.expr))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activation) and (self.name, self.expr) == (other.name, other.expr)

    @property
    def variable(self) -> sp.Symbol:
        """The symbol that the formula is written in, real."""
        return VARIABLE

    @property
    def latex_name(self) -> str:
        """The LaTeX of the name alone."""
        return self.latex or rf"\operatorname{{{self.name.replace('_', chr(92) + '_')}}}"

    @cached_property
    def derivative(self) -> Activation:
        """The derivative; at a kink it has the value of the branch that the formula selects there.

        Raises:
            UnsupportedExpressionError: the activation jumps somewhere, so that it has no derivative there.
        """
        heights = jumps(self.expr, VARIABLE)
        if heights:
            places = ", ".join(str(point) for point, _ in heights)
            raise UnsupportedExpressionError(f"activation {self.name!r} jumps at {places}: it has no derivative there")
        return Activation(f"{self.name}'", _almost_everywhere(self.expr), f"{self.latex_name}'")

    @cached_property
    def range(self) -> Range:
        """The closed hull of the values over all real arguments."""
        found = self.range_on(REALS)
        if found.is_bounded and found.inf != -found.sup and self.parity == "odd":
            return Range(-found.sup, found.sup, found.extrema)  # one enclosed number instead of two
        return found

    @cached_property
    def slope(self) -> Range:
        """The closed hull of the derivative over all real arguments; kinks count from both sides, jumps as infinite."""
        return self.slope_on(REALS)

    @cached_property
    def curvature(self) -> Range:
        """The closed hull of the second derivative; unbounded where the derivative jumps."""
        return self.derivative.slope

    @cached_property
    def parity(self) -> str | None:
        """``"even"``, ``"odd"``, or None when neither is proved."""
        if is_even(self.expr, VARIABLE):
            return "even"
        return "odd" if is_odd(self.expr, VARIABLE) else None

    def range_on(self, interval: sp.Interval) -> Range:
        """The closed hull of the values over an interval of arguments."""
        found = extrema(self.expr, VARIABLE, interval)
        return Range(found.inf.value, found.sup.value, found)

    def slope_on(self, interval: sp.Interval) -> Range:
        """The closed hull of the difference quotients over an interval of arguments: unbounded across a jump."""
        heights = [height for point, height in jumps(self.expr, VARIABLE) if interval.contains(point) != sp.false]
        between = Activation(f"{self.name}'", _almost_everywhere(self.expr)).range_on(interval)
        down, up = (any(sign * height > 0 for height in heights) for sign in (-1, 1))
        if not heights:
            return between
        return Range(-sp.oo if down else between.inf, sp.oo if up else between.sup)

    def __call__(self, argument: Any) -> sp.Expr:
        """The activation of a SymPy vector (entry by entry) or scalar, as a SymPy expression.

        Raises:
            InputError: the argument is neither.
        """
        if isinstance(argument, sp.MatrixBase):
            argument = sp.ImmutableDenseMatrix(argument)
        if isinstance(argument, (sp.MatrixExpr, sp.ImmutableDenseMatrix)):
            return ActivatedMatrix(*self._basic(), argument)
        if isinstance(argument, (int, float)):
            argument = sp.sympify(argument)
        if isinstance(argument, sp.Expr):
            return ActivatedScalar(*self._basic(), argument)
        raise InputError(
            f"argument of {self.name}: a SymPy vector or scalar expression is needed, "
            f"got {type(argument).__name__} {argument!r}"
        )

    def _basic(self) -> tuple[sp.Basic, ...]:
        return Str(self.name), Str(self.latex_name), sp.Lambda(VARIABLE, self.expr)

    def __str__(self) -> str:
        return self.name


def _almost_everywhere(expr: sp.Expr) -> sp.Expr:
    """The derivative where there is one: a jump contributes nothing."""
    return canonical(derivative(expr, VARIABLE).replace(sp.DiracDelta, lambda *_: sp.S.Zero))


def _checked_formula(name: str, expr: Any) -> sp.Expr:
    if isinstance(expr, (int, float)):
        expr = sp.sympify(expr)
    if not isinstance(expr, sp.Expr):
        raise InputError(f"expr: activation {name!r} needs a SymPy expression, got {type(expr).__name__} {expr!r}")
    symbols = sorted(expr.free_symbols, key=str)
    if len(symbols) > 1:
        names = ", ".join(map(str, symbols))
        raise InputError(f"expr: activation {name!r} must be a formula in one symbol, got the symbols {names}")
    if expr.has(sp.nan, sp.oo, -sp.oo, sp.zoo):
        raise InputError(f"expr: activation {name!r} must be finite, got {expr}")
    formula = canonical(expr.xreplace({symbol: VARIABLE for symbol in symbols}))
    ball_function(formula, (VARIABLE,))  # refuses what no later step could enclose
    return formula


@lru_cache(maxsize=1024)
def _activation(name: Str, latex: Str, formula: sp.Lambda) -> Activation:
    return Activation(str(name), formula.expr, str(latex))


class ActivatedMatrix(sp.MatrixExpr):
    """An activation applied to each entry of a SymPy matrix expression; made by calling an :class:`Activation`."""

    @property
    def activation(self) -> Activation:
        """The function that is applied."""
        return _activation(*self.args[:3])

    @property
    def argument(self) -> sp.MatrixExpr:
        """What it is applied to."""
        return self.args[3]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        """Rows and columns."""
        return self.argument.shape

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> sp.Expr:
        return self.activation(self.argument[i, j])

    def doit(self, **hints: Any) -> sp.MatrixExpr:
        """The same with the argument evaluated."""
        return self.func(*self.args[:3], self.argument.doit(**hints))

    def _latex(self, printer: Any) -> str:
        return rf"{self.activation.latex_name}\left({printer._print(self.argument)}\right)"

    def _sympystr(self, printer: Any) -> str:
        return f"{self.activation.name}({printer._print(self.argument)})"


class ActivatedScalar(sp.Expr):
    """An activation applied to a SymPy scalar; made by calling an :class:`Activation`."""

    is_commutative = True

    @property
    def activation(self) -> Activation:
        """The function that is applied."""
        return _activation(*self.args[:3])

    @property
    def argument(self) -> sp.Expr:
        """What it is applied to."""
        return self.args[3]

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """Symbols of the argument; the formula has none of its own."""
        return self.argument.free_symbols

    def _eval_derivative(self, symbol: sp.Basic) -> sp.Expr:
        return self.activation.derivative(self.argument) * self.argument.diff(symbol)

    def doit(self, **hints: Any) -> sp.Expr:
        """The formula with the argument put in."""
        return self.activation.expr.xreplace({VARIABLE: self.argument.doit(**hints)})

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.doit()._evalf(prec)

    def _latex(self, printer: Any) -> str:
        return rf"{self.activation.latex_name}\left({printer._print(self.argument)}\right)"

    def _sympystr(self, printer: Any) -> str:
        return f"{self.activation.name}({printer._print(self.argument)})"


def written_out(expr: sp.Expr) -> sp.Expr:
    """A scalar expression with the formulas of activations in the place of their names."""
    return expr.replace(lambda node: isinstance(node, ActivatedScalar), lambda node: node.doit())


def hadamard(*factors: Any) -> sp.Expr:
    """The entrywise product of SymPy vectors of one size (of scalars: their product).

    Raises:
        InputError: fewer than two factors, shapes that differ, or no SymPy expression.

    >>> import sympy as sp
    >>> n = sp.Symbol("n", integer=True, positive=True)
    >>> hadamard(sp.MatrixSymbol("z", n, 1), sp.MatrixSymbol("h", n, 1)).shape
    (n, 1)
    """
    if len(factors) < 2:
        raise InputError(f"factors: hadamard needs at least two, got {len(factors)}")
    for factor in factors:
        if not isinstance(factor, (sp.Expr, sp.MatrixBase)):
            raise InputError(f"factors: hadamard takes SymPy expressions, got {type(factor).__name__} {factor!r}")
    matrices = [isinstance(factor, (sp.MatrixExpr, sp.MatrixBase)) for factor in factors]
    if not any(matrices):
        return sp.Mul(*factors)
    shapes = {getattr(factor, "shape", ()) for factor in factors}
    if len(shapes) > 1:
        given = ", ".join(f"{factor} of shape {getattr(factor, 'shape', 'scalar')}" for factor in factors)
        raise InputError(f"factors: hadamard needs one shape, got {given}")
    return sp.HadamardProduct(*(sp.sympify(factor) for factor in factors))


def elementwise_lambda(function: Any) -> Activation:
    """The activation behind a SymPy ``applyfunc`` function.

    Raises:
        UnsupportedExpressionError: it is no function of one variable.
    """
    body = function.expr if isinstance(function, sp.Lambda) else function(VARIABLE)
    if isinstance(function, sp.Lambda):
        if len(function.signature) != 1:
            raise UnsupportedExpressionError(f"applyfunc: a function of one variable is needed, got {function}")
        body = body.xreplace({function.signature[0]: VARIABLE})
    parameters = sorted(map(str, body.free_symbols - {VARIABLE}))
    if parameters:
        raise UnsupportedExpressionError(
            f"applyfunc: {function} has the parameter {', '.join(parameters)}; accepted are functions of one variable"
        )
    name = type(body).__name__ if body.args == (VARIABLE,) else "f"
    return Activation(name, body)
