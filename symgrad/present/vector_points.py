"""Fixed points of several unknowns in print: where they are, their eigenvalues, and what is proved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flint import acb, arb

from symgrad.dynamics.vector_results import COMPLETE, SlowPoint, VectorFixedPoint, VectorFixedPoints
from symgrad.present.data import number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.scalars import phrase
from symgrad.rigor.balls import lower_float, upper_float
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["growth_words"]

_SHOWN = 4  # entries of a state that are printed
_WIDTHS = (4, 64, 24, 10, 12, 20)
_MOST_ROWS = 40


def growth_words(found: VectorFixedPoint | VectorFixedPoints) -> str:
    """What decides on stability: the spectral radius of a map, the largest real part of a flow."""
    return "max Re(lambda)" if not found.system.is_map else "max |lambda|"


def _entries(value: Any) -> str:
    flat = np.atleast_1d(value)
    kept = flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1]
    shown = ", ".join(f"{entry:.6g}" for entry in kept)
    shown = shown if len(flat) <= _SHOWN else f"{shown}, ... {len(flat)} entries"
    return shown if np.ndim(value) == 0 else f"({shown})"


def _state(value: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} = {_entries(part)}" for name, part in value.items())


def _directions(point: VectorFixedPoint) -> str:
    count = point.unstable_directions
    return "?" if count is None else str(count)


def _row(place: int, point: VectorFixedPoint) -> list[str]:
    growth = f"{float(point.growth.mid()):.6g}"
    return [str(place), _state(point.value), growth, point.stability, point.status, _directions(point)]


def _summary(found: VectorFixedPoints) -> str:
    count = "1 fixed point" if len(found) == 1 else f"{len(found)} fixed points"
    if found.complete:
        return f"{count} of {found.system.name}, proved to be all{_place(found)}"
    if found.search == COMPLETE:
        boxes = "1 box" if len(found.undecided) == 1 else f"{len(found.undecided)} boxes"
        return f"{count} of {found.system.name} proved; all others lie in {boxes} that could not be decided"
    return f"{count} of {found.system.name} proved to exist, found from {found.boxes} starts; there may be others"


def _place(found: VectorFixedPoints) -> str:
    if found.box is None:
        return ""
    return f" in {_box(found.box)}" if found.system.size <= _SHOWN else " in the given box"


def _box(box: Intervals) -> str:
    pairs = zip(box.low[:, 0].tolist(), box.high[:, 0].tolist(), strict=True)
    return " x ".join(f"[{_end(low)}, {_end(high)}]" for low, high in pairs)


def _end(value: float) -> str:
    """Few digits where they are as good as all."""
    short = f"{value:.6g}"
    return short if not np.isfinite(value) or abs(float(short) - value) <= 1e-14 * abs(value) else repr(value)


def _notes(found: VectorFixedPoints) -> list[str]:
    notes = [f"undecided: {_box(box)}" for box in found.undecided[:_SHOWN] if found.system.size <= _SHOWN]
    if len(found) > _MOST_ROWS:
        notes.append(f"{len(found) - _MOST_ROWS} more not shown")
    if found.slow_points:
        slowest = found.slow_points[0].speed
        count = len(found.slow_points)
        notes.append(f"slow points, approximate: {count}, the slowest with |r|^2/2 about {slowest:.3g}")
    return notes


@text.register
def _(found: VectorFixedPoints) -> str:
    lines = [_summary(found)]
    if len(found):
        header = ["", "state", growth_words(found), "stability", "status", "unstable directions"]
        rows = [_row(place, point) for place, point in enumerate(found.points[:_MOST_ROWS], 1)]
        lines.append(column_table(header, rows, _WIDTHS))
    return "\n".join([*lines, *_notes(found)])


@text.register
def _(point: VectorFixedPoint) -> str:
    values = ", ".join(_complex(value) for value in point.eigenvalues[:_SHOWN])
    more = ", ..." if len(point.eigenvalues) > _SHOWN else ""
    return (
        f"{_state(point.value)}: {point.stability}, {point.status}\n"
        f"{growth_words(point)} = {float(point.growth.mid()):.6g}; eigenvalues {values}{more}"
    )


@text.register
def _(point: SlowPoint) -> str:
    return f"{_state(point.value)}: slow, |r|^2/2 about {point.speed:.3g}"


def _complex(value: acb) -> str:
    middle = complex(value.mid())
    if value.imag.contains(0):
        return f"{middle.real:.6g}"
    return f"{middle.real:.6g} {'+' if middle.imag > 0 else '-'} {abs(middle.imag):.6g}i"


@latex.register
def _(found: VectorFixedPoints) -> str:
    lines = [phrase(_summary(found))]
    if len(found):
        size = r"\max \operatorname{Re} \lambda" if found.is_flow else r"\max \left|\lambda\right|"
        names = [r"x^{*}", size, phrase("stability"), phrase("unstable directions")]
        rows = [" & ".join(names) + r" \\ \hline"]
        rows += [_latex_row(point) + r" \\" for point in found.points[:_MOST_ROWS]]
        lines.append("\\begin{array}{cccc}\n" + "\n".join(rows) + "\n\\end{array}")
    lines += map(phrase, _notes(found))
    return "\\begin{gathered}\n" + " \\\\\n".join(lines) + "\n\\end{gathered}"


def _latex_row(point: VectorFixedPoint) -> str:
    growth = _latex_number(float(point.growth.mid()))
    return " & ".join([_latex_state(point), growth, phrase(point.stability), phrase(_directions(point))])


def _latex_state(point: VectorFixedPoint) -> str:
    parts = []
    for state, balls in point.system.split(point.column).items():
        entries = [_latex_number(float(ball.mid())) for ball in balls[:_SHOWN]]
        entries += [r"\ldots"] if len(balls) > _SHOWN else []
        vector = ",\\, ".join(entries)
        vector = vector if point.system.model.is_scalar else rf"\left({vector}\right)^{{T}}"
        parts.append(rf"{latex(state)} = {vector}")
    return r",\; ".join(parts)


def _latex_number(value: float) -> str:
    digits, mark, power = f"{value:.6g}".partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if mark else digits


@latex.register
def _(point: VectorFixedPoint) -> str:
    return rf"{_latex_state(point)} \quad {phrase(point.stability)}"


@latex.register
def _(point: SlowPoint) -> str:
    size = _latex_number(point.speed)
    return rf"\tfrac{{1}}{{2}} \left\lVert r(x)\right\rVert^{{2}} \approx {size}"


def _ends(ball: arb) -> list[float | str]:
    return [number(lower_float(ball)), number(upper_float(ball))]


def _floats(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(part).tolist() for name, part in value.items()}


@to_dict.register
def _(found: VectorFixedPoints) -> dict[str, Any]:
    return {
        "kind": "vector fixed points",
        "model": found.system.name,
        "system": found.system.kind,
        "search": found.search,
        "complete": found.complete,
        "box": None if found.box is None else _box_data(found.box),
        "points": [to_dict(point) for point in found],
        "undecided": [_box_data(box) for box in found.undecided],
        "slow_points": [to_dict(point) for point in found.slow_points],
    }


def _box_data(box: Intervals) -> list[list[float | str]]:
    pairs = zip(box.low[:, 0].tolist(), box.high[:, 0].tolist(), strict=True)
    return [[number(low), number(high)] for low, high in pairs]


@to_dict.register
def _(point: VectorFixedPoint) -> dict[str, Any]:
    return {
        "kind": "vector fixed point",
        "value": _floats(point.value),
        "enclosure": {name: [_ends(ball) for ball in balls] for name, balls in point.states.items()},
        "eigenvalues": [{"real": _ends(value.real), "imag": _ends(value.imag)} for value in point.eigenvalues],
        "growth": _ends(point.growth),
        "stability": point.stability,
        "status": point.status,
        "unstable_directions": point.unstable_directions,
    }


@to_dict.register
def _(point: SlowPoint) -> dict[str, Any]:
    return {"kind": "slow point", "value": _floats(point.value), "speed": point.speed}
