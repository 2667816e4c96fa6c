"""Pictures of sweeps over a grid: a heat map over two parameters, or curves over one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, UnknownNameError
from symgrad.present.dispatch import plot
from symgrad.present.plots import new_axes
from symgrad.present.titles import literal
from symgrad.sweeps.names import REPETITION
from symgrad.sweeps.results import SweepResult

__all__ = ["plot_grid_sweep"]

Array = NDArray[Any]
_LINES = ("-", "--", "-.", ":")
_MARKS = ("o", "s", "^", "D", "v", "x")
# Okabe and Ito (2008), from dark to light.
_COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_MOST_CURVES = 24
_FEW = 4  # values that are named one by one


@plot.register
def plot_grid_sweep(
    sweep: SweepResult,
    x: str | None = None,
    y: str | None = None,
    value: str | None = None,
    *,
    level: float | None = None,
    curves: str | None = None,
    ax: Any = None,
) -> Any:
    """A heat map of a value over two parameters, or its mean and range over one.

    Args:
        sweep: the result.
        x: the parameter along the horizontal axis; the first with several values unless given.
        y: the parameter along the vertical axis of a heat map; the next one with several values unless given, if
            neither ``x`` nor ``curves`` is. Without one, curves over ``x`` are drawn.
        value: the column that is shown, of numbers or booleans; the first one with any finite value
            unless given.
        level: a value whose contour line, or horizontal line, is drawn, such as 1 for the edge of chaos.
        curves: without ``y``, a parameter with a curve for each of its values.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Means are taken over all other parameters and repetitions; failed cells do not count, places where
        all of them failed are hatched, and bands of curves reach from the smallest to the largest value.

    Raises:
        InputError: there is nothing to draw, or too many curves.
        UnknownNameError: a parameter or value that the sweep does not have.
    """
    x, y = _directions(sweep, x, y, curves)
    shown = _shown(sweep, value)
    axes = new_axes(ax)
    if y is None:
        _curves(axes, sweep, x, shown, curves, level)
    else:
        _heat_map(axes, sweep, (x, y), shown, level)
    axes.set_xlabel(literal(x))
    return axes


def _directions(sweep: SweepResult, x: str | None, y: str | None, curves: str | None) -> tuple[str, str | None]:
    """The parameters along the axes."""
    for label, name in {"x": x, "y": y, "curves": curves}.items():
        if name is not None and name not in sweep.parameters:
            raise UnknownNameError(f"parameter for {label}", name, sweep.parameters)
    given = [name for name in (x, y, curves) if name is not None]
    if len(set(given)) < len(given):
        raise InputError(f"x, y, curves: different parameters are needed, got {', '.join(given)}")
    if y is not None and curves is not None:
        raise InputError("curves: of a picture without y")
    free = [name for name in sweep.parameters if name not in given and name != REPETITION]
    several = [name for name in free if len(np.unique(sweep.column(name))) > 1] if x is None else []
    if x is None:
        x = (several or free or [REPETITION])[0]
        if y is None and curves is None and len(several) > 1:
            y = several[1]
    return x, y


def _shown(sweep: SweepResult, value: str | None) -> str:
    if not sweep.values:
        raise InputError("sweep: no cell gave a value, there is nothing to draw")
    if value is not None and value not in sweep.values:
        raise UnknownNameError("value", value, sweep.values)
    columns = {name: sweep.column(name) for name in (sweep.values if value is None else (value,))}
    numbers = [name for name, column in columns.items() if column.dtype.kind in "bif"]
    if not numbers:
        raise InputError(f"value: a column of numbers is needed, {value or ', '.join(sweep.values)} holds strings")
    drawable = [name for name in numbers if np.isfinite(columns[name]).any()]
    if not drawable:
        raise InputError(f"value: {', '.join(numbers)} has no finite number, there is nothing to draw")
    return drawable[0]


def _grouped(keys: list[Array], values: Array) -> tuple[list[Array], Array, Array, Array]:
    """The distinct values of each key, and mean, least and largest value for each combination; NaN without any."""
    distinct, places = zip(*(np.unique(key, return_inverse=True) for key in keys), strict=True)
    shape = tuple(len(key) for key in distinct)
    values = values.astype(float)
    there = ~np.isnan(values)
    at = tuple(place[there] for place in places)
    values = values[there]
    counts, totals = np.zeros(shape), np.zeros(shape)
    least, largest = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.add.at(counts, at, 1)
    np.add.at(totals, at, values)
    np.minimum.at(least, at, values)
    np.maximum.at(largest, at, values)
    none = counts == 0
    with np.errstate(invalid="ignore"):
        means = np.where(none, np.nan, totals / np.where(none, 1, counts))
    return list(distinct), means, np.where(none, np.nan, least), np.where(none, np.nan, largest)


def _positions(values: Array) -> Array:
    """Where the values of a parameter stand: at themselves, or one after the other if they are words."""
    return values.astype(float) if values.dtype.kind in "if" else np.arange(len(values), dtype=float)


def _name_positions(axis: Any, values: Array) -> None:
    """Words, and a few numbers, stand at the axis themselves."""
    if values.dtype.kind not in "if":
        axis.set_ticks(range(len(values)), [literal(str(value)) for value in values])
    elif len(values) <= _FEW:
        axis.set_ticks(values, [f"{value:.4g}" for value in values])


def _heat_map(axes: Any, sweep: SweepResult, names: tuple[str, str], value: str, level: float | None) -> None:
    keys = [sweep.column(name) for name in names]
    (xs, ys), means, _, _ = _grouped(keys, sweep.column(value))
    across, up = _positions(xs), _positions(ys)
    drawn = np.ma.masked_invalid(means.T)
    axes.set_facecolor("white")
    edges = _edges(across), _edges(up)
    axes.patch.set(hatch="///", edgecolor="0.5")  # shows where there is no value
    mesh = axes.pcolormesh(*edges, drawn, cmap="viridis", shading="flat", rasterized=drawn.size > 10_000)
    if level is not None and min(drawn.shape) > 1 and drawn.min() < level < drawn.max():
        axes.contour(across, up, drawn, levels=[level], colors=["white"], linewidths=[4.0])
        axes.contour(across, up, drawn, levels=[level], colors=["black"], linewidths=[1.8], linestyles=["--"])
        axes.plot([], [], "--", color="black", linewidth=1.8, label=f"{literal(value)} = {level:g}")
        axes.legend(loc="best", facecolor="white", framealpha=1.0)
    for axis, values in ((axes.xaxis, xs), (axes.yaxis, ys)):
        _name_positions(axis, values)
    axes.set_ylabel(literal(names[1]))
    axes.figure.colorbar(mesh, ax=axes, label=_mean_label(sweep, names, value))


def _edges(centres: Array) -> Array:
    """The ends of the intervals around positions."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _mean_label(sweep: SweepResult, names: tuple[str, ...], value: str) -> str:
    others = [name for name in sweep.parameters if name not in names and len(np.unique(sweep.column(name))) > 1]
    return f"mean of {literal(value)} over {literal(', '.join(others))}" if others else literal(value)


