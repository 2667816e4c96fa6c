"""Sweeps over a parameter in print: where how many fixed points are, and the bifurcation diagram."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from symgrad.dynamics.points import STABLE, UNDECIDED, UNSTABLE, FixedPoint
from symgrad.dynamics.sweep import FixedPointSweep
from symgrad.present.ball_text import ball_data
from symgrad.present.data import interval
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.scalars import phrase

__all__ = ["plot_sweep"]

_STABLE, _UNSTABLE = "#0072B2", "#D55E00"  # Okabe and Ito (2008)
_STYLES: dict[str, dict[str, Any]] = {
    STABLE: {"color": _STABLE, "linestyle": "-", "linewidth": 1.8},
    UNSTABLE: {"color": _UNSTABLE, "linestyle": "--", "linewidth": 1.5},
}
_ORDER = (STABLE, UNSTABLE, UNDECIDED)
_OTHER: dict[str, Any] = {"color": "0.2", "linestyle": "", "marker": "x", "markersize": 5}
_WIDTHS = (40, 12, 40, 60)
_DIGITS = 6


def _header(sweep: FixedPointSweep) -> list[str]:
    return [f"{sweep.parameter}", "fixed points", "stability", f"{sweep.system.state}, from left to right"]


def _rows(sweep: FixedPointSweep, to: str) -> list[list[str]]:
    """One row for each run of values: from where to where, how many fixed points, of which stability, and where."""
    rows = []
    for run in sweep.runs:
        kinds = [point.stability for point in sweep.points[run[0]]]
        places = [[sweep.points[i][k].value for i in run] for k in range(len(kinds))]
        stretch = _stretch([float(sweep.values[i]) for i in run], to)
        rows.append([stretch, str(len(kinds)), ", ".join(kinds), "; ".join(_stretch(states, to) for states in places)])
    return rows


def _stretch(values: list[float], to: str) -> str:
    first, last = (f"{value:.{_DIGITS}g}" for value in (values[0], values[-1]))
    return first if first == last else f"{first} {to} {last}"


def _summary(sweep: FixedPointSweep) -> str:
    proved = int(sweep.complete.sum())
    all_of_them = "proved to be all" if proved == len(sweep) else f"proved to be all for {proved} of them"
    return f"fixed points of {sweep.system.name} for {len(sweep)} values of {sweep.parameter}, {all_of_them}"


def _continua(sweep: FixedPointSweep) -> list[str]:
    found = [(value, parts) for value, parts in zip(sweep.values.tolist(), sweep.continua, strict=True) if parts]
    return [
        f"at {sweep.parameter} = {value:.{_DIGITS}g} every point of {' and '.join(map(str, parts))} is one"
        for value, parts in found
    ]


@text.register
def _(sweep: FixedPointSweep) -> str:
    table = column_table(_header(sweep), _rows(sweep, "to"), _WIDTHS)
    return "\n".join([_summary(sweep), table, *_continua(sweep)])


@latex.register
def _(sweep: FixedPointSweep) -> str:
    names = [latex(sweep.parameter), phrase("fixed points"), phrase("stability"), latex(sweep.system.state)]
    lines = [" & ".join(names), r"\hline"]
    for stretch, count, kinds, places in _rows(sweep, r"\text{ to }"):
        lines.append(" & ".join([_numbers(stretch), count, phrase(kinds), _numbers(places.replace("; ", r";\; "))]))
    body = " \\\\\n".join(line for line in lines if line != r"\hline").replace("\\\\\n", "\\\\ \\hline\n", 1)
    array = f"\\begin{{array}}{{cccl}}\n{body}\n\\end{{array}}"
    rows = [phrase(_summary(sweep)), array, *map(phrase, _continua(sweep))]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


def _numbers(written: str) -> str:
    """Powers of ten as such."""
    words = []
    for word in written.split(" "):
        digits, mark, power = word.partition("e")
        words.append(rf"{digits} \cdot 10^{{{int(power)}}}" if mark and power.lstrip("+-").isdigit() else word)
    return " ".join(words)


@to_dict.register
def _(sweep: FixedPointSweep) -> dict[str, Any]:
    return {
        "kind": "fixed point sweep",
        "model": sweep.system.name,
        "parameter": str(sweep.parameter),
        "state": str(sweep.system.state),
        "box": interval(sweep.box),
        "values": sweep.values.tolist(),
        "counts": sweep.counts.tolist(),
        "complete": sweep.complete.tolist(),
        "points": [[_point(point) for point in points] for points in sweep.points],
        "continua": [[interval(part) for part in parts] for parts in sweep.continua],
    }


def _point(point: FixedPoint) -> dict[str, Any]:
    return {
        "ball": ball_data(point.ball),
        "multiplier": ball_data(point.multiplier),
        "stability": point.stability,
        "status": point.status,
    }


@plot.register
def plot_sweep(sweep: FixedPointSweep, *, ax: Any = None) -> Any:
    """The bifurcation diagram: the fixed points over the parameter, stable ones solid, unstable ones dashed.

    Args:
        sweep: the fixed points.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    labelled: set[str] = set()
    for branch in sorted(sweep.branches, key=lambda branch: _ORDER.index(branch.stability)):
        style = dict(_STYLES.get(branch.stability, _OTHER))
        if len(branch.values) == 1 and branch.stability in _STYLES:
            style |= {"marker": "o" if branch.stability == STABLE else "s", "markersize": 3}
        label = None if branch.stability in labelled else branch.stability
        labelled.add(branch.stability)
        axes.plot(branch.values, branch.states, label=label, **style)
    for first, second in pairwise(sweep.runs):
        _joined(axes, sweep, first[-1], second[0])
    for value, parts in zip(sweep.values.tolist(), sweep.continua, strict=True):
        for part in parts:
            _continuum(axes, value, part)
    axes.set_xlabel(f"parameter ${latex(sweep.parameter)}$")
    axes.set_ylabel(f"fixed points ${latex(sweep.system.state)}^*$")
    axes.set_title(f"{sweep.system.name}: fixed points over ${latex(sweep.parameter)}$")
    axes.grid(visible=True, alpha=0.3)
    if labelled:
        axes.legend()
    return axes


