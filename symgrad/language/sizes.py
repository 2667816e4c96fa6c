"""Size symbols from the shapes of arrays: each shape gives one equation a side, such as ``n + m = 5``."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symgrad.errors import InputError

__all__ = ["sizes_from_shapes"]

Shape = tuple[int, ...]


def sizes_from_shapes(shapes: Mapping[sp.Expr, Shape]) -> dict[sp.Symbol, int]:
    """The size symbols that the shapes of matrices tell.

    Args:
        shapes: matrix symbol -> shape of its array; one number stands for a column.

    Returns:
        Size symbol -> number, for each that follows from linear equations with one unknown.

    Raises:
        InputError: shapes that contradict each other, or a size below 1.

    >>> n, m = sp.symbols("n m", positive=True, integer=True)
    >>> sizes_from_shapes({sp.MatrixSymbol("W", n, n + m): (2, 5)})
    {n: 2, m: 3}
    """
    sizes: dict[sp.Symbol, int] = {}
    known = -1
    while len(sizes) > known:
        known = len(sizes)
        for symbol, shape in shapes.items():
            for size, length in zip(symbol.shape, _two(shape), strict=True):
                _solve(sp.sympify(size), length, sizes)
    for symbol, shape in shapes.items():
        _check(symbol, shape, sizes)
    return sizes


def _two(shape: Shape) -> Shape:
    return shape if len(shape) == 2 else (*shape, 1)


def _solve(size: sp.Expr, length: int, sizes: dict[sp.Symbol, int]) -> None:
    """Add the one unknown of ``size = length``, if it is linear in one and the solution is a whole number."""
    equation = sp.expand(size.xreplace(sizes) - length)
    if len(equation.free_symbols) != 1:
        return
    (unknown,) = equation.free_symbols
    slope = equation.diff(unknown)
    if slope.is_number and slope != 0:
        solution = -equation.xreplace({unknown: sp.S.Zero}) / slope
        if solution.is_Integer:
            sizes[unknown] = int(solution)


def _check(symbol: sp.Expr, shape: Shape, sizes: Mapping[sp.Symbol, int]) -> None:
    for size, length in zip(symbol.shape, _two(shape), strict=True):
        expected = sp.sympify(size)
        number = sp.sympify(expected.xreplace(dict(sizes)))
        used = [s for s in expected.free_symbols if s in sizes]
        if (number.is_number and number != length) or any(sizes[s] < 1 for s in used):
            given = ", ".join(f"{s} = {sizes[s]}" for s in sorted(used, key=str))
            raise InputError(
                f"weight {symbol}: got shape {shape}, needed {symbol.shape}{' with ' if given else ''}{given}"
            )
