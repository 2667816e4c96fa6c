"""The monitor says during training what autograd says about the same network, and never disturbs the training."""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from torch import nn

import symgrad as sg
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.monitor_records import Source
from symgrad.diagnosis.quick_products import quick_norms
from symgrad.diagnosis.state_slopes import slopes_at
from symgrad.errors import InputError

CLASSES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def silent(line: str) -> None:
    """A log that keeps nothing."""


def network(kind: str, *sizes: int, gain: float = 1.0, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    module = CLASSES[kind](*sizes, **options).double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "weight_hh" in name:
                parameter.mul_(gain)
    return module


def product_norm(module: nn.Module, inputs: torch.Tensor, steps: int) -> float:
    """log10 ||dx_T/dx_{T-steps}|| of a one-layer network by autograd, the median of two sequences as ranks give it."""
    found = []
    for sequence in range(2):
        part = inputs[:, sequence : sequence + 1]
        before = module(part[:-steps])[1]
        flat = torch.cat(before if isinstance(before, tuple) else (before,), dim=2)[0, 0].detach()

        def last(x: torch.Tensor, part: torch.Tensor = part, pair: bool = isinstance(before, tuple)) -> torch.Tensor:
            states = tuple(piece[None, None].contiguous() for piece in x.chunk(2)) if pair else x[None, None]
            after = module(part[-steps:], states)[1]
            return torch.cat(after if pair else (after,), dim=2)[0, 0]

        jacobian = torch.autograd.functional.jacobian(last, flat)
        found.append(float(torch.log10(torch.linalg.matrix_norm(jacobian, 2))))
    return min(found)


@pytest.mark.parametrize("kind", CLASSES)
def test_norms_are_those_of_autograd(kind: str) -> None:
    module, inputs = network(kind, 3, 6), torch.randn(30, 4, 3, generator=torch.Generator().manual_seed(1)).double()
    monitor = sg.GradientMonitor(horizon=20, log=silent)
    record = monitor.step(module, module(inputs), inputs)
    assert record is not None
    (layer,) = record.layers
    assert (layer.source, layer.steps, layer.name) == (Source.INPUTS, 20, "layer 0")
    assert layer.log10_norm == pytest.approx(product_norm(module, inputs, 20), abs=0.01)
    assert record.verdict is not sg.Verdict.CERTIFIED


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("size", [7, 60])
def test_quick_norms_are_close_to_the_measured_ones_and_not_above(kind: str, size: int) -> None:
    module = network(kind, 3, size, gain=1.5)
    model, weights = sg.from_torch(module)
    inputs = np.random.default_rng(1).normal(size=(2, 25, 3))
    run = LayerRun("layer 0", model, weights, {"u": inputs})
    difference = quick_norms(run) - measure(run).log10_products
    assert difference.max() < 1e-4
    assert difference.min() > -0.1


def test_states_that_nothing_reads_and_diagonal_parts_are_no_exception() -> None:
    n = sp.Symbol("n", positive=True, integer=True)
    h, g, u = (sp.MatrixSymbol(name, n, 1) for name in "hgu")
    W, a = sp.MatrixSymbol("W", n, n), sp.Symbol("a")
    tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")
    model = sg.Recurrence({h: tanh(W * h + u) + a * h, g: sg.hadamard(sigmoid(u), h)}, inputs=[u])
    draw = np.random.default_rng(2)
    weights = {"W": draw.normal(size=(5, 5)), "a": 0.5}
    run = LayerRun("layer 0", model, weights, {"u": draw.normal(size=(3, 15, 5))})
    difference = quick_norms(run) - measure(run).log10_products
    assert np.abs(difference).max() < 0.05


def test_large_layers_are_looked_at_with_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    model, weights = sg.from_torch(network("gru", 2, 8))
    run = LayerRun("layer 0", model, weights, {"u": np.random.default_rng(1).normal(size=(2, 12, 2))})
    dense = quick_norms(run)
    monkeypatch.setattr("symgrad.diagnosis.quick_products.LARGEST", 4)
    assert quick_norms(run).shape == dense.shape
    assert np.abs(quick_norms(run) - dense).max() < 0.1


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("shared", [torch.float64, torch.float32])
def test_states_of_plain_layers_tell_what_the_inputs_tell(activation: str, shared: torch.dtype) -> None:
    module, inputs = network("rnn", 3, 6, nonlinearity=activation), torch.randn(40, 2, 3).double()
    states = module(inputs)[0].to(shared)
    with_inputs = sg.GradientMonitor(log=silent).step(module, states, inputs)
    without = sg.GradientMonitor(log=silent).step(module, states)
    assert with_inputs is not None
    assert without is not None
    assert (with_inputs.layers[0].source, without.layers[0].source) == (Source.INPUTS, Source.STATES)
    assert without.layers[0].log10_norm == pytest.approx(with_inputs.layers[0].log10_norm, abs=0.02)
    assert (without.outcome, without.horizon) == (with_inputs.outcome, with_inputs.horizon)


def test_norms_of_many_directions_told_by_states_are_those_of_autograd() -> None:
    module, inputs = network("rnn", 3, 40, gain=1.5), torch.randn(20, 2, 3).double()
    record = sg.GradientMonitor(horizon=15, log=silent).step(module, module(inputs))
    assert record is not None
    assert record.layers[0].source is Source.STATES
    assert record.layers[0].log10_norm == pytest.approx(product_norm(module, inputs, 15), abs=0.001)


def test_without_inputs_gated_layers_run_along_drawn_ones() -> None:
    module = network("lstm", 3, 6, 2)
    records = [sg.GradientMonitor(log=silent).step(module, module(torch.randn(20, 2, 3).double())) for _ in "ab"]
    assert [layer.source for layer in records[0].layers] == [Source.DRAWN, Source.DRAWN]
    assert records[0].layers == records[1].layers
    assert "along random inputs" in str(records[0])


def test_only_the_top_layer_is_told_by_states() -> None:
    module = network("rnn", 3, 6, 2, bidirectional=True)
    record = sg.GradientMonitor(log=silent).step(module, module(torch.randn(20, 2, 3).double())[0])
    assert [layer.name for layer in record.layers] == ["layer 0", "layer 0, reverse", "layer 1", "layer 1, reverse"]
    assert [layer.source.value for layer in record.layers] == ["drawn", "drawn", "states", "states"]


def test_both_directions_by_states_equal_those_by_inputs() -> None:
    module, inputs = network("rnn", 3, 6, bidirectional=True), torch.randn(20, 2, 3).double()
    states = module(inputs)[0]
    by_states = sg.GradientMonitor(log=silent).step(module, states)
    by_inputs = sg.GradientMonitor(log=silent).step(module, states, inputs)
    for one, other in zip(by_states.layers, by_inputs.layers, strict=True):
        assert one.log10_norm == pytest.approx(other.log10_norm, abs=0.02)


@pytest.mark.parametrize(("gain", "outcome"), [(0.3, "vanishing"), (40.0, "exploding")])
def test_outcomes_and_horizons(gain: float, outcome: str) -> None:
    module = network("rnn", 3, 6, gain=gain, nonlinearity="relu")
    inputs = torch.rand(20, 3, 3).double()
    record = sg.GradientMonitor(log=silent).step(module, module(inputs)[0], inputs)
    assert (record.outcome.value, record.verdict.value) == (outcome, "observed")
    assert (record.horizon is None) == (outcome == "exploding")


def test_an_explosion_that_dead_units_hide_at_the_end_is_seen() -> None:
    weights = {"W": 3 * np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    inputs = np.ones((20, 2, 1))
    inputs[0] = -1.0  # relu is dead at the first step: the product over all steps is zero
    run = LayerRun("layer 0", sg.models.elman("relu"), weights, {"u": np.swapaxes(inputs, 0, 1)})
    states = np.swapaxes(run.states["h"][:, 1:], 0, 1)
    record = sg.GradientMonitor(log=silent).step((run.model, weights), states, inputs)
    assert record is not None
    assert (record.layers[0].log10_norm, record.outcome.value) == (-np.inf, "exploding")


def test_a_layout_is_a_layout() -> None:
    module, inputs = network("gru", 3, 6), torch.randn(12, 2, 3).double()
    states = module(inputs)[0]
    expected = sg.GradientMonitor(log=silent).step(module, states, inputs).layers
    swapped = network("gru", 3, 6, batch_first=True)
    given = (states.swapaxes(0, 1), inputs.swapaxes(0, 1))
    assert sg.GradientMonitor(log=silent).step(swapped, *given).layers == expected
    assert sg.GradientMonitor(log=silent, batch_first=True).step(module, *given).layers == expected
    assert sg.GradientMonitor(log=silent).step(module, list(states), list(inputs)).layers == expected
    pairs = [(state, state) for state in states]
    cell = nn.GRUCell(3, 6).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in module.state_dict().items()})
    assert sg.GradientMonitor(log=silent).step(cell, pairs, list(inputs)).layers == expected
    model, weights = sg.from_torch(module)
    pair = (model, {name: torch.tensor(array) for name, array in weights.items()})
    assert sg.GradientMonitor(log=silent).step(pair, states.detach().numpy(), inputs.numpy()).layers == expected


