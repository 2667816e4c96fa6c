"""Bifurcation diagrams: fixed points against the parameter, stable ones solid, unstable ones dashed, kinds by mark."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.bifurcation_points import (
    BORDER_COLLISION,
    CUSP,
    FLIP,
    HOPF,
    NEIMARK_SACKER,
    PITCHFORK,
    SADDLE_NODE,
    TRANSCRITICAL,
    BifurcationPoint,
    Bifurcations,
)
from symgrad.dynamics.diagram import near_ones
from symgrad.dynamics.scalar_system import EQUATION, ScalarSystem
from symgrad.errors import InputError
from symgrad.present.dispatch import latex, plot
from symgrad.present.plots import new_axes

__all__ = ["plot_bifurcations"]

_STABLE, _UNSTABLE = "#0072B2", "#D55E00"  # Okabe and Ito (2008)
_FLAT = 1e-9
_MARKS = {
    SADDLE_NODE: "o",
    PITCHFORK: "P",
    TRANSCRITICAL: "X",
    CUSP: "*",
    FLIP: "D",
    NEIMARK_SACKER: "h",
    HOPF: "h",
    BORDER_COLLISION: "s",
}


@plot.register
def plot_bifurcations(found: Bifurcations, *, component: int = 0, ax: Any = None) -> Any:
    """The diagram: the state over the parameter; of a search in two parameters the points in their plane.

    Args:
        found: the bifurcations and their branches.
        component: which coordinate of the state is drawn.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: no such coordinate.
    """
    sizes = {branch.states.shape[1] for branch in found.branches} | {len(point.state) for point in found}
    if isinstance(component, bool) or not isinstance(component, int) or not 0 <= component < max(sizes, default=1):
        raise InputError(f"component: an integer from 0 to {max(sizes, default=1) - 1} is needed, got {component!r}")
    axes = new_axes(ax)
    flat = len(found.parameter) == 2
    if not flat:
        _draw_branches(axes, found, component)
    _draw_points(axes, found, component, flat)
    _widen(axes)
    axes.set_xlabel(f"${latex(found.parameter[0])}$")
    axes.set_ylabel(f"${latex(found.parameter[1])}$" if flat else _state_label(found, component))
    hidden = 0 if flat else len(found) - len(_shown(found))
    farther = f" ({hidden} far off not shown)" if hidden else ""
    axes.set_title(f"{found.system.name}: {'cusps' if flat else 'fixed points'}{farther}")
    axes.grid(visible=True, alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))  # beside, so that it hides nothing
    return axes


def _state_label(found: Bifurcations, component: int) -> str:
    if isinstance(found.system, ScalarSystem):
        return f"fixed point ${latex(found.system.state)}^*$"
    return f"fixed point, coordinate {component + 1}"


def _draw_branches(axes: Any, found: Bifurcations, component: int) -> None:
    """Each branch in parts of one stability; the label only once."""
    told = getattr(found.system, "kind", None) != EQUATION
    styles = {
        True: {"color": _STABLE, "linestyle": "-", "linewidth": 2.0},
        False: {"color": _UNSTABLE, "linestyle": "--", "linewidth": 1.5},
    }
    seen: set[bool] = set()
    for branch in found.branches:
        for begin, end, stable in _runs(branch.stable):
            part = slice(begin, min(end + 1, len(branch)))
            label = None if stable in seen else ("stable" if stable else "unstable") if told else "fixed points"
            seen.add(stable)
            axes.plot(branch.parameter[part], branch.states[part, component], label=label, **styles[stable])


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int, bool]]:
    """Stretches of equal flags as ``(begin, end, flag)``."""
    cuts = [0, *(np.flatnonzero(flags[1:] != flags[:-1]) + 1).tolist(), len(flags)]
    return [(a, b, bool(flags[a])) for a, b in pairwise(cuts) if a < b]


def _widen(axes: Any) -> None:
    """Room around states that do not change at all, on whose rounding matplotlib would zoom in."""
    heights = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()] or [np.zeros(0)])
    finite = heights[np.isfinite(heights)]
    if finite.size and np.ptp(finite) < _FLAT * (1 + np.abs(finite).max()):
        axes.set_ylim(finite.min() - 1, finite.max() + 1)


def _shown(found: Bifurcations) -> list[BifurcationPoint]:
    """The points of a finite interval; of an infinite one those of about the same order of magnitude."""
    (interval,) = found.interval
    if interval.start.is_finite and interval.end.is_finite:
        return list(found)
    near = near_ones(point.value for point in found)
    return [point for point in found if point.value in near]


def _draw_points(axes: Any, found: Bifurcations, component: int, flat: bool) -> None:
    shown = list(found) if flat else _shown(found)
    for kind in dict.fromkeys(point.kind for point in shown):
        points = [point for point in shown if point.kind == kind]
        across = [point.value for point in points]
        up = [
            float(p.second.mid()) if flat and p.second is not None else float(p.state[component].mid()) for p in points
        ]
        axes.plot(
            across,
            up,
            linestyle="none",
            marker=_MARKS.get(kind, "v"),
            markersize=11 if kind == CUSP else 8,
            markerfacecolor="white",
            markeredgecolor="black",
            markeredgewidth=1.4,
            label=kind if kind in _MARKS else "not decided",
            zorder=4,
        )
