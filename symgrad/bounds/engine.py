"""The engine: finds the rule for each quantity, once, and explains when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symgrad.bounds.inequality import EntryRange, Inequality, Quantity, rules_for
from symgrad.errors import NoBoundError, NoRuleError
from symgrad.language.nodes import Node
from symgrad.language.norms import OperatorNorm
from symgrad.language.operators import (
    Apply,
    Constant,
    Elementwise,
    Hadamard,
    Identity,
    Scale,
    Variable,
    Vector,
    VectorSum,
    symbols_of,
)
from symgrad.language.recurrence import Recurrence
from symgrad.language.to_sympy import vector_to_sympy

__all__ = ["Context", "Engine", "explain_infinite"]


@dataclass(frozen=True)
class Context:
    """What rules may ask about the model: which symbols vary, and the declared ranges."""

    model: Recurrence

    @cached_property
    def varying(self) -> frozenset[sp.Basic]:
        """States and inputs."""
        return frozenset(self.model.variables)

    def is_constant(self, node: Node) -> bool:
        """Whether no state and no input stands in the node."""
        return not symbols_of(node) & self.varying

    def declared(self, symbol: sp.Basic) -> sp.Interval | None:
        """The range declared for the entries of a symbol, if any."""
        return self.model.ranges.get(symbol)


class Engine:
    """Proves inequalities about one model; every quantity once."""

    def __init__(self, model: Recurrence) -> None:
        self.context = Context(model)
        self._known: dict[Quantity, Inequality] = {}

    def prove(self, quantity: Quantity) -> Inequality:
        """The inequality of the first rule that applies to a quantity.

        Raises:
            NoRuleError: none applies; names the quantity, the rules tried and what each lacked.
        """
        if quantity not in self._known:
            self._known[quantity] = self._search(quantity)
        return self._known[quantity]

    def _search(self, quantity: Quantity) -> Inequality:
        tried: list[str] = []
        for candidate in rules_for(type(quantity)):
            answer = candidate(quantity, self.prove, self.context)
            if isinstance(answer, Inequality):
                return answer
            tried.append(f"  {candidate.name}: {answer.reason}")
        raise NoRuleError(f"no rule applies to {quantity}; tried\n" + "\n".join(tried))


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
