"""Curves of decimal logarithms of gradients against steps: measured, bounded, and the Lyapunov slope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.growth_bounds import GrowthBounds
from symgrad.present.powers import DOWN, UP, power_latex
from symgrad.present.titles import literal

__all__ = ["draw_bounds", "draw_level", "draw_line", "draw_measured", "finish", "window"]

Array = NDArray[np.float64]

# Colours that Okabe and Ito (2008) chose to be told apart with every kind of colour vision; lines and marks differ too.
_UPPER, _LOWER, _MEASURED, _SLOPE, _ALONG = "#D55E00", "#009E73", "#0072B2", "#000000", "#CC79A7"
_LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
_UP, _DOWN = ("v", "s", "D", "P", "X"), ("^", "o", "d", "p", "*")
_MARKS = 9  # on each curve
_ROOM = 0.6  # of the span of what was measured, above and below, within which bounds are drawn
_LEAST_ROOM = 3.0  # decades


def window(seen: Array) -> tuple[float, float]:
    """The decades of a picture: what must be visible whole, with room above and below."""
    finite = seen[np.isfinite(seen)]
    if not len(finite):
        return -np.inf, np.inf
    low, high = float(finite.min()), float(finite.max())
    room = max(_LEAST_ROOM, _ROOM * (high - low))
    return low - room, high + room


def draw_measured(axes: Any, ks: Any, low: Array, middle: Array, high: Array, label: str) -> None:
    """The typical curve with a band between quartiles."""
    finite = np.isfinite(low) & np.isfinite(high)
    axes.fill_between(ks[finite], low[finite], high[finite], color=_MEASURED, alpha=0.25, linewidth=0)
    curve = {"color": _MEASURED, "linewidth": 2.2, "label": label + _zero(ks, middle)}
    axes.plot(ks, _visible(middle), "-", zorder=3, **curve)


def draw_bounds(axes: Any, bounds: GrowthBounds, decades: tuple[float, float] = (-np.inf, np.inf)) -> None:
    """Each method's bound by its own line and marks, and the first sequence as it was enclosed.

    Args:
        axes: of the picture.
        bounds: of one layer.
        decades: the lowest and highest of the picture; bounds that do not come between them are named together.
    """
    _draw_side(axes, bounds.ks, "at most", bounds.upper, decades)
    _draw_side(axes, bounds.ks, "at least", bounds.lower, decades)
    if bounds.along is not None:  # thin dashes on top of the measured curve, which they often follow
        style = {"linestyle": (0, (3, 3)), "linewidth": 1.2, "zorder": 3.5}
        _curve(axes, bounds.ks, bounds.along, "first sequence, enclosed", _ALONG, **style)


def _draw_side(axes: Any, ks: Any, words: str, found: Mapping[str, Array], decades: tuple[float, float]) -> None:
    colour, marks, rounding = (_UPPER, _UP, UP) if words == "at most" else (_LOWER, _DOWN, DOWN)
    outside = [name for name, logs in found.items() if _passes_by(logs, decades)]
    every = max(1, len(ks) // _MARKS)
    for place, name in enumerate(name for name in found if name not in outside):
        # The marks of methods whose bounds agree stand beside each other.
        label = f"{words}, by {name}{_end(found[name], rounding)}"
        line, mark = _LINES[place % len(_LINES)], marks[place % len(marks)]
        placed = (place * every // len(found), every)
        _curve(axes, ks, found[name], label, colour, linestyle=line, marker=mark, markevery=placed)
    if outside:
        axes.plot([], [], " ", label=f"{words}, by {', '.join(outside)}:\noutside of this picture")


def _passes_by(logs: Array, decades: tuple[float, float]) -> bool:
    finite = logs[np.isfinite(logs)]
    return len(finite) > 0 and not ((finite >= decades[0]) & (finite <= decades[1])).any()


def draw_line(axes: Any, ks: Any, slope: float, start: float, label: str) -> None:
    """A straight line of decades per step."""
    if np.isfinite(slope) and np.isfinite(start):
        axes.plot(ks, start + slope * np.asarray(ks), ":", color=_SLOPE, linewidth=1.6, label=label, zorder=4)


def draw_level(axes: Any, log10: float, label: str) -> None:
    """A horizontal line, named at its right end."""
    axes.axhline(log10, color="0.35", linewidth=0.9, linestyle=(0, (8, 4)), label=label, zorder=1)


def finish(axes: Any, last: int, decades: tuple[float, float] = (-np.inf, np.inf), title: str = "") -> None:
    """Names of the axes, and how far they go.

    Args:
        axes: with the curves.
        last: the largest number of steps.
        decades: the lowest and highest of the picture, see :func:`window`; what leads further leaves it.
        title: of a user's words.
    """
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, decades[0]), min(top, decades[1]))
    axes.set_xlim(0, last)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("steps back $k$")
    axes.set_ylabel(r"$\Vert \partial x_T / \partial x_{T-k} \Vert_2$")
    axes.yaxis.set_major_formatter(lambda log10, _: f"$10^{{{log10:g}}}$")  # floats end at 308, the bounds do not
    axes.set_title(literal(title))
    axes.grid(visible=True, which="major", alpha=0.3)


def _curve(axes: Any, ks: Any, logs: Array, label: str, colour: str, **style: Any) -> None:
    visible = _visible(np.asarray(logs))
    if not np.isfinite(visible).any():
        words = "0" if np.isneginf(logs).all() else "none finite"
        axes.plot([], [], " ", label=f"{label}: {words}")
        return
    options = {"markersize": 5.0, "linewidth": 1.3, **style}
    axes.plot(ks, visible, color=colour, fillstyle="none", label=label, **options)


def _end(logs: Array, rounding: str) -> str:
    """Where a bound ends, for those that leave the picture."""
    return f": ${power_latex(float(logs[-1]), 3, rounding)}$ in the end" if len(logs) and np.isfinite(logs[-1]) else ""


def _zero(ks: Any, logs: Array) -> str:
    """From where on a curve is zero, which a logarithmic axis does not show."""
    zero = np.flatnonzero(np.isneginf(logs))
    return f" (0 from k = {int(ks[zero[0]])} on)" if len(zero) else ""


def _visible(logs: Array) -> Array:
    return np.where(np.isfinite(logs), logs, np.nan)
