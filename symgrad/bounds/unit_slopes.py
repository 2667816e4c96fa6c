"""Bounds on Jacobians from slopes unit by unit: norms of blocks from above, minimum moduli from below."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.bounds.invariant import InvariantBox
from symgrad.calculus.enclose import norm_of_balls
from symgrad.calculus.invariant_box import UnitBox
from symgrad.calculus.slope_form import SlopeForm, slope_form
from symgrad.calculus.unit_ranges import UnitRanges
from symgrad.errors import NoBoundError
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import exact_ball, upper_float, working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.matrix_balls import columns_scaled, is_zero, midpoint_radius, rows_scaled
from symgrad.rigor.matrix_norms import operator_norm, smallest_singular_value

__all__ = ["UnitSlopes", "unit_slopes"]

Array = NDArray[np.float64]

_BITS = 128


_KEPT = 8


@dataclass(frozen=True)
class _Numbers:
    """A model and its numbers as a key: the same object, the same bytes."""

    model: Recurrence
    values: tuple[tuple[sp.Expr, tuple[int, ...], bytes], ...]
    sizes: frozenset[tuple[sp.Symbol, int]]

    @classmethod
    def of(cls, model: Recurrence, weights: Weights) -> _Numbers:
        values = ((symbol, array.shape, array.tobytes()) for symbol, array in weights.values.items())
        return cls(model, tuple(sorted(values, key=lambda item: str(item[0]))), frozenset(weights.sizes.items()))


_slopes: OrderedDict[_Numbers, UnitSlopes] = OrderedDict()


def unit_slopes(box: InvariantBox, weights: Weights) -> UnitSlopes:
    """The slopes of a model with weights put in; the last few are kept, as several bounds ask for the same.

    The box follows from the model, so that it is no part of what is looked up.
    """
    key = _Numbers.of(box.model, weights)
    if key not in _slopes:
        _slopes[key] = UnitSlopes(box, weights)
    _slopes.move_to_end(key)
    while len(_slopes) > _KEPT:
        _slopes.popitem(last=False)
    return _slopes[key]


@dataclass(frozen=True, eq=False)
class UnitSlopes:
    """A model with weights put in, its states in an invariant box: what is known of its slopes, unit by unit.

    Attributes:
        box: the ranges in closed form.
        weights: the numbers.
    """

    box: InvariantBox
    weights: Weights

    def __post_init__(self) -> None:
        known = {**dict.fromkeys(self.box.model.sizes, 1), **self.weights.sizes}  # of inputs without any weight
        object.__setattr__(self, "weights", self.weights.with_sizes(known))

    @cached_property
    def units(self) -> UnitBox:
        """The invariant box unit by unit, within the one in closed form."""
        return self.box.of_units(self.weights)

    @property
    def ranges(self) -> UnitRanges:
        """Symbol -> (n, 1) intervals, for states and inputs."""
        return self.units.ranges

    @cached_property
    def form(self) -> SlopeForm:
        """The Jacobian as a function of its slopes.

        Raises:
            NoBoundError: a slope is not known to be bounded, or an entry of the Jacobian not by a float.
        """
        form = slope_form(self.box.model, self.weights, self.ranges)
        if not form.intervals.is_finite:
            raise NoBoundError("weights: an entry of the Jacobian is not bounded by a float; declare narrower ranges")
        return form

    @cached_property
    def _centre(self) -> Any:
        """An arb_mat around the Jacobian in the middle of all slopes."""
        form = self.form
        return form.at_balls(form.low + (form.high - form.low) / 2)

    @cached_property
    def _spread(self) -> Array:
        """(N, N) upper bounds on how far the entries of a Jacobian are from the centre."""
        difference = self.form.intervals + -Intervals.of_balls(self._centre)
        return difference.magnitude

    @cached_property
    def _states(self) -> list[slice]:
        return _slices(self.form.sizes)

    def gains(self, norm: Norm) -> Any:
        """An arb_mat of upper bounds on the norms of the blocks of all Jacobians."""
        with working_precision(_BITS):
            structured = _StructuredNorms(self.form, norm)
            bounds = [
                min(self._above(rows, columns, norm), structured.block(i, j))
                for i, rows in enumerate(self._states)
                for j, columns in enumerate(self._states)
            ]
        return arb_mat(len(self._states), len(self._states), [exact_ball(bound) for bound in bounds])

    def whole(self, norm: Norm) -> arb:
        """An upper bound on the norm of all Jacobians, blocks together."""
        everything = slice(0, self.form.size)
        with working_precision(_BITS):
            return exact_ball(self._above(everything, everything, norm))

    def _above(self, rows: slice, columns: slice, norm: Norm) -> float:
        """From the moduli of the entries, and from the centre and the distance from it."""
        p = float(norm.p)
        moduli = operator_norm(self.form.magnitudes()[rows, columns], p).upper
        centre, radius = midpoint_radius(_block(self._centre, rows, columns))
        middle = arb(operator_norm(centre, p, radius=radius).upper)
        rest = arb(operator_norm(self._spread[rows, columns], p).upper)
        return min(moduli, upper_float(middle + rest))

    def comparison(self, norm: Norm) -> Any:
        """An arb_mat of lower bounds: minimum moduli on the diagonal, norms with a minus sign elsewhere."""
        gains, count = self.gains(norm), len(self._states)
        with working_precision(_BITS):
            entries = [
                self._below(self._states[i], i, norm) if i == j else -gains[i, j].upper()
                for i in range(count)
                for j in range(count)
            ]
        return arb_mat(count, count, entries)

    def least(self, norm: Norm) -> arb:
        """A lower bound on the minimum modulus of all Jacobians, blocks together."""
        with working_precision(_BITS):
            return self._below(slice(0, self.form.size), None, norm)

    def _below(self, rows: slice, state: int | None, norm: Norm) -> arb:
        """From the centre less the distance from it; of a diagonal times a constant from the least slopes."""
        rest = arb(operator_norm(self._spread[rows, rows], float(norm.p)).upper)
        found = minimum_modulus(_block(self._centre, rows, rows), norm) - rest
        if state is not None or len(self._states) == 1:
            found = found.max(_StructuredNorms(self.form, norm).least(state or 0))
        return found.max(arb(0)).lower()


def minimum_modulus(matrix: Any, norm: Norm) -> arb:
    """A lower bound on min ``||A x|| / ||x||`` for every matrix in an arb_mat."""
    if norm.p == 2:
        middle, radius = midpoint_radius(matrix)
        return exact_ball(smallest_singular_value(middle, radius=radius).lower)
    try:
        return 1 / exact_ball(norm_of_balls(matrix.inv(), norm.p).upper)
    except ZeroDivisionError:
        return arb(0)


class _StructuredNorms:
    """Bounds that keep a diagonal of slopes together with the constant matrix beside it.

    ``||diag(d) A|| <= ||diag(|d|_max) A||``, as diagonals with entries in [-1, 1] have norm at most 1 in every p-norm,
    and the other way round for the least slopes.
    """

    def __init__(self, form: SlopeForm, norm: Norm) -> None:
        self._form, self._norm = form, norm
        self._states = _slices(form.sizes)
        self._slots = _slices(form.slots)
        self._largest = np.maximum(np.abs(form.low), np.abs(form.high))
        self._known: dict[tuple[int, int], arb] = {}

    def block(self, i: int, j: int) -> float:
        """An upper bound on the norm of a block."""
        form, rows = self._form, self._states[i]
        total = self._of(_block(form.direct, rows, self._states[j]))
        for number, slot in enumerate(self._slots):
            out = _block(form.out, rows, slot)
            if not is_zero(out):
                total += self._through(out, number, j)
        return upper_float(total)

    def _through(self, out: Any, slot: int, j: int) -> arb:
        """The norm of ``out diag(d) z`` for the signal z of a slot, by the state j."""
        if _is_identity(out):
            return self._scaled(slot, j)
        bound = self._of(out) * self._scaled(slot, j)
        if not self._reaches_back(slot):  # the slopes may as well go to the matrix on the left
            columns = [arb(entry) for entry in self._largest[self._slots[slot]].tolist()]
            left = self._of(columns_scaled(out, columns))
            bound = bound.min(left * self._of(_block(self._form.into, self._slots[slot], self._states[j])))
        return bound

    def _scaled(self, slot: int, j: int) -> arb:
        """The norm of ``diag(d) z``."""
        key = slot, j
        if key not in self._known:
            rows = self._slots[slot]
            sizes = [arb(entry) for entry in self._largest[rows].tolist()]
            total = self._of(rows_scaled(_block(self._form.into, rows, self._states[j]), sizes))
            for before in range(slot):
                inner = _block(self._form.inner, rows, self._slots[before])
                if is_zero(inner):
                    continue
                if _is_identity(inner):
                    total += self._scaled(before, j) * max(sizes, default=arb(0))
                else:
                    total += self._of(rows_scaled(inner, sizes)) * self._scaled(before, j)
            self._known[key] = total
        return self._known[key]

    def _reaches_back(self, slot: int) -> bool:
        rows = self._slots[slot]
        return not is_zero(_block(self._form.inner, rows, slice(0, rows.start)))

    def least(self, state: int) -> arb:
        """A lower bound on the minimum modulus of a diagonal block that is one diagonal times a constant, else 0."""
        form, rows = self._form, self._states[state]
        used = [n for n, slot in enumerate(self._slots) if not is_zero(_block(form.out, rows, slot))]
        if len(used) != 1 or not is_zero(_block(form.direct, rows, rows)) or self._reaches_back(used[0]):
            return arb(0)
        slot = self._slots[used[0]]
        if slot.stop - slot.start != rows.stop - rows.start:
            return arb(0)
        low = np.maximum(np.maximum(form.low[slot], -form.high[slot]), 0.0)
        sizes = [arb(entry) for entry in low.tolist()]
        out, into = _block(form.out, rows, slot), _block(form.into, slot, rows)
        left = minimum_modulus(columns_scaled(out, sizes), self._norm) * minimum_modulus(into, self._norm)
        right = minimum_modulus(out, self._norm) * minimum_modulus(rows_scaled(into, sizes), self._norm)
        return left.max(right)

    def _of(self, matrix: Any) -> arb:
        return exact_ball(norm_of_balls(matrix, self._norm.p).upper)


def _slices(lengths: tuple[int, ...]) -> list[slice]:
    ends = np.cumsum((0, *lengths)).tolist()
    return [slice(start, end) for start, end in pairwise(ends)]


def _block(matrix: Any, rows: slice, columns: slice) -> Any:
    entries = [matrix[i, j] for i in range(rows.start, rows.stop) for j in range(columns.start, columns.stop)]
    return arb_mat(rows.stop - rows.start, columns.stop - columns.start, entries)


def _is_identity(matrix: Any) -> bool:
    width = matrix.ncols()
    return matrix.nrows() == width and all(
        entry == int(place % (width + 1) == 0) for place, entry in enumerate(matrix.entries())
    )
