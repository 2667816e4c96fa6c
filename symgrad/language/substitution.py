"""A model with numbers or expressions in the place of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import InputError, SymgradError
from symgrad.language.matrix_properties import check_properties
from symgrad.language.numbers import exact_floats, exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import exact_array

__all__ = ["substituted"]


def substituted(model: Recurrence, values: Mapping[Any, Any]) -> Recurrence:
    """The same recurrence with some parameters replaced.

    Args:
        model: the recurrence.
        values: symbol or name -> for a scalar parameter a number or an expression in scalar symbols; for a matrix or a
            vector an array or an explicit SymPy matrix. Floats in arrays are taken exactly. Sizes follow from shapes.

    Returns:
        A model whose declared ranges and properties are those of the parameters that are left.

    Raises:
        InputError: another kind of value, a shape that does not fit, a value outside its declared range or without its
            declared property, or no mapping.
        UnknownNameError: no parameter of that name.

    >>> import symgrad as sg
    >>> model = substituted(sg.models.leaky(), {"alpha": sp.Rational(1, 2), "W": [[1, 2], [0, 1]]})
    >>> [str(p) for p in model.parameters], model.states[0].shape
    (['U', 'b'], (2, 1))
    """
    if not isinstance(values, Mapping):
        raise InputError(f"values: a mapping {{parameter: value}} is needed, got {type(values).__name__} {values!r}")
    found: dict[sp.Expr, Any] = {}
    for key, value in values.items():
        if (symbol := model.symbol(key, model.parameters)) in found:
            raise InputError(f"values: {symbol} is given twice, by its name and as a symbol")
        found[symbol] = value
    scalars = {symbol: _scalar(symbol, value) for symbol, value in found.items() if isinstance(symbol, sp.Symbol)}
    matrices = {symbol: _matrix(symbol, value) for symbol, value in found.items() if symbol not in scalars}
    _check_ranges(model, scalars, matrices)
    sizes = _sizes(matrices)
    replaced = [*scalars.items(), *((_sized(symbol, sizes), value) for symbol, value in matrices.items())]

    def carried(expr: Any) -> Any:
        return expr.xreplace(sizes).xreplace(dict(replaced)).doit(deep=False) if hasattr(expr, "xreplace") else expr

    names = {str(symbol) for symbol in found}
    return replace(
        model,
        updates={state.xreplace(sizes): carried(expr) for state, expr in model.updates.items()},
        inputs=tuple(symbol.xreplace(sizes) for symbol in model.inputs),
        ranges={s.xreplace(sizes): carried(held) for s, held in model.ranges.items() if s not in found},
        properties={s.xreplace(sizes): held for s, held in model.properties.items() if s not in found},
        stacked={tensor: parts for tensor, parts in model.stacked.items() if not names & set(parts)},
    )


def _scalar(symbol: sp.Symbol, value: Any) -> sp.Expr:
    if isinstance(value, sp.Expr) and value.free_symbols and not isinstance(value, sp.MatrixExpr):
        return exact_floats(value)
    return exact_number(f"value of {symbol}", value.item() if isinstance(value, np.generic) else value)


def _matrix(symbol: sp.MatrixSymbol, value: Any) -> sp.ImmutableDenseMatrix:
    if isinstance(value, (sp.MatrixBase, sp.MatrixExpr)):
        entries = _explicit(symbol, value)
    else:
        array = exact_array(f"value of {symbol}", value)
        array = array.reshape(-1, 1) if array.ndim == 1 and symbol.shape[1] == 1 else array
        if array.ndim != 2:
            raise InputError(f"value of {symbol}: a matrix of shape {symbol.shape} is needed, got shape {array.shape}")
        entries = sp.ImmutableDenseMatrix(array.shape[0], array.shape[1], [sp.Rational(float(v)) for v in array.flat])
    for size, length in zip(symbol.shape, entries.shape, strict=True):
        if size.is_Integer and size != length:
            raise InputError(f"value of {symbol}: shape {symbol.shape} is needed, got {entries.shape}")
    return entries


def _explicit(symbol: sp.MatrixSymbol, value: Any) -> sp.ImmutableDenseMatrix:
    """The entries of a SymPy matrix, the floats in them taken as their shortest decimals."""
    known = isinstance(value, sp.MatrixBase) or all(size.is_Integer for size in value.shape)
    if not known or value.atoms(sp.MatrixSymbol):
        raise InputError(
            f"value of {symbol}: an array or an explicit matrix is needed, got {type(value).__name__} {value}"
        )
    entries = value if isinstance(value, sp.MatrixBase) else value.doit().as_explicit()
    wrong = [entry for entry in entries if entry.is_finite is False or entry.is_real is False or entry is sp.nan]
    if wrong:
        raise InputError(f"value of {symbol}: finite real entries are needed, got {wrong[0]}")
    return sp.ImmutableDenseMatrix(entries).applyfunc(exact_floats)


def _sizes(matrices: Mapping[sp.MatrixSymbol, sp.ImmutableDenseMatrix]) -> dict[sp.Expr, sp.Expr]:
    """What the shapes of the values say about the sizes."""
    sizes: dict[sp.Expr, sp.Expr] = {}
    for symbol, value in matrices.items():
        for size, length in zip(symbol.shape, value.shape, strict=True):
            if isinstance(size, sp.Symbol) and sizes.setdefault(size, sp.Integer(length)) != length:
                raise InputError(f"value of {symbol}: {size} is {sizes[size]} elsewhere, got shape {value.shape}")
    return sizes


def _sized(symbol: sp.MatrixSymbol, sizes: Mapping[sp.Expr, sp.Expr]) -> sp.Expr:
    return symbol.xreplace(dict(sizes))


def _check_ranges(model: Recurrence, scalars: Mapping[sp.Expr, sp.Expr], matrices: Mapping[sp.Expr, Any]) -> None:
    """Refuse values outside what was declared or assumed: what is derived would not be about them."""
    for symbol, value in scalars.items():
        for sign in ("positive", "negative", "nonnegative", "nonpositive"):
            if getattr(symbol, f"is_{sign}") and getattr(value, f"is_{sign}") is False:
                raise InputError(f"value of {symbol}: the symbol is {sign}, got {value}")
    entries = {**{s: [v] for s, v in scalars.items()}, **{s: list(m) for s, m in matrices.items()}}
    for symbol, declared in model.ranges.items():
        outside = [v for v in entries.get(symbol, []) if v.is_number and declared.contains(v) == sp.false]
        if outside:
            raise InputError(f"value of {symbol}: the declared range is {declared}, got the entry {outside[0]}")
    numeric = {s: m for s, m in matrices.items() if s in model.properties and not m.free_symbols}
    unclear = [str(s) for s in matrices if s in model.properties and s not in numeric]
    if unclear:
        raise InputError(f"value of {', '.join(unclear)}: its declared property can be checked on numbers only")
    arrays = {s: np.array(m.tolist(), dtype=float) for s, m in numeric.items()}
    try:
        check_properties({s: held for s, held in model.properties.items() if s in arrays}, arrays)
    except SymgradError as error:
        raise InputError(f"value of {str(error).removeprefix('weight ')}") from error
