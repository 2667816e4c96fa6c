"""Entries, rows and columns of blocks, picked out by their places."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.interop.tracing import Blocks, Trace

__all__ = ["gathered", "submatrix"]

Places = NDArray[np.int64]
MOST_RUNS = 16  # of consecutive entries; beyond, entries are moved by a matrix of zeros and ones


def gathered(trace: Trace, column: Blocks, places: Places) -> Blocks:
    """The entries of a column at the given places."""
    size = column.shape[0]
    if len(places) == size and (places == np.arange(size)).all():
        return column
    if (places == places[0]).all() and size > 1 and len(places) == 1:
        return trace.piece(column, int(places[0]), int(places[0]) + 1)
    if (places == places[0]).all():
        return trace.expanded(trace.piece(column, int(places[0]), int(places[0]) + 1), len(places))
    if len(places) == size and len(set(places.tolist())) == size:  # cutting would spread to every symbol it meets
        return _selected(trace, column, places)
    runs = _runs(places)
    if len(runs) <= MOST_RUNS:
        return trace.concatenated([trace.piece(column, *run) for run in runs])
    return _selected(trace, column, places)


def submatrix(trace: Trace, matrix: Blocks, places: Places) -> Blocks | None:
    """The blocks of the entries at the places, where these are rows and columns of a matrix or of its transpose.

    Args:
        trace: the trace.
        matrix: whose entries are numbered row by row.
        places: of one or two axes; those of one axis are taken as a column.
    """
    if places.ndim > 2 or not places.size:
        return None
    width = matrix.shape[1]
    grid = places.reshape(-1, 1) if places.ndim < 2 else places
    for turned in (grid, grid.T):
        rows, columns = turned[:, 0] // width, turned[0] % width
        if (turned == rows[:, None] * width + columns[None, :]).all():
            found = _rows(trace, _rows(trace, matrix, rows).transposed, columns)
            return found if turned is not grid else found.transposed
    return None


def _rows(trace: Trace, matrix: Blocks, rows: Places) -> Blocks:
    return trace.concatenated([trace.piece(matrix, *run) for run in _runs(rows)])


def _runs(places: Places) -> list[tuple[int, int]]:
    """First and last place, the latter plus one, of runs of consecutive ones."""
    starts = [0, *(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
    return [(int(places[a]), int(places[b - 1]) + 1) for a, b in pairwise(starts)]


def _selected(trace: Trace, column: Blocks, places: Places) -> Blocks:
    """The same by a matrix of zeros and ones."""
    entries = {(row, int(place)): 1 for row, place in enumerate(places)}
    selection = sp.SparseMatrix(len(places), column.shape[0], entries)
    return trace.matmul(Blocks(((sp.ImmutableDenseMatrix(selection),),)), column)
