"""Bounds along a trajectory against automatic differentiation, 50-digit arithmetic and perturbed trajectories."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.figure
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import symgrad as sg
from symgrad.language.norms import norm as norm_of
from symgrad.numerics import trajectory_bound_tube
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.trajectory_bound_norms import floats_around
from symgrad.numerics.trajectory_bound_products import Chain, Factor, factor_of, inverse_factors
from symgrad.numerics.trajectory_bound_slopes import structured_factor
from symgrad.rigor.matrix_balls import point_matrix
from tests.calculus.torch_cells import CASES, flat, numbers, torch

NORMS = {1: 1, 2: 2, "inf": np.inf}
VARIED = ["elman", "lstm", "gru", "residual", "sigmoid_rnn", "neuron", "irnn", "multiplicative", "elman of selu"]


class Setting:
    """A model with random weights, inputs and a start, and its trajectory in PyTorch."""

    def __init__(self, name: str, steps: int = 6, seed: int = 3, scale: float = 0.6) -> None:
        self.model, self.cell = CASES[name]
        self.steps, values = steps, flat(self.model, numbers(self.model, seed))
        random = np.random.default_rng(seed)
        if self.model.depth is not None:
            self.model = sg.models.feedforward(steps)
        names = [str(s) for s in self.model.parameters]
        self.weights: dict[str, Any] = {key: scale * values[key] for key in names}
        if self.model.depth is not None:
            self.weights = {
                f"{key}_{layer}": scale * random.standard_normal(values[key].shape)
                for layer in range(1, steps + 1)
                for key in names
            }
        self.initial = {str(s): values[str(s)] for s in self.model.states}
        self.inputs = {str(s): random.standard_normal((steps, *values[str(s)].shape)) for s in self.model.inputs}

    def bound(self, **options: Any) -> sg.TrajectoryBound:
        steps = None if self.model.inputs else self.steps
        return sg.trajectory_bound(self.model, self.weights, self.inputs or None, self.initial, steps=steps, **options)

    def perturbed(self, radius: float, seed: int) -> Setting:
        """Another trajectory, at most the radius away; every second time at the corners."""
        other, random = Setting.__new__(Setting), np.random.default_rng(seed)
        other.__dict__.update(self.__dict__)

        def moved(array: np.ndarray) -> np.ndarray:
            shift = random.uniform(-radius, radius, np.shape(array))
            return np.asarray(array + (radius * np.sign(shift) if seed % 2 else shift) * (1 - 1e-9))

        other.initial = {key: moved(array) for key, array in self.initial.items()}
        other.inputs = {key: moved(array) for key, array in self.inputs.items()}
        return other

    def course(self) -> tuple[list[dict[str, np.ndarray]], list[np.ndarray]]:
        """States after 0 ... T steps and the Jacobians of the steps, by automatic differentiation."""
        states = {name: torch.tensor(value) for name, value in self.initial.items()}
        shared = {name: torch.tensor(value) for name, value in self.weights.items()}
        found, jacobians = [states], []
        for step in range(self.steps):
            own = {name.removesuffix(f"_{step + 1}"): tensor for name, tensor in shared.items()}
            own |= {name: torch.tensor(array[step]) for name, array in self.inputs.items()}

            def cell(*old: Any, own: dict[str, Any] = own) -> tuple[Any, ...]:
                return self.cell(own | dict(zip(self.initial, old, strict=True)))

            blocks = torch.autograd.functional.jacobian(cell, tuple(states.values()))
            jacobians.append(np.block([[np.atleast_2d(block.numpy()) for block in row] for row in blocks]))
            states = dict(zip(states, cell(*states.values()), strict=True))
            found.append(states)
        return [{key: np.atleast_1d(value.numpy()) for key, value in each.items()} for each in found], jacobians


def backwards(jacobians: list[np.ndarray]) -> list[np.ndarray]:
    """``P_{T,k}`` for k = 1 ... T."""
    products = [jacobians[-1]]
    for matrix in jacobians[-2::-1]:
        products.append(products[-1] @ matrix)
    return products


def weights_of(n: int, gain: float, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    W = gain * random.standard_normal((n, n)) / math.sqrt(n)
    return {"W": W, "U": random.standard_normal((n, 2)), "b": random.standard_normal(n)}


@pytest.mark.parametrize("name", CASES)
def test_norms_are_those_of_automatic_differentiation(name: str) -> None:
    setting = Setting(name)
    states, jacobians = setting.course()
    for p, index in NORMS.items():
        bound = setting.bound(norm=p)
        for k, product in enumerate(backwards(jacobians), 1):
            value, expected = bound.at(k), np.linalg.norm(product, index)
            assert value.lower <= value.upper <= value.lower * (1 + 1e-11)
            assert value.upper == pytest.approx(expected, rel=1e-9, abs=1e-300)
        assert bound.gammas == pytest.approx([np.linalg.norm(matrix, index) for matrix in jacobians], rel=1e-9)
    for key, (low, high) in bound.states.items():
        reached = np.array([each[key].ravel() for each in states])
        assert (low <= high).all()
        assert low == pytest.approx(reached, rel=1e-9, abs=1e-12)
        assert high == pytest.approx(low, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "neuron", "leaky", "highway"])
def test_moduli_are_smallest_singular_values(name: str) -> None:
    _, jacobians = (setting := Setting(name, 4)).course()
    bound = setting.bound()
    for value, product in zip(bound.moduli, backwards(jacobians), strict=True):
        assert value.lower <= value.upper <= value.lower * (1 + 1e-11)
        assert value.lower == pytest.approx(np.linalg.svd(product)[1][-1], rel=1e-6, abs=1e-12)


def _multiplied(digits: int, weights: dict[str, np.ndarray], inputs: np.ndarray) -> list[mp.matrix]:
    """``P_{T,k}`` of the tanh network in decimal arithmetic, from the formulas of the cell."""
    with mp.workdps(digits):
        W, U, b = (mp.matrix(weights[key].tolist()) for key in ("W", "U", "b"))
        h, jacobians = mp.zeros(len(b), 1), []
        for row in inputs:
            h = (W * h + U * mp.matrix(row.tolist()) + b).apply(mp.tanh)
            jacobians.append(mp.diag([1 - entry**2 for entry in h]) * W)
        products = [jacobians[-1]]
        for matrix in jacobians[-2::-1]:
            products.append(products[-1] * matrix)
        return products


def test_a_chaotic_network_is_enclosed_and_a_smaller_norm_refuted() -> None:
    weights, inputs = weights_of(3, 12.0), np.random.default_rng(1).standard_normal((60, 2))
    bound = sg.trajectory_bound(sg.models.elman(), weights, inputs)
    products = _multiplied(250, weights, inputs)  # 50 digits remain of what 60 chaotic steps lose
    with mp.workdps(250):
        for k in (1, 7, 30, 60):
            exact = mp.svd_r(products[k - 1], compute_uv=False)[0]
            value = bound.at(k)
            assert mp.mpf(10) ** value.lower.log10 <= exact * (1 + mp.mpf(10) ** -13)
            assert mp.mpf(10) ** value.upper.log10 >= exact * (1 - mp.mpf(10) ** -13)
            assert value.is_narrow
            claimed = mp.mpf(10) ** value.upper.log10 * mp.mpf("0.99")
            assert exact > claimed  # a norm that is 1 % smaller is not proved, and wrong
            assert value.lower.ball > value.upper.ball * 0.99
    assert bound.bits > 53


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("radius", [1e-6, 1e-2])
def test_perturbed_trajectories_stay_in_the_tube(name: str, radius: float) -> None:
    setting = Setting(name)
    bound = setting.bound(radius=radius)
    centre = setting.bound()
    for seed in range(4):
        states, jacobians = setting.perturbed(radius, seed).course()
        for key, (low, high) in bound.states.items():
            reached = np.array([each[key].ravel() for each in states])
            slack = 1e-12 * (1 + np.abs(reached))
            assert (low - slack <= reached).all()
            assert (reached <= high + slack).all()
        for k, product in enumerate(backwards(jacobians), 1):
            value, norm = bound.at(k), np.linalg.norm(product, 2)
            assert value.lower * (1 - 1e-10) <= norm <= value.upper * (1 + 1e-10)
            modulus = np.linalg.svd(product)[1][-1]
            assert bound.moduli[k - 1].lower <= modulus + 1e-10 * norm
            assert modulus <= bound.moduli[k - 1].upper * (1 + 1e-10) + 1e-12 * norm
    if radius == 1e-6:
        wide = bound.at(6).upper / centre.at(6).upper - 1
        assert 0 <= wide < 1e-2 or bound.at(6).upper < 1e-6


def test_the_tube_is_not_much_larger_than_what_is_reached() -> None:
    """A tube a third as wide, or norms within a third of the interval, would be left by perturbed trajectories."""
    setting, radius = Setting("elman", 5), 1e-5
    bound = setting.bound(radius={"h": radius})
    low, high = bound.states["h"]
    least, most = high.copy(), low.copy()
    for seed in range(1, 200, 2):
        states, _ = setting.perturbed(radius, seed).course()
        other = Setting("elman", 5)
        other.initial = {"h": states[0]["h"]}
        reached = np.array([each["h"] for each in other.course()[0]])
        least, most = np.fmin(least, reached), np.fmax(most, reached)
    assert (low <= least + 1e-14).all()
    assert (most <= high + 1e-14).all()
    assert (most - least > (high - low) / 3).all()


@pytest.mark.parametrize("gain", [0.4, 1.2])
def test_a_tube_does_not_blow_up(gain: float) -> None:
    weights, inputs = weights_of(10, gain), np.random.default_rng(2).standard_normal((50, 2))
    exact = sg.trajectory_bound(sg.models.elman(), weights, inputs)
    bound = sg.trajectory_bound(sg.models.elman(), weights, inputs, radius=1e-6)
    low, high = bound.states["h"]
    assert (high - low).max() < 1e-3
    assert bound.at(50).upper.log10 - exact.at(50).upper.log10 < 0.05
    assert exact.at(50).upper.log10 - bound.at(50).lower.log10 < 0.05


def test_re_orthogonalised_tubes_stay_narrow_and_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting("elman", 25, scale=0.4)
    whole = setting.bound(radius=1e-4)
    monkeypatch.setattr(trajectory_bound_tube, "_MOST_COLUMNS", 4)
    short = setting.bound(radius=1e-4)
    (low, high), (_, high_whole) = short.states["h"], whole.states["h"]
    assert not np.array_equal(high, high_whole)  # columns were put into a box
    assert (high - low).max() < 1e-2
    for seed in range(4):
        reached = np.array([each["h"] for each in setting.perturbed(1e-4, seed).course()[0]])
        assert (low <= reached + 1e-12).all()
        assert (reached <= high + 1e-12).all()


def test_a_chaotic_tube_ends_in_the_box_of_the_activation() -> None:
    weights, inputs = weights_of(6, 9.0), np.zeros((40, 2))
    bound = sg.trajectory_bound(sg.models.elman(), weights, inputs, radius=1e-3)
    low, high = bound.states["h"]
    assert (np.abs(low) <= 1 + 1e-8).all()
    assert (np.abs(high) <= 1 + 1e-8).all()
    assert bound.at(40).lower >= 0
    assert bound.at(40).upper.log10 <= np.log10(bound.gammas).sum() + 1e-9
    assert bound.moduli[-1].lower == 0


def test_at_a_kink_both_slopes_are_inside() -> None:
    weights = {"W": np.diag([2.0, 0.5]), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    bound = sg.trajectory_bound(sg.models.irnn(), weights, np.zeros((3, 1)))
    value = bound.at(3)
    assert value.lower == 0
    assert 8 <= value.upper <= 8.001
    assert bound.moduli[-1].lower == 0
    assert bound.growth == 0
    assert bound.horizon(0.1) is None


def test_cancellation_in_a_slope_is_no_kink() -> None:
    """The slope 1 - tanh^2 far out is tiny; it is told from 0, not enclosed by the rounding of 1."""
    z = sp.Symbol("z")
    h, W = sp.MatrixSymbol("h", 1, 1), sp.MatrixSymbol("W", 1, 1)
    flat_slope = sg.Activation("flat", z - sp.tanh(z))
    model = sg.Recurrence({h: sg.activation("tanh")(W * h + sg.activation("identity")(h))})
    bound = sg.trajectory_bound(model, {"W": [[400.0]]}, initial={"h": [1.0]}, steps=4)
    assert bound.at(4).is_narrow
    assert bound.at(4).upper.log10 < -1000
    other = sg.Recurrence({h: flat_slope(W * h)})
    small = sg.trajectory_bound(other, {"W": [[1e-30]]}, initial={"h": [1.0]}, steps=3)
    assert small.at(3).is_narrow
    assert math.isfinite(small.at(3).lower.log10)


def test_singular_and_rectangular_factors() -> None:
    weights = {"W": np.array([[1.0, 1.0], [1.0, 1.0]]), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    bound = sg.trajectory_bound(sg.models.elman("identity"), weights, np.zeros((5, 1)))
    assert [float(value.upper) for value in bound.norms_from_end] == [2.0, 4.0, 8.0, 16.0, 32.0]
    assert bound.moduli[-1].lower == 0
    random = np.random.default_rng(5)
    widths = [4, 2, 5, 3]
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    layers = {f"W_{i}": random.standard_normal(shape) for i, shape in enumerate(shapes, 1)}
    layers |= {f"b_{i}": random.standard_normal(shape[0]) for i, shape in enumerate(shapes, 1)}
    x, matrix = random.standard_normal(4), np.eye(4)
    deep = sg.trajectory_bound(sg.models.feedforward(3), layers, initial={"x": x})
    for i, _ in enumerate(shapes, 1):
        x = np.tanh(layers[f"W_{i}"] @ x + layers[f"b_{i}"])
        matrix = np.diag(1 - x**2) @ layers[f"W_{i}"] @ matrix
        assert deep.between(i, i).upper == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-12)
    assert deep.moduli[-1].upper == 0  # through two units only
    assert deep.moduli[0].lower == 0
    around = sg.trajectory_bound(
        sg.models.feedforward(3), layers, initial={"x": deep.states["x"][0][0][:4]}, radius=1e-4
    )
    assert around.at(3).lower <= deep.at(3).lower <= deep.at(3).upper <= around.at(3).upper


def test_long_products_neither_underflow_nor_overflow() -> None:
    tiny, large = (np.array([[value]]) for value in (1e-200, 3e200))
    for matrix, sign in ((tiny, -1), (large, 1)):
        weights = {"W": matrix, "U": np.zeros((1, 1)), "b": np.zeros(1)}
        bound = sg.trajectory_bound(sg.models.elman("identity"), weights, np.zeros((30, 1)), radius=0.0)
        assert bound.at(30).upper.log10 == pytest.approx(30 * math.log10(matrix[0, 0]))
        assert bound.at(30).lower.log10 * sign > 5000
        assert bound.moduli[-1].lower.log10 * sign > 5000
        assert bound.growth.log10 <= bound.at(30).upper.log10


def test_a_dead_unit_leaves_a_kernel() -> None:
    weights = {"W": np.array([[1.0, 0.2], [0.3, 1.0]]), "U": np.zeros((2, 1)), "b": np.array([-5.0, 1.0])}
    bound = sg.trajectory_bound(sg.models.irnn(), weights, np.zeros((3, 1)))
    assert [float(value.upper) for value in bound.moduli] == [0.0] * 3
    assert bound.at(3).lower > 0.9


def test_spreads_of_long_products_do_not_stop_at_the_least_float() -> None:
    weights, inputs = weights_of(2, 1e-3), np.ones((130, 2))
    exact = sg.trajectory_bound(sg.models.elman(), weights, inputs)
    bound = sg.trajectory_bound(sg.models.elman(), weights, inputs, radius=1e-7)
    assert exact.at(130).upper.log10 < -400
    assert bound.at(130).upper.log10 < exact.at(130).upper.log10 + 0.01
    assert bound.at(130).lower.log10 > exact.at(130).lower.log10 - 0.01
    weights["W"] *= 1e6
    linear = sg.trajectory_bound(sg.models.elman("identity"), weights, inputs, radius=1.0)
    assert linear.at(130).upper.log10 - linear.at(130).lower.log10 < 1e-9


def test_between_horizon_and_rate() -> None:
    setting = Setting("elman", 12, scale=0.5)
    bound, (_, jacobians) = setting.bound(), setting.course()
    for t, k in ((12, 0), (7, 3), (5, 5), (1, 1)):
        expected = np.linalg.norm(np.linalg.multi_dot([np.eye(5), *jacobians[t - k : t][::-1], np.eye(5)]), 2)
        assert bound.between(t, k).upper == pytest.approx(expected, rel=1e-10)
    norms = [1.0, *(float(value.upper) for value in bound.norms_from_end)]
    for delta in (2, 0.5, 1e-2, 1e-9):
        good = [k for k in range(13) if all(value <= delta for value in norms[k:])]
        assert bound.horizon(delta) == (good[0] if good else None)
    assert bound.rate >= norms[-1] ** (1 / 12) * (1 - 1e-15)
    assert bound.rates == pytest.approx([value ** (1 / k) for k, value in enumerate(norms[1:], 1)])


@pytest.mark.parametrize("norm", [1, 2, "inf"])
@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "neuron", "feedforward", "multiplicative", "cayley"])
def test_gradients_lie_between_both_sides(name: str, norm: Any) -> None:
    """The derivative by all parameters, row by row through the floats of backpropagation."""
    setting = Setting(name, 5)
    bound = setting.bound(norm=norm)
    sensitivity, cut = _sensitivity(setting, 5), _sensitivity(setting, 3)
    exact = np.linalg.norm(sensitivity, NORMS[norm])
    value = bound.gradient()
    assert value.lower * (1 - 1e-9) <= exact <= value.upper * (1 + 1e-9)
    assert value.lower > 0.3 * exact
    assert np.linalg.norm(sensitivity - cut, NORMS[norm]) <= bound.truncation(3) * (1 + 1e-9)
    assert bound.truncation(5) == 0
    assert bound.truncation(0) == value.upper
    for delta in (0.5, 1e-6):
        window = bound.window(delta)
        error = np.linalg.norm(sensitivity - (_sensitivity(setting, window) if window else 0), NORMS[norm])
        assert error <= delta * exact * (1 + 1e-9)
        assert window == 0 or bound.truncation(window - 1) > delta * value.lower * (1 - 1e-12)


def _sensitivity(setting: Setting, terms: int) -> np.ndarray:
    """``sum P_{T,k} B_{T-k}`` over the last terms, as a matrix."""
    rows = []
    for key, array in setting.initial.items():
        for index in np.ndindex(np.shape(array)):
            loss = {name: np.zeros(np.shape(value)) for name, value in setting.initial.items()}
            loss[key][index] = 1.0
            steps = None if setting.model.inputs else setting.steps
            found = sg.backpropagate(
                setting.model,
                setting.weights,
                setting.inputs or None,
                loss_gradient=loss,
                initial=setting.initial,
                steps=steps,
                terms=terms,
            )
            parts = [found.parameters.get(key, np.zeros(np.shape(value))) for key, value in setting.weights.items()]
            rows.append(np.concatenate([part.ravel() for part in parts]))
    return np.array(rows)


@pytest.mark.parametrize("name", ["elman", "lstm", "irnn"])
def test_gradients_of_perturbed_trajectories(name: str) -> None:
    setting = Setting(name, 5)
    bound = setting.bound(radius=1e-4)
    value, cut = bound.gradient(), bound.truncation(2)
    for seed in range(3):
        other = setting.perturbed(1e-4, seed)
        whole, first = _sensitivity(other, 5), _sensitivity(other, 2)
        assert value.lower * (1 - 1e-9) <= np.linalg.norm(whole, 2) <= value.upper * (1 + 1e-9)
        assert np.linalg.norm(whole - first, 2) <= cut * (1 + 1e-9)


_ENTRIES = st.floats(-4, 4, allow_subnormal=False)


@settings(max_examples=25)
@given(
    arrays(float, (2, 2), elements=_ENTRIES),
    arrays(float, 2, elements=_ENTRIES),
    arrays(float, (4, 1), elements=_ENTRIES),
    st.sampled_from(["tanh", "relu", "sigmoid", "identity"]),
    st.sampled_from([0.0, 1e-3]),
)
def test_any_weights_and_inputs(W: np.ndarray, b: np.ndarray, u: np.ndarray, name: str, radius: float) -> None:
    """Also at kinks and with zeros, where the slope in floats is one of those inside."""
    weights = {"W": W, "U": np.ones((2, 1)), "b": b}
    bound = sg.trajectory_bound(sg.models.elman(name), weights, u, radius=radius)
    slopes = {
        "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
        "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0) * 1.0),
        "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda a: 1 / (2 + np.exp(a) + np.exp(-a))),
        "identity": (lambda a: a, np.ones_like),
    }
    function, slope = slopes[name]
    h, product = np.zeros(2), np.eye(2)
    for row in u:
        a = W @ h + row + b
        h, product = function(a), np.diag(slope(a)) @ W @ product
    value, norm = bound.at(4), np.linalg.norm(product, 2)
    near_kink = name == "relu" and radius == 0  # rounding may put a float on the other side of 0
    if not near_kink or value.is_narrow:
        assert value.lower * (1 - 1e-9) - 1e-12 <= norm <= value.upper * (1 + 1e-9) + 1e-12
    assert bound.moduli[-1].lower <= value.upper


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, "inf"]), st.floats(1e-6, 0.3), st.integers(1, 9))
def test_spreads_bound_what_wide_factors_add(seed: int, p: Any, spread: float, count: int) -> None:
    random, norm = np.random.default_rng(seed), norm_of(p)
    middles = random.standard_normal((count, 3, 3))
    chain = Chain([Factor(point_matrix(middle), arb(spread)) for middle in middles], norm)
    inverse = Chain(inverse_factors(chain.factors, norm), norm_of({1: "inf", "inf": 1}.get(p, 2)))
    shift = random.standard_normal((count, 3, 3))
    shift *= np.array([spread / np.linalg.norm(each, NORMS[p]) for each in shift])[:, None, None] * (1 - 1e-12)
    product = np.eye(3)
    for factor, (value, _), (back, _) in zip(middles + shift, chain.products(), inverse.products(), strict=True):
        product = product @ factor
        size = np.linalg.norm(product, NORMS[p])
        assert value.lower * (1 - 1e-12) <= size <= value.upper * (1 + 1e-12)
        assert np.linalg.norm(np.linalg.inv(product), NORMS[p]) <= back.upper * (1 + 1e-9)


@pytest.mark.parametrize("name", ["elman", "leaky", "lstm", "gru", "early reset", "cayley"])
@pytest.mark.parametrize("p", [1, 2, "inf"])
def test_spreads_along_the_operator_hold_for_slopes_in_the_tube(name: str, p: Any) -> None:
    setting, radius = Setting(name, 1), 1e-2
    bound, norm = setting.bound(radius=radius, norm=p), norm_of(p)
    (point,), blocks = bound.linearised.points(128), shared_nodes(setting.model).blocks
    factor = structured_factor(point, blocks, norm, {})
    assert factor is not None
    middle = floats_around(factor.matrix).mid
    distances = []
    for seed in range(20):
        _, (jacobian,) = setting.perturbed(radius, seed).course()
        distances.append(np.linalg.norm(jacobian - middle, NORMS[p]))
    assert max(distances) <= float(factor.spread.upper()) + 1e-14 * np.linalg.norm(middle, NORMS[p])
    if name != "cayley":  # whose slopes do not change away from the kink
        assert max(distances) > float(factor.spread.upper()) / 40


def test_spreads_along_the_operator_are_smaller_than_those_by_entries() -> None:
    bound = sg.trajectory_bound(sg.models.elman(), weights_of(32, 0.9), np.ones((1, 2)), radius=1e-2)
    plain = factor_of(bound.linearised.jacobians(128)[0], bound.norm)
    (used,) = bound.linearised.chain(bound.norm, 128).factors
    assert float(used.spread.upper()) < 0.6 * float(plain.spread.upper())


def test_spreads_decay_where_products_do() -> None:
    """Each factor has norm 3 and the product of two is small: the perturbation bound must follow the products."""
    up, down = np.array([[0.0, 3.0], [0.0, 0.0]]), np.array([[0.1, 0.0], [0.0, 0.1]])
    chain = Chain([Factor(point_matrix(m), arb(1e-6)) for m in [up, down] * 20], norm_of(2))
    values = [value for value, _ in chain.products()]
    assert values[-1].upper.log10 < -40


def test_it_can_be_read_and_drawn() -> None:
    bound = Setting("elman", 12).bound()
    assert str(bound.at(3)) in str(bound.at(3).text())
    assert "certified" in str(bound)
    assert bound.latex().count(r"& \le &") == 2 * 5
    assert r"\cdots" in bound.latex()
    data = bound.to_dict()
    assert len(data["norms_from_end"]) == 12
    assert data["norms_from_end"][2]["upper"] == bound.at(3).upper
    axes = bound.plot()
    assert len(axes.get_lines()) == 3
    assert axes.get_yscale() == "log"
    assert len(bound.plot(general=False, ax=matplotlib.figure.Figure().add_subplot()).get_lines()) == 2


ELMAN = {"W": np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inputs": np.zeros((2, 3, 1))}, "one sequence"),
        ({"inputs": np.zeros((0, 1))}, "at least one step"),
        ({"radius": -1.0}, "radius of h"),
        ({"radius": {"h": [1.0, 2.0, 3.0]}}, "radius of h"),
        ({"radius": math.nan}, "radius"),
        ({"radius": {"x": 1.0}}, "'x'"),
        ({"radius": "wide"}, "radius"),
        ({"norm": 3}, "norm"),
        ({"initial": {"h": [1.0, 2.0, 3.0]}}, "initial h"),
        ({"weights": {"W": np.eye(2)}}, "missing"),
        ({"model": "elman"}, "model: a Recurrence"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], words: str) -> None:
    given = {"model": sg.models.elman(), "weights": ELMAN, "inputs": np.zeros((3, 1))} | options
    with pytest.raises(sg.InputError, match=words):
        sg.trajectory_bound(given.pop("model"), given.pop("weights"), **given)


def test_bad_questions_are_named() -> None:
    bound = sg.trajectory_bound(sg.models.elman(), ELMAN, np.zeros((3, 1)))
    for t, k in ((3, 4), (2, 3), (3, 1.5), (4, 1), (-1, 0)):
        with pytest.raises(sg.InputError, match="an integer from 0 to"):
            bound.between(t, k)
    for question in (lambda: bound.horizon(0), lambda: bound.window(-1), lambda: bound.horizon("x")):
        with pytest.raises(sg.InputError, match="delta"):
            question()
    with pytest.raises(sg.InputError, match="terms"):
        bound.truncation(5)


def test_what_has_no_bound_says_so() -> None:
    x, w = sp.symbols("x w", real=True)
    root = sg.Recurrence({x: w * sp.sqrt(sp.Abs(x))})
    with pytest.raises(sg.NoBoundError, match="Jacobian of step 1"):
        sg.trajectory_bound(root, {"w": 1.0}, initial={"x": 0.0}, steps=2)
    pole = sg.Recurrence({x: w / x})
    with pytest.raises(sg.NoBoundError, match="radius"):
        sg.trajectory_bound(pole, {"w": 1.0}, initial={"x": 0.5}, steps=3, radius=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("radius", [0.0, 1e-6])
def test_two_hundred_steps_of_sixty_four_units(radius: float) -> None:
    weights, inputs = weights_of(64, 0.9), np.random.default_rng(1).standard_normal((200, 2))
    bound = sg.trajectory_bound(sg.models.elman(), weights, inputs, radius=radius)
    low, high = bound.states["h"]
    assert (high - low).max() < 1e-4
    assert bound.at(200).upper.log10 - bound.at(200).lower.log10 < 0.1
