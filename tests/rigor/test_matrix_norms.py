"""Enclosures of norms: known answers, mpmath at 50 digits, extreme scales, interval matrices, bad input."""

import math
from fractions import Fraction

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError
from symgrad.rigor.matrix_balls import ball_matrix, midpoint_radius
from symgrad.rigor.matrix_norms import (
    NormEnclosure,
    operator_norm,
    smallest_singular_value,
)


def near(enclosure, truth, ulps=2):
    """Truth inside and at most some units in the last place between the ends."""
    truth = mpmath.mpf(truth)
    width = math.ulp(float(truth)) * ulps
    return bool(enclosure.lower <= truth <= enclosure.upper) and enclosure.upper - enclosure.lower <= width


def hadamard(n):
    h = np.ones((1, 1))
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h


def rotations(n, rng):
    """An orthogonal matrix times 5^k, in integers: products of 3-4-5 rotations."""
    q, k = np.eye(n), 0
    for i in range(n - 1):
        turn = 5 * np.eye(n)
        turn[i : i + 2, i : i + 2] = [[3, -4], [4, 3]]
        q, k = q @ turn, k + 1
    return q[rng.permutation(n)], 5.0**k


@pytest.mark.parametrize("n", [1, 2, 3, 8, 31, 32, 33, 60])
def test_values_that_are_exact(n):
    signs = np.where(np.arange(n) % 2, -1.0, 1.0)
    diagonal = np.diag(signs * np.linspace(0.3, 7.0, n))
    size = np.abs(np.diag(diagonal))
    permutation = np.eye(n)[np.random.default_rng(n).permutation(n)]
    for matrix, largest, smallest in (
        (np.eye(n), 1.0, 1.0),
        (diagonal, size.max(), size.min()),
        (permutation * 0.75, 0.75, 0.75),
        (np.diag(2.0 ** -np.arange(n)) @ permutation, 1.0, 2.0 ** (1 - n)),
        (np.zeros((n, n)), 0.0, 0.0),
    ):
        top, low = operator_norm(matrix), smallest_singular_value(matrix)
        assert (top.lower, top.upper) == (largest, largest)
        assert low.lower <= smallest <= low.upper
        assert low.upper - low.lower <= 2 * math.ulp(smallest)


@pytest.mark.parametrize("n", [2, 6, 40])
def test_nilpotent(n):
    shift = np.diag(np.arange(1.0, n), k=1)
    assert operator_norm(shift) == NormEnclosure(n - 1.0, n - 1.0, "sums")
    assert smallest_singular_value(shift) == NormEnclosure(0.0, 0.0, "sums")


def test_jordan_block():
    n = 12
    block = 0.5 * np.eye(n) + np.eye(n, k=1)
    with mpmath.workdps(50):
        values = mpmath.svd_r(mpmath.matrix(block.tolist()), compute_uv=False)
        assert near(operator_norm(block), values[0])
        assert near(smallest_singular_value(block), values[n - 1])


@pytest.mark.parametrize("n", [2, 5, 10, 20])
def test_orthogonal_in_integers(n):
    """Products of 3-4-5 rotations: all singular values are the same power of 5 (multiple, at their worst)."""
    q, scale = rotations(n, np.random.default_rng(n))
    if n == 20:
        q, scale = np.kron(np.eye(5), rotations(4, np.random.default_rng(0))[0]), 5.0**3
    assert np.array_equal((q.T @ q), scale**2 * np.eye(n))
    assert near(operator_norm(q), scale, 16)
    assert near(smallest_singular_value(q), scale, 16)


@pytest.mark.parametrize("n", [1, 2, 4, 16, 32, 64, 128])
def test_hadamard(n):
    with mpmath.workdps(50):
        truth = mpmath.sqrt(n)
        width = 3e-15 if n <= 32 else 1e-13
        for enclosure in (operator_norm(hadamard(n)), smallest_singular_value(hadamard(n))):
            assert enclosure.lower <= truth <= enclosure.upper
            assert enclosure.upper - enclosure.lower <= width * truth


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (5, 5), (3, 20), (50, 40), (6, 2000)])
def test_rank_one(shape):
    rng = np.random.default_rng(shape)
    u = rng.integers(-1000, 1000, shape[0]).astype(float)
    v = rng.integers(-1000, 1000, shape[1]).astype(float)
    with mpmath.workdps(50):
        truth = mpmath.sqrt(int(u @ u)) * mpmath.sqrt(int(v @ v))
        enclosure = operator_norm(np.outer(u, v))
        assert enclosure.lower <= truth <= enclosure.upper
        assert enclosure.upper - enclosure.lower <= 1e-13 * truth
        smallest = smallest_singular_value(np.outer(u, v))
    if 1 in shape:
        assert near(smallest, truth)
    elif min(shape) <= 128 and np.size(u) * np.size(v) <= 32768:
        assert (smallest.lower, smallest.upper) == (0.0, 0.0)
    else:
        assert smallest.lower == 0.0
        assert smallest.upper <= 1e-12 * float(truth)


