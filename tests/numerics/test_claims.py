"""The literature check: published numbers, independent arithmetic, and mutations that must be caught."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.numerics.claims.statements import holds, rounded

WRITTEN = {"logistic": lambda z: 1 / (1 + mpmath.exp(-z)), "softplus": lambda z: mpmath.log(1 + mpmath.exp(z))}
PUBLISHED = np.array([[8.0, -16.0], [4.0, -8.0]])


def test_the_four_claims_are_listed_and_proved_again() -> None:
    claims = sg.claims.all()
    assert [claim.name for claim in claims] == ["logistic_rate", "spectral_radius", "horizon", "stable_points"]
    assert [claim.verdict.value for claim in claims] == ["proved", "refuted", "refuted", "refuted"]
    for claim in claims:
        assert claim.replay()
        assert [step.number for step in claim.steps] == list(range(1, len(claim.steps) + 1))
        assert all(step.text and step.latex and step.reason for step in claim.steps)
        assert json.loads(json.dumps(claim.to_dict()))["verdict"] == claim.verdict.value
        for part in (claim.claim.text, claim.correction.text):
            assert " ".join(part.split())[:40] in " ".join(str(claim).split())
        assert claim.claim.latex in claim.latex()


@pytest.mark.parametrize("name", ["logistic_rate", "spectral_radius", "horizon", "stable_points"])
def test_a_claim_that_is_altered_is_caught(name: str) -> None:
    claim = getattr(sg.claims, name)()
    table = claim.demonstration
    wrong = tuple(tuple(1.01 * cell if isinstance(cell, float) else cell for cell in row) for row in table.rows)
    assert not replace(claim, demonstration=replace(table, rows=wrong)).replay()
    assert not replace(claim, verdict=sg.Verdict.UNDECIDED).replay()
    numbers = {name: 2 * np.asarray(value) for name, value in claim.counterexample.items()}
    assert claim.is_refuted == bool(numbers)
    assert not numbers or not replace(claim, counterexample=numbers).replay()
    false = replace(claim.steps[0], check=lambda: False)
    assert not replace(claim, steps=(false, *claim.steps[1:])).replay()
    assert not replace(claim, correction=replace(claim.correction, text="anything")).replay()


# --- 1: the slope of the activation ---------------------------------------------------


def test_the_logistic_rate_is_four_times_too_weak_at_every_step() -> None:
    claim = sg.claims.logistic_rate()
    assert claim.correction.bound is not None
    assert claim.correction.bound.rate == sg.OperatorNorm(sp.MatrixSymbol("W_rec", *_shape(claim))) / 4
    for k, claimed, corrected, attained in claim.demonstration.rows:
        assert claimed == 2.0**k
        assert corrected == 2.0**-k
        assert (1 - 1e-12) * corrected < attained <= corrected


def _shape(claim: sg.claims.LiteratureClaim) -> tuple[sp.Expr, sp.Expr]:
    assert claim.correction.bound is not None
    return next(p.shape for p in claim.correction.bound.model.parameters if str(p) == "W_rec")


@pytest.mark.parametrize("name", sg.activation_names())
def test_the_rate_of_any_activation_is_that_of_mpmath(name: str) -> None:
    claim, activation = sg.claims.logistic_rate(name), sg.activation(name)
    slope = sp.lambdify(activation.variable, activation.derivative.expr, [WRITTEN, "mpmath"])
    largest = max(abs(slope(mpmath.mpf(i) / 16 + mpmath.mpf(2) ** -20)) for i in range(-160, 161))
    assert claim.verdict.value == ("proved" if largest <= 1 + 1e-6 else "refuted")
    attained = claim.demonstration.rows[0][3]
    if activation.slope.is_bounded:
        assert float(largest) * 2 * (1 - 1e-3) <= attained <= float(activation.slope.sup_abs) * 2
    assert claim.replay()


@pytest.mark.parametrize("norm", [4, 0.5, 1e3])
def test_the_norm_of_the_demonstration_may_be_any(norm: float) -> None:
    claim = sg.claims.logistic_rate("sigmoid", norm)  # 4 is where 1 is an eigenvalue of W diag(s')
    assert claim.replay()
    assert claim.demonstration.rows[0][3] == pytest.approx(norm / 4)


# --- 2: the spectral radius ------------------------------------------------------------


def test_the_doubling_gradient_has_the_published_numbers() -> None:
    claim = sg.claims.spectral_radius(20)
    with mpmath.workdps(60):
        x = mpmath.findroot(
            lambda p, q: [
                8 / (1 + mpmath.exp(-p)) - 16 / (1 + mpmath.exp(-q)) - 4 - p,
                4 / (1 + mpmath.exp(-p)) - 8 / (1 + mpmath.exp(-q)) - 100 - q,
            ],
            (mpmath.mpf(0), mpmath.mpf(-98)),
        )
        assert max(abs(x[0]), abs(x[1] + 98)) < mpmath.mpf(10) ** -40
        slopes = [1 / (1 + mpmath.exp(-z)) / (1 + mpmath.exp(z)) for z in x]
        jacobian = mpmath.matrix(PUBLISHED.tolist()) * mpmath.diag(slopes)
        assert abs(max(mpmath.eig(jacobian)[0], key=abs) - 2) < 9 * mpmath.exp(-98)
        power = mpmath.eye(2)
        for k, claimed, lower, upper in claim.demonstration.rows:
            power = jacobian * power
            norm = mpmath.svd_r(power, compute_uv=False)[0]
            assert claimed == 0
            assert lower <= norm <= upper
            assert abs(norm / (2 ** (k - 1) * mpmath.sqrt(5)) - 1) < 1e-30
    assert np.linalg.matrix_power(PUBLISHED, 2).tolist() == [[0, 0], [0, 0]]


def test_the_corrected_rates_hold_at_the_counter_example() -> None:
    bounds = sg.claims.spectral_radius().correction.bounds
    assert [str(bound.rate) for bound in bounds] == [
        "OperatorNorm(W_rec)/4",
        "SpectralRadius(W_rec)/4",
        "SpectralRadius(Abs(W_rec))/4",
    ]
    assert all(bound.proof.audit(2) for bound in bounds)
    assert bounds[0].evaluate({"W_rec": PUBLISHED}, 3) >= 4 * math.sqrt(5)
    numbers = sg.claims.spectral_radius().counterexample
    jacobian = PUBLISHED * numbers["slopes"]
    weights = {"W_rec": PUBLISHED, "W_in": np.zeros((2, 1)), "b": numbers["b"]}
    for k in (1, 5, 20):
        assert bounds[2].evaluate(weights, k) >= np.linalg.norm(np.linalg.matrix_power(jacobian, k), np.inf)


# --- 3: the horizon --------------------------------------------------------------------


@pytest.mark.parametrize(("gamma", "delta"), [(0.9, 0.01), (0.5, 0.25), (0.25, 0.5), (0.999, 1e-6), (0.1, 0.001)])
def test_the_terms_needed_are_counted_exactly(gamma: float, delta: float) -> None:
    claim = sg.claims.horizon(gamma, delta)
    rate, share = Fraction(str(gamma)), Fraction(str(delta))
    row = next(row for row in claim.demonstration.rows if row[0] == gamma)
    needed, claimed = int(row[4]), math.ceil(1 / rate)
    assert rate**needed <= share < rate ** (needed - 1)
    assert row[2] == claimed
    assert float(rate**claimed) * (1 - 1e-15) <= row[3] <= rate**claimed
    assert claim.replay()


@pytest.mark.parametrize(("gamma", "delta"), [(0.9, 0.01), (0.5, 0.25), (0.9, 0.999999)])
def test_the_terms_claimed_are_too_few(gamma: float, delta: float) -> None:
    found = sg.claims.horizon(gamma, delta).counterexample
    assert found["terms"] == math.ceil(1 / found["gamma"]) < found["terms needed"]
    assert delta < found["share left out at least"] <= Fraction(found["gamma"]) ** found["terms"] * (1 + 1e-15)


def test_one_over_gamma_falls_while_the_need_grows() -> None:
    table = sg.claims.horizon(0.7).demonstration
    falling, growing = (np.diff(table.column(name)) for name in ("1/gamma", "terms needed"))
    assert (falling < 0).all()
    assert (growing > 0).all()


# --- 4: stable points ------------------------------------------------------------------


@pytest.mark.parametrize(("w", "eps"), [(5, None), (4.5, 0.1), (-12, None), (-12, 1), (3, 0.5), (40, 1), (4, None)])
def test_stability_is_that_of_the_simulated_map(w: float, eps: float | None) -> None:
    claim = sg.claims.stable_points(w, eps)
    step = 1e-3 if eps is None else eps
    for x, b, low, high, stability in claim.demonstration.rows:

        def follow(y: float, bias: float = float(b)) -> float:
            return (1 - step) * y + step / (1 + math.exp(-(w * y + bias)))

        assert follow(float(x)) == pytest.approx(float(x), abs=1e-12)
        slope = (follow(x + 1e-6) - follow(x - 1e-6)) / 2e-6
        value = slope if eps is not None else (slope - 1) / step
        assert low - 1e-5 <= value <= high + 1e-5
        if stability != "not told by the linearisation":
            assert (stability == "stable") == (abs(slope) < 1)
    unstable = "unstable" in claim.demonstration.column("stability")
    assert claim.verdict.value == ("refuted" if unstable else "proved")
    assert claim.replay()


def test_an_unstable_point_refutes_the_curve() -> None:
    assert sg.claims.stable_points(5).counterexample == {"x": 0.5, "b": -2.5, "eigenvalue of the flow at least": 0.25}
    assert sg.claims.stable_points(-12, 1).counterexample["multiplier of the map at most"] < -1
    assert sg.claims.stable_points(3).counterexample == {}


def test_the_flip_of_the_map_is_left_open() -> None:
    claim = sg.claims.stable_points(-4, 1)
    assert claim.verdict is sg.Verdict.UNDECIDED
    assert "not told by the linearisation" in claim.demonstration.column("stability")


# --- input and pictures ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("logistic_rate", ("sigmiod",), "did you mean 'sigmoid'"),
        ("logistic_rate", ("tanh", -1), "norm: a positive float"),
        ("logistic_rate", ("tanh", "2"), "norm: a finite real number"),
        ("spectral_radius", (0,), "steps: an integer from 1 to 100"),
        ("spectral_radius", (2.5,), "steps: an integer from 1 to 100"),
        ("horizon", (1,), "gamma: a rational number between 0 and 1"),
        ("horizon", (0.5, 0), "delta: a rational number between 0 and 1"),
        ("horizon", (float("nan"),), "gamma: a finite real number"),
        ("stable_points", (sp.pi,), "w: a rational number"),
        ("stable_points", (5, 0), "eps: a number above 0"),
        ("stable_points", (None,), "w: a finite real number"),
    ],
)
def test_bad_input_is_named(name: str, arguments: tuple[object, ...], expected: str) -> None:
    with pytest.raises(sg.InputError, match=expected):
        getattr(sg.claims, name)(*arguments)


def test_every_claim_has_a_picture() -> None:
    for claim in sg.claims.all():
        axes = claim.plot()
        assert claim.name in axes.get_title()
        assert len(axes.get_lines()) >= 1
        assert claim.plot(ax=axes) is axes


def test_relations_that_are_false_do_not_hold() -> None:
    x = sp.Symbol("x", positive=True)
    assert not holds(sp.Eq((x + 1) ** 2, x**2 + 1))
    assert not holds(sp.Gt(sp.sqrt(2), sp.Rational(3, 2), evaluate=False))
    assert not holds(sp.false)
    assert rounded(math.inf, up=True) == "inf"
    assert (rounded(-0.55, up=False, digits=1), rounded(-0.55, up=True, digits=1)) == ("-0.6", "-0.5")
