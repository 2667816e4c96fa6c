"""Norms of products of Jacobians along one sequence of a large layer, in floats with proved error bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.trajectory_bound_floats import StepJacobians
from symgrad.numerics.trajectory_bound_input import given_sequence
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm, certified
from symgrad.numerics.trajectory_bound_states import Course
from symgrad.rigor.balls import working_precision
from symgrad.rigor.rounded_products import RoundedMatrix, prefix_products, whole_product

__all__ = ["sequence_norm", "sequence_norms"]

_FIRST_BITS, _MOST_BITS = 64, 1024
_NARROW = 2.0**-40  # error of a factor whose largest entry is about 1


def sequence_norms(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    inputs: Any = None,
    initial: Mapping[Any, Any] | None = None,
    *,
    steps: int | None = None,
    count: int | None = None,
    sharp: bool = True,
) -> tuple[CertifiedNorm, ...]:
    """The 2-norms of the last k Jacobians' products for k = 1 ... T, from both sides.

    As :func:`symgrad.trajectory_bound` gives them, for larger layers and with less precision: the states are enclosed
    in ball arithmetic, and products of Jacobians are taken in floats with proved error bounds. Both sides are true in
    any case; they are far apart where products lose more digits than floats have.

    Args:
        model: the recurrence.
        weights: symbol or name -> number or array, for all parameters; taken as exact.
        inputs: an array of shape (T, m), or a mapping name -> array; taken as exact.
        initial: symbol or name -> (n,); states that are left out start at zero.
        steps: the number of steps T, needed only for a model without inputs.
        count: the largest k; T unless given, or where T is less.
        sharp: the upper side up to rounding; else within the 32nd root of the number of states, which is quicker.

    Raises:
        InputError: as for :func:`symgrad.trajectory_bound`, or a Jacobian beyond the largest float.
        NoBoundError: a state that has no proved bound.

    Source: Rump 1999, Fast and parallel interval arithmetic, BIT 39.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.diag([0.5, 2.0]), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> norms = sequence_norms(sg.models.elman("identity"), weights, np.zeros((3, 1)))
    >>> [round(float(value.upper), 12) for value in norms]
    [2.0, 4.0, 8.0]
    """
    course = Course(given_sequence(model, weights, inputs, initial, steps))
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise InputError(f"count: a positive integer is needed, got {count!r}")
    factors = _factors(course, count)
    return tuple(certified(*product.norm(sharp)) for product in prefix_products(factors))


def sequence_norm(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    inputs: Any = None,
    initial: Mapping[Any, Any] | None = None,
    *,
    steps: int | None = None,
    sharp: bool = True,
) -> CertifiedNorm:
    """The 2-norm of the product of all Jacobians along a sequence, the last one of :func:`sequence_norms`.

    It takes a third of the time. Arguments, errors and source are the same.
    """
    course = Course(given_sequence(model, weights, inputs, initial, steps))
    return certified(*whole_product(_factors(course, None)).norm(sharp))


def _factors(course: Course, count: int | None) -> list[RoundedMatrix]:
    """The first ones of ``J_T, ..., J_1``, at a precision at which more would not make them narrower."""
    bits, widest = _FIRST_BITS, float("inf")
    found: list[RoundedMatrix] = []
    while bits <= _MOST_BITS:
        with working_precision(bits):
            jacobians = StepJacobians(shared_nodes(course.sequence.model).blocks)
            found = [jacobians.at(point).rounded() for point in course.evaluators(bits)[::-1][:count]]
        before, widest = widest, max(float(factor.error) for factor in found)
        if widest <= _NARROW or widest > before / 2:
            break
        bits *= 4
    return found
