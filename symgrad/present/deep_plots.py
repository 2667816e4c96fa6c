"""Gradients over the layers of a network as curves of decimal logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.deep_results import DeepDiagnosis
from symgrad.present.plots import new_axes
from symgrad.present.titles import literal

__all__ = ["draw_deep_diagnosis"]

Array = NDArray[np.float64]

# Colours that Okabe and Ito (2008) chose to be told apart with every kind of colour vision; lines and marks differ too.
_LOSS, _PRODUCT, _UPPER, _LOWER, _PREDICTED = "#0072B2", "#CC79A7", "#D55E00", "#009E73", "#000000"
_MARKS = 9  # on each curve
_ROOM = 0.6  # of the span of what was measured, above and below, within which bounds are drawn
_LEAST_ROOM = 3.0  # decades


def draw_deep_diagnosis(found: DeepDiagnosis, ax: Any) -> Any:
    """All curves of a diagnosis, each with its own line and marks."""
    axes = new_axes(ax)
    places = np.arange(found.depth + 1, dtype=np.float64)
    loss = found.measured.log10_loss
    band = np.quantile(np.where(np.isfinite(loss), loss, np.nan), [0.25, 0.75], axis=0)
    axes.fill_between(places, band[0], band[1], color=_LOSS, alpha=0.25, linewidth=0)
    curves = (
        (found.measured.typical_loss, "-", "", _LOSS, r"$\Vert\partial\mathcal{L}/\partial x_l\Vert$, measured"),
        (found.log10_predicted, ":", "x", _PREDICTED, r"$\Vert\partial\mathcal{L}/\partial x_l\Vert$, mean field"),
        (found.measured.typical_products, "-.", "o", _PRODUCT, r"$\Vert\partial x_L/\partial x_l\Vert$, measured"),
        (found.bound.log10_upper, "--", "v", _UPPER, r"$\Vert\partial x_L/\partial x_l\Vert$, at most (proved)"),
        (
            found.bound.log10_lower,
            (0, (5, 1, 1, 1, 1, 1)),
            "^",
            _LOWER,
            r"$\Vert\partial x_L/\partial x_l\Vert$, at least (proved)",
        ),
    )
    for logs, line, mark, colour, label in curves:
        _curve(axes, places, logs, line, mark, colour, label)
    _enclosed(axes, found, places)
    _limits(axes, found)
    axes.set_xlim(0, found.depth)
    axes.set_xlabel("layer $l$ (0: input)")
    axes.set_ylabel("norm of the gradient")
    axes.yaxis.set_major_formatter(lambda log10, _: f"$10^{{{log10:g}}}$")
    axes.set_title(literal(f"{found.name}: {found.outcome.value} ({found.verdict.value})"))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize="small", frameon=False)
    return axes


def _curve(axes: Any, places: Array, logs: Array, line: Any, mark: str, colour: str, label: str) -> None:
    visible = np.where(np.isfinite(logs), logs, np.nan)
    if np.isfinite(visible).sum() < 2:  # no curve; a norm is 1 at the output whatever the network
        return
    every = max(1, len(places) // _MARKS)
    options = {"marker": mark, "markevery": every, "fillstyle": "none", "markersize": 5.0} if mark else {}
    axes.plot(places, visible, linestyle=line, color=colour, linewidth=1.5, label=label, **options)


def _enclosed(axes: Any, found: DeepDiagnosis, places: Array) -> None:
    norms = [item.products for item in found.enclosures if item.products is not None]
    if not norms:
        return
    every = max(1, len(places) // _MARKS)
    heights = np.array([norm.upper.log10 for norm in norms[0]])[::every]
    shown = np.isfinite(heights)
    label = r"$\Vert\partial x_L/\partial x_l\Vert$, first input, enclosed"
    axes.plot(places[::every][shown], heights[shown], "s", color="0.25", fillstyle="none", markersize=8, label=label)


def _limits(axes: Any, found: DeepDiagnosis) -> None:
    """Room around what was measured; bounds that lead far away leave the picture."""
    seen = np.concatenate([found.measured.typical_loss, found.measured.typical_products])
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return
    room = max(_LEAST_ROOM, _ROOM * float(np.ptp(seen)))
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, float(seen.min()) - room), min(top, float(seen.max()) + room))
