"""Bifurcations of scalar systems against published points, mpmath at 50 digits, brute force and simulation."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import symgrad as sg
from symgrad.dynamics.bifurcation_points import BifurcationPoint
from symgrad.dynamics.critical_box import FLIPS, STATIONARY, box_points
from symgrad.dynamics.critical_points import without_positive_factors
from symgrad.dynamics.scalar_system import scalar_system
from symgrad.errors import InputError, UnknownNameError
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.functions import logistic, softplus

x, r, p, q = sp.symbols("x r p q")
Array = NDArray[np.float64]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "tanh": mp.tanh,
    "arctan": mp.atan,
    "erf": mp.erf,
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "gaussian": lambda z: mp.exp(-(z**2)),
}


def kinds(found: sg.Bifurcations) -> list[str]:
    return [point.kind for point in found]


def holds(ball: arb, number: Any) -> bool:
    """Whether a ball contains a number of 50 digits, up to an error of 1e-45."""
    with working_precision(256):
        return bool(ball.overlaps(arb(mp.nstr(number, 48), 1e-45)))


def shifted(ball: arb) -> arb:
    with working_precision(256):
        return ball + arb("1e-30")


# --- published points -------------------------------------------------------------


def test_cusp_of_the_logistic_neuron() -> None:
    (cusp,) = sg.bifurcations(sg.models.neuron(), ("w", "b"))
    assert (cusp.kind, cusp.exact_parameter, cusp.exact_second, cusp.exact_state) == ("cusp", 4, -2, (sp.S.Half,))
    assert cusp.nondegenerate


def test_parameter_that_passes_through_the_cusp() -> None:
    found = sg.bifurcations(sg.models.neuron(), "w", {"b": -2})
    (cusp,) = found.of_kind("cusp")
    assert (cusp.exact_parameter, cusp.exact_state) == (4, (sp.S.Half,))
    assert found.complete


def test_folds_of_the_logistic_neuron() -> None:
    found = sg.bifurcations(sg.models.neuron(), "b", {"w": 5})
    states = [(1 + sign * sp.sqrt(sp.Rational(1, 5))) / 2 for sign in (1, -1)]
    assert kinds(found) == ["saddle-node", "saddle-node"]
    assert found.complete
    for point, state in zip(found, states, strict=True):
        assert point.exact_state is not None
        assert sp.simplify(point.exact_state[0] - state) == 0
        exact = sp.log(state / (1 - state)) - 5 * state
        assert point.parameter.overlaps(to_ball(exact, 100))
        assert point.parameter.rad() < 1e-15
        assert point.nondegenerate
        assert point.eigenvalues == (arb(1),)


def test_pitchfork_of_tanh() -> None:
    found = sg.bifurcations(sg.models.neuron(activation="tanh"), "w", {"b": 0})
    flip, pitchfork = found
    assert (pitchfork.kind, pitchfork.exact_parameter, pitchfork.criticality) == ("pitchfork", 1, "supercritical")
    assert pitchfork.exact_coefficients == {"F_xxx/6": sp.Rational(-1, 3), "F_xp": 1}
    assert (flip.kind, flip.exact_parameter, flip.criticality) == ("flip", -1, "supercritical")


def test_imperfect_pitchfork_is_a_fold() -> None:
    found = sg.bifurcations(sg.models.neuron(activation="tanh"), "w", {"b": 1e-6}, interval=(0, 5))
    (fold,) = found
    assert fold.kind == "saddle-node"
    assert found.complete
    assert 1 < fold.value < 1.001
    with mp.workdps(50):
        b = mp.mpf(10) ** -6
        z = mp.findroot(
            lambda z: (z - b) * mp.sech(z) ** 2 - mp.tanh(z), float(fold.state[0].mid()) * fold.value + 1e-6
        )
        assert holds(fold.parameter, 1 / mp.sech(z) ** 2)
        assert not holds(shifted(fold.parameter), 1 / mp.sech(z) ** 2)


def test_logistic_map() -> None:
    found = sg.bifurcations(sg.Recurrence({x: r * x * (1 - x)}), "r")
    assert [(point.kind, point.exact_parameter) for point in found] == [
        ("flip", -1),
        ("transcritical", 1),
        ("flip", 3),
    ]
    assert found.complete
    assert found[2].exact_state == (sp.Rational(2, 3),)
    assert found[2].exact_coefficients == {"c": 9, "dm/dp": -1}
    assert found[2].criticality == "supercritical"


@pytest.mark.parametrize("eps", [sp.Rational(1, 2), pytest.param(sp.S.One, marks=pytest.mark.slow)])
def test_flips_of_the_neuron_with_a_step(eps: sp.Expr) -> None:
    """Doya 1993: ``w x (1 - x) = 1 - 2/eps``, so that w <= 4 (1 - 2/eps)."""
    w = 4 * (1 - 2 / eps) - 3
    found = sg.bifurcations(sg.models.neuron(eps=eps), "b", {"w": w})
    assert kinds(found) == ["flip", "flip"]
    assert found.complete
    for point in found:
        state = point.state[0]
        assert abs(w * state * (1 - state) - to_ball(1 - 2 / eps)) < 1e-12
    assert kinds(sg.bifurcations(sg.models.neuron(eps=eps), "b", {"w": w + sp.Rational(7, 2)})) == []


def test_flow_has_no_flips() -> None:
    flow = sg.Flow({x: -x + sg.activation("sigmoid")(p * x - 2)})
    assert kinds(sg.bifurcations(flow, "p")) == ["cusp"]


def test_subcritical_pitchfork_of_a_flow() -> None:
    found = sg.bifurcations(sg.Flow({x: p * x + x**3 - x**5}), "p")
    assert [(point.kind, point.exact_parameter) for point in found] == [
        ("saddle-node", sp.Rational(-1, 4)),
        ("saddle-node", sp.Rational(-1, 4)),
        ("pitchfork", 0),
    ]
    assert found[2].criticality == "subcritical"
    assert found[0].eigenvalues == (arb(0),)


def test_step_as_the_parameter() -> None:
    found = sg.bifurcations(sg.models.neuron(eps=None), "eps", {"w": -3, "b": 1})
    (flip,) = found
    with mp.workdps(50):
        state = mp.findroot(lambda v: 1 / (1 + mp.exp(3 * v - 1)) - v, 0.43)
        assert holds(flip.parameter, 2 / (1 + 3 * state * (1 - state)))
        assert holds(flip.state[0], state)
    assert "every state" in found.remarks[0]


# --- completeness against brute force -----------------------------------------------


def grid_count(system: Any, parameter: float, low: float, high: float) -> int:
    """Changes of sign of ``z - W s(z) - B`` on a fine grid."""
    z = np.linspace(low, high, 40001)
    values = system(z, parameter)
    return int(np.sum(np.sign(values[1:]) != np.sign(values[:-1])))


NUMPY: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "arctan": np.arctan,
    "gaussian": lambda z: np.exp(-(z**2)),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
}


CASES = given(
    name=st.sampled_from(sorted(NUMPY)),
    fixed=st.integers(-60, 60).map(lambda n: n / 7),
    which=st.sampled_from(["w", "b"]),
)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, derandomize=True)
@CASES
def test_counts_of_fixed_points_change_only_at_what_is_found(name: str, fixed: float, which: str) -> None:
    check_counts(name, fixed, which)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@CASES
def test_counts_of_fixed_points_in_many_cases(name: str, fixed: float, which: str) -> None:
    check_counts(name, fixed, which)


def check_counts(name: str, fixed: float, which: str) -> None:
    other = "b" if which == "w" else "w"
    found = sg.bifurcations(sg.models.neuron(activation=name), which, {other: fixed}, interval=(-10, 10))
    assert found.complete

    def residual(z: Array, parameter: float) -> Array:
        w, b = (parameter, fixed) if which == "w" else (fixed, parameter)
        return z - w * NUMPY[name](z) - b

    places = sorted({-10.0, *(point.value for point in found if point.kind != "flip"), 10.0})
    for low, high in itertools.pairwise(places):
        if high - low > 0.05:
            inner = np.linspace(low, high, 6)[1:-1] + 1e-3 * (high - low)
            assert len({grid_count(residual, value, -40.0, 40.001) for value in inner}) == 1
    for point in found:
        if point.kind == "saddle-node" and min(abs(point.value - v) for v in [*places, 99.0] if v != point.value) > 0.1:
            sides = [grid_count(residual, point.value + side * 0.02, -40.0, 40.001) for side in (-1, 1)]
            assert abs(sides[0] - sides[1]) == 2


QUICK = {("sigmoid", "b"), ("tanh", "w"), ("silu", "b")}


@pytest.mark.parametrize(
    ("name", "which"),
    [
        pytest.param(name, which, marks=() if (name, which) in QUICK else pytest.mark.slow)
        for name in sorted(FUNCTIONS)
        for which in ("w", "b")
    ],
)
def test_points_at_fifty_digits(name: str, which: str) -> None:
    """Newton's method on the augmented system in mpmath lands in the balls, and not in balls moved by 1e-30."""
    others = {"b": -1.25} if which == "w" else {"w": -7}
    found = sg.bifurcations(sg.models.neuron(activation=name), which, others, interval=(-30, 30))
    assert found.complete
    assert len(found) > 0
    s = FUNCTIONS[name]
    with mp.workdps(60):
        for point in found:
            multiplier = -1 if point.kind == "flip" else 1

            def equations(state: Any, value: Any, multiplier: int = multiplier) -> list[Any]:
                w, b = (value, mp.mpf(-5) / 4) if which == "w" else (mp.mpf(-7), value)
                return [s(w * state + b) - state, w * mp.diff(s, w * state + b) - multiplier]

            start = [mp.mpf(float(point.state[0].mid())), mp.mpf(point.value)]
            state, value = mp.findroot(equations, start, tol=1e-80, maxsteps=60)
            assert holds(point.state[0], state)
            assert holds(point.parameter, value)
            assert not holds(shifted(point.parameter), value)
            assert not holds(shifted(point.state[0]), state)