@pytest.mark.parametrize("n", [3, 8, 13, 25])
def test_hilbert(n):
    """Floats nearest to the Hilbert matrix: condition numbers up to 1e18 and beyond."""
    hilbert = 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1)
    with mpmath.workdps(80):
        values = mpmath.svd_r(mpmath.matrix(hilbert.tolist()), compute_uv=False)
        assert near(operator_norm(hilbert), values[0])
        assert near(smallest_singular_value(hilbert), values[n - 1])


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 5), (5, 3), (9, 9), (1, 6)])
@pytest.mark.parametrize("scale", [1e-308, 1e-200, 1.0, 1e200])
def test_random_against_mpmath(shape, scale):
    rng = np.random.default_rng([*shape, 5])
    matrix = rng.standard_normal(shape) * scale
    with mpmath.workdps(50):
        tall = matrix if shape[0] >= shape[1] else matrix.T
        values = list(mpmath.svd_r(mpmath.matrix(tall.tolist()), compute_uv=False))
        assert near(operator_norm(matrix), values[0])
        assert near(smallest_singular_value(matrix), values[-1])
        exact = [[mpmath.mpf(x) for x in row] for row in matrix.tolist()]
        assert near(operator_norm(matrix, "fro"), mpmath.sqrt(sum(x**2 for row in exact for x in row)))
        assert near(operator_norm(matrix, math.inf), max(sum(map(abs, row)) for row in exact))
        assert near(operator_norm(matrix, 1), max(sum(map(abs, column)) for column in zip(*exact, strict=True)))


def test_badly_graded():
    for n in (3, 40):
        steps = np.linspace(0, 200, n)
        matrix = np.diag(10.0**-steps)
        for order in (matrix, matrix[::-1], np.flip(matrix)):
            assert operator_norm(order) == NormEnclosure(1.0, 1.0, "sums")
        low = smallest_singular_value(matrix)
        assert (low.lower, low.upper) == (10.0**-200, 10.0**-200)
    mixed = np.diag([1e300, 1.0, 1e-300])
    mixed[0, 2] = 1e-300
    assert operator_norm(mixed).lower <= 1e300 <= operator_norm(mixed).upper
    assert near(smallest_singular_value(mixed), 1e-300)
    rng = np.random.default_rng(0)
    for n in (50, 140):
        columns = rng.standard_normal((n, n)) * 10.0 ** -np.linspace(0, 200, n)
        low = smallest_singular_value(columns)
        assert 0 < low.lower <= low.upper <= math.hypot(*columns[:, -1]) * (1 + 1e-15)
        assert low.method == ("balls" if n == 50 else "blas")
        assert n > 50 or low.upper - low.lower <= 1e-15 * low.upper


@pytest.mark.parametrize("n", [34, 90])
def test_larger_matrices_with_prescribed_spectrum(n):
    """Above the size of ball arithmetic: against NumPy, whose own error is below the tolerance."""
    rng = np.random.default_rng(n)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    for matrix in (rng.standard_normal((n, n)), rng.standard_normal((2 * n, n)), rng.standard_normal((n, 3 * n)), q):
        values = np.linalg.svd(matrix, compute_uv=False)
        top, low = operator_norm(matrix), smallest_singular_value(matrix)
        assert top.method == low.method == "blas"
        assert top.upper - top.lower <= 1e-13 * values[0]
        assert abs(top.upper - values[0]) <= 2e-13 * values[0]
        assert low.upper - low.lower <= 1e-10 * values[-1]
        assert abs(low.upper - values[-1]) <= 1e-12 * values[0]


def test_large_agrees_with_exact_sums():
    """At n = 300: a circulant with rational eigenvalue bounds; sigma_max of |circulant| is its row sum."""
    row = np.random.default_rng(3).integers(0, 100, 300).astype(float)
    matrix = np.array([np.roll(row, i) for i in range(300)])
    assert row.sum() in operator_norm(matrix)
    signs = np.where(np.random.default_rng(4).random(300) < 0.5, -1.0, 1.0)
    flipped = operator_norm(signs[:, None] * matrix)
    assert row.sum() in flipped
    assert flipped.upper - flipped.lower <= 1e-13 * row.sum()


