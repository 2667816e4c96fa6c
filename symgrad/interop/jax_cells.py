"""Step functions written in JAX as recurrences: read through their jaxpr."""

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
from symgrad.interop.jax_checks import (
    Leaf,
    double_precision,
    free_names,
    jax_module,
    leaves_of,
    parameter_numbers,
)
from symgrad.interop.jax_program import Program, Variable, program_of
from symgrad.interop.jax_reading import next_states
from symgrad.interop.jax_values import Names
from symgrad.interop.tracing import Trace, traced_recurrence
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.simulate import simulate

__all__ = ["from_jax"]

Array = NDArray[np.float64]
TOLERANCE, ROUNDED = 1e-8, 1e-4  # of the comparison with the function itself, in float64 and in fewer digits
SLOPES = 1e-4  # of the comparison of derivatives with difference quotients
_OWN = str(Path(__file__).resolve().parent)


def from_jax(
    step_fn: Callable[..., Any], params: Any, state: Any, input: Any = None
) -> tuple[Recurrence, dict[str, Array]]:
    """The recurrence that a step function written in JAX computes, and its weights.

    ``step_fn(params, state, input)`` returns the next state, or ``(next state, output)`` as for ``jax.lax.scan``, or
    ``(output, next state)`` where only the second has the form of the state. It is traced with ``jax.make_jaxpr``.
    Followed are products with matrices, sums, entrywise products, quotients and powers, all scalar functions that have
    a formula (those of ``jax.nn`` included), ``where`` and ``maximum`` on functions of one argument, concatenation,
    slices, indices that are constants, reshapes, sums over entries, calls under ``jit``, and loops of known length.
    Refused are operations on data that have no formula here, such as softmax, stopped gradients, derivative rules that
    are not the derivative, and control flow that depends on numbers.

    The function is traced in float64, whatever the precision outside, which is left as it is. The result is compared
    with the function at random numbers.

    Args:
        step_fn: the function; ``step_fn(params, state)`` where ``input`` is None and it takes two arguments.
        params: any pytree of arrays of float32, which are widened, or float64.
        state: an array or a pytree of arrays; only shapes and types are used. Arrays of states and inputs that all have
            the same first axis and at least two axes are taken as batches of vectors, if the function treats the rows
            independently.
        input: likewise; None for a step without input.

    Returns:
        The model and name -> float64 array. ``params["lstm"]["Wi"]`` has the symbol ``lstm_Wi``; where the function
        cuts it, the pieces are ``lstm_Wi_0``, ``lstm_Wi_1``, and so on.

    Raises:
        InputError: parameters that are complex, integers, of half precision, infinite or NaN; a state whose form
            changes; an operation that cannot be expressed (names the primitive, its shapes and the source line).
        SymgradError: JAX is not installed.

    >>> import jax.numpy as jnp, numpy as np
    >>> def step(params, h, u):
    ...     return jnp.tanh(params["W"] @ h + params["in"]["U"] @ u)
    >>> params = {"W": np.eye(3) / 2, "in": {"U": np.ones((3, 2))}}
    >>> model, weights = from_jax(step, params, np.zeros(3), np.zeros(2))
    >>> print(model, weights["in_U"].shape)
    h[t] = tanh(W*h[t-1] + in_U*u[t]) (3, 2)
    """
    jax_module()
    if not callable(step_fn):
        raise InputError(f"step_fn: a function step_fn(params, state, input) is needed, got {type(step_fn).__name__}")
    call = _Call.of(step_fn, params, state, input)
    refusals: list[SymgradError] = []
    for batched in [True, False] if call.batch else [False]:
        try:
            return _recurrence(call, batched)
        except SymgradError as error:
            own = isinstance(error, InputError) and str(error).startswith("step_fn: ")
            refusals.append(error if own else InputError(f"step_fn: {error}"))
    raise refusals[0]


@dataclass(frozen=True, eq=False)
class _Call:
    """A function with its arguments taken apart."""

    function: Callable[..., Any]
    params: list[Leaf]
    states: list[Leaf]
    inputs: list[Leaf]
    structures: tuple[Any, Any, Any]
    numbers: list[Array]
    names: tuple[list[str], list[str], list[str]]  # of params, states, inputs

    @classmethod
    def of(cls, function: Callable[..., Any], params: Any, state: Any, input: Any) -> _Call:
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


# --- the trace ---------------------------------------------------------------------


def _recurrence(call: _Call, batched: bool) -> tuple[Recurrence, dict[str, Array]]:
    with double_precision():
        program = _program(call, batched)
        model, weights = _traced(call, program, batched)
        run = jax_module().jit(call.flat)
        _check_values(call, run, ROUNDED if program.rounds else TOLERANCE, batched, model, weights)
        if program.has_own_rules:
            _check_slopes(call, run)
    return model, weights


