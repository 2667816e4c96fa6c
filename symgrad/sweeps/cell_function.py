"""The function of a sweep: what it takes, how it is told from others, and one call of it for one cell."""

from __future__ import annotations

import functools
import hashlib
import inspect
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import InputError
from symgrad.sweeps.grid import Grid
from symgrad.sweeps.names import REPETITION
from symgrad.sweeps.seeds import cell_generator, cell_seed
from symgrad.sweeps.values import Failure, failure_of, plain_values

__all__ = ["CellFunction", "cell_function", "check_picklable", "function_name"]

_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class CellFunction:
    """A function with what a sweep adds to the parameters of its cells.

    Attributes:
        function: called with the parameters of a cell by name.
        seed: of the sweep.
        takes_seed: whether the function takes the seed of its cell, as ``seed``.
        takes_rng: whether it takes a generator of its cell, as ``rng``.
        takes_repetition: whether it takes the number of the repetition.
    """

    function: Callable[..., Any]
    seed: int
    takes_seed: bool
    takes_rng: bool
    takes_repetition: bool

    def outcome(self, grid: Grid, index: int) -> dict[str, Any] | Failure:
        """The values of a cell, or why there are none."""
        given = grid.cell(index)
        names = tuple(given)
        if not self.takes_repetition:
            given.pop(REPETITION, None)
        if self.takes_seed:
            given["seed"] = cell_seed(self.seed, index)
        if self.takes_rng:
            given["rng"] = cell_generator(self.seed, index)
        try:
            return plain_values(self.function(**given), names)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a cell does, the other cells go on
            return failure_of(error)


def cell_function(fn: Any, grid: Grid, seed: Any) -> CellFunction:
    """The function of a sweep, checked against the parameters of its grid.

    Raises:
        InputError: it cannot be called, or not with these parameters; the seed is no non-negative integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed: a non-negative integer is needed, got {seed!r}")
    seed = int(seed)
    if not callable(fn):
        raise InputError(f"fn: a function of the parameters of a cell is needed, got {type(fn).__name__}")
    own = {axis.name for axis in grid.axes}
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some functions written in C do not say what they take
        return CellFunction(fn, seed, False, False, False)
    named = {name for name, parameter in parameters.items() if parameter.kind in _BY_KEYWORD}
    added = {"seed", "rng"} | ({REPETITION} if grid.repetitions > 1 else set())
    _check_names(fn, parameters.values(), named, own, added)
    takes = (named & added) - own
    return CellFunction(fn, seed, "seed" in takes, "rng" in takes, REPETITION in takes)


def _check_names(fn: Any, parameters: Any, named: set[str], own: set[str], added: set[str]) -> None:
    anything = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    bare = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    by_place = [p.name for p in bare if p.kind is p.POSITIONAL_ONLY]
    if by_place:
        raise InputError(f"fn: {_label(fn)} takes {', '.join(by_place)} by position only; cells are passed by name")
    unknown = sorted(own - named)
    if unknown and not anything:
        raise InputError(f"grid: {_label(fn)} does not take {', '.join(unknown)}; it takes {', '.join(sorted(named))}")
    missing = sorted({p.name for p in bare} - own - added)
    if missing:
        raise InputError(f"grid: {_label(fn)} needs {', '.join(missing)} too")


def function_name(fn: Any) -> str:
    """What tells a function from others: module and qualified name, with the arguments that are bound to it."""
    if isinstance(fn, functools.partial):
        bound = [*map(_written, fn.args), *(f"{name}={_written(value)}" for name, value in sorted(fn.keywords.items()))]
        return f"{function_name(fn.func)}({', '.join(bound)})"
    if inspect.ismethod(fn):
        return f"{function_name(fn.__func__)}({_written(fn.__self__)})"
    if hasattr(fn, "__qualname__"):
        return f"{fn.__module__}:{fn.__qualname__}"
    return f"{type(fn).__module__}:{_written(fn)}"


def _written(value: Any) -> str:
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:  # whose repr leaves out most of its entries
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        return f"array of {value.dtype}, shape {value.shape}, sha256 {digest}"
    return _ADDRESS.sub("", repr(value))


def _label(fn: Any) -> str:
    return function_name(fn).rpartition(":")[2]


def check_picklable(function: CellFunction) -> None:
    """Refuse what other processes cannot be sent.

    Raises:
        InputError: the function is a lambda, or stands within another function.
    """
    try:
        pickle.dumps(function)
    except Exception as error:  # whatever the user's objects raise when they are pickled
        raise InputError(
            f"fn: {_label(function.function)} cannot be sent to other processes ({error}); "
            "define it at the top level of a module, or use executor=None or threads"
        ) from error
