"""Forward hooks of PyTorch modules: set aside while a module is traced, since they may do anything with the values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["without_hooks"]

_KINDS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


@contextmanager
def without_hooks(module: Any) -> Iterator[bool]:
    """A module and its parts without hooks while the block runs; whether it has forward hooks."""
    kept = [(part, kind, getattr(part, kind)) for part in module.modules() for kind in _KINDS]
    for part, kind, _ in kept:
        setattr(part, kind, OrderedDict())
    try:
        yield any(hooks for _, kind, hooks in kept if kind.startswith("_forward"))
    finally:
        for part, kind, hooks in kept:
            setattr(part, kind, hooks)
