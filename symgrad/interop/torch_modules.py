"""from_torch: a PyTorch module as a recurrence or a chain of layers, with its weights."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.interop.torch_cells import trace_cell
from symgrad.interop.torch_chains import chain_from_torch
from symgrad.interop.torch_checks import check_module, checked_array, effective_tensor, torch_module, unwrapped
from symgrad.interop.torch_sizes import check_stated_sizes
from symgrad.language import models
from symgrad.language.layer_chain import LayerChain
from symgrad.language.recurrence import Recurrence
from symgrad.language.stacking import stack
from symgrad.numerics.bidirectional import BidirectionalStack

__all__ = ["built_in_weights", "from_torch", "is_built_in"]

Array = NDArray[np.float64]
Model = Recurrence | BidirectionalStack | LayerChain

_CELLS = ("RNNCell", "LSTMCell", "GRUCell")
_NETWORKS = ("RNN", "LSTM", "GRU")
_CELL_TENSORS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def from_torch(
    module: Any, *, example: Any = None, input_size: int | None = None, state_sizes: Any = None
) -> tuple[Model, dict[str, Array]]:
    """The recurrence, or the chain of layers, that a PyTorch module computes, and its weights.

    Read are

    - ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU`` (layers, both directions, with or without bias) and ``nn.RNNCell``,
      ``nn.LSTMCell`` and ``nn.GRUCell``: the families of models such as :func:`symgrad.models.lstm`, stacked;
    - any module with a ``forward(self, input, state)``, the state a tensor or several in a tuple, list or dictionary;
    - ``nn.Sequential`` and other modules with a ``forward(self, x)`` made of linear layers, activations, normalisation
      and residual blocks: a chain of layers.

    Of parametrised weights (weight norm, spectral norm) the effective ones are taken, as in evaluation mode. Modules
    inside ``torch.compile`` or ``DataParallel`` are unwrapped, tensors on other devices copied. The module itself is
    left as it is. Forward hooks inside a cell are followed where they change values; those of the module itself are no
    part of the model.

    Args:
        module: the module, with float32 or float64 parameters, at most 2**27 of them; dropout only in evaluation mode.
        example: of a module with a state, an example ``(input, state)`` of its arguments, where its sizes do not
            follow from its attributes and parameters.
        input_size: the length of the input vector, instead of an example.
        state_sizes: the lengths of the state vectors, instead of an example.

    Returns:
        ``(model, weights)``. The model is a :class:`~symgrad.Recurrence` (of several layers that of
        :func:`~symgrad.stack`), a :class:`~symgrad.BidirectionalStack`, or a :class:`~symgrad.LayerChain`. Weights are
        name -> float64 array, by the names of the module's own parameters or by those of symbols made of them.

    Raises:
        InputError: no module; one that cannot be read (projections, convolutions, attention, data-dependent control
            flow, ...); parameters that are random, complex, of half precision, quantised, sparse, lazy, infinite or
            NaN; sizes that do not fit. The message names the parameter or the operation.
        SymgradError: PyTorch is not installed.

    >>> import torch, symgrad as sg
    >>> model, weights = sg.from_torch(torch.nn.LSTM(3, 4, num_layers=2))
    >>> [str(state) for state in model.states], weights["weight_hh_l1"].shape
    (['h_l0', 'c_l0', 'h_l1', 'c_l1'], (16, 4))
    >>> print(sg.from_torch(torch.nn.RNNCell(3, 4, bias=False, nonlinearity="relu"))[0])
    h[t] = relu(W*h[t-1] + U*u[t])
    """
    module = unwrapped(module)
    kind = built_in_kind(module)
    if kind is not None:
        check_module(module)
        check_stated_sizes(module, example, input_size, state_sizes)
        return _network(module, kind) if kind in _NETWORKS else _cell(module, kind)
    _check_is_read(module)
    required, accepted = _argument_counts(module)
    if required >= 2:
        return trace_cell(module, example, input_size, state_sizes)
    if accepted >= 2:
        return _cell_or_chain(module, example, input_size, state_sizes)
    _check_holds_no_network(module, (torch_module().nn.RNNCellBase,))
    return chain_from_torch(module, input_size=input_size)


def is_built_in(module: Any) -> bool:
    """Whether a module is one of PyTorch's own recurrent ones, with their own forward function."""
    return built_in_kind(unwrapped(module)) is not None


def built_in_kind(module: Any) -> str | None:
    """``"RNN"``, ..., ``"GRUCell"``; None for anything else, also for subclasses with a forward of their own."""
    nn = torch_module().nn
    if "forward" in vars(module):
        return None
    return next((kind for kind in (*_NETWORKS, *_CELLS) if type(module).forward is getattr(nn, kind).forward), None)


