"""What another gain than the derived one does: which variances it keeps, and what happens to gradients there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy as sp
from flint import arb

from symgrad.errors import SymgradError
from symgrad.language.elementwise import Activation
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.layer_factors import Moments, Quantity, positive_number
from symgrad.meanfield.variance_points import VariancePoints
from symgrad.meanfield.variants import LayerVariant
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["GainComparison", "compared"]

_BITS = 128


@dataclass(frozen=True)
class GainComparison(Presentable):
    """A given gain beside a derived one.

    Attributes:
        activation: phi.
        gain: the given one, exactly.
        derived: the derived one.
        ratio: the given one over the derived one, enclosed.
        variance: at which both factors are taken.
        forward: by which a layer without biases multiplies that variance.
        backward: by which it multiplies mean squared gradients there; None where that is infinite or not known.
        points: all variances that the given gain keeps, with their stability and ``chi_1``.
    """

    activation: Activation
    gain: sp.Expr
    derived: Quantity
    ratio: arb
    variance: sp.Expr
    forward: Quantity
    backward: Quantity | None
    points: VariancePoints

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        back = "" if self.backward is None else f" and mean squared gradients by {_short(self.backward.ball)}"
        yield f"at variance {self.variance} a layer multiplies the variance by {_short(self.forward.ball)}{back}"
        if self.points.continuum:
            yield "every variance is kept"
        for point in self.points:
            chi = f"chi_1 = {_short(point.chi)}" if point.chi.is_finite() else "chi_1 infinite or not known"
            word = "the variance settles at" if point.attracts else f"{point.stability} fixed point of the variance:"
            yield f"{word} {_short(point.ball)}, where {chi}{_trend(point.chi)}"
        if not self.points and not self.points.continuum:
            yield "no variance is kept" if self.points.complete else "no variance that is kept was found"
        if self.points.diverges:
            yield "large variances grow without bound"


def _trend(chi: arb) -> str:
    if chi > 1:
        return ": gradients grow towards the input"
    return ": gradients shrink towards the input" if chi < 1 else ""


def _short(ball: arb) -> str:
    return f"{float(ball.mid()):.5g}"


def compared(activation: Activation, given: Any, derived: Quantity, variance: sp.Expr) -> GainComparison:
    """A given gain beside a derived one.

    Args:
        activation: phi.
        given: a positive number.
        derived: the other gain.
        variance: at which factors are taken; 1 in the place of 0.

    Raises:
        InputError: no positive number.
    """
    exact = positive_number("gain", given)
    at_variance = sp.S.One if variance == 0 else variance
    with working_precision(_BITS):
        number = Quantity(exact, to_ball(exact))
        ratio = number.ball / derived.ball
    moments = Moments(activation)
    points = MeanField(LayerVariant(activation)).q_star(exact**2, 0)
    forward = moments.forward(number, at_variance)
    return GainComparison(
        activation, exact, derived, ratio, at_variance, forward, _backward(moments, number, at_variance), points
    )


def _backward(moments: Moments, gain: Quantity, variance: sp.Expr) -> Quantity | None:
    try:
        return moments.backward(gain, variance)
    except SymgradError:
        return None
