"""Sweeps against the single call, roots at 50 digits and changes of sign on a fine grid."""

from __future__ import annotations

import json
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.dynamics import sweep as sweeps
from symgrad.dynamics.fixed_points import fixed_points
from symgrad.dynamics.points import DOUBLE
from symgrad.dynamics.scalar_points import scalar_fixed_points
from symgrad.dynamics.scalar_system import scalar_system
from symgrad.dynamics.sweep import FixedPointSweep, sweep_fixed_points
from symgrad.errors import InputError, UnknownNameError
from symgrad.rigor.balls import working_precision

X, P = sp.symbols("x p")
REALS = sp.Interval(-sp.oo, sp.oo)
OTHERS = ["tanh", "hard_tanh", "gelu", "softsign", "sin", "log_sigmoid"]


def _logistic(z: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-z))


def _reference(w: float, b: float) -> list[mpmath.mpf]:
    """The fixed points of x = logistic(w x + b) from the changes of sign on a grid, at 50 digits."""
    grid = np.linspace(-0.50123, 1.50456, 4001)
    with np.errstate(over="ignore"):
        signs = np.sign(1 / (1 + np.exp(-(w * grid + b))) - grid)
    places = np.flatnonzero(signs[1:] * signs[:-1] < 0)
    with mpmath.workdps(50):

        def residual(x: mpmath.mpf) -> mpmath.mpf:
            return _logistic(mpmath.mpf(w) * x + mpmath.mpf(b)) - x

        brackets = [(mpmath.mpf(float(grid[i])), mpmath.mpf(float(grid[i + 1]))) for i in places]
        return [mpmath.findroot(residual, bracket, solver="anderson", tol=1e-80) for bracket in brackets]


def _check_against_reference(sweep: FixedPointSweep, w: float) -> None:
    """Every enclosure holds a root of its own, no root is left out, and the multipliers hold the slopes there."""
    for b, points in zip(sweep.values.tolist(), sweep.points, strict=True):
        roots = _reference(w, b)
        assert len(points) == len(roots)
        for point, root in zip(points, roots, strict=True):
            with mpmath.workdps(50), working_precision(160):
                slope = mpmath.mpf(w) * root * (1 - root)
                digits, slopes = arb(mpmath.nstr(root, 45)), arb(mpmath.nstr(slope, 45))
                assert point.ball.overlaps(digits)
                assert point.ball.rad() < 1e-15
                assert point.multiplier is not None
                assert point.multiplier.overlaps(slopes)
            assert (point.stability == "stable") == (abs(slope) < 1)


@pytest.fixture(scope="module")
def bistable() -> FixedPointSweep:
    return fixed_points(sg.models.neuron(w=9), {"b": np.linspace(-8.0, 0.0, 17)})


def test_enclosures_hold_the_roots_at_50_digits(bistable: FixedPointSweep) -> None:
    assert set(bistable.counts.tolist()) == {1, 3}
    assert bistable.complete.all()
    _check_against_reference(bistable, 9.0)


@pytest.mark.parametrize("change", ["left out", "invented", "moved", "stability"])
def test_a_falsified_sweep_is_caught(bistable: FixedPointSweep, change: str) -> None:
    many = int(np.flatnonzero(bistable.counts == 3)[0])
    points = list(bistable.points[many])
    if change == "left out":
        del points[1]
    elif change == "invented":
        points.insert(1, replace(points[0], ball=arb(0.3, 1e-16)))
    elif change == "moved":
        with working_precision(160):
            points[1] = replace(points[1], ball=points[1].ball + arb(2) ** -60)
    else:
        points[1] = replace(points[1], stability="stable")
    falsified = (*bistable.points[:many], tuple(points), *bistable.points[many + 1 :])
    with pytest.raises(AssertionError):
        _check_against_reference(replace(bistable, points=falsified), 9.0)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(-12, 12), st.lists(st.floats(-8, 8), min_size=1, max_size=5))
def test_the_number_of_points_is_that_of_changes_of_sign(w: float, values: list[float]) -> None:
    b, grid = np.array(values), np.linspace(-0.1, 1.1, 10**5)
    counts = fixed_points(sg.models.neuron(w=w), {"b": b}).counts
    root = np.sqrt(max(1 - 4 / w, 0)) if abs(w) > 0 else 0.0
    folds = [np.log(x / (1 - x)) - w * x for x in ((1 - root) / 2, (1 + root) / 2) if w > 4]
    for value, count in zip(b, counts, strict=True):
        if all(abs(value - fold) > 1e-6 for fold in folds):
            signs = np.sign(1 / (1 + np.exp(-(w * grid + value))) - grid)
            assert count == (np.diff(signs) != 0).sum()