# --- PyTorch's own recurrent modules ---------------------------------------------


def built_in_weights(module: Any) -> dict[str, Array]:
    """The weights that :func:`from_torch` gives for one of PyTorch's own recurrent modules, without the model.

    Raises:
        InputError: a tensor that cannot be taken over, see :func:`symgrad.interop.torch_checks.checked_array`.
    """
    module = unwrapped(module)
    cell = [name for name in _CELL_TENSORS if getattr(module, name, None) is not None]
    names = module._flat_weights_names if built_in_kind(module) in _NETWORKS else cell
    return {name: checked_array(name, effective_tensor(module, name)) for name in names}


def _cell(module: Any, kind: str) -> tuple[Recurrence, dict[str, Array]]:
    return _model(module, kind.removesuffix("Cell")), built_in_weights(module)


def _network(module: Any, kind: str) -> tuple[Recurrence | BidirectionalStack, dict[str, Array]]:
    if module.proj_size:
        raise InputError(
            f"module: {kind} with projections (proj_size={module.proj_size}) is not accepted; "
            "pass one with proj_size=0, or a cell of your own with forward(input, state)"
        )
    layers = [_model(module, kind)] * module.num_layers
    return BidirectionalStack.of(layers) if module.bidirectional else stack(layers), built_in_weights(module)


def _model(module: Any, kind: str) -> Recurrence:
    """One layer."""
    if kind == "RNN":
        return models.elman(module.nonlinearity, bias=module.bias)
    return models.lstm(bias=module.bias) if kind == "LSTM" else models.gru(bias=module.bias)


# --- other modules ----------------------------------------------------------------


def _argument_counts(module: Any) -> tuple[int, int]:
    """How many arguments by place forward needs and how many it takes."""
    accepted = inspect.signature(module.forward).parameters.values()
    named = [p.name for p in accepted if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if named:
        raise InputError(
            f"module: {type(module).__name__}.forward needs {', '.join(named)} by name; accepted are "
            "forward(input, state) and forward(x), whose arguments are given by place"
        )
    places = [p for p in accepted if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_number = any(p.kind is p.VAR_POSITIONAL for p in accepted)
    return sum(place.default is place.empty for place in places), len(places) + 2 * any_number


def _cell_or_chain(module: Any, example: Any, input_size: Any, state_sizes: Any) -> tuple[Model, dict[str, Array]]:
    """A module whose second argument may be left out: a cell if it can be read as one, else layers without state."""
    stated = example is not None or state_sizes is not None
    refusal: InputError | None = None
    try:
        model, weights = trace_cell(module, example, input_size, state_sizes)
        if stated or any(expr.has(state) for expr in model.updates.values() for state in model.states):
            return model, weights
    except InputError as error:
        if stated:
            raise
        refusal = error
    try:
        return chain_from_torch(module, input_size=input_size)
    except InputError:
        if refusal is None:
            raise
        raise refusal from None


def _check_is_read(module: Any) -> None:
    """Refuse modules that are neither a cell nor a chain of layers, before anything is traced."""
    nn = torch_module().nn
    kind = type(module)
    own = "forward" in vars(module)
    if kind.forward is nn.Module.forward and not own:
        raise InputError(f"module: {kind.__name__} has no forward function; pass one that computes something")
    if isinstance(module, nn.RNNBase):
        raise InputError(
            f"module: {kind.__name__} runs over whole sequences with a forward function of its own; pass a cell with "
            "forward(input, state), which computes one step"
        )
    if kind.__module__.startswith("torch.nn.") and not own and _argument_counts(module)[0] >= 2:
        raise InputError(
            f"module: {kind.__name__} is no recurrent module and no chain of layers; accepted are "
            f"{', '.join(f'nn.{name}' for name in (*_NETWORKS, *_CELLS))}, nn.Sequential and modules of your own"
        )
    _check_holds_no_network(module)


def _check_holds_no_network(module: Any, others: tuple[type, ...] = ()) -> None:
    """Refuse a module around a recurrent network, which runs over whole sequences and so is part of no cell."""
    inner = [
        f"{path} ({type(part).__name__})"
        for path, part in module.named_modules()
        if path and isinstance(part, (torch_module().nn.RNNBase, *others))
    ]
    if inner:
        raise InputError(
            f"module: {type(module).__name__} is no recurrence itself but holds {', '.join(inner)}; pass one of these, "
            "or the whole module to symgrad.diagnose"
        )
