"""The exceptions of symgrad: one base class and a few kinds."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "InputError",
    "NoBoundError",
    "NoRuleError",
    "SymgradError",
    "UnknownNameError",
    "UnsupportedExpressionError",
]


class SymgradError(Exception):
    """Base class of every exception that symgrad raises on purpose."""


class InputError(SymgradError, ValueError):
    """An argument has the wrong value, type or shape."""


class UnknownNameError(InputError):
    """A name (of a model, an activation, a weight) that is not known here.

    Args:
        kind: what was looked up, for example ``"model"``.
        name: the name given.
        known: the names accepted; the nearest one is suggested.

    >>> print(UnknownNameError("model", "lsmt", ["elman", "lstm"]))
    unknown model 'lsmt': did you mean 'lstm'? Known: elman, lstm
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        import difflib  # loaded for a message only: it costs a tenth of the package's own import time

        names = sorted(known)
        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        super().__init__(f"unknown {kind} {name!r}: {hint}Known: {', '.join(names) or 'none'}")


class UnsupportedExpressionError(InputError):
    """A SymPy expression with a node outside the accepted language; the message names the smallest one."""


class NoBoundError(SymgradError):
    """No finite bound follows; the message says which range or condition is missing."""


class NoRuleError(SymgradError):
    """No rule applies to a quantity; the message names the sub-expression and what each rule lacked."""
