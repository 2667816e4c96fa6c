"""Bounds on gradients in print: the geometric sum, what its letters mean, and what truncation leaves out."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.gradient import GradientBound
from symgrad.bounds.layer_gradient import LayerGradientBound
from symgrad.bounds.weighted_quantities import WeightedDifferentialNorm
from symgrad.bounds.weighted_rules import GAMMA, C
from symgrad.language.norms import NORMS
from symgrad.present.boxes import box_equations
from symgrad.present.closed_bounds import weighted_names, weighted_right
from symgrad.present.data import bound_data, expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.equations import range_equations
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.matrix_entries import written_matrix
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.quantities import QuantityWriter, assumed_ranges
from symgrad.present.unrolled import SIGNS

__all__ = ["GradientWriter"]


class GradientWriter:
    """The equations of one gradient bound in one notation."""

    def __init__(self, bound: GradientBound, notation: Notation) -> None:
        self.bound, self.notation, self.signs = bound, notation, SIGNS[notation]
        self.writer = QuantityWriter(bound.model, notation, [])
        self.vocabulary = vocabulary = self.writer.vocabulary
        states = bound.model.states
        self.state = vocabulary.plain[states[0]] if len(states) == 1 else vocabulary.letter("x", "s", "y")
        self.loss, self.size = vocabulary.letter("L", "E", "R"), vocabulary.letter("M", "Q", "Z")
        self.rate, self.column = vocabulary.letter("gamma", "mu", "nu"), vocabulary.letter("m", "q", "v")
        self.is_weighted = isinstance(bound.inequality.quantity, WeightedDifferentialNorm)
        self.last = vocabulary.scalar(bound.steps)

    def equations(self) -> list[Equation]:
        """The bound, then what its letters mean."""
        bound, writer = self.bound, self.writer
        several = bound.gain.rows > 1
        right = self._least() if bound.method == "best" else self._several() if several else self._single()
        names = self._several_names if several else self._weighted_names if self.is_weighted else self._single_names
        derived = bound.box.ranges if bound.box is not None else {}
        return [
            Equation(self._left(), self.notation.less_or_equal, [(False, right)]),
            *names(),
            *range_equations(self.vocabulary, assumed_ranges(bound.inequality) - set(derived)),
            *(box_equations(bound.box, writer.vocabulary) if bound.box is not None else []),
        ]

    def _norm(self, inner: str) -> str:
        return self.notation.norm(inner, NORMS[self.bound.norm.dual])

    def _by(self) -> str:
        """All parameters, or the one."""
        parameters = self.bound.parameters
        if len(parameters) > 1:
            return self.notation.parameters
        return self.vocabulary.plain[parameters[0]]

    def _left(self) -> str:
        gradient = self.signs.gradient.format(by=self._by(), loss=self.loss)
        if self.bound.first == 0:
            return self._norm(gradient)
        kept = self.notation.kept(gradient, self.vocabulary.scalar(self.bound.first))
        return self._norm(f"{gradient} - {kept}")

    def loss_norm(self) -> str:
        """The norm of the loss's gradient by the last state."""
        by = self.vocabulary.stepped(self.state, self.last)
        return self._norm(self.signs.gradient.format(by=by, loss=self.loss))

    @property
    def _rate_symbol(self) -> sp.Symbol:
        return sp.Symbol(self.rate, positive=True)

    @property
    def rate_name(self) -> str:
        """The letter for the bound on the Jacobian, as it is written."""
        return self.writer.weighted.letter(GAMMA) if self.is_weighted else self.notation.plain(self._rate_symbol)

    def _single(self) -> str:
        """The sum over the powers of the rate, closed."""
        bound, scalar = self.bound, self.vocabulary.scalar
        constant = [self.writer.weighted.letter(C)] if bound.constant != 1 else []
        size = self.notation.product([self.loss_norm(), *constant, self.size])
        count = self.notation.product([size, self._count()])
        if bound.gamma == 1:
            return count
        name = self.rate_name
        first, last = (self.notation.power(name, scalar(count)) for count in (bound.first, bound.steps))
        closed = self.notation.quotient(f"{'1' if bound.first == 0 else first} - {last}", f"1 - {name}")
        whole = self.notation.product([size, closed])
        if bound.gamma.is_number:
            return whole
        words = self.notation.words
        return f"{whole}{words(' (for ')}{name} = 1{words(': ')}{count}{words(')')}"

    def _count(self) -> str:
        """The number of terms."""
        first, steps = map(self.vocabulary.scalar, (self.bound.first, self.bound.steps))
        if (self.bound.steps - self.bound.first).is_Integer:
            return self.vocabulary.scalar(self.bound.steps - self.bound.first)
        return steps if self.bound.first == 0 else self.notation.brackets(f"{steps} - {first}")

    def _single_names(self) -> list[Equation]:
        scalar, bound = self.vocabulary.scalar, self.bound
        found = [Equation(self.size, "=", self.writer.sum(bound.source))]
        if bound.gamma != 1:
            found.append(Equation(self.rate_name, "=", [(False, scalar(bound.gamma))]))
        return found

    def _least(self) -> str:
        """The sum of the least of several bounds on products."""
        last = f"{self.last}-1"
        total = self.notation.total(
            weighted_right(self.bound.product, self.writer), self.vocabulary.scalar(self.bound.first), last
        )
        return self.notation.product([self.loss_norm(), self.size, total])

    def _weighted_names(self) -> list[Equation]:
        """What the letters of a weighted norm mean."""
        bound, weighted = self.bound, self.writer.weighted
        letters = {weighted.letter(GAMMA): bound.gamma, weighted.letter(C): bound.constant}
        known = {} if bound.method == "best" else {n: e for n, e in letters.items() if e not in (GAMMA, C, 1)}
        return [
            *self._size_names(),
            *(Equation(name, "=", [(False, weighted.scalar(expr))]) for name, expr in known.items()),
            *weighted_names(bound.product, self.writer),
        ]

    def _size_names(self) -> list[Equation]:
        """The bound on the derivative by the parameters; of several states the norm of those of each."""
        sources = self.bound.sources
        if len(sources) == 1:
            return [Equation(self.size, "=", self.writer.sum(sources[0]))]
        column, entries = written_matrix(self.vocabulary, self.column, sp.ImmutableDenseMatrix(sources))
        norm = self.notation.norm(self.column, self.bound.norm)
        return [Equation(self.size, "=", [(False, norm)]), Equation(self.column, "=", [(False, column)]), *entries]

    def _several(self) -> str:
        term = self.notation.product([self.notation.power(self.writer.gain, "k"), self.column])
        total = self.notation.total(term, self.vocabulary.scalar(self.bound.first), f"{self.last}-1")
        return self.notation.product([self.loss_norm(), self.notation.norm(total, self.bound.norm)])

    def _several_names(self) -> list[Equation]:
        column, entries = written_matrix(self.vocabulary, self.column, self.bound.source)
        gain = self.writer.matrix_equations("gain", self.bound.gain)
        return [*gain, Equation(self.column, "=", [(False, column)]), *entries]