def _curves(axes: Any, sweep: SweepResult, x: str, value: str, curves: str | None, level: float | None) -> None:
    along, values = sweep.column(x), sweep.column(value)
    kinds = np.zeros(len(values), dtype=int) if curves is None else sweep.column(curves)
    (xs, several), means, least, largest = _grouped([along, kinds], values)
    if len(several) > _MOST_CURVES:
        raise InputError(f"curves: {len(several)} curves are too many to be told apart, at most {_MOST_CURVES}")
    across = _positions(xs)
    for place, kind in enumerate(several):
        style = {"color": _COLORS[place % len(_COLORS)], "linestyle": _LINES[place % len(_LINES)]}
        mark = {"marker": _MARKS[place % len(_MARKS)], "markersize": 4}
        label = None if curves is None else f"{literal(curves)} = {literal(str(kind))}"
        axes.plot(across, means[:, place], label=label, **style, **mark)
        if np.any(largest[:, place] > least[:, place]):
            axes.fill_between(across, least[:, place], largest[:, place], color=style["color"], alpha=0.15, linewidth=0)
    if level is not None:
        axes.axhline(level, color="0.4", linewidth=1.0, linestyle=(0, (1, 1)))
    if curves is not None:
        axes.legend()
    _name_positions(axes.xaxis, xs)
    names = (x,) if curves is None else (x, curves)
    axes.set_ylabel(_mean_label(sweep, names, value))
