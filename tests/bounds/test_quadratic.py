"""Diagonal and quadratic norms: known answers, other solvers, products in NumPy, and what is refused."""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import symgrad as sg
from symgrad.bounds.centres import propose
from symgrad.bounds.diagonal_scaling import diagonal_certificate
from symgrad.bounds.normal_loop import normal_loop
from symgrad.bounds.perron_scaling import perron_certificate
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.bounds.quadratic_gain import certified_rate, least_rate, proves_rate
from symgrad.bounds.semidefinite import semidefinite_proposal
from symgrad.calculus.slope_form import slope_form
from symgrad.errors import InputError, NoBoundError
from symgrad.language.weights import bind
from tests.bounds.slope_forms import assert_bounds_hold, elman, form, nested, output_side

PASCANU = np.array([[8.0, -16.0], [4.0, -8.0]])


def gaussian(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n)) / math.sqrt(n)


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(-1, 0.9), st.floats(0, 1.5), st.booleans())
@settings(max_examples=25)
def test_products_stay_below_and_the_kinds_are_in_order(seed, n, low, width, after):
    maker = output_side if after else elman
    known = maker(np.random.default_rng(seed).standard_normal((n, n)), low, low + width)
    diagonal, quadratic = diagonal_certificate(known), quadratic_certificate(known)
    for certificate in (diagonal, quadratic):
        assert certificate.verify(known)
        assert_bounds_hold(certificate, known, trials=15)
    assert quadratic.rate <= diagonal.rate
    assert diagonal.rate <= perron_certificate(known, 2).rate * (1 + 1e-3) + 1e-9


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 9))
@settings(max_examples=20)
def test_slopes_inside_slopes(seed, states, count):
    known = nested(seed, states, count)
    diagonal, quadratic = diagonal_certificate(known), quadratic_certificate(known)
    assert diagonal.verify(known)
    assert quadratic.verify(known)
    assert quadratic.rate <= diagonal.rate
    assert_bounds_hold(quadratic, known, trials=30)


def test_normal_weights_have_the_spectral_radius():
    rng = np.random.default_rng(1)
    rotation = 0.9 * np.linalg.qr(rng.standard_normal((5, 5)))[0]
    symmetric = gaussian(5) + gaussian(5).T
    for w in (rotation, symmetric):
        radius = np.abs(np.linalg.eigvals(w)).max()
        certificate = quadratic_certificate(elman(w, 0.0, 0.25))
        assert certificate.rate == pytest.approx(radius / 4, rel=1e-4)
        tight = dataclasses.replace(certificate, rate=certificate.rate * 0.98)
        assert not tight.verify(elman(w, 0.0, 0.25))


def test_no_rate_below_the_spectral_radius_of_a_corner_is_proved():
    """The spectral radius of any periodic product is below every rate that is proved; on altered ones too."""
    known = nested(3)
    certificate = quadratic_certificate(known)
    rng = np.random.default_rng(0)
    corners = [known.at(np.where(rng.random(known.count) < 0.5, known.low, known.high)) for _ in range(200)]
    lower = max(np.abs(np.linalg.eigvals(corner)).max() for corner in corners)
    assert lower <= certificate.rate
    assert not dataclasses.replace(certificate, rate=lower * 0.999).verify(known)


def test_triangular_weights_come_close_to_their_diagonal():
    w = np.triu(np.ones((3, 3)), 1) + np.diag([0.3, 0.9, 0.5])
    loose, close = (quadratic_certificate(elman(w), condition=condition) for condition in (10.0, 1e8))
    assert 0.9 < close.rate < 0.92 < loose.rate
    assert float(close.constants[2.0]) > 30 > float(loose.constants[2.0])
    assert float(loose.constants[2.0]) <= math.sqrt(10)


def test_the_example_of_pascanu_mikolov_and_bengio():
    """The rate 2 is reached: at slopes (1/4, 0) the Jacobian has the eigenvalue 2. Weighted norms stay at 4."""
    known = elman(PASCANU, 0.0, 0.25)
    certificate = quadratic_certificate(known)
    assert 2 <= certificate.rate < 2.001
    assert diagonal_certificate(known).rate == pytest.approx(4, rel=1e-4)
    assert np.linalg.norm(PASCANU / 4, 2) == pytest.approx(5)


@pytest.mark.parametrize("low", [0.0, -0.3])
def test_the_diagonal_scaling_is_the_best_one(low):
    """Against a general optimiser of ||S diag(max |slope|) W S^-1||, which holds for J = D W."""
    w = gaussian(5, 3)
    best = minimize(
        lambda s: np.linalg.norm(np.exp(s)[:, None] * w * np.exp(-s), 2), np.zeros(5), method="Nelder-Mead",
        options={"maxiter": 6000, "maxfev": 6000, "xatol": 1e-7, "fatol": 1e-9, "adaptive": True},
    )  # fmt: skip
    assert diagonal_certificate(elman(w, low)).rate == pytest.approx(best.fun, rel=1e-3)


