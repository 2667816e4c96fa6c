"""Fixed points of vector models against scalars, mpmath, PyTorch and brute force."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.calculus.enclose import column_of_balls
from symgrad.dynamics.box_search import merged
from symgrad.dynamics.certified_zero import certified_zero, newton_floats
from symgrad.dynamics.interval_newton import newton_step
from symgrad.dynamics.solved_forms import solved_forms
from symgrad.dynamics.vector_points import certified_point
from symgrad.dynamics.vector_region import enclosing_region, perron_bound
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.dynamics.vector_values import vector_system
from symgrad.rigor.interval_arrays import Intervals

Values = dict[str, Any]


def _elman(W: Any, b: Any = None) -> Values:
    n = len(W)
    return {"W": np.asarray(W, dtype=float), "U": np.zeros((n, 1)), "b": np.zeros(n) if b is None else b, "u": [0.0]}


def _gated(model: Any, n: int, seed: int, scale: float, bias: float = 0.1) -> Values:
    rng = np.random.default_rng(seed)
    sizes = {"n": n, "m": 1}
    values = {str(s): rng.normal(size=[sizes.get(str(d), 1) for d in s.shape]) * scale for s in model.parameters}
    return {key: array * (bias if key.startswith("b") else 1) for key, array in values.items()} | {"u": [0.3]}


def _brute(system: VectorSystem, low: Any, high: Any, count: int = 600) -> list[Any]:
    """Where Newton's method ends from many starts."""
    starts = np.random.default_rng(0).uniform(low, high, (count, system.size))
    ends = newton_floats(system, starts)
    ends = ends[np.isfinite(ends).all(axis=1)]
    ends = ends[((ends >= np.asarray(low) - 1e-9) & (ends <= np.asarray(high) + 1e-9)).all(axis=1)]
    found: list[Any] = []
    for end in ends:
        if not any(np.abs(end - other).max() < 1e-7 for other in found):
            found.append(end)
    return sorted(found, key=tuple)


def _agrees(found: sg.VectorFixedPoints, brute: list[Any]) -> bool:
    ours = [point.stacked for point in found]
    return len(ours) == len(brute) and all(min(np.abs(x - y).max() for y in brute) < 1e-8 for x in ours)


# --- complete search -------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "biases"), [((3.0, 0.5), (0, 0)), ((3.0, -4.0), (0.1, 0.2)), ((1e4, 2.0), (-5, 1e-3))]
)
def test_decoupled_neurons_have_the_product_of_the_scalar_counts(weights: Any, biases: Any) -> None:
    found = sg.fixed_points(sg.models.elman(), _elman(np.diag(weights), np.array(biases, dtype=float)))
    x = sp.Symbol("x")
    alone = [
        sg.fixed_points(sg.Recurrence({x: sg.activation("tanh")(sp.Rational(w) * x + sp.Rational(b))}))
        for w, b in zip(weights, biases, strict=True)
    ]
    assert found.complete
    assert len(found) == len(alone[0]) * len(alone[1])
    expected = sorted((p.value, q.value) for p in alone[0] for q in alone[1])
    assert np.allclose([point.value["h"] for point in found], expected, atol=1e-14)
    assert len(found.stable) == len(alone[0].stable) * len(alone[1].stable)


@pytest.mark.parametrize("seed", [1, *(pytest.param(k, marks=pytest.mark.slow) for k in (0, 2))])
def test_all_that_mpmath_finds_from_dense_starts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, b = rng.normal(size=(2, 2)) * 2, rng.normal(size=2) * 0.2
    found = sg.fixed_points(sg.models.elman(), _elman(W + W.T, b))
    A = mpmath.matrix((W + W.T).tolist())

    def residual(x: Any, y: Any) -> Any:
        return [mpmath.tanh(A[i, 0] * x + A[i, 1] * y + b[i]) - (x, y)[i] for i in range(2)]

    roots: list[Any] = []
    with mpmath.workdps(50):
        for x in np.linspace(-1, 1, 7):
            for y in np.linspace(-1, 1, 7):
                try:
                    root = mpmath.findroot(residual, (x, y), tol=1e-80, maxsteps=30)
                except (ValueError, ZeroDivisionError):
                    continue
                if not any(mpmath.norm(root - other) < 1e-20 for other in roots):
                    roots.append(root)
        assert found.complete
        for root in roots:
            assert any(_holds(point, root) for point in found)
            assert not any(_holds(point, root + mpmath.mpf(10) ** -14) for point in found)


