"""Maps of residual, dropout and orthogonal layers against layers simulated in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import ortho_group

import symgrad as sg
from symgrad.errors import InputError
from symgrad.language.gaussian import CORRELATION, VARIANCE
from symgrad.meanfield.variant_steps import SIGMA_B, SIGMA_W
from symgrad.meanfield.variants import LayerVariant, layer_variant

_N = 1500


def _predicted(layer: LayerVariant, q: float, c: float, gain: float, offset: float) -> tuple[float, float, float]:
    """Variance, correlation and squared slope after one layer, from the means in floats."""
    kept = float(layer.square_mean.floats([q])[0])
    pair = float(layer.pair_mean.floats([q], [c])[0])
    slope = float(layer.slope_mean.floats([q])[0])
    a, b = float(layer.skip), float(layer.branch)
    variance = a**2 * q + float(layer.gain) * gain * kept + b**2 * offset
    covariance = a**2 * q * c + float(layer.pair_gain) * gain * pair + b**2 * offset
    return variance, covariance / variance, a**2 + float(layer.gain) * gain * slope


def _simulated(
    layer: LayerVariant, q: float, c: float, gain: float, offset: float, seed: int
) -> tuple[float, float, float]:
    """The same for tanh at finite width: two inputs of that correlation, masks of their own."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((_N, 2)) @ np.linalg.cholesky([[q, c * q], [c * q, q]]).T
    p, a, b = float(layer.dropout), float(layer.skip), float(layer.branch)
    masks = (random.random((_N, 2)) >= p) / (1 - p)
    weights = random.standard_normal((_N, _N)) * (gain / _N) ** 0.5
    if layer.weights == "orthogonal":
        weights = gain**0.5 * ortho_group.rvs(300, random_state=random)
        x, masks = x[:300], masks[:300]
    n = len(x)
    bias = random.standard_normal((n, 1)) * offset**0.5
    y = a * x + b * (weights @ (masks * np.tanh(x)) + bias)
    jacobian = a * np.eye(n) + b * weights * (masks[:, 0] * (1 - np.tanh(x[:, 0]) ** 2))
    moments = y.T @ y / n
    return moments[0, 0], moments[0, 1] / np.sqrt(moments[0, 0] * moments[1, 1]), float((jacobian**2).sum()) / n


@pytest.mark.parametrize(
    "options",
    [
        {"skip": 0.5},
        {"skip": 1, "branch": sp.Rational(1, 4)},
        {"dropout": sp.Rational(1, 5)},
        {"skip": 0.5, "dropout": 0.3},
        {"weights": "orthogonal"},
    ],
)
def test_one_layer_agrees_with_simulation(options: dict[str, object]) -> None:
    layer = layer_variant(sg.activation("tanh"), **options)
    expected = _predicted(layer, 0.8, 0.6, 1.5, 0.1)
    samples = np.array([_simulated(layer, 0.8, 0.6, 1.5, 0.1, seed) for seed in range(2)])
    allowed = 0.15 if "weights" in options else 0.06  # orthogonal matrices are drawn smaller
    assert np.abs(samples.mean(axis=0) / expected - 1).max() < allowed
    falsified = np.array(expected) * [1.3, 0.7, 1.3]
    assert np.abs(samples.mean(axis=0) / falsified - 1).min() > 0.1


def test_the_plain_layer_has_the_known_maps() -> None:
    layer = layer_variant(sg.activation("relu"))
    assert sp.simplify(layer.q_map - (SIGMA_W**2 * VARIANCE / 2 + SIGMA_B**2)) == 0
    assert sp.simplify(layer.chi_formula - SIGMA_W**2 / 2) == 0
    assert layer.correlation_at_one == 1
    assert len(layer.critical_equations) == 2


