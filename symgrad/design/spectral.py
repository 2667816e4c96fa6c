"""Spectral normalisation: weights scaled to a certified operator norm, and the rate of a model after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import Bound, product_bound
from symgrad.design.arguments import positive_parameter
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.norms import OperatorNorm
from symgrad.language.recurrence import Recurrence
from symgrad.rigor.matrix_norms import NormEnclosure, checked_matrix, operator_norm

__all__ = ["PowerIteration", "SpectralNormalisation", "power_iteration", "spectral_normalisation"]

Array = NDArray[np.float64]

_PROJECTION = DerivationRule(
    "scaled to a norm", r"\lVert \rho W/\lVert W\rVert_2 \rVert_2 = \rho", "homogeneity of the norm; Miyato et al. 2018"
)
_RATE = DerivationRule(
    "bound on the Jacobian", r"\lVert J_t\rVert_2 \le \gamma(\lVert W\rVert_2)", "the proof of the product bound"
)
_POWER = DerivationRule(
    "power of a rate", r"\lVert J_t \cdots J_{t-k+1}\rVert \le C \gamma^k", "submultiplicativity, k - 1 times"
)


@dataclass(frozen=True, eq=False)
class SpectralNormalisation(StatedResult):
    """The product bound of a model whose weights are scaled to operator norm rho.

    Attributes:
        bound: the bound before, with its proof.
        names: the weights that are scaled.
        radius: rho.
        weights: numbers before scaling, or None.

    >>> import symgrad as sg
    >>> found = spectral_normalisation(sg.models.sigmoid_rnn(), radius=3)
    >>> found.rate, found.contracts
    (3/4, True)
    """

    bound: Bound
    names: tuple[sp.MatrixSymbol, ...]
    radius: sp.Expr
    weights: Mapping[Any, Any] | None = field(default=None, repr=False)

    @cached_property
    def rate(self) -> sp.Expr:
        """The rate per step after scaling."""
        return self._scaled(self.bound.rate)

    @cached_property
    def expr(self) -> sp.Expr:
        """The bound on the product of k Jacobians after scaling."""
        return self._scaled(self.bound.expr)

    def _evaluated(self, weights: Mapping[str, Array]) -> list[Case]:
        """The product bound of the scaled weights against the rate that is stated; scalars as they are given."""
        scalars = {s: sp.Float(float(weights[str(s)])) for s in self.bound.parameters if isinstance(s, sp.Symbol)}
        stated = self.expr.xreplace(scalars)
        if stated.free_symbols - {self.bound.k}:
            return []
        values = [(k, float(self.bound.evaluate(weights, k))) for k in (1, 3, 10)]
        return [Case(f"bound for k = {k}", value, float(stated.subs(self.bound.k, k)), "equal") for k, value in values]

    def _scaled(self, expr: sp.Expr) -> sp.Expr:
        return expr.xreplace({OperatorNorm(W): self.radius for W in self.names})

    @property
    def contracts(self) -> bool | None:
        """Whether the rate is below 1; None where that depends on other parameters."""
        below = sp.Lt(self.rate, 1)
        return None if below not in (sp.true, sp.false) else bool(below)

    @cached_property
    def largest(self) -> sp.Expr | None:
        """The radius below which the rate is below 1, where the rate is linear in it; None where it is not.

        At most 0 where no radius is small enough, as with a residual connection.
        """
        rho = sp.Dummy("rho", positive=True)
        rate = self.bound.rate.xreplace({OperatorNorm(W): rho for W in self.names})
        if not rate.has(rho) or sp.diff(rate, rho, 2) != 0:
            return None
        slope = sp.diff(rate, rho)
        return sp.simplify((1 - rate.subs(rho, 0)) / slope)

    def project(self) -> dict[str, Array]:
        """The weights after scaling, each with an operator norm proved to be at most rho; others unchanged.

        They are divided by the certified upper bound of the norm, rounded down by two units in the last place.

        Raises:
            InputError: no weights were given, a zero matrix among those to be scaled, or a symbol for rho.
        """
        if self.weights is None or not self.radius.is_number:
            raise InputError("project: give weights and a number for radius to spectral_normalisation")
        found = {str(key): np.asarray(value, dtype=np.float64) for key, value in self.weights.items()}
        return found | {str(W): _projected(str(W), found[str(W)], float(self.radius)) for W in self.names}

    @property
    def title(self) -> str:
        """Which weights, and their norm."""
        words = ", ".join(map(str, self.names))
        return f"spectral normalisation of {words} in {self.bound.model.name} to norm {self.radius}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The norm of the weights, the rate and the bound."""
        J, P = sp.Symbol("rate"), sp.Symbol("product")
        norms = [Statement("after scaling", sp.Eq(OperatorNorm(W), self.radius, evaluate=False)) for W in self.names]
        rows = [*norms, Statement("norm of one Jacobian", sp.Le(J, self.rate, evaluate=False))]
        rows.append(Statement("norm of a product of k Jacobians", sp.Le(P, self.expr, evaluate=False)))
        if self.largest is not None and self.largest.is_positive is not False:
            radius = sp.Lt(sp.Symbol("rho", positive=True), self.largest, evaluate=False)
            rows.append(Statement("radii that make products vanish", radius))
        return tuple(rows)

    @property
    def derivation(self) -> Derivation:
        """The norm put into the bound; the bound's own proof is ``bound.proof``."""
        rules = [*(_PROJECTION for _ in self.names), _RATE, _POWER, _RATE]
        steps = [DerivationStep(rule, item.relation) for rule, item in zip(rules, self.statements, strict=False)]
        return Derivation(self.title, tuple(steps))

    def verify(self, seed: int = 0) -> Verification:
        """Certify the norms of scaled weights, random ones unless given, and the spectrum that scaling leaves.

        Args:
            seed: of the random weights.
        """
        random = np.random.default_rng(seed)
        rho = float(self.radius) if self.radius.is_number else 0.9
        given = {str(key): np.asarray(value, dtype=np.float64) for key, value in (self.weights or {}).items()}
        cases, scaled_weights = [], dict(given)
        for W in self.names:
            matrix = given.get(str(W), random.standard_normal((5, 5)))
            scaled = _projected(str(W), matrix, rho)
            norm = operator_norm(scaled)
            scaled_weights[str(W)] = scaled
            cases.append(Case(f"norm of {W} after scaling", norm.upper, rho, "equal"))
            direction = scaled * np.linalg.norm(matrix) / np.linalg.norm(scaled)
            cases.append(Case(f"change of direction of {W}", float(abs(direction - matrix).max()) + 1, 1.0))
        if {str(symbol) for symbol in self.bound.parameters} <= set(scaled_weights) and self.radius.is_number:
            cases += self._evaluated(scaled_weights)
        return verified(self.title, "certified norms", cases)


