"""Biases of gates and leaks with which the direct path of a state keeps a wanted part of a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import sympy as sp

from symgrad.design.direct_paths import DirectPath, direct_paths, entering_gate
from symgrad.design.questions import RETAINED, STEPS, Candidate, Question, solution
from symgrad.design.solving import solve
from symgrad.errors import SymgradError

__all__ = ["gates"]

_LEFT = RETAINED ** (1 / STEPS)


def gates(question: Question) -> Iterator[Candidate]:
    """Biases of gates and leaks, such that the direct path of a state keeps the wanted part."""
    for path in direct_paths(question.model):
        found = (_gate(question, path, symbol) for symbol in sorted(path.parameters, key=str))
        kept = list(islice(filter(None, found), 1))
        yield from kept
        yield from (coupled for coupled in (_coupled(question, path, one) for one in kept) if coupled is not None)


def _coupled(question: Question, path: DirectPath, kept: Candidate) -> Candidate | None:
    """A kept state whose entering gate lets in as much as is forgotten, so that the state does not grow."""
    entering = entering_gate(question.model, path)
    symbol = min(entering.parameters, key=str, default=None) if entering is not None else None
    if (
        entering is None
        or symbol is None
        or any(question.weights.values[p].ndim == 0 for p in entering.parameters.values())
    ):
        return None
    factor = entering.factor.xreplace(dict.fromkeys(set(entering.parameters) - {symbol}, sp.S.Zero))
    value = solution(factor, symbol, 1 - question.per_step)
    if value is None:
        return None
    values = {parameter: value if s == symbol else 0.0 for s, parameter in entering.parameters.items()}
    arrays = {key: np.full_like(question.weights.values[key], number) for key, number in values.items()}
    return Candidate(
        f"{kept.name}, and {' and '.join(map(str, arrays))} to let in what is forgotten",
        sp.And(kept.formula, _gate_formula(factor, symbol, 1 - _LEFT), evaluate=False),
        f"{kept.promise}, and the gate that lets in is one minus that which keeps, so that {path.state} does not grow",
        (*kept.changes, *(f"{key} = {number:.6g}" for key, number in values.items())),
        question.model,
        replace(kept.weights, values={**kept.weights.values, **arrays}),
    )


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
        _gate_formula(factor, symbol, _LEFT),
        f"along the direct path of {path.state} the part r of a gradient is left after T steps",
        tuple(f"{key} = {number:.6g}" for key, number in values.items()),
        question.model,
        question.changed(arrays),
    )


def _gate_formula(factor: sp.Expr, symbol: sp.Symbol, target: sp.Expr) -> sp.Basic:
    """The value of a bias or leak in the number of steps and the part retained; solved where that is possible."""
    try:
        found = solve(factor, for_=symbol, target=target).main
    except SymgradError:
        found = None
    return sp.Eq(factor, target, evaluate=False) if found is None else found.formula
