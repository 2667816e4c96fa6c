"""Stationary moments of a recurrent cell with what they say about its gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.presentable import Presentable

__all__ = ["StationaryPoint"]


@dataclass(frozen=True)
class StationaryPoint(Presentable):
    """Stationary moments of the states, and what they say about gradients.

    Attributes:
        moments: symbol -> value: an enclosure of a proved fixed point, or a float where it is approximate.
        status: ``"proved"`` (every number here is an enclosure), or in words why it is approximate.
        attracting: whether the moments return to it after a small change; None where that is not decided.
        blocks: ``lim tr(J_ij J_ij^T) / n`` of each block of the state Jacobian.
        mean_square: the mean-squared singular value of the whole state Jacobian.
        chi: the factor by which the mean-squared singular value of a product of many Jacobians grows with each step;
            with one state the same as ``mean_square``.
        transfer: how second moments of the gradient go back by one step.
    """

    moments: dict[sp.Symbol, arb | float]
    status: str
    attracting: bool | None
    blocks: tuple[tuple[arb | float, ...], ...]
    mean_square: arb | float
    chi: arb | float
    transfer: tuple[tuple[arb | float, ...], ...]

    @property
    def time_scale(self) -> arb | float:
        """``-1 / log chi`` in steps: gradients decay by 1/e over it; negative where they grow, infinite at chi = 1."""
        if isinstance(self.chi, arb):
            if self.chi == 1:
                return arb.pos_inf()
            return -1 / self.chi.log() if self.chi > 0 else arb(0) if self.chi == 0 else arb("nan")
        return float("inf") if self.chi == 1 else -1 / float(np.log(self.chi)) if self.chi > 0 else 0.0

    @property
    def phase(self) -> str:
        """``"vanishing"``, ``"exploding"``, ``"critical"`` or ``"undecided"``, by chi against 1."""
        if self.chi < 1:
            return "vanishing"
        if self.chi > 1:
            return "exploding"
        return "critical" if self.chi == 1 else "undecided"

    def gradient_variance(self, k: int) -> arb | float:
        """The mean-squared singular value of a product of k Jacobians, ``E ||J_k ... J_1||_F^2`` over its rows.

        Raises:
            InputError: k is no integer of at least 0.
        """
        if isinstance(k, bool) or not isinstance(k, int) or k < 0:
            raise InputError(f"k: an integer of at least 0 is needed, got {k!r} ({type(k).__name__})")
        size = len(self.blocks)
        diagonal = [i == j for i in range(size) for j in range(i, size)]
        column: list[Any] = [int(flag) for flag in diagonal]
        for _ in range(k):
            pairs = [zip(row, column, strict=True) for row in self.transfer]
            column = [sum((a * b for a, b in pair), 0) for pair in pairs]
        traces = [value for value, flag in zip(column, diagonal, strict=True) if flag]
        total = sum(traces[1:], traces[0]) / size
        return total if isinstance(total, arb) else float(total)
