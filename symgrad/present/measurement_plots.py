"""Pictures of measurements: gradients against the steps back, Lyapunov exponents by their number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.lyapunov import LyapunovSpectrum
from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.present.dispatch import plot
from symgrad.present.plots import new_axes

__all__ = ["plot_measured", "plot_spectrum"]

Array = NDArray[np.float64]

_WHOLE, _FIRST, _LOSS = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito (2008)
_MARKS = 9


@plot.register
def plot_measured(found: MeasuredGradients, *, ax: Any = None) -> Any:
    """The decimal logarithm of the measured norms against the number of steps back.

    Args:
        found: the measurement.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Lines are medians over the sequences, the band holds the middle half of the whole state's; where a
        norm is zero the line ends.
    """
    axes = new_axes(ax)
    every = max(1, len(found.ks) // _MARKS)
    lower, upper = (_shown(curve) for curve in (found.lower_quartile, found.upper_quartile))
    if len(found.log10_products) > 1:
        axes.fill_between(found.ks, lower, upper, color=_WHOLE, alpha=0.2, linewidth=0)
    symbol = found.state if len(found.state) == 1 else rf"\mathrm{{{found.state.replace('_', chr(92) + '_')}}}"
    curves = [(found.typical, "-", "o", _WHOLE, r"$\|\partial x_T/\partial x_{T-k}\|_2$")]
    if found.has_other_states:
        label = rf"$\|\partial {symbol}_T/\partial {symbol}_{{T-k}}\|_2$"
        curves.append((found.typical_first, "--", "s", _FIRST, label))
    if found.typical_loss is not None:
        curves.append((found.typical_loss, "-.", "^", _LOSS, r"$\|\partial L/\partial x_{T-k}\|_2$"))
    for curve, style, mark, colour, label in curves:
        axes.plot(found.ks, _shown(curve), style, marker=mark, markevery=every, ms=4, color=colour, label=label)
    axes.set_xlabel("steps back $k$")
    axes.set_ylabel(r"$\log_{10}$ of the norm")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return axes


def _shown(curve: Array) -> Array:
    return np.where(np.isfinite(curve), curve, np.nan)


@plot.register
def plot_spectrum(spectrum: LyapunovSpectrum, *, ax: Any = None) -> Any:
    """The Lyapunov exponents by their number, with error bars of two standard errors.

    Args:
        spectrum: the exponents.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Exponents of minus infinity are left out and counted in the legend.
    """
    axes = new_axes(ax)
    numbers = np.arange(1, len(spectrum.exponents) + 1)
    finite = np.isfinite(spectrum.exponents)
    errors = 2 * np.nan_to_num(spectrum.errors[finite])
    axes.errorbar(
        numbers[finite],
        spectrum.exponents[finite],
        yerr=errors,
        fmt="o-",
        ms=4,
        color=_WHOLE,
        capsize=2,
        linewidth=1.0,
        label="exponents",
    )
    axes.axhline(0.0, color="0.3", linestyle="--", linewidth=1.0, label="neither growth nor decay")
    if not finite.all():
        lost = int((~finite).sum())
        axes.plot([], [], " ", label=rf"{lost} exponent{'s' if lost > 1 else ''} of $-\infty$")
    axes.set_xlabel("number $i$ of the exponent")
    axes.set_ylabel(r"$\lambda_i$, natural logarithm per step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return axes
