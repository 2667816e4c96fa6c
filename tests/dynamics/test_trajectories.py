"""Trajectories with derivatives against recursions at 60 digits, autograd, quadrature and other integrators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import symgrad as sg
from symgrad.dynamics.trajectories import TrajectorySensitivity
from symgrad.errors import InputError, UnknownNameError
from symgrad.rigor.balls import working_precision

X, W, B = sp.symbols("x w b")
VALUES = {"w": 5, "b": -2.5}


def _flow(activation: str = "sigmoid") -> sg.Flow:
    return sg.Flow({X: -X + sg.activation(activation)(W * X + B)})


def _ball(value: mpmath.mpf, digits: int = 50) -> arb:
    size = arb(mpmath.nstr(abs(value), 10))
    return arb(mpmath.nstr(value, 60), (size * arb(10) ** -digits).upper())


def _recursion(
    function: Callable, slope: Callable, w: float, b: float, start: float, steps: int
) -> tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf, mpmath.mpf]:
    """x, dx/dx(0), dx/dw and dx/db of x' = s(w x + b) in mpmath."""
    w, b, x = (mpmath.mpf(repr(value)) for value in (w, b, start))
    p, v, u = mpmath.mpf(1), mpmath.mpf(0), mpmath.mpf(0)
    for _ in range(steps):
        d = slope(w * x + b)
        p, v, u, x = w * d * p, w * d * v + x * d, w * d * u + d, function(w * x + b)
    return x, p, v, u


def _logistic(z: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-z))


def _gelu(z: mpmath.mpf) -> mpmath.mpf:
    return z * (1 + mpmath.erf(z / mpmath.sqrt(2))) / 2


_FUNCTIONS = {"sigmoid": _logistic, "tanh": mpmath.tanh, "gelu": _gelu}


def _encloses(found: TrajectorySensitivity, reference: tuple[mpmath.mpf, ...]) -> bool:
    with working_precision(300):
        balls = (found.end, found.growth, found.by("w"), found.by("b"))
        return all(ball.overlaps(_ball(value)) for ball, value in zip(balls, reference, strict=True))


@settings(max_examples=25)
@given(w=st.integers(-90, 90), b=st.integers(-50, 50), start=st.integers(-30, 30), steps=st.integers(1, 60))
def test_maps_are_enclosed(w: int, b: int, start: int, steps: int) -> None:
    values = {"w": w / 10, "b": b / 10}
    found = sg.sensitivity(sg.models.neuron(), values).along(start / 10, steps, precision=30)
    with mpmath.workdps(120):
        reference = _recursion(_logistic, lambda z: _logistic(z) * _logistic(-z), w / 10, b / 10, start / 10, steps)
    assert found.certified
    assert _encloses(found, reference)
    assert found.growth.is_zero() or found.growth.rel_accuracy_bits() >= 95


def test_a_falsified_enclosure_of_a_map_is_caught() -> None:
    found = sg.sensitivity(sg.models.neuron(), VALUES).along(0.51, 50, precision=20)
    with mpmath.workdps(120):
        reference = _recursion(_logistic, lambda z: _logistic(z) * _logistic(-z), 5.0, -2.5, 0.51, 50)
    assert _encloses(found, reference)
    for name in ("state", "to_initial"):
        moved = getattr(found, name) * arb(1 + 2.0**-50)
        assert not _encloses(replace(found, **{name: moved}), reference)


def test_chaotic_maps_keep_their_digits() -> None:
    """sin with a large weight loses digits at every step; the precision makes up for it."""
    found = sg.sensitivity(sg.models.neuron(activation="sin"), {"w": 9, "b": 0.5}).along(0.3, 150, precision=20)
    with mpmath.workdps(400):
        x, p, _, _ = _recursion(mpmath.sin, mpmath.cos, 9.0, 0.5, 0.3, 150)
    with working_precision(300):
        assert found.end.overlaps(_ball(x))
        assert found.growth.overlaps(_ball(p))
    assert found.end.rel_accuracy_bits() > 60
    assert found.log10_growth[-1] > 50


