"""Pictures of mean-field theory: the phase diagram with depth scales, and the cobweb of the variance map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.variance_points import VariancePoints
from symgrad.meanfield.variance_words import ALGEBRAIC, ATTRACTING, REPELLING
from symgrad.present.dispatch import plot
from symgrad.present.mean_field_grid import phase_grid
from symgrad.present.plots import new_axes

__all__ = ["plot_mean_field", "plot_variance_points"]

Array = NDArray[np.float64]

_KINDS = ("phase", "cobweb")
_CURVE, _PATH = "#0072B2", "#D55E00"  # Okabe and Ito (2008)
_LEVELS = (2.0, 5.0, 10.0, 20.0, 50.0)
_GRID = (61, 61)
_STEPS = 40
_MARKERS: dict[str, dict[str, Any]] = {
    ATTRACTING: {"marker": "o", "markerfacecolor": "black"},
    ALGEBRAIC: {"marker": "s", "markerfacecolor": "black"},
    REPELLING: {"marker": "o", "markerfacecolor": "white"},
}
_OTHER: dict[str, Any] = {"marker": "D", "markerfacecolor": "0.7"}


@plot.register
def plot_mean_field(
    theory: MeanField, kind: str = "phase", *, sigma_w2: Any = None, sigma_b2: Any = None, ax: Any = None
) -> Any:
    """The phase diagram, or the cobweb of the variance map.

    Args:
        theory: the mean-field theory of an activation.
        kind: ``"phase"``: the critical line, and contours of the depth scale ``xi_c`` of correlations in layers;
            ``"cobweb"``: the variance map with its fixed points and paths of some variances.
        sigma_w2: of the phase diagram a pair of ends, 0.1 and 4 unless given; of the cobweb a number.
        sigma_b2: of the phase diagram a pair of ends, 0 and 0.5 unless given; of the cobweb a number.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Curves are drawn in floats; the fixed points of the cobweb are enclosed ones.

    Raises:
        InputError: another kind, or no such numbers.
    """
    if kind not in _KINDS:
        raise InputError(f"kind: {' or '.join(map(repr, _KINDS))} is needed, got {kind!r}")
    if kind == "cobweb":
        if sigma_w2 is None or sigma_b2 is None:
            raise InputError("sigma_w2, sigma_b2: two numbers are needed for a cobweb")
        return plot_variance_points(theory.q_star(sigma_w2, sigma_b2), ax=ax)
    if theory.chi_formula.is_infinite:
        raise InputError("kind: there is no phase diagram where the activation jumps: chi_1 is infinite; try 'cobweb'")
    weights, biases = _ends("sigma_w2", sigma_w2, (0.1, 4.0)), _ends("sigma_b2", sigma_b2, (0.0, 0.5))
    axes = new_axes(ax)
    _draw_scales(axes, theory, weights, biases)
    _draw_line(axes, theory, weights, biases)
    axes.set_xlim(*weights)
    axes.set_ylim(*biases)
    axes.set_xlabel(r"variance of the weights $\sigma_w^2$")
    axes.set_ylabel(r"variance of the biases $\sigma_b^2$")
    axes.set_title(f"{theory.activation}: phases and depth scale $\\xi_c$ in layers")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", fontsize="small", framealpha=1.0)
    return axes


def _ends(name: str, given: Any, default: tuple[float, float]) -> tuple[float, float]:
    if given is None:
        return default
    values = np.asarray(given, dtype=float)
    if values.shape != (2,) or not np.isfinite(values).all() or not 0 <= values[0] < values[1]:
        raise InputError(f"{name}: two ends in order, not negative, are needed for a phase diagram, got {given!r}")
    return float(values[0]), float(values[1])


def _draw_scales(axes: Any, theory: MeanField, weights: tuple[float, float], biases: tuple[float, float]) -> None:
    """Contours of the depth scale, and the regions in which correlations or variances grow."""
    gains = np.linspace(max(weights[0], 1e-3), weights[1], _GRID[0])
    offsets = np.linspace(max(biases[0], 1e-4 * biases[1]), biases[1], _GRID[1])
    grid = phase_grid(theory, gains, offsets)
    chaotic = np.where(np.isnan(grid.chi), 0.0, (grid.chi > 1).astype(float))
    axes.contourf(gains, offsets, chaotic, levels=[0.5, 1.5], colors=["0.92"])
    if np.isnan(grid.q).any():
        axes.contourf(gains, offsets, np.isnan(grid.q).astype(float), levels=[0.5, 1.5], colors="none", hatches=["//"])
        axes.fill_between([], [], [], facecolor="none", edgecolor="0.3", hatch="//", label="variance diverges")
    scales = np.ma.masked_invalid(grid.xi_c)
    if scales.count() and scales.min() < _LEVELS[-1] and scales.max() > _LEVELS[0]:
        lines = axes.contour(gains, offsets, scales, levels=_LEVELS, colors="0.35", linewidths=0.9)
        axes.clabel(lines, fmt="%g", fontsize=8)
    axes.fill_between([], [], [], facecolor="0.92", edgecolor="0.6", label=r"chaotic, $\chi_1 > 1$")


def _draw_line(axes: Any, theory: MeanField, weights: tuple[float, float], biases: tuple[float, float]) -> None:
    """The critical line: solid where the variance is attracted, dashed where it is repelled."""
    line: Any = theory.critical_line(np.linspace(biases[0], biases[1], 81))
    for attracts, style, colour, label in (
        (True, "-", _CURVE, "edge of chaos"),
        (False, "--", _PATH, r"$\chi_1 = 1$ at a repelling $q^*$"),
    ):
        gains = np.where(line.attracting == attracts, line.sigma_w2, np.nan)
        branches = [column for column in gains.T if np.isfinite(column).any()]
        for number, branch in enumerate(branches):
            axes.plot(branch, line.sigma_b2, style, color=colour, linewidth=2, label=None if number else label)
    if line.continuum and biases[0] == 0:
        axes.plot(line.sigma_w2[:1, 0], [0.0], "D", color=_CURVE, clip_on=False, label="every variance is kept")


@plot.register
def plot_variance_points(found: VariancePoints, *, ax: Any = None) -> Any:
    """The variance map with the diagonal, its fixed points, and the paths of some variances from layer to layer.

    Args:
        found: the fixed points of a variance map.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    places = [float(point) for point in found]
    high = 1.4 * max([*places, float(found.flow.offset) * 2, 0.5 if not places else 0.0]) or 1.0
    q = np.linspace(0, high, 401)
    values = found.flow.floats(q)
    axes.plot(q, values, color=_CURVE, linewidth=1.8, label="$V(q)$")
    axes.plot(q, q, color="0.4", linewidth=1.0, linestyle=":", label="diagonal")
    for number, start in enumerate(_starts(places, high)):
        xs, ys = _path(found, start, 3 * high)
        axes.plot(xs, ys, "--", color=_PATH, linewidth=0.9, label=None if number else "paths of some variances")
    _mark(axes, found)
    axes.set_xlim(0, high)
    axes.set_ylim(0, max(high, min(float(np.nanmax(values)), 1.5 * high)))
    axes.set_xlabel("variance $q_{l}$ in a layer")
    axes.set_ylabel("variance $q_{l+1}$ in the next")
    axes.set_title(f"{found.flow.unit.activation}: variance map")
    axes.legend(loc="best", fontsize="small")
    return axes


def _starts(places: list[float], high: float) -> list[float]:
    """Variances from which paths begin: near both ends, and on both sides of every fixed point inside."""
    inner = [place * factor for place in places if 0 < place < high for factor in (0.9, 1.1)]
    return sorted({0.03 * high, *inner, 0.97 * high})


def _path(found: VariancePoints, start: float, limit: float) -> tuple[list[float], list[float]]:
    """The staircase of a variance: up or down to the graph, then across to the diagonal."""
    xs, ys = [start], [start]
    for _ in range(_STEPS):
        following = float(found.flow.floats(np.array([xs[-1]]))[0])
        if not following < limit:
            break
        xs += [xs[-1], following]
        ys += [following, following]
        if abs(following - xs[-2]) < 1e-3 * limit:
            break
    return xs, ys


def _mark(axes: Any, found: VariancePoints) -> None:
    labelled: set[str] = set()
    for point in found:
        label = None if point.stability in labelled else f"$q^*$, {point.stability}"
        labelled.add(point.stability)
        style = _MARKERS.get(point.stability, _OTHER)
        axes.plot(
            [float(point)], [float(point)], linestyle="none", color="black", markersize=7, zorder=5, label=label,
            clip_on=False, **style,
        )  # fmt: skip