def test_subdivision_finds_what_the_reduction_finds() -> None:
    system = scalar_system(sg.models.neuron(activation="tanh"), {"b": sp.Rational(1, 10)})
    w = system.symbol("w")
    full = sg.bifurcations(sg.models.neuron(activation="tanh"), "w", {"b": 0.1}, interval=(-3, 3))
    for kind, name in ((STATIONARY, "saddle-node"), (FLIPS, "flip")):
        points, undecided, _ = box_points(system, w, sp.Interval(-3, 3), sp.Interval(-2, 2), kind)
        assert not undecided
        assert len(points) == len(full.of_kind(name)) == 1
        assert points[0].parameter.overlaps(full.of_kind(name)[0].parameter)
        assert points[0].kind == name


def test_parameter_within_the_nonlinearity() -> None:
    found = sg.bifurcations(sg.Recurrence({x: sp.sin(p * x) + x**2 / 10}), "p", interval=(-2, 2), box=(-1, 1))
    assert [(point.kind, point.exact_parameter) for point in found if point.kind != "saddle-node"] == [
        ("flip", -1),
        ("transcritical", 1),
    ]
    (fold,) = found.of_kind("saddle-node")
    with mp.workdps(60):
        state, value = mp.findroot(
            lambda s, v: [mp.sin(v * s) + s * s / 10 - s, v * mp.cos(v * s) + s / 5 - 1], [0.3178, 0.984]
        )
        assert holds(fold.parameter, value)
        assert holds(fold.state[0], state)
    assert found.complete


