"""Every model family: its equations against formulas typed a second time, and its options."""

from __future__ import annotations

import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError

n, m = sp.symbols("n m", integer=True, positive=True)
FAMILIES = sg.models.names()


def column(name: str, size: int) -> sp.Matrix:
    return sp.Matrix(sp.MatrixSymbol(name, size, 1).as_explicit())


def matrix(name: str, rows: int, columns: int) -> sp.Matrix:
    return sp.Matrix(sp.MatrixSymbol(name, rows, columns).as_explicit())


def logistic(vector: sp.Matrix) -> sp.Matrix:
    return vector.applyfunc(lambda t: 1 / (1 + sp.exp(-t)))


def tanh(vector: sp.Matrix) -> sp.Matrix:
    return vector.applyfunc(sp.tanh)


def affine(size: int, inputs: int) -> sp.Matrix:
    return (
        matrix("W", size, size) * column("h", size)
        + matrix("U", size, inputs) * column("u", inputs)
        + column("b", size)
    )


def lstm(size: int, inputs: int) -> sp.Matrix:
    h, c, u = column("h", size), column("c", size), column("u", inputs)

    def gate(name: str) -> sp.Matrix:
        fed = matrix(f"W_i{name}", size, inputs) * u + column(f"b_i{name}", size)
        return fed + matrix(f"W_h{name}", size, size) * h + column(f"b_h{name}", size)

    i, f, o, g = logistic(gate("i")), logistic(gate("f")), logistic(gate("o")), tanh(gate("g"))
    cell = f.multiply_elementwise(c) + i.multiply_elementwise(g)
    return o.multiply_elementwise(tanh(cell)).col_join(cell)


def sigmoid_rnn(size: int, inputs: int) -> sp.Matrix:
    fed = matrix("W_in", size, inputs) * column("u", inputs) + column("b", size)
    return matrix("W_rec", size, size) * logistic(column("x", size)) + fed


alpha = sp.Symbol("alpha", positive=True)
BY_HAND = {
    "elman": lambda size, inputs: tanh(affine(size, inputs)),
    "residual": lambda size, inputs: column("h", size) + tanh(affine(size, inputs)),
    "leaky": lambda size, inputs: (1 - alpha) * column("h", size) + alpha * tanh(affine(size, inputs)),
    "sigmoid_rnn": sigmoid_rnn,
    "lstm": lstm,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_equations(name):
    model = sg.models.build(name)
    size, inputs = 2, 3
    sized = [expr.xreplace({n: sp.Integer(size), m: sp.Integer(inputs)}) for expr in model.updates.values()]
    found = sp.Matrix.vstack(*(sp.Matrix(expr.as_explicit()) for expr in sized)).applyfunc(lambda e: e.doit())
    difference = found - BY_HAND[name](size, inputs)
    symbols = sorted(difference.atoms(sp.matrices.expressions.matexpr.MatrixElement), key=str)
    point = {symbol: sp.Rational(5 * i % 17 - 8, 11) for i, symbol in enumerate(symbols)} | {alpha: sp.Rational(2, 7)}
    assert all(abs(sp.N(entry.subs(point), 30)) < 1e-25 for entry in difference)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_compared_and_documented(name):
    assert name in BY_HAND
    assert sg.models.build(name).name == name
    assert getattr(sg.models, name) is not None
    assert ">>>" in getattr(sg.models, name).__doc__
    assert sg.models.build(name).inputs


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "lstm"])
@pytest.mark.parametrize(
    "chosen", ["relu", "gelu", sg.activation("elu", alpha=2), sg.Activation("mine", sp.Symbol("t") ** 3)]
)
def test_activations_are_options(name, chosen):
    model = sg.models.build(name, activation=chosen)
    assert str(sg.activation(chosen)) in " ".join(map(str, model.updates.values()))


def test_leaky_rates():
    assert sp.Symbol("alpha", positive=True) in sg.models.leaky().parameters
    assert sp.Symbol("a") in sg.models.leaky(sp.Symbol("a")).parameters
    assert not [p for p in sg.models.leaky(0.1).parameters if isinstance(p, sp.Symbol)]
    jacobian = sg.jacobian(sg.models.leaky(0.1, "identity")).explicit(1)
    assert jacobian[0, 0] == sp.Rational(9, 10) + sp.MatrixSymbol("W", 1, 1)[0, 0] / 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sg.models.build("lsmt"), "unknown model 'lsmt': did you mean 'lstm'"),
        (lambda: sg.models.build(3), "unknown model 3"),
        (lambda: sg.models.build(["elman"]), "unknown model"),
        (lambda: sg.models.build("elman", activaton="tanh"), "'activaton': did you mean 'activation'"),
        (lambda: sg.models.build("elman", activation="tahn"), "unknown activation 'tahn': did you mean 'tanh'"),
        (lambda: sg.models.elman(3), "unknown activation 3"),
        (lambda: sg.models.elman(["tanh"]), "unknown activation"),
    ],
)
def test_unknown_names(call, message):
    with pytest.raises(UnknownNameError, match=message):
        call()


@pytest.mark.parametrize("rate", ["x", float("nan"), float("inf"), True, 1j, sp.I, sp.oo])
def test_leaky_rates_that_are_no_numbers(rate):
    with pytest.raises(InputError, match="alpha: a finite real number is needed"):
        sg.models.leaky(rate)


def test_a_rate_named_like_a_weight():
    with pytest.raises(InputError, match="different symbols share the name W"):
        sg.models.leaky(sp.Symbol("W"))