@equations.register
def _(bound: GradientBound, notation: Notation) -> list[Equation]:
    return GradientWriter(bound, notation).equations()


@latex.register
def _(bound: GradientBound) -> str:
    return aligned(equations(bound, LATEX))


@text.register
def _(bound: GradientBound) -> str:
    return plain_lines(equations(bound, TEXT))


@to_dict.register
def _(bound: GradientBound) -> dict[str, Any]:
    return {
        "kind": "gradient bound",
        "model": bound.model.name,
        "norm": str(bound.norm),
        "gradient_norm": str(NORMS[bound.norm.dual]),
        "by": [str(symbol) for symbol in bound.parameters],
        "steps": str(bound.steps),
        "terms_kept": str(bound.first) if bound.first != 0 else None,
        "expr": expression(bound.expr),
        "method": bound.method,
        "gain": bound_data(bound.gain),
        "constant": expression(bound.constant),
        "source": bound_data(bound.source),
        "equations": {"text": text(bound), "latex": latex(bound)},
        "proof": to_dict(bound.proof),
    }


# --- of each layer --------------------------------------------------------------


def _layer_equations(bound: LayerGradientBound, notation: Notation) -> list[Equation]:
    writer = QuantityWriter(bound.model, notation, [])
    vocabulary, signs = writer.vocabulary, SIGNS[notation]
    states, dual = bound.model.states, NORMS[bound.norm.dual]
    state = vocabulary.plain[states[0]] if len(states) == 1 else vocabulary.letter("x", "s", "y")
    loss = vocabulary.letter("L", "E", "R")
    single = len(bound.parameters) == 1
    by = vocabulary.plain[bound.parameters[0]] if single else vocabulary.stepped(notation.parameters, "t")
    left, end = (
        notation.norm(signs.gradient.format(by=name, loss=loss), dual)
        for name in (by, notation.stepped(state, vocabulary.scalar(bound.model.depth)))
    )
    right = notation.product([end, vocabulary.scalar(bound.expr / bound.loss_gradient)])
    used = set().union(*(assumed_ranges(item) for item in (bound.product.inequality, *bound.sources)))
    ranges = range_equations(vocabulary, used)
    return [Equation(left, notation.less_or_equal, [(False, right)]), *ranges]


@equations.register
def _(bound: LayerGradientBound, notation: Notation) -> list[Equation]:
    return _layer_equations(bound, notation)


@latex.register
def _(bound: LayerGradientBound) -> str:
    return aligned(_layer_equations(bound, LATEX))


@text.register
def _(bound: LayerGradientBound) -> str:
    return plain_lines(_layer_equations(bound, TEXT))


@to_dict.register
def _(bound: LayerGradientBound) -> dict[str, Any]:
    return {
        "kind": "gradient bound of each layer",
        "model": bound.model.name,
        "norm": str(bound.norm),
        "gradient_norm": str(NORMS[bound.norm.dual]),
        "by": [str(symbol) for symbol in bound.parameters],
        "depth": str(bound.model.depth),
        "expr": expression(bound.expr),
        "source": expression(bound.source),
        "rate": expression(bound.rate),
        "equations": {"text": text(bound), "latex": latex(bound)},
        "proofs": [to_dict(proof) for proof in bound.proofs],
    }
