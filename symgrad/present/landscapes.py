"""Landscapes of the loss in print: where the walls are, what the loss is on both sides, and steps of descent."""

from __future__ import annotations

from typing import Any

from symgrad.dynamics.basin_parts import FIXED_POINT
from symgrad.dynamics.landscape import DescentStep, LossLandscape
from symgrad.dynamics.loss_point import LossPoint
from symgrad.dynamics.scalar_system import FLOW
from symgrad.dynamics.walls import Side, Wall
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression, interval, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.scalars import phrase

__all__ = ["horizon_text"]

_DIGITS = 8
_WIDTHS = (24, 20, 20, 18, 18, 44, 10)
_HEADER = ("wall at", "settles, left", "right", "loss, left", "right", "because", "certified")


def horizon_text(landscape: LossLandscape) -> str:
    """T with its unit."""
    unit = "time" if landscape.system.kind == FLOW else "steps"
    return f"T = {landscape.horizon:g} ({unit})"


def _settled(side: Side) -> str:
    attractor = side.attractor
    if attractor.kind == FIXED_POINT:
        return ball_text(attractor.points[0], _DIGITS)
    return attractor.kind


def _loss(side: Side) -> str:
    return "" if side.loss is None else ball_text(side.loss, 6)


def _row(landscape: LossLandscape, wall: Wall) -> list[str]:
    place = ball_text(wall.parameter, _DIGITS) if wall.exact is None else str(wall.exact)
    sides = [_settled(wall.left), _settled(wall.right), _loss(wall.left), _loss(wall.right)]
    return [f"{landscape.parameters[0]} = {place}", *sides, wall.kind, "yes" if wall.certified else "no"]


def _head(landscape: LossLandscape) -> str:
    names = " and ".join(map(str, landscape.parameters))
    x = landscape.system.state
    return (
        f"loss {landscape.loss} of {landscape.system.name} over {names}, {x} = {x}(T), "
        f"{x}(0) = {landscape.start}, {horizon_text(landscape)}"
    )


def _completeness(landscape: LossLandscape) -> list[str]:
    found, where = landscape.wall_search, landscape.intervals[0]
    count = f"{len(found.walls) or 'no'} wall{'' if len(found.walls) == 1 else 's'}"
    proved = "proved to be all" if found.complete else "not proved to be all"
    return [f"{count} for {landscape.parameters[0]} in [{where.start}, {where.end}], {proved}", *found.remarks]


@text.register
def _(landscape: LossLandscape) -> str:
    lines = [_head(landscape)]
    if len(landscape.parameters) == 1:
        lines += _completeness(landscape)
        if landscape.walls:
            lines.append(column_table(_HEADER, [_row(landscape, wall) for wall in landscape.walls], _WIDTHS))
    lines.append(_extent(landscape))
    return "\n".join(lines)


def _extent(landscape: LossLandscape) -> str:
    low, high, steepest = landscape.losses.min(), landscape.losses.max(), landscape.log10_gradient.max()
    return f"on the grid: loss from {low:.4g} to {high:.4g}, gradient norm up to 10**{steepest:.1f}"


@text.register
def _(wall: Wall) -> str:
    place = ball_text(wall.parameter, _DIGITS) if wall.exact is None else str(wall.exact)
    proved = "certified" if wall.certified else "not certified"
    return f"wall at {place}: {wall.kind}; settles at {_settled(wall.left)} | {_settled(wall.right)} ({proved})"


@text.register
def _(point: LossPoint) -> str:
    place = ", ".join(f"{name} = {float(value):.{_DIGITS}g}" for name, value in point.parameters.items())
    slopes = ", ".join(f"dL/d{name} = {ball_text(ball, 6)}" for name, ball in point.gradient.items())
    return f"at {place}: state {ball_text(point.state, _DIGITS)}, L = {ball_text(point.loss, 6)}, {slopes}"


@text.register
def _(step: DescentStep) -> str:
    lines = [f"before: {text(step.before)}", f"step of length {step.length():.6g}: {text(step.plain)}"]
    if step.is_clipped:
        lines.append(f"clipped to norm {step.clip}, of length {step.length(clipped=True):.6g}: {text(step.clipped)}")
    else:
        lines.append(f"the gradient is not longer than {step.clip}: clipping changes nothing")
    return "\n".join(lines)


