"""dL/dh_t through real modules, held against PyTorch's gradients of loops written out step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.diagnosis.adjoints import adjoints
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.module_runs import module_runs
from symgrad.errors import InputError

torch = pytest.importorskip("torch")
nn = torch.nn

SIZE, BATCH, STEPS, HIDDEN = 3, 2, 6, 4


def sequences(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((BATCH, STEPS, SIZE))


def totals(run: LayerRun) -> dict[str, np.ndarray]:
    """State -> dL/dx_t, t = 1 ... T, in plain floats."""
    found = adjoints(run)
    return {name: np.ldexp(array, found.exponent[:, :, None])[:, 1:] for name, array in found.states.items()}


def check(run: LayerRun, name: str, expected: list[Any]) -> None:
    wanted = np.stack([np.zeros((BATCH, HIDDEN)) if grad is None else grad.numpy() for grad in expected], axis=1)
    np.testing.assert_allclose(totals(run)[name], wanted, rtol=1e-9, atol=1e-13)


def unrolled(cell: Any, inputs: Any, reverse: bool = False) -> list[tuple[Any, ...]]:
    """The states after every step of one of PyTorch's cells, in the order in which it reads.

    They are copies, as an LSTM's cell state would else have its hidden state's gradient as well.
    """
    state: Any = None
    states = []
    for step in reversed(range(inputs.shape[1])) if reverse else range(inputs.shape[1]):
        state = cell(inputs[:, step], state)
        state = tuple(item.clone() for item in state) if isinstance(state, tuple) else state.clone()
        states.append(state if isinstance(state, tuple) else (state,))
    return states


def cell_of(module: Any, kind: Any, layer: int, suffix: str = "") -> Any:
    """One layer and direction of a network as a cell with the same numbers."""
    weights = {name: getattr(module, f"{name}_l{layer}{suffix}") for name in ("weight_ih", "weight_hh")}
    biases = {name: getattr(module, f"{name}_l{layer}{suffix}") for name in ("bias_ih", "bias_hh")}
    cell = kind(weights["weight_ih"].shape[1], module.hidden_size).double()
    cell.load_state_dict({**weights, **biases})
    return cell


def gradients(loss: Any, states: list[tuple[Any, ...]], which: int) -> list[Any]:
    return list(torch.autograd.grad(loss, [item[which] for item in states], retain_graph=True, allow_unused=True))


def by_output(outputs: Any) -> Any:
    weights = torch.linspace(-1, 1, outputs.numel(), dtype=torch.float64).reshape(outputs.shape)
    return (weights * outputs).sum() + outputs[:, -1].pow(2).sum()


def test_two_layers_of_an_lstm_with_a_loss_of_outputs_and_last_states() -> None:
    torch.manual_seed(1)
    module = nn.LSTM(SIZE, HIDDEN, 2, batch_first=True).double()
    found = module_runs(module, (sequences(),), lambda out: by_output(out[0]) + out[1][1].pow(3).sum()).layers
    first = unrolled(cell_of(module, nn.LSTMCell, 0), torch.from_numpy(sequences()))
    second = unrolled(cell_of(module, nn.LSTMCell, 1), torch.stack([h for h, _ in first], 1))
    loss = by_output(torch.stack([h for h, _ in second], 1)) + first[-1][1].pow(3).sum() + second[-1][1].pow(3).sum()
    assert [run.name for run in found] == ["layer 0", "layer 1"]
    for run, states, layer in zip(found, (first, second), "01", strict=True):
        check(run, f"h_l{layer}", gradients(loss, states, 0))
        check(run, f"c_l{layer}", gradients(loss, states, 1))


def test_both_directions_of_a_gru() -> None:
    torch.manual_seed(2)
    module = nn.GRU(SIZE, HIDDEN, bidirectional=True).double()  # not batch first
    given = sequences()
    found = module_runs(module, (np.swapaxes(given, 0, 1),), lambda out: by_output(out[0].transpose(0, 1))).layers
    inputs = torch.from_numpy(given)
    forward = unrolled(cell_of(module, nn.GRUCell, 0), inputs)
    reverse = unrolled(cell_of(module, nn.GRUCell, 0, "_reverse"), inputs, reverse=True)
    both = [torch.cat([f[0], r[0]], 1) for f, r in zip(forward, reversed(reverse), strict=True)]
    loss = by_output(torch.stack(both, 1))
    check(found[0], "h_l0", gradients(loss, forward, 0))
    check(found[1], "h_l0_reverse", gradients(loss, reverse, 0))


class Headed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(SIZE, 5)
        self.rnn = nn.RNN(5, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, inputs: Any) -> Any:
        return self.head(self.rnn(torch.tanh(self.encoder(inputs)))[0][:, -1])


def test_a_network_between_other_layers_sees_what_they_give_and_take() -> None:
    torch.manual_seed(3)
    module = Headed()  # float32, which the copy widens
    before = {name: value.clone() for name, value in module.state_dict().items()}
    (run,) = module_runs(module, (sequences(),), lambda out: out.exp().sum()).layers
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    exact = Headed().double()
    exact.load_state_dict(before)
    fed = torch.tanh(exact.encoder(torch.from_numpy(sequences())))
    np.testing.assert_allclose(run.inputs["u"], fed.detach().numpy(), rtol=1e-12)
    states = unrolled(cell_of(exact.rnn, nn.RNNCell, 0), fed)
    check(run, "h_l0", gradients(exact.head(states[-1][0]).exp().sum(), states, 0))
    assert run.name == "rnn, layer 0"


class Minimal(nn.Module):
    """A gated cell as users write them."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(SIZE + HIDDEN, HIDDEN)
        self.gate = nn.Linear(SIZE + HIDDEN, HIDDEN)

    def forward(self, inputs: Any, state: Any) -> Any:
        both = torch.cat([inputs, state], -1)
        keep = torch.sigmoid(self.gate(both))
        return keep * state + (1 - keep) * torch.tanh(self.inner(both))


