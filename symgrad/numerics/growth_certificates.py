"""What proves that products of Jacobians vanish, grow, or do neither: a bound, or an enclosed trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.product import Bound, BoundSeries, product_bound
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.setting import Setting
from symgrad.numerics.trajectory_bound import TrajectoryBound, trajectory_bound
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["BoundCertificate", "GrowthCertificate", "RuleCertificate", "TrajectoryCertificate"]

Array = NDArray[np.float64]

_BITS = 192
_EVERYWHERE, _IN_BOX = "every trajectory", "every trajectory from within the invariant box"


class GrowthCertificate(Protocol):
    """What a statement about growth rests on."""

    def replay(self) -> bool:
        """Prove it again."""


@dataclass(frozen=True, eq=False)
class RuleCertificate(Presentable):
    """A bound whose derivation alone proves a claim: true of all numbers that meet the declared ranges and properties.

    Attributes:
        bound: the theorem.
        claim: ``"decays"``, ``"bounded"``, ``"kept"`` or ``"grows"``, as for :class:`BoundCertificate`.
        limit: the number that products are compared with.
        start: the number of factors from which on it holds.
    """

    bound: Bound
    claim: str
    limit: float
    start: int

    @property
    def method(self) -> str:
        """The method of the bound."""
        return self.bound.method

    @property
    def scope(self) -> str:
        """Which trajectories it is about, in words."""
        return _EVERYWHERE if self.method == "norm" else _IN_BOX

    def replay(self) -> bool:
        """Derive the bound again, and decide the claim again."""
        bound = product_bound(self.bound.free_model, self.bound.norm.p, self.bound.side, self.bound.method)
        return RULE_CLAIMS[self.claim](bound, self.limit, self.start)


def _rule_decays(bound: Bound, limit: float, start: int) -> bool:
    found = sp.sympify(bound.horizon(limit)) if bound.vanishes == sp.true else sp.oo
    return bool(found.is_number) and bool(found <= start)


def _rule_bounded(bound: Bound, limit: float, start: int) -> bool:
    growth = bound.growth
    return growth.is_steady and growth.compared(sp.Le) == sp.true and _compared(growth.constant, limit, above=False)


def _rule_kept(bound: Bound, limit: float, start: int) -> bool:
    growth = bound.growth
    return growth.is_steady and growth.compared(sp.Ge) == sp.true and _compared(growth.constant, limit, above=True)


def _compared(constant: sp.Expr, limit: float, above: bool) -> bool:
    """Whether a constant without parameters is proved to be at most, or at least, a number."""
    if not sp.sympify(constant).is_number:
        return False
    ball = to_ball(constant, _BITS)
    return bool(ball >= arb(limit)) if above else bool(ball <= arb(limit))


def _rule_grows(bound: Bound, limit: float, start: int) -> bool:
    return bound.explodes == sp.true


RULE_CLAIMS: Mapping[str, Callable[[Bound, float, int], bool]] = {
    "decays": _rule_decays,
    "bounded": _rule_bounded,
    "kept": _rule_kept,
    "grows": _rule_grows,
}


@dataclass(frozen=True, eq=False)
class BoundCertificate(Presentable):
    """A bound with weights that proves a claim about products of k Jacobians along every trajectory.

    All trajectories that the bound is about go on being such, so what it says about ``block`` factors holds for each
    block of a longer product, and powers of it bound the whole.

    Attributes:
        model: the recurrence.
        weights: its numbers.
        norm: the operator norm.
        side: of the bound.
        method: of the bound.
        claim: ``"decays"``: norms are at most ``limit`` < 1 from ``start`` factors on, and at most
            ``constant rate^k`` for a rate below 1. ``"bounded"``: norms are at most ``limit``. ``"kept"``: minimum
            moduli are at least ``limit``. ``"grows"``: minimum moduli are at least ``constant rate^k``, a rate above 1.
        limit: see there.
        start: see there.
        steps: up to which number of factors it holds, None for all.
        block: the number of factors whose bound is on the other side of 1.
        rate: the block-th root of that bound.
        constant: what makes up for the factors that are left over.
        rates: certificates of rates in weighted norms that the bound rests on.
    """

    model: Recurrence
    weights: Weights = field(repr=False)
    norm: Norm
    side: str
    method: str
    claim: str
    limit: float
    start: int = 0
    steps: int | None = None
    block: int = 1
    rate: float = 1.0
    constant: float = 1.0
    rates: tuple[RateCertificate, ...] = field(default=(), repr=False)

    @property
    def scope(self) -> str:
        """Which trajectories it is about, in words."""
        return _EVERYWHERE if self.method == "norm" else _IN_BOX

    def replay(self) -> bool:
        """Derive the bound again, put the weights in and check every number against it."""
        series = BoundSeries(product_bound(self.model, self.norm.p, self.side, self.method), self.weights)
        slopes = series.slopes
        certified = all(slopes is not None and item.verify(slopes.form) for item in self.rates)
        return certified and CLAIMS[self.claim](self, series)


def _decays(item: BoundCertificate, series: BoundSeries) -> bool:
    found = series.horizon(sp.Rational(item.limit))
    return (
        0 < item.limit < 1 and found != sp.oo and int(found) <= item.start and _geometric(item, series, item.rate < 1)
    )


def _geometric(item: BoundCertificate, series: BoundSeries, right: bool) -> bool:
    """Whether the bound is at most (from below at least) ``constant rate^k`` for all k, by its first block."""
    with working_precision(_BITS):
        rate, constant, upper = arb(item.rate), arb(item.constant), item.side == "upper"

        def holds(k: int, most: arb) -> bool:
            value = series.at(k).ball
            return bool(value <= most) if upper else bool(value >= most)

        inside = all(holds(j, constant * rate**j) for j in range(item.block))
        return right and item.block >= 1 and inside and holds(item.block, rate**item.block)


def _bounded(item: BoundCertificate, series: BoundSeries) -> bool:
    last = item.steps
    if last is None:
        found = series.horizon(sp.Rational(item.limit))
        if found == sp.oo:
            return False
        last = int(found)
    return all(bool(series.at(k).ball <= arb(item.limit)) for k in range(last + 1))


def _kept(item: BoundCertificate, series: BoundSeries) -> bool:
    if item.steps is None:
        return item.limit > 0 and series.horizon(sp.Rational(item.limit)) == sp.oo
    return item.limit > 0 and all(bool(series.at(k).ball >= arb(item.limit)) for k in range(item.steps + 1))


def _grows(item: BoundCertificate, series: BoundSeries) -> bool:
    return item.constant > 0 and _geometric(item, series, item.rate > 1)


CLAIMS: Mapping[str, Callable[[BoundCertificate, BoundSeries], bool]] = {
    "decays": _decays,
    "bounded": _bounded,
    "kept": _kept,
    "grows": _grows,
}


@dataclass(frozen=True, eq=False)
class TrajectoryCertificate(Presentable):
    """One trajectory, enclosed in balls, along which products of Jacobians are proved not to be small.

    All numbers are floats taken as exact.

    Attributes:
        setting: the model with its weights and the ranges that the trajectory keeps to.
        norm: the operator norm.
        initial: state name -> (n,).
        inputs: input name -> (T, m).
        steps: the number T of steps.
        claim: ``"grows"``: the norm of the product of all T Jacobians is at least ``limit``; ``"kept"``: the norms of
            the products of the last k Jacobians are, for every k from 1 to T.
        limit: see there.
        enclosure: the certified norms that it was found by; :meth:`replay` does not rely on them.
    """

    setting: Setting = field(repr=False)
    norm: Norm
    initial: Mapping[str, Array]
    inputs: Mapping[str, Array]
    steps: int
    claim: str
    limit: float
    enclosure: TrajectoryBound | None = field(default=None, repr=False)

    @property
    def model(self) -> Recurrence:
        """The recurrence."""
        return self.setting.model

    def enclosed(self) -> TrajectoryBound:
        """Certified norms along the trajectory."""
        weights = self.setting.weights.values
        inputs, steps = (self.inputs, None) if self.model.inputs else (None, self.steps)
        return trajectory_bound(self.model, weights, inputs, self.initial, norm=self.norm.p, steps=steps)

    def least_of(self, found: TrajectoryBound) -> float:
        """The least of the norms that the claim is about, rounded down."""
        return min(float(value.lower) for value in self._norms(found))

    def replay(self) -> bool:
        """Enclose the trajectory again, and prove that it is admissible and that the norms are as claimed."""
        return self.is_proved_by(self.enclosed())

    def is_proved_by(self, found: TrajectoryBound) -> bool:
        """Whether an enclosure of the trajectory proves the claim."""
        large = all(bool(value.lower.ball >= arb(self.limit)) for value in self._norms(found))
        return large and found.steps == self.steps and self._is_admissible(found)

    def _norms(self, found: TrajectoryBound) -> tuple[CertifiedNorm, ...]:
        return found.norms_from_end[-1:] if self.claim == "grows" else found.norms_from_end

    def _is_admissible(self, found: TrajectoryBound) -> bool:
        """Whether it starts within the ranges and, where these are assumptions, stays within them."""
        ranges, model = self.setting.ranges, self.model
        for name, (low, high) in found.states.items():
            symbol = model.symbol(name)
            rows = self.steps if symbol in model.ranges else 1  # an invariant box is not left
            ends = ranges.of(symbol)
            least, most = np.ravel(ends.low), np.ravel(ends.high)
            if not ((low[:rows] >= least).all() and (high[:rows] <= most).all()):
                return False
        fed = ((ranges.of(model.symbol(name)), array) for name, array in self.inputs.items())
        return all(bool(ends.hold(array[..., None]).all()) for ends, array in fed)
