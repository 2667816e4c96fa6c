"""Cells that users write in PyTorch, ``forward(self, input, state)``, as recurrences: traced through ``torch.fx``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.interop.torch_cell_form import CellForm, forms
from symgrad.interop.torch_cell_output import next_values
from symgrad.interop.torch_checks import check_module, torch_module, unwrapped
from symgrad.interop.torch_copies import plain_copy
from symgrad.interop.torch_graph import recorded
from symgrad.interop.torch_hooks import without_hooks
from symgrad.interop.torch_noise import generator_kept
from symgrad.interop.torch_reading import Names, next_states
from symgrad.interop.torch_source import raised_at
from symgrad.interop.torch_values import Flow
from symgrad.interop.torch_widening import in_float64
from symgrad.interop.tracing import Trace, traced_recurrence
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.simulate import simulate

__all__ = ["state_lengths", "trace_cell"]

Array = NDArray[np.float64]
TOLERANCE = 1e-8  # of the comparison with the module itself: room for softplus beyond PyTorch's threshold


def trace_cell(
    module: Any, example: Any = None, input_size: int | None = None, state_sizes: Any = None
) -> tuple[Recurrence, dict[str, Array]]:
    """The recurrence that a user-written cell computes, and its weights.

    ``forward(self, input, state)`` takes vectors, with or without a batch axis, and a state that is a tensor, or
    several in a tuple, a list, a named tuple, a dictionary (of these two an example is needed) or in arguments of their
    own; it returns the next state in the same form, or ``(output, state)``.
    Followed are linear maps, entrywise functions, sums and products, concatenations, slices and views, sub-modules
    and PyTorch's own cells inside; refused are operations on data that have no formula here, such as softmax, layer
    normalisation or control flow that depends on numbers.

    Constants of the program are taken in float64. Softplus is taken without PyTorch's threshold, above which it returns
    its argument: from there on, at 20, values differ by up to 2.1e-9.

    Args:
        module: the cell.
        example: ``(input, state)``, tensors whose sizes are those of the cell.
        input_size: the length of the input vector, instead of an example.
        state_sizes: the length of the state, or a tuple of the lengths of several, instead of an example.

    Returns:
        The model and name -> float64 array. Parameter ``lin.weight`` has the symbol ``lin_weight``; where the cell cuts
        it, the pieces are ``lin_weight_0``, ``lin_weight_1``, and so on.

    Raises:
        InputError: the sizes are not known; an operation cannot be traced (names it and its source line).

    >>> import torch, symgrad as sg
    >>> class Cell(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.mix = torch.nn.Linear(5, 3)
    ...
    ...     def forward(self, x, h):
    ...         return torch.tanh(self.mix(torch.cat([x, h], dim=-1)))
    >>> model, weights = trace_cell(Cell(), input_size=2, state_sizes=3)
    >>> print(model)
    h[t] = tanh(mix_weight_1*h[t-1] + mix_weight_0*x[t] + mix_bias)
    """
    module = unwrapped(module)
    check_module(module)
    with in_float64():
        cell = plain_copy(module)
        with without_hooks(cell) as hooked:
            form = _chosen(cell, *forms(cell, example, input_size, state_sizes))
            model, weights = _traced(cell, form)
        try:
            _check_values(cell, form, model, weights)
        except InputError:
            if not hooked:
                raise
            model, weights = _traced(cell, form)  # with hooks, as some of them change values
            _check_values(cell, form, model, weights)
    return model, weights


def state_lengths(
    module: Any, example: Any = None, input_size: int | None = None, state_sizes: Any = None
) -> tuple[int, ...]:
    """How many numbers each state tensor of a cell has; a tensor that the cell cuts is several states of its model.

    Raises:
        InputError: as :func:`trace_cell`.
    """
    module = unwrapped(module)
    with in_float64():
        cell = plain_copy(module)
        with without_hooks(cell):
            form = _chosen(cell, *forms(module, example, input_size, state_sizes))
    return tuple(form.sizes[name] for name in form.states)


def _chosen(cell: Any, stages: Sequence[Sequence[CellForm]], meant: bool) -> CellForm:
    """The form of arguments with which the cell runs and returns a state of the same form."""
    failures: list[str] = []
    for stage in stages:
        found = []
        for form in stage:
            failure = _failure(cell, form)
            if failure is None:
                found.append(form)
            else:
                failures.append(failure)
            if found and meant:
                break
        if found:
            return _only(cell, found)
    if meant:
        raise InputError(failures[0])
    raise InputError(
        f"module: the sizes of {type(cell).__name__} do not follow from its attributes and parameters; "
        f"pass example=(input, state), or input_size and state_sizes (for instance: {failures[0]})"
    )


def _failure(cell: Any, form: CellForm) -> str | None:
    """Why a form does not fit, or None."""
    try:
        next_values(form, _run(cell, form, form.values(0)))
    except InputError as error:
        return str(error)
    return None


def _only(cell: Any, found: Sequence[CellForm]) -> CellForm:
    sizes = {tuple(form.sizes.values()) for form in found}
    if len(sizes) > 1:
        raise InputError(
            f"module: {type(cell).__name__} runs with vectors of lengths {', '.join(map(str, sorted(sizes)))} "
            "(input, states); pass example=(input, state), or input_size and state_sizes"
        )
    return found[0]


def _run(cell: Any, form: CellForm, values: Any) -> Any:
    torch = torch_module()
    try:
        with torch.no_grad(), generator_kept():
            return cell(*form.arguments(values))
    except Exception as error:  # whatever the user's code raises
        raise InputError(
            f"module: {type(cell).__name__} fails on {form}: {type(error).__name__}: {error}{raised_at(error)}"
        ) from error


def _traced(cell: Any, form: CellForm) -> tuple[Recurrence, dict[str, Array]]:
    values = form.values(0)
    graph = recorded(cell, form.arguments(values), {id(value): name for name, value in values.items()})
    outputs = next_values(form, graph.output)
    names = Names(set(form.sizes))

    def step(trace: Trace) -> Any:
        flows = {
            name: Flow(trace.vector(name, size), form.shapes[name], form.axis(name))
            for name, size in form.sizes.items()
        }
        return next_states(trace, graph, outputs, names, flows, form.batch)

    states = {name: form.sizes[name] for name in form.states}
    inputs = {form.input: form.sizes[form.input]}
    return traced_recurrence(step, states, inputs, type(cell).__name__)


def _check_values(cell: Any, form: CellForm, model: Recurrence, weights: dict[str, Array]) -> None:
    """The traced model must compute what the module computes, at numbers that the trace has not seen."""
    values = form.values(1)
    expected = next_values(form, _run(cell, form, {name: value.clone() for name, value in values.items()}))
    if not all(bool(value.isfinite().all()) for value in expected):
        raise InputError(f"module: {type(cell).__name__} returns NaN or infinite states at ordinary numbers")
    flat = {name: form.rows(name, value).numpy() for name, value in values.items()}
    starts = _cut(flat, form.states, model.states)
    inputs = {name: array[:, None, :] for name, array in _cut(flat, [form.input], model.inputs).items()}
    found = simulate(model, weights, inputs, initial=starts)
    got = np.concatenate([found.states[str(symbol)][-1] for symbol in model.states], axis=-1)
    pairs = zip(form.states, expected, strict=True)
    wanted = np.concatenate([form.rows(name, value).numpy() for name, value in pairs], axis=-1)
    gap = np.abs(got - wanted)
    if not (gap <= TOLERANCE * (1 + np.abs(wanted))).all():
        raise InputError(
            f"module: {type(cell).__name__} does not compute what its trace computes (the next state differs by "
            f"{gap.max():.2g}); tensors that are changed in place, values kept between calls and forward hooks of the "
            "cell itself cannot be traced"
        )


def _cut(values: dict[str, Array], names: Sequence[str], symbols: Sequence[Any]) -> dict[str, Array]:
    """Values of states or inputs by the names of their pieces, which come in the same order."""
    joined = np.concatenate([values[name] for name in names], axis=-1)
    ends = np.cumsum([int(symbol.shape[0]) for symbol in symbols])[:-1]
    return dict(zip(map(str, symbols), np.split(joined, ends, axis=-1), strict=True))