def _holds(point: sg.VectorFixedPoint, root: Any) -> bool:
    """Whether the balls of a point hold a root known to 50 digits."""
    pairs = zip(point.states["h"], root, strict=True)
    return all(
        abs(mpmath.mpf(ball.mid().str(50, radius=False)) - value)
        <= mpmath.mpf(float(ball.rad())) + mpmath.mpf(10) ** -45
        for ball, value in pairs
    )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 4), st.integers(2, 3))
def test_elman_as_many_as_brute_force(seed: int, norm: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, n))
    W *= norm / np.linalg.norm(W, 2)
    found = sg.fixed_points(sg.models.elman(), _elman(W, rng.normal(size=n) * 0.1))
    if found.complete:
        assert _agrees(found, _brute(found.system, -np.ones(n), np.ones(n)))
    else:  # within 1e-6 of a fold
        assert all((box.high - box.low).max() < 1e-3 for box in found.undecided)


@pytest.mark.parametrize("name", ["gru", "lstm"])
@pytest.mark.parametrize(
    ("n", "seed", "scale"),
    [(1, 0, 4.0), pytest.param(2, 1, 3.0, marks=pytest.mark.slow), pytest.param(2, 14, 2.5, marks=pytest.mark.slow)],
)
def test_gated_cells_as_many_as_brute_force(name: str, n: int, seed: int, scale: float) -> None:
    model = getattr(sg.models, name)()
    found = sg.fixed_points(model, _gated(model, n, seed, scale))
    assert found.complete
    assert found.region is not None
    assert found.region.is_finite
    width = 1 + np.abs(found.region.high[:, 0]).max()
    assert _agrees(found, _brute(found.system, -np.full(found.system.size, width), np.full(found.system.size, width)))


@pytest.mark.slow
def test_gru_with_nine_fixed_points() -> None:
    eye, zero = np.eye(2), np.zeros((2, 2))
    values: Values = {f"W_h{gate}": zero for gate in "rz"} | {"W_hn": 6 * eye}
    values |= {f"W_i{gate}": np.zeros((2, 1)) for gate in "rzn"} | {"u": [0.0]}
    values |= {f"b_{side}{gate}": np.zeros(2) for side in "ih" for gate in "rzn"}
    found = sg.fixed_points(sg.models.gru(), values)
    top = float(sg.fixed_points(sg.models.elman(), _elman([[3.0]]))[2].value["h"][0])
    assert found.complete
    places = sorted((x, y) for x in (-top, 0.0, top) for y in (-top, 0.0, top))
    assert np.allclose([point.value["h"] for point in found], places, atol=1e-14)


