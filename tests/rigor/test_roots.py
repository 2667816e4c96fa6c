"""All real zeros: against polynomials with known zeros, and against mpmath."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError
from symgrad.rigor.functions import logistic
from symgrad.rigor.multiple_zeros import Derivatives, zeros_within
from symgrad.rigor.roots import all_roots
from symgrad.rigor.zeros import Bracket

x = sp.Symbol("x", real=True)
REALS = sp.Interval(-sp.oo, sp.oo)


@pytest.mark.slow
@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.integers(-6, 6), st.integers(1, 3)), min_size=1, max_size=3, unique_by=lambda pair: pair[0])
)
def test_polynomials_with_known_zeros(zeros: list[tuple[int, int]]) -> None:
    formula = sp.expand(sp.prod((x - place) ** order for place, order in zeros))
    found = all_roots(formula, x, REALS)
    assert [(root.exact, root.multiplicity) for root in found.points] == sorted(zeros)
    assert not found.gaps


def test_close_zeros_are_parted() -> None:
    gap = sp.Rational(1, 10**25)
    found = all_roots(sp.expand(x * (x - gap) * (x - 1)), x, REALS)
    assert [root.multiplicity for root in found.points] == [1, 1, 1]
    assert found.points[1].ball(256).overlaps(arb(10) ** -25)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (sp.log(x / (1 - x)) - 6 * x, 1),  # defined between 0 and 1 only
        (sp.sqrt(x * (2 - x)) - x, 2),
        (sp.Abs(x) - 1, 2),
        (1 / x - x, 2),
        (logistic(10**4 * x - 5000) - x, 3),
        (sp.exp(-x), 0),
    ],
)
def test_count_where_defined(formula: sp.Expr, expected: int) -> None:
    found = all_roots(formula, x, REALS)
    assert (len(found.points), found.gaps) == (expected, ())


def test_zero_next_to_the_smallest_numbers() -> None:
    """logistic(10^4 x - 5000) = x has a solution near exp(-5000)."""
    ball = all_roots(logistic(10**4 * x - 5000) - x, x, REALS).points[0].ball(8000)
    with mpmath.workdps(60):
        expected = mpmath.exp(-5000) * (1 + 10**4 * mpmath.exp(-5000))
        assert abs(mpmath.mpf(ball.mid().str(40, radius=False)) / expected - 1) < mpmath.mpf(10) ** -35


def test_an_end_of_the_interval_counts() -> None:
    formula = logistic(5 * x - sp.Rational(5, 2)) - x
    for interval in (sp.Interval(sp.Rational(1, 2), 1), sp.Interval(0, sp.Rational(1, 2))):
        assert sp.S.Half in [root.exact for root in all_roots(formula, x, interval).points]


def test_continua() -> None:
    kinked = sp.Piecewise((x, x > 0), (0, True)) - x
    assert all_roots(kinked, x, REALS).continua == (sp.Interval(0, sp.oo),)
    assert all_roots(sp.Abs(x) - x + sp.Abs(x - 1) - 1 + x, x, REALS).continua == (sp.Interval(0, 1),)


def test_infinitely_many_zeros_are_not_called_complete() -> None:
    assert all_roots(sp.sin(x), x, REALS).gaps
    found = all_roots(sp.sin(x), x, sp.Interval(1, 10))
    assert [root.exact for root in found.points] == [sp.pi, 2 * sp.pi, 3 * sp.pi]
    assert not found.gaps


def test_nowhere_real() -> None:
    with pytest.raises(InputError, match="not a real number anywhere"):
        all_roots(sp.log(-(x**2) - 1), x, sp.Interval(0, 1))


def test_zeros_at_the_ends_of_a_bracket_are_found() -> None:
    found = zeros_within(Derivatives(x**2 * (x - 1), x), Bracket(arb(0), arb(1)))
    assert [(place.exact, place.multiplicity) for place in found] == [(0, 2), (1, 1)]


def test_multiple_zero_without_closed_form_is_undecided() -> None:
    """A double zero at the solution of cos(x) = x: no closed form is known, so it is not told from two close ones."""
    formula = (sp.cos(x) - x) ** 2
    found = all_roots(formula, x, sp.Interval(0, 1))
    assert [root.proved for root in found.points] == [False]
    assert found.gaps


@pytest.mark.parametrize("shift", [sp.Rational(1, 10**30), -sp.Rational(1, 10**30), sp.S.Zero])
def test_near_a_triple_zero(shift: sp.Rational) -> None:
    (root,) = all_roots(sp.tanh(x + shift) - x, x, REALS).points
    assert root.multiplicity == (1 if shift else 3)
    with mpmath.workdps(150):
        start = mpmath.cbrt(3 * mpmath.mpf(abs(shift.p)) / shift.q) * (1 if shift >= 0 else -1)
        expected = mpmath.findroot(lambda z: mpmath.tanh(z + mpmath.mpf(shift.p) / shift.q) - z, start) if shift else 0
        assert abs(mpmath.mpf(root.ball(200).mid().str(50, radius=False)) - expected) < 1e-25
