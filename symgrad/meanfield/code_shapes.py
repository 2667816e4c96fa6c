"""The shapes of parameters as Python expressions of the names of the sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.meanfield.code_parts import Start

__all__ = ["Shape", "shapes_of"]


@dataclass(frozen=True)
class Shape:
    """The shape of a parameter.

    Attributes:
        both: rows and columns between commas; of a vector its length.
        inputs: the number of inputs of a matrix; 1 of a vector.
    """

    both: str
    inputs: str

    @property
    def shape(self) -> str:
        """The shape as a tuple."""
        return f"({self.both})" if "," in self.both else f"({self.both},)"


def shapes_of(starts: Sequence[Start], names: Mapping[sp.Symbol, str]) -> list[Shape]:
    """The shape of each parameter."""
    symbols = {size: sp.Symbol(name) for size, name in names.items()}
    return [_shape(start, symbols) for start in starts]


def _shape(start: Start, symbols: Mapping[sp.Symbol, sp.Symbol]) -> Shape:
    rows, columns = (str(sp.sympify(size).xreplace(dict(symbols))) for size in start.symbol.shape)
    if start.symbol.shape[1] == 1:
        return Shape(rows, "1")
    return Shape(f"{rows}, {columns}", rows if start.transposed else columns)
