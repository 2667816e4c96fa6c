"""Numbers for a model's parameters: checked, split into gates, sizes solved for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.exact_arrays import exact_array
from symgrad.language.layer_names import split_layers
from symgrad.language.matrix_properties import check_properties
from symgrad.language.recurrence import Recurrence
from symgrad.language.sizes import sizes_from_shapes
from symgrad.language.widths import layer_widths, padded, width_roles

__all__ = ["LayerWeights", "Weights", "bind", "check_sizes", "exact_array"]

Array = NDArray[np.float64]
T = TypeVar("T")


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

    def at(self, step: int) -> Weights:
        """The values at a step, counted from 0: the same at each."""
        return self

    def with_sizes(self, sizes: Mapping[sp.Symbol, int]) -> Weights:
        """The same values with other sizes."""
        return replace(self, sizes=dict(sizes))


@dataclass(frozen=True)
class LayerWeights(Weights):
    """Parameter values of a model with a depth.

    Attributes:
        values: empty, as every layer has its own.
        sizes: size symbol -> int, the same for all layers.
        layers: the values of each layer.
        widths: where layers have different widths, the sizes of the states x_0 ... x_depth, None where no weight tells.
            All ``layers`` are then of the largest width: what a smaller one has lies first, the rest is zero.
    """

    layers: tuple[Weights, ...]
    widths: tuple[int | None, ...] | None

    def at(self, step: int) -> Weights:
        """The values at a step, counted from 0: those of layer step + 1."""
        return self.layers[step]

    def with_sizes(self, sizes: Mapping[sp.Symbol, int]) -> LayerWeights:
        """The same values with other sizes, at every layer."""
        return replace(self, sizes=dict(sizes), layers=tuple(layer.with_sizes(sizes) for layer in self.layers))


def bind(model: Recurrence, weights: Mapping[Any, Any] | None, needed: Collection[sp.Expr] = ()) -> Weights:
    """Numbers for the parameters of a model.

    Args:
        model: whose parameters.
        weights: symbol or name -> number or array. Vectors may have shape (n,) or
            (n, 1). Stacked tensors in PyTorch's names (``weight_hh``,
            ``weight_hh_l0``) are split as the model states. For a model with a depth see
            :func:`symgrad.language.layer_names.split_layers`.
        needed: the parameters that must be there; others may be missing.

    Raises:
        InputError: a missing weight, a wrong shape, NaN or infinity, no real numbers.
        UnknownNameError: a name that the model does not have.
    """
    if weights is not None and not isinstance(weights, Mapping):
        raise InputError(f"weights: a mapping {{name: array}} is needed, got {type(weights).__name__}")
    if model.depth is not None:
        return _bind_layers(model, weights or {}, needed)
    return _checked(model, _sized(_fitted(_values(model, weights or {}, needed))))


def check_sizes(model: Recurrence, weights: Weights, used: Collection[sp.Basic]) -> None:
    """Refuse weights that do not tell a size that is used.

    Raises:
        InputError: names the size and the parameters that would tell it.
    """
    unknown = [size for size in model.sizes if size in used and size not in weights.sizes]
    if unknown:
        telling = [str(s) for s in model.parameters if unknown[0] in s.free_symbols] or "none in this model"
        raise InputError(f"weights: the size {unknown[0]} is needed; the parameters that tell it: {telling}")


def _bind_layers(model: Recurrence, weights: Mapping[Any, Any], needed: Collection[sp.Expr]) -> LayerWeights:
    """The same layer by layer; narrow layers are filled up with zeros where the model allows different widths."""
    values = _by_layer(lambda given: _fitted(_values(model, given, needed)), split_layers(model, weights))
    roles = width_roles(model) or {}
    widths = layer_widths(roles, values)
    known = {width for width in widths if width is not None}
    if len(known) < 2:
        layers = _by_layer(lambda found: _checked(model, _sized(found)), values)
        return _layer_weights(model, layers, None)
    _by_layer(lambda found: _checked(model, Weights(found, {})), values)
    return _layer_weights(model, [_sized(padded(roles, found, max(known))) for found in values], tuple(widths))


def _by_layer(function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
    """A function of what each layer has; errors name the layer."""
    found: list[T] = []
    for layer, item in enumerate(items, 1):
        try:
            found.append(function(item))
        except InputError as error:
            raise InputError(f"layer {layer}: {error}") from error
    return found


def _layer_weights(model: Recurrence, layers: list[Weights], widths: tuple[int | None, ...] | None) -> LayerWeights:
    """The layers together, each with the sizes that any of them tells."""
    sizes: dict[sp.Symbol, int] = {}
    for number, layer in enumerate(layers, 1):
        for size, length in layer.sizes.items():
            if sizes.setdefault(size, length) != length:
                raise InputError(
                    f"weights: layer {number} has {size} = {length}, the layers before have {sizes[size]}; "
                    f"model {model.name} does not allow layers of different widths"
                )
    return LayerWeights({}, {}, tuple(layers), widths).with_sizes(sizes)


def _values(model: Recurrence, weights: Mapping[Any, Any], needed: Collection[sp.Expr]) -> dict[sp.Expr, Array]:
    """Parameter -> array, stacked tensors taken apart."""
    given = _named_arrays(weights)
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
    return {known[name]: array for name, array in arrays.items()}


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


def _fitted(values: Mapping[sp.Expr, Array]) -> dict[sp.Expr, Array]:
    return {symbol: _fit(symbol, array) for symbol, array in values.items()}


def _sized(values: dict[sp.Expr, Array]) -> Weights:
    sizes = sizes_from_shapes({s: a.shape for s, a in values.items() if not isinstance(s, sp.Symbol)})
    return Weights(values, sizes)


def _checked(model: Recurrence, weights: Weights) -> Weights:
    _check_ranges(model, weights)
    check_properties(model.properties, weights.values)
    return weights


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
