"""Boxes of several unknowns as users write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.dynamics.vector_system import VectorSystem
from symgrad.errors import InputError
from symgrad.language.exact_arrays import exact_array
from symgrad.language.ranges import interval_of
from symgrad.rigor.balls import lower_float, to_ball, upper_float
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["checked_vector_box"]

Array = NDArray[np.float64]


def checked_vector_box(box: Any, system: VectorSystem) -> Intervals | None:
    """A box as (N, 1) intervals, its ends rounded outwards to floats; None for None.

    Args:
        box: an interval or a pair of numbers for all entries, or a mapping state -> interval, pair of numbers, or pair
            of arrays with an end for each entry. States that are not in a mapping get all numbers.
        system: whose states.

    Raises:
        InputError: another kind of box, or an empty one.
        UnknownNameError: a state that the model does not have.
    """
    if box is None:
        return None
    given = box if isinstance(box, Mapping) else dict.fromkeys(system.states, box)
    ends = np.full((2, system.size), [[-np.inf], [np.inf]])
    for key, value in given.items():
        state = system.model.symbol(key, system.states)
        place = system.places[state]
        ends[:, place] = _ends(state, value, place.stop - place.start)
    return Intervals(ends[0][:, None], ends[1][:, None])


def _ends(state: sp.Expr, value: Any, size: int) -> Array:
    """(2, 1) or (2, n) the ends."""
    if isinstance(value, (tuple, list)) and len(value) == 2 and any(np.ndim(end) for end in value):
        return _of_arrays(f"box of {state}", value, size)
    try:
        interval = interval_of(state, value)
    except InputError as error:
        raise InputError(
            f"box of {state}: an interval, a pair low < high of numbers, or of arrays of {size} numbers is needed, "
            f"got {value!r}"
        ) from error
    low = -np.inf if interval.start == -sp.oo else lower_float(to_ball(interval.start))
    high = np.inf if interval.end == sp.oo else upper_float(to_ball(interval.end))
    return np.array([[low], [high]])


def _of_arrays(label: str, value: Any, size: int) -> Array:
    low, high = (exact_array(label, end).reshape(-1) for end in value)
    if not (len(low) == len(high) == size and (low <= high).all()):
        raise InputError(f"{label}: two arrays of {size} numbers, low <= high, are needed, got {value!r}")
    return np.stack([low, high])