@pytest.mark.slow
def test_powers_of_the_parameter() -> None:
    found = sg.bifurcations(sg.Recurrence({x: sp.tanh(p**2 * x)}), "p")
    assert [(point.kind, point.exact_parameter) for point in found] == [("pitchfork", -1), ("pitchfork", 1)]


@pytest.mark.slow
def test_a_line_of_critical_points_stays_undecided() -> None:
    ricker = sg.bifurcations(sg.Recurrence({x: x * sp.exp(r * (1 - x))}), "r", interval=(0, 3), box=(-1, 3))
    assert not ricker.complete
    assert ricker.undecided
    assert [point.exact_parameter for point in ricker.of_kind("flip")] == [2]


def test_what_is_degenerate_stays_undecided() -> None:
    linear = sg.bifurcations(sg.models.neuron(activation="identity"), "w", {"b": 0})
    (point,) = [point for point in linear if point.kind == "undecided"]
    assert point.exact_parameter == 1
    assert point.nondegenerate is False
    quintic = sg.bifurcations(sg.Flow({x: p - x**5}), "p")
    assert [(point.kind, point.nondegenerate) for point in quintic] == [("undecided", False)]


# --- kinks ----------------------------------------------------------------------------


def test_folds_at_kinks() -> None:
    relu = sg.bifurcations(sg.models.neuron(activation="relu"), "b", {"w": 2})
    (point,) = relu
    assert (point.kind, point.exact_parameter, point.exact_state) == ("border-collision", 0, (0,))
    assert [float(value.mid()) for value in point.eigenvalues] == [0, 2]
    assert "b <" in point.conditions[-1]
    assert kinds(sg.bifurcations(sg.models.neuron(activation="relu"), "b", {"w": 0.5})) == []
    hard = sg.bifurcations(sg.models.neuron(activation="hard_tanh"), "b", {"w": 2})
    assert [(point.exact_parameter, point.exact_state) for point in hard] == [(-1, (1,)), (1, (-1,))]


