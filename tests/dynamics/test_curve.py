"""Curves of fixed points against mpmath, brute force and the residual of the model itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.dynamics.curve import FixedPointCurve
from symgrad.dynamics.curve_arcs import arcs_of
from symgrad.dynamics.scalar_system import scalar_system
from symgrad.dynamics.slope_pieces import slope_pieces
from symgrad.errors import InputError, SymgradError, UnknownNameError, UnsupportedExpressionError
from symgrad.rigor.balls import to_ball

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "tanh": mp.tanh,
    "arctan": mp.atan,
    "erf": mp.erf,
    "softsign": lambda z: z / (1 + abs(z)),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "gelu": lambda z: z * (1 + mp.erf(z / mp.sqrt(2))) / 2,
    "mish": lambda z: z * mp.tanh(mp.log(1 + mp.exp(z))),
    "gaussian": lambda z: mp.exp(-(z**2)),
    "elu": lambda z: z if z > 0 else mp.expm1(z),
}
CLOSED = ("sigmoid", "tanh", "arctan", "erf", "softsign")
x, w, b = sp.symbols("x w b")


def neuron_curve(name: str, **options: Any) -> FixedPointCurve:
    return sg.fixed_point_curve(sg.models.neuron(activation=name), **options)


def number(expr: sp.Expr) -> Any:
    """A constant to 40 digits as an mpmath number."""
    with mp.workdps(60):
        ball = to_ball(sp.sympify(expr), 160)
        return mp.mpf(ball.mid().str(50, radius=False).strip("[]"))


def turning(s: Callable[[Any], Any], weight: Any, z: Any) -> Any:
    """A difference quotient of z - W s(z)."""
    step = mp.mpf(10) ** -8
    return 1 - weight * (s(z + step) - s(z - step)) / (2 * step)


def zeros_of(function: Callable[[Any], Any], low: float = -12.0, high: float = 12.0, steps: int = 600) -> list[Any]:
    """Zeros by sign changes on a grid and bisection: nothing of the library is used."""
    grid = [mp.mpf(low) + (mp.mpf(high) - low) * (k + mp.mpf("0.3719")) / steps for k in range(steps)]
    values = [function(z) for z in grid]
    found = []
    for left, right, first, second in zip(grid, grid[1:], values, values[1:], strict=False):
        if first * second < 0:
            found.append(mp.findroot(function, (left, right), solver="anderson", tol=1e-40, maxsteps=200, verify=False))
    return found


def test_the_curve_of_doya() -> None:
    curve = sg.fixed_point_curve(sg.models.neuron())
    assert curve.expr == sp.log(x / (1 - x)) - w * x
    assert curve.derivative == 1 / (x * (1 - x)) - w
    assert curve.domain == sp.Interval.open(0, 1)
    roots = [fold.x for fold in curve.folds]
    assert roots == [sp.expand((1 + s * sp.sqrt(1 - 4 / w)) / 2) for s in (-1, 1)]
    assert {fold.condition for fold in curve.folds} == {w >= 4}
    assert {fold.nondegenerate for fold in curve.folds} == {w > 4}
    assert [fold.curvature for fold in curve.folds] == [-sp.sqrt(1 - 4 / w), sp.sqrt(1 - 4 / w)]
    assert [tuple(cusp) for cusp in curve.cusps] == [(4, -2, sp.Rational(1, 2))]
    assert curve.cusps[0].smooth


def test_the_flip_of_doya() -> None:
    eps = sp.Symbol("eps")
    curve = sg.fixed_point_curve(sg.models.neuron(eps=None))
    for flip in curve.flip:
        level = w * flip.x * (1 - flip.x)
        assert sp.simplify(level - (1 - 2 / eps)) == 0
    half = sg.fixed_point_curve(sg.models.neuron(eps=0.5))
    assert {flip.condition for flip in half.flip} == {w <= -12}  # w <= 4 (1 - 2/eps)
    assert sg.fixed_point_curve(sg.models.neuron(), values={"w": -3}).flip == ()
    at = {"w": -20, "eps": 0.5}
    assert all(flip.condition.subs(at) == sp.true for flip in curve.flip)
    assert all(flip.condition.subs({"w": -11, "eps": 0.5}) == sp.false for flip in curve.flip)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_folds_satisfy_their_conditions(name: str) -> None:
    curve, s = neuron_curve(name), ACTIVATIONS[name]
    assert len(curve.folds) == 2
    with mp.workdps(40):
        for weight in (sp.Rational(41, 10), 7, 10**4):
            for fold in curve.folds:
                z, state, bias = (number(e.subs(w, weight)) for e in (fold.z, fold.x, fold.b))
                value = mp.mpf(sp.Rational(weight).p) / sp.Rational(weight).q
                assert abs(value * mp.diff(s, z) - 1) < 1e-12
                assert abs(s(z) - state) < 1e-30
                assert abs(s(value * state + bias) - state) < 1e-28


@pytest.mark.parametrize(
    "name", ["sigmoid", "silu", "gelu", pytest.param("mish", marks=pytest.mark.slow), "gaussian", "elu"]
)
def test_all_folds_of_a_given_weight(name: str) -> None:
    s = ACTIVATIONS[name]
    for weight in (5, -12, sp.Rational(6, 5)):
        curve = neuron_curve(name, values={"w": weight})
        with mp.workdps(30):
            value = mp.mpf(sp.Rational(weight).p) / sp.Rational(weight).q
            # Bias along the curve turns: extrema of z - W s(z), found from differences.
            found = zeros_of(partial(turning, s, value), steps=160)
        assert len(found) == len(curve.folds), (name, weight)
        for z, fold in zip(found, curve.folds, strict=True):
            assert abs(number(fold.z) - z) < 1e-7
            assert abs(number(fold.b) - (z - value * s(z))) < 1e-12
            assert abs(number(fold.curvature) + value * mp.diff(s, z, 2)) < 1e-3


@pytest.mark.parametrize("name", [*CLOSED, "gaussian", "silu"])
def test_cusps_are_where_folds_merge(name: str) -> None:
    """Folds exist on one side of each cusp, and both tend to it."""
    curve = neuron_curve(name)
    for cusp in curve.cusps:
        weight, bias = float(number(cusp.w)), float(number(cusp.b))
        near = curve.region([weight * (1 - 1e-6), weight * (1 + 1e-6)])
        before, after = (row[np.isfinite(row[:, 0])] for row in near.folds)
        assert len(after) == len(before) + 2
        gap = np.sort(np.abs(after.mean(axis=1) - bias))[:2]
        assert (gap < 2e-5 * max(1.0, abs(weight))).all()


def test_a_corner_is_no_smooth_cusp() -> None:
    (cusp,) = neuron_curve("softsign").cusps
    assert tuple(cusp) == (1, 0, 0)
    assert not cusp.smooth


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (sg.Recurrence({x: w * sg.activation("sigmoid")(x) + b}, name="unit"), {}),
        (sg.Flow({x: -3 * x + 2 * sg.activation("tanh")(w * x + b + 1)}, name="flow"), {}),
        (sg.Flow({x: -x / 4 + w * sg.activation("arctan")(2 * x - b) + 1}, name="flow"), {}),
        (sp.Eq(x, w * sp.tanh(3 * x + 2 * b) + 5), {}),
        (sg.models.neuron(eps=None, w_in=None), {"eps": 0.25, "w_in": 2, "u": -1}),
        (sg.models.neuron(activation=sg.Activation("algebraic", x / sp.sqrt(1 + x**2))), {}),
        (sg.models.neuron(activation=sg.Activation("arsinh", sp.asinh(x))), {}),
    ],
)
def test_folds_of_other_units_solve_the_model(model: Any, values: dict[str, Any]) -> None:
    """Residual and its derivative by the state vanish at every fold, and the second derivative does not."""
    curve = sg.fixed_point_curve(model, values=values)
    system = scalar_system(model, values)
    assert len(curve.folds) == 2
    for fold in curve.folds:
        for weight in (9, sp.Rational(31, 2)):
            if fold.condition.subs(w, weight) != sp.true:
                continue
            numbers = {"w": weight, "b": fold.b.subs(w, weight)}
            at = {symbol: numbers[str(symbol)] for symbol in system.parameters}
            at[system.state] = fold.x.subs(w, weight)
            derivatives = [sp.diff(system.formula, system.state, k).subs(at) for k in range(3)]
            values_there = [abs(number(d)) for d in derivatives]
            assert values_there[0] < 1e-35
            assert values_there[1] < 1e-35
            assert values_there[2] > 1e-4


@pytest.mark.slow
def test_the_formula_of_the_curve_solves_the_model() -> None:
    for name in (*CLOSED, "softplus", "elu", "leaky_relu", "log_sigmoid", "selu"):
        curve, s = neuron_curve(name), sg.activation(name)
        state = {"softplus": sp.Rational(5, 7), "log_sigmoid": sp.Rational(-5, 7)}.get(name, sp.Rational(-3, 7))
        state = sp.Rational(2, 7) if name == "sigmoid" else state
        bias = sp.N(curve.expr.subs({w: 3, x: state}), 30)
        output = s.expr.subs(s.variable, 3 * state + bias).evalf(30)
        assert abs(output - state) < 1e-25, name
        slope = (curve.expr.subs({w: 3, x: state + sp.Rational(1, 10**12)}) - curve.expr.subs({w: 3, x: state})).evalf(
            40
        )
        assert abs(slope * 10**12 - curve.derivative.subs({w: 3, x: state}).evalf(30)) < 1e-9, name


@pytest.mark.parametrize("name", ["relu", "silu", "hard_tanh", "gaussian"])
def test_no_inverse_is_invented(name: str) -> None:
    curve = neuron_curve(name)
    assert curve.expr is None
    assert curve.derivative is None
    state, bias = curve.parametric
    for value in (-2.5, 0.75, 4.0):
        point = {sp.Symbol("z", real=True): sp.Rational(value), w: 3}
        at = float(state.subs(point)), float(bias.subs(point))
        assert (
            abs(float(sg.activation(name).expr.subs(sg.activation(name).variable, 3 * at[0] + at[1])) - at[0]) < 1e-12
        )


def brute_force_count(name: str, weight: float, bias: float) -> int:
    reach = 60.0 + abs(bias) + 2 * abs(weight)
    z = np.linspace(-reach, reach, 100001) + 1e-7
    with np.errstate(over="ignore"):
        logistic = 1 / (1 + np.exp(-z))
    s = {
        "sigmoid": logistic,
        "tanh": np.tanh(z),
        "gaussian": np.exp(-(z**2)),
        "silu": z * logistic,
        "hard_tanh": np.clip(z, -1, 1),
        "softsign": z / (1 + np.abs(z)),
        "leaky_relu": np.where(z > 0, z, 0.01 * z),
    }[name]
    return int(np.sum(np.diff(np.sign(z - weight * s - bias)) != 0))


@settings(max_examples=40)
@given(
    st.sampled_from(["sigmoid", "tanh", "gaussian", "silu", "hard_tanh", "softsign", "leaky_relu"]),
    st.floats(-20, 20).map(lambda v: round(v, 3)),
    st.floats(-12, 12).map(lambda v: round(v, 3)),
)
def test_counts_agree_with_sign_changes(name: str, weight: float, bias: float) -> None:
    arcs = arcs_of(sg.activation(name), sp.Rational(str(weight)))
    assume(abs(weight - 1) > 0.05 or name not in ("silu", "leaky_relu"))
    assume(all(abs(float(height) - bias) > 1e-2 for height in arcs.boundaries))
    assert neuron_curve(name).count(w=weight, b=bias) == brute_force_count(name, weight, bias)


@pytest.mark.parametrize(("weight", "bias"), [(0, 7.3), (1.5, 0.3), (-2.5, -7.1), (33.25, 5.5), (-10, 0.25)])
def test_periodic_slopes_are_counted_over_all_periods(weight: float, bias: float) -> None:
    z = np.linspace(-150, 150, 750001) + 1e-7
    waves = {
        "sin": (sg.activation("sin"), np.sin(z)),
        "drift": (sg.Activation("drift", x / 50 + sp.sin(x)), z / 50 + np.sin(z)),
    }
    for name, (activation, s) in waves.items():
        curve = sg.fixed_point_curve(sg.models.neuron(activation=activation))
        expected = np.sum(np.diff(np.sign(z - weight * s - bias)) != 0)
        assert curve.count(w=weight, b=bias) == expected, name
        assert curve.period == 2 * sp.pi
        assert len(curve.folds) == 2


def test_a_curve_that_does_not_grow_over_a_period() -> None:
    curve = sg.fixed_point_curve(sg.models.neuron(activation=sg.Activation("stairs", x + sp.sin(x) / 2)))
    assert [curve.count(w=1, b=bias) for bias in (0.25, 0.5, 0.75)] == [sp.oo, sp.oo, 0]


def test_a_false_height_of_a_fold_is_caught() -> None:
    """The comparison above tells arcs with one fold moved, or one left out, from the true ones."""
    arcs = arcs_of(sg.activation("sigmoid"), sp.Integer(8))
    moved = replace(arcs, heights=(arcs.heights[0], arcs.heights[1] - sp.Rational(1, 2), *arcs.heights[2:]))
    fewer = replace(arcs, heights=(arcs.heights[0], *arcs.heights[2:]), marks=arcs.marks[1:], turns=arcs.turns[1:])
    biases = [round(float(arcs.boundaries[-1]) + shift, 3) for shift in (-0.3, 0.2)]
    true = [brute_force_count("sigmoid", 8.0, bias) for bias in biases]
    assert [arcs.count(sp.Rational(str(bias))) for bias in biases] == true
    assert [moved.count(sp.Rational(str(bias))) for bias in biases] != true
    assert [fewer.count(sp.Rational(str(bias))) for bias in biases] != true


def test_counts_at_and_next_to_a_fold() -> None:
    curve = sg.fixed_point_curve(sg.models.neuron())
    for fold in curve.folds:
        exact = fold.b.subs(w, 5)
        assert curve.count(w=5, b=exact) == 2
        counts = [curve.count(w=5, b=exact + sp.Rational(sign, 10**30)) for sign in (-1, 1)]
        assert sorted(counts) == [1, 3]
    assert curve.count(w=4, b=-2) == 1
    assert sg.fixed_point_curve(sp.Eq(x, sg.activation("relu")(x))).count() == sp.oo
    assert neuron_curve("relu").count(w=2, b=0) == 1
    assert neuron_curve("relu").count(w=2, b=1) == 0


@pytest.mark.slow
@settings(max_examples=12)
@given(st.sampled_from([*CLOSED, "hard_tanh"]), st.integers(-40, 400), st.integers(-400, 400))
def test_bistability_is_where_three_fixed_points_are(name: str, tenths: int, bias: int) -> None:
    curve = neuron_curve(name)
    weight, offset = sp.Rational(tenths, 10) + sp.Rational(1, 30), sp.Rational(bias, 30) + sp.Rational(1, 700)
    region = curve.bistability
    assert region is not None
    assert (region.inside, region.outside) == (3, 1)
    inside = bool(region.weights.subs(w, weight)) and bool(region.condition.subs({w: weight, b: offset}))
    assert inside == (curve.count(w=weight, b=offset) == 3)


@pytest.mark.parametrize("name", ["sigmoid", "erf", "silu", "gaussian"])
def test_enclosed_folds_hold_the_exact_ones(name: str) -> None:
    """Each interval holds the fold and is narrow; moved by twice its width, it does not."""
    weights = [4.25, 12.0, 1e3, -15.5]
    found = neuron_curve(name).region(weights)
    for weight, row in zip(weights, found.folds, strict=True):
        exact = sorted(number(f.b) for f in neuron_curve(name, values={"w": sp.Rational(weight)}).folds)
        bounds = row[np.isfinite(row[:, 0])]
        assert len(bounds) == len(exact)
        for (low, high), value in zip(bounds, exact, strict=True):
            assert low <= value <= high
            assert high - low <= 4e-16 * max(1, abs(value))
            shift = 2 * np.spacing(abs(high))
            assert not low + shift <= value <= high + shift


def test_region_has_the_shape_that_it_says() -> None:
    found = sg.fixed_point_curve(sg.models.neuron()).region(np.linspace(3, 6, 7))
    assert found.weights.shape == (7,)
    assert found.folds.shape == (7, 2, 2)
    assert found.lower.shape == found.upper.shape == (7, 2)
    assert np.isnan(found.folds[:3]).all()
    assert np.isfinite(found.folds[3:]).all()
    empty = neuron_curve("identity").region([1.0, 2.0])
    assert empty.folds.shape == (2, 0, 2)
    assert np.isnan(empty.upper).all()
    flips = sg.fixed_point_curve(sg.models.neuron()).region([-8.0], multiplier=-1)
    assert np.allclose(flips.folds[0, :, 0], [4 - 4.5911742988, 4 + 4.5911742988])


def test_kinks_fold_and_flip() -> None:
    curve = neuron_curve("hard_tanh")
    assert [(f.kind, f.b, f.condition) for f in curve.folds] == [
        ("kink fold", w - 1, w > 1),
        ("kink fold", 1 - w, w > 1),
    ]
    assert [f.kind for f in curve.flip] == ["kink flip"] * 2
    assert neuron_curve("relu", values={"w": 1}).folds == ()
    steep = neuron_curve("elu", values={"w": 3})
    assert [f.x for f in steep.folds] == [sp.Rational(-2, 3)]


def test_folds_that_meet_at_a_kink() -> None:
    """A smooth fold and the fold of the kink merge where s' tends to 1/W on one side of the kink."""
    (cusp,) = neuron_curve("selu").cusps
    assert not cusp.smooth
    assert (cusp.b, cusp.x) == (0, 0)
    weight = float(number(cusp.w))
    assert [len(neuron_curve("selu", values={"w": weight * f}).folds) for f in (0.999, 1.001)] == [0, 2]
    assert neuron_curve("selu", values={"w": cusp.w}).folds == ()
    assert [float(c.w) for c in neuron_curve("hardswish").cusps] == pytest.approx([-2, 2 / 3])


