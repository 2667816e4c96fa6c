"""Records of a monitor in print: one line each."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.diagnosis.monitor_records import LayerRecord, MonitorRecord
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.powers import power_latex, power_text
from symgrad.present.scalars import phrase

__all__: list[str] = []

_SOURCES = {"inputs": "along the inputs", "states": "from the states", "drawn": "along random inputs"}


@text.register
def _(record: LayerRecord) -> str:
    reached = f"horizon {record.horizon}" if record.horizon is not None else f"horizon beyond {record.steps}"
    return f"{record.name}: {', '.join([_norm(record), *_rate(record), reached])} ({_SOURCES[record.source.value]})"


@text.register
def _(record: MonitorRecord) -> str:
    if not record.layers:
        return f"step {record.step}: nothing measured: {record.note}"
    return "; ".join([f"step {record.step}: {_outcome(record)}", *map(text, record.layers)])


@latex.register
def _(record: LayerRecord) -> str:
    power = power_latex(record.log10_norm, 2)
    return (
        rf"{phrase(record.name)}:\quad \left\lVert \frac{{\partial x_T}}{{\partial x_{{T-{record.steps}}}}}"
        rf"\right\rVert_2 \approx {power}\quad {phrase(_outcome(record))}"
    )


@latex.register
def _(record: MonitorRecord) -> str:
    rows = [latex(layer) for layer in record.layers] or [phrase(record.note)]
    return "\n".join([r"\begin{array}{l}", " \\\\[1ex]\n".join([phrase(f"step {record.step}"), *rows]), r"\end{array}"])


@to_dict.register
def _(record: LayerRecord) -> dict[str, Any]:
    return {
        "kind": "monitored layer",
        "name": record.name,
        "source": record.source.value,
        "steps": record.steps,
        "log10_norm": _plain(record.log10_norm),
        "rate": _plain(record.rate),
        "horizon": record.horizon,
        "outcome": record.outcome.value,
        "verdict": record.verdict.value,
    }


@to_dict.register
def _(record: MonitorRecord) -> dict[str, Any]:
    return {
        "kind": "monitor record",
        "step": record.step,
        "outcome": record.outcome.value,
        "verdict": record.verdict.value,
        "horizon": record.horizon,
        "delta": record.delta,
        "layers": [to_dict(layer) for layer in record.layers],
        "seconds": record.seconds,
        "note": record.note,
    }


def _outcome(record: LayerRecord | MonitorRecord) -> str:
    known = record.verdict.value
    return record.outcome.value if known == record.outcome.value else f"{record.outcome.value} ({known})"


def _norm(record: LayerRecord) -> str:
    return f"||dx_T/dx_(T-{record.steps})|| = {power_text(record.log10_norm, 2)}"


def _rate(record: LayerRecord) -> list[str]:
    return [] if np.isnan(record.rate) else [f"{record.rate:+.3g} decades a step"]


def _plain(value: float) -> float | str:
    """A number that JSON can hold."""
    return value if np.isfinite(value) else str(value)
