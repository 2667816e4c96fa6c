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
from tests.interop.written_cells import CELLS, EXAMPLE, written

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
    if kind == "layers":
        return [cell(u[None], states[0].reshape(2, 1, -1)).reshape(-1)]
    rows = [state[None] for state in states]
    packed = {"tensor": rows, "separate": rows, "tuple": [tuple(rows)], "list": [rows]}[kind]
    out = cell(u[None], *packed)
    if isinstance(out, torch.Tensor):
        return [out[0]]
    out = out[-1] if isinstance(out[-1], tuple) else out[-len(states) :]
    return [value[0] for value in out]


FORMS = {
    "layers": "layers",
    "chunked": "tuple",
    "nested": "tuple",
    "oscillator": "list",
    "in place": "separate",
    "unbatched": "unbatched",
}


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
    steps = len(next(iter(inputs.values())))
    batch = Batch({symbol: array[0] for symbol, array in states.items()}, inputs, steps)
    *_, found = products(evaluator, shared_nodes(model).blocks, batch, states)
    return found.matrix[:, 0, :] * 2.0 ** found.exponent[0]


def test_symbols_follow_the_names_of_the_parameters_and_load_from_the_state_dict() -> None:
    cell, options = cell_of("chunked")
    model, weights = trace_cell(cell, **options)
    assert {str(symbol) for symbol in model.parameters} == {
        f"{name}_{gate}" for name in ("from_input_weight", "from_input_bias", "from_state_weight") for gate in range(4)
    }
    tensors = {name: value.numpy() for name, value in cell.state_dict().items()}
    bound = bind(model, tensors, model.parameters)
    assert all((bound.values[symbol] == weights[str(symbol)]).all() for symbol in model.parameters)


def test_a_name_that_pieces_would_take_twice_is_told_apart() -> None:
    def forward(self: Any, x: Any, h: Any) -> Any:
        a, b = (h @ self.g).chunk(2, 1)
        return torch.cat([a.tanh(), b], 1) + self.g_0 + self.w(x)

    module = written(forward, g=nn.Parameter(torch.randn(4, 4)), g_0=nn.Parameter(torch.randn(4)), w=nn.Linear(2, 4))
    model, weights = trace_cell(module, (torch.zeros(1, 2), torch.zeros(1, 4)))
    names = [str(symbol) for symbol in model.parameters]
    assert len(names) == len(set(names))
    assert set(weights) == set(names)


def test_what_parametrisations_work_out_is_taken_and_the_module_is_left_as_it_is() -> None:
    cell, options = cell_of("reduced")
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    model, weights = trace_cell(cell, **options)
    assert (weights["lin_weight"] == cell.lin.weight.detach().numpy()).all()
    assert torch.nn.utils.parametrize.is_parametrized(cell.lin)
    assert all((value == before[name]).all() for name, value in cell.state_dict().items())
    assert {"left", "right", "matrix_exp_S", "softmax_logits"} <= {str(symbol) for symbol in model.parameters}
    assert torch.get_default_dtype() is torch.float32


@pytest.mark.parametrize(
    ("by_hand", "name"),
    [
        (lambda a: a * torch.sigmoid(a), "silu"),
        (lambda a: a / (1 + a.abs()), "softsign"),
        (lambda a: a * torch.tanh(torch.nn.functional.softplus(a)), "mish"),
    ],
)
def test_activations_written_out_are_recognised(by_hand: Callable[[Any], Any], name: str) -> None:
    cell = written(lambda self, x, h: by_hand(self.u(h) + self.w(x)))
    model, _ = trace_cell(cell, EXAMPLE)
    argument = "u_weight*h[t-1] + w_weight*x[t] + w_bias"
    assert str(model) == f"h[t] = {name}({argument})"


@pytest.mark.parametrize(
    "by_hand",
    [
        lambda a: torch.log(1 + a.exp()),
        lambda a: torch.rsqrt(1 + a**2),
        lambda a: torch.special.expit(a).log1p(),
        lambda a: a.clamp_min(0.1) - abs(a) / 3,
        lambda a: torch.special.erfc(a).masked_fill(torch.tensor([True, False, False]), 0.5),
        lambda a: nn.functional.avg_pool1d(a.unsqueeze(1), 3, 1, 1).squeeze(1),
        lambda a: torch.einsum("bi,ij->bj", a, torch.triu(a.new_ones(3, 3))),
        lambda a: nn.functional.conv1d(
            a.unsqueeze(1), torch.tensor([[[0.1, 0.2, 0.3]]], dtype=torch.float64), padding=1
        ).squeeze(1),
        lambda a: nn.functional.glu(torch.cat([a, a.cos()], -1)),
        lambda a: nn.functional.prelu(a, torch.tensor([0.2], dtype=torch.float64)),
    ],
)
def test_other_functions_are_traced_with_their_slopes(by_hand: Callable[[Any], Any]) -> None:
    cell = written(lambda self, x, h: by_hand(self.u(h) + self.w(x)))
    model, weights = trace_cell(cell, EXAMPLE)
    h, u = np.array([0.3, -0.4, 0.5]), np.array([[1.0, -2.0]])
    run = steps_of(cell, torch.tensor(u), [3], "tensor")
    states, fed = split(model, model.states, h), split(model, model.inputs, u)
    slopes = torch.autograd.functional.jacobian(run, torch.tensor(h)).numpy()
    assert np.abs(jacobian_at(model, weights, states, fed) - slopes).max() < 1e-12


@pytest.mark.parametrize("name", ["unbatched", "swish"])
def test_bounds_of_traced_cells_hold_and_tightened_ones_are_refuted(name: str) -> None:
    if name == "swish":
        cell = written(lambda self, x, h: (a := self.u(h) + self.w(x)) * a.sigmoid())
        options: dict[str, Any] = {"example": EXAMPLE}
        cell.u.weight = nn.Parameter(1.1 * torch.eye(3, dtype=torch.float64))
    else:
        cell, options = cell_of(name)
        cell.W = nn.Parameter(1.5 * torch.eye(3, dtype=torch.float64))
    model, weights = trace_cell(cell, **options)
    bound = sg.product_bound(model)
    assert sg.verify(bound, weights, horizon=6, trajectories=20).verdict is not sg.Verdict.REFUTED
    claim = bound.tightened(0.8)
    assert sg.verify(claim, weights, horizon=6, trajectories=20, search="adversarial").verdict is sg.Verdict.REFUTED
