"""Depth scales: in how many layers what passes through a network changes by the factor e."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from symgrad.presentable import Presentable

__all__ = ["DepthScales", "GradientVariance", "layers_per_factor"]


@dataclass(frozen=True)
class DepthScales(Presentable):
    """In how many layers deviations shrink or grow by the factor e, at a fixed point of the variance.

    Attributes:
        variance: the fixed point.
        stability: of the fixed point.
        xi_q: of the variance, ``1/|log |V'(q*)||``.
        xi_c: of the correlation of two inputs, ``1/|log C'(c*)|`` at the attracting c*.
        xi_gradient: of the mean squared gradient, ``1/|log chi_1|``.

    Balls; infinite at criticality, where the decay is algebraic; not finite where nothing is proved.
    """

    variance: arb
    stability: str
    xi_q: arb
    xi_c: arb
    xi_gradient: arb


@dataclass(frozen=True)
class GradientVariance(Presentable):
    """The mean squared gradient some layers back over that at the end, at a fixed point of the variance.

    Attributes:
        variance: the fixed point.
        stability: of the fixed point.
        chi: ``chi_1`` there.
        layers: how many, k.
        value: ``chi_1^k``, enclosed.
    """

    variance: arb
    stability: str
    chi: arb
    layers: int
    value: arb


def layers_per_factor(slope: arb) -> arb:
    """``1/|log |slope||``; infinite where the slope has modulus 1, zero where it is zero or infinite.

    >>> layers_per_factor(arb(1)).is_finite(), layers_per_factor(arb(0)) == 0
    (False, True)
    """
    size = abs(slope)
    if size == 0 or size == arb.pos_inf():
        return arb(0)
    if size == 1:
        return arb.pos_inf()
    return 1 / abs(size.log())