def test_softsign_has_a_kink_in_its_slope() -> None:
    found = sg.bifurcations(sg.models.neuron(activation="softsign"), "w", {"b": 0})
    assert [(p.kind, p.exact_parameter, p.nondegenerate) for p in found] == [("flip", -1, None), ("pitchfork", 1, None)]
    assert found[1].criticality == "supercritical"
    assert kinds(sg.bifurcations(sg.models.neuron(activation="softsign"), "b", {"w": 1})) == ["cusp"]


def test_crossing_a_kink_changes_the_stability() -> None:
    (point,) = sg.bifurcations(sg.models.neuron(activation="relu"), "b", {"w": -2})
    assert point.kind == "border-collision"
    assert "stability changes" in point.conditions[-1]
    assert sg.fixed_points(sg.models.neuron(activation="relu"), {"w": -2, "b": -1})[0].stability == "stable"
    assert sg.fixed_points(sg.models.neuron(activation="relu"), {"w": -2, "b": 1})[0].stability == "unstable"


# --- normal forms ------------------------------------------------------------------------


def test_flip_coefficient_predicts_the_cycle() -> None:
    """Near a supercritical flip the cycle of period two has the amplitude ``sqrt(|mu| / c)``, mu the multiplier + 1."""
    model = sg.models.neuron(activation="tanh")
    found = sg.bifurcations(model, "w", {"b": 0.3}, interval=(-3, 0))
    (flip,) = found
    coefficient, speed = (float(flip.coefficients[name].mid()) for name in ("c", "dm/dp"))
    value = flip.value - np.sign(speed) * 1e-4
    state = 0.3
    for _ in range(200001):
        state = np.tanh(value * state + 0.3)
    amplitude = abs(np.tanh(value * state + 0.3) - state) / 2
    assert amplitude == pytest.approx(np.sqrt(1e-4 * abs(speed) / coefficient), rel=0.01)


def test_saddle_node_coefficients_predict_the_distance() -> None:
    (upper, lower) = sg.bifurcations(sg.models.neuron(), "b", {"w": 6})
    step = 1e-6
    for point, side in ((upper, 1), (lower, -1)):
        near = sg.fixed_points(sg.models.neuron(), {"w": 6, "b": point.value + side * step})
        distances = sorted(abs(other.value - float(point.state[0].mid())) for other in near)[:2]
        a, slope = (float(point.coefficients[name].mid()) for name in ("F_xx/2", "F_p"))
        assert distances == pytest.approx([np.sqrt(abs(slope / a) * step)] * 2, rel=0.01)
        assert f"b {'>' if side > 0 else '<'}" in point.conditions[-1]


