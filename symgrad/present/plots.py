"""Pictures: a bound against the number of steps, with what simulated trajectories reach. Loads matplotlib on use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.growth import RatePower
from symgrad.bounds.product import Bound
from symgrad.errors import InputError
from symgrad.numerics.verify import Check, verify
from symgrad.present.data import number
from symgrad.present.dispatch import plot
from symgrad.present.powers import power_latex
from symgrad.present.titles import literal

__all__ = ["new_axes", "plot_bound", "plot_check"]

Array = NDArray[np.float64]

# Three of the colours that Okabe and Ito (2008) chose to be told apart with every kind of colour vision.
_BOUND, _OBSERVED, _REFUTED = "#0072B2", "#E69F00", "#D55E00"
_PLAIN_DECADES = 250  # beyond, float64 has no numbers to put on a logarithmic axis


@plot.register
def plot_bound(
    bound: Bound,
    weights: Mapping[Any, Any] | None = None,
    *,
    horizon: int = 200,
    trajectories: int = 50,
    seed: int = 0,
    delta: float | None = None,
    ax: Any = None,
) -> Any:
    """A bound against k on a logarithmic axis, with the largest norm that simulated trajectories reach.

    Args:
        bound: the bound.
        weights: symbol or name -> array, all parameters of the model where trajectories are simulated.
        horizon: the largest k; of a model with a depth at most its number of layers.
        trajectories: how many are simulated; 0 for the bound alone.
        seed: of the simulation.
        delta: mark the horizon of this size of a gradient.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Nothing is shown and no setting of matplotlib is changed.

    Raises:
        InputError: a malformed argument, or weights that are missing.
    """
    if isinstance(trajectories, bool) or not isinstance(trajectories, int) or trajectories < 0:
        raise InputError(f"trajectories: a non-negative integer is needed, got {trajectories!r}")
    if trajectories:
        check = verify(bound, weights, horizon=horizon, trajectories=trajectories, seed=seed)
        axes = plot_check(check, ax=ax)
    else:
        ks, logs = _bound_alone(bound, weights, horizon)
        axes = new_axes(ax)
        _draw(axes, ks, {"bound": logs}, bound)
    if delta is not None:
        _mark_horizon(axes, bound, weights, delta, horizon)
    return axes


@plot.register
def plot_check(check: Check, *, ax: Any = None) -> Any:
    """What a check found: the bound, the largest norm observed, and a confirmed counter-example.

    Args:
        check: the outcome of a verification.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    curves = {"bound": check.log10_bound, "observed": check.log10_observed}
    plain = _draw(axes, check.ks, curves, check.bound, check.trajectories, check.left_range == check.trajectories)
    if check.witness is not None:
        heights = 10.0**check.log10_observed if plain else check.log10_observed
        beyond, place = check.log10_ratio > 0, check.witness.k - 1
        axes.plot(check.ks[beyond], heights[beyond], ".", color=_REFUTED, label="beyond the bound", zorder=3)
        axes.plot([place + 1], [heights[place]], "X", color=_REFUTED, markersize=10, label="refuted here", zorder=4)
    axes.legend()
    return axes


def new_axes(ax: Any) -> Any:
    """The axes given, or those of a new figure.

    Raises:
        InputError: something else than axes.
    """
    if ax is not None:
        if not hasattr(ax, "set_yscale"):
            raise InputError(f"ax: matplotlib axes are needed, got {type(ax).__name__}")
        return ax
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)  # a figure of its own: no window, and none of pyplot's state
    return figure.add_subplot()


def _bound_alone(bound: Bound, weights: Mapping[Any, Any] | None, horizon: int) -> tuple[NDArray[np.int64], Array]:
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise InputError(f"horizon: a positive integer is needed, got {horizon!r}")
    series = bound.with_weights(weights)
    ks = np.arange(1, min(horizon, series.layers or horizon) + 1)
    return ks, np.array([series.at(int(k)).log10 for k in ks])


