"""Bounds along one trajectory in print: the norms of products of Jacobians from both sides, against their length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.product import BoundSeries, product_bound
from symgrad.errors import SymgradError
from symgrad.numerics.trajectory_bound import TrajectoryBound
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.titles import literal

__all__ = ["plot_trajectory_bound"]

Array = NDArray[np.float64]

_WIDTHS = (10, 18, 18, 14)
_HEADER = ("k", "at least", "at most", "a step")
_COLOUR, _GENERAL = "#0072B2", "#E69F00"
_PLAIN_DECADES = 250  # beyond, float64 has no numbers to put on a logarithmic axis


@text.register
def _(value: CertifiedNorm) -> str:
    return f"[{power_text(value.lower.log10, 6, DOWN)}, {power_text(value.upper.log10, 6, UP)}]"


@latex.register
def _(value: CertifiedNorm) -> str:
    low, high = power_latex(value.lower.log10, 6, DOWN), power_latex(value.upper.log10, 6, UP)
    return rf"\left[{low}, {high}\right]"


@to_dict.register
def _(value: CertifiedNorm) -> dict[str, Any]:
    return {
        "kind": "certified norm",
        "lower": number(value.lower),
        "upper": number(value.upper),
        "log10_lower": number(value.lower.log10),
        "log10_upper": number(value.upper.log10),
    }


def _shown(bound: TrajectoryBound) -> list[int]:
    """The numbers of factors worth a row: 1, 2, 5, 10, ... and all of them."""
    series = (base * 10**power for power in range(len(str(bound.steps))) for base in (1, 2, 5))
    return sorted({k for k in series if k <= bound.steps} | {bound.steps})


def _cells(bound: TrajectoryBound, k: int, power: Any) -> tuple[str, str, str, str]:
    value, log10 = bound.at(k), bound.at(k).upper.log10
    step = float(np.nextafter(log10 / k, np.inf)) if np.isfinite(log10) else log10
    return str(k), power(value.lower.log10, 6, DOWN), power(log10, 6, UP), power(step, rounding=UP)


@text.register
def _(bound: TrajectoryBound) -> str:
    around = " and every one within the radius" if bound.has_radius else ""
    head = (
        f"||J[T]*J[T-1]*...*J[T-k+1]||_{bound.norm} of {bound.model.name} along one trajectory of T = {bound.steps} "
        f"steps{around}, certified"
    )
    rows = [_cells(bound, k, power_text) for k in _shown(bound)]
    return f"{head}\n{column_table(_HEADER, rows, _WIDTHS)}"


@latex.register
def _(bound: TrajectoryBound) -> str:
    rows, last = [], rf"J_{{{bound.steps}}}"
    for k in _shown(bound):
        _, low, high, _ = _cells(bound, k, power_latex)
        factors = last if k == 1 else rf"{last} \cdots J_{{{bound.steps - k + 1}}}"
        product = rf"\left\lVert {factors}\right\rVert_{{{bound.norm.latex}}}"
        rows.append(rf"{k} & {low} & \le & {product} & \le & {high}")
    body = " \\\\\n".join(rows)
    return f"\\begin{{array}}{{rrcccl}}\n\\hline\nk &&&&& \\\\\n\\hline\n{body} \\\\\n\\hline\n\\end{{array}}"


@to_dict.register
def _(bound: TrajectoryBound) -> dict[str, Any]:
    return {
        "kind": "trajectory bound",
        "model": bound.model.name,
        "norm": str(bound.norm),
        "steps": bound.steps,
        "within_radius": bound.has_radius,
        "bits": bound.bits,
        "rate": number(bound.rate),
        "log10_growth": number(bound.growth.log10),
        "gammas": [number(gamma) for gamma in bound.gammas],
        "norms_from_end": [{"k": k, **to_dict(value)} for k, value in enumerate(bound.norms_from_end, 1)],
    }


@plot.register
def plot_trajectory_bound(bound: TrajectoryBound, *, general: bool = True, ax: Any = None) -> Any:
    """The certified norms of products of the last k Jacobians against k, with what holds for every sequence.

    Args:
        bound: along one trajectory.
        general: whether to draw the closed-form bound for all sequences too, where there is one.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes, ks = new_axes(ax), np.arange(1, bound.steps + 1)
    curves = {"at most": _logs(bound, "upper"), "at least": _logs(bound, "lower")}
    closed = _closed_form(bound) if general else None
    if closed is not None:
        curves["bound for all sequences"] = closed
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
    plain = bool(finite.size == 0 or np.abs(finite).max() < _PLAIN_DECADES)
    styles = {"at most": ("-", _COLOUR, 2.0), "at least": (":", _COLOUR, 2.0)}
    for name, curve in curves.items():
        line, colour, width = styles.get(name, ("--", _GENERAL, 1.5))
        visible = np.where(np.isfinite(curve), curve, np.nan)
        label = f"this sequence: {name}" if name in styles else name
        axes.plot(ks, 10.0**visible if plain else visible, line, color=colour, linewidth=width, label=label)
    size = rf"\Vert J_T \cdots J_{{T-k+1}} \Vert_{{{bound.norm.latex}}}"
    axes.set_xlabel("number of factors $k$")
    axes.set_ylabel(f"${size}$" if plain else rf"$\log_{{10}} {size}$")
    axes.set_title(f"{literal(bound.model.name)}, T = {bound.steps}")
    if plain:
        axes.set_yscale("log")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    return axes


def _logs(bound: TrajectoryBound, side: str) -> Array:
    return np.array([getattr(value, side).log10 for value in bound.norms_from_end])


def _closed_form(bound: TrajectoryBound) -> Array | None:
    """The decimal logarithms of the bound by norms of weights; None where there is no such bound."""
    try:
        series = BoundSeries(product_bound(bound.model, norm=bound.norm.p), bound.linearised.course.sequence.weights)
        return np.array([series.at(k).log10 for k in range(1, bound.steps + 1)])
    except SymgradError:
        return None