def _agree(sweep: FixedPointSweep, index: int) -> None:
    """The sweep says at one value what the single call says."""
    system = sweep[index].system
    single = scalar_fixed_points(system, sweep.box)
    assert len(single) == len(sweep.points[index])
    assert bool(sweep.complete[index]) >= single.complete
    for one, other in zip(single, sweep.points[index], strict=True):
        assert one.ball.overlaps(other.ball)
        assert (one.stability, one.status) == (other.stability, other.status)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("parameter", ["b", "w"])
def test_other_activations_agree_with_the_single_call(name: str, parameter: str) -> None:
    other = {"b": {"w": 3.25}, "w": {"b": -0.5}}[parameter]
    values = np.array([-2.75, 0.0, 1.0, 4.5])
    sweep = fixed_points(sg.models.neuron(activation=name), {**other, parameter: values})
    for index in range(len(values)):
        _agree(sweep, index)


@pytest.mark.slow
def test_inputs_steps_flows_and_equations_agree_with_the_single_call() -> None:
    neuron = sg.models.neuron(w=6, b=-3, eps=None, w_in=None)
    x, b = sp.symbols("x b")
    flow = sg.Flow({x: -x + sg.activation("tanh")(3 * x) + b})
    swept = [
        fixed_points(neuron, {"eps": 0.5, "w_in": 2, "u": np.array([-0.2, 0.0, 0.3])}),
        fixed_points(neuron, {"eps": np.array([-0.5, 0.25, 1.0]), "w_in": 2, "u": 0.1}),
        fixed_points(flow, {"b": np.array([-2.0, 0.1])}),
        fixed_points(sp.Eq(X, sp.log(X / (1 - X)) - 5 * X + P), {"p": np.array([-1.0, 2.5])}),
        fixed_points(sp.Eq(X**2 + P, 1), {"p": [0, 2]}),
        fixed_points(sp.Eq(X, P * X * (1 - X)), {"p": [-2.0, 0.5, 1.0, 2.5]}),
        fixed_points(sp.Eq(X, sp.log(X / (1 - X)) - P * X), {"p": [-2.0, 6.0]}),
        fixed_points(sp.Eq(X, P * sp.log(X) - X * sp.log(X) + X), {"p": [0.5, 2.0]}),
        fixed_points(sp.Eq(X, P * sp.sin(X)), {"p": [0.5, 1.0, 7.0]}, box=(-5, 5)),
        fixed_points(sp.Eq(X, sp.sign(X) * P), {"p": [-1.0, 2.0]}),
        fixed_points(sp.Eq(X, sp.tanh(P * X) + P**2), {"p": [-1.0, 2.0]}),
    ]
    for sweep in swept:
        for index in range(len(sweep)):
            _agree(sweep, index)


def test_exactly_at_and_next_to_a_fold() -> None:
    quarter = 0.25
    values = [quarter, np.nextafter(quarter, 0), np.nextafter(quarter, 1)]
    sweep = fixed_points(sp.Eq(X, X**2 + P), {"p": np.array(values)})
    assert sweep.counts.tolist() == [1, 2, 0]
    assert sweep.points[0][0].status == DOUBLE
    assert [point.stability for point in sweep.points[1]] == ["stable", "unstable"]
    assert sweep.complete.all()


def test_next_to_the_folds_of_a_neuron() -> None:
    with mpmath.workdps(40):
        x = (1 - mpmath.sqrt(1 - mpmath.mpf(4) / 5)) / 2
        fold = mpmath.log(x / (1 - x)) - 5 * x
    near = float(fold)
    values = np.array([np.nextafter(near, -np.inf), near, np.nextafter(near, np.inf)])
    sweep = fixed_points(sg.models.neuron(w=5), {"b": values})
    assert sweep.counts.tolist() == [3 if mpmath.mpf(float(b)) < fold else 1 for b in values]
    assert max(float(point.ball.rad()) for points in sweep.points for point in points) < 1e-15


def test_the_edge_of_the_box_belongs_to_it() -> None:
    box = sp.Interval(sp.S.Half, 1)
    sweep = fixed_points(sg.models.neuron(w=5), {"b": [-2.5, -2.45]}, box=box)
    assert sweep.counts.tolist() == [2, 1]
    assert sweep.points[0][0].ball.contains(0.5)


