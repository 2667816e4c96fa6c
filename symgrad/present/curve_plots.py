"""Pictures of a curve of fixed points: states over the bias, and the folds in the plane of weight and bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.dynamics.curve import FixedPointCurve
from symgrad.dynamics.curve_points import CurveCusp
from symgrad.dynamics.points import STABLE, UNSTABLE
from symgrad.dynamics.scalar_system import FLOW
from symgrad.errors import InputError
from symgrad.numerics.functions import array_function, constant_float
from symgrad.present.dispatch import latex, plot
from symgrad.present.plots import new_axes

__all__ = ["plot_curve"]

Array = NDArray[np.float64]

_BLUE, _RED = "#0072B2", "#D55E00"  # Okabe and Ito (2008)
_PLAIN = "solutions"
_STYLES: dict[str, dict[str, Any]] = {
    STABLE: {"linestyle": "-", "color": _BLUE, "linewidth": 2.0},
    UNSTABLE: {"linestyle": "--", "color": _RED, "linewidth": 1.6},
    _PLAIN: {"linestyle": "-", "color": "0.2", "linewidth": 1.8},
}
_SHADES = {0: "0.96", 1: "1.0", 2: "0.9", 3: "0.82"}
_THIN = 0.05
_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1.0}
_GRID = 2001
_WEIGHTS = 121
_REACH = 4.0
_REACHES = (4.0, 8.0, 16.0, 32.0, 64.0)  # how far beyond the outermost special point, as pre-activations
_MARKS = {"fold": ("o", "fold"), "flip": ("D", "flip"), "kink fold": ("s", "fold at a kink")}
_MARKS |= {"kink flip": ("^", "flip at a kink"), "cusp": ("*", "cusp")}


@plot.register
def plot_curve(
    curve: FixedPointCurve,
    kind: str = "curve",
    *,
    values: Mapping[Any, Any] | None = None,
    weights: Sequence[float] | None = None,
    ax: Any = None,
) -> Any:
    """The fixed points over the bias, or the number of fixed points in the plane of weight and bias.

    Args:
        curve: the curve.
        kind: ``"curve"``: the state over the bias, stable parts solid, unstable ones dashed, with folds and flips;
            ``"region"``: the folds and flips over the weight, with the number of fixed points between them.
        values: symbol or name -> number, for what has no value yet.
        weights: of the curve: those to draw; of the region: the two ends of the axis. By default around the cusps.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: another kind, malformed weights, or a parameter without a value.
    """
    if kind not in ("curve", "region"):
        raise InputError(f"kind: 'curve' or 'region' is needed, got {kind!r}")
    if weights is not None and not (np.ndim(weights) == 1 and np.isfinite(np.asarray(weights, dtype=float)).all()):
        raise InputError(f"weights: a sequence of finite numbers is needed, got {weights!r}")
    drawn = curve if values is None else curve.with_values(values)
    axes = new_axes(ax)
    if kind == "region":
        _draw_region(axes, drawn, weights)
    else:
        _draw_curves(axes, drawn, weights)
    axes.grid(visible=True, alpha=0.3)
    return axes


def _draw_curves(axes: Any, curve: FixedPointCurve, weights: Sequence[float] | None) -> None:
    known = curve.given.get(curve.weight)
    chosen = list(weights) if weights is not None else [known] if known is not None else _around_cusp(curve)
    numeric = [curve.with_values({curve.weight: weight}) for weight in chosen]
    for one in numeric:
        _check_values(one)
    ranges = [_shown(one) for one in numeric]
    span = min(low for low, _ in ranges), max(high for _, high in ranges)
    for one in numeric:
        _draw_branch(axes, one, span, named=len(numeric) > 1)
    bias = curve.given.get(curve.bias)
    if bias is not None:
        label = f"${latex(curve.bias)} = {_short(constant_float(bias))}$"
        axes.axvline(constant_float(bias), color="0.4", linestyle=":", linewidth=1.2, label=label)
    axes.set_xlim(*span)
    axes.set_xlabel(f"bias ${latex(curve.bias)}$")
    axes.set_ylabel(f"fixed points ${latex(curve.state)}^*$")
    at = f", ${latex(curve.weight)} = {_short(chosen[0])}$" if len(chosen) == 1 else ""
    axes.set_title(f"{curve.name}: curve of fixed points{at}")
    axes.legend(loc="best", fontsize="small")


def _around_cusp(curve: FixedPointCurve) -> list[float]:
    """Three weights: before a cusp, at it, and behind."""
    found = sorted((constant_float(cusp.w) for cusp in curve.cusps if not cusp.w.free_symbols), key=abs)
    centre = next((w for w in found if w > 0), found[0] if found else 1.0)
    return [round(factor * centre, 4) for factor in (0.5, 1.0, 1.5)]


def _check_values(curve: FixedPointCurve) -> None:
    free = {s for expr in (*curve.parametric, *_multipliers(curve)) for s in expr.free_symbols}
    missing = sorted(map(str, free - {curve.setting.unit.variable}))
    if missing:
        raise InputError(f"values: numbers for {', '.join(missing)} are needed for a picture of {curve.name}")


def _multipliers(curve: FixedPointCurve) -> tuple[sp.Expr, ...]:
    return () if curve.multiplier is None else (curve.multiplier,)


def _shown(curve: FixedPointCurve) -> tuple[float, float]:
    """The biases that a picture should show: those of the special points with some room, else of z around 0."""
    biases = [constant_float(point.b) for point in (*curve.folds, *curve.flip)]
    if not biases:
        biases = _on_grid(curve.parametric[1], np.linspace(-_REACH, _REACH, 3)).tolist()
    room = max(0.6 * (max(biases) - min(biases)), 1.0)
    return min(biases) - room, max(biases) + room


def _draw_branch(axes: Any, curve: FixedPointCurve, span: tuple[float, float], *, named: bool) -> None:
    """The curve of one weight with its special points."""
    z = _preactivations(curve, span)
    state, bias, *multipliers = (_on_grid(expr, z) for expr in (*curve.parametric, *_multipliers(curve)))
    for start, stop, kind in _stretches(curve, multipliers):
        axes.plot(bias[start:stop], state[start:stop], **_STYLES[kind], label=_fresh(axes, kind))
    _mark(axes, curve)
    if named:
        _label(axes, curve, bias, state, span)


def _stretches(curve: FixedPointCurve, multipliers: list[Array]) -> list[tuple[int, int, str]]:
    """From where to where on the grid the curve is stable or unstable; of an equation neither."""
    if not multipliers:
        return [(0, _GRID + len(curve.folds), _PLAIN)]
    (values,) = multipliers
    stable = values < 0 if curve.setting.unit.system.kind == FLOW else np.abs(values) < 1
    return [(max(i - 1, 0), j, STABLE if stable[i] else UNSTABLE) for i, j in _runs(stable)]


def _preactivations(curve: FixedPointCurve, span: tuple[float, float]) -> Array:
    """A grid of z with the special points in it, wide enough for the curve to leave the picture where it does."""
    places = [constant_float(point.z) for point in (*curve.folds, *curve.flip)]
    low, high = min([0.0, *places]), max([0.0, *places])
    for reach in _REACHES:
        z = np.unique(np.concatenate([np.linspace(low - reach, high + reach, _GRID), places]))
        ends = _on_grid(curve.parametric[1], z)[[0, -1]]
        if all(end <= span[0] or end >= span[1] for end in ends):
            break
    return z


def _on_grid(expr: sp.Expr, z: Array) -> Array:
    return np.broadcast_to(np.asarray(array_function(expr)(np, z), dtype=np.float64), z.shape)


def _mark(axes: Any, curve: FixedPointCurve) -> None:
    for point in (*curve.folds, *curve.flip):
        marker, label = _MARKS[point.kind]
        axes.plot(
            [constant_float(point.b)],
            [constant_float(point.x)],
            marker,
            color="black",
            markersize=7,
            markerfacecolor="white",
            label=_fresh(axes, label),
            zorder=4,
        )


def _label(axes: Any, curve: FixedPointCurve, bias: Array, state: Array, span: tuple[float, float]) -> None:
    """The weight, written at the curve two thirds up."""
    weight = _short(constant_float(curve.given[curve.weight]))
    inside = np.flatnonzero((bias >= span[0]) & (bias <= span[1]))
    if not inside.size:
        return
    low, high = state[inside].min(), state[inside].max()
    place = inside[int(np.argmin(np.abs(state[inside] - (low + 0.65 * (high - low)))))]
    words = f"${latex(curve.weight)} = {weight}$"
    where = {"xy": (bias[place], state[place]), "xytext": (5, -4), "textcoords": "offset points"}
    axes.annotate(words, **where, fontsize="small", bbox=_PAPER)


def _short(value: Any) -> str:
    return f"{float(value):.4g}"


def _draw_region(axes: Any, curve: FixedPointCurve, weights: Sequence[float] | None) -> None:
    low, high = _span(curve, weights)
    grid = _grid(curve, low, high)
    folds = curve.region(grid).folds.mean(axis=2)
    flips = curve.region(grid, multiplier=-1).folds.mean(axis=2)
    heights = [0.0, *folds[np.isfinite(folds)], *(constant_float(cusp.b) for cusp in _cusps_between(curve, low, high))]
    if np.isfinite(flips).any():
        heights += np.percentile(flips[np.isfinite(flips)], [10, 90]).tolist()  # some of them tend to infinity
    room = max(0.25 * (max(heights) - min(heights)), 0.5)
    bottom, top = min(heights) - room, max(heights) + room
    for start, stop in _runs(np.isfinite(folds).sum(axis=1)):
        _draw_bands(axes, curve, grid[start:stop], folds[start:stop], (bottom, top))
    for start, stop in _runs(np.isfinite(flips).sum(axis=1)):
        _draw_lines(axes, grid[start:stop], flips[start:stop], linestyle="-.", color=_RED, label="flip")
    for cusp in _cusps_between(curve, low, high):
        place = [constant_float(cusp.w)], [constant_float(cusp.b)]
        axes.plot(*place, "*", color="black", markersize=12, label=_fresh(axes, "cusp"), zorder=4)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    axes.set_xlabel(f"weight ${latex(curve.weight)}$")
    axes.set_ylabel(f"bias ${latex(curve.bias)}$")
    axes.set_title(f"{curve.name}: number of fixed points")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", fontsize="small")


def _span(curve: FixedPointCurve, weights: Sequence[float] | None) -> tuple[float, float]:
    """The ends of the axis of weights: as given, or around the first folds and flips on either side of zero."""
    if weights is not None:
        if len(weights) != 2 or not weights[0] < weights[1]:
            raise InputError(f"weights: the two ends of an axis in order are needed, got {weights!r}")
        return float(weights[0]), float(weights[1])
    critical = [constant_float(level) for level in (*curve.critical_weights, *curve.critical_flip_weights)]
    first = min((w for w in critical if w > 0), default=1.0)
    last = max((w for w in critical if w < 0), default=0.0)
    return (2.5 * last if last else -0.5 * first), 2.5 * first


def _grid(curve: FixedPointCurve, low: float, high: float) -> Array:
    """Weights for the picture, close to both sides of those at which folds appear."""
    levels = (*curve.critical_weights, *curve.critical_flip_weights)
    critical = np.array([constant_float(level) for level in levels])
    beside = np.concatenate([critical - 1e-9 * np.abs(critical), critical + 1e-9 * np.abs(critical)])
    grid = np.concatenate([np.linspace(low, high, _WEIGHTS), beside])
    return np.unique(grid[(grid >= low) & (grid <= high) & (grid != 0)])


def _cusps_between(curve: FixedPointCurve, low: float, high: float) -> list[CurveCusp]:
    return [cusp for cusp in curve.cusps if low <= constant_float(cusp.w) <= high]


def _runs(counts: NDArray[Any]) -> list[tuple[int, int]]:
    """Stretches of equal entries."""
    edges = [0, *(np.flatnonzero(np.diff(counts)) + 1).tolist(), len(counts)]
    return list(pairwise(edges))


def _draw_bands(axes: Any, curve: FixedPointCurve, grid: Array, folds: Array, span: tuple[float, float]) -> None:
    """The stretches between neighbouring folds, each with its number of fixed points."""
    count = int(np.isfinite(folds[0]).sum())
    rows = [np.full(grid.shape, span[0]), *folds[:, :count].T, np.full(grid.shape, span[1])]
    wide = abs(grid[-1] - grid[0]) > _THIN * abs(np.subtract(*axes.get_xlim())) or len(grid) > _WEIGHTS // 20
    middle = _widest(rows)
    for lower, upper in pairwise(rows):
        inside = (lower[middle] + upper[middle]) / 2
        number = curve.count({curve.weight: sp.Rational(grid[middle]), curve.bias: sp.Rational(inside)})
        shade = _SHADES.get(int(number) if number != sp.oo else 9, "0.6")
        axes.fill_between(grid, lower, upper, color=shade, linewidth=0, zorder=0)
        if wide:
            axes.text(grid[middle], inside, str(number), ha="center", va="center", fontsize="large", bbox=_PAPER)
    _draw_lines(axes, grid, folds[:, :count], linestyle="-", color="black", label="fold")


def _widest(rows: list[Array]) -> int:
    """Where the narrowest band is widest, away from the ends."""
    narrowest = np.min(np.diff(np.array(rows), axis=0), axis=0)
    first, last = len(narrowest) // 5, max(len(narrowest) * 4 // 5, len(narrowest) // 5 + 1)
    return first + int(np.argmax(narrowest[first:last]))


def _draw_lines(axes: Any, grid: Array, rows: Array, *, linestyle: str, color: str, label: str) -> None:
    for row in rows[:, np.isfinite(rows[0])].T:
        axes.plot(grid, row, linestyle=linestyle, color=color, linewidth=1.8, label=_fresh(axes, label))


def _fresh(axes: Any, label: str) -> str | None:
    """The label, if nothing in the picture has it yet."""
    return None if label in axes.get_legend_handles_labels()[1] else label