@latex.register
def _(landscape: LossLandscape) -> str:
    x = latex(landscape.system.state)
    rows = [
        rf"L = {latex(landscape.loss)}, \quad {x} = {x}(T), \quad {x}(0) = {latex(landscape.start)}, \quad "
        rf"T = {landscape.horizon:g}"
    ]
    if len(landscape.parameters) == 1:
        rows += [phrase(line) for line in _completeness(landscape)]
        rows += [latex(wall) for wall in landscape.walls]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


@latex.register
def _(wall: Wall) -> str:
    place = ball_latex(wall.parameter, _DIGITS) if wall.exact is None else latex(wall.exact)
    sides = [
        ball_latex(side.attractor.points[0], _DIGITS)
        if side.attractor.kind == FIXED_POINT
        else phrase(side.attractor.kind)
        for side in (wall.left, wall.right)
    ]
    losses = [r"\text{-}" if side.loss is None else ball_latex(side.loss, 6) for side in (wall.left, wall.right)]
    return (
        rf"{phrase('wall at ')}{place}{phrase(': ' + wall.kind)}, \quad x(\infty) = {sides[0]} \mid {sides[1]}, "
        rf"\quad L = {losses[0]} \mid {losses[1]}"
    )


@latex.register
def _(point: LossPoint) -> str:
    place = r",\; ".join(f"{latex(name)} = {float(value):.{_DIGITS}g}" for name, value in point.parameters.items())
    slopes = r", \quad ".join(
        rf"\frac{{dL}}{{d {latex(name)}}} = {ball_latex(ball, 6)}" for name, ball in point.gradient.items()
    )
    return rf"{place}: \quad L = {ball_latex(point.loss, 6)}, \quad {slopes}"


@latex.register
def _(step: DescentStep) -> str:
    rows = [
        phrase("before ") + latex(step.before),
        phrase("after one step ") + latex(step.plain),
        phrase(f"with the norm clipped to {step.clip} ") + latex(step.clipped),
    ]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


@to_dict.register
def _(landscape: LossLandscape) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": "loss landscape",
        "model": landscape.system.name,
        "loss": expression(landscape.loss),
        "start": expression(landscape.start),
        "horizon": landscape.horizon,
        "parameters": [str(p) for p in landscape.parameters],
        "intervals": [interval(i) for i in landscape.intervals],
        "axes": [axis.tolist() for axis in landscape.axes],
        "losses": _numbers(landscape.losses),
        "log10_gradient": _numbers(landscape.log10_gradient),
    }
    if len(landscape.parameters) == 1:
        found = landscape.wall_search
        data |= {"walls": list(map(to_dict, found.walls)), "complete": found.complete, "remarks": list(found.remarks)}
    return data


def _numbers(array: Any) -> Any:
    """Nested lists of numbers that JSON can hold."""
    return [_numbers(part) for part in array] if getattr(array, "ndim", 0) else number(float(array))


@to_dict.register
def _(wall: Wall) -> dict[str, Any]:
    return {
        "kind": "wall",
        "parameter": ball_data(wall.parameter),
        "exact": None if wall.exact is None else expression(wall.exact),
        "reason": wall.kind,
        "start": ball_data(wall.start),
        "left": _side(wall.left),
        "right": _side(wall.right),
        "certified": wall.certified,
    }


def _side(side: Side) -> dict[str, Any]:
    points = [ball_data(ball) if ball.is_finite() else str(ball) for ball in side.attractor.points]
    return {
        "parameter": float(side.parameter),
        "attractor": side.attractor.kind,
        "points": points,
        "loss": ball_data(side.loss),
    }


@to_dict.register
def _(point: LossPoint) -> dict[str, Any]:
    return {
        "kind": "loss point",
        "parameters": {str(name): float(value) for name, value in point.parameters.items()},
        "state": ball_data(point.state),
        "loss": ball_data(point.loss),
        "gradient": {str(name): ball_data(ball) for name, ball in point.gradient.items()},
        "certified": point.certified,
    }


@to_dict.register
def _(step: DescentStep) -> dict[str, Any]:
    return {
        "kind": "descent step",
        "rate": float(step.rate),
        "clip": float(step.clip),
        "before": to_dict(step.before),
        "plain": to_dict(step.plain),
        "clipped": to_dict(step.clipped),
        "is_clipped": step.is_clipped,
    }
