"""Basins and what happens at their boundaries in print."""

from __future__ import annotations

from typing import Any

from flint import arb

from symgrad.dynamics.basin_parts import CONTINUUM, CYCLE, FIXED_POINT, INFINITY, Attractor, BasinInterval
from symgrad.dynamics.basins import Basins
from symgrad.dynamics.near_boundary import BoundarySensitivity, SensitivityCurve
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.scalars import phrase
from symgrad.present.sensitivities import gathered

__all__: list[str] = []

_DIGITS = 8
_WIDTHS = (44, 60)


def _end_text(end: arb) -> str:
    return ball_text(end, _DIGITS) if end.is_finite() else ("inf" if end > 0 else "-inf")


def _end_latex(end: arb) -> str:
    return ball_latex(end, _DIGITS) if end.is_finite() else (r"\infty" if end > 0 else r"-\infty")


@text.register
def _(item: Attractor) -> str:
    places = [_end_text(point) for point in item.points]
    match item.kind:
        case kind if kind == FIXED_POINT:
            return f"fixed point {places[0]}"
        case kind if kind == CYCLE:
            return f"2-cycle {places[0]} <-> {places[1]}"
        case kind if kind == CONTINUUM:
            return f"every point of [{places[0]}, {places[1]}] stays"
        case kind if kind == INFINITY:
            return f"to {' and '.join(places)}" + (" in turn" if len(places) > 1 else "")
    return item.kind


@latex.register
def _(item: Attractor) -> str:
    places = [_end_latex(point) for point in item.points]
    if len(places) == 2 and item.kind in (CYCLE, INFINITY):
        return rf"\left\{{{places[0]}, {places[1]}\right\}}"
    if item.kind == CONTINUUM:
        return rf"\left[{places[0]}, {places[1]}\right]"
    return places[0] if item.kind in (FIXED_POINT, INFINITY) else phrase(item.kind)


@to_dict.register
def _(item: Attractor) -> dict[str, Any]:
    return {"kind": item.kind, "points": [_end_data(point) for point in item.points]}


def _end_data(end: arb) -> Any:
    return ball_data(end) if end.is_finite() else number(float(end))


def _interval(part: BasinInterval) -> str:
    return f"({_end_text(part.left)}, {_end_text(part.right)})"


@text.register
def _(item: Basins) -> str:
    whole = "these are the whole basins" if item.complete else "what is proved; the basins may be larger"
    head = f"basins of {item.system.name}, by {item.method}: {whole}"
    table = column_table(
        ["starts", "end"], [[_interval(part), text(part.attractor)] for part in item.intervals], _WIDTHS
    )
    edges = ", ".join(ball_text(point.ball, _DIGITS) for point in item.boundaries) or "none"
    return "\n".join([head, table, f"certified boundaries: {edges}"])


@latex.register
def _(item: Basins) -> str:
    x = latex(item.system.state)
    rows = [
        rf"{x}(0) \in \left({_end_latex(part.left)}, {_end_latex(part.right)}\right) \;\Rightarrow\; "
        rf"{x}(t) \to {latex(part.attractor)}"
        for part in item.intervals
    ]
    if not item.complete:
        rows.append(phrase("what is proved; the basins may be larger"))
    return gathered(rows or [phrase("nothing is proved")])


@to_dict.register
def _(item: Basins) -> dict[str, Any]:
    return {
        "kind": "basins",
        "model": item.system.name,
        "system": item.system.kind,
        "method": item.method,
        "complete": item.complete,
        "boundaries": [ball_data(point.ball) for point in item.boundaries],
        "intervals": [
            {"left": _end_data(part.left), "right": _end_data(part.right), "attractor": to_dict(part.attractor)}
            for part in item.intervals
        ],
    }


@text.register
def _(item: BoundarySensitivity) -> str:
    side = "above" if item.side > 0 else "below"
    head = (
        f"{item.name}: dx(T)/dx(0) for T = {item.horizon:g} and starts {side} the unstable point "
        f"{ball_text(item.boundary.ball)}"
    )
    rows = [
        [_distance(distance), ball_text(growth, 6), ball_text(end, 6)]
        for distance, growth, end in zip(item.distances, item.growth, item.ends, strict=True)
    ]
    table = column_table(["distance", "dx(T)/dx(0)", "x(T)"], rows, (20, 40, 40))
    last = [] if item.limit is None else [f"at the point itself: {ball_text(item.limit, 6)}"]
    return "\n".join([head, table, *last])


def _distance(value: Any) -> str:
    return f"{float(value):.6g}"


@latex.register
def _(item: BoundarySensitivity) -> str:
    lines = [rf"{phrase('distance')} & \partial x(T) / \partial x(0) & x(T)"]
    for distance, growth, end in zip(item.distances, item.growth, item.ends, strict=True):
        lines.append(f"{latex(distance)} & {ball_latex(growth, 6)} & {ball_latex(end, 6)}")
    body = " \\\\\n".join(lines).replace("\\\\\n", "\\\\ \\hline\n", 1)
    return f"\\begin{{array}}{{rrr}}\n{body}\n\\end{{array}}"


@to_dict.register
def _(item: BoundarySensitivity) -> dict[str, Any]:
    return {
        "kind": "boundary sensitivity",
        "model": item.name,
        "system": item.kind,
        "boundary": ball_data(item.boundary.ball),
        "horizon": item.horizon,
        "side": item.side,
        "distances": [str(distance) for distance in item.distances],
        "growth": [ball_data(value) for value in item.growth],
        "log10_growth": [number(value) for value in item.log10_growth.tolist()],
        "ends": [ball_data(value) for value in item.ends],
        "limit": ball_data(item.limit),
    }


@text.register
def _(item: SensitivityCurve) -> str:
    low, high = (f"{value:.6g}" for value in (item.starts.min(), item.starts.max()))
    place = int(item.log10_growth.argmax())
    return (
        f"{item.name}: |dx(T)/dx(0)| for T = {item.horizon:g} and {item.starts.size} starts from {low} to {high}, "
        f"in floats; at most 10^{item.log10_growth[place]:.6g}, at x(0) = {item.starts[place]:.6g}"
    )


@latex.register
def _(item: SensitivityCurve) -> str:
    place = int(item.log10_growth.argmax())
    growth = r"\left\lvert\frac{\partial x(T)}{\partial x(0)}\right\rvert"
    size = rf"\max {growth} \approx 10^{{{item.log10_growth[place]:.4g}}}"
    return rf"{size} \quad {phrase(f'over the starts shown, largest at x(0) = {item.starts[place]:.6g}')}"


@to_dict.register
def _(item: SensitivityCurve) -> dict[str, Any]:
    return {
        "kind": "sensitivity curve",
        "model": item.name,
        "system": item.kind,
        "horizon": item.horizon,
        "starts": item.starts.tolist(),
        "ends": item.ends.tolist(),
        "log10_growth": [number(value) for value in item.log10_growth.tolist()],
        "boundaries": [ball_data(point.ball) for point in item.boundaries],
        "settled": [ball_data(point.ball) for point in item.settled],
    }
