"""The critical line in floats against closed forms, enclosures and what is known of its stability."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from flint import arb
from scipy.optimize import brentq

import symgrad as sg
from symgrad.errors import InputError, UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE as X
from symgrad.language.elementwise import Activation
from symgrad.meanfield.checked_critical_line import checked_critical_line
from symgrad.meanfield.fast_critical_line import _brackets, _Points, critical_line_floats
from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import upper_float


def test_tanh_is_right_to_ten_digits_and_a_falsified_line_is_not() -> None:
    phi = sg.activation("tanh")
    line = critical_line_floats(phi, np.linspace(0.01, 1, 100))
    assert np.isfinite(line.edge_of_chaos).all()
    checked = checked_critical_line(phi, line, count=2)
    assert checked.places == ((0, 0), (99, 0))
    assert checked.largest_error < 1e-10
    assert checked_critical_line(phi, replace(line, sigma_w2=line.sigma_w2 * (1 + 1e-9)), count=1).errors[0] > 9e-10
    assert checked_critical_line(phi, replace(line, q=line.q * 1.01), count=1).errors[0] == math.inf


def test_the_published_point_of_tanh() -> None:
    # Schoenholz et al. 2017 use sigma_b^2 = 0.05, where they state criticality at sigma_w^2 = 1.76
    assert critical_line_floats(sg.activation("tanh"), 0.05).edge_of_chaos[0] == pytest.approx(1.76, abs=2e-3)


def test_sin_has_its_closed_line() -> None:
    # E sin^2 = (1 - e^(-2q))/2 and E cos^2 = (1 + e^(-2q))/2
    line = critical_line_floats(sg.activation(Activation("sine", sp.sin(X))), [0.05, 0.5, 3.0])
    for b, gain, q in zip(line.sigma_b2, line.edge_of_chaos, line.q[:, 0], strict=True):
        exact = brentq(lambda v, b=b: v - math.tanh(v) - b, 1e-9, b + 2, xtol=1e-14)
        assert (gain, q) == (pytest.approx(2 / (1 + math.exp(-2 * exact)), rel=1e-10), pytest.approx(exact, rel=1e-10))


@pytest.mark.parametrize(("name", "gain"), [("tanh", 1.0), ("erf", math.pi / 4), ("hard_tanh", 1.0)])
def test_without_biases_the_variance_vanishes_at_the_edge(name: str, gain: float) -> None:
    line = critical_line_floats(sg.activation(name), [0.0])
    assert line.edge_of_chaos[0] == pytest.approx(gain, rel=1e-12)
    assert line.q.tolist() == [[0.0]]
    assert line.attracting.all()


def test_relu_keeps_every_variance_and_has_no_line_with_biases() -> None:
    line = critical_line_floats(sg.activation("relu"), [0.0, 0.1])
    assert line.continuum
    assert line.sigma_w2[0, 0] == pytest.approx(2)
    assert np.isnan(line.sigma_w2[1]).all()
    assert np.isnan(line.edge_of_chaos).all()


def test_gelu_repels_at_small_biases() -> None:
    line = critical_line_floats(sg.activation("gelu"), [0.01, 0.5])
    assert line.slopes[0, 0] > 1
    assert not line.attracting[0].any()
    assert np.isnan(line.edge_of_chaos[0])
    assert line.attracting[1, 0]


@pytest.mark.parametrize("formula", [X + 2 * sp.sin(3 * X), sp.Max(X - 1, 0) - sp.Max(-X - 1, 0) + X / 4])
def test_solutions_fulfil_both_equations_by_enclosures(formula: sp.Expr) -> None:
    phi = Activation("made", formula)
    line = critical_line_floats(phi, [0.02, 0.7])
    square, slope = Mean(phi.expr**2), Mean(phi.derivative.expr**2)
    assert np.isfinite(line.q).all()
    for b, q, gain in zip(line.sigma_b2, line.q[:, 0], line.sigma_w2[:, 0], strict=True):
        k, m = (mean.ball(arb(float(q))) for mean in (square, slope))
        assert upper_float(abs(m * float(gain) - 1)) < 1e-10
        assert upper_float(abs(arb(float(q)) - k / m - float(b))) < 1e-10 * q


def test_every_crossing_of_a_curve_that_turns_back_gets_a_cell() -> None:
    q = np.linspace(1.0, 2.0, 41)
    offset = np.sin(3 * np.pi * (q - 1))
    scan = _Points(q, q, offset, offset, offset)
    row, cell = _brackets(np.array([0.5, 2.0, -0.5]), scan)
    assert row.tolist() == [0, 0, 0, 0, 2, 2]
    for i, j in zip(row, cell, strict=True):
        level = [0.5, 2.0, -0.5][i]
        assert (offset[j] - level) * (offset[j + 1] - level) < 0


def test_a_jump_has_no_line() -> None:
    with pytest.raises(UnsupportedExpressionError, match="jumps"):
        critical_line_floats(Activation("step", sp.Heaviside(X)), [0.1])


@pytest.mark.parametrize("sigma_b2", [-0.1, "x", [[0.1]], math.nan])
def test_malformed_biases(sigma_b2: object) -> None:
    with pytest.raises(InputError, match="sigma_b2"):
        critical_line_floats(sg.activation("tanh"), sigma_b2)