class Loop(nn.Module):
    """Two cells in a loop over time, the second one read by the loss and fed back to the first."""

    def __init__(self, feedback: bool) -> None:
        super().__init__()
        self.lower, self.upper, self.feedback = Minimal(), nn.GRUCell(HIDDEN, HIDDEN), feedback
        self.back = nn.Linear(HIDDEN, SIZE)

    def forward(self, inputs: Any) -> Any:
        return torch.stack([upper for _, upper in self.states(inputs)], 1)

    def states(self, inputs: Any) -> list[tuple[Any, Any]]:
        lower = upper = torch.zeros(len(inputs), HIDDEN)
        found = []
        for step in range(inputs.shape[1]):
            fed = inputs[:, step] + (self.back(upper) if self.feedback else 0)
            lower = self.lower(fed, lower)
            upper = self.upper(lower, upper)
            found.append((lower, upper))
        return found


@pytest.mark.parametrize("feedback", [False, True])
def test_cells_in_a_loop_of_the_users_own(feedback: bool) -> None:
    torch.manual_seed(4)
    module = Loop(feedback).double()
    found = {run.name: run for run in module_runs(module, (sequences(),), by_output).layers}
    assert set(found) == {"lower", "upper"}
    torch.set_default_dtype(torch.float64)
    try:
        states = module.states(torch.from_numpy(sequences()))
    finally:
        torch.set_default_dtype(torch.float32)
    loss = by_output(torch.stack([upper for _, upper in states], 1))
    (upper,) = found["upper"].model.states
    (lower,) = found["lower"].model.states
    check(found["upper"], str(upper), gradients(loss, states, 1))
    check(found["lower"], str(lower), gradients(loss, states, 0))


