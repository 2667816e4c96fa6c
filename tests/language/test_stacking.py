"""Stacks against PyTorch's own multi-layer networks, and against composing the layers by hand."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

TORCH = {"elman": "RNN", "gru": "GRU", "lstm": "LSTM", "irnn": "RNN"}


@pytest.mark.parametrize("layers", [2, 3])
@pytest.mark.parametrize("family", TORCH)
def test_values_and_jacobians_of_multi_layer_networks(family, layers):
    torch = pytest.importorskip("torch")
    torch.manual_seed(layers)
    options = {"nonlinearity": "relu"} if family == "irnn" else {}
    net = getattr(torch.nn, TORCH[family])(3, 2, num_layers=layers, **options).double()
    model = sg.stack([sg.models.build(family)] * layers)
    weights = dict(net.state_dict())
    sequence = torch.randn(5, 3, dtype=torch.float64)
    run = sg.simulate(model, weights, sequence.numpy())
    expected = net(sequence)[0].detach().numpy()
    assert np.abs(run.states[f"h_l{layers - 1}"][1:] - expected).max() < 1e-12

    kinds = ["h", "c"] if family == "lstm" else ["h"]
    start = torch.randn(len(kinds), layers, 2, dtype=torch.float64)

    def step(flat):
        parts = flat.reshape(len(kinds), layers, 1, 2).unbind(0)
        _, state = net(sequence[:1, None, :], parts if family == "lstm" else parts[0])
        return torch.stack(state).reshape(-1) if family == "lstm" else state.reshape(-1)

    whole = torch.autograd.functional.jacobian(step, start.reshape(-1)).numpy()
    whole = whole.reshape(len(kinds), layers, 2, len(kinds), layers, 2).transpose(1, 0, 2, 4, 3, 5)
    whole = whole.reshape(2 * layers * len(kinds), -1)
    assert np.abs(jacobian_at(model, weights, start.numpy(), sequence[0].numpy(), kinds) - whole).max() < 1e-12


def jacobian_at(model, weights, start, fed, kinds):
    """The derived Jacobian at one point, layer by layer as the model orders its states."""
    from symgrad.language.weights import bind
    from symgrad.numerics.arrays import ArrayEvaluator

    evaluator = ArrayEvaluator.of_weights(bind(model, weights, model.parameters))
    values = {model.symbol("u"): fed[:, None]}
    for state in model.states:
        name, layer = str(state).split("_l")
        values[state] = start[kinds.index(name), int(layer)][:, None]
    point = evaluator.at(values)
    return np.block([[point.operator(entry) for entry in row] for row in sg.jacobian(model).blocks])


def test_a_stack_of_two_is_the_composition_written_by_hand():
    n0, n1, m = sp.symbols("n_l0 n_l1 m", integer=True, positive=True)
    tanh = sg.activation("tanh")
    symbols = {name: sp.MatrixSymbol(name, *shape) for name, shape in {
        "h_l0": (n0, 1), "h_l1": (n1, 1), "u": (m, 1), "b_l0": (n0, 1), "b_l1": (n1, 1),
        "W_l0": (n0, n0), "W_l1": (n1, n1), "U_l0": (n0, m), "U_l1": (n1, n0),
    }.items()}  # fmt: skip
    h0, h1, u, b0, b1, W0, W1, U0, U1 = symbols.values()
    below = tanh(W0 * h0 + U0 * u + b0)
    by_hand = {h0: below, h1: tanh(W1 * h1 + U1 * below + b1)}
    assert sg.stack([sg.models.elman()] * 2).updates == by_hand


def test_layers_of_different_kinds_and_sizes():
    random = np.random.default_rng(0)
    model = sg.stack([sg.models.elman("relu"), sg.models.leaky(0.5)], names=["low", "high"])
    assert [str(size) for size in model.sizes] == ["m", "n_high", "n_low"]
    shapes = {"W_low": (3, 3), "U_low": (3, 2), "b_low": (3,), "W_high": (2, 2), "U_high": (2, 3), "b_high": (2,)}
    weights = {name: random.standard_normal(shape) for name, shape in shapes.items()}
    fed = random.standard_normal((4, 2))
    run = sg.simulate(model, weights, fed)
    low, high = np.zeros(3), np.zeros(2)
    for step in range(4):
        low = np.maximum(weights["W_low"] @ low + weights["U_low"] @ fed[step] + weights["b_low"], 0)
        high = 0.5 * high + 0.5 * np.tanh(weights["W_high"] @ high + weights["U_high"] @ low + weights["b_high"])
        assert run.states["h_high"][step + 1] == pytest.approx(high, rel=1e-13)


def test_ranges_and_scalar_models():
    lstm = sg.models.lstm().assuming({"c": (-2, 2), "u": (-1, 1)})
    model = sg.stack([lstm, lstm])
    assert {str(s): (r.start, r.end) for s, r in model.ranges.items()} == {
        "c_l0": (-2, 2), "c_l1": (-2, 2), "u": (-1, 1),
    }  # fmt: skip
    neurons = sg.stack([sg.models.neuron(w_in=None), sg.models.neuron(w=2, w_in=1)])
    x = sg.simulate(neurons, {"w_l0": 1.0, "b_l0": 0.0, "w_in_l0": 3.0, "b_l1": -1.0}, [[0.5]]).states
    below = 0.5 + 3.0 * 0.5
    assert x["x_l1"][1, 0] == pytest.approx(1 / (1 + np.e) + below, rel=1e-14)


def test_the_rate_of_a_stack_is_the_largest_of_its_layers():
    """Its gain matrix is block triangular."""
    bound = sg.product_bound(sg.stack([sg.models.elman("sigmoid"), sg.models.elman("tanh")]))
    names = {str(s): sg.OperatorNorm(s) for s in bound.model.parameters if str(s).startswith("W")}
    assert bound.vanishes == sp.And(names["W_l0"] / 4 < 1, names["W_l1"] < 1)


def test_a_stack_of_one_keeps_the_equations():
    assert str(sg.stack([sg.models.elman()])) == "h_l0[t] = tanh(W_l0*h_l0[t-1] + U_l0*u[t] + b_l0)"


def sized(size):
    h, u = sp.MatrixSymbol("h", size, 1), sp.MatrixSymbol("u", size, 1)
    return sg.Recurrence({h: sg.activation("tanh")(h + u)}, inputs=[u])


@pytest.mark.parametrize(
    ("models", "names", "message"),
    [
        ([], None, "at least one"),
        (sg.models.elman(), None, "a list of recurrences"),
        ([sg.models.elman(), "lstm"], None, "layer 1 must be a Recurrence, got str"),
        ([sg.models.feedforward(), sg.models.elman()], None, "layer 0 \\(feedforward\\) has a depth"),
        ([sg.models.elman(), sg.models.neuron(w_in=None)], None, "must be of vectors or all of scalars"),
        ([sg.models.neuron(), sg.models.neuron()], None, "must have one input to feed from below, got none"),
        ([sg.models.elman()] * 2, ["a", "a"], "a is given to several layers"),
        ([sg.models.elman()] * 2, ["a"], "one identifier for each of the 2 layers"),
        ([sg.models.elman()] * 2, ["a", "b c"], "one identifier"),
        ([sized(2), sized(3)], None, "takes inputs of size 3, the layer below gives 2"),
    ],
)
def test_what_cannot_be_stacked_is_refused(models, names, message):
    with pytest.raises(sg.InputError, match=message):
        sg.stack(models, names)


def test_names_that_collide_are_refused():
    """An input that is called as a renamed parameter."""
    n = sp.Symbol("n", integer=True, positive=True)
    h, u = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("W_l0", n, 1)
    model = sg.Recurrence({h: sg.activation("tanh")(sp.MatrixSymbol("W", n, n) * h + u)}, inputs=[u])
    with pytest.raises(sg.InputError, match="W_l0"):
        sg.stack([model])
