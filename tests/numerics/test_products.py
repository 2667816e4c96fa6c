"""Products in log scale against plain products, exact logarithms and mpmath."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.norms import norm
from symgrad.language.weights import bind
from symgrad.numerics import products as module
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.products import Products, largest, product_log_norms, products, stretched
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.simulate import Batch, run

NORMS = (1, 2, "inf")


def lstm(n: int = 3, m: int = 2, scale: float = 1.0):
    random = np.random.default_rng(0)
    model = sg.models.lstm()
    shapes = {s: [{"n": n, "m": m}.get(str(d), 1) for d in s.shape] for s in model.parameters}
    weights = {s: scale * random.standard_normal(shape) for s, shape in shapes.items()}
    initial = {s: random.standard_normal((n, 5, 1)) for s in model.states}
    batch = Batch(initial, {model.inputs[0]: random.standard_normal((6, m, 5, 1))}, 6)
    bound = bind(model, {s: a[:, 0] if a.shape[1] == 1 else a for s, a in weights.items()}, model.parameters)
    return model, ArrayEvaluator.of_weights(bound), batch


def plain_products(model, evaluator, batch) -> np.ndarray:
    """(T, B, N, N) without any scaling, from the explicit blocks."""
    states = run(evaluator, model.nodes, batch)
    n = next(iter(batch.initial.values())).shape[0]
    total = np.broadcast_to(np.eye(2 * n), (batch.size, 2 * n, 2 * n))
    found = []
    for t in range(batch.steps):
        point = evaluator.at({s: a[t] for s, a in {**states, **batch.inputs}.items()})
        rows = [[np.moveaxis(point.operator(e), 1, 0) for e in row] for row in sg.jacobian(model).blocks]
        total = np.block(rows) @ total
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("p", NORMS)
def test_log_norms_of_blocks_agree_with_plain_products(p) -> None:
    model, evaluator, batch = lstm()
    order = float("inf") if p == "inf" else p
    expected = np.linalg.norm(plain_products(model, evaluator, batch), ord=order, axis=(2, 3))
    np.testing.assert_allclose(product_log_norms(model, evaluator, batch, p), np.log(expected), rtol=1e-11)


@pytest.mark.parametrize("p", NORMS)
def test_the_largest_norm_over_a_batch(p) -> None:
    model, evaluator, batch = lstm()
    states = run(evaluator, model.nodes, batch)
    logs = product_log_norms(model, evaluator, batch, p)
    steps = np.array([6, 0, 3, 6, 1])
    for item in products(evaluator, shared_nodes(model).blocks, batch, states):
        counting = np.flatnonzero(steps >= item.k)
        log, trajectory = largest(item, norm(p), steps >= item.k)
        assert trajectory == counting[np.argmax(logs[item.k - 1, counting])]
        assert log == pytest.approx(logs[item.k - 1, counting].max(), rel=1e-12)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_largest_among_many_that_are_nearly_equal(rank: int, monkeypatch) -> None:
    """Of rank 1 their Frobenius norms tell nothing apart: then they are decomposed together, not one by one."""
    random = np.random.default_rng(0)
    left, right = random.standard_normal((2, 3, 3))
    matrices = np.linalg.qr(left)[0] @ np.diag((np.arange(3) < rank) * 0.9 ** np.arange(3)) @ np.linalg.qr(right)[0]
    matrices = matrices * (1 + 1e-15 * random.standard_normal((200, 1, 1)))
    calls, spectral = [], module._spectral
    monkeypatch.setattr(module, "_spectral", lambda matrix: calls.append(matrix.shape[1]) or spectral(matrix))
    item = Products(4, np.moveaxis(matrices, 0, 1), np.zeros(200, dtype=np.int64))
    log, place = largest(item, norm(2), np.arange(200) != 5)
    norms = np.linalg.norm(matrices, 2, axis=(1, 2))
    norms[5] = 0.0
    assert log == pytest.approx(np.log(norms.max()), abs=1e-15)
    assert norms[place] == pytest.approx(norms.max(), rel=1e-15)
    assert len(calls) <= 8


def rotation_model(scale: float):
    model = sg.models.elman("identity")
    angle = 0.3
    W = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    weights = bind(model, {"W": W, "U": np.zeros((2, 1)), "b": np.zeros(2)}, model.parameters)
    batch = Batch({model.states[0]: np.zeros((2, 1, 1))}, {model.inputs[0]: np.zeros((4000, 1, 1, 1))}, 4000)
    return model, ArrayEvaluator.of_weights(weights), batch


@pytest.mark.parametrize("scale", [3.7, 1e-3, 1e-170, 1e170])
def test_long_products_neither_under_nor_overflow(scale: float) -> None:
    model, evaluator, batch = rotation_model(scale)
    ks = (1, 1000, 4000)
    found = product_log_norms(model, evaluator, batch, 2, ks)[:, 0]
    exact = [float(k * mpmath.log(mpmath.mpf(scale))) for k in ks]
    np.testing.assert_allclose(found, exact, rtol=1e-12)


@pytest.mark.parametrize("k", [10**4, pytest.param(10**6, marks=pytest.mark.slow)])
def test_a_scalar_model_for_many_steps(k: int) -> None:
    x = sp.Symbol("x")
    model = sg.Recurrence({x: x / 3})
    batch = Batch({x: np.ones((1, 1, 1))}, {}, k)
    found = product_log_norms(model, ArrayEvaluator.of_weights(bind(model, None)), batch, 2, [k])
    assert found[0, 0] == pytest.approx(-k * math.log(3), rel=1e-12)


def test_a_product_that_is_zero() -> None:
    model, evaluator, batch = rotation_model(0.0)
    assert np.isneginf(product_log_norms(model, evaluator, batch, 2, [1, 2])).all()
    item = Products(1, np.zeros((2, 3, 2)), np.zeros(3, dtype=np.int64))
    assert largest(item, norm(2), np.ones(3, dtype=bool)) == (-np.inf, -1)


@pytest.mark.parametrize("p", NORMS)
def test_the_stretched_vector_attains_the_norm(p) -> None:
    matrix = np.random.default_rng(4).standard_normal((5, 5))
    order = float("inf") if p == "inf" else p
    v = stretched(matrix, norm(p))
    attained = np.linalg.norm(matrix @ v, order) / np.linalg.norm(v, order)
    assert attained == pytest.approx(np.linalg.norm(matrix, order), rel=1e-13)