def test_narrower_slopes_give_lower_rates():
    w = gaussian(8)
    rates = [quadratic_certificate(elman(w, low)).rate for low in (-0.5, 0.0, 0.2, 0.9, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(np.abs(np.linalg.eigvals(w)).max(), rel=1e-3)


def test_units_without_slopes_that_vary():
    a = np.array([[0.5, 10.0], [0.0, 0.4]])
    none = form(a, np.zeros((2, 0)), np.zeros((0, 2)), np.zeros((0, 0)), [], [])
    certificate = quadratic_certificate(none)
    assert certificate.verify(none)
    assert certificate.rate == pytest.approx(0.5, rel=1e-3)
    leaky = form(0.5 * np.eye(2), 0.5 * np.eye(2), a, np.zeros((2, 2)), [0, 1], [1, 1])
    assert quadratic_certificate(leaky).verify(leaky)
    # the second unit reaches nothing, the third is reached by nothing
    apart = form(np.eye(1), [[1, 0, 1]], [[1], [1], [0]], np.zeros((3, 3)), [-0.5, 0, 0], [0, 1, 1])
    certificate = quadratic_certificate(apart)
    assert certificate.rate == pytest.approx(1)
    assert certificate.multipliers[1:].tolist() == [0, 0]


def test_vanishing_and_zero_weights():
    nilpotent = elman(np.triu(np.ones((3, 3)), 1))
    certificate = quadratic_certificate(nilpotent)
    assert certificate.verify(nilpotent)
    assert certificate.vanishes_after == 3
    assert certificate.bound(3) == 0
    zero = quadratic_certificate(elman(np.zeros((2, 2))))
    assert zero.verify(elman(np.zeros((2, 2))))
    assert zero.rate < 1e-50


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_huge_and_tiny_weights(scale):
    w = gaussian(4)
    plain, scaled = quadratic_certificate(elman(w)), quadratic_certificate(elman(w * scale))
    assert scaled.rate == pytest.approx(plain.rate * scale, rel=1e-4)
    assert scaled.verify(elman(w * scale))


def test_a_rate_that_is_enough():
    known = elman(gaussian(6))
    least = quadratic_certificate(known).rate
    enough = quadratic_certificate(known, rate=least * 1.2)
    assert least < enough.rate <= least * 1.2
    with pytest.raises(NoBoundError, match="quadratic norm with condition number"):
        quadratic_certificate(known, rate=least * 0.9)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"condition": 1.0}, "condition"),
        ({"condition": "large"}, "condition"),
        ({"condition": math.nan}, "condition"),
        ({"condition": True}, "condition"),
        ({"solver": "mosek"}, "solver"),
        ({"rate": 0}, "rate"),
        ({"rate": "1"}, "rate"),
    ],
)
def test_bad_input_is_named(options, named):
    with pytest.raises(InputError, match=named):
        quadratic_certificate(elman(np.eye(2)), **options)


def test_a_missing_solver_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(InputError, match=r"symgrad\[sdp\]"):
        quadratic_certificate(elman(np.eye(2)), solver="clarabel")
    assert quadratic_certificate(elman(np.eye(2))).rate == pytest.approx(1)


@pytest.mark.parametrize(
    "known", [elman(gaussian(4), 0.1), nested(7), elman(PASCANU, 0.0, 0.25)], ids=["W", "nested", "P"]
)
def test_against_a_general_solver_of_semidefinite_programmes(known):
    pytest.importorskip("cvxpy")
    loop = normal_loop(known)
    ours, other = propose(loop, condition=1e6), semidefinite_proposal(loop, condition=1e6, solver="clarabel")
    assert ours.rate == pytest.approx(other.rate, rel=1e-3)
    assert quadratic_certificate(known, solver="clarabel").verify(known)


def test_another_solver():
    pytest.importorskip("scs")
    known = elman(PASCANU, 0.0, 0.25)
    certificate = quadratic_certificate(known, solver="scs")
    assert certificate.verify(known)
    assert 2 <= certificate.rate < 2.01


def test_rates_below_the_normal_floats_are_rounded_up():
    loop = dataclasses.replace(normal_loop(elman([[1.0]])), exponent=-1070)
    rate = 1 + 2.0**-50
    assert loop.scaled_rate(rate) == 17 * 2.0**-1074
    assert loop.scaled_rate(1.0) == 2.0**-1070
    assert math.isinf(dataclasses.replace(loop, exponent=1024).scaled_rate(1.0))


