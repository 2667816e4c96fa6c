"""Norms over the corners of a slope box against enumeration and random products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import symgrad as sg
from symgrad.bounds.corner_norms import corner_certificate
from symgrad.bounds.form_parts import vertices
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.bounds.word_products import norms_above, rough_norms_above
from symgrad.calculus.slope_form import slope_form
from symgrad.language.weights import bind


def elman_form(W):
    n, model = len(W), sg.models.elman()
    return slope_form(model, bind(model, {"W": W, "U": np.zeros((n, 1)), "b": np.zeros(n)}))


def gaussian(n, seed):
    return np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def certificate(form, most=4096, start=None):
    return corner_certificate(form, np.eye(form.size) if start is None else start, most, np.random.default_rng(0))


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_bounds_every_corner_and_no_more(n):
    form = elman_form(gaussian(n, n))
    found = certificate(form)
    back = np.linalg.inv(found.transform)
    norms = [np.linalg.norm(found.transform @ form.at(corner) @ back, 2) for corner in vertices(form, 4096)]
    assert max(norms) <= found.rate <= max(norms) * (1 + 1e-9)
    assert found.verify(form)


def test_is_better_than_the_quadratic_norm_of_the_s_procedure():
    form = elman_form(gaussian(8, 201))
    quadratic = quadratic_certificate(form)
    found = certificate(form, start=np.linalg.cholesky(quadratic.matrix).T)
    assert found.rate < 0.99 * quadratic.rate


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
@settings(max_examples=10, deadline=None)
def test_products_stay_below(seed, n):
    form = elman_form(gaussian(n, seed))
    found = certificate(form)
    random = np.random.default_rng(seed)
    product = np.eye(n)
    for k in range(1, 40):
        product = form.at(random.uniform(0, 1, n) if k % 2 else random.integers(0, 2, n).astype(float)) @ product
        for p in (1.0, 2.0, np.inf):
            assert np.linalg.norm(product, p) <= float(found.constants[p]) * found.rate**k * (1 + 1e-9)


def test_a_tightened_or_foreign_certificate_is_refused():
    form = elman_form(gaussian(4, 0))
    found = certificate(form)
    assert not replace(found, rate=0.999 * found.rate).verify(form)
    assert not found.verify(elman_form(2 * gaussian(4, 0)))


def test_forms_that_do_not_fit_are_left_out():
    assert certificate(elman_form(gaussian(6, 0)), most=63) is None
    model = sg.models.gru().assuming({"h": (-1, 1), "u": (-1, 1)})
    random = np.random.default_rng(0)
    sizes = {"n": 2, "m": 1}
    weights = {str(s): random.standard_normal([sizes.get(str(d), 1) for d in s.shape]) for s in model.parameters}
    weights = {name: array[:, 0] if name.startswith("b") else array for name, array in weights.items()}
    nested = slope_form(model, bind(model, weights))
    assert any(not entry.is_zero() for entry in nested.inner.entries())
    assert certificate(nested) is None


@given(arrays(np.float64, st.tuples(st.just(3), st.integers(1, 6), st.just(6)), elements=st.floats(-10, 10)))
@settings(max_examples=40, deadline=None)
def test_rough_norms_are_never_too_small(batch):
    rough, exact = rough_norms_above(batch), np.linalg.norm(batch, 2, axis=(1, 2))
    assert (rough >= exact * (1 - 1e-14)).all()
    assert (rough <= np.maximum(exact * 6 ** (1 / 32), 1e-8) * (1 + 1e-9)).all()
    assert (norms_above(batch) <= rough * (1 + 1e-9) + 1e-30).all()
