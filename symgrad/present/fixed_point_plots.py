"""Pictures of fixed points of one unknown: the cobweb of a map, the phase line of a flow, the zeros of an equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.dynamics.points import STABLE, UNSTABLE, FixedPoints
from symgrad.dynamics.scalar_system import EQUATION, FLOW, MAP
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function
from symgrad.present.dispatch import latex, plot
from symgrad.present.plots import new_axes

__all__ = ["plot_fixed_points"]

Array = NDArray[np.float64]

_KINDS = {MAP: ("cobweb", "residual"), FLOW: ("phase line", "residual"), EQUATION: ("residual",)}
_CURVE, _PATH = "#0072B2", "#D55E00"  # Okabe and Ito (2008)
_GRID = 1201
_STEPS = 40
_MARGIN = 0.02
_SAME = 1e-3
_SHORT = 0.12  # of the picture: gaps that hold no arrow
_MARKERS: dict[str, dict[str, Any]] = {
    STABLE: {"marker": "o", "markerfacecolor": "black", "label": "stable"},
    UNSTABLE: {"marker": "o", "markerfacecolor": "white", "label": "unstable"},
}
_UNDECIDED: dict[str, Any] = {"marker": "D", "markerfacecolor": "0.7", "label": "stability undecided"}
_SOLUTION: dict[str, Any] = {"marker": "o", "markerfacecolor": "black", "label": "solution"}


@plot.register
def plot_fixed_points(
    found: FixedPoints, kind: str | None = None, *, starts: Sequence[float] | None = None, ax: Any = None
) -> Any:
    """The fixed points in the graph of the map, the flow or the equation; stable ones filled, unstable ones open.

    Args:
        found: the fixed points.
        kind: of a map ``"cobweb"``: the graph of F with the diagonal and the paths of some states; of a flow
            ``"phase line"``: the graph of f, with arrows in the direction of motion; of all ``"residual"``: what is
            zero at the fixed points. The first that there is unless given.
        starts: of the cobweb, the states from which paths are drawn; by default on both sides of the unstable points.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: another kind, or starts that are no finite numbers.
    """
    kinds = _KINDS[found.system.kind]
    chosen = kinds[0] if kind is None else kind
    if chosen not in kinds:
        raise InputError(f"kind: {' or '.join(map(repr, kinds))} is needed for this {found.system.kind}, got {kind!r}")
    if starts is not None and not (np.ndim(starts) == 1 and np.isfinite(np.asarray(starts, dtype=float)).all()):
        raise InputError(f"starts: a sequence of finite numbers is needed, got {starts!r}")
    axes = new_axes(ax)
    low, high = _shown(found)
    grid = np.linspace(low, high, _GRID)
    residual = array_function(found.system.formula.xreplace({found.system.state: VARIABLE}))
    if chosen == "cobweb":
        _draw_cobweb(axes, found, lambda x: residual(np, x) + x, grid, starts)
    else:
        _draw_residual(axes, found, lambda x: residual(np, x), grid, arrows=chosen == "phase line")
    for part in found.continua:
        _draw_continuum(axes, part, (low, high), diagonal=chosen == "cobweb")
    axes.set_xlim(low - _MARGIN * (high - low), high + _MARGIN * (high - low))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    return axes


def _shown(found: FixedPoints) -> tuple[float, float]:
    """An interval around the fixed points and the bends of the graph, within the box and the domain."""
    places = [point.value for point in found]
    places += [float(end) for part in found.continua for end in (part.start, part.end) if end.is_finite]
    middle = float(np.median(places)) if places else 0.0
    reach = max([abs(place - middle) for place in places], default=0.0)
    room = max(0.6 * reach, 1.0 if not places or reach == 0.0 else 0.0)
    low, high = min(places, default=0.0) - room, max(places, default=0.0) + room
    ends = [gap.left for gap in found.gaps] + [gap.right for gap in found.gaps]
    ends += [float(end) for part in found.continua for end in (part.start, part.end)]
    low, high = max(low, min(ends, default=low)), min(high, max(ends, default=high))
    return (low, high) if low < high else (low - 1.0, low + 1.0)


def _draw_cobweb(
    axes: Any, found: FixedPoints, function: Callable[[Array], Array], grid: Array, starts: Sequence[float] | None
) -> None:
    x = latex(found.system.state)
    values = function(grid)
    low, high = _height(np.concatenate([values, grid]), float(grid[-1] - grid[0]))
    axes.plot(grid, _without_poles(values, low, high), color=_CURVE, linewidth=1.8, label=f"$F({x})$")
    axes.plot(grid, grid, color="0.4", linewidth=1.0, linestyle=":", label="diagonal")
    for number, start in enumerate(_starts(found, grid) if starts is None else starts):
        xs, ys = _path(function, float(start))
        label = "paths of some states" if number == 0 else None
        axes.plot(xs, ys, color=_PATH, linewidth=0.9, linestyle="--", label=label)
        axes.plot(xs[:1], ys[:1], "x", color=_PATH, markersize=5)
    _mark(axes, found, diagonal=True)
    axes.set_ylim(low, high)
    axes.set_xlabel(f"state ${x}_{{t-1}}$")
    axes.set_ylabel(f"state ${x}_{{t}}$")
    axes.set_title(f"{found.system.name}: fixed points of the map")


def _path(function: Callable[[Array], Array], start: float) -> tuple[list[float], list[float]]:
    """The staircase of a state: up or down to the graph, then across to the diagonal."""
    xs, ys = [start], [start]
    for step in range(_STEPS):
        following = float(function(np.array([xs[-1]]))[0])
        if not np.isfinite(following) or abs(following) > 1e6 * (1 + abs(start)):
            break
        if step > 2 and abs(following - xs[-3]) < _SAME * (1 + abs(following)):
            break  # at a fixed point or on a cycle of two, which would be drawn over and over
        xs += [xs[-1], following]
        ys += [following, following]
    return xs, ys


def _starts(found: FixedPoints, grid: Array) -> list[float]:
    """One state beside each side of every unstable point, and the two ends of the picture if there is none."""
    low, high = float(grid[0]), float(grid[-1])
    if not found.unstable:
        return [low + 0.03 * (high - low), high - 0.03 * (high - low)]
    step = 0.04 * (high - low)
    return [point.value + side * step for point in found.unstable for side in (-1, 1)]


def _draw_residual(
    axes: Any, found: FixedPoints, function: Callable[[Array], Array], grid: Array, *, arrows: bool
) -> None:
    x = latex(found.system.state)
    rate = f"d{x}/dt" if found.system.kind == FLOW else f"F({x}) - {x}"
    name = "right side minus left side" if found.system.kind == EQUATION else f"${rate}$"
    values = function(grid)
    low, high = _height(np.append(values, 0.0), 0.0)
    axes.plot(grid, _without_poles(values, low, high), color=_CURVE, linewidth=1.8, label=name)
    axes.axhline(0.0, color="0.4", linewidth=1.0)
    if arrows:
        _draw_arrows(axes, found, (float(grid[0]), float(grid[-1])))
    _mark(axes, found, diagonal=False)
    axes.set_ylim(low, high)
    axes.set_xlabel(f"state ${x}$" if found.system.kind != EQUATION else f"unknown ${x}$")
    axes.set_ylabel(name)
    words = {FLOW: "phase line of the flow", MAP: "fixed points of the map", EQUATION: "solutions"}
    axes.set_title(f"{found.system.name}: {words[found.system.kind]}")


def _draw_arrows(axes: Any, found: FixedPoints, span: tuple[float, float]) -> None:
    """In every gap one arrow in the direction of motion."""
    for gap in found.gaps:
        left, right = max(gap.left, span[0]), min(gap.right, span[1])
        if not gap.sign or right - left < _SHORT * (span[1] - span[0]):
            continue
        middle, half = (left + right) / 2, min(0.3 * (right - left), 0.05 * (span[1] - span[0]))
        ends = (middle - gap.sign * half, 0.0), (middle + gap.sign * half, 0.0)
        axes.annotate("", xy=ends[1], xytext=ends[0], arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 1.5})


def _height(values: Array, least: float) -> tuple[float, float]:
    """The vertical range without the poles of the graph."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = np.percentile(finite, [2, 98])
    room = max(0.15 * (high - low), 0.02 * least) or 1.0
    return max(float(finite.min()), low - room) - 0.3 * room, min(float(finite.max()), high + room) + 0.3 * room


def _without_poles(values: Array, low: float, high: float) -> Array:
    """The graph cut where it goes from below the picture to above it or back between two points of the grid."""
    before, after = values[:-1], values[1:]
    with np.errstate(invalid="ignore"):
        across = ((before < low) & (after > high)) | ((before > high) & (after < low))
    return np.where(np.append(across, False), np.nan, values)


def _mark(axes: Any, found: FixedPoints, *, diagonal: bool) -> None:
    labelled: set[str] = set()
    for point in found:
        style = dict(_SOLUTION if found.system.kind == EQUATION else _MARKERS.get(point.stability, _UNDECIDED))
        label = style.pop("label")
        place = point.value if diagonal else 0.0
        axes.plot(
            [point.value], [place], linestyle="none", color="black", markersize=7, zorder=5,
            label=None if label in labelled else label, **style,
        )  # fmt: skip
        labelled.add(label)


def _draw_continuum(axes: Any, part: sp.Interval, span: tuple[float, float], *, diagonal: bool) -> None:
    low, high = max(float(part.start), span[0]), min(float(part.end), span[1])
    heights = [low, high] if diagonal else [0.0, 0.0]
    axes.plot([low, high], heights, color="black", linewidth=3.5, label="continuum of fixed points", zorder=4)