def test_against_the_frequency_response():
    """For fixed multipliers a P exists just where the scaled response of x -> T x / g is below 1 on the unit circle.

    This is the bounded real lemma (Kalman, Yakubovich, Popov).
    """
    loop = normal_loop(elman(gaussian(4), 0.2))
    found = propose(loop, condition=1e8, accuracy=1e-6)
    n, root = loop.states, np.sqrt(found.multipliers)
    a, b, c = loop.mid[:n, :n], loop.mid[:n, n:] / root, root[:, None] * loop.mid[n:, :n]
    for factor, possible in ((1.0001, True), (0.97, False)):
        rate = found.rate * factor
        circle = np.exp(1j * np.linspace(0, np.pi, 2001))
        response = c @ np.linalg.solve(circle[:, None, None] * np.eye(n) - a / rate, b / rate)
        assert np.abs(np.linalg.eigvals(a)).max() < rate
        assert (np.linalg.norm(response, 2, axis=(1, 2)).max() < 1) == possible


def test_proposals_are_judged_not_trusted():
    loop = normal_loop(elman(gaussian(4)))
    good = propose(loop, condition=1e6)
    proved = certified_rate(loop, good.matrix, good.multipliers)
    assert proved == pytest.approx(least_rate(loop, good.matrix, good.multipliers), rel=1e-9)
    assert proves_rate(loop, good.matrix, good.multipliers, proved)
    assert not proves_rate(loop, good.matrix, good.multipliers, proved * (1 - 1e-6))
    for matrix, multipliers in (
        (-good.matrix, good.multipliers),
        (good.matrix * math.nan, good.multipliers),
        (good.matrix + np.triu(np.ones((4, 4)), 1), good.multipliers),
        (good.matrix, -good.multipliers),
        (good.matrix[:3, :3], good.multipliers),
    ):
        assert not proves_rate(loop, matrix, multipliers, proved * 2)


@pytest.mark.parametrize("seed", range(3))
def test_the_loop_is_the_form(seed):
    """J(low + (high - low) (1 + theta) / 2) from the loop, theta put in, against the form itself."""
    known = nested(seed, 3, 8)
    loop = normal_loop(known)
    theta = np.random.default_rng(seed).uniform(-1, 1, len(loop.mid) - loop.states)
    n, t = loop.states, loop.mid
    inside = np.linalg.solve(np.eye(len(theta)) - t[n:, n:] * theta, t[n:, :n])
    image = (t[:n, :n] + (t[:n, n:] * theta) @ inside) * 2.0**loop.exponent
    every = np.zeros(known.count)
    every[loop.chosen] = theta
    assert np.allclose(image, known.at((known.low + known.high) / 2 + every * (known.high - known.low) / 2), rtol=1e-12)
    assert (loop.radius <= 1e-14).all()


def test_40_units_beat_the_diagonal_norm():
    w = gaussian(40)
    certificate = quadratic_certificate(elman(w))
    assert certificate.verify(elman(w))
    assert certificate.rate < 1.37 < diagonal_certificate(elman(w)).rate < np.linalg.norm(w, 2)


def gated(name, n, scale, seed=0):
    """The slope form of a model with Gaussian weights, with states and inputs in [-1, 1]."""
    model = getattr(sg.models, name)()
    model = model.assuming({symbol: sg.Interval(-1, 1) for symbol in (*model.states, *model.inputs)})
    rng = np.random.default_rng(seed)
    shapes = {str(symbol): (n, n) if str(symbol)[0] in "WUVR" else (n,) for symbol in model.parameters}
    weights = {key: scale * rng.standard_normal(shape) / math.sqrt(n) for key, shape in shapes.items()}
    return slope_form(model, bind(model, weights))


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_gated_models(name):
    known = gated(name, 2, 0.7)
    certificate = quadratic_certificate(known)
    assert certificate.verify(known)
    assert_bounds_hold(certificate, known, trials=15)
    assert certificate.rate < perron_certificate(known, 2).rate


def test_trajectories_of_a_network_stay_below():
    """Products of diag(1 - h^2) W along simulated trajectories of h = tanh(W h + u), computed in NumPy alone."""
    w = 1.3 * gaussian(6, 4)
    certificate = quadratic_certificate(elman(w))
    rng = np.random.default_rng(5)
    for _ in range(20):
        state, product = rng.uniform(-1, 1, 6), np.eye(6)
        for k in range(1, 15):
            state = np.tanh(w @ state + rng.normal(0, 0.3, 6))
            product = (1 - state**2)[:, None] * w @ product
            assert np.linalg.norm(product, 2) <= float(certificate.bound(k, 2)) * (1 + 1e-12)


@pytest.mark.slow
def test_block_states_of_64_entries():
    known = gated("lstm", 32, 0.7)
    diagonal, quadratic = diagonal_certificate(known), quadratic_certificate(known)
    assert quadratic.verify(known)
    assert quadratic.rate < diagonal.rate < perron_certificate(known, 2).rate


@pytest.mark.slow
def test_128_units():
    known = elman(gaussian(128))
    certificate = quadratic_certificate(known)
    assert certificate.verify(known)
    assert certificate.rate < 1.37
