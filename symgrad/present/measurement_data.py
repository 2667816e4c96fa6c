"""What was measured along the sequences of a layer, as data that JSON can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.gates import LEVELS, GateStatistics
from symgrad.diagnosis.lyapunov import LyapunovSpectrum
from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.diagnosis.memory import MemoryHorizon
from symgrad.diagnosis.normality import NonNormality
from symgrad.diagnosis.precision import Underflow
from symgrad.diagnosis.saturation import Saturation
from symgrad.present.data import expression, number
from symgrad.present.dispatch import to_dict

__all__: list[str] = []

Array = NDArray[np.float64]


def _numbers(array: Array) -> list[Any]:
    """An array as nested lists of numbers."""
    return [number(float(value)) for value in array] if array.ndim == 1 else [_numbers(row) for row in array]


@to_dict.register
def _(found: MeasuredGradients) -> dict[str, Any]:
    loss, typical_loss = found.log10_loss, found.typical_loss
    return {
        "kind": "measured gradients",
        "approximate": True,
        "exact_norms": found.exact_norms,
        "state": found.state,
        "ks": found.ks.tolist(),
        "log10_products": _numbers(found.log10_products),
        "log10_first": _numbers(found.log10_first),
        "log10_loss": None if loss is None else _numbers(loss),
        "log10_loss_first": None if found.log10_loss_first is None else _numbers(found.log10_loss_first),
        "typical": _numbers(found.typical),
        "typical_first": _numbers(found.typical_first),
        "typical_loss": None if typical_loss is None else _numbers(typical_loss),
        "decades_per_step": number(found.slope),
        "notes": list(found.notes),
    }


@to_dict.register
def _(spectrum: LyapunovSpectrum) -> dict[str, Any]:
    dimension = spectrum.dimension
    return {
        "kind": "Lyapunov spectrum",
        "approximate": True,
        "exponents": _numbers(spectrum.exponents),
        "errors": _numbers(spectrum.errors),
        "size": spectrum.size,
        "steps": spectrum.steps,
        "discarded": spectrum.discarded,
        "trajectories": spectrum.trajectories,
        "dimension": None if dimension is None else number(dimension),
        "notes": list(spectrum.notes),
    }


@to_dict.register
def _(found: Saturation) -> dict[str, Any]:
    return {
        "kind": "saturation",
        "approximate": True,
        "name": found.name,
        "formula": expression(found.formula),
        "activation": found.activation.name,
        "fraction": number(found.fraction),
        "stuck": number(found.stuck),
        "mean_slope": number(found.mean_slope),
        "steepest": number(found.steepest),
        "steps": found.steps.tolist(),
        "by_step": _numbers(found.by_step),
    }


@to_dict.register
def _(gate: GateStatistics) -> dict[str, Any]:
    return {
        "kind": "gate",
        "approximate": True,
        "name": gate.name,
        "formula": expression(gate.formula),
        "mean": number(gate.mean),
        "quantiles": {str(level): number(value) for level, value in zip(LEVELS, gate.quantiles, strict=True)},
        "closed": number(gate.closed),
        "open": number(gate.open),
        "carries": gate.carries,
        "carries_complement": gate.carries_complement,
        "steps": gate.steps.tolist(),
        "by_step": _numbers(gate.by_step),
    }


@to_dict.register
def _(memory: MemoryHorizon) -> dict[str, Any]:
    predicted = memory.from_lyapunov
    return {
        "kind": "memory horizon",
        "approximate": True,
        "steps": memory.steps,
        "delta": memory.delta,
        "measured": memory.measured,
        "from_lyapunov": None if predicted is None else number(predicted),
    }


@to_dict.register
def _(found: Underflow) -> dict[str, Any]:
    names = ("format", "gradient", "steps", "subnormal_steps", "overflow_steps", "extrapolated")
    sizes = ("smallest", "smallest_normal", "largest")
    data = {name: getattr(found, name) for name in (*names, *sizes)}
    return {"kind": "range of numbers", "approximate": True, **data}


@to_dict.register
def _(found: NonNormality) -> dict[str, Any]:
    names = ("transient", "henrici", "spectral_radius", "operator_norm")
    data = {name: number(getattr(found, name)) for name in names}
    return {"kind": "non-normality", "approximate": True, **data, "at_k": found.at_k, "points": found.points}
