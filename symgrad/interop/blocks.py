"""Matrices in blocks, as values of a trace: each block a SymPy matrix expression of given size, a vector one column.

A program that is traced may take a state or a weight apart and put the parts together again. Here every such value is
a grid of SymPy expressions; two values whose grids differ are refined to the common grid first. Where a symbol itself
has to be taken apart for that, the cut is noted in :class:`Cuts`, and the trace is repeated with the symbol in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate, pairwise

import sympy as sp
from sympy.matrices.expressions.hadamard import HadamardPower

from symgrad.interop.block_entries import TraceRefusal, entrywise_product, matrix_product, scaled, summed, transposed
from symgrad.language.elementwise import ActivatedMatrix

__all__ = ["Blocks", "Cuts", "edges"]


@dataclass(frozen=True)
class Blocks:
    """A matrix in blocks; a vector has one column.

    Attributes:
        entries: rows of blocks, each a SymPy matrix expression of given size.
    """

    entries: tuple[tuple[sp.Expr, ...], ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """How many rows each row of blocks has."""
        return tuple(int(row[0].shape[0]) for row in self.entries)

    @property
    def columns(self) -> tuple[int, ...]:
        """How many columns each column of blocks has."""
        return tuple(int(entry.shape[1]) for entry in self.entries[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns in all."""
        return sum(self.rows), sum(self.columns)

    @property
    def column(self) -> tuple[sp.Expr, ...]:
        """The blocks of a vector."""
        return tuple(row[0] for row in self.entries)

    @property
    def free_symbols(self) -> set[sp.Basic]:
        """Every symbol in the blocks."""
        return set().union(*(entry.free_symbols for row in self.entries for entry in row))

    def map(self, function: Callable[[sp.Expr], sp.Expr]) -> Blocks:
        """A function of every block by itself."""
        return Blocks(tuple(tuple(function(entry) for entry in row) for row in self.entries))

    @property
    def transposed(self) -> Blocks:
        """The transpose."""
        return Blocks(tuple(tuple(transposed(row[j]) for row in self.entries) for j in range(len(self.columns))))


def edges(sizes: Iterable[int]) -> tuple[int, ...]:
    """Where blocks of these sizes begin and end.

    >>> edges((2, 3))
    (0, 2, 5)
    """
    return (0, *accumulate(sizes))


@dataclass
class Cuts:
    """Where symbols have to be taken apart: name of the atom -> inner edges of its rows and of its columns.

    Attributes:
        wanted: the edges noted so far.
        changed: whether one was noted that the running trace does not have yet.
    """

    wanted: dict[str, tuple[set[int], set[int]]] = field(default_factory=dict)
    changed: bool = False
    _places: dict[sp.Expr, tuple[str, int, int]] = field(default_factory=dict)

    def inner(self, atom: str) -> tuple[set[int], set[int]]:
        """The inner edges of an atom."""
        return self.wanted.setdefault(atom, (set(), set()))

    def place(self, symbol: sp.Expr, atom: str, row: int, column: int) -> None:
        """Note which part of an atom a symbol is: where its rows and its columns begin."""
        self._places[symbol] = atom, row, column

    def again(self) -> None:
        """Begin the next trace."""
        self.changed = False
        self._places.clear()

    def refined(self, blocks: Blocks, rows: Sequence[int], columns: Sequence[int]) -> Blocks:
        """The same value with the given edges of rows and columns, among them its own."""
        own_rows, own_columns = edges(blocks.rows), edges(blocks.columns)
        grid = []
        for top, bottom in pairwise(rows):
            i = _holding(own_rows, top)
            line = []
            for left, right in pairwise(columns):
                j = _holding(own_columns, left)
                place = (top - own_rows[i], bottom - own_rows[i], left - own_columns[j], right - own_columns[j])
                line.append(self._part(blocks.entries[i][j], *place))
            grid.append(tuple(line))
        return Blocks(tuple(grid))

    def _part(self, expr: sp.Expr, top: int, bottom: int, left: int, right: int) -> sp.Expr:
        """Rows ``top`` to ``bottom`` and columns ``left`` to ``right`` of an expression."""
        shape = bottom - top, right - left
        if shape == tuple(expr.shape):
            return expr
        if isinstance(expr, sp.MatrixSymbol):
            return self._cut(expr, top, bottom, left, right)
        if isinstance(expr, (sp.OneMatrix, sp.ZeroMatrix)):
            return expr.func(*shape)
        if isinstance(expr, (sp.Identity, sp.MatrixBase)):
            return _numbers(sp.ImmutableDenseMatrix(expr)[top:bottom, left:right])
        if isinstance(expr, sp.Transpose):
            return transposed(self._part(expr.arg, left, right, top, bottom))
        if isinstance(expr, (sp.MatAdd, sp.HadamardProduct)):
            parts = [self._part(term, top, bottom, left, right) for term in expr.args]
            return summed(parts) if isinstance(expr, sp.MatAdd) else reduce(entrywise_product, parts)
        if isinstance(expr, HadamardPower):
            return HadamardPower(self._part(expr.base, top, bottom, left, right), expr.exp)
        if isinstance(expr, ActivatedMatrix):
            return expr.activation(self._part(expr.argument, top, bottom, left, right))
        if isinstance(expr, sp.MatMul):
            return self._part_of_product(expr, top, bottom, left, right)
        raise TraceRefusal(f"a part of the {type(expr).__name__} {expr} cannot be taken")

    def _part_of_product(self, expr: sp.MatMul, top: int, bottom: int, left: int, right: int) -> sp.Expr:
        factor, (first, *rest) = expr.as_coeff_matrices()
        if not rest:
            return scaled(factor, self._part(first, top, bottom, left, right))
        *middle, last = rest
        upper = self._part(first, top, bottom, 0, int(first.shape[1]))
        lower = self._part(last, 0, int(last.shape[0]), left, right)
        return scaled(factor, reduce(matrix_product, [upper, *middle, lower]))

    def _cut(self, symbol: sp.Expr, top: int, bottom: int, left: int, right: int) -> sp.Expr:
        atom, row, column = self._places[symbol]
        for axis, start, found in ((0, row, (top, bottom)), (1, column, (left, right))):
            new = {start + edge for edge in found if 0 < edge < symbol.shape[axis]} - self.inner(atom)[axis]
            self.inner(atom)[axis].update(new)
            self.changed = self.changed or bool(new)
        piece = sp.MatrixSymbol(f"{symbol}[{top}:{bottom},{left}:{right}]", bottom - top, right - left)
        self.place(piece, atom, row + top, column + left)
        return piece


def _holding(own: Sequence[int], start: int) -> int:
    """Which block the row (or column) ``start`` lies in."""
    return max(index for index, edge in enumerate(own[:-1]) if edge <= start)


def _numbers(matrix: sp.ImmutableDenseMatrix) -> sp.Expr:
    """Given numbers as the simplest expression of them."""
    if matrix.is_zero_matrix:
        return sp.ZeroMatrix(*matrix.shape)
    return sp.Identity(matrix.rows) if matrix.is_square and matrix == sp.eye(matrix.rows) else matrix