def test_flows_and_leaky_maps_share_the_points_of_the_map() -> None:
    W, b = np.array([[2.0, -0.7], [0.5, 1.8]]), np.array([0.05, -0.02])
    plain = sg.fixed_points(sg.models.elman(), _elman(W, b))
    leaky = sg.fixed_points(sg.models.leaky(), {**_elman(W, b), "alpha": 0.1})
    n = sp.Symbol("n", integer=True, positive=True)
    A, h, v = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("v", n, 1)
    tau = sp.Symbol("tau", positive=True)
    flow = sg.fixed_points(sg.Flow({h: (-h + sg.activation("tanh")(A * h + v)) / tau}), {"A": W, "v": b, "tau": 7})
    assert all(found.complete for found in (plain, leaky, flow))
    for other in (leaky, flow):
        assert np.allclose([p.stacked for p in other], [p.stacked for p in plain], atol=1e-14)
    for one, two, three in zip(plain, leaky, flow, strict=True):
        lam = np.array(sorted((complex(v.mid()) for v in one.eigenvalues), key=lambda z: (z.real, z.imag)))
        slow = np.array(sorted((complex(v.mid()) for v in two.eigenvalues), key=lambda z: (z.real, z.imag)))
        rate = np.array(sorted((complex(v.mid()) for v in three.eigenvalues), key=lambda z: (z.real, z.imag)))
        assert np.allclose(slow, 0.9 + 0.1 * lam)
        assert np.allclose(rate, (lam - 1) / 7)


def test_several_numbers_as_states() -> None:
    x, y, a = sp.symbols("x y a")
    tanh = sg.activation("tanh")
    found = sg.fixed_points(sg.Flow({x: -x + tanh(a * x - y), y: -y + tanh(x + y)}), {"a": 3})
    assert found.complete
    assert [point.stability for point in found] == ["stable", "unstable", "unstable", "unstable", "stable"]
    assert found[2].value == {"x": 0.0, "y": 0.0}
    assert found[2].eigenvalues[0].real > 0
    assert _agrees(found, _brute(found.system, [-1, -1], [1, 1]))


# --- kinks -------------------------------------------------------------------------


def test_linear_pieces_are_told_apart() -> None:
    found = sg.fixed_points(sg.models.irnn(), _elman(2 * np.eye(2), -np.ones(2)), box=(-5, 5))
    assert found.complete
    assert [point.value["h"].tolist() for point in found] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert [point.unstable_directions for point in found] == [0, 1, 1, 2]


@pytest.mark.parametrize("name", ["relu", "hard_tanh", "leaky_relu", "hard_sigmoid"])
def test_kinked_activations_as_many_as_brute_force(name: str) -> None:
    rng = np.random.default_rng(2)
    W, b = rng.normal(size=(2, 2)) * 1.7, rng.normal(size=2) * 0.3
    found = sg.fixed_points(sg.models.elman(name), _elman(W, b), box=(-10, 10))
    assert found.complete
    assert _agrees(found, _brute(found.system, [-10, -10], [10, 10]))


def test_a_point_at_a_kink_gets_the_jacobians_of_all_sides() -> None:
    found = sg.fixed_points(sg.models.elman("relu"), _elman([[0.5, 0.0], [0.0, 0.25]]))
    (point,) = found
    assert point.value["h"].tolist() == [0.0, 0.0]
    assert point.status == "unique"
    assert point.stability == "stable"
    for slope in (0.0, 0.5):
        assert any(value.real.contains(slope) for value in point.eigenvalues)
    steep = certified_point(vector_system(sg.models.elman("relu"), _elman([[-3.0, 0.0], [0.0, -3.0]])), np.zeros(2))
    assert steep is not None
    assert steep.stability == "undecided"


def test_a_continuum_is_undecided_and_no_hang() -> None:
    found = sg.fixed_points(sg.models.irnn(), _elman(np.eye(2)), box=(-1, 2), max_boxes=3000)
    assert not found.complete
    assert found.undecided[0].low.min() <= 0
    assert found.undecided[0].high.max() >= 2


X, Y = sp.symbols("x y")


def test_a_long_line_of_fixed_points_is_one_stretch() -> None:
    found = sg.fixed_points(sg.Recurrence({X: X, Y: Y / 2}), box=(-1, 1), max_boxes=16000)
    (left,) = found.undecided
    assert not found.complete
    assert (left.low[0, 0], left.high[0, 0]) == (-1.0, 1.0)


