"""Step functions written in JAX as recurrences: read through their jaxpr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, SymgradError
from symgrad.interop.jax_call import Call, called
from symgrad.interop.jax_checks import double_precision, jax_module
from symgrad.interop.jax_program import Program, Variable, program_of
from symgrad.interop.jax_reading import next_states
from symgrad.interop.jax_values import Names
from symgrad.interop.jax_verification import check_slopes, check_values
from symgrad.interop.tracing import Trace, traced_recurrence
from symgrad.language.recurrence import Recurrence

__all__ = ["from_jax"]

Array = NDArray[np.float64]
TOLERANCE, ROUNDED = 1e-8, 1e-4  # of the comparison with the function itself, in float64 and in fewer digits


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
    call = Call.of(step_fn, params, state, input)
    refusals: list[SymgradError] = []
    for batched in [True, False] if call.batch else [False]:
        try:
            return _recurrence(call, batched)
        except SymgradError as error:
            own = isinstance(error, InputError) and str(error).startswith("step_fn: ")
            refusals.append(error if own else InputError(f"step_fn: {error}"))
    raise refusals[0]


def _recurrence(call: Call, batched: bool) -> tuple[Recurrence, dict[str, Array]]:
    with double_precision():
        program = _program(call, batched)
        model, weights = _traced(call, program, batched)
        run = jax_module().jit(call.flat)
        check_values(call, run, ROUNDED if program.rounds else TOLERANCE, batched, model, weights)
        if program.has_own_rules:
            check_slopes(call, run)
    return model, weights


def _program(call: Call, batched: bool) -> Program:
    states, inputs = call.values(1 if batched else None)
    arguments = [*call.numbers, *states, *inputs]
    closed = called(call, jax_module().make_jaxpr(call.flat), arguments)
    for leaf, var in zip(call.states, closed.jaxpr.outvars, strict=True):
        if np.dtype(var.aval.dtype).kind != "f":
            raise InputError(f"step_fn: the next {leaf.label('state')} has type {var.aval.dtype}; floats are needed")
    variables = [
        Variable(leaf.shape, array.dtype, array, name, True)
        for leaf, array, name in zip(call.params, call.numbers, call.names[0], strict=True)
    ]
    variables += [Variable(array.shape, array.dtype) for array in (*states, *inputs)]
    return program_of(closed, variables, range(len(call.states)))


def _traced(call: Call, program: Program, batched: bool) -> tuple[Recurrence, dict[str, Array]]:
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
