"""The best diagonal scaling of the 2-norm: the least rate of ``||S J S^-1||_2`` over all Jacobians, with its proof."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.centres import Proposal, propose
from symgrad.bounds.certificates import Kind, RateCertificate, weighted_constants, zero_power
from symgrad.bounds.normal_loop import NormalLoop, normal_loop
from symgrad.bounds.quadratic_gain import certified_rate
from symgrad.calculus.slope_form import SlopeForm
from symgrad.errors import InputError, NoBoundError

__all__ = [
    "certificate_of",
    "checked_condition",
    "diagonal_certificate",
    "diagonal_proposal",
    "diagonal_weights",
    "solver_accuracy",
]

Array = NDArray[np.float64]

_BITS = 25  # of a weight, so that its square is a float
_SMALL = 96  # states and units up to which the solver goes on for more digits


def diagonal_certificate(form: SlopeForm, condition: float = 1e6) -> RateCertificate:
    """A certificate in the norm ``||S x||_2`` for about the best diagonal S.

    For ``J = diag(slopes) W`` the rate is ``||S diag(max |slope|) W S^-1||_2``; for other models the S-procedure over
    all slopes, with one multiplier for each. A solver proposes S and the multipliers; the rate is what they prove.

    Args:
        form: the Jacobians.
        condition: the largest condition number of S^2, above 1: a larger one allows a lower rate with a larger
            constant, which is at most its root in the 2-norm.

    Raises:
        InputError: a condition that is not a number above 1.
        NoBoundError: no rate is proved, since the numbers leave the range of floats.

    >>> import numpy as np, symgrad as sg
    >>> from symgrad.calculus.slope_form import slope_form
    >>> from symgrad.language.weights import bind
    >>> model = sg.models.elman()
    >>> weights = {"W": [[0.0, 4.0], [0.25, 0.0]], "U": [[1.0], [1.0]], "b": [0.0, 0.0]}
    >>> form = slope_form(model, bind(model, weights))
    >>> found = diagonal_certificate(form)
    >>> round(found.rate, 3), found.verify(form)
    (1.0, True)
    """
    limit = checked_condition(condition)
    loop, proposal = diagonal_proposal(form, limit)
    weights = diagonal_weights(proposal.matrix)
    return certificate_of(form, loop, "diagonal", weights, proposal.multipliers)


@lru_cache(maxsize=4)
def diagonal_proposal(form: SlopeForm, condition: float) -> tuple[NormalLoop, Proposal]:
    """The loop of a form, and what the solver proposes as the best diagonal P; kept for the forms asked about last."""
    loop = normal_loop(form)
    return loop, propose(loop, condition=condition, diagonal=True, accuracy=solver_accuracy(loop))


def checked_condition(condition: Any) -> float:
    """The largest condition number, as a float.

    Raises:
        InputError: anything but a real number above 1.

    >>> checked_condition(100)
    100.0
    """
    number = isinstance(condition, int | float | np.floating | np.integer) and not isinstance(condition, bool)
    value = float(condition) if number else math.nan
    if not 1 < value < math.inf:
        raise InputError(f"condition: {condition!r} was given; accepted is a finite number above 1, such as 1e6")
    return value


def solver_accuracy(loop: NormalLoop) -> float:
    """The relative gap of rates at which a solver may stop: smaller where a step is cheap."""
    return 1e-5 if len(loop.mid) <= _SMALL else 1e-4


def diagonal_weights(matrix: Array) -> Array:
    """S from a diagonal P, rounded so that the squares of its entries are exact in floats.

    >>> weights = diagonal_weights(np.diag([2.0, 4.0]))
    >>> bool(abs(weights[0] ** 2 - 2) < 1e-6), float(weights[1])
    (True, 2.0)
    """
    mantissas, exponents = np.frexp(np.sqrt(np.diag(matrix)))
    return np.ldexp(np.rint(np.ldexp(mantissas, _BITS)), exponents - _BITS)


def certificate_of(
    form: SlopeForm, loop: NormalLoop, kind: Kind, scaling: Array, multipliers: Array
) -> RateCertificate:
    """The certificate for weights S or a matrix P and multipliers of the loop, with the least rate that they prove.

    Raises:
        NoBoundError: they prove none.
    """
    matrix = np.diag(scaling**2) if scaling.ndim == 1 else scaling
    natural = loop.natural_multipliers(multipliers)
    rate = loop.scaled_rate(certified_rate(loop, matrix, loop.scaled_multipliers(natural)))
    constants = weighted_constants(scaling, 2.0)
    if not (0 < rate < math.inf and all(constant.is_finite() for constant in constants.values())):
        raise NoBoundError(
            f"form: no rate in a {kind} norm could be proved for what the solver proposed; its numbers may leave the "
            "range of floats, or the condition allowed may be too large"
        )
    return RateCertificate(kind, rate, constants, 2.0, scaling, natural, zero_power(form.magnitudes()))