@pytest.mark.parametrize("n", [60, 140])
def test_larger_singular_matrices(n):
    """Exactly zero up to the size of balls, beyond it a bound of the size of rounding."""
    rng = np.random.default_rng(8)
    matrix = rng.integers(-5, 6, (n, n)).astype(float)
    matrix[:, 7] = matrix[:, 3] + matrix[:, 11]
    low = smallest_singular_value(matrix)
    assert low.lower == 0.0
    assert low.upper <= (0.0 if n == 60 else 1e-12 * np.linalg.norm(matrix))


def test_ill_conditioned_above_the_size_of_balls():
    """Condition numbers 1e6 (proved, with loss) and 1e17 (nothing proved but 0), against the construction."""
    n = 130
    rng = np.random.default_rng(10)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    for small, width in ((1e-6, 1e-8), (1e-17, 1.0)):
        matrix = (left * np.append(np.linspace(1, 2, n - 1), small)) @ right
        low = smallest_singular_value(matrix)
        assert low.lower <= small + 1e-15
        assert low.upper - low.lower <= width * low.upper
        assert low.upper >= small - 1e-15


def test_empty():
    for shape in ((0, 0), (0, 4), (3, 0)):
        for p in (1, 2, math.inf, "fro"):
            assert operator_norm(np.zeros(shape), p) == NormEnclosure(0.0, 0.0, "empty")
        assert smallest_singular_value(np.zeros(shape)) == NormEnclosure(math.inf, math.inf, "empty")


@pytest.mark.parametrize("p", [1, 2, math.inf, "fro"])
@pytest.mark.parametrize("n", [2, 40])
def test_near_overflow_and_underflow(p, n):
    huge = np.full((n, n), np.finfo(float).max)
    top = operator_norm(huge, p)
    assert top.upper == math.inf
    assert top.lower == np.finfo(float).max
    largest = operator_norm(np.diag([np.finfo(float).max] * n), 2)
    assert largest.upper == largest.lower == np.finfo(float).max
    tiny = np.full((n, n), 5e-324)
    factor = {1: n, 2: n, math.inf: n, "fro": n}[p]
    low = operator_norm(tiny, p)
    assert low.lower <= factor * 5e-324 <= low.upper
    assert low.upper - low.lower <= 5e-324
    assert operator_norm(np.array([[5e-324]]), p).upper == 5e-324


def test_sum_norms_are_exact_when_representable():
    matrix = np.array([[1.0, -2.0], [3.0, 0.25]])
    assert operator_norm(matrix, 1) == NormEnclosure(4.0, 4.0, "sums")
    assert operator_norm(matrix, math.inf) == NormEnclosure(3.25, 3.25, "sums")
    assert operator_norm([[3, 4], [0, 12]], "fro") == NormEnclosure(13.0, 13.0, "sums")
    assert operator_norm([[1e300, -1.0], [1.0, 1e-300]], 1).upper == math.nextafter(1e300, math.inf)


entries = st.builds(lambda m, e: float(np.ldexp(m, e)), st.integers(-(2**53), 2**53), st.integers(-1074, 960))


