"""The steps of a proof with numbers: what each bound is for given weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from symgrad.bounds.invariant import InvariantBox, invariant_box
from symgrad.bounds.product import Bound, BoundSeries
from symgrad.bounds.proof import Proof, Step
from symgrad.bounds.weighted_growth import BestPower, CertifiedPower
from symgrad.bounds.weighted_quantities import WeightedProductNorm
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.language.exactness import exact_model
from symgrad.language.weights import LayerWeights, bind
from symgrad.present.notation import LATEX, Notation
from symgrad.present.put_in import NumberWriter
from symgrad.present.rounded import rounded
from symgrad.present.vocabulary import Vocabulary
from symgrad.present.weighted import WeightedWriter
from symgrad.rigor.balls import exact_ball

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
    series = [found for step in proof if (found := _series(step.inequality, proof, weights)) is not None]
    return proof, StepNumbers(Vocabulary(proof.model, notation), values, series, k)


def _atoms(bound: sp.Basic) -> set[sp.Basic]:
    return bound.atoms(sp.MatrixSymbol) | bound.free_symbols


def _series(item: Inequality, proof: Proof, weights: Mapping[Any, Any]) -> BoundSeries | None:
    """A bound on products that a step states, for any number of steps; None for any other step."""
    box = _box(proof)
    match item.quantity:
        case ProductNorm(_, _, norm) | ProductModulus(_, _, norm):
            method = "norm" if box is None else "range"
        case WeightedProductNorm(_, _, norm, method) if item.is_finite:
            pass
        case _:
            return None
    return Bound(proof.model, norm, item, method=method, box=box).with_weights(weights)


def _box(proof: Proof) -> InvariantBox | None:
    """The box that the ranges are derived from; None for a proof that rests on declared ranges alone."""
    derived, ranges = proof.setting.derived, proof.model.ranges
    if not proof.setting.refined:
        return None
    declared = replace(proof.model, ranges={symbol: i for symbol, i in ranges.items() if symbol not in derived})
    return invariant_box(declared)


class StepNumbers:
    """What the bounds of a proof's steps are for given weights.

    Args:
        vocabulary: of the model.
        weights: the numbers.
        series: what is stated about products, with the numbers put in.
        k: the number of factors; None for the power of a number.
    """

    def __init__(self, vocabulary: Vocabulary, weights: Any, series: Sequence[BoundSeries], k: int | None) -> None:
        self.vocabulary = vocabulary
        self.series = {each.bound.inequality.quantity: each for each in series}
        self.layered = isinstance(weights, LayerWeights)
        first = weights.layers[0] if isinstance(weights, LayerWeights) else weights
        self.numbers = NumberWriter(vocabulary, BoundEvaluator(first))
        self.k = series[0].layers if k is None and series else k

    def line(self, step: Step) -> str | None:
        """Relation and number for a step; None where its bound is a plain number or has no single value."""
        item = step.inequality
        if isinstance(item.quantity, (ProductNorm, ProductModulus, WeightedProductNorm)):
            found = self._product(item)
        elif self.layered or isinstance(item.quantity, DifferentialNorm) or not self.numbers.known(item.bound):
            return None
        else:
            found = self._bound(item)
        return None if found is None else " ".join(found)

    def _product(self, item: Inequality) -> tuple[str, str] | None:
        up = not isinstance(item.quantity, _BELOW)
        series = self.series.get(item.quantity)
        if series is None:
            return None
        if self.k is not None:
            relation, digits = self.numbers.value(series.at(self.k).ball, up)
            return relation, f"{digits}{self._at(series.bound.k)}"
        if item.bound.is_number:
            return None
        return power_of_numbers(series, self.numbers, self.vocabulary.scalar(series.bound.k))

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
        if isinstance(bound, sp.MatrixExpr):
            return None if not bound.atoms(sp.MatrixSymbol) else self.numbers.entries(bound)
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
    if isinstance(bound.growth, (CertifiedPower, BestPower)):
        return _least_power(series, numbers, exponent)
    if isinstance(bound.growth, GainPower) and bound.gain.rows == 2:
        return numbers.power(numbers.ball(bound.constant), numbers.ball(bound.rate), exponent, up)
    return numbers.power(series.at(0).ball, series.at(1).ball, exponent, up)


def _least_power(series: BoundSeries, numbers: NumberWriter, exponent: str) -> tuple[str, str]:
    """``C * rate**k`` with the least certified rate; of several bounds also the power of the bound on one step."""
    least = min(series.certificates, key=lambda item: item.rate)
    constant = least.constants[float(series.bound.norm.p)]
    one, rate = series.at(1).ball, exact_ball(least.rate)
    _, written = numbers.power(constant, rate, exponent, up=True)
    relation = numbers.vocabulary.notation.less_or_equal
    if not isinstance(series.bound.growth, BestPower) or constant * rate <= one:
        return relation, written
    _, simple = numbers.power(series.at(0).ball, one, exponent, up=True)
    return relation, WeightedWriter(numbers.vocabulary).least([simple, written])
