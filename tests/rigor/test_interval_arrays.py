"""Intervals with float ends against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.rigor.interval_arrays import Intervals

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PAIRS = st.tuples(NUMBERS, NUMBERS).map(sorted)


def interval(pair) -> Intervals:
    return Intervals(np.array([pair[0]]), np.array([pair[1]]))


def holds(found: Intervals, exact: list[Fraction]) -> bool:
    low, high = float(found.low[0]), float(found.high[0])
    below = low == -np.inf or Fraction(low) <= min(exact)
    return below and (high == np.inf or Fraction(high) >= max(exact))


@pytest.mark.slow
@given(PAIRS, PAIRS)
@settings(max_examples=300, deadline=None)
def test_sums_and_products_enclose_exact_ones(first, second) -> None:
    a, b = interval(first), interval(second)
    corners = [(Fraction(x), Fraction(y)) for x in first for y in second]
    assert holds(a + b, [x + y for x, y in corners])
    assert holds(a * b, [x * y for x, y in corners])


@given(NUMBERS, NUMBERS)
@settings(max_examples=200, deadline=None)
def test_rounding_costs_at_most_one_float_and_nothing_where_exact(x, y) -> None:
    a, b = Intervals.exact([x]), Intervals.exact([y])
    total = a + b
    if Fraction(x) + Fraction(y) == Fraction(float(total.low[0]) if np.isfinite(total.low[0]) else 0):
        assert total.low[0] == total.high[0]
    if np.isfinite(total.low).all() and np.isfinite(total.high).all():
        assert total.high[0] in (total.low[0], np.nextafter(total.low[0], np.inf))


def test_a_tightened_end_is_below_the_truth() -> None:
    """The rounding is needed: rounded to nearest, ten times a tenth comes to less than it is."""
    tenth = Intervals.exact([0.1])
    total = tenth
    for _ in range(9):
        total = total + tenth
    exact, nearest = 10 * Fraction(0.1), sum([0.1] * 9, 0.1)
    assert Fraction(nearest) < exact
    assert Fraction(float(total.low[0])) <= exact <= Fraction(float(total.high[0]))


@pytest.mark.parametrize("shape", [(3, 4, 2), (1, 5, 1), (4, 1, 3)])
def test_matrix_products_hold_every_member(shape) -> None:
    random = np.random.default_rng(0)
    rows, inner, columns = shape
    centre, other = random.normal(size=(rows, inner)), random.normal(size=(inner, columns))
    a, b = Intervals(centre - 0.1, centre + 0.1), Intervals(other - 0.2, other + 0.2)
    product = a @ b
    for _ in range(200):
        x, y = random.uniform(a.low, a.high), random.uniform(b.low, b.high)
        assert (product.low <= x @ y + 1e-12).all()
        assert (x @ y - 1e-12 <= product.high).all()


def test_infinite_ends() -> None:
    line, zero = Intervals(np.array([-np.inf]), np.array([np.inf])), Intervals.exact([0.0])
    assert (zero * line).high[0] == 0.0
    assert (line + -line).low[0] == -np.inf
    half = Intervals(np.array([1.0]), np.array([np.inf]))
    assert (half * half).low[0] == 1.0
    assert (half * -half).high[0] == -1.0


def test_sets() -> None:
    a, b = interval((0.0, 2.0)), interval((1.0, 3.0))
    assert a.hull(b).high[0] == 3.0
    assert a.intersection(b).low[0] == 1.0
    assert not a.within(b)
    assert a.intersection(b).within(a)
    assert interval((-3.0, 1.0)).magnitude[0] == 3.0
    balls = Intervals.of_balls(arb_mat(1, 1, [1]) / 3)
    assert Fraction(float(balls.low[0, 0])) < Fraction(1, 3) < Fraction(float(balls.high[0, 0]))
