"""Flows: what they hold, what they refuse, and the maps that Euler's method makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError, UnsupportedExpressionError

n, m = sp.symbols("n m", positive=True, integer=True)
W, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("U", n, m)
x, y, b = (sp.MatrixSymbol(name, n, 1) for name in "xyb")
u = sp.MatrixSymbol("u", m, 1)
s, r, w = sp.symbols("s r w")
tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")
FLOW = sg.Flow({x: -x + tanh(W * x + U * u + b)}, inputs=[u], name="network")


def test_what_a_flow_holds():
    assert FLOW.states == (x,)
    assert FLOW.inputs == (u,)
    assert FLOW.variables == (x, u)
    assert FLOW.parameters == (U, W, b)
    assert FLOW.sizes == (m, n)
    assert FLOW.symbol("W") == W
    assert not FLOW.is_scalar
    assert sg.Flow({s: -s, r: s}).is_scalar
    assert FLOW.field.continuous
    assert not sg.models.elman().continuous
    assert FLOW.field.name == FLOW.name == "network"


def test_assumptions_are_kept():
    held = FLOW.assuming({"u": (-1, 1), "W": sg.symmetric})
    assert held.ranges == {u: sg.Interval(-1, 1)}
    assert held.properties[W] == frozenset({sg.symmetric})
    assert held.assuming({"u": (0, 2)}).ranges == {u: sg.Interval(0, 1)}
    assert held.discretised().ranges == held.ranges
    assert held.discretised().properties == held.properties
    with pytest.raises(UnknownNameError):
        FLOW.assuming({"h": (0, 1)})


@pytest.mark.parametrize("step", [0.25, 1, sp.Rational(1, 8)])
def test_the_map_is_one_step_of_euler(step):
    flow = sg.Flow({x: (sg.hadamard(sigmoid(b), tanh(W * x) - x) + 3 * (W * y - x)) / 2, y: -y})
    random = np.random.default_rng(0)
    values = {"W": random.standard_normal((2, 2)), "b": random.standard_normal(2)}
    start = {"x": random.standard_normal(2), "y": random.standard_normal(2)}
    model = flow.discretised(step)
    assert isinstance(model, sg.Recurrence)
    assert not model.continuous
    found = sg.simulate(model, values, steps=1, initial=start)
    rate = (1 / (1 + np.exp(-values["b"]))) * (np.tanh(values["W"] @ start["x"]) - start["x"])
    rate = (rate + 3 * (values["W"] @ start["y"] - start["x"])) / 2
    np.testing.assert_allclose(found.states["x"][-1], start["x"] + float(step) * rate, rtol=1e-12)
    np.testing.assert_allclose(found.states["y"][-1], (1 - float(step)) * start["y"], rtol=1e-12)


def test_terms_of_the_state_meet():
    """Otherwise the norm of the map would be 1 + eps and more, and no bound below 1 could come of it."""
    tau = sp.Symbol("tau", positive=True)
    for rate in ((tanh(W * x) - x) / tau, -x / tau + tanh(W * x) / tau):
        bound = sg.product_bound(sg.Flow({x: rate}).discretised(sp.Rational(1, 2)))
        assert bound.rate == sp.Abs(1 - 1 / (2 * tau)) + sg.OperatorNorm(W) / (2 * tau)
    scalar = sg.product_bound(sg.Flow({s: 3 * (sigmoid(w * s) - s)}).discretised(sp.Rational(1, 6)))
    assert scalar.rate == sp.Max(sp.Rational(1, 2), sp.Abs(w / 8 + sp.Rational(1, 2)))


def test_bad_input():
    for bad, words in (
        ({}, r"rates: a mapping \{state: dx/dt\} with at least one state"),
        ([x], r"rates: a mapping \{state: dx/dt\}"),
        ({x: "x"}, "time derivative of x: a SymPy expression is needed, got str 'x'"),
        ({x: W}, r"time derivative of x: got shape \(n, n\), needed \(n, 1\)"),
        ({x: 3}, r"time derivative of x: got shape None, needed \(n, 1\)"),
        ({3: s}, "states: a MatrixSymbol of shape"),
        ({x: x, s: s}, "states and inputs must be all vectors or all scalars"),
    ):
        with pytest.raises(InputError, match=words):
            sg.Flow(bad)
    with pytest.raises(InputError, match="inputs: a list of symbols is needed"):
        sg.Flow({x: -x}, inputs=u)
    with pytest.raises(UnsupportedExpressionError):
        sg.Flow({x: W * u})
    with pytest.raises(InputError, match="flow: a Flow is needed, got Recurrence"):
        sg.flow_bound(sg.models.elman())
    with pytest.raises(InputError, match="model: a Recurrence is needed, got Flow"):
        sg.product_bound(FLOW)


def test_bad_steps():
    for bad, words in (
        (0, "eps: a positive number or symbol is needed, got 0"),
        ("a", "eps: a finite real number is needed, got str"),
        (x, "eps: a positive number or symbol is needed"),
        (n, "eps: n is a state, an input or a size"),
    ):
        with pytest.raises(InputError, match=words):
            FLOW.discretised(bad)
    used = sp.Symbol("eps", positive=True)
    with pytest.raises(InputError, match="eps: eps is a parameter of flow flow; give another symbol"):
        sg.Flow({s: -used * s}).discretised()
    assert sg.Flow({s: -used * s}).discretised(used / 2).parameters == (used,)
