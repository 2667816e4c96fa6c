"""Scalar models are written in ordinary SymPy: which functions are recognised, and that nothing is lost."""

from __future__ import annotations

import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.operators import Elementwise, walk

x, y, u = sp.symbols("x y u", real=True)
w, b, r, eps, v = sp.symbols("w b r epsilon v", real=True)
sigma, tanh = sg.activation("sigmoid"), sg.activation("tanh")

MODELS = {
    "tanh": {x: sp.tanh(w * x + b)},
    "an activation": {x: sigma(w * x + b)},
    "a logistic written out": {x: 1 / (1 + sp.exp(-(w * x + b)))},
    "a logistic as a ratio": {x: sp.exp(w * x) / (1 + sp.exp(w * x))},
    "the logistic map": {x: r * x * (1 - x)},
    "a leaky neuron": {x: (1 - eps) * x + eps * sigma(w * x + b) + eps * v * u},
    "a fraction": {x: w * x / (1 + x**2)},
    "a fraction with a parameter below": {x: x / (w**2 + 1 + x**2)},
    "powers": {x: x**3 + x**2 - sp.sqrt(2) * x},
    "a gaussian": {x: sp.exp(-(x**2) / 2) * w + b},
    "a kink": {x: sp.Max(x, 0) * w},
    "cases": {x: w * sp.Piecewise((x, x > 0), (x / 10, True))},
    "an absolute value": {x: w * sp.Abs(x + b)},
    "a product of two functions": {x: x * sigma(w * x)},
    "nested": {x: sigma(tanh(w * x) + x)},
    "a constant": {x: sp.Integer(3)},
    "an input as a factor": {x: sp.sin(u) * x + u**2},
    "a scaled argument": {x: w * sp.sin(x / (1 + w**2))},
    "a logarithm": {x: sp.log(1 + x**2) + sp.log(1 + sp.exp(x + w))},
    "two states": {x: sp.tanh(w * x + r * y), y: sp.sin(x) * y},
    "two states in one function": {x: 1 / (1 + sp.exp(-x - w * y)), y: y / (1 + x**2)},
}


@pytest.mark.parametrize("name", MODELS)
def test_jacobian_is_sympys(name):
    updates = MODELS[name]
    model = sg.Recurrence(updates, inputs=[u])
    found = sg.jacobian(model).explicit()
    expected = sp.Matrix([update.doit() for update in updates.values()]).jacobian(list(updates))
    for k in range(3):
        point = {
            symbol: sp.Rational(7 * i + 4 + 11 * k, 29 - 40 * (k == 1)) for i, symbol in enumerate((x, y, u, w, b))
        }
        point |= {r: sp.Rational(5, 3), eps: sp.Rational(1, 7), v: sp.Rational(-2, 9)}
        for difference in sp.Matrix(found - expected).subs(point):
            assert abs(sp.N(difference, 30)) < 1e-25


def functions(expression: sp.Expr) -> set[str]:
    nodes = [node for root in sg.Recurrence({x: expression}).nodes.values() for node in walk(root)]
    return {str(node.function.expr) for node in nodes if isinstance(node, Elementwise)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (sp.tanh(w * x + b), {"tanh(z)"}),
        (1 / (1 + sp.exp(-(w * x + b))), {"logistic(z)"}),
        (sp.exp(w * x) / (1 + sp.exp(w * x)), {"logistic(z)"}),
        (eps / (1 + sp.exp(-w * x - b)) + (1 - eps) * x, {"logistic(z)"}),
        (w * x / (1 + x**2), {"z/(z**2 + 1)"}),
        (w * x * sigma(x), {"z*logistic(z)"}),
        (r * (x + sp.sin(x)), {"z + sin(z)"}),
        (w * x + b, set()),
    ],
)
def test_functions_of_one_argument_are_kept_whole(expression, expected):
    """The larger the function that is recognised, the sharper its slope range."""
    assert functions(expression) == expected


def test_parameters_inputs_and_names():
    model = sg.Recurrence(MODELS["a leaky neuron"], inputs=[u])
    assert model.is_scalar
    assert model.parameters == (b, eps, v, w)
    assert model.sizes == ()
    assert model.variables == (x, u)


def test_numbers_as_updates():
    assert sg.jacobian(sg.Recurrence({x: 2})).explicit() == sp.zeros(1, 1)
    assert sg.jacobian(sg.Recurrence({x: 0.5 * x})).explicit()[0, 0] == sp.Rational(1, 2)
