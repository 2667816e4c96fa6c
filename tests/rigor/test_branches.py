"""Monotone branches against samples of the function between their ends."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.language.activations import activation, activation_names
from symgrad.rigor.branches import Branch, monotone_branches
from symgrad.rigor.tail_monomials import TailUndecidedError

Z = sp.Symbol("z", real=True)


def _samples(branch: Branch) -> np.ndarray:
    low = float(branch.left.mid()) if branch.left.is_finite() else -30.0
    high = float(branch.right.mid()) if branch.right.is_finite() else 30.0
    return np.linspace(low, high, 402)[1:-1]


def _check(formula: sp.Expr, branches: tuple[Branch, ...]) -> None:
    """The values between the ends go from the one limit to the other, in the direction that is claimed."""
    own = {"logistic": lambda z: 1 / (1 + np.exp(-z)), "softplus": lambda z: np.log1p(np.exp(z))}
    function = sp.lambdify(Z, formula, [own, "numpy"])
    assert not branches[0].left.is_finite()
    assert not branches[-1].right.is_finite()
    for branch, following in pairwise(branches):
        assert branch.right.overlaps(following.left)
    for branch in branches:
        values = function(_samples(branch)) * np.ones(400)
        steps = np.diff(values) * (branch.direction or 1)
        assert (steps > -1e-12).all()
        assert branch.direction != 0 or abs(steps).max() < 1e-12
        assert float(branch.low.mid()) - 1e-9 <= values.min()
        assert values.max() <= float(branch.high.mid()) + 1e-9


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "silu", "softsign", "hard_tanh", "hardswish", "elu", "gaussian"])
def test_branches_of_curves_of_fixed_points(name: str) -> None:
    s = activation(name)
    for formula in (s.derivative.expr, Z - 5 * s.expr, Z + 3 * s.expr):
        _check(formula, monotone_branches(formula, Z))


def test_a_falsified_branch_is_caught() -> None:
    formula = Z**3 - 3 * Z
    first, second, third = monotone_branches(formula, Z)
    _check(formula, (first, second, third))
    joined = Branch(first.left, second.right, first.at_left, second.at_right, 1)
    lowered = Branch(first.left, first.right, first.at_left, first.at_right - 1, 1)
    for falsified in ((joined, third), (lowered, second, third), (first, third)):
        with pytest.raises(AssertionError):
            _check(formula, falsified)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=4))
def test_polynomials_have_a_branch_more_than_turns(zeros: list[int]) -> None:
    slope = sp.prod([Z - zero for zero in zeros])
    odd = [zero for zero in set(zeros) if zeros.count(zero) % 2]
    branches = monotone_branches(sp.integrate(sp.expand(slope), Z), Z)
    assert [float(branch.right.mid()) for branch in branches[:-1]] == pytest.approx(sorted(odd))


def test_values_on_a_branch() -> None:
    (falling, rising) = monotone_branches(Z**2, Z)
    assert rising.takes(arb(4)) is True
    assert rising.takes(arb(-1)) is False
    assert rising.takes(arb(0)) is False  # the open branch does not take the value at its end
    assert falling.takes(arb(0, 0.1)) is None


def test_domains_and_poles() -> None:
    branches = monotone_branches(sp.log(Z / (1 - Z)) - 5 * Z, Z)
    assert [branch.direction for branch in branches] == [1, -1, 1]
    assert (branches[0].left, branches[-1].right) == (arb(0), arb(1))
    assert [branch.direction for branch in monotone_branches(1 / Z, Z)] == [-1, -1]


def test_endless_oscillation_is_refused_but_not_on_a_bounded_interval() -> None:
    with pytest.raises(TailUndecidedError):
        monotone_branches(sp.sin(Z), Z)
    assert [branch.direction for branch in monotone_branches(sp.sin(Z), Z, sp.S(-2), sp.S(2))] == [-1, 1, -1]


def test_every_activation_has_branches() -> None:
    for name in activation_names():
        if name != "sin":
            assert monotone_branches(activation(name).derivative.expr, Z)
