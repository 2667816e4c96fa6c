"""The least rate in a quadratic norm by a general solver of semidefinite programmes, through cvxpy."""

from __future__ import annotations

import math
import warnings
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.centres import Proposal
from symgrad.bounds.normal_loop import NormalLoop
from symgrad.bounds.quadratic_gain import least_rate
from symgrad.errors import InputError, NoBoundError

__all__ = ["semidefinite_proposal"]

Array = NDArray[np.float64]

_STEPS = 30
_ACCURACY = 1e-4  # of the rate, relatively
_OPTIONS: dict[str, dict[str, Any]] = {"clarabel": {}, "scs": {"eps_abs": 1e-6, "eps_rel": 1e-6, "max_iters": 20000}}


def semidefinite_proposal(loop: NormalLoop, *, condition: float, solver: str) -> Proposal:
    """P and lambda for about the least scaled rate, by bisection of its logarithm.

    Args:
        loop: the Jacobians.
        condition: the largest condition number of P.
        solver: ``"clarabel"`` or ``"scs"``.

    Raises:
        InputError: cvxpy or the solver is not installed.
        NoBoundError: the solver finds no P at any rate.
    """
    cvxpy = _installed(solver)
    programme = _Programme(cvxpy, loop, condition, solver)
    best = Proposal(np.eye(loop.states), np.ones(loop.units), math.inf)
    high = 2.0
    while not math.isfinite(best.rate) and high < 2.0**40:
        high *= 4
        best = programme.solved(high) or best
    if not math.isfinite(best.rate):
        raise NoBoundError(f"solver: {solver} finds no quadratic norm for this form at any rate; try 'centres'")
    low = best.rate * 1e-6
    for _ in range(_STEPS):
        if best.rate <= low * (1 + _ACCURACY) or best.rate <= 1e-9:
            break
        middle = math.sqrt(low * best.rate)
        found = programme.solved(middle)
        if found is not None and found.rate < best.rate:
            best = found
        if found is None or found.rate > middle * (1 + _ACCURACY):
            low = middle
    return best


def _installed(solver: str) -> Any:
    """The module cvxpy, with the solver at hand."""
    try:
        cvxpy = import_module("cvxpy")
    except ImportError as error:
        raise InputError(
            f"solver: {solver!r} needs cvxpy, which is not installed; accepted are 'centres', which needs nothing, or "
            "an installation with pip install 'symgrad[sdp]'"
        ) from error
    if solver.upper() not in cvxpy.installed_solvers():
        raise InputError(
            f"solver: {solver!r} is not installed; accepted are 'centres', which needs nothing, or an installation "
            f"with pip install 'symgrad[sdp]' {solver}"
        )
    return cvxpy


class _Programme:
    """The search for P and lambda farthest inside, for a rate that is a parameter."""

    def __init__(self, cvxpy: Any, loop: NormalLoop, condition: float, solver: str) -> None:
        self.cvxpy, self.loop, self.solver = cvxpy, loop, solver
        states, units = loop.states, loop.units
        self.square = cvxpy.Parameter(nonneg=True)
        self.matrix = cvxpy.Variable((states, states), symmetric=True)
        self.multipliers = cvxpy.Variable(units, nonneg=True) if units else None
        self.room = cvxpy.Variable()
        weight, kept = self._block(self.matrix), self._block(self.square * self.matrix)
        inequality = kept - loop.mid.T @ weight @ loop.mid
        one = np.eye(states)
        bounds = [self.matrix >> one, self.matrix << condition * one, self.room <= 1]
        self.problem = cvxpy.Problem(
            cvxpy.Maximize(self.room), [inequality >> self.room * np.eye(states + units), *bounds]
        )

    def _block(self, first: Any) -> Any:
        """``diag(first, diag(lambda))``."""
        if self.multipliers is None:
            return first
        corner = np.zeros((self.loop.states, self.loop.units))
        return self.cvxpy.bmat([[first, corner], [corner.T, self.cvxpy.diag(self.multipliers)]])

    def solved(self, rate: float) -> Proposal | None:
        """What the solver finds at a rate; None where it finds nothing of use."""
        self.square.value = rate * rate
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an inaccurate solution is judged by what it proves
            try:
                self.problem.solve(solver=self.solver.upper(), **_OPTIONS[self.solver])
            except self.cvxpy.error.SolverError:
                return None
        matrix = self.matrix.value
        if matrix is None:
            return None
        matrix = (matrix + matrix.T) / 2
        multipliers = np.zeros(0) if self.multipliers is None else np.maximum(self.multipliers.value, 0.0)
        found = Proposal(matrix, multipliers, least_rate(self.loop, matrix, multipliers))
        return found if math.isfinite(found.rate) else None
