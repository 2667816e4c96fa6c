"""The scale of residual branches: against autograd of torch, the proved bounds, and under mutation."""

from __future__ import annotations

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.design.residual import residual_scale
from symgrad.errors import InputError
from symgrad.rigor.balls import to_ball


@settings(max_examples=3, deadline=None)
@given(
    st.fractions(min_value="1/10", max_value=10, max_denominator=20),
    st.integers(1, 10**6),
    st.fractions(min_value="11/10", max_value=100, max_denominator=10),
    st.fractions(min_value="1/10", max_value="9/10", max_denominator=10),
)
def test_the_limits_are_kept_and_the_tighter_one_is_attained(size: object, k: int, most: object, least: object) -> None:
    L, C, c = (sp.Rational(number) for number in (size, most, least))
    remedy = residual_scale(L, steps=k, at_most=C, at_least=c)
    a = to_ball(remedy.value, 300)
    upper, lower = (1 + a * to_ball(L)) ** k - to_ball(C), (1 - a * to_ball(L)) ** k - to_ball(c)
    assert upper <= 0 or upper.contains(0)
    assert lower >= 0 or lower.contains(0)
    assert upper.contains(0) or lower.contains(0)


def test_one_percent_more_is_caught() -> None:
    for limits in ({"at_most": 4}, {"at_least": 0.5}, {"at_most": 4, "at_least": 0.9}):
        remedy = residual_scale(2, steps=25, **limits)
        assert remedy.verify().holds
        assert not remedy.with_value(float(remedy) * 1.01).verify().holds
        assert remedy.with_value(float(remedy) * 0.99).verify().holds


def test_it_is_the_proved_bound_solved() -> None:
    remedy = residual_scale(steps=12, at_most=3, at_least=sp.Rational(1, 4))
    upper, lower = remedy.bounds
    assert (upper.side, lower.side) == ("upper", "lower")
    one = sg.design.solve(upper, for_="a", target=sp.Le(upper.at(12), 3), k=12, values={"W": 2})
    two = sg.design.solve(lower, for_="a", target=sp.Ge(lower.at(12), sp.Rational(1, 4)), k=12, values={"W": 2})
    assert float(residual_scale(2, steps=12, at_most=3)) == pytest.approx(float(one.values.sup), rel=1e-14)
    assert float(residual_scale(2, steps=12, at_least=0.25)) == pytest.approx(float(two.values.sup), rel=1e-14)


def test_a_residual_network_of_torch_stays_within() -> None:
    torch.manual_seed(0)
    k, size = 30, 6
    layers = [torch.nn.Linear(size, size).double() for _ in range(k)]
    L = max(float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in layers)
    remedy = residual_scale(L, steps=k, at_most=3, at_least=0.4)

    def run(x: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            x = x + float(remedy) * torch.tanh(layer(x))
        return x

    jacobian = torch.autograd.functional.jacobian(run, torch.randn(size, dtype=torch.double))
    values = torch.linalg.svdvals(jacobian)
    assert float(values[0]) <= 3
    assert float(values[-1]) >= 0.4


def test_symbols_stay_symbols() -> None:
    C = sp.Symbol("C", positive=True)
    remedy = residual_scale(at_most=C, at_least=sp.Rational(1, 2))
    assert remedy.value is None
    L, k = (next(s for s in remedy.formula.rhs.free_symbols if s.name == name) for name in "Lk")
    assert remedy.formula.rhs.subs({C: 16, k: 2, L: 5}) == sp.Min(sp.Rational(3, 5), (1 - sp.sqrt(2) / 2) / 5)
    with pytest.raises(InputError, match="symbols"):
        remedy.verify()


def test_limits_of_one_leave_only_zero() -> None:
    assert residual_scale(2, steps=5, at_most=1).value == 0
    assert residual_scale(2, steps=5, at_least=1).value == 0
    assert residual_scale(2, steps=5, at_least=0).value == sp.Rational(1, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"at_most": 0.5}, "at_most: a number >= 1"),
        ({"at_least": 2}, "at_least: a number from 0 to 1"),
        ({"at_least": -0.1}, "at_least"),
        ({}, "at least one limit"),
        ({"at_most": "x"}, "at_most"),
        ({"lipschitz": 0, "at_most": 2}, "lipschitz"),
        ({"lipschitz": -1, "at_most": 2}, "lipschitz"),
        ({"steps": 0, "at_most": 2}, "steps"),
        ({"steps": 1.5, "at_most": 2}, "steps"),
        ({"at_most": float("inf")}, "at_most"),
    ],
)
def test_malformed_arguments_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        residual_scale(**arguments)