class Reader(nn.Module):
    """An LSTM cell of the user's own that gives an output besides its state, in a loop."""

    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates, self.head = nn.Linear(SIZE + HIDDEN, 4 * HIDDEN), nn.Linear(HIDDEN, 2)

        def forward(self, inputs: Any, state: Any) -> Any:
            h, c = state
            i, f, g, o = self.gates(torch.cat([inputs, h], -1)).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            return self.head(h), (h, c)

    def __init__(self) -> None:
        super().__init__()
        self.cell = Reader.Cell()

    def forward(self, inputs: Any) -> Any:
        return self.run(inputs)[0]

    def run(self, inputs: Any) -> tuple[Any, list[tuple[Any, Any]]]:
        state = (inputs.new_zeros(len(inputs), HIDDEN), inputs.new_zeros(len(inputs), HIDDEN))
        outputs, states = [], []
        for step in range(inputs.shape[1]):
            output, state = self.cell(inputs[:, step], state)
            outputs.append(output)
            states.append(state)
        return torch.stack(outputs, 1), states


def test_outputs_besides_the_state_count_by_the_state_that_they_are_made_of() -> None:
    torch.manual_seed(8)
    module = Reader().double()
    (run,) = module_runs(module, (sequences(),), by_output).layers
    outputs, states = module.run(torch.from_numpy(sequences()))
    hidden = gradients(by_output(outputs), states, 0)
    # PyTorch's dL/dc_t has the path through h_t of the same step in it, which the recurrence keeps apart.
    through = [
        torch.autograd.grad(h, c, grad, retain_graph=True)[0] for (h, c), grad in zip(states, hidden, strict=True)
    ]
    cells = [grad - other for grad, other in zip(gradients(by_output(outputs), states, 1), through, strict=True)]
    names = [str(state) for state in run.model.states]
    check(run, names[0], hidden)
    check(run, names[1], cells)


class Chunks(nn.Module):
    """Calls a network on pieces of the sequence, handing its state on."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        super().__init__()
        self.rnn, self.lengths = nn.LSTM(SIZE, HIDDEN, batch_first=True), lengths

    def forward(self, inputs: Any) -> Any:
        state, outputs = None, []
        for piece in inputs.split(list(self.lengths), 1):
            output, state = self.rnn(piece, state)
            outputs.append(output)
        return torch.cat(outputs, 1)


@pytest.mark.parametrize("lengths", [(2, 4), (1,) * STEPS])
def test_pieces_of_a_sequence_are_one_sequence(lengths: tuple[int, ...]) -> None:
    torch.manual_seed(5)
    module = Chunks(lengths).double()
    (run,) = module_runs(module, (sequences(),), by_output).layers
    np.testing.assert_array_equal(run.inputs["u"], sequences())
    states = unrolled(cell_of(module.rnn, nn.LSTMCell, 0), torch.from_numpy(sequences()))
    loss = by_output(torch.stack([h for h, _ in states], 1))
    check(run, "h_l0", gradients(loss, states, 0))
    check(run, "c_l0", gradients(loss, states, 1))


def test_a_state_cut_off_between_the_steps_keeps_its_own_gradient() -> None:
    class Truncated(Chunks):
        def forward(self, inputs: Any) -> Any:
            first, state = self.rnn(inputs[:, :3])
            second, _ = self.rnn(inputs[:, 3:], tuple(item.detach() for item in state))
            return torch.cat([first, second], 1)

    torch.manual_seed(5)
    module = Truncated((3, 3)).double()
    (run,) = module_runs(module, (sequences(),), by_output).layers
    states = unrolled(cell_of(module.rnn, nn.LSTMCell, 0), torch.from_numpy(sequences()))
    loss = by_output(torch.stack([h for h, _ in states], 1))
    check(run, "h_l0", gradients(loss, states, 0))


def test_a_part_called_on_two_sequences_is_diagnosed_on_each() -> None:
    class Twice(Headed):
        def forward(self, inputs: Any) -> Any:
            return self.rnn(self.encoder(inputs))[0][:, -1] * self.rnn(self.encoder(-inputs))[0][:, -1]

    torch.manual_seed(6)
    found = module_runs(Twice(), (sequences(),), lambda out: out.sum()).layers
    assert [run.name for run in found] == ["rnn, sequence 1, layer 0", "rnn, sequence 2, layer 0"]
    assert all(run.loss is not None and run.loss["h_l0"][:, -1].any() for run in found)


class Stated(nn.Module):
    """States float32 where it makes tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(SIZE, HIDDEN)

    def forward(self, inputs: Any) -> Any:
        state = torch.zeros(len(inputs), HIDDEN, dtype=torch.float32)
        for step in range(inputs.shape[1]):
            state = self.cell(inputs[:, step], state)
        return state


