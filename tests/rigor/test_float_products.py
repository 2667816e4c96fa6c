"""Products with error bounds against exact rational arithmetic."""

from fractions import Fraction

import flint
import numpy as np
import pytest
from flint import arb, arb_mat, fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.rigor.balls import working_precision
from symgrad.rigor.float_products import (
    exact_sum,
    gamma,
    identity_residual,
    inner_products,
    is_clean,
    largest_sum,
    norm_bound,
    square_sum,
    without_tiny,
)


def rational(x):
    return fmpq_mat(*x.shape, [fmpq(*value.as_integer_ratio()) for value in x.ravel().tolist()])


def frobenius(x):
    """The Frobenius norm of a rational matrix as a ball."""
    with working_precision(300):
        return sum((arb(entry) * arb(entry) for entry in x.entries()), arb(0)).sqrt()


def spectral(x):
    """sigma_max of a rational matrix by 300 squarings of x'x: an independent estimate within 2^-100 or so."""
    with working_precision(300):
        entries = [arb(entry) for entry in x.entries()]
        m = arb_mat(x.nrows(), x.ncols(), entries)
        gram = m.transpose() * m
        trace = gram.trace()
        if trace == 0:
            return 0.0
        scale = trace
        gram = gram * (1 / trace)
        log = arb(0)
        for power in range(1, 61):
            gram = (gram * gram).mid()
            trace = gram.trace()
            log += trace.log() / arb(2) ** power
            gram = gram * (1 / trace)
        return float((scale * log.exp()).sqrt())


def graded(rng, shape, decades):
    return rng.standard_normal(shape) * 10.0 ** rng.uniform(-decades, 0, shape)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 4), (40, 5), (130, 6)])
@pytest.mark.parametrize("decades", [0, 3, 80])
def test_inner_products_enclose_and_are_narrow(shape, decades):
    rng = np.random.default_rng(shape[0] + decades)
    x, y = graded(rng, shape, decades), graded(rng, shape, decades)
    for left, right in ((x, y), (x, x)):
        product = inner_products(left, right)
        exact = rational(left).transpose() * rational(right)
        distance = frobenius(exact - rational(product.high) - rational(product.low))
        assert distance <= product.error
        plain = 2.0**-53 * shape[0] * np.linalg.norm(left) * np.linalg.norm(right)
        assert float(product.error) <= 2e-5 * plain * shape[0]


@pytest.mark.parametrize("length", [2, 3, 100, 1024, 5000])
def test_the_leading_parts_are_multiplied_without_rounding(length):
    rng = np.random.default_rng(length)
    x = rng.uniform(0.5, 1.0, (length, 3)) * [1.0, 1e-50, 1e50]
    product = inner_products(x, x)
    assert np.abs(product.low).max() > 0
    bits = (53 - int(np.ceil(np.log2(length)))) // 2
    grid = np.ldexp(1.0, np.frexp(x.max(axis=0))[1] - bits)
    head = np.rint(x / grid) * grid
    assert (rational(head).transpose() * rational(head)).entries() == rational(product.high).entries()


def test_a_plain_product_would_break_the_bound():
    """The bound is sharp enough to tell a product computed in one piece from the enclosure."""
    x = np.random.default_rng(0).standard_normal((200, 5))
    product = inner_products(x, x)
    distance = frobenius(rational(x).transpose() * rational(x) - rational(x.T @ x))
    assert distance > product.error


@pytest.mark.parametrize("n", [1, 4, 12])
@pytest.mark.parametrize("multiple", [1.0, 0.7, 1e6])
def test_identity_residual(n, multiple):
    rng = np.random.default_rng(n)
    x = np.linalg.qr(rng.standard_normal((2 * n, n)))[0] * np.sqrt(multiple)
    exact = rational(x).transpose() * rational(x)
    for i in range(n):
        exact[i, i] = exact[i, i] - fmpq(*multiple.as_integer_ratio())
    bound = identity_residual(x, x, multiple)
    truth = spectral(exact)
    assert truth <= float(bound)
    assert float(bound) <= (np.sqrt(n) + 1) * truth + 1e-20 * multiple


def test_identity_residual_that_overflows_is_infinite():
    x = np.full((2, 2), 2.0**300)
    assert float(identity_residual(x, x)) > 1e180
    with np.errstate(all="ignore"):
        huge = np.full((2, 2), 1e200)
        assert float(identity_residual(huge, huge)) == np.inf


@given(st.lists(st.lists(st.floats(-1e100, 1e100), min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_norm_bound_is_above_the_norm_of_the_magnitudes(rows):
    x = np.array(rows)
    assert spectral(rational(np.abs(x))) <= float(norm_bound(x)) * (1 + 1e-14)
    assert float(norm_bound(x)) <= np.sqrt(3) * spectral(rational(np.abs(x))) * (1 + 1e-10) + 1e-150


def test_clean():
    assert is_clean(np.array([[0.0, 1.0, -1e90]]))
    for bad in (1e-100, 1e100, np.inf, np.nan):
        assert not is_clean(np.array([[1.0, bad]]))
    assert without_tiny(np.array([1e-100, -1e-90, 3.0])).tolist() == [0.0, -1e-90, 3.0]


def test_gamma_is_the_textbook_value():
    for k in (1, 10, 1 << 20):
        exact = Fraction(k, 2**53) / (1 - Fraction(k, 2**53))
        assert gamma(k).contains(fmpq(exact.numerator, exact.denominator))


finite = st.floats(-1e150, 1e150)


@given(st.lists(finite, max_size=20))
@settings(max_examples=100, deadline=None)
def test_exact_sum(terms):
    with working_precision(160):
        ball = exact_sum(terms)
        total = sum(map(Fraction, terms), Fraction(0))
        assert ball.contains(fmpq(total.numerator, total.denominator))
        assert ball.rad() <= 2.0**-100 * abs(ball.mid())


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_largest_sum(rows):
    with working_precision(160):
        truth = max(sum(map(Fraction, row), Fraction(0)) for row in rows)
        ball = largest_sum(np.array(rows))
        assert ball.contains(fmpq(truth.numerator, truth.denominator))
        assert ball.rad() <= 2.0**-100 * abs(ball.mid())


def test_largest_sum_finds_the_winner_among_near_ties():
    """Row sums that differ by less than the rounding of a plain sum."""
    rng = np.random.default_rng(3)
    row = rng.uniform(0, 1, 500)
    rows = np.array([rng.permutation(row) for _ in range(50)])
    rows[37, 5] = np.nextafter(rows[37, 5], 2)
    truth = sum(map(Fraction, rows[37].tolist()), Fraction(0))
    with working_precision(160):
        assert largest_sum(rows).contains(fmpq(truth.numerator, truth.denominator))


@pytest.mark.parametrize("size", [1, 100, 4097, 20000])
def test_square_sum(size):
    x = np.random.default_rng(size).standard_normal(size) * 10.0 ** np.linspace(-200, 0, size)
    truth = sum(Fraction(v) ** 2 for v in x.tolist())
    with working_precision(160):
        ball = square_sum(x)
        assert ball.contains(fmpq(truth.numerator, truth.denominator))
        assert ball.rad() <= 2.0**-50 * ball.mid()
    assert flint.ctx.prec == 53
