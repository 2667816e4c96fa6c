"""A box that is proved to hold all fixed points of a system with several unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.solved_forms import SolvedForm, solved_forms
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.errors import SymgradError
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["Contraction", "all_numbers", "enclosing_region", "is_empty", "perron_bound"]

Array = NDArray[np.float64]

_ROUNDS = 60
_SHRINKS = 0.99  # of a width, so that another round is worth it
_MARGIN = 2.0**-20


def all_numbers(size: int) -> Intervals:
    """(N, 1) without any bounds."""
    return Intervals(np.full((size, 1), -np.inf), np.full((size, 1), np.inf))


def is_empty(boxes: Intervals) -> NDArray[np.bool_]:
    """(B,) whether a box (N, B) has an empty side."""
    return np.asarray((boxes.low > boxes.high).any(axis=0))


@dataclass(frozen=True, eq=False)
class Contraction:
    """Boxes made smaller without losing a fixed point, by the equations solved for each state.

    Attributes:
        system: the equations.
        parameters: balls of the free scalars, possibly wide: fixed points for every number in them are kept.
    """

    system: VectorSystem
    parameters: tuple[arb, ...] = ()

    @cached_property
    def forms(self) -> tuple[SolvedForm, ...]:
        """The solved equations."""
        return solved_forms(self.system)

    def __call__(self, boxes: Intervals) -> Intervals:
        """(N, B) boxes within the given ones that hold the same fixed points; empty where there are none."""
        evaluator = self.system.over(boxes, self.parameters)
        low, high = boxes.low.copy(), boxes.high.copy()
        for form in self.forms:
            rows = self.system.places[form.state]
            found = form.over(evaluator)
            low[rows], high[rows] = np.maximum(low[rows], found.low), np.minimum(high[rows], found.high)
        return Intervals(low, high)


def enclosing_region(
    system: VectorSystem, start: Intervals | None = None, parameters: tuple[arb, ...] = ()
) -> Intervals | None:
    """(N, 1) intervals that hold every fixed point within the start; None where there are none at all.

    The equations solved for each state are applied again and again. Where the ends stay infinite, bounds of the
    derivative are tried: from ``|x| <= |F(0)| + A |x|`` with a matrix A whose spectral radius is below 1.

    Args:
        system: the equations.
        start: (N, 1); all numbers unless given.
        parameters: balls of the free scalars, possibly wide: the fixed points for all numbers in them are meant.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.vector_values import vector_system
    >>> model = sg.models.elman()
    >>> found = enclosing_region(vector_system(model, {"W": 3 * np.eye(2), "U": [[1], [0]], "b": [0, 0], "u": [0]}))
    >>> bool((found.high <= 1).all())
    True
    """
    contract = Contraction(system, parameters)
    region = all_numbers(system.size) if start is None else start
    for _ in range(_ROUNDS):
        found = contract(region)
        if not found.is_finite:
            found = _bounded_by_slopes(system, found, parameters)
        if is_empty(found).any():
            return None
        if not _smaller(found, region):
            return found
        region = found
    return region


def _smaller(found: Intervals, before: Intervals) -> bool:
    with np.errstate(invalid="ignore"):
        old, new = before.high - before.low, found.high - found.low
    freed = np.isfinite([found.low, found.high]).sum() > np.isfinite([before.low, before.high]).sum()
    return bool(freed or (np.isfinite(old) & (new < _SHRINKS * old)).any())


def _bounded_by_slopes(system: VectorSystem, region: Intervals, parameters: tuple[arb, ...]) -> Intervals:
    """The region cut to what the slopes allow, if the equation is a contraction or can be made one."""
    zero = Intervals.exact(np.zeros((system.size, 1)))
    try:
        slopes = system.jacobian_over(
            region.hull(zero), parameters
        )  # the slopes from the origin to any point of the region
    except SymgradError:
        return region
    if not slopes.is_finite:
        return region
    origin = system.residual_over(zero, parameters)
    matrix = Intervals(slopes.low[:, :, 0], slopes.high[:, :, 0])
    middle = (matrix.low + matrix.high) / 2
    for inverse in (-np.eye(system.size), *_inverse(middle)):
        preconditioner = Intervals.exact(inverse)
        rest = Intervals.exact(np.eye(system.size)) + -(preconditioner @ matrix)
        bound = perron_bound(rest.magnitude, (preconditioner @ origin).magnitude)
        if bound is not None:
            return Intervals(np.maximum(region.low, -bound), np.minimum(region.high, bound))
    return region


def _inverse(matrix: Array) -> list[Array]:
    try:
        found = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        return []
    return [found] if np.isfinite(found).all() else []


def perron_bound(matrix: Array, offset: Array) -> Array | None:
    """A vector v with ``u <= v`` for every finite ``u >= 0`` with ``u <= matrix u + offset``; None if none is proved.

    It is enough that v > 0 and ``matrix v + offset < v``, which also shows that the spectral radius is below 1.

    Args:
        matrix: (N, N), no entry negative.
        offset: (N, 1), no entry negative.
    """
    size = len(matrix)
    wider = offset * (1 + _MARGIN) + _MARGIN * (1 + offset.max(initial=0.0))
    try:
        found = np.linalg.solve(np.eye(size) - matrix * (1 + _MARGIN), wider)
    except np.linalg.LinAlgError:
        return None
    if not (np.isfinite(found).all() and (found > 0).all()):
        return None
    image = Intervals.exact(matrix) @ Intervals.exact(found) + Intervals.exact(offset)
    return found if bool((image.high < found).all()) else None
