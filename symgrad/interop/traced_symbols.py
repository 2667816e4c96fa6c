"""The symbols of a traced program: states, inputs and parameters, whole or in the pieces that the program cuts."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.interop.block_entries import TraceRefusal
from symgrad.interop.blocks import Blocks, Cuts

__all__ = ["Array", "Traced", "TracedSymbols"]

Array: TypeAlias = NDArray[np.float64]
Traced: TypeAlias = Blocks | sp.Expr
MOST_PIECES = 64


@dataclass
class TracedSymbols:
    """The symbols that a traced program has used.

    Attributes:
        cuts: where symbols are taken apart.
        arrays: the numbers of parameters and of their pieces.
        tensors: tensor in weight files -> the symbols that lie in it, one below the other.
    """

    cuts: Cuts = field(default_factory=Cuts)
    arrays: dict[str, Array] = field(default_factory=dict)
    tensors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    _made: dict[str, Traced] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def vector(self, name: str, size: int) -> Blocks:
        """A state or an input, in pieces where the program cuts it."""
        if name not in self._made:
            self._made[name] = self._pieces(name, (size, 1), None)
        return self._made[name]

    def parameter(self, name: str, array: Any, tensor: str | None = None) -> Traced:
        """A parameter with its numbers: a scalar for shape (), a vector for (n,), a matrix for (n, m).

        Args:
            name: of the symbol; pieces get ``_0``, ``_1``, ... appended.
            array: the numbers.
            tensor: the name in weight files, noted in the model's ``stacked``.

        Raises:
            TraceRefusal: another shape; too many pieces.
        """
        if name in self._made:
            return self._made[name]
        values = np.asarray(array, dtype=np.float64)
        if values.ndim > 2 or not values.size:
            raise TraceRefusal(f"parameter {name} has shape {values.shape}; scalars, vectors and matrices are accepted")
        if values.ndim == 0:
            symbol = self._free(name)
            self.arrays[symbol] = values
            self._made[name] = sp.Symbol(symbol, real=True)
        else:
            shape = len(values), 1 if values.ndim == 1 else values.shape[1]
            self._made[name] = self._pieces(name, shape, values)
        if tensor is not None:
            self._name_tensor(tensor, self._made[name])
        return self._made[name]

    def _free(self, name: str) -> str:
        """The name, or the next one that no symbol has."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _pieces(self, name: str, shape: tuple[int, int], values: Array | None) -> Blocks:
        """A symbol in its pieces, with their numbers."""
        inner = self.cuts.inner(name)
        rows, columns = (sorted({0, *own, size}) for own, size in zip(inner, shape, strict=True))
        if max(len(rows), len(columns)) > MOST_PIECES + 1:
            raise TraceRefusal(f"{name} is cut into more than {MOST_PIECES} pieces")
        entries = []
        for i, (top, bottom) in enumerate(pairwise(rows)):
            line = []
            for j, (left, right) in enumerate(pairwise(columns)):
                piece = self._free(name + (f"_{i}" if inner[0] else "") + (f"_{j}" if inner[1] else ""))
                symbol = sp.MatrixSymbol(piece, bottom - top, right - left)
                self.cuts.place(symbol, name, top, left)
                line.append(symbol)
                if values is not None:
                    self.arrays[piece] = values[top:bottom] if values.ndim == 1 else values[top:bottom, left:right]
            entries.append(tuple(line))
        return Blocks(tuple(entries))

    def _name_tensor(self, tensor: str, made: Traced) -> None:
        """Note which symbols lie in a tensor, where they lie one below the other and are of one size."""
        if not isinstance(made, Blocks):
            self.tensors[tensor] = (str(made),)
        elif len(made.columns) == 1 and len(set(made.rows)) == 1:
            self.tensors[tensor] = tuple(map(str, made.column))
