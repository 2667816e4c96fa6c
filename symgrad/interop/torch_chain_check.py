"""Whether a chain computes what the module does that it was read from: tracing can be misled by changes in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import InputError
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_copies import plain_copy
from symgrad.interop.torch_noise import generator_kept
from symgrad.interop.torch_source import message_of, raised_at
from symgrad.interop.torch_widening import in_float64
from symgrad.language.layer_chain import ChainWeights, LayerChain
from symgrad.numerics.chain_values import run_chain

__all__ = ["check_same_values"]

_SAMPLES = 3
_TOLERANCE = 1e-5  # leaves room for the eps of RMSNorm, which PyTorch takes by the type of the numbers


def check_same_values(module: Any, chain: LayerChain, weights: ChainWeights) -> None:
    """Compare the values of a chain with those of a copy of the module in float64, at a few random inputs.

    Raises:
        InputError: they differ, or the module fails on an input (batch, n).
    """
    name = type(module).__name__
    inputs = np.random.default_rng(0).standard_normal((_SAMPLES, chain.widths[0]))
    expected = _values(module, name, inputs)
    found = run_chain(chain, weights, inputs).output
    both = np.isfinite(expected) & np.isfinite(found) if expected.shape == found.shape else np.zeros(1, bool)
    scale = max(1.0, float(np.abs(expected[both]).max())) if both.any() else 1.0
    same = expected.shape == found.shape and bool((np.abs(expected - found)[both] <= _TOLERANCE * scale).all())
    if not same:
        raise InputError(
            f"module: what torch.fx traces of the forward of {name} gives other values than {name} itself, as it does "
            "where a tensor that has two names is changed in place (y += ...), the forward depends on values, or hooks "
            f"of {name} itself change them"
        )


def _values(module: Any, name: str, inputs: Any) -> Any:
    torch = torch_module()
    double = plain_copy(module)
    try:
        with torch.no_grad(), in_float64(), generator_kept():
            return double(torch.from_numpy(inputs.copy())).numpy()
    except Exception as error:  # whatever the user's code raises
        raise InputError(
            f"module: {name} fails on an input of shape {inputs.shape} in float64: "
            f"{message_of(error)}{raised_at(error)}"
        ) from error
