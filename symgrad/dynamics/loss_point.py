"""The loss and its gradient at one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
from flint import arb

from symgrad.presentable import Presentable

__all__ = ["LossPoint", "both_sides"]

_KINKED = (sp.Abs, sp.sign, sp.Heaviside, sp.Max, sp.Min, sp.Piecewise)


@dataclass(frozen=True, eq=False)
class LossPoint(Presentable):
    """The loss and its gradient at one place.

    Attributes:
        parameters: symbol -> exact number.
        state: a ball around x(T).
        loss: a ball around the loss.
        gradient: symbol -> ball around dL/dp.
        certified: whether the balls are proved, as for maps; of a flow their radii are estimates.
    """

    parameters: Mapping[sp.Symbol, sp.Expr]
    state: arb
    loss: arb
    gradient: Mapping[sp.Symbol, arb]
    certified: bool

    @property
    def gradient_norm(self) -> float:
        """The 2-norm of the gradient, approximate."""
        return float(sum((g.mid() ** 2 for g in self.gradient.values()), arb(0)).sqrt())


def both_sides(loss: sp.Expr, state: arb, bits: int) -> arb:
    """The state itself; for a loss with kinks a ball that reaches a little to both sides, so that both slopes count."""
    if not loss.has(*_KINKED):
        return state
    return state + arb(0, ((1 + abs(state)) * arb((1, 8 - bits))).upper())
