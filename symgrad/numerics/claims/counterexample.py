"""For given weights: a network whose gradients grow, found and proved, or a proof that there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import acb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.elementwise import Activation
from symgrad.language.exact_arrays import exact_array
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.claims.growth_point import GrowthPoint, certified_growth
from symgrad.numerics.claims.growth_search import growing_slopes
from symgrad.numerics.claims.no_growth import NoGrowth, no_growth, no_growth_in_a_quadratic_norm
from symgrad.numerics.claims.plain_network import PlainNetwork, plain_network
from symgrad.numerics.claims.reachable_slopes import reachable_slopes
from symgrad.numerics.claims.statements import DerivedStep, rounded
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable
from symgrad.rigor.balls import lower_float, upper_float
from symgrad.rigor.matrix_balls import point_matrix
from symgrad.rigor.matrix_norms import NormEnclosure
from symgrad.rigor.spectral_radius import spectral_radius_bounds

__all__ = ["SpectralRadiusCounterexample", "spectral_radius_counterexample"]

Array = NDArray[np.float64]

_BOUNDS = {"perron": "s rho(|W|)", "norm": "s ||W||_2", "quadratic": "the norm of every Jacobian in sqrt(x'Px)"}
_BESIDE = 1e-9  # of 1, where floats decide nothing


@dataclass(frozen=True, eq=False)
class SpectralRadiusCounterexample(Presentable):
    """Whether gradients can grow in networks with a given recurrent matrix W, whatever its spectral radius.

    Attributes:
        matrix: (n, n), W, exact.
        network: the form of the network.
        spectral_radius: floats (lower, upper) around rho(W).
        verdict: of "gradients do not grow": ``refuted`` by a fixed point at which they do, ``certified`` by a proof for
            all biases and inputs, or ``undecided``.
        reason: the verdict in a sentence; where it is undecided, what was tried.
        growth: the certified fixed point at which gradients grow; None where none was found.
        proof: that there is none; None where there is none.
        best: about the largest spectral radius of W diag(d) over slopes d that the search found; None without search.
        seed: of the search.

    >>> import symgrad as sg
    >>> found = sg.claims.spectral_radius_counterexample([[8, -16], [4, -8]])
    >>> found.spectral_radius, found.found, round(found.rate, 6), found.replay()
    ((0.0, 0.0), True, 2.0, True)
    >>> found.slopes.round(6).tolist(), found.refutes_claim
    ([0.25, 0.0], True)
    """

    matrix: Array
    network: PlainNetwork
    spectral_radius: tuple[float, float]
    verdict: Verdict
    reason: str
    growth: GrowthPoint | None
    proof: NoGrowth | None
    best: float | None
    seed: int

    @property
    def found(self) -> bool:
        """Whether a network with growing gradients was found and proved."""
        return self.growth is not None

    @property
    def claim_applies(self) -> bool | None:
        """Whether rho(W) < 1, as the claim assumes; None where the enclosure does not tell."""
        lower, upper = self.spectral_radius
        return True if upper < 1 else False if lower >= 1 else None

    @property
    def refutes_claim(self) -> bool:
        """Whether this W has rho(W) < 1 and growing gradients all the same."""
        return self.found and self.claim_applies is True

    @property
    def activation(self) -> Activation:
        """The activation of the network."""
        return self.network.activation

    @property
    def slopes(self) -> Array | None:
        """(n,) the slopes of the activations at the fixed point, nearest floats."""
        return None if self.growth is None else self.growth.slopes

    @property
    def biases(self) -> Array | None:
        """(n,) the biases, exact."""
        return None if self.growth is None else self.growth.biases

    @property
    def fixed_point(self) -> Array | None:
        """(n,) the state that the network maps to itself, nearest floats."""
        return None if self.growth is None else self.growth.fixed_point

    @property
    def eigenvalue(self) -> acb | None:
        """A ball around the eigenvalue of J of largest modulus; None where only the modulus is bounded."""
        return None if self.growth is None else self.growth.eigenvalue

    @property
    def rate(self) -> float | None:
        """A lower bound of rho(J) at the fixed point; of a proof the upper bound of rho(J) at all of them."""
        return self.growth.rate if self.growth is not None else None if self.proof is None else self.proof.rate

    @property
    def norms(self) -> tuple[NormEnclosure, ...]:
        """The 2-norms of J, J^2, J^3, ... at the fixed point, enclosed."""
        return () if self.growth is None else self.growth.norms

    @property
    def steps(self) -> tuple[DerivedStep, ...]:
        """The steps of the proof that gradients do not grow, if there is one."""
        return () if self.proof is None else self.proof.steps

    @property
    def weights(self) -> dict[str, Array] | None:
        """Values for all parameters of the model, ready for ``sg.simulate`` and ``sg.verify``."""
        return None if self.growth is None else self.network.weights(self.matrix, self.growth.biases)

    def replay(self) -> bool:
        """Prove it again in ball arithmetic from the stored numbers; False where nothing was proved."""
        lower, upper = _radius(self.matrix)
        certificate = self.growth or self.proof
        if certificate is None or self.spectral_radius[0] > upper or self.spectral_radius[1] < lower:
            return False
        return np.array_equal(certificate.matrix, self.matrix) and certificate.replay()


def spectral_radius_counterexample(
    W: Any, activation: str | Activation = "sigmoid", model: Recurrence | None = None, *, seed: int = 0
) -> SpectralRadiusCounterexample:
    """Whether a recurrent network with this W can have growing gradients, although rho(W) may be below 1.

    Slopes d with a spectral radius of ``W diag(d)`` above 1 are searched, then arguments of the activations that have
    these slopes and the biases that make them a fixed point. That the network with these very numbers has a fixed
    point and a Jacobian J with rho(J) > 1 there is proved in ball arithmetic. Where ``s rho(|W|) <= 1`` or
    ``s ||W||_2 <= 1``, with s the least upper bound of the slopes, or where a norm sqrt(x'Px) is found in which no
    Jacobian is above 1, there is no such point, and this is proved.

    Args:
        W: n by n, exact.
        activation: name or object, that of ``x = W s(x) + W_in u + b``.
        model: another plain network, such as ``sg.models.elman("tanh")``; its own activation counts then.
        seed: of the search.

    Raises:
        InputError: W is not a square matrix of finite numbers, or the model no plain recurrent network.
        UnknownNameError: no such activation.
        UnsupportedExpressionError: the activation jumps.

    >>> none = spectral_radius_counterexample([[1, 2], [2, 1]], "sigmoid")
    >>> none.found, none.proof.method, none.rate, none.verdict.value
    (False, 'perron', 0.75, 'certified')
    """
    matrix = _square(W)
    network = plain_network(model, activation)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed: a non-negative integer is needed, got {seed!r}")
    wanted = network.weight.shape[0]
    if wanted.is_Integer and wanted != len(matrix):
        raise InputError(f"W: the model {network.model.name} has {wanted} units, got shape {matrix.shape}")
    radius = _radius(matrix)
    proof, growth, best, reason = no_growth(network, matrix), None, None, ""
    if proof is None:
        growth, best, reason = _searched(matrix, network, seed)
        proof = no_growth_in_a_quadratic_norm(network, matrix) if best <= 1 + _BESIDE else None
    verdict = Verdict.REFUTED if growth is not None else Verdict.UNDECIDED
    if proof is not None:
        verdict, reason = Verdict.CERTIFIED, _why_none(proof)
    return SpectralRadiusCounterexample(matrix, network, radius, verdict, reason, growth, proof, best, seed)


def _square(W: Any) -> Array:
    matrix = exact_array("W", W)
    if matrix.ndim == 0:
        matrix = matrix.reshape(1, 1)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InputError(f"W: a square matrix with at least one row is needed, got shape {matrix.shape}")
    return np.ascontiguousarray(matrix)


def _radius(matrix: Array) -> tuple[float, float]:
    lower, upper = spectral_radius_bounds(point_matrix(matrix))
    return max(lower_float(lower), 0.0), upper_float(upper)


def _searched(matrix: Array, network: PlainNetwork, seed: int) -> tuple[GrowthPoint | None, float, str]:
    """A certified point if there is one among the candidates, the best radius found, and the verdict in words."""
    table = reachable_slopes(network.activation)
    candidates = growing_slopes(matrix, table.low, table.high, seed)
    best = candidates[0].radius
    for candidate in candidates:
        if candidate.radius > 1 - _BESIDE:
            arguments = np.array([table.point(float(slope)) for slope in candidate.slopes])
            growth = certified_growth(network, matrix, arguments)
            if growth is not None:
                reason = f"at a fixed point the Jacobian has spectral radius at least {rounded(growth.rate, up=False)}"
                return growth, best, f"{reason}: gradients carried back along it grow at every step"
    tried = "no slopes with a spectral radius of W diag(d) above 1 were found"
    if best > 1 + _BESIDE:
        tried = "ball arithmetic did not confirm the candidates"
    bounds = "neither s rho(|W|) nor s ||W||_2 nor a quadratic norm of the Jacobians was proved to be at most 1; "
    bounds += "orbits of more than one step were not searched"
    return None, best, f"{tried} (the largest is about {best:.6g}), and {bounds}"


def _why_none(proof: NoGrowth) -> str:
    below = "below 1" if proof.rate < 1 else "at most 1"
    if proof.method == "nilpotent":
        return "no closed walk leads through W, so that products of n Jacobians are 0 for all biases and inputs"
    bound = _BOUNDS[proof.method]
    return f"{bound} <= {rounded(proof.rate, up=True)} is {below}: no biases or inputs make gradients grow"
