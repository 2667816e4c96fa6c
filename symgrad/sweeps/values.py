"""What a cell gives: numbers, booleans and strings, each of a kind that does not depend on its neighbours."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from symgrad.errors import InputError
from symgrad.sweeps.names import RESERVED, VALUE

__all__ = ["DTYPES", "Failure", "failure_of", "plain_values", "wider"]

DTYPES: dict[str, Any] = {"bool": np.dtype("?"), "int": np.dtype("<i8"), "float": np.dtype("<f8")}
_LONGEST = 1000  # characters of a string: a file of arrays keeps the width of the longest for every cell
_MESSAGE, _TRACE = 500, 2000
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")


@dataclass(frozen=True)
class Failure:
    """Why a cell has no values: the type of the exception, its message and the end of its traceback."""

    error: str
    message: str
    trace: str


def failure_of(error: BaseException) -> Failure:
    """A failure as it is stored, without addresses in memory: the same in every process."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return Failure(name, _text(_message(error))[:_MESSAGE], _text(_trace(error.__traceback__))[-_TRACE:])


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as other:  # an exception of the user's, whose message is made only now
        return f"its message cannot be written: {type(other).__name__}"


def _trace(trace: TracebackType | None) -> str:
    """The frames from the function of the cell on; ours come first and are left out."""
    frames = traceback.extract_tb(trace)[1:]
    return "\n".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames)


def _text(words: str) -> str:
    clean = words.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return _ADDRESS.sub("0x...", clean)


def plain_values(given: Any, parameters: Iterable[str]) -> dict[str, bool | int | float | str]:
    """What a function returned as plain values by name; None and names without a value are left out.

    Raises:
        InputError: no number and no flat mapping, or a name that is a parameter's.
    """
    if not isinstance(given, Mapping):
        given = {VALUE: given}
        if given[VALUE] is None:
            raise InputError("fn: it returned None; a number, or a mapping of names to numbers, is needed")
    taken = RESERVED.union(parameters)
    found = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name or "\0" in name or _text(name) != name:
            raise InputError(f"fn: names of values are strings, got {name!r}")
        if name in taken:
            raise InputError(f"fn: the name {name!r} of a value is that of a parameter or kept for the sweep itself")
        if value is not None:
            found[name] = _plain(name, value)
    return found


def _plain(name: str, value: Any) -> bool | int | float | str:
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > _LONGEST:
            raise InputError(f"fn: {name!r} has {len(value)} characters, at most {_LONGEST} are kept")
        return _text(value)
    if isinstance(value, Integral):
        return int(value) if -(1 << 63) <= int(value) < 1 << 63 else float(value)
    if isinstance(value, Real):
        return float(value)
    if hasattr(value, "__array_namespace__") or hasattr(value, "detach"):
        return _of_array(name, value)
    raise _no_value(name, value)


def _of_array(name: str, value: Any) -> bool | int | float | str:
    """An array of another library without dimensions, such as a tensor."""
    if getattr(value, "shape", None) != ():
        raise _no_value(name, value)
    return _plain(name, value.item())


def _no_value(name: str, value: Any) -> InputError:
    shape = getattr(value, "shape", None)
    kind = type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")
    return InputError(f"fn: {name!r} must be a number, a boolean or a string, got {kind}")


def wider(first: str | None, second: str) -> str:
    """The kind that holds values of two kinds: booleans as integers, integers as floats, all of them as strings.

    >>> wider("bool", "int"), wider("int", "float"), wider("float", "str")
    ('int', 'float', 'str')
    """
    order = ("bool", "int", "float", "str")
    return second if first is None else order[max(order.index(first), order.index(second))]
