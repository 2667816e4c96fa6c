"""The rules by which the scale of residual branches is derived."""

from __future__ import annotations

from symgrad.language.derivation import DerivationRule

__all__ = ["LIPSCHITZ", "LOWER", "SOLVED_LOWER", "SOLVED_UPPER", "UPPER"]

_NORMS = "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6"

LIPSCHITZ = DerivationRule(
    "triangle inequality", r"J = I + a F'(x), \ \lVert F'(x) \rVert \le L \implies \lVert J \rVert \le 1 + a L", _NORMS
)
UPPER = DerivationRule(
    "submultiplicativity", r"\lVert J_k \cdots J_1 \rVert \le \lVert J_k \rVert \cdots \lVert J_1 \rVert", _NORMS
)
LOWER = DerivationRule(
    "reverse triangle inequality",
    r"\lVert (I + a F'(x)) v \rVert \ge (1 - a L) \lVert v \rVert, \text{ factor by factor}",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.8",
)
SOLVED_UPPER = DerivationRule(
    "solve for the scale",
    r"(1 + a L)^k \le C \iff a \le (C^{1/k} - 1)/L \quad (C \ge 1)",
    "the power is strictly increasing",
)
SOLVED_LOWER = DerivationRule(
    "solve for the scale from below",
    r"\max(0, 1 - a L)^k \ge c \iff a \le (1 - c^{1/k})/L \quad (0 < c \le 1)",
    "the power is strictly increasing",
)
