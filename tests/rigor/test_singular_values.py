"""The two mechanisms behind the norms, each on its own, against mpmath's singular values."""

import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.rigor.ball_singular_values import ball_largest, ball_smallest, cholesky_factor, exact_rank
from symgrad.rigor.balls import lower_float, upper_float, working_precision
from symgrad.rigor.float_singular_values import (
    equilibrated_bound,
    float_largest,
    float_smallest,
    largest_certificate,
    stretch,
)
from symgrad.rigor.matrix_balls import point_matrix


def singular_values(x, digits=60):
    """All singular values, largest first, as mpmath numbers."""
    with mpmath.workdps(digits):
        tall = x if x.shape[0] >= x.shape[1] else x.T
        return list(mpmath.svd_r(mpmath.matrix(tall.tolist()), compute_uv=False))


def holds(bounds, truth, width):
    """Whether lower <= truth <= upper with a relative width of at most ``width``."""
    with working_precision(160), mpmath.workdps(60):
        lower, upper = mpmath.mpf(lower_float(bounds[0])), mpmath.mpf(upper_float(bounds[1]))
        slack = truth * mpmath.mpf(10) ** -50
        return bool(lower <= truth + slack and truth - slack <= upper and upper - lower <= width * truth)


def prescribed(rng, values, rows):
    """A matrix with about the given singular values."""
    n = len(values)
    left = np.linalg.qr(rng.standard_normal((rows, n)))[0]
    return (left * np.array(values)) @ np.linalg.qr(rng.standard_normal((n, n)))[0]


SPECTRA = {
    "distinct": [3.0, 2.0, 1.0, 0.5, 0.25],
    "equal": [1.0] * 5,
    "double top": [2.0, 2.0, 1.0, 1.0, 1.0],
    "cluster": [1.0, 1.0 - 1e-9, 1.0 - 1e-12, 1.0 - 1e-15, 0.9],
    "double bottom": [5.0, 4.0, 1.0, 0.125, 0.125],
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("rows", [5, 9])
@pytest.mark.parametrize("exponent", [0, -900, 1000])
def test_both_mechanisms_on_known_spectra(name, rows, exponent):
    rng = np.random.default_rng(rows)
    x = np.ldexp(prescribed(rng, SPECTRA[name], rows), exponent)
    truth = singular_values(x)
    assert holds(float_largest(x), truth[0], 1e-14)
    assert holds(ball_largest(x), truth[0], 3e-15)
    assert holds(float_smallest(x), truth[-1], 1e-12)
    assert holds(ball_smallest(x), truth[-1], 3e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("seed", range(4))
def test_random_matrices(n, seed):
    rng = np.random.default_rng([n, seed])
    x = rng.standard_normal((n + seed, n)) * 10.0 ** rng.uniform(-seed, seed, (n + seed, n))
    truth = singular_values(x)
    for largest in (float_largest, ball_largest):
        assert holds(largest(x), truth[0], 1e-14)
    condition = float(truth[0] / truth[-1])
    assert holds(ball_smallest(x), truth[-1], 3e-15)
    if condition < 1e10:
        assert holds(float_smallest(x), truth[-1], 1e-13 * condition)


@pytest.mark.parametrize("digits", [2, 5, 8, 11, 14, 17, 40, 300])
def test_smallest_for_any_condition(digits):
    """The float bounds stay true (and lose width), the ball bounds stay narrow."""
    rng = np.random.default_rng(digits)
    x = prescribed(rng, [1.0, 0.5, 10.0**-digits], 3)
    truth = singular_values(x, 800)[-1]
    assert holds(ball_smallest(x), truth, 3e-15)
    assert holds(float_smallest(x), truth, 1e-14 * 10**digits if digits < 13 else 1e50)


def test_smallest_of_graded_matrices():
    rng = np.random.default_rng(7)
    x = prescribed(rng, [1.0, 0.8, 0.5, 0.3], 4) * [1.0, 1e-60, 1e-120, 1e-200]
    truth = singular_values(x, 900)[-1]
    assert holds(ball_smallest(x), truth, 3e-15)
    with working_precision(160):
        crude = lower_float(equilibrated_bound(x))
    assert 0 < crude <= float(truth) <= 100 * crude


def test_equilibrated_bound_of_tall_matrices_with_zero_rows():
    x = np.zeros((5, 2))
    x[1] = [1e100, 0.0]
    x[3] = [0.0, 1e-100]
    with working_precision(160):
        assert 1e-101 < lower_float(equilibrated_bound(x)) <= 1e-100


entry = st.builds(lambda m, e: float(np.ldexp(m, e)), st.integers(-(2**20), 2**20), st.integers(-1060, 990))


@given(st.integers(1, 4), st.integers(0, 2), st.data())
@settings(max_examples=60, deadline=None)
def test_adversarial_exponents(n, more, data):
    rows = n + more
    x = np.array(data.draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=rows, max_size=rows)))
    if not x.any():
        return
    with working_precision(12000):
        gram = point_matrix(x).transpose() * point_matrix(x)
    top = float_largest(x), ball_largest(x)
    low = float_smallest(x), ball_smallest(x)
    with working_precision(12000):
        for lower, upper in top:
            assert semidefinite(scaled_identity(n, upper * upper) - gram)
            assert not definite(scaled_identity(n, lower * lower) - gram)
            assert upper - lower <= lower * 1e-14
        for lower, upper in low:
            assert semidefinite(gram - scaled_identity(n, lower * lower))
            assert not definite(gram - scaled_identity(n, upper * upper))


