"""Norms along one sequence in floats with error bounds agree with those in balls, also where it is chaotic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb
from numpy.typing import NDArray

import symgrad as sg
from symgrad.errors import SymgradError
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.sequence_norms import sequence_norm, sequence_norms
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm
from symgrad.rigor.rounded_products import RoundedMatrix

Array = NDArray[np.float64]

n = sp.Symbol("n", integer=True, positive=True)
h, A, B, C, u = (sp.MatrixSymbol(name, n, n) if name in "ABC" else sp.MatrixSymbol(name, n, 1) for name in "hABCu")
MODELS = {
    "elman": sg.models.elman(),
    "relu": sg.models.elman("relu"),
    "lstm": sg.models.lstm(),
    "gru": sg.models.gru(),
    "leaky": sg.models.leaky(),
    "antisymmetric": sg.Recurrence(
        {h: h + sg.activation("tanh")((A - A.T) * h / 2 - h / 10 + u) / 3 + B.T * sg.activation("sigmoid")(B * h)},
        inputs=[u],
    ),
}


def weights_of(model: Recurrence, size: int, scale: float = 1.0, seed: int = 0) -> dict[str, Any]:
    rng, found = np.random.default_rng(seed), {}
    for symbol in model.parameters:
        if not isinstance(symbol, sp.MatrixSymbol):
            found[str(symbol)] = np.full((1, 1), 0.4)
            continue
        shape = [{"n": size}.get(str(d), int(d) if d.is_Integer else 2) for d in symbol.shape]
        found[str(symbol)] = scale * rng.uniform(-1, 1, shape) / np.sqrt(size)
    flat = {name: array[:, 0] if array.shape[1] == 1 else array for name, array in found.items()}
    return {name: array if array.size > 1 else float(array[0]) for name, array in flat.items()}


def both(model: Recurrence, weights: Any, inputs: Array) -> tuple[Any, Any]:
    return sequence_norms(model, weights, inputs), sg.trajectory_bound(model, weights, inputs).norms_from_end


def overlap(a: CertifiedNorm, b: CertifiedNorm) -> bool:
    """Whether two enclosures can be about the same number."""
    return bool(a.lower.ball <= b.upper.ball and b.lower.ball <= a.upper.ball)


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("name", MODELS)
def test_they_agree_with_what_balls_of_many_digits_enclose(name: str, scale: float) -> None:
    model = MODELS[name]
    inputs = np.random.default_rng(1).standard_normal((9, 4 if name == "antisymmetric" else 2))
    for quick, exact in zip(*both(model, weights_of(model, 4, scale), inputs), strict=True):
        assert overlap(quick, exact)
        assert quick.upper.log10 - quick.lower.log10 < 1e-9


def test_chaotic_sequences_are_enclosed_at_a_higher_precision() -> None:
    model, inputs = MODELS["elman"], np.random.default_rng(1).standard_normal((40, 2))
    for quick, exact in zip(*both(model, weights_of(model, 3, 12.0), inputs), strict=True):
        assert overlap(quick, exact)
    assert quick.upper.log10 - quick.lower.log10 < 1e-6
    assert not quick.upper.ball * 0.99 >= exact.lower.ball  # a norm that is 1 % smaller is wrong


def test_saturated_slopes_far_below_the_precision_are_known() -> None:
    weights = {"W": np.array([[60.0, 3.0], [-2.0, 50.0]]), "U": np.ones((2, 1)), "b": np.full(2, 5.0)}
    quick, exact = both(MODELS["elman"], weights, np.ones((6, 1)))
    assert quick[-1].upper.log10 < -100
    assert abs(quick[-1].upper.log10 - exact[-1].upper.log10) < 1e-9


def test_at_a_kink_both_slopes_count() -> None:
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    (value,) = sequence_norms(MODELS["relu"], weights, np.zeros((1, 1)))
    assert float(value.lower) == 0
    assert 1 <= float(value.upper) < 2


def test_a_dead_network_has_a_gradient_of_zero() -> None:
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.full(2, -3.0)}
    values = sequence_norms(MODELS["relu"], weights, np.zeros((3, 1)))
    assert [float(value.upper) for value in values] == [0.0, 0.0, 0.0]


def test_the_last_factors_alone_are_the_same() -> None:
    model, inputs = MODELS["gru"], np.random.default_rng(1).standard_normal((8, 2))
    weights = weights_of(model, 3)
    few, all_ = sequence_norms(model, weights, inputs, count=3), sequence_norms(model, weights, inputs)
    assert len(few) == 3
    for one, other in zip(few, all_, strict=False):
        assert overlap(one, other)


def test_without_the_error_bounds_the_claims_are_false(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(matrix: Any, error: Any = 0.0, exponent: int = 0) -> RoundedMatrix:
        return replace(of(matrix, 0.0, exponent), error=arb(0))

    of = RoundedMatrix.of
    monkeypatch.setattr(RoundedMatrix, "of", careless)
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    (value,) = sequence_norms(MODELS["relu"], weights, np.zeros((1, 1)))
    assert not float(value.upper) >= 1  # the slope 1 on one side of the kink is lost


@pytest.mark.slow
def test_a_layer_of_the_size_that_is_used_vanishes_surely() -> None:
    model, inputs = MODELS["lstm"], np.random.default_rng(1).standard_normal((100, 2))
    value = sequence_norms(model, weights_of(model, 32), inputs)[-1]
    assert value.upper.log10 < -10
    assert value.upper.log10 - value.lower.log10 < 1e-6


def test_bad_input_is_refused() -> None:
    weights = weights_of(MODELS["elman"], 2)
    with pytest.raises(SymgradError, match="count"):
        sequence_norms(MODELS["elman"], weights, np.zeros((3, 2)), count=0)
    with pytest.raises(SymgradError, match="W"):
        sequence_norms(MODELS["elman"], {"U": weights["U"], "b": weights["b"]}, np.zeros((3, 2)))


def test_the_whole_product_alone_is_the_last_of_all() -> None:
    model, inputs = MODELS["gru"], np.random.default_rng(1).standard_normal((7, 2))
    weights = weights_of(model, 3)
    last = sequence_norms(model, weights, inputs)[-1]
    alone = sequence_norm(model, weights, inputs)
    assert overlap(alone, last)
    assert alone.upper.log10 - alone.lower.log10 < 1e-9


@pytest.mark.parametrize(("scale", "steps"), [(1e200, 1), (1e5, 50), (1e-200, 50), (1e-310, 5)])
def test_weights_at_the_ends_of_the_floats_keep_their_digits(scale: float, steps: int) -> None:
    weights = {"W": scale * np.eye(3), "U": np.zeros((3, 1)), "b": np.zeros(3)}
    value = sequence_norms(sg.models.elman("identity"), weights, np.zeros((steps, 1)))[-1]
    assert abs(value.upper.log10 / steps - np.log10(scale)) < 1e-9
    assert value.upper.log10 - value.lower.log10 < 1e-9
