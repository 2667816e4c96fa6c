"""Bounds of every method as plain functions, against numpy and against what certificates prove."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import symgrad as sg
from tests.present.zoo import zoo

METHODS = ("range", "perron", "diagonal", "quadratic", "best")
W = np.array([[0.5, 2.0], [0.25, 0.1]])
RHO = float(np.abs(np.linalg.eigvals(W)).max())


def test_the_function_of_a_perron_bound_is_its_formula() -> None:
    function = sg.product_bound(sg.models.elman(), method="perron").lambdify()
    assert function(kappa_Abs_W=2.0, rho_Abs_W=[0.5, 1.0], k=3).tolist() == [0.25, 2.0]


@pytest.mark.parametrize(("p", "order"), [(1, 1), (2, 2), ("inf", np.inf)])
def test_numbers_in_the_place_of_weights_are_computed_with(p: object, order: float) -> None:
    value = sg.product_bound(sg.models.elman(), p, method="perron").subs({"W": -W}).lambdify()(k=6)
    values, right = np.linalg.eig(W)
    left = np.linalg.eig(W.T)[1]
    v, w = np.abs(right[:, np.argmax(values)]), np.abs(left[:, np.argmax(values)])
    weights = {1: w, 2: np.sqrt(w / v), np.inf: v}[order]
    assert value == pytest.approx(weights.max() / weights.min() * RHO**6, rel=1e-12)
    assert np.linalg.norm(np.linalg.matrix_power(W, 6), order) <= value * (1 + 1e-12)


def test_the_least_of_several_formulas_counts() -> None:
    function = sg.product_bound(sg.models.elman(), method="best").lambdify()
    given = {"norm_W": 0.9, "kappa_Abs_W": 5.0, "rho_Abs_W": 0.6, "C": 2.0, "gamma": 0.7}
    ks = np.arange(12)
    expected = np.minimum.reduce([0.9**ks, 5 * 0.6**ks, 2 * 0.7**ks])
    np.testing.assert_allclose(function(**given, k=ks), expected, rtol=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["elman", "gru", "leaky", "lstm"])
def test_both_arithmetics_agree(name: str, method: str) -> None:
    bound = sg.product_bound(zoo(name), method=method)
    numbers = [0.25 + 0.125 * index for index in range(len(bound.arguments) - 1)]
    precise = bound.lambdify("mpmath")(*numbers, 4)
    assert mpmath.almosteq(precise, bound.lambdify()(*numbers, 4), 1e-12)


def test_certificates_are_no_worse_than_the_formula() -> None:
    bound = sg.product_bound(sg.models.elman(), method="perron")
    formula = bound.subs({"W": W}).lambdify()(k=list(range(1, 9)))
    proved = [float(bound.evaluate({"W": W}, k)) for k in range(1, 9)]
    assert all(a <= b * (1 + 1e-9) for a, b in zip(proved, formula, strict=True))
