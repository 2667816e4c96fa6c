"""What mean-field theory says about a simulated network: the limits of infinite width, layer by layer, in floats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.elementwise import VARIABLE
from symgrad.meanfield.fast_means import fast_mean
from symgrad.meanfield.fast_pair_means import fast_pair_mean
from symgrad.meanfield.singular_values import transform_coefficient
from symgrad.numerics.wide_networks import WideNetwork

__all__ = ["InfiniteWidth", "infinite_width"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class InfiniteWidth:
    """Limits of infinite width, approximate; arrays run over l = 0, ..., depth as in the simulation.

    Attributes:
        q: the mean square of the entries of h.
        correlation: that of h for two inputs.
        gradient: the squared norm of the gradient by h[l] over that by h[depth].
        squared_mean: the mean of the squared singular values of the Jacobian.
        squared_variance: their variance; None with a skip connection or dropout, where it is another one.
    """

    q: Array
    correlation: Array
    gradient: Array
    squared_mean: float
    squared_variance: float | None


def infinite_width(network: WideNetwork) -> InfiniteWidth:
    """The limits for the same first layer, also where its variance is no fixed point of the variance map.

    >>> from symgrad.numerics.wide_networks import simulate_wide_network
    >>> found = infinite_width(simulate_wide_network("relu", width=50, depth=2, sigma_w2=2, samples=2))
    >>> found.q.round(12).tolist(), round(found.squared_mean, 12), round(found.squared_variance, 12)
    ([1.0, 1.0, 1.0], 1.0, 4.0)
    """
    q, correlation = _forward(network)
    slope = network.activation.derivative.expr
    second, fourth = (fast_mean(slope**power, VARIABLE, q[:-1]) for power in (2, 4))
    kept = network.skip**2 + network.sigma_w2 * second / (1 - network.dropout)
    gradient = np.append(np.cumprod(kept[::-1])[::-1], 1.0)
    mean = float(gradient[0])
    variance = None
    if not network.skip and not network.dropout:
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = fourth / second**2 - 1 - transform_coefficient(network.weights)
        variance = float(mean**2 * spread.sum())
    return InfiniteWidth(q, correlation, gradient, mean, variance)


def _forward(network: WideNetwork) -> tuple[Array, Array]:
    """Variances, and correlations of two inputs of equal variance."""
    phi = network.activation.expr
    variances, covariances = [float(network.q.mean[0])], [float(network.correlation.mean[0] * network.q.mean[0])]
    for _ in range(network.depth):
        q, covariance = variances[-1], covariances[-1]
        c = float(np.clip(covariance / q, -1, 1)) if q > 0 else 1.0
        square, product = float(fast_mean(phi**2, VARIABLE, q)), _product(phi, q, c)
        alone = network.skip**2 * q + network.sigma_b2
        variances.append(alone + network.sigma_w2 * square / (1 - network.dropout))
        covariances.append(network.skip**2 * covariance + network.sigma_b2 + network.sigma_w2 * product)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array(variances), np.array(covariances) / np.array(variances)


def _product(phi: sp.Expr, variance: float, correlation: float) -> float:
    return float(fast_pair_mean(phi, phi, VARIABLE, variance, correlation))
