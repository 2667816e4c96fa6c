"""The terms of an unrolled differential, and what is refused."""

from __future__ import annotations

import re

import pytest

import symgrad as sg
from symgrad.calculus.unroll import UnrolledTerm


def test_each_step_adds_one_term_and_multiplies_the_others() -> None:
    unrolled = sg.unroll(sg.models.elman())
    assert unrolled.terms(3) == (
        UnrolledTerm((), 3),
        UnrolledTerm((3,), 2),
        UnrolledTerm((3, 2), 1),
        UnrolledTerm((3, 2, 1), None),
    )


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "3", None])
def test_the_number_of_steps_is_checked(steps: object) -> None:
    with pytest.raises(sg.InputError, match="steps: a positive integer is needed, got"):
        sg.unroll(sg.models.elman()).terms(steps)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(sg.UnknownNameError, match="parameter of model elman"):
        sg.unroll(sg.models.elman()).source("V")


def test_something_else_is_refused() -> None:
    with pytest.raises(sg.InputError, match="model: a Recurrence"):
        sg.unroll("elman")


def test_the_source_is_asked_for_by_name_or_symbol() -> None:
    model = sg.models.elman()
    unrolled = sg.unroll(model)
    assert unrolled.source("W") == unrolled.source(model.symbol("W"))


@pytest.mark.parametrize("family", sg.models.names())
def test_every_family_is_written_in_every_form(family: str) -> None:
    model = sg.models.build(family)
    unrolled = sg.unroll(model)
    data = unrolled.to_dict()
    assert data["parameters"] == [str(parameter) for parameter in model.parameters]
    assert r"\nabla_{\theta" in unrolled.latex()
    for parameter in model.parameters:
        assert re.search(rf"/d (vec\()?{parameter}", str(unrolled))


def test_layers_have_differentials_of_their_own() -> None:
    first, second, third, *_ = str(sg.unroll(sg.models.feedforward(5))).splitlines()
    assert first == "d x[l] = sum(k = 0 ... l-1) J[l]*...*J[l-k+1]*B[l-k]*d theta[l-k] + J[l]*...*J[1]*d x[0]"
    assert second == "grad_theta[l] L = grad_x[5] L*J[5]*...*J[l+1]*B[l]"
    assert third == "Delta theta[l] = -eta*(grad_theta[l] L)'"


def test_a_scalar_parameters_derivative_is_a_column() -> None:
    assert "d h[t]/d alpha = tanh(a[t]) - h[t-1]" in str(sg.unroll(sg.models.leaky()))
