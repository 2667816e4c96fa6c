"""One step of gradient descent on the loss of a model, with and without clipping of the gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import sympy as sp

from symgrad.dynamics.loss_point import LossPoint
from symgrad.presentable import Presentable

__all__ = ["DescentStep"]


@dataclass(frozen=True, eq=False)
class DescentStep(Presentable):
    """One step of gradient descent, ``p - rate * gradient``, as it is and with the gradient clipped by its norm.

    Attributes:
        landscape: the :class:`~symgrad.dynamics.loss_surface.LossLandscape` on which it is made.
        before: where it starts.
        rate: the learning rate.
        clip: the largest norm of the gradient that is used in the clipped step.
        plain: where the step leads.
        clipped: where the clipped step leads.
    """

    landscape: Presentable = field(repr=False)
    before: LossPoint
    rate: sp.Expr
    clip: sp.Expr
    plain: LossPoint
    clipped: LossPoint

    @property
    def is_clipped(self) -> bool:
        """Whether clipping changes the step."""
        return self.before.gradient_norm > float(self.clip)

    def length(self, clipped: bool = False) -> float:
        """How far the step leads in the space of parameters; with clipping at most ``rate * clip``."""
        end = self.clipped if clipped else self.plain
        return math.hypot(*(self._move(end, p) for p in self.before.parameters))

    def predicted(self, clipped: bool = False) -> float:
        """The loss that the linear model at the start of the step predicts at its end."""
        end = self.clipped if clipped else self.plain
        changes = [float(g.mid()) * self._move(end, p) for p, g in self.before.gradient.items()]
        return float(self.before.loss.mid()) + sum(changes)

    def _move(self, end: LossPoint, parameter: sp.Symbol) -> float:
        return float(end.parameters[parameter] - self.before.parameters[parameter])
