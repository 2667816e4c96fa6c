"""Every model family with every activation, held against torch's own functions and derivatives."""

import numpy as np
import pytest

import symgrad as sg
from tests.calculus.torch_cells import CASES, M, N, differentiated, flat, numbers, torch
from tests.present.zoo import declared

functional = torch.nn.functional

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda t: functional.leaky_relu(t, 0.01),
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda t: functional.gelu(t, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "arctan": torch.atan,
    "erf": torch.erf,
    "sin": torch.sin,
    "gaussian": lambda t: torch.exp(-(t**2)),
    "identity": lambda t: t,
    "hard_sigmoid": lambda t: (t / 6 + 0.5).clamp(0, 1),  # torch's own has a slope rounded to float32
    "hard_tanh": functional.hardtanh,
    "hardswish": functional.hardswish,
    "log_sigmoid": functional.logsigmoid,
}
FAMILIES = {
    "elman": lambda s, x, w: s(w @ x),
    "sigmoid_rnn": lambda s, x, w: w @ s(x),
    "residual": lambda s, x, w: x + s(w @ x),
    "leaky": lambda s, x, w: 0.75 * x + 0.25 * s(w @ x),
}
ORDERS = {1: 1, 2: 2, "inf": np.inf}


def test_every_activation_is_covered_but_the_unbounded_one():
    assert set(sg.activation_names()) - set(TORCH) == {"relu_squared"}
    assert set(sg.models.names()) >= set(FAMILIES)


def steepest(name):
    """The point of a grid where torch's slope is largest; the infimum of no activation here is larger in modulus."""
    grid = torch.linspace(-30, 30, 60001, dtype=torch.float64)
    return float(grid[torch.func.vmap(torch.func.grad(TORCH[name]))(grid).argmax()])


@pytest.mark.parametrize("activation", TORCH)
@pytest.mark.parametrize("family", FAMILIES)
def test_bounds_hold_and_are_nearly_reached(family, activation):
    options = {"alpha": 0.25} if family == "leaky" else {}
    model = sg.models.build(family, activation=activation, **options)
    name = "W_rec" if family == "sigmoid_rnn" else "W"
    step = torch.func.vmap(torch.func.jacrev(lambda x, w: FAMILIES[family](TORCH[activation], x, w)), in_dims=(0, None))
    random = np.random.default_rng(0)
    argument = steepest(activation)
    for p, order in ORDERS.items():
        for weights in (random.standard_normal((3, 3)), np.eye(3)):
            limit = float(sg.product_bound(model, p).evaluate({name: weights}, 1))
            points = random.standard_normal((200, 3)) * 10 ** random.uniform(-1, 2, (200, 1))
            points[0] = argument
            found = step(torch.tensor(points), torch.tensor(weights)).numpy()
            norms = np.linalg.norm(found, order, axis=(-2, -1))
            assert norms.max() <= limit * (1 + 1e-9)
        assert norms[0] >= limit * (1 - 1e-5)  # the identity, at the steepest point of the grid


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unbounded_slope_has_no_bound(family):
    with pytest.raises(sg.NoBoundError, match="unbounded"):
        sg.product_bound(sg.models.build(family, activation="relu_squared"))


# --- every model of the catalogue, and the options of some, along its own trajectories ---------------------------


def along_a_trajectory(name, seed, steps=4):
    """Weights and the product of autograd's Jacobians along a trajectory within the ranges that bounds need."""
    model, cell = CASES[name]
    model = sg.models.feedforward(steps, "tanh") if model.depth is not None else model
    random = np.random.default_rng(seed)
    values = flat(model, numbers(model, seed))
    weights = {str(s): 0.5 * np.asarray(values[str(s)]) for s in model.parameters}
    if model.depth is not None:
        shapes = {key: value.shape for key, value in weights.items()}
        weights = {key: [0.5 * random.standard_normal(shape) for _ in range(steps)] for key, shape in shapes.items()}
    state = {str(s): np.clip(values[str(s)], -0.9, 0.9) for s in model.states}
    product = np.eye(sum(np.size(value) for value in state.values()))
    for step in range(steps):
        own = {key: value[step] if model.depth is not None else value for key, value in weights.items()}
        own |= {str(s): random.uniform(-1, 1, np.shape(values[str(s)])) for s in model.inputs}
        here = {**own, **state}
        product = differentiated(cell, model, here) @ product
        tensors = {key: torch.tensor(value, dtype=torch.float64) for key, value in here.items()}
        state = dict(zip(state, (value.numpy() for value in cell(tensors)), strict=True))
    return model, weights, product


