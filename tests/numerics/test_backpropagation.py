"""Gradients through time against PyTorch's automatic differentiation of the whole unrolled network."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from tests.calculus.torch_cells import CASES, Cell, flat, numbers, torch


class Setting:
    """A model with random weights, inputs, a start and a loss that is linear in the last states."""

    def __init__(self, name: str, steps: int, seed: int = 3) -> None:
        self.model, self.cell = CASES[name]
        if self.model.depth is not None:
            self.model = sg.models.feedforward(steps)
        self.steps = steps
        random = np.random.default_rng(seed)
        values = flat(self.model, numbers(self.model, seed))
        names = [str(s) for s in self.model.parameters]
        self.weights: dict[str, Any] = {key: 0.6 * values[key] for key in names}
        if self.model.depth is not None:
            self.weights = {
                f"{key}_{layer}": 0.6 * random.standard_normal(values[key].shape)
                for layer in range(1, steps + 1)
                for key in names
            }
        self.initial = {str(s): values[str(s)] for s in self.model.states}
        self.loss = {str(s): random.standard_normal(values[str(s)].shape) for s in self.model.states}
        self.inputs = {str(s): random.standard_normal((steps, *values[str(s)].shape)) for s in self.model.inputs}

    def found(self, **options: Any) -> sg.Gradients:
        steps = None if self.model.inputs else self.steps
        inputs = self.inputs or None
        return sg.backpropagate(
            self.model, self.weights, inputs, loss_gradient=self.loss, initial=self.initial, steps=steps, **options
        )

    def expected(self, terms: int | None = None) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Automatic differentiation; for truncated sums of the steps after the state that is held fixed."""
        kept = self.steps if terms is None else min(terms, self.steps)
        weights = {name: torch.tensor(value, requires_grad=True) for name, value in self.weights.items()}
        states = {name: torch.tensor(value, requires_grad=True) for name, value in self.initial.items()}
        reached = states
        for step in range(self.steps):
            if step == self.steps - kept:
                states = {name: tensor.detach().requires_grad_() for name, tensor in states.items()}
                reached = states
            states = self._next(weights, states, step)
        total = sum((torch.tensor(self.loss[name]) * tensor).sum() for name, tensor in states.items())
        leaves = [*weights.values(), *reached.values()]
        gradients = torch.autograd.grad(total, leaves, allow_unused=True)
        arrays = [np.zeros(leaf.shape) if g is None else g.numpy() for leaf, g in zip(leaves, gradients, strict=True)]
        return (
            dict(zip(weights, arrays, strict=False)),
            dict(zip(reached, arrays[len(weights) :], strict=True)),
        )

    def _next(self, weights: dict[str, Any], states: dict[str, Any], step: int) -> dict[str, Any]:
        own = {name.removesuffix(f"_{step + 1}"): tensor for name, tensor in weights.items()}
        here = own if self.model.depth is not None else weights
        inputs = {name: torch.tensor(array[step]) for name, array in self.inputs.items()}
        return dict(zip(states, self.cell({**here, **states, **inputs}), strict=True))


def close(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """All gradients, of equal shapes, to rounding."""
    largest = max(1.0, *(np.abs(array).max() for array in expected.values()))
    for name, array in found.items():
        assert array.size == expected[name].size
        assert np.abs(array.reshape(expected[name].shape) - expected[name]).max() <= 1e-11 * largest, name


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("name", CASES)
def test_the_full_gradient_is_autograds(name: str, steps: int) -> None:
    setting = Setting(name, steps)
    found, (parameters, initial) = setting.found(), setting.expected()
    assert found.parameters.keys() == parameters.keys()
    assert found.initial.keys() == initial.keys()
    assert all(found.parameters[key].shape == array.shape for key, array in parameters.items())
    close(found.parameters, parameters)
    close(found.initial, initial)


@pytest.mark.parametrize("terms", [1, 3, 50])
@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "neuron", "feedforward"])
def test_a_sum_cut_short_is_the_gradient_from_a_detached_state(name: str, terms: int) -> None:
    setting = Setting(name, steps=5)
    found, (parameters, initial) = setting.found(terms=terms), setting.expected(terms)
    assert found.terms == min(terms, 5)
    close(found.parameters, parameters)
    close(found.initial, initial)


