"""Fast Gaussian means held against enclosed ones: the proved error of the floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.meanfield.fast_means import checked_variances
from symgrad.meanfield.means import Mean, PairMean
from symgrad.rigor.balls import upper_float, working_precision

__all__ = ["CheckedValues", "checked_mean", "checked_pair_mean"]

Array = NDArray[np.float64]

_BITS = 96


@dataclass(frozen=True)
class CheckedValues:
    """Floats with proved errors.

    Attributes:
        values: on the whole grid.
        checked: the indices of the entries, in the flattened grid, that were compared with an enclosure.
        errors: for each of these an upper bound of the distance to the mean, proved; infinite where the mean could not
            be enclosed.
    """

    values: Array
    checked: NDArray[np.intp]
    errors: Array

    @property
    def largest_error(self) -> float:
        """The largest proved bound of the error among the entries that were compared."""
        return float(self.errors.max(initial=0.0))


def checked_mean(mean: Mean, variances: Any, order: int = 0, *, count: int = 8) -> CheckedValues:
    """A mean, or a derivative by the variance, on a grid in floats, some entries of which are compared with enclosures.

    Args:
        mean: the mean.
        variances: an array.
        order: how often it is differentiated.
        count: how many entries are compared, spread evenly over the flattened grid; at most all.

    Raises:
        InputError: variances that are none, or a count below 1.

    >>> import sympy as sp
    >>> from symgrad.language.elementwise import VARIABLE
    >>> checked_mean(Mean(sp.tanh(VARIABLE) ** 2), [0.5, 1.0, 2.0]).largest_error < 1e-14
    True
    """
    q = checked_variances(variances)
    flat = q.ravel()

    def enclosed(i: int) -> arb:
        return mean.ball(_exact(flat[i]), order)

    return _checked(mean.floats(q, order), enclosed, count)


def checked_pair_mean(mean: PairMean, variances: Any, correlations: Any, *, count: int = 4) -> CheckedValues:
    """The same for means over pairs; the correlations are broadcast with the variances."""
    q, c = np.broadcast_arrays(checked_variances(variances), np.asarray(correlations, dtype=float))
    flat_q, flat_c = q.ravel(), c.ravel()

    def enclosed(i: int) -> arb:
        return mean.ball(_exact(flat_q[i]), _exact(flat_c[i]))

    return _checked(mean.floats(q, c), enclosed, count)


def _checked(values: Array, enclosed: Callable[[int], arb], count: int) -> CheckedValues:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"count: how many entries to compare, at least 1, is needed, got {count!r}")
    flat = np.asarray(values).ravel()
    places = np.unique(np.linspace(0, len(flat) - 1, min(count, len(flat))).round().astype(np.intp))
    with working_precision(_BITS):
        errors = [_distance(float(flat[i]), enclosed(int(i))) for i in places]
    return CheckedValues(np.asarray(values), places, np.array(errors))


def _distance(value: float, ball: arb) -> float:
    if not np.isfinite(value) or not ball.is_finite():
        return float("inf")
    return upper_float(abs(ball - arb(value)))


def _exact(value: Any) -> arb:
    """The ball of just that float, not of its shortest decimal."""
    return arb(float(value))
