"""Bounds on gradients along flows, against the sensitivity equations solved by SciPy."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symgrad as sg
from symgrad.bounds.flow_integrals import ball_exponential_integral, exponential_integral
from symgrad.errors import InputError, NoBoundError, UnknownNameError
from symgrad.rigor.balls import to_ball, working_precision

n, m = sp.symbols("n m", positive=True, integer=True)
W, V, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, n), sp.MatrixSymbol("U", n, m)
x, y, b, u = (sp.MatrixSymbol(name, size, 1) for name, size in (("x", n), ("y", n), ("b", n), ("u", m)))
s, c, w = sp.symbols("s c w", real=True)
T = sp.Symbol("T", nonnegative=True)
tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")
NETWORK = sg.Flow({x: -x + tanh(W * x + U * u + b)}, inputs=[u]).assuming({x: (-1, 1), u: (-1, 1)})
NORMS = pytest.mark.parametrize("norm", [1, 2, "inf"])
ORDERS = {"1": 1, "2": 2, "inf": np.inf}


def sensitivity(weights, seed, time, window=None):
    """``dx(T)/d(W, U, b)`` of NETWORK, its part from the last times alone if a window is given."""
    random = np.random.default_rng(seed)
    size, inputs = weights["U"].shape
    start, waves = random.uniform(-1, 1, size), random.uniform(-3, 3, inputs)

    def rate(t, stacked):
        state, derivative = stacked[:size], stacked[size:].reshape(size, -1)
        feed = np.cos(waves * t)
        value = np.tanh(weights["W"] @ state + weights["U"] @ feed + weights["b"])
        slope = np.diag(1 - value**2)
        source = np.hstack([np.kron(state, slope), np.kron(feed, slope), slope])
        on = 0.0 if window is not None and t < time - window else 1.0
        return np.concatenate(
            [value - state, ((slope @ weights["W"] - np.eye(size)) @ derivative + on * source).ravel()]
        )

    width = size * (size + inputs + 1)
    pieces = [0.0, time] if window is None else [0.0, time - window, time]
    state = np.concatenate([start, np.zeros(size * width)])
    for first, last in pairwise(pieces):
        state = solve_ivp(rate, (first, last - 1e-12), state, rtol=1e-8, atol=1e-10).y[:, -1]
    return state[size:].reshape(size, -1)


def drawn(seed, scale=1.0):
    random = np.random.default_rng(seed)
    return {"W": scale * random.standard_normal((3, 3)), "U": random.standard_normal((3, 2)), "b": np.zeros(3)}


@NORMS
def test_no_gradient_exceeds_the_bound(norm):
    bound = sg.flow_bound(NETWORK, norm).gradient()
    for seed in range(3):
        weights = drawn(seed)
        whole = np.linalg.norm(sensitivity(weights, seed, 1.5), ORDERS[str(norm)])
        assert whole <= bound.evaluate(weights, 1.5) * (1 + 1e-6)


@NORMS
def test_truncation_errs_by_no_more_than_its_bound(norm):
    bound = sg.flow_bound(NETWORK, norm).gradient().truncation(0.5)
    weights = drawn(4)
    error = sensitivity(weights, 4, 2.0) - sensitivity(weights, 4, 2.0, window=0.5)
    assert np.linalg.norm(error, ORDERS[str(norm)]) <= bound.evaluate(weights, 2.0) * (1 + 1e-6)


def test_one_number_attains_the_bound_and_less_is_refuted():
    """dx/dt = -x + c: the derivative by c is exactly 1 - exp(-T)."""
    bound = sg.flow_bound(sg.Flow({s: -s + c})).gradient()
    assert bound.source == 1
    assert bound.expr == bound.loss_gradient * (1 - sp.exp(-T))
    for time in (0.1, 3.0):
        assert bound.evaluate({}, time) == pytest.approx(-math.expm1(-time), rel=1e-14)
        assert bound.evaluate({}, time) > 0.99 * -math.expm1(-time)
        assert 0.9 * bound.evaluate({}, time) < -math.expm1(-time)
    tail = bound.truncation(2)
    assert tail.evaluate({}, 5, loss_gradient=3) == pytest.approx(3 * (math.exp(-2) - math.exp(-5)), rel=1e-14)


def test_parts_by_single_parameters():
    bound = sg.flow_bound(NETWORK).gradient()
    assert bound.source == sp.sqrt(m + n + 1)
    assert bound.block("b").source == 1
    assert bound.block(U).source == sp.sqrt(m)
    weights = drawn(1)
    parts = [bound.block(name).evaluate(weights, 2) for name in ("W", "U", "b")]
    assert math.hypot(*parts) == pytest.approx(bound.evaluate(weights, 2), rel=1e-12)


def test_several_states_pass_the_audit_and_fit_json():
    flow = sg.Flow({x: -x + tanh(W * y), y: -3 * y + sigmoid(V * x)}).assuming({x: (-1, 1), y: (0, 1)})
    for norm in (1, 2, "inf"):
        bound = sg.flow_bound(flow, norm).gradient()
        assert bound.proof.audit(instances=3)
        data = bound.to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert bound.latex().startswith(r"\begin{aligned}")
    assert sg.flow_bound(flow).gradient().source == sp.sqrt(n + n / 16)


def test_the_window():
    bound, delta = sg.flow_bound(sg.Flow({s: -s + c})).gradient(), sp.Symbol("delta", positive=True)
    closed = bound.window(delta)
    time, share = 7.0, 0.05
    window = float(closed.subs({delta: sp.Rational(1, 20), bound.time: 7}))
    assert math.exp(-window) - math.exp(-time) == pytest.approx(share * (1 - math.exp(-time)), rel=1e-12)
    found = bound.window(share, {}, time)
    assert window <= found <= window * (1 + 1e-12)
    assert bound.window(2, {}, time) == 0
    flat = sg.flow_bound(sg.Flow({s: c + 0 * s})).gradient()
    assert flat.window(share, {}, time) == pytest.approx((1 - share) * time)


def test_integrals_of_exponentials():
    rate = sp.Symbol("r", real=True)
    closed = exponential_integral(rate, sp.S.One, T)
    assert closed.subs(rate, 0) == T - 1
    assert sp.simplify(closed.subs(rate, 2) - (sp.exp(2 * T) - sp.exp(2)) / 2) == 0
    for value in (-3, 0, sp.Rational(1, 10**30), 2):
        exact = sp.integrate(sp.exp(value * T), (T, sp.Rational(1, 2), 3))
        with working_precision(128):
            ends = to_ball(sp.Rational(1, 2)), to_ball(sp.S(3))
            ball = ball_exponential_integral(to_ball(sp.sympify(value)), *ends)
            assert ball >= to_ball(exact.evalf(60)) * (1 - to_ball(sp.Rational(1, 10**35)))
        assert float(ball) == pytest.approx(float(exact.evalf(40)), rel=1e-14)


def test_bad_input():
    bound = sg.flow_bound(NETWORK).gradient()
    with pytest.raises(UnknownNameError):
        bound.block("Q")
    with pytest.raises(InputError, match="window: a non-negative number is needed, got -1"):
        bound.truncation(-1)
    with pytest.raises(InputError, match="T: a time of at least the window 3 is needed, got 2"):
        bound.truncation(3).evaluate(drawn(0), 2)
    with pytest.raises(InputError, match="T: with weights the time is needed too"):
        bound.window(0.1, drawn(0))
    with pytest.raises(InputError, match="delta: a positive number"):
        bound.window(0)
    with pytest.raises(InputError, match="loss_gradient: a non-negative number"):
        bound.evaluate(drawn(0), 1, loss_gradient=-1)
    with pytest.raises(InputError, match="flow: flow has no parameters"):
        sg.flow_bound(sg.Flow({s: -s})).gradient()
    with pytest.raises(NoBoundError, match="declare the range"):
        sg.flow_bound(sg.Flow({x: -x + tanh(W * x)})).gradient()
