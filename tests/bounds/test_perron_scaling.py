"""Rates from Perron vectors: against eigenvalues, powers of matrices, and reducible and nilpotent cases."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.bounds.perron_scaling import perron_certificate, perron_certificates
from symgrad.errors import InputError, NoBoundError
from tests.bounds.slope_forms import NORMS, assert_bounds_hold, elman, form, nested


def root(matrix):
    return float(np.abs(np.linalg.eigvals(np.abs(matrix))).max())


@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from(NORMS), st.floats(0.3, 1), st.floats(0.1, 2))
@settings(max_examples=50)
def test_all_certificates_hold_and_the_last_has_the_perron_root(seed, n, norm, density, slope):
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((n, n)) * (rng.random((n, n)) < density)
    known = elman(w, 0.0, slope)
    found = perron_certificates(known, norm)
    for certificate in found:
        assert certificate.verify(known)
        # all powers of the moduli themselves are below the bound
        power = np.eye(n)
        for k in range(1, 6):
            power = power @ (slope * np.abs(w))
            for p in NORMS:
                assert np.linalg.norm(power, p) <= float(certificate.bound(k, p)) * (1 + 1e-12)
    rates = [certificate.rate for certificate in found]
    constants = [float(certificate.constants[float(norm)]) for certificate in found]
    assert rates == sorted(rates, reverse=True)
    assert constants == sorted(constants)
    if found[-1].vanishes_after is None:
        assert rates[-1] == pytest.approx(slope * root(w), rel=1e-5, abs=1e-6 * np.linalg.norm(w))


def test_irreducible_moduli_reach_the_root_in_every_norm():
    w = np.random.default_rng(2).standard_normal((7, 7))
    for norm in NORMS:
        certificate = perron_certificate(elman(w, 0.0, 0.25), norm)
        assert certificate.rate == pytest.approx(root(w) / 4, rel=1e-12)
        assert_bounds_hold(certificate, elman(w, 0.0, 0.25))
        assert not dataclasses.replace(certificate, rate=certificate.rate * (1 - 1e-9)).verify(elman(w, 0.0, 0.25))


def test_the_example_of_pascanu_mikolov_and_bengio():
    """|W| = [[8, 16], [4, 8]] has the root 16, so that slopes in [0, 1/4] give 4; S = diag(1, 2) has condition 2."""
    certificate = perron_certificate(elman([[8.0, -16.0], [4.0, -8.0]], 0.0, 0.25), 2)
    assert certificate.rate == pytest.approx(4.0, rel=1e-12)
    assert float(certificate.constants[2.0]) == pytest.approx(2.0, rel=1e-6)


def test_the_constant_is_the_least_for_its_rate():
    """For 2 by 2 the least max v / min v with N v <= g v is found by a grid over v."""
    sizes = np.array([[0.2, 1.0], [0.05, 0.3]])
    found = perron_certificates(elman(sizes, 1.0, 1.0), "inf")
    for certificate in [item for item in found if item.rate > 1.001 * root(sizes)]:
        ratios = np.exp(np.linspace(-6, 6, 24001))
        vectors = np.stack([ratios, np.ones_like(ratios)])
        allowed = np.all(sizes @ vectors <= certificate.rate * (1 + 1e-9) * vectors, axis=0)
        least = min(max(ratio, 1 / ratio) for ratio in ratios[allowed])
        assert float(certificate.constants[math.inf]) == pytest.approx(least, rel=2e-3)


@pytest.mark.parametrize("norm", NORMS)
def test_reducible_moduli_trade_rate_against_constant(norm):
    known = elman([[0.5, 3.0], [0.0, 0.5]], 1.0, 1.0)
    found = perron_certificates(known, norm)
    assert len(found) > 5
    assert found[0].rate > 2
    assert 0.5 <= found[-1].rate < 0.501
    for k in (1, 3, 10, 100):
        best = perron_certificate(known, norm, power=k)
        assert all(best.bound(k, norm) <= other.bound(k, norm) for other in found)
        truth = np.linalg.norm(np.linalg.matrix_power(np.array([[0.5, 3.0], [0.0, 0.5]]), k), norm)
        # the k-th power is about 6 k / 2^k, and the best bound of the form C g^k is about e times as much
        assert truth <= float(best.bound(k, norm)) <= 4 * truth


def test_nilpotent_moduli_vanish():
    w = np.triu(np.random.default_rng(0).standard_normal((4, 4)), 1)
    for certificate in perron_certificates(elman(w), 1):
        assert certificate.vanishes_after == 4
        assert certificate.bound(4, 1) == 0
        assert certificate.bound(3, 1) > 0
    assert perron_certificate(elman(w), 1).rate < 1e-8
    assert perron_certificate(elman(w), 1, power=9).bound(9, 1) == 0
    assert perron_certificate(elman(np.zeros((2, 2)))).rate == 0


def test_scalars_and_huge_and_tiny_weights():
    assert perron_certificate(elman([[3.0]], 0.0, 0.25)).rate == pytest.approx(0.75)
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    for scale in (1e-280, 1e280):
        certificate = perron_certificate(elman(w * scale))
        assert certificate.rate == pytest.approx(root(w) * scale)
        assert certificate.verify(elman(w * scale))
        assert certificate.bound(2) > arb(scale) ** 2


def test_other_models_and_bad_input():
    known = nested(5)
    assert all(certificate.verify(known) for certificate in perron_certificates(known, 2))
    with pytest.raises(InputError, match="p"):
        perron_certificates(known, 3)
    wild = form([[1e308, 1e308]] * 2, np.eye(2), np.full((2, 2), 1e308), np.zeros((2, 2)), [0, 0], [2, 2])
    with pytest.raises(NoBoundError, match="ranges"):
        perron_certificates(wild)
