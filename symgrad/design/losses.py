"""What a loss sends back through an output activation, and whether that vanishes while the loss is still large."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.design.loss_checks import check_factor
from symgrad.design.loss_ends import LossEnd, end_limits, least_value, loss_ends, plateaus
from symgrad.design.loss_steps import factor_derivation, ratio_derivation
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Verification
from symgrad.errors import InputError
from symgrad.language.activations import activation
from symgrad.language.derivation import Derivation
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.numbers import exact_floats, exact_number
from symgrad.language.parse import parse_expression
from symgrad.rigor.balls import ball_function

__all__ = ["LossComparison", "LossFactor", "compare_losses", "loss_factor"]

OUTPUT, TARGET = sp.Symbol("y", real=True), sp.Symbol("t", real=True)
PRE_ACTIVATION = sp.Symbol("a", real=True)


@dataclass(frozen=True, eq=False)
class LossFactor(StatedResult):
    """``dL/da`` of a loss ``L(y, t)`` with ``y = s(a)``: the factor that all gradients of the network carry.

    Attributes:
        loss: L in the output y, with the target put in where one is given, otherwise in y and t.
        output: the activation s.

    >>> squared = loss_factor("(y - t)^2/2", target=1)
    >>> squared.in_output, [(end.point, end.factor, end.saturates) for end in squared.ends]
    (y*(1 - y)*(y - 1), [(-oo, 0, True), (oo, 0, False)])
    """

    loss: sp.Expr
    output: Activation

    @property
    def has_target(self) -> bool:
        """Whether all is in numbers but a; with a symbol for the target nothing is said about limits."""
        return not self.loss.free_symbols - {OUTPUT}

    @cached_property
    def composed(self) -> sp.Expr:
        """The loss as a formula of a."""
        return self.loss.subs(OUTPUT, self.output.expr).subs(VARIABLE, PRE_ACTIVATION)

    @cached_property
    def slope(self) -> sp.Expr:
        """dL/dy."""
        return sp.diff(self.loss, OUTPUT)

    @cached_property
    def factor(self) -> sp.Expr:
        """dL/da, differentiated by the chain rule."""
        return self.factor_formula.subs(VARIABLE, PRE_ACTIVATION)

    @cached_property
    def factor_formula(self) -> sp.Expr:
        """The factor in the variable of activations, z."""
        product = self.slope.subs(OUTPUT, self.output.expr) * self.output.derivative.expr
        return _shortest(product)

    @cached_property
    def in_output(self) -> sp.Expr | None:
        """The factor in terms of y alone; None where the activation's derivative is no formula of its value."""
        slope = self.output.derivative.expr.xreplace({self.output.expr: OUTPUT})
        return None if slope.has(VARIABLE) else _shortest(self.slope * slope)

    @cached_property
    def infimum(self) -> sp.Expr | None:
        """The greatest lower bound of the loss over all a, proved; None where that fails or the target is open."""
        return least_value(self.loss_formula) if self.has_target else None

    @property
    def loss_formula(self) -> sp.Expr:
        """The loss in the variable of activations, z."""
        return self.composed.subs(PRE_ACTIVATION, VARIABLE)

    @cached_property
    def ends(self) -> tuple[LossEnd, ...]:
        """Where a can go, with proved limits of the loss and of the factor there, and whether that end saturates."""
        return loss_ends(self.loss_formula, self.factor_formula, self.infimum) if self.has_target else ()

    @cached_property
    def plateaus(self) -> tuple[sp.Interval, ...]:
        """Intervals of a on which the factor is zero throughout though the loss is above its infimum."""
        return plateaus(self.loss_formula, self.factor_formula, self.infimum) if self.has_target else ()

    @property
    def saturating(self) -> bool | None:
        """Whether the factor vanishes somewhere out there, or on an interval, though the loss does not reach its least.

        None where a limit could not be proved or the target is a symbol.

        >>> loss_factor("log(1 - y)").saturating, loss_factor("-log(y)").saturating
        (True, False)
        """
        if self.plateaus or any(end.saturates for end in self.ends):
            return True
        return False if self.ends and all(end.saturates is False for end in self.ends) else None

    @property
    def title(self) -> str:
        """The loss, the activation and the verdict."""
        words = {True: "saturates", False: "does not saturate", None: "saturation undecided"}
        verdict = words[self.saturating] if self.has_target else "for every target t"
        return f"loss L = {self.loss} with y = {self.output.name}(a): {verdict}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The factor in a and in y, and the limits."""
        symbol = _slope_of("L")
        rows = [Statement("factor", sp.Eq(symbol, self.factor, evaluate=False))]
        if self.in_output is not None:
            rows.append(Statement("in terms of the output", sp.Eq(symbol, self.in_output, evaluate=False)))
        for end in self.ends:
            rows += end.statements(PRE_ACTIVATION, self.factor)
        return tuple(rows)

    @property
    def derivation(self) -> Derivation:
        """The chain rule, and the limits with how they are proved."""
        return factor_derivation(self.loss, self.output, self.factor, self.ends, PRE_ACTIVATION)

    def verify(self, seed: int = 0) -> Verification:
        """Compare the factor with difference quotients of the loss in ball arithmetic, and its limits far out.

        Args:
            seed: of the points.

        Raises:
            InputError: the target is a symbol.
        """
        if not self.has_target:
            raise InputError("target: a number is needed to compare with numbers")
        return check_factor(self.loss_formula, self.factor_formula, self.ends, seed)


