"""A stack of recurrences taken apart into its layers, each with what the layer below gives as its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import sympy as sp

from symgrad.language.recurrence import Recurrence

__all__ = ["unstacked"]


def unstacked(model: Recurrence) -> tuple[Recurrence, ...]:
    """The layers of a stack, from the bottom up, as recurrences of their own.

    A group of states is a layer where no earlier state depends on it, and where all that it takes from the states
    before is the new first state of the group below. That symbol is then its input.

    Returns:
        One recurrence a layer, with the states, parameters, tensor names, ranges and properties of that layer; the
        model itself, alone, where it does not come apart.

    >>> import symgrad as sg
    >>> for layer in unstacked(sg.stack([sg.models.elman(), sg.models.elman("relu")])):
    ...     print(layer)
    h_l0[t] = tanh(W_l0*h_l0[t-1] + U_l0*u[t] + b_l0)
    h_l1[t] = relu(W_l1*h_l1[t-1] + U_l1*u_l1[t] + b_l1)
    """
    groups = _groups(model)
    if len(groups) == 1 or model.depth is not None:
        return (model,)
    layers = [_layer(model, groups, index) for index in range(len(groups))]
    return tuple(layer for layer in layers if layer is not None) if None not in layers else (model,)


def _groups(model: Recurrence) -> list[tuple[sp.Expr, ...]]:
    """The finest cut of the states, in their order, such that no group depends on a later one."""
    states = model.states
    reads = [model.updates[state].free_symbols & set(states) for state in states]
    cuts = [0, *(i for i in range(1, len(states)) if not set().union(*reads[:i]) & set(states[i:])), len(states)]
    return [states[start:stop] for start, stop in pairwise(cuts)]


def _layer(model: Recurrence, groups: list[tuple[sp.Expr, ...]], index: int) -> Recurrence | None:
    """One group as a recurrence; None where it takes more than the first state of the group below."""
    updates = {state: model.updates[state] for state in groups[index]}
    inputs = model.inputs
    if index:
        below = groups[index - 1][0]
        fed = _input_of(model, groups[index][0], below, index)
        updates = {state: expr.xreplace({model.updates[below]: fed}) for state, expr in updates.items()}
        inputs = (fed,)
    allowed = set(groups[index]) | set(inputs)
    used: set[sp.Basic] = set().union(*(expr.free_symbols for expr in updates.values()))
    if used & ((set(model.variables) | set(inputs)) - allowed) or (index and inputs[0] not in used):
        return None
    return _restricted(model, updates, inputs, used | allowed)


def _input_of(model: Recurrence, state: sp.Expr, below: sp.Expr, index: int) -> sp.Expr:
    """A symbol for the input of a layer, of the shape of the state below and of a name that nothing else has."""
    taken = {str(symbol) for symbol in (*model.variables, *model.parameters, *model.sizes)}
    base = str(model.inputs[0]) if model.inputs else "u"
    suffix = str(state).partition("_")[2] or f"l{index}"
    name = f"{base}_{suffix}"
    while name in taken:
        name += "_"
    return sp.Symbol(name) if model.is_scalar else sp.MatrixSymbol(name, *below.shape)


def _restricted(
    model: Recurrence, updates: Mapping[sp.Expr, sp.Expr], inputs: tuple[sp.Expr, ...], used: set[sp.Basic]
) -> Recurrence:
    """The part of a model with these updates: what it declares about other symbols is left out."""
    names = {str(symbol) for symbol in used}
    return replace(
        model,
        updates=dict(updates),
        inputs=inputs,
        name=_own_name(model, updates),
        stacked={tensor: parts for tensor, parts in model.stacked.items() if names.issuperset(parts)},
        ranges={symbol: item for symbol, item in model.ranges.items() if symbol in used},
        properties={symbol: held for symbol, held in model.properties.items() if symbol in used},
    )


def _own_name(model: Recurrence, updates: Mapping[sp.Expr, sp.Expr]) -> str:
    """``lstm`` for a layer of ``stack(lstm, lstm)``; the model's name where it says nothing about its layers."""
    inside = model.name.removeprefix("stack(").removesuffix(")").split(", ")
    place = [layer[0] for layer in _groups(model)].index(next(iter(updates)))
    known = model.name.startswith("stack(") and len(inside) == len(_groups(model))
    return inside[place] if known else f"{model.name}, layer {place}"