def scaled_identity(n, value):
    return arb_mat(n, n, [value if i == j else arb(0) for i in range(n) for j in range(n)])


def minors(x):
    """All principal minors' exact values (the inputs are dyadic and the precision is ample)."""
    n = x.nrows()
    entries = [x.entries()[i * n : (i + 1) * n] for i in range(n)]
    for subset in range(1, 2**n):
        keep = [i for i in range(n) if subset >> i & 1]
        yield len(keep), arb_mat([[entries[i][j] for j in keep] for i in keep]).det()


def semidefinite(x):
    """By the signs of all principal minors: independent of any factorisation. Only a proved failure counts."""
    return not any(value < 0 for _, value in minors(x))


def definite(x):
    return all(value > 0 for _, value in minors(x))


def test_a_candidate_below_the_truth_is_rejected():
    """Lowering the proposed s by 1e-9 must not lower the bound: the certificate sees what is missing."""
    rng = np.random.default_rng(2)
    for n in (4, 60):
        x = rng.standard_normal((n, n)) / np.sqrt(4 * n)
        values, vectors = np.linalg.eigh(x.T @ x)
        truth = float(np.sqrt(values[-1]))
        honest = float(largest_certificate(x, vectors, values, values[-1]))
        assert truth <= honest <= truth * (1 + 1e-13)
        for factor in (1 - 1e-9, 1 - 1e-3, 0.5, 0.0):
            square = float((truth * factor) ** 2)
            forged = float(largest_certificate(x, vectors, values, square))
            assert forged >= truth > np.sqrt(square)
            cut = np.minimum(values, square)
            assert float(largest_certificate(x, vectors, cut, square)) >= truth


def test_a_certificate_from_nonsense_is_still_above_the_truth():
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (6, 6))
    truth = np.linalg.norm(x, 2)
    for _ in range(20):
        vectors, values = rng.standard_normal((6, 6)), rng.uniform(-5, 5, 6)
        assert float(largest_certificate(x, vectors, values, float(rng.uniform(0, 6)))) >= truth
    assert float(largest_certificate(x, np.full((6, 6), np.nan), values, 1.0)) == np.inf


def test_ball_cholesky_refuses_below_the_truth():
    x = np.array([[1.0, 1.0], [1.0, 0.0]])
    with working_precision(160):
        gram = point_matrix(x).transpose() * point_matrix(x)
        golden = (1 + arb(5).sqrt()) / 2
        above, below = ((golden * factor) ** 2 for factor in (1 + arb(1e-20), 1 - arb(1e-9)))
        assert cholesky_factor(scaled_identity(2, above) - gram) is not None
        assert cholesky_factor(scaled_identity(2, below) - gram) is None


def test_stretch_lies_between_the_extreme_singular_values():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((30, 20)) / 10
    v = rng.standard_normal(20)
    with working_precision(160):
        ball = stretch(x, v)
        image = point_matrix(x) * point_matrix(v[:, None])
        exact = (
            sum((e * e for e in image.entries()), arb(0)) / sum((arb(e) * arb(e) for e in v.tolist()), arb(0))
        ).sqrt()
        assert ball.contains(exact)
        assert float(ball.rad()) < 1e-15


def test_smallest_far_below_the_floats():
    """An invertible matrix with sigma_min about 2^-15000."""
    lower, upper = ball_smallest(np.diag([2.0**-1000] * 15) + np.eye(15, k=1))
    with working_precision(160):
        assert arb((1, -15001)) < lower <= upper < arb((1, -14999))
        assert (lower_float(lower), upper_float(upper)) == (0.0, 5e-324)


def test_smallest_beyond_the_last_precision(monkeypatch):
    """When no inverse is verified, nothing but 0 and a true upper bound is claimed."""
    tried = []
    monkeypatch.setattr("symgrad.rigor.ball_singular_values._approximate_inverse", tried.append)
    lower, upper = ball_smallest(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]))
    assert len(tried) > 3
    assert lower == 0
    assert 1 < float(upper) < 2


@pytest.mark.parametrize("routine", ["eigh", "svd"])
def test_without_an_approximation_the_bounds_are_wide_and_true(monkeypatch, routine):
    def fails(*_, **__):
        raise np.linalg.LinAlgError("no convergence")

    x = np.random.default_rng(5).standard_normal((6, 4))
    truth = singular_values(x)
    monkeypatch.setattr(np.linalg, routine, fails)
    for function, value in ((float_largest, truth[0]), (ball_largest, truth[0]), (float_smallest, truth[-1])):
        assert holds(function(x), value, 1e6)
    assert holds(ball_smallest(x), truth[-1], 10.0)


def test_exact_rank():
    rng = np.random.default_rng(1)
    left, right = rng.integers(-9, 10, (7, 3)), rng.integers(-9, 10, (3, 6))
    assert exact_rank((left @ right).astype(float)) == 3
    assert exact_rank(np.array([[1e-300, 0.0], [0.0, 1e300]])) == 2
    assert exact_rank(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])) == 2
    assert exact_rank(np.zeros((2, 2))) == 0
