"""What every method proves, side by side with the growth of simulated trajectories: a table and a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.numerics.comparison import BoundComparison, ComparedBound
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.scalars import phrase

__all__ = ["plot_comparison"]

Array = NDArray[np.float64]
Power = Callable[..., str]

_DELTA = 1e-3  # for which the table tells how far back a gradient of that size may reach
_LABEL_WIDTH, _NUMBER_WIDTH = 28, 16
_LABELS = {"upper": "upper bound", "lower": "lower bound"}
_OBSERVED = {"upper": "largest norm observed", "lower": "least modulus observed"}
_PLAIN_DECADES = 250  # beyond, float64 has no numbers to put on a logarithmic axis
# Okabe and Ito (2008): told apart with every kind of colour vision
_COLOURS = {"norm": "#000000", "range": "#0072B2", "perron": "#009E73", "diagonal": "#CC79A7", "quadratic": "#D55E00"}
_SEEN = "#E69F00"


def _columns(found: BoundComparison) -> list[int]:
    """The numbers of factors that have a column."""
    return sorted({k for k in (1, 10, 100, 1000) if k <= found.horizon} | {found.horizon})


def _header(found: BoundComparison) -> list[str]:
    steps = [f"k = {k}" for k in _columns(found)]
    return ["method", "a step", *steps, f"{_DELTA:g} at k ="]


def _rows(found: BoundComparison, power: Power) -> list[list[str]]:
    """The bounds from above, what was observed, the bounds from below."""
    ks = _columns(found)
    rows = [_row(item, ks, power) for item in found.upper.values()]
    for side, logs in (("upper", found.log10_largest), ("lower", found.log10_smallest)):
        cells = ["none" if math.isnan(logs[k - 1]) else power(logs[k - 1]) for k in ks]
        rows.append([_OBSERVED[side], "", *cells, ""])
    return rows + [_row(item, ks, power) for item in found.lower.values()]


def _row(item: ComparedBound, ks: list[int], power: Power) -> list[str]:
    rounding = UP if item.side == "upper" else DOWN
    values = [power(float(item.log10[k - 1]), rounding=rounding) for k in ks]
    return [f"{_LABELS[item.side]}: {item.method}", _rate(item, power, rounding), *values, _settled(item)]


def _rate(item: ComparedBound, power: Power, rounding: str) -> str:
    if item.rate is None:
        return ""
    logs = math.log10(item.rate) if item.rate > 0 else -math.inf
    away = math.inf if rounding == UP else -math.inf
    return power(math.nextafter(logs, away) if math.isfinite(logs) and logs else logs, 4, rounding)


def _settled(item: ComparedBound) -> str:
    steps = item.horizon(_DELTA)
    return str(steps) if steps is not None else {"upper": "never", "lower": "for ever"}[item.side]


def _closest(found: BoundComparison) -> list[str]:
    """Which method is closest for which numbers of factors, one line for each side."""
    lines = []
    for side, names in (("above", found.winners), ("below", found.lower_winners)):
        parts, start = [], 1
        for name, group in groupby(names):
            end = start + len(list(group)) - 1
            parts.append(f"{name} for k = {start}" + (f" to {end}" if end > start else ""))
            start = end + 1
        if names[0] is not None:
            lines.append(f"closest from {side}: {', '.join(parts)}")
    return lines


def _absent(found: BoundComparison) -> list[str]:
    """Why methods give no bound: those of the same reason on one line."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for (side, method), reason in found.missing.items():
        reasons.setdefault((side, reason), []).append(method)
    return [f"no {_LABELS[side]} by {', '.join(names)}: {reason}" for (side, reason), names in reasons.items()]


def _setting(found: BoundComparison) -> str:
    left = f", {found.left_range} left the ranges" if found.left_range else ""
    return f"{found.trajectories} trajectories{left}, seed {found.seed}"


@text.register
def _(found: BoundComparison) -> str:
    head = f"J[t]*J[t-1]*...*J[t-k+1] of {found.model.name}, norm {found.norm}: bounds and {_setting(found)}"
    header = _header(found)
    widths = (_LABEL_WIDTH, *[_NUMBER_WIDTH] * (len(header) - 1))
    table = column_table(header, _rows(found, power_text), widths)
    return "\n".join([head, table, *_closest(found), *_absent(found)])


@latex.register
def _(found: BoundComparison) -> str:
    names = [phrase(name) if not name.startswith("k =") else name for name in _header(found)]
    rows = [" & ".join(_latex_cells(row)) for row in _rows(found, power_latex)]
    upper = len(found.upper)
    parts = [rows[:upper], rows[upper : upper + 2], rows[upper + 2 :]]
    body = "\n\\midrule\n".join(" \\\\\n".join(part) + " \\\\" for part in parts if part)
    head = f"\\toprule\n{' & '.join(names)} \\\\\n\\midrule"
    return f"\\begin{{array}}{{l{'r' * (len(names) - 1)}}}\n{head}\n{body}\n\\bottomrule\n\\end{{array}}"


