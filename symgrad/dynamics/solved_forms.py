"""The equation of a fixed point solved for one state: ``x = G(x)`` with as little of x on the right as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import sympy as sp

from symgrad.calculus.structure import multi_affine
from symgrad.calculus.unit_ranges import IntervalEvaluator
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.errors import SymgradError
from symgrad.language.construct import add_vectors, apply_operator, constant_vector, hadamard_vectors, scale
from symgrad.language.elementwise import Activation
from symgrad.language.operators import Elementwise, Identity, Variable, Vector
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["SolvedForm", "quotient", "solved_forms"]

Monomials = dict[frozenset[Vector], sp.Expr]


@dataclass(frozen=True, eq=False)
class SolvedForm:
    """One state at a fixed point is the quotient of two vectors.

    Attributes:
        state: which one.
        numerator: a vector expression.
        denominator: another, or None for 1.
        guard: holds wherever these entries are not zero; None where it holds at every point.
    """

    state: sp.Expr
    numerator: Vector
    denominator: Vector | None = None
    guard: Vector | None = None

    def over(self, evaluator: IntervalEvaluator) -> Intervals:
        """Intervals that hold the state of all fixed points in the boxes; all numbers where nothing follows."""
        found = evaluator.vector(self.numerator)
        if self.denominator is not None:
            found = quotient(found, evaluator.vector(self.denominator))
        if self.guard is None:
            return found
        guard = evaluator.vector(self.guard)
        holds = (guard.low > 0) | (guard.high < 0)
        return Intervals(np.where(holds, found.low, -np.inf), np.where(holds, found.high, np.inf))


def quotient(left: Intervals, right: Intervals) -> Intervals:
    """The quotient entry by entry, rounded outwards; all numbers where the denominator may be zero."""
    with np.errstate(all="ignore"):
        ends = np.stack([1.0 / right.high, 1.0 / right.low])
    safe = (right.low > 0) | (right.high < 0)
    low = np.where(safe, np.nextafter(ends[0], -np.inf), -np.inf)
    high = np.where(safe, np.nextafter(ends[1], np.inf), np.inf)
    found = left * Intervals(low, high)
    return Intervals(np.where(safe, found.low, -np.inf), np.where(safe, found.high, np.inf))


def solved_forms(system: VectorSystem) -> tuple[SolvedForm, ...]:
    """For each state whose equation can be solved for it a form: of a GRU ``h = n``, of a leaky model ``h = s(...)``.

    The right side is read as a polynomial that is affine in the state: ``gain o x + rest = 0``.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.vector_values import vector_system
    >>> model = sg.models.leaky()
    >>> values = {"W": np.eye(2), "U": np.eye(2), "b": [0, 0], "u": [0, 0], "alpha": 0.5}
    >>> (form,) = solved_forms(vector_system(model, values))
    >>> type(form.numerator).__name__, form.denominator, form.guard
    ('Elementwise', None, None)
    """
    forms = (_form(system, state, node) for state, node in system.nodes.updates.items())
    return tuple(form for form in forms if form is not None)


def _form(system: VectorSystem, state: sp.Expr, node: Vector) -> SolvedForm | None:
    terms = multi_affine(node)
    own = Variable(state)
    if terms is None:
        return SolvedForm(state, node) if system.is_map else None
    gain = {bases - {own}: c for bases, c in terms.items() if own in bases}
    rest = {bases: c for bases, c in terms.items() if own not in bases}
    if system.is_map:
        gain[frozenset()] = sp.expand(gain.get(frozenset(), sp.S.Zero) - 1)
    gain = {bases: c for bases, c in gain.items() if not _number(system, c).is_zero}
    if not gain:
        return SolvedForm(state, node) if system.is_map else None
    strict = _never_zero(system, gain)
    guard = None if strict else _vector(gain, own.size)
    shared = _divided(system, rest, gain)
    if shared is not None:
        return SolvedForm(state, _vector(shared, own.size), None, guard)
    minus = {bases: -c for bases, c in rest.items()}
    return SolvedForm(state, _vector(minus, own.size), _vector(gain, own.size), _vector(gain, own.size))


def _number(system: VectorSystem, coefficient: sp.Expr) -> sp.Expr:
    return sp.sympify(coefficient).xreplace(dict(system.scalars))


def _divided(system: VectorSystem, rest: Monomials, gain: Monomials) -> Monomials | None:
    """``- rest / gain`` where the division leaves no remainder."""
    inside = frozenset[Vector]().union(*gain)
    groups: dict[frozenset[Vector], Monomials] = {}
    for bases, coefficient in rest.items():
        groups.setdefault(bases - inside, {})[bases & inside] = coefficient
    found: Monomials = {}
    for outer, inner in groups.items():
        if inner.keys() != gain.keys():
            return None
        ratios = [sp.cancel(-_number(system, inner[key]) / _number(system, gain[key])) for key in gain]
        if any(sp.cancel(ratio - ratios[0]) != 0 for ratio in ratios):
            return None
        found[outer] = ratios[0]
    return found


def _never_zero(system: VectorSystem, gain: Monomials) -> bool:
    """Whether the gain is zero at no point: a number, or affine in one function that does not reach the value."""
    numbers = {bases: _number(system, c) for bases, c in gain.items()}
    if any(c.free_symbols for c in numbers.values()):
        return False
    bases = frozenset[Vector]().union(*numbers)
    if not bases:
        return bool(numbers[frozenset()].is_nonzero)
    (base, *others) = bases
    if others or not isinstance(base, Elementwise):
        return False
    constant, slope = (numbers.get(key, sp.S.Zero) for key in (frozenset[Vector](), frozenset([base])))
    return _avoids_zero(constant + slope * base.function.expr)


def _avoids_zero(formula: sp.Expr) -> bool:
    """Whether a formula in one variable is proved to have one strict sign on all real numbers."""
    try:
        found = Activation("gain", formula).range.extrema
    except SymgradError:
        return False
    if found is None:
        return False
    above = found.inf.value.is_positive or (found.inf.value.is_zero and found.inf.attained is False)
    below = found.sup.value.is_negative or (found.sup.value.is_zero and found.sup.attained is False)
    return bool(above or below)


def _vector(terms: Mapping[frozenset[Vector], sp.Expr], size: sp.Expr) -> Vector:
    """The polynomial as an expression node."""
    parts = [_term(bases, coefficient, size) for bases, coefficient in terms.items()]
    return add_vectors(*parts) if parts else constant_vector(sp.S.Zero, size)


def _term(bases: frozenset[Vector], coefficient: sp.Expr, size: sp.Expr) -> Vector:
    if not bases:
        return constant_vector(coefficient, size)
    product = reduce(hadamard_vectors, sorted(bases, key=str))
    return apply_operator(scale(coefficient, Identity(size)), product)
