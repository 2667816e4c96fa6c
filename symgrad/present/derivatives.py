"""A Jacobian in print: one equation a block, blocks that stand inside others by name."""

from __future__ import annotations

from typing import Any

from symgrad.calculus.jacobian import Jacobian
from symgrad.language.operators import Operator
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.equations import function_equations
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.shorthand import Shorthand

__all__: list[str] = []


@equations.register
def _(jacobian: Jacobian, notation: Notation) -> list[Equation]:
    blocks = [entry for row in jacobian.blocks for entry in row]
    shorthand = Shorthand(jacobian.model, notation, blocks, jacobian)
    vocabulary, states = shorthand.vocabulary, jacobian.model.states
    partials = [[notation.partial(vocabulary.new(new), vocabulary.at(old, "t-1")) for old in states] for new in states]
    head = Equation(
        vocabulary.stepped(vocabulary.letter("J", "F", "D"), "t"), "=", [(False, notation.matrix(partials))]
    )
    found = [head] if len(states) > 1 else []
    for names, row in zip(partials, jacobian.blocks, strict=True):
        for name, block in zip(names, row, strict=True):
            found.append(Equation(name, "=", _terms(shorthand, block, name)))
    return found + shorthand.definitions(blocks) + function_equations(vocabulary, blocks)


def _terms(shorthand: Shorthand, block: Operator, name: str) -> list[tuple[bool, str]]:
    """The block spelled out, unless it equals another block that is spelled out before."""
    spelled_out = shorthand.names.get(block, name) == name
    return shorthand.writer.terms(block, spelled_out=spelled_out)


@latex.register
def _(jacobian: Jacobian) -> str:
    return aligned(equations(jacobian, LATEX))


@text.register
def _(jacobian: Jacobian) -> str:
    return plain_lines(equations(jacobian, TEXT))


@to_dict.register
def _(jacobian: Jacobian) -> dict[str, Any]:
    states = list(map(str, jacobian.model.states))
    sympy_form = jacobian.to_sympy()
    blocks = (
        [[sympy_form]]
        if len(states) == 1
        else [[sympy_form.blocks[i, j] for j in range(len(states))] for i in range(len(states))]
    )
    return {
        "kind": "jacobian",
        "model": jacobian.model.name,
        "layout": "numerator",
        "states": states,
        "blocks": [[expression(entry) for entry in row] for row in blocks],
        "equations": {"text": text(jacobian), "latex": latex(jacobian)},
    }
