"""Every method of bounding products, for every model of the catalogue, along trajectories that start in the box."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.calculus.torch_cells import CASES, differentiated, flat, numbers, torch
from tests.present.zoo import declared

METHODS = ("range", "perron", "diagonal", "quadratic", "best")
CATALOGUE = [name for name in CASES if name.split()[0] in sg.models.names() and CASES[name][0].depth is None]
STEPS = 5
ORDERS = {1: 1, 2: 2, "inf": np.inf}


def weights_of(name: str, seed: int, scale: float = 0.5) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The model with its ranges, weights, and all numbers in the shapes of the cell."""
    model = declared(CASES[name][0])
    values = flat(model, numbers(model, seed))
    return model, {str(s): scale * np.asarray(values[str(s)]) for s in model.parameters}, values


def within(box: Any, symbol: Any, random: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Numbers in the box, often at its ends."""
    low, high = (np.clip(np.reshape(end, shape), -2, 2) for end in (box.ranges[symbol].low, box.ranges[symbol].high))
    share = np.clip(random.uniform(-0.3, 1.3, shape), 0, 1)
    return low + share * (high - low)


def products(name: str, model: Any, weights: dict[str, Any], values: dict[str, Any], box: Any, seed: int) -> list[Any]:
    """Products of 1 to STEPS of autograd's Jacobians along a trajectory."""
    random, cell = np.random.default_rng(seed), CASES[name][1]
    state = {str(s): within(box, s, random, np.shape(values[str(s)])) for s in model.states}
    found, product = [], np.eye(sum(np.size(value) for value in state.values()))
    for _ in range(STEPS):
        inputs = {str(s): within(box, s, random, np.shape(values[str(s)])) for s in model.inputs}
        here = {**weights, **inputs, **state}
        product = differentiated(cell, model, here) @ product
        found.append(product)
        tensors = {key: torch.tensor(value, dtype=torch.float64) for key, value in here.items()}
        state = dict(zip(state, (value.numpy() for value in cell(tensors)), strict=True))
    return found


def all_methods(model: Any, norm: Any, weights: dict[str, Any]) -> dict[str, Any]:
    return {method: sg.product_bound(model, norm, method=method).with_weights(weights) for method in METHODS}


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_product_leaves_a_bound_of_any_method(name: str) -> None:
    model, weights, values = weights_of(name, 0)
    series = all_methods(model, 2, weights)
    box = series["best"].units
    for k, product in enumerate(products(name, model, weights, values, box, 0), 1):
        norm = np.linalg.norm(product, 2)
        limits = {method: each.at(k) for method, each in series.items()}
        assert all(norm <= limit * (1 + 1e-12) for limit in limits.values()), (k, limits)
        assert limits["best"] == min(limits.values())
        assert limits["best"] == limits[limits["best"].method]


@pytest.mark.slow
@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("name", CATALOGUE)
def test_no_product_leaves_a_bound_in_any_norm(name: str, norm: Any) -> None:
    for seed in range(1, 4):
        model, weights, values = weights_of(name, seed, scale=seed / 2)
        series = all_methods(model, norm, weights)
        for start in range(3):
            for k, product in enumerate(products(name, model, weights, values, series["best"].units, start), 1):
                size = np.linalg.norm(product, ORDERS[norm])
                assert all(size <= each.at(k) * (1 + 1e-12) for each in series.values()), (method_of(series, k), size)


def method_of(series: dict[str, Any], k: int) -> dict[str, float]:
    return {method: float(each.at(k)) for method, each in series.items()}


@pytest.mark.parametrize("name", ["residual", "leaky", "neuron"])
def test_no_product_stretches_less_than_the_range_allows(name: str) -> None:
    model, weights, values = weights_of(name, 0, scale=0.2)
    bound = sg.product_bound(model, side="lower", method="range").with_weights(weights)
    assert bound.units is not None
    for k, product in enumerate(products(name, model, weights, values, bound.units, 1), 1):
        assert np.linalg.svd(product)[1][-1] >= bound.at(k) * (1 - 1e-12)
        assert bound.at(k) >= sg.product_bound(model, side="lower").evaluate(weights, k)


@pytest.mark.parametrize("method", METHODS)
def test_a_tightened_claim_is_refuted_where_the_bound_is_tight(method: str) -> None:
    """A symmetric W with equal sums, slopes at their steepest at the origin: every method attains its bound."""
    weights = {"W": np.array([[0.6, 0.6], [0.6, 0.6]]), "U": np.zeros((2, 2)), "b": np.zeros(2)}
    bound = sg.product_bound(sg.models.elman(), method=method)
    assert sg.verify(bound, weights, horizon=6, trajectories=4).verdict.holds
    assert sg.verify(bound.tightened(0.9), weights, horizon=6, trajectories=4).witness is not None
