"""Numbers for the parameters and the constant inputs of a model with vectors or several numbers as states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symgrad.dynamics.scalar_system import FLOW, MAP
from symgrad.dynamics.vector_system import VectorSystem, entry_place
from symgrad.errors import InputError
from symgrad.language.exact_arrays import exact_array
from symgrad.language.flow import Flow
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind, check_sizes

__all__ = ["vector_system"]

_ENTRY = re.compile(r"(\w+)\s*\[\s*(\d{1,9})\s*(?:,\s*(\d{1,9})\s*)?\]")  # W[0, 1], or b[0] of a column


def vector_system(model: Any, values: Mapping[Any, Any] | None = None, free: Iterable[Any] = ()) -> VectorSystem:
    """The equations of the fixed points of a model, with numbers put in.

    Args:
        model: a :class:`~symgrad.language.recurrence.Recurrence` whose steps share their parameters, or a
            :class:`~symgrad.language.flow.Flow`.
        values: symbol or name -> array of a parameter or an input, exact floats; scalars as numbers or constant SymPy
            expressions, a float standing for its shortest decimal. Stacked tensors are split as in
            :func:`~symgrad.language.weights.bind`.
        free: scalars without a number: symbols or names, or entries such as ``W[0, 1]`` or ``"W[0, 1]"`` of a
            parameter or an input whose array is given; what stands there in the array does not count.

    Raises:
        InputError: no such model, a value that is missing, of a wrong shape or not finite, or a value for a state.
        UnknownNameError: the model has no such symbol.

    >>> import symgrad as sg
    >>> from flint import arb, arb_mat
    >>> model = sg.models.elman()
    >>> W = model.symbol("W")
    >>> system = vector_system(model, {"W": np.eye(2), "U": np.eye(2), "b": [0, 0], "u": [0, 0]}, free=[W[0, 0]])
    >>> system.size, system.residual(arb_mat([[1], [0]]), [arb(0)])[0, 0]
    (2, -1.00000000000000)
    """
    recurrence = _checked_model(model)
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"values: a mapping {{name: number or array}} is needed, got {type(values).__name__}")
    given = _named(recurrence, values or {})
    left_free = tuple(_free_scalar(recurrence, item) for item in free)
    scalars = _scalars(recurrence, given)
    weights = _weights(recurrence, {name: value for name, value in given.items() if name not in map(str, scalars)})
    _check_missing(recurrence, {*scalars, *weights.values, *left_free})
    exact = {symbol: number for symbol, number in scalars.items() if symbol not in left_free}
    system = VectorSystem(FLOW if recurrence.continuous else MAP, recurrence, weights, exact, left_free)
    for item in left_free:
        _check_entry(system, item)
    return system


def _checked_model(model: Any) -> Recurrence:
    if isinstance(model, Flow):
        return model.field
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence or a Flow is needed, got {type(model).__name__} {model!r}")
    if model.depth is not None:
        raise InputError(f"model: {model.name} has layers with parameters of their own, so it has no fixed points")
    return model


def _named(model: Recurrence, values: Mapping[Any, Any]) -> dict[str, Any]:
    """The values by name; a name that is none of the model's is left to the splitting of stacked tensors."""
    found: dict[str, Any] = {}
    states = set(map(str, model.states))
    for key, value in values.items():
        name = str(key)
        if name in states:
            raise InputError(f"values: {name} is a state of {model.name}; only parameters and inputs take values")
        if name in found:
            raise InputError(f"values: {name} is given twice, by its name and as a symbol")
        found[name] = value
    return found


def _scalars(model: Recurrence, given: Mapping[str, Any]) -> dict[sp.Expr, sp.Expr]:
    """Exact numbers for the scalar parameters and inputs that are given."""
    symbols = [s for s in (*model.parameters, *model.inputs) if isinstance(s, sp.Symbol) and str(s) in given]
    return {symbol: _scalar(model, symbol, given[str(symbol)]) for symbol in symbols}


def _scalar(model: Recurrence, symbol: sp.Symbol, value: Any) -> sp.Expr:
    plain = value.item() if isinstance(value, (np.generic, np.ndarray)) and np.size(value) == 1 else value
    number = exact_number(f"value of {symbol}", plain)
    assumed = symbol.assumptions0
    broken = [key for key in assumed if getattr(number, f"is_{key}") is (not assumed[key])]
    if broken:
        raise InputError(f"value of {symbol}: the symbol is assumed {_words(assumed, broken)}, got {number}")
    declared = model.ranges.get(symbol)
    if declared is not None and not declared.free_symbols and number not in declared:
        raise InputError(f"value of {symbol}: the declared range is {declared}, got {number}")
    return number


