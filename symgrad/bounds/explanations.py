"""Why there is no bound: the ranges that are missing, the functions that no range tames, the hypotheses that fail."""

from __future__ import annotations

import sympy as sp

from symgrad.bounds.inequality import (
    EntryRange,
    Inequality,
    MinimumModulusOf,
    Quantity,
)
from symgrad.errors import NoBoundError
from symgrad.language.norms import OperatorNorm
from symgrad.language.operators import (
    Apply,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Variable,
    Vector,
    VectorSum,
    walk,
)
from symgrad.language.recurrence import Recurrence
from symgrad.language.to_sympy import operator_to_sympy, vector_to_sympy

__all__ = ["explain_infinite", "explain_zero"]

_LONGEST = 120  # characters of an expression that a message shows
_SHOWN = 2  # reasons of one kind that a message lists


def explain_infinite(inequality: Inequality) -> NoBoundError:
    """The error for a bound that is infinite: which ranges are missing, or which function no range tames."""
    culprits = _Culprits()
    culprits.follow(inequality)
    parts = sorted(culprits.reasons)
    if culprits.undeclared:
        names = sorted(culprits.undeclared)
        which = " and ".join(f"sup|{name}|" for name in names)
        ranges = ", ".join(f"{name}: sg.Interval(low, high)" for name in names)
        parts = [f"{which} unbounded: declare the range with model.assuming({{{ranges}}})", *parts]
    return NoBoundError(f"no finite bound: {'; '.join(parts)}")


class _Culprits:
    """Where the infinite ends of an inequality come from.

    Attributes:
        undeclared: the names of vectors whose ranges are to be declared.
        reasons: what no declared range changes.
    """

    def __init__(self) -> None:
        self.undeclared: set[str] = set()
        self.reasons: set[str] = set()
        self._seen: set[Quantity] = set()

    def follow(self, item: Inequality) -> None:
        """Go down to the ranges that are infinite by themselves."""
        if item.quantity in self._seen:
            return
        self._seen.add(item.quantity)
        infinite = [premise for premise in item.premises if not premise.is_finite]
        if isinstance(item.quantity, EntryRange):
            vector = item.quantity.vector
            if isinstance(vector, Variable):
                self.undeclared.add(str(vector.symbol))
            elif isinstance(vector, Elementwise):
                infinite = [] if self._is_untamed(vector, item, infinite) else infinite
            elif not infinite:
                self.reasons.add(f"the entries of {vector_to_sympy(vector)} have no known range")
        for premise in infinite:
            self.follow(premise)

    def _is_untamed(self, vector: Elementwise, item: Inequality, infinite: list[Inequality]) -> bool:
        """Note why a function is unbounded; whether no range of what stands in its argument helps."""
        parameters = _parameters_without_range(item)
        if _is_numeric(vector.argument) and (infinite or parameters):
            self.undeclared |= parameters
            return False
        argument = vector_to_sympy(vector.argument)
        self.reasons.add(f"{vector.function.name} is unbounded over the values that {argument} may take")
        return True


def _is_numeric(vector: Vector) -> bool:
    """Whether numbers for the ranges of vectors and of inner functions give numbers for the range."""
    match vector:
        case Variable() | Elementwise():
            return True
        case Constant(value, _):
            return bool(value.is_number)
        case VectorSum(terms):
            return all(map(_is_numeric, terms))
        case Hadamard(left, right):
            return _is_numeric(left) and _is_numeric(right)
        case Apply(Scale(coefficient, Identity()), argument):
            return bool(coefficient.is_number) and _is_numeric(argument)
    return False


def _parameters_without_range(item: Inequality) -> set[str]:
    """The vectors of parameters below a range of which nothing but the norm is known."""
    found: set[str] = set()
    for step in item.steps():
        if isinstance(step.quantity, EntryRange) and isinstance(step.quantity.vector, Variable):
            symbol = step.quantity.vector.symbol
            if isinstance(symbol, sp.MatrixSymbol) and step.bound[1].has(OperatorNorm):
                found.add(str(symbol))
    return found


def explain_zero(inequality: Inequality, model: Recurrence) -> NoBoundError:
    """The error for a lower bound that is zero: the hypotheses that fail, and the ranges whose declaration may help."""
    steps = ((step.quantity, step) for step in inequality.steps() if step.bound.is_zero)
    zeros = [(quantity.operator, step) for quantity, step in steps if isinstance(quantity, MinimumModulusOf)]
    reasons = list(dict.fromkeys(reason for operator, step in zeros for reason in _zero_reasons(operator, step)))
    shown = reasons[:_SHOWN] + ([f"and {len(reasons) - _SHOWN} more of this kind"] if len(reasons) > _SHOWN else [])
    undeclared = {str(s) for operator, step in zeros for s in _open_variables(operator, step) if s in model.variables}
    advice = ""
    if undeclared:
        ranges = ", ".join(f"{name}: sg.Interval(low, high)" for name in sorted(undeclared))
        advice = f"; declared ranges may keep it away from zero: model.assuming({{{ranges}}})"
    return NoBoundError(f"no lower bound above zero: {'; '.join(shown)}{advice}")


def _zero_reasons(operator: Operator, step: Inequality) -> list[str]:
    """Why the minimum modulus of one operator is not known to be positive, where its own operands do not tell."""
    if isinstance(operator, Diagonal):
        low, high = next(p.bound for p in step.premises if isinstance(p.quantity, EntryRange))
        written = _shown(vector_to_sympy(operator.vector))
        return [f"the entries of {written} lie in [{low}, {high}], not away from zero"]
    if isinstance(operator, OperatorSum) and not any(p.bound.is_zero for p in step.premises):
        written = _shown(operator_to_sympy(operator))
        return [f"no term of {written} is known to stretch every vector more than the others can"]
    return [] if step.premises else [f"{_shown(operator_to_sympy(operator))} maps some vector to zero"]


def _shown(expr: sp.Expr) -> str:
    """An expression in a message: its beginning where it is long."""
    written = str(expr)
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}..."


def _open_variables(operator: Operator, step: Inequality) -> set[sp.Basic]:
    """The symbols without a known range in the diagonal that a step is about."""
    if not isinstance(operator, Diagonal):
        return set()
    known = {p.quantity.vector for p in step.steps() if isinstance(p.quantity, EntryRange) and p.is_finite}
    return {node.symbol for node in walk(operator.vector) if isinstance(node, Variable) and node not in known}
