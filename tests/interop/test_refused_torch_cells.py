"""Cells that cannot be traced, and sizes that do not follow: refused with the operation and its line."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import symgrad as sg
from symgrad.interop.torch_cells import trace_cell
from tests.interop.written_cells import EXAMPLE, written


def branching(self: Any, x: Any, h: Any) -> Any:
    if h.sum() > 0:
        return h
    return self.w(x)


def kept(self: Any, x: Any, h: Any) -> Any:
    self.count = getattr(self, "count", 0) + 1
    return self.count * torch.tanh(self.w(x))


def undefined(self: Any, x: Any, h: Any) -> Any:
    with torch.no_grad():
        recalled = self.u(h)
    return recalled + self.w(x)


def overwritten(self: Any, x: Any, h: Any) -> Any:
    before = h
    h += self.w(x)
    return h + before


REFUSED = {
    "softmax": (
        lambda self, x, h: torch.softmax(self.u(h), -1) + self.w(x),
        ["operation torch.softmax", "call_function", "lambda self"],
    ),
    "layer norm": (lambda self, x, h: nn.functional.layer_norm(self.u(h), (3,)), ["layer_norm", "lambda self, x, h"]),
    "maximum of entries": (lambda self, x, h: h.max(1, keepdim=True)[0] + self.w(x), ["max", "call_method"]),
    "norm": (lambda self, x, h: h / h.norm(dim=1, keepdim=True), ["norm"]),
    "product of states": (lambda self, x, h: h @ h.t() @ h, ["matmul", "two values that depend on input or state"]),
    "branch": (branching, ["bool()", "if h.sum() > 0:", "depends on data"]),
    "number": (lambda self, x, h: h * h[0, 0].item(), ["item", "Python"]),
    "condition": (lambda self, x, h: torch.where(h > 0, h, self.w(x)), ["gt"]),
    "noise": (lambda self, x, h: h + torch.randn_like(h), ["random"]),
    "detached": (lambda self, x, h: self.u(h.detach()), ["detach"]),
    "no derivative": (undefined, ["no_grad", "recalled = self.u(h)"]),
    "over the batch": (lambda self, x, h: h - h.mean(0, keepdim=True), ["mean", "batch"]),
    "one of the batch": (lambda self, x, h: h[0] + self.w(x), ["getitem", "batch"]),
    "sequence network inside": (lambda self, x, h: self.inner(x[None], h[None])[0][0], ["GRU", "inner"]),
    "shapes": (lambda self, x, h: torch.tanh(x @ h), ["shapes"]),
    "wrong state": (lambda self, x, h: torch.cat([h, x], 1), ["next h", "(11, 5)"]),
    "dictionary": (lambda self, x, h: {"h": self.u(h)}, ["dict", "next state"]),
    "kept between calls": (kept, ["does not compute"]),
    "changed in place": (overwritten, ["does not compute"]),
    "jump": (lambda self, x, h: torch.sign(self.u(h)), ["sign"]),
    "unknown name": (lambda self, x, h: self.missing(h), ["missing"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_traced_is_refused_with_the_operation_and_its_line(name: str) -> None:
    forward, words = REFUSED[name]
    cell = written(forward, inner=nn.GRU(2, 3))
    with pytest.raises(sg.errors.InputError) as error:
        trace_cell(cell, EXAMPLE)
    message = str(error.value)
    assert all(word in message for word in words), message
    assert message.startswith("module: ")
    if name not in ("wrong state", "dictionary", "kept between calls", "changed in place", "noise"):
        assert "test_refused_torch_cells.py" in message


@pytest.mark.parametrize(
    "forward",
    [lambda self, x, h: h + torch.randn_like(h), lambda self, x, h: F.dropout(self.u(h) + self.w(x))],
)
def test_a_cell_that_draws_numbers_leaves_the_generator_where_it_was(forward: Any) -> None:
    cell = written(forward)
    before = torch.get_rng_state()
    with pytest.raises(sg.errors.InputError, match="random"):
        trace_cell(cell, EXAMPLE)
    assert torch.equal(torch.get_rng_state(), before)


def test_arguments_by_name_and_compiled_parts_are_refused() -> None:
    def by_name(self: Any, x: Any, *, h: Any) -> Any:
        return torch.tanh(self.w(x) + self.u(h))

    with pytest.raises(sg.errors.InputError, match="forward needs h by name; accepted are"):
        sg.from_torch(written(by_name))
    cell = written(lambda self, *given: torch.tanh(self.w(given[0]) + self.u(given[1])))
    assert sg.from_torch(cell, example=EXAMPLE)[0].states[0].shape == (3, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        cell.u = torch.jit.trace(cell.u, torch.zeros(1, 3, dtype=torch.float64))
    with pytest.raises(sg.errors.InputError, match="module: u is compiled to TorchScript"):
        sg.from_torch(cell, example=EXAMPLE)


def test_sizes_are_inferred_or_asked_for() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates = nn.Linear(5, 12)

        def forward(self, x: Any, state: Any) -> Any:
            h, c = state
            i, f, g, o = self.gates(torch.cat([x, h], -1)).split(3, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c

    model, _ = trace_cell(Joined())
    assert [symbol.shape[0] for symbol in (*model.states, *model.inputs)] == [3, 3, 2]
    plain = written(lambda self, x, h: torch.tanh(x * self.b + h * self.c), b=nn.Parameter(torch.ones(4)), c=2.0)
    del plain.w, plain.u
    assert trace_cell(plain)[0].states[0].shape == (4, 1)
    free = written(lambda self, x, h: torch.tanh(h + x))
    with pytest.raises(sg.errors.InputError, match=r"lengths .*; pass example=\(input, state\)"):
        trace_cell(free)
    with pytest.raises(sg.errors.InputError, match="forward takes x; a cell takes"):
        trace_cell(written(lambda self, x: x))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"example": torch.zeros(2)}, "example: a pair"),
        ({"example": (torch.zeros(4, 2), torch.zeros(5, 3))}, "states with the same B"),
        ({"example": (torch.zeros(4, 2).long(), torch.zeros(4, 3))}, "floating point, got torch.int64"),
        ({"example": (torch.zeros(4, 7), torch.zeros(4, 3))}, "shapes cannot be multiplied"),
        ({"example": ("x", torch.zeros(4, 3))}, "must be a tensor, got str"),
        ({"input_size": 0, "state_sizes": 3}, "input_size: a positive integer"),
        ({"input_size": 2, "state_sizes": (3, 2.0)}, "state_sizes: a positive integer"),
        ({"input_size": 2, "state_sizes": 4}, "shapes cannot be multiplied"),
    ],
)
def test_examples_and_sizes_that_do_not_fit_are_refused(options: dict[str, Any], words: str) -> None:
    cell = written(lambda self, x, h: torch.tanh(self.u(h) + self.w(x)))
    with pytest.raises(sg.errors.InputError, match=words):
        trace_cell(cell, **options)