@pytest.mark.parametrize("loss", [nn.functional.huber_loss, nn.BCEWithLogitsLoss(), nn.functional.l1_loss])
def test_float32_in_the_users_code_is_widened(loss: Any) -> None:
    torch.manual_seed(10)
    module, target = Stated(), torch.rand(BATCH, HIDDEN, dtype=torch.float32)
    (run,) = module_runs(module, (sequences(),), lambda out: loss(out, target)).layers
    states = unrolled(module.cell.double(), torch.from_numpy(sequences()))
    check(run, "h", gradients(loss(states[-1][0], target.double()), states, 0))
    assert torch.get_default_dtype() == torch.float32


class Counting(Minimal):
    """Counts its steps, so that it is another function at each."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def forward(self, inputs: Any, state: Any) -> Any:
        self.count += 1
        return super().forward(inputs, state) * (1.0 if self.count < 4 else 0.5)


class OwnStart(Minimal):
    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.ones(1, HIDDEN))

    def forward(self, inputs: Any, state: Any = None) -> Any:
        return super().forward(inputs, self.start.expand(len(inputs), -1) if state is None else state)


class Driven(nn.Module):
    def __init__(self, cell: Any, start: Any) -> None:
        super().__init__()
        self.cell, self.begin = cell, start

    def forward(self, inputs: Any) -> Any:
        state = self.begin
        for step in range(inputs.shape[1]):
            state = self.cell(inputs[:, step], state)
        return state


def test_a_cell_that_is_another_function_at_some_step_is_refused() -> None:
    torch.manual_seed(9)
    with pytest.raises(InputError, match=r"cell does not compute at step \d what its model does"):
        module_runs(Driven(Counting(), torch.zeros(BATCH, HIDDEN)), (sequences(),), None)


def test_a_state_that_a_cell_starts_from_by_itself_is_not_taken_for_zero() -> None:
    torch.manual_seed(9)
    with pytest.raises(InputError, match="cell starts from a state of its own that is not zero"):
        module_runs(Driven(OwnStart(), None), (sequences(),), None)
    cell = OwnStart().double()
    (run,) = module_runs(Driven(cell, torch.ones(BATCH, HIDDEN)), (sequences(),), None).layers
    assert (next(iter(run.initial.values())) == 1).all()


def falsified(run: LayerRun) -> LayerRun:
    assert run.loss is not None
    return replace(run, loss={name: array * (1 + 1e-6) for name, array in run.loss.items()})


def test_the_comparison_would_notice_a_wrong_gradient() -> None:
    torch.manual_seed(7)
    module = nn.RNN(SIZE, HIDDEN, batch_first=True).double()
    (run,) = module_runs(module, (sequences(),), lambda out: by_output(out[0])).layers
    states = unrolled(cell_of(module, nn.RNNCell, 0), torch.from_numpy(sequences()))
    expected = gradients(by_output(torch.stack([h for (h,) in states], 1)), states, 0)
    check(run, "h_l0", expected)
    with pytest.raises(AssertionError):
        check(falsified(run), "h_l0", expected)


@pytest.mark.parametrize(
    "name",
    [
        "'); raise SystemExit #",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("0", "class", "a b", r"\input{x}")),
    ],
)
def test_the_code_of_a_remedy_runs_whatever_a_part_of_the_module_is_called(name: str) -> None:
    inner = nn.RNN(2, 3, batch_first=True)
    outer = nn.Sequential(inner)
    if name != "0":
        outer._modules = {name: inner}
    with torch.no_grad():
        inner.weight_hh_l0.mul_(0.5)
    found = sg.diagnose(outer, torch.randn(2, 20, 2), horizon=20, methods=["norm"])
    code = next(remedy.code for remedy in found.remedies if remedy.code and "weight_hh_l0" in remedy.code)
    before = inner.weight_hh_l0.detach().clone()
    exec(code, {"torch": torch, "module": outer})
    assert not torch.equal(before, inner.weight_hh_l0)
