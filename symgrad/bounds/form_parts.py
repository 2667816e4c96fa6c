"""Parts of a slope form: state entries that act on each other in a circle, slopes that matter, corners of the box."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb_mat
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from symgrad.calculus.slope_form import SlopeForm

__all__ = ["circular_parts", "restricted", "vertices", "working_slopes"]

Array = NDArray[np.float64]


def circular_parts(form: SlopeForm) -> list[NDArray[np.int64]]:
    """The sets of state entries that act on each other in a circle, by the pattern of entries that may be non-zero.

    With entries in a fitting order every Jacobian is block triangular, with these sets and single entries that do not
    act on themselves as blocks; products grow asymptotically as fast as the fastest of the diagonal blocks does.
    """
    pattern = form.magnitudes() > 0
    count, labels = connected_components(pattern, directed=True, connection="strong")
    parts = [np.flatnonzero(labels == place) for place in range(count)]
    return [part for part in parts if len(part) > 1 or pattern[part[0], part[0]]]


def restricted(form: SlopeForm, part: NDArray[np.int64]) -> SlopeForm:
    """The form of the diagonal block of some state entries."""
    if len(part) == form.size:
        return form
    chosen = part.tolist()
    everything = list(range(form.count))
    return replace(
        form,
        direct=_picked(form.direct, chosen, chosen),
        out=_picked(form.out, chosen, everything),
        into=_picked(form.into, everything, chosen),
        sizes=(len(chosen),),
    )


def _picked(matrix: Any, rows: list[int], columns: list[int]) -> Any:
    return arb_mat(len(rows), len(columns), [matrix[i, j] for i in rows for j in columns])


def working_slopes(form: SlopeForm) -> NDArray[np.int64]:
    """The slopes that vary and lie on a way from a state to a next state."""
    out, into, inner = (_pattern(matrix) for matrix in (form.out, form.into, form.inner))
    forward, backward = into.any(axis=1), out.any(axis=0)
    for _ in form.slots:
        forward = np.logical_or(forward, np.asarray(inner @ forward, dtype=bool))
        backward = np.logical_or(backward, np.asarray(backward @ inner, dtype=bool))
    return np.flatnonzero(forward & backward & (form.low < form.high))


def _pattern(matrix: Any) -> NDArray[np.bool_]:
    """Where a matrix of balls may be non-zero."""
    entries = [not entry.is_zero() for entry in matrix.entries()]
    return np.array(entries, dtype=bool).reshape(matrix.nrows(), matrix.ncols())


def vertices(form: SlopeForm, most: int) -> Array | None:
    """(m, q) the corners of the box that matter, or None if they are more than ``most``."""
    free = working_slopes(form)
    if 2.0 ** len(free) > most:
        return None
    corners = np.repeat(form.high[None], 2 ** len(free), axis=0)
    bits = np.arange(len(corners))[:, None] >> np.arange(len(free)) & 1
    corners[:, free] = np.where(bits == 1, form.low[free], form.high[free])
    return corners
