"""Random cells over the operations that are traced, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import symgrad as sg
from symgrad.interop.torch_cells import trace_cell
from tests.interop.test_torch_cells import jacobian_at, split

SIZE, INPUTS = 4, 4
UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": lambda a: a.sigmoid(),
    "softplus": F.softplus,
    "gelu": F.gelu,
    "silu": F.silu,
    "one minus": lambda a: 1 - a,
    "halved": lambda a: a / 2 - 0.25,
    "squared": lambda a: (a / 4) ** 2,
    "erf": torch.erf,
    "turned": lambda a: torch.cat([a[..., 1:], a[..., :1]], -1),
    "swapped": lambda a: torch.cat(a.chunk(2, -1)[::-1], dim=-1),
    "viewed": lambda a: a.reshape(-1, 2, 2).transpose(1, 2).reshape(a.shape),
    "summed": lambda a: a.sum(-1, keepdim=True).expand_as(a) / 4,
    "negated": torch.neg,
}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "gated": lambda a, b: torch.sigmoid(a) * b,
    "lerp": lambda a, b: torch.lerp(a, b, 0.3),
    "joined": lambda a, b: torch.cat([a[..., :2], b[..., 2:]], dim=-1),
    "stacked": lambda a, b: torch.stack([a, b], 1).mean(1),
    "quotient": lambda a, b: a / (1 + b * b),
}
Steps = list[tuple[str, int, int, int]]


class Random(nn.Module):
    """A program of a few operations, each on earlier values."""

    def __init__(self, program: Steps, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.program = program
        self.maps = nn.ModuleList(nn.Linear(SIZE, SIZE, bias=bias) for bias in (True, False))
        self.weight = nn.Parameter(torch.randn(SIZE, SIZE) / 2)
        self.gain = nn.Parameter(torch.randn(SIZE))
        self.row = nn.Parameter(torch.randn(1, SIZE))
        self.factor = nn.Parameter(torch.randn(()))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        values = [x, *state]
        linear: list[Callable[[Tensor], Tensor]] = [
            *self.maps,
            lambda a: a @ self.weight,
            lambda a: F.linear(a, self.weight[:, :2] @ self.weight[:2]),
            lambda a: a * self.gain,
            lambda a: a * self.factor + self.row,
        ]
        for kind, name, first, second in self.program:
            a, b = values[first % len(values)], values[second % len(values)]
            made = {
                "unary": lambda a=a, name=name: list(UNARY.values())[name % len(UNARY)](a),
                "binary": lambda a=a, b=b, name=name: list(BINARY.values())[name % len(BINARY)](a, b),
                "linear": lambda a=a, name=name: linear[name % len(linear)](a),
            }[kind]()
            values.append(made)
        return values[-1], values[-2]


operations = st.tuples(st.sampled_from(["unary", "binary", "linear"]), *[st.integers(0, 30)] * 3)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(program=st.lists(operations, min_size=2, max_size=9), seed=st.integers(0, 99))
def test_random_programs_are_what_they_compute(program: Any, seed: int) -> None:
    assert_traced(program, seed)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(program=st.lists(operations, min_size=2, max_size=9), seed=st.integers(0, 99))
def test_more_random_programs_are_what_they_compute(program: Any, seed: int) -> None:
    assert_traced(program, seed)


def assert_traced(program: Any, seed: int) -> None:
    cell = Random(program, seed).double()
    model, weights = trace_cell(cell, input_size=INPUTS, state_sizes=(SIZE, SIZE))
    rng = np.random.default_rng(seed)
    start, u = rng.normal(size=2 * SIZE), rng.normal(size=(1, INPUTS))

    def step(flat: Tensor) -> Tensor:
        return torch.cat(cell(torch.tensor(u), tuple(flat.reshape(2, 1, SIZE).unbind(0))), -1)[0]

    states, fed = split(model, model.states, start), split(model, model.inputs, u)
    run = sg.simulate(model, weights, fed, initial=states)
    expected = step(torch.tensor(start)).detach().numpy()
    found = np.concatenate([run.states[str(symbol)][-1] for symbol in model.states])
    assert np.abs(found - expected).max() <= 1e-12 * (1 + np.abs(expected).max())
    slopes = torch.autograd.functional.jacobian(step, torch.tensor(start)).numpy()
    assert np.abs(jacobian_at(model, weights, states, fed) - slopes).max() <= 1e-12 * (1 + np.abs(slopes).max())