def test_counts_between_folds_that_nearly_meet() -> None:
    curve = neuron_curve("silu", values={"w": sp.Rational("0.90922373")})
    assert curve.regions[0].counts == (1, 3, 1)


def test_equal_cusps_that_have_no_closed_form() -> None:
    """Two cusps at the same weight, by symmetry: they cannot be told apart, and nothing is claimed between them."""
    double = sg.Activation("double", sp.atan(x) + sp.atan(x - 4))
    curve = sg.fixed_point_curve(sg.models.neuron(activation=double))
    assert len(curve.cusps) == 3
    assert len(curve.critical_weights) < 2 + len(curve.cusps)
    assert curve.regions == ()
    assert curve.count(w=1.5, b=-1.5) == 1


def test_a_cusp_is_no_fold() -> None:
    (point,) = neuron_curve("sigmoid", values={"w": 4}).folds
    assert point.kind == "cusp"
    assert point.nondegenerate == sp.false
    assert neuron_curve("sigmoid", values={"w": 4}).regions[0].counts == (1,)


def test_values_keep_the_symbols_of_the_weight_and_the_bias() -> None:
    curve = sg.fixed_point_curve(sg.models.neuron(), values={"w": 5, "b": -2.5})
    assert curve.given == {w: 5, b: sp.Rational(-5, 2)}
    assert curve.count() == 3
    assert curve.bias == b
    assert tuple(curve.cusps[0]) == (4, -2, sp.Rational(1, 2))
    plain = sg.fixed_point_curve(sg.models.neuron(w=5, b=-2.5))
    assert {str(s): value for s, value in plain.given.items()} == {"W": 5, "B": sp.Rational(-5, 2)}
    assert tuple(plain.cusps[0]) == (4, -2, sp.Rational(1, 2))
    assert plain.count() == 3
    fixed = sg.fixed_point_curve(sp.Eq(x, sp.tanh(2 * x)))
    assert (str(fixed.weight), str(fixed.bias)) == ("W", "B")
    assert fixed.count() == 3


