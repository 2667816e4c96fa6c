"""What a bound along a trajectory is asked about: one checked sequence, and radii."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import bind, exact_array
from symgrad.numerics.layers import check_layers, filled_up, steps_of_layers
from symgrad.numerics.simulate import batch_of, given_initial, given_inputs, sized
from symgrad.numerics.trajectory_bound_states import Sequence
from symgrad.numerics.trajectory_bound_tube import Radii

__all__ = ["given_radii", "given_sequence"]

Array = NDArray[np.float64]


def given_sequence(
    model: Any, weights: Mapping[Any, Any] | None, inputs: Any, initial: Mapping[Any, Any] | None, steps: int | None
) -> Sequence:
    """One sequence with its weights, checked.

    Raises:
        InputError: a missing weight, a wrong shape, a batch, or no steps.
        UnknownNameError: a name that the model does not have.
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    bound = bind(model, weights, model.parameters)
    steps = steps_of_layers(bound, steps) if steps is None and not model.inputs else steps
    sequences = given_inputs(model, inputs, steps)
    starts = filled_up(bound, given_initial(model, initial))
    bound = sized(model, bound, sequences, starts)
    batch, single = batch_of(model, bound, sequences, starts, steps)
    if not single:
        raise InputError(f"inputs: one sequence of shape (T, m) is needed, got a batch of {batch.size}")
    if batch.steps == 0:
        raise InputError("steps: at least one step is needed, got 0")
    check_layers(bound, batch.steps)
    return Sequence(
        model,
        bound,
        {s: array[:, 0, 0] for s, array in batch.initial.items()},
        {s: array[:, :, 0, 0] for s, array in batch.inputs.items()},
        batch.steps,
    )


def given_radii(sequence: Sequence, radius: Any) -> Radii:
    """Radii of the initial states and the inputs as arrays of their shapes.

    Raises:
        InputError: a negative number, or a shape that does not fit.
        UnknownNameError: a name that is no state or input of the model.
    """
    model, shapes = sequence.model, {**sequence.initial, **sequence.inputs}
    if isinstance(radius, Mapping):
        named = {model.symbol(key, model.variables): value for key, value in radius.items()}
    else:
        named = dict.fromkeys(model.variables, radius)
    found = {s: _spread(sequence, s, named.get(s, 0.0), shapes[s]) for s in model.variables}
    return Radii({s: found[s] for s in model.states}, {s: found[s] for s in model.inputs})


def _spread(sequence: Sequence, symbol: sp.Expr, value: Any, like: Array) -> Array:
    array = exact_array(f"radius of {symbol}", value)
    if (array < 0).any():
        raise InputError(f"radius of {symbol}: numbers of at least 0 are needed, got {float(array.min())}")
    try:
        spread = np.array(np.broadcast_to(array, like.shape))
    except ValueError as error:
        shape = like.shape
        raise InputError(f"radius of {symbol}: a number or shape {shape} is needed, got shape {array.shape}") from error
    width = sequence.widths(0)
    if symbol in sequence.initial and width is not None:
        spread[width:] = 0.0
    return spread