def test_coefficients_against_finite_differences() -> None:
    for point in sg.bifurcations(sg.models.neuron(activation="arctan", eps=0.75), "w", {"b": 0.5}, interval=(-9, 9)):
        with mp.workdps(40):
            at = [mp.mpf(float(point.state[0].mid())), mp.mpf(point.value)]

            def update(state: Any, value: Any) -> Any:
                return state / 4 + 3 * mp.atan(value * state + mp.mpf(1) / 2) / 4

            d = {order: mp.diff(update, at, order) for order in ((2, 0), (3, 0), (0, 1), (1, 1))}
        expected = {
            "F_xx/2": d[2, 0] / 2,
            "F_p": d[0, 1],
            "c": d[2, 0] ** 2 / 4 + d[3, 0] / 6,
            "dm/dp": d[1, 1] + d[2, 0] * d[0, 1] / 2,
        }
        for name, ball in point.coefficients.items():
            assert float(ball.mid()) == pytest.approx(float(expected[name]), rel=1e-9)


# --- the rest ------------------------------------------------------------------------------


def test_branches_carry_the_points() -> None:
    found = sg.bifurcations(sg.models.neuron(), "b", {"w": 6})
    (branch,) = found.branches
    assert branch.special == found.points
    assert branch.states.shape == (len(branch), 1)
    residual = 1 / (1 + np.exp(-6 * branch.states[:, 0] - branch.parameter)) - branch.states[:, 0]
    assert np.abs(residual).max() < 1e-9
    assert not branch.stable.all()
    assert branch.stable[[0, -1]].all()


def test_interval_and_box_select() -> None:
    model = sg.models.neuron()
    folds = sg.bifurcations(model, "b", {"w": 5})
    assert kinds(sg.bifurcations(model, "b", {"w": 5}, interval=(-2.5, 0))) == ["saddle-node"]
    assert kinds(sg.bifurcations(model, "b", {"w": 5}, box=(0, 0.5))) == ["saddle-node"]
    end = folds[0].exact_parameter
    assert end is not None
    assert kinds(sg.bifurcations(model, "b", {"w": 5}, interval=(-3, end))) == ["saddle-node"]


def test_equations() -> None:
    (fold,) = sg.bifurcations(sp.Eq(p + x**2, 0), "p")
    assert (fold.kind, fold.eigenvalues, fold.exact_parameter) == ("saddle-node", (), 0)


@pytest.mark.parametrize(
    "name", ["erf", *(pytest.param(name, marks=pytest.mark.slow) for name in ("arctan", "silu", "gaussian"))]
)
def test_cusps_at_fifty_digits(name: str) -> None:
    s = FUNCTIONS[name]
    found = sg.bifurcations(sg.models.neuron(activation=name), ("w", "b"))
    assert found.complete
    with mp.workdps(50):
        for point in found:
            start = float(point.state[0].mid()) * point.value + float(point.second.mid() if point.second else 0)
            z = mp.findroot(lambda v: mp.diff(s, v, 2), start, tol=1e-70)
            w = 1 / mp.diff(s, z)
            assert point.second is not None
            assert abs(float(point.parameter.mid()) - w) < 1e-14 * abs(w)
            assert abs(float(point.second.mid()) - (z - w * s(z))) < 1e-14 * (1 + abs(w))
            assert abs(float(point.parameter.mid() * (1 + arb("1e-12"))) - w) > 1e-14 * abs(w)


def test_cusps_at_kinks() -> None:
    (cusp,) = sg.bifurcations(sg.models.neuron(activation="softsign"), ("w", "b"))
    assert (cusp.exact_parameter, cusp.exact_second, cusp.nondegenerate) == (1, 0, None)
    assert not sg.bifurcations(sg.models.neuron(activation="relu"), ("w", "b")).complete


@pytest.mark.slow
def test_two_parameters_without_a_unit() -> None:
    (cusp,) = sg.bifurcations(sg.Flow({x: p + q * x - x**3}), ("p", "q"))
    assert (cusp.exact_parameter, cusp.exact_second, cusp.exact_state) == (0, 0, (0,))
    model = sg.Recurrence({x: sp.tanh(p * x + sp.sin(q) * x**2 + q)})
    boxed = sg.bifurcations(model, ("p", "q"), interval=((0.5, 2), (-0.6, 0.7)), box=(-0.9, 0.8))
    for point in boxed:
        assert point.kind == "cusp"
        assert point.second is not None
        assert point.nondegenerate


