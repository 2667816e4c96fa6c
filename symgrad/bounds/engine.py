"""The engine: finds the rule for each quantity, once, and explains when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symgrad.bounds.inequality import EntryRange, Inequality, Quantity, rules_for
from symgrad.errors import NoBoundError, NoRuleError
from symgrad.language.nodes import Node
from symgrad.language.operators import Elementwise, Variable, Weight, symbols_of, walk
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
    """The error for a bound that is infinite: which range is missing."""
    culprits: dict[Quantity, None] = {}
    _find_culprits(inequality, culprits, set())
    ranges = [quantity for quantity in culprits if isinstance(quantity, EntryRange)]
    names = sorted({str(q.vector.symbol) for q in ranges if isinstance(q.vector, Variable)})
    others = sorted({_describe(quantity) for quantity in ranges if not isinstance(quantity.vector, Variable)})
    parts = others
    if names:
        hint = ", ".join(f"{name}: sg.Interval(low, high)" for name in names)
        which = " and ".join(f"sup|{name}|" for name in names)
        parts = [f"{which} unbounded: declare the range with model.assuming({{{hint}}})", *others]
    return NoBoundError(f"no finite bound: {'; '.join(parts)}")


def _find_culprits(item: Inequality, culprits: dict[Quantity, None], seen: set[Quantity]) -> None:
    """Follow infinite bounds down to the ranges that no declaration makes finite."""
    if item.quantity in seen:
        return
    seen.add(item.quantity)
    infinite = [premise for premise in item.premises if not premise.is_finite]
    if not infinite or _is_unbounded_function(item.quantity):
        culprits[item.quantity] = None
        return
    for premise in infinite:
        _find_culprits(premise, culprits, seen)


def _is_unbounded_function(quantity: Quantity) -> bool:
    """An unbounded function of a weighted sum: no declared range of the model's symbols bounds it symbolically."""
    return (
        isinstance(quantity, EntryRange)
        and isinstance(quantity.vector, Elementwise)
        and any(isinstance(node, Weight) for node in walk(quantity.vector.argument))
    )


def _describe(quantity: EntryRange) -> str:
    vector = quantity.vector
    if isinstance(vector, Elementwise):
        return f"{vector.function.name} is unbounded over the values that {vector_to_sympy(vector.argument)} may take"
    return f"the entries of {vector_to_sympy(vector)} have no known range"
