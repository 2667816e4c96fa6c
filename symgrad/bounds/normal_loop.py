"""The Jacobians of a model with weights as a loop around unknown factors of size at most 1, scaled and in floats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.slope_form import SlopeForm
from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import is_zero, midpoint_radius

__all__ = ["NormalLoop", "normal_loop"]

Array = NDArray[np.float64]

_BITS = 192
_HUGE = 2.0**1000
_LEAST = 2.0**-1021


@dataclass(frozen=True, eq=False)
class NormalLoop:
    """``(y, z) = T (x, v)`` with ``v = theta z`` and each ``|theta_i| <= 1``: then ``2^exponent y = J x``.

    Every Jacobian is met by some theta. Units whose slope does not vary or has no effect are no part of ``v``. This is
    the form in which scaled norms are stated (J. C. Doyle, *Analysis of feedback systems with structured
    uncertainties*, IEE Proceedings D 129, 1982).

    Attributes:
        mid: T, (states + units) square; rows y then z, columns x then v.
        radius: how far T may be from ``mid``, entry by entry.
        states: the number of entries of x.
        exponent: the power of two taken out, so that T is about 1 in size.
        chosen: the places of the entries of v among the slopes of the form.
        factors: what a multiplier of ``(w - low z) (high z - w)`` has to be taken times to be one of ``z^2 - v^2`` in
            the units of T; one for each entry of v.
        count: the number of slopes of the form.
    """

    mid: Array
    radius: Array
    states: int
    exponent: int
    chosen: NDArray[np.intp]
    factors: Array
    count: int

    @property
    def units(self) -> int:
        """The number of slopes that vary."""
        return len(self.mid) - self.states

    def scaled_multipliers(self, multipliers: Array) -> Array:
        """Multipliers for the loop from those of the slopes of the form, (count,)."""
        with np.errstate(all="ignore"):
            return np.asarray(multipliers[self.chosen] * self.factors)

    def natural_multipliers(self, scaled: Array) -> Array:
        """The other way round, up to rounding: (count,), zero for slopes that do not vary or have no effect."""
        found = np.zeros(self.count)
        with np.errstate(all="ignore"):
            found[self.chosen] = scaled / self.factors
        return found

    def scaled_rate(self, rate: float) -> float:
        """A rate of T as a rate of the Jacobians, rounded up where it is below the normal floats; inf beyond them."""
        try:
            found = math.ldexp(rate, self.exponent)
        except OverflowError:
            return math.inf
        return found if math.ldexp(found, -self.exponent) >= rate else math.nextafter(found, math.inf)


def normal_loop(form: SlopeForm) -> NormalLoop:
    """The loop of a slope form: slopes are written ``centre + half theta`` and the centres are put in.

    Raises:
        InputError: an entry of the loop is beyond the floats.
    """
    low, high = (np.asarray(ends, dtype=np.float64) for ends in (form.low, form.high))
    varying = np.flatnonzero(high > low)
    with working_precision(_BITS):
        blocks = _blocks(form, low, high, varying)
        return _floats(blocks, sum(form.sizes), varying, (high - low) / 2)


def _blocks(form: SlopeForm, low: Array, high: Array, varying: NDArray[np.intp]) -> list[Any]:
    """The four blocks of T in balls: y by x, y by v, z by x, z by v."""
    centre = [(arb(a) + arb(b)) / 2 for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    half = [(arb(b) - arb(a)) / 2 for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    if not centre:
        empty = arb_mat(0, form.direct.ncols()), arb_mat(form.direct.nrows(), 0), arb_mat(0, 0)
        return [form.direct, empty[1], empty[0], empty[2]]
    around = _resolvent(form.inner, centre)
    chosen = varying.tolist()
    z_x = form.into if around is None else around * form.into
    inner = form.inner if around is None else around * form.inner
    z_v = _scaled_columns(inner, half, chosen)
    steady = _scaled_columns(form.out, centre, range(len(centre)))
    y_x = form.direct + steady * z_x
    y_v = _scaled_columns(form.out, half, chosen)
    y_v = y_v if around is None or not chosen else y_v + steady * z_v
    return [y_x, y_v, _rows(z_x, chosen), _rows(z_v, chosen)]


def _resolvent(inner: Any, centre: list[arb]) -> Any:
    """(I - inner diag(centre))^-1, a finite sum since inner is strictly block triangular; None when it is I."""
    step = _scaled_columns(inner, centre, range(len(centre)))
    if is_zero(step):
        return None
    size = len(centre)
    one = arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    total, power = one + step, step
    for _ in range(size):
        power = power * step
        if is_zero(power):
            return total
        total = total + power
    raise InputError("form: a slope form needs a nilpotent inner matrix; this one is not")


def _scaled_columns(matrix: Any, factors: list[arb], chosen: Any) -> Any:
    """The chosen columns, each times its factor."""
    rows, columns = matrix.nrows(), matrix.ncols()
    entries = matrix.entries()
    return arb_mat(rows, len(chosen), [entries[i * columns + j] * factors[j] for i in range(rows) for j in chosen])


def _rows(matrix: Any, chosen: list[int]) -> Any:
    columns, entries = matrix.ncols(), matrix.entries()
    picked = [entry for i in chosen for entry in entries[i * columns : (i + 1) * columns]]
    return arb_mat(len(chosen), columns, picked)


def _floats(blocks: list[Any], states: int, varying: NDArray[np.intp], half: Array) -> NormalLoop:
    """The blocks in floats, balanced: v_i and z_i in units of 2^shift_i, y in units of 2^whole."""
    found = [midpoint_radius(block) for block in blocks]
    mid, radius = (np.block([[part[0], part[1]], [part[2], part[3]]]) for part in zip(*found, strict=True))
    kept = _connected((mid != 0) | (radius != 0), states)
    mid, radius = mid[np.ix_(kept, kept)], radius[np.ix_(kept, kept)]
    whole, shift = _scale(np.abs(mid), states)
    rows, columns = np.concatenate([np.full(states, -whole), -shift]), np.concatenate([np.zeros(states, int), shift])
    power = rows[:, None] + columns[None, :]
    scaled, spread = np.ldexp(mid, power), np.ldexp(radius, power)
    # a number that leaves the normal floats is rounded by less than the least of them
    spread = np.where((mid != 0) | (radius != 0), spread * (1 + 2.0**-50) + _LEAST, 0.0)
    spread = np.where(_exactly(scaled, mid, power) & (radius == 0), 0.0, spread)
    if not (np.isfinite(scaled).all() and np.isfinite(spread).all()):
        raise InputError(
            "form: entries of too different size were given; accepted are slope forms that scale to floats"
        )
    chosen = varying[kept[states:] - states]
    with np.errstate(all="ignore"):
        factors = np.ldexp(half[chosen] ** 2, 2 * (shift - whole))
    return NormalLoop(scaled, spread, states, whole, chosen, factors, len(half))


def _scale(size: Array, states: int) -> tuple[int, NDArray[np.intp]]:
    """Powers of two: of the Jacobian, and of each unit so that what it takes in and gives out are alike."""
    units = len(size) - states
    with np.errstate(all="ignore"):
        reach, power = np.eye(units), size[states:, states:]
        for _ in range(units):  # all paths through the nilpotent inner loop
            if not power.any():
                break
            reach = np.minimum(reach + power, _HUGE)
            power = np.minimum(power @ size[states:, states:], _HUGE)
        taken = reach @ size[states:, :states]
        given = size[:states, states:] @ reach
        whole = _exponent((size[:states, :states] + size[:states, states:] @ taken).max(initial=0.0))
        into, out = _exponent(taken.max(axis=1, initial=0.0)), _exponent(given.max(axis=0, initial=0.0))
    return int(whole), (into - out + whole) // 2


def _exponent(size: Any) -> Any:
    """The binary exponents of numbers >= 0; those of 0 and infinity count as 0."""
    return np.frexp(size)[1]


def _connected(pattern: NDArray[np.bool_], states: int) -> NDArray[np.intp]:
    """The states, and the units that something reaches and that reach something: all others change nothing."""
    kept = np.arange(len(pattern))
    while True:
        inside = pattern[np.ix_(kept, kept)]
        alive = (inside.any(axis=0) & inside.any(axis=1)) | (kept < states)
        if alive.all():
            return kept
        kept = kept[alive]


def _exactly(scaled: Array, given: Array, power: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Where the scaling by powers of two lost nothing."""
    return np.asarray(np.ldexp(scaled, -power) == given)
