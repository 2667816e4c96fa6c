"""The theorems from which gains follow, and the steps that all derivations of gains share."""

from __future__ import annotations

import sympy as sp

from symgrad.language.derivation import DerivationRule, DerivationStep
from symgrad.language.elementwise import VARIABLE
from symgrad.language.gaussian import GaussianMean
from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import to_ball

__all__ = [
    "FAN_IN", "GAIN", "GLOROT", "GRADIENT", "KUMAR", "LINEARISED", "POINCARE", "SCALE", "SMALL", "SOLVED",
    "STANDARD_DEVIATION", "VARIANCE_MAP", "evaluated", "shown",
]  # fmt: skip

_LONGEST = 20  # signs
GAIN = sp.Symbol("g", positive=True)
STANDARD_DEVIATION = sp.Symbol("s", positive=True)
FAN_IN = sp.Symbol("n_in", positive=True, integer=True)

VARIANCE_MAP = DerivationRule(
    "variance of a wide layer",
    r"h' = W \varphi(h) + b,\; W_{ij} \sim N(0, g^2/n),\; b_i \sim N(0, \sigma_b^2),\; h_j \sim N(0, q)"
    r" \;\Rightarrow\; \mathrm{Var}\, h'_i = g^2\, \mathbb{E}[\varphi(\sqrt{q} z)^2] + \sigma_b^2",
    "Poole et al. 2016, Exponential expressivity in deep neural networks through transient chaos, equation 3",
)
GRADIENT = DerivationRule(
    "gradient of a wide layer",
    r"\mathbb{E} \lVert \partial L/\partial h \rVert^2 ="
    r" g^2\, \mathbb{E}[\varphi'(\sqrt{q} z)^2]\; \mathbb{E} \lVert \partial L/\partial h' \rVert^2",
    "Schoenholz et al. 2017, Deep information propagation, section 5; for rectifiers He et al. 2015, section 2.2",
)
SCALE = DerivationRule(
    "standard deviation of the weights",
    r"\mathrm{Var}\, W_{ij} = g^2/n",
    "LeCun et al. 1998, Efficient BackProp, section 4.6; He et al. 2015",
)
GLOROT = DerivationRule(
    "compromise between forward and backward",
    r"n_\mathrm{in} \mathrm{Var}\, W = g^2,\; n_\mathrm{out} \mathrm{Var}\, W = g^2"
    r" \;\leadsto\; \tfrac{1}{2} (n_\mathrm{in} + n_\mathrm{out}) \mathrm{Var}\, W = g^2",
    "Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, equation 12",
)
LINEARISED = DerivationRule(
    "linearisation at 0",
    r"\varphi(h) \approx \varphi(0) + \varphi'(0) h",
    "Kumar 2017, On weight initialization in deep neural networks, section 3; an approximation",
)
KUMAR = DerivationRule(
    "variance of a linearised layer",
    r"\mathrm{Var}\, \varphi(h) = \varphi'(0)^2\, \mathrm{Var}\, h,"
    r"\; \mathrm{Var}\, h = g^2 (\mathrm{Var}\, x + (\mathbb{E} x)^2)",
    "Kumar 2017, On weight initialization in deep neural networks, section 3",
)
POINCARE = DerivationRule(
    "Gaussian Poincare inequality",
    r"\mathrm{Var}\, f(\sqrt{q} z) \le q\, \mathbb{E}[f'(\sqrt{q} z)^2], \text{ with equality only for affine } f",
    "Chernoff 1981, A note on an inequality involving the normal distribution",
)
SMALL = DerivationRule(
    "limit of small variance",
    r"\varphi(0) = 0 \;\Rightarrow\; \lim_{q \to 0} \mathbb{E}[\varphi(\sqrt{q} z)^2]/q ="
    r" \lim_{q \to 0} \mathbb{E}[\varphi'(\sqrt{q} z)^2] = (\varphi'(0^-)^2 + \varphi'(0^+)^2)/2",
    "dominated convergence",
)
SOLVED = DerivationRule("solved for the gain", r"g^2 a = b,\; a, b > 0 \;\Rightarrow\; g = \sqrt{b/a}", "algebra")


def evaluated(mean: Mean, variance: sp.Expr, value: sp.Expr) -> tuple[DerivationStep, ...]:
    """The steps that evaluate a mean: those of its closed form and the value, or none where it stays a mean."""
    if mean.closed is None:
        return ()
    relation = sp.Eq(GaussianMean(sp.Lambda(VARIABLE, mean.formula), variance), value, evaluate=False)
    last = mean.closed.derivation.steps
    return (*last, DerivationStep(last[-1].rule, relation, f"at variance {shown(variance)}")) if last else ()


def shown(constant: sp.Expr) -> str:
    """A constant in words: as it is, or by its digits if it is long."""
    written = str(constant)
    return written if len(written) <= _LONGEST else f"{float(to_ball(constant).mid()):.6g}"