@pytest.mark.slow
def test_an_equation_with_the_inverse_is_the_unit() -> None:
    """The equation ``x = log(x/(1 - x)) - 5 x`` is the neuron with w = 6 and b = 0."""
    curve = sg.fixed_point_curve(sp.Eq(x, sp.log(x / (1 - x)) - w * x - b))
    neuron = sg.fixed_point_curve(sg.models.neuron())
    for mine, other in zip(curve.folds, neuron.folds, strict=True):
        assert number(mine.x.subs(w, 5) - other.x.subs(w, 6)) == 0
        assert abs(number(mine.b.subs(w, 5)) - number(other.b.subs(w, 6))) < 1e-40
    assert tuple(curve.cusps[0]) == (3, -2, sp.Rational(1, 2))
    assert curve.count(w=5, b=-3) == neuron.count(w=6, b=-3) == 3
    assert curve.flip == ()
    assert curve.multiplier is None
    assert "solutions" in curve.plot(weights=[5.0]).get_legend_handles_labels()[1]
    assert sg.fixed_point_curve(sp.Eq(x, 3 * sp.atanh(x))).count() == 1
    with pytest.raises(InputError, match="one unit"):
        sg.fixed_point_curve(sp.Eq(x, sp.tan(3 * x) ** 2))


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda: sg.fixed_point_curve(sg.models.gru()), InputError, "one scalar state"),
        (lambda: sg.fixed_point_curve(sp.Eq(x, x**2 + b)), InputError, "one unit"),
        (lambda: sg.fixed_point_curve(3), InputError, "model"),
        (lambda: sg.fixed_point_curve(sg.models.neuron(), values={"q": 1}), UnknownNameError, "q"),
        (lambda: sg.fixed_point_curve(sg.models.neuron(), values={"w": [1, 2]}), InputError, "finite real number"),
        (lambda: sg.fixed_point_curve(sg.models.neuron()).count(w=5), InputError, "numbers for b"),
        (lambda: sg.fixed_point_curve(sg.models.neuron()).count(w=5, q=1), InputError, "'q'"),
        (lambda: sg.fixed_point_curve(sg.models.neuron()).region([[1.0]]), InputError, "shape"),
        (lambda: sg.fixed_point_curve(sg.models.neuron()).region([np.nan]), InputError, "finite"),
        (lambda: sg.fixed_point_curve(sg.models.neuron()).region([1.0], multiplier=2), InputError, "multiplier"),
        (lambda: sg.fixed_point_curve(sg.models.neuron()).plot("cobweb"), InputError, "kind"),
        (lambda: sg.fixed_point_curve(sg.models.neuron(eps=None)).plot(), InputError, "eps"),
        (
            lambda: sg.fixed_point_curve(sg.models.neuron(activation=sg.Activation("step", sp.Heaviside(x, 0)))),
            UnsupportedExpressionError,
            "jumps",
        ),
    ],
)
def test_errors_say_what_is_wrong(made: Callable[[], Any], error: type[SymgradError], words: str) -> None:
    with pytest.raises(error, match=words):
        made()


