"""A recurrence in print: its update equations with steps, what unusual functions mean, and the declared ranges."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sympy as sp

from symgrad.language.nodes import Node
from symgrad.language.operators import Elementwise, walk
from symgrad.language.recurrence import Recurrence
from symgrad.present.data import expression, interval
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.shorthand import Shorthand
from symgrad.present.vocabulary import Vocabulary

__all__ = ["function_equations", "range_equations", "symbol_data", "update_equations"]


def update_equations(model: Recurrence, notation: Notation) -> list[Equation]:
    """One equation a state, then those of the names used in them."""
    shorthand = Shorthand(model, notation, list(model.nodes.values()))
    vocabulary = shorthand.vocabulary
    found = []
    for state, node in model.nodes.items():
        if model.is_scalar:
            terms = [(False, vocabulary.scalar(model.updates[state]))]
        else:
            terms = shorthand.writer.terms(node, spelled_out=True)
        found.append(Equation(vocabulary.new(state), "=", terms))
    if model.depth is not None:
        last = notation.scalar(model.depth, {}, notation.function)
        found.append(Equation(vocabulary.step, "=", [(False, f"1, {notation.dots}, {last}")]))
    return found + ([] if model.is_scalar else shorthand.definitions(list(model.nodes.values())))


def function_equations(vocabulary: Vocabulary, printed: Iterable[Node]) -> list[Equation]:
    """What those functions mean, among the ones in some nodes, whose name alone does not say it."""
    model, notation = vocabulary.model, vocabulary.notation
    used = {part.function for node in printed for part in walk(node) if isinstance(part, Elementwise)}
    found = []
    for name, function in vocabulary.unexplained().items():
        stated = not model.is_scalar or function in vocabulary.stated
        if stated and (function in used or function.derivative in used):
            argument = notation.plain(function.variable)
            found.append(Equation(name + notation.brackets(argument), "=", [(False, vocabulary.scalar(function.expr))]))
    return found


def range_equations(vocabulary: Vocabulary, used: Collection[sp.Basic] | None = None) -> list[Equation]:
    """The declared ranges, of every entry at every step, and properties; all, or those of some symbols."""
    model, notation = vocabulary.model, vocabulary.notation
    found = []
    for symbol in model.ranges if used is None else [symbol for symbol in model.ranges if symbol in used]:
        declared = model.ranges[symbol]
        name = vocabulary.at(symbol, "t") if symbol in model.variables else vocabulary.plain[symbol]
        left = name if isinstance(symbol, sp.Symbol) else notation.entry(name)
        found.append(Equation(left, notation.element_of, [(False, vocabulary.scalar(declared))]))
    return found + _property_equations(vocabulary, used)


def _property_equations(vocabulary: Vocabulary, used: Collection[sp.Basic] | None) -> list[Equation]:
    """The declared properties of weight matrices."""
    notation, found = vocabulary.notation, []
    for symbol, held in vocabulary.model.properties.items():
        for item in sorted(held, key=str) if used is None or symbol in used else ():
            name = vocabulary.plain[symbol]
            if notation is LATEX:
                left, right = item.latex.replace("#", name).rsplit(item.relation, 1)
                found.append(Equation(left, item.relation, [(False, right)]))
            else:
                found.append(Equation(name, "is", [(False, item.name)]))
    return found


@equations.register
def _(model: Recurrence, notation: Notation) -> list[Equation]:
    vocabulary = Vocabulary(model, notation)
    return [
        *update_equations(model, notation),
        *function_equations(vocabulary, model.nodes.values()),
        *range_equations(vocabulary),
    ]


@latex.register
def _(model: Recurrence) -> str:
    return aligned(equations(model, LATEX))


@text.register
def _(model: Recurrence) -> str:
    return plain_lines(equations(model, TEXT))


@to_dict.register
def _(model: Recurrence) -> dict[str, Any]:
    return {
        "kind": "recurrence",
        "name": model.name,
        "states": [symbol_data(model, state) | {"next": expression(model.updates[state])} for state in model.states],
        "inputs": [symbol_data(model, symbol) for symbol in model.inputs],
        "parameters": [symbol_data(model, symbol) for symbol in model.parameters],
        "sizes": [str(size) for size in model.sizes],
        "depth": None if model.depth is None else str(model.depth),
        "stacked": {tensor: list(names) for tensor, names in model.stacked.items()},
        "equations": {"text": text(model), "latex": latex(model)},
    }


def symbol_data(model: Recurrence, symbol: sp.Expr) -> dict[str, Any]:
    """A state, an input or a parameter: name, shape, declared range and properties."""
    shape = [] if isinstance(symbol, sp.Symbol) else [str(size) for size in symbol.shape]
    declared = model.ranges.get(symbol)
    return {
        "name": str(symbol),
        "shape": shape,
        "range": None if declared is None else interval(declared),
        "properties": sorted(map(str, model.properties.get(symbol, ()))),
    }
