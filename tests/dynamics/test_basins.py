"""Basins against simulated trajectories: every start ends where its basin says."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import symgrad as sg
from symgrad.dynamics.basins import IMAGES, ORDER, SECOND_ITERATE, Basins
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import array_function

X, W, B = sp.symbols("x w b")
_STEPS = 1200


def _flow(activation: str = "sigmoid") -> sg.Flow:
    return sg.Flow({X: -X + sg.activation(activation)(W * X + B)})


def _steps(activation: str, w: float, b: float, eps: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    function = array_function(sg.activation(activation).expr.xreplace({sg.activation(activation).variable: VARIABLE}))
    if eps == 1.0:
        return lambda x: function(np, w * x + b)
    return lambda x: (1 - eps) * x + eps * function(np, w * x + b)


def _followed(step: Callable[[np.ndarray], np.ndarray], start: np.ndarray, count: int = _STEPS) -> np.ndarray:
    for _ in range(count):
        start = step(start)
    return start


def _agree(found: Basins, step: Callable[[np.ndarray], np.ndarray], span: tuple[float, float]) -> bool:
    """Whether simulated trajectories from inside each interval end at its attractor."""
    for part in found.intervals:
        low, high = (float(end.mid()) if end.is_finite() else float(end) for end in (part.left, part.right))
        low, high = max(low, span[0]), min(high, span[1])
        width = high - low
        if width < 1e-3 or part.attractor.kind == "undecided":
            continue
        ends = _followed(step, np.linspace(low + 1e-3 * width, high - 1e-3 * width, 25))
        targets = [float(ball.mid()) if ball.is_finite() else float(ball) for ball in part.attractor.points]
        for end in ends.tolist():
            if not any(end == target or abs(end - target) < 1e-5 * (1 + abs(target)) for target in targets):
                return False
    return True


@pytest.mark.slow
@settings(max_examples=12)
@given(w=st.integers(0, 120), b=st.integers(-80, 40), start=st.integers(-40, 60))
def test_starts_of_increasing_maps_end_where_their_basin_says(w: int, b: int, start: int) -> None:
    w, b, start = w / 10 + 0.037, b / 10 + 0.0123, start / 20 + 0.00711
    found = sg.basins(sg.models.neuron(), {"w": w, "b": b})
    assert found.method == ORDER
    assert found.complete
    if min((abs(abs(float(p.multiplier.mid())) - 1) for p in found.points), default=1.0) < 1e-2:
        return  # near a fold a simulation takes too long
    (end,) = _followed(_steps("sigmoid", w, b), np.array([start]))
    if all(abs(start - edge.value) > 1e-6 for edge in found.boundaries):
        assert found.of(start).value == pytest.approx(end, abs=1e-7)


@pytest.mark.slow
@settings(max_examples=6)
@given(w=st.integers(-400, -1), b=st.integers(-100, 200))
def test_decreasing_maps_end_in_cycles_or_at_their_point(w: int, b: int) -> None:
    w, b = w / 10 + 0.037, b / 10 + 0.0123
    found = sg.basins(sg.models.neuron(), {"w": w, "b": b})
    assert found.method == SECOND_ITERATE
    if abs(abs(float(found.points[0].multiplier.mid())) - 1) < 2e-2:
        return
    assert found.complete
    assert _agree(found, _steps("sigmoid", w, b), (-1.0, 2.0))


@pytest.mark.parametrize(
    ("activation", "w", "b", "eps", "method"),
    [
        ("tanh", 2.0, 0.1, 1.0, ORDER),
        ("relu", 2.0, -1.0, 1.0, ORDER),
        ("hard_tanh", 3.0, 0.2, 1.0, ORDER),
        ("tanh", 3.0, 0.2, 0.3, ORDER),
        ("tanh", -3.0, 0.2, 1.0, SECOND_ITERATE),
        pytest.param("softsign", -40.0, 3.0, 1.0, SECOND_ITERATE, marks=pytest.mark.slow),
        pytest.param("gelu", 3.0, -1.0, 1.0, IMAGES, marks=pytest.mark.slow),
        ("sin", 2.0, 0.1, 1.0, IMAGES),
        ("sigmoid", -20.0, 10.0, 0.9, IMAGES),
        ("gaussian", 2.0, -0.5, 1.0, IMAGES),
    ],
)
def test_basins_agree_with_simulations(activation: str, w: float, b: float, eps: float, method: str) -> None:
    found = sg.basins(sg.models.neuron(activation=activation, eps=eps), {"w": w, "b": b})
    assert found.method == method
    assert any(part.attractor.kind != "undecided" for part in found.intervals)
    with np.errstate(over="ignore", invalid="ignore"):
        assert _agree(found, _steps(activation, w, b, eps), (-4.0, 4.0))


def test_a_falsified_basin_is_caught() -> None:
    """A boundary that is moved, or attractors that are exchanged, do not survive the simulation."""
    found, step = sg.basins(sg.models.neuron(), {"w": 5, "b": -2.5}), _steps("sigmoid", 5.0, -2.5)
    assert _agree(found, step, (-1.0, 2.0))
    first, second, third, last = found.intervals
    moved = (first, replace(second, right=arb(0.51)), replace(third, left=arb(0.51)), last)
    assert not _agree(replace(found, intervals=moved), step, (-1.0, 2.0))
    exchanged = (replace(first, attractor=last.attractor), second, third, replace(last, attractor=first.attractor))
    assert not _agree(replace(found, intervals=exchanged), step, (-1.0, 2.0))


@pytest.mark.parametrize(
    ("activation", "w", "b"), [("sigmoid", 5, -2.5), ("tanh", -4, 0.3), ("relu", 2, -1), ("sin", 6, 0.2)]
)
def test_flows_land_where_their_basin_says(activation: str, w: float, b: float) -> None:
    found = sg.basins(_flow(activation), {"w": w, "b": b})
    assert found.method == ORDER
    starts = np.array([-0.93, -0.21, 0.13, 0.47, 0.71, 1.21])
    step = _steps(activation, w, b)
    solved = solve_ivp(lambda _, x: step(x) - x, (0, 20), starts, rtol=1e-9, atol=1e-9)
    later = solve_ivp(lambda _, x: step(x) - x, (0, 180), np.clip(solved.y[:, -1], -50, 50), rtol=1e-9, atol=1e-9)
    for start, end in zip(starts.tolist(), later.y[:, -1].tolist(), strict=True):
        attractor = found.of(start)
        if attractor.kind == "infinity":
            assert abs(end) > 100
            assert math.copysign(1.0, end) == math.copysign(1.0, attractor.value)
        else:
            assert end == pytest.approx(attractor.value, abs=1e-6)


def test_boundaries_are_the_certified_unstable_points() -> None:
    found = sg.basins(_flow(), {"w": 5, "b": -2.5})
    assert [edge.exact for edge in found.boundaries] == [sp.S.Half]
    assert found.of(0.5).value == 0.5
    tiny = sp.Rational(1, 10**200)
    assert found.of(sp.S.Half + tiny).value > 0.8
    assert found.of(sp.S.Half - tiny).value < 0.2


def test_a_half_stable_point_bounds_a_basin_and_attracts_from_one_side() -> None:
    """dx/dt = x^2 at 0: what starts below ends there, what starts above goes to infinity."""
    found = sg.basins(sg.Flow({X: X**2}), {})
    assert found.of(-3).value == 0
    assert found.of(sp.Rational(1, 10**6)).kind == "infinity"
    assert [edge.value for edge in found.boundaries] == [0.0]


def test_where_every_point_is_fixed_each_start_stays() -> None:
    found = sg.basins(sg.models.neuron(activation="relu"), {"w": 1, "b": 0})
    assert found.of(2.5).value == 2.5
    assert found.of(-2.5).value == 0
    assert found.complete


def test_a_decreasing_map_leaves_for_both_infinities() -> None:
    found = sg.basins(sg.models.neuron(activation="identity"), {"w": -2, "b": 3})
    assert found.complete
    assert [part.attractor.kind for part in found.intervals] == ["infinity", "infinity"]
    assert "to -inf and inf in turn" in str(found)
    assert found.of(1).value == 1


def test_chaos_is_left_undecided() -> None:
    found = sg.basins(sp.Eq(X, 4 * X * (1 - X)), {})
    assert not found.complete
    assert found.of(0.3).kind == "undecided"
    assert found.of(2).kind in ("infinity", "undecided")


def test_a_box_bounds_what_is_claimed() -> None:
    found = sg.basins(_flow(), {"w": 5, "b": -2.5}, box=(0.2, 0.7))
    assert [part.attractor.kind for part in found.intervals] == ["outside", "outside"]
    assert found.of(0.9).kind == "undecided"


def test_malformed_questions_are_refused() -> None:
    with pytest.raises(InputError, match="x = g"):
        sg.basins(sp.Eq(X**2 + X, B), {"b": 1})
    with pytest.raises(InputError, match="values"):
        sg.basins(sg.models.neuron(), {"w": 5})
    with pytest.raises(InputError, match="initial"):
        sg.basins(sg.models.neuron(), {"w": 5, "b": 0}).of("here")
    with pytest.raises(InputError, match="scalar state"):
        sg.basins(sg.models.elman(), {})


@pytest.mark.parametrize("model", [sg.models.neuron(), _flow()])
def test_basins_are_presented(model: object) -> None:
    found = sg.basins(model, {"w": 5, "b": -2.5})
    data = json.loads(json.dumps(found.to_dict()))
    assert len(data["intervals"]) == 4
    assert "certified boundaries: 0.5" in str(found)
    assert r"\Rightarrow" in found.latex()
    usual = found.plot()
    assert usual.get_title().endswith("phase line" if found.points.is_flow else "cobweb diagram")
    assert found.plot("basin").get_xlabel() == "initial state $x(0)$"
    with pytest.raises(InputError, match="kind"):
        found.plot("cobweb" if found.points.is_flow else "phase line")


def test_cycles_are_presented() -> None:
    found = sg.basins(sg.models.neuron(), {"w": -20, "b": 10})
    assert "2-cycle" in str(found)
    assert r"\left\{" in found.latex()
    assert len(found.attractors) == 1
    assert found.plot("basin").get_legend_handles_labels()[1]


def test_starts_of_maps_that_are_not_monotone_run_off_where_the_map_lies_above_them() -> None:
    """Above its fold gelu(3 x + 1) has no fixed points; elsewhere what lies beyond the last one runs off."""
    found = sg.basins(sg.models.neuron(activation="gelu"), {"w": 3, "b": 1})
    assert (found.method, found.complete, len(found.points)) == (ORDER, True, 0)
    for start in (-50, -0.3, 0, 7):
        assert found.of(start).value == math.inf
    below = sg.basins(sg.models.neuron(activation="gelu"), {"w": 3, "b": -0.5})
    assert below.method == IMAGES
    assert below.of(0.33).value == math.inf
    assert below.of(0.32).value == pytest.approx(float(below.points.stable[0].value))


def test_gaps_that_meet_between_two_floats_are_joined() -> None:
    found = sg.basins(sg.models.neuron(activation="relu"), {"w": 2, "b": sp.Rational(-500000001, 500000000)})
    assert [part.attractor.value for part in found.intervals] == [0, 0, math.inf]
