"""Every model family with every activation, held against torch's own functions and derivatives."""

import numpy as np
import pytest

import symgrad as sg

torch = pytest.importorskip("torch")
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