def _projected(name: str, matrix: Array, radius: float) -> Array:
    norm = operator_norm(matrix)
    if norm.lower == 0:
        raise InputError(f"weights: {name} is zero, or too small to be scaled")
    scaled = matrix * (radius / norm.upper)
    while operator_norm(scaled).upper > radius:  # rounding: a few units in the last place at most
        scaled = scaled * (1 - 2.0**-52)
    return scaled


def spectral_normalisation(
    model: Any, *, radius: Any = 1, which: Any = None, weights: Mapping[Any, Any] | None = None
) -> SpectralNormalisation:
    """The rate of a recurrence after its weights are scaled to an operator norm, ``W -> rho W / ||W||_2``.

    Args:
        model: the recurrence.
        radius: rho, a positive number or symbol.
        which: the names or symbols of the weights to scale; all whose norm the bound depends on unless given.
        weights: symbol or name -> array, for :meth:`SpectralNormalisation.project`.

    Returns:
        A :class:`SpectralNormalisation`.

    Raises:
        InputError: no Recurrence; a weight on whose norm the bound does not depend, or none at all.
        UnknownNameError: no weight of that name.
        NoBoundError: there is no product bound.

    Source: Yoshida and Miyato 2017, Spectral Norm Regularization; Miyato et al. 2018, Spectral Normalization for
    Generative Adversarial Networks, sec. 2.
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    bound = product_bound(model)
    norms = {str(norm.matrix): norm.matrix for norm in _norms_in(bound)}
    names = [which] if isinstance(which, (str, sp.MatrixSymbol)) else which
    chosen = sorted(norms) if names is None else [str(name) for name in names]
    for name in chosen:
        if name not in norms and name in {str(s) for s in model.parameters}:
            raise InputError(f"which: the bound does not depend on the norm of {name}; it does on {', '.join(norms)}")
        if name not in norms:
            raise UnknownNameError("weight", name, sorted(norms))
    if not chosen:
        raise InputError(f"model: the product bound of {model.name} depends on no operator norm of a weight")
    _check_given(chosen, weights)
    found = tuple(norms[name] for name in chosen)
    return SpectralNormalisation(bound, found, positive_parameter("radius", radius), weights)


def _norms_in(bound: Bound) -> list[OperatorNorm]:
    """The 2-norms of weights that a bound depends on."""
    atoms = bound.expr.atoms(OperatorNorm)
    return [norm for norm in atoms if norm.p == 2 and isinstance(norm.matrix, sp.MatrixSymbol)]


def _check_given(names: list[str], weights: Mapping[Any, Any] | None) -> None:
    if weights is None:
        return
    given = {str(key): value for key, value in weights.items()}
    for name in names:
        if name not in given:
            raise InputError(f"weights: {name} is missing; given are {', '.join(given) or 'none'}")
        checked_matrix(given[name])


@dataclass(frozen=True)
class PowerIteration:
    """An estimate of an operator norm by power iteration, with its proved error.

    Attributes:
        estimate: ``||W v||`` for the unit vector v reached, in floats: never above the norm but for rounding.
        norm: the certified enclosure of the norm.
        iterations: how many products with ``W' W`` were taken.
    """

    estimate: float
    norm: NormEnclosure
    iterations: int

    @property
    def excess(self) -> float:
        """An upper bound of ``||W / estimate||_2``: how far division by the estimate misses a norm of 1."""
        return float(np.nextafter(self.norm.upper / self.estimate, np.inf)) if self.estimate > 0 else float("inf")


def power_iteration(matrix: Any, iterations: int = 1, seed: int = 0) -> PowerIteration:
    """The estimate that spectral normalisation in training takes for ``||W||_2``, and what it misses.

    With the angle theta between the start and the leading right singular vector and ``r = sigma_2/sigma_1``, the
    estimate after m iterations is at least ``sigma_1 / sqrt(1 + r**(4 m) tan(theta)**2)``.

    Args:
        matrix: W, finite entries.
        iterations: m, a positive integer.
        seed: of the starting vector.

    Raises:
        InputError: a malformed matrix or number of iterations.

    Source: Miyato et al. 2018, sec. 2 and appendix A; Golub and Van Loan, Matrix Computations, 4th ed., sec. 8.2.

    >>> found = power_iteration([[3.0, 0.0], [0.0, 1.0]], iterations=20)
    >>> round(found.estimate, 6), found.excess < 1 + 1e-9
    (3.0, True)
    """
    if isinstance(iterations, bool) or not isinstance(iterations, (int, np.integer)) or iterations < 1:
        raise InputError(f"iterations: a positive integer is needed, got {type(iterations).__name__} {iterations!r}")
    W = checked_matrix(matrix)
    norm = operator_norm(W)
    vector: Array = np.random.default_rng(seed).standard_normal((W.shape[1],))
    scaled = W / norm.upper if 0 < norm.upper < np.inf else W
    for _ in range(int(iterations)):
        vector = scaled.T @ (scaled @ vector)
        vector = vector / (float(np.linalg.norm(vector)) or 1.0)
    length = float(np.linalg.norm(vector))
    estimate = float(np.linalg.norm(W @ (vector / length))) if length > 0 else 0.0
    return PowerIteration(estimate, norm, int(iterations))
