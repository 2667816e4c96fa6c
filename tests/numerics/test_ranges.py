"""Declared ranges in floats and in balls."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from flint import arb, arb_mat

import symgrad as sg
from symgrad.errors import InputError
from symgrad.language.weights import bind
from symgrad.numerics.ranges import RangeSet

x, r, a = sp.symbols("x r a")
MAP = sg.Recurrence({x: r * x * (1 - x)})


def ranges(interval, weights=None, symbol=x) -> RangeSet:
    model = MAP.assuming({symbol: interval})
    return RangeSet(model, bind(model, {"r": 2.0} if weights is None else weights, model.parameters))


def test_ends_are_rounded_inwards() -> None:
    third = ranges(sp.Interval(sp.Rational(1, 3), sp.Rational(2, 3))).of(x)
    assert sp.Rational(third.low) >= sp.Rational(1, 3) > sp.Rational(np.nextafter(third.low, 0))
    assert sp.Rational(third.high) <= sp.Rational(2, 3) < sp.Rational(np.nextafter(third.high, 1))
    assert third.is_bounded
    assert third.centre == pytest.approx(0.5)


def test_open_and_infinite_ends() -> None:
    half_line = ranges(sp.Interval.open(0, sp.oo)).of(x)
    assert half_line.low == 5e-324
    assert half_line.high == np.inf
    assert not half_line.is_bounded
    assert half_line.centre == 5e-324
    assert ranges((-1, 1)).of(r).low == -np.inf


def test_symbolic_ends_take_the_weights() -> None:
    assert ranges(sp.Interval(-a, a), {"r": 2.0, "a": 0.75}).of(x).high == 0.75


def test_a_weight_outside_its_range_is_refused() -> None:
    with pytest.raises(InputError, match="weight r: "):
        ranges((0, 1), {"r": 1.5}, symbol=r)
    ranges((0, 2), {"r": 1.5}, symbol=r)


def test_a_range_without_floats_is_refused() -> None:
    with pytest.raises(InputError, match="no float"):
        ranges(sp.Interval(a, 1), {"r": 2.0, "a": 3.0})


def test_steps_inside() -> None:
    states = {x: np.array([[0.5, 0.5, 2.0, 0.0], [0.5, 1.5, 0.5, 1.0], [9.0, 0.5, 0.5, np.nan]])[:, None, :, None]}
    assert ranges((0, 1)).steps_inside(states, {}, 2).tolist() == [2, 1, 0, 2]


def test_overflow_counts_as_leaving() -> None:
    model = sg.Recurrence({x: x * 2})
    states = {x: np.array([[1.0], [np.inf], [np.nan]])[:, None, :, None]}
    assert RangeSet(model, bind(model, None)).steps_inside(states, {}, 2).tolist() == [1]


def column(*balls: arb):
    return arb_mat(len(balls), 1, list(balls))


def test_containment_in_balls_is_strict_about_what_is_not_proved() -> None:
    closed = ranges((0, 1))
    assert closed.contain(x, column(arb(0), arb(1)))
    assert not closed.contain(x, column(arb(0.5), arb(1, 1e-20)))
    assert not closed.contain(x, column(arb("nan")))
    assert not ranges(sp.Interval.Ropen(0, 1)).contain(x, column(arb(1)))
    assert ranges(sp.Interval(0, sp.oo)).contain(x, column(arb("1e400")))
    assert closed.contain(r, column(arb(7)))