@pytest.mark.parametrize("name", ["elman", "residual", "lstm", "cayley", "neuron"])
def test_the_terms_of_the_unrolled_sum_add_up(name: str) -> None:
    """The products J_a ... J_b B_s as full matrices, summed as ``unroll(...).terms`` lists them."""
    setting = Setting(name, steps=4)
    model, unrolled = setting.model, sg.unroll(setting.model)
    run = sg.simulate(model, setting.weights, setting.inputs or None, initial=setting.initial, steps=4)
    weights = ArrayEvaluator.of_weights(bind(model, setting.weights))
    points = []
    for step in range(4):
        here = {s: run.states[str(s)][step].reshape(-1, 1) for s in model.states}
        here |= {s: run.inputs[str(s)][step].reshape(-1, 1) for s in model.inputs}
        points.append(weights.at(here))
    row = np.concatenate([setting.loss[str(s)].ravel() for s in model.states])
    parameters, initial = setting.expected()
    jacobians = [np.block([[p.operator(e) for e in r] for r in unrolled.jacobian.blocks]) for p in points]
    for parameter, entries in unrolled.sources.items():
        total = 0.0
        for term in unrolled.terms(4):
            if term.source is not None:
                source = np.vstack([points[term.source - 1].operator(entry) for entry in entries])
                total = total + reduce(np.matmul, [jacobians[j - 1] for j in term.jacobians], np.eye(len(row))) @ source
        expected = parameters[str(parameter)].ravel(order="F")
        assert np.allclose((row @ total).ravel(), expected, rtol=1e-10, atol=1e-11)
    last = unrolled.terms(4)[-1]
    assert last.source is None
    start = row @ reduce(np.matmul, [jacobians[j - 1] for j in last.jacobians])
    assert np.allclose(start, np.concatenate([array.ravel() for array in initial.values()]), rtol=1e-10)


def stacked_cell(t: dict[str, Any], cells: list[Cell], prefixes: list[str]) -> tuple[Any, ...]:
    states: list[Any] = []
    fed = t["u"]
    for cell, prefix in zip(cells, prefixes, strict=True):
        own = {key.removesuffix(prefix): value for key, value in t.items() if key.endswith(prefix)}
        found = cell({**own, "u": fed})
        states, fed = [*states, *found], found[0]
    return tuple(states)


def test_a_stack() -> None:
    model = sg.stack([sg.models.lstm(), sg.models.gru()])
    names = [str(s) for s in model.states]
    suffixes = ["_" + names[0].split("_", 1)[1], "_" + names[-1].split("_", 1)[1]]
    assert len(set(suffixes)) == 2
    random = np.random.default_rng(0)
    sizes = {size: 3 for size in model.sizes}

    def drawn(symbol: sp.Expr) -> np.ndarray:
        shape = [int(sp.sympify(size).xreplace(sizes)) for size in symbol.shape]
        return random.standard_normal(shape[:1] if shape[1] == 1 else shape)

    weights = {str(s): drawn(s) for s in model.parameters}
    inputs, loss = random.standard_normal((4, 3)), {name: random.standard_normal(3) for name in names}
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    states = {name: torch.zeros(3, dtype=torch.float64) for name in names}
    cells = [CASES["lstm"][1], CASES["gru"][1]]
    for step in range(4):
        values = {**tensors, **states, "u": torch.tensor(inputs[step])}
        states = dict(zip(names, stacked_cell(values, cells, suffixes), strict=True))
    total = sum((torch.tensor(loss[name]) * state).sum() for name, state in states.items())
    expected = dict(zip(tensors, torch.autograd.grad(total, list(tensors.values())), strict=True))
    found = sg.backpropagate(model, weights, inputs, loss_gradient=loss)
    close(found.parameters, {name: gradient.numpy() for name, gradient in expected.items()})


def test_layers_of_different_widths() -> None:
    torch.manual_seed(1)
    widths = [3, 5, 2]
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 5), torch.nn.Sigmoid(), torch.nn.Linear(5, 2), torch.nn.Sigmoid()
    ).double()
    start, loss = torch.randn(3).double().requires_grad_(), torch.randn(2).double()
    (net(start) @ loss).backward()
    weights = {name: tensor.detach().numpy() for name, tensor in net.named_parameters()}
    found = sg.backpropagate(
        sg.models.feedforward(2, "sigmoid"),
        weights,
        loss_gradient=loss.numpy(),
        initial={"x": start.detach().numpy()},
    )
    for layer, linear in ((1, net[0]), (2, net[2])):
        assert found.parameters[f"W_{layer}"].shape == (widths[layer], widths[layer - 1])
        assert np.allclose(found.parameters[f"W_{layer}"], linear.weight.grad.numpy(), rtol=1e-12)
        assert np.allclose(found.parameters[f"b_{layer}"], linear.bias.grad.numpy(), rtol=1e-12)
    assert np.allclose(found.initial["x"], start.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss_gradient": [1.0]}, "loss_gradient h: shape"),
        ({"loss_gradient": {"z": [1.0, 1.0]}}, "unknown"),
        ({"terms": 0}, "terms: a positive integer is needed, got 0"),
        ({"terms": True}, "terms: a positive integer is needed"),
        ({"inputs": np.ones((2, 3, 1))}, "inputs: one sequence of shape"),
        ({"model": 3}, "model: a Recurrence is needed"),
    ],
)
def test_bad_input_is_refused(changes: dict[str, Any], message: str) -> None:
    given = {
        "model": sg.models.elman(),
        "weights": {"W": np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)},
        "inputs": np.ones((3, 1)),
        "loss_gradient": [1.0, 0.0],
    } | changes
    with pytest.raises(sg.SymgradError, match=message):
        sg.backpropagate(given.pop("model"), given.pop("weights"), given.pop("inputs"), **given)
