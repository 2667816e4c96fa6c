"""Parity, periods, and the pieces of formulas with kinks."""

from __future__ import annotations

import pytest
import sympy as sp

from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.ends import End
from symgrad.rigor.extrema import is_even, is_odd
from symgrad.rigor.periodicity import one_period, period
from symgrad.rigor.smooth_pieces import split

z = sp.Symbol("z", real=True)
LINE = (End(-sp.oo, 1), End(sp.oo, -1))

EVEN = [
    (1 / (1 + sp.exp(-z))).diff(z),
    sp.tanh(z).diff(z),
    sp.Abs(z) ** sp.Rational(3, 2),
    sp.exp(-(z**2)),
    sp.sech(z),
    sp.log(1 + sp.exp(z)) + sp.log(1 + sp.exp(-z)),
    sp.Max(-1, sp.Min(1, z)).diff(z),
    sp.log(1 + sp.exp(z)) - z / 2,
]
ODD = [
    sp.tanh(z),
    z / (1 + sp.Abs(z)),
    1 / (1 + sp.exp(-z)) - sp.Rational(1, 2),
    sp.erf(z) * sp.cos(z),
    sp.sign(z) * sp.log(1 + sp.Abs(z)),
    sp.Max(-1, sp.Min(1, z)),
]
NEITHER = [
    sp.exp(z),
    sp.Max(0, z),
    z * sp.tanh(sp.log(1 + sp.exp(z))),
    1 / (1 + sp.exp(-z)),
    sp.exp(-((z - sp.Rational(1, 10**12)) ** 2)),
    sp.Piecewise((1, z >= 0), (-1, True)),
]


@pytest.mark.parametrize("formula", EVEN, ids=str)
def test_even(formula: sp.Expr) -> None:
    assert is_even(formula, z)
    assert not is_odd(formula, z)


@pytest.mark.parametrize("formula", ODD, ids=str)
def test_odd(formula: sp.Expr) -> None:
    assert is_odd(formula, z)
    assert not is_even(formula, z)


@pytest.mark.parametrize("formula", NEITHER, ids=str)
def test_neither(formula: sp.Expr) -> None:
    assert not is_even(formula, z)
    assert not is_odd(formula, z)


def test_zero_is_both() -> None:
    assert is_even(sp.S.Zero, z)
    assert is_odd(sp.S.Zero, z)
    assert is_even(sp.Integer(3), z)
    assert not is_odd(sp.Integer(3), z)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (sp.sin(z), 2 * sp.pi),
        (sp.sin(2 * z) * sp.cos(3 * z), 2 * sp.pi),
        (sp.exp(sp.cos(sp.pi * z)), 2),
        (sp.sin(sp.sin(z)), 2 * sp.pi),
        (sp.sin(z) + sp.sin(sp.sqrt(2) * z), None),
        (z + sp.sin(z), None),
        (sp.sin(z**2), None),
        (sp.exp(z), None),
    ],
)
def test_periods(formula: sp.Expr, expected: object) -> None:
    found = period(formula, z)
    assert found == expected
    if found is not None:
        shifted = formula.subs(z, z + found) - formula
        assert abs(sp.N(shifted.subs(z, sp.Rational(13, 10)), 30)) < 1e-25


def test_long_intervals_are_cut_to_one_period() -> None:
    assert one_period(sp.sin(z), z, sp.Interval(0, 10)) == sp.Interval(0, 10)
    assert one_period(sp.sin(z), z, sp.Interval.open(1, 100)) == sp.Interval(1, 1 + 2 * sp.pi)
    assert one_period(sp.exp(z), z, sp.Interval(0, 100)) == sp.Interval(0, 100)
    assert one_period(sp.sin(z), z, sp.Interval.open(3, sp.oo)) == sp.Interval(3, 3 + 2 * sp.pi)


def test_pieces_of_a_clipped_ramp() -> None:
    with working_precision(128):
        pieces = split(sp.Max(0, sp.Min(1, z / 6 + sp.Rational(1, 2))), z, *LINE)
    assert [(p.left.value, p.right.value, p.formula) for p in pieces] == [
        (-sp.oo, -3, 0),
        (-3, 3, z / 6 + sp.Rational(1, 2)),
        (3, sp.oo, 1),
    ]


def test_pieces_of_nested_switches_agree_with_the_formula() -> None:
    formula = sp.Piecewise((sp.Abs(z**2 - 2), (z > -2) & (z < 1)), (sp.Max(z, 3 - z), True)) * sp.sign(z - 5)
    with working_precision(128):
        pieces = split(formula, z, *LINE)
    for piece in pieces:
        left = piece.left.value if piece.left.is_finite else piece.right.value - 4
        right = piece.right.value if piece.right.is_finite else piece.left.value + 4
        for weight in (sp.Rational(1, 7), sp.Rational(1, 2), sp.Rational(5, 6)):
            point = left + weight * (right - left)
            assert sp.simplify(formula.subs(z, point) - piece.formula.subs(z, point)) == 0


def test_poles_of_the_gamma_function() -> None:
    with working_precision(128):
        pieces = split(sp.gamma(z), z, End(sp.Rational(-5, 2), 1), End(sp.Integer(3), -1))
    assert [piece.right.value for piece in pieces] == [-2, -1, 0, 3]


def test_a_condition_that_never_holds() -> None:
    with working_precision(128), pytest.raises(InputError, match="no condition holds"):
        split(sp.Piecewise((z, z > 1)), z, *LINE)
