"""Fixed points of scalar systems against mpmath, grids, simulation and what is known about folds."""

from __future__ import annotations

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
from symgrad.dynamics.scalar_system import scalar_system
from symgrad.dynamics.unit import unit_of
from symgrad.numerics.functions import array_function
from symgrad.rigor.balls import working_precision

x, w, b = sp.symbols("x w b")
ACTIVATIONS = sg.activation_names()


def _logistic(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def _fold_distance(weight: float, bias: float) -> float:
    """How far b is from the fold values of the logistic neuron, from Doya's formulas."""
    if weight < 4:
        return np.inf
    folds = [(1 + s * np.sqrt(1 - 4 / weight)) / 2 for s in (-1, 1)]
    return min(abs(np.log(c / (1 - c)) - weight * c - bias) for c in folds)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.floats(-40, 40), st.floats(-45, 25))
def test_as_many_as_the_signs_of_a_fine_grid_change(weight: float, bias: float) -> None:
    assume(_fold_distance(weight, bias) > 1e-6)
    grid = np.linspace(0, 1, 10**5 + 1)
    signs = np.sign(_logistic(weight * grid + bias) - grid)
    changes = int(np.sum(signs[1:] * signs[:-1] < 0) + np.sum(signs[1:-1] == 0))
    found = sg.fixed_points(sg.models.neuron(w=weight, b=bias))
    assert found.complete
    assert len(found) == changes
    assert all(float(point.ball.rad()) <= 1e-15 for point in found)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_against_a_grid_of_pre_activations(name: str) -> None:
    """Fixed points are the zeros of z - w s(z) - b, which a grid in z counts."""
    function = array_function(sg.activation(name).expr)
    rng = np.random.default_rng(len(name))
    grid = np.linspace(-400, 400, 400001)
    for weight, bias in rng.normal(size=(3, 2)).round(3) * [[1, 1], [4, 1], [10, 3]]:
        values = grid - weight * function(np, grid) - bias
        signs = np.sign(values)
        changes = int(np.sum(signs[1:] * signs[:-1] < 0) + np.sum(signs == 0))
        found = sg.fixed_points(sg.models.neuron(activation=name), {"w": float(weight), "b": float(bias)})
        near = [point for point in found if abs(weight * point.value + bias) < 400]
        assert found.complete
        assert len(near) == changes
        assert all(point.status == "unique" for point in found)


