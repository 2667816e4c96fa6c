"""Balls in print: every number of the ball begins with the digits shown, or lies within the radius shown."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flint import acb, arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.present.ball_text import ball_data, ball_latex, ball_text, radius_text


def _ends(ball: arb) -> tuple[Fraction, Fraction]:
    middle, radius = (
        Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
        for mantissa, exponent in (ball.mid().man_exp(), ball.rad().man_exp())
    )
    return middle - radius, middle + radius


def is_true_of(written: str, ball: arb) -> bool:
    """Whether what is written holds for all numbers of a ball, by exact fractions."""
    low, high = _ends(ball)
    middle, _, radius = written.partition(" +/- ")
    if radius:
        place, reach = Fraction(middle), Fraction(radius)
        return place - reach <= low and high <= place + reach
    if "..." not in middle:
        return low == high == Fraction(middle)
    digits, _, power = middle.partition("...")
    scale = Fraction(10) ** int(power.removeprefix("e") or 0)
    first, unit = Fraction(digits) * scale, scale / 10 ** len(digits.partition(".")[2])
    inner, outer = (low, high) if first > 0 else (-high, -low)
    return abs(first) <= inner and outer < abs(first) + unit


_RADII = st.one_of(st.just(0.0), st.floats(1e-40, 1e3, allow_subnormal=False))
_MIDDLES = st.one_of(
    st.floats(-1e12, 1e12), st.floats(-1, 1), st.integers(-1000, 1000).map(lambda n: n / 8), st.floats(1e-30, 1e-20)
)


@settings(max_examples=200, derandomize=True, deadline=1000)
@given(_MIDDLES, _RADII, st.integers(1, 17))
def test_what_is_written_holds_for_the_whole_ball(middle: float, radius: float, digits: int) -> None:
    ball = arb(middle, radius)
    assert is_true_of(ball_text(ball, digits), ball)


@settings(max_examples=60, derandomize=True, deadline=1000)
@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6), st.integers(3, 12))
def test_rational_numbers(above: int, below: int, digits: int) -> None:
    ball = arb(fmpq(above, below))
    assert is_true_of(ball_text(ball, digits), ball)


@pytest.mark.parametrize("written", ["0.3334...", "0.33333334...", "0.3333", "0.3333 +/- 0.00001"])
def test_wrong_digits_are_noticed(written: str) -> None:
    assert not is_true_of(written, arb(fmpq(1, 3)))


def test_the_radius_is_not_wider_than_needed() -> None:
    assert ball_text(arb(1, 1e-20)) == "1 +/- 1.1e-20"
    assert ball_text(arb(fmpq(1, 5))) == "0.2 +/- 4.5e-17"
    assert radius_text(arb(1, 1e-20)) == "1.1e-20"


def test_complex_unbounded_and_missing_balls() -> None:
    assert ball_text(acb(arb(1, 1e-3), -2)) == "(1 +/- 0.0011) - 2*i"
    assert ball_latex(acb(0, arb(2).sqrt()), 4) == r"0 + 1.414\ldots\,i"
    assert ball_text(acb(3)) == "3"
    assert [ball_text(ball) for ball in (None, arb("nan"), arb("inf"), arb(0, "inf"))] == [
        "-",
        "nan",
        "inf",
        "unbounded",
    ]
    assert ball_latex(arb("-inf")) == r"-\infty"
    assert ball_text(arb(10) ** 3000).startswith("1e+3000")


def test_data_holds_the_ball() -> None:
    data = ball_data(arb(fmpq(1, 3)))
    assert data is not None
    assert Fraction(data["low"]) <= Fraction(1, 3) <= Fraction(data["high"])
    assert data["value"] == 1 / 3
    assert ball_data(None) is None
    assert ball_data(acb(1, 2)) == {"real": ball_data(arb(1)), "imag": ball_data(arb(2))}
    assert ball_data(arb("inf"))["high"] == "inf"
