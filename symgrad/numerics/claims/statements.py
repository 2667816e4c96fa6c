"""What a literature check answers with: the claim, the verdict, the corrected theorem, its steps and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

import numpy as np
import sympy as sp

from symgrad.bounds.product import Bound
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball

__all__ = [
    "ARTICLE",
    "Cell",
    "Correction",
    "Demonstration",
    "DerivedStep",
    "Line",
    "LiteratureClaim",
    "Statement",
    "holds",
    "numbered",
    "rounded",
]

ARTICLE = "the encyclopaedia article on the vanishing gradient problem"
Cell = int | float | str
Line = tuple[str, str, str, Callable[[], bool]]


@dataclass(frozen=True)
class Statement:
    """A mathematical statement.

    Attributes:
        text: in plain words and formulas.
        latex: its formula as LaTeX.
        source: where it is stated or proved.
    """

    text: str
    latex: str
    source: str


@dataclass(frozen=True)
class Correction(Statement):
    """What is true instead.

    Attributes:
        bounds: the bounds on products that it comes to, each with its proof; empty where it is of another kind.
    """

    bounds: tuple[Bound, ...] = ()

    @property
    def bound(self) -> Bound | None:
        """The first of the bounds."""
        return self.bounds[0] if self.bounds else None


@dataclass(frozen=True)
class DerivedStep:
    """One line of a derivation, with a check that can be run again.

    Attributes:
        number: from 1.
        text: what it states.
        latex: its formula as LaTeX.
        reason: why.
        check: computes whether it holds: by SymPy where it is a formula, in ball arithmetic where it is of numbers.
    """

    number: int
    text: str
    latex: str
    reason: str
    check: Callable[[], bool] = field(repr=False, compare=False)

    def holds(self) -> bool:
        """Check the step again."""
        return bool(self.check())


@dataclass(frozen=True)
class Demonstration(Presentable):
    """A table of certified numbers.

    Attributes:
        title: what the table shows and how its numbers are rounded.
        header: the names of the columns.
        rows: of numbers and words.
        plotted: the columns that a picture shows: the horizontal one first.
        rounding: of each column where it is printed: ``"up"``, ``"down"`` or nothing for numbers that are exact or
            approximate.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    plotted: tuple[str, ...]
    rounding: tuple[str, ...]

    def column(self, name: str) -> tuple[Cell, ...]:
        """The entries of one column."""
        return tuple(row[self.header.index(name)] for row in self.rows)


@dataclass(frozen=True, eq=False)
class LiteratureClaim(Presentable):
    """A statement of the literature, checked.

    Attributes:
        name: the function of ``sg.claims`` that checks it.
        claim: the statement.
        verdict: what becomes of it: ``refuted`` or ``proved``.
        reason: the verdict in one sentence.
        correction: the corrected theorem.
        steps: the derivation, numbered.
        demonstration: certified numbers.
        counterexample: where it is refuted, the numbers that refute it by name, else empty.

    >>> import symgrad as sg
    >>> claim = sg.claims.horizon(0.99, delta=0.01)
    >>> claim.verdict.value, claim.counterexample["terms"], claim.replay()
    ('refuted', 2, True)
    """

    name: str
    claim: Statement
    verdict: Verdict
    reason: str
    correction: Correction
    steps: tuple[DerivedStep, ...]
    demonstration: Demonstration
    counterexample: Mapping[str, Any]
    derive: Callable[[], LiteratureClaim] = field(repr=False)

    @property
    def is_refuted(self) -> bool:
        """Whether the claim is false as it stands."""
        return self.verdict is Verdict.REFUTED

    def replay(self) -> bool:
        """Check every step and derive all numbers again: True if each step holds and nothing else comes out."""
        again = self.derive()
        same = (
            (self.name, self.claim, self.verdict, self.reason) == (again.name, again.claim, again.verdict, again.reason)
            and self.correction.text == again.correction.text
            and [bound.expr for bound in self.correction.bounds] == [bound.expr for bound in again.correction.bounds]
            and self.demonstration == again.demonstration
            and self.steps == again.steps
            and _plain(self.counterexample) == _plain(again.counterexample)
        )
        return same and all(step.holds() for step in self.steps)


def _plain(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers by name, arrays as lists."""
    return {name: np.asarray(value).tolist() for name, value in numbers.items()}


def numbered(*lines: Line) -> tuple[DerivedStep, ...]:
    """Steps from text, LaTeX, reason and check."""
    return tuple(DerivedStep(number, *line) for number, line in enumerate(lines, 1))


def rounded(number: float, *, up: bool, digits: int = 6) -> str:
    """A float in few digits, rounded up or down.

    >>> rounded(1.9999999999999998, up=False), rounded(0.25, up=True)
    ('1.99999', '0.25')
    """
    if not math.isfinite(number):
        return str(number)
    context = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return f"{context.create_decimal(Decimal(number)).normalize():g}"


def holds(relation: sp.Basic) -> bool:
    """Whether a relation is true: an identity by SymPy, an order of constants in ball arithmetic.

    >>> x = sp.Symbol("x", positive=True)
    >>> holds(sp.Eq((x + 1) ** 2, x**2 + 2 * x + 1)), holds(sp.sqrt(2) < sp.Rational(3, 2))
    (True, True)
    """
    if relation in (sp.true, sp.false):
        return bool(relation)
    if isinstance(relation, sp.Eq):
        return bool(sp.simplify(relation.lhs - relation.rhs) == 0)
    difference = to_ball(relation.gts - relation.lts, 128)
    return bool(difference > 0) or (not isinstance(relation, (sp.Lt, sp.Gt)) and bool(difference == 0))
