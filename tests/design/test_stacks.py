"""Pre- and post-norm stacks against autograd of stacks of PyTorch layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg
from symgrad import design
from symgrad.design.stacks import NormalisedStack

pytestmark = pytest.mark.usefixtures("double_precision")
N, EPS = 6, 0.05


def stack_jacobian(placement: str, blocks: int, seed: int) -> tuple[np.ndarray, float, float]:
    """The Jacobian of a stack, the Lipschitz constant of its branches, and the least s met on the way."""
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(N, N, generator=generator) for _ in range(blocks)]
    weights = [0.3 * w / torch.linalg.matrix_norm(w, 2) for w in weights]
    norm, met = torch.nn.LayerNorm(N, eps=EPS), []

    def normalised(x: torch.Tensor) -> torch.Tensor:
        met.append(float(torch.sqrt(x.detach().var(unbiased=False) + EPS)))
        return norm(x)

    def run(x: torch.Tensor) -> torch.Tensor:
        for w in weights:
            pre = placement == "pre-norm"
            x = x + torch.tanh(w @ normalised(x)) if pre else normalised(x + torch.tanh(w @ x))
        return x

    start = torch.randn(N, generator=generator)
    return torch.autograd.functional.jacobian(run, start).numpy(), 0.3, min(met)


@pytest.mark.parametrize("blocks", [1, 4, 12])
@pytest.mark.parametrize("placement", ["pre-norm", "post-norm"])
def test_products_of_a_stack_obey_both_bounds(placement: str, blocks: int) -> None:
    make = design.pre_norm if placement == "pre-norm" else design.post_norm
    for seed in range(3):
        jacobian, lipschitz, least = stack_jacobian(placement, blocks, seed)
        values = np.linalg.svd(jacobian, compute_uv=False)
        for std in (None, least):
            stack = make(design.layer_norm(N, 1, EPS), lipschitz, std=std, steps=blocks)
            assert values[0] <= float(stack.upper) * (1 + 1e-12)
            assert values[-1] >= float(stack.lower) * (1 - 1e-12)


@pytest.mark.parametrize("make", [design.pre_norm, design.post_norm])
def test_falsified_rates_are_caught(make: Callable[..., NormalisedStack]) -> None:
    for norm in (design.layer_norm(), design.rms_norm(4, 2, 0.1)):
        stack = make(norm)
        assert stack.verify().holds
        assert not replace(stack, rate=sp.Rational(99, 100) * stack.rate).verify().holds
        assert not replace(stack, floor=stack.floor + sp.Rational(1, 20) * stack.rate).verify().holds


def test_std_may_replace_eps() -> None:
    stack = design.pre_norm(design.layer_norm(8, 2, 0), lipschitz=sp.Symbol("L", positive=True), std=4)
    assert stack.rate == 1 + sp.Symbol("L", positive=True) / 2
    with pytest.raises(sg.InputError, match="without eps the normalisation has no bounded slope"):
        design.pre_norm(design.layer_norm(8, 2, 0))


def test_the_lower_bound_ends_at_zero() -> None:
    norm = design.layer_norm(8, 1, 1)
    assert design.pre_norm(norm, lipschitz=0.25).lower == sp.Rational(3, 4) ** sp.Symbol(
        "k", integer=True, nonnegative=True
    )
    assert design.pre_norm(norm, lipschitz=2).lower == 0
    assert design.post_norm(norm, lipschitz=0).lower == 0


def test_bad_arguments_are_named() -> None:
    with pytest.raises(sg.InputError, match="normalisation: a Normalisation"):
        design.pre_norm("layer")
    with pytest.raises(sg.InputError, match="batch norm couples the samples"):
        design.post_norm(design.batch_norm())
    with pytest.raises(sg.InputError, match="lipschitz: a number that is not negative"):
        design.pre_norm(design.layer_norm(), lipschitz=-1)


def test_one_entry_without_eps_is_refused() -> None:
    with pytest.raises(sg.SymgradError, match="0/0 without eps"):
        design.pre_norm(design.layer_norm(n=1, gamma=1, eps=0), lipschitz=1)
