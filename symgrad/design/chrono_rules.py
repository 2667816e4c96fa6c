"""The rules by which the chrono initialisation is derived."""

from __future__ import annotations

from symgrad.language.derivation import DerivationRule

__all__ = ["CLOSED", "LAW", "LIMITS", "TIME_CONSTANT"]

_SOURCE = "Tallec and Ollivier, Can recurrent neural networks warp time?, 2018, sec. 3"

CLOSED = DerivationRule(
    "logistic function of a logarithm", r"\sigma(\log u) = \frac{u}{1 + u} \quad (u > 0)", "definition"
)
TIME_CONSTANT = DerivationRule("time constant", r"f^t = (1 - 1/\tau)^t \text{ with } \tau = \frac{1}{1 - f}", _SOURCE)
LIMITS = DerivationRule("limits of u", r"u \in [T_{\min} - 1, T_{\max} - 1] \text{ by its law}", _SOURCE)
LAW = DerivationRule(
    "mean of a uniform variable", r"\mathbb{E}[g(u)] = \frac{1}{b - a} \int_a^b g(u)\, \mathrm{d}u", "definition"
)
