"""Numbers for a model's parameters: checked, split into gates, sizes solved for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.recurrence import Recurrence
from symgrad.language.sizes import sizes_from_shapes

__all__ = ["Weights", "bind", "exact_array"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Parameter values of a model.

    Attributes:
        values: symbol -> float64 array: (rows, columns) for a matrix, (n,) for a
            vector, () for a scalar. Taken as exact numbers.
        sizes: size symbol -> int, as far as the shapes tell.
    """

    values: dict[sp.Expr, Array]
    sizes: dict[sp.Symbol, int]

    def shape(self, symbol: sp.Expr) -> tuple[int, ...]:
        """The shape of a symbol with the sizes put in.

        Raises:
            InputError: a size is not known from the weights.
        """
        if isinstance(symbol, sp.Symbol):
            return ()
        shape = [sp.sympify(sp.sympify(size).xreplace(self.sizes)) for size in symbol.shape]
        if any(not size.is_Integer for size in shape):
            raise InputError(f"weights: they do not tell the size {symbol.shape} of {symbol}")
        return tuple(int(size) for size in shape)


def bind(model: Recurrence, weights: Mapping[Any, Any] | None, needed: Collection[sp.Expr] = ()) -> Weights:
    """Numbers for the parameters of a model.

    Args:
        model: whose parameters.
        weights: symbol or name -> number or array. Vectors may have shape (n,) or
            (n, 1). Stacked tensors in PyTorch's names (``weight_hh``,
            ``weight_hh_l0``) are split as the model states.
        needed: the parameters that must be there; others may be missing.

    Raises:
        InputError: a missing weight, a wrong shape, NaN or infinity, no real numbers.
        UnknownNameError: a name that the model does not have.
    """
    if weights is not None and not isinstance(weights, Mapping):
        raise InputError(f"weights: a mapping {{name: array}} is needed, got {type(weights).__name__}")
    given = _named_arrays(weights or {})
    known = {str(symbol): symbol for symbol in model.parameters}
    arrays = {name: array for name, array in given.items() if name in known}
    tensors = {name: array for name, array in given.items() if name not in known}
    for name, parts in _unstacked(model, tensors, {str(symbol) for symbol in needed}).items():
        if name in arrays:
            raise InputError(f"weights: {name} is given both by itself and inside a stacked tensor")
        arrays[name] = parts
    missing = sorted(str(symbol) for symbol in needed if str(symbol) not in arrays)
    if missing:
        shapes = ", ".join(f"{name} {getattr(known[name], 'shape', '(a number)')}" for name in missing)
        raise InputError(
            f"weights: {shapes} of model {model.name} missing; given: {', '.join(sorted(given)) or 'none'}"
        )
    bound_weights = _sized(model, {known[name]: array for name, array in arrays.items()})
    _check_ranges(model, bound_weights)
    return bound_weights


def _named_arrays(weights: Mapping[Any, Any]) -> dict[str, Array]:
    given: dict[str, Array] = {}
    for key, value in weights.items():
        name = _name(key)
        if name in given:
            raise InputError(f"weights: {name} is given twice, by its name and as a symbol")
        given[name] = exact_array(f"weight {name}", value)
    return given


def _name(key: object) -> str:
    if not isinstance(key, (str, sp.Symbol, sp.MatrixSymbol)):
        raise InputError(f"weights: names are strings or symbols, got {type(key).__name__} {key!r}")
    return str(key)


def exact_array(label: str, value: Any) -> Array:
    """A real array as float64 without any rounding.

    Raises:
        InputError: not real numbers, NaN or infinity, or numbers that float64 cannot hold exactly.
    """
    if isinstance(value, (sp.Basic, sp.MatrixBase)):
        value = _from_sympy(label, value)
    array = _as_numpy(label, value)
    if array.dtype.kind not in "fiu":
        raise InputError(f"{label}: an array of real numbers is needed, got dtype {array.dtype} of shape {array.shape}")
    with np.errstate(over="ignore"):
        result = np.array(array, dtype=np.float64)
    if not np.isfinite(result).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise InputError(f"{label}: NaN and infinity are not accepted, found {result[bad]} at index {bad}")
    if array.dtype.kind in "iu" and not (np.abs(result) <= 2.0**53).all():
        raise InputError(f"{label}: integers beyond 2**53 do not fit float64 exactly")
    if array.dtype.kind == "f" and not (result == array).all():
        raise InputError(f"{label}: numbers of dtype {array.dtype} do not fit float64 exactly")
    return result


def _as_numpy(label: str, value: Any) -> NDArray[Any]:
    if np.ma.is_masked(value):
        raise InputError(f"{label}: an array without masked entries is needed, got shape {np.shape(value)}")
    if callable(getattr(value, "detach", None)):
        return _from_torch(value)
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"{label}: rows of one length are needed, got {type(value).__name__} ({error})") from error


def _from_torch(tensor: Any) -> NDArray[Any]:
    """A PyTorch tensor without its gradient; formats that NumPy lacks, such as bfloat16, widened without rounding."""
    plain = tensor.detach().cpu()
    narrow = plain.is_floating_point() and plain.element_size() < 4
    return np.asarray((plain.float() if narrow else plain).numpy())


