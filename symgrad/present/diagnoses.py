"""A diagnosis in print: a table of verdicts, then layer by layer what is proved, measured, to blame and to be done."""

from __future__ import annotations

import math
from typing import Any

from symgrad.diagnosis.results import Diagnosis, LayerDiagnosis
from symgrad.present.causes import share_words
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.numbers import number_latex
from symgrad.present.powers import power_latex, power_text
from symgrad.present.scalars import phrase

__all__ = ["HEADER", "cause_words", "exponent_words", "head", "memory_words", "verdict_row"]

HEADER = ("layer", "outcome", "known", "gradient", "memory", "exponent", "causes")
_WIDTHS = (30, 12, 12, 14, 16, 20, 34)


def head(found: Diagnosis) -> str:
    """What was asked and what came out, in a line; sequences may be shorter than the horizon, or explode before."""
    decided = found.worst.found.steps
    steps = "1 step" if found.horizon == 1 else f"{found.horizon} steps"
    about = steps if decided in (None, found.horizon) else f"{decided} of {steps}"
    return f"gradients of {found.name} over {about}: {found.outcome.value} ({found.verdict.value})"


def memory_words(found: LayerDiagnosis) -> str:
    """How many steps a layer remembers."""
    steps = found.memory.steps
    return f"> {found.memory.measured} steps" if steps is None else f"{steps} steps"


def exponent_words(found: LayerDiagnosis) -> str:
    """The largest Lyapunov exponent with its error."""
    value, error = found.lyapunov.largest, float(found.lyapunov.errors[0])
    if not math.isfinite(value):
        return "-oo" if value < 0 else str(value)
    return f"{value:.3g}" if math.isnan(error) else f"{value:.3g} +- {error:.2g}"


def cause_words(found: LayerDiagnosis) -> str:
    """The causes, the weightiest first."""
    return ", ".join(cause.cause.value for cause in found.causes) or "-"


def _end(found: LayerDiagnosis) -> float:
    """The decimal logarithm of the typical norm over the steps that decide, or over as many as were measured."""
    return float(found.measured.typical[min(found.found.steps or found.horizon, len(found.measured.ks) - 1)])


def verdict_row(found: LayerDiagnosis) -> list[str]:
    """The cells of a layer below :data:`HEADER`."""
    known = (found.outcome.value, found.verdict.value)
    size = "overflow" if math.isnan(_end(found)) else power_text(_end(found))
    return [found.name, *known, size, memory_words(found), exponent_words(found), cause_words(found)]


@text.register
def _(found: Diagnosis) -> str:
    table = column_table(HEADER, [verdict_row(layer) for layer in found.layers], _WIDTHS)
    notes = [f"note: {note}" for note in found.notes]
    parts = [f"{head(found)}\n{table}\ninputs: {_inputs(found)}", *notes]
    return "\n\n".join(["\n".join(parts), *map(text, found.layers)])


def _inputs(found: Diagnosis) -> str:
    return found.inputs if found.seed is None or "seed" in found.inputs else f"{found.inputs} (seed {found.seed})"


@text.register
def _(found: LayerDiagnosis) -> str:
    parts = {
        "why": [f"{text(cause)}" for cause in found.causes],
        "proved": [text(found.bounds)],
        "measured": [text(found.measured), text(found.memory), text(found.normality), text(found.lyapunov)],
        "gates": [text(gate) for gate in found.gates],
        "saturation": [text(item) for item in found.saturation],
        "formats of numbers": [text(item) for item in found.precision],
        "remedies": [text(remedy) for remedy in found.remedies],
    }
    lines = [f"{found.name}: {text(found.found)}"]
    for title, items in parts.items():
        lines += [f"{title}:", *map(_indented, items)] if items else []
    return "\n".join(lines)


def _indented(words: str) -> str:
    return "\n".join(f"  {line}" for line in words.splitlines())


@latex.register
def _(found: Diagnosis) -> str:
    table = _verdicts(found)
    remedies = [latex(remedy) for layer in found.layers for remedy in layer.remedies]
    return _stacked([phrase(head(found)), table, *remedies])


def _verdicts(found: Diagnosis) -> str:
    header = " & ".join(map(phrase, HEADER))
    rows = [" & ".join(_latex_row(layer)) for layer in found.layers]
    body = f"{header} \\\\ \\hline\n" + " \\\\\n".join(rows)
    return f"\\begin{{array}}{{lllrrrl}}\n{body}\n\\end{{array}}"


def _latex_row(found: LayerDiagnosis) -> list[str]:
    cells = [phrase(cell) for cell in verdict_row(found)]
    cells[3] = cells[3] if math.isnan(_end(found)) else power_latex(_end(found))
    cells[5] = number_latex(exponent_words(found))
    return cells


@latex.register
def _(found: LayerDiagnosis) -> str:
    causes = [phrase(f"{cause.cause.value}: {share_words(cause)}") for cause in found.causes if share_words(cause)]
    parts = [phrase(f"{found.name}: {found.outcome.value} ({found.verdict.value})"), latex(found.bounds), *causes]
    return _stacked([*parts, *map(latex, found.remedies)])


def _stacked(parts: list[str]) -> str:
    return "\\begin{array}{l}\n" + " \\\\[2ex]\n".join(parts) + "\n\\end{array}"


@to_dict.register
def _(found: Diagnosis) -> dict[str, Any]:
    return {
        "kind": "diagnosis",
        "name": found.name,
        "horizon": found.horizon,
        "outcome": found.outcome.value,
        "verdict": found.verdict.value,
        "inputs": found.inputs,
        "seed": found.seed,
        "notes": list(found.notes),
        "layers": [to_dict(layer) for layer in found.layers],
    }


@to_dict.register
def _(found: LayerDiagnosis) -> dict[str, Any]:
    return {
        "kind": "layer diagnosis",
        "name": found.name,
        "model": found.model.name,
        "horizon": found.horizon,
        "outcome": found.outcome.value,
        "verdict": found.verdict.value,
        "found": to_dict(found.found),
        "bounds": to_dict(found.bounds),
        "measured": to_dict(found.measured),
        "lyapunov": to_dict(found.lyapunov),
        "saturation": [to_dict(item) for item in found.saturation],
        "gates": [to_dict(gate) for gate in found.gates],
        "normality": to_dict(found.normality),
        "precision": [to_dict(item) for item in found.precision],
        "memory": to_dict(found.memory),
        "causes": [to_dict(cause) for cause in found.causes],
        "remedies": [to_dict(remedy) for remedy in found.remedies],
    }
