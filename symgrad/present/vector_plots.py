"""Pictures of fixed points of several unknowns: the phase plane, a projection, or the eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.points import STABLE, UNDECIDED, UNSTABLE
from symgrad.dynamics.vector_results import VectorFixedPoint, VectorFixedPoints
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.errors import InputError
from symgrad.present.dispatch import latex, plot
from symgrad.present.plots import new_axes

__all__ = ["plot_vector_points"]

Array = NDArray[np.float64]

_SADDLE = "saddle"
# Colours of Okabe and Ito (2008); the sizes differ so that points in one place of a projection can be told apart.
_MARKERS: dict[str, dict[str, Any]] = {
    STABLE: {"marker": "o", "markerfacecolor": "#0072B2", "markeredgecolor": "black", "markersize": 10},
    _SADDLE: {"marker": "s", "markerfacecolor": "#E69F00", "markeredgecolor": "black", "markersize": 6.5},
    UNSTABLE: {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "#D55E00", "markersize": 6},
    UNDECIDED: {"marker": "x", "markeredgecolor": "black", "markersize": 8},
}
_WORDS = {UNSTABLE: "unstable in all directions"}
_GRID, _ARROWS = 241, 19
_MARGIN = 0.15
_KINDS = ("states", "eigenvalues")


@plot.register
def plot_vector_points(found: VectorFixedPoints, kind: str = "states", *, ax: Any = None) -> Any:
    """The fixed points among the nullclines of two unknowns, on two principal axes of more, or their eigenvalues.

    Args:
        found: the fixed points.
        kind: ``"states"``: of one unknown the residual, of two the phase plane, of more the projection on the two
            principal axes of the fixed points; ``"eigenvalues"``: all eigenvalues, next to the edge of stability.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: another kind.
    """
    if kind not in _KINDS:
        raise InputError(f'kind: "states" or "eigenvalues" is needed, got {kind!r}')
    axes = new_axes(ax)
    draw = _eigenvalues if kind == "eigenvalues" else {1: _line, 2: _plane}.get(found.system.size, _projection)
    draw(axes, found)
    axes.grid(visible=True, alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, fontsize="small", frameon=False)
    return axes


def _character(point: VectorFixedPoint) -> str:
    """Stable, saddle, unstable in all directions, or undecided."""
    directions = point.unstable_directions
    if point.stability == UNSTABLE:
        return UNSTABLE if directions == point.system.size else _SADDLE
    return point.stability


def _mark(axes: Any, found: VectorFixedPoints, places: Array) -> None:
    """(P, 2) places of the fixed points, marked by their stability."""
    kinds = [_character(point) for point in found]
    for kind, style in _MARKERS.items():
        chosen = places[[own == kind for own in kinds]]
        if len(chosen):
            label = f"{_WORDS.get(kind, kind)} ({len(chosen)})"
            axes.plot(chosen[:, 0], chosen[:, 1], linestyle="", label=label, zorder=4, **style)


def _names(system: VectorSystem) -> list[str]:
    """The entries of all states as formulas."""
    names = []
    for state, size in zip(system.states, system.sizes, strict=True):
        alone = system.model.is_scalar or size == 1
        names += [latex(state) if alone else rf"{latex(state)}_{{{i + 1}}}" for i in range(size)]
    return names


def _limits(found: VectorFixedPoints) -> tuple[Array, Array]:
    """The ends of the picture: around the fixed points and the slow points, and what of the region is not far away."""
    points = [point.stacked for point in found] + [_stacked(found, slow.value) for slow in found.slow_points]
    region = found.region
    if not points:
        finite = region is not None and region.is_finite
        ends = (region.low[:, 0], region.high[:, 0]) if region is not None and finite else (-1.0, 1.0)
        low, high = (np.broadcast_to(end, found.system.size).astype(np.float64) for end in ends)
    else:
        low, high = np.min(points, axis=0), np.max(points, axis=0)
    scale = 1 + float(np.abs(high).max())
    widest = float((high - low).max())
    spread = np.maximum(high - low, 0.1 * widest if widest > 0.01 * scale else scale)  # a single point has no spread
    middle = (low + high) / 2
    half = np.maximum(spread / 2 * (1 + 2 * _MARGIN), 0.35 * float(spread.max()))
    return middle - half, middle + half


def _stacked(found: VectorFixedPoints, value: Any) -> Array:
    return np.concatenate([np.atleast_1d(value[str(state)]) for state in found.system.states])


def _line(axes: Any, found: VectorFixedPoints) -> None:
    low, high = _limits(found)
    xs = np.linspace(low[0], high[0], 601)
    axes.plot(xs, found.system.residuals(xs[:, None])[:, 0], color="black", linewidth=1.4)
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    _mark(axes, found, np.array([[point.stacked[0], 0.0] for point in found]).reshape(-1, 2))
    (name,) = _names(found.system)
    axes.set_xlabel(f"state ${name}$")
    axes.set_ylabel(_change(found.system, name))
    axes.set_title(f"{found.system.name}: fixed points")


def _change(system: VectorSystem, name: str) -> str:
    return rf"change in one step $F({name}) - {name}$" if system.is_map else rf"rate $d{name}/dt$"


def _plane(axes: Any, found: VectorFixedPoints) -> None:
    """Both nullclines and the direction of the change."""
    low, high = _limits(found)
    system, names = found.system, _names(found.system)
    xs, ys = (np.linspace(low[i], high[i], _GRID) for i in range(2))
    changes = _on_grid(system, xs, ys)
    for i, (style, color) in enumerate((("solid", "black"), ("dashed", "0.35"))):
        if changes[i].min() < 0 < changes[i].max():
            axes.contour(xs, ys, changes[i], levels=[0.0], colors=color, linestyles=style, linewidths=1.3)
        own = names[i]
        label = rf"${own}$ does not change" if system.is_map else rf"$d{own}/dt = 0$"
        axes.plot([], [], color=color, linestyle=style, linewidth=1.3, label=label)
    _arrows(axes, system, low, high)
    _mark(axes, found, np.array([point.stacked for point in found]).reshape(-1, 2))
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.set_xlabel(f"state ${names[0]}$")
    axes.set_ylabel(f"state ${names[1]}$")
    axes.set_title(f"{system.name}: phase plane")


def _on_grid(system: VectorSystem, xs: Array, ys: Array) -> Array:
    """(2, Y, X) the change of both entries."""
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return np.nan_to_num(system.residuals(grid)).T.reshape(2, len(ys), len(xs))


def _arrows(axes: Any, system: VectorSystem, low: Array, high: Array) -> None:
    """The direction in which a state moves, all arrows of one length."""
    xs, ys = (np.linspace(low[i], high[i], _ARROWS + 2)[1:-1] for i in range(2))
    change = _on_grid(system, xs, ys) / (high - low)[:, None, None]
    length = np.hypot(*change)
    change = change / np.where(length > 0, length, 1.0)
    axes.quiver(xs, ys, change[0], change[1], color="0.72", angles="uv", scale=32, width=0.0028, zorder=1)


def _projection(axes: Any, found: VectorFixedPoints) -> None:
    """Fixed points and slow points on the two axes along which the fixed points vary most."""
    points = np.array([point.stacked for point in found]).reshape(-1, found.system.size)
    slow = np.array([_stacked(found, s.value) for s in found.slow_points]).reshape(-1, found.system.size)
    cloud = points if len(points) > 2 else np.concatenate([points, slow])
    if not len(cloud):
        cloud = np.zeros((1, found.system.size))
    middle = cloud.mean(axis=0)
    axes_found = np.linalg.svd(cloud - middle, full_matrices=True)[2][:2]
    if len(slow):
        placed = (slow - middle) @ axes_found.T
        axes.plot(*placed.T, "+", color="0.5", markersize=6, label=f"slow, approximate ({len(slow)})")
    _mark(axes, found, (points - middle) @ axes_found.T)
    axes.set_xlabel("first principal axis of the fixed points")
    axes.set_ylabel("second principal axis")
    axes.set_title(f"{found.system.name}: fixed points, {found.system.size} unknowns")
    axes.margins(0.1)


def _eigenvalues(axes: Any, found: VectorFixedPoints) -> None:
    """Eigenvalues of all fixed points, by the stability of the point, with the unit circle or the imaginary axis."""
    if found.system.is_map:
        angles = np.linspace(0, 2 * np.pi, 361)
        axes.plot(np.cos(angles), np.sin(angles), color="black", linewidth=1.0, label="unit circle")
        axes.set_aspect("equal", adjustable="datalim")
    else:
        axes.axvline(0.0, color="black", linewidth=1.0, label="edge of stability")
    for kind, style in _MARKERS.items():
        own = [point for point in found if _character(point) == kind]
        values = np.array([complex(value.mid()) for point in own for value in point.eigenvalues])
        if len(values):
            small = {**style, "markersize": 5}
            label = f"of {_WORDS.get(kind, kind)} points"
            axes.plot(values.real, values.imag, linestyle="", label=label, zorder=3, alpha=0.8, **small)
    axes.set_xlabel(r"$\mathrm{Re}\,\lambda$")
    axes.set_ylabel(r"$\mathrm{Im}\,\lambda$")
    axes.set_title(f"{found.system.name}: eigenvalues at the fixed points")
