"""What the symbols and functions of one model are called in print."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import cached_property, lru_cache
from itertools import count
from typing import Any, TypeVar, cast

import sympy as sp

from symgrad.language.activations import activation, activation_names
from symgrad.language.elementwise import ActivatedMatrix, ActivatedScalar, Activation
from symgrad.language.operators import Elementwise, walk
from symgrad.language.recurrence import Recurrence
from symgrad.present.notation import Notation
from symgrad.present.scalars import primed

__all__ = ["Vocabulary"]


T = TypeVar("T")
_MODELS = 16  # models whose written expressions are kept
_KEPT = 4096  # expressions of one model


@lru_cache(maxsize=_MODELS)
def _written(model: Recurrence, notation: Notation) -> dict[Hashable, Any]:
    """What is written of a model already: pages about one model have most of it in common."""
    return {}


class Vocabulary:
    """The names of one model's symbols and functions in one notation.

    Old states carry the step t-1, inputs and new states the step t, parameters none. Of layers with parameters of
    their own the step is called l, and parameters carry it too. In continuous time nothing carries a step.
    """

    def __init__(self, model: Recurrence, notation: Notation) -> None:
        self.model = model
        self.notation = notation
        self.step = "t" if model.depth is None else notation.plain(model.layer)
        self.plain = {symbol: notation.plain(symbol) for symbol in model.variables + model.parameters}
        if model.depth is not None:
            self.plain |= {symbol: notation.layered(self.plain[symbol], self.step) for symbol in model.parameters}
        self.old = {symbol: self.at(symbol, "t-1" if symbol in model.states else "t") for symbol in model.variables}

    def at(self, symbol: sp.Expr, step: str) -> str:
        """A state or an input at a step."""
        return self.stepped(self.plain[symbol], step)

    def new(self, state: sp.Expr) -> str:
        """What an update says: the new state, in continuous time the derivative of the state."""
        return self.notation.rate(self.plain[state]) if self.model.continuous else self.at(state, "t")

    def stepped(self, name: str, step: str) -> str:
        """A name at a step such as ``t-1``; for layers ``l-1``; in continuous time without one."""
        if self.model.continuous:
            index = ",".join(part for part in step.split(",") if not part.startswith("t"))
            return self.notation.stepped(name, index) if index else name
        return self.notation.stepped(name, step.replace("t", self.step))

    @cached_property
    def _names(self) -> dict[sp.Basic, str]:
        parameters = () if self.model.depth is None else self.model.parameters
        return {**self.old, **{symbol: self.plain[symbol] for symbol in parameters}}

    def scalar(self, expr: sp.Basic) -> str:
        """A SymPy expression with states and inputs at their steps."""
        return self.once(expr, lambda: self.notation.scalar(expr, self._names, self.function))

    def once(self, key: Hashable, write: Callable[[], T]) -> T:
        """What a function writes under a key, which must say all that it depends on but the model and the notation."""
        known = _written(self.model, self.notation)
        found = known.get(key)
        if found is not None:
            return cast(T, found)
        if len(known) >= _KEPT:
            known.clear()
        known[key] = written = write()
        return written

    def scalar_with(self, expr: sp.Basic, numbers: dict[sp.Basic, str]) -> str:
        """The same with digits for some symbols, and signs between factors."""
        return self.notation.scalar(expr, self._names | numbers, self.function, dots=True)

    def letters(self, *preferred: str) -> Iterator[str]:
        """Those of some letters that no symbol of the model is called by, then the first with primes."""
        used = {str(symbol) for symbol in (*self.plain, *self.model.sizes, self.model.depth)}
        yield from (letter for letter in preferred if letter not in used)
        while True:
            preferred = tuple(f"{letter}'" for letter in preferred)
            yield from preferred

    def letter(self, *preferred: str) -> str:
        """The first free one of some letters."""
        return next(self.letters(*preferred))

    def function(self, function: Activation) -> str:
        """The name of an activation of the model or of a derivative of one."""
        if function in self.functions:
            return self.functions[function]
        for base, name in self.functions.items():
            if function.name == f"{base.name}'" and function == base.derivative:
                return primed(name)
        return self.notation.function(function)

    @cached_property
    def functions(self) -> dict[Activation, str]:
        """The model's functions and their names; those without a name of their own get free letters."""
        letters = self.letters("f", "g", "p", "q", "r", "s")
        names: dict[Activation, str] = {}
        for node in self.model.nodes.values():
            for part in walk(node):
                if isinstance(part, Elementwise) and part.function not in names:
                    known = _registered(part.function) or (part.function if part.function in self.stated else None)
                    named = self.notation.function(known or part.function)
                    plain = part.function.name.isidentifier() and part.function.name != "f"
                    name = named if known or plain else next(letters)
                    names[part.function] = self._distinct(name, list(names.values()))
        return names

    def _distinct(self, name: str, taken: list[str]) -> str:
        numbered = (self.notation.stepped(name, str(number)) for number in count(2))
        return name if name not in taken else next(other for other in numbered if other not in taken)

    @cached_property
    def stated(self) -> frozenset[Activation]:
        """The activations that stand in the user's own expressions."""
        atoms = (expr.atoms(ActivatedMatrix, ActivatedScalar) for expr in self.model.updates.values())
        return frozenset(atom.activation for found in atoms for atom in found)

    def unexplained(self) -> dict[str, Activation]:
        """Functions whose name alone does not say what they are: all but the well-known ones with usual parameters."""
        named = self.functions.items()
        return {name: f for f, name in named if _registered(f) is None and not _is_own_name(f)}


def _registered(function: Activation) -> Activation | None:
    """The well-known activation equal to a function, if its name says so."""
    known = activation(function.name) if function.name in activation_names() else None
    return known if known == function else None


def _is_own_name(function: Activation) -> bool:
    """Whether the formula is the SymPy function of the same name, as for ``exp``."""
    return function.expr.args == (function.variable,) and type(function.expr).__name__ == function.name
