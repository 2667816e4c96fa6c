"""Norms of products with few columns or with vectors alone, against singular values of plain dense products."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.numerics import leading_values, low_rank_products, product_norms as module
from symgrad.numerics.product_norms import product_norms
from symgrad.numerics.products import product_log_norms
from symgrad.numerics.setting import Setting
from tests.numerics.dense import dense_log10_norms, random_problem

MODELS = ("elman", "lstm", "gru", "leaky", "residual", "highway")


def shift(n: int) -> np.ndarray:
    """A shift with growing entries: the most stretched direction moves on at every step."""
    return np.diag(1.0 + np.arange(n - 1) / 4, 1)


def elman(W: np.ndarray, activation: str = "identity", steps: int = 30, batch: int = 1) -> tuple:
    n = len(W)
    rng = np.random.default_rng(3)
    weights = {"W": W, "U": rng.standard_normal((n, 2)), "b": np.zeros(n)}
    return sg.models.elman(activation), weights, rng.standard_normal((batch, steps, 2)), None


def check(problem, tolerance=1e-6, **options) -> sg.ProductNorms:
    model, weights, inputs, initial = problem
    found = product_norms(model, weights, inputs, initial, tolerance=tolerance, **options)
    expected = dense_log10_norms(model, weights, inputs, initial)[found.ks - 1]
    np.testing.assert_allclose(found.log10, expected, rtol=0, atol=tolerance / math.log(10))
    low = np.nan_to_num(expected, neginf=-1e9)
    assert (np.nan_to_num(found.log10, neginf=-1e9) <= low + 1e-12).all()
    assert (np.nan_to_num(found.log10_upper, neginf=-1e9) >= low - 1e-12).all()
    assert found.reached <= found.tolerance
    return found


@pytest.mark.parametrize("name", MODELS)
def test_the_norm_at_every_horizon_is_that_of_the_dense_product(name) -> None:
    check(random_problem(name, n=12, steps=40, batch=5))


@pytest.mark.parametrize("name", MODELS)
def test_one_long_horizon_is_that_of_the_dense_product(name) -> None:
    assert check(random_problem(name, n=10, steps=40, batch=2), ks=[40], method="lanczos").method == "lanczos"