@pytest.mark.parametrize(("weight", "bias", "name"), [(5, -2.5, "sigmoid"), (9, -4, "sigmoid"), (3, 0.1, "tanh")])
def test_enclosures_hold_what_newton_finds_at_fifty_digits(weight: float, bias: float, name: str) -> None:
    found = sg.fixed_points(sg.models.neuron(w=weight, b=bias, activation=name))
    mpmath.mp.dps = 50
    exact = mpmath.mpf(str(bias))
    value = {"tanh": mpmath.tanh, "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z))}[name]
    roots: list[Any] = []
    for start in np.linspace(-1, 1, 41):
        try:
            root = mpmath.findroot(lambda z: value(weight * z + exact) - z, start)
        except (ValueError, ZeroDivisionError):
            continue
        if all(abs(root - other) > 1e-20 for other in roots):
            roots.append(root)
    with working_precision(200):
        balls = [arb(mpmath.nstr(root, 45)) for root in sorted(roots)]
        assert len(balls) == len(found)
        assert all(point.ball.overlaps(ball) for point, ball in zip(found, balls, strict=True))
        assert not any(found[0].ball.overlaps(ball) for ball in balls[1:])


def test_a_root_on_an_edge_of_every_subdivision() -> None:
    for box in (None, (0, 1), (0.5, 1), (0, 0.5), {"x": (0.25, 0.75)}):
        found = sg.fixed_points(sg.models.neuron(w=5, b=-2.5), box=box)
        middle = [point for point in found if point.exact == sp.S.Half]
        assert len(middle) == 1
        assert middle[0].stability == "unstable"
        assert middle[0].multiplier is not None
        assert middle[0].multiplier.contains(arb(5) / 4)


FOLD = (1 - 1 / sp.sqrt(5)) / 2
FOLD_BIAS = sp.log(FOLD / (1 - FOLD)) - 5 * FOLD


def test_exactly_at_a_fold() -> None:
    found = sg.fixed_points(sg.models.neuron(), {"w": 5, "b": FOLD_BIAS})
    double, other = found
    assert (double.status, double.order, double.stability) == ("double", 2, "undecided")
    assert sp.simplify(double.exact - FOLD) == 0
    assert (other.status, other.stability, found.complete) == ("unique", "stable", True)


@pytest.mark.parametrize("exponent", [8, 16, 40, 300])
@pytest.mark.parametrize(("side", "count"), [(-1, 3), (1, 1)])
def test_nearly_at_a_fold(exponent: int, side: int, count: int) -> None:
    """Below the upper fold value there are two points about sqrt(distance) apart, above it none."""
    digits = sp.Rational(str(sp.N(FOLD_BIAS, 400)))
    found = sg.fixed_points(sg.models.neuron(), {"w": 5, "b": digits + sp.Rational(side, 10**exponent)})
    assert found.complete
    assert [point.status for point in found] == ["unique"] * count
    assert all(point.stability != "undecided" for point in found)


@pytest.mark.parametrize(
    ("name", "weight", "bias", "point"), [("sigmoid", 4, -2, sp.S.Half), ("tanh", 1, 0, 0), ("arctan", 1, 0, 0)]
)
def test_at_a_cusp(name: str, weight: int, bias: int, point: sp.Expr) -> None:
    (found,) = sg.fixed_points(sg.models.neuron(w=weight, b=bias, activation=name))
    assert (found.exact, found.order, found.status, found.stability) == (point, 3, "unique", "undecided")


@pytest.mark.parametrize("bias", [-1e4, -5000, 0, 5000, 1e4])
@pytest.mark.parametrize("weight", [1e4, -1e4])
def test_huge_numbers(weight: float, bias: float) -> None:
    found = sg.fixed_points(sg.models.neuron(w=weight, b=bias))
    assert found.complete
    assert len(found) == (3 if weight > 0 and bias == -5000 else 1)
    for point in found:
        z = mpmath.mpf(weight) * mpmath.mpf(point.value) + bias
        assert abs(1 / (1 + mpmath.exp(-z)) - point.value) < 1e-9 * max(1, abs(weight))


def test_an_equation_taken_literally() -> None:
    found = sg.fixed_points(sp.Eq(x, sp.log(x / (1 - x)) - 5 * x))
    (point,) = found
    neuron = sg.fixed_points(sg.models.neuron(w=6, b=0))[0]
    assert point.ball.overlaps(neuron.ball)
    assert found.complete
    assert point.stability == "unstable"  # of the map x -> ln(x/(1-x)) - 5x
    other = sg.fixed_points(sp.Eq(sp.log(x / (1 - x)) - b * x, 0), {"b": 6})[0]
    assert other.ball.overlaps(neuron.ball)
    assert other.multiplier is None


def test_the_left_side_is_the_unknown_and_others_take_values() -> None:
    found = sg.fixed_points(sp.Eq(x, 1 / (1 + sp.exp(-w * x - b))), {w: 5, "b": -2.5})
    assert [point.stability for point in found] == ["stable", "unstable", "stable"]


def test_flow_and_map_have_the_same_points_and_other_multipliers() -> None:
    flow = sg.Flow({x: -x + sg.activation("sigmoid")(w * x + b)})
    values = {"w": -10, "b": 5}
    (of_flow,), (of_map,) = sg.fixed_points(flow, values), sg.fixed_points(sg.models.neuron(), values)
    assert of_flow.ball.overlaps(of_map.ball)
    assert (of_flow.stability, of_map.stability) == ("stable", "unstable")
    assert of_flow.multiplier is not None
    assert of_map.multiplier is not None
    assert of_flow.multiplier.overlaps(of_map.multiplier - 1)


def test_constant_input_and_step() -> None:
    found = sg.fixed_points(sg.models.neuron(eps=None, w_in=None), {"w": 5, "b": -3, "w_in": 2, "u": 0.1, "eps": 0.25})
    for point in found:
        settled = _logistic(5 * point.value - 3) + 0.2
        assert abs(settled - point.value) < 1e-12


def test_stable_points_attract_and_unstable_ones_repel() -> None:
    rng = np.random.default_rng(3)
    for weight, bias in rng.normal(size=(20, 2)) * [6, 3]:
        found = sg.fixed_points(sg.models.neuron(w=float(weight), b=float(bias), eps=0.7))
        for point in found:
            near = point.value + np.array([-1e-7, 1e-7])
            after = near
            for _ in range(3):
                after = 0.3 * after + 0.7 * _logistic(weight * after + bias)
            closer = np.abs(after - point.value).max() < 1e-7
            assert closer == (point.stability == "stable")


@pytest.mark.parametrize(
    ("name", "weight", "bias", "points", "continua"),
    [
        ("relu", 1, 0, [], [sp.Interval(0, sp.oo)]),
        ("relu", 2, -1, [0, 1], []),
        ("relu", sp.S.Half, 0, [0], []),
        ("hard_tanh", 2, 0, [-1, 0, 1], []),
        ("hard_tanh", 1, 0, [], [sp.Interval(-1, 1)]),
        ("identity", 1, 0, [], [sp.Interval(-sp.oo, sp.oo)]),
    ],
)
def test_kinks_and_continua(name: str, weight: Any, bias: int, points: list[int], continua: list[sp.Interval]) -> None:
    found = sg.fixed_points(sg.models.neuron(w=weight, b=bias, activation=name))
    assert [point.exact for point in found] == points
    assert list(found.continua) == continua
    assert found.complete


def test_multiplier_at_a_kink_holds_both_slopes() -> None:
    (point,) = sg.fixed_points(sg.models.neuron(w=0.5, b=0, activation="relu"))
    assert point.multiplier is not None
    assert point.multiplier.contains(arb(0))
    assert point.multiplier.contains(arb(0.5))
    (steep,) = sg.fixed_points(sg.models.neuron(w=-3, b=0, activation="relu"))
    assert steep.stability == "stable"  # what is on the left is mapped to the right, and that to the point itself


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(-12, 12), st.integers(-12, 12), st.sampled_from(["map", "flow"]))
def test_stability_at_a_kink_agrees_with_simulation(left: int, right: int, kind: str) -> None:
    slopes = left / 4, right / 4
    update = sp.Piecewise((slopes[0] * x, x < 0), (slopes[1] * x, True))
    system = sg.Recurrence({x: update}) if kind == "map" else sg.Flow({x: update})
    found = sg.fixed_points(system)
    assume(len(found) == 1)
    assert found.audit()
    if found[0].stability == "undecided":
        at_edge = 0 in slopes if kind == "flow" else 1 in slopes or slopes[0] * slopes[1] == 1
        assert at_edge
        return
    states = np.array([-1.0, 1.0])
    for _ in range(200):
        change = np.where(states < 0, slopes[0] * states, slopes[1] * states)
        states = change if kind == "map" else states + 0.1 * change
    assert (found[0].stability == "stable") == bool((np.abs(states) < 1e-2).all())


