"""Self-normalising families: SELU's two numbers and those of others."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.elementwise import VARIABLE
from symgrad.rigor.balls import to_ball

SELU = "a*relu(x) + a*b*(exp(min(x, 0)) - 1)"


def test_selu() -> None:
    """Klambauer et al. 2017: lambda = 1.0507009873554804934193349852946, alpha = 1.6732632423543772848170429916717."""
    found = sg.self_normalising(SELU, ["a", "b"])
    published = {"a": "1.0507009873554804934193349852946", "b": "1.6732632423543772848170429916717"}
    for name, digits in published.items():
        assert abs(float(found.balls[name] - to_ball(sp.Rational(digits), 128))) < 1e-30
        assert not found.balls[name].contains(to_ball(sp.Rational(digits) + sp.Rational(1, 10**25), 128))
    assert len(found.solutions) == 1
    left = (sp.sqrt(sp.E) * sp.erfc(1 / sp.sqrt(2)) - 1) / 2
    assert abs(sp.N(found.values["b"] + 1 / (sp.sqrt(2 * sp.pi) * left), 40)) < 1e-35


@pytest.mark.slow
def test_selu_layers_keep_the_law() -> None:
    phi = sg.self_normalising(SELU, ["a", "b"]).activation
    assert float(sg.init_gain(phi)) == pytest.approx(1, abs=1e-25)
    assert "repelling" not in " ".join(sg.init_gain(phi).warnings)


@pytest.mark.parametrize("variance", [1, sp.Rational(1, 4)])
def test_shifted_and_scaled_silu(variance: Any) -> None:
    found = sg.self_normalising("a*x*sigmoid(x) - b", ["a", "b"], variance)
    a, b = (float(found.balls[name]) for name in "ab")
    q = float(variance)

    def phi(z: float) -> float:
        return float(a * np.sqrt(q) * z / (1 + np.exp(-np.sqrt(q) * z)) - b)

    moments = [mpmath.quad(lambda z, k=k: phi(float(z)) ** k * mpmath.npdf(z), [-12, -4, 0, 4, 12]) for k in (1, 2)]
    assert [float(moment) for moment in moments] == pytest.approx([0, q], abs=1e-9)


def test_symbols_and_sympy() -> None:
    x, scale, shift = sp.symbols("x scale shift")
    found = sg.self_normalising(scale * (sp.Max(x, 0) - shift), [scale, shift])
    assert sp.simplify(found.values["shift"] - 1 / sp.sqrt(2 * sp.pi)) == 0
    assert sp.simplify(found.values["scale"] ** 2 - 2 * sp.pi / (sp.pi - 1)) == 0


@pytest.mark.parametrize(
    ("formula", "parameters", "message"),
    [
        ("a*cos(b*x)", ["a", "b"], "polynomial"),
        ("a*tanh(x) + b*x", ["a", "b"], "not determined"),
        ("a*x^2 + b", ["a", "b"], "no positive"),
        ("a*x^2 - b", ["a"], "parameters"),
        ("a + b", ["a", "b"], "variable"),
        ("a*x - b*y", ["a", "b"], "variable"),
        (3, ["a", "b"], "formula"),
        ("a*exp(x^2) - b", ["a", "b"], "infinite"),
    ],
)
def test_bad_families(formula: Any, parameters: list[str], message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        sg.self_normalising(formula, parameters)


def test_variable_is_the_remaining_symbol() -> None:
    with pytest.raises(sg.InputError, match="variance"):
        sg.self_normalising("a*x^2 - b", ["a", "b"], variance=-1)
    phi = sg.self_normalising("a*t^2 - b", ["a", "b"]).activation
    assert sp.expand(phi.expr - (VARIABLE**2 - 1) / sp.sqrt(2)) == 0