def test_points_next_to_a_bound_that_no_digits_show() -> None:
    found = fixed_points(sg.models.neuron(b=0, activation="tanh"), {"w": [-1e7, 1e7]})  # the state is 1 - exp(-2e7)
    assert found.counts.tolist() == [1, 3]
    single = fixed_points(sg.models.neuron(b=0, activation="tanh"), {"w": 10**7})
    assert [point.exact for point in single] == [None, 0, None]


def test_where_the_residual_is_not_real_there_are_no_fixed_points() -> None:
    sweep = fixed_points(sp.Eq(X, sp.log(P * X)), {"p": [0.0, 1.0, 3.0, -1.0]})
    assert sweep.counts.tolist() == [0, 0, 2, 1]
    assert sweep.complete.all()


def test_intervals_of_fixed_points_are_told() -> None:
    sweep = fixed_points(sg.models.neuron(activation="relu", b=0), {"w": [0.5, 1.0]})
    assert sweep.continua == ((), (sp.Interval(0, sp.oo),))
    assert "every point" in str(sweep)


def test_units_and_linear_parameters_need_no_search_for_each_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeps, "_single", lambda *_: pytest.fail("a search of its own"))
    assert fixed_points(sp.Eq(X, P * X - X**3), {"p": np.linspace(-1.5, 3, 40)}).counts.tolist() == [1] * 22 + [3] * 18
    pitchfork = fixed_points(sg.models.neuron(b=0, activation="tanh"), {"w": np.linspace(-0.9, 3, 40)})
    assert all(points[len(points) // 2].exact == 0 for points in pitchfork.points)
    neuron = sg.models.neuron()
    for values in ({"w": 5, "b": np.linspace(-4, 1, 200)}, {"w": np.linspace(-20, 20, 200), "b": -2.6}):
        assert len(fixed_points(neuron, values)) == 200


def test_huge_weights() -> None:
    sweep = fixed_points(sg.models.neuron(), {"w": [-1e4, 1e4], "b": -5000.0})
    assert sweep.counts.tolist() == [1, 3]
    assert max(float(point.ball.rad()) for points in sweep.points for point in points) < 1e-15
    assert sweep.points[1][1].ball.contains(0.5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"w": [1, 2], "b": [1, 2]}, "w, b are arrays"),
        ({"w": 5, "b": np.eye(2)}, r"one-dimensional array .* shape \(2, 2\)"),
        ({"w": 5, "b": []}, r"shape \(0,\)"),
        ({"w": 5, "b": [np.nan]}, "finite numbers.* nan"),
        ({"w": 5, "b": ["1"]}, "finite numbers"),
        ({"b": [1.0]}, "numbers for w"),
    ],
)
def test_values_that_are_no_sweep_are_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fixed_points(sg.models.neuron(), values)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(UnknownNameError, match="bias"):
        fixed_points(sg.models.neuron(w=5, b=0), {"bias": [1.0]})


def test_presentation(bistable: FixedPointSweep) -> None:
    assert "stable, unstable, stable" in str(bistable)
    assert bistable.latex().count(r"\begin{") == 2
    data = json.loads(json.dumps(bistable.to_dict()))
    assert data["counts"] == bistable.counts.tolist()
    ball = data["points"][0][0]["ball"]
    assert ball["low"] <= bistable.points[0][0].value <= ball["high"]
    axes = bistable.plot()
    assert {line.get_linestyle() for line in axes.get_lines()} == {"-", "--"}
    assert "b" in axes.get_xlabel()
    assert [len(found) for found in bistable] == bistable.counts.tolist()


def test_each_answer_is_audited(bistable: FixedPointSweep) -> None:
    for index in (0, 6, 8):
        found = bistable[index]
        assert found.audit()
        assert not replace(found, points=found.points[1:]).audit()
    equation = fixed_points(sp.Eq(X, sp.log(X / (1 - X)) - 5 * X + P), {"p": [-1.0, 2.5]})
    assert all(found.audit() for found in equation)


def test_branches_follow_each_run() -> None:
    system = scalar_system(sg.models.neuron(w=9))
    sweep = sweep_fixed_points(system, system.symbol("b"), [0.0, -4.5, -8.0, -4.0], REALS)
    assert [branch.values.tolist() for branch in sweep.branches] == [[-8.0], [-4.5, -4.0]] + [[-4.5, -4.0]] * 2 + [
        [0.0]
    ]
