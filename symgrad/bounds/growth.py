"""How a bound depends on the number of steps: the power of a rate, of a gain matrix, of the inverse of a comparison."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.bounds.gain import (
    gain_power,
    irreducible_blocks,
    perron_constant,
    perron_root,
    perron_roots,
)
from symgrad.bounds.series import ComparisonSeries, RateSeries, Series, UpperSeries
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.language.norms import Norm, OperatorNorm, SpectralRadius, minimum

__all__ = ["ComparisonPower", "GainPower", "Growth", "RatePower"]

_CLOSED = 2  # norms of symbolic matrices up to this size are written out
_WRITTEN_OUT = 100  # operations in the entries of such a matrix, at most
_SHORT = 3  # powers of symbolic matrices up to here are multiplied out, higher ones take the closed form


class Growth(ABC):
    """A bound as a function of the number of steps."""

    norm: Norm

    @property
    @abstractmethod
    def content(self) -> sp.Basic:
        """What the bound is made of: the rate, or the matrix whose power it is."""

    @property
    @abstractmethod
    def rate(self) -> sp.Expr:
        """The factor per step."""

    @property
    def constant(self) -> sp.Expr:
        """C such that ``C * rate**k`` bounds too."""
        return sp.S.One

    @property
    def holds_if(self) -> sp.Basic:
        """The condition on the parameters under which the bound holds as printed."""
        return sp.true

    @abstractmethod
    def expr(self, k: sp.Symbol) -> sp.Expr:
        """The bound as an expression in k."""

    @abstractmethod
    def at(self, steps: int) -> sp.Expr:
        """The bound for a number of steps."""

    @abstractmethod
    def compared(self, relation: Any) -> sp.Basic:
        """The relation, such as ``sp.Lt``, between the rate and 1."""

    @property
    def is_steady(self) -> bool:
        """Whether ``C * rate**k`` bounds with the very rate that :meth:`compared` looks at."""
        return True

    def needed(self, relation: Any) -> sp.Basic:
        """The relation between the rate and 1 as a consequence: true also where the bound says nothing."""
        return self.compared(relation)

    @abstractmethod
    def times(self, factor: sp.Expr) -> Growth:
        """The same with the rate multiplied by a factor."""

    @abstractmethod
    def series(self, evaluator: BoundEvaluator) -> Series:
        """The bound with numbers put in."""


@dataclass(frozen=True)
class RatePower(Growth):
    """``rate**k``, from above or from below.

    Attributes:
        factor: the rate.
        norm: of the product.
        upper: whether it bounds from above.
    """

    factor: sp.Expr
    norm: Norm
    upper: bool

    @property
    def content(self) -> sp.Basic:
        return self.factor

    @property
    def rate(self) -> sp.Expr:
        return self.factor

    def expr(self, k: sp.Symbol) -> sp.Expr:
        return self.factor**k

    def at(self, steps: int) -> sp.Expr:
        return self.factor**steps

    def compared(self, relation: Any) -> sp.Basic:
        parts = self.factor.args if isinstance(self.factor, sp.Max) else (self.factor,)
        join = sp.And if relation in (sp.Lt, sp.Le) else sp.Or  # of a maximum, each part decides by itself
        return join(*(relation(part, 1) for part in parts))

    def times(self, factor: sp.Expr) -> RatePower:
        return replace(self, factor=self.factor * factor)

    def series(self, evaluator: BoundEvaluator) -> Series:
        gain = evaluator.matrix(sp.ImmutableDenseMatrix([[self.factor]]))
        return UpperSeries(gain, self.norm) if self.upper else RateSeries(gain[0, 0])


@dataclass(frozen=True)
class GainPower(Growth):
    """``||G**k||`` of a non-negative matrix, from above.

    Attributes:
        gain: the matrix G.
        norm: of the product.
    """

    gain: sp.ImmutableDenseMatrix
    norm: Norm

    @property
    def content(self) -> sp.Basic:
        return self.gain

    @cached_property
    def _constant(self) -> sp.Expr | None:
        return perron_constant(self.gain, self.norm.p)

    @property
    def rate(self) -> sp.Expr:
        if self._constant is not None:
            return perron_root(self.gain)
        whole = OperatorNorm(self.gain, self.norm.p)
        short = self.gain.rows <= _CLOSED and sum(entry.count_ops() for entry in self.gain) <= _WRITTEN_OUT
        return whole.doit() if short else whole  # larger ones have closed forms beyond measure

    @property
    def constant(self) -> sp.Expr:
        return sp.S.One if self._constant is None else self._constant

    def expr(self, k: sp.Symbol) -> sp.Expr:
        return OperatorNorm(gain_power(self.gain, k), self.norm.p)

    def at(self, steps: int) -> sp.Expr:
        if steps <= _SHORT or all(entry.is_Rational for entry in self.gain):
            return OperatorNorm(sp.ImmutableDenseMatrix(self.gain**steps), self.norm.p)
        return OperatorNorm(gain_power(self.gain, sp.Integer(steps)), self.norm.p)

    def compared(self, relation: Any) -> sp.Basic:
        join = sp.And if relation in (sp.Lt, sp.Le) else sp.Or  # of a maximum, each part decides by itself
        return join(*(relation(root, 1) for root in perron_roots(self.gain)))

    @property
    def is_steady(self) -> bool:
        return self._constant is not None

    def times(self, factor: sp.Expr) -> GainPower:
        return replace(self, gain=self.gain * factor)

    def series(self, evaluator: BoundEvaluator) -> Series:
        return UpperSeries(evaluator.matrix(self.gain), self.norm)


def _least_root(block: sp.ImmutableDenseMatrix) -> sp.Expr:
    if block.rows == 1:
        return block[0, 0]
    if block.rows == 2:
        a, b, c, d = block
        return (a + d) / 2 - sp.sqrt((a - d) ** 2 + 4 * b * c) / 2
    return 1 / SpectralRadius(sp.ImmutableDenseMatrix(block.inv(method="ADJ")))


@dataclass(frozen=True)
class ComparisonPower(Growth):
    """``1 / ||M**-k||`` of a comparison matrix M with a non-negative inverse, from below; 0 without such an inverse.

    Attributes:
        comparison: the matrix M, not positive off its diagonal.
        norm: of the product.
    """

    comparison: sp.ImmutableDenseMatrix
    norm: Norm

    @property
    def content(self) -> sp.Basic:
        return self.comparison

    @cached_property
    def inverse(self) -> sp.ImmutableDenseMatrix:
        """The inverse of M."""
        return sp.ImmutableDenseMatrix(self.comparison.inv(method="ADJ"))

    @cached_property
    def holds_if(self) -> sp.Basic:
        """All leading principal minors are positive: M is then a non-singular M-matrix.

        Source: Berman and Plemmons, Nonnegative Matrices in the Mathematical Sciences 1994, thm. 6.2.3 (E17).
        """
        matrix = self.comparison
        if matrix.is_upper or matrix.is_lower:
            return sp.And(*(sp.Gt(entry, 0) for entry in matrix.diagonal()))
        minors = (matrix[: size + 1, : size + 1].det(method="berkowitz") for size in range(matrix.rows))
        return sp.And(*(sp.Gt(minor, 0) for minor in minors))

    @property
    def _inverted(self) -> GainPower:
        return GainPower(self.inverse, self.norm)

    @cached_property
    def _least_root(self) -> sp.Expr:
        """The eigenvalue of M of least modulus, ``1 / rho(M^-1)``: the least of those of the irreducible blocks."""
        return minimum(*map(_least_root, irreducible_blocks(self.comparison)))

    @property
    def rate(self) -> sp.Expr:
        least = self._least_root if self.is_steady else 1 / OperatorNorm(self.inverse, self.norm.p)
        return self._guarded(least)

    @property
    def constant(self) -> sp.Expr:
        found = perron_constant(self._adjugate, self.norm.p)
        return sp.S.One if found is None else 1 / found

    @property
    def _adjugate(self) -> sp.ImmutableDenseMatrix:
        """A multiple of the inverse with simpler entries, as long as it holds."""
        return sp.ImmutableDenseMatrix(self.comparison.adjugate())

    def _guarded(self, value: sp.Expr) -> sp.Expr:
        return sp.Piecewise((value, self.holds_if), (sp.S.Zero, True))

    def expr(self, k: sp.Symbol) -> sp.Expr:
        return self._guarded(1 / self._inverted.expr(k))

    def at(self, steps: int) -> sp.Expr:
        return self._guarded(1 / self._inverted.at(steps)) if steps else sp.S.One

    def compared(self, relation: Any) -> sp.Basic:
        return sp.And(self.holds_if, relation(self._least_root, 1))

    @property
    def is_steady(self) -> bool:
        return perron_constant(self._adjugate, self.norm.p) is not None

    def needed(self, relation: Any) -> sp.Basic:
        return sp.Or(sp.Not(self.holds_if), relation(self._least_root, 1))

    def times(self, factor: sp.Expr) -> ComparisonPower:
        return replace(self, comparison=self.comparison * factor)

    def series(self, evaluator: BoundEvaluator) -> Series:
        return ComparisonSeries(evaluator.matrix(self.comparison), self.norm)
