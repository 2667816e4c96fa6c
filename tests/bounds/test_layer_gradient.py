"""Bounds on the gradients of each layer against backpropagation, and attained where all factors are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

DUAL = {1: np.inf, 2: 2, "inf": 1}
n = sp.Symbol("n", positive=True, integer=True)
A, B, C = (sp.MatrixSymbol(name, n, n) for name in "ABC")
x, y = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("y", n, 1)
tanh = sg.activation("tanh")
TWO_STATES = sg.Recurrence(
    {x: tanh(A * x + C * y), y: y / 2 + tanh(B * x)}, depth=sp.Symbol("L", positive=True, integer=True)
)
MODELS = {
    "tanh": sg.models.feedforward().assuming({"x": (-1, 1)}),
    "sigmoid": sg.models.feedforward(activation="sigmoid").assuming({"x": (-1, 1)}),
    "two states": TWO_STATES.assuming({x: (-1, 1), y: (-2, 2)}),
}


def layers(model: sg.Recurrence, count: int, seed: int, scale: float) -> dict[str, list[Any]]:
    random = np.random.default_rng(seed)
    shapes = {str(p): (3,) if p.shape[1] == 1 else (3, 3) for p in model.parameters}
    return {name: [scale * random.standard_normal(shape) for _ in range(count)] for name, shape in shapes.items()}


@pytest.mark.parametrize("norm", [1, 2, "inf"])
@pytest.mark.parametrize("name", MODELS)
def test_no_gradient_of_a_layer_exceeds_its_bound(name: str, norm: Any) -> None:
    model, count = MODELS[name], 4
    bound = sg.layer_gradient_bound(model, norm)
    for seed, scale in ((0, 1.0), (1, 0.4), (2, 2.0)):
        weights, random = layers(model, count, seed, scale), np.random.default_rng(seed)
        loss = {str(s): random.standard_normal(3) for s in model.states}
        size = np.linalg.norm(np.concatenate(list(loss.values())), DUAL[norm])
        start = {str(s): random.uniform(-1, 1, 3) for s in model.states}
        found = sg.backpropagate(model, weights, loss_gradient=loss, initial=start)
        limits = bound.evaluate(weights, loss_gradient=float(size))
        for layer in range(1, count + 1):
            parts = {p: np.ravel(found.parameters[f"{p}_{layer}"]) for p in map(str, model.parameters)}
            assert np.linalg.norm(np.concatenate(list(parts.values())), DUAL[norm]) <= limits[layer - 1] * (1 + 1e-12)
            for parameter, part in parts.items():
                block = bound.block(parameter).evaluate(weights, loss_gradient=float(size))
                assert np.linalg.norm(part, DUAL[norm]) <= block[layer - 1] * (1 + 1e-12)


def test_the_bound_is_attained_by_a_linear_network_and_a_smaller_one_is_caught() -> None:
    model = sg.models.feedforward(activation="identity").assuming({"x": (-9, 9)})
    weights = {"W": [2 * np.eye(2), 3 * np.eye(2), 5 * np.eye(2)], "b": [np.zeros(2)] * 3}
    found = sg.backpropagate(model, weights, loss_gradient=[1.0, 0.0], initial={"x": [0.1, 0.1]})
    limits = sg.layer_gradient_bound(model).block("b").evaluate(weights)
    assert [float(limit) for limit in limits] == pytest.approx([15.0, 5.0, 1.0], rel=1e-12)
    gradients = [np.linalg.norm(found.parameters[f"b_{layer}"]) for layer in (1, 2, 3)]
    assert gradients == pytest.approx([15.0, 5.0, 1.0], rel=1e-12)
    assert all(gradient > 0.99 * limit for gradient, limit in zip(gradients, limits, strict=True))


def test_the_closed_form_for_a_layer_has_the_same_value() -> None:
    bound = sg.layer_gradient_bound(sg.models.feedforward(3, "sigmoid").assuming({"x": (0, 1)}))
    weights = layers(bound.model, 3, 5, 1.0)
    numbers = bound.evaluate(weights)
    for layer in (1, 2, 3):
        expr = bound.at(layer)
        norms = {
            a: sp.Float(np.linalg.norm(weights["W"][int(a.matrix.index) - 1], 2)) for a in expr.atoms(sg.OperatorNorm)
        }
        value = expr.xreplace(norms).subs({bound.loss_gradient: 1, n: 3})
        assert float(value) == pytest.approx(float(numbers[layer - 1]), rel=1e-12)


def test_it_is_written_in_every_form() -> None:
    for model in MODELS.values():
        bound = sg.layer_gradient_bound(model)
        assert str(bound).startswith("||grad_theta[l]")
        assert r"\nabla_{\theta_{l}}" in bound.latex()
        assert r"\begin{document}" in bound.latex(standalone=True)
        assert bound.to_dict()["depth"] == str(model.depth)
        assert all(proof.audit(instances=2) for proof in bound.proofs)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sg.layer_gradient_bound(sg.models.elman()), sg.InputError, "share their parameters"),
        (lambda: sg.layer_gradient_bound(sg.models.feedforward()), sg.NoBoundError, r"sup\|x\|"),
        (lambda: sg.layer_gradient_bound(3), sg.InputError, "model: a Recurrence"),
        (lambda: sg.layer_gradient_bound(MODELS["tanh"]).at(1), sg.InputError, "depth L is a symbol"),
        (lambda: sg.layer_gradient_bound(MODELS["tanh"]).block("V"), sg.UnknownNameError, "parameter of model"),
        (
            lambda: sg.layer_gradient_bound(sg.models.feedforward(2).assuming({"x": (-1, 1)})).at(3),
            sg.InputError,
            "layer: an integer from 1 to 2",
        ),
        (
            lambda: sg.layer_gradient_bound(MODELS["tanh"]).evaluate({}, loss_gradient=-1),
            sg.InputError,
            "loss_gradient",
        ),
    ],
)
def test_bad_input_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