def test_stability_at_a_jump() -> None:
    assert [p.stability for p in sg.fixed_points("x = sign(x)")] == ["stable", "unstable", "stable"]
    assert [p.stability for p in sg.fixed_points(sg.Flow({x: -sp.sign(x)}))] == ["stable"]
    assert [p.stability for p in sg.fixed_points(sg.Flow({x: sp.sign(x)}))] == ["unstable"]


def test_an_end_of_the_box_hides_neither_slope_nor_multiplicity() -> None:
    (kink,) = sg.fixed_points("x = relu(2*x)", box=(-1, 0))
    assert kink.stability == "unstable"
    (fold,) = sg.fixed_points("x = x**2 + 1/4", box=(sp.Rational(1, 2), 1))
    assert (fold.status, fold.order) == ("double", 2)


@pytest.mark.parametrize(
    ("equation", "box"),
    [
        ("x = tan(x)", (-5, 5)),  # poles between the points
        ("x = sqrt(x)", None),  # a zero where the domain ends
        ("x = relu(2*x)", None),  # a zero at a kink, without a change of sign
        ("x = relu(5*x + 10^308)", None),  # a kink that is no float
    ],
)
def test_audit_at_singular_points(equation: str, box: Any) -> None:
    found = sg.fixed_points(equation, box=box)
    assert found.complete
    assert found.audit()
    if found.points:
        assert not replace(found, points=found.points[1:]).audit()


@pytest.mark.parametrize("weight", [-1e12, -1e20, -1e30])
def test_a_slope_of_many_sizes_leaves_a_narrow_ball(weight: float) -> None:
    (point,) = sg.fixed_points(sg.models.neuron(w=weight, b=3, activation="tanh"))
    assert (point.status, point.stability) == ("unique", "unstable")
    assert float(point.ball.rad()) <= 1e-15
    assert point.value == pytest.approx(3 / (1 - weight), rel=1e-9)


def test_rational_points_have_their_own_ball() -> None:
    for point, place in zip(sg.fixed_points("x = 1/x"), (-1, 1), strict=True):
        assert point.ball == place
        assert point.multiplier == -1
        assert point.stability == "undecided"


