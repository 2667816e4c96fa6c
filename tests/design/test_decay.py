"""Weight decay against PyTorch's optimiser and exact recursions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import mpmath
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad import design
from symgrad.design.decay import WeightDecay


@pytest.mark.slow  # the optimiser takes a second to load
def test_the_bound_is_attained_by_stochastic_gradient_descent() -> None:
    found = design.weight_decay(rate=0.1, decay=0.5, norm=3)
    W = torch.nn.Parameter(3 * torch.eye(4, dtype=torch.float64))
    optimiser = torch.optim.SGD([W], lr=0.1, weight_decay=0.5)
    for count in range(1, 30):
        W.grad = torch.zeros_like(W)
        optimiser.step()
        norm = float(torch.linalg.matrix_norm(W.detach(), 2))
        assert norm == pytest.approx(float(found.after(count)), rel=1e-12)


@settings(max_examples=15)
@given(
    st.fractions(Fraction(1, 50), Fraction(19, 10), max_denominator=50),
    st.fractions(0, 1, max_denominator=10),
    st.fractions(Fraction(1, 10), 5, max_denominator=10),
)
def test_the_number_of_steps_by_the_exact_recursion(product: Fraction, gradient: Fraction, target: Fraction) -> None:
    found = design.weight_decay(
        rate=1,
        decay=sp.Rational(str(product)),
        norm=6,
        gradient=sp.Rational(str(gradient)),
        target=sp.Rational(str(target)),
    )
    factor, value, count = abs(1 - product), Fraction(6), 0
    while value > target and count < 3000:
        value, count = factor * value + gradient, count + 1
    assert found.steps == (sp.oo if value > target else count)


def test_tiny_rates_need_many_steps() -> None:
    found = design.weight_decay(rate=1e-6, decay=1e-6, norm=8, target=4)
    assert found.steps == 693147180560  # ceil(log 2 / -log(1 - 1e-12)), by mpmath with 50 digits


def test_the_target_of_a_model_is_where_products_vanish() -> None:
    found = design.weight_decay(rate=0.1, decay=0.1, norm=10, target=sg.models.elman("tanh"))
    assert found.target == 1
    with pytest.raises(sg.InputError, match="target: no norm of a weight alone"):
        design.weight_decay(target=sg.models.residual())


@dataclass(frozen=True)
class TooFast(WeightDecay):
    """A bound that falls one percent too fast."""

    def after(self, steps: object = None) -> sp.Expr:
        return sp.Rational(99, 100) * super().after(steps)


@pytest.mark.parametrize("gradient", [0, 0.3])
def test_falsified_bounds_are_caught(gradient: float) -> None:
    for arguments in ({}, {"rate": 0.1, "decay": 1, "norm": 4, "target": 2}):
        true = design.weight_decay(gradient=gradient, **arguments)
        assert true.verify().holds
        assert not TooFast(true.rate, true.decay, true.norm, true.gradient, true.target).verify().holds


def test_bad_arguments_are_named() -> None:
    with pytest.raises(sg.InputError, match="below 2"):
        design.weight_decay(rate=1, decay=2)
    with pytest.raises(sg.InputError, match="rate: a positive number"):
        design.weight_decay(rate=0)
    with pytest.raises(sg.InputError, match="gradient: a number that is not negative"):
        design.weight_decay(gradient=-1)
    with pytest.raises(sg.InputError, match="target: a number or symbol"):
        _ = design.weight_decay().steps


def test_very_many_steps_are_counted_exactly() -> None:
    found = design.weight_decay(rate=1e-10, decay=1e-10, norm=8, target=4)
    with mpmath.workdps(60):
        shrinkage = 1 - mpmath.mpf("1e-20")
        assert found.steps == int(mpmath.ceil(mpmath.log(mpmath.mpf(1) / 2) / mpmath.log(shrinkage)))
    assert "eta*lambda <= 1" in design.weight_decay().title
