"""Information latching against simulations with random and constant inputs, and against the formula for tanh."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.dynamics.invariance import INCREASING, ONE_STEP, SIGNS
from symgrad.dynamics.latched_states import NOT_CERTIFIED
from symgrad.errors import InputError, UnknownNameError
from symgrad.numerics.functions import array_function

X, U, V = sp.symbols("x u v")
Step = Callable[[Any, Any], Any]


def _s(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _gelu(z: Any) -> Any:
    return z * (1 + np.vectorize(mpmath.erf, otypes=[float])(np.asarray(z) / np.sqrt(2))) / 2


def _euler(rate: Step) -> Step:
    return lambda x, u: x + 0.05 * rate(x, u)


TANH, SIGMOID = sg.activation("tanh"), sg.activation("sigmoid")
CASES: dict[str, tuple[Any, Step]] = {
    "neuron": (sg.models.neuron(w=5, b=-2.6, w_in=1), lambda x, u: _s(5 * x - 2.6) + u),
    "leaky neuron": (
        sg.models.neuron(w=6, b=-2.9, eps=0.5, w_in=-2),
        lambda x, u: 0.5 * x + 0.5 * _s(6 * x - 2.9) - u,
    ),
    "inner input": (
        sg.Recurrence({X: TANH(2 * X + 3 * U + 0.1)}, inputs=[U]),
        lambda x, u: np.tanh(2 * x + 3 * u + 0.1),
    ),
    "outer weight": (sg.Recurrence({X: 2 * TANH(X) + U}, inputs=[U]), lambda x, u: 2 * np.tanh(x) + u),
    "negative weights": (sg.Recurrence({X: -2 * TANH(-X) + U}, inputs=[U]), lambda x, u: -2 * np.tanh(-x) + u),
    "input twice": (sg.Recurrence({X: TANH(2 * X + U) - U}, inputs=[U]), lambda x, u: np.tanh(2 * x + u) - u),
    "long step": (
        sg.models.neuron(w=5, b=-2.5, eps=1.25, w_in=1),
        lambda x, u: -0.25 * x + 1.25 * _s(5 * x - 2.5) + 1.25 * u,
    ),
    "no input": (sg.models.neuron(w=5, b=-2.5), lambda x, u: _s(5 * x - 2.5 + u)),
    "kinks": (
        sg.models.neuron(w=3, b=0.5, activation="hard_tanh"),
        lambda x, u: np.clip(3 * x + 0.5 + u, -1, 1),
    ),
    "one fold": (sg.models.neuron(w=3, b=0.01, activation="gelu"), lambda x, u: _gelu(3 * x + 0.01 + u)),
    "flow": (sg.Flow({X: -X + TANH(2 * X + U)}, inputs=[U]), _euler(lambda x, u: -x + np.tanh(2 * x + u))),
    "humped flow": (
        sg.Flow({X: -X + 2 * sg.activation("gaussian")(X) + U}, inputs=[U]),
        _euler(lambda x, u: -x + 2 * np.exp(-(x**2)) + u),
    ),
}


def _basin(held: sg.InformationLatching, place: int) -> tuple[float, float]:
    """The next fixed points without input on both sides of a stable state."""
    low, high = held.states[place].around.neighbours
    return float(low.mid()), float(high.mid())


def _leaves(step: Step, start: float, inputs: np.ndarray, basin: tuple[float, float]) -> bool:
    """Whether trajectories, one for each row of inputs, leave a basin."""
    x = np.full(len(inputs), start)
    with np.errstate(over="ignore"):
        for u in inputs.T:
            x = step(x, u)
            if ((x <= basin[0]) | (x >= basin[1])).any():
                return True
    return False


def _inputs(amplitude: float, steps: int) -> np.ndarray:
    """Random inputs, random extreme ones, slow waves and both constants."""
    rng, count = np.random.default_rng(7), 6
    times = np.arange(steps)
    rows = [
        rng.uniform(-1, 1, (count, steps)),
        np.sign(rng.normal(size=(count, steps))),
        np.repeat(np.sign(rng.normal(size=(count, steps // 50))), 50, axis=1),
        np.sin(times / np.array([[3.0], [30.0], [100.0]])),
        np.ones((1, steps)),
        -np.ones((1, steps)),
    ]
    return amplitude * np.concatenate(rows)


def _check_by_simulation(held: sg.InformationLatching, step: Step, factor: float = 1.0) -> None:
    """Just below the largest input no trajectory leaves, just above it a constant one does."""
    steps = 400
    for place, state in enumerate(held.states):
        assert state.point is not None
        size, start, basin = factor * min(float(state.ball.mid()), 9.0), state.point.value, _basin(held, place)
        assert not _leaves(step, start, _inputs(0.999 * size, steps), basin)
        if state.largest_input == sp.oo:
            continue
        signs = np.array([[-1.0], [1.0]])
        assert _leaves(step, start, signs * np.full((2, 4000), 1.01 * size), basin)


@pytest.mark.parametrize("name", CASES)
def test_no_smaller_input_pushes_the_state_out_and_a_larger_one_does(name: str) -> None:
    model, step = CASES[name]
    held = sg.information_latching(model)
    assert held.states
    assert all(state.certified for state in held.states)
    _check_by_simulation(held, step)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_falsified_bound_is_caught(factor: float) -> None:
    model, step = CASES["neuron"]
    with pytest.raises(AssertionError):
        _check_by_simulation(sg.information_latching(model), step, factor)


def _is_invariant(step: Step, low: float, high: float, amplitude: float) -> bool:
    x, u = np.meshgrid(np.linspace(low, high, 201), np.linspace(-amplitude, amplitude, 41))
    after = step(x, u)
    return bool((after >= low - 1e-12).all() and (after <= high + 1e-12).all())


@pytest.mark.parametrize("name", [name for name in CASES if name != "one fold"])
def test_one_step_leads_from_an_interval_into_it(name: str) -> None:
    model, step = CASES[name]
    held = sg.information_latching(model)
    size = min([9.0, *(float(state.ball.mid()) for state in held.states)])
    for fraction in (0.0, 0.5, 0.99):
        for found in held.intervals(sp.Rational(fraction * size)):
            assert found is not None
            low, high = float(found.left.mid()), float(found.right.mid())
            assert _is_invariant(step, low, high, fraction * size)
            if high - low > 1e-6:
                shorter = (high - low) / 50
                assert not _is_invariant(step, low + shorter, high, fraction * size)
                assert not _is_invariant(step, low, high - shorter, fraction * size)


def test_the_formula_for_tanh() -> None:
    w = sp.Symbol("w")
    held = sg.information_latching(sg.models.neuron(b=0, activation="tanh"))
    for state in held.states:
        for value in (sp.Rational(5, 4), 2, 7):
            expected = (
                sp.sqrt(value * (value - 1))
                - sp.log((sp.sqrt(value) + sp.sqrt(value - 1)) / (sp.sqrt(value) - sp.sqrt(value - 1))) / 2
            )  # Frasconi, Gori and Soda 1992
            assert abs(sp.N(state.largest_input.subs(w, value) - expected, 40)) < 1e-35
        assert state.condition.subs(w, 2) == sp.true
        assert state.condition.subs(w, sp.S.Half) != sp.true


@pytest.mark.slow
@settings(max_examples=3, deadline=None, derandomize=True)
@given(st.integers(42, 120), st.integers(10, 90), st.integers(1, 10))
def test_formulas_and_numbers_agree(tenths: int, percent: int, feeding: int) -> None:
    w, w_in = sp.Rational(tenths, 10), sp.Rational(feeding, 4)
    curve = sg.fixed_point_curve(sg.models.neuron(w=w))
    low, high = (float(fold.b) for fold in sorted(curve.folds, key=lambda fold: float(fold.b)))
    b = sp.Rational(round(1000 * (low + (high - low) * percent / 100)), 1000)
    formula = sg.information_latching(sg.models.neuron(eps=None, w_in=None))
    numbers = sg.information_latching(sg.models.neuron(w=w, b=b, w_in=w_in, eps=0.25))
    values = {"w": w, "b": b, "w_in": w_in, "eps": sp.Rational(1, 4)}
    for symbolic, numeric in zip(formula.states, numbers.states, strict=True):
        assert symbolic.condition.subs(values) == sp.true
        assert float(symbolic.largest_input.subs(values)) == pytest.approx(float(numeric.ball.mid()), rel=1e-12)


def test_formulas_with_one_state() -> None:
    (state,) = sg.information_latching(sg.models.neuron(activation="softplus")).states
    number = sg.information_latching(sg.models.neuron(activation="softplus", w=2, b=-3)).states[0]
    values = {"w": 2, "b": -3}
    assert state.condition.subs(values) == sp.true
    assert float(state.largest_input.subs(values)) == pytest.approx(float(number.ball.mid()), rel=1e-12)
    (state,) = sg.information_latching(sg.models.neuron(w=2)).states
    assert (state.largest_input, state.certified) == (sp.oo, True)
    (state,) = sg.information_latching(sg.models.neuron(w=-2)).states
    assert not state.certified
    with pytest.raises(InputError, match="numbers for b, w of neuron"):
        sg.information_latching(sg.models.neuron(activation="gelu"))


def test_a_map_that_does_not_increase_is_not_certified_but_its_intervals_are() -> None:
    held = sg.information_latching(sg.models.neuron(w=-3, b=1))
    (state,) = held.states
    assert (state.argument, state.certified) == (NOT_CERTIFIED, False)
    (found,) = held.intervals(0.05)
    assert found is not None
    assert found.argument == ONE_STEP
    assert _is_invariant(lambda x, u: _s(-3 * x + 1 + u), float(found.left.mid()), float(found.right.mid()), 0.05)
    assert "not certified" in str(held)


def test_arguments_and_ends() -> None:
    assert {s.argument for s in sg.information_latching(CASES["neuron"][0]).states} == {INCREASING}
    assert {s.argument for s in sg.information_latching(CASES["flow"][0]).states} == {SIGNS}
    one = sg.information_latching(sg.models.neuron(w=1, b=0))
    assert (one.largest_input, one.latches) == (sp.oo, False)
    assert one.intervals(10)[0] is not None
    none = sg.information_latching(sg.models.neuron(w=-20, b=10))
    assert (none.largest_input, none.states) == (0, ())
    limit = sg.information_latching(sg.models.neuron(w=1, b=-1, activation="softplus"))
    assert [(s.largest_input, s.attained) for s in limit.states] == [(1, False)]
    assert limit.intervals(1) == (None,)
    kinks = sg.information_latching(CASES["kinks"][0])
    assert [found is None for found in kinks.intervals(1.5)] == [False, False]
    assert [found is None for found in kinks.intervals(1.6)] == [True, False]


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (sg.models.elman(), None, "one scalar state"),
        (sp.Eq(X**2, TANH(X)), None, "a map or a flow"),
        (sg.Recurrence({X: TANH(X) + SIGMOID(X) + U}, inputs=[U]), None, "one unit"),
        (sg.Recurrence({X: TANH(2 * X + U) + V}, inputs=[U, V]), None, "u, v without values"),
        (sg.Recurrence({X: TANH(2 * X * U)}, inputs=[U]), None, "must be added"),
        (sg.Recurrence({X: TANH(2 * X + U**2)}, inputs=[U]), None, "must be added"),
    ],
)
def test_other_models_are_refused(model: Any, values: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        sg.information_latching(model, values)


def test_of_several_inputs_one_is_named() -> None:
    model = sg.Recurrence({X: TANH(2 * X + U) + V}, inputs=[U, V])
    for bounded, gain in (("u", 1), (V, 2)):
        other = {"u": "v"}.get(str(bounded), "u")
        held = sg.information_latching(model, {other: 0}, bounded=bounded)
        assert (str(held.input), held.gain) == (str(bounded), gain)
    with pytest.raises(UnknownNameError, match="y"):
        sg.information_latching(model, {"v": 0}, bounded="y")


@pytest.mark.slow
def test_random_units_hold_what_is_certified() -> None:
    rng = np.random.default_rng(3)
    names = ["sigmoid", "tanh", "gelu", "silu", "mish", "gaussian", "hard_tanh", "softsign", "elu", "selu"]
    found = 0
    for _ in range(150):
        name = str(rng.choice(names))
        s = sg.activation(name)
        ranges = ((4, 60), (-30, 30), (1, 11), (1, 16))
        w, b, eps, g = (sp.Rational(int(rng.integers(*ends)), 8) for ends in ranges)
        held = sg.information_latching(sg.Recurrence({X: (1 - eps) * X + eps * s(w * X + b) + g * U}, inputs=[U]))
        value, numbers = array_function(s.expr), [float(number) for number in (w, b, eps, g)]

        def step(x: Any, u: Any, value: Any = value, numbers: list[float] = numbers) -> Any:
            return (1 - numbers[2]) * x + numbers[2] * value(np, numbers[0] * x + numbers[1]) + numbers[3] * u

        for place, state in enumerate(held.states):
            size = float(state.ball.mid())
            assert state.point is not None
            if np.isfinite(size) and np.isfinite(_basin(held, place)).any():
                outward = np.array([[-1.0], [1.0]]) * np.full((2, 4000), 1.01 * size)
                assert _leaves(step, state.point.value, outward, _basin(held, place)), name
                found += 1
            if state.certified:
                inputs = _inputs(0.9999 * min(size, 20.0), 200)
                assert not _leaves(step, state.point.value, inputs, _basin(held, place)), name
    assert found > 20


def test_amplitudes_are_checked() -> None:
    held = sg.information_latching(CASES["neuron"][0])
    for amplitude in (-0.1, "0.1", float("inf")):
        with pytest.raises(InputError, match="amplitude"):
            held.intervals(amplitude)
    with pytest.raises(InputError, match="numbers for b, w"):
        sg.information_latching(sg.models.neuron()).intervals(0.1)


def test_presentation() -> None:
    held, formula = sg.information_latching(CASES["neuron"][0]), sg.information_latching(sg.models.neuron())
    assert "state 1 at 0.118327...: held for |u| <= " in str(held)
    assert "if (w > 4)" in str(formula)
    for found in (held, formula):
        json.dumps(found.to_dict())
        assert found.latex().startswith(r"\begin{gathered}")
    axes = held.plot()
    assert "|u|" in axes.get_xlabel()
    assert len(axes.get_legend().get_texts()) == 4
    with pytest.raises(InputError, match="numbers for all parameters"):
        formula.plot()
    interval = held.intervals(0.01)[0]
    assert interval is not None
    assert interval.to_dict()["argument"] == INCREASING
    assert "never left" in str(interval)


def test_an_equation_as_text_latches_as_the_neuron_does() -> None:
    (low, high) = sg.information_latching("x = tanh(2*x)").states
    expected = sg.information_latching(sg.models.neuron(w=2, b=0, activation="tanh")).states[1]
    assert low.ball.overlaps(expected.ball)
    assert high.ball.overlaps(expected.ball)
