"""Stacks: several recurrences one on top of the other, as one recurrence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence

__all__ = ["stack"]


def stack(models: Iterable[Recurrence], names: Iterable[str] | None = None) -> Recurrence:
    """One recurrence of several: each layer reads, at every step, the new first state of the layer below.

    Args:
        models: from the bottom up; any recurrences, all of vectors or all of scalars. Every layer above the first has
            one input.
        names: what is appended to the names of each layer's states, parameters and sizes after an underscore;
            ``l0``, ``l1``, ... as in PyTorch unless given. The input of the bottom layer keeps its name and size.

    Returns:
        A :class:`Recurrence` with the states of all layers, bottom first. Declared ranges and properties are kept, but
        for ranges of inputs that are fed from below. Tensors go by PyTorch's names (``weight_hh_l1``).

    Raises:
        InputError: no models, a layer that is no recurrence or cannot be fed, names that are not distinct.

    >>> import symgrad as sg
    >>> print(stack([sg.models.elman(), sg.models.elman("relu")]))
    h_l0[t] = tanh(W_l0*h_l0[t-1] + U_l0*u[t] + b_l0)
    h_l1[t] = relu(W_l1*h_l1[t-1] + U_l1*h_l0[t] + b_l1)
    """
    layers = _checked(models)
    suffixes = _suffixes(names, len(layers))
    renamed: list[_Layer] = []
    for index, (model, suffix) in enumerate(zip(layers, suffixes, strict=True)):
        renamed.append(_Layer.of(model, suffix, renamed[-1] if renamed else None, index))
    return Recurrence(
        {state: update for layer in renamed for state, update in layer.updates.items()},
        inputs=layers[0].inputs,
        name=f"stack({', '.join(model.name for model in layers)})",
        stacked={tensor: parts for layer in renamed for tensor, parts in layer.stacked.items()},
        ranges={symbol: interval for layer in renamed for symbol, interval in layer.ranges.items()},
        properties={symbol: held for layer in renamed for symbol, held in layer.properties.items()},
    )


def _checked(models: Any) -> list[Recurrence]:
    if isinstance(models, Recurrence) or not isinstance(models, Iterable):
        raise InputError(f"models: a list of recurrences is needed, got {type(models).__name__}")
    layers = list(models)
    if not layers:
        raise InputError("models: at least one recurrence is needed, got an empty list")
    for index, model in enumerate(layers):
        if not isinstance(model, Recurrence):
            raise InputError(f"models: layer {index} must be a Recurrence, got {type(model).__name__} {model!r}")
        if model.depth is not None:
            raise InputError(
                f"models: layer {index} ({model.name}) has a depth, so its steps are layers and not steps in time"
            )
        if index and len(model.inputs) != 1:
            given = ", ".join(map(str, model.inputs)) or "none"
            raise InputError(
                f"models: layer {index} ({model.name}) must have one input to feed from below, got {given}"
            )
    kinds = {model.is_scalar for model in layers}
    if len(kinds) > 1:
        listed = ", ".join(f"{model.name} ({'scalar' if model.is_scalar else 'vectors'})" for model in layers)
        raise InputError(f"models: all layers must be of vectors or all of scalars, got {listed}")
    return layers


def _suffixes(names: Any, count: int) -> list[str]:
    if names is None:
        return [f"l{index}" for index in range(count)]
    given = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if len(given) != count or not all(isinstance(name, str) and name.isidentifier() for name in given):
        raise InputError(f"names: one identifier for each of the {count} layers is needed, got {names!r}")
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise InputError(
            f"names: {', '.join(twice)} is given to several layers, so their parameters would share names; got {given}"
        )
    return given


@dataclass(frozen=True)
class _Layer:
    """A layer with its symbols renamed and its input replaced by what the layer below gives."""

    updates: dict[sp.Expr, sp.Expr]
    stacked: dict[str, tuple[str, ...]]
    ranges: dict[sp.Expr, sp.Interval]
    properties: dict[sp.Expr, Any]

    @property
    def output(self) -> sp.Expr:
        """The new first state."""
        return next(iter(self.updates.values()))

    @classmethod
    def of(cls, model: Recurrence, suffix: str, below: _Layer | None, index: int) -> _Layer:
        sizes = {size: _renamed_scalar(size, suffix) for size in model.sizes}
        kept: dict[sp.Basic, sp.Basic] = {}
        if below is None:
            for symbol in model.inputs:
                kept[symbol] = symbol
                sizes |= {size: size for size in _own_sizes(model, symbol)}
        else:
            sizes |= _fed_sizes(model, below.output, index)
        symbols = {s: _renamed(s, suffix, sizes) for s in (*model.states, *model.parameters)}
        names = {**sizes, **symbols}
        if below is not None:
            (fed,) = model.inputs
            names[fed] = sp.Dummy("input") if model.is_scalar else sp.MatrixSymbol("_input", *below.output.shape)
        names |= kept
        updates = {symbols[state]: expr.xreplace(names) for state, expr in model.updates.items()}
        if below is not None:
            updates = {state: expr.xreplace({names[fed]: below.output}) for state, expr in updates.items()}
        fed_symbols = set(model.inputs) if below is not None else set()
        return cls(
            updates,
            {
                f"{tensor}_{suffix}": tuple(f"{part}_{suffix}" for part in parts)
                for tensor, parts in model.stacked.items()
            },
            {names[s]: _interval(value, names) for s, value in model.ranges.items() if s not in fed_symbols},
            {names[s]: held for s, held in model.properties.items()},
        )


def _own_sizes(model: Recurrence, symbol: sp.Expr) -> set[sp.Symbol]:
    """The sizes of an input that no state has: they need no other name."""
    of_states = {size for state in model.states if not model.is_scalar for size in state.shape[0].free_symbols}
    return set() if model.is_scalar else symbol.shape[0].free_symbols - of_states


def _fed_sizes(model: Recurrence, output: sp.Expr, index: int) -> dict[sp.Expr, sp.Expr]:
    """The size of the input that is fed, set to that of the output below."""
    if model.is_scalar:
        return {}
    wanted, given = model.inputs[0].shape[0], output.shape[0]
    if isinstance(wanted, sp.Symbol):
        return {wanted: given}
    if wanted != given:
        raise InputError(
            f"models: layer {index} ({model.name}) takes inputs of size {wanted}, the layer below gives {given}"
        )
    return {}


def _renamed_scalar(symbol: sp.Symbol, suffix: str) -> sp.Symbol:
    return sp.Symbol(f"{symbol.name}_{suffix}", **symbol.assumptions0)


def _renamed(symbol: sp.Expr, suffix: str, sizes: Mapping[sp.Expr, sp.Expr]) -> sp.Expr:
    if isinstance(symbol, sp.Symbol):
        return _renamed_scalar(symbol, suffix)
    return sp.MatrixSymbol(f"{symbol.name}_{suffix}", *(size.xreplace(sizes) for size in symbol.shape))


def _interval(value: sp.Interval, names: Mapping[sp.Basic, sp.Basic]) -> sp.Interval:
    return sp.Interval(value.start.xreplace(names), value.end.xreplace(names), value.left_open, value.right_open)
