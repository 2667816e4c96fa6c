"""The Jacobian with weights put in, as a function of slopes that vary independently, each in an interval of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import BallEvaluator
from symgrad.calculus.jacobian import jacobian
from symgrad.calculus.slope_terms import Slot, SlotReader, Source
from symgrad.calculus.unit_ranges import IntervalEvaluator, UnitRanges, declared_ranges
from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights, Weights
from symgrad.rigor.balls import working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.matrix_balls import midpoints, rows_scaled

__all__ = ["SlopeForm", "slope_form"]

Array = NDArray[np.float64]

_BITS = 128


@dataclass(frozen=True, eq=False)
class SlopeForm:
    """Jacobians ``y = J x`` as ``w = delta o z, z = inner w + into x, y = out w + direct x`` with delta in a box.

    Every Jacobian of the model, with states and inputs in the ranges at hand, has this form for some delta with
    ``low <= delta <= high``. In what follows from this form all entries of delta vary independently of each other, so
    the true set of Jacobians is a subset. J is affine in each entry of delta: the convex hull of all J is that of the
    finitely many at the corners of the box.

    A linear fractional representation; Boyd, El Ghaoui, Feron and Balakrishnan, Linear Matrix Inequalities in System
    and Control Theory 1994, sec. 5.1.

    Attributes:
        direct: arb_mat (N, N), where N counts the entries of all states; balls around constants.
        out: arb_mat (N, q).
        into: arb_mat (q, N).
        inner: arb_mat (q, q), strictly lower block triangular.
        low: (q,) exact lower ends of the slopes.
        high: (q,) exact upper ends.
        sizes: of the states, with sum N.
        slots: the lengths of the diagonals that delta consists of, with sum q.
    """

    direct: Any
    out: Any
    into: Any
    inner: Any
    low: Array
    high: Array
    sizes: tuple[int, ...]
    slots: tuple[int, ...]

    @property
    def size(self) -> int:
        """N."""
        return sum(self.sizes)

    @property
    def count(self) -> int:
        """The number q of slopes."""
        return int(self.low.size)

    @cached_property
    def floats(self) -> tuple[Array, Array, Array, Array]:
        """The constants direct, out, into, inner in floats, which are approximate."""
        return midpoints(self.direct), midpoints(self.out), midpoints(self.into), midpoints(self.inner)

    def at(self, delta: Any) -> Array:
        """The Jacobians (..., N, N) for slopes delta (..., q), in floats: approximate."""
        direct, out, _, _ = self.floats
        slopes = np.asarray(delta, dtype=np.float64)
        found: Array = direct + (out * slopes[..., None, :]) @ self.entering(slopes)
        return found

    def entering(self, slopes: Array) -> Array:
        """(..., q, N) the derivatives z of what enters the diagonals for slopes (..., q), in floats: approximate."""
        _, _, into, inner = self.floats
        inside = np.array(np.broadcast_to(into, (*slopes.shape, self.size)))
        for rows, before in self._links:
            inside[..., rows, :] += inner[rows, before] @ (slopes[..., before, None] * inside[..., before, :])
        return inside

    def leaving(self, slopes: Array, left: Any) -> Any:
        """(..., q) what rows left (..., N) take from what leaves each diagonal, real or complex floats: approximate."""
        _, out, _, inner = self.floats
        found = left @ out
        for rows, before in reversed(self._links):
            found[..., before] += (slopes[..., rows] * found[..., rows]) @ inner[rows, before]
        return found

    @cached_property
    def _links(self) -> list[tuple[slice, slice]]:
        """The rows of a diagonal that other diagonals enter, with the columns of these, in order."""
        inner = self.floats[3]
        places = [(rows, np.flatnonzero(inner[rows].any(axis=0))) for rows in self._slices]
        return [(rows, slice(int(p[0]), int(p[-1]) + 1)) for rows, p in places if p.size]

    def at_balls(self, delta: Any) -> Any:
        """An arb_mat around the Jacobian for exact slopes (floats) or balls."""
        slopes = [entry if isinstance(entry, arb) else arb(float(entry)) for entry in delta]
        with working_precision(_BITS):
            inside, scaled = self.into, rows_scaled(self.into, slopes)
            for _ in self.slots[1:]:  # nilpotent: after one round for each diagonal nothing changes
                inside = self.into + self.inner * scaled
                scaled = rows_scaled(inside, slopes)
            return self.direct + self.out * scaled

    @cached_property
    def intervals(self) -> Intervals:
        """(N, N) intervals around the entries of all Jacobians, rounded outwards."""
        slopes = Intervals(self.low[:, None], self.high[:, None])
        scaled: list[Intervals] = []
        for rows in self._slices:
            inside = _part(self.into, rows, slice(0, self.size))
            scaled.append(_part_of(slopes, rows) * self._propagated(self.inner, rows, inside, scaled))
        everything = slice(0, self.size)
        return self._propagated(self.out, everything, _part(self.direct, everything, everything), scaled)

    def _propagated(self, matrix: Any, rows: slice, start: Intervals, scaled: list[Intervals]) -> Intervals:
        total = start
        for columns, values in zip(self._slices, scaled, strict=False):
            block = _part(matrix, rows, columns)
            if not block.magnitude.any():
                continue
            total = total + (values if _is_identity(block) else block @ values)
        return total

    def entries(self) -> tuple[Array, Array]:
        """Floats (low, high) around the entries of all Jacobians."""
        return self.intervals.low, self.intervals.high

    def magnitudes(self) -> Array:
        """(N, N) upper bounds on the moduli of the entries of all Jacobians."""
        return self.intervals.magnitude

    @cached_property
    def _slices(self) -> list[slice]:
        ends = np.cumsum((0, *self.slots)).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]


def _part(matrix: Any, rows: slice, columns: slice) -> Intervals:
    height, width = rows.stop - rows.start, columns.stop - columns.start
    entries = [matrix[i, j] for i in range(rows.start, rows.stop) for j in range(columns.start, columns.stop)]
    return Intervals.of_balls(arb_mat(height, width, entries))


def _part_of(values: Intervals, rows: slice) -> Intervals:
    return Intervals(values.low[rows], values.high[rows])


def _is_identity(block: Intervals) -> bool:
    shape = block.shape
    return shape[0] == shape[1] and all(np.array_equal(end, np.eye(shape[0])) for end in (block.low, block.high))


def slope_form(model: Recurrence, weights: Weights, ranges: UnitRanges | None = None) -> SlopeForm:
    """The Jacobian of a model with weights put in, as a function of its slopes.

    Args:
        model: the recurrence.
        weights: its numbers; of a parameter that is not given nothing is supposed.
        ranges: intervals for the units of states and inputs, such as those of an invariant box; the declared ranges
            unless given.

    Raises:
        InputError: a model with a depth, or weights that do not tell a size.
        NoBoundError: a slope is not known to be bounded.

    >>> import numpy as np, symgrad as sg
    >>> from symgrad.language.weights import bind
    >>> model = sg.models.elman()
    >>> form = slope_form(model, bind(model, {"W": [[2.0]], "U": [[1.0]], "b": [0.0]}))
    >>> form.at([0.5]).tolist(), form.low.tolist(), form.high.tolist()
    ([[1.0]], [0.0], [1.0])
    """
    if isinstance(weights, LayerWeights):
        raise InputError(f"model: every layer of {model.name} has weights of its own; its slopes are not the same")
    ranges = declared_ranges(model, weights) if ranges is None else ranges
    balls = BallEvaluator.of_weights(weights)
    sizes = tuple((weights.shape(state) or (1,))[0] for state in model.states)
    with working_precision(_BITS):
        reader = SlotReader(model, balls, IntervalEvaluator(weights, ranges))
        rows = [
            reader.signal([(j, (entry,)) for j, entry in enumerate(row)], size)
            for row, size in zip(jacobian(model).blocks, sizes, strict=True)
        ]
    return _assembled(rows, reader.slots, sizes)


def _assembled(rows: Sequence[dict[Source, Any]], slots: Sequence[Slot], sizes: tuple[int, ...]) -> SlopeForm:
    lengths = tuple(int(slot.slopes.low.size) for slot in slots)
    places = {("state", j): start for j, start in enumerate(np.cumsum((0, *sizes)).tolist())}
    places |= {("slot", j): start for j, start in enumerate(np.cumsum((0, *lengths)).tolist())}
    total, count = sum(sizes), sum(lengths)

    def filled(signals: Sequence[dict[Source, Any]], heights: Sequence[int], kind: str, width: int) -> Any:
        entries = [arb(0)] * (sum(heights) * width)
        top = 0
        for signal, height in zip(signals, heights, strict=True):
            for source, matrix in signal.items():
                if source[0] == kind:
                    _put(entries, matrix, top, places[source], width)
            top += height
        return arb_mat(sum(heights), width, entries)

    inside = [slot.inside for slot in slots]
    low, high = (
        np.concatenate([getattr(slot.slopes, end).ravel() for slot in slots]) if slots else np.zeros(0)
        for end in ("low", "high")
    )
    return SlopeForm(
        filled(rows, sizes, "state", total),
        filled(rows, sizes, "slot", count),
        filled(inside, lengths, "state", total),
        filled(inside, lengths, "slot", count),
        low,
        high,
        sizes,
        lengths,
    )


def _put(entries: list[arb], matrix: Any, top: int, left: int, width: int) -> None:
    for i in range(matrix.nrows()):
        for j in range(matrix.ncols()):
            entries[(top + i) * width + left + j] = matrix[i, j]