def test_groups_of_boxes_are_parted_by_gaps() -> None:
    rng = np.random.default_rng(1)
    middles = np.repeat(np.array([[0.0, 3.0, 3.0], [0.0, 0.0, 4.0]]), 50, axis=1) + rng.uniform(-0.5, 0.5, (2, 150))
    boxes = Intervals(middles - 0.3, middles + 0.3)
    hulls = merged(boxes)
    assert len(hulls) == 3
    inside = [((hull.low <= boxes.low) & (boxes.high <= hull.high)).all(axis=0) for hull in hulls]
    assert np.array_equal(np.sum(inside, axis=0), np.ones(150))


def test_predators_and_prey_in_a_box_on_whose_edge_they_die_out() -> None:
    rates = {X: X * (1 - X / 3) - 2 * X * Y / (1 + X), Y: X * Y / (1 + X) - Y / 2}
    found = sg.fixed_points(sg.Flow(rates), box=(0, 10))
    assert found.complete
    values = [(float(point.value["x"]), float(point.value["y"])) for point in found]
    assert np.allclose(values, [(0, 0), (1, 2 / 3), (3, 0)])


@pytest.mark.slow
def test_steep_units_leave_no_stretch_undecided() -> None:
    found = sg.fixed_points(sg.models.elman(), _elman([[-5.2e5, 1.6e5], [-3.8e5, 1.0e5]], [1.0, 2.0]))
    assert found.complete
    (point,) = found
    pre = np.arctanh(point.value["h"])
    assert np.allclose(np.array([[-5.2e5, 1.6e5], [-3.8e5, 1.0e5]]) @ point.value["h"] + [1, 2], pre, atol=1e-8)


# --- degenerate points, boxes, limits --------------------------------------------


def test_a_multiple_point_is_undecided_but_proved_to_exist() -> None:
    found = sg.fixed_points(sg.models.elman(), _elman([[1.0, 0.0], [0.0, 3.0]]))
    assert not found.complete
    assert [point.value["h"][0] for point in found if point.status == "at least one"] == [0.0]
    assert all((box.high - box.low)[0] < 1e-4 for box in found.undecided)


@pytest.mark.parametrize(
    "distance", [1e-9, *(pytest.param(d, marks=pytest.mark.slow) for d in (0.0, 1e-3, 1e-13, -1e-12))]
)
def test_pairs_next_to_a_fold_are_told_apart(distance: float) -> None:
    place = np.sqrt(0.5)  # fold of x = tanh(2 x + b): x^2 = 1/2
    bias = 2 * place - np.arctanh(place) - distance
    with mpmath.workdps(50):  # the rounded bias lies on one side of the fold
        x = mpmath.sqrt(mpmath.mpf(1) / 2)
        expected = 3 if mpmath.mpf(bias) < 2 * x - mpmath.atanh(x) else 1
    found = sg.fixed_points(sg.models.elman(), _elman([[2.0, 0.0], [0.7, 0.5]], np.array([bias, 0.1])))
    assert found.complete
    assert len(found) == expected
    assert all(point.status == "unique" for point in found)


def test_boxes_cut_and_their_edges_count() -> None:
    model, values = sg.models.elman(), _elman(3 * np.eye(2))
    assert len(sg.fixed_points(model, values, box=(0, 1))) == 4
    assert len(sg.fixed_points(model, values, box={"h": ([0.5, -1], [1, 0])})) == 2
    none = sg.fixed_points(model, values, box=(0.2, 0.5))
    assert none.complete
    assert len(none) == 0
    assert len(sg.fixed_points(model, values, box=sp.Interval(2, 3))) == 0


