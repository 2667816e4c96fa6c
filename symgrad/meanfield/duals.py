"""Balls that carry the balls of their derivatives by the unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flint import arb

__all__ = ["Dual"]


@dataclass(frozen=True)
class Dual:
    """A ball and the balls of its derivatives by the unknowns."""

    value: arb
    slopes: tuple[arb, ...]

    @staticmethod
    def constant(value: Any, count: int) -> Dual:
        """A number that depends on no unknown."""
        return Dual(arb(value), (arb(0),) * count)

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, tuple(a + b for a, b in zip(self.slopes, other.slopes, strict=True)))

    def __mul__(self, other: Dual) -> Dual:
        pairs = zip(self.slopes, other.slopes, strict=True)
        return Dual(self.value * other.value, tuple(a * other.value + self.value * b for a, b in pairs))

    def chain(self, value: arb, slope: arb) -> Dual:
        """A function of it, by the function's value and derivative."""
        return Dual(value, tuple(slope * each if each != 0 else arb(0) for each in self.slopes))
