"""Settled states against finite differences at 80 digits, and the closed forms against the literature."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.dynamics.settled import SettledState
from symgrad.errors import InputError, UnknownNameError
from symgrad.rigor.balls import working_precision

X, W, B = sp.symbols("x w b")
REAL = {name: sp.Symbol(name, real=True) for name in ("x", "w", "b")}
_STEP = mpmath.mpf(10) ** -25
_FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "tanh": mpmath.tanh,
    "arctan": mpmath.atan,
    "softsign": lambda z: z / (1 + abs(z)),
    "gelu": lambda z: z * (1 + mpmath.erf(z / mpmath.sqrt(2))) / 2,
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
}


def _flow(activation: str = "sigmoid") -> sg.Flow:
    return sg.Flow({X: -X + sg.activation(activation)(W * X + B)})


def _holds(ball: arb, value: mpmath.mpf, digits: int = 45) -> bool:
    """Whether an enclosure holds a reference of so many digits."""
    with working_precision(400):
        return bool(
            ball.overlaps(arb(mpmath.nstr(value, 60), arb(10) ** -digits * (1 + abs(arb(mpmath.nstr(value, 20))))))
        )


def _settled(activation: str, w: mpmath.mpf, b: mpmath.mpf, start: float) -> mpmath.mpf:
    function = _FUNCTIONS[activation]
    return mpmath.findroot(lambda x: function(w * x + b) - x, mpmath.mpf(start), tol=mpmath.mpf(10) ** -150)


def _difference(activation: str, w: str, b: str, start: float, by: str) -> mpmath.mpf:
    values = {"w": mpmath.mpf(w), "b": mpmath.mpf(b)}
    ends = [_settled(activation, **{**values, by: values[by] + s * _STEP}, start=start) for s in (1, -1)]
    return (ends[0] - ends[1]) / (2 * _STEP)


def _check(state: SettledState, activation: str, w: str, b: str) -> bool:
    with mpmath.workdps(85):
        references = {by: _difference(activation, w, b, state.point.value, by) for by in ("w", "b")}
    return all(_holds(state.by(by), value) for by, value in references.items())


def test_the_closed_form_of_the_logistic_neuron() -> None:
    """Doya's 1/(1/(x(1 - x)) - w), of the map and of the flow."""
    x, w = REAL["x"], REAL["w"]
    for model in (sg.models.neuron(), _flow()):
        found = sg.sensitivity(model).settled
        assert found[REAL["b"]] == 1 / (1 / (x * (1 - x)) - w)
        assert sp.simplify(found[w] - x / (1 / (x * (1 - x)) - w)) == 0


def test_the_step_of_a_leaky_neuron_moves_no_fixed_point() -> None:
    found = sg.sensitivity(sg.models.neuron(eps=None, activation="tanh")).settled
    assert found[sp.Symbol("eps", real=True)] == 0
    assert sp.simplify(found[REAL["b"]] - 1 / (1 / (1 - REAL["x"] ** 2) - REAL["w"])) == 0


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "arctan", "softsign", "softplus", "gelu", "relu", "elu"])
def test_closed_and_implicit_forms_agree_at_fixed_points(activation: str) -> None:
    values = {REAL["w"]: sp.Rational(-7, 5), REAL["b"]: sp.Rational(3, 10)}
    item = sg.sensitivity(sg.models.neuron(activation=activation), {"w": -1.4, "b": 0.3})
    for state in item.states:
        at = {**values, REAL["x"]: sp.Float(str(state.point.ball.str(30, radius=False)), 30)}
        for parameter, ball in state.by_parameter.items():
            for formula in (item.settled[parameter], item.implicit[parameter]):
                value = sp.N(formula.doit().xreplace(at).doit(), 25)
                assert abs(float(value) - float(ball.mid())) < 1e-12 * (1 + abs(float(value)))


@pytest.mark.parametrize(
    ("activation", "w", "b"),
    [
        ("sigmoid", "5", "-2.5"),
        ("sigmoid", "-9", "3"),
        ("tanh", "1.5", "0.1"),
        ("gelu", "3", "-1"),
        ("softsign", "2", "0.25"),
    ],
)
def test_enclosures_hold_finite_differences(activation: str, w: str, b: str) -> None:
    values = {"w": float(w), "b": float(b)}
    for model in (sg.models.neuron(activation=activation), _flow(activation)):
        states = sg.sensitivity(model, values).states
        assert states
        for state in states:
            assert _check(state, activation, w, b)
            assert all(ball.rad() < 1e-14 * (1 + abs(ball.mid())) for ball in state.by_parameter.values())


def test_a_falsified_enclosure_is_caught() -> None:
    state = sg.sensitivity(sg.models.neuron(), {"w": 5, "b": -2.5}).at(0.85)
    assert _check(state, "sigmoid", "5", "-2.5")
    moved = {p: ball * (1 + arb(1e-13)) for p, ball in state.by_parameter.items()}
    assert not _check(replace(state, by_parameter=moved), "sigmoid", "5", "-2.5")


@settings(max_examples=15)
@given(w=st.integers(-80, 80), b=st.integers(-60, 60))
def test_enclosures_hold_for_many_weights(w: int, b: int) -> None:
    values = {"w": w / 10, "b": b / 10}
    found = sg.fixed_points(sg.models.neuron(), values)
    assume(all(point.order == 1 and abs(point.multiplier - 1) > 1e-3 for point in found))
    item = sg.sensitivity(sg.models.neuron(), values)
    assert all(_check(state, "sigmoid", str(w / 10), str(b / 10)) for state in item.states)


