"""Formulas with numbers put in: digits checked against NumPy and exact fractions, and never on the wrong side."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.present import latex, with_numbers
from symgrad.present.documents import body, page
from symgrad.present.rounded import rounded
from tests.present.test_reports import weights
from tests.present.typesetting import complaints, typeset
from tests.present.zoo import FAMILIES, zoo

SLACK = 1.0011  # what four digits may add

fractions = st.builds(Fraction, st.integers(-(10**12), 10**12), st.sampled_from([1, 3, 7, 10**6, 10**14, 2**40]))


@given(fractions)
def test_decimals_bound_the_number_they_stand_for(number: Fraction) -> None:
    ball = arb(number.numerator) / number.denominator
    for up in (True, False):
        shown = rounded(ball, up)
        decimal = Fraction(shown.text)
        if shown.kind == "equal":
            assert decimal == number
        elif shown.kind == "about":
            assert abs(decimal - number) <= abs(number) / 10**11
        else:
            assert (decimal >= number) if up else (decimal <= number)
        assert abs(decimal - number) <= abs(number) * Fraction(1, 1000)


def test_decimals_beyond_floats() -> None:
    assert rounded(arb(2) ** 100000, up=True).text == "9.991e+30102"
    assert rounded(arb(2) ** 100000, up=False).text == "9.990e+30102"
    assert rounded(arb("inf"), up=True).latex == r"\infty"


def test_the_formula_is_followed_by_numbers() -> None:
    bound = sg.product_bound(sg.models.sigmoid_rnn())
    lines = bound.text(weights={"W_rec": np.diag([3.0, 1.0])}, k=2).splitlines()
    assert [line.strip() for line in lines] == [
        "||J[t]*J[t-1]*...*J[t-k+1]||_2 <= (||W_rec||_2/4)**k",
        "= (3/4)**2",
        "= 0.5625",
        "k = 2",
    ]
    typeset_lines = bound.latex(weights={"W_rec": np.diag([3.2, 1.0])}).splitlines()
    assert r" &\approx \left(\frac{3.2}{4}\right)^{k} \\" in typeset_lines
    assert " &\\approx 0.8^{k}" in typeset_lines


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("alpha", [0.25, 0.9])
def test_values_are_those_of_numpy(seed: int, alpha: float) -> None:
    W = np.random.default_rng(seed).normal(size=(3, 3))
    bound = sg.product_bound(sg.models.leaky())
    exact = (1 - alpha + alpha * np.linalg.norm(W, 2)) ** 5
    shown = bound.text(weights={"W": W, "alpha": alpha}, k=5).splitlines()
    assert exact * (1 - 1e-12) <= float(shown[2].split()[-1]) <= exact * SLACK
    put_in = eval(shown[1].split("=", 1)[1].replace("|0.25 - 1|", "0.75").replace("|0.9 - 1|", "0.1"))
    assert put_in == pytest.approx(exact, rel=1e-2)


def test_lower_bounds_are_rounded_down() -> None:
    W = 0.3 * np.eye(2) + 0.01 * np.ones((2, 2))
    bound = sg.product_bound(sg.models.leaky(0.25), side="lower")
    relation, digits = bound.text(weights={"W": W}, k=7).splitlines()[2].split()
    exact = (0.75 - 0.25 * np.linalg.norm(W, 2)) ** 7
    assert relation == ">="
    assert exact / SLACK <= float(digits) <= exact * (1 + 1e-12)


def test_gain_matrices_have_numbers_and_the_power_bounds_the_norm() -> None:
    model = zoo("lstm")
    values = weights(model)
    bound = sg.product_bound(model)
    shown = bound.text(weights=values)
    constant, rate = map(float, re.search(r"<= ([0-9.]+)\*([0-9.]+)\*\*k", shown).groups())
    entries = eval(re.search(r"^ <= (\[\[.*\]\])$", shown, re.MULTILINE)[1])
    norms = {name: np.linalg.norm(value, 2) for name, value in values.items() if np.ndim(value) == 2}
    gate = 4 * norms["W_hf"] + norms["W_hg"] + norms["W_hi"] / 4
    expected = [[gate + np.tanh(17) * norms["W_ho"] / 4, 1], [gate, 1]]
    assert np.all(np.array(entries) >= np.array(expected) * (1 - 1e-12))
    assert np.array(entries) == pytest.approx(np.array(expected), rel=1e-3)
    for k in (1, 2, 5, 20):
        power = np.linalg.norm(np.linalg.matrix_power(expected, k), 2)
        assert power <= constant * rate**k
        assert power * (1 - 1e-9) <= float(re.search(r"<= ([0-9.e+]+)$", bound.text(weights=values, k=k), re.M)[1])


def test_layers_are_multiplied() -> None:
    layers = {"W": [np.diag([2.0, 1.0]), np.diag([0.25, 0.5]), np.eye(2)], "b": [np.zeros(2)] * 3}
    shown = sg.product_bound(sg.models.feedforward()).text(weights=layers).splitlines()
    assert [line.strip() for line in shown[1:]] == ["= 1*0.5*2", "= 1", "L = 3"]


def test_a_gradient_bound_has_its_value() -> None:
    model = sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})
    values = {"W_rec": 2 * np.eye(2), "W_in": np.eye(2), "b": np.zeros(2)}
    shown = sg.gradient_bound(model).text(weights=values, k=3)
    factor = float(re.search(r"<= ([0-9.]+)\*\|\|grad_x\[T\] L", shown)[1])
    exact = np.sqrt(5) * 1.75
    assert exact <= factor <= exact * SLACK
    assert "gamma = ||W_rec||_2/4\n = 0.5" in shown
    assert shown.splitlines()[-1] == "T = 3"
    without = sg.gradient_bound(model).text(weights=values)
    assert without.count("*||grad_x[T] L||_2*M") == shown.count("*||grad_x[T] L||_2*M")
    several = sg.gradient_bound(model.assuming({"x": (-1, 1)})).latex(weights=values)
    assert r"\le 2.018" in several  # sqrt(3 + 2 sigmoid(1)^2) = 2.0172...


@pytest.mark.parametrize("name", FAMILIES)
def test_every_proof_has_numbers_for_its_steps(name: str) -> None:
    model = zoo(name)
    if model.depth is not None:
        values: dict[str, Any] = {"W": [np.eye(2) / 2] * 3, "b": [np.zeros(2)] * 3}
    else:
        values = weights(model)
    bound = sg.product_bound(model)
    data = [step for step in bound.proof if step.inequality.bound.atoms(sp.MatrixSymbol)]
    shown = latex(with_numbers(bound.proof, values, 3))
    numbers = re.findall(r"\\qquad (?:=|\\le|\\approx|\\subseteq) [-\\0-9\[{]", shown)
    assert len(numbers) >= (1 if model.depth is not None else len(data))
    last = re.findall(r"\\qquad (?:=|\\le|\\approx) ([0-9.]+)(?: \\cdot 10\^\{(-?\d+)\})?", shown)[-1]
    value = float(last[0]) * 10.0 ** int(last[1] or 0)
    exact = bound.evaluate(values, 3)
    assert exact * (1 - 1e-11) <= value <= exact * SLACK


def test_declared_properties_that_hold_up_to_rounding_are_not_used() -> None:
    turn = np.array([[np.cos(1), np.sin(1)], [-np.sin(1), np.cos(1)]])
    bound = sg.product_bound(sg.models.elman().assuming({"W": sg.orthogonal}))
    shown = bound.text(weights={"W": turn}, k=10)
    assert "||W||_2**k" in shown
    assert "||W||_2" in bound.proof.text(weights={"W": turn})


@pytest.mark.slow
def test_pages_with_numbers_compile(tmp_path: Path) -> None:
    parts = []
    for name in ("lstm", "gru", "leaky", "neuron"):
        model = zoo(name)
        bound = sg.product_bound(model)
        parts += [body(with_numbers(item, weights(model), k)) for item in (bound, bound.proof) for k in (None, 50)]
    assert complaints(typeset(page("\n\\clearpage\n".join(parts)), tmp_path)) == []


def test_what_has_no_numbers_says_so() -> None:
    model = sg.models.elman()
    with pytest.raises(sg.InputError, match="not into a Recurrence"):
        model.latex(weights={"W": np.eye(2)})
    with pytest.raises(sg.InputError, match="a number of steps needs weights too"):
        sg.product_bound(model).latex(k=3)
    with pytest.raises(sg.InputError, match="k: a non-negative integer is needed, got -1"):
        sg.product_bound(model).latex(weights={"W": np.eye(2)}, k=-1)
    with pytest.raises(sg.InputError, match="W"):
        sg.product_bound(model).proof.text(weights={})