CATALOGUE = [name for name in CASES if name.split()[0] in sg.models.names()]


def test_every_model_is_held_against_its_bounds():
    assert {name.split()[0] for name in CATALOGUE} == set(sg.models.names())


def lower_bound(model, norm):
    """None where there is none; the reason is checked where bad input is."""
    try:
        return sg.product_bound(model, norm, side="lower")
    except sg.NoBoundError:
        return None


@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("name", CATALOGUE)
def test_no_product_of_a_model_leaves_its_bounds(name, norm):
    for seed in range(3):
        model, weights, product = along_a_trajectory(name, seed)
        model = declared(model)
        norms = np.linalg.norm(product, ORDERS[norm])
        assert norms <= sg.product_bound(model, norm).evaluate(weights, 4)
        lower = lower_bound(model, norm)
        if lower is None:
            continue
        inverse = np.linalg.inv(product) if np.linalg.matrix_rank(product) == len(product) else np.inf * np.eye(1)
        assert 1 / np.linalg.norm(inverse, ORDERS[norm]) >= lower.evaluate(weights, 4) * (1 - 1e-9)


@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("name", CATALOGUE)
def test_verification_agrees_with_both_bounds(name, norm):
    model, weights, _ = along_a_trajectory(name, 5)
    model = declared(model)
    for bound in (sg.product_bound(model, norm), lower_bound(model, norm)):
        if bound is not None:
            assert sg.verify(bound, weights, horizon=4, trajectories=4, seed=0).verdict.holds


@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("name", ["elman", "leaky", "residual", "irnn"])
def test_a_smaller_bound_is_caught_by_a_trajectory(name, norm):
    """At the origin with the identity as W, every slope is at its largest and every bound is attained."""
    model, cell = CASES[name]
    values = flat(model, numbers(model, 0))
    weights = {str(s): np.zeros(np.shape(values[str(s)])) for s in model.parameters}
    weights |= {"W": np.eye(N), "b": np.full(N, 1e-9)} | ({"alpha": np.array(0.5)} if name == "leaky" else {})
    point = {**weights, "h": np.full(N, 1e-9), "u": np.zeros(M)}
    matrix = differentiated(cell, model, point)
    product = np.linalg.matrix_power(matrix, 3)
    value = sg.product_bound(model, norm).evaluate(weights, 3)
    assert 0.999 * value < np.linalg.norm(product, ORDERS[norm]) <= value


@pytest.mark.parametrize(("name", "missing"), [("lstm", "sup|c|"), ("gru", "sup|h|"), ("highway", "sup|h|")])
def test_a_model_that_needs_a_range_says_which(name, missing):
    with pytest.raises(sg.NoBoundError) as caught:
        sg.product_bound(sg.models.build(name))
    assert missing in str(caught.value)
    assert "model.assuming({" in str(caught.value)


@pytest.mark.parametrize("name", CATALOGUE)
def test_without_a_lower_bound_the_hypothesis_that_fails_is_named(name):
    model = declared(CASES[name][0])
    if lower_bound(model, 2) is None:
        with pytest.raises(sg.NoBoundError, match=r"no lower bound above zero: .*(not away from zero|than the others)"):
            sg.product_bound(model, side="lower")
    else:
        assert name.split()[0] in {"residual", "leaky", "neuron"}