@pytest.mark.parametrize("sign", [-1, 1])
def test_derivatives_diverge_at_a_fold(sign: int) -> None:
    w = sp.Integer(5)
    x = (1 + sign * sp.sqrt(1 - 4 / w)) / 2
    item = sg.sensitivity(sg.models.neuron(), {"w": w, "b": sp.log(x / (1 - x)) - w * x})
    state = item.at(float(x))
    assert state.diverges
    assert not state.by("b").is_finite()
    assert "diverge" in str(state)
    other = item.at(1 - float(x))
    assert not other.diverges
    assert other.by("b").is_finite()


def test_next_to_a_fold_the_square_root_law_holds() -> None:
    """x* - x_c ~ sqrt(-2 r_b (b - b_c) / r_xx), so dx*/db grows as the inverse root of the distance."""
    w = sp.Integer(5)
    x = (1 + sp.sqrt(1 - 4 / w)) / 2
    fold = sp.log(x / (1 - x)) - w * x
    sizes = []
    for distance in (sp.Rational(1, 10**8), sp.Rational(1, 10**16), sp.Rational(1, 10**24)):
        state = sg.sensitivity(sg.models.neuron(), {"w": w, "b": fold + distance}).states[-1]
        assert not state.diverges
        sizes.append(float(state.by("b").mid()) * float(sp.sqrt(distance)))
    assert sizes[1:] == pytest.approx(sizes[:1] * 2, rel=1e-3)


def test_at_a_kink_both_sides_are_enclosed() -> None:
    """x = relu(x/2 + b) has x* = 2 b for b > 0 and 0 for b < 0."""
    slope = sg.sensitivity(sg.models.neuron(activation="relu"), {"w": 0.5, "b": 0}).at().by("b")
    assert slope.contains(0)
    assert slope.contains(2)
    assert sg.sensitivity(sg.models.neuron(activation="relu"), {"w": 0.5, "b": 1}).at().by("b") == 2


def test_equations_and_inputs_have_sensitivities() -> None:
    item = sg.sensitivity(sp.Eq(X, sp.log(X / (1 - X)) - W * X), {"w": 5})
    state = item.at()
    x = state.point.value
    assert float(state.by("w").mid()) == pytest.approx(-x / (1 - 1 / (x * (1 - x)) + 5), rel=1e-12)
    fed = sg.sensitivity(sg.models.neuron(w_in=None), {"w": 1, "b": 0, "w_in": 2, "u": 0.3})
    assert float(fed.at().by("u").mid()) == pytest.approx(2 * float(fed.at().by("w_in").mid()) / 0.3)
    with pytest.raises(InputError, match="no trajectories"):
        sg.sensitivity(sp.Eq(X**2 + X, W), {"w": 5}).along(0.1, 3)


def test_transients_are_powers_and_exponentials() -> None:
    for model, expected in ((sg.models.neuron(), 1.25**50), (_flow(), np.exp(0.25 * 50))):
        transient = sg.sensitivity(model, {"w": 5, "b": -2.5}).at(0.5).transient(50)
        assert transient is not None
        assert float(transient.mid()) == pytest.approx(expected, rel=1e-12)


def test_malformed_questions_are_refused() -> None:
    item = sg.sensitivity(sg.models.neuron(), {"w": 5, "b": -2.5})
    with pytest.raises(InputError, match="near: which of the fixed points"):
        item.at()
    with pytest.raises(UnknownNameError):
        item.at(0.5).by("v")
    with pytest.raises(InputError, match="values"):
        sg.sensitivity(sg.models.neuron(), {"w": 5}).at()
    with pytest.raises(InputError, match="horizon"):
        item.along(0.1, 2.5)
    with pytest.raises(InputError, match="precision"):
        item.along(0.1, 2, precision=0)
    with pytest.raises(InputError, match="distances"):
        item.near_boundary(5, [-1])
    with pytest.raises(InputError, match="side"):
        item.near_boundary(5, side=0)
    with pytest.raises(InputError, match="no unstable fixed point"):
        sg.sensitivity(sg.models.neuron(), {"w": 1, "b": 0}).near_boundary(5)
    with pytest.raises(UnknownNameError):
        sg.sensitivity(sg.models.neuron(), {"v": 1})


@pytest.mark.parametrize("model", [sg.models.neuron(), _flow("relu"), sp.Eq(X, sp.tanh(W * X + B))])
def test_sensitivities_are_presented(model: object) -> None:
    item = sg.sensitivity(model, {"w": 0.5, "b": 0.1})
    for shown in (item, item.at(), item.along(0.3, 3), item.curve(3, [0.1, 0.9])):
        assert json.loads(json.dumps(shown.to_dict()))["kind"]
        assert shown.latex().count("{") == shown.latex().count("}")
        assert str(shown)
    assert "implicit function theorem" in str(item)


def test_pictures_of_sensitivities() -> None:
    item = sg.sensitivity(sg.models.neuron(), {"w": 5, "b": -2.5})
    axes = item.plot(horizon=20)
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "initial state $x(0)$"
    near = item.near_boundary(20, [0.1, 0.01]).plot()
    assert near.get_xscale() == near.get_yscale() == "log"
    along = item.along(0.51, 5)
    assert along.plot().get_xlabel() == "step $t$"
    assert along.plot("states").get_ylabel() == "state $x(t)$"
    with pytest.raises(InputError, match="kind"):
        along.plot("phases")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda item: item.curve(20, starts="abc"), "starts: a list of finite numbers"),
        (lambda item: item.near_boundary(20, distances=5), "distances: a list of positive numbers"),
        (lambda item: item.near_boundary(20, distances="abc"), "distances: a list of positive numbers"),
    ],
)
def test_lists_that_are_none_are_named(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(sg.sensitivity(sg.models.neuron(w=5), {"b": -2.5}))
