"""Pictures of basins: where starts end, the cobweb of a map, and the phase line of a flow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.basin_parts import CYCLE, FIXED_POINT, UNKNOWN, right_side
from symgrad.dynamics.basins import Basins
from symgrad.dynamics.scalar_system import FLOW
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function
from symgrad.present.dispatch import latex, plot
from symgrad.present.plots import new_axes

__all__ = ["plot_basins"]

Array = NDArray[np.float64]

_CURVE, _STABLE, _UNSTABLE, _PATH = "#0072B2", "#009E73", "#D55E00", "0.25"  # Okabe and Ito (2008)
_SHADES = ("0.92", "0.78", "0.85", "0.7")
_HATCHES = ("", "///", "...", "\\\\\\")
_POINTS = 601
_STEPS = 40
_ARROWS = 14


@plot.register
def plot_basins(item: Basins, kind: str | None = None, *, starts: Iterable[float] | None = None, ax: Any = None) -> Any:
    """The basins over the initial state, the cobweb diagram of a map, or the phase line of a flow.

    Args:
        item: the basins.
        kind: ``"cobweb"`` (maps; the usual one for them), ``"phase line"`` (flows; the usual one for them) or
            ``"basin"``: where each start ends.
        starts: of the paths of a cobweb; one on each side of each boundary unless given.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: another kind, or one that does not fit the model.
    """
    flow = item.system.kind == FLOW
    chosen = ("phase line" if flow else "cobweb") if kind is None else kind
    if chosen not in ("basin", "phase line" if flow else "cobweb"):
        raise InputError(f'kind: "basin" or "{"phase line" if flow else "cobweb"}" is needed here, got {kind!r}')
    axes, places = new_axes(ax), _places(item)
    with np.errstate(all="ignore"):
        values = array_function(right_side(item.system).xreplace({item.system.state: VARIABLE}))(np, places)
    if chosen == "basin":
        _draw_basins(axes, item, places)
    elif flow:
        _draw_phase_line(axes, item, places, values)
    else:
        _draw_cobweb(axes, item, places, values, starts)
    axes.legend(loc="best", fontsize="small")
    return axes


def _places(item: Basins) -> Array:
    """A grid around fixed points, cycles and boundaries."""
    marks = [point.value for point in (*item.points, *item.boundaries)]
    marks += [float(ball.mid()) for a in item.attractors for ball in a.points if ball.is_finite()]
    low, high = (min(marks), max(marks)) if marks else (-1.0, 1.0)
    margin = 0.25 * (high - low) or 1.0
    first, last = float(item.points.box.start), float(item.points.box.end)
    return np.linspace(max(low - margin, first), min(high + margin, last), _POINTS)


def _mark(axes: Any, item: Basins, heights: Any) -> None:
    """Fixed points: filled where stable, open where unstable, grey where neither is known."""
    styles: dict[str, tuple[dict[str, Any], str]] = {
        "stable": ({"marker": "o", "color": _STABLE}, "stable"),
        "unstable": (
            {"marker": "o", "markerfacecolor": "white", "color": _UNSTABLE, "markeredgewidth": 1.6},
            "unstable",
        ),
        "undecided": ({"marker": "s", "color": "0.5"}, "neither by linearisation"),
    }
    seen: set[str] = set()
    for point in item.points:
        style, name = styles[point.stability]
        label = None if name in seen else f"{name} fixed point"
        axes.plot([point.value], [heights(point.value)], linestyle="", markersize=7, zorder=5, label=label, **style)
        seen.add(name)


def _draw_phase_line(axes: Any, item: Basins, places: Array, values: Array) -> None:
    x = latex(item.system.state)
    axes.axhline(0.0, color="0.2", linewidth=1.0)
    axes.plot(places, values, color=_CURVE, linewidth=1.8, label=rf"$\dot{{{x}}} = f({x})$")
    for place in places[:: _POINTS // _ARROWS]:
        value = float(np.interp(place, places, values))
        if (
            np.isfinite(value)
            and value != 0.0
            and all(abs(place - p.value) > 1e-2 * np.ptp(places) for p in item.points)
        ):
            marker = ">" if value > 0 else "<"
            axes.plot([place], [0.0], marker=marker, color=_PATH, markersize=5, linestyle="", zorder=3)
    _mark(axes, item, lambda _: 0.0)
    axes.set_xlabel(f"state ${x}$")
    axes.set_ylabel(rf"rate $\dot{{{x}}}$")
    axes.set_title(f"{item.system.name}: phase line")
    axes.grid(visible=True, alpha=0.3)


def _draw_cobweb(axes: Any, item: Basins, places: Array, values: Array, starts: Iterable[float] | None) -> None:
    x = latex(item.system.state)
    axes.plot(places, values, color=_CURVE, linewidth=1.8, label=f"$F({x})$")
    axes.plot(places, places, color="0.4", linewidth=1.0, linestyle=":", label=f"${x}$")
    _mark(axes, item, lambda value: value)
    function = array_function(right_side(item.system).xreplace({item.system.state: VARIABLE}))
    for i, start in enumerate(_cobweb_starts(item, places) if starts is None else [float(s) for s in starts]):
        path = [start]
        for _ in range(_STEPS):
            path.append(float(function(np, np.array([path[-1]]))[0]))
        across = np.repeat(path, 2)[:-1]
        upwards = np.concatenate([[path[0]], np.repeat(path[1:], 2)])
        line = ("-", "--")[i % 2]
        axes.plot(across, upwards, color=_PATH, linewidth=0.9, linestyle=line, label=f"from {start:.3g}")
    axes.set_xlim(places[0], places[-1])
    finite = np.concatenate([values[np.isfinite(values)], places])
    axes.set_ylim(max(finite.min(), places[0] - np.ptp(places)), min(finite.max(), places[-1] + np.ptp(places)))
    axes.set_xlabel(f"state ${x}_t$")
    axes.set_ylabel(f"next state ${x}_{{t+1}}$")
    axes.set_title(f"{item.system.name}: cobweb diagram")
    axes.grid(visible=True, alpha=0.3)


def _cobweb_starts(item: Basins, places: Array) -> list[float]:
    """A start a little to each side of each boundary, else one in the left part."""
    step = 0.02 * float(np.ptp(places))
    edges = [point.value for point in item.boundaries][:2]
    found = [edge + sign * step for edge in edges for sign in (-1, 1)]
    return found or [float(places[0]) + 2 * step]


def _draw_basins(axes: Any, item: Basins, places: Array) -> None:
    """Where starts end: a bar for each interval at the height of its attractor, shaded by attractor."""
    x = latex(item.system.state)
    low, high = float(places[0]), float(places[-1])
    for part in item.intervals:
        left, right = (float(end.mid()) if end.is_finite() else float(end) for end in (part.left, part.right))
        begin, end = max(left, low), min(right, high)
        if begin >= end:
            continue
        shade, hatch, name = _style(item, part.attractor)
        named = name not in axes.get_legend_handles_labels()[1]
        axes.axvspan(
            begin, end, facecolor=shade, edgecolor="0.6", hatch=hatch, linewidth=0.0, label=name if named else None
        )
        if part.attractor.kind in (FIXED_POINT, CYCLE):
            for ball in part.attractor.points:
                axes.plot([begin, end], [float(ball.mid())] * 2, color=_STABLE, linewidth=2.4)
    for i, point in enumerate(item.boundaries):
        label = None if i else "basin boundary (certified)"
        axes.axvline(point.value, color=_UNSTABLE, linestyle="--", linewidth=1.4, label=label)
    axes.set_xlim(low, high)
    axes.set_xlabel(f"initial state ${x}(0)$")
    axes.set_ylabel(f"end ${x}(\\infty)$")
    axes.set_title(f"{item.system.name}: basins of attraction")


def _style(item: Basins, attractor: Any) -> tuple[str, str, str]:
    """The shade, hatching and name of a basin."""
    if attractor.kind == UNKNOWN:
        return "white", "xxx", "undecided"
    index = next(i for i, known in enumerate(item.attractors) if known.same(attractor))
    places = ", ".join(f"{float(ball.mid()):.4g}" if ball.is_finite() else "infinity" for ball in attractor.points)
    return _SHADES[index % 4], _HATCHES[index % 4], f"to {places}"