_SIGNS = ("positive", "negative", "nonnegative", "nonpositive", "nonzero", "integer")


def _words(assumed: Mapping[str, bool], broken: list[str]) -> str:
    key = next((sign for sign in _SIGNS if sign in broken), broken[0])
    return key if assumed[key] else f"not {key}"


def _weights(model: Recurrence, given: Mapping[str, Any]) -> Weights:
    """The arrays of parameters and inputs, with the sizes they tell."""
    inputs = {symbol: given[str(symbol)] for symbol in model.inputs if str(symbol) in given}
    arrays = {name: value for name, value in given.items() if name not in map(str, inputs)}
    needed = [symbol for symbol in model.parameters if not isinstance(symbol, sp.Symbol)]
    weights = _with_inputs(bind(model, arrays, needed), inputs)
    check_sizes(model, weights, model.sizes)
    return weights


def _with_inputs(weights: Weights, inputs: Mapping[sp.Expr, Any]) -> Weights:
    """The constant inputs among the weights; their lengths must be what the weights tell, or tell it themselves."""
    values, sizes = dict(weights.values), dict(weights.sizes)
    for symbol, value in inputs.items():
        array = exact_array(f"value of {symbol}", value)
        length = sp.sympify(sp.sympify(symbol.shape[0]).xreplace(sizes))
        if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 1):
            raise InputError(f"value of {symbol}: an array of shape ({length},) is needed, got shape {array.shape}")
        if length.is_Symbol:
            sizes[length] = array.shape[0]
        elif length.is_Integer and int(length) != array.shape[0]:
            raise InputError(f"value of {symbol}: an array of shape ({length},) is needed, got shape {array.shape}")
        values[symbol] = array.reshape(-1)
    return Weights(values, sizes)


def _check_missing(model: Recurrence, known: set[sp.Expr]) -> None:
    missing = [s for s in (*model.parameters, *model.inputs) if s not in known]
    if missing:
        shapes = ", ".join(f"{s} {s.shape}" if hasattr(s, "shape") else f"{s} (a number)" for s in missing)
        raise InputError(f"values: {shapes} of {model.name} missing; a constant input is needed as well")


def _free_scalar(model: Recurrence, item: Any) -> sp.Expr:
    named = _ENTRY.fullmatch(item) if isinstance(item, str) else None
    if named is not None:
        return _named_entry(model, *named.groups())
    if isinstance(item, sp.matrices.expressions.matexpr.MatrixElement):
        symbol = model.symbol(item.parent, model.parameters + model.inputs)
        return symbol[item.i, item.j]
    symbol = model.symbol(item, model.parameters + model.inputs)
    if not isinstance(symbol, sp.Symbol):
        raise InputError(f"free: {symbol} is no scalar; give an entry such as {symbol}[0, 0]")
    return symbol


def _named_entry(model: Recurrence, name: str, row: str, column: str | None) -> sp.Expr:
    array = model.symbol(name, model.parameters + model.inputs)
    text = f"{name}[{row}{'' if column is None else f', {column}'}]"
    if isinstance(array, sp.Symbol):
        raise InputError(f"free: {text} is no entry: {array} is a number")
    if column is None and array.shape[1] != 1:
        raise InputError(f"free: {text}: {array} has rows and columns, so that an entry is such as {array}[0, 0]")
    try:
        return array[int(row), int(column or 0)]
    except IndexError as error:
        raise InputError(f"free: {text} is no entry of {array}, which has shape {array.shape}") from error


def _check_entry(system: VectorSystem, item: sp.Expr) -> None:
    if isinstance(item, sp.Symbol):
        return
    if not (item.i.is_Integer and item.j.is_Integer):
        raise InputError(f"free: numbers for the row and the column are needed, got {item}")
    symbol, i, j = entry_place(item)
    shape = (*system.weights.shape(symbol), 1)[:2]
    if not (0 <= i < shape[0] and 0 <= j < shape[1]):
        raise InputError(f"free: {item} is no entry of {symbol}, which has shape {shape}")