def _draw(
    axes: Any, ks: Any, curves: Mapping[str, Array], bound: Bound, trajectories: int = 0, ended: bool = False
) -> bool:
    """The curves; on a logarithmic axis where float64 reaches, else as decimal logarithms. Says which."""
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
    plain = bool(finite.size == 0 or np.abs(finite).max() < _PLAIN_DECADES)
    alone = not axes.get_lines()
    if not alone and plain != (axes.get_yscale() == "log"):
        raise InputError(
            "ax: the curves there are of another scale (numbers or their decimal logarithms), use other axes"
        )
    styles = {
        "bound": {"color": _BOUND, "linewidth": 2.0, "label": _bound_label(bound, curves["bound"])},
        "observed": {"color": _OBSERVED, "linewidth": 1.5, "linestyle": "--", "label": _observed(bound, trajectories)},
    }
    for name, curve in curves.items():
        visible = np.where(np.isfinite(curve), curve, np.nan)
        axes.plot(ks, 10.0**visible if plain else visible, **styles[name])
        if np.isinf(curve).any():
            words = "nothing observed" if ended and name == "observed" else f"{name} 0 or infinite"
            axes.plot([], [], " ", label=f"{words} from k = {int(ks[np.isinf(curve)][0])} on")
    size = _size(bound)
    axes.set_xlabel("number of factors $k$")
    axes.set_ylabel(f"${size}$" if plain else rf"$\log_{{10}} {size}$")
    axes.set_title(literal(bound.model.name))
    if plain:
        axes.set_yscale("log")
    axes.set_xlim(0, max(int(ks[-1]) + 1, axes.get_xlim()[1]))
    axes.xaxis.get_major_locator().set_params(integer=True)
    if alone:
        _spread(axes, finite, plain)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    return plain


def _size(bound: Bound) -> str:
    product, p = r"J_t \cdots J_{t-k+1}", bound.norm.latex
    if bound.side == "upper":
        return rf"\Vert {product} \Vert_{{{p}}}"
    return rf"\min_x \,\Vert {product}\, x \Vert_{{{p}}} \,/\, \Vert x \Vert_{{{p}}}"


def _spread(axes: Any, logs: Array, plain: bool) -> None:
    """Some room around a curve that is constant, on which matplotlib zooms in otherwise."""
    if not logs.size:
        axes.set_yticks([])  # all is zero or infinite: there is nothing to read off
    elif logs.max() - logs.min() < 0.5:
        low, high = logs.min() - 0.5, logs.max() + 0.5
        axes.set_ylim(*(10.0 ** np.array([low, high]) if plain else (low, high)))


def _bound_label(bound: Bound, logs: Array) -> str:
    """The side with the rate: gamma for one state, for several what a step brings on average."""
    method = "" if bound.method == "norm" else f" ({bound.method})"
    words = f"{bound.side} bound{method}"
    words = words if bound.factor == 1 else f"claim: {words}, rate times {bound.factor}"
    if bound.model.depth is not None:
        return words
    if isinstance(bound.growth, RatePower):
        return rf"{words}, $\gamma \approx {power_latex(logs[0])}$"
    if logs.size == 1 or not np.isfinite(logs[[0, -1]]).all():
        return words
    return rf"{words}, about ${power_latex((logs[-1] - logs[0]) / (logs.size - 1))}$ a step"


def _observed(bound: Bound, trajectories: int) -> str:
    return f"{'largest' if bound.side == 'upper' else 'least'} of {trajectories} trajectories"


def _mark_horizon(axes: Any, bound: Bound, weights: Mapping[Any, Any] | None, delta: float, horizon: int) -> None:
    steps = bound.horizon(delta, weights)
    if steps != sp.oo and int(steps) <= horizon:
        axes.axvline(
            int(steps), color="0.4", linewidth=1.0, linestyle=":", label=f"horizon of {number(delta)}: {steps}"
        )
    else:
        words = "none" if steps == sp.oo else math.floor(steps)
        axes.plot([], [], ":", color="0.4", label=f"horizon of {number(delta)}: {words}")
    axes.legend()
