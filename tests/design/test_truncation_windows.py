"""Windows of truncated backpropagation against autograd and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg
from symgrad import design

pytestmark = pytest.mark.usefixtures("double_precision")
N, M, STEPS = 3, 2, 40


def model() -> sg.Recurrence:
    return sg.models.elman("tanh").assuming({"u": (-1, 1), "h": (-1, 1)})


def weights(norm: float, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    W = random.standard_normal((N, N))
    return {"W": norm * W / np.linalg.norm(W, 2), "U": random.standard_normal((N, M)), "b": np.zeros(N)}


def autograd_error(numbers: dict[str, np.ndarray], terms: int, seed: int) -> float:
    """The length of the part of the gradient that truncation to the last steps leaves out, for a unit loss gradient."""
    random = np.random.default_rng(seed)
    inputs, loss = torch.tensor(random.uniform(-1, 1, (STEPS, M))), torch.tensor(random.standard_normal(N))
    gradients = []
    for kept in (STEPS, terms):
        W, U, b = (torch.tensor(numbers[name], requires_grad=True) for name in ("W", "U", "b"))
        h = torch.zeros(N)
        for step in range(STEPS):
            if step == STEPS - kept:
                h = h.detach()
            h = torch.tanh(W @ h + U @ inputs[step] + b)
        (h @ loss / torch.linalg.norm(loss)).backward()
        gradients.append(torch.cat([W.grad.ravel(), U.grad.ravel(), b.grad]))
    return float(torch.linalg.norm(gradients[0] - gradients[1]))


@pytest.mark.parametrize("norm", [0.5, 0.9])
def test_what_is_left_out_stays_below_delta(norm: float) -> None:
    numbers = weights(norm)
    found = design.truncation(model(), delta=0.05, absolute=True, steps=STEPS, weights=numbers)
    assert 0 < found.window < STEPS
    for seed in range(3):
        assert autograd_error(numbers, int(found.window), seed) <= 0.05


def test_the_window_is_the_least_by_brute_force() -> None:
    numbers, delta = weights(0.8), 0.02
    found = design.truncation(model(), delta=delta, steps=STEPS, weights=numbers)
    powers = 0.8 ** np.arange(STEPS)
    least = next(K for K in range(STEPS + 1) if powers[K:].sum() <= delta * powers.sum())
    assert found.window == least
    assert found.error.proof.audit(instances=2)


def test_the_closed_form_agrees_with_numbers() -> None:
    numbers = weights(0.8)
    symbolic = design.truncation(model(), delta=0.02, steps=STEPS)
    W = sp.MatrixSymbol("W", *[sp.Symbol("n", integer=True, positive=True)] * 2)
    norm = next(a for a in symbolic.window.atoms(sg.OperatorNorm) if str(a.matrix) == str(W))
    found = design.truncation(model(), delta=0.02, steps=STEPS, weights=numbers)
    assert symbolic.window.subs(norm, sp.Rational(4, 5)) == found.window


@pytest.mark.parametrize("absolute", [pytest.param(False, marks=pytest.mark.slow), True])
def test_falsified_windows_are_caught(absolute: bool) -> None:
    found = design.truncation(model(), delta=0.03, absolute=absolute, steps=STEPS, weights=weights(0.7))
    assert found.verify().holds
    for change in (-1, 1):
        assert not replace(found, window=found.window + change).verify().holds


def test_rates_of_one_and_more() -> None:
    at_one = design.truncation(model(), delta=0.25, steps=STEPS, weights={**weights(1), "W": np.eye(N)})
    assert at_one.window == 30
    beyond = design.truncation(model(), delta=0.25, steps=STEPS, weights=weights(3))
    assert beyond.window >= STEPS - 1, "most of the bound lies in the farthest steps"


def test_bad_arguments_are_named() -> None:
    with pytest.raises(sg.InputError, match="bound: a GradientBound or a Recurrence"):
        design.truncation("rnn", delta=0.1)
    with pytest.raises(sg.InputError, match="absolute: the error itself is compared with numbers"):
        design.truncation(model(), delta=0.1, absolute=True)
    with pytest.raises(sg.InputError, match="steps: with weights a number of steps"):
        design.truncation(model(), delta=0.1, weights=weights(1))
    with pytest.raises(sg.InputError, match="delta: a positive number"):
        design.truncation(model(), delta=-1)
    with pytest.raises(sg.InputError, match="a GradientBound has its own"):
        design.truncation(sg.gradient_bound(model()), delta=0.1, steps=3)
    with pytest.raises(sg.InputError, match="verify: give all weights"):
        design.truncation(model(), delta=0.1).verify()
