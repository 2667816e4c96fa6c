"""Proofs that no fixed point of a network has growing gradients, whatever its biases and inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.calculus.slope_form import SlopeForm, slope_form
from symgrad.errors import InputError, NoBoundError
from symgrad.language.elementwise import Activation
from symgrad.language.weights import bind
from symgrad.numerics.claims.plain_network import PlainNetwork
from symgrad.numerics.claims.statements import DerivedStep, Line, numbered, rounded
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, upper_float, working_precision
from symgrad.rigor.matrix_balls import point_matrix
from symgrad.rigor.matrix_norms import operator_norm
from symgrad.rigor.spectral_radius import spectral_radius_bounds

__all__ = ["NoGrowth", "no_growth", "no_growth_in_a_quadratic_norm"]

Array = NDArray[np.float64]

_BITS = 128
_MARGINS = (1e-9, 1e-6, 1e-3)
_LEAST = 2.0**-9  # of the rate times the slope: scalings beyond would leave the floats


@dataclass(frozen=True, eq=False)
class NoGrowth(Presentable):
    """A proof that the spectral radius of every product of Jacobians ``W diag(d)`` with ``|d_i| <= s`` is at most 1.

    Attributes:
        method: ``"perron"`` by ``s rho(|W|)``, ``"norm"`` by ``s ||W||_2``, ``"quadratic"`` by a norm sqrt(x'Px) in
            which every Jacobian is at most the rate, ``"nilpotent"`` where no closed walk leads through the entries of
            W that are not 0.
        matrix: (n, n), W, exact.
        network: the form of the network, with its activation.
        vector: (n,) positive, by which ``|W| v <= rate/s v``; ones where the method needs none.
        rate: what a step multiplies by at most, rounded up: at most 1.
        certificate: of a quadratic norm; None for the other methods.
    """

    method: str
    matrix: Array
    network: PlainNetwork
    vector: Array
    rate: float
    certificate: RateCertificate | None = None

    @property
    def activation(self) -> Activation:
        """That of the network."""
        return self.network.activation

    @property
    def slope(self) -> sp.Expr:
        """The least upper bound of the slopes' absolute values."""
        return self.activation.slope.sup_abs

    @property
    def vanishes(self) -> bool:
        """Whether products even tend to 0, as the rate is below 1."""
        return self.rate < 1

    @property
    def constant(self) -> float:
        """C such that ``||P_k|| <= C rate^k`` for every k, in the maximum norm for ``"perron"``, else in the 2-norm.

        Of ``"nilpotent"`` there is none, as the first n - 1 products need not vanish: infinity.
        """
        if self.method == "nilpotent":
            return math.inf
        if self.certificate is not None:
            return upper_float(self.certificate.constants[2.0])
        with working_precision(_BITS):
            return upper_float(arb(float(self.vector.max())) / arb(float(self.vector.min())))

    def replay(self) -> bool:
        """Prove the rate again in ball arithmetic."""
        if self.method == "nilpotent":
            return self.rate == 0 and _is_nilpotent(self.matrix)
        if self.certificate is not None:
            return self.certificate.rate <= self.rate <= 1 and self.certificate.verify(_form(self.network, self.matrix))
        with working_precision(_BITS):
            factor = to_ball(self.slope, _BITS)
            if self.method == "norm":
                found = arb(operator_norm(self.matrix, 2).upper)
            else:
                found = _largest_quotient(self.matrix, self.vector)
            return bool((factor * found).upper() <= arb(self.rate) <= 1)

    @property
    def steps(self) -> tuple[DerivedStep, ...]:
        """The proof, numbered."""
        return numbered(*_STEPS[self.method](self))


def no_growth(network: PlainNetwork, matrix: Array) -> NoGrowth | None:
    """A proof that gradients do not grow, or None where neither ``s rho(|W|)`` nor ``s ||W||_2`` gives one.

    Args:
        network: its activation has a least upper bound s of the slopes' absolute values, which may be infinite.
        matrix: (n, n), W.

    >>> from symgrad.numerics.claims.plain_network import plain_network
    >>> proof = no_growth(plain_network(None, "sigmoid"), np.array([[1.0, -2.0], [2.0, 1.0]]))
    >>> proof.method, round(proof.rate, 6), proof.replay()
    ('perron', 0.75, True)
    """
    slope, ones = network.activation.slope.sup_abs, np.ones(len(matrix))
    if _is_nilpotent(matrix):
        return NoGrowth("nilpotent", matrix, network, ones, 0.0)
    if not slope.is_finite:
        return None
    with working_precision(_BITS):
        factor = to_ball(slope, _BITS)
        vectors = _vectors(matrix, float(factor.mid()))
        rates = [upper_float(factor * _largest_quotient(matrix, vector)) for vector in vectors]
        place = int(np.argmin(rates))
        if rates[place] <= 1:
            return NoGrowth("perron", matrix, network, vectors[place], rates[place])
        norm = upper_float(factor * arb(operator_norm(matrix, 2).upper))
    return NoGrowth("norm", matrix, network, ones, norm) if norm <= 1 else None


def no_growth_in_a_quadratic_norm(network: PlainNetwork, matrix: Array) -> NoGrowth | None:
    """A proof by a norm sqrt(x'Px) in which every Jacobian is at most 1, or None where none is found.

    >>> from symgrad.numerics.claims.plain_network import plain_network
    >>> rotation = np.array([[0.3, 0.9], [-0.9, 0.3]])
    >>> proof = no_growth_in_a_quadratic_norm(plain_network(None, "tanh"), rotation)
    >>> proof.method, proof.vanishes, proof.replay()
    ('quadratic', True, True)
    """
    try:
        with np.errstate(all="ignore"):  # what leaves the floats is refused by the verification
            certificate = quadratic_certificate(_form(network, matrix), rate=1.0)
    except (NoBoundError, InputError):  # none is found, or the slopes have no bound
        return None
    return NoGrowth("quadratic", matrix, network, np.ones(len(matrix)), certificate.rate, certificate)


def _form(network: PlainNetwork, matrix: Array) -> SlopeForm:
    """The Jacobians of the network as a function of the slopes."""
    weights = network.weights(matrix, np.zeros(len(matrix)))
    return slope_form(network.model, bind(network.model, weights))


def _is_nilpotent(matrix: Array) -> bool:
    """Whether no closed walk leads through the non-zero entries: by which W diag(d) is nilpotent for every d."""
    alive = np.ones(len(matrix), dtype=bool)
    pattern = matrix != 0
    for _ in range(len(matrix)):
        alive &= pattern[:, alive].any(axis=1)
    return not alive.any()


def _largest_quotient(matrix: Array, vector: Array) -> arb:
    """The largest (|W| v)_i / v_i, enclosed."""
    image = point_matrix(np.abs(matrix)) * point_matrix(vector[:, None])
    quotients = [y / arb(v) for y, v in zip(image.entries(), vector.tolist(), strict=True)]
    largest = quotients[0]
    for quotient in quotients[1:]:
        largest = largest.max(quotient)
    return largest


def _vectors(matrix: Array, factor: float) -> list[Array]:
    """Positive vectors to try: ones, and (I - |W|/c)^-1 1 for c a little above rho(|W|), reducible or not."""
    size = np.abs(matrix)
    found = [np.ones(len(matrix))]
    high = float(spectral_radius_bounds(point_matrix(size))[1])
    for margin in _MARGINS:
        level = max(high * (1 + margin), _LEAST / factor)
        with np.errstate(all="ignore"):
            found += _resolved(size / level)
    return found


def _resolved(size: Array) -> list[Array]:
    """(I - A)^-1 1, scaled, if it exists and is positive."""
    if not np.isfinite(size).all():
        return []
    try:
        vector = np.linalg.solve(np.eye(len(size)) - size, np.ones(len(size)))
    except np.linalg.LinAlgError:
        return []
    scaled = vector / vector.max()
    return [scaled] if np.isfinite(scaled).all() and scaled.min() > 0 else []


# --- the proofs in words --------------------------------------------------------


def _first(proof: NoGrowth) -> Line:
    return (
        f"every Jacobian is W diag(d) or diag(d) W with |d_i| <= s = sup |{proof.activation}'| = {proof.slope}",
        r"|d_i| \le s",
        "chain rule, and the range of the slope",
        lambda: bool(proof.slope.is_finite),
    )


def _perron_steps(proof: NoGrowth) -> list[Line]:
    rate = rounded(proof.rate, up=True, digits=17)
    return [
        _first(proof),
        (
            f"s |W| v <= r v with the positive vector v of this proof and r = {rate}",
            r"s \, |W| \, v \le r v, \quad v > 0",
            "Collatz and Wielandt: the largest quotient (|W| v)_i / v_i, in ball arithmetic",
            proof.replay,
        ),
        (
            "|P_k| v <= r^k v for every product P_k of k Jacobians, so that no eigenvalue of a Jacobian is beyond r",
            r"|P_k| \, v \le r^k v, \quad \rho(J) \le s \rho(|W|) \le r",
            "step 2, k times; Horn and Johnson, Matrix Analysis, 2nd ed., 8.1.26 and 8.1.18",
            lambda: proof.rate <= 1,
        ),
    ]


def _norm_steps(proof: NoGrowth) -> list[Line]:
    return [
        _first(proof),
        (
            f"s ||W||_2 <= r = {rounded(proof.rate, up=True, digits=17)}",
            r"s \, \lVert W\rVert_2 \le r",
            "the largest singular value, enclosed",
            proof.replay,
        ),
        (
            "||P_k||_2 <= r^k for every product P_k of k Jacobians",
            r"\lVert P_k\rVert_2 \le r^k",
            "submultiplicativity",
            lambda: proof.rate <= 1,
        ),
    ]


def _nilpotent_steps(proof: NoGrowth) -> list[Line]:
    return [
        (
            "no closed walk leads through the entries of W that are not 0",
            r"|W|^n = 0",
            "rows without entries are taken away until none is left",
            proof.replay,
        ),
        (
            f"the product of {len(proof.matrix)} Jacobians is 0, whatever the slopes",
            r"P_n = 0",
            "every entry of it is a sum over walks of n steps",
            lambda: proof.rate == 0,
        ),
    ]


def _quadratic_steps(proof: NoGrowth) -> list[Line]:
    slopes = proof.activation.slope
    return [
        (
            f"every Jacobian is W diag(d) or diag(d) W with {slopes.inf} <= d_i <= {slopes.sup}",
            r"\inf \sigma' \le d_i \le \sup \sigma'",
            "chain rule, and the range of the slope",
            lambda: proof.activation.slope.is_bounded,
        ),
        (
            f"||J x||_P <= r ||x||_P for all x, with ||x||_P = sqrt(x'Px) and r = "
            f"{rounded(proof.rate, up=True, digits=17)}",
            r"\lVert J x \rVert_P \le r \lVert x \rVert_P",
            "the S-procedure, with multipliers verified in balls",
            proof.replay,
        ),
        (
            "||P_k||_P <= r^k for every product P_k of k Jacobians",
            r"\lVert P_k\rVert_P \le r^k",
            "submultiplicativity",
            lambda: proof.rate <= 1,
        ),
    ]


_STEPS = {"quadratic": _quadratic_steps, "perron": _perron_steps, "norm": _norm_steps, "nilpotent": _nilpotent_steps}