def test_errors_name_the_argument() -> None:
    neuron = sg.models.neuron()
    with pytest.raises(InputError, match="values: numbers for b"):
        sg.bifurcations(neuron, "w")
    with pytest.raises(UnknownNameError):
        sg.bifurcations(neuron, "v", {"w": 1, "b": 0})
    with pytest.raises(InputError, match="parameter: x is the unknown"):
        sg.bifurcations(neuron, "x", {"w": 1, "b": 0})
    with pytest.raises(InputError, match="interval"):
        sg.bifurcations(neuron, "w", {"b": 1}, interval=3)
    with pytest.raises(InputError, match="finite interval of p"):
        sg.bifurcations(sg.Recurrence({x: sp.sin(p * x) + x**2}), "p", box=(-1, 1))
    with pytest.raises(InputError, match="two different"):
        sg.bifurcations(neuron, ("w", "w"), {"b": 1})
    with pytest.raises(InputError, match="does not move"):
        sg.bifurcations(sg.models.neuron(eps=None), ("eps", "b"), {"w": 1})


def test_presentation() -> None:
    found = sg.bifurcations(sg.models.neuron(activation="tanh"), "w", {"b": 0})
    assert "supercritical pitchfork" in str(found)
    assert "no others" in str(found)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["points"][1]["exact"]["parameter"]["text"] == "1"
    assert data["complete"]
    assert r"F_{xxx}/6" in found.latex()
    assert "pitchfork" in found[1].text()
    assert "pitchfork" in found[1].latex()
    axes = found.plot()
    assert axes.get_xlabel() == "$w$"
    assert {"stable", "unstable", "pitchfork", "flip"} == set(axes.get_legend_handles_labels()[1])
    assert {line.get_linestyle() for line in axes.get_lines()} >= {"-", "--"}
    assert "approximate" in found.branches[0].text()
    assert found.branches[0].to_dict()["kind"] == "branch"
    with pytest.raises(InputError, match="component"):
        found.plot(component=1)


def test_a_record_states_its_proof() -> None:
    point = BifurcationPoint("undecided", arb(1), (arb(0),), status="undecided")
    assert not point.decided
    assert point.value == 1.0


@pytest.mark.slow
def test_a_strongly_biased_mish_unit_is_searched_completely():
    found = sg.bifurcations(sg.models.neuron(activation="mish"), "w", {"b": -200})
    assert found.complete
    assert [point.kind for point in found] == ["saddle-node", "flip", "saddle-node", "flip"]
    with mp.workdps(60):

        def mish(z):
            return z * mp.tanh(mp.log1p(mp.exp(z)))

        def level(z):
            return (z + 200) / mish(z)

        turns = [mp.findroot(lambda z: mp.diff(level, z) * mish(z), start) for start in (-199, -1.2)]
        assert [point.value for point in found.of_kind("saddle-node")] == pytest.approx(
            [float(level(z)) for z in turns]
        )
    # the picture leaves out parameters of other orders of magnitude
    assert max(abs(point.value) for point in found) > 1e80
    assert all(np.abs(branch.parameter).max() < 1e4 for branch in found.branches)
    axes = found.plot()
    assert "2 far off" in axes.get_title()
    assert max(map(abs, axes.get_xlim())) < 1e4


@pytest.mark.parametrize("point", [-30, -3, 0.5, 20])
def test_factors_without_zeros_keep_the_zeros(point):
    z = sp.Symbol("z", real=True)
    formula = sp.tanh(softplus(z)) * (z - sp.Rational(point)) * (logistic(z) + 1)
    assert sp.roots(without_positive_factors(formula), z) == {sp.Rational(point): 1}
    assert without_positive_factors(2 * logistic(z) - 1).subs(z, 0) == 0  # it has a zero in (0, 1)


@pytest.mark.slow
def test_tiny_coefficients_are_told_from_zero():
    found = sg.bifurcations(sg.models.neuron(activation="mish"), "w", {"b": 1000}, interval=(-2, 2), box=(400, 600))
    (flip,) = found
    assert (flip.kind, flip.criticality) == ("flip", "subcritical")
    assert flip.coefficients["c"] < 0
    assert flip.coefficients["c"] > -(arb(10) ** -400)
