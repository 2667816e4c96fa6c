"""Invariant boxes in closed form against simulation, the published radius of the cell state, and hand calculations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.errors import InputError
from symgrad.language.weights import bind
from symgrad.rigor.functions import logistic
from tests.calculus.unit_models import MODELS, bounded, trajectory, weights_of

FOUND = ["sigmoid_rnn", "elman", "relu", "leaky", "lstm", "coupled", "gru", "highway", "neuron", "stack"]


def norm(name):
    symbol = next(s for s in sg.models.lstm().parameters if str(s) == name)
    return sg.OperatorNorm(symbol, sp.oo)


def upper_end(box, state, weights):
    interval = box.ranges[box.model.symbol(state)]
    return BoundEvaluator(bind(box.model, weights)).ball(interval.end)


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("scale", [0.4, 2.0])
def test_no_trajectory_from_the_origin_leaves_the_box(name, scale) -> None:
    model = bounded(MODELS[name])
    box, weights = sg.invariant_box(model), weights_of(model, scale=scale)
    assert set(box.ranges) == set(model.states)
    evaluator = BoundEvaluator(bind(model, weights))
    run = trajectory(model, weights)
    for state, interval in box.ranges.items():
        low, high = evaluator.ball(interval.start), evaluator.ball(interval.end)
        values = run.states[str(state)]
        assert not high.is_finite() or values.max() <= float(high) + 1e-12
        assert not low.is_finite() or values.min() >= float(low) - 1e-12


@pytest.mark.parametrize("name", FOUND)
def test_the_induction_step_is_proved(name) -> None:
    box = sg.invariant_box(bounded(MODELS[name]))
    for proof in box.proofs:
        assert proof.audit(instances=4)


def test_the_radius_of_the_cell_solves_its_equation() -> None:
    """R = phi r + iota with phi = sup f and iota = sup i |g|: r = tanh(A_g) sigma(A_i) / (1 - sigma(A_f))."""
    box = sg.invariant_box(sg.models.lstm().assuming({"u": (-1, 1)}))
    radius = box.ranges[box.model.symbol("c")].end
    sizes = {gate: sum(norm(f"{kind}{gate}") for kind in ("W_h", "W_i", "b_h", "b_i")) for gate in "ifg"}
    phi = logistic(sizes["f"])
    iota = logistic(sizes["i"]) * sp.tanh(sizes["g"])
    names = {atom: sp.Symbol(f"a{i}", positive=True) for i, atom in enumerate(radius.atoms(sg.OperatorNorm))}
    difference = (radius - iota / (1 - phi)).xreplace(names).rewrite(sp.exp)
    numbers = {symbol: sp.Rational(i + 1, 7) for i, symbol in enumerate(names.values())}
    assert abs(difference.xreplace(numbers).evalf(30)) < 1e-25


def test_a_relu_network_has_a_finite_box_if_its_row_sums_are_below_one() -> None:
    box = sg.invariant_box(sg.models.elman("relu").assuming({"u": (-1, 1)}))
    weights = {"W": [[0.5]], "U": [[1.0]], "b": [0.25]}
    assert upper_end(box, "h", weights).contains(2.5)
    assert not upper_end(box, "h", {**weights, "W": [[1.5]]}).is_finite()


def test_leaky_states_stay_within_one() -> None:
    box = sg.invariant_box(sg.models.leaky(0.3).assuming({"u": (-1, 1)}))
    assert list(box.ranges.values()) == [sp.Interval(-1, 1)]


def test_declared_states_are_left_alone_and_unbounded_ones_left_out() -> None:
    assert not sg.invariant_box(sg.models.residual().assuming({"u": (-1, 1)})).ranges
    declared = sg.models.lstm().assuming({"u": (-1, 1), "c": (-3, 3)})
    assert [str(state) for state in sg.invariant_box(declared).ranges] == ["h"]


def test_a_box_with_weights_is_within_that_in_closed_form() -> None:
    model = bounded(MODELS["lstm"])
    box, weights = sg.invariant_box(model), weights_of(model, scale=0.5)
    sharp = box.with_weights(weights)
    assert sharp.is_invariant()
    cell = model.symbol("c")
    assert sharp.ranges[cell].high.max() < float(upper_end(box, "c", weights))


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="Recurrence is needed, got int"):
        sg.invariant_box(3)
    with pytest.raises(InputError, match="parameters of its own"):
        sg.invariant_box(sg.models.feedforward(3))


def test_the_unit_box_of_a_mapping_is_checked() -> None:
    box = sg.invariant_box(sg.models.elman().assuming({"u": (-1, 1)}))
    with pytest.raises(InputError, match="W"):
        box.with_weights({"W": np.zeros((2, 3)), "U": np.zeros((2, 1)), "b": np.zeros(2)})


def test_no_box_is_claimed_where_only_the_weights_could_tell() -> None:
    """x' = W x without inputs: every ball shrinks or grows as W does."""
    n = sp.Symbol("n", integer=True, positive=True)
    x, matrix = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("W", n, n)
    assert not sg.invariant_box(sg.Recurrence({x: matrix * x})).ranges
    half = sg.invariant_box(sg.Recurrence({x: x / 2}))
    assert half.ranges == {x: sp.Interval(-1, 1)}


@pytest.mark.parametrize("name", ["elman", "gru", "lstm", "coupled", "highway", "leaky"])
def test_units_may_start_anywhere_in_ranges_without_weights(name) -> None:
    model, weights = bounded(MODELS[name]), weights_of(MODELS[name])
    box = sg.invariant_box(model)
    units = box.with_weights(weights)
    for state, interval in box.ranges.items():
        if not interval.free_symbols:
            assert float(units.ranges[state].high.min()) == float(interval.end)
            assert float(units.ranges[state].low.max()) == float(interval.start)


@pytest.mark.parametrize("method", ["range", "best"])
def test_bounds_hold_from_every_start_in_the_box(method) -> None:
    """A unit with a large bias settles far from zero, but may start anywhere: its first slope may be steep."""
    weights = {"W": [[1.0, 0.3], [-0.2, 0.9]], "U": [[0.1], [0.1]], "b": [2.0, 0.0]}
    model = sg.models.elman().assuming({"u": (-1, 1)})
    value = sg.product_bound(model, method=method).evaluate(weights, 1)
    state = np.array([-1.0, 0.0])
    slopes = 1 - np.tanh(np.array(weights["W"]) @ state + [1.9, 0.0]) ** 2
    assert np.linalg.norm(np.diag(slopes) @ np.array(weights["W"]), 2) <= value