@dataclass(frozen=True, eq=False)
class LossComparison(StatedResult):
    """Two losses of the same output: their factors and the ratio of these.

    Attributes:
        first: one loss.
        second: the other.
    """

    first: LossFactor
    second: LossFactor

    @cached_property
    def ratio(self) -> sp.Expr:
        """The first factor divided by the second, as a formula of a."""
        return _shortest(self.first.factor / self.second.factor)

    @cached_property
    def ratio_in_output(self) -> sp.Expr | None:
        """The same in terms of y; None where either factor is no formula of y."""
        first, second = self.first.in_output, self.second.in_output
        return None if first is None or second is None else _shortest(first / second)

    @cached_property
    def limits(self) -> tuple[tuple[sp.Expr, sp.Expr | None], ...]:
        """For both ends of a the limit of the ratio, proved, or None."""
        if not (self.first.has_target and self.second.has_target):
            return ()
        return tuple(end_limits(self.ratio.subs(PRE_ACTIVATION, VARIABLE)))

    @property
    def title(self) -> str:
        """Both losses."""
        return f"factor of {self.first.loss} against {self.second.loss}, y = {self.first.output.name}(a)"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Both factors, their ratio and its limits."""
        one, two = _slope_of("L_1"), _slope_of("L_2")
        rows = [Statement("first factor", sp.Eq(one, self.first.factor, evaluate=False))]
        rows.append(Statement("second factor", sp.Eq(two, self.second.factor, evaluate=False)))
        rows.append(Statement("ratio", sp.Eq(one / two, self.ratio, evaluate=False)))
        if self.ratio_in_output is not None:
            rows.append(Statement("in terms of the output", sp.Eq(one / two, self.ratio_in_output, evaluate=False)))
        for point, limit in self.limits:
            if limit is not None:
                left = sp.Limit(self.ratio, PRE_ACTIVATION, point, "-")
                rows.append(Statement(f"limit at {point}", sp.Eq(left, limit, evaluate=False)))
        return tuple(rows)

    @property
    def derivation(self) -> Derivation:
        """Both chain rules, then the quotient."""
        return ratio_derivation(self.first.derivation, self.second.derivation, self.statements[2:])

    def verify(self, seed: int = 0) -> Verification:
        """The checks of both factors."""
        one, two = self.first.verify(seed), self.second.verify(seed)
        return Verification("both factors", one.against, one.cases + two.cases)


def _slope_of(name: str) -> sp.Expr:
    """The derivative of a loss by a, unevaluated."""
    return sp.Derivative(sp.Function(name)(PRE_ACTIVATION), PRE_ACTIVATION)


def _shortest(expr: sp.Expr) -> sp.Expr:
    """The shortest of a few equal forms; formulas with cases are left as they are."""
    if expr.has(sp.Piecewise, sp.Abs, sp.sign, sp.Max, sp.Min):
        return expr
    forms = [expr, sp.factor(expr), sp.cancel(expr), sp.simplify(expr)]
    return min(forms, key=sp.count_ops)


def _checked_loss(loss: Any, target: Any) -> sp.Expr:
    if isinstance(loss, str):
        formula = parse_expression(loss, label="loss")
    elif isinstance(loss, sp.Expr):
        formula = exact_floats(loss)
    else:
        raise InputError(f"loss: text or a SymPy expression is needed, got {type(loss).__name__} {loss!r}")
    names = {str(symbol): symbol for symbol in formula.free_symbols}
    if "y" not in names and len(names) == 1 and "t" not in names:
        names = {"y": next(iter(names.values()))}
    if "y" not in names or set(names) - {"y", "t"}:
        raise InputError(f"loss: a formula of the output y and at most the target t is needed, got {loss}")
    formula = formula.xreplace({symbol: OUTPUT if name == "y" else TARGET for name, symbol in names.items()})
    return formula if target is None else formula.subs(TARGET, exact_number("target", target))


def loss_factor(loss: Any, output: Any = "sigmoid", target: Any = None) -> LossFactor:
    """The derivative of a loss by the pre-activation of the output, its limits, and whether it saturates.

    A loss saturates where the factor tends to zero, or is zero on an interval, while the loss stays above its infimum:
    there the network is wrong and learns nothing from it.

    Args:
        loss: text or a SymPy expression in the output ``y`` and the target ``t``; a formula in one other symbol is
            taken as one of the output.
        output: the output activation, by name or as an Activation.
        target: a number for t; None leaves the symbol, and then no limits are taken.

    Returns:
        A :class:`LossFactor`.

    Raises:
        InputError: a malformed loss or target.
        UnknownNameError: no activation of that name.
        UnsupportedExpressionError: the activation jumps, so that it has no derivative.

    Source: the chain rule; Goodfellow, Bengio and Courville 2016, Deep Learning, sec. 6.2.2.2, for the logistic unit.

    >>> entropy = loss_factor("-t*log(y) - (1 - t)*log(1 - y)")
    >>> entropy.in_output
    -t + y
    """
    formula, function = _checked_loss(loss, target), activation(output)
    if not formula.has(OUTPUT):
        raise InputError(f"loss: it does not depend on the output y, got {loss}")
    ball_function(function.derivative.expr, (VARIABLE,))  # refused where the activation jumps
    return LossFactor(formula, function)


def compare_losses(first: Any, second: Any, output: Any = "sigmoid", target: Any = None) -> LossComparison:
    """The factors of two losses of the same output and their ratio; for the arguments see :func:`loss_factor`.

    >>> compare_losses("log(1 - y)", "-log(y)").ratio_in_output
    -y/(y - 1)
    """
    return LossComparison(loss_factor(first, output, target), loss_factor(second, output, target))
