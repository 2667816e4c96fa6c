"""Quantities about flows in print: logarithmic norms, derivatives over time, integrals of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    FlowDifferentialNorm,
    FlowNorm,
    Inequality,
    LogarithmicNormOf,
    Quantity,
)
from symgrad.language.norms import Norm
from symgrad.language.operators import Block, Operator
from symgrad.present.vocabulary import Vocabulary

__all__ = ["FlowWriter"]


class FlowWriter:
    """Writes what is said about a flow.

    Args:
        vocabulary: of the right sides.
        jacobian: what the Jacobian is called.
        source: what the derivative by the parameters is called.
    """

    def __init__(self, vocabulary: Vocabulary, jacobian: str, source: str) -> None:
        self.vocabulary, self.notation = vocabulary, vocabulary.notation
        self.jacobian, self.source = jacobian, source
        self.matrix = vocabulary.letter("M", "N", "K")
        self.variable = vocabulary.letter("s", "r", "q")

    @property
    def state(self) -> str:
        """The state, or a letter for all of them."""
        states = self.vocabulary.model.states
        return self.vocabulary.plain[states[0]] if len(states) == 1 else self.vocabulary.letter("x", "s", "y")

    def quantity(self, quantity: Quantity, operator: Callable[[Operator], str]) -> str | None:
        """What is bounded, None for what is no matter of flows; the logarithmic norm of a number is that number."""
        notation = self.notation
        match quantity:
            case LogarithmicNormOf(Block(), norm):
                return notation.logarithmic_norm(self.jacobian, norm)
            case LogarithmicNormOf(inner, norm):
                written = operator(inner)
                return written if self.vocabulary.model.is_scalar else notation.logarithmic_norm(written, norm)
            case BlockLogarithmicNorms(_, norm):
                same, other = (notation.indexed(self.jacobian, index) for index in ("ii", "ij"))
                return notation.brackets(f"{notation.logarithmic_norm(same, norm)}, {notation.norm(other, norm)}")
            case FlowNorm(_, time, norm):
                return self._norm(self._propagator(notation.plain(time), "0"), norm)
            case FlowDifferentialNorm(_, _, first, time, norm):
                last, start = map(self.vocabulary.scalar, (time, first))
                earlier = f"{last}-{self.variable}"
                term = notation.product([self._propagator(last, earlier), notation.at_time(self.source, earlier)])
                return notation.norm(notation.integral(term, self.variable, start, last), norm)
        return None

    def _norm(self, inner: str, norm: Norm) -> str:
        model = self.vocabulary.model
        return (
            self.notation.modulus(inner)
            if model.is_scalar and len(model.states) == 1
            else (self.notation.norm(inner, norm))
        )

    def _propagator(self, end: str, start: str) -> str:
        return self.notation.partial(*(self.notation.at_time(self.state, when) for when in (end, start)))

    def bound(self, item: Inequality) -> str | None:
        """The bound of several states through the matrix of their rates, and integrals; None for any other."""
        notation = self.notation
        match item.quantity:
            case LogarithmicNormOf(Block(), norm):
                return notation.logarithmic_norm(self.matrix, norm)
            case FlowNorm(Block(), time, norm):
                rate = notation.logarithmic_norm(self.matrix, norm)
                return notation.exponential(notation.product([rate, notation.plain(time)]))
            case FlowDifferentialNorm() as quantity:
                return self._integral(quantity, item.premises)
        return None

    def _integral(self, quantity: FlowDifferentialNorm, premises: Sequence[Inequality]) -> str:
        """The bound on the derivative by the parameters times the integral of the exponential function."""
        notation, scalar = self.notation, self.vocabulary.scalar
        rate, *sources = (premise.bound for premise in premises)
        several = isinstance(quantity.jacobian, Block)
        written = notation.logarithmic_norm(self.matrix, quantity.norm) if several else notation.brackets(scalar(rate))
        growth = notation.exponential(notation.product([written, self.variable]))
        size = sources[0] if len(sources) == 1 else quantity.norm.of_vector(list(sources))
        factor = notation.brackets(scalar(size)) if size.is_Add else scalar(size)
        ends = scalar(quantity.first), scalar(quantity.time)
        integral = notation.integral(growth, self.variable, *ends)
        return integral if size == sp.S.One else notation.product([factor, integral])
