"""Closed forms against enclosed integrals, for every activation that has both: two ways that share no code."""

from __future__ import annotations

import pytest
import sympy as sp
from flint import arb

import symgrad as sg
from symgrad.language.elementwise import VARIABLE as z
from symgrad.language.gaussian import CORRELATION, VARIANCE
from symgrad.meanfield.closed_means import closed_mean, closed_pair_mean
from symgrad.rigor.balls import ball_function
from symgrad.rigor.gaussian_integrals import gaussian_mean, gaussian_pair_mean

VARIANCES = ("0.01", "1.3", "20")
CLOSED = {
    (name, power): formula
    for name in sg.activation_names()
    for power, formula in (
        ("phi^2", sg.activation(name).expr ** 2),
        ("phi'^2", sg.activation(name).derivative.expr ** 2),
        ("phi'^4", sg.activation(name).derivative.expr ** 4),
    )
    if closed_mean(formula, z, VARIANCE) is not None
}


def agree(first: arb, second: arb) -> bool:
    """Whether two enclosures overlap, and are narrow enough for that to say something."""
    narrow = first.rad() + second.rad() <= 1e-9 * (1 + abs(second).upper())
    return bool(first.overlaps(second)) and bool(narrow)


def test_many_activations_have_both() -> None:
    assert len({name for name, _ in CLOSED}) >= 12


@pytest.mark.parametrize(("name", "power"), CLOSED)
def test_means_agree(name: str, power: str) -> None:
    formula = CLOSED[name, power]
    found = closed_mean(formula, z, VARIANCE)
    assert found is not None
    value, slope = (ball_function(sp.diff(found.value, VARIANCE, order), VARIANCE) for order in (0, 1))
    for q in map(arb, VARIANCES):
        enclosed = gaussian_mean(formula, z, q)
        assert agree(value(q), enclosed)
        assert not agree(value(q) * arb("1.000001"), enclosed) or enclosed.is_zero()
        assert agree(slope(q), gaussian_mean(formula, z, q, order=1))


PAIRS = [n for n in sg.activation_names() if closed_pair_mean(sg.activation(n).expr, z, z, VARIANCE, CORRELATION)]


@pytest.mark.parametrize("name", PAIRS)
def test_means_of_pairs_agree(name: str) -> None:
    """Of the activation with itself where that is closed, else with the identity."""
    phi = sg.activation(name).expr
    other = phi if closed_pair_mean(phi, phi, z, VARIANCE, CORRELATION) else z
    found = closed_pair_mean(phi, other, z, VARIANCE, CORRELATION)
    assert found is not None
    value = ball_function(found.value, (VARIANCE, CORRELATION))
    q, c = arb("0.8"), arb("0.3")
    assert agree(value(q, c), gaussian_pair_mean(phi, other, z, q, c))