def test_dropout_moves_the_correlation_map_off_one() -> None:
    rate = sp.Rational(1, 10)
    layer = layer_variant(sg.activation("relu"), dropout=rate)
    # K(q) = q/2 and V(q) = q: sigma_b^2 = q (1 - sigma_w^2 / (2 (1 - p)))
    offset = VARIANCE * (1 - SIGMA_W**2 / (2 * (1 - rate)))
    at_one = (SIGMA_W**2 * VARIANCE / 2 + offset) / VARIANCE
    assert sp.simplify(layer.correlation_at_one - at_one) == 0
    assert layer.critical_equations == ()
    assert "C(1) < 1" in layer.edge
    assert layer.derivation.conclusion.rel_op == "<"


def test_depth_scaled_branches_keep_the_gradient_bounded() -> None:
    depth = sp.Symbol("L", positive=True)
    layer = layer_variant(sg.activation("relu"), skip=1, branch=1 / sp.sqrt(depth))
    assert sp.limit(layer.chi_formula**depth, depth, sp.oo) == sp.exp(SIGMA_W**2 / 2)
    assert not layer.critical_equations


@pytest.mark.parametrize("name", ["tanh", "gelu", "relu"])
def test_the_factor_over_all_layers_stays_below_its_bound(name: str) -> None:
    depth, gain = 30, 1.7
    layer = layer_variant(sg.activation(name), skip=1, branch=1 / sp.sqrt(depth))
    bound = float(layer.factor_bound(depth).conclusion.rhs.subs(SIGMA_W, sp.sqrt(sp.Rational(17, 10))))
    q, factor = 0.5, 1.0
    for _ in range(depth):
        factor *= 1 + gain / depth * float(layer.slope_mean.floats([q])[0])
        q += gain / depth * float(layer.square_mean.floats([q])[0])
    assert 1 < factor <= bound
    assert factor > bound ** (1 / 8)  # the bound says something: one that is far too large would not


def test_an_unbounded_slope_has_no_such_bound() -> None:
    x = sp.Symbol("x", real=True)
    with pytest.raises(InputError, match="unbounded"):
        layer_variant(sg.Activation("square", x**2)).factor_bound(3)
    with pytest.raises(InputError, match="depth"):
        layer_variant(sg.activation("tanh")).factor_bound(0)


def test_a_skip_below_one_moves_the_critical_line() -> None:
    layer = layer_variant(sg.activation("relu"), skip=sp.Rational(3, 5))
    critical = sp.solve(layer.critical_equations[1], SIGMA_W)
    assert critical == [sp.sqrt(2) * sp.Rational(4, 5)]


@pytest.mark.parametrize("skip", [1, -1, 2])
def test_a_skip_of_one_or_more_has_no_edge(skip: int) -> None:
    layer = layer_variant(sg.activation("tanh"), skip=skip)
    assert layer.edge.startswith("no edge of chaos")
    assert layer.critical_equations == ()


def test_a_jump_has_no_edge() -> None:
    x = sp.Symbol("x", real=True)
    layer = layer_variant(sg.Activation("step", sp.Piecewise((1, x > 0), (-1, True))))
    assert layer.chi_formula == sp.oo
    assert "jumps" in layer.edge
    assert layer.derivation.latex()


def test_the_slope_of_the_correlation_map_is_its_derivative() -> None:
    layer = layer_variant(sg.activation("erf"), skip=sp.Rational(1, 2))
    values = {SIGMA_W: 1.2, SIGMA_B: 0.3, VARIANCE: 0.7}
    # at a fixed point of the variance map the denominator is q
    covariance = layer.correlation_formula * layer.q_map / VARIANCE
    difference = sp.diff(covariance, CORRELATION) - layer.correlation_slope
    assert abs(float(difference.subs(values).subs(CORRELATION, 0.4))) < 1e-12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dropout": 1}, "dropout: a probability"),
        ({"dropout": -0.1}, "dropout: a probability"),
        ({"weights": "sparse"}, "weights: 'gaussian' or 'orthogonal'"),
        ({"skip": "much"}, "skip"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        layer_variant(sg.activation("tanh"), **options)
