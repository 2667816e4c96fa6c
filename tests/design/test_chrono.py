"""The chrono initialisation: its law against mpmath, drawn biases, a torch cell, and under mutation."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

from symgrad.design.chrono import chrono
from symgrad.errors import InputError


@pytest.mark.parametrize(("ends", "steps"), [(100, 50), ((10, 1000), 1), ((10, 1000), 700), (10**6, 10**6)])
def test_the_mean_of_what_is_kept_is_the_integral(ends: object, steps: int) -> None:
    low, high = ends if isinstance(ends, tuple) else (2, ends)
    found = chrono(ends).expected(steps)
    with mpmath.workdps(30):
        points = [low - 1]
        while 2 * points[-1] < high - 1:
            points.append(2 * points[-1])
        whole = mpmath.quad(lambda u: mpmath.exp(-steps * mpmath.log1p(1 / u)), [*points, high - 1]) / (high - low)
        assert abs(mpmath.mpf(found.mid().str(25, radius=False)) - whole) < mpmath.mpf("1e-15")
    assert float(found.rad()) < 1e-12


def test_time_constants_are_uniform() -> None:
    initial = chrono((5, 200))
    forget, entering = initial.sample(20000, seed=4)
    assert np.array_equal(entering, -forget)
    constants = np.exp(forget) + 1
    assert constants.min() >= 5
    assert constants.max() <= 200
    assert constants.mean() == pytest.approx((5 + 200) / 2, abs=5 * 195 / np.sqrt(12 * 20000))


def test_the_share_of_units_that_keep_is_that_of_drawn_ones() -> None:
    initial = chrono(100)
    forget, _ = initial.sample(40000, seed=1)
    kept = (1 / (1 + np.exp(-forget))) ** 30
    share = float(initial.fraction(30, 0.6))
    assert share == pytest.approx((kept >= 0.6).mean(), abs=5 * np.sqrt(share * (1 - share) / 40000))
    assert initial.fraction(10**6, 0.5) == 0
    assert initial.fraction(1, 0.1) == 1


def test_a_larger_or_smaller_claim_is_caught() -> None:
    initial = chrono(100)
    assert initial.verify().holds
    for factor in (0.99, 1.01):
        assert not initial.with_value(float(initial) * factor).verify().holds


def test_a_torch_cell_stays_bounded_and_keeps_by_its_time_constant() -> None:
    size, steps = 50, 20
    forget, entering = chrono(40).sample(size, seed=0)
    cell = torch.nn.LSTMCell(1, size).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih[:size] = torch.tensor(entering)
        cell.bias_ih[size : 2 * size] = torch.tensor(forget)
        cell.bias_ih[2 * size : 3 * size] = 3.0
    c0 = torch.zeros(1, size, dtype=torch.double, requires_grad=True)
    h, c = torch.zeros(1, size, dtype=torch.double), c0
    for _ in range(steps):
        h, c = cell(torch.zeros(1, 1, dtype=torch.double), (h, c))
    assert float(c.detach().abs().max()) <= 1
    (kept,) = torch.autograd.grad(c.sum(), c0)
    constants = np.exp(forget) + 1
    assert np.allclose(kept.numpy()[0], (1 - 1 / constants) ** steps)


@pytest.mark.parametrize("steps", [2, 1, 0, -3, (5, 5), (10, 5), (1, 10), (1, 2, 3), "x", None, float("nan"), True])
def test_malformed_ranges_are_named(steps: object) -> None:
    with pytest.raises(InputError, match="steps"):
        chrono(steps)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.sample(0), "units"),
        (lambda c: c.sample(5, seed=-1), "seed"),
        (lambda c: c.fraction(0, 0.5), "steps"),
        (lambda c: c.fraction(5, 1), "retain"),
        (lambda c: c.expected(2.5), "steps"),
    ],
)
def test_malformed_questions_are_named(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call(chrono(10))


def test_the_largest_bias_is_that_of_the_longest_time_constant() -> None:
    assert chrono(100).value == sp.log(99)
