"""Clipping against PyTorch's functions and optimiser, and at the gradients that turn the most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import symgrad as sg
from symgrad import design

pytestmark = pytest.mark.usefixtures("double_precision")
VECTORS = arrays(np.float64, st.integers(1, 12), elements=st.floats(-1e6, 1e6)).filter(lambda g: abs(g).max() > 1e-6)


def clipped_by_torch(gradient: np.ndarray, by: str, threshold: float) -> np.ndarray:
    parameter = torch.nn.Parameter(torch.zeros(len(gradient)))
    parameter.grad = torch.tensor(gradient)
    if by == "norm":
        torch.nn.utils.clip_grad_norm_([parameter], threshold)
    else:
        torch.nn.utils.clip_grad_value_([parameter], threshold)
    return parameter.grad.numpy()


@pytest.mark.parametrize("by", ["norm", "value"])
@settings(max_examples=20)
@given(gradient=VECTORS, threshold=st.floats(1e-3, 1e3))
def test_bounds_hold_for_what_pytorch_clips(by: str, gradient: np.ndarray, threshold: float) -> None:
    found = design.clipping(**{by: threshold}, size=len(gradient))
    clipped = clipped_by_torch(gradient, by, threshold)
    length = np.linalg.norm(clipped)
    assert length <= float(found.length) * (1 + 1e-12)
    assert found.clip(gradient) == pytest.approx(clipped, rel=1e-9, abs=1.1e-6), "PyTorch adds 1e-6 to the norm"
    if length > 0:
        cosine = (gradient / np.linalg.norm(gradient)) @ (clipped / length)
        assert cosine >= float(found.cosine) - 1e-9


@settings(max_examples=20)
@given(gradient=VECTORS)
def test_angle_with_a_known_ratio(gradient: np.ndarray) -> None:
    ratio = max(abs(gradient).max(), 1.0)
    found = design.clipping(value=1, size=len(gradient), ratio=ratio)
    clipped = found.clip(gradient)
    cosine = (gradient / np.linalg.norm(gradient)) @ (clipped / np.linalg.norm(clipped))
    assert cosine >= float(found.cosine) - 1e-9


def test_both_angles_are_the_best_possible() -> None:
    for n in (2, 9):
        gradient = np.r_[1e9, np.ones(n - 1)]
        clipped = np.ones(n)
        cosine = gradient @ clipped / np.linalg.norm(gradient) / np.sqrt(n)
        assert cosine == pytest.approx(float(design.clipping(value=1, size=n).cosine), rel=1e-8)
    gradient = np.r_[4.0, np.ones(4)]  # one entry in 1 + ratio
    cosine = gradient.sum() / np.linalg.norm(gradient) / np.sqrt(5)
    assert cosine == pytest.approx(float(design.clipping(value=1, size=5, ratio=4).cosine), rel=1e-12)


@pytest.mark.slow  # the optimiser takes a second to load
@pytest.mark.parametrize("nesterov", [False, True])
def test_updates_of_an_optimiser_with_momentum(nesterov: bool) -> None:
    found = design.clipping(norm=2, rate=0.1, momentum=0.9, size=3)
    parameter = torch.nn.Parameter(torch.zeros(3))
    optimiser = torch.optim.SGD([parameter], lr=0.1, momentum=0.9, nesterov=nesterov)
    for _ in range(200):
        before = parameter.detach().clone()
        parameter.grad = torch.tensor([30.0, 40.0, 0.0])
        torch.nn.utils.clip_grad_norm_([parameter], 2.0)
        optimiser.step()
        update = float(torch.linalg.norm(parameter.detach() - before))
        assert update <= float(found.update) * (1 + 1e-9)
    assert update == pytest.approx(float(found.update), rel=1e-6)
    if not nesterov:
        assert float(torch.linalg.norm(parameter.detach())) == pytest.approx(float(found.displacement(200)), rel=1e-6)


@pytest.mark.parametrize("claim", ["length", "update"])
@pytest.mark.parametrize(
    "given_by", [{"norm": 2}, {"value": 2, "size": 7}, {"value": sp.Symbol("theta", positive=True)}]
)
def test_falsified_bounds_are_caught(claim: str, given_by: dict[str, object]) -> None:
    found = design.clipping(**given_by)
    assert found.verify().holds
    assert not replace(found, **{claim: sp.Rational(99, 100) * getattr(found, claim)}).verify().holds
    assert not replace(found, cosine=sp.Rational(101, 100) * found.cosine).verify().holds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one threshold"),
        ({"norm": 1, "value": 1}, "exactly one threshold"),
        ({"norm": 0}, "norm: a positive number"),
        ({"value": "a"}, "value: a finite real number"),
        ({"norm": 1, "momentum": 1}, r"momentum: a number in \[0, 1\)"),
        ({"value": 1, "ratio": 0.5}, "ratio: a number of at least 1"),
        ({"norm": 1, "ratio": 2}, "ratio: a number of at least 1"),
        ({"norm": 1, "rate": -0.1}, "rate: a positive number"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(sg.InputError, match=words):
        design.clipping(**arguments)


def test_a_tightened_update_is_caught_with_large_momentum_too() -> None:
    found = design.clipping(norm=1, momentum=sp.Rational(9999, 10000))
    assert found.verify().holds
    assert not replace(found, update=found.update * sp.Rational(99, 100)).verify().holds
