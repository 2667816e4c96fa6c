"""Random networks of finite width, simulated: variances, correlations, gradients and singular values layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.activations import activation as named_activation
from symgrad.language.elementwise import Activation
from symgrad.numerics.functions import ArrayFunction, array_function
from symgrad.presentable import Presentable

__all__ = ["Estimate", "WideNetwork", "simulate_wide_network"]

Array = NDArray[np.float64]

_PROBES = 16  # random gradients at the last layer


@dataclass(frozen=True)
class Estimate:
    """Averages over independent networks.

    Attributes:
        mean: the averages.
        error: their standard errors, which shrink like one over the square root of the number of networks. What is
            left for many networks is the difference to infinite width, of the order of one over the width.
    """

    mean: Array
    error: Array


@dataclass(frozen=True)
class WideNetwork(Presentable):
    """What was seen in simulated networks ``h[l+1] = skip h[l] + W phi(h[l]) + b``; arrays run over l = 0, ..., depth.

    Attributes:
        activation: phi.
        width: the number of units of every layer, n.
        depth: the number of layers.
        sigma_w2: the variance of the weights times n.
        sigma_b2: the variance of the biases.
        weights: ``"gaussian"`` or ``"orthogonal"``.
        skip: the factor of the skip connection.
        dropout: the rate at which activations are dropped (and the others enlarged).
        samples: the number of networks.
        seed: of the random numbers.
        q: the mean square of the entries of h.
        correlation: that of h for two inputs, in mean square units.
        gradient: the squared norm of the gradient by h[l] over that by h[depth], for a random gradient there.
        singular_values: of the Jacobian of h[depth] by h[0], of shape (samples, width), decreasing; None if not asked.

    >>> found = simulate_wide_network("tanh", width=20, depth=3, sigma_w2=1.5, samples=5, q0=0.5)
    >>> found.q.mean.shape, found.singular_values.shape, float(found.q.mean[0].round(12))
    ((4,), (5, 20), 0.5)
    """

    activation: Activation
    width: int
    depth: int
    sigma_w2: float
    sigma_b2: float
    weights: str
    skip: float
    dropout: float
    samples: int
    seed: int
    q: Estimate
    correlation: Estimate
    gradient: Estimate
    singular_values: Array | None = field(repr=False)

    @property
    def squared_mean(self) -> Estimate:
        """The mean of the squared singular values."""
        return _estimate((self._spectrum() ** 2).mean(axis=1))

    @property
    def squared_variance(self) -> Estimate:
        """The variance of the squared singular values within a network, about the mean over all networks."""
        squares = self._spectrum() ** 2
        return _estimate(((squares - squares.mean()) ** 2).mean(axis=1))

    def _spectrum(self) -> Array:
        if self.singular_values is None:
            raise InputError("singular_values: they were not asked for; pass spectrum=True to the simulation")
        return self.singular_values


def simulate_wide_network(
    activation: Any,
    width: int,
    depth: int,
    sigma_w2: float,
    sigma_b2: float = 0.0,
    *,
    weights: str = "gaussian",
    skip: float = 0.0,
    dropout: float = 0.0,
    samples: int = 20,
    seed: int = 0,
    q0: float = 1.0,
    c0: float = 0.5,
    spectrum: bool = True,
) -> WideNetwork:
    """Simulates independent random networks of one width.

    Args:
        activation: a name, an :class:`Activation` or a SymPy formula in one symbol; without jumps.
        width: the number of units of every layer, at least 2.
        depth: the number of layers, at least 1.
        sigma_w2: the variance of the weights times the width.
        sigma_b2: the variance of the biases.
        weights: ``"gaussian"``, or ``"orthogonal"`` for ``W = sigma_w O`` with O uniform on the orthogonal group.
        skip: the factor of a skip connection.
        dropout: the probability p in [0, 1) with which an activation is dropped; the others are divided by 1 - p.
        samples: the number of networks, at least 2.
        seed: of the random numbers.
        q0: the mean square of the entries of the first pre-activations, kept exactly.
        c0: the correlation of those of two inputs, in [-1, 1], kept exactly.
        spectrum: whether to find the singular values, which costs about depth times width cubed a network.

    Returns:
        Averages with standard errors for every layer.

    Raises:
        InputError: a malformed argument.
        UnsupportedExpressionError: the activation jumps.

    >>> found = simulate_wide_network("relu", width=200, depth=3, sigma_w2=2, samples=20)
    >>> bool(abs(found.q.mean[3] - 1) < 4 * found.q.error[3])
    True
    """
    phi = _activation(activation)
    _check_counts({"width": (width, 2), "depth": (depth, 1), "samples": (samples, 2), "seed": (seed, 0)})
    _check_numbers(sigma_w2, sigma_b2, skip, dropout, q0, c0)
    if weights not in ("gaussian", "orthogonal"):
        raise InputError(f'weights: "gaussian" or "orthogonal" is needed, got {weights!r}')
    law = _Law(phi, width, depth, float(sigma_w2), float(sigma_b2), weights, float(skip), float(dropout))
    generator = np.random.default_rng(seed)
    runs = [_one_network(law, generator, float(q0), float(c0), spectrum) for _ in range(samples)]
    q, correlation, gradient = (_estimate(np.array([run[i] for run in runs])) for i in range(3))
    values = np.array([run[3] for run in runs]) if spectrum else None
    return WideNetwork(
        phi,
        width,
        depth,
        law.sigma_w2,
        law.sigma_b2,
        weights,
        law.skip,
        law.dropout,
        samples,
        seed,
        q,
        correlation,
        gradient,
        values,
    )


@dataclass(frozen=True)
class _Law:
    """The distribution of the networks."""

    activation: Activation
    width: int
    depth: int
    sigma_w2: float
    sigma_b2: float
    weights: str
    skip: float
    dropout: float

    @property
    def functions(self) -> tuple[ArrayFunction, ArrayFunction]:
        """The activation and its derivative."""
        return array_function(self.activation.expr), array_function(self.activation.derivative.expr)

    def matrix(self, generator: np.random.Generator) -> Array:
        """The weights of one layer."""
        entries = generator.standard_normal((self.width, self.width))
        if self.weights == "gaussian":
            return entries * np.sqrt(self.sigma_w2 / self.width)
        orthogonal, upper = np.linalg.qr(entries)
        return np.asarray(np.sqrt(self.sigma_w2) * orthogonal * np.sign(np.diag(upper)))

    def bias(self, generator: np.random.Generator) -> Array:
        """The biases of one layer."""
        return generator.standard_normal((self.width, 1)) * np.sqrt(self.sigma_b2)

    def mask(self, generator: np.random.Generator) -> Array | float:
        """What the activations of two inputs are multiplied with."""
        if not self.dropout:
            return 1.0
        return (generator.random((self.width, 2)) >= self.dropout) / (1 - self.dropout)


def _one_network(
    law: _Law, generator: np.random.Generator, q0: float, c0: float, spectrum: bool
) -> tuple[Array, Array, Array, Array]:
    """Variances, correlations, squared gradients of every layer, and singular values of one network."""
    function, slope = law.functions
    state = _two_inputs(generator, law.width, q0, c0)
    states, layers = [state], []
    for _ in range(law.depth):
        matrix, mask = law.matrix(generator), law.mask(generator)
        slopes = slope(np, state[:, 0]) * (mask if isinstance(mask, float) else mask[:, 0])
        state = law.skip * state + matrix @ (function(np, state) * mask) + law.bias(generator)
        states.append(state)
        layers.append((matrix, slopes))
    q, correlation = _statistics(states)
    gradient = _gradients(law, layers, generator.standard_normal((law.width, _PROBES)))
    values = _singular_values(law, layers) if spectrum else np.zeros(0)
    return q, correlation, gradient, values


def _two_inputs(generator: np.random.Generator, width: int, q0: float, c0: float) -> Array:
    """Two random vectors with these mean squares and this correlation."""
    first, second = np.linalg.qr(generator.standard_normal((width, 2)))[0].T
    pair = np.stack([first, c0 * first + np.sqrt((1 - c0) * (1 + c0)) * second], axis=1)
    return np.asarray(pair * np.sqrt(q0 * width))


def _statistics(states: Sequence[Array]) -> tuple[Array, Array]:
    all_states = np.array(states)
    squares = (all_states**2).mean(axis=1)
    products = (all_states[:, :, 0] * all_states[:, :, 1]).mean(axis=1)
    with np.errstate(all="ignore"):
        return squares[:, 0], products / np.sqrt(squares[:, 0] * squares[:, 1])


def _gradients(law: _Law, layers: Sequence[tuple[Array, Array]], last: Array) -> Array:
    """Squared norms of the gradient by every layer, in units of the last one, averaged over random ones there."""
    gradient, sizes = last / np.linalg.norm(last), [1.0]
    for matrix, slopes in reversed(layers):
        gradient = law.skip * gradient + slopes[:, None] * (matrix.T @ gradient)
        sizes.append(float((gradient**2).sum()))
    return np.array(sizes[::-1])


def _singular_values(law: _Law, layers: Sequence[tuple[Array, Array]]) -> Array:
    product = np.eye(law.width)
    for matrix, slopes in layers:
        product = law.skip * product + matrix @ (slopes[:, None] * product)
    return np.asarray(np.linalg.svd(product, compute_uv=False))


def _estimate(samples: Array) -> Estimate:
    return Estimate(samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


def _activation(given: Any) -> Activation:
    return Activation("phi", given, r"\varphi") if isinstance(given, sp.Expr) else named_activation(given)


def _check_counts(counts: dict[str, tuple[Any, int]]) -> None:
    for name, (value, least) in counts.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise InputError(f"{name}: an integer of at least {least} is needed, got {value!r}")


def _check_numbers(sigma_w2: Any, sigma_b2: Any, skip: Any, dropout: Any, q0: Any, c0: Any) -> None:
    ranges: dict[str, tuple[Any, float, float]] = {
        "sigma_w2": (sigma_w2, 0.0, np.inf),
        "sigma_b2": (sigma_b2, 0.0, np.inf),
        "skip": (skip, -np.inf, np.inf),
        "dropout": (dropout, 0.0, 1 - 2.0**-53),
        "q0": (q0, 0.0, np.inf),
        "c0": (c0, -1.0, 1.0),
    }
    for name, (value, low, high) in ranges.items():
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}: a number is needed, got {value!r}") from error
        if not (np.isfinite(number) and low <= number <= high):
            raise InputError(f"{name}: a finite number in [{low:g}, {high:g}] is needed, got {value!r}")
