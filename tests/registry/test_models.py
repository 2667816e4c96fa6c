"""Every model family: its equations against formulas typed a second time, and its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import mpmath
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


def gate(name: str, size: int, inputs: int) -> tuple[sp.Matrix, sp.Matrix]:
    fed = matrix(f"W_i{name}", size, inputs) * column("u", inputs) + column(f"b_i{name}", size)
    return fed, matrix(f"W_h{name}", size, size) * column("h", size) + column(f"b_h{name}", size)


def lstm(size: int, inputs: int, peephole: bool = False, coupled: bool = False) -> sp.Matrix:
    c = column("c", size)

    def opened(name: str, cell: sp.Matrix) -> sp.Matrix:
        fed, recalled = gate(name, size, inputs)
        seen = column(f"p_{name}", size).multiply_elementwise(cell) if peephole else sp.zeros(size, 1)
        return logistic(fed + recalled + seen)

    f, g = opened("f", c), tanh(sum(gate("g", size, inputs), sp.zeros(size, 1)))
    i = sp.ones(size, 1) - f if coupled else opened("i", c)
    cell = f.multiply_elementwise(c) + i.multiply_elementwise(g)
    return opened("o", cell).multiply_elementwise(tanh(cell)).col_join(cell)


def gru(size: int, inputs: int) -> sp.Matrix:
    """As documented for ``torch.nn.GRU``."""
    h = column("h", size)
    r, z = (logistic(sum(gate(name, size, inputs), sp.zeros(size, 1))) for name in "rz")
    fed, recalled = gate("n", size, inputs)
    new = tanh(fed + r.multiply_elementwise(recalled))
    return new + z.multiply_elementwise(h - new)


def highway(size: int, inputs: int) -> sp.Matrix:
    h = column("h", size)
    opened = matrix("W_t", size, size) * h + matrix("U_t", size, inputs) * column("u", inputs) + column("b_t", size)
    return h + logistic(opened).multiply_elementwise(tanh(affine(size, inputs)) - h)


def neuron(size: int, inputs: int) -> sp.Matrix:
    x, w, b = sp.symbols("x w b")
    return sp.Matrix([1 / (1 + sp.exp(-w * x - b))])


def sigmoid_rnn(size: int, inputs: int) -> sp.Matrix:
    fed = matrix("W_in", size, inputs) * column("u", inputs) + column("b", size)
    return matrix("W_rec", size, size) * logistic(column("x", size)) + fed


def biasless(by_hand: Callable[..., sp.Matrix]) -> Callable[..., sp.Matrix]:
    """The equations with the option ``bias``: without, the same with zeros for all biases."""

    def equations(size: int, inputs: int, bias: bool = True, **options: bool) -> sp.Matrix:
        full = by_hand(size, inputs, **options)
        zeros = {symbol: 0 for symbol in symbols_in(full) if str(symbol).startswith("b") and not bias}
        return full.xreplace(zeros)

    return equations


alpha = sp.Symbol("alpha", positive=True)
BY_HAND = {
    "elman": biasless(lambda size, inputs: tanh(affine(size, inputs))),
    "residual": lambda size, inputs: column("h", size) + tanh(affine(size, inputs)),
    "leaky": lambda size, inputs: (1 - alpha) * column("h", size) + alpha * tanh(affine(size, inputs)),
    "sigmoid_rnn": sigmoid_rnn,
    "lstm": biasless(lstm),
    "gru": biasless(gru),
    "highway": highway,
    "irnn": lambda size, inputs: affine(size, inputs).applyfunc(lambda t: sp.Max(t, 0)),
    "neuron": neuron,
    "feedforward": lambda size, inputs: tanh(matrix("W", size, size) * column("x", size) + column("b", size)),
}
OPTIONS = {
    "lstm with peepholes": ("lstm", {"peephole": True}),
    "lstm with coupled gates": ("lstm", {"coupled": True}),
    "lstm with both": ("lstm", {"peephole": True, "coupled": True}),
    "lstm without biases": ("lstm", {"bias": False}),
    "gru without biases": ("gru", {"bias": False}),
    "elman without biases": ("elman", {"bias": False}),
}
WITHOUT_INPUTS = {"neuron", "feedforward"}


def explicit(expr: sp.Expr, size: int, inputs: int) -> sp.Matrix:
    sized = expr.xreplace({n: sp.Integer(size), m: sp.Integer(inputs)})
    return sp.Matrix(sized.as_explicit() if isinstance(sized, sp.MatrixExpr) else [sized])


MPMATH = [{"logistic": lambda t: 1 / (1 + mpmath.exp(-t))}, "mpmath"]


def symbols_in(matrix: sp.Matrix) -> set[sp.Basic]:
    return matrix.atoms(sp.matrices.expressions.matexpr.MatrixElement, sp.Symbol)


def assert_equal(found: sp.Matrix, expected: sp.Matrix) -> None:
    """At one point, to 25 digits."""
    symbols = sorted((symbols_in(found) | symbols_in(expected)) - {alpha}, key=str)
    point = {symbol: sp.Float(5 * i % 17 - 8, 40) / 11 for i, symbol in enumerate(symbols)}
    point[alpha] = sp.Float(2, 40) / 7
    for one, other in zip(found, expected, strict=True):
        assert abs(one.doit().xreplace(point).evalf(30) - other.doit().xreplace(point).evalf(30)) < 1e-25


@pytest.mark.parametrize("name", [*FAMILIES, *OPTIONS])
def test_equations(name):
    family, options = OPTIONS.get(name, (name, {}))
    model = sg.models.build(family, **options)
    size, inputs = 2, 3
    found = sp.Matrix.vstack(*(explicit(expr, size, inputs) for expr in model.updates.values()))
    assert_equal(found, BY_HAND[family](size, inputs, **options))


LATER = {"lstm with both", "lstm without biases", "gru without biases"}
CHECKED = [pytest.param(name, marks=pytest.mark.slow) if name in LATER else name for name in (*FAMILIES, *OPTIONS)]


@pytest.mark.parametrize("name", CHECKED)
def test_jacobian_is_that_of_the_equations_typed_by_hand(name):
    """By central differences of width 1e-20 in 80 digits: right to nearly 40."""
    family, options = OPTIONS.get(name, (name, {}))
    model = sg.models.build(family, **options)
    states = sp.Matrix.vstack(*(explicit(sp.sympify(state), 2, 1) for state in model.states))
    sizes = {str(symbol): {"n": 2, "m": 1}[str(symbol)] for symbol in model.sizes}
    found = sp.Matrix(sg.jacobian(model).explicit(**sizes)).applyfunc(lambda e: e.doit())
    update = BY_HAND[family](2, 1, **options).applyfunc(lambda e: e.doit())
    symbols = sorted(symbols_in(found) | symbols_in(update), key=str)
    with mpmath.workdps(80):
        numbers = [mpmath.mpf(5 * i % 17 + 1) / 20 - mpmath.mpf("0.41") for i in range(len(symbols))]
        step, jacobian = (sp.lambdify(symbols, matrix.tolist(), MPMATH, cse=True) for matrix in (update, found))
        width = mpmath.mpf(10) ** -20
        ends = []
        for state in states:
            place = symbols.index(state)
            moved = [[x + sign * width if i == place else x for i, x in enumerate(numbers)] for sign in (1, -1)]
            ends.append([mpmath.matrix(step(*values)) for values in moved])
        derived = mpmath.matrix(jacobian(*numbers))
        for column, (after, before) in enumerate(ends):
            assert mpmath.norm((after - before) / (2 * width) - derived[:, column], mpmath.inf) < 1e-30


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_compared_and_documented(name):
    assert name in BY_HAND
    assert sg.models.build(name).name == name
    assert getattr(sg.models, name) is not None
    assert ">>>" in getattr(sg.models, name).__doc__
    assert bool(sg.models.build(name).inputs) == (name not in WITHOUT_INPUTS)


@pytest.mark.parametrize(
    "name", [name for name in FAMILIES if "activation" in inspect.signature(getattr(sg.models, name)).parameters]
)
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
