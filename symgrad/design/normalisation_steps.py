"""The derivation of the Jacobian of a normalisation and of its operator norm."""

from __future__ import annotations

from typing import Protocol

import sympy as sp

from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.norms import OperatorNorm

__all__ = ["STD", "derivation_of", "unit_direction"]

STD = sp.Symbol("s", positive=True)

_DEFINITION = DerivationRule(
    "definition",
    r"s^2 = \tfrac1n \lVert x - \bar x \mathbf 1\rVert^2 + \varepsilon,\quad \hat x = (x - \bar x \mathbf 1)/s",
    "Ba, Kiros and Hinton 2016, sec. 3; for RMS norm Zhang and Sennrich 2019, sec. 4, with no mean subtracted",
)
_QUOTIENT = DerivationRule(
    "quotient rule",
    r"d(u/s) = du/s - u\, ds/s^2,\qquad s\, ds = \tfrac1n u^T du",
    "calculus; Xiong et al. 2020, On Layer Normalization in the Transformer Architecture, lemma 3",
)
_ORTHOGONAL = DerivationRule(
    "orthogonal eigenvectors",
    r"\mathbf 1^T \hat x = 0,\quad \lVert\hat x\rVert^2/n = (s^2 - \varepsilon)/s^2",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 2.5: spectral theorem",
)
_SYMMETRIC = DerivationRule(
    "norm of a symmetric matrix",
    r"\lVert B\rVert_2 = \max |\lambda(B)|",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6",
)
_DIAGONAL = DerivationRule(
    "diagonal factor",
    r"\lVert \operatorname{diag}(\gamma) B\rVert_2 \le \max|\gamma_i|\, \lVert B\rVert_2",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6: submultiplicativity",
)
_LEAST = DerivationRule(
    "least standard deviation",
    r"s \ge \sqrt\varepsilon",
    "the variance is not negative",
)


class _Normalised(Protocol):
    """What of a normalisation the derivation needs."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> sp.Expr: ...
    @property
    def eps(self) -> sp.Expr: ...
    @property
    def centred(self) -> bool: ...
    @property
    def is_exact(self) -> bool: ...
    @property
    def bracket(self) -> sp.MatrixExpr: ...
    @property
    def jacobian(self) -> sp.MatrixExpr: ...
    @property
    def shrinkage(self) -> sp.Expr: ...
    @property
    def norm(self) -> sp.Expr: ...
    def uniform(self, std: object = None) -> sp.Expr: ...


def unit_direction(size: sp.Expr) -> sp.MatrixSymbol:
    """The column ``xhat`` of n entries."""
    return sp.MatrixSymbol("xhat", size, 1)


def derivation_of(norm: _Normalised) -> Derivation:
    """From the definition to the bound over all points."""
    n, hat = norm.size, unit_direction(norm.size)
    J, B = sp.MatrixSymbol("J", n, n), sp.MatrixSymbol("B", n, n)
    length = sp.Eq(sp.MatMul(hat.T, hat), (n * (1 - norm.eps / STD**2)) * sp.Identity(1), evaluate=False)
    squeezed = sp.Eq(B * hat, (norm.eps / STD**2) * hat, evaluate=False)
    relation = sp.Eq if norm.is_exact else sp.Le
    steps = [
        DerivationStep(_DEFINITION, length, "the squared length of xhat"),
        DerivationStep(_QUOTIENT, sp.Eq(J, norm.jacobian, evaluate=False), "B stands for the bracket"),
        DerivationStep(_ORTHOGONAL, squeezed, _spectrum(norm)),
        DerivationStep(_SYMMETRIC, sp.Eq(OperatorNorm(B), norm.shrinkage, evaluate=False)),
        DerivationStep(_DIAGONAL, relation(OperatorNorm(J), norm.norm, evaluate=False), _exactness(norm)),
        DerivationStep(_LEAST, sp.Le(OperatorNorm(J), norm.uniform(), evaluate=False), "the norm falls as s grows"),
    ]
    return Derivation(f"Jacobian of {norm.name} and its operator norm", tuple(steps))


def _spectrum(norm: _Normalised) -> str:
    rest = "all vectors orthogonal to it"
    if not norm.centred:
        return f"B xhat as stated, and B v = v for {rest}"
    return f"B 1 = 0, B xhat as stated, and B v = v for {rest} and to 1"


def _exactness(norm: _Normalised) -> str:
    return "equality: one gain for the block" if norm.is_exact else ""