def test_pieces_are_monotone() -> None:
    """Between the ends of each piece the slope goes one way, in sampled values too."""
    for name in ("gelu", "mish", "softsign", "gaussian"):
        for piece in slope_pieces(sg.activation(name)):
            low, high = max(-20.0, float(piece.left.value)), min(20.0, float(piece.right.value))
            z = np.linspace(low, high, 60)[1:-1]
            with mp.workdps(30):
                slopes = [mp.diff(ACTIVATIONS[name], mp.mpf(float(value))) for value in z]
            steps = [later - first for first, later in pairwise(slopes)]
            assert all(step * piece.direction > -1e-20 for step in steps)


@pytest.mark.slow
def test_presentation() -> None:
    curve = sg.fixed_point_curve(sg.models.neuron())
    assert "curve: b(x) = -w*x + log(x/(1 - x)) for x in (0, 1)" in str(curve)
    assert "cusp: w = 4, b = -2, x = 1/2" in str(curve)
    assert r"\frac{d b}{d x}" in curve.latex()
    for name in ("sigmoid", "silu", "selu", "hard_tanh", "identity"):
        found = neuron_curve(name)
        data = json.loads(json.dumps(found.to_dict()))
        assert len(data["folds"]) == len(found.folds)
        assert data["kind"] == "fixed point curve"
        assert found.latex().count("{") == found.latex().count("}")
        for part in (*found.folds, *found.cusps, *found.regions):
            assert part.text()
            assert part.latex()
            assert json.dumps(part.to_dict())
    values = curve.region([3.0, 5.0])
    assert "-2.655610" in str(values)
    assert json.loads(json.dumps(values.to_dict()))["folds"][0][0][0] == "nan"


def test_pictures_mark_what_is_special() -> None:
    curve = sg.fixed_point_curve(sg.models.neuron(), values={"w": 5, "b": -2.5})
    axes = curve.plot()
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["stable"].get_linestyle() == "-"
    assert lines["unstable"].get_linestyle() == "--"
    folds = [tuple(map(float, line.get_xydata()[0])) for line in axes.get_lines() if line.get_marker() == "o"]
    expected = [(float(number(fold.b)), float(number(fold.x))) for fold in curve.folds]
    assert np.allclose(sorted(folds), sorted(expected))
    bias, state = lines["unstable"].get_xydata().T
    assert np.allclose(np.log(state / (1 - state)) - 5 * state, bias)
    plane = curve.plot("region")
    assert {text.get_text() for text in plane.texts} == {"1", "3"}
    assert plane.get_xlabel() == "weight $w$"


def test_equations_as_text_and_of_sympy_have_the_same_curve() -> None:
    x, w, b = sp.symbols("x w b")
    written = sg.fixed_point_curve("x = tanh(w*x + b)")
    built = sg.fixed_point_curve(sp.Eq(x, sp.tanh(w * x + b)))
    assert str(written) == str(built)
