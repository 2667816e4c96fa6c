"""Theorems on the singular values of products of wide random Jacobians, and the symbols they are stated in."""

from __future__ import annotations

import sympy as sp

from symgrad.language.derivation import DerivationRule

__all__ = [
    "CHAIN",
    "CLOSED_RATIO",
    "CONSTANT_MODULUS",
    "CONTINUITY",
    "DEPTH",
    "EXPANSION",
    "FREE_PRODUCT",
    "HERMITE",
    "JENSEN",
    "LIMIT_AT_ZERO",
    "LIMIT_FAR_OUT",
    "LINE_FAR_OUT",
    "MOMENT_RATIO",
    "MU",
    "ON_THE_LINE",
    "POINCARE",
    "POWERS_FAR_OUT",
    "SLOPE_MOMENT",
    "TAYLOR",
    "VARIANCE_OF_LINE",
    "WEIGHT_TRANSFORM",
]

DEPTH = sp.Symbol("L", positive=True, integer=True)
MU = sp.symbols("mu_1 mu_2", positive=True)
MOMENT_RATIO = MU[1] / MU[0] ** 2
VARIANCE_OF_LINE = sp.Function("sigma_b^2")

_PSG = "Pennington, Schoenholz and Ganguli 2018, The Emergence of Spectral Universality in Deep Networks"

CHAIN = DerivationRule(
    "chain rule",
    r"J = \prod_{l=1}^{L} D_l W_l, \quad D_l = \operatorname{diag} \varphi'(h_l), \quad h_l \sim N(0, q^*)",
    _PSG + ", section 2",
)
SLOPE_MOMENT = DerivationRule(
    "moments of the slopes",
    r"\mu_k = \tfrac1n \operatorname{tr} D^{2k} \to \mathbb{E}[\varphi'(\sqrt{q^*} z)^{2k}],"
    r" \quad S_{D^2}(x) = \tfrac{1}{\mu_1}\big(1 + (1 - \mu_2/\mu_1^2) x + O(x^2)\big)",
    _PSG + ", section 4",
)
WEIGHT_TRANSFORM = DerivationRule(
    "S-transform of the weights",
    r"S_{W W^\top}(x) = \sigma_w^{-2} (1 + s_1 x + O(x^2)), \quad s_1 = -1 \text{ for Gaussian entries, since}"
    r"\ S = \sigma_w^{-2}/(1 + x); \quad s_1 = 0 \text{ for orthogonal ones, since } W W^\top = \sigma_w^2 I",
    _PSG + ", table 1; Marchenko and Pastur 1967",
)
FREE_PRODUCT = DerivationRule(
    "free products",
    r"S_{J J^\top} = (S_{D^2} S_{W W^\top})^L \text{ as the width tends to infinity}",
    "Voiculescu 1987; asymptotic freeness with the diagonals: Pastur 2020; Hanin and Nica 2020",
)
EXPANSION = DerivationRule(
    "moments from the S-transform",
    r"S(x) = \tfrac{1}{m_1}(1 + s x + O(x^2)) \implies m_2 = m_1^2 (1 - s)",
    "Voiculescu 1987",
)
JENSEN = DerivationRule(
    "Jensen's inequality",
    r"\mathbb{E}[X^2] \geq \mathbb{E}[X]^2, \text{ with equality only if } X \text{ is constant almost surely}",
    "Jensen 1906",
)
CONSTANT_MODULUS = DerivationRule(
    "slopes of one modulus",
    r"|\varphi'| = s \text{ almost everywhere} \implies \mu_k = s^{2k} \text{ for every } q",
    "by definition of the moments",
)
CONTINUITY = DerivationRule(
    "continuity in the variance",
    r"\mu_2/\mu_1^2 \text{ is continuous in } q > 0, \text{ so that its infimum is attained or approached at an end}",
    "dominated convergence",
)
LIMIT_AT_ZERO = DerivationRule(
    "slopes next to 0",
    r"\varphi'(x) \sim a_\pm |x|^p \text{ for } x \to 0^\pm \implies \lim_{q \to 0} \frac{\mu_2}{\mu_1^2} ="
    r" \frac{2 (a_+^4 + a_-^4)}{(a_+^2 + a_-^2)^2} \frac{\mathbb{E}|z|^{4p}}{(\mathbb{E}|z|^{2p})^2}",
    "dominated convergence",
)
LIMIT_FAR_OUT = DerivationRule(
    "slopes far out",
    r"\varphi'(x) \to s_\pm \text{ for } x \to \pm\infty, \text{ not both } 0 \implies"
    r" \lim_{q \to \infty} \frac{\mu_2}{\mu_1^2} = \frac{2 (s_+^4 + s_-^4)}{(s_+^2 + s_-^2)^2}",
    "dominated convergence",
)
ON_THE_LINE = DerivationRule(
    "critical line",
    r"\chi_1 = \sigma_w^2 \mu_1 = 1, \quad q = \sigma_w^2 \mathbb{E}[\varphi^2] + \sigma_b^2 \implies"
    r" \sigma_b^2 = q - \mathbb{E}[\varphi^2]/\mu_1 \geq 0",
    "Schoenholz et al. 2017",
)
POINCARE = DerivationRule(
    "Gaussian Poincare inequality",
    r"\operatorname{Var} \varphi(\sqrt q z) \leq q\, \mathbb{E}[\varphi'(\sqrt q z)^2], \text{ so that }"
    r" \mathbb{E}[\varphi(\sqrt q z)] = 0 \implies q - \mathbb{E}[\varphi^2]/\mu_1 \geq 0 \text{ for every } q",
    "Chernoff 1981",
)
TAYLOR = DerivationRule(
    "Taylor expansion in the variance",
    r"\mathbb{E}[(\sqrt q z)^{2k}] = (2k - 1)!!\, q^k \text{ term by term}",
    "moments of the normal distribution; the expansion is asymptotic",
)
HERMITE = DerivationRule(
    "Hermite expansion",
    r"a_n = \mathbb{E}[\varphi(\sqrt q z) \mathrm{He}_n(z)]/\sqrt{n!} \implies"
    r" q \mu_1 - \mathbb{E}[\varphi^2] = \sum_n (n - 1) a_n^2,"
    r" \text{ where } |a_0| \leq |a_2| + |a_3| \text{ for small } q"
    r" \text{ if } \varphi - \varphi'(0) x \text{ vanishes next to } 0",
    "Parseval's identity for Hermite polynomials",
)
LINE_FAR_OUT = DerivationRule(
    "critical line far out",
    r"\varphi = s x + g,\ g \text{ bounded}:\ q \mu_1 - \mathbb{E}[\varphi^2] = q\,\mathbb{E}[g'^2] - \mathbb{E}[g^2]"
    r" \to \infty;\quad \varphi = s |x| + g:"
    r"\ q \mu_1 - \mathbb{E}[\varphi^2] \sim \sqrt{q / 2 \pi} \big(\textstyle\int g'^2 \, dx - 4 s \varphi(0)\big)",
    "Stein 1981; integration by parts",
)
CLOSED_RATIO = DerivationRule(
    "closed form", r"\mu_2/\mu_1^2 \text{ is known as a function of } q", "limit of the closed form"
)
POWERS_FAR_OUT = DerivationRule(
    "powers far out",
    r"|\varphi'(x)| \sim |x|^p \ell(x),\ \ell \text{ slowly varying, } p \neq 0, \text{ or faster } \implies"
    r" \lim_{q \to \infty} \mu_2/\mu_1^2 \in (1, \infty]",
    "Karamata 1930",
)
