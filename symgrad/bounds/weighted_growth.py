"""Bounds whose numbers come from slopes unit by unit and from certificates that are found for given weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp
from flint import arb

from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.diagonal_scaling import diagonal_certificate
from symgrad.bounds.growth import Growth
from symgrad.bounds.invariant import InvariantBox
from symgrad.bounds.perron_scaling import perron_certificates
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.bounds.series import ComparisonSeries, RateSeries, Series, UpperSeries
from symgrad.bounds.unit_slopes import UnitSlopes, unit_slopes
from symgrad.bounds.weighted_quantities import geometric_parts
from symgrad.bounds.weighted_rules import C
from symgrad.bounds.weighted_series import CertifiedSeries, ClosestSeries, GeometricRate
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.jacobian import jacobian
from symgrad.errors import NoBoundError
from symgrad.language.nodes import Node
from symgrad.language.norms import Norm
from symgrad.language.operators import Diagonal, children, symbols_of
from symgrad.rigor.balls import to_ball

__all__ = ["BestPower", "CertifiedPower", "RefinedPower", "UnitGrowth"]

_KEPT = 32  # certificates that are found again without another search


class UnitGrowth(Growth):
    """A bound that with weights put in is sharper than its closed form: from slopes unit by unit."""

    box: InvariantBox

    def series(self, evaluator: BoundEvaluator) -> Series:
        return self.series_on(evaluator, unit_slopes(self.box, evaluator.weights))

    @abstractmethod
    def times(self, factor: sp.Expr) -> UnitGrowth:
        """The same with the rate multiplied by a factor."""

    @abstractmethod
    def series_on(self, evaluator: BoundEvaluator, slopes: UnitSlopes) -> Series:
        """The bound with numbers put in, for slopes that several bounds share."""

    @cached_property
    def constants(self) -> frozenset[sp.Basic]:
        """The parameters that stand in the Jacobian outside of its slopes, without which it has no numbers."""
        found: set[sp.Basic] = set()
        nodes: list[Node] = [entry for row in jacobian(self.box.model).blocks for entry in row]
        while nodes:
            node = nodes.pop()
            if not isinstance(node, Diagonal):
                inner = children(node)
                nodes += inner
                found |= symbols_of(node) if not inner else set(symbols_of(node)).difference(*map(symbols_of, inner))
        return frozenset(found) & frozenset(self.box.model.parameters)


@dataclass(frozen=True, eq=False)
class RefinedPower(UnitGrowth):
    """A rate, gain matrix or comparison matrix to a power; with weights, from ranges unit by unit.

    Attributes:
        inner: the bound in closed form.
        norm: of the product.
        box: the ranges that it holds in.
        upper: whether it bounds from above.
        factor: what the rate is multiplied by, 1 for the theorem.
    """

    inner: Growth
    norm: Norm
    box: InvariantBox
    upper: bool
    factor: sp.Expr = sp.S.One

    @property
    def content(self) -> sp.Basic:
        return self.inner.content

    @property
    def rate(self) -> sp.Expr:
        return self.inner.rate

    @property
    def constant(self) -> sp.Expr:
        return self.inner.constant

    @property
    def holds_if(self) -> sp.Basic:
        return self.inner.holds_if

    def expr(self, k: sp.Symbol) -> sp.Expr:
        return self.inner.expr(k)

    def at(self, steps: int) -> sp.Expr:
        return self.inner.at(steps)

    def compared(self, relation: Any) -> sp.Basic:
        return self.inner.compared(relation)

    @property
    def is_steady(self) -> bool:
        return self.inner.is_steady

    def needed(self, relation: Any) -> sp.Basic:
        return self.inner.needed(relation)

    def times(self, factor: sp.Expr) -> RefinedPower:
        return replace(self, inner=self.inner.times(factor), factor=self.factor * factor)

    def series_on(self, evaluator: BoundEvaluator, slopes: UnitSlopes) -> Series:
        found: dict[str, Series] = {}
        if self.content.atoms(sp.MatrixSymbol) | self.content.free_symbols <= _known(evaluator):
            found["closed form"] = self.inner.series(evaluator)
        try:
            found |= self._by_units(slopes)
        except NoBoundError:  # which says what is unbounded, unless the closed form knows better
            if not (found and found["closed form"].at(1).is_finite()):
                raise
        return ClosestSeries(found, self.upper)

    def _by_units(self, slopes: UnitSlopes) -> dict[str, Series]:
        factor = to_ball(self.factor)
        if self.upper:
            gains, whole = slopes.gains(self.norm) * factor, slopes.whole(self.norm) * factor
            return {
                "blocks": UpperSeries(gains, self.norm),
                "whole": CertifiedSeries([GeometricRate(whole, arb(1))]),
            }
        comparison, least = slopes.comparison(self.norm) * factor, slopes.least(self.norm) * factor
        return {"blocks": ComparisonSeries(comparison, self.norm), "whole": RateSeries(least)}


def _known(evaluator: BoundEvaluator) -> set[sp.Basic]:
    return set(evaluator.weights.values) | set(evaluator.weights.sizes)


def _perron(slopes: UnitSlopes, norm: Norm) -> list[RateCertificate]:
    return perron_certificates(slopes.form, norm.p)


def _diagonal(slopes: UnitSlopes, norm: Norm) -> list[RateCertificate]:
    return [diagonal_certificate(slopes.form)]


def _quadratic(slopes: UnitSlopes, norm: Norm) -> list[RateCertificate]:
    return [quadratic_certificate(slopes.form)]


CERTIFICATES: dict[str, Callable[[UnitSlopes, Norm], list[RateCertificate]]] = {
    "perron": _perron,
    "diagonal": _diagonal,
    "quadratic": _quadratic,
}


@lru_cache(maxsize=_KEPT)
def _certificates(kind: str, slopes: UnitSlopes, norm: Norm) -> tuple[RateCertificate, ...]:
    """Those of one kind, kept for the last slopes: a product, a gradient and what truncation leaves out share them."""
    return tuple(CERTIFICATES[kind](slopes, norm))


@dataclass(frozen=True, eq=False)
class CertifiedPower(UnitGrowth):
    """``C rate^k`` in a weighted norm, where weights bring numbers that are found and certified.

    Attributes:
        kind: ``"perron"``, ``"diagonal"`` or ``"quadratic"``.
        rate_expr: the rate, a symbol where it has no closed form.
        constant_expr: C.
        norm: of the product.
        box: the ranges that it holds in.
        factor: what the rate is multiplied by, 1 for the theorem.
    """

    kind: str
    rate_expr: sp.Expr
    constant_expr: sp.Expr
    norm: Norm
    box: InvariantBox
    factor: sp.Expr = sp.S.One

    @property
    def content(self) -> sp.Basic:
        return self.rate

    @property
    def rate(self) -> sp.Expr:
        return self.rate_expr * self.factor

    @property
    def constant(self) -> sp.Expr:
        return self.constant_expr

    def expr(self, k: sp.Symbol) -> sp.Expr:
        return self.constant * self.rate**k

    def at(self, steps: int) -> sp.Expr:
        return self.constant * self.rate**steps

    def compared(self, relation: Any) -> sp.Basic:
        return relation(self.rate, 1)

    def times(self, factor: sp.Expr) -> CertifiedPower:
        return replace(self, factor=self.factor * factor)

    def series_on(self, evaluator: BoundEvaluator, slopes: UnitSlopes) -> CertifiedSeries:
        found = _certificates(self.kind, slopes, self.norm)
        p, factor = float(self.norm.p), to_ball(self.factor)
        rates = [GeometricRate(arb(item.rate) * factor, item.constants[p], item.vanishes_after) for item in found]
        return CertifiedSeries(rates, found)


@dataclass(frozen=True, eq=False)
class BestPower(UnitGrowth):
    """The least of several bounds.

    Attributes:
        named: name -> bound.
        norm: of the product.
        box: the ranges that they hold in.
    """

    named: dict[str, UnitGrowth]
    norm: Norm
    box: InvariantBox

    @property
    def content(self) -> sp.Basic:
        return self.rate

    @property
    def rate(self) -> sp.Expr:
        return sp.Min(*(growth.rate for growth in self.named.values()), evaluate=False)

    @property
    def constant(self) -> sp.Expr:
        """That of the bound of least rate, which only weights tell: a symbol."""
        return C

    def expr(self, k: sp.Symbol) -> sp.Expr:
        return sp.Min(*(growth.expr(k) for growth in self.named.values()), evaluate=False)

    def at(self, steps: int) -> sp.Expr:
        return sp.Min(*(growth.at(steps) for growth in self.named.values()), evaluate=False)

    def compared(self, relation: Any) -> sp.Basic:
        join = sp.Or if relation in (sp.Lt, sp.Le) else sp.And
        return join(*(growth.compared(relation) for growth in self.named.values()))

    @property
    def is_steady(self) -> bool:
        return False

    def times(self, factor: sp.Expr) -> BestPower:
        return replace(self, named={name: growth.times(factor) for name, growth in self.named.items()})

    def series_on(self, evaluator: BoundEvaluator, slopes: UnitSlopes) -> ClosestSeries:
        named: dict[str, Series] = {}
        failed: NoBoundError | None = None
        for name, growth in self.named.items():
            try:
                named[name] = growth.series_on(evaluator, slopes)
            except NoBoundError as error:  # at the edges of the floats a certificate may not be found
                failed = error
        if failed is not None and not named:
            raise failed
        return ClosestSeries(named, upper=True)


def certified_power(kind: str, bound: sp.Expr, k: sp.Symbol, norm: Norm, box: InvariantBox) -> CertifiedPower:
    """The growth of a proved bound ``C rate**k``."""
    constant, rate = geometric_parts(bound, k)
    return CertifiedPower(kind, rate, constant, norm, box)