@given(st.integers(1, 5), st.integers(1, 5), st.data())
@settings(max_examples=80, deadline=None)
def test_sum_norms_for_any_exponents(rows, columns, data):
    matrix = np.array(
        data.draw(st.lists(st.lists(entries, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    )
    exact = [[abs(Fraction(x)) for x in row] for row in matrix.tolist()]
    cases = {
        1: max(map(sum, zip(*exact, strict=True))),
        math.inf: max(map(sum, exact)),
    }
    for p, truth in cases.items():
        enclosure = operator_norm(matrix, p)
        assert Fraction(enclosure.lower) <= truth <= Fraction(enclosure.upper)
        assert enclosure.upper - enclosure.lower <= 2 * math.ulp(enclosure.upper)
    square = sum(x * x for row in exact for x in row)
    enclosure = operator_norm(matrix, "fro")
    assert Fraction(enclosure.lower) ** 2 <= square <= Fraction(enclosure.upper) ** 2
    assert enclosure.upper - enclosure.lower <= 2 * math.ulp(enclosure.upper)


@pytest.mark.parametrize("shape", [(3, 3), (2, 6), (40, 35)])
@pytest.mark.parametrize("relative", [1e-16, 1e-3, 3.0])
def test_every_matrix_within_the_radius(shape, relative):
    rng = np.random.default_rng([*shape, 11])
    middle = rng.standard_normal(shape)
    radius = np.abs(middle) * relative * rng.uniform(0, 1, shape)
    norms = {p: operator_norm(middle, p, radius=radius) for p in (1, 2, math.inf, "fro")}
    low = smallest_singular_value(middle, radius=radius)
    corners = [rng.uniform(-1, 1, shape) for _ in range(20)] + [rng.choice([-1.0, 1.0], shape) for _ in range(20)]
    for step in [*corners, np.sign(middle), -np.sign(middle), np.zeros(shape)]:
        member = middle + step * radius * (1 - 2e-16) if relative > 1e-10 else middle
        values = np.linalg.svd(member, compute_uv=False)
        slack = 1e-14 * values[0]
        assert low.lower - slack <= values[-1] <= low.upper + slack
        for p, enclosure in norms.items():
            ord_ = {"fro": "fro", math.inf: np.inf}.get(p, p)
            assert enclosure.lower - slack <= np.linalg.norm(member, ord_) <= enclosure.upper + slack
    assert norms[1].upper <= np.linalg.norm(np.abs(middle) + radius, 1) * (1 + 1e-15)
    assert norms[2].upper <= np.linalg.norm(middle, 2) * (1 + 1e-13) + np.linalg.norm(radius) * (1 + 1e-13)
    assert operator_norm(np.zeros(shape), radius=radius).lower == 0.0


def test_radius_widens_strictly():
    matrix = np.eye(3)
    wide = operator_norm(matrix, radius=np.full((3, 3), 1e-20))
    assert wide.lower < 1.0 < wide.upper
    assert wide.upper <= 1.0 + 4e-16
    assert smallest_singular_value(matrix, radius=np.full((3, 3), 0.5)).lower == 0.0


def test_products_of_weights_assembled_in_balls():
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((4, 3)), rng.standard_normal((3, 5))
    matrix, radius = midpoint_radius(ball_matrix(a) * ball_matrix(b))
    with mpmath.workdps(50):
        exact = mpmath.matrix(a.tolist()) * mpmath.matrix(b.tolist())
        truth = mpmath.svd_r(exact.T, compute_uv=False)[0]
        enclosure = operator_norm(matrix, radius=radius)
        assert enclosure.lower <= truth <= enclosure.upper
        assert enclosure.upper - enclosure.lower <= 1e-14 * truth


def test_wide_and_tall_agree():
    rng = np.random.default_rng(12)
    for shape in ((3, 7), (2, 3000), (40, 90)):
        matrix = rng.standard_normal(shape)
        for function in (operator_norm, smallest_singular_value):
            a, b = function(matrix), function(matrix.T)
            assert max(a.lower, b.lower) <= min(a.upper, b.upper)
        assert operator_norm(matrix, 1) == operator_norm(matrix.T, math.inf)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1), st.integers(-300, 300))
@settings(max_examples=40, deadline=None)
def test_laws_between_norms(rows, columns, seed, exponent):
    """Max column <= sigma_max <= sqrt(norm_1 norm_inf), sigma_max <= Frobenius <= sqrt(rank) sigma_max; scaling."""
    matrix = np.random.default_rng(seed).standard_normal((rows, columns))
    two, fro = operator_norm(matrix), operator_norm(matrix, "fro")
    assert two.lower <= fro.upper
    assert fro.lower <= two.upper * math.sqrt(min(rows, columns)) * (1 + 1e-15)
    assert smallest_singular_value(matrix).lower <= two.upper
    scaled = operator_norm(np.ldexp(matrix, exponent))
    assert (scaled.lower, scaled.upper) == (math.ldexp(two.lower, exponent), math.ldexp(two.upper, exponent))


def test_float32_is_taken_exactly():
    matrix = np.random.default_rng(0).standard_normal((6, 6)).astype(np.float32)
    assert operator_norm(matrix) == operator_norm(matrix.astype(np.float64))


@pytest.mark.parametrize("p", [0, 3, -1, "2", "nuc", None, True, math.nan, [2], np.array([2, 2]), 2.5])
def test_unknown_norms_are_refused(p):
    with pytest.raises(InputError, match=r"^p: .* accepted are 1, 2, inf and 'fro'"):
        operator_norm(np.eye(2), p)


def test_norm_indices_of_other_types():
    for p in (np.inf, sp.oo, np.float64("inf")):
        assert operator_norm([[1.0, 1.0]], p).upper == 2.0
    assert operator_norm([[1.0, 1.0]], sp.Integer(1)).upper == 1.0


def test_bad_matrices_are_refused():
    for function in (operator_norm, smallest_singular_value):
        with pytest.raises(InputError, match="matrix: entry \\(0, 0\\) is nan"):
            function([[math.nan]])
        with pytest.raises(InputError, match="radius: shape"):
            function(np.eye(2), radius=np.eye(3))


def test_nothing_is_changed_outside():
    matrix = np.random.default_rng(0).standard_normal((40, 40))
    copy, precision, state = matrix.copy(), flint.ctx.prec, np.geterr()
    operator_norm(matrix)
    smallest_singular_value(matrix)
    assert np.array_equal(matrix, copy)
    assert flint.ctx.prec == precision
    assert np.geterr() == state
