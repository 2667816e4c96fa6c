"""The rules by which means over Gaussian variables are integrated, as derivations cite them."""

from __future__ import annotations

from symgrad.language.derivation import DerivationRule

__all__ = [
    "ARCSINE",
    "COLLECT",
    "ERROR",
    "EXPANSION",
    "LINEARITY",
    "MOMENTS",
    "ODD",
    "PIECES",
    "SQUARE",
    "STEIN",
    "STEIN_AT_JUMPS",
]

_STEIN = "Stein 1981, Estimation of the mean of a multivariate normal distribution, Ann. Statist. 9, lemma 1"
_ISSERLIS = "Isserlis 1918, On a formula for the product-moment coefficient, Biometrika 12"

PIECES = DerivationRule(
    "signs for pieces",
    r"f = \tfrac12 (f_0 + f_n) + \tfrac12 \sum_{i=1}^n \operatorname{sign}(x - t_i)\,(f_i - f_{i-1})"
    r" \text{ for } f = f_i \text{ on } (t_i, t_{i+1})",
    "compare both sides on each interval; single points carry no mass under a law with a density",
)
EXPANSION = DerivationRule(
    "expansion",
    r"\sin x = \tfrac{1}{2i}(e^{ix} - e^{-ix}),\ \cos x = \tfrac12 (e^{ix} + e^{-ix}),"
    r"\ \sinh x = \tfrac12 (e^x - e^{-x}),\ \ldots; \text{ products multiplied out}",
    "algebra",
)
LINEARITY = DerivationRule(
    "linearity",
    r"\mathbb{E}[a f + b g] = a\,\mathbb{E}[f] + b\,\mathbb{E}[g]",
    "linearity of the integral",
)
MOMENTS = DerivationRule(
    "Gaussian moments",
    r"\mathbb{E}[x^n y^m] = \sum_k \frac{n!\,m!}{k!\,\frac{n-k}{2}!\,\frac{m-k}{2}!}\,"
    r"\left(\tfrac{\operatorname{var} x}{2}\right)^{\frac{n-k}{2}}"
    r"\left(\tfrac{\operatorname{var} y}{2}\right)^{\frac{m-k}{2}} \operatorname{cov}(x, y)^k,"
    r"\quad k \equiv n \equiv m \bmod 2, \text{ for centred } x, y",
    _ISSERLIS,
)
SQUARE = DerivationRule(
    "completing the square",
    r"\mathbb{E}_{N(0, \Sigma)}\left[e^{x^T A x + b^T x} g(x)\right] = \frac{e^{\frac12 b^T \Sigma' b}}"
    r"{\sqrt{\det(I - 2 A \Sigma)}}\, \mathbb{E}_{N(\Sigma' b, \Sigma')}[g],\quad"
    r"\Sigma' = (\Sigma^{-1} - 2A)^{-1} \succ 0",
    "the exponents of both densities are the same quadratic; for complex b by analytic continuation",
)
_BY_PARTS = (
    r"\mathbb{E}[x\, g] = \mathbb{E}[x]\,\mathbb{E}[g] + \operatorname{var}(x)\,\mathbb{E}[\partial_x g]"
    r" + \operatorname{cov}(x, y)\,\mathbb{E}[\partial_y g]"
    r" \text{ under the law tilted by the exponential},"
)
STEIN = DerivationRule(
    "Stein's lemma",
    rf"\begin{{aligned}}[t] & {_BY_PARTS} \\ & \operatorname{{erf}}'(u) = \tfrac{{2}}{{\sqrt\pi}} e^{{-u^2}}"
    r"\end{aligned}",
    _STEIN,
)
STEIN_AT_JUMPS = DerivationRule(
    "Stein's lemma with jumps",
    rf"\begin{{aligned}}[t] & {_BY_PARTS} \\ & \operatorname{{erf}}'(u) = \tfrac{{2}}{{\sqrt\pi}} e^{{-u^2}},\quad"
    r"\operatorname{sign}'(u) = 2\delta(u),\quad"
    r"\mathbb{E}[\delta(x - t)\, g] = p_x(t)\, \mathbb{E}[g \mid x = t] \end{aligned}",
    _STEIN + "; for signs: integration by parts on each side of the jump",
)
ERROR = DerivationRule(
    "mean of an error function",
    r"\mathbb{E}\operatorname{erf}(u) = \operatorname{erf}\frac{\mathbb{E}u}{\sqrt{1 + 2\operatorname{var}u}},\quad"
    r"\mathbb{E}\operatorname{sign}(u) = \operatorname{erf}\frac{\mathbb{E}u}{\sqrt{2\operatorname{var}u}}",
    "erf(u) = 2 P(w < u) - 1 for an independent Gaussian w of variance 1/2, and u - w is Gaussian",
)
ODD = DerivationRule(
    "odd integrand",
    r"\mathbb{E}[g] = 0 \text{ for } g(-x) = -g(x)",
    "a centred Gaussian law is symmetric",
)
ARCSINE = DerivationRule(
    "arcsine law",
    r"\mathbb{E}[\operatorname{erf}(u)\operatorname{erf}(v)] = \frac{2}{\pi}\arcsin\frac{2\operatorname{cov}(u, v)}"
    r"{\sqrt{(1 + 2\operatorname{var}u)(1 + 2\operatorname{var}v)}} \text{ for centred } u, v;\quad"
    r"\operatorname{sign}(u) = \lim_{s \to \infty} \operatorname{erf}(s u)",
    "Sheppard 1899, Phil. Trans. R. Soc. A 192; Williams 1998, Computation with infinite neural networks, eq. 11",
)
COLLECT = DerivationRule("sum", r"\text{values put in, terms collected}", "algebra")
