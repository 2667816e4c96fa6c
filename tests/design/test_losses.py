"""Factors of losses against autograd, their limits against mpmath, and verdicts on saturation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg
from symgrad import design
from symgrad.design.loss_checks import check_factor
from symgrad.language.elementwise import VARIABLE

pytestmark = pytest.mark.usefixtures("double_precision")
Z = sp.Symbol("z", real=True)
SQUARED, ENTROPY = "(y - t)^2/2", "-t*log(y) - (1 - t)*log(1 - y)"


@pytest.mark.parametrize(
    ("loss", "output", "by_torch"),
    [
        (SQUARED, "sigmoid", lambda a: (torch.sigmoid(a) - 0.3) ** 2 / 2),
        (ENTROPY, "sigmoid", lambda a: torch.nn.functional.binary_cross_entropy_with_logits(a, torch.tensor(0.3))),
        (SQUARED, "tanh", lambda a: (torch.tanh(a) - 0.3) ** 2 / 2),
        ("abs(y - t)", "softsign", lambda a: (torch.nn.functional.softsign(a) - 0.3).abs()),
    ],
)
def test_factor_is_the_derivative_by_autograd(
    loss: str, output: str, by_torch: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    found = design.loss_factor(loss, output, target=0.3)
    for value in np.linspace(-4.0, 4.0, 7) + 0.01:
        a = torch.tensor(value, requires_grad=True)
        by_torch(a).backward()
        stated = float(found.factor.subs(found.factor.free_symbols.pop(), value))
        assert stated == pytest.approx(float(a.grad), rel=1e-9, abs=1e-14)


def test_the_two_comparisons_of_the_theory() -> None:
    both = design.saturating_losses()
    squared, generator = both
    assert (len(both), both[0], both[1]) == (2, both.classifier, both.generator)
    assert both.verify().holds
    y = sp.Symbol("y", real=True)
    assert sp.expand(squared.ratio_in_output - y * (1 - y)) == 0
    assert sp.simplify(generator.ratio_in_output - y / (1 - y)) == 0
    assert dict(squared.limits) == {-sp.oo: 0, sp.oo: 0}
    assert dict(generator.limits) == {-sp.oo: 0, sp.oo: sp.oo}
    assert [(end.loss, end.factor) for end in generator.first.ends] == [(0, 0), (-sp.oo, -1)]
    assert [(end.loss, end.factor) for end in generator.second.ends] == [(sp.oo, -1), (0, 0)]


@pytest.mark.parametrize(
    ("loss", "output", "target", "saturating"),
    [
        (SQUARED, "sigmoid", 1, True),
        (SQUARED, "sigmoid", 0, True),
        (SQUARED, "identity", 5, False),
        (ENTROPY, "sigmoid", 1, False),
        (ENTROPY, "sigmoid", 0.25, False),
        (SQUARED, "tanh", 1, True),
        (SQUARED, "relu", 1, True),
        (SQUARED, "leaky_relu", 1, False),
        ("max(0, 1 - t*y)", "identity", 1, False),
        ("max(0, 1 - t*y)", "tanh", 1, True),
        ("-log(y)", "hard_sigmoid", None, False),
        ("-log(y)", "softplus", None, False),
        (SQUARED, sg.Activation("half_rectified", sp.Piecewise((Z**2, Z > 2), (4, True))), 1, False),
        (SQUARED, sg.Activation("plateau", sp.Piecewise((Z, Z > 2), (2, True))), 5, True),
    ],
)
def test_verdicts(loss: str, output: object, target: object, saturating: bool) -> None:
    found = design.loss_factor(loss, output, target)
    assert found.saturating is saturating
    assert found.verify().holds


def test_plateaus_are_named() -> None:
    found = design.loss_factor(SQUARED, "hard_sigmoid", 1)
    assert found.plateaus == (sp.Interval(-sp.oo, -3),)
    assert design.loss_factor(SQUARED, "relu", 0).plateaus == (), "there the loss is at its least"


def test_limits_against_mpmath() -> None:
    found = design.loss_factor("-log(1 - y) + y^2", "tanh")
    with mpmath.workdps(60):
        for end in found.ends:
            far = mpmath.mpf(20) * (1 if end.point == sp.oo else -1)
            y = mpmath.tanh(far)
            factor = (1 / (1 - y) + 2 * y) * (1 - y**2)
            assert abs(factor - mpmath.mpf(str(sp.N(end.factor, 40)))) < 1e-15


def test_a_symbol_for_the_target_is_left_open() -> None:
    found = design.loss_factor(ENTROPY)
    assert found.saturating is None
    assert found.ends == ()
    assert found.in_output == sp.Symbol("y", real=True) - sp.Symbol("t", real=True)
    with pytest.raises(sg.InputError, match="target: a number is needed"):
        found.verify()


def test_falsified_factors_and_limits_are_caught() -> None:
    found = design.loss_factor(SQUARED, target=1)
    loss, factor = found.loss_formula, found.factor_formula
    assert check_factor(loss, factor, found.ends, 0).holds
    assert not check_factor(loss, factor * sp.Rational(100, 101), found.ends, 0).holds
    assert not check_factor(loss, factor + sp.Rational(1, 10**15), found.ends, 0).holds
    for change in ({"factor": sp.Rational(1, 1000)}, {"loss": sp.Rational(501, 1000)}, {"loss": sp.oo}):
        wrong = (replace(found.ends[0], **change), found.ends[1])
        assert not check_factor(loss, factor, wrong, 0).holds
    assert loss.has(VARIABLE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"loss": 3}, "loss: text or a SymPy expression"),
        ({"loss": "x + w + y"}, "loss: a formula of the output y"),
        ({"loss": "t^2"}, "loss: a formula of the output y"),
        ({"loss": "__import__('os')"}, "loss: at character 1"),
        ({"loss": SQUARED, "target": "one"}, "target: a finite real number"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(sg.InputError, match=words):
        design.loss_factor(**arguments)


def test_activations_without_a_derivative_are_refused() -> None:
    stairs = sg.Activation("stairs", sp.Piecewise((1, Z > 0), (0, True)))
    with pytest.raises(sg.SymgradError, match="'stairs' jumps at 0"):
        design.loss_factor(SQUARED, stairs, 1)


def test_limits_that_do_not_exist_are_left_undecided() -> None:
    assert design.loss_factor(SQUARED, "sin", 2).saturating is None
