"""The exception of a sweep that ends before all of its cells are done."""

from __future__ import annotations

from symgrad.errors import SymgradError

__all__ = ["SweepInterruptedError"]


class SweepInterruptedError(SymgradError):
    """A sweep could not go on; what was finished is in its store, and the same call resumes it."""
