"""States of cells in every container: tuples, lists, named tuples, dictionaries, and one alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import symgrad as sg
from tests.interop.written_cells import EXAMPLE, written


class State(NamedTuple):
    h: Tensor
    c: Tensor


def updated(self: Any, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    c = torch.sigmoid(self.w(x)) * c + self.u(h)
    return torch.tanh(c), c


def named(self: Any, x: Tensor, state: State) -> State:
    return State(*updated(self, x, state.h, state.c))


def keyed(self: Any, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    h, c = updated(self, x, state["h"], state["c"])
    return h, {"c": c, "h": h}


def listed(self: Any, x: Tensor, state: list[Tensor]) -> list[Tensor]:
    return list(updated(self, x, *state))


FORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[str]]] = {
    "named tuple": (named, lambda h, c: State(h, c), ["state_h", "state_c"]),
    "dictionary": (keyed, lambda h, c: {"h": h, "c": c}, ["state_h", "state_c"]),
    "list": (listed, lambda h, c: [h, c], ["state_0", "state_1"]),
}


@pytest.mark.parametrize("name", FORMS)
def test_states_are_held_as_in_the_example(name: str) -> None:
    forward, packed, names = FORMS[name]
    cell = written(forward)
    model, weights = sg.from_torch(cell, example=(torch.zeros(4, 2), packed(torch.zeros(4, 3), torch.zeros(4, 3))))
    assert [str(state) for state in model.states] == names
    x, h, c = (torch.randn(1, size, dtype=torch.float64) for size in (2, 3, 3))
    found = sg.simulate(
        model, weights, {"x": x.numpy()}, initial=dict(zip(names, (h[0].numpy(), c[0].numpy()), strict=True))
    )
    with torch.no_grad():
        wanted = updated(cell, x, h, c)
    for own, value in zip(names, wanted, strict=True):
        assert np.abs(found.states[own][-1] - value[0].numpy()).max() < 1e-12


@pytest.mark.parametrize("sizes", [3, [3], (3,)])
def test_one_size_is_that_of_a_tensor_or_of_a_tuple_of_one(sizes: Any) -> None:
    plain = written(lambda self, x, h: torch.tanh(self.u(h) + self.w(x)))
    assert sg.from_torch(plain, input_size=2, state_sizes=sizes)[0].states[0].shape == (3, 1)
    if sizes != 3:
        single = written(lambda self, x, state: (torch.tanh(self.u(state[0]) + self.w(x)),))
        model, _ = sg.from_torch(single, input_size=2, state_sizes=sizes)
        assert [str(state) for state in model.states] == ["state_0"]


@pytest.mark.parametrize(
    ("forward", "example", "words"),
    [
        (keyed, (EXAMPLE[0], {0: EXAMPLE[1]}), "states in a dictionary need names"),
        (listed, (EXAMPLE[0], [[EXAMPLE[1]], EXAMPLE[1]]), "tensors in one tuple, list or dictionary"),
        (listed, (EXAMPLE[0], []), "tensors in one tuple, list or dictionary"),
        (lambda self, x, state: state, (EXAMPLE[0], {"h": 1.0}), "state must be a tensor, got float"),
        (lambda self, h, x: self.w(x) + self.u(h), EXAMPLE, "takes h before x.*the input first"),
    ],
)
def test_states_that_cannot_be_read_are_refused(forward: Any, example: Any, words: str) -> None:
    with pytest.raises(sg.errors.InputError, match=words):
        sg.from_torch(written(forward), example=example)


def test_a_dictionary_with_other_states_is_refused() -> None:
    def renamed(self: nn.Module, x: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"g": self.u(state["h"]) + self.w(x)}

    with pytest.raises(sg.errors.InputError, match="for a dict as state"):
        sg.from_torch(written(renamed), example=(EXAMPLE[0], {"h": EXAMPLE[1]}))
