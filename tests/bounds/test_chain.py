"""Bounds of layer chains: no input exceeds them, some are attained, and tightened ones are caught."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.bounds.chain import chain_bound
from symgrad.bounds.chain_layers import layer_ends
from symgrad.design import layer_norm, rms_norm
from symgrad.errors import InputError
from symgrad.language.chain_layers import (
    Affine,
    ChainLayer,
    Entrywise,
    FixedNormalisation,
    ParametricReLU,
    PassThrough,
    Residual,
    Scaling,
    VectorNormalisation,
)
from symgrad.language.layer_chain import LayerChain
from symgrad.numerics.chain_values import run_chain

ACTIVATIONS = ("tanh", "sigmoid", "relu", "gelu", "leaky_relu", "softsign", "identity")


def drawn_layer(random: np.random.Generator, name: str, width: int, weights: dict[str, Any], deep: bool) -> ChainLayer:
    """A random layer, its parameters put into ``weights``."""
    kind = random.integers(0, 8 if deep else 7)
    normal = random.standard_normal
    if kind <= 1:
        outputs = int(random.integers(1, 5))
        weights[f"{name}.weight"], weights[f"{name}.bias"] = normal((outputs, width)), normal(outputs)
        return Affine(name, width, outputs, f"{name}.weight", f"{name}.bias")
    if kind == 2:
        return Entrywise(name, width, width, sg.activation(str(random.choice(ACTIVATIONS))))
    if kind == 3:
        weights[f"{name}.weight"] = normal(width)
        return ParametricReLU(name, width, width, f"{name}.weight")
    if kind == 4:
        weights[f"{name}.weight"] = normal(width)
        return Scaling(name, width, width, factor=float(normal()), weight=f"{name}.weight", offset=0.5)
    if kind == 5:
        weights[f"{name}.weight"] = normal(width)
        return VectorNormalisation(name, width, width, 0.05, bool(random.integers(0, 2)), f"{name}.weight")
    if kind == 6:
        weights[f"{name}.mean"], weights[f"{name}.var"] = normal(width), random.uniform(0.1, 2, width)
        return FixedNormalisation(name, width, width, f"{name}.mean", f"{name}.var", 1e-5)
    inner = drawn_layer(random, f"{name}.f", width, weights, deep=False)
    back = np.asarray(normal((width, inner.outputs)) * 0.3)
    weights[f"{name}.back"] = back
    branch = (inner, Affine(f"{name}.back", inner.outputs, width, f"{name}.back"))
    return Residual(name, width, width, branch=branch, shortcut=(PassThrough(f"{name}.id", width, width),))


def drawn_chain(seed: int, count: int = 4) -> tuple[LayerChain, dict[str, Any]]:
    random = np.random.default_rng(seed)
    width, layers, weights = int(random.integers(1, 5)), [], {}
    for place in range(count):
        layers.append(drawn_layer(random, str(place), width, weights, deep=True))
        width = layers[-1].outputs
    return LayerChain(tuple(layers)), weights


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_input_leaves_the_bounds(seed: int) -> None:
    chain, weights = drawn_chain(seed)
    bound = chain_bound(chain, weights)
    inputs = np.random.default_rng(seed).standard_normal((60, chain.widths[0])) * np.geomspace(0.01, 30, 60)[:, None]
    run = run_chain(chain, weights, inputs)
    for start in range(chain.depth):
        norms = np.linalg.norm(run.jacobian(start), 2, axis=(1, 2))
        assert norms.max() <= float(bound.upper(start)) * (1 + 1e-12) + 1e-300
        assert norms.min() >= float(bound.lower(start)) * (1 - 1e-12)


def test_aligned_linear_layers_attain_both_bounds_and_tightened_ones_are_caught() -> None:
    diagonal = {f"W{i}": np.diag([3.0, 0.5]) for i in range(6)}
    layers = [(Affine(f"{i}", 2, 2, f"W{i}"), Entrywise(f"{i}.phi", 2, 2, sg.activation("tanh"))) for i in range(6)]
    chain = LayerChain(tuple(layer for pair in layers for layer in pair))
    bound = chain_bound(chain, diagonal)
    norm = np.linalg.norm(run_chain(chain, diagonal, [[0.0, 0.0]]).jacobian()[0], 2)  # slopes are largest at zero
    assert norm == pytest.approx(3.0**6, rel=1e-14)
    assert norm <= float(bound.upper()) <= 3.0**6 * (1 + 1e-14)
    assert norm > 0.99 * float(bound.upper())  # a bound that is 1 % smaller would be false
    linear = LayerChain(tuple(layer for layer in chain.layers if isinstance(layer, Affine)))
    found = chain_bound(linear, diagonal)
    assert float(found.lower()) == pytest.approx(3 * 0.5**5, rel=1e-12) or float(found.lower()) > 3 * 0.5**5
    assert found.gradient_lower() == pytest.approx(0.5**6, rel=1e-12)


def test_leaky_slopes_give_a_bound_from_below_that_is_attained() -> None:
    layers = (Affine("0", 1, 1, "w"), Entrywise("1", 1, 1, sg.activation("leaky_relu", slope=0.25)))
    bound = chain_bound(LayerChain(layers * 3), {"w": [[-2.0]]})
    norms = np.abs(run_chain(LayerChain(layers * 3), {"w": [[-2.0]]}, np.array([[1.0], [-1.0]])).jacobian())
    assert float(bound.lower()) == 0.5**3
    assert norms.min() == pytest.approx(8 * 0.25**2)  # signs alternate, so that not every slope is the least one
    assert norms.min() >= float(bound.lower())


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_normalisations_agree_with_their_theorem(centred: bool, width: int) -> None:
    gains = np.linspace(-1.5, 2.5, width)
    layer = VectorNormalisation("0", width, width, 0.01, centred, "g")
    ends = layer_ends(layer, {"g": gains})
    theorem = (layer_norm if centred else rms_norm)(n=width, gamma=[sg_number(g) for g in gains], eps=sg_number(0.01))
    assert float(ends.upper) == pytest.approx(float(theorem.uniform()), rel=1e-12)
    assert not (centred and width == 1) or float(ends.upper) == 0


def sg_number(value: float) -> Any:
    import sympy as sp

    return sp.Rational(value)


def test_residual_blocks_are_bounded_from_both_sides() -> None:
    block = Residual("r", 2, 2, branch=(Affine("f", 2, 2, "w"), Entrywise("t", 2, 2, sg.activation("tanh"))))
    bound = chain_bound(LayerChain((block,) * 3), {"w": 0.25 * np.eye(2)})
    assert float(bound.upper()) == pytest.approx(1.25**3, rel=1e-12)
    assert float(bound.lower()) == pytest.approx(0.75**3, rel=1e-12)
    assert float(bound.gradient_lower()) == pytest.approx(0.75**3, rel=1e-12)
    at_zero = run_chain(bound.chain, bound.weights, np.zeros((1, 2))).jacobian()
    assert np.linalg.norm(at_zero[0], 2) == pytest.approx(float(bound.upper()), rel=1e-12)


def test_products_far_outside_of_floats_keep_their_logarithm() -> None:
    layers = tuple(Affine(str(i), 1, 1, "w") for i in range(200))
    bound = chain_bound(LayerChain(layers), {"w": [[1e-3]]})
    assert float(bound.upper()) <= 5e-324  # the least positive float, which is above it
    assert bound.log10_upper[0] == pytest.approx(-600, abs=1e-6)
    assert bound.log10_lower[0] == pytest.approx(-600, abs=1e-6)
    assert bound.log10_lower[0] <= bound.log10_upper[0]


def test_the_proof_ends_in_the_bound_and_names_a_rule_for_every_layer() -> None:
    chain, weights = drawn_chain(5, count=6)
    bound = chain_bound(chain, weights)
    last = bound.derivation.conclusion
    assert float(bound.upper()) <= float(last.rhs) <= float(bound.upper()) * (1 + 1e-12)
    named = " ".join(step.note for step in bound.derivation.steps)
    assert all(f"layer {layer.name}:" in named or layer.name in named for layer in chain.layers)
    assert all(step.rule.source for step in bound.derivation.steps)


def test_the_proof_from_below_multiplies_to_its_bound() -> None:
    chain = LayerChain((Affine("0", 4, 3, "a"), Affine("1", 3, 2, "b"), Affine("2", 2, 4, "c")))
    random = np.random.default_rng(3)
    weights = {name: random.standard_normal(shape[0]) for name, shape in chain.shapes.items()}
    bound = chain_bound(chain, weights)
    derivation = bound.lower_derivation
    assert derivation is not None
    factors = [float(step.relation.rhs) for step in derivation.steps[:-1]]
    assert math.prod(factors) == pytest.approx(float(bound.lower()), rel=1e-9)
    norm = np.linalg.norm(run_chain(chain, weights, np.ones((1, 4))).jacobian()[0], 2)
    assert float(bound.lower()) <= norm <= float(bound.upper())


def test_an_activation_of_unbounded_slope_has_no_bound() -> None:
    chain = LayerChain((Entrywise("0", 2, 2, sg.activation("relu_squared")), Affine("1", 2, 1, "w")))
    bound = chain_bound(chain, {"w": [[1.0, 1.0]]})
    assert float(bound.upper()) == math.inf
    assert float(bound.upper(1)) == pytest.approx(math.sqrt(2))
    dead = chain_bound(chain, {"w": [[0.0, 0.0]]})
    assert float(dead.upper()) == 0


def test_bad_input_is_refused() -> None:
    chain = LayerChain((Affine("0", 2, 2, "w"),))
    for weights, message in (
        ({}, "w missing"),
        ({"w": np.ones((3, 2))}, r"\(2, 2\) is needed"),
        ({"w": np.full((2, 2), np.nan)}, "entry"),
        ({"w": np.ones((2, 2), dtype=complex)}, "complex"),
        ([1.0], "mapping"),
    ):
        with pytest.raises(InputError, match=message):
            chain_bound(chain, weights)
    with pytest.raises(InputError, match="LayerChain"):
        chain_bound("chain", {})
    with pytest.raises(InputError, match="start"):
        chain_bound(chain, {"w": np.eye(2)}).upper(2)
    with pytest.raises(InputError, match="takes 3 entries but is given 2"):
        LayerChain((Affine("0", 2, 2, "w"), Affine("1", 3, 2, "v")))
