"""The logarithmic norm of a Jacobian with weights put in: the closed form, and the intervals of its entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.slope_form import SlopeForm, slope_form
from symgrad.errors import InputError, NoBoundError
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import exact_ball, working_precision
from symgrad.rigor.logarithmic_norms import logarithmic_norm

__all__ = ["FlowRate", "flow_rate"]

Array = NDArray[np.float64]

_BITS = 128


@dataclass(frozen=True)
class FlowRate:
    """A certified upper bound on the logarithmic norm of every Jacobian.

    Attributes:
        ball: the number, an exact ball or one whose upper end counts.
        method: ``"closed form"``, or ``"entries"`` where intervals of the entries of the Jacobian give less.
    """

    ball: arb
    method: str


def flow_rate(field: Recurrence, weights: Weights, mu: sp.Expr, norm: Norm) -> FlowRate:
    """The least of the bounds that are known for given weights.

    Args:
        field: the right sides of the flow.
        weights: the numbers; of a parameter that is not given nothing is supposed but what the closed form needs.
        mu: the bound in closed form.
        norm: the norm.
    """
    with working_precision(_BITS):
        best = FlowRate(BoundEvaluator(weights).ball(mu).upper(), "closed form")
        try:
            form = slope_form(field, weights)
        except (InputError, NoBoundError):  # a size that only the missing weights tell, or an unbounded slope
            return best
        for value, method in _from_slopes(form, norm):
            if exact_ball(value) < best.ball:
                best = FlowRate(exact_ball(value), method)
    return best


def _from_slopes(form: SlopeForm, norm: Norm) -> Iterator[tuple[float, str]]:
    low, high = form.entries()
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return
    yield _largest_entries(low, high, norm), "entries"
    if norm.p == 2:
        yield _around_the_middle(low, high, norm), "entries"


def _largest_entries(low: Array, high: Array, norm: Norm) -> float:
    """Of the matrix with the upper ends on the diagonal and the largest moduli elsewhere: mu is monotone in these."""
    largest = np.maximum(np.abs(low), np.abs(high))
    np.fill_diagonal(largest, np.diag(high))
    return logarithmic_norm(largest, float(norm.p)).upper


def _around_the_middle(low: Array, high: Array, norm: Norm) -> float:
    """Of all matrices within a radius of the middle of the intervals."""
    middle = low / 2 + high / 2
    radius = np.maximum(np.nextafter(high - middle, np.inf), np.nextafter(middle - low, np.inf))
    return logarithmic_norm(middle, float(norm.p), radius=np.where(low == high, 0.0, radius)).upper
