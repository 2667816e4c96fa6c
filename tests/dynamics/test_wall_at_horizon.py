"""Walls at a finite horizon, settled losses and states of flows, against mpmath and quadrature."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb

import symgrad as sg
from symgrad.dynamics.loss_surface import LossLandscape
from symgrad.dynamics.passage_time import flow_state
from symgrad.dynamics.scalar_system import scalar_system
from symgrad.dynamics.wall_at_horizon import WallAtHorizon
from symgrad.rigor.balls import to_ball, working_precision

x, w, b = sp.symbols("x w b")
SIGMOID = sg.activation("sigmoid")
UNIT_FLOW = sg.Flow({x: -x + SIGMOID(w * x + b)})


def _geometric(model: Any = None, **options: Any) -> LossLandscape:
    given = {"interval": (-4, -1), "start": 0.5, "horizon": 50, "points": 7, **options}
    return sg.loss_landscape(sg.models.neuron(w=5) if model is None else model, "(0.855 - x)^2", "b", **given)


def _holds(found: WallAtHorizon) -> bool:
    """Whether 40-digit iteration at both values lies in the claimed balls, and differs by most of the jump."""
    with mpmath.workdps(40), working_precision(160):
        losses = []
        for value, ball in zip((found.low, found.high), found.losses, strict=True):
            bias, state = mpmath.mpf(int(value.p)) / int(value.q), mpmath.mpf("0.5")
            for _ in range(int(found.horizon)):
                state = 1 / (1 + mpmath.exp(-5 * state - bias))
            losses.append((mpmath.mpf("0.855") - state) ** 2)
            if not ball.contains(arb(mpmath.nstr(losses[-1], 35))):
                return False
        assert found.wall.jump is not None
        return bool((losses[1] - losses[0]) / float(found.wall.jump.mid()) > 0.8)


def test_the_loss_at_the_horizon_jumps_within_a_proved_interval() -> None:
    landscape = _geometric()
    found = landscape.wall_at_horizon(landscape.walls[0])
    assert found is not None
    assert found.low < sp.Rational(-5, 2) < found.high
    assert found.high - found.low < sp.Rational(1, 10**4)
    assert _holds(found)
    slope = landscape.at(float(sp.Rational(-5, 2))).gradient_norm
    assert slope > float(abs(found.steepness).mid())  # the mean value theorem: somewhere between it is as steep
    assert not _holds(replace(found, low=found.low + (found.high - found.low) / 4))
    assert not _holds(replace(found, losses=(found.losses[0] + arb(1e-12), found.losses[1])))
    json.dumps(found.to_dict(), allow_nan=False)
    assert "slope" in str(found)
    assert found.latex()


def test_a_longer_horizon_shows_the_wall_more_sharply_and_a_short_one_does_not() -> None:
    (wall,) = _geometric().walls
    widths = []
    for horizon in (20, 40, 60):
        found = _geometric(horizon=horizon).wall_at_horizon(wall)
        assert found is not None
        widths.append(float(found.high - found.low))
    assert widths[0] > 10 * widths[1] > 100 * widths[2]
    short = _geometric(horizon=2).wall_at_horizon(wall)
    assert short is None or float(short.high - short.low) > 0.2


@pytest.mark.parametrize(
    ("weight", "bias", "start", "time"),
    [
        (5, "-2.4", "0.5", 8),
        (5, "-2.6", "0.3", 3),
        pytest.param(-3, "1", "2", 1.5, marks=pytest.mark.slow),
        (2, "0.1", "-1", 0.25),
    ],
)
def test_states_of_flows_are_enclosed(weight: float, bias: str, start: str, time: float) -> None:
    """The time that a quadrature needs from the start to the claimed state is T."""
    numbers = {"w": weight, "b": sp.Rational(bias)}
    system = scalar_system(UNIT_FLOW)
    known = {system.symbol(name): sp.sympify(value) for name, value in numbers.items()}
    ball = flow_state(system, known, sp.Rational(start), time)
    assert ball is not None
    assert float(ball.rad()) < 0.01

    def speed(state: Any) -> Any:
        return 1 / (-state + 1 / (1 + mpmath.exp(-weight * state - mpmath.mpf(bias))))

    ends = [mpmath.mpf(float(end.mid())) for end in (ball.lower(), ball.upper())]
    times = sorted(mpmath.quad(speed, np.linspace(float(start), float(end), 9).tolist()) for end in ends)
    assert times[0] < time < times[1]
    beyond = mpmath.quad(speed, [mpmath.mpf(start), ends[0] - 3 * (ends[1] - ends[0])])
    assert not times[0] < beyond < times[1]


def test_the_wall_of_a_flow_at_a_finite_time() -> None:
    landscape = _geometric(sg.Flow({x: -x + SIGMOID(5 * x + b)}), horizon=30)
    (wall,) = landscape.walls
    found = landscape.wall_at_horizon(wall)
    assert found is not None
    assert found.states[0] < arb(0.5) < found.states[1]


def test_settled_losses_equal_those_of_a_long_horizon() -> None:
    settled, long = _geometric(horizon=sp.oo), _geometric(horizon=2000)
    away = np.abs(settled.axes[0] + 2.5) > 1e-6
    assert np.allclose(settled.losses[away], long.losses[away], atol=1e-12)
    assert np.allclose(settled.gradients[away], long.gradients[away], atol=1e-10)
    one, other = settled.at(-2.4), long.at(-2.4)
    assert one.certified
    assert one.loss.overlaps(other.loss)
    assert all(slope.overlaps(other.gradient[p]) for p, slope in one.gradient.items())
    assert settled.wall_at_horizon(settled.walls[0]) is None
    json.dumps(settled.to_dict(), allow_nan=False)
    assert "T -> oo" in str(settled)


def test_the_linear_model_of_a_step() -> None:
    step = _geometric().descent_step(-1.5, rate=0.001, clip=1)
    assert abs(step.predicted() - float(step.plain.loss.mid())) < 1e-9
    wall = _geometric().descent_step(-2.49999, rate=0.1, clip=1)
    assert wall.predicted() < -1000 < 0 < float(wall.plain.loss.mid())


def test_the_start_may_be_any_number() -> None:
    """The bounds hold for starts that are no floats, upwards and downwards."""
    system = scalar_system(sg.Flow({x: -x}))
    for start in (sp.Rational(1, 3), -sp.sqrt(2)):
        ball = flow_state(system, {}, start, 1.0)
        assert ball is not None
        assert ball.contains(to_ball(start * sp.exp(-1)))


def test_a_wall_of_the_state_across_which_the_loss_is_equal() -> None:
    """Of an odd system the two states differ in sign: a loss in their square does not jump."""
    landscape = sg.loss_landscape(
        sg.models.neuron(w=3, activation="hard_tanh"), "x^2", "b", interval=(-1, 1), start=0.25, points=3
    )
    (wall,) = landscape.walls
    assert (wall.exact, wall.certified) == (sp.Rational(-1, 2), True)
    assert wall.jump is not None
    assert wall.jump.contains(0)
    assert landscape.wall_at_horizon(wall) is None
