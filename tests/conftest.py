"""Settings shared by all tests: repeatable examples, no window system, no leaking global precision."""

from __future__ import annotations

import os
from collections.abc import Iterator

import flint
import mpmath
import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several workers share the cores

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _working_precision() -> Iterator[None]:
    """Give back the global precision of python-flint and mpmath, whatever a test does to it."""
    bits, mp_bits = flint.ctx.prec, mpmath.mp.prec
    yield
    flint.ctx.prec, mpmath.mp.prec = bits, mp_bits