@pytest.mark.slow
def test_a_limit_on_boxes_leaves_boxes_that_hold_the_rest() -> None:
    model, values = sg.models.elman(), _elman(1.5 * np.eye(3))
    whole, cut = sg.fixed_points(model, values), sg.fixed_points(model, values, max_boxes=60)
    assert whole.complete
    assert not cut.complete
    known = [point.stacked for point in cut]
    assert len({tuple(place.round(9)) for place in known}) == len(known)
    for point in whole:
        inside = [((box.low[:, 0] <= point.stacked) & (point.stacked <= box.high[:, 0])).all() for box in cut.undecided]
        assert any(inside) or any(np.allclose(point.stacked, other) for other in known)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"search": "all"}, "search"),
        ({"box": 5}, "pair low < high"),
        ({"box": {"h": ([1, 2], [0, 0])}}, "low <= high"),
        ({"box": {"h": ([0] * 3, [1] * 3)}}, "arrays of 2 numbers"),
        ({"max_boxes": 0}, "max_boxes: a positive integer"),
        ({"starts": -1}, "starts"),
        ({"stars": 3}, "stars: no such option; there are max_boxes, starts, seed"),
        ({"search": "sampled", "seed": -1}, "seed: a non-negative integer"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(sg.InputError, match=words):
        sg.fixed_points(sg.models.elman(), _elman(np.eye(2)), **options)


def test_an_unbounded_search_asks_for_a_box() -> None:
    with pytest.raises(sg.InputError, match=r"give box=.*for h"):
        sg.fixed_points(sg.models.irnn(), _elman(2 * np.eye(2)))


# --- sampled search ----------------------------------------------------------------


def test_sampled_points_of_a_large_network_agree_with_autograd() -> None:
    rng = np.random.default_rng(0)
    n = 24
    W = 1.6 * rng.normal(size=(n, n)) / n**0.5
    found = sg.fixed_points(sg.models.elman(), _elman(W), search="sampled", starts=64)
    assert not found.complete
    assert len(found) >= 1
    tensor = torch.from_numpy(W)
    for point in found:
        assert point.status == "unique"
        assert all(float(ball.rad()) <= 1e-15 for balls in point.states.values() for ball in balls)
        x = torch.from_numpy(point.stacked)
        assert np.abs(np.tanh(W @ point.stacked) - point.stacked).max() < 1e-13
        slopes = torch.autograd.functional.jacobian(lambda h: torch.tanh(tensor @ h), x).numpy()
        for value in np.linalg.eigvals(slopes):
            assert min(abs(complex(ball.mid()) - value) for ball in point.eigenvalues) < 1e-9
    for slow in found.slow_points:
        change = np.tanh(W @ slow.value["h"]) - slow.value["h"]
        assert slow.speed == pytest.approx((change**2).sum() / 2, rel=1e-6)
        assert slow.speed > 1e-18


@pytest.mark.parametrize(
    "name", ["elman", *(pytest.param(m, marks=pytest.mark.slow) for m in ("gru", "lstm", "leaky"))]
)
def test_a_sampled_search_finds_what_the_complete_one_proves(name: str) -> None:
    model = getattr(sg.models, name)()
    if name in ("elman", "leaky"):
        values = _elman([[2.5, 0.3], [-0.2, 2.0]]) | ({"alpha": 0.2} if name == "leaky" else {})
    else:
        values = _gated(model, 1, 3, 4.0)
    whole, sampled = sg.fixed_points(model, values), sg.fixed_points(model, values, search="sampled")
    assert whole.complete
    assert np.allclose([p.stacked for p in sampled], [p.stacked for p in whole], atol=1e-13)


@pytest.mark.slow
def test_64_units_in_seconds() -> None:
    rng = np.random.default_rng(1)
    W = 1.5 * rng.normal(size=(64, 64)) / 8
    found = sg.fixed_points(sg.models.elman(), _elman(W), search="sampled")
    assert len(found) >= 1


# --- mutations: falsified steps and claims are caught ------------------------------


def test_slopes_that_are_too_narrow_lose_points(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = sg.models.elman(), _elman(3 * np.eye(2))
    honest = VectorSystem.jacobian_over

    def narrowed(self: VectorSystem, boxes: Intervals, parameters: Any = ()) -> Intervals:
        found = honest(self, boxes, parameters)
        middle = (found.low + found.high) / 2
        return Intervals(middle, middle)

    monkeypatch.setattr(VectorSystem, "jacobian_over", narrowed)
    found = sg.fixed_points(model, values)
    assert not _agrees(found, _brute(found.system, [-1, -1], [1, 1]))


def test_nothing_is_certified_where_there_is_no_zero() -> None:
    system = vector_system(sg.models.elman(), _elman(3 * np.eye(2)))
    assert certified_zero(system, np.array([np.nan, 0.0])) is None
    away = vector_system(sg.models.elman("softplus"), _elman([[1.0]]))  # softplus(x) > x
    assert certified_zero(away, np.array([3.0])) is None
    assert certified_zero(away, np.array([40.0])) is None


def test_a_box_with_two_zeros_is_never_called_regular() -> None:
    system = vector_system(sg.models.elman(), _elman(3 * np.eye(2)))
    rng = np.random.default_rng(0)
    points = [p.stacked for p in sg.fixed_points(sg.models.elman(), _elman(3 * np.eye(2)))]
    for _ in range(20):
        one, two = rng.choice(len(points), 2, replace=False)
        low, high = np.minimum(points[one], points[two]) - 0.01, np.maximum(points[one], points[two]) + 0.01
        box = Intervals(low[:, None], high[:, None])
        step = newton_step(system, box, box)
        assert not step.regular[0]
        for place in (one, two):
            assert (step.boxes.low[:, 0] <= points[place]).all()
            assert (points[place] <= step.boxes.high[:, 0]).all()


@pytest.mark.parametrize("name", ["elman", "leaky", "gru", "lstm"])
def test_solved_forms_hold_at_fixed_points_and_not_elsewhere(name: str) -> None:
    model = getattr(sg.models, name)()
    values = _elman([[2.0, 0.4], [0.1, -3.0]], np.array([0.2, 0.1])) | {"alpha": 0.3}
    values = values if name == "leaky" else {k: v for k, v in values.items() if k != "alpha"}
    system = vector_system(model, _gated(model, 2, 5, 2.0) if name in ("gru", "lstm") else values)
    for point in _brute(system, np.full(system.size, -2.0), np.full(system.size, 2.0), 200):
        for shift, meets in ((0.0, True), (0.1, False)):
            box = Intervals((point + shift - 1e-9)[:, None], (point + shift + 1e-9)[:, None])
            evaluator = system.over(box)
            inside = []
            for form in solved_forms(system):
                found, rows = form.over(evaluator), system.places[form.state]
                inside += ((found.low <= box.high[rows]) & (found.high >= box.low[rows])).ravel().tolist()
            assert all(inside) is meets


def test_regions_hold_all_fixed_points_and_bounds_need_a_contraction() -> None:
    values = _elman(0.4 * np.ones((2, 2)), np.array([1.0, -2.0]))
    region = enclosing_region(vector_system(sg.models.elman("identity"), values))
    assert region is not None
    exact = np.linalg.solve(np.eye(2) - 0.4, [1.0, -2.0])
    assert (region.low[:, 0] <= exact).all()
    assert (exact <= region.high[:, 0]).all()
    assert perron_bound(np.array([[1.0]]), np.array([[0.0]])) is None
    assert perron_bound(np.array([[0.5]]), np.array([[1.0]])) >= 2


def test_exact_zeros_have_balls_without_radius() -> None:
    system = vector_system(sg.models.elman(), _elman(3 * np.eye(2)))
    zero = certified_zero(system, np.array([1e-14, -1e-15]))
    assert zero is not None
    assert [entry.is_zero() for entry in zero.column.entries()] == [True, True]
    assert all(entry.is_zero() for entry in system.residual(column_of_balls([0.0, 0.0])).entries())