class Foreign:
    """An array of another framework, which numpy can read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, array.shape

    def __getitem__(self, key: Any) -> Foreign:
        return Foreign(self.array[key])

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.array, dtype=dtype)


def test_arrays_of_any_framework_are_read() -> None:
    weights = {"W": np.eye(2) / 2, "U": np.ones((2, 1)), "b": np.zeros(2)}
    states = np.ones((20, 3, 2))
    model = sg.models.elman("identity")
    expected = sg.GradientMonitor(log=silent).step((model, weights), states)
    foreign = {name: Foreign(array) for name, array in weights.items()}
    assert sg.GradientMonitor(log=silent).step((model, foreign), Foreign(states)).layers == expected.layers
    assert expected.layers[0].horizon == 10
    half = torch.ones(20, 3, 2, dtype=torch.bfloat16, requires_grad=True)
    assert sg.GradientMonitor(log=silent).step((model, weights), half).layers == expected.layers


class Cell(nn.Module):
    """A cell of a user's own, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.drop = nn.Linear(5, 3), nn.Dropout(0.5)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        return 0.5 * h + torch.tanh(self.mix(torch.cat([self.drop(x), h], dim=-1)))


def test_cells_of_a_users_own_are_watched() -> None:
    torch.manual_seed(0)
    cell, h, states, inputs = Cell().double(), torch.zeros(2, 3).double(), [], torch.randn(15, 2, 2).double()
    for x in inputs:
        h = cell(x, h)
        states.append(h)
    monitor = sg.GradientMonitor(every=1, log=silent)
    first = monitor.step(cell, states, inputs)
    with torch.no_grad():
        cell.mix.weight.mul_(0.1)
    second = monitor.step(cell, states, inputs)
    assert second.layers[0].log10_norm < first.layers[0].log10_norm
    assert second.layers[0].log10_norm == pytest.approx(15 * np.log10(0.5), abs=1.5)
    assert cell.training
    assert cell.drop.training


