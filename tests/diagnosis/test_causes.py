"""Causes of vanishing and exploding gradients on layers that were built to have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.diagnosis.carried_states import carried_states
from symgrad.diagnosis.cause_search import find_causes
from symgrad.diagnosis.causes import Cause, CauseFound
from symgrad.diagnosis.growth_bounds import growth_bounds
from symgrad.diagnosis.growth_parts import growth_parts
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import lyapunov
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.normality import non_normality
from symgrad.diagnosis.outcome import layer_outcome
from tests.diagnosis.constructed import GRU, LSTM, elman, gated, layer, orthogonal, own


def causes(run: LayerRun) -> tuple[CauseFound, ...]:
    measured, spectrum = measure(run), lyapunov(run)
    found = layer_outcome(growth_bounds(run, run.steps, methods=["norm"], along=False), measured.log10_products)
    return find_causes(run, found, spectrum, non_normality(run, measured, spectrum))


def chaotic() -> LayerRun:
    matrix = 3 * np.random.default_rng(0).standard_normal((32, 32)) / 32**0.5
    return elman(matrix, steps=100, scale=0.1)


def shifting() -> LayerRun:
    """Upper triangular: every power grows for a while, the eigenvalues are all 1/2."""
    return elman(np.eye(8) / 2 + 3 * np.eye(8, k=1), activation="identity", steps=60)


CASES = {
    "small weights": (lambda: elman(0.5 * orthogonal()), Cause.SMALL_NORM),
    "bias 5": (lambda: elman(1.2 * orthogonal(), bias=5.0), Cause.SATURATION),
    "chaos": (chaotic, Cause.LARGE_NORM),
    "closed forget gate": (lambda: gated(LSTM, {"b_hf": -3.0}), Cause.CLOSED_GATE),
    "half-open forget gate": (lambda: gated(LSTM, {}), Cause.CLOSED_GATE),
    "open forget gate": (lambda: gated(LSTM, {"b_hf": 8.0}), Cause.OPEN_GATE),
    "closed update gate": (lambda: gated(GRU, {"b_hz": -8.0}), Cause.CLOSED_GATE),
    "open update gate": (lambda: gated(GRU, {"b_hz": 8.0}), Cause.OPEN_GATE),
    "own gate closed": (lambda: own(-6.0), Cause.CLOSED_GATE),
    "own gate open": (lambda: own(8.0), Cause.OPEN_GATE),
    "own complement closed": (lambda: own(6.0, residual=True), Cause.CLOSED_GATE),
    "own complement open": (lambda: own(-8.0, residual=True), Cause.OPEN_GATE),
    "shift": (shifting, Cause.NON_NORMAL),
    "orthogonal": (lambda: elman(orthogonal(), activation="identity"), Cause.AT_EDGE),
    "dead units": (lambda: elman(orthogonal(), bias=-9.0, activation="relu"), Cause.SATURATION),
    "growing": (lambda: elman(1.5 * orthogonal(), activation="identity"), Cause.LARGE_NORM),
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_cause_is_the_one_that_was_built_in(name: str) -> None:
    made, expected = CASES[name]
    assert causes(made())[0].cause is expected


def test_parts_of_a_saturated_network_sum_up_to_what_is_measured() -> None:
    run = elman(1.2 * orthogonal(), bias=1.0)
    parts, measured = growth_parts(run), measure(run).typical[-1] / run.steps
    assert parts.rate == pytest.approx(measured, abs=1e-9)
    assert parts.unsaturated == pytest.approx(np.log10(1.2), abs=1e-9)
    assert parts.saturation == pytest.approx(measured - np.log10(1.2), abs=1e-9)
    states = run.states["h"][:, 1:]
    assert parts.mean_slope == pytest.approx(np.exp(np.log(1 - states**2).mean()), rel=1e-9)


def test_without_slopes_the_parts_are_the_weights_alone() -> None:
    parts = growth_parts(elman(0.5 * orthogonal(), activation="identity"))
    assert parts.mean_slope == 1
    assert parts.saturation == 0
    assert parts.rate == pytest.approx(np.log10(0.5), abs=1e-12)


def test_of_many_states_some_directions_are_followed() -> None:
    run = elman(0.5 * orthogonal(40), steps=100)
    assert growth_parts(run).rate == pytest.approx(measure(run).typical[-1] / 100, abs=0.01)


def test_a_falsified_cause_is_caught_by_undoing_it() -> None:
    """What is named is what has to be changed: undoing it restores the gradient, undoing the other does not."""
    run = elman(1.2 * orthogonal(), bias=5.0)
    without_bias = replace(run, weights={**run.weights, "b": np.zeros(8)})
    larger = replace(run, weights={**run.weights, "W": 1.5 * run.weights["W"]})
    before, cured, other = (measure(item).typical[-1] for item in (run, without_bias, larger))
    assert cured > before / 10
    assert other < before / 2


def test_shares_of_a_network_without_gates_sum_up_to_the_growth() -> None:
    run = elman(0.8 * orthogonal(), bias=1.0)
    found = causes(run)
    assert {item.cause for item in found} == {Cause.SATURATION, Cause.SMALL_NORM}
    total = sum(item.share for item in found if item.share is not None)
    assert total == pytest.approx(growth_parts(run).rate, abs=1e-12)


def test_evidence_tells_the_numbers() -> None:
    first, *_ = causes(elman(0.5 * orthogonal()))
    assert "0.5 per step" in first.evidence
    assert "||W||_2 = 0.5" in first.evidence
    gate, *_ = causes(gated(LSTM, {"b_hf": -3.0}))
    assert "sigmoid(W_hf*h + W_if*u + b_hf + b_if)" in gate.evidence
    assert "60 steps" in gate.evidence


def test_a_product_of_zero_has_a_cause_without_a_share() -> None:
    nilpotent = causes(elman(np.eye(4, k=1), activation="identity", steps=10))
    assert [(item.cause, item.share) for item in nilpotent] == [(Cause.SMALL_NORM, None)]


def test_a_nilpotent_jacobian_that_grows_for_a_while_is_non_normal() -> None:
    found = causes(elman(100 * np.eye(4, k=1), activation="identity", steps=10))
    assert found[0].cause is Cause.NON_NORMAL
    assert "spectral radius of a Jacobian is typically 0" in found[0].evidence


def test_growth_that_dead_units_end_is_not_called_non_normal() -> None:
    inputs = np.ones((1, 60, 1))
    inputs[0, 20] = -1e300
    weights = {"W": 3 * np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    run = LayerRun("layer 0", sg.models.elman("relu"), weights, {"u": inputs})
    measured, spectrum = measure(run), lyapunov(run)
    found = layer_outcome(growth_bounds(run, run.steps, methods=["norm"], along=False), measured.log10_products)
    assert found.steps == 39  # the unit is dead at step 21 of 60
    (first, *_) = find_causes(run.last(39), found, spectrum, non_normality(run, measured, spectrum))
    assert first.cause is Cause.LARGE_NORM


def test_an_exponent_with_a_large_error_is_not_called_zero() -> None:
    run = elman(orthogonal(), activation="identity")
    measured, spectrum = measure(run), lyapunov(run)
    found = layer_outcome(growth_bounds(run, run.steps, methods=["norm"], along=False), measured.log10_products)
    vague = replace(spectrum, errors=spectrum.errors + 1.0)
    assert {item.cause for item in find_causes(run, found, vague)} == set()


def test_direct_paths_are_read_off_any_cell() -> None:
    run = own(-1.0, residual=True, steps=5)
    (path,) = carried_states(run)
    z = 1 / (1 + np.exp(-(run.states["h"][:, :-1] @ run.weights["V"].T - 1.0)))
    assert np.allclose(path.values, np.transpose(1 - z, (1, 2, 0)), atol=1e-12)
    assert path.factor.startswith("1 - sigmoid(")
    assert path.gated
    assert path.best == pytest.approx(np.median(np.log10(1 - z).mean(axis=1).max(axis=1)))


def test_a_vector_of_weights_is_a_direct_path_but_no_gate() -> None:
    h, d = sp.MatrixSymbol("h", 3, 1), sp.MatrixSymbol("d", 3, 1)
    run = layer(sg.Recurrence({h: sp.HadamardProduct(d, h)}), {"d": np.array([0.5, 0.1, 0.2])}, steps=20)
    (path,) = carried_states(run)
    assert not path.gated
    assert path.best == pytest.approx(np.log10(0.5))
    assert causes(run)[0].cause is Cause.SMALL_NORM


def test_a_state_that_passes_an_activation_is_not_carried() -> None:
    h, d = sp.MatrixSymbol("h", 3, 1), sp.MatrixSymbol("d", 3, 1)
    run = layer(sg.Recurrence({h: sg.activation("tanh")(sp.HadamardProduct(d, h))}), {"d": np.ones(3)}, steps=3)
    assert carried_states(run) == ()


def test_sequences_that_overflow_are_left_out() -> None:
    run = elman(30 * orthogonal(), activation="relu", steps=10)
    inputs = run.inputs["u"].copy()
    inputs[0] *= 1e300
    assert np.isfinite(growth_parts(replace(run, inputs={"u": inputs})).rate)
