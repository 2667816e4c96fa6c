"""Everything about one layer: bounds, measurements, outcome, causes and remedies, each from those before."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace
from typing import Any

from symgrad.diagnosis.cause_search import find_causes
from symgrad.diagnosis.gates import gate_statistics
from symgrad.diagnosis.growth_bounds import growth_bounds
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import lyapunov
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.memory import memory_horizon
from symgrad.diagnosis.normality import non_normality
from symgrad.diagnosis.outcome import layer_outcome
from symgrad.diagnosis.precision import underflow
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.diagnosis.remedy_search import find_remedies
from symgrad.diagnosis.results import LayerDiagnosis
from symgrad.diagnosis.saturation import saturation

__all__ = ["Question", "layer_diagnosis"]


@dataclass(frozen=True)
class Question:
    """What is asked of every layer.

    Attributes:
        horizon: the number of steps that the outcome is about.
        delta: what counts as vanished.
        growth: what counts as exploded.
        methods: of bounds; None for all.
        remedies: whether to look for remedies.
        seed: of the searches.
    """

    horizon: int
    delta: float
    growth: float
    methods: Any
    remedies: bool
    seed: int


def layer_diagnosis(run: LayerRun, question: Question, path: str = "") -> LayerDiagnosis:
    """Everything about one layer.

    Args:
        run: the layer with its sequences.
        question: what is asked.
        path: where its module lies in the whole one, which is what the code of remedies speaks of.

    Raises:
        InputError: every sequence overflows in its first step, or an unknown method.
    """
    bounds = growth_bounds(run, question.horizon, methods=question.methods)
    measured = measure(run, seed=question.seed)
    spectrum = lyapunov(run)
    normality = non_normality(run, measured, spectrum)
    within = measured.log10_products[:, : question.horizon + 1]
    found = layer_outcome(bounds, within, delta=question.delta, growth=question.growth)
    decisive = run.last(found.steps or question.horizon)
    causes = find_causes(decisive, found, spectrum, normality)
    remedies = find_remedies(decisive, found, causes) if question.remedies else ()
    return LayerDiagnosis(
        run=run,
        horizon=question.horizon,
        bounds=bounds,
        measured=measured,
        lyapunov=spectrum,
        saturation=saturation(run),
        gates=gate_statistics(run),
        normality=normality,
        precision=underflow(measured),
        memory=memory_horizon(measured, spectrum, delta=question.delta),
        found=found,
        causes=causes,
        remedies=tuple(_inside(item, path) for item in remedies),
    )


def _inside(remedy: RemedyFound, path: str) -> RemedyFound:
    """A remedy whose code begins at the whole module."""
    if not path or remedy.code is None:
        return remedy
    inside = f"module{''.join(map(_step, path.split('.')))}"
    return replace(remedy, code=re.sub(r"\bmodule\b", lambda _: inside, remedy.code))


def _step(name: str) -> str:
    """The code that takes a part of a module, whatever its name is."""
    if name.isascii() and name.isdecimal():
        return f"[{name}]"
    return f".{name}" if name.isidentifier() and not keyword.iskeyword(name) else f".get_submodule({name!r})"
