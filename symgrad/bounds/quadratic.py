"""Common quadratic norms: the least rate of all Jacobians in one norm sqrt(x'Px), with its proof."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.centres import Proposal, propose
from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.diagonal_scaling import (
    certificate_of,
    checked_condition,
    diagonal_proposal,
    diagonal_weights,
    solver_accuracy,
)
from symgrad.bounds.normal_loop import NormalLoop
from symgrad.bounds.quadratic_gain import certified_rate
from symgrad.bounds.semidefinite import semidefinite_proposal
from symgrad.calculus.slope_form import SlopeForm
from symgrad.errors import InputError, NoBoundError

__all__ = ["Solver", "quadratic_certificate"]

Array = NDArray[np.float64]
Solver = Literal["centres", "clarabel", "scs"]

_SOLVERS = get_args(Solver)


def quadratic_certificate(
    form: SlopeForm, condition: float = 1e6, solver: Solver = "centres", rate: float | None = None
) -> RateCertificate:
    """A certificate in a norm ``sqrt(x'Px)`` for about the best P: never a higher rate than in the best diagonal one.

    The rate is what the S-procedure proves with one multiplier for each slope in its own interval. A solver proposes P
    and the multipliers; that they prove the rate is then shown in floats with error bounds, and the rate is rounded up
    until it is. (For ``J = D W`` with slopes in [0, s] this is the common quadratic Lyapunov function of Boyd, El
    Ghaoui, Feron, Balakrishnan, *Linear Matrix Inequalities in System and Control Theory*, 1994, section 5.1.)

    Args:
        form: the Jacobians.
        condition: the largest condition number of P, above 1: a larger one allows a lower rate with a larger constant,
            which in the 2-norm is sqrt(cond P).
        solver: ``"centres"``, which needs nothing else and takes seconds for 128 units; or a solver of semidefinite
            programmes through cvxpy: ``"clarabel"`` for up to about 24 units, ``"scs"`` for a few more.
        rate: a rate that is enough: the solver stops there. By default it goes on to the least.

    Raises:
        InputError: a condition that is not above 1, an unknown solver, a solver that is not installed.
        NoBoundError: ``rate`` is given and not proved; or nothing is, since numbers leave the range of floats.

    >>> import numpy as np, symgrad as sg
    >>> from symgrad.calculus.slope_form import slope_form
    >>> from symgrad.language.weights import bind
    >>> model = sg.models.elman()
    >>> weights = {"W": [[0.3, 0.8], [-0.8, 0.3]], "U": [[1.0], [1.0]], "b": [0.0, 0.0]}
    >>> form = slope_form(model, bind(model, weights))
    >>> found = quadratic_certificate(form)
    >>> found.rate < 0.86, found.verify(form)
    (True, True)
    """
    limit, target = checked_condition(condition), _checked_rate(rate)
    if solver not in _SOLVERS:
        raise InputError(f"solver: {solver!r} was given; accepted are {', '.join(map(repr, _SOLVERS))}")
    loop, diagonal = diagonal_proposal(form, limit)
    found = _best(loop, _proposals(loop, diagonal, limit, solver, _loop_rate(loop, target)))
    certificate = certificate_of(form, loop, "quadratic", found.matrix, found.multipliers)
    if rate is not None and certificate.rate > rate:
        raise NoBoundError(
            f"rate: {rate} was given, and the least rate proved in a quadratic norm with condition number at most "
            f"{limit:g} is {certificate.rate:.6g}: no norm was found in which a step with any slopes in their "
            "intervals does better, though products of many may. Accepted are higher rates; a larger condition, or "
            "narrower ranges of the states and inputs, can prove lower ones"
        )
    return certificate


def _checked_rate(rate: Any) -> float:
    """The rate at which to stop, 0 for none."""
    if rate is None:
        return 0.0
    number = isinstance(rate, int | float | np.floating | np.integer) and not isinstance(rate, bool)
    if not number or not 0 < float(rate) < math.inf:
        raise InputError(f"rate: {rate!r} was given; accepted is a positive number, or None for the least rate")
    return float(rate)


def _loop_rate(loop: NormalLoop, rate: float) -> float:
    """A little less than the scaled rate of a loop that belongs to a rate."""
    try:
        return math.ldexp(rate, -loop.exponent) * (1 - 1e-9)
    except OverflowError:
        return math.inf


def _proposals(loop: NormalLoop, diagonal: Proposal, limit: float, solver: Solver, target: float) -> list[Proposal]:
    """The best diagonal P, with exact squares as entries as in its own certificate, and the best P from there."""
    squares = Proposal(np.diag(diagonal_weights(diagonal.matrix) ** 2), diagonal.multipliers, diagonal.rate)
    if solver != "centres":
        return [squares, semidefinite_proposal(loop, condition=limit, solver=solver)]
    start = diagonal.matrix, diagonal.multipliers
    return [squares, propose(loop, condition=limit, accuracy=solver_accuracy(loop), target=target, start=start)]


def _best(loop: NormalLoop, proposals: list[Proposal]) -> Proposal:
    """The one with the least rate proved."""
    return min(proposals, key=lambda item: certified_rate(loop, item.matrix, item.multipliers))