def test_training_goes_on_undisturbed() -> None:
    module = network("lstm", 3, 4, 2, dropout=0.5)
    inputs = torch.randn(10, 2, 3).double()
    states, _ = module(inputs)
    states.square().sum().backward()
    before = copy.deepcopy(module.state_dict()), [p.grad.clone() for p in module.parameters()], torch.get_rng_state()
    sg.GradientMonitor(log=silent).step(module, states, inputs)
    assert module.training
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in before[0].items())
    assert all(torch.equal(grad, p.grad) for grad, p in zip(before[1], module.parameters(), strict=True))
    assert torch.equal(before[2], torch.get_rng_state())


def test_one_record_every_so_many_steps(caplog: pytest.LogCaptureFixture) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.core, self.head = network("gru", 2, 3), nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.core(x)[0])

    module, inputs = Wrapped(), torch.randn(6, 2, 2).double()
    monitor = sg.GradientMonitor(every=4)
    with caplog.at_level(logging.INFO, logger="symgrad"):
        made = [monitor.step(module, module.core(inputs)[0], inputs) for _ in range(10)]
    assert [record.step for record in monitor.history] == [1, 5, 9]
    assert [record is not None for record in made] == [True, False, False, False] * 2 + [True, False]
    assert monitor.last is monitor.history[-1]
    assert [item.message for item in caplog.records] == [str(record) for record in monitor.history]
    assert "step 5: " in caplog.messages[1]
    with pytest.raises(FrozenInstanceError):
        monitor.last.step = 3
    data = json.loads(json.dumps(monitor.last.to_dict()))
    assert (data["step"], data["layers"][0]["name"], data["outcome"]) == (9, "layer 0", monitor.last.outcome.value)
    assert "layer 0" in monitor.last.latex()


