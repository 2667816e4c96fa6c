"""The derivation of the factor that a loss sends back, and of the ratio of two of them."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symgrad.design.loss_ends import LossEnd
from symgrad.design.statements import Statement
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.elementwise import Activation

__all__ = ["factor_derivation", "ratio_derivation"]

_CHAIN = DerivationRule("chain rule", r"\frac{dL}{da} = \frac{dL}{dy}\, s'(a)", "calculus")
_LIMIT = DerivationRule(
    "limit",
    r"\lim f = \lim m \text{ where } |f - m| \text{ is enclosed and tends to } 0",
    "expansion in powers, exponentials and logarithms with an enclosed remainder",
)
_QUOTIENT = DerivationRule("quotient", r"\frac{dL_1/da}{dL_2/da}", "division, where the second factor is not zero")


def factor_derivation(
    loss: sp.Expr, output: Activation, factor: sp.Expr, ends: Iterable[LossEnd], symbol: sp.Symbol
) -> Derivation:
    """The chain rule, then the limits that were proved."""
    y = sp.Symbol("y", real=True)
    inner = sp.Eq(y, output.expr.subs(output.variable, symbol), evaluate=False)
    slope = sp.Eq(sp.Derivative(sp.Function("L")(y), y), sp.diff(loss, y), evaluate=False)
    bend = output.derivative.expr.subs(output.variable, symbol)
    steps = [
        DerivationStep(_CHAIN, inner, "the output"),
        DerivationStep(_CHAIN, slope, "the loss"),
        DerivationStep(_CHAIN, sp.Eq(sp.Derivative(y, symbol, evaluate=False), bend, evaluate=False)),
        DerivationStep(_CHAIN, sp.Eq(sp.Derivative(sp.Function("L")(symbol), symbol), factor, evaluate=False)),
    ]
    for end in ends:
        steps += [DerivationStep(_LIMIT, item.relation, item.words) for item in end.statements(symbol, factor)]
    return Derivation(f"derivative of the loss {loss} by the pre-activation of {output.name}", tuple(steps))


def ratio_derivation(first: Derivation, second: Derivation, ratio: Iterable[Statement]) -> Derivation:
    """Both derivations, then the quotient and its limits."""
    steps = [DerivationStep(_QUOTIENT, item.relation, item.words) for item in ratio]
    return Derivation("ratio of two factors", (*first.steps, *second.steps, *steps))