def _joined(axes: Any, sweep: FixedPointSweep, before: int, after: int) -> None:
    """Closes the step between two runs: points that go on are joined, and the two that meet in a fold."""
    left, right = sweep.points[before], sweep.points[after]
    here, there = float(sweep.values[before]), float(sweep.values[after])
    few, many = (left, right) if len(left) < len(right) else (right, left)
    joined = list(zip(few, many, strict=False))
    if len(many) - len(few) == 2:
        k = int(np.argmin(np.diff([point.value for point in many])))
        if len(few) == 1 and min(many, key=lambda point: abs(point.value - few[0].value)) is many[1]:
            joined = [(few[0], point) for point in many]  # a pitchfork
        else:
            joined = list(zip(few, (*many[:k], *many[k + 2 :]), strict=True))
            where = there if many is right else here
            axes.plot([where, where], [many[k].value, many[k + 1].value], **_STYLES[UNSTABLE])
    elif len(many) != len(few):
        return
    ends = (here, there) if few is left else (there, here)
    for first, second in joined:
        stable = STABLE in (first.stability, second.stability)
        axes.plot(ends, [first.value, second.value], **_STYLES[STABLE if stable else UNSTABLE])


def _continuum(axes: Any, value: float, part: Any) -> None:
    """A vertical line, up to the edges of the picture where it has no end."""
    low, high = (float(end) for end in (part.start, part.end))
    bottom, top = axes.get_ylim()
    axes.plot([value, value], [max(low, bottom), min(high, top)], color="0.2", linestyle=":", linewidth=2)
