"""Calls of recurrent parts put in sequences: each call was given the state that the one before returned."""

from __future__ import annotations

from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_calls import Call, is_recurrent
from symgrad.interop.torch_checks import torch_module

__all__ = ["chains_of"]


def chains_of(calls: list[Call], name: str) -> list[list[Call]]:
    """The sequences of calls of the outermost recurrent parts, in the order in which they begin.

    A cell is a part that was called step by step, on one input vector a sequence; parts inside it belong to it.

    Raises:
        InputError: no recurrent part was called, or its states are changed between the steps.
    """
    chains = [chain for chain in _all_chains(calls) if _is_sequence(chain)]
    inside = {id(call) for chain in chains for call in chain}
    outermost = [chain for chain in chains if not any(_within(call, inside) for call in chain)]
    if not outermost:
        raise InputError(f"module: {name} {_why_none(calls)}")
    _check_unbroken(outermost)
    for chain in outermost:
        chain[-1].places.extend(chain[-2].places if len(chain) > 1 else _all_states(chain[0]))
    return outermost


def _all_chains(calls: list[Call]) -> list[list[Call]]:
    """All calls, each after the one whose state it was given."""
    chains: dict[int, list[Call]] = {}
    for call in calls:
        chain = chains.get(id(call.before), []) if call.before is not None else []
        chain.append(call)
        chains[id(call)] = chain
    return list({id(chain): chain for chain in chains.values()}.values())


def _is_sequence(chain: list[Call]) -> bool:
    part, given = chain[0].part, chain[0].given
    torch = torch_module()
    if not isinstance(given, torch.Tensor):
        return False
    if is_recurrent(part):
        return True
    return given.ndim in (1, 2) and (isinstance(part, torch.nn.RNNCellBase) or len(chain) > 1)


def _within(call: Call, cells: set[int]) -> bool:
    """Whether a call was made inside a call of these."""
    outer = call.outer
    while outer is not None:
        if id(outer) in cells:
            return True
        outer = outer.outer
    return False


def _all_states(call: Call) -> list[int]:
    """Which of the tensors that a single call of PyTorch's own modules returns are states."""
    return list(range(1 if is_recurrent(call.part) else 0, len(call.returned)))


def _check_unbroken(chains: list[list[Call]]) -> None:
    """Refuse a cell whose every call starts anew from a state that no call returned."""
    single: dict[str, list[Call]] = {}
    for chain in chains:
        if len(chain) == 1 and not is_recurrent(chain[0].part):
            single.setdefault(chain[0].path, []).append(chain[0])
    for path, calls in single.items():
        if len(calls) > 1 and all(call.state for call in calls[1:]):
            raise InputError(
                f"module: the state that {path} ({type(calls[1].part).__name__}) is given at its second call is not "
                "what its first call returned; put what changes it between the steps into a cell's "
                "forward(input, state)"
            )


def _why_none(calls: list[Call]) -> str:
    """Why there is nothing to diagnose, in words."""
    if not calls:
        return "calls no recurrent part: no nn.RNN, nn.LSTM, nn.GRU, and no cell with forward(input, state)"
    listed = ", ".join(dict.fromkeys(f"{call.path or 'itself'} ({type(call.part).__name__})" for call in calls))
    return (
        f"calls {listed}, but not as a cell, step by step with the state that the step before returned "
        f"{_shape_of(calls[0].given)}"
    )


def _shape_of(given: Any) -> str:
    return f"(its first input has shape {tuple(given.shape)})" if hasattr(given, "shape") else ""