def test_what_fails_later_is_noted_and_what_fails_first_is_raised() -> None:
    module, inputs, lines = network("gru", 2, 3), torch.randn(6, 2, 2).double(), []
    states = module(inputs)[0]
    monitor = sg.GradientMonitor(every=1, log=lines.append)
    with pytest.raises(InputError, match=r"hidden_states: the top layer has states of size 3, got 5"):
        monitor.step(module, torch.zeros(6, 2, 5), inputs)
    monitor.step(module, states, inputs)
    with torch.no_grad():
        module.weight_hh_l0[0, 0] = float("nan")
    record = monitor.step(module, states, inputs)
    assert record.layers == ()
    assert "weight_hh_l0 has 1 of 27 entries that are NaN" in record.note
    assert "nothing measured" in lines[-1]
    json.dumps(record.to_dict())
    with torch.no_grad():
        module.weight_hh_l0[0, 0] = 0.0
    assert monitor.step(module, states, inputs).layers
    assert "hidden_states: 36 of 36 entries" in monitor.step(module, states * float("nan"), inputs).note


BAD_STEPS: dict[str, tuple[tuple[Any, ...], str]] = {
    "no module": ((3, torch.zeros(4, 2, 3)), r"a recurrent module or a pair \(model, weights\) is needed, got int"),
    "layers": ((nn.Sequential(nn.Linear(3, 3)), torch.zeros(4, 2, 3)), r"has layers and no steps in time"),
    "one step": ((nn.GRU(2, 3), torch.zeros(3)), r"hidden_states: shape \(T, n\) or \(T, B, n\) is needed, got \(3,\)"),
    "no states": ((nn.GRU(2, 3), None), r"hidden_states: an array or a list .* got NoneType"),
    "no steps": ((nn.GRU(2, 3), []), r"hidden_states: at least one step is needed, got an empty list"),
    "text": ((nn.GRU(2, 3), np.array([["a"]])), r"hidden_states: real numbers are needed"),
    "lengths": ((nn.GRU(2, 3), torch.zeros(4, 2, 3), torch.zeros(5, 2, 2)), r"5 steps of 2 sequences, .* 4 of 2"),
    "input size": ((nn.GRU(2, 3), torch.zeros(4, 2, 3), torch.zeros(4, 2, 5)), r"inputs u: the last dimension must be"),
    "input name": (
        (nn.GRU(2, 3), torch.zeros(4, 2, 3), {"v": torch.zeros(4, 2, 2)}),
        r"arrays for u are needed, got v",
    ),
    "weights": (((sg.models.elman(), [1]), np.zeros((4, 2, 3))), r"needs a mapping of weights, got list"),
    "uneven steps": ((nn.GRU(2, 3), [np.zeros(3), np.zeros((2, 3))]), r"all steps must have one shape"),
}


@pytest.mark.parametrize("name", BAD_STEPS)
def test_arguments_are_checked(name: str) -> None:
    arguments, message = BAD_STEPS[name]
    with pytest.raises(InputError, match=message):
        sg.GradientMonitor(log=silent).step(*arguments)


def test_one_of_several_networks_has_to_be_chosen() -> None:
    module = nn.ModuleDict({"one": nn.GRU(2, 3), "two": nn.LSTM(2, 3)})
    with pytest.raises(InputError, match=r"holds several recurrent networks, one, two; pass one"):
        sg.GradientMonitor(log=silent).step(module, torch.zeros(4, 2, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, r"every: a positive integer is needed, got 0"),
        ({"every": 2.5}, r"every: .* got 2\.5"),
        ({"horizon": True}, r"horizon: .* got True"),
        ({"sequences": "2"}, r"sequences: .* got '2'"),
        ({"delta": 2}, r"delta: a number between 0 and 1 is needed, got 2"),
        ({"growth": 0.5}, r"growth: a number above 1 is needed, got 0\.5"),
        ({"log": 3}, r"log: a function of one line is needed, got int 3"),
        ({"batch_first": "yes"}, r"batch_first: True, False or None"),
        ({"seed": -1}, r"seed: a non-negative integer is needed"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sg.GradientMonitor(**options)


@pytest.mark.parametrize(
    "name", ["tanh", "sigmoid", "relu", "leaky_relu", "softplus", "elu", "identity", "hard_tanh", "softsign"]
)
def test_slopes_follow_from_values(name: str) -> None:
    function, z = sg.activation(name), sg.activation(name).variable
    points = np.linspace(-2.3, 2.7, 23)
    values = np.array([float(function.expr.subs(z, float(point))) for point in points])
    expected = [float(function.derivative.expr.subs(z, float(point))) for point in points]
    assert np.abs(slopes_at(function, values) - expected).max() < 1e-9
