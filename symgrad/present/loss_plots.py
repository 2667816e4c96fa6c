"""Pictures of what losses send back: the factor against the pre-activation of the output."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.losses import LossComparison, LossFactor
from symgrad.design.saturating_losses import SaturatingLosses
from symgrad.errors import InputError
from symgrad.numerics.functions import array_function
from symgrad.present.dispatch import plot, text
from symgrad.present.plots import new_axes
from symgrad.present.titles import literal

__all__ = ["plot_loss_comparison", "plot_loss_factor", "plot_saturating_losses"]

_COLOURS, _STYLES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D")
_POINTS, _MARKED = 401, 40


@plot.register
def plot_loss_factor(found: LossFactor, *, reach: float = 8.0, ax: Any = None) -> Any:
    """The factor dL/da against a.

    Args:
        found: the factor, with a number for the target.
        reach: the largest modulus of a that is shown.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: the target is a symbol; reach is not positive.
    """
    return _drawn([found], reach, ax)


@plot.register
def plot_loss_comparison(found: LossComparison, *, reach: float = 8.0, ax: Any = None) -> Any:
    """Both factors against a; the arguments are those of :func:`plot_loss_factor`."""
    return _drawn([found.first, found.second], reach, ax)


@plot.register
def plot_saturating_losses(found: SaturatingLosses, *, reach: float = 8.0, ax: Any = None) -> Any:
    """All factors against a, each once; the arguments are those of :func:`plot_loss_factor`."""
    different = {loss.loss: loss for pair in found for loss in (pair.first, pair.second)}
    return _drawn(list(different.values()), reach, ax)


def _drawn(found: list[LossFactor], reach: float, ax: Any) -> Any:
    if not reach > 0 or not np.isfinite(reach):
        raise InputError(f"reach: a positive number is needed, got {reach!r}")
    if not all(loss.has_target for loss in found):
        raise InputError("target: a picture needs a number for the target t")
    axes = new_axes(ax)
    points = np.linspace(-reach, reach, _POINTS)
    for loss, colour, style, marker in zip(found, _COLOURS, _STYLES, _MARKERS, strict=False):
        values = _values(loss.factor_formula, points)
        values[~(np.isfinite(values) & np.isfinite(_values(loss.loss_formula, points)))] = np.nan
        words = f"L = {literal(text(loss.loss))}{_verdict(loss)}"
        axes.plot(points, values, style, color=colour, marker=marker, markevery=_MARKED, markersize=5, label=words)
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.set_xlabel(f"pre-activation $a$ of the output $y$ = {literal(found[0].output.name)}($a$)")
    axes.set_ylabel(r"factor $\mathrm{d}L/\mathrm{d}a$")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.05 + 0.06 * len(found)), fontsize="small", frameon=False)
    return axes


def _values(formula: sp.Expr, points: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return np.asarray(array_function(formula)(np, points), dtype=np.float64) * np.ones(len(points))


def _verdict(loss: LossFactor) -> str:
    return {True: ", saturates", False: ", does not saturate", None: ""}[loss.saturating]
