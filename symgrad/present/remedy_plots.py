"""Pictures of remedies: the bias of a gate against the number of steps it is to last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.chrono import Chrono
from symgrad.design.gate_biases import ForgetBias
from symgrad.design.gates import Gate, checked_retention
from symgrad.design.remedy import Remedy
from symgrad.errors import InputError
from symgrad.present.dispatch import latex, plot
from symgrad.present.plots import new_axes
from symgrad.rigor.balls import to_ball

__all__ = ["plot_remedy"]

Array = NDArray[np.float64]

_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")  # Okabe and Ito (2008)
_MARKERS = ("o", "s", "^", "D", "v")
_RETAINED = ("9/10", "1/2", "37/100", "1/10")
_POINTS = 200
_DECADES = 4


@plot.register
def plot_remedy(
    remedy: Remedy, *, retained: Sequence[Any] | None = None, longest: int | None = None, ax: Any = None
) -> Any:
    """The bias of a gate against the number of steps, for several fractions that are to be kept.

    Of the chrono initialisation what units keep against the number of steps: the mean, the shortest and the longest.

    Args:
        remedy: a bias of a gate, or the chrono initialisation.
        retained: the fractions of the curves; the remedy's own and some others unless given.
        longest: the largest number of steps.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: there is no picture of such a remedy, or a malformed argument.
    """
    if longest is not None and (isinstance(longest, bool) or not isinstance(longest, int) or longest < 2):
        raise InputError(f"longest: an integer from 2 on is needed, got {longest!r}")
    if isinstance(remedy, Chrono):
        return _draw_chrono(remedy, longest, new_axes(ax))
    if not isinstance(remedy.drawing, Gate):
        raise InputError(f"remedy: there is no picture of the {remedy.name}; there are of biases of gates")
    gate = remedy.drawing
    axes = new_axes(ax)
    last = longest or _last(gate)
    steps = np.unique(np.geomspace(1, last, _POINTS).round())
    for index, fraction in enumerate(_fractions(gate, retained)):
        style = _STYLES[index % len(_STYLES)]
        label = f"${latex(gate.bias)}$, keeps $r = {_number(fraction)}$"
        mark = {"marker": _MARKERS[index % len(_MARKERS)], "markevery": (10 + 7 * index, 40), "markersize": 4}
        axes.plot(steps, _biases(gate, fraction, steps), ls=style, color=_COLOURS[index % 5], label=label, **mark)
    if isinstance(remedy, ForgetBias):
        shown = steps[steps > 1]
        axes.plot(shown, np.log(shown - 1), color="black", ls=(0, (1, 2)), lw=2, label=r"$\log(T - 1)$")
    if remedy.value is not None:
        place = float(to_ball(gate.steps).mid()), float(remedy)
        axes.plot(*place, "*", color="black", markersize=12, label=f"here: ${place[1]:.5g}$", zorder=4)
    axes.set_xscale("log")
    axes.set_xlabel("number of steps $T$")
    axes.set_ylabel(f"bias ${latex(gate.bias)}$")
    return _finished(axes)


def _finished(axes: Any) -> Any:
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    return axes


def _last(gate: Gate) -> int:
    return 10**_DECADES if gate.steps.free_symbols else max(100, 20 * int(gate.steps))


def _fractions(gate: Gate, given: Sequence[Any] | None) -> list[sp.Expr]:
    if given is not None:
        if isinstance(given, str) or not isinstance(given, Sequence) or not given:
            raise InputError(f"retained: a sequence of fractions is needed, got {given!r}")
        return [checked_retention(fraction) for fraction in given]
    others = [sp.Rational(number) for number in _RETAINED]
    own = [] if gate.retain.free_symbols else [gate.retain]
    return [*own, *(number for number in others if number not in own)][: len(_STYLES)]


def _biases(gate: Gate, fraction: sp.Expr, steps: Array) -> Array:
    """The biases in floats, for a picture only; ``expm1`` keeps the digits where T is large."""
    reach = 0.0 if gate.reach.free_symbols else float(to_ball(gate.reach).mid())
    logit = -np.log(np.expm1(-np.log(float(to_ball(fraction).mid())) / steps))
    return np.asarray(logit + reach if gate.keeps else -logit - reach)


def _number(fraction: sp.Expr) -> str:
    return f"{float(to_ball(fraction).mid()):.4g}"


def _draw_chrono(remedy: Chrono, longest: int | None, axes: Any) -> Any:
    last = longest or 4 * int(remedy.longest)
    steps = np.unique(np.geomspace(1, last, 60).round())
    means = [float(remedy.expected(int(count)).mid()) for count in steps]
    axes.plot(steps, means, color=_COLOURS[0], marker="o", markevery=6, markersize=4, label="mean over units")
    for index, (constant, name) in enumerate(((remedy.longest, "longest"), (remedy.shortest, "shortest")), start=1):
        kept = (1 - 1 / float(to_ball(constant).mid())) ** steps
        label = f"{name} time constant, {float(to_ball(constant).mid()):g} steps"
        axes.plot(steps, kept, ls=_STYLES[index], color=_COLOURS[index], label=label)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("number of steps $t$")
    axes.set_ylabel("kept fraction $f^t$")
    return _finished(axes)
