"""Fixed points of models with several unknowns: all of them in a box, or those that many starts lead to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.box_search import all_zeros
from symgrad.dynamics.certified_zero import CertifiedZero, certified_zero
from symgrad.dynamics.points import AT_LEAST_ONE, STABLE, UNDECIDED, UNIQUE, UNSTABLE
from symgrad.dynamics.vector_boxes import checked_vector_box
from symgrad.dynamics.vector_region import enclosing_region
from symgrad.dynamics.vector_results import COMPLETE, SAMPLED, VectorFixedPoint, VectorFixedPoints, side_of
from symgrad.dynamics.vector_sampling import sampled_zeros
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.dynamics.vector_values import vector_system
from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.spectrum import enclosed_spectrum, largest_modulus, largest_real_part

__all__ = ["certified_point", "vector_fixed_points"]

Array = NDArray[np.float64]

_BITS = 192
_STARTS, _LEAST = 256, 32
_NEXT_TO = arb((1, -100))  # how far around a point kinks are looked for
_SMOOTH = 2.0**-60  # a Jacobian that changes less than this near the point has no kink there


def vector_fixed_points(
    model: Any,
    values: Mapping[Any, Any] | None = None,
    box: Any = None,
    search: str = COMPLETE,
    *,
    max_boxes: int = 100_000,
    starts: int | None = None,
    seed: int = 0,
) -> VectorFixedPoints:
    """Fixed points of a recurrence or flow with vectors or several numbers as states, each proved to exist.

    Args:
        model: a :class:`~symgrad.language.recurrence.Recurrence` or :class:`~symgrad.language.flow.Flow`.
        values: all parameters and constant inputs; arrays are taken as exact floats.
        box: where fixed points are searched: an interval or a pair of numbers for every entry of every state, or a
            mapping state -> interval, pair of numbers or pair of arrays; a box that holds all of them unless given.
        search: ``"complete"``: all fixed points in the box, with proof that there are no others, meant for up to four
            or so unknowns; ``"sampled"``: those that Newton's method reaches from many starts, for any size.
        max_boxes: a complete search gives up after so many boxes and lists what is left as undecided.
        starts: of a sampled search; 256, or fewer of more than 64 unknowns, unless given.
        seed: of a sampled search.

    Raises:
        InputError: a value is missing or of a wrong shape, another kind of box or search, or a complete search without
            a box where no bounded box can be derived.
        UnknownNameError: the model has no such symbol.

    Source: interval Newton with subdivision, Neumaier 1990, ch. 5; existence by the operator of Krawczyk, Rump 2010,
    theorem 13.2; sampling as in Sussillo and Barak 2013.

    >>> import symgrad as sg
    >>> model, W = sg.models.elman(), np.diag([2.0, 0.5])
    >>> found = vector_fixed_points(model, {"W": W, "U": [[0], [0]], "b": [0, 0], "u": [0]})
    >>> [point.value["h"].round(6).tolist() for point in found], [point.stability for point in found], found.complete
    ([[-0.957504, 0.0], [0.0, 0.0], [0.957504, 0.0]], ['stable', 'unstable', 'stable'], True)
    """
    if search not in (COMPLETE, SAMPLED):
        raise InputError(f'search: "{COMPLETE}" or "{SAMPLED}" is needed, got {search!r}')
    for name, number in (("max_boxes", max_boxes), ("starts", 1 if starts is None else starts), ("seed", seed)):
        least, kind = (0, "non-negative") if name == "seed" else (1, "positive")
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise InputError(f"{name}: a {kind} integer is needed, got {number!r}")
    system = vector_system(model, values)
    given = checked_vector_box(box, system)
    if search == SAMPLED:
        count = max(_LEAST, min(_STARTS, 64 * _STARTS // system.size)) if starts is None else starts
        return _sampled(system, given, count, seed)
    return _complete(system, given, max_boxes)


def _complete(system: VectorSystem, given: Intervals | None, max_boxes: int) -> VectorFixedPoints:
    region = enclosing_region(system, given)
    if region is None:
        return VectorFixedPoints(system, given, None, (), True, COMPLETE)
    if not region.is_finite:
        open_states = sorted({str(s) for s, rows in system.places.items() if not _finite(region, rows)})
        raise InputError(
            f"box: no bounded box is known to hold all fixed points of {system.name}; give box=... with bounds "
            f'for {", ".join(open_states)}, or search="{SAMPLED}"'
        )
    found = all_zeros(system, region, max_boxes)
    zeros = list(found.zeros)
    for left in found.undecided:
        zeros += [zero for zero in _inside(system, left) if not any(_touch(zero, known) for known in zeros)]
    points = _ordered([_point(system, zero) for zero in zeros])
    return VectorFixedPoints(
        system, given, region, points, not found.undecided, COMPLETE, found.undecided, (), found.boxes
    )


def _finite(region: Intervals, rows: slice) -> bool:
    return bool(np.isfinite(region.low[rows]).all() and np.isfinite(region.high[rows]).all())


def _inside(system: VectorSystem, box: Intervals) -> list[CertifiedZero]:
    """A zero that is proved to exist within a box that is not decided, if its middle leads to one."""
    zero = certified_zero(system, ((box.low + box.high) / 2)[:, 0])
    if zero is None:
        return []
    bounds = zero.bounds
    return [zero] if bool(((box.low <= bounds.low) & (bounds.high <= box.high)).all()) else []


def _touch(one: CertifiedZero, other: CertifiedZero) -> bool:
    return bool(((one.bounds.low <= other.bounds.high) & (other.bounds.low <= one.bounds.high)).all())


def _sampled(system: VectorSystem, given: Intervals | None, starts: int, seed: int) -> VectorFixedPoints:
    zeros, slow = sampled_zeros(system, given, starts, seed)
    points = _ordered([_point(system, zero) for zero in zeros])
    return VectorFixedPoints(system, given, given, points, False, SAMPLED, (), tuple(slow), starts)


def _ordered(points: list[VectorFixedPoint]) -> tuple[VectorFixedPoint, ...]:
    return tuple(sorted(points, key=lambda point: tuple(point.stacked)))


def certified_point(system: VectorSystem, start: Array) -> VectorFixedPoint | None:
    """The fixed point next to floats (N,), proved to exist, with its eigenvalues; None where nothing is proved."""
    zero = certified_zero(system, np.asarray(start, dtype=np.float64))
    return None if zero is None else _point(system, zero)


def _point(system: VectorSystem, zero: CertifiedZero) -> VectorFixedPoint:
    with working_precision(_BITS):
        eigenvalues = enclosed_spectrum(_jacobian(system, zero.column))
        growth = largest_modulus(eigenvalues) if system.is_map else largest_real_part(eigenvalues)
    sides = [side_of(value, system) for value in eigenvalues]
    stability = UNSTABLE if 1 in sides else UNDECIDED if 0 in sides else STABLE
    status = UNIQUE if zero.unique else AT_LEAST_ONE
    return VectorFixedPoint(system, zero.column, eigenvalues, growth, stability, status)


def _jacobian(system: VectorSystem, column: Any) -> Any:
    """The linearisation; where a kink lies next to the point, a hull of those on all sides of it."""
    wide = arb_mat(system.size, 1, [entry + arb(0, _NEXT_TO * (1 + abs(entry))) for entry in column.entries()])
    around = system.linearisation(wide)
    smooth = all(entry.rad() <= _SMOOTH * (1 + abs(entry.mid())) for entry in around.entries())
    return system.linearisation(column) if smooth else around
