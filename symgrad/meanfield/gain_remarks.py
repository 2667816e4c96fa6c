"""What has to be known besides a gain: whether the variance it keeps attracts, and what it does not keep."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.meanfield.gain_rules import shown
from symgrad.meanfield.layer_factors import Moments, Quantity
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["remarks"]

_BITS = 128


def remarks(mode: str, variance: sp.Expr, moments: Moments, gain: Quantity) -> Iterator[str]:
    """Warnings in words about a gain, most important first."""
    if mode == "forward":
        yield from _stability(variance, moments, gain)
    if mode in ("forward", "kumar"):
        yield from _gradients(variance, moments, gain)
    if mode == "backward":
        yield from _variances(variance, moments, gain)


def _stability(variance: sp.Expr, moments: Moments, gain: Quantity) -> Iterator[str]:
    try:
        slope = moments.slope(gain, variance)
    except InputError:
        yield f"whether the variance {shown(variance)} attracts is not proved"
        return
    steepness, kept = _short(slope.ball), shown(variance)
    if slope.side_of_one == 1:
        yield (
            f"the variance {kept} is a repelling fixed point of the variance map (slope {steepness}): a layer enlarges "
            "deviations from it by that factor, so that variances drift away"
        )
    elif slope.side_of_one is None:
        yield f"whether the variance {kept} attracts is not proved: the slope of the variance map is near {steepness}"
    elif slope.ball < -1:
        yield f"the variance {kept} is repelling: the slope of the variance map is {steepness}"


def _gradients(variance: sp.Expr, moments: Moments, gain: Quantity) -> Iterator[str]:
    try:
        chi = moments.backward(gain, variance)
    except InputError as error:
        yield f"the factor of mean squared gradients is infinite or not known: {error}"
        return
    if chi.side_of_one in (1, -1):
        grow = "grow" if chi.side_of_one == 1 else "shrink"
        yield f"mean squared gradients {grow} by the factor {_short(chi.ball)} a layer at variance {shown(variance)}"


def _variances(variance: sp.Expr, moments: Moments, gain: Quantity) -> Iterator[str]:
    try:
        forward = moments.forward(gain, variance)
    except InputError as error:
        yield f"what happens to the variance is not known: {error}"
        return
    if forward.side_of_one == 0:
        return
    with working_precision(_BITS):
        missing = (1 - forward.ball) * to_ball(variance)
    change = f"without biases a layer multiplies the variance {shown(variance)} by {_short(forward.ball)}"
    if missing > 0:
        yield f"{change}; biases of variance {_short(missing)} keep it"
    elif missing < 0:
        yield f"{change}; no biases keep it, as they only add"
    else:
        yield f"{change}, up to what could be told"


def _short(ball: arb) -> str:
    return f"{float(ball.mid()):.4g}"
