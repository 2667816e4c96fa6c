"""The mean-field prediction through a chain: the maps of the theory, and what wide random networks do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
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
from symgrad.meanfield.chain_prediction import predict_chain
from symgrad.meanfield.variant_steps import SIGMA_B, SIGMA_W
from symgrad.numerics.chain_gradients import measured_gradients
from symgrad.numerics.chain_values import run_chain

N = 300


def affine(name: str) -> Affine:
    return Affine(name, N, N, f"{name}.w", f"{name}.b")


def phi(name: str, kind: str) -> Entrywise:
    return Entrywise(name, N, N, sg.activation(kind))


CHAINS: dict[str, tuple[tuple[ChainLayer, ...], float, float]] = {
    "tanh": (tuple(x for i in range(6) for x in (affine(f"{i}"), phi(f"{i}p", "tanh"))), 1.5, 0.3),
    "gelu after layer norm": (
        tuple(
            x
            for i in range(6)
            for x in (affine(f"{i}"), VectorNormalisation(f"{i}n", N, N, 1e-5), phi(f"{i}p", "gelu"))
        ),
        0.8,
        0.2,
    ),
    "RMS norm after relu": (
        tuple(
            x
            for i in range(6)
            for x in (affine(f"{i}"), phi(f"{i}p", "relu"), VectorNormalisation(f"{i}n", N, N, 1e-5, False))
        ),
        0.8,
        0.2,
    ),
    "residual": (
        (
            affine("0"),
            *(
                Residual(f"{i}", N, N, branch=(phi(f"{i}p", "tanh"), affine(f"{i}f"), Scaling(f"{i}s", N, N, 0.5)))
                for i in range(1, 6)
            ),
        ),
        1.4,
        0.2,
    ),
    "PReLU": (tuple(x for i in range(5) for x in (affine(f"{i}"), ParametricReLU(f"{i}p", N, N, f"{i}a"))), 1.2, 0.1),
}


def numbers(chain: LayerChain, sigma_w: float, sigma_b: float) -> dict[str, Any]:
    random = np.random.default_rng(5)
    found = {}
    for name, shapes in chain.shapes.items():
        size = {"w": sigma_w / np.sqrt(N), "b": sigma_b, "a": 0.0}[name[-1]]
        found[name] = random.standard_normal(shapes[0]) * size + (0.2 if name.endswith("a") else 0.0)
    return found


QUICK = ("tanh", "residual")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CHAINS]
)
def test_wide_random_networks_do_what_is_predicted(name: str) -> None:
    layers, sigma_w, sigma_b = CHAINS[name]
    chain = LayerChain(layers)
    weights = numbers(chain, sigma_w, sigma_b)
    random = np.random.default_rng(6)
    inputs = random.standard_normal((6, N))
    run = run_chain(chain, weights, inputs)
    found = predict_chain(chain, weights, square=1.0, gaussian=True)
    measured = measured_gradients(run, random.standard_normal((6, N)))
    np.testing.assert_allclose(found.log10_gradients, measured.typical_ratio, rtol=0, atol=0.12)
    squares = [np.mean(values**2) for values in run.values[1:]]
    np.testing.assert_allclose([layer.variance for layer in found.layers], squares, rtol=0.35)


@pytest.mark.parametrize("kind", ["relu", "erf", "gelu"])
def test_one_layer_is_the_map_of_the_theory(kind: str) -> None:
    chain = LayerChain((affine("0"), phi("1", kind), affine("2")))
    weights = numbers(chain, 1.3, 0.4)
    found = predict_chain(chain, weights, square=0.7)
    theory = sg.mean_field(kind)
    q = found.layers[0].variance
    last = found.layers[2]
    values = {"q": q, str(SIGMA_W): last.sigma_w2**0.5, str(SIGMA_B): last.sigma_b2**0.5}
    formula = theory.q_map
    expected = formula.subs({symbol: values[symbol.name] for symbol in formula.free_symbols}).evalf()
    assert last.variance == pytest.approx(float(expected), rel=1e-9)
    first = found.layers[0].sigma_w2
    at_first = {**values, str(SIGMA_W): first**0.5}
    chi = theory.chi_formula.subs({symbol: at_first[symbol.name] for symbol in theory.chi_formula.free_symbols})
    assert found.layers[1].chi == pytest.approx(float(chi.evalf()), rel=1e-9)


def test_what_the_theory_does_not_know_ends_the_prediction() -> None:
    chain = LayerChain((phi("0", "tanh"), affine("1"), phi("2", "tanh"), phi("3", "sigmoid"), affine("4")))
    found = predict_chain(chain, numbers(chain, 1.0, 0.0), square=1.0)
    assert [bool(layer.reason) for layer in found.layers] == [True, False, True, True, False]
    assert np.isnan(found.log10_gradients).tolist() == [True, True, True, True, False, False]
    known = predict_chain(chain, numbers(chain, 1.0, 0.0), square=1.0, gaussian=True)
    assert np.isnan(known.log10_gradients).tolist() == [True, True, True, True, False, False]


def test_passing_and_fixed_statistics_are_followed() -> None:
    n = N
    layers = (affine("0"), PassThrough("1", n, n), FixedNormalisation("2", n, n, "2.m", "2.v", 0.0), phi("3", "relu"))
    chain = LayerChain(layers)
    weights = numbers(LayerChain((affine("0"),)), 1.0, 0.0) | {"2.m": np.zeros(n), "2.v": np.full(n, 4.0)}
    found = predict_chain(chain, weights, square=1.0)
    assert found.layers[3].variance == pytest.approx(found.layers[0].variance / 8)
    assert found.layers[3].factor == pytest.approx(0.5)
    assert found.layers[2].factor == pytest.approx(0.25)


def test_bad_input_is_refused() -> None:
    chain = LayerChain((affine("0"),))
    with pytest.raises(InputError, match="square"):
        predict_chain(chain, numbers(chain, 1.0, 0.0), square=-1.0)
