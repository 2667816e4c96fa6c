"""Pictures of the loss: a curve with its walls and its gradient, a surface, one step of descent with clipping."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.landscape import DescentStep, LossLandscape
from symgrad.dynamics.loss_point import LossPoint
from symgrad.errors import InputError
from symgrad.present.dispatch import latex, plot
from symgrad.present.landscapes import horizon_text
from symgrad.present.plots import new_axes

__all__ = ["plot_descent", "plot_landscape"]

Array = NDArray[np.float64]

_CURVE, _STEP, _CLIPPED = "#0072B2", "#D55E00", "#000000"
_KINDS = {1: ("loss", "gradient", "both"), 2: ("contour", "gradient", "surface")}
_LEVELS = 14


@plot.register
def plot_landscape(landscape: LossLandscape, *, kind: str | None = None, ax: Any = None) -> Any:
    """The loss over one parameter with its walls and the gradient below it, or over two as contours or a surface.

    Args:
        landscape: the loss.
        kind: of one parameter ``"both"`` (two panels, unless axes are given), ``"loss"`` or ``"gradient"``; of two
            ``"contour"``, ``"gradient"`` (its norm in decades) or ``"surface"`` in three dimensions.
        ax: the matplotlib axes to draw on; new ones unless given. A surface needs axes with a 3-D projection.

    Returns:
        The axes; of two panels the upper ones.

    Raises:
        InputError: no such kind of picture, or something else than axes.
    """
    accepted = _KINDS[len(landscape.parameters)]
    chosen = kind or ("both" if ax is None and len(landscape.parameters) == 1 else accepted[0])
    if chosen not in accepted or (chosen == "both" and ax is not None):
        words = ", ".join(f'"{name}"' for name in accepted)
        raise InputError(f"kind: one of {words} is needed, and axes for a single panel only, got {kind!r}")
    if len(landscape.parameters) == 2:
        return _surface(landscape, ax) if chosen == "surface" else _contours(landscape, chosen, new_axes(ax))
    if chosen == "both":
        upper, lower = _two_panels()
        _draw_gradient(landscape, lower).set_title("")
        _draw_loss(landscape, upper).set_xlabel("")
        return upper
    return (_draw_loss if chosen == "loss" else _draw_gradient)(landscape, new_axes(ax))


def _two_panels() -> Any:
    """Two axes above each other with one horizontal axis."""
    figure = new_axes(None).figure
    figure.clear()
    figure.set_size_inches(6.4, 5.6)
    return figure.subplots(2, 1, sharex=True)


def _draw_loss(landscape: LossLandscape, axes: Any) -> Any:
    axes.plot(landscape.axes[0], landscape.losses, color=_CURVE, linewidth=1.8, label="loss $L$")
    _mark_walls(landscape, axes)
    axes.set_ylabel("loss $L$")
    _finish(landscape, axes)
    axes.legend()
    return axes


def _draw_gradient(landscape: LossLandscape, axes: Any) -> Any:
    logs = np.where(np.isfinite(landscape.log10_gradient), landscape.log10_gradient, np.nan)
    axes.plot(landscape.axes[0], logs, color=_CURVE, linewidth=1.5)
    _mark_walls(landscape, axes)
    axes.set_ylabel(rf"$\log_{{10}} |dL/d{latex(landscape.parameters[0])}|$")
    _finish(landscape, axes)
    return axes


def _mark_walls(landscape: LossLandscape, axes: Any) -> None:
    for index, wall in enumerate(landscape.walls):
        word = "wall, certified" if wall.certified else "wall, not certified"
        style = "--" if wall.certified else ":"
        axes.axvline(wall.value, color="black", linestyle=style, linewidth=1.2, label=word if index == 0 else None)


def _finish(landscape: LossLandscape, axes: Any) -> None:
    axes.set_xlabel(f"parameter ${latex(landscape.parameters[0])}$")
    axes.set_title(f"{landscape.system.name}: loss at {horizon_text(landscape)}")
    axes.grid(visible=True, alpha=0.3)


def _contours(landscape: LossLandscape, kind: str, axes: Any) -> Any:
    """Filled contours in grey, lines of equal value, and the walls of the settled state."""
    values = landscape.losses if kind == "contour" else landscape.log10_gradient
    finite = np.where(np.isfinite(values), values, np.nan)
    across, along = landscape.axes
    filled = axes.contourf(across, along, finite.T, levels=_LEVELS, cmap="Greys")
    axes.contour(across, along, finite.T, levels=_LEVELS, colors="black", linewidths=0.3)
    bar = axes.figure.colorbar(filled, ax=axes)
    bar.set_label("loss $L$" if kind == "contour" else r"$\log_{10}$ of the norm of the gradient")
    walls = landscape.wall_curve()
    if walls:
        style = {"color": "black", "linestyle": "", "marker": "D", "markersize": 5, "markeredgecolor": "white"}
        axes.plot([value for value, _ in walls], [wall.value for _, wall in walls], label="wall", **style)
        axes.legend(loc="upper right")
    _name_axes(landscape, axes)
    return axes


def _surface(landscape: LossLandscape, ax: Any) -> Any:
    axes = ax
    if axes is None:
        figure = new_axes(None).figure
        figure.clear()
        axes = figure.add_subplot(projection="3d")
    if not hasattr(axes, "plot_surface"):
        raise InputError(f"ax: axes with a 3-D projection are needed for a surface, got {type(axes).__name__}")
    across, along = np.meshgrid(*landscape.axes, indexing="ij")
    style = {"cmap": "Greys", "edgecolor": "black", "linewidth": 0.15, "rcount": 60, "ccount": 60}
    axes.plot_surface(across, along, landscape.losses, **style)
    axes.set_zlabel("loss $L$")
    axes.view_init(elev=35, azim=-120)
    axes.set_box_aspect(None, zoom=0.85)
    _name_axes(landscape, axes)
    return axes


def _name_axes(landscape: LossLandscape, axes: Any) -> None:
    first, second = landscape.parameters
    axes.set_xlabel(f"parameter ${latex(first)}$")
    axes.set_ylabel(f"parameter ${latex(second)}$")
    axes.set_title(f"{landscape.system.name}: loss at {horizon_text(landscape)}")


@plot.register
def plot_descent(step: DescentStep, *, ax: Any = None) -> Any:
    """One step of gradient descent on the landscape, with the gradient as it is and clipped by its norm.

    Args:
        step: the step.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    landscape = step.landscape
    flat = len(landscape.parameters) == 1
    axes = _draw_loss(landscape, new_axes(ax)) if flat else _contours(landscape, "contour", new_axes(ax))
    before = _place(step.before, flat)
    _arrow(axes, before, _place(step.plain, flat), _STEP, "s", "after a plain step", "-")
    _arrow(
        axes,
        before,
        _place(step.clipped, flat),
        _CLIPPED,
        "^",
        f"after a step clipped to norm {float(step.clip):g}",
        "--",
    )
    axes.plot(*before, color="white", marker="o", markeredgecolor="black", markersize=8, linestyle="", label="before")
    _widen(axes, [before, _place(step.plain, flat), _place(step.clipped, flat)], landscape, flat)
    axes.set_title(f"{landscape.system.name}: one step of descent, rate {float(step.rate):g}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)
    return axes


def _place(point: LossPoint, flat: bool) -> tuple[float, float]:
    values = [float(value) for value in point.parameters.values()]
    return (values[0], float(point.loss.mid())) if flat else (values[0], values[1])


def _arrow(
    axes: Any, start: tuple[float, float], end: tuple[float, float], colour: str, marker: str, label: str, style: str
) -> None:
    properties = {"arrowstyle": "->", "color": colour, "linestyle": style, "linewidth": 1.4}
    axes.annotate("", xy=end, xytext=start, arrowprops=properties)
    axes.plot(*end, color=colour, marker=marker, markersize=7, linestyle="", label=label)


def _widen(axes: Any, places: list[tuple[float, float]], landscape: LossLandscape, flat: bool) -> None:
    """Limits that hold the grid and all three places."""
    across = [*landscape.axes[0][[0, -1]], *(place[0] for place in places)]
    span = max(across) - min(across)
    axes.set_xlim(min(across) - 0.02 * span, max(across) + 0.02 * span)
    if not flat:
        along = [*landscape.axes[1][[0, -1]], *(place[1] for place in places)]
        height = max(along) - min(along)
        axes.set_ylim(min(along) - 0.02 * height, max(along) + 0.02 * height)
