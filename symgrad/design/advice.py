"""advise: remedies for a network with given weights, tried and ranked by the gradient that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.candidates import candidates
from symgrad.design.growth import METHODS, Growth, growth, trial, without_state_ranges
from symgrad.design.questions import Candidate, Question
from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.presentable import Presentable

__all__ = ["Advice", "Proposal", "advise", "proposals", "tried"]

Array = NDArray[np.float64]

_CLEAR = 1.0  # decades from 1 within which a gradient counts as kept
_RETAIN = sp.exp(-1)


@dataclass(frozen=True, eq=False)
class Proposal(Presentable):
    """A remedy that was tried.

    Attributes:
        name: what it is, in a few words.
        formula: the relation that gives the value.
        promise: what the formula says about the gradient, in words.
        changes: what is set, in words.
        model: the recurrence with the remedy.
        weights: name -> array, with the remedy.
        growth: of the gradient with it, proved and simulated.
    """

    name: str
    formula: sp.Basic
    promise: str
    changes: tuple[str, ...]
    model: Recurrence
    weights: Mapping[str, Array]
    growth: Growth


@dataclass(frozen=True, eq=False)
class Advice(Presentable):
    """What :func:`advise` found.

    Attributes:
        model: the recurrence as it is.
        horizon: the number of steps T.
        retain: the part of the gradient that gates are set to leave after T steps.
        now: the growth with the weights as they are.
        proposals: from the one whose typical gradient after T steps is nearest to 1.
        trajectories: how many were simulated.
        seed: of their inputs; None where inputs were given.
    """

    model: Recurrence
    horizon: int
    retain: sp.Expr
    now: Growth
    proposals: tuple[Proposal, ...]
    trajectories: int
    seed: int | None

    @property
    def symptom(self) -> str:
        """What simulation shows of the network as it is, ``"vanishing"``, ``"exploding"`` or ``"kept"``."""
        typical = self.now.typical
        if typical > _CLEAR:
            return "exploding"
        return "vanishing" if typical < -_CLEAR else "kept"

    @property
    def best(self) -> Proposal | None:
        """The first proposal that leaves a gradient nearer to 1 than the network has now; None if there is none."""
        better = (proposal for proposal in self.proposals if proposal.growth.distance < self.now.distance)
        return next(better, None)


def advise(
    model: Recurrence,
    weights: Mapping[Any, Any],
    horizon: int,
    *,
    inputs: Any = None,
    retain: Any = _RETAIN,
    trajectories: int = 8,
    seed: int = 0,
) -> Advice:
    """Remedies for vanishing or exploding gradients, each with its formula, ranked by the gradient at the horizon.

    Each remedy that applies to the model is derived (biases of gates from ``g(b)**T = r``, weights at the edge of chaos
    from ``chi_1 = 1``, a residual scale from ``(1 + a*L)**T <= 1/r``, ...), put in, and the norm of ``dx_T/dx_0`` is
    then bounded and simulated. The ranking is by the simulated norm, which is approximate; the bounds are rigorous.
    Ranges that the model declares for its states are used for the network as it is only: nothing says that they hold
    for a changed one.

    Args:
        model: a recurrence whose steps share their weights.
        weights: symbol or name -> number or array.
        horizon: the number of steps T.
        inputs: (T, m) or (B, T, m) at least T steps long; standard normal ones unless given.
        retain: the part r of a gradient that is to be left after T steps, between 0 and 1.
        trajectories: how many sequences to draw.
        seed: of the inputs that are drawn.

    Raises:
        InputError: an argument of the wrong type or value, a missing or malformed weight, too short sequences.

    >>> import numpy as np, symgrad as sg
    >>> W = 0.5 * np.random.default_rng(0).standard_normal((16, 16)) / 4
    >>> weights = {"W": W, "U": np.ones((16, 1)) / 4, "b": np.zeros(16)}
    >>> advice = sg.design.advise(sg.models.elman(), weights, horizon=50)
    >>> advice.symptom, advice.now.typical < -10, abs(advice.best.growth.typical) < 3
    ('vanishing', True, True)
    """
    part = exact_number("retain", retain)
    if not (part.is_positive and (1 - part).is_positive):
        raise InputError(f"retain: a number between 0 and 1 is needed, got {retain!r}")
    numbers, tried = trial(model, weights, horizon, inputs, trajectories, seed)
    question = Question(without_state_ranges(model), numbers, tried, part)
    count = len(next(iter(tried.inputs.values()), (0,)))
    now = growth(model, numbers, tried)
    return Advice(model, tried.horizon, part, now, proposals(question), count, None if inputs is not None else seed)


def proposals(question: Question) -> tuple[Proposal, ...]:
    """All remedies that apply, tried, from the one whose typical gradient after all steps is nearest to 1."""
    found = [tried(candidate, question) for candidate in candidates(question)]
    return tuple(sorted(found, key=lambda proposal: (proposal.growth.distance, proposal.name)))


def tried(candidate: Candidate, question: Question, methods: tuple[str, ...] = METHODS) -> Proposal:
    """A candidate with the growth that it leaves, bounded by some methods."""
    found = growth(candidate.model, candidate.weights, question.trial, methods)
    named = {str(symbol): array for symbol, array in candidate.weights.values.items()}
    given = candidate.name, candidate.formula, candidate.promise, candidate.changes
    return Proposal(*given, candidate.model, named, found)
