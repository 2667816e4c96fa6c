"""PyTorch's generator of random numbers, left as it is by what reads modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from symgrad.interop.torch_checks import torch_module

__all__ = ["generator_kept"]


@contextmanager
def generator_kept() -> Iterator[Callable[[], bool]]:
    """The generator is set back after the block; a function that tells whether numbers were drawn since its start."""
    torch = torch_module()
    before = torch.get_rng_state()
    try:
        yield lambda: not torch.equal(before, torch.get_rng_state())
    finally:
        torch.set_rng_state(before)
