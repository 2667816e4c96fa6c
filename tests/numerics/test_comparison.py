"""Comparisons of bounds: every method is valid for what trajectories do, and the winner is the least."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.bounds.product import METHODS


def elman(n: int, gain: float, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    weight = gain * random.standard_normal((n, n)) / math.sqrt(n)
    return {"W": weight, "U": random.standard_normal((n, 1)), "b": np.zeros(n)}


@pytest.fixture(scope="module")
def found() -> sg.BoundComparison:
    return sg.compare_bounds(sg.models.elman("sigmoid"), elman(4, 3.0), 40, trajectories=30)


def test_every_method_bounds_what_is_observed(found: sg.BoundComparison) -> None:
    assert set(found.upper) == set(METHODS["upper"]) - {"best"}
    for item in found.upper.values():
        assert (item.log10 >= found.log10_largest - 1e-9).all()
    for item in found.lower.values():
        assert (item.log10 <= found.log10_smallest + 1e-9).all()


def test_values_are_those_of_the_bounds_alone(found: sg.BoundComparison) -> None:
    weights = {str(symbol): array for symbol, array in found.weights.values.items()}
    for method, item in found.upper.items():
        bound = sg.product_bound(sg.models.elman("sigmoid"), method=method)
        assert bound.evaluate(weights, 7).log10 == pytest.approx(item.log10[6], rel=1e-12)
        steps = bound.horizon(1e-3, weights)
        assert (sp.oo if item.horizon() is None else item.horizon()) == steps


def test_the_winner_is_the_least_and_that_of_best(found: sg.BoundComparison) -> None:
    weights = {str(symbol): array for symbol, array in found.weights.values.items()}
    best = sg.product_bound(sg.models.elman("sigmoid"), method="best")
    for k in (1, 5, 40):
        value = best.evaluate(weights, k)
        assert value.log10 == pytest.approx(found.log10_best[k - 1], abs=1e-12)
        assert found.winner(k).log10[k - 1] == found.log10_best[k - 1]
    assert found.winner(3, "lower") is None or found.winner(3, "lower").side == "lower"


def test_rates_are_those_of_many_steps(found: sg.BoundComparison) -> None:
    """The norm's rate is that of numpy; all others are at least the largest that is seen over many steps."""
    weight = np.asarray(found.weights.values[found.model.symbol("W")])
    assert found.upper["norm"].rate == pytest.approx(np.linalg.norm(weight, 2) / 4, rel=1e-12)
    seen = (found.log10_largest[-1] - found.log10_largest[19]) / 20
    assert all(math.log10(item.rate) >= seen - 1e-3 for item in found.upper.values())
    moduli = float(np.abs(np.linalg.eigvals(np.abs(weight))).max()) / 4
    assert found.upper["perron"].rate <= moduli * (1 + 1e-6)


def test_a_tightened_bound_is_caught() -> None:
    """An orthogonal matrix attains its bound: one that is 1 % lower is below what is observed."""
    turn = {"W": [[0.6, -0.8], [0.8, 0.6]], "U": np.zeros((2, 1)), "b": np.zeros(2)}
    found = sg.compare_bounds(sg.models.elman(), turn, 20, trajectories=5, methods=["norm"])
    assert (found.upper["norm"].log10 >= found.log10_largest - 1e-12).all()
    lower = found.upper["norm"].log10 + found.ks * math.log10(0.99)
    assert (lower < found.log10_largest).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["leaky", "residual", "elman"]), st.sampled_from([1, 2, "inf"]))
def test_bounds_hold_on_both_sides(seed: int, name: str, norm: object) -> None:
    weights = elman(2, 0.5, seed) | ({"alpha": 0.3} if name == "leaky" else {})
    found = sg.compare_bounds(
        getattr(sg.models, name)(),
        weights,
        8,
        norm=norm,
        trajectories=6,
        seed=seed,
        methods=["norm", "range", "perron"],
    )
    assert (found.log10_best >= found.log10_largest - 1e-9).all()
    assert (found.log10_best_lower <= found.log10_smallest + 1e-9).all()


