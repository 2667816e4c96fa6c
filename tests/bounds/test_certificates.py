"""Certificates of rates: what is altered is found out; constants and weighted sums against independent values."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.bounds.certificates import norm_index, weighted_constants, weighted_sums, zero_power
from symgrad.bounds.diagonal_scaling import diagonal_certificate
from symgrad.bounds.perron_scaling import perron_certificate
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.errors import InputError
from tests.bounds.slope_forms import NORMS, assert_bounds_hold, elman, nested

SYMMETRIC = np.array([[0.9, 0.4, 0.1], [0.4, 0.5, -0.3], [0.1, -0.3, 0.7]])
MAKERS = {"perron": perron_certificate, "diagonal": diagonal_certificate, "quadratic": quadratic_certificate}


@pytest.fixture(scope="module")
def made():
    """One certificate of each kind, for one model whose rate is known: a symmetric, non-negative W."""
    known = elman(np.abs(SYMMETRIC))
    return known, {kind: maker(known) for kind, maker in MAKERS.items()}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_certificate_is_proved_again_and_is_tight(made, kind):
    known, found = made
    certificate = found[kind]
    assert certificate.verify(known)
    assert certificate.rate == pytest.approx(np.linalg.norm(np.abs(SYMMETRIC), 2), rel=1e-4)
    assert_bounds_hold(certificate, known)


ALTERED = {
    "rate": lambda c: {"rate": c.rate * 0.98},
    "rate, nan": lambda c: {"rate": math.nan},
    "rate, zero": lambda c: {"rate": 0.0},
    "constant": lambda c: {"constants": {**c.constants, 2.0: c.constants[2.0] * arb(0.98)}},
    "constant missing": lambda c: {"constants": {2.0: c.constants[2.0]}},
    "constant, nan": lambda c: {"constants": {**c.constants, 1.0: arb.nan()}},
    "vanishing": lambda c: {"vanishes_after": 3},
    "scaling, negative": lambda c: {"scaling": -c.scaling},
    "scaling, nan": lambda c: {"scaling": c.scaling * math.nan},
    "scaling, other size": lambda c: {"scaling": c.scaling[:2] if c.scaling.ndim == 1 else c.scaling[:2, :2]},
    "scaling, elsewhere": lambda c: {
        "scaling": c.scaling + np.diag([0, 0, 5.0]) if c.scaling.ndim == 2 else c.scaling * [1, 1, 9]
    },
    "index": lambda c: {"index": 3.0},
    "scaling, not square": lambda c: {"scaling": np.ones((3, 2))},
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("change", ALTERED)
def test_an_altered_certificate_is_found_out(made, kind, change):
    known, found = made
    altered = dataclasses.replace(found[kind], **ALTERED[change](found[kind]))
    assert not altered.verify(known)


def test_altered_multipliers_and_other_forms_are_found_out(made):
    known, found = made
    good = found["quadratic"]
    for multipliers in (-good.multipliers, good.multipliers * 0, good.multipliers[:1], good.multipliers * 100):
        assert not dataclasses.replace(good, multipliers=multipliers).verify(known)
    for other in (elman(1.02 * np.abs(SYMMETRIC)), elman(np.abs(SYMMETRIC), -1.5), elman(np.eye(2))):
        assert not any(certificate.verify(other) for certificate in found.values())


def test_a_looser_certificate_is_still_proved(made):
    known, found = made
    for certificate in found.values():
        assert dataclasses.replace(certificate, rate=certificate.rate * 1.1).verify(known)
        assert certificate.verify(elman(0.9 * np.abs(SYMMETRIC)))


def test_a_bound_of_products(made):
    _, found = made
    certificate = found["diagonal"]
    assert certificate.bound(0, 2) == certificate.constants[2.0]
    assert float(certificate.bound(10, "inf")) == pytest.approx(
        float(certificate.constants[math.inf]) * certificate.rate**10
    )
    with pytest.raises(InputError, match="3"):
        certificate.bound(1, 3)


def sampled_distortion(norm_in, norm_out, size, seed):
    """The largest ratio of two norms over random vectors and sign vectors: at most their largest ratio."""
    rng = np.random.default_rng(seed)
    vectors = [*rng.standard_normal((200, size)), *np.sign(rng.standard_normal((50, size))), *np.eye(size)]
    return max(norm_out(v) / norm_in(v) for v in vectors)


@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from(NORMS), st.sampled_from(NORMS))
@settings(max_examples=40)
def test_diagonal_constants_against_matrices_of_rank_one(seed, size, index, p):
    """||A||_p / ||S A S^-1||_q for A = y x' reaches what it can; sampled, it stays below the constant."""
    weights = np.exp(np.random.default_rng(seed).uniform(-2, 2, size))
    constant = float(weighted_constants(weights, float(index))[float(p)])

    def scaled(v):
        return np.linalg.norm(weights * v, index)

    def plain(v):
        return np.linalg.norm(v, p)

    product = sampled_distortion(plain, scaled, size, seed) * sampled_distortion(scaled, plain, size, seed + 1)
    assert product <= constant * (1 + 1e-12)
    if p == index:
        assert constant == pytest.approx(weights.max() / weights.min())