def _from_sympy(label: str, value: Any) -> Any:
    entries = value.tolist() if isinstance(value, sp.MatrixBase) else value
    flat = [item for row in entries for item in row] if isinstance(entries, list) else [entries]
    for item in flat:
        number = item.is_Rational or item.is_Float
        if not number or Fraction(str(sp.Rational(item))) != Fraction(float(item)):
            raise InputError(f"{label}: {item} is not exactly a float64; give a float")
    return np.array(entries, dtype=np.float64)


def _unstacked(model: Recurrence, tensors: Mapping[str, Array], needed: Collection[str]) -> dict[str, Array]:
    """Parameters cut out of stacked tensors; a parameter named by several tensors is their sum.

    One that lacks a tensor of its sum is left out unless it is needed.
    """
    parts: dict[str, dict[str, Array]] = {}
    for name, array in tensors.items():
        tensor = name if name in model.stacked else name.removesuffix("_l0")
        if tensor not in model.stacked:
            known = [str(symbol) for symbol in model.parameters]
            raise UnknownNameError(f"weight of model {model.name}", name, known + list(model.stacked))
        names = model.stacked[tensor]
        if array.ndim == 0 or array.shape[0] % len(names):
            raise InputError(
                f"weight {name}: {len(names)} blocks ({', '.join(names)}) one below the other are needed, "
                f"got shape {array.shape}"
            )
        for part, block in zip(names, np.split(array, len(names)), strict=True):
            if tensor in parts.setdefault(part, {}):
                raise InputError(f"weight {name}: {tensor} is given twice")
            parts[part][tensor] = block
    complete = [part for part, blocks in parts.items() if part in needed or not _missing(model, part, blocks)]
    return {part: _summed(model, part, parts[part]) for part in complete}


def _wanted(model: Recurrence, part: str) -> list[str]:
    return [tensor for tensor, names in model.stacked.items() if part in names]


def _missing(model: Recurrence, part: str, blocks: Mapping[str, Array]) -> list[str]:
    return [tensor for tensor in _wanted(model, part) if tensor not in blocks]


def _summed(model: Recurrence, part: str, blocks: Mapping[str, Array]) -> Array:
    wanted, missing = _wanted(model, part), _missing(model, part, blocks)
    if missing:
        raise InputError(f"weights: {part} is the sum of {' and '.join(wanted)}; {', '.join(missing)} is missing")
    arrays = list(blocks.values())
    if len({array.shape for array in arrays}) > 1:
        raise InputError(f"weights: {' and '.join(wanted)} must have one shape, got {[a.shape for a in arrays]}")
    # The sum rounded to float64 is the parameter of the model that is studied; everything after is exact in it.
    with np.errstate(over="ignore"):
        total: Array = np.sum(arrays, axis=0)
    if not np.isfinite(total).all():
        raise InputError(f"weights: the sum {part} of {' and '.join(wanted)} overflows")
    return total


def _sized(model: Recurrence, values: dict[sp.Expr, Array]) -> Weights:
    fitted = {symbol: _fit(symbol, array) for symbol, array in values.items()}
    sizes = sizes_from_shapes({s: a.shape for s, a in fitted.items() if not isinstance(s, sp.Symbol)})
    return Weights(fitted, sizes)


def _check_ranges(model: Recurrence, weights: Weights) -> None:
    """Refuse parameters outside what was declared for them: what was derived does not hold there."""
    for symbol, array in weights.values.items():
        if isinstance(symbol, sp.Symbol):
            _check_assumptions(symbol, float(array))
    scalars = {s: sp.Rational(float(a)) for s, a in weights.values.items() if isinstance(s, sp.Symbol)}
    for symbol, declared in model.ranges.items():
        given, interval = weights.values.get(symbol), declared.xreplace(scalars)
        if given is None or not given.size or interval.free_symbols:
            continue
        for value in (float(given.min()), float(given.max())):
            if sp.Rational(value) not in interval:
                raise InputError(f"weight {symbol}: the declared range is {interval}, got the entry {value}")


_SIGNS = ("positive", "negative", "nonnegative", "nonpositive", "nonzero", "zero")


def _check_assumptions(symbol: sp.Symbol, value: float) -> None:
    """Refuse a number that the symbol's own assumptions exclude, such as a negative one for a positive symbol."""
    number = sp.Rational(value)
    assumed = symbol.assumptions0
    broken = [key for key in assumed if getattr(number, f"is_{key}") is (not assumed[key])]
    if broken:
        key = next((sign for sign in _SIGNS if sign in broken and assumed[sign]), broken[0])
        raise InputError(f"weight {symbol}: the symbol is assumed {'' if assumed[key] else 'not '}{key}, got {value}")


def _fit(symbol: sp.Expr, array: Array) -> Array:
    """The array in the form the symbol calls for."""
    if isinstance(symbol, sp.Symbol):
        if array.size != 1:
            raise InputError(f"weight {symbol}: one number is needed, got shape {array.shape}")
        return array.reshape(())
    if symbol.shape[1] == 1 and (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)):
        return array.reshape(-1)
    if symbol.shape[1] == 1:
        raise InputError(f"weight {symbol}: got shape {array.shape}, needed {symbol.shape} or ({symbol.shape[0]},)")
    if array.ndim != 2:
        raise InputError(f"weight {symbol}: got shape {array.shape}, needed {symbol.shape}")
    return array