def test_what_has_no_bound_says_why() -> None:
    found = sg.compare_bounds(sg.models.elman(), elman(2, 1.0), 3, trajectories=2, methods=["norm"])
    assert "no lower bound above zero" in found.missing["lower", "norm"]
    assert found.winner(1, "lower") is None
    assert (found.log10_best_lower == -math.inf).all()
    assert "no lower bound by norm: no lower bound above zero" in str(found)


def test_scalar_models_and_given_inputs() -> None:
    found = sg.compare_bounds(sg.models.neuron(), {"w": 4.0, "b": -2.0}, 10, trajectories=5)
    assert found.upper["norm"].rate == 1.0
    assert found.log10_largest[-1] <= 1e-12
    inputs = np.zeros((25, 1))
    with_inputs = sg.compare_bounds(
        sg.models.elman(), elman(2, 0.9), 10, trajectories=5, inputs=inputs, methods=["norm"]
    )
    assert with_inputs.trajectories == 8


def test_layers_are_compared_by_the_method_that_they_have() -> None:
    model = sg.models.feedforward()
    layers = [np.eye(3) / 2, np.eye(3) / 4]
    found = sg.compare_bounds(model, {"W": layers, "b": [np.zeros(3)] * 2}, trajectories=3)
    assert found.horizon == 2
    assert found.upper["norm"].rate is None
    assert found.log10_best.tolist() == pytest.approx([math.log10(0.5), math.log10(0.125)])
    assert "parameters of its own" in found.missing["upper", "perron"]
    json.dumps(found.to_dict(), allow_nan=False)
    assert "closest from above: norm for k = 1 to 2" in str(found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"methods": "norm"}, "methods: names such as"),
        ({"methods": []}, "methods: names such as"),
        ({"methods": ["sharp"]}, "unknown methods 'sharp'"),
        ({"trajectories": 0}, "trajectories: a positive integer"),
        ({"seed": -1}, "seed: a non-negative integer"),
        ({"norm": 3}, "norm"),
        ({"inputs": np.zeros((2, 1))}, "at least horizon = 100 steps"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(sg.SymgradError, match=words):
        sg.compare_bounds(sg.models.elman(), elman(2, 1.0), **options)
    with pytest.raises(sg.InputError, match="model: a Recurrence"):
        sg.compare_bounds("elman")
    with pytest.raises(sg.InputError, match="horizon: a positive integer"):
        sg.compare_bounds(sg.models.elman(), elman(2, 1.0), 0)


def test_it_is_printed_typeset_and_drawn(found: sg.BoundComparison) -> None:
    written = str(found)
    assert all(f"upper bound: {name}" in written for name in found.upper)
    assert "largest norm observed" in written
    typeset = found.latex()
    assert typeset.count(r"\midrule") == (3 if found.lower else 2)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["winners"] == list(found.winners)
    assert data["upper"]["norm"]["log10"] == found.upper["norm"].log10.tolist()
    axes = found.plot()
    labels = [line.get_label() for line in axes.get_lines()]
    assert labels[: len(found.upper)] == [f"upper bound: {name}" for name in found.upper]
    assert axes.get_yscale() == "log"
    drawn = axes.get_lines()[0].get_ydata()
    assert np.log10(drawn) == pytest.approx(found.upper["norm"].log10)
    with pytest.raises(sg.InputError, match="ax"):
        found.plot(ax=3)


def test_questions_about_one_k_are_checked(found: sg.BoundComparison) -> None:
    with pytest.raises(sg.InputError, match="k: an integer from 1 to 40"):
        found.winner(0)
    with pytest.raises(sg.InputError, match="side"):
        found.winner(1, "above")
    with pytest.raises(sg.InputError, match="delta: a positive number"):
        found.upper["norm"].horizon(0)
    assert str(found.upper["norm"]).startswith("upper bound by norm: ")
    assert found.upper["norm"].latex() == found.upper["norm"].bound.latex()
