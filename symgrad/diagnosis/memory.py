"""Effective memory: after how many steps back a gradient is smaller than is worth anything."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from symgrad.diagnosis.lyapunov import LyapunovSpectrum
from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.numerics.network_verdict import checked_delta
from symgrad.presentable import Presentable

__all__ = ["MemoryHorizon", "memory_horizon"]


@dataclass(frozen=True, eq=False)
class MemoryHorizon(Presentable):
    """How far back a layer remembers, in floats (approximate).

    Attributes:
        steps: the least k from which on the typical measured ``||dx_T / dx_{T-k}||`` stays at or below delta; None
            where it does not within the steps measured.
        delta: the norm below which a gradient counts as lost.
        measured: the number T of steps that were measured.
        from_lyapunov: ``ln(1 / delta) / -lambda_1``, infinite where the largest exponent is not negative, zero where it
            is minus infinity; None without a spectrum.
    """

    steps: int | None
    delta: float
    measured: int
    from_lyapunov: float | None


def memory_horizon(
    measured: MeasuredGradients, spectrum: LyapunovSpectrum | None = None, *, delta: float = 1e-3
) -> MemoryHorizon:
    """The memory horizon that measured gradients show, and the one that the Lyapunov exponents predict.

    Args:
        measured: norms along the sequences of a run.
        spectrum: the exponents of the same run.
        delta: a number between 0 and 1.

    Raises:
        InputError: delta is no such number.
    """
    small = checked_delta(delta)
    above = np.flatnonzero(~(measured.typical <= math.log10(small)))
    steps = int(above[-1]) + 1 if len(above) else 0
    found = steps if steps < len(measured.ks) else None
    predicted = None if spectrum is None else _predicted(spectrum.largest, small)
    return MemoryHorizon(found, small, len(measured.ks) - 1, predicted)


def _predicted(exponent: float, delta: float) -> float:
    return math.inf if exponent >= 0 else math.log(1 / delta) / -exponent
