"""Names of the columns of a sweep: which are kept for its own use, and which may be given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.errors import InputError

__all__ = ["FAILURE", "MANIFEST", "MESSAGE", "REPETITION", "RESERVED", "TRACEBACK", "VALUE", "WHERE", "check_names"]

REPETITION = "repetition"
VALUE = "value"  # the column of a function that returns a number
FAILURE, MESSAGE, TRACEBACK = "failure", "failure_message", "failure_traceback"
WHERE = "failure_index"  # of .npz files, which hold failures as a list
MANIFEST = "symgrad_manifest"
RESERVED = frozenset({REPETITION, FAILURE, MESSAGE, TRACEBACK, WHERE, MANIFEST})


def check_names(names: Sequence[Any]) -> None:
    """Refuse names of parameters that cannot be passed to a function or mean something else.

    Raises:
        InputError: such a name.
    """
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            raise InputError(f"grid: names of parameters such as 'gain' are needed, got {name!r}")
        if name in RESERVED or name == "rng":
            raise InputError(f"grid: the name {name!r} is kept for the sweep itself, use another one")
