"""The loss over parameters against autograd, mpmath and simulation on both sides of its walls."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.dynamics.array_formula import array_formula
from symgrad.dynamics.loss_surface import LossLandscape
from symgrad.dynamics.wall_proofs import APART, SAME, Passage, limits

x, w, b = sp.symbols("x w b")
SIGMOID = sg.activation("sigmoid")


def _geometric(**options: Any) -> LossLandscape:
    given = {"interval": (-4, -1), "start": 0.5, "horizon": 50, "points": 31, **options}
    return sg.loss_landscape(sg.models.neuron(w=5), (sp.Rational("0.855") - x) ** 2, "b", **given)


def _pascanu(**options: Any) -> LossLandscape:
    unit = sg.Recurrence({x: w * SIGMOID(x) + b})
    given = {"interval": ((3, 8), (-5, 0)), "start": 0.5, "points": (7, 9), **options}
    return sg.loss_landscape(unit, (SIGMOID(x) - sp.Rational("0.7")) ** 2, ("w", "b"), **given)


def test_the_published_wall() -> None:
    """Just above b = -2.5 the loss is about 0, just below about 0.50 (Doya 1993)."""
    landscape = _geometric()
    (wall,) = landscape.walls
    assert (wall.exact, wall.certified, landscape.wall_search.complete) == (sp.Rational(-5, 2), True, True)
    assert wall.left.loss is not None
    assert wall.right.loss is not None
    assert abs(float(wall.left.loss) - 0.504) < 1e-3
    assert float(wall.right.loss) < 1e-6
    below, above = (landscape.at(wall.value + side) for side in (-1e-3, 1e-3))
    assert abs(float(below.loss.mid()) - float(above.loss.mid())) > 0.4


@pytest.mark.parametrize(
    ("model", "interval", "start", "expected"),
    [
        pytest.param(sg.Flow({x: -x + SIGMOID(5 * x + b)}), (-4, -1), 0.5, [-2.5], marks=pytest.mark.slow),
        (sg.Flow({x: -x + SIGMOID(5 * x + b)}), (-4, -1), 0.7, [np.log(0.7 / 0.3) - 3.5]),
        (sg.models.neuron(w=2, activation="tanh"), (-2, 2), 0.9, [-(np.sqrt(2) - np.log(1 + np.sqrt(2)))]),  # a fold
        (sg.models.neuron(w=2, activation="relu"), (-3, 1), 1, [-1]),
        (sg.models.neuron(w=3), (-4, 1), 0.5, []),
        (sg.models.neuron(w=2, activation="relu"), (-3, 1), -1, [0]),  # a fold at a kink
    ],
)
def test_walls_of_other_models_with_simulation_on_both_sides(
    model: Any, interval: tuple[float, float], start: float, expected: list[float]
) -> None:
    landscape = sg.loss_landscape(model, x**2, "b", interval=interval, start=start, horizon=100, points=5)
    walls = landscape.walls
    assert np.allclose([wall.value for wall in walls], expected, atol=1e-9)
    assert landscape.wall_search.complete
    for wall in walls:
        assert wall.certified
        for side, sign in ((wall.left, -1), (wall.right, 1)):
            settled = float(landscape.at(sp.Rational(round(wall.value + sign * 0.05, 6))).state.mid())
            assert abs(settled - side.attractor.value) < 0.4 or settled > 1e6


@pytest.mark.slow
def test_what_is_no_wall_is_told_apart() -> None:
    """The proof of a wall fails for attractors of one branch, and for a span at which a branch leads across."""
    landscape = _geometric()
    (wall,) = landscape.walls
    b = landscape.parameters[0]
    span = wall.left.parameter, wall.right.parameter
    left, right = (limits(side.attractor) for side in (wall.left, wall.right))
    assert left is not None
    assert right is not None
    assert Passage(landscape.system, b, span).compare(left, right, [0.5]) == APART
    assert Passage(landscape.system, b, span).compare(left, left, [0.5]) == SAME
    crossed = Passage(landscape.system, b, (sp.Integer(-6), sp.Integer(1)))
    assert crossed.compare(left, right, [0.2, 0.5, 0.8]) not in (APART, SAME)
    gentle = Passage(sg.loss_landscape(sg.models.neuron(w=3), x, "b", interval=(-2, -1)).system, b, span)
    assert gentle.compare(left, right, [0.2, 0.5, 0.8]) == APART  # no branch of this system reaches so far at -5/2


@pytest.mark.parametrize(
    ("model", "interval", "complete"),
    [
        (sg.Recurrence({x: b * x * (1 - x)}), (3.5, 3.9), False),
        pytest.param(sg.models.neuron(activation="gelu", w=2), (-1, 0), False, marks=pytest.mark.slow),
        (sg.Flow({x: b - x + sp.sign(x - b)}), (-1, 1), False),
        (sg.Flow({x: b * x * (1 - x)}), (3.5, 3.9), True),
        (sg.models.neuron(w=-2), (0, 1), True),
    ],
)
def test_walls_are_all_only_where_the_order_of_states_is_proved(
    model: Any, interval: tuple[float, float], complete: bool
) -> None:
    landscape = sg.loss_landscape(model, x, "b", interval=interval, start=0.3)
    assert landscape.wall_search.complete is complete
    assert bool(landscape.wall_search.remarks) is not complete


def test_walls_of_decreasing_maps_at_unstable_cycles() -> None:
    """Of x = -p (x + x^3) the cycle with p (1 + x^2) = 1 repels."""
    model = sg.Recurrence({x: -b * (x + x**3)})
    landscape = sg.loss_landscape(model, x, "b", interval=(0.1, 0.9), start=1.5)
    (wall,) = landscape.walls
    assert (wall.exact, wall.certified) == (sp.Rational(4, 13), True)
    assert not landscape.wall_search.complete  # unbounded: folds of cycles are not excluded
    for side, inside in ((-1e-3, True), (1e-3, False)):
        state = 1.5
        for _ in range(400):
            state = -(4 / 13 + side) * (state + state**3) if abs(state) < 1e6 else state
        assert (abs(state) < 1e-3) is inside


def test_a_moved_wall_is_not_a_wall() -> None:
    """What is claimed of the wall fails anywhere else: both sides of a shifted place settle in the same state."""
    landscape = _geometric()
    (wall,) = landscape.walls
    shifted = replace(landscape, axes=(np.linspace(-2.4, -1, 3),))
    assert shifted.walls == ()
    assert wall.left.attractor.value < 0.5 < wall.right.attractor.value


def test_gradients_equal_autograd() -> None:
    torch = pytest.importorskip("torch")
    landscape = _pascanu(horizon=20)
    weights = [torch.tensor(axis, dtype=torch.float64) for axis in landscape.axes]
    grid = torch.meshgrid(*weights, indexing="ij")
    leaves = [mesh.clone().requires_grad_(True) for mesh in grid]
    state = torch.full_like(leaves[0], 0.5)
    for _ in range(20):
        state = leaves[0] * torch.sigmoid(state) + leaves[1]
    losses = (torch.sigmoid(state) - 0.7) ** 2
    expected = torch.autograd.grad(losses.sum(), leaves)
    assert np.allclose(landscape.losses, losses.detach().numpy(), atol=1e-12)
    for index in range(2):
        assert np.allclose(landscape.gradients[..., index], expected[index].numpy(), rtol=1e-9, atol=1e-13)
    norm = np.linalg.norm(landscape.gradients, axis=-1)
    assert np.allclose(landscape.log10_gradient, np.log10(norm), atol=1e-9)


def test_a_place_is_enclosed() -> None:
    point = _geometric().at(-2.4)
    mpmath.mp.dps = 40
    bias = mpmath.mpf("-2.4")

    def loss(value: Any) -> Any:
        state = mpmath.mpf("0.5")
        for _ in range(50):
            state = 1 / (1 + mpmath.exp(-5 * state - value))
        return (mpmath.mpf("0.855") - state) ** 2

    assert point.certified
    assert abs(mpmath.mpf(point.loss.mid().str(30, radius=False)) - loss(bias)) < 1e-18
    (slope,) = point.gradient.values()
    assert abs(mpmath.mpf(slope.mid().str(30, radius=False)) - mpmath.diff(loss, bias)) < 1e-15


def test_a_start_that_depends_on_the_parameter() -> None:
    landscape = sg.loss_landscape(
        sg.models.neuron(w=2, activation="tanh"), x + b, "b", interval=(-1, 1), start=b**2, horizon=3, points=3
    )
    step = 1e-6
    values = [float(landscape.at(sp.Rational(1, 5) + side * sp.Rational(1, 10**6)).loss.mid()) for side in (-1, 1)]
    (slope,) = landscape.at(sp.Rational(1, 5)).gradient.values()
    assert abs(float(slope.mid()) - (values[1] - values[0]) / (2 * step)) < 1e-8


def test_a_flow_in_floats_agrees_with_its_enclosure() -> None:
    landscape = sg.loss_landscape(
        sg.Flow({x: -x + sp.tanh(w * x + b)}),
        x**2,
        ("w", "b"),
        interval=((0, 3), (-1, 1)),
        start=0.2,
        horizon=4,
        points=3,
    )
    point = landscape.at({"w": 1.5, "b": 1})
    assert abs(landscape.losses[1, 2] - float(point.loss.mid())) < 1e-7
    slopes = [float(ball.mid()) for ball in point.gradient.values()]
    assert np.allclose(landscape.gradients[1, 2], slopes, atol=1e-6)
    assert not point.certified


def test_gradients_beyond_the_floats_keep_their_logarithm() -> None:
    """At an unstable point dx(T)/db grows as the multiplier to the power T."""
    landscape = sg.loss_landscape(
        sg.Recurrence({x: w * x + b}), x, "b", {"w": 100}, interval=(0, 1), start=0, horizon=400, points=2
    )
    assert abs(landscape.log10_gradient[0] - 2 * 399) < 0.01


def test_clipping_bounds_the_step() -> None:
    landscape = _geometric()
    step = landscape.descent_step(-2.5001, rate=0.05, clip=1)
    assert step.is_clipped
    assert step.length(clipped=True) <= 0.05 * (1 + 1e-12) < step.length()
    assert abs(step.length() - 0.05 * step.before.gradient_norm) < 1e-12
    gentle = landscape.descent_step(-1.5, rate=0.05, clip=1)
    assert not gentle.is_clipped
    assert gentle.length() == gentle.length(clipped=True)


@pytest.mark.slow
def test_the_wall_of_a_surface() -> None:
    """Of x = w s(x) + b from 1/2 the wall is b = 1/2 - w s(1/2) as long as 1/2 is unstable there."""
    surface = _pascanu()
    found = surface.wall_curve(2)
    slope = float(SIGMOID(sp.Rational(1, 2)).evalf())
    assert [value for value, _ in found] == [8.0]
    assert abs(found[0][1].value - (0.5 - 8 * slope)) < 1e-12


@pytest.mark.slow
def test_decreasing_maps_have_no_walls_between_phases_of_a_cycle() -> None:
    landscape = sg.loss_landscape(sg.models.neuron(w=-9), x, "b", interval=(4, 5), start=0.5, horizon=10, points=3)
    assert landscape.walls == ()
    assert "phase" in landscape.wall_search.remarks[0]


@pytest.mark.parametrize("kind", ["both", "loss", "gradient"])
def test_pictures_of_one_parameter(kind: str) -> None:
    axes = _geometric().plot(kind=kind)
    assert axes.get_ylabel()
    assert axes.figure.axes[-1].get_xlabel() == "parameter $b$"


def test_pictures_of_two_parameters_and_of_a_step() -> None:
    surface = _pascanu(points=(3, 3), horizon=5)
    assert surface.plot(kind="surface").get_zlabel().startswith("loss $L")
    step = _geometric().descent_step(-2.5001, rate=0.05, clip=1)
    labels = [item.get_text() for item in step.plot().get_legend().get_texts()]
    for words in ("before", "after a plain step, to $b = -2.03", "after a step clipped to norm 1, to $b = -2.45"):
        assert any(label.startswith(words) for label in labels), labels
    for result in (surface, step, _geometric()):
        json.dumps(result.to_dict(), allow_nan=False)
        assert result.latex()
        assert str(result)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": (1, 1)}, "interval: two different ends"),
        ({"interval": (0, sp.oo)}, "interval: two finite ends"),
        ({"horizon": 2.5}, "horizon: a positive number of steps"),
        ({"start": "y"}, "y"),
        ({"points": 1}, "points"),
        ({"points": 2.5}, "points"),
        ({"interval": 3}, "range of b"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(sg.SymgradError) as error:
        _geometric(**change)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sg.loss_landscape(sg.models.neuron(), x, "b", interval=(0, 1)), "values: numbers for w"),
        (lambda: sg.loss_landscape(sg.models.neuron(w=1), x + w, "b", interval=(0, 1)), "loss: w is unknown"),
        (lambda: sg.loss_landscape(sp.Eq(x**2, 1), x, "b", interval=(0, 1)), "an equation"),
        (lambda: sg.loss_landscape(sg.models.neuron(w=1), x, "x", interval=(0, 1)), "parameter"),
        (lambda: _pascanu().walls, "walls: they are points of one parameter"),
        (lambda: _geometric().at({}), "at: numbers for b"),
        (lambda: _geometric().descent_step(-2, rate=0, clip=1), "rate: a positive number"),
        (lambda: _geometric().plot(kind="surface"), "kind"),
        (lambda: _geometric().wall_at_horizon(3), "wall: one of landscape.walls"),
        (lambda: _pascanu().wall_curve(0), "count: a positive integer"),
    ],
)
def test_bad_questions_are_named(call: Any, message: str) -> None:
    with pytest.raises(sg.SymgradError) as error:
        call()
    assert message in str(error.value)


def test_both_slopes_count_at_a_kink_of_the_loss() -> None:
    landscape = sg.loss_landscape(sg.models.neuron(w=5), "abs(x - 1/2)", "b", interval=(-4, -1), start=0.5, horizon=3)
    (slope,) = landscape.at(-2.5).gradient.values()
    steepest = sum(1.25**k for k in range(3)) / 4  # dx(3)/db at the unstable point, whose multiplier is 5/4
    assert slope.contains(steepest * (1 - 1e-12))
    assert slope.contains(-steepest * (1 - 1e-12))
    (smooth,) = landscape.at(-2).gradient.values()
    assert smooth.rad() < 1e-15


def test_formulas_over_arrays_are_accurate_in_far_tails() -> None:
    z = sp.Symbol("z", real=True)
    value = array_formula(SIGMOID.derivative(z))({z: np.array([-50.0, 0.0, 50.0])})
    with mpmath.workdps(40):
        tail = float(mpmath.exp(-50) / (1 + mpmath.exp(-50)) ** 2)
    assert np.allclose(value, [tail, 0.25, tail], rtol=1e-12, atol=0)
