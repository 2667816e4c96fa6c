"""Layer norm, RMS norm and batch norm by their names; the running statistics of batch norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.design.arguments import checked_size, nonnegative_parameter
from symgrad.design.normalisation import Normalisation
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.norms import OperatorNorm, SmallestSingularValue
from symgrad.language.numbers import scalar_parameter

__all__ = ["EvaluatedBatchNorm", "batch_norm", "batch_norm_evaluation", "layer_norm", "rms_norm"]

_AFFINE = DerivationRule("affine map", r"D(A x + c) = A", "calculus")
_DIAGONAL = DerivationRule(
    "diagonal matrix",
    r"\lVert \operatorname{diag}(d) \rVert_2 = \max|d_i|,\quad \sigma_{\min} = \min |d_i|",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6",
)


def _normalisation(name: str, n: Any, gamma: Any, eps: Any, centred: bool, entries: bool) -> Normalisation:
    gains = _gains(gamma)
    if entries and len(gains) > 1 and n is None:
        n = len(gains)
    size = checked_size("n" if entries else "batch", n, "n")
    if entries and len(gains) > 1 and size != len(gains):
        raise InputError(f"gamma: one number or {size} of them are needed, got {len(gains)}")
    return Normalisation(name, size, gains, _epsilon(eps), centred)


def _epsilon(eps: Any) -> sp.Expr:
    return sp.Symbol("epsilon", positive=True) if eps is None else nonnegative_parameter("eps", eps)


def _gains(gamma: Any) -> tuple[sp.Expr, ...]:
    if isinstance(gamma, (str, bytes)) or (hasattr(gamma, "__len__") and len(gamma) == 0):
        raise InputError(f"gamma: a number or a non-empty sequence of numbers is needed, got {gamma!r}")
    entries = list(gamma) if hasattr(gamma, "__iter__") else [gamma]
    return tuple(scalar_parameter("gamma", entry, real=True) for entry in entries)


def layer_norm(n: Any = None, gamma: Any = None, eps: Any = None) -> Normalisation:
    """Layer normalisation over the n entries of a vector.

    Args:
        n: how many entries; a positive integer, a symbol, or None for the symbol n.
        gamma: the gain: a number, an expression, a sequence of n of them, or None for the symbol gamma.
        eps: what is added to the variance, not negative; None for the symbol epsilon. PyTorch's is 1e-5.

    Returns:
        A :class:`Normalisation`.

    Raises:
        InputError: a malformed argument.

    Source: Ba, Kiros and Hinton 2016, Layer Normalization, sec. 3; Xiong et al. 2020, On Layer Normalization in the
    Transformer Architecture, lemma 3, for the Jacobian.

    >>> layer_norm(n=2).norm, layer_norm(n=1).norm, layer_norm(n=8, gamma=[1, -3, 2, 1, 1, 1, 1, 1]).norm
    (epsilon*Abs(gamma)/s**3, 0, 3/s)
    >>> layer_norm(n=4, gamma=1, eps=0.01).uniform(), layer_norm(n=4, gamma=1, eps=0).uniform()
    (10, oo)
    """
    return _normalisation("layer norm", n, gamma, eps, centred=True, entries=True)


def rms_norm(n: Any = None, gamma: Any = None, eps: Any = None) -> Normalisation:
    """RMS normalisation, ``y = gamma x / sqrt(mean(x**2) + eps)``; the arguments are those of :func:`layer_norm`.

    Source: Zhang and Sennrich 2019, Root Mean Square Layer Normalization, sec. 4.

    >>> rms_norm(n=2, gamma=1).norm, rms_norm(n=1, gamma=1).norm
    (1/s, epsilon/s**3)
    """
    return _normalisation("RMS norm", n, gamma, eps, centred=False, entries=True)


def batch_norm(batch: Any = None, gamma: Any = None, eps: Any = None) -> Normalisation:
    """Batch normalisation while training: each feature over the samples of the batch.

    The Jacobian of all features is block diagonal with one n x n block for each; its norm is the largest of the
    blocks. With running statistics (evaluation) the map is affine: see :func:`batch_norm_evaluation`.

    Args:
        batch: how many samples are normalised together; None for the symbol n.
        gamma: the gain of every feature, or a sequence with one for each.
        eps: as for :func:`layer_norm`.

    Source: Ioffe and Szegedy 2015, Batch Normalization, sec. 3.

    >>> batch_norm(32, gamma=[1, -2]).uniform()
    2/sqrt(epsilon)
    """
    return _normalisation("batch norm", batch, gamma, eps, centred=True, entries=False)


@dataclass(frozen=True)
class EvaluatedBatchNorm(StatedResult):
    """Batch normalisation with running statistics: an affine map of each sample, feature by feature.

    Attributes:
        gains: gamma, one number for all features or one for each.
        variances: the running variances, likewise.
        eps: what is added to them.

    >>> batch_norm_evaluation(gamma=[1, 3], variance=[4, 9], eps=0).norm
    1
    """

    gains: tuple[sp.Expr, ...]
    variances: tuple[sp.Expr, ...]
    eps: sp.Expr

    @property
    def scales(self) -> tuple[sp.Expr, ...]:
        """The diagonal of the Jacobian, ``gamma/sqrt(variance + eps)``."""
        count = max(len(self.gains), len(self.variances))
        gains, variances = (e if len(e) == count else e * count for e in (self.gains, self.variances))
        return tuple(g / sp.sqrt(v + self.eps) for g, v in zip(gains, variances, strict=True))

    @property
    def jacobian(self) -> sp.ImmutableDenseMatrix:
        """The Jacobian, diagonal and the same everywhere."""
        return sp.ImmutableDenseMatrix(sp.diag(*self.scales))

    @property
    def norm(self) -> sp.Expr:
        """Its operator norm, which is exactly the largest modulus on the diagonal."""
        return sp.Max(*map(sp.Abs, self.scales))

    @property
    def floor(self) -> sp.Expr:
        """Its smallest singular value, the least modulus on the diagonal."""
        return sp.Min(*map(sp.Abs, self.scales))

    @property
    def title(self) -> str:
        """What it is."""
        return "batch norm with running statistics"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The Jacobian and its extreme singular values."""
        J = sp.MatrixSymbol("J", len(self.scales), len(self.scales))
        return (
            Statement("Jacobian", sp.Eq(J, self.jacobian, evaluate=False)),
            Statement("operator norm", sp.Eq(OperatorNorm(J), self.norm, evaluate=False)),
            Statement("smallest singular value", sp.Eq(SmallestSingularValue(J), self.floor, evaluate=False)),
        )

    @property
    def derivation(self) -> Derivation:
        """The norm of a diagonal matrix."""
        _, norm, floor = self.statements
        jacobian = DerivationStep(_AFFINE, self.statements[0].relation)
        ends = [DerivationStep(_DIAGONAL, item.relation) for item in (floor, norm)]
        return Derivation("Jacobian of batch norm with running statistics", (jacobian, *ends))

    def verify(self, seed: int = 0) -> Verification:
        """Compare how differences of samples are stretched by the map with the norm and the smallest singular value.

        Args:
            seed: of the samples, and of the numbers for symbols.
        """
        random = np.random.default_rng(seed)
        parts = (*self.gains, *self.variances, self.eps)
        symbols = sorted(set().union(*(part.free_symbols for part in parts)), key=str)
        values = {symbol: sp.Rational(int(random.integers(1, 30)), 10) for symbol in symbols}
        stretch = np.array([float(s) for s in _stretched(self, values, random)])
        norm, floor = (float(expr.subs(values)) for expr in (self.norm, self.floor))
        cases = [
            Case("largest stretching of the unit vectors", float(stretch.max()), norm, "equal"),
            Case("least stretching of the unit vectors", float(stretch.min()), floor, "equal"),
        ]
        return verified("Jacobian of batch norm with running statistics", "differences of samples, exactly", cases)


