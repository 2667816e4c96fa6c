"""The least proved rate of all products of Jacobians of a slope form, over every method, part by part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.certificates import RateCertificate, norm_index
from symgrad.bounds.corner_norms import CornerCertificate, corner_certificate
from symgrad.bounds.diagonal_scaling import diagonal_certificate
from symgrad.bounds.ellipsoid_norm import ellipsoid_norm
from symgrad.bounds.form_parts import circular_parts, restricted, vertices
from symgrad.bounds.joint_spectral_radius import JointSpectralRadius, joint_spectral_radius
from symgrad.bounds.perron_scaling import perron_certificate
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.calculus.slope_form import SlopeForm
from symgrad.errors import NoBoundError
from symgrad.rigor.balls import upper_float

__all__ = ["PartRate", "Spending", "UpperRate", "upper_rate"]

Array = NDArray[np.float64]

Certificate = RateCertificate | CornerCertificate | JointSpectralRadius

_EQUAL = 1e-9  # a simpler method wins unless another one is better by more than this, relatively


@dataclass(frozen=True)
class Spending:
    """How much work goes into a bracket.

    Attributes:
        hull: the most corners of a box over which the norm of one Jacobian is bounded.
        corners: the most corners of a box whose products are looked at one by one.
        products: how many products of corners are measured.
        restarts: how many slope sequences and orbits are improved at a time.
        rounds: how often the best is disturbed and improved again.
        variations: rounds of random variations of orbits.
    """

    hull: int
    corners: int
    products: int
    restarts: int
    rounds: int
    variations: int


@dataclass(frozen=True, eq=False)
class PartRate:
    """Proved rates of one diagonal block.

    Attributes:
        entries: which entries of the stacked state it consists of.
        rates: method -> proved rate. "perron", "diagonal" and "quadratic" are weighted norms of one Jacobian, "corners"
            a quadratic norm that is best for the corners of the box themselves;
            "products" is branch and bound over products of the Jacobians at the corners of the box.
        certificates: method -> what proves the rate.
        corners: (m, q) the slopes at the corners of the box, in the order of the matrices of "products".
    """

    entries: NDArray[np.int64]
    rates: dict[str, float]
    certificates: dict[str, Certificate] = field(repr=False)
    corners: Array | None = field(default=None, repr=False)

    @property
    def method(self) -> str:
        """The method of the least rate, the simplest one of equal ones."""
        least = min(self.rates.values())
        return next(name for name, rate in self.rates.items() if rate <= least * (1 + _EQUAL))

    @property
    def rate(self) -> float:
        """The least rate."""
        return self.rates[self.method]

    @property
    def fastest_slopes(self) -> Array | None:
        """(p, q) the slopes of the fastest periodic product that branch and bound met, if it was done."""
        found = self.certificates.get("products")
        return (
            self.corners[list(found.product)]
            if isinstance(found, JointSpectralRadius) and self.corners is not None
            else None
        )


@dataclass(frozen=True, eq=False)
class UpperRate:
    """Proved upper bounds of limsup ||J_k ... J_1||^(1/k) over all sequences of slopes in the box of a form.

    Attributes:
        form: the Jacobians.
        parts: the blocks whose entries act on each other in a circle; none where every long product is zero.
    """

    form: SlopeForm = field(repr=False)
    parts: tuple[PartRate, ...]

    @property
    def rate(self) -> float:
        """The largest rate of a block; 0 where there is none."""
        return max((part.rate for part in self.parts), default=0.0)

    @property
    def method(self) -> str:
        """The method that proves the rate; "zero pattern" where every long product is zero."""
        return max(self.parts, key=lambda part: part.rate).method if self.parts else "zero pattern"

    @property
    def rates(self) -> dict[str, float]:
        """Method -> the rate that it proves by itself, for the methods that were applied to every block."""
        names = {name: None for part in self.parts for name in part.rates}
        common = [name for name in names if all(name in part.rates for part in self.parts)]
        return {name: max(part.rates[name] for part in self.parts) for name in common}

    @property
    def transform(self) -> Array:
        """(N, N) a matrix S for whose norm |S x| products grow evenly, in floats; only a proposal."""
        change = np.eye(self.form.size)
        for part in self.parts:
            found = _transform(part.certificates)
            if found is not None:
                change[np.ix_(part.entries, part.entries)] = found
        return change

    def constant(self, norm: Any) -> float:
        """C with ||J_k ... J_1|| <= C rate^k for all k; inf where the proof of the rate gives none."""
        whole = len(self.parts) == 1 and len(self.parts[0].entries) == self.form.size
        found = self.parts[0].certificates.get(self.method) if whole else None
        if found is None or isinstance(found, JointSpectralRadius):
            return math.inf
        return upper_float(found.constants[norm_index(norm)])

    def verify(self) -> bool:
        """Prove the rate again: that these are the blocks, and what each certificate says."""
        blocks = [part.entries.tolist() for part in self.parts]
        if blocks != [part.tolist() for part in circular_parts(self.form)]:
            return False
        return all(_is_proved(restricted(self.form, part.entries), part) for part in self.parts)


def upper_rate(form: SlopeForm, norm: Any, spending: Spending) -> UpperRate:
    """The least rate that any method proves for the products of a form's Jacobians.

    Raises:
        NoBoundError: an entry of the Jacobians is not bounded by a float.
    """
    parts = tuple(_part_rate(restricted(form, part), part, norm, spending) for part in circular_parts(form))
    return UpperRate(form, parts)


def _part_rate(form: SlopeForm, entries: NDArray[np.int64], norm: Any, spending: Spending) -> PartRate:
    certificates: dict[str, Certificate] = {"perron": perron_certificate(form, norm)}
    if form.size == 1:  # there the moduli are all there is
        return PartRate(entries, {name: _rate(item) for name, item in certificates.items()}, certificates)
    for name, make in (("diagonal", diagonal_certificate), ("quadratic", quadratic_certificate)):
        try:
            certificates[name] = make(form)
        except NoBoundError:  # the numbers leave the range of floats
            continue
    start = _transform(certificates)
    hull = corner_certificate(form, np.eye(form.size) if start is None else start, spending.hull, _random())
    if hull is not None:
        certificates["corners"] = hull
    corners = vertices(form, spending.corners)
    if corners is not None:
        certificates["products"] = _of_products(form, corners, _transform(certificates), spending)
    rates = {name: _rate(item) for name, item in certificates.items()}
    return PartRate(entries, rates, certificates, corners)


def _rate(item: Certificate) -> float:
    return item.upper if isinstance(item, JointSpectralRadius) else item.rate


def _random() -> np.random.Generator:
    """Where to look for corners is drawn the same way every time; what is found is proved."""
    return np.random.default_rng(0)


def _of_products(form: SlopeForm, corners: Array, start: Array | None, spending: Spending) -> JointSpectralRadius:
    """Branch and bound over the corners, in a quadratic norm found by descent."""
    matrices = [form.at_balls(corner) for corner in corners]
    transform = ellipsoid_norm(np.array([form.at(corner) for corner in corners]), start)
    return joint_spectral_radius(matrices, transform=transform, products=spending.products)


def _transform(certificates: Mapping[str, Certificate]) -> Array | None:
    """S of the best norm |S x|_2 among the certificates so far, in floats."""
    for name in ("corners", "quadratic"):
        found = certificates.get(name)
        if isinstance(found, CornerCertificate):
            return found.transform
        if isinstance(found, RateCertificate):
            return np.asarray(np.linalg.cholesky(found.matrix).T, dtype=np.float64)
    return None


def _is_proved(form: SlopeForm, part: PartRate) -> bool:
    item = part.certificates[part.method]
    if not isinstance(item, JointSpectralRadius):
        return item.rate <= part.rate and item.verify(form)
    corners = vertices(form, len(item.matrices))
    if corners is None or len(corners) != len(item.matrices):
        return False
    return item.verify([form.at_balls(corner) for corner in corners]) and item.upper <= part.rate
