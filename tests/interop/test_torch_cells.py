"""Cells written in PyTorch, traced: values and Jacobians against the modules and autograd in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import symgrad as sg
from symgrad.interop.torch_cells import trace_cell
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.products import products
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.simulate import Batch
from tests.interop.written_cells import CELLS

STEPS = 4


def cell_of(name: str, seed: int = 0) -> tuple[nn.Module, dict[str, Any]]:
    kind, options = CELLS[name]
    torch.manual_seed(seed)
    return kind().double().eval(), options


def split(model: sg.Recurrence, symbols: Any, values: np.ndarray) -> dict[str, np.ndarray]:
    """Values in the order of the entries, by the names of the symbols."""
    ends = np.cumsum([int(symbol.shape[0]) for symbol in symbols])[:-1]
    return dict(zip(map(str, symbols), np.split(values, ends, axis=-1), strict=True))


def steps_of(
    cell: nn.Module, inputs: torch.Tensor, sizes: list[int], kind: str
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The states after all steps, as a function of all states' entries before."""

    def run(flat: torch.Tensor) -> torch.Tensor:
        states = list(flat.split(sizes))
        for u in inputs:
            states = one_step(cell, u, states, kind)
        return torch.cat(states)

    return run


def one_step(cell: nn.Module, u: torch.Tensor, states: list[torch.Tensor], kind: str) -> list[torch.Tensor]:
    if kind == "unbatched":
        return [cell(u, *states)]
    rows = [state[None] for state in states]
    packed = {"tensor": rows, "separate": rows, "tuple": [tuple(rows)], "list": [rows]}[kind]
    out = cell(u[None], *packed)
    if isinstance(out, torch.Tensor):
        return [out[0]]
    out = out[-1] if isinstance(out[-1], tuple) else out[-len(states) :]
    return [value[0] for value in out]


FORMS = {"chunked": "tuple", "nested": "tuple", "oscillator": "list", "in place": "separate", "unbatched": "unbatched"}


@pytest.mark.parametrize("name", CELLS)
def test_values_and_jacobians_equal_the_module(name: str) -> None:
    cell, options = cell_of(name)
    model, weights = trace_cell(cell, **options)
    rng = np.random.default_rng(1)
    sizes = {"chunked": [3, 3], "nested": [3, 3, 3], "oscillator": [3, 3], "in place": [3, 3]}.get(name)
    sizes = sizes or [sum(int(state.shape[0]) for state in model.states)]
    start = rng.normal(size=sum(sizes)) / 2
    inputs = rng.normal(size=(STEPS, sum(int(u.shape[0]) for u in model.inputs)))
    run = steps_of(cell, torch.tensor(inputs), sizes, FORMS.get(name, "tensor"))
    states, fed = split(model, model.states, start), split(model, model.inputs, inputs)
    found = sg.simulate(model, weights, fed, initial=states)
    got = np.concatenate([found.states[str(state)][-1] for state in model.states])
    with torch.no_grad():
        assert np.abs(got - run(torch.tensor(start)).numpy()).max() < 1e-12
    expected = torch.autograd.functional.jacobian(run, torch.tensor(start)).numpy()
    assert np.abs(jacobian_at(model, weights, states, fed) - expected).max() < 1e-12 * (1 + np.abs(expected).max())


def jacobian_at(
    model: sg.Recurrence, weights: Any, start: dict[str, np.ndarray], fed: dict[str, np.ndarray]
) -> np.ndarray:
    """The product of the Jacobians of all steps."""
    evaluator = ArrayEvaluator.of_weights(bind(model, weights, model.parameters))
    run = sg.simulate(model, weights, fed, initial=start)
    states = {model.symbol(name): value[:, :, None, None] for name, value in run.states.items()}
    inputs = {model.symbol(name): value[:, :, None, None] for name, value in fed.items()}
    batch = Batch({symbol: array[0] for symbol, array in states.items()}, inputs, STEPS)
    *_, found = products(evaluator, shared_nodes(model).blocks, batch, states)
    return found.matrix[:, 0, :] * 2.0 ** found.exponent[0]


def written(forward: Callable[..., Any], **attributes: Any) -> nn.Module:
    """A cell of two linear maps ``w`` (2 to 3) and ``u`` (3 to 3) with a forward function of its own."""

    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.u = nn.Linear(2, 3), nn.Linear(3, 3, bias=False)
            for name, value in attributes.items():
                setattr(self, name, value)

    Written.forward = forward
    torch.manual_seed(0)
    return Written().double().eval()


EXAMPLE = (torch.zeros(4, 2), torch.zeros(4, 3))


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
        ["softmax", "call_function", "lambda self"],
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
        assert "test_torch_cells.py" in message
