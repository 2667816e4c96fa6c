"""The rules by which biases of gates are derived."""

from __future__ import annotations

from symgrad.language.derivation import DerivationRule

__all__ = ["EQUALITY", "GATE_BOUND", "INVERSE", "LOGIT", "SERIES", "SUBSTITUTED"]

GATE_BOUND = DerivationRule(
    "lower bound of the product",
    r"\sigma_{\min}(J_t \cdots J_{t-k+1}) \ge \Bigl(\min_i \min_p |D_{ii}(p)|\Bigr)^k \text{ for diagonal } J = D(p)",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6 and 7.3; the bound's own proof has the steps",
)
SUBSTITUTED = DerivationRule("put in", r"\text{what was found above, put into the condition}", "substitution of equals")
INVERSE = DerivationRule(
    "take a root", r"x^T \ge r \iff x \ge r^{1/T} \quad (x, r > 0, \ T > 0)", "the power is strictly increasing"
)
LOGIT = DerivationRule(
    "invert the logistic function",
    r"\sigma(x) \ge y \iff x \ge \log\frac{y}{1 - y} \quad (0 < y < 1)",
    "the logistic function is strictly increasing from 0 to 1",
)
EQUALITY = DerivationRule(
    "rewrite the logit", r"\log\frac{y}{1 - y} = -\log(1/y - 1) \quad (0 < y < 1)", "rules of the logarithm"
)
SERIES = DerivationRule(
    "product formula of sinh",
    r"\log(e^x - 1) = \log x + \frac{x}{2} + \log\frac{\sinh(x/2)}{x/2}, \quad"
    r" 0 \le \log\frac{\sinh y}{y} = \sum_{n \ge 1} \log\Bigl(1 + \frac{y^2}{n^2 \pi^2}\Bigr) \le \frac{y^2}{6}",
    "Euler 1748; log(1 + u) <= u and sum 1/n^2 = pi^2/6",
)
