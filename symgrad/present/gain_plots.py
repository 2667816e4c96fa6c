"""Pictures of gains: what a layer with a gain does to variances and gradients, over the variance it is fed."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import SymgradError
from symgrad.meanfield.gain_comparison import GainComparison
from symgrad.meanfield.gains import InitGain
from symgrad.meanfield.layer_factors import Moments
from symgrad.present.dispatch import plot
from symgrad.present.plots import new_axes
from symgrad.present.titles import activation_title

__all__ = ["plot_comparison", "plot_gain"]

_POINTS = 161
_DECADES = 2.0
_MUCH = 8.0
_ROOM = 0.25
_FORWARD, _BACKWARD = "#0072B2", "#D55E00"  # Okabe and Ito (2008)


@plot.register
def plot_gain(gain: InitGain, *, ax: Any = None) -> Any:
    """The factors of the variance and of the mean squared gradient in one layer without biases over the variance q.

    Args:
        gain: the gain; the variance at which it holds is marked.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    at = float(gain.variance)
    _draw(axes, Moments(gain.activation), float(gain), at or 1.0)
    if at:
        axes.plot([at], [float(gain.forward.ball)], "ko", label=f"$q = {at:.4g}$")
    return _finished(axes, f"{activation_title(gain.activation)}: gain {float(gain):.5g}, mode {gain.mode}")


@plot.register
def plot_comparison(found: GainComparison, *, ax: Any = None) -> Any:
    """The same for a given gain; the variances that it keeps are marked, filled where they attract.

    Args:
        found: the comparison.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    kept = [point for point in found.points if float(point) > 0]
    centre = float(kept[-1]) if kept else float(found.variance)
    _draw(axes, Moments(found.activation), float(found.gain), centre)
    for point in kept:
        face = "black" if point.attracts else "white"
        label = f"$q^* = {float(point):.4g}$, {point.stability}"
        axes.plot([float(point)], [1.0], "o", color="black", markerfacecolor=face, label=label)
    return _finished(axes, f"{activation_title(found.activation)}: gain {float(found.gain):.5g}")


def _draw(axes: Any, moments: Moments, gain: float, centre: float) -> None:
    q = centre * np.logspace(-_DECADES, _DECADES, _POINTS)
    axes.axhline(1.0, color="0.5", linewidth=0.8)
    forward = gain**2 * moments.values.floats(q) / q
    axes.plot(q, forward, "-", color=_FORWARD, label=r"variance, $g^2 \mathbf{E}[\varphi^2]/q$")
    try:
        backward = gain**2 * moments.slopes.floats(q)
    except SymgradError:
        return  # the activation jumps
    axes.plot(q, backward, "--", color=_BACKWARD, label=r"squared gradient, $g^2 \mathbf{E}[\varphi'^2]$")


def _finished(axes: Any, title: str) -> Any:
    axes.set_xscale("log")
    _spread(axes)
    axes.set_xlabel("variance of the pre-activations $q$")
    axes.set_ylabel("factor in one layer")
    axes.set_title(title)
    axes.legend()
    return axes


def _spread(axes: Any) -> None:
    """A logarithmic axis where factors differ much, and not less than some room around 1."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if drawn.max() > _MUCH * drawn.min():
        axes.set_yscale("log")
    elif drawn.max() - drawn.min() < _ROOM:
        axes.set_ylim(drawn.min() - _ROOM, drawn.max() + _ROOM)
