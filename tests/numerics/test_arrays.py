"""The batched float evaluator against the ball evaluator, entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.errors import InputError
from symgrad.language.construct import compose, scale
from symgrad.language.operators import Diagonal, Identity, Transpose, Variable, Weight, Zero
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator

n, m = sp.symbols("n m", positive=True, integer=True)
W, A, B = (sp.MatrixSymbol(name, n, n) for name in "WAB")
U = sp.MatrixSymbol("U", n, m)
h, b = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("b", n, 1)
u = sp.MatrixSymbol("u", m, 1)
g = sp.Symbol("g")
tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")

MODELS = {
    **{name: getattr(sg.models, name)() for name in ("elman", "leaky", "lstm", "residual", "sigmoid_rnn")},
    "antisymmetric": sg.Recurrence({h: h + tanh((W - W.T - g * sp.Identity(n)) * h + U * u + b)}, inputs=[u]),
    "product": sg.Recurrence({h: A * B * tanh(B.T * h) + sp.OneMatrix(n, n) * h / n}),
    "gate": sg.Recurrence({h: sg.hadamard(sigmoid(W * h), h) + sg.hadamard(sigmoid(-W * h), b)}),
    "diagonal": sg.Recurrence({h: sp.DiagMatrix(b) * A.I * tanh(h)}),
    "twice": sg.Recurrence({h: tanh(W * tanh(W * h + b))}),
}
SIZES = {n: 3, m: 2}


def drawn(model: sg.Recurrence, batch: int):
    random = np.random.default_rng(1)
    shape = {s: tuple(int(sp.sympify(d).xreplace(SIZES)) for d in getattr(s, "shape", ())) for s in model.parameters}
    numbers = {str(s): random.standard_normal(shape[s]) for s in model.parameters}
    numbers = {name: a[:, 0] if a.shape[1:] == (1,) else a for name, a in numbers.items()}
    point = {s: random.standard_normal((int(s.shape[0].xreplace(SIZES)), batch, 1)) for s in model.variables}
    return bind(model, numbers, model.parameters), point


def entries(matrix) -> np.ndarray:
    return np.array([float(e.mid()) for e in matrix.entries()]).reshape(matrix.nrows(), matrix.ncols())


@pytest.mark.parametrize("name", MODELS)
def test_updates_and_jacobians_agree_with_balls(name: str) -> None:
    model = MODELS[name]
    weights, point = drawn(model, batch=4)
    sizes = {s: SIZES[s] for s in model.sizes}
    batch = ArrayEvaluator.of_weights(weights, sizes).at(point)
    blocks = [entry for row in sg.jacobian(model).blocks for entry in row]
    for place in range(4):
        single = BallEvaluator.of_weights(weights)
        single.sizes.update({s: sp.Integer(size) for s, size in sizes.items()})
        single.values |= {s: column_of_balls(a[:, place, 0].tolist()) for s, a in point.items()}
        for node in model.nodes.values():
            np.testing.assert_allclose(
                batch.vector(node)[:, place], entries(single.vector(node)), rtol=1e-11, atol=1e-12
            )
        for entry in blocks:
            value = np.broadcast_to(lifted(batch.operator(entry)), (3, 4, 3))[:, place]
            np.testing.assert_allclose(value, entries(single.operator(entry)), rtol=1e-11, atol=1e-12)


def lifted(value: np.ndarray) -> np.ndarray:
    return value if value.ndim == 3 else value[:, None, :]


def test_transposes_of_what_varies() -> None:
    model = MODELS["elman"]
    weights, point = drawn(model, batch=2)
    batch = ArrayEvaluator.of_weights(weights, SIZES).at(point)
    jacobian = sg.jacobian(model).operator
    forward, backward = batch.operator(jacobian), batch.operator(Transpose(jacobian))
    np.testing.assert_allclose(backward, np.transpose(forward, (2, 1, 0)))
    product = batch.apply(compose(Transpose(jacobian), jacobian), batch.identity(3))
    for place in range(2):
        np.testing.assert_allclose(product[:, place], forward[:, place].T @ forward[:, place], rtol=1e-12)


def test_constants_and_batches_mix() -> None:
    values = {W: np.arange(4.0).reshape(2, 2), h: np.ones((2, 3, 1)), b: np.array([[2.0], [3.0]])}
    batch = ArrayEvaluator(values, {n: 2}, np.zeros(0))
    assert batch.apply(Diagonal(Variable(h)), batch.identity(2)).shape == (2, 3, 2)
    assert batch.apply(compose(Diagonal(Variable(b)), Weight(W)), batch.identity(2)).tolist() == [[0, 2], [6, 9]]
    assert batch.apply(scale(3, Identity(n)), np.ones((2, 1))).tolist() == [[3], [3]]
    assert batch.operator(Zero(n, n)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_a_singular_inverse_is_refused(library: str) -> None:
    pytest.importorskip(library)
    chosen = sg.backend(library, "cpu")
    with chosen.scope():
        batch = ArrayEvaluator({W: chosen.asarray(np.zeros((2, 2)))}, {n: 2}, chosen.like)
        with pytest.raises(InputError, match="singular"):
            batch.matrix(W.I)


def test_torch_tensors_give_the_same() -> None:
    torch = pytest.importorskip("torch")
    model = MODELS["lstm"]
    weights, point = drawn(model, batch=2)
    ours = ArrayEvaluator.of_weights(weights).at(point)
    theirs = ArrayEvaluator.of_weights(weights, like=torch.zeros(0, dtype=torch.float64))
    theirs = theirs.at({s: torch.asarray(a) for s, a in point.items()})
    for row in sg.jacobian(model).blocks:
        for entry in row:
            np.testing.assert_allclose(theirs.operator(entry).numpy(), ours.operator(entry), rtol=1e-12)