def test_audit_needs_gaps_up_to_the_ends() -> None:
    found = sg.fixed_points(sg.models.neuron(w=5, b=-2.5))
    assert not replace(found, points=(), gaps=()).audit()
    assert not replace(found, points=found.points[:1], gaps=found.gaps[:2]).audit()


@pytest.mark.slow
def test_infinitely_many_points_end_the_search() -> None:
    found = sg.fixed_points("x = x + x*sin(1/x)", box=(0, 1))
    assert not found.complete
    assert found[-1].ball.overlaps(1 / arb.pi())


def test_edge_of_a_flip_is_undecided() -> None:
    found = sg.fixed_points(sg.Recurrence({x: w * x * (1 - x)}), {"w": 3})
    assert [(point.exact, point.stability) for point in found] == [(0, "unstable"), (sp.Rational(2, 3), "undecided")]


@pytest.mark.parametrize(
    ("model", "values", "box"),
    [
        (sg.models.neuron(w=5, b=-2.5), None, None),
        (sg.models.neuron(w=5, b=-2.5), None, (0.5, 1)),
        (sg.models.neuron(), {"w": 5, "b": FOLD_BIAS}, None),
        (sg.models.neuron(w=4, b=-2), None, None),
        (sg.models.neuron(w=1e4, b=-5000), None, None),
        (sg.models.neuron(w=2, b=-1, activation="relu"), None, None),
        (sg.models.neuron(w=1, b=0, activation="hard_tanh"), None, None),
        (sg.models.neuron(w=3, b=-1, activation="gelu"), None, None),
        (sp.Eq(x, sp.log(x / (1 - x)) - 5 * x), None, None),
        (sp.Eq(x, 1 / x), None, None),
    ],
)
def test_an_audit_confirms_what_is_true_and_finds_what_was_changed(model: Any, values: Any, box: Any) -> None:
    found = sg.fixed_points(model, values, box)
    assert found.audit()
    for index, point in enumerate(found):
        others = (*found.points[:index], *found.points[index + 1 :])
        assert not replace(found, points=others).audit()
        moved = replace(point, ball=point.ball + arb("1e-6"), exact=None)
        assert not replace(found, points=(*others, moved)).audit()
    for index, gap in enumerate(found.gaps):
        turned = (*found.gaps[:index], replace(gap, sign=-gap.sign), *found.gaps[index + 1 :])
        assert not replace(found, gaps=turned).audit()


@pytest.mark.parametrize(
    ("model", "values", "box", "message"),
    [
        (sg.models.neuron(), None, None, "values: numbers for b, w of neuron are needed"),
        (sg.models.neuron(), {"w": 5, "c": 1}, None, "'c'"),
        (sg.models.neuron(), {"w": np.nan, "b": 1}, None, "value of w"),
        (sg.models.neuron(), {"x": 1}, None, "x is the unknown"),
        (sg.models.neuron(w=1, b=1), None, (1, 1), "box: two different ends"),
        (sg.models.neuron(w=1, b=1), None, {"y": (0, 1)}, "box: an interval of the state x"),
        (sg.models.neuron(w=1, b=1), None, "wide", "box"),
        (sp.Eq(x + w, b), None, None, "one unknown"),
        (sp.Eq(x, x), None, None, "model: a Recurrence, a Flow or an equation"),
        (5, None, None, "model: a Recurrence, a Flow or an equation"),
        (sg.models.neuron(), 5, None, "values: a mapping"),
        (sp.Eq(x, sp.log(-(x**2) - 1)), None, None, "not a real number anywhere"),
    ],
)
def test_bad_input_is_named(model: Any, values: Any, box: Any, message: str) -> None:
    with pytest.raises(sg.SymgradError, match=None) as error:
        sg.fixed_points(model, values, box)
    assert message in str(error.value)


def test_units_are_recognised() -> None:
    unit = unit_of(scalar_system(sg.Recurrence({x: w * sg.activation("tanh")(x) + b})))
    assert unit is not None
    assert (unit.weight, unit.bias, unit.decay) == (sp.Symbol("w", real=True), sp.Symbol("b", real=True), -1)
    assert unit_of(scalar_system(sp.Eq(x, sp.tanh(x) * sp.tanh(2 * x)))) is None
    squared = unit_of(scalar_system(sg.Flow({x: b - 3 * x + 2 * sp.tanh(4 * x - 1)})))
    assert squared is not None
    assert (squared.weight, squared.decay) == (sp.Rational(8, 3), -3)
