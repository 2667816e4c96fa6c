"""Information latching in print: how large an input each stable state withstands, and a picture of the intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from symgrad.dynamics.latched_states import LatchedState
from symgrad.dynamics.latching import InformationLatching
from symgrad.dynamics.latching_intervals import InvariantInterval
from symgrad.errors import InputError
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.plots import new_axes
from symgrad.present.scalars import phrase
from symgrad.rigor.balls import Enclosed

__all__ = ["plot_latching"]

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe and Ito (2008)
_HATCHES = ("//", "\\\\", "..", "xx")
_AMPLITUDES = 41
_BEYOND = 1.25  # how far the picture goes past the largest input


def _subject(held: InformationLatching) -> str:
    where = "" if held.driven.own else ", added to the pre-activation,"
    return f"{held.name}: inputs {held.input}{where} that push no stable state out of its basin"


def _sign(state: LatchedState) -> str:
    return "<=" if state.attained else "<"


def _title(state: LatchedState) -> str:
    where = "" if state.point is None else f" at {ball_text(state.point.ball, 6)}"
    return f"state {state.place + 1}{where}"


def _exists(state: LatchedState) -> list[str]:
    """Where the state is lost, and on what condition it is there."""
    lines = []
    if state.rises_above != sp.oo:
        lines.append(f"lost where B rises above {text(state.rises_above)}")
    if state.falls_below != -sp.oo:
        lines.append(f"lost where B falls below {text(state.falls_below)}")
    if state.condition != sp.true:
        lines.append(f"if {text(state.condition)}")
    return lines


def _words(state: LatchedState) -> str:
    return f"proof: {state.argument}" if state.certified else f"{state.argument} that smaller inputs hold it"


@text.register
def _(held: InformationLatching) -> str:
    lines = [_subject(held), f"one unit of {held.input} moves the effective bias B by {text(held.gain)}"]
    for state in held.states:
        lines.append(f"{_title(state)}: {_size(held, state)}")
        lines += [f"  {line}" for line in (*_exists(state), _words(state))]
    return "\n".join(lines if held.states else [*lines, "there is no stable state"])


def _size(held: InformationLatching, state: LatchedState) -> str:
    u = held.input
    if state.largest_input == sp.oo:
        return f"held for all {u}" if state.certified else f"no constant {u} ends its branch of fixed points"
    if state.certified:
        return f"held for |{u}| {_sign(state)} {text(state)}"
    return f"lost to a constant {u} beyond |{u}| = {text(state)}"


@text.register
def _(state: LatchedState) -> str:
    return _value(state, text(state.largest_input), ball_text)


@latex.register
def _(state: LatchedState) -> str:
    return _value(state, latex(state.largest_input), ball_latex)


def _value(state: LatchedState, written: str, ball: Callable[[Any], str]) -> str:
    """The largest input, as a closed form with its digits where there is one."""
    if state.largest_input.free_symbols or state.largest_input == sp.oo or state.largest_input.is_Integer:
        return written
    digits = ball(state.ball)
    return digits if state.largest_input.atoms(Enclosed) else f"{written} = {digits}"


@latex.register
def _(held: InformationLatching) -> str:
    symbol, rows = latex(held.input), [phrase(_subject(held))]
    for state in held.states:
        relation = r"\le" if state.attained else "<"
        size = rf"\left|{symbol}\right| {relation} {latex(state)}"
        if state.largest_input == sp.oo or not state.certified:
            size = phrase(_size(held, state))
        rows.append(rf"{phrase(_title(state) + ': ')} {size}")
        if state.condition != sp.true:
            rows.append(rf"{phrase('if ')} {latex(state.condition)}")
        rows.append(phrase(_words(state)))
    rows += [] if held.states else [phrase("there is no stable state")]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


@to_dict.register
def _(held: InformationLatching) -> dict[str, Any]:
    return {
        "kind": "information latching",
        "model": held.name,
        "input": str(held.input),
        "input of the model": held.driven.own,
        "gain": expression(held.gain),
        "largest input": expression(held.largest_input),
        "states": [to_dict(state) for state in held.states],
    }


@to_dict.register
def _(state: LatchedState) -> dict[str, Any]:
    numeric = not state.largest_input.free_symbols
    return {
        "kind": "latched state",
        "point": None if state.point is None else ball_data(state.point.ball),
        "falls below": expression(state.falls_below),
        "rises above": expression(state.rises_above),
        "largest input": expression(state.largest_input),
        "ball": ball_data(state.ball) if numeric else None,
        "attained": state.attained,
        "condition": expression(state.condition),
        "argument": state.argument,
        "certified": state.certified,
    }


@text.register
def _(found: InvariantInterval) -> str:
    ends = f"[{ball_text(found.left)}, {ball_text(found.right)}]"
    return f"{ends} is never left while |u| <= {text(found.amplitude)}: {found.argument}"


@latex.register
def _(found: InvariantInterval) -> str:
    ends = rf"\left[{ball_latex(found.left)},\, {ball_latex(found.right)}\right]"
    return rf"{ends} {phrase(' is never left while ')} \left|u\right| \le {latex(found.amplitude)}"


@to_dict.register
def _(found: InvariantInterval) -> dict[str, Any]:
    ends = {"left": ball_data(found.left), "right": ball_data(found.right)}
    return {"kind": "invariant interval", **ends, "amplitude": expression(found.amplitude), "argument": found.argument}


@plot.register
def plot_latching(held: InformationLatching, *, ax: Any = None) -> Any:
    """The interval that each state never leaves, over the amplitude of the input, up to the largest one.

    Args:
        held: with numbers for all parameters.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: parameters without values, or no stable state.
    """
    if not held.driven.is_numeric or not held.states:
        raise InputError("values: a picture needs numbers for all parameters and a stable state")
    axes = new_axes(ax)
    sizes = [float(state.ball.mid()) for state in held.states if state.largest_input != sp.oo]
    reach = _BEYOND * max(sizes, default=1.0)
    amplitudes = sorted({*np.linspace(0, reach, _AMPLITUDES).tolist(), *(size * (1 - 1e-9) for size in sizes)})
    rows = [held.intervals(amplitude) for amplitude in amplitudes]
    for place, state in enumerate(held.states):
        known = [(a, row[place]) for a, row in zip(amplitudes, rows, strict=True)]
        _draw(axes, held, state, [(a, found) for a, found in known if found is not None])
    axes.set_xlabel(rf"largest amplitude of the input $|{latex(held.input)}|$")
    axes.set_ylabel(f"state ${latex(held.curve.state)}$")
    axes.set_title(f"{held.name}: intervals that are never left")
    axes.set_xlim(0, reach)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return axes


def _draw(axes: Any, held: InformationLatching, state: LatchedState, known: list[tuple[float, Any]]) -> None:
    colour, hatch = (values[state.place % len(values)] for values in (_COLOURS, _HATCHES))
    if known:
        places = [amplitude for amplitude, _ in known]
        low, high = ([float(getattr(found, end).mid()) for _, found in known] for end in ("left", "right"))
        axes.fill_between(places, low, high, facecolor=colour, alpha=0.25, hatch=hatch, edgecolor=colour, linewidth=0)
        axes.plot(places, low, color=colour, label=f"{_title(state)}")
        axes.plot(places, high, color=colour)
    if state.largest_input != sp.oo:
        style = ("--", ":", "-.")[state.place % 3]
        label = f"lost beyond {ball_text(state.ball, 6)}"
        axes.axvline(float(state.ball.mid()), color=colour, linestyle=style, linewidth=1.2, label=label)
