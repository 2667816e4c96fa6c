"""Pictures of sensitivities: over the initial state, near the boundary of a basin, and along a trajectory."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.dynamics.near_boundary import BoundarySensitivity, SensitivityCurve
from symgrad.dynamics.points import FixedPoint
from symgrad.dynamics.sensitivity import Sensitivity
from symgrad.dynamics.trajectories import TrajectorySensitivity
from symgrad.errors import InputError
from symgrad.present.dispatch import plot
from symgrad.present.plots import new_axes

__all__ = ["mark_points"]

_LINE, _EDGE, _SETTLED = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito (2008)
_PLAIN_DECADES = 250
_GROWTH = r"$\vert \partial x(T) / \partial x(0) \vert$"


@plot.register
def plot_sensitivity(item: Sensitivity, *, horizon: float = 50, starts: Any = None, ax: Any = None) -> Any:
    """|dx(T)/dx(0)| over x(0) in log scale, with the boundaries of basins marked; see :func:`plot_curve`.

    Args:
        item: with numbers for all parameters.
        horizon: T.
        starts: (M,) values of x(0); around the fixed points unless given.
        ax: the matplotlib axes to draw on; new ones unless given.

    Raises:
        InputError: a parameter without a number, or a malformed argument.
    """
    return plot_curve(item.curve(horizon, starts), ax=ax)


@plot.register
def plot_curve(item: SensitivityCurve, *, ax: Any = None) -> Any:
    """|dx(T)/dx(0)| over x(0): it explodes at unstable points (dashed lines) and vanishes far from them.

    Args:
        item: the curve.
        ax: the matplotlib axes to draw on; new ones unless given.
    """
    axes = new_axes(ax)
    _logarithmic(axes, item.starts, item.log10_growth, _GROWTH, f"$T = {item.horizon:g}$")
    mark_points(axes, item.boundaries, item.settled)
    axes.set_xlabel("initial state $x(0)$")
    axes.set_title(f"{item.name}: sensitivity to the initial state")
    axes.legend(loc="best", fontsize="small")
    return axes


@plot.register
def plot_near_boundary(item: BoundarySensitivity, *, ax: Any = None) -> Any:
    """|dx(T)/dx(0)| over the distance of x(0) from the unstable point, both in log scale.

    Args:
        item: the numbers.
        ax: the matplotlib axes to draw on; new ones unless given.
    """
    axes = new_axes(ax)
    distances = np.array([float(value) for value in item.distances])
    logs = item.log10_growth
    style = {"marker": "o", "markersize": 4}
    _logarithmic(axes, distances, logs, _GROWTH, f"$T = {item.horizon:g}$", **style)
    if item.limit is not None and np.abs(logs).max() < _PLAIN_DECADES and abs(item.limit) > 0:
        height = abs(float(item.limit.mid()))
        axes.axhline(height, color=_EDGE, linestyle="--", label="at the unstable point")
    axes.set_xscale("log")
    if axes.get_yscale() == "log":
        axes.axhline(1.0, color="0.4", linestyle=":", label="neither grows nor vanishes")
    place = rf"$\vert x(0) - {item.boundary.value:.4g} \vert$"
    axes.set_xlabel(f"distance from the boundary {place}")
    axes.set_title(f"{item.name}: near the boundary of a basin")
    axes.legend(loc="best", fontsize="small")
    return axes


@plot.register
def plot_trajectory(item: TrajectorySensitivity, kind: str = "growth", *, ax: Any = None) -> Any:
    """|dx(t)/dx(0)| over time in log scale, or the states.

    Args:
        item: the trajectory.
        kind: ``"growth"`` or ``"states"``.
        ax: the matplotlib axes to draw on; new ones unless given.

    Raises:
        InputError: another kind.
    """
    if kind not in ("growth", "states"):
        raise InputError(f'kind: "growth" or "states" is needed, got {kind!r}')
    axes = new_axes(ax)
    if kind == "growth":
        _logarithmic(axes, item.times, item.log10_growth, r"$\Vert \partial x(t) / \partial x(0) \Vert_F$", None)
    else:
        styles = ("-", "--", ":", "-.")
        for i, column in enumerate(item.states.T):
            label = f"$x_{{{i + 1}}}$" if 1 < item.states.shape[1] <= 8 else None
            axes.plot(item.times, column, linestyle=styles[i % len(styles)], linewidth=1.5, label=label)
        axes.set_ylabel("state $x(t)$")
        axes.grid(visible=True, alpha=0.3)
        if 1 < item.states.shape[1] <= 8:
            axes.legend(loc="best", fontsize="small")
    axes.set_xlabel("time $t$" if item.kind == "flow" else "step $t$")
    axes.set_title(f"{item.name}: {'derivative' if kind == 'growth' else 'states'} along a trajectory")
    return axes


def _logarithmic(axes: Any, places: Any, logs: Any, name: str, label: str | None, **style: Any) -> None:
    """A curve in log scale; beyond the range of floats its decimal logarithms."""
    finite = logs[np.isfinite(logs)]
    plain = bool(finite.size == 0 or np.abs(finite).max() < _PLAIN_DECADES)
    shown = np.where(np.isfinite(logs), logs, np.nan)
    axes.plot(places, 10.0**shown if plain else shown, color=_LINE, linewidth=1.6, label=label, **style)
    if plain:
        axes.set_yscale("log")
    axes.set_ylabel(name if plain else rf"$\log_{{10}}$ {name}")
    axes.grid(visible=True, alpha=0.3)


def mark_points(
    axes: Any, boundaries: tuple[FixedPoint, ...], settled: tuple[FixedPoint, ...], horizontal: bool = False
) -> None:
    """Lines at unstable (dashed) and stable (dash-dotted) points."""
    draw = axes.axhline if horizontal else axes.axvline
    for points, colour, line, name in (
        (boundaries, _EDGE, "--", "unstable point: basin boundary"),
        (settled, _SETTLED, "-.", "stable point"),
    ):
        for i, point in enumerate(points):
            draw(point.value, color=colour, linestyle=line, linewidth=1.2, label=None if i else name)