def _program(call: _Call, batched: bool) -> Program:
    states, inputs = call.values(1 if batched else None)
    arguments = [*call.numbers, *states, *inputs]
    closed = _called(call, jax_module().make_jaxpr(call.flat), arguments)
    for leaf, var in zip(call.states, closed.jaxpr.outvars, strict=True):
        if np.dtype(var.aval.dtype).kind != "f":
            raise InputError(f"step_fn: the next {leaf.label('state')} has type {var.aval.dtype}; floats are needed")
    variables = [
        Variable(leaf.shape, array.dtype, array, name, True)
        for leaf, array, name in zip(call.params, call.numbers, call.names[0], strict=True)
    ]
    variables += [Variable(array.shape, array.dtype) for array in (*states, *inputs)]
    return program_of(closed, variables, range(len(call.states)))


def _called(call: _Call, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
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


def _traced(call: _Call, program: Program, batched: bool) -> tuple[Recurrence, dict[str, Array]]:
    count = len(call.params)
    names = [*call.names[1], *call.names[2]]
    variables = program.inputs[count:]
    taken = Names(set().union(*call.names), frozenset(call.names[0]))

    def step(trace: Trace) -> Any:
        given = {v: trace.vector(name, int(np.prod(v.shape))) for name, v in zip(names, variables, strict=True)}
        return next_states(trace, program, taken, given)

    sizes = {name: int(np.prod(v.shape)) for name, v in zip(names, variables, strict=True)}
    states = {name: sizes[name] for name in call.names[1]}
    inputs = {name: sizes[name] for name in call.names[2]}
    called = getattr(call.function, "__name__", "step")
    return traced_recurrence(step, states, inputs, called if called.isidentifier() else "step")


# --- the checks --------------------------------------------------------------------


def _check_values(
    call: _Call, run: Any, tolerance: float, batched: bool, model: Recurrence, weights: dict[str, Array]
) -> None:
    """The recurrence must compute what the function computes, at numbers that the trace has not seen."""
    length = call.batch if batched else None
    states, inputs = call.values(length)
    expected = _called(call, run, [*call.numbers, *states, *inputs])
    rows = length or 1
    starts = _cut([array.reshape(rows, -1) for array in states], model.states)
    fed = {name: a[:, None, :] for name, a in _cut([array.reshape(rows, -1) for array in inputs], model.inputs).items()}
    found = simulate(model, weights, fed, initial=starts, **({} if fed else {"steps": 1}))
    got = np.concatenate([found.states[str(symbol)][-1] for symbol in model.states], axis=-1)
    wanted = np.concatenate([np.asarray(value, dtype=np.float64).reshape(rows, -1) for value in expected], axis=-1)
    gap = np.abs(got - wanted)
    if not (gap <= tolerance * (1 + np.abs(wanted))).all():
        mixed = "; the rows of the first axis may not be treated independently" if batched else ""
        raise InputError(f"step_fn: it does not compute what its trace computes (differs by {gap.max():.2g}){mixed}")


def _cut(values: Sequence[Array], symbols: Sequence[Any]) -> dict[str, Array]:
    """Values of states or inputs by the names of their pieces, which come in the same order."""
    if not values:
        return {}
    ends = np.cumsum([int(symbol.shape[0]) for symbol in symbols])[:-1]
    return dict(zip(map(str, symbols), np.split(np.concatenate(values, axis=-1), ends, axis=-1), strict=True))


def _check_slopes(call: _Call, run: Any) -> None:
    """A derivative rule that is stated by hand must give the derivative."""
    jax = jax_module()
    states, inputs = call.values(None)
    rng = np.random.default_rng(1)
    directions = [rng.normal(size=array.shape) for array in states]
    step = 1e-6

    def moved(size: float) -> list[Array]:
        return [array + size * own for array, own in zip(states, directions, strict=True)]

    ahead, behind = (_called(call, run, [*call.numbers, *moved(size), *inputs]) for size in (step, -step))
    quotients = [(np.asarray(a) - np.asarray(b)) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    weights = [rng.normal(size=value.shape) for value in quotients]

    def pulled(*own: Any) -> Any:
        return jax.vjp(lambda *state: call.flat(*call.numbers, *state, *inputs), *own)[1](
            list(map(jax.numpy.asarray, weights))
        )

    slopes = _called(call, jax.jit(pulled), states)
    stated = sum(float(np.sum(np.asarray(s) * own)) for s, own in zip(slopes, directions, strict=True))
    measured = sum(float(np.sum(weight * own)) for weight, own in zip(weights, quotients, strict=True))
    if abs(stated - measured) > SLOPES * (1 + abs(measured)):
        raise InputError(
            f"step_fn: a rule of jax.custom_jvp or jax.custom_vjp in it is not the derivative of its values: along a "
            f"random direction it gives {stated:.6g}, the values {measured:.6g}; a recurrence has the true Jacobian"
        )
