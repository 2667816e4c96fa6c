"""Causes and remedies of a diagnosis in print."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from symgrad.diagnosis.causes import CauseFound
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.present.data import expression, number
from symgrad.present.derivations import relation_text
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.powers import UP, power_text
from symgrad.present.scalars import phrase

__all__ = ["growth_words", "share_words", "value_words"]


_SAYS_NOTHING = 6.0  # decades; bounds further above 1 stand in the data only


def share_words(cause: CauseFound) -> str:
    """By how much a cause changes the gradient; empty where that cannot be told."""
    if cause.share is None or not math.isfinite(cause.share):
        return ""
    return f"{cause.share:+.3g} decades a step"


def value_words(value: float | str) -> str:
    """A number to be set, or what is set in words."""
    return value if isinstance(value, str) else f"{float(value):.6g}"


def growth_words(remedy: RemedyFound) -> str:
    """The gradient before and after, and what is proved of it."""
    before, after = (_size(value) for value in remedy.growth)
    tried = "not tried" if math.isnan(remedy.growth[1]) else f"{before} before, {after} after (simulated)"
    if remedy.proved is None or remedy.proved > _SAYS_NOTHING:
        return tried
    return f"{tried}, proved at most {power_text(remedy.proved, 3, UP)}"


def _size(log10: float) -> str:
    return "unknown" if math.isnan(log10) else "overflow" if log10 == math.inf else power_text(log10)


@text.register
def _(cause: CauseFound) -> str:
    share = share_words(cause)
    return f"{cause.cause.value}{f' ({share})' if share else ''}: {cause.evidence}"


@latex.register
def _(cause: CauseFound) -> str:
    return phrase(text(cause))


@to_dict.register
def _(cause: CauseFound) -> dict[str, Any]:
    share = None if cause.share is None else number(cause.share)
    return {"kind": "cause", "cause": cause.cause.value, "evidence": cause.evidence, "decades_per_step": share}


@text.register
def _(remedy: RemedyFound) -> str:
    rows = [f"{remedy.name}: {relation_text(remedy.formula)}"]
    rows += [f"  {name} = {value_words(value)}" for name, value in remedy.values.items()]
    rows += [f"  {remedy.promise}"] if remedy.promise else []
    rows += [f"  gradient over the horizon: {growth_words(remedy)}"]
    return "\n".join([*rows, *(f"  >>> {line}" for line in (remedy.code or "").splitlines())])


@latex.register
def _(remedy: RemedyFound) -> str:
    values = [rf"{phrase(f'{name} = {value_words(value)}')}" for name, value in remedy.values.items()]
    rows = [rf"{phrase(remedy.name)}:\quad {_formula(remedy.formula)}", *values]
    rows += [phrase(part) for part in (remedy.promise, f"gradient over the horizon: {growth_words(remedy)}") if part]
    return "\\begin{array}{l}\n" + " \\\\\n".join(rows) + "\n\\end{array}"


def _formula(formula: sp.Basic) -> str:
    return str(latex(formula))


@to_dict.register
def _(remedy: RemedyFound) -> dict[str, Any]:
    values = {name: value if isinstance(value, str) else number(float(value)) for name, value in remedy.values.items()}
    return {
        "kind": "remedy found",
        "name": remedy.name,
        "formula": expression(remedy.formula),
        "values": values,
        "promise": remedy.promise,
        "code": remedy.code,
        "log10_before": number(remedy.growth[0]),
        "log10_after": number(remedy.growth[1]),
        "log10_proved": None if remedy.proved is None else number(remedy.proved),
    }
