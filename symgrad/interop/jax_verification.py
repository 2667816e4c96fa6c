"""A recurrence compared with the JAX function it was read from, at numbers that the trace has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.interop.jax_call import Call, called
from symgrad.interop.jax_checks import jax_module
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.simulate import simulate

__all__ = ["check_slopes", "check_values"]

Array = NDArray[np.float64]
SLOPES = 1e-4  # of the comparison of derivatives with difference quotients


def check_values(
    call: Call, run: Any, tolerance: float, batched: bool, model: Recurrence, weights: dict[str, Array]
) -> None:
    """The recurrence must compute what the function computes.

    Raises:
        InputError: it does not, up to the tolerance.
    """
    length = call.batch if batched else None
    states, inputs = call.values(length)
    expected = called(call, run, [*call.numbers, *states, *inputs])
    rows = length or 1
    starts = _cut([array.reshape(rows, -1) for array in states], model.states)
    fed = {name: a[:, None, :] for name, a in _cut([array.reshape(rows, -1) for array in inputs], model.inputs).items()}
    found = simulate(model, weights, fed, initial=starts, steps=None if fed else 1)
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


def check_slopes(call: Call, run: Any) -> None:
    """A derivative rule that is stated by hand must give the derivative.

    Raises:
        InputError: it gives something else.
    """
    jax = jax_module()
    states, inputs = call.values(None)
    rng = np.random.default_rng(1)
    directions = [rng.normal(size=array.shape) for array in states]
    step = 1e-6

    def moved(size: float) -> list[Array]:
        return [array + size * own for array, own in zip(states, directions, strict=True)]

    ahead, behind = (called(call, run, [*call.numbers, *moved(size), *inputs]) for size in (step, -step))
    quotients = [(np.asarray(a) - np.asarray(b)) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    weights = [rng.normal(size=value.shape) for value in quotients]

    def pulled(*own: Any) -> Any:
        return jax.vjp(lambda *state: call.flat(*call.numbers, *state, *inputs), *own)[1](
            list(map(jax.numpy.asarray, weights))
        )

    slopes = called(call, jax.jit(pulled), states)
    stated = sum(float(np.sum(np.asarray(s) * own)) for s, own in zip(slopes, directions, strict=True))
    measured = sum(float(np.sum(weight * own)) for weight, own in zip(weights, quotients, strict=True))
    if abs(stated - measured) > SLOPES * (1 + abs(measured)):
        raise InputError(
            f"step_fn: a rule of jax.custom_jvp or jax.custom_vjp in it is not the derivative of its values: along a "
            f"random direction it gives {stated:.6g}, the values {measured:.6g}; a recurrence has the true Jacobian"
        )
