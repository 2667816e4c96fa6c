"""Biases of gates and leaks with which the direct path of a state keeps a wanted part of a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import sympy as sp

from symgrad.design.direct_paths import DirectPath, direct_paths
from symgrad.design.questions import RETAINED, STEPS, Candidate, Question, solution
from symgrad.design.solving import solve
from symgrad.errors import SymgradError

__all__ = ["gates"]


def gates(question: Question) -> Iterator[Candidate]:
    """Biases of gates and leaks, such that the direct path of a state keeps the wanted part."""
    for path in direct_paths(question.model):
        found = (_gate(question, path, symbol) for symbol in sorted(path.parameters, key=str))
        yield from (candidate for candidate in islice(filter(None, found), 1))


def _gate(question: Question, path: DirectPath, symbol: sp.Symbol) -> Candidate | None:
    """One parameter solved for, with the other biases zero and the other scalars as they are."""
    given, others = question.weights.values, {s: p for s, p in path.parameters.items() if s != symbol}
    biases = {other: parameter for other, parameter in others.items() if given[parameter].ndim > 0}
    scalars = {other: sp.Float(float(given[p]), 17) for other, p in others.items() if other not in biases}
    factor = path.factor.xreplace(dict.fromkeys(biases, sp.S.Zero))
    value = solution(factor.xreplace(scalars), symbol, question.per_step)
    if value is None:
        return None
    values = {path.parameters[symbol]: value, **dict.fromkeys(biases.values(), 0.0)}
    arrays = {key: np.full_like(given[key], number) for key, number in values.items()}
    return Candidate(
        f"set {' and '.join(map(str, arrays))}",
        _gate_formula(factor, symbol),
        f"along the direct path of {path.state} the part r of a gradient is left after T steps",
        tuple(f"{key} = {number:.6g}" for key, number in values.items()),
        question.model,
        question.changed(arrays),
    )


def _gate_formula(factor: sp.Expr, symbol: sp.Symbol) -> sp.Basic:
    """The value of a bias or leak in the number of steps and the part retained; solved where that is possible."""
    target = RETAINED ** (1 / STEPS)
    try:
        found = solve(factor, for_=symbol, target=target).main
    except SymgradError:
        found = None
    return sp.Eq(factor, target, evaluate=False) if found is None else found.formula
