"""Layer, RMS and batch normalisation: the exact Jacobian, its eigenvalues, and its operator norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.design.arguments import nonnegative_parameter
from symgrad.design.normalisation_checks import check_normalisation
from symgrad.design.normalisation_steps import STD, derivation_of, unit_direction
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Verification
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation
from symgrad.language.norms import OperatorNorm
from symgrad.language.numbers import scalar_parameter

__all__ = ["Normalisation"]


@dataclass(frozen=True)
class Normalisation(StatedResult):
    r"""``y = gamma (x - mean)/s + beta`` with ``s = sqrt(variance + eps)``, and its Jacobian.

    The mean is that of the n entries that are normalised together; RMS normalisation subtracts none and takes the mean
    square for the variance. Batch normalisation does the same to the n samples of each feature.

    Attributes:
        name: ``"layer norm"``, ``"RMS norm"`` or ``"batch norm"``.
        size: n, how many entries are normalised together.
        gains: gamma: one number for all entries, or one for each entry (of batch norm for each feature).
        eps: what is added to the variance.
        centred: whether the mean is subtracted.

    >>> from symgrad import design
    >>> norm = design.layer_norm(n=3, gamma=2, eps=0)
    >>> norm.jacobian_at([-1, 0, 1])[1, 1], norm.norm
    (2*sqrt(6)/3, 2/s)
    """

    name: str
    size: sp.Expr
    gains: tuple[sp.Expr, ...]
    eps: sp.Expr
    centred: bool

    @property
    def std(self) -> sp.Symbol:
        """The symbol s for ``sqrt(variance + eps)``."""
        return STD

    @property
    def along_batch(self) -> bool:
        """Whether samples are normalised together, each feature on its own."""
        return self.name == "batch norm"

    @property
    def is_exact(self) -> bool:
        """Whether ``norm`` is the operator norm itself rather than an upper bound."""
        return self.along_batch or len(set(self.gains)) == 1

    @cached_property
    def gain(self) -> sp.Expr:
        """The largest modulus of gamma."""
        return sp.Max(*(sp.Abs(gain) for gain in self.gains))

    @property
    def direction(self) -> sp.MatrixSymbol:
        """The symbol for ``xhat = (x - mean)/s``, a column of n entries."""
        return unit_direction(self.size)

    @property
    def bracket(self) -> sp.MatrixExpr:
        """``I - 1 1'/n - xhat xhat'/n``, the Jacobian without ``gamma/s``; RMS norm has no second term."""
        n = self.size
        rest = sp.Identity(n) - self.direction * self.direction.T / n
        return rest - sp.OneMatrix(n, n) / n if self.centred else rest

    @property
    def jacobian(self) -> sp.MatrixExpr:
        """The Jacobian in terms of s and xhat; of batch norm the block of one feature."""
        if len(set(self.gains)) == 1 or self.along_batch:
            return (self._block_gain / STD) * self.bracket
        return (1 / STD) * (sp.ImmutableDenseMatrix(sp.diag(*self.gains)) * self.bracket)

    @property
    def _block_gain(self) -> sp.Expr:
        return self.gains[0] if len(set(self.gains)) == 1 else sp.Symbol("gamma", real=True)

    @property
    def eigenvalues(self) -> dict[sp.Expr, sp.Expr]:
        """The eigenvalues of ``bracket`` and how often each occurs, in terms of s.

        >>> from symgrad import design
        >>> design.layer_norm(n=5, eps=0.1).eigenvalues
        {0: 1, 1/(10*s**2): 1, 1: 3}
        """
        lost = int(self.centred)
        several = {sp.S.Zero: sp.S.One} if self.centred else {}
        squeezed = self.eps / STD**2
        if self.size.is_Integer and self.size <= lost:
            return several
        rest = {sp.S.One: self.size - lost - 1} if self.size - lost - 1 != 0 else {}
        together = several.get(squeezed, sp.S.Zero) + 1
        return several | {squeezed: together} | rest

    @property
    def shrinkage(self) -> sp.Expr:
        """The operator norm of ``bracket``, 1, or ``eps/s**2`` where xhat is all that is left, or 0."""
        lost = int(self.centred)
        few, squeezed = (self.size <= lost, self.size <= lost + 1), self.eps / STD**2
        return sp.Piecewise((0, few[0]), (squeezed, few[1]), (1, True))

    @cached_property
    def norm(self) -> sp.Expr:
        """The operator norm of the Jacobian at a point with standard deviation s, or a bound on it.

        It is exact where gamma is the same for all entries, and for batch norm with one feature; see
        :attr:`is_exact`. :attr:`norm_floor` bounds it from below.
        """
        return _through(lambda part: self.gain * part / STD, self.shrinkage)

    @cached_property
    def norm_floor(self) -> sp.Expr:
        """A lower bound of the operator norm, with the third largest modulus of gamma (of RMS norm the second).

        The space on which the bracket is the identity meets the span of that many unit vectors. It equals
        :attr:`norm` where that is exact.
        """
        if self.is_exact:
            return self.norm
        rank = int(self.centred) + 1
        sizes = _descending([sp.Abs(gain) for gain in self.gains])
        return sizes[rank] / STD if len(sizes) > rank else sp.S.Zero

    def uniform(self, std: Any = None) -> sp.Expr:
        """The bound on the operator norm over all x, or over those with ``s >= std``.

        Without ``std`` it is ``gain/sqrt(eps)``, which is attained where all entries of x are equal (for RMS norm
        zero); without eps it is infinite unless too few entries are left.

        Raises:
            InputError: std is no non-negative number or expression.
        """
        least = sp.sqrt(self.eps)
        if std is not None:
            least = sp.Max(least, nonnegative_parameter("std", std))
        if least == 0:
            return _through(lambda part: sp.S.Zero if part == 0 else sp.oo, self.norm)
        found = self.norm.subs(STD, least)
        return found if least.has(sp.Max) else sp.simplify(found)

    def map_at(self, x: Sequence[Any]) -> sp.ImmutableDenseMatrix:
        """The normalised column without beta, from the definition.

        Args:
            x: n numbers or symbols; of batch norm one feature's samples, of which the first gamma is taken.

        Raises:
            InputError: another number of entries.
        """
        centred = self._centred(x)
        std = sp.sqrt(self._variance(centred) + self.eps)
        return sp.ImmutableDenseMatrix([gain * entry / std for gain, entry in self._pairs(centred)])

    def std_at(self, x: Sequence[Any]) -> sp.Expr:
        """``s = sqrt(variance + eps)`` at a point."""
        return sp.sqrt(self._variance(self._centred(x)) + self.eps)

    def jacobian_at(self, x: Sequence[Any]) -> sp.ImmutableDenseMatrix:
        """The exact n x n Jacobian at a point, from the formula :attr:`jacobian`.

        Raises:
            InputError: another number of entries, or all are equal (for RMS norm zero) and eps is zero.
        """
        centred = self._centred(x)
        n, std = len(centred), self.std_at(x)
        if std == 0:
            raise InputError("x: the Jacobian does not exist where the variance and eps are both zero")
        hat = sp.Matrix(centred) / std
        bracket = sp.eye(n) - hat * hat.T / n - (sp.ones(n, n) / n if self.centred else sp.zeros(n, n))
        gains = sp.diag(*(gain for gain, _ in self._pairs(centred)))
        return sp.ImmutableDenseMatrix(gains * bracket / std)

    def _centred(self, x: Sequence[Any]) -> list[sp.Expr]:
        """The entries of a point, less their mean where that is subtracted."""
        column = [scalar_parameter("x", entry) for entry in x]
        if self.size.is_Integer and len(column) != self.size:
            raise InputError(f"x: {self.size} entries are needed, got {len(column)}")
        mean = sp.Add(*column) / len(column) if self.centred else sp.S.Zero
        return [entry - mean for entry in column]

    def _variance(self, centred: list[sp.Expr]) -> sp.Expr:
        return sp.Add(*(entry**2 for entry in centred)) / len(centred)

    def _pairs(self, centred: list[sp.Expr]) -> list[tuple[sp.Expr, sp.Expr]]:
        single = self.along_batch or len(self.gains) == 1
        gains = [self.gains[0]] * len(centred) if single else list(self.gains)
        return list(zip(gains, centred, strict=True))

    @property
    def title(self) -> str:
        """The name and what is normalised."""
        over = "samples of each feature" if self.along_batch else "entries"
        return f"{self.name} over n = {self.size} {over}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The Jacobian, its norm at a point, and the bound over all points."""
        J = sp.MatrixSymbol("J", self.size, self.size)
        relation = sp.Eq if self.is_exact else sp.Le
        at_point = relation(OperatorNorm(J), self.norm, evaluate=False)
        uniform = sp.Le(OperatorNorm(J), self.uniform(), evaluate=False)
        return (
            Statement("Jacobian", sp.Eq(J, self.jacobian, evaluate=False)),
            Statement("operator norm at a point", at_point),
            Statement("for every x", uniform),
        )

    @property
    def derivation(self) -> Derivation:
        """From the definition to the operator norm."""
        return derivation_of(self)

    def verify(self, seed: int = 0) -> Verification:
        """Compare the Jacobian and its norm with derivatives of the definition at random points.

        Args:
            seed: of the points, and of the numbers put in for symbols.

        >>> from symgrad import design
        >>> design.layer_norm().verify().holds
        True
        """
        return check_normalisation(self, seed)


def _through(change: Any, value: sp.Expr) -> sp.Expr:
    """A function of every branch of a piecewise expression."""
    if isinstance(value, sp.Piecewise):
        return sp.Piecewise(*((change(part), condition) for part, condition in value.args))
    return change(value)


def _descending(sizes: list[sp.Expr]) -> list[sp.Expr]:
    """Numbers in descending order; with symbols among them only their least is known to be below all."""
    if all(size.is_number for size in sizes):
        return sorted(sizes, reverse=True)
    return [sp.Max(*sizes)] + [sp.Min(*sizes)] * (len(sizes) - 1)
