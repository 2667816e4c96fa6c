"""Pictures of mean-field theory: the phase diagram with depth scales; the others are drawn by a module of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from symgrad.errors import InputError
from symgrad.meanfield.deep_network import MeanField
from symgrad.present.dispatch import plot
from symgrad.present.mean_field_curves import draw_correlations, draw_depth, plot_variance_points
from symgrad.present.mean_field_grid import CriticalCurve, PhaseGrid, critical_curve, phase_grid
from symgrad.present.plots import new_axes
from symgrad.present.titles import activation_title

__all__ = ["plot_mean_field"]

Array = NDArray[np.float64]
_Ends = tuple[float, float]

_KINDS = ("phase", "cobweb", "correlation", "depth")
_EDGE, _REPELLED = "#0072B2", "#D55E00"  # Okabe and Ito (2008)
_LAYERS = (2, 5, 10, 20, 50)
_GRID = 61
_ROOM = 0.04  # of the squares of the grid: smaller regions are not named
_BIASES, _WEIGHTS = (0.0, 0.5), (0.1, 4.0)


@plot.register
def plot_mean_field(
    theory: MeanField,
    kind: str = "phase",
    *,
    sigma_w2: Any = None,
    sigma_b2: Any = None,
    depth: int = 50,
    width: int = 200,
    samples: int = 20,
    seed: int = 0,
    ax: Any = None,
) -> Any:
    """The phase diagram, the variance map, the correlation map, or squared gradients against depth.

    Args:
        theory: the mean-field theory of an activation.
        kind: ``"phase"``: the critical line, and contours of the depth scale ``xi_c`` of correlations in layers;
            ``"cobweb"``: the variance map with its fixed points and paths of some variances; ``"correlation"``: the
            correlation map with its fixed points; ``"depth"``: squared gradients of simulated networks by layer, with
            error bars of two standard errors, beside theory.
        sigma_w2: a number; of the phase diagram a pair of ends, chosen around the critical line unless given.
        sigma_b2: a number; of the phase diagram a pair of ends, 0 and 0.5 unless given.
        depth: of the simulated networks, layers.
        width: of the simulated networks, units of a layer.
        samples: how many networks are simulated.
        seed: of the simulation.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Curves are drawn in floats; marked fixed points are enclosed ones.

    Raises:
        InputError: another kind, no such numbers, or a picture that there is not for this layer.
    """
    if kind not in _KINDS:
        raise InputError(f"kind: {', '.join(map(repr, _KINDS[:-1]))} or {_KINDS[-1]!r} is needed, got {kind!r}")
    if kind == "phase":
        return _phase_diagram(theory, sigma_w2, sigma_b2, ax)
    if sigma_w2 is None or sigma_b2 is None:
        raise InputError(f"sigma_w2, sigma_b2: two numbers are needed for the picture {kind!r}")
    if kind == "cobweb":
        return plot_variance_points(theory.q_star(sigma_w2, sigma_b2), ax=ax)
    if kind == "correlation":
        return draw_correlations(theory, sigma_w2, sigma_b2, ax)
    return draw_depth(theory, sigma_w2, sigma_b2, ax, depth=depth, width=width, samples=samples, seed=seed)


def _phase_diagram(theory: MeanField, sigma_w2: Any, sigma_b2: Any, ax: Any) -> Any:
    if theory.layer.slope is None:
        raise InputError("kind: there is no phase diagram where the activation jumps: chi_1 is infinite; try 'cobweb'")
    curve = critical_curve(theory)
    biases = _ends("sigma_b2", sigma_b2, _BIASES)
    weights = _ends("sigma_w2", sigma_w2, _around(curve, biases))
    gains = np.linspace(max(weights[0], 1e-3 * weights[1]), weights[1], _GRID)
    offsets = biases[0] + (biases[1] - biases[0]) * np.linspace(0.01, 1, _GRID) ** 2  # steep where there are no biases
    grid = phase_grid(theory, gains, offsets)
    axes = new_axes(ax)
    _draw_regions(axes, grid, theory.layer.dropout == 0)
    _draw_scales(axes, grid)
    if curve is not None:
        _draw_curve(axes, curve, weights, biases, theory.layer.dropout == 0)
    axes.set_xlim(*weights)
    axes.set_ylim(*biases)
    axes.set_xlabel(r"variance of the weights $\sigma_w^2$")
    axes.set_ylabel(r"variance of the biases $\sigma_b^2$")
    axes.set_title(
        f"{activation_title(theory.activation)}: phases, and depth scale $\\xi_c$ of correlations in layers",
        fontsize="medium",
    )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", fontsize="small", framealpha=1.0)
    return axes


def _ends(name: str, given: Any, default: _Ends) -> _Ends:
    if given is None:
        return default
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: two numbers are needed for a phase diagram, got {given!r}") from error
    if values.shape != (2,) or not np.isfinite(values).all() or not 0 <= values[0] < values[1]:
        raise InputError(f"{name}: two ends in order, not negative, are needed for a phase diagram, got {given!r}")
    return float(values[0]), float(values[1])


def _around(curve: CriticalCurve | None, biases: _Ends) -> _Ends:
    """Ends between which the critical line lies."""
    if curve is None:
        return _WEIGHTS
    inside = curve.sigma_w2[(curve.sigma_b2 >= biases[0]) & (curve.sigma_b2 <= biases[1])]
    if not inside.size:
        return _WEIGHTS
    high = min(1.4 * float(inside.max()), 5 * float(inside.min()))
    return 0.025 * high, high


def _draw_regions(axes: Any, grid: PhaseGrid, correlated: bool) -> None:
    """The regions by shade and hatching, with their names."""
    above, below, lost = grid.chi > 1, grid.chi <= 1, np.isnan(grid.q)
    words = ("ordered", "chaotic") if correlated else (r"$\chi_1 < 1$", r"$\chi_1 > 1$")
    places = grid.sigma_w2, grid.sigma_b2
    if above.any():
        axes.contourf(*places, above.astype(float), levels=[0.5, 1.5], colors=["0.92"])
    if lost.any():
        drawn = axes.contourf(*places, lost.astype(float), levels=[0.5, 1.5], colors="none", hatches=["//"])
        drawn.set_edgecolor("0.6")
        drawn.set_linewidth(0.0)
    for region, name in ((below, words[0]), (above, words[1]), (lost, "variance\ndiverges")):
        _name(axes, grid, region, name)


def _name(axes: Any, grid: PhaseGrid, region: NDArray[np.bool_], name: str) -> None:
    """The name of a region in its middle, if there is room for it."""
    if region.mean() < _ROOM:
        return
    even = np.linspace(grid.sigma_b2[0], grid.sigma_b2[-1], _GRID)
    nearest = np.abs(grid.sigma_b2[None, :] - even[:, None]).argmin(axis=1)
    room = distance_transform_edt(np.pad(region[nearest], 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(room.argmax()), room.shape)
    box = {"facecolor": "white", "edgecolor": "0.5", "pad": 2.5, "linewidth": 0.5}
    where = grid.sigma_w2[column], even[row]
    axes.text(*where, name, ha="center", va="center", fontsize="small", style="italic", bbox=box, zorder=6)


def _draw_scales(axes: Any, grid: PhaseGrid) -> None:
    """Contours of the depth scale, dashed in the chaotic phase."""
    rates = np.ma.masked_invalid(grid.rate)
    for sign, style in ((1, "-"), (-1, "--")):
        levels = {sign / layers: str(layers) for layers in _LAYERS}
        shown = [level for level in sorted(levels) if rates.count() and rates.min() < level < rates.max()]
        if shown:
            lines = axes.contour(
                grid.sigma_w2, grid.sigma_b2, rates, levels=shown, colors="0.35", linewidths=0.9, linestyles=style
            )
            axes.clabel(lines, fmt=levels, fontsize=8, manual=_label_places(lines))


def _label_places(lines: Any) -> list[tuple[float, float]]:
    """One place for each contour, on its longest part, further along from contour to contour."""
    places = []
    for number, parts in enumerate(lines.allsegs):
        longest = max(parts, key=lambda part: float(np.abs(np.diff(part, axis=0)).sum()), default=np.zeros((0, 2)))
        if len(longest) > 2:
            places.append(tuple(longest[int((0.35 + 0.08 * (number % 5)) * (len(longest) - 1))]))
    return places


def _draw_curve(axes: Any, curve: CriticalCurve, weights: _Ends, biases: _Ends, correlated: bool) -> None:
    """The critical line: solid where the variance is attracted, dashed where it is repelled."""
    name = "edge of chaos" if correlated else r"$\chi_1 = 1$: gradients keep their size"
    if curve.kept:
        if biases[0] == 0:
            label = f"{name}, every variance is kept"
            axes.plot(curve.sigma_w2[:1], [0.0], "D", color=_EDGE, clip_on=False, zorder=7, label=label)
        return
    near = (curve.sigma_w2 <= 1.2 * weights[1]) & (curve.sigma_b2 >= 0) & (curve.sigma_b2 <= 1.2 * biases[1])
    repelled = r"$\chi_1 = 1$ at a repelling $q^*$: no edge"
    for chosen, style, label in (
        (curve.attracting, {"linestyle": "-", "color": _EDGE}, name),
        (~curve.attracting, {"linestyle": "-.", "color": _REPELLED}, repelled),
    ):
        visible = near & chosen
        if visible.any():
            places = np.where(visible, curve.sigma_w2, np.nan)
            axes.plot(places, curve.sigma_b2, linewidth=2.2, label=label, zorder=4, **style)
