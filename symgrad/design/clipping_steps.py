"""The derivation of what clipping guarantees."""

from __future__ import annotations

from typing import Protocol

import sympy as sp

from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.norms import OperatorNorm

__all__ = ["clipping_derivation", "clipping_quantities"]

_BY_NORM = DerivationRule(
    "clipping by norm",
    r"\operatorname{clip}(g) = g \min(1, \theta/\lVert g\rVert_2)",
    "Pascanu, Mikolov and Bengio 2013, sec. 3.2",
)
_BY_VALUE = DerivationRule(
    "clipping by value",
    r"\operatorname{clip}(g)_i = \max(-\theta, \min(\theta, g_i))",
    "Mikolov 2012, Statistical Language Models Based on Neural Networks, sec. 3.2.2",
)
_GEOMETRIC = DerivationRule(
    "geometric series",
    r"\lVert v_t\rVert \le \sum_{j < t} \mu^j \lVert \operatorname{clip}(g)\rVert \le \frac{B}{1 - \mu}",
    "triangle inequality; B bounds each clipped gradient",
)
_SCALED = DerivationRule("positive multiple", r"\cos(g, c g) = 1,\ c > 0", "definition of the angle")
_ANGLE = DerivationRule(
    "angle of a cut vector",
    r"b_i = \tfrac{|g_i|}{\max|g|} \le d_i = \tfrac{|\operatorname{clip}(g)_i|}{\max|\operatorname{clip}(g)|} \le 1:"
    r"\quad \cos = \frac{b \cdot d}{\lVert b\rVert \lVert d\rVert} \ge \frac{\lVert b\rVert}{\lVert d\rVert}"
    r" \ge \frac{1}{\sqrt n}",
    "b . d >= |b|^2, |b| >= 1 and |d| <= sqrt(n); approached by one entry that grows beyond all limits among entries"
    " at the threshold",
)
_REVERSED = DerivationRule(
    "reversed Cauchy-Schwarz inequality",
    r"1 \le |g_i|/|\operatorname{clip}(g)_i| \le \rho:\quad \cos \ge \frac{2\sqrt\rho}{1 + \rho}",
    "Polya and Szego; Mitrinovic 1970, Analytic Inequalities, sec. 2.11",
)


class _Clipped(Protocol):
    """What of a clipping the derivation needs."""

    @property
    def by(self) -> str: ...
    @property
    def size(self) -> sp.Expr: ...
    @property
    def ratio(self) -> sp.Expr | None: ...
    @property
    def length(self) -> sp.Expr: ...
    @property
    def update(self) -> sp.Expr: ...
    @property
    def cosine(self) -> sp.Expr: ...


def clipping_quantities(size: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The lengths of the clipped gradient and of the update, and the cosine of the angle between g and c."""
    clipped, moved = sp.MatrixSymbol("c", size, 1), sp.MatrixSymbol("u", size, 1)
    return OperatorNorm(clipped), OperatorNorm(moved), sp.cos(sp.Symbol("theta_g", real=True))


def clipping_derivation(found: _Clipped) -> Derivation:
    """Length, direction and update."""
    clipped, moved, cosine = clipping_quantities(found.size)
    by_norm = found.by == "norm"
    length = DerivationStep(_BY_NORM if by_norm else _BY_VALUE, sp.Le(clipped, found.length, evaluate=False))
    turns = _turns(found, cosine)
    update = DerivationStep(_GEOMETRIC, sp.Le(moved, found.update, evaluate=False), "times the learning rate")
    return Derivation(f"bounds of clipping by {found.by}", (length, *turns, update))


def _turns(found: _Clipped, cosine: sp.Expr) -> list[DerivationStep]:
    """What is known of the angle: one bound for every gradient, and one where the ratio is known."""
    if found.by == "norm":
        return [DerivationStep(_SCALED, sp.Eq(cosine, found.cosine, evaluate=False))]
    steps = [DerivationStep(_ANGLE, sp.Ge(cosine, 1 / sp.sqrt(found.size), evaluate=False))]
    if found.ratio is not None:
        closer = 2 * sp.sqrt(found.ratio) / (1 + found.ratio)
        steps.append(DerivationStep(_REVERSED, sp.Ge(cosine, closer, evaluate=False)))
        steps.append(DerivationStep(_REVERSED, sp.Ge(cosine, found.cosine, evaluate=False), "the larger of both"))
    return steps
