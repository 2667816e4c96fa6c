"""Pictures of a diagnosis: what was measured of each layer's gradients, between what is proved of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.results import Diagnosis, LayerDiagnosis
from symgrad.errors import InputError
from symgrad.present.dispatch import plot
from symgrad.present.growth_plots import draw_bounds, draw_level, draw_line, draw_measured, finish, window
from symgrad.present.numbers import number_latex
from symgrad.present.plots import new_axes

__all__ = ["plot_diagnosis", "plot_layer_diagnosis"]

Array = NDArray[np.float64]

_LN_10 = math.log(10.0)
_ACROSS = 2  # pictures side by side


@plot.register
def plot_layer_diagnosis(found: LayerDiagnosis, *, ax: Any = None) -> Any:
    """Measured norms with their quartiles, the bounds by method, the Lyapunov slope and delta, against the steps back.

    Bounds that lead far away from what was measured leave the picture; their labels say where they end.

    Args:
        found: of one layer.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes, on a logarithmic scale of powers of ten, also of those that floats do not reach.
    """
    axes = new_axes(ax)
    _draw(axes, found)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize="small", frameon=False)
    return axes


@plot.register
def plot_diagnosis(found: Diagnosis, *, ax: Any = None) -> Any:
    """The picture of each layer, as many small ones where there are several.

    Args:
        found: the diagnosis.
        ax: the matplotlib axes to draw on, a list of as many as layers where there are several; new ones unless given.

    Returns:
        The axes of the first layer; ``.figure`` of them has all.

    Raises:
        InputError: more or fewer axes than layers.
    """
    if len(found.layers) == 1:
        return plot_layer_diagnosis(found.layers[0], ax=ax[0] if isinstance(ax, Sequence) else ax)
    axes = _grid(len(found.layers)) if ax is None else _given(ax, len(found.layers))
    for own, layer in zip(axes, found.layers, strict=True):
        plot_layer_diagnosis(layer, ax=own)
    return axes[0]


def _given(ax: Any, count: int) -> list[Any]:
    axes = list(np.ravel(ax)) if isinstance(ax, (Sequence, np.ndarray)) else [ax]
    if len(axes) != count:
        raise InputError(f"ax: {count} axes are needed, one for each layer, got {len(axes)}")
    return [new_axes(own) for own in axes]


def _grid(count: int) -> list[Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(count / _ACROSS)
    figure = Figure(figsize=(6.2 * _ACROSS, 5.0 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return [figure.add_subplot(rows, _ACROSS, place) for place in range(1, count + 1)]


def _draw(axes: Any, found: LayerDiagnosis) -> None:
    measured, spectrum = found.measured, found.lyapunov
    quartiles = (measured.lower_quartile, measured.typical, measured.upper_quartile)
    one = len(measured.log10_products) == 1
    delta = math.log10(found.memory.delta)
    decades = window(np.concatenate([*quartiles, np.array([0.0, delta])]))
    draw_measured(axes, measured.ks, *quartiles, "measured" if one else "measured: median, quartiles")
    draw_bounds(axes, found.bounds, decades)
    slope = spectrum.largest / _LN_10
    label = rf"Lyapunov slope, $\lambda_1 = {number_latex(f'{spectrum.largest:.3g}')}$"
    draw_line(axes, measured.ks, slope, 0.0, label)
    draw_level(axes, delta, rf"$\delta = {number_latex(f'{found.memory.delta:g}')}$")
    words = f"{found.name}: {found.outcome.value} ({found.verdict.value})"
    finish(axes, max(found.horizon, int(measured.ks[-1])), decades, words)