@pytest.mark.slow
def test_vector_maps_agree_with_autograd() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    n = 5
    arrays = {
        "W": rng.normal(size=(n, n)),
        "U": rng.normal(size=(n, 2)),
        "b": rng.normal(size=n),
        "u": rng.normal(size=2),
    }
    start = rng.normal(size=n)
    found = sg.sensitivity(sg.models.elman(), arrays).along(start, 12, by=["b", "W"])
    tensors = {name: torch.tensor(array, dtype=torch.float64) for name, array in arrays.items()}

    def end(state: torch.Tensor, bias: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        for _ in range(12):
            state = torch.tanh(weight @ state + tensors["U"] @ tensors["u"] + bias)
        return state

    args = (torch.tensor(start, dtype=torch.float64), tensors["b"], tensors["W"])
    growth, by_bias, by_weight = torch.autograd.functional.jacobian(end, args)
    for ours, theirs in (
        (found.to_initial, growth.numpy()),
        (found.by("b"), by_bias.numpy()),
        (found.by("W"), by_weight.numpy().transpose(0, 2, 1).reshape(n, n * n)),
    ):
        floats = np.array([[float(entry.mid()) for entry in row] for row in ours.tolist()])
        assert floats == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    assert found.log10_growth[-1] == pytest.approx(np.log10(np.linalg.norm(growth.numpy())))


def test_settled_vectors_move_as_finite_differences_say() -> None:
    rng = np.random.default_rng(5)
    n = 4
    arrays = {"W": rng.normal(size=(n, n)) / 2, "U": rng.normal(size=(n, 2)), "b": rng.normal(size=n), "u": [0.3, -0.2]}
    state = sg.sensitivity(sg.models.elman(), arrays).at()
    assert not state.diverges
    for name in ("W", "b", "u"):
        array, found = np.asarray(arrays[name], dtype=float), state.value(name)
        for place in range(0, array.size, 3):
            index = np.unravel_index(place, array.shape, order="F")
            ends = []
            for sign in (1, -1):
                changed = array.copy()
                changed[index] += sign * 1e-6
                ends.append(sg.sensitivity(sg.models.elman(), {**arrays, name: changed}).at(by=[]).point.stacked)
            assert found[:, place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-8)


def test_vector_folds_diverge() -> None:
    """W = I at x = 0: I - F' is zero there."""
    state = sg.sensitivity(sg.models.elman("tanh"), {"W": np.eye(1), "U": [[1.0]], "b": [0], "u": [0]}).at(by=["b"])
    assert state.diverges
    assert not state.by("b")[0, 0].is_finite()


def _value(ball: arb) -> mpmath.mpf:
    with mpmath.workdps(50):
        return mpmath.mpf(ball.mid().str(45, radius=False))


@pytest.mark.parametrize(
    ("activation", "start", "horizon"),
    [("sigmoid", 0.51, 20), ("tanh", -0.4, 6), pytest.param("gelu", 0.7, 2, marks=pytest.mark.slow)],
)
def test_flows_satisfy_their_closed_form(activation: str, start: float, horizon: int) -> None:
    """T = int dx/f, dx(T)/dx(0) = f(x_T)/f(x_0) and dx(T)/db = f(x_T) int f_b/f^2 dx, by quadrature."""
    item, function = sg.sensitivity(_flow(activation), VALUES), _FUNCTIONS[activation]

    def rate(x: mpmath.mpf) -> mpmath.mpf:
        return function(5 * x - mpmath.mpf("2.5")) - x

    for found, digits in ((item.along(start, horizon, precision=18), 16), (item.along(start, horizon), 7)):
        with mpmath.workdps(22):
            first, last = mpmath.mpf(repr(start)), _value(found.end)
            parts = mpmath.linspace(first, last, 5)
            time = mpmath.quad(lambda x: 1 / rate(x), parts)
            drift = mpmath.quad(lambda x: (mpmath.diff(rate, x) + 1) / 5 / rate(x) ** 2, parts) * rate(last)
            near = mpmath.mpf(10) ** -digits
            assert abs(time - horizon) * abs(rate(last)) < near
            assert abs(_value(found.growth) * rate(first) / rate(last) - 1) < near
            assert abs(_value(found.by("b")) / drift - 1) < near
            assert not found.certified


@pytest.mark.slow
def test_flows_agree_with_the_taylor_series_of_mpmath() -> None:
    found = sg.sensitivity(_flow("tanh"), VALUES).along(0.6, 1, precision=25)
    with mpmath.workdps(25):
        end = mpmath.odefun(lambda _, x: mpmath.tanh(5 * x - 2.5) - x, 0, mpmath.mpf("0.6"))(1)
        assert abs(_value(found.end) - end) < mpmath.mpf(10) ** -23
    assert found.end.rel_accuracy_bits() > 80


@pytest.mark.parametrize("precision", [None, 20])
def test_kinks_are_passed(precision: int | None) -> None:
    """dx/dt = -x + relu(x/2 - 1) from 3: two linear pieces, with the kink at x = 2."""
    found = sg.sensitivity(_flow("relu"), {"w": 0.5, "b": -1}).along(3, 5, precision=precision, by=["b"])
    with mpmath.workdps(40):
        # x = -2 + 5 exp(-t/2) until it is 2, at t = 2 ln(5/4); then x = 2 exp(-(t - t1))
        kink = 2 * mpmath.log(mpmath.mpf(5) / 4)
        end = 2 * mpmath.exp(-(5 - kink))
        growth = end / (mpmath.mpf(5) / 2)  # f(x_T)/f(x_0) = -x_T / (-5/2)
    digits = 7 if precision is None else 19
    for ball, value in ((found.end, end), (found.growth, growth)):
        with mpmath.workdps(40):
            assert abs(_value(ball) - value) < mpmath.mpf(10) ** -digits * value


@settings(max_examples=3)
@given(w=st.integers(-60, 60), b=st.integers(-30, 30), start=st.integers(-20, 20))
def test_both_ways_to_follow_a_flow_agree(w: int, b: int, start: int) -> None:
    item = sg.sensitivity(_flow(), {"w": w / 10, "b": b / 10})
    precise, floats = item.along(start / 10, 3, precision=14), item.along(start / 10, 3)
    for exact, rough in ((precise.end, floats.end), (precise.growth, floats.growth), (precise.by("w"), floats.by("w"))):
        assert float(rough.mid()) == pytest.approx(float(exact.mid()), rel=1e-7, abs=1e-9)


@pytest.mark.slow
def test_vector_flows_agree_with_finite_differences() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    weight, x, bias = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("b", n, 1)
    flow = sg.Flow({x: -x + sg.activation("tanh")(weight * x + bias)})
    rng = np.random.default_rng(2)
    matrix, vector, start = 1.5 * rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    item = sg.sensitivity(flow, {"W": matrix, "b": vector})
    floats, precise = item.along(start, 4, by=["b"]), item.along(start, 4, precision=15, by=["b"])

    def end(begin: np.ndarray, shift: np.ndarray) -> np.ndarray:
        solved = solve_ivp(lambda _, y: -y + np.tanh(matrix @ y + shift), (0, 4), begin, rtol=1e-12, atol=1e-14)
        return solved.y[:, -1]

    for name in ("to_initial", "b"):
        columns = []
        for unit in 1e-5 * np.eye(3):
            moves = (unit, 0 * unit) if name == "to_initial" else (0 * unit, unit)
            columns.append((end(start + moves[0], vector + moves[1]) - end(start - moves[0], vector - moves[1])) / 2e-5)
        for found in (floats, precise):
            ours = found.to_initial if name == "to_initial" else found.by("b")
            array = np.array([[float(entry.mid()) for entry in row] for row in ours.tolist()])
            assert array == pytest.approx(np.array(columns).T, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("model", [sg.models.neuron(), _flow()])
@pytest.mark.parametrize("side", [1, -1])
def test_sensitivities_explode_near_the_boundary_and_vanish_far_from_it(model: object, side: int) -> None:
    found = sg.sensitivity(model, VALUES).near_boundary(30, [0.3, 1e-3, 1e-9], side=side)
    logs = found.log10_growth
    assert logs[0] < -3
    assert found.limit is not None
    assert logs[-1] == pytest.approx(np.log10(float(found.limit.mid())), abs=1e-3)
    assert (np.diff(logs) > 0).all()
    assert all((end > found.boundary.ball) == (side > 0) for end in found.ends)


def test_near_an_irrational_boundary_the_point_is_enclosed_closely_enough() -> None:
    """Distances far below the radius of the certified point, against the recursion at 150 digits."""
    item = sg.sensitivity(sg.models.neuron(), {"w": 6, "b": -2.9})
    distance = sp.Rational(1, 10**40)
    found = item.near_boundary(400, [distance])
    with mpmath.workdps(300):
        edge = mpmath.findroot(lambda x: _logistic(6 * x - mpmath.mpf("2.9")) - x, found.boundary.value, tol=1e-290)
        x, growth = edge + mpmath.mpf(10) ** -40, mpmath.mpf(1)
        for _ in range(400):
            x, growth = _logistic(6 * x - mpmath.mpf("2.9")), growth * 6 * x * (1 - x)
        x, growth = edge + mpmath.mpf(10) ** -40, mpmath.mpf(1)
        for _ in range(400):
            following = _logistic(6 * x - mpmath.mpf("2.9"))
            x, growth = following, growth * 6 * following * (1 - following)
    with working_precision(400):
        assert found.growth[0].overlaps(_ball(growth))
        assert found.ends[0].overlaps(_ball(x))


def test_curves_agree_with_single_trajectories() -> None:
    for model in (sg.models.neuron(), _flow()):
        item = sg.sensitivity(model, VALUES)
        curve = item.curve(15, [0.1, 0.45, 0.5, 0.9])
        singles = [item.along(start, 15).log10_growth[-1] for start in (0.1, 0.45, 0.5, 0.9)]
        assert curve.log10_growth == pytest.approx(singles, abs=1e-6)
        assert curve.boundaries[0].exact == sp.S.Half


def test_malformed_trajectories_are_refused() -> None:
    vectors = sg.sensitivity(sg.models.elman(), {"W": np.eye(2), "U": np.eye(2), "b": [0, 0], "u": [0, 0]})
    with pytest.raises(InputError, match="initial: 2 finite numbers"):
        vectors.along([1, 2, 3], 2)
    with pytest.raises(InputError, match="initial: arrays for the states"):
        vectors.along({"c": [1, 2]}, 2)
    with pytest.raises(InputError, match="has 2 states"):
        _ = vectors.along([1, 2], 2).end
    with pytest.raises(UnknownNameError):
        vectors.along([1, 2], 2, by=["v"])
    with pytest.raises(UnknownNameError):
        vectors.along([1, 2], 2).by("b")
    with pytest.raises(InputError, match="initial"):
        sg.sensitivity(sg.models.neuron(), VALUES).along(float("nan"), 2)


@pytest.mark.parametrize("precision", [None, pytest.param(10, marks=pytest.mark.slow)])
def test_flows_that_cease_to_exist_are_refused(precision: int | None) -> None:
    """The tangent has a pole at pi/2."""
    growing = sg.sensitivity(sg.Flow({X: X**2 + B}), {"b": 1})
    with pytest.raises(InputError, match="horizon: the trajectory"):
        growing.along(0, 3, precision=precision)


@pytest.mark.slow
def test_flows_beyond_the_range_of_floats_are_refused_in_floats_only() -> None:
    item = sg.sensitivity(_flow("identity"), {"w": 459, "b": -4.5})
    with pytest.raises(InputError, match="horizon: the trajectory"):
        item.along(1, 2)
    assert item.along(1, 2, precision=10).log10_growth[-1] == pytest.approx(2 * 458 * np.log10(np.e))
