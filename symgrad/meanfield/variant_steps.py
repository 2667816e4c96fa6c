"""The steps that lead to the maps of a kind of layer, and what becomes of its edge of chaos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import sympy as sp

from symgrad.language.derivation import DerivationRule, DerivationStep

__all__ = ["SIGMA_B", "SIGMA_W", "Edge", "edge_of_chaos", "factor_steps", "map_steps"]

SIGMA_W = sp.Symbol("sigma_w", positive=True)
SIGMA_B = sp.Symbol("sigma_b", nonnegative=True)

_CENTRED = DerivationRule(
    "centred weights",
    r"\mathbb{E}\big[(\alpha x + \beta (W y + b))^2\big] = \alpha^2 \mathbb{E}[x^2]"
    r" + \beta^2 (\sigma_w^2 \mathbb{E}[y^2] + \sigma_b^2)"
    r" \text{ for entries of } W \text{ of mean } 0 \text{ and variance } \sigma_w^2 / n \text{ independent of } x, y",
    "Poole et al. 2016; with a skip connection Yang and Schoenholz 2017",
)
_MASKS = DerivationRule(
    "independent masks",
    r"\mathbb{E}[m^2] = \frac{1}{1 - p}, \quad \mathbb{E}[m m'] = 1"
    r" \text{ for independent masks } m, m' \text{ with } \mathbb{P}(m = 1/(1 - p)) = 1 - p, \text{ else } 0",
    "Schoenholz et al. 2017, section 4",
)
_BACK = DerivationRule(
    "back-propagated variance",
    r"\mathbb{E}\big[(\alpha \delta + \beta D W^\top \delta)^2\big]"
    r" = (\alpha^2 + \beta^2 \sigma_w^2 \mathbb{E}[D^2])\, \mathbb{E}[\delta^2]",
    "Schoenholz et al. 2017, with the gradient independence assumption",
)
_HAAR = DerivationRule(
    "orthogonal weights",
    r"\text{entries of } \sigma_w O y \text{ with } O \text{ uniform on } O(n) \text{ tend to centred normal}"
    r" \text{ variables of variance } \sigma_w^2 \|y\|^2 / n",
    "Pennington, Schoenholz and Ganguli 2017",
)
_EXPONENTIAL = DerivationRule(
    "exponential bound",
    r"\mathbb{E}[\phi'^2] \le \sup \phi'^2, \quad (1 + t)^L \le e^{L t} \text{ for } t \ge -1",
    "elementary; for residual networks Yang and Schoenholz 2017",
)
_VERDICT = DerivationRule(
    "edge of chaos",
    r"\text{on it } \chi_1 = 1 \text{ at an attracting fixed point } V(q^*) = q^* \text{ and } C(1) = 1",
    "Schoenholz et al. 2017",
)


@dataclass(frozen=True)
class Edge:
    """Whether a kind of layer has an edge of chaos, and in words what it is or why not."""

    exists: bool
    words: str
    relation: sp.Basic


class _Layer(Protocol):
    @property
    def skip(self) -> sp.Expr: ...
    @property
    def dropout(self) -> sp.Expr: ...
    @property
    def branch(self) -> sp.Expr: ...
    @property
    def weights(self) -> str: ...
    @property
    def q_map(self) -> sp.Expr: ...
    @property
    def chi_formula(self) -> sp.Expr: ...
    @property
    def correlation_formula(self) -> sp.Expr: ...
    @property
    def correlation_at_one(self) -> sp.Expr: ...


def edge_of_chaos(layer: _Layer) -> Edge:
    """What an edge of chaos is for a layer, or why there is none."""
    chi = layer.chi_formula
    if chi == sp.oo:
        words = "no edge of chaos: the activation jumps, so chi is infinite at every q > 0"
        return Edge(False, words, sp.Eq(sp.Symbol("chi"), sp.oo, evaluate=False))
    if chi == layer.skip**2:
        words = "no edge of chaos: the activation is constant almost everywhere, so the branch passes no gradient"
        return Edge(False, words, sp.Eq(sp.Symbol("chi"), chi, evaluate=False))
    if layer.dropout != 0:
        words = (
            "no edge of chaos: with dropout C(1) < 1, c = 1 is no fixed point and correlations converge at a finite "
            "depth scale; the gradient keeps its size where chi = 1"
        )
        return Edge(False, words, sp.Lt(layer.correlation_at_one, 1, evaluate=False))
    kept = sp.Abs(layer.skip)
    if kept.is_number and kept >= 1:
        grows = "is larger than 1 at every q > 0 and the variance grows from layer to layer"
        return Edge(False, f"no edge of chaos: chi {grows}", sp.Gt(chi, 1, evaluate=False))
    words = "chi = 1 at an attracting fixed point of the variance map"
    if layer.skip != 0:
        words += "; the skip connection gives skip^2 of chi, the branch the rest"
    if layer.weights == "orthogonal":
        words += "; the same line as for Gaussian weights, with another spread of singular values"
    return Edge(True, words, sp.Eq(chi, 1, evaluate=False))


def map_steps(layer: _Layer) -> tuple[DerivationStep, ...]:
    """The maps of variance, correlation and gradient with the rules that give them, and the edge of chaos."""
    steps = []
    following = sp.Symbol("q'", positive=True)
    if layer.weights == "orthogonal":
        relation = sp.Eq(following, layer.q_map, evaluate=False)
        steps.append(DerivationStep(_HAAR, relation, "as for Gaussian weights of the same variance"))
    rules = _MASKS if layer.dropout != 0 else _CENTRED
    steps += [
        DerivationStep(_CENTRED, sp.Eq(following, layer.q_map, evaluate=False)),
        DerivationStep(rules, sp.Eq(sp.Symbol("c'"), layer.correlation_formula, evaluate=False)),
        DerivationStep(_BACK, sp.Eq(sp.Symbol("chi"), layer.chi_formula, evaluate=False)),
    ]
    if layer.dropout != 0:
        at_one = sp.Eq(sp.Function("C")(1), layer.correlation_at_one, evaluate=False)
        steps.append(DerivationStep(_MASKS, at_one, "at a fixed point of the variance map"))
    edge = edge_of_chaos(layer)
    return (*steps, DerivationStep(_VERDICT, edge.relation, edge.words))


def factor_steps(layer: _Layer, gain: sp.Expr, slope: sp.Expr, depth: sp.Expr) -> tuple[DerivationStep, ...]:
    """A bound of ``chi^L`` that holds at every variance.

    Args:
        layer: the layer.
        gain: what stands before ``sigma_w^2 E[phi'^2]`` in chi.
        slope: the least upper bound of ``|phi'|``.
        depth: L.
    """
    excess = layer.skip**2 - 1 + gain * SIGMA_W**2 * slope**2
    bound = sp.exp(sp.expand(depth * excess))
    chi = DerivationStep(_BACK, sp.Eq(sp.Symbol("chi"), layer.chi_formula, evaluate=False))
    return (chi, DerivationStep(_EXPONENTIAL, sp.Le(sp.Symbol("chi") ** depth, bound, evaluate=False)))