def _latex_cells(row: list[str]) -> list[str]:
    first, *others = row
    return [phrase(first), *(phrase(cell) if cell[:1].isalpha() else cell for cell in others)]


@to_dict.register
def _(found: BoundComparison) -> dict[str, Any]:
    return {
        "kind": "bound comparison",
        "model": found.model.name,
        "norm": str(found.norm),
        "horizon": found.horizon,
        "upper": {name: to_dict(item) for name, item in found.upper.items()},
        "lower": {name: to_dict(item) for name, item in found.lower.items()},
        "missing": [
            {"side": side, "method": method, "reason": reason} for (side, method), reason in found.missing.items()
        ],
        "winners": list(found.winners),
        "lower_winners": list(found.lower_winners),
        "log10_largest": [number(value) for value in found.log10_largest],
        "log10_smallest": [number(value) for value in found.log10_smallest],
        "trajectories": found.trajectories,
        "left_range": found.left_range,
        "seed": found.seed,
    }


@text.register
def _(item: ComparedBound) -> str:
    power, last = power_text, len(item.log10)
    rounding = UP if item.side == "upper" else DOWN
    value = power(float(item.log10[-1]), rounding=rounding)
    step = _rate(item, power, rounding)
    return f"{_LABELS[item.side]} by {item.method}: {value} at k = {last}" + (f", {step} a step" if step else "")


@latex.register
def _(item: ComparedBound) -> str:
    return latex(item.bound)


@to_dict.register
def _(item: ComparedBound) -> dict[str, Any]:
    return {
        "kind": "compared bound",
        "method": item.method,
        "side": item.side,
        "rate": None if item.rate is None else number(item.rate),
        "horizon": item.horizon(_DELTA),
        "delta": _DELTA,
        "log10": [number(value) for value in item.log10],
    }


@plot.register
def plot_comparison(found: BoundComparison, *, ax: Any = None) -> Any:
    """All bounds and the observed growth against k: from above solid, from below dotted.

    The least moduli observed are drawn where there is a bound from below to hold them against.

    Args:
        found: the comparison.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Nothing is shown and no setting of matplotlib is changed.

    Raises:
        InputError: ``ax`` is something else than axes, or has curves on another scale.
    """
    axes, curves = new_axes(ax), _curves(found)
    finite = np.concatenate([logs[np.isfinite(logs)] for logs, _ in curves] or [np.zeros(0)])
    plain = bool(finite.size == 0 or np.abs(finite).max() < _PLAIN_DECADES)
    if axes.get_lines() and plain != (axes.get_yscale() == "log"):
        raise InputError("ax: the curves there are of another scale (numbers or their logarithms), use other axes")
    for logs, style in curves:
        visible = np.where(np.isfinite(logs), logs, np.nan)
        axes.plot(found.ks, 10.0**visible if plain else visible, **style)
    size = rf"\Vert J_t \cdots J_{{t-k+1}} \Vert_{{{found.norm.latex}}}"
    axes.set_xlabel("number of factors $k$")
    axes.set_ylabel(f"${size}$" if plain else rf"$\log_{{10}} {size}$")
    axes.set_title(found.model.name)
    if plain:
        axes.set_yscale("log")
    _in_view(axes, found, plain)
    axes.set_xlim(0, found.horizon + 1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small")
    return axes


def _in_view(axes: Any, found: BoundComparison, plain: bool) -> None:
    """Bounds from above and the largest norms fill the axes; what lies hundreds of decades below leaves them."""
    above = [item.log10 for item in found.upper.values()] + [found.log10_largest]
    logs = np.concatenate(above)
    logs = logs[np.isfinite(logs)]
    if logs.size:
        low, high = float(logs.min()), float(logs.max())
        span = max(high - low, 1.0)
        bottom, top = axes.get_ylim()
        least = low - 0.5 * span - 1.0
        if (math.log10(bottom) if plain else bottom) < least:
            axes.set_ylim(10.0**least if plain else least, top)


def _curves(found: BoundComparison) -> list[tuple[Array, dict[str, Any]]]:
    """Decimal logarithms and the style of each curve; what is zero or infinite all along is left out."""
    curves: list[tuple[Array, dict[str, Any]]] = []
    for items, line in ((found.upper, "-"), (found.lower, ":")):
        for name, item in items.items():
            width = 3.5 if name == "norm" else 1.8  # the range of slopes often changes nothing: both are to be seen
            label = f"{_LABELS[item.side]}: {name}"
            style = {"color": _COLOURS[name], "linestyle": line, "linewidth": width, "label": label}
            curves.append((item.log10, style))
    observed = [(found.log10_largest, _OBSERVED["upper"], "--")]
    observed += [(found.log10_smallest, _OBSERVED["lower"], "-.")] if found.lower else []
    for logs, label, dashes in observed:
        curves.append((logs, {"color": _SEEN, "linestyle": dashes, "linewidth": 1.5, "label": label}))
    return [(logs, style) for logs, style in curves if np.isfinite(logs).any()]
