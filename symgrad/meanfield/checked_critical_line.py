"""Proof that solutions of the critical line in floats are next to exact ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.elementwise import Activation
from symgrad.meanfield.fast_critical_line import CriticalLineFloats
from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import upper_float, working_precision

__all__ = ["CheckedLine", "checked_critical_line"]

Array = NDArray[np.float64]

_BITS = 96
_RADII = (1e-11, 1e-8, 1e-5)  # relative, of the boxes in which a solution is looked for


@dataclass(frozen=True)
class CheckedLine:
    """Proved errors of some solutions of a critical line.

    Attributes:
        places: the row and column of each solution that was checked.
        errors: an upper bound of the relative error of its sigma_w^2; infinite where no solution next to it is proved.
    """

    places: tuple[tuple[int, int], ...]
    errors: Array

    @property
    def largest_error(self) -> float:
        """The largest of the bounds."""
        return float(self.errors.max(initial=0.0))


def checked_critical_line(activation: Activation, line: CriticalLineFloats, *, count: int = 4) -> CheckedLine:
    """Encloses solutions next to some of those in floats, by the interval Newton method for the variance.

    Args:
        activation: phi, of which the line is.
        line: what was found in floats.
        count: how many solutions with q > 0 are checked, spread evenly over the line; at most all.

    Raises:
        InputError: a count below 1.

    >>> import symgrad as sg
    >>> from symgrad.meanfield.fast_critical_line import critical_line_floats
    >>> phi = sg.activation("erf")
    >>> checked_critical_line(phi, critical_line_floats(phi, [0.05, 0.5])).largest_error < 1e-12
    True
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"count: how many solutions to check, at least 1, is needed, got {count!r}")
    rows, columns = np.nonzero(line.q > 0)
    if not rows.size:
        return CheckedLine((), np.zeros(0))
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))
    places = tuple((int(rows[i]), int(columns[i])) for i in chosen)
    means = Mean(activation.expr**2), Mean(activation.derivative.expr**2)
    with working_precision(_BITS):
        errors = [
            _error(means, float(line.sigma_b2[place[0]]), float(line.sigma_w2[place]), float(line.q[place]))
            for place in places
        ]
    return CheckedLine(places, np.array(errors))


def _error(means: tuple[Mean, Mean], offset: float, gain: float, q: float) -> float:
    """A bound of the relative error of one sigma_w^2."""
    middle = arb(q)
    square, slope = (mean.ball(middle) for mean in means)
    residual = middle - square / slope - arb(offset)
    for radius in _RADII:
        box = middle * (1 + arb(0, radius))
        k, m, k1, m1 = (mean.ball(box, order) for order in (0, 1) for mean in means)
        solution = middle - residual / (1 - (k1 - k * m1 / m) / m)
        if solution.is_finite() and box.contains_interior(solution):  # so there is exactly one in the box
            found = abs(arb(gain) * means[1].ball(solution) - 1)
            return upper_float(found) if found.is_finite() else float("inf")
    return float("inf")