@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from(NORMS))
@settings(max_examples=40)
def test_quadratic_constants_against_matrices_of_rank_one(seed, size, p):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((size, size)) + np.eye(size)
    matrix = factor @ factor.T + 1e-3 * np.eye(size)
    matrix = (matrix + matrix.T) / 2
    constant = float(weighted_constants(matrix, 2.0)[float(p)])

    def scaled(v):
        return math.sqrt(v @ matrix @ v)

    def plain(v):
        return np.linalg.norm(v, p)

    product = sampled_distortion(plain, scaled, size, seed) * sampled_distortion(scaled, plain, size, seed + 1)
    assert product <= constant * (1 + 1e-10)
    assert constant <= size * math.sqrt(np.linalg.cond(matrix)) * (1 + 1e-9)


def test_constants_of_what_is_no_norm_are_infinite():
    for scaling in (
        np.array([1.0, 0.0]),
        np.array([1.0, math.inf]),
        np.zeros((2, 2)),
        np.array([[1.0, 2.0], [2.0, 1.0]]),
    ):
        constants = weighted_constants(scaling, 2.0)
        assert scaling.ndim == 2 or all(not constant.is_finite() for constant in constants.values())


@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from(NORMS))
@settings(max_examples=60)
def test_weighted_sums_are_close_and_above(seed, size, index):
    rng = np.random.default_rng(seed)
    sizes, weights = rng.random((size, size)) * (rng.random((size, size)) < 0.7), 10.0 ** rng.uniform(-8, 8, size)
    truth = np.linalg.norm(weights[:, None] * sizes / weights[None, :], index)
    bound = float(weighted_sums(sizes, weights, index))
    assert truth * (1 - 1e-12) <= bound <= truth * (1 + 1e-12)


def test_weighted_sums_at_the_ends_of_the_floats():
    sizes = np.array([[0.0, 1e-320], [1e300, 0.0]])
    for index in NORMS:
        bound = weighted_sums(sizes, np.array([1.0, 1e-310]), index)
        assert not bound.is_finite() or bound >= arb(1e-320) / arb(1e-310)
    assert not weighted_sums(sizes, np.array([1.0, -1.0]), 1).is_finite()


@pytest.mark.parametrize(
    ("matrix", "power"),
    [
        ([[0.0]], 1),
        ([[1.0]], None),
        ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], 3),
        ([[0, 0], [1, 0]], 2),
        ([[0, 1], [1, 0]], None),
    ],
)
def test_the_power_that_vanishes(matrix, power):
    array = np.array(matrix, dtype=float)
    assert zero_power(array) == power
    if power is not None:
        assert not np.linalg.matrix_power(array, power).any()
        assert power == 1 or np.linalg.matrix_power(array, power - 1).any()


def test_norms_by_name():
    assert [norm_index(p) for p in (1, "2", math.inf)] == [1.0, 2.0, math.inf]
    with pytest.raises(InputError, match="fro"):
        norm_index("fro")


@pytest.mark.parametrize("kind", MAKERS)
def test_slopes_inside_slopes(kind):
    for seed in range(4):
        known = nested(seed)
        certificate = MAKERS[kind](known)
        assert certificate.verify(known)
        assert_bounds_hold(certificate, known)
