"""The engine: finds the rule for each quantity, once, and says what each rule lacked when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symgrad.bounds.inequality import Inequality, Quantity, rules_for
from symgrad.errors import NoRuleError
from symgrad.language.nodes import Node
from symgrad.language.operators import Block, Vector, symbols_of
from symgrad.language.recurrence import Recurrence
from symgrad.language.to_sympy import operator_to_sympy, vector_to_sympy

__all__ = ["PLAIN", "Context", "Engine", "Setting"]


@dataclass(frozen=True)
class Setting:
    """How closely ranges are followed.

    Attributes:
        refined: whether functions are bounded over ranges with symbols in their ends, in closed form, rather than over
            all numbers.
        derived: the states whose ranges are those of an invariant box rather than declared by the user.
    """

    refined: bool = False
    derived: frozenset[sp.Expr] = frozenset()


PLAIN = Setting()


@dataclass(frozen=True)
class Context:
    """What rules may ask about the model: which symbols vary, the declared ranges, how closely ranges are followed."""

    model: Recurrence
    setting: Setting = PLAIN

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

    def __init__(self, model: Recurrence, setting: Setting = PLAIN) -> None:
        self.context = Context(model, setting)
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
        raise NoRuleError(f"no rule applies to {_described(quantity)}; tried\n" + "\n".join(tried))


def _described(quantity: Quantity) -> str:
    """A quantity in words, with what it speaks of as a SymPy expression, or as a node where that has none."""
    subject = next(iter(vars(quantity).values()))
    if isinstance(subject, Block):
        return f"{quantity.words} the Jacobian"
    try:
        written = vector_to_sympy(subject) if isinstance(subject, Vector) else operator_to_sympy(subject)
    except TypeError:
        return f"{quantity.words} {subject}"
    return f"{quantity.words} {written}"
