"""Pictures of one network in mean-field theory: cobweb of the variance map, correlation map, gradients by depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
from symgrad.meanfield.correlation_points import CorrelationMap, CorrelationPoints
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.variance_points import VariancePoints
from symgrad.meanfield.variance_words import ALGEBRAIC, ATTRACTING, REPELLING
from symgrad.numerics.wide_networks import simulate_wide_network
from symgrad.present.dispatch import plot
from symgrad.present.plots import new_axes
from symgrad.present.titles import activation_title

__all__ = ["draw_correlations", "draw_depth", "plot_variance_points"]

Array = NDArray[np.float64]

_CURVE, _PATH = "#0072B2", "#D55E00"  # Okabe and Ito (2008)
_STEPS = 40
_MARKERS: dict[str, dict[str, Any]] = {
    ATTRACTING: {"marker": "o", "markerfacecolor": "black"},
    ALGEBRAIC: {"marker": "s", "markerfacecolor": "black"},
    REPELLING: {"marker": "o", "markerfacecolor": "white"},
}
_OTHER: dict[str, Any] = {"marker": "D", "markerfacecolor": "0.7"}
_CORRELATIONS = 101
_WIDE = 20  # ratio of variances from which axes are logarithmic


@plot.register
def plot_variance_points(found: VariancePoints, *, ax: Any = None) -> Any:
    """The variance map with the diagonal, its fixed points, and the paths of some variances from layer to layer.

    Args:
        found: the fixed points of a variance map.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. The map and the paths are drawn in floats; the fixed points are enclosed.
    """
    axes = new_axes(ax)
    places = [float(point) for point in found]
    low, high = _range(found, places)
    q = np.geomspace(low, high, 401) if low else np.linspace(0, high, 401)
    values = found.flow.floats(q)
    axes.plot(q, values, color=_CURVE, linewidth=1.8, label="$V(q)$")
    axes.plot(q, q, color="0.4", linewidth=1.0, linestyle=":", label="diagonal")
    if not found.continuum:
        for number, start in enumerate(_starts(places, low, high)):
            xs, ys = _path(found, start, 3 * high)
            axes.plot(xs, ys, "--", color=_PATH, linewidth=0.9, label=None if number else "paths of some variances")
    _mark(axes, found, "q")
    if low:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, max(high, min(float(np.nanmax(values)), 1.5 * high)))
    axes.set_xlabel("variance $q_l$ in a layer")
    axes.set_ylabel("variance $q_{l+1}$ in the next")
    axes.set_title(f"{activation_title(found.flow.unit.activation)}: variance map{_case(found)}")
    axes.legend(loc="best", fontsize="small")
    return axes


def _case(found: VariancePoints) -> str:
    if found.continuum:
        return ", every variance is kept"
    if not found.complete:
        return ", others are not excluded" if found.points else ", fixed points are not excluded"
    return "" if found.points else ", no fixed point"


def _range(found: VariancePoints, places: list[float]) -> tuple[float, float]:
    """Ends of the axes; the lower one is positive if the fixed points differ in order of magnitude."""
    positive = [place for place in places if place > 0]
    if positive and max(positive) > _WIDE * min(positive):
        return min(positive) / 5, 2 * max(positive)
    return 0.0, 1.4 * max([*places, float(found.flow.offset) * 2, 0.0 if positive else 0.5])


def _starts(places: list[float], low: float, high: float) -> list[float]:
    """Variances from which paths begin: near both ends, and on both sides of every fixed point inside."""
    inner = [place * factor for place in places if low < place < high for factor in (0.9, 1.1)]
    return sorted({1.2 * low or 0.03 * high, *inner, 0.97 * high})


def _path(found: VariancePoints, start: float, limit: float) -> tuple[list[float], list[float]]:
    """The staircase of a variance: up or down to the graph, then across to the diagonal."""
    xs, ys = [start], [start]
    for _ in range(_STEPS):
        following = float(found.flow.floats(np.array([xs[-1]]))[0])
        if not following < limit:
            break
        xs += [xs[-1], following]
        ys += [following, following]
        if abs(following - xs[-2]) < 1e-3 * following:
            break
    return xs, ys


def _mark(axes: Any, found: VariancePoints | CorrelationPoints, letter: str) -> None:
    """The fixed points on the diagonal, their stability by the marker."""
    labelled: set[str] = set()
    for point in found:
        label = None if point.stability in labelled else f"${letter}^*$, {point.stability}"
        labelled.add(point.stability)
        style = {"color": "black", "markersize": 7, "zorder": 5, "clip_on": False}
        style |= _MARKERS.get(point.stability, _OTHER)
        axes.plot([float(point)], [float(point)], linestyle="none", label=label, **style)


def draw_correlations(theory: MeanField, sigma_w2: Any, sigma_b2: Any, ax: Any) -> Any:
    """The correlation map at the attracting variance, with its fixed points."""
    found = theory.c_star(sigma_w2, sigma_b2)
    gain = theory.layer.pair_gain * exact_number("sigma_w2", sigma_w2)
    mapped = CorrelationMap(theory.q_star(sigma_w2, sigma_b2).flow, gain, found.variance)
    places = (1 - np.cos(np.linspace(0, np.pi, _CORRELATIONS))) / 2
    axes = new_axes(ax)
    axes.plot(places, [mapped.floats(float(c)) for c in places], color=_CURVE, linewidth=1.8, label="$C(c)$")
    axes.plot(places, places, color="0.4", linewidth=1.0, linestyle=":", label="diagonal")
    _mark(axes, found, "c")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("correlation $c_l$ of two inputs in a layer")
    axes.set_ylabel("correlation $c_{l+1}$ in the next")
    variance = f"$q^* = {float(found.variance.mid()):.4g}$"
    words = f"{activation_title(theory.activation)}: correlation map at {variance}, {_numbers(sigma_w2, sigma_b2)}"
    axes.set_title(words, fontsize="medium")
    axes.legend(loc="best", fontsize="small")
    return axes


def _numbers(sigma_w2: Any, sigma_b2: Any) -> str:
    return rf"$\sigma_w^2 = {float(sigma_w2):.4g}$, $\sigma_b^2 = {float(sigma_b2):.4g}$"


def draw_depth(
    theory: MeanField, sigma_w2: Any, sigma_b2: Any, ax: Any, *, depth: int, width: int, samples: int, seed: int
) -> Any:
    """The squared gradient against the layer: simulated networks with error bars, theory, and ``chi_1^(L-l)``."""
    layer = theory.layer
    if layer.slope is None:
        raise InputError("kind: gradients by depth are infinite where the activation jumps; try 'cobweb'")
    points = theory.q_star(sigma_w2, sigma_b2)
    start = next((float(point) for point in points.attracting if float(point) > 0), 1.0)
    scale = float(layer.branch**2)
    network = simulate_wide_network(
        theory.activation,
        width,
        depth,
        scale * float(exact_number("sigma_w2", sigma_w2)),
        scale * float(exact_number("sigma_b2", sigma_b2)),
        weights=layer.weights,
        skip=float(layer.skip),
        dropout=float(layer.dropout),
        samples=samples,
        seed=seed,
        q0=start,
        spectrum=False,
    )
    try:
        axes = network.plot("gradient", ax=ax)
    except InputError as error:  # the variance left the range in which means are known in floats
        raise InputError(f"depth: the variance grows too far in {depth} layers to be drawn; take fewer") from error
    chi = float(points.flow.chi_floats(np.array([start]))[0])
    if points.continuum or any(abs(float(point) - start) <= 1e-12 * start for point in points.attracting):
        layers = np.arange(depth + 1)
        label = rf"$\chi_1^{{L-l}}$, $\chi_1 = {chi:.4g}$"
        axes.plot(layers, chi ** (depth - layers.astype(float)), color="black", linestyle=":", label=label)
        axes.legend()
    return axes
