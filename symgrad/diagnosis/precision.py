"""Where gradients leave the range of float32, float16 and bfloat16 on their way back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.presentable import Presentable

__all__ = ["FORMATS", "Underflow", "underflow"]

Array = NDArray[np.float64]

# Binary formats by the number of stored fraction bits and the smallest exponent of a normal number: IEEE 754-2019,
# and bfloat16 as Intel's BFLOAT16 Hardware Numerics Definition (2018) has it.
_BITS = {"float32": (23, -126), "float16": (10, -14), "bfloat16": (7, -126)}
FORMATS = tuple(_BITS)


@dataclass(frozen=True, eq=False)
class Underflow(Presentable):
    """What becomes of the typical gradient of a layer in one format of numbers, in floats (approximate).

    Attributes:
        format: ``"float32"``, ``"float16"`` or ``"bfloat16"``.
        gradient: ``"loss"`` for that of the loss that was given, ``"unit"`` for one of norm 1 at the last state.
        steps: the least k from which on the typical norm is at most half the smallest positive number, so that every
            entry of the gradient at x_{T-k} rounds to zero; None where that does not happen within the steps measured.
        subnormal_steps: the least k from which on it is below the smallest normal number, which hardware that flushes
            subnormal numbers turns to zero; None likewise.
        overflow_steps: the least k at which it is above the largest number; None likewise.
        extrapolated: where ``steps`` is None, the number of steps after which the gradient would round to zero if it
            went on falling as in the second half of those measured; None where it does not fall.
        smallest: the smallest positive number.
        smallest_normal: the smallest normal number.
        largest: the largest finite number.
    """

    format: str
    gradient: str
    steps: int | None
    subnormal_steps: int | None
    overflow_steps: int | None
    extrapolated: int | None
    smallest: float
    smallest_normal: float
    largest: float


def underflow(measured: MeasuredGradients) -> tuple[Underflow, ...]:
    """Where the typical gradient leaves each format; that of the loss if it was given, else of a unit gradient.

    >>> import symgrad as sg
    >>> from symgrad.diagnosis.layer_run import LayerRun
    >>> from symgrad.diagnosis.measured import measure
    >>> weights = {"W": [[0.1]], "U": [[1.0]], "b": [0.0]}
    >>> run = LayerRun("layer 0", sg.models.elman("identity"), weights, {"u": np.ones((1, 50, 1))})
    >>> [(found.format, found.steps) for found in underflow(measure(run))]
    [('float32', 46), ('float16', 8), ('bfloat16', 41)]
    """
    loss = measured.typical_loss
    typical = measured.typical if loss is None else loss
    return tuple(_underflow(name, "unit" if loss is None else "loss", typical) for name in FORMATS)


def _underflow(name: str, gradient: str, typical: Array) -> Underflow:
    fraction, exponent = _BITS[name]
    smallest, normal = 2.0 ** (exponent - fraction), 2.0**exponent
    largest = (2.0 - 2.0**-fraction) * 2.0 ** (1 - exponent)
    zero = math.log10(smallest / 2)
    steps = _stays(typical <= zero)
    over = np.flatnonzero(typical > math.log10(largest))
    return Underflow(
        format=name,
        gradient=gradient,
        steps=steps,
        subnormal_steps=_stays(typical < math.log10(normal)),
        overflow_steps=int(over[0]) if len(over) else None,
        extrapolated=None if steps is not None else _extrapolated(typical, zero),
        smallest=smallest,
        smallest_normal=normal,
        largest=largest,
    )


def _stays(below: NDArray[np.bool_]) -> int | None:
    """The first index from which on all is true; None where the last is not."""
    others = np.flatnonzero(~below)
    first = int(others[-1]) + 1 if len(others) else 0
    return first if first < len(below) else None


def _extrapolated(typical: Array, limit: float) -> int | None:
    """Where the least-squares line through the second half reaches a limit, if it falls."""
    ks = np.arange(len(typical))[len(typical) // 2 :]
    values = typical[len(typical) // 2 :]
    if len(ks) < 2 or not np.isfinite(values).all():
        return None
    slope = float(np.polyfit(ks, values, 1)[0])
    steps = (limit - float(values[-1])) / slope if slope < 0 else math.inf
    return math.ceil(len(typical) - 1 + steps) if steps < 1e9 else None
