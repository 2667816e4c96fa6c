"""Formulas followed by the same formulas with numbers put in, for given weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symgrad.bounds.gradient import GradientBound
from symgrad.bounds.layers import LayerProduct
from symgrad.bounds.product import Bound, BoundSeries
from symgrad.bounds.proof import Proof
from symgrad.bounds.steps import checked_steps
from symgrad.bounds.weighted_growth import BestPower, CertifiedPower
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.errors import InputError
from symgrad.language.weights import LayerWeights
from symgrad.present.closed_bounds import bound_equations
from symgrad.present.dispatch import latex, text
from symgrad.present.documents import body, equation_lines
from symgrad.present.gradients import GradientWriter
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.proof_numbers import numbered_proof, power_of_numbers
from symgrad.present.proof_pages import proof_body
from symgrad.present.proofs import proof_latex, proof_text
from symgrad.present.put_in import NumberWriter
from symgrad.present.quantities import QuantityWriter

__all__ = ["Numbered", "with_numbers"]

_FEW = 8  # layers whose factors are written one by one


@dataclass(frozen=True)
class Numbered:
    """A bound, a bound on gradients or a proof, to be shown with the numbers that weights give.

    Attributes:
        obj: what is shown.
        weights: symbol or name -> array.
        k: the number of factors, or of steps of a gradient; None to leave it a symbol.
    """

    obj: Any
    weights: Mapping[Any, Any]
    k: int | None = None


def with_numbers(obj: Any, weights: Mapping[Any, Any] | None, k: Any = None) -> Numbered:
    """Something to be shown with numbers.

    Raises:
        InputError: neither a bound nor a proof; no weights.
    """
    if not isinstance(obj, (Bound, GradientBound, Proof)):
        raise InputError(f"weights: they can be put into bounds and proofs, not into a {type(obj).__name__}")
    if weights is None:
        raise InputError("k: a number of steps needs weights too")
    return Numbered(obj, weights, None if k is None else checked_steps(k))


@equations.register
def _(item: Numbered, notation: Notation) -> list[Equation]:
    if isinstance(item.obj, GradientBound):
        return _gradient(item, notation)
    return _Product(item, notation).equations()


@latex.register
def _(item: Numbered) -> str:
    if isinstance(item.obj, Proof):
        return proof_latex(*numbered_proof(item.obj, item.weights, item.k, LATEX))
    return aligned(equations(item, LATEX))


@text.register
def _(item: Numbered) -> str:
    if isinstance(item.obj, Proof):
        proof, numbers = numbered_proof(item.obj, item.weights, item.k, TEXT)
        return proof_text(proof, numbers=numbers)
    return plain_lines(equations(item, TEXT))


@body.register
def _(item: Numbered) -> str:
    if isinstance(item.obj, Proof):
        return proof_body(*numbered_proof(item.obj, item.weights, item.k, LATEX))
    return equation_lines(equations(item, LATEX))


class _Product:
    """The equations of a bound on products with numbers put in."""

    def __init__(self, item: Numbered, notation: Notation) -> None:
        self.series: BoundSeries = item.obj.with_weights(item.weights)
        self.bound = self.series.bound
        self.notation, self.up = notation, self.bound.side == "upper"
        self.writer = QuantityWriter(self.bound.model, notation, [])
        layers = self.series.layers
        self.k = layers if item.k is None else item.k

    def equations(self) -> list[Equation]:
        """Those of the bound, with the numbers after the formulas that they belong to."""
        first, *rest = bound_equations(self.bound, self.notation, powers=False)
        growth = self.bound.growth
        if isinstance(growth, LayerProduct):
            return [first, *self._layers(growth), *rest, *self._count()]
        if isinstance(growth, (CertifiedPower, BestPower)):
            return [first, self._value(), *rest, *self._count()]
        if self.bound.gain.rows == 1:
            return [first, *self._rate(), *rest, *self._count()]
        matrix, *rest = rest
        return [first, self._value(), matrix, self._matrix(), *rest, *self._count()]

    def _numbers(self) -> NumberWriter:
        weights = self.series.weights
        return NumberWriter(self.writer.vocabulary, BoundEvaluator(weights))

    def _rate(self) -> list[Equation]:
        """The formula with numbers, and what it comes to."""
        exponent = str(self.k) if self.k is not None else self.writer.vocabulary.scalar(self.bound.k)
        found = self._numbers().formula(self.bound.gain[0, 0])
        if found is None:
            return [] if self.k is None else [self._value()]
        relation, base = found
        if base.replace(".", "").isdigit():
            written = self.notation.power(base, exponent)
        else:
            written = self.notation.power(self.notation.brackets(base), exponent)
        value = self._value()
        return [value] if value.right == written else [_line(relation, written), value]

    def _value(self) -> Equation:
        """The bound at k, or the power of a number that it is at most, or at least."""
        numbers = self._numbers()
        if self.k is not None:
            return _line(*numbers.value(self.series.at(self.k).ball, self.up))
        exponent = self.writer.vocabulary.scalar(self.bound.k)
        return _line(*power_of_numbers(self.series, numbers, exponent))

    def _matrix(self) -> Equation:
        return _line(*self._numbers().matrix(self.bound.gain, self.up))

    def _layers(self, growth: LayerProduct) -> list[Equation]:
        """The factors of the layers, and their product."""
        weights = self.series.weights
        value = self._value()
        if not isinstance(weights, LayerWeights) or self.bound.gain.rows > 1:
            return [value]
        writers = [NumberWriter(self.writer.vocabulary, BoundEvaluator(layer)) for layer in weights.layers]
        factors = [writer.value(writer.ball(growth.layer), self.up) for writer in reversed(writers[: self.k])]
        if not 1 < len(factors) <= _FEW:
            return [value]
        about = {relation for relation, _ in factors}
        sign = r" \cdot " if self.notation is LATEX else "*"
        relation = next(iter(about)) if len(about) == 1 else value.relation
        return [_line(relation, sign.join(digits for _, digits in factors)), value]

    def _count(self) -> list[Equation]:
        """What k is."""
        if self.k is None or self.bound.k.is_Integer:
            return []
        return [Equation(self.notation.plain(self.bound.k), "=", [(False, str(self.k))])]


def _line(relation: str, right: str) -> Equation:
    return Equation("", relation, [(False, right)])


def _gradient(item: Numbered, notation: Notation) -> list[Equation]:
    """A bound on gradients with numbers for what its letters mean, and its value where the steps are known."""
    known = item.k is not None or item.obj.steps.is_Integer
    least = int(item.obj.first) if item.obj.first.is_Integer else 0
    series = item.obj.with_weights(item.weights, item.k if known else max(least, 1))
    bound = series.bound
    letters = GradientWriter(bound, notation)
    numbers = NumberWriter(letters.vocabulary, series.evaluator)
    single = bound.gain.rows == 1
    values = (
        {letters.size: bound.source, letters.rate_name: bound.gamma}
        if single
        else {letters.writer.gain: bound.gain, letters.column: bound.source}
    )
    values = {name: expr for name, expr in values.items() if numbers.known(expr)}
    found = []
    for equation in equations(bound, notation):
        found.append(equation)
        expr = values.get(equation.left)
        if expr is not None and not (single and expr.is_Rational):
            found.append(_line(*(numbers.value(numbers.ball(expr), True) if single else numbers.matrix(expr, True))))
    if known:
        relation, digits = numbers.value(series.value().ball, up=True)
        found.insert(1, _line(relation, notation.product([digits, letters.loss_norm()])))
    if item.k is not None and not item.obj.steps.is_Integer:
        found.append(Equation(letters.last, "=", [(False, str(item.k))]))
    return found
