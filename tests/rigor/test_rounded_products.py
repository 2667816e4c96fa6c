"""Long products of floats with error bounds hold what exact arithmetic gives, and norms of it."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from flint import arb, fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from symgrad.rigor.midpoint_matrices import MidpointMatrix
from symgrad.rigor.rounded_products import RoundedMatrix, prefix_products, spectral_bound

Array = NDArray[np.float64]


def rational(x: Array) -> fmpq_mat:
    return fmpq_mat(*x.shape, [fmpq(*value.as_integer_ratio()) for value in x.ravel().tolist()])


def modulus(x: fmpq) -> fmpq:
    return x if x >= 0 else -x


def frobenius_squared(x: fmpq_mat) -> fmpq:
    return sum((entry * entry for entry in x.entries()), fmpq(0))


def distance_holds(found: RoundedMatrix, true: fmpq_mat, error: arb) -> bool:
    """Whether the Frobenius distance, at least the 2-norm, is within an error for sure."""
    power = fmpq(2) ** abs(found.exponent)
    middle = rational(found.middle) * (power if found.exponent >= 0 else 1 / power)
    gap = arb(frobenius_squared(true - middle)).sqrt()
    return bool(gap <= error * arb((1, found.exponent)))


def factors(seed: int, count: int, size: int, scale: float = 1.0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [scale * rng.standard_normal((size, size)) for _ in range(count)]


@pytest.mark.parametrize("scale", [1.0, 1e-120, 1e120])
def test_every_prefix_is_within_its_error_of_the_exact_product(scale: float) -> None:
    given_factors = factors(0, 7, 3, scale)
    true = rational(np.eye(3))
    mutants = []
    for matrix, found in zip(given_factors, prefix_products(list(map(RoundedMatrix.of, given_factors))), strict=True):
        true = true * rational(matrix)
        assert distance_holds(found, true, found.error)
        mutants.append(distance_holds(found, true, arb(0)))
    assert not all(mutants)  # without the error bounds the claim is false


def test_errors_of_factors_count() -> None:
    middles, rng = factors(1, 9, 4), np.random.default_rng(2)
    moves = [rng.standard_normal((4, 4)) for _ in middles]
    moved = [x + 1e-6 * m / np.linalg.norm(m) for x, m in zip(middles, moves, strict=True)]
    true = rational(np.eye(4))
    known = [RoundedMatrix.of(x, 1.001e-6) for x in middles]
    for matrix, found in zip(moved, prefix_products(known), strict=True):
        true = true * rational(matrix)
        assert distance_holds(found, true, found.error)
    assert not distance_holds(found, true, found.error / 1000)
    careless = list(prefix_products([replace(factor, error=arb(0)) for factor in known]))[-1]
    assert not distance_holds(careless, true, careless.error)


def test_norms_hold_the_norm_of_many_digits() -> None:
    given_factors = factors(3, 12, 5, 0.3)
    product = mpmath.eye(5)
    with mpmath.workdps(50):
        for matrix, found in zip(
            given_factors, prefix_products(list(map(RoundedMatrix.of, given_factors))), strict=True
        ):
            product = product * mpmath.matrix(matrix.tolist())
            norm = max(mpmath.svd_r(product, compute_uv=False))
            for sharp in (True, False):
                low, high = found.norm(sharp)
                assert mpmath.mpf(float(low)) * (1 - 1e-15) <= norm <= mpmath.mpf(float(high)) * (1 + 1e-15)
                assert float(high / low) < (1 + 1e-9 if sharp else 5 ** (1 / 32) * 1.01)


def test_products_of_many_factors_neither_overflow_nor_underflow() -> None:
    for scale, log in ((1e-5, -1000.0), (1e5, 1000.0)):
        last = list(prefix_products([RoundedMatrix.of(scale * np.eye(2))] * 200))[-1]
        low, high = last.norm()
        assert abs(float(low.log() / arb(10).log()) - log) < 1e-8
        assert low <= high
        assert high < low * arb(1.0001)


def test_a_product_that_is_zero_is_known_to_be() -> None:
    nilpotent = RoundedMatrix.of(np.array([[0.0, 1.0], [0.0, 0.0]]))
    low, high = (nilpotent @ nilpotent).norm()
    assert low == high == 0


def test_what_is_not_known_stays_so() -> None:
    unknown = RoundedMatrix.of(np.array([[np.inf]]))
    low, high = (unknown @ RoundedMatrix.of(np.zeros((1, 1)))).norm()
    assert (low == 0, high.is_finite()) == (True, False)
    assert not RoundedMatrix.of(np.eye(1), arb.pos_inf()).norm()[1].is_finite()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.integers(0, 5), st.sampled_from([1e-100, 1, 1e80])
)
def test_the_spectral_bound_is_one_and_not_far(seed: int, rows: int, columns: int, rounds: int, scale: float) -> None:
    x = np.random.default_rng(seed).standard_normal((rows, columns)) * scale
    true, bound = float(np.linalg.norm(x, 2)), float(spectral_bound(x, rounds))
    assert true * (1 - 1e-12) <= bound <= true * columns ** (0.5 ** (rounds + 1)) * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 1e-12, 0.1]), st.sampled_from([1.0, 1e-170, 1e100]))
def test_midpoint_matrices_hold_what_exact_arithmetic_gives(seed: int, width: float, scale: float) -> None:
    rng = np.random.default_rng(seed)

    def one(*shape: int) -> tuple[MidpointMatrix, Array]:
        mid = rng.standard_normal(shape) * scale
        return MidpointMatrix(mid, np.abs(mid) * width), mid * (1 + 0.99 * width * rng.uniform(-1, 1, shape))

    (a, x), (b, y), (c, z), (d, v) = one(3, 4), one(4, 2), one(3, 2), one(3, 1)
    assert holds(a.times(b), rational(x) * rational(y))
    assert holds(a.times(b).plus(c), rational(x) * rational(y) + rational(z))
    column = fmpq_mat(
        3, 3, [fmpq(*v[i, 0].item().as_integer_ratio()) if i == j else 0 for i in range(3) for j in range(3)]
    )
    assert holds(d.entrywise(a), column * rational(x))
    assert holds(c.scaled(arb(1) / 3), rational(z) * fmpq(1, 3))


def holds(found: MidpointMatrix, true: fmpq_mat) -> bool:
    near, room = rational(found.mid), rational(found.radius)
    gaps = zip((true - near).entries(), room.entries(), strict=True)
    return all(modulus(gap) <= most for gap, most in gaps)


def test_midpoint_matrices_without_their_radii_are_false() -> None:
    x = np.array([[0.1, 0.7], [0.3, 0.9]])
    square = MidpointMatrix.exact(x).times(MidpointMatrix.exact(x))
    assert holds(square, rational(x) * rational(x))
    assert not holds(MidpointMatrix.exact(square.mid), rational(x) * rational(x))


def test_underflow_is_not_taken_for_zero() -> None:
    tiny = MidpointMatrix.exact(np.array([[1e-200]]))
    assert tiny.times(tiny).radius > 0
    assert tiny.entrywise(tiny).radius > 0
    none = MidpointMatrix.exact(np.zeros((1, 1)))
    assert none.times(tiny).radius == none.entrywise(tiny).radius == 0
