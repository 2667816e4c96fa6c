"""The words in which the stability of fixed points is stated."""

from __future__ import annotations

__all__ = [
    "ALGEBRAIC",
    "ATTRACTING",
    "NEUTRAL",
    "REPELLING",
    "SEMI_STABLE",
    "UNDECIDED",
]

ATTRACTING = "attracting"
ALGEBRAIC = "attracting algebraically"
REPELLING = "repelling"
SEMI_STABLE = "semi-stable"
NEUTRAL = "neutral (continuum)"
UNDECIDED = "undecided"
