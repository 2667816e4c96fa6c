"""Every activation known by name against PyTorch: values, and derivatives at kinks too."""

from __future__ import annotations

import pytest
import sympy as sp

import symgrad as sg

torch = pytest.importorskip("torch")
functional = torch.nn.functional
z = sp.Symbol("z", real=True)
NAMES = sg.activation_names()
FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "softplus": lambda x: functional.softplus(x, threshold=1000),
    "softsign": functional.softsign,
    "arctan": torch.atan,
    "erf": torch.erf,
    "sin": torch.sin,
    "gaussian": lambda x: torch.exp(-(x**2)),
    "identity": lambda x: x.clone(),
    "hard_sigmoid": functional.hardsigmoid,
    "hard_tanh": functional.hardtanh,
    "hardswish": functional.hardswish,
    "log_sigmoid": functional.logsigmoid,
    "relu_squared": lambda x: torch.relu(x) ** 2,
}


def test_every_activation_is_compared():
    assert set(FUNCTIONS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives_at_kinks_too(name):
    """Kinks of the piecewise ones lie at -3, -1, 0, 1 and 3."""
    points = [-30.0, -8.5, -3.0, -2.0, -1.0, -0.4, -1e-3, 0.0, 1e-3, 0.3, 1.0, 1.5, 3.0, 7.0, 30.0]
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    values = FUNCTIONS[name](x)
    slopes = torch.autograd.grad(values.sum(), x)[0].tolist()
    function = sg.activation(name)
    for point, value, slope in zip(points, values.tolist(), slopes, strict=True):
        exact = sp.Rational(point)
        assert float(sp.N(function.expr.subs(z, exact), 25)) == pytest.approx(value, rel=1e-12, abs=1e-15)
        expected = float(sp.N(function.derivative.expr.subs(z, exact), 25))
        # PyTorch's own derivative of hardsigmoid is the single-precision number next to 1/6.
        accuracy = 1e-7 if name == "hard_sigmoid" else 1e-12
        assert expected == pytest.approx(slope, rel=accuracy, abs=1e-15), point
