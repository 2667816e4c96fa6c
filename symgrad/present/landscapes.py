"""Landscapes of a loss in print: walls with what is proved on both sides, places, and steps of gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.dynamics.basin_parts import FIXED_POINT, Attractor
from symgrad.dynamics.descent import DescentStep
from symgrad.dynamics.loss_point import LossPoint
from symgrad.dynamics.loss_surface import LossLandscape
from symgrad.dynamics.scalar_system import FLOW
from symgrad.dynamics.wall_at_horizon import WallAtHorizon
from symgrad.dynamics.walls import Side, Wall
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.scalars import phrase
from symgrad.present.sensitivities import gathered

__all__ = ["horizon_words"]


def horizon_words(item: LossLandscape) -> str:
    """T in words: a number of steps, a time, or the settled state."""
    if np.isinf(item.horizon):
        return "T -> oo, settled"
    return f"T = {item.horizon:g}" if item.system.kind == FLOW else f"T = {item.horizon:g} steps"


# --- landscapes -------------------------------------------------------------------------------------------------------


@text.register
def _(item: LossLandscape) -> str:
    x = str(item.system.state)
    where = ", ".join(
        f"{p} in [{text(span.start)}, {text(span.end)}]"
        for p, span in zip(item.parameters, item.intervals, strict=True)
    )
    lines = [
        f"loss {text(item.loss)} of {item.system.name} at {x} = {x}(T), {horizon_words(item)}, over {where}",
        f"{x}(0) = {text(item.start)}, residual {text(item.system.residual)}",
        *_extremes(item),
    ]
    return "\n".join([*lines, *_wall_lines(item)])


def _extremes(item: LossLandscape) -> list[str]:
    """The least loss and the largest gradient on the grid."""
    names, lines = item.parameters, []
    for words, values, sign in (("least loss", item.losses, 1), ("largest |gradient|", item.log10_gradient, -1)):
        known = np.where(np.isnan(values), np.inf, sign * values)
        if np.isfinite(known).any():
            place = np.unravel_index(int(known.argmin()), known.shape)
            at = ", ".join(f"{p} = {axis[i]:.6g}" for p, axis, i in zip(names, item.axes, place, strict=True))
            size = f"{values[place]:.4g}" if sign > 0 else f"10^{values[place]:.4g}"
            lines.append(f"{words} on the grid: {size} at {at}")
    return lines


def _wall_lines(item: LossLandscape) -> list[str]:
    if len(item.parameters) != 1:
        return ["walls: of one parameter each, see section(...) and wall_curve()"]
    search = item.wall_search
    count = "none" if not search.walls else str(len(search.walls))
    known = "proved to be all" if search.complete else "not proved to be all"
    lines = [f"walls of the settled state: {count}, {known}"]
    lines += [f"  {line}" for wall in search.walls for line in text(wall).splitlines()]
    return [*lines, *(f"  {remark}" for remark in search.remarks)]


@latex.register
def _(item: LossLandscape) -> str:
    x, names = latex(item.system.state), ", ".join(map(latex, item.parameters))
    time = r"T \to \infty" if np.isinf(item.horizon) else f"T = {item.horizon:g}"
    rows = [
        rf"L({names}) = \left. {latex(item.loss)} \right|_{{{x} = {x}(T)}}, \quad {time}",
        rf"{phrase('residual ')} r({x}) = {latex(item.system.residual)}, \quad {x}(0) = {latex(item.start)}",
    ]
    if len(item.parameters) == 1:
        rows += [f"{latex(item.parameters[0])} = {latex(wall)}" for wall in item.walls]
        rows += [] if item.walls else [phrase("no wall was found")]
    return gathered(rows)


@to_dict.register
def _(item: LossLandscape) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": "loss landscape",
        "model": item.system.name,
        "system": item.system.kind,
        "state": str(item.system.state),
        "residual": expression(item.system.residual),
        "loss": expression(item.loss),
        "start": expression(item.start),
        "horizon": number(item.horizon),
        "parameters": [str(p) for p in item.parameters],
        "axes": [axis.tolist() for axis in item.axes],
        "losses": _numbers(item.losses),
        "log10_gradient": _numbers(item.log10_gradient),
    }
    if len(item.parameters) == 1:
        search = item.wall_search
        data |= {"walls": [to_dict(wall) for wall in search.walls], "complete": search.complete}
        data["remarks"] = list(search.remarks)
    return data


def _numbers(values: Any) -> list[Any]:
    return [_numbers(row) if row.ndim else number(float(row)) for row in values]


# --- walls ------------------------------------------------------------------------------------------------------------


@text.register
def _(item: Wall) -> str:
    place = ball_text(item.parameter) if item.exact is None else text(item.exact)
    lines = [f"{place}: {item.kind} ({'certified' if item.certified else 'not certified'}: {item.reason})"]
    lines += [f"  {name}: {_side(side)}" for name, side in (("below", item.left), ("above", item.right))]
    return "\n".join(lines if item.jump is None else [*lines, f"  jump of the loss: {ball_text(item.jump, 6)}"])


def _side(side: Side) -> str:
    loss = "" if side.loss is None else f", loss {ball_text(side.loss, 6)}"
    return f"settles at {_goal(side.attractor)}{loss}"


def _goal(attractor: Attractor) -> str:
    points = ", ".join(ball_text(point, 6) for point in attractor.points)
    return points if attractor.kind == FIXED_POINT else f"{attractor.kind} {points}".strip()


@latex.register
def _(item: Wall) -> str:
    place = ball_latex(item.parameter) if item.exact is None else latex(item.exact)
    losses = [r"\text{unknown}" if s.loss is None else ball_latex(s.loss, 6) for s in (item.left, item.right)]
    return rf"{place} {phrase(f' ({item.kind}): ')} L = {losses[0]} \;\to\; {losses[1]}"


@to_dict.register
def _(item: Wall) -> dict[str, Any]:
    return {
        "kind": "wall",
        "parameter": ball_data(item.parameter),
        "exact": None if item.exact is None else expression(item.exact),
        "cause": item.kind,
        "start": ball_data(item.start),
        "left": to_dict(item.left),
        "right": to_dict(item.right),
        "jump": ball_data(item.jump),
        "certified": item.certified,
        "reason": item.reason,
    }


@to_dict.register
def _(item: Side) -> dict[str, Any]:
    attractor = {"kind": item.attractor.kind, "points": [ball_data(point) for point in item.attractor.points]}
    return {"parameter": str(item.parameter), "attractor": attractor, "loss": ball_data(item.loss)}


@text.register
def _(item: WallAtHorizon) -> str:
    losses = [ball_text(loss, 6) for loss in item.losses]
    return (
        f"at T = {item.horizon:g} the loss goes from {losses[0]} at {_decimal(item.low)} to {losses[1]} at "
        f"{_decimal(item.high)}: a slope of {ball_text(item.steepness, 4)} on average"
    )


@latex.register
def _(item: WallAtHorizon) -> str:
    low, high = (ball_latex(loss, 6) for loss in item.losses)
    ends = rf"\left[{_decimal(item.low)},\, {_decimal(item.high)}\right]"
    return rf"L = {low} \;\to\; {high} {phrase(' over ')} {ends}, \quad T = {item.horizon:g}"


@to_dict.register
def _(item: WallAtHorizon) -> dict[str, Any]:
    return {
        "kind": "wall at the horizon",
        "horizon": number(item.horizon),
        "low": str(item.low),
        "high": str(item.high),
        "states": [ball_data(state) for state in item.states],
        "losses": [ball_data(loss) for loss in item.losses],
        "steepness": ball_data(item.steepness),
    }


def _decimal(value: sp.Rational) -> str:
    return f"{float(value):.15g}"


# --- places and steps -------------------------------------------------------------------------------------------------


@text.register
def _(item: LossPoint) -> str:
    place = ", ".join(f"{p} = {_shown(value)}" for p, value in item.parameters.items())
    lines = [f"at {place}: x(T) = {ball_text(item.state)}, loss {ball_text(item.loss)}"]
    lines += [f"  dL/d{p} = {ball_text(value)}" for p, value in item.gradient.items()]
    return "\n".join(lines if item.certified else [*lines, "  radii are estimates"])


def _shown(value: sp.Expr) -> str:
    """An exact number: short ones as they are, long fractions of floats as decimals."""
    written = text(value)
    return written if len(written) <= 12 else f"{float(value):.10g}"


@latex.register
def _(item: LossPoint) -> str:
    rows = [rf"{latex(p)} = {_shown(value)}" for p, value in item.parameters.items()]
    rows = [r", \quad ".join([*rows, rf"x(T) = {ball_latex(item.state)}", rf"L = {ball_latex(item.loss)}"])]
    rows += [rf"\frac{{\partial L}}{{\partial {latex(p)}}} = {ball_latex(value)}" for p, value in item.gradient.items()]
    return gathered(rows)


@to_dict.register
def _(item: LossPoint) -> dict[str, Any]:
    return {
        "kind": "place in a loss landscape",
        "parameters": {str(p): expression(value) for p, value in item.parameters.items()},
        "state": ball_data(item.state),
        "loss": ball_data(item.loss),
        "gradient": {str(p): ball_data(value) for p, value in item.gradient.items()},
        "certified": item.certified,
    }


def _outcome(end: LossPoint, predicted: float) -> str:
    place = ", ".join(f"{p} = {_shown(value)}" for p, value in end.parameters.items())
    return f"to {place}: loss {ball_text(end.loss, 6)} (the linear model predicts {predicted:.6g})"


@text.register
def _(item: DescentStep) -> str:
    before = item.before
    place = ", ".join(f"{p} = {_shown(value)}" for p, value in before.parameters.items())
    return "\n".join(
        [
            f"step of gradient descent from {place}, rate {text(item.rate)}, clipped to norm {text(item.clip)}",
            f"loss {ball_text(before.loss, 6)}, norm of the gradient {_norm(before)}",
            f"  plain, {_outcome(item.plain, item.predicted())}",
            f"  clipped, {_outcome(item.clipped, item.predicted(clipped=True))}",
        ]
    )


def _norm(point: LossPoint) -> str:
    total = sum((g**2 for g in point.gradient.values()), arb(0))
    return ball_text(total.sqrt(), 6)


@latex.register
def _(item: DescentStep) -> str:
    rows = []
    for name, end in (("plain step: ", item.plain), ("clipped step: ", item.clipped)):
        moves = [rf"{latex(p)}: {_shown(item.before.parameters[p])} \to {_shown(v)}" for p, v in end.parameters.items()]
        loss = rf"L: {ball_latex(item.before.loss, 6)} \to {ball_latex(end.loss, 6)}"
        rows.append(phrase(name) + r", \quad ".join([*moves, loss]))
    return gathered(rows)


@to_dict.register
def _(item: DescentStep) -> dict[str, Any]:
    return {
        "kind": "step of gradient descent",
        "rate": expression(item.rate),
        "clip": expression(item.clip),
        "before": to_dict(item.before),
        "plain": to_dict(item.plain),
        "clipped": to_dict(item.clipped),
        "is_clipped": item.is_clipped,
        "predicted": {"plain": number(item.predicted()), "clipped": number(item.predicted(clipped=True))},
    }
