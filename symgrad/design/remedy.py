"""A remedy: a value to set, the bounds that it rests on, and a check of what it promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from flint import arb

from symgrad.design.verification import Verification
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation
from symgrad.language.numbers import exact_number
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball

__all__ = ["Remedy"]

_BITS = 128


@dataclass(frozen=True, eq=False)
class Remedy(Presentable):
    """A value for a parameter of a network with the proof of what it guarantees.

    Attributes:
        name: of the remedy, in plain words.
        quantity: what the parameter is, in words.
        parameter: its symbol.
        formula: the condition on the parameter, solved for it: an equation or an inequality.
        guarantee: what then holds: a relation, or a sentence.
        derivation: the proof that the formula gives the guarantee.
        value: the parameter in numbers where all others are numbers: a closed form, exact; otherwise None.
        bounds: the bounds of the library that the derivation starts from, each with its own proof.
        remarks: what else is to be known, in plain sentences.
        check: given the value and a seed, measures what is guaranteed; None where there is nothing to measure.
        drawing: what a picture of the remedy shows; None where there is none.
    """

    name: str
    quantity: str
    parameter: sp.Expr
    formula: sp.Basic
    guarantee: sp.Basic | str
    derivation: Derivation
    value: sp.Expr | None = None
    bounds: tuple[Any, ...] = ()
    remarks: tuple[str, ...] = ()
    check: Callable[[sp.Expr, int], Verification] | None = field(default=None, repr=False)
    drawing: Any = field(default=None, repr=False)

    @property
    def ball(self) -> arb | None:
        """A ball of 128 bits around the value; None without numbers."""
        return None if self.value is None else to_ball(self.value, _BITS)

    def __float__(self) -> float:
        if self.value is None:
            raise InputError(f"{self.name}: {self.parameter} has no value as long as other parameters are symbols")
        return float(to_ball(self.value, _BITS).mid())

    def with_value(self, value: Any) -> Remedy:
        """The same claim about another value, which :meth:`verify` then puts to the test.

        Raises:
            InputError: no finite real number.
        """
        return replace(self, value=exact_number("value", value))

    def verify(self, seed: int = 0) -> Verification:
        """Measure what the value guarantees, by exact computation or on simulated networks.

        Args:
            seed: of all that is drawn.

        Raises:
            InputError: there is no value, because some other parameter is a symbol; no integer seed.
        """
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed: a non-negative integer is needed, got {type(seed).__name__} {seed!r}")
        if self.check is None or self.value is None:
            raise InputError(
                f"verify: {self.name} has symbols in it; give numbers for them to have something to measure"
            )
        return self.check(self.value, seed)
