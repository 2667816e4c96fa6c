"""Pictures of a loss over parameters: walls, gradients in log scale, surfaces, and steps of gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.dynamics.descent import DescentStep
from symgrad.dynamics.loss_point import LossPoint
from symgrad.dynamics.loss_surface import LossLandscape
from symgrad.errors import InputError
from symgrad.present.ball_text import ball_text
from symgrad.present.dispatch import latex, plot
from symgrad.present.landscapes import horizon_words
from symgrad.present.plots import new_axes

__all__ = ["plot_descent", "plot_landscape"]

_LOSS, _GRADIENT, _WALL, _CLIPPED = "#0072B2", "#E69F00", "#D55E00", "#009E73"  # Okabe and Ito (2008)
_PLAIN_DECADES = 250
_KINDS = {1: ("both", "loss", "gradient"), 2: ("contour", "surface", "gradient")}
_SECTIONS = 9  # of a surface in which walls are searched
_LEVELS = 10
_ON_WALL = 1e-9
_BEYOND = 0.1  # share of the picture next to its ends


@plot.register
def plot_landscape(item: LossLandscape, kind: str | None = None, *, ax: Any = None) -> Any:
    """A loss over one parameter with its walls and its gradient, or over two as contours or a surface.

    Args:
        item: the landscape.
        kind: of one parameter ``"both"`` (two panels, unless axes are given), ``"loss"`` or ``"gradient"``; of two
            ``"contour"``, ``"surface"`` (three dimensions; axes given must be such) or ``"gradient"``.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes; of two panels the upper one.

    Raises:
        InputError: another kind, or axes that do not fit.
    """
    kinds = _KINDS[len(item.parameters)]
    chosen = kind if kind is not None else "loss" if ax is not None and len(item.parameters) == 1 else kinds[0]
    if chosen not in kinds:
        raise InputError(f"kind: one of {', '.join(kinds)} is needed, got {kind!r}")
    if chosen == "surface":
        return _surface(item, ax)
    if len(item.parameters) == 2:
        return _contours(item, ax, chosen == "gradient")
    if chosen == "both":
        return _two_panels(item, ax)
    axes = new_axes(ax)
    (_draw_loss if chosen == "loss" else _draw_gradient)(item, axes)
    axes.set_xlabel(f"parameter ${latex(item.parameters[0])}$")
    axes.set_title(_title(item))
    return axes


def _title(item: LossLandscape) -> str:
    return f"{item.system.name}, {horizon_words(item)}".replace("->", r"$\to$").replace("oo", r"$\infty$")


def _loss_name(item: LossLandscape) -> str:
    return rf"loss $L = {latex(item.loss)}$"


# --- one parameter ----------------------------------------------------------------------------------------------------


def _two_panels(item: LossLandscape, ax: Any) -> Any:
    if ax is not None:
        raise InputError('kind: "both" draws two panels on a figure of its own; with ax take "loss" or "gradient"')
    figure = new_axes(None).figure
    figure.clear()
    figure.set_size_inches(6.4, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw_loss(item, upper)
    _draw_gradient(item, lower)
    lower.set_xlabel(f"parameter ${latex(item.parameters[0])}$")
    upper.set_title(_title(item))
    return upper


def _draw_loss(item: LossLandscape, axes: Any) -> None:
    places, losses = _broken(item)
    axes.plot(places, losses, color=_LOSS, linewidth=1.8)
    _mark_walls(item, axes)
    for wall in item.walls:
        for side, hollow in ((wall.left, True), (wall.right, False)):
            if side.loss is not None and side.loss.is_finite():
                face = "white" if hollow else _WALL
                axes.plot([wall.value], [float(side.loss.mid())], "o", color=_WALL, markerfacecolor=face, zorder=4)
    axes.set_ylabel(_loss_name(item))
    axes.grid(visible=True, alpha=0.3)
    if item.walls:
        axes.legend(loc="best", fontsize="small")


def _broken(item: LossLandscape) -> tuple[Any, Any]:
    """The curve, interrupted at walls, so that no line is drawn across them."""
    (places,), losses = item.axes, item.losses.copy()
    for wall in item.walls:
        losses[np.abs(places - wall.value) < _ON_WALL * (1 + abs(wall.value))] = np.nan
    cuts = [int(np.searchsorted(places, wall.value)) for wall in item.walls]
    return np.insert(places, cuts, np.nan), np.insert(losses, cuts, np.nan)


def _draw_gradient(item: LossLandscape, axes: Any) -> None:
    name = rf"$\vert \partial L / \partial {latex(item.parameters[0])} \vert$"
    logs = item.log10_gradient
    finite = logs[np.isfinite(logs)]
    plain = bool(finite.size == 0 or np.abs(finite).max() < _PLAIN_DECADES)
    shown = np.where(np.isfinite(logs), logs, np.nan)
    axes.plot(item.axes[0], 10.0**shown if plain else shown, color=_GRADIENT, linestyle="-", linewidth=1.6)
    if plain:
        axes.set_yscale("log")
    _mark_walls(item, axes, labels=False)
    axes.set_ylabel(name if plain else rf"$\log_{{10}}$ {name}")
    axes.grid(visible=True, alpha=0.3)


def _mark_walls(item: LossLandscape, axes: Any, labels: bool = True) -> None:
    name = latex(item.parameters[0])
    for i, wall in enumerate(item.walls):
        where = latex(wall.exact) if wall.exact is not None else ball_text(wall.parameter, 8).replace("...", r"\ldots")
        label = rf"{'wall' if wall.certified else 'wall, not certified'} at ${name} = {where}$" if labels else None
        style = ("--", ":", "-.")[i % 3]
        axes.axvline(wall.value, color=_WALL, linestyle=style, linewidth=1.2, label=label)


# --- two parameters ---------------------------------------------------------------------------------------------------


def _contours(item: LossLandscape, ax: Any, gradient: bool, walls: bool = True) -> Any:
    axes = new_axes(ax)
    values = item.log10_gradient if gradient else item.losses
    shown = np.ma.masked_invalid(values.T)
    filled = axes.contourf(*item.axes, shown, levels=_LEVELS, cmap="Greys")
    axes.contour(*item.axes, shown, levels=filled.levels, colors="black", linewidths=0.5)
    name = r"$\log_{10} \Vert \nabla L \Vert$" if gradient else _loss_name(item)
    axes.figure.colorbar(filled, ax=axes, label=name)
    if walls:
        _mark_wall_curve(item, axes)
    axes.set_xlabel(f"${latex(item.parameters[0])}$")
    axes.set_ylabel(f"${latex(item.parameters[1])}$")
    axes.set_title(_title(item))
    return axes


def _mark_wall_curve(item: LossLandscape, axes: Any) -> None:
    found = item.wall_curve(_SECTIONS)
    if found:
        places = [first for first, _ in found]
        style = {"markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.4, "color": _WALL}
        label = "walls of the settled state, certified"
        label = label if all(wall.certified for _, wall in found) else "walls of the settled state"
        axes.plot(places, [wall.value for _, wall in found], "D", label=label, **style)
        axes.legend(loc="best", fontsize="small")


def _surface(item: LossLandscape, ax: Any) -> Any:
    if ax is None:
        figure = new_axes(None).figure
        figure.clear()
        axes = figure.add_subplot(projection="3d")
    elif not hasattr(new_axes(ax), "plot_surface"):
        raise InputError("ax: axes in three dimensions are needed for a surface")
    else:
        axes = ax
    first, second = np.meshgrid(*item.axes, indexing="ij")
    axes.plot_surface(first, second, item.losses, cmap="Greys", edgecolor="black", linewidth=0.15, rcount=60, ccount=60)
    axes.set_xlabel(f"${latex(item.parameters[0])}$")
    axes.set_ylabel(f"${latex(item.parameters[1])}$")
    axes.set_zlabel(_loss_name(item), labelpad=8)
    axes.set_title(_title(item))
    axes.view_init(elev=28, azim=-125)
    return axes


# --- steps ------------------------------------------------------------------------------------------------------------


@plot.register
def plot_descent(item: DescentStep, *, ax: Any = None) -> Any:
    """One step of gradient descent with and without clipping, on the loss over one parameter or two.

    A step that leaves the picture ends at its margin, with the place it leads to in the legend.

    Args:
        item: the step.
        ax: the matplotlib axes to draw on; new ones unless given.
    """
    landscape = item.landscape
    if not isinstance(landscape, LossLandscape):
        raise InputError(f"landscape: a loss landscape is needed, got {type(landscape).__name__}")
    if len(landscape.parameters) == 1:
        axes = new_axes(ax)
        _draw_loss(landscape, axes)
        axes.set_xlabel(f"parameter ${latex(landscape.parameters[0])}$")
    else:
        axes = _contours(landscape, ax, False)
    axes.set_title(f"{_title(landscape)}: step of gradient descent, rate {float(item.rate):g}")
    start = _place(landscape, item.before)
    axes.plot(*start, "o", color="black", markersize=7, label="before", zorder=6)
    clip = f"after a step clipped to norm {float(item.clip):g}"
    for name, end, style, marker, colour in (
        ("after a plain step", item.plain, "--", "X", "black"),
        (clip, item.clipped, "-", "s", _CLIPPED),
    ):
        _draw_step(landscape, axes, start, end, name, (style, marker, colour))
    columns = 2 if len(landscape.parameters) == 1 else 1
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": columns, "frameon": False}
    axes.legend(fontsize="small", **below)  # within the picture it would hide the steps
    return axes


def _place(landscape: LossLandscape, point: LossPoint) -> tuple[float, ...]:
    place = tuple(float(point.parameters[p]) for p in landscape.parameters)
    return place if len(place) == 2 else (*place, float(point.loss.mid()))


def _draw_step(
    landscape: LossLandscape,
    axes: Any,
    start: tuple[float, ...],
    end: LossPoint,
    name: str,
    look: tuple[str, str, str],
) -> None:
    style, marker, colour = look
    goal = _place(landscape, end)
    shown, outside = _inside(landscape, start, goal)
    where = ", ".join(f"{float(end.parameters[p]):.4g}" for p in landscape.parameters)
    names = ", ".join(latex(p) for p in landscape.parameters)
    where, names = (f"({words})" if "," in names else words for words in (where, names))
    label = rf"{name}, {'beyond the picture ' if outside else ''}to ${names} = {where}$"
    arrow = {"arrowstyle": "->", "linestyle": style, "color": colour, "linewidth": 1.4}
    axes.annotate("", xy=shown, xytext=start, arrowprops=arrow, zorder=5)
    axes.plot(*shown, marker=">" if outside else marker, color=colour, linestyle=style, markersize=7, label=label)


def _inside(
    landscape: LossLandscape, start: tuple[float, ...], goal: tuple[float, ...]
) -> tuple[tuple[float, ...], bool]:
    """The end of a step, or where the line to it leaves the picture."""
    share = 1.0
    for axis, a, b in zip(landscape.axes, start, goal, strict=False):
        room = _BEYOND * (axis[-1] - axis[0])
        low, high = axis[0] - room, axis[-1] + room
        if not low <= b <= high and a != b:
            share = min(share, ((high if b > high else low) - a) / (b - a))
    if share == 1.0:
        return goal, False
    if len(landscape.parameters) == 1:
        return (start[0] + share * (goal[0] - start[0]), goal[1]), True
    return tuple(a + share * (b - a) for a, b in zip(start, goal, strict=True)), True
