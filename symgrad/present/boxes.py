"""Invariant boxes in print: the ranges that trajectories start in and never leave, in closed form or unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.bounds.invariant import InvariantBox
from symgrad.calculus.invariant_box import UnitBox
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.equations import range_equations
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.plots import new_axes
from symgrad.present.rounded import rounded
from symgrad.present.vocabulary import Vocabulary
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["box_equations"]

_DIGITS = 6
_FEW = 8  # units whose intervals are written one by one
_BAR = "#0072B2"


def box_equations(box: InvariantBox, vocabulary: Vocabulary, step: str = "0") -> list[Equation]:
    """The ranges of the box for the states at a step; none where it has none."""
    notation, found = vocabulary.notation, []
    for state, declared in box.ranges.items():
        name = vocabulary.at(state, step)
        left = name if isinstance(state, sp.Symbol) else notation.entry(name)
        found.append(Equation(left, notation.element_of, [(False, vocabulary.scalar(declared))]))
    return found


@equations.register
def _(box: InvariantBox, notation: Notation) -> list[Equation]:
    vocabulary = Vocabulary(box.model, notation)
    kept = [state for state in box.model.variables if state in box.model.ranges]
    found = [*box_equations(box, vocabulary, "t"), *range_equations(vocabulary, kept)]
    unknown = notation.words(f"no range is known of the states of {box.model.name}")
    return found or [Equation(unknown, "", [(False, "")])]


@latex.register
def _(box: InvariantBox) -> str:
    return aligned(equations(box, LATEX)).strip()


@text.register
def _(box: InvariantBox) -> str:
    return plain_lines(equations(box, TEXT)).strip()


@to_dict.register
def _(box: InvariantBox) -> dict[str, Any]:
    return {
        "kind": "invariant box",
        "model": box.model.name,
        "ranges": {str(state): [expression(end) for end in (i.start, i.end)] for state, i in box.ranges.items()},
        "equations": {"text": text(box), "latex": latex(box)},
        "proofs": [to_dict(proof) for proof in box.proofs],
    }


@equations.register
def _(box: UnitBox, notation: Notation) -> list[Equation]:
    vocabulary = Vocabulary(box.model, notation)
    return [line for symbol, units in box.ranges.items() for line in _units(symbol, units, vocabulary)]


def _units(symbol: sp.Expr, units: Intervals, vocabulary: Vocabulary) -> list[Equation]:
    """The interval of each of a few units; of many the one around all of them."""
    notation, name = vocabulary.notation, vocabulary.at(symbol, "t")
    low, high = units.low.reshape(-1), units.high.reshape(-1)
    if isinstance(symbol, sp.Symbol):
        rows = [(name, low[0], high[0])]
    elif len(low) <= _FEW:
        names = (notation.indexed(notation.brackets(name), str(unit)) for unit in range(1, len(low) + 1))
        rows = list(zip(names, low, high, strict=True))
    else:
        rows = [(notation.entry(name), low.min(), high.max())]
    return [Equation(left, notation.element_of, [(False, _interval(a, b, notation))]) for left, a, b in rows]


def _interval(low: float, high: float, notation: Notation) -> str:
    """Its ends rounded outwards."""
    ends = [rounded(arb(float(end)), up, _DIGITS, about=False) for end, up in ((low, False), (high, True))]
    left, right = (end.latex if notation is LATEX else end.text for end in ends)
    return notation.interval(left, right, not np.isfinite(low), not np.isfinite(high))


@latex.register
def _(box: UnitBox) -> str:
    return aligned(equations(box, LATEX))


@text.register
def _(box: UnitBox) -> str:
    return plain_lines(equations(box, TEXT))


@to_dict.register
def _(box: UnitBox) -> dict[str, Any]:
    return {
        "kind": "unit box",
        "model": box.model.name,
        "invariant": box.is_invariant(),
        "ranges": {str(symbol): _rows(units) for symbol, units in box.ranges.items()},
    }


def _rows(units: Intervals) -> list[list[float | str]]:
    pairs = zip(units.low.reshape(-1).tolist(), units.high.reshape(-1).tolist(), strict=True)
    return [[number(low), number(high)] for low, high in pairs]


@plot.register
def plot_box(box: UnitBox, *, ax: Any = None) -> Any:
    """The intervals of all units of the states as vertical bars; those without finite ends are left out.

    Args:
        box: the box.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes, first = new_axes(ax), 1
    for state in box.model.states:
        low, high = (np.ravel(end) for end in (box.ranges[state].low, box.ranges[state].high))
        units = np.arange(first, first + len(low))
        finite = np.isfinite(low) & np.isfinite(high)
        axes.vlines(units[finite], low[finite], high[finite], color=_BAR, linewidth=3, label=f"${latex(state)}$")
        first += len(low)
    axes.set_xlabel("unit")
    axes.set_ylabel("range")
    axes.set_title(box.model.name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(visible=True, alpha=0.3)
    if len(box.model.states) > 1:
        axes.legend()
    return axes
