"""A JAX function with its arguments: taken apart, named, and called."""

from __future__ import annotations

import inspect
import linecache
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.interop.jax_checks import Leaf, free_names, jax_module, leaves_of, parameter_numbers

__all__ = ["Call", "called"]

Array = NDArray[np.float64]
_OWN = str(Path(__file__).resolve().parent)


@dataclass(frozen=True, eq=False)
class Call:
    """A function with its arguments taken apart.

    Attributes:
        function: the function.
        params: the arrays in its parameters.
        states: those in its state.
        inputs: those in its input.
        structures: the tree structures of parameters, state and input.
        numbers: the parameters as float64.
        names: of parameters, states and inputs, as symbols.
    """

    function: Callable[..., Any]
    params: list[Leaf]
    states: list[Leaf]
    inputs: list[Leaf]
    structures: tuple[Any, Any, Any]
    numbers: list[Array]
    names: tuple[list[str], list[str], list[str]]  # of params, states, inputs

    @classmethod
    def of(cls, function: Callable[..., Any], params: Any, state: Any, input: Any) -> Call:
        """Check the arguments and name them."""
        own, first = leaves_of("params", params)
        states, second = leaves_of("state", state)
        inputs, third = leaves_of("input", input)
        if not states:
            raise InputError(f"state: an array or a pytree of arrays is needed, got {state!r:.80}")
        for argument, leaf in [*(("state", leaf) for leaf in states), *(("input", leaf) for leaf in inputs)]:
            if 0 in leaf.shape:
                raise InputError(f"{leaf.label(argument)} of shape {leaf.shape} has no entries")
        words = _argument_names(function)
        taken: set[str] = set()
        state_names = free_names(states, words[1], taken)
        input_names = free_names(inputs, words[2], taken)
        names = free_names(own, words[0], taken), state_names, input_names
        return cls(function, own, states, inputs, (first, second, third), parameter_numbers(own), names)

    @property
    def batch(self) -> int | None:
        """The length of the batch axis in front of all states and inputs."""
        lengths = {leaf.shape[0] if len(leaf.shape) > 1 else None for leaf in (*self.states, *self.inputs)}
        return lengths.pop() if len(lengths) == 1 else None

    def values(self, length: int | None) -> tuple[list[Array], list[Array]]:
        """Random states and inputs; with batches of some length."""
        rng = np.random.default_rng(0)

        def drawn(leaf: Leaf) -> Array:
            shape = leaf.shape if length is None else (length, *leaf.shape[1:])
            return np.asarray(rng.normal(size=shape) / 2)

        return [drawn(leaf) for leaf in self.states], [drawn(leaf) for leaf in self.inputs]

    def flat(self, *leaves: Any) -> list[Any]:
        """The next states of all parameters, states and inputs, one after the other."""
        unflatten = jax_module().tree_util.tree_unflatten
        counts = [len(self.params), len(self.params) + len(self.states)]
        groups = leaves[: counts[0]], leaves[counts[0] : counts[1]], leaves[counts[1] :]
        args = [unflatten(structure, group) for structure, group in zip(self.structures, groups, strict=True)]
        result = self.function(*args[: 2 if not self.inputs and _takes_two(self.function) else 3])
        shapes = [np.shape(leaf) for leaf in groups[1]]
        return _next_state(result, self.structures[1], shapes)


def _argument_names(function: Callable[..., Any]) -> tuple[str, str, str]:
    """What the function calls its arguments."""
    default = ("params", "state", "input")
    try:
        own = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return default
    names = [p.name for p in own if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    first, second, third = [*names, *default[len(names) :]][:3]
    return first, second, third


def _takes_two(function: Callable[..., Any]) -> bool:
    """Whether the function cannot be called with three arguments."""
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        return True
    except ValueError:
        return False
    return False


def _next_state(result: Any, structure: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """The arrays of the next state in what a function returns."""
    candidates = [result, *(result if isinstance(result, (tuple, list)) and len(result) == 2 else ())]
    flatten = jax_module().tree_util.tree_flatten
    for candidate in candidates:
        leaves, own = flatten(candidate)
        if own == structure and [np.shape(leaf) for leaf in leaves] == list(shapes):
            return list(map(jax_module().numpy.asarray, leaves))
    tree = jax_module().tree_util
    raise InputError(
        f"step_fn: it returns arrays of shapes {tree.tree_map(np.shape, result)}; the next state must have the "
        f"structure and shapes of the state, {tree.tree_unflatten(structure, shapes)}"
    )


def called(call: Call, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call a function made of the user's.

    Raises:
        InputError: whatever the user's code raises, with its line.
    """
    try:
        return function(*arguments)
    except SymgradError:
        raise
    except Exception as error:  # whatever the user's code raises
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {lines[0] if lines else 'no message'}{_raised_at(error)}"
        if isinstance(error, jax_module().errors.ConcretizationTypeError):
            reason += "; control flow that depends on data cannot be traced"
        raise InputError(f"step_fn: it fails on these arguments: {reason}") from error


def _raised_at(error: BaseException) -> str:
    """The user's line that an error came from."""
    own = (str(Path(jax_module().__file__).parent), _OWN)
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = frame.f_code.co_filename
        if not name.startswith(own) and "jax" not in Path(name).parts:
            return f" at {name}:{number}: {linecache.getline(name, number).strip()}"
    return ""
