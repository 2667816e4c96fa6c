"""The steps of a proof with numbers: what each bound is for given weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symgrad.bounds.engine import Engine
from symgrad.bounds.growth import GainPower
from symgrad.bounds.inequality import (
    ComparisonOf,
    DifferentialNorm,
    Inequality,
    MinimumModulusOf,
    ProductModulus,
    ProductNorm,
)
from symgrad.bounds.product import Bound, BoundSeries
from symgrad.bounds.proof import Proof, Step
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.language.exactness import exact_model
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights, bind
from symgrad.present.notation import LATEX, Notation
from symgrad.present.put_in import NumberWriter
from symgrad.present.rounded import rounded
from symgrad.present.vocabulary import Vocabulary

__all__ = ["StepNumbers", "numbered_proof", "power_of_numbers"]

_BELOW = (MinimumModulusOf, ComparisonOf, ProductModulus)


def numbered_proof(
    proof: Proof, weights: Mapping[Any, Any], k: int | None, notation: Notation
) -> tuple[Proof, StepNumbers]:
    """A proof that holds for given weights, and the numbers for its steps.

    Raises:
        InputError: a weight that the proof depends on is missing or malformed.
    """
    atoms = set().union(*(_atoms(step.inequality.bound) for step in proof))
    needed = [symbol for symbol in proof.model.parameters if symbol in atoms]
    values = bind(proof.model, weights, needed)
    exact = exact_model(proof.model, values)
    if exact is not proof.model:  # declared properties that the numbers have only up to rounding
        proof = Proof(exact, Engine(exact, proof.setting).prove(proof.conclusion.quantity), proof.setting, proof.lemmas)
    series = _series(proof.conclusion, proof.model, weights)
    return proof, StepNumbers(Vocabulary(proof.model, notation), values, series, k)


def _atoms(bound: sp.Basic) -> set[sp.Basic]:
    return bound.atoms(sp.MatrixSymbol) | bound.free_symbols


def _series(conclusion: Inequality, model: Recurrence, weights: Mapping[Any, Any]) -> BoundSeries | None:
    """The bound on products that a proof concludes with, for any number of steps."""
    if not isinstance(conclusion.quantity, (ProductNorm, ProductModulus)):
        return None
    return Bound(model, conclusion.quantity.norm, conclusion).with_weights(weights)


class StepNumbers:
    """What the bounds of a proof's steps are for given weights.

    Args:
        vocabulary: of the model.
        weights: the numbers.
        series: the conclusion with the numbers put in, where it is about products.
        k: the number of factors; None for the power of a number.
    """

    def __init__(self, vocabulary: Vocabulary, weights: Any, series: BoundSeries | None, k: int | None) -> None:
        self.vocabulary, self.series = vocabulary, series
        self.layered = isinstance(weights, LayerWeights)
        first = weights.layers[0] if isinstance(weights, LayerWeights) else weights
        self.numbers = NumberWriter(vocabulary, BoundEvaluator(first))
        self.k = series.layers if k is None and series is not None else k

    def line(self, step: Step) -> str | None:
        """Relation and number for a step; None where its bound is a plain number or has no single value."""
        item = step.inequality
        if isinstance(item.quantity, (ProductNorm, ProductModulus)):
            found = self._product(item)
        elif self.layered or isinstance(item.quantity, DifferentialNorm) or not self.numbers.known(item.bound):
            return None
        else:
            found = self._bound(item)
        return None if found is None else " ".join(found)

    def _product(self, item: Inequality) -> tuple[str, str] | None:
        up = not isinstance(item.quantity, _BELOW)
        if self.series is None:
            return None
        if self.k is not None:
            relation, digits = self.numbers.value(self.series.at(self.k).ball, up)
            return relation, f"{digits}{self._at(self.series.bound.k)}"
        if item.bound.is_number:
            return None
        return power_of_numbers(self.series, self.numbers, self.vocabulary.scalar(self.series.bound.k))

    def _at(self, k: sp.Expr) -> str:
        """For which number of steps."""
        if k.is_Integer:
            return ""
        notation = self.vocabulary.notation
        space = r"\quad " if notation is LATEX else "  "
        return f"{space}{notation.brackets(f'{notation.plain(k)} = {self.k}')}"

    def _bound(self, item: Inequality) -> tuple[str, str] | None:
        bound, up = item.bound, not isinstance(item.quantity, _BELOW)
        if isinstance(bound, sp.Tuple):
            return self._range(*bound)
        if isinstance(bound, sp.MatrixBase):
            return None if all(entry.is_Rational for entry in bound) else self.numbers.matrix(bound, up)
        return None if bound.is_Rational else self.numbers.value(self.numbers.ball(bound), up)

    def _range(self, low: sp.Expr, high: sp.Expr) -> tuple[str, str] | None:
        """A range with its ends rounded outwards."""
        if all(end.is_Rational or end.is_infinite for end in (low, high)):
            return None
        notation = self.vocabulary.notation
        left, right = (self._end(end, up) for end, up in ((low, False), (high, True)))
        inside = r"\subseteq" if notation is LATEX else "within"
        return inside, notation.interval(left, right, low == -sp.oo, high == sp.oo)

    def _end(self, end: sp.Expr, up: bool) -> str:
        if end.is_infinite:
            return self.vocabulary.scalar(end)
        return self.numbers.digits(rounded(self.numbers.ball(end), up))


def power_of_numbers(series: BoundSeries, numbers: NumberWriter, exponent: str) -> tuple[str, str]:
    """``C * rate**k`` with digits for C and the rate, and how the bound stands to it."""
    bound = series.bound
    up = bound.side == "upper"
    if isinstance(bound.growth, GainPower) and bound.gain.rows == 2:
        return numbers.power(numbers.ball(bound.constant), numbers.ball(bound.rate), exponent, up)
    return numbers.power(series.at(0).ball, series.at(1).ball, exponent, up)