def _stretched(
    found: EvaluatedBatchNorm, values: dict[sp.Symbol, sp.Expr], random: np.random.Generator
) -> list[sp.Expr]:
    """How far the images of two samples are apart that differ by 1 in one feature, from the definition of the map."""
    moved = []
    for index in range(len(found.scales)):
        gain = found.gains[index % len(found.gains)].subs(values)
        spread = sp.sqrt((found.variances[index % len(found.variances)] + found.eps).subs(values))
        mean, x = (sp.Rational(int(random.integers(-50, 50)), 8) for _ in range(2))
        moved.append(sp.Abs(gain * (x + 1 - mean) / spread - gain * (x - mean) / spread))
    return moved


def batch_norm_evaluation(gamma: Any = None, variance: Any = None, eps: Any = None) -> EvaluatedBatchNorm:
    """Batch normalisation at evaluation, with running statistics: ``gamma (x - mean)/sqrt(variance + eps) + beta``.

    Args:
        gamma: the gain of every feature, or a sequence with one for each; None for the symbol gamma.
        variance: the running variance, likewise; None for the symbol v.
        eps: as for :func:`layer_norm`.

    Returns:
        An :class:`EvaluatedBatchNorm`.

    Raises:
        InputError: a malformed argument; a negative variance; two sequences of different lengths; a variance of zero
            without eps.

    Source: Ioffe and Szegedy 2015, Batch Normalization, sec. 3.1.

    >>> batch_norm_evaluation(gamma=-2).norm
    2/sqrt(epsilon + v)
    """
    gains = _gains(gamma)
    entries = list(variance) if hasattr(variance, "__iter__") else [variance]
    symbol = sp.Symbol("v", positive=True)
    variances = tuple(symbol if v is None else nonnegative_parameter("variance", v) for v in entries)
    if not variances or len({len(gains), len(variances)} - {1}) > 1:
        raise InputError(f"variance: one number or {len(gains)} of them are needed, got {len(variances)}")
    found = EvaluatedBatchNorm(gains, variances, _epsilon(eps))
    if any(v + found.eps == 0 for v in variances):
        raise InputError("eps: a running variance of zero needs a positive eps")
    return found
