"""What stands around the formulas of a cell: types of numbers, hooks, functions of weights, sizes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import symgrad as sg
from tests.interop.written_cells import EXAMPLE, written

Forward = Callable[[Any, Tensor, Tensor], Tensor]


def plain(self: Any, x: Tensor, h: Tensor) -> Tensor:
    return torch.tanh(self.w(x) + self.u(h))


def read(cell: nn.Module) -> tuple[Tensor, Tensor, np.ndarray, dict[str, np.ndarray]]:
    """An input, a state, the next state of the traced model and its weights."""
    model, weights = sg.from_torch(cell, example=EXAMPLE)
    x, h = torch.randn(1, 2, dtype=torch.float64), torch.randn(1, 3, dtype=torch.float64)
    found = sg.simulate(model, weights, {"x": x.numpy()}, initial={"h": h[0].numpy()})
    return x, h, found.states["h"][-1], weights


STATED: dict[str, tuple[Forward, Forward]] = {
    "float": (lambda self, x, h: torch.tanh(self.w(x.float()) + self.u(h.to(torch.float32))), plain),
    "type": (lambda self, x, h: plain(self, x, h) + torch.ones(3, dtype=torch.float32), lambda *a: plain(*a) + 1),
    "expanded": (
        lambda self, x, h: plain(self, x, h) + self.w.bias.expand_as(h),
        lambda self, x, h: plain(self, x, h) + self.w.bias,
    ),
}


@pytest.mark.parametrize("name", STATED)
def test_cells_that_state_types_or_shapes_equal_those_that_do_not(name: str) -> None:
    forward, same = STATED[name]
    cell = written(forward)
    x, h, found, _ = read(cell)
    with torch.no_grad():
        assert np.abs(found - same(cell, x, h)[0].numpy()).max() < 1e-12


FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "clamped": (lambda weight: weight.clamp(-0.1, 0.1), "u_weight"),
    "saturated": (torch.tanh, "u_weight"),
    "orthogonal": (lambda weight: torch.linalg.qr(weight)[0], "linalg_qr_u_weight_0"),
    "exponential": (lambda weight: torch.matrix_exp(weight - weight.T), "matrix_exp_u_weight"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_a_weight_matrix(name: str) -> None:
    function, symbol = FUNCTIONS[name]
    cell = written(lambda self, x, h: torch.tanh(self.w(x) + h @ function(self.u.weight)))
    x, h, found, weights = read(cell)
    assert set(weights) == {"w_weight", "w_bias", symbol}
    with torch.no_grad():
        assert np.abs(found - cell(x, h)[0].numpy()).max() < 1e-12


def test_hooks_that_change_values_are_followed_and_others_left_out() -> None:
    cell, seen = written(plain), []
    cell.u.register_forward_hook(lambda part, given, result: seen.append(result.detach().numpy()))
    cell.w.register_forward_pre_hook(lambda part, given: None)
    x, h, found, _ = read(cell)
    with torch.no_grad():
        assert np.abs(found - cell(x, h)[0].numpy()).max() < 1e-12
    assert all(isinstance(array, np.ndarray) for array in seen)
    cell = written(plain)
    cell.u.register_forward_hook(lambda part, given, result: 2 * result)
    x, h, found, _ = read(cell)
    with torch.no_grad():
        assert np.abs(found - cell(x, h)[0].numpy()).max() < 1e-12
    cell.register_forward_hook(lambda part, given, result: 3 * result)
    with pytest.raises(sg.errors.InputError, match="forward hooks of the cell itself"):
        sg.from_torch(cell, example=EXAMPLE)
    assert len(cell._forward_hooks) == 1


@pytest.mark.slow
def test_hooks_do_not_need_a_part_of_pytorch_that_is_not_loaded() -> None:
    code = (
        "import sys, torch, symgrad as sg\n"
        "net = torch.nn.Sequential(torch.nn.Linear(2, 2))\n"
        "net[0].register_forward_pre_hook(lambda part, given: None)\n"
        "print(len(sg.from_torch(net)[0].layers))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.strip() == "1", run.stderr


def test_states_that_are_not_defined_are_refused() -> None:
    with pytest.raises(sg.errors.InputError, match="NaN or infinite states at ordinary numbers"):
        sg.from_torch(written(lambda self, x, h: torch.sqrt(self.u(h)) + self.w(x)), example=EXAMPLE)


def test_large_parameters_are_cut() -> None:
    class Large(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates = nn.Linear(1025, 4096)

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            gates = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
            return torch.sigmoid(gates[0]) * h + torch.tanh(gates[1]) + gates[2] * gates[3]

    model, weights = sg.from_torch(Large(), input_size=1, state_sizes=1024)
    assert [weights[f"gates_weight_{place}_1"].shape for place in range(4)] == [(1024, 1024)] * 4
    assert [state.shape for state in model.states] == [(1024, 1)]
