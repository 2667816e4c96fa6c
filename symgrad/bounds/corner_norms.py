"""The best quadratic norm for the corners of a slope box themselves, proved corner by corner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.ellipsoid_norm import ellipsoid_norm, largest_stretch
from symgrad.bounds.form_parts import working_slopes
from symgrad.bounds.word_products import norms_above, rough_norms_above
from symgrad.calculus.slope_form import SlopeForm
from symgrad.rigor.balls import upper_float, working_precision
from symgrad.rigor.matrix_balls import midpoint_radius, point_matrix
from symgrad.rigor.matrix_norms import operator_norm, smallest_singular_value

__all__ = ["CornerCertificate", "corner_certificate"]

Array = NDArray[np.float64]

_BITS = 160
_CHUNK = 2048
_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-40
_ROUNDS = 12
_STARTS = 64
_STEPS = 12
_PROGRESS = 2e-4


@dataclass(frozen=True, eq=False)
class CornerCertificate:
    """A proof that ||S J S^-1||_2 <= rate for every Jacobian of a form that is affine in all its slopes at once.

    The norm is convex in the slopes, so that it is largest at a corner of their box; all corners are examined.

    Attributes:
        transform: S, (N, N) exact floats.
        rate: the proved bound.
    """

    transform: Array = field(repr=False)
    rate: float

    @property
    def constants(self) -> dict[float, arb]:
        """C_p with ||J_k ... J_1||_p <= C_p rate^k: the condition number of S for p = 2, sqrt(N) times it else."""
        largest, smallest = operator_norm(self.transform), smallest_singular_value(self.transform)
        with working_precision(_BITS):
            condition = arb(largest.upper) / arb(smallest.lower) if smallest.lower > 0 else arb.pos_inf()
            other = condition * arb(len(self.transform)).sqrt()
            return {1.0: other.upper(), 2.0: condition.upper(), float("inf"): other.upper()}

    def verify(self, form: SlopeForm) -> bool:
        """Prove the rate again."""
        return not _is_nested(form) and _Corners.of(form, self.transform).largest_norm() <= self.rate


def corner_certificate(
    form: SlopeForm, start: Array, most: int, random: np.random.Generator
) -> CornerCertificate | None:
    """The certificate in about the best quadratic norm, found from a start by descent over corners that stretch most.

    Args:
        form: the Jacobians.
        start: (N, N) a transformation to begin with, such as the root of the P of another quadratic norm.
        most: the number of corners that may be examined.
        random: the source of random numbers.

    Returns:
        None where the corners are more than ``most``, or the form is not affine in all slopes at once.
    """
    if _is_nested(form) or 2.0 ** len(working_slopes(form)) > most:
        return None
    transform, active, matrices = start, np.zeros((0, form.count)), np.zeros((0, form.size, form.size))
    for count in range(_ROUNDS):
        found = _stretching(form, transform, random)
        reached = largest_stretch(np.array([form.at(corner) for corner in found]), transform)
        if count and reached <= largest_stretch(matrices, transform) * (1 + _PROGRESS):
            break
        active = np.unique(np.concatenate([active, found]), axis=0)
        matrices = np.array([form.at(corner) for corner in active])
        transform = ellipsoid_norm(matrices, transform, iterations=30, refined=count > 0)
    return CornerCertificate(transform, _Corners.of(form, transform).largest_norm())


def _is_nested(form: SlopeForm) -> bool:
    return any(not entry.is_zero() for entry in form.inner.entries())


def _stretching(form: SlopeForm, transform: Array, random: np.random.Generator) -> Array:
    """(B, q) corners at which ||S J S^-1|| is large: linear steps increase a convex function."""
    direct, out, into, _ = form.floats
    back = np.linalg.inv(transform)
    direct, out, into = transform @ direct @ back, transform @ out, into @ back
    slopes = np.where(random.random((_STARTS, form.count)) < 0.6, form.high, form.low)
    for _ in range(_STEPS):
        left, _, right = np.linalg.svd(direct + (out * slopes[:, None, :]) @ into)
        gain = (left[:, :, 0] @ out) * (right[:, 0] @ into.T)
        slopes = np.where(gain > 0, form.high, form.low)
    return np.unique(slopes, axis=0)


@dataclass(frozen=True, eq=False)
class _Corners:
    """S J S^-1 / scale at the corners, in floats with one bound of all errors in the 2-norm."""

    form: SlopeForm
    direct: Array
    out: Array
    into: Array
    error: float
    exponent: int

    @classmethod
    def of(cls, form: SlopeForm, transform: Array) -> _Corners:
        """The matrices in the coordinates of S, enclosed in balls first.

        Raises:
            ZeroDivisionError: S is not proved invertible.
        """
        with working_precision(_BITS):
            change = point_matrix(transform)
            back = change.inv()
            size = float(np.abs(transform @ form.at(form.high) @ np.linalg.inv(transform)).max())
            exponent = int(np.frexp(size)[1]) if np.isfinite(size) else 0
            power = arb((1, -exponent))
            balls = (change * form.direct * back * power, change * form.out, form.into * back * power)
            (direct, direct_radius), (out, out_radius), (into, into_radius) = map(midpoint_radius, balls)
        widest = float(np.abs(np.concatenate([form.low, form.high])).max(initial=0.0))
        lengths = [_UP * float(np.linalg.norm(m)) for m in (direct, out, into)]
        radii = [_UP * float(np.linalg.norm(m)) for m in (direct_radius, out_radius, into_radius)]
        rounding = 2 * (form.count + 4) * _UNIT * (lengths[0] + widest * lengths[1] * lengths[2])
        spread = radii[0] + widest * (radii[1] * (lengths[2] + radii[2]) + lengths[1] * radii[2])
        return cls(form, direct, out, into, _UP * (rounding + spread) + 1e-290, exponent)

    @cached_property
    def _free(self) -> NDArray[np.int64]:
        return working_slopes(self.form)

    def _chunks(self) -> Iterator[Array]:
        """The matrices at all corners, some at a time."""
        form, free = self.form, self._free
        for first in range(0, 2 ** len(free), _CHUNK):
            places = np.arange(first, min(first + _CHUNK, 2 ** len(free)))
            slopes = np.repeat(form.high[None], len(places), axis=0)
            bits = places[:, None] >> np.arange(len(free)) & 1
            slopes[:, free] = np.where(bits == 1, form.low[free], form.high[free])
            yield self.direct + (self.out * slopes[:, None, :]) @ self.into

    def largest_norm(self) -> float:
        """A proved bound of the norms at all corners: rough ones first, sharp ones where those are large."""
        largest = 0.0
        for matrices in self._chunks():
            rough = rough_norms_above(matrices)
            if not np.isfinite(rough).all():
                return float("inf")
            doubtful = rough > largest
            if doubtful.any():
                largest = max(largest, float(norms_above(matrices[doubtful]).max()))
        return upper_float((arb(largest) + arb(self.error)) * arb((1, self.exponent)))
