"""Layer chains in print: one equation a layer."""

from __future__ import annotations

from functools import reduce
from typing import Any

import sympy as sp

from symgrad.language.chain_layers import (
    Affine,
    ChainLayer,
    Entrywise,
    FixedNormalisation,
    ParametricReLU,
    PassThrough,
    Residual,
    Scaling,
    VectorNormalisation,
)
from symgrad.language.elementwise import VARIABLE
from symgrad.language.layer_chain import LayerChain
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import Equation, aligned, column_table
from symgrad.present.lines import equations
from symgrad.present.notation import LATEX, TEXT, Notation

__all__ = ["layer_data"]

Piece = tuple[str, bool]  # what is written, and whether it is a sum

_WIDTHS = (70, 24, 28, 14)
_NORMS = {True: "LayerNorm", False: "RMSNorm"}


class _Writer:
    """Writes layers in LaTeX or in plain characters."""

    def __init__(self, notation: Notation) -> None:
        self.typeset = notation is LATEX

    def name(self, letter: str, index: str) -> str:
        """A symbol with the number of its layer."""
        if not self.typeset:
            return f"{letter}_{index}"
        greek = {"gamma": r"\gamma", "beta": r"\beta", "x": "x"}.get(letter, letter)
        return f"{greek}_{{{index}}}"

    def function(self, name: str, argument: Piece, index: str = "") -> Piece:
        """A function of a vector."""
        if self.typeset:
            return rf"{name}{f'_{{{index}}}' if index else ''}\left({argument[0]}\right)", False
        return f"{name}{f'_{index}' if index else ''}({argument[0]})", False

    def through(self, layers: tuple[ChainLayer, ...], argument: Piece, prefix: str) -> Piece:
        """Layers one after the other."""
        for place, layer in enumerate(layers, start=1):
            argument = self.applied(layer, argument, f"{prefix}{place}")
        return argument

    def applied(self, layer: ChainLayer, argument: Piece, index: str) -> Piece:
        """What a layer makes of a vector."""
        match layer:
            case Affine():
                return self._affine(layer, argument, index)
            case Entrywise():
                phi = layer.activation
                return self.function(phi.latex_name if self.typeset else phi.name, argument)
            case ParametricReLU():
                return self.function(self._upright("PReLU"), argument, index)
            case Scaling():
                return self._scaling(layer, argument, index)
            case FixedNormalisation():
                return self.function(self._upright("BatchNorm"), argument, index)
            case VectorNormalisation():
                return self.function(self._upright(_NORMS[layer.centred]), argument, index)
            case Residual():
                return self._residual(layer, argument, index)
        return argument

    def _upright(self, name: str) -> str:
        return rf"\operatorname{{{name}}}" if self.typeset else name

    def _bracketed(self, piece: Piece) -> str:
        if not piece[1]:
            return piece[0]
        return rf"\left({piece[0]}\right)" if self.typeset else f"({piece[0]})"

    def _affine(self, layer: Affine, argument: Piece, index: str) -> Piece:
        product = f"{self.name('W', index)}{' ' if self.typeset else '*'}{self._bracketed(argument)}"
        return (product, False) if layer.bias is None else (f"{product} + {self.name('b', index)}", True)

    def _scaling(self, layer: Scaling, argument: Piece, index: str) -> Piece:
        inner, is_sum = argument
        factors = [f"{layer.factor:.6g}"] if layer.factor not in (1.0, -1.0) else []
        if layer.weight is not None:
            factors.append(self.name("d", index))
        if factors or layer.factor == -1.0:
            dot = r" \odot " if self.typeset else "*"
            sign = "-" if layer.factor == -1.0 else ""
            inner, is_sum = sign + dot.join([*factors, self._bracketed(argument)]), bool(sign)
        shifts = [f"{layer.offset:.6g}"] if layer.offset else []
        shifts += [self.name("c", index)] if layer.bias is not None else []
        return reduce(_sum, shifts, inner), is_sum or bool(shifts)

    def _residual(self, layer: Residual, argument: Piece, index: str) -> Piece:
        short = self.through(layer.shortcut, argument, f"{index}s")
        branch = self.through(layer.branch, argument, f"{index}b")
        return _sum(short[0], branch[0]), True


def _sum(first: str, second: str) -> str:
    return f"{first} - {second[1:]}" if second.startswith("-") else f"{first} + {second}"


@equations.register
def _(chain: LayerChain, notation: Notation) -> list[Equation]:
    writer = _Writer(notation)
    found = []
    for place, layer in enumerate(chain.layers, start=1):
        right, _ = writer.applied(layer, (writer.name("x", str(place - 1)), False), str(place))
        found.append(Equation(writer.name("x", str(place)), "=", [(False, right)]))
    return found


@latex.register
def _(chain: LayerChain) -> str:
    return aligned(equations(chain, LATEX))


@text.register
def _(chain: LayerChain) -> str:
    writer = _Writer(TEXT)
    rows = []
    for place, layer in enumerate(chain.layers, start=1):
        right, _ = writer.applied(layer, (f"x_{place - 1}", False), str(place))
        rows.append([f"x_{place} = {right}", layer.name, layer.kind, f"{layer.inputs} -> {layer.outputs}"])
    title = f"{chain.name}: {chain.depth} layers"
    return "\n".join([title, column_table(["layer", "name", "kind", "entries"], rows, _WIDTHS)])


def layer_data(layer: ChainLayer) -> dict[str, Any]:
    """A layer as plain data."""
    data: dict[str, Any] = {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "parameters": list(layer.shapes),
    }
    if isinstance(layer, Entrywise):
        data["formula"] = expression(layer.activation.expr.xreplace({VARIABLE: sp.Symbol("x", real=True)}))
    if isinstance(layer, VectorNormalisation):
        data |= {"eps": number(layer.eps), "centred": layer.centred}
    if isinstance(layer, Scaling):
        data |= {"factor": number(layer.factor), "offset": number(layer.offset)}
    if isinstance(layer, PassThrough):
        data["reason"] = layer.reason
    if isinstance(layer, Residual):
        data |= {side: [layer_data(part) for part in getattr(layer, side)] for side in ("shortcut", "branch")}
    return data


@to_dict.register
def _(chain: LayerChain) -> dict[str, Any]:
    return {
        "kind": "layer chain",
        "name": chain.name,
        "widths": list(chain.widths),
        "layers": [layer_data(layer) for layer in chain.layers],
    }
