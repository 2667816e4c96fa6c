"""Certificates of rates: numbers that prove ``||J_k ... J_1||_p <= C_p rate^k`` for all Jacobians of a slope form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.bounds.normal_loop import NormalLoop, normal_loop
from symgrad.bounds.quadratic_gain import proves_rate
from symgrad.calculus.slope_form import SlopeForm
from symgrad.language.norms import norm as norm_of
from symgrad.presentable import Presentable
from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import point_matrix
from symgrad.rigor.matrix_norms import operator_norm
from symgrad.rigor.weighted_norms import diagonal_distortion, quadratic_distortion

__all__ = ["Kind", "RateCertificate", "norm_index", "weighted_constants", "weighted_sums", "zero_power"]

Array = NDArray[np.float64]
Kind = Literal["perron", "diagonal", "quadratic"]

NORMS = (1.0, 2.0, math.inf)
_BITS = 160
_ROUNDING = 2.0**-53


def norm_index(p: Any) -> float:
    """The number 1, 2 or inf of a norm given in any accepted way.

    Raises:
        InputError: another norm.

    >>> norm_index("inf"), norm_index(2)
    (inf, 2.0)
    """
    return float(norm_of(p).p)


@dataclass(frozen=True, eq=False)
class RateCertificate(Presentable):
    """A proof that products of Jacobians grow at most geometrically: a norm in which each Jacobian is at most ``rate``.

    For every sequence of slopes in the box of the form, and every k >= 0, ``||J_k ... J_1||_p <= C_p rate^k``.

    Attributes:
        kind: ``"perron"`` weights found from the Perron vectors of the moduli of the entries; ``"diagonal"`` the best
            weights of the 2-norm; ``"quadratic"`` a norm sqrt(x'Px).
        rate: an upper bound of every Jacobian in the norm at hand, as an exact float.
        constants: C_p for p = 1.0, 2.0, inf; exact balls.
        index: the norm ``||diag(scaling) x||_index`` that is meant; 2 for a quadratic norm.
        scaling: (N,) weights, or the (N, N) matrix P.
        multipliers: one for each slope of the form, >= 0, of ``(w - low z) (high z - w) >= 0``; 0 for slopes that do
            not vary or have no effect, and empty for ``"perron"``.
        vanishes_after: the number of factors from which on every product is zero, or None if there is none such that
            the moduli of the entries prove it.
    """

    kind: Kind
    rate: float
    constants: Mapping[float, arb]
    index: float
    scaling: Array
    multipliers: Array
    vanishes_after: int | None = None

    def bound(self, k: int, p: Any = 2) -> arb:
        """An upper bound of the norm of every product of ``k`` Jacobians, as an exact ball.

        Raises:
            InputError: another norm than 1, 2, inf.
        """
        if self.vanishes_after is not None and k >= self.vanishes_after:
            return arb(0)
        with working_precision(_BITS):
            return (self.constants[norm_index(p)] * arb(self.rate) ** k).upper()

    def verify(self, form: SlopeForm) -> bool:
        """Whether all of the certificate is proved again, from nothing but its own numbers and the slope form.

        Forged or altered rates, constants, weights and multipliers are found out; a True is a proof.
        """
        if not self._well_formed(form) or not self._constants_hold() or not self._vanishing_holds(form):
            return False
        if self.kind == "perron":
            return weighted_sums(form.magnitudes(), self.scaling, self.index) <= arb(self.rate)
        loop = normal_loop(form)
        if self.index != 2 or self.multipliers.shape != (form.count,):
            return False
        return proves_rate(loop, self.matrix, loop.scaled_multipliers(self.multipliers), _scaled(self.rate, loop))

    @property
    def matrix(self) -> Array:
        """P of the quadratic norm, that of the square of the weights for a weighted 2-norm."""
        return self.scaling if self.scaling.ndim == 2 else np.diag(self.scaling**2)

    def _well_formed(self, form: SlopeForm) -> bool:
        shapes = [(form.size,)] if self.kind != "quadratic" else [(form.size,), (form.size, form.size)]
        known = self.index in NORMS and set(self.constants) == set(NORMS)
        return known and self.scaling.shape in shapes and bool(np.isfinite(self.scaling).all())

    def _constants_hold(self) -> bool:
        proved = weighted_constants(self.scaling, self.index)
        return all(proved[p] <= self.constants[p] for p in NORMS)

    def _vanishing_holds(self, form: SlopeForm) -> bool:
        if self.vanishes_after is None:
            return True
        found = zero_power(form.magnitudes())
        return found is not None and found <= self.vanishes_after


def _scaled(rate: float, loop: NormalLoop) -> float:
    """A rate of the Jacobians as one of the scaled loop, exactly; nan where that is no float."""
    try:
        scaled = math.ldexp(rate, -loop.exponent)
    except OverflowError:
        return math.nan
    return scaled if math.ldexp(scaled, loop.exponent) == rate else math.nan


def weighted_constants(scaling: Array, index: float) -> dict[float, arb]:
    """C_p with ``||A||_p <= C_p ||A||`` for each p, where ||A|| is the norm that belongs to a scaling; inf if none is.

    >>> weighted_constants(np.array([1.0, 4.0]), 2.0)[2.0] == 4
    True
    """
    if scaling.ndim == 2:
        return {p: quadratic_distortion(scaling, p) for p in NORMS}
    if not (np.isfinite(scaling).all() and bool((scaling > 0).all())):
        return dict.fromkeys(NORMS, arb.pos_inf())
    return {p: diagonal_distortion(scaling, index, p) for p in NORMS}


def weighted_sums(sizes: Array, weights: Array, index: float) -> arb:
    """An upper bound of ``||S N S^-1||_index`` for N >= 0 and S = diag(weights); inf for weights that are no weights.

    >>> weighted_sums(np.array([[0.0, 4.0], [1.0, 0.0]]), np.array([1.0, 2.0]), math.inf) == 2
    True
    """
    if not (np.isfinite(weights).all() and bool((weights > 0).all()) and np.isfinite(sizes).all()):
        return arb.pos_inf()
    with working_precision(_BITS), np.errstate(all="ignore"):
        if index == 2:
            scaled = weights[:, None] * sizes / weights[None, :]
            spread = np.where(sizes > 0, 4 * _ROUNDING * scaled + 2.0**-1020 * np.maximum(1.0, 1 / weights), 0.0)
            if not np.isfinite(scaled + spread).all():
                return arb.pos_inf()
            return arb(operator_norm(scaled, radius=spread).upper)
        column = [arb(entry) for entry in weights.tolist()]
        if index == 1:
            return _largest_ratio(sizes.T, column)
        return _largest_ratio(sizes, [1 / entry for entry in column])


def _largest_ratio(rows: Array, column: list[arb]) -> arb:
    """An upper bound of all ``(N v)_i / v_i``, for the balls v > 0 of a column (Collatz and Wielandt)."""
    sums = (point_matrix(rows) * arb_mat(len(column), 1, column)).entries()
    largest = arb(0)
    for total, entry in zip(sums, column, strict=True):
        largest = largest.max(total / entry)
    return largest.upper()


def zero_power(sizes: Array) -> int | None:
    """The least m with N^m = 0 for the pattern of non-zero entries of N, or None if its graph has a cycle.

    >>> zero_power(np.array([[0.0, 1.0], [0.0, 0.0]])), zero_power(np.eye(2))
    (2, None)
    """
    left = np.arange(len(sizes))
    pattern = sizes != 0
    for steps in range(len(sizes) + 1):
        if not left.size:
            return steps
        reached = pattern[np.ix_(left, left)].any(axis=1)
        if reached.all():
            return None
        left = left[reached]
    return None
