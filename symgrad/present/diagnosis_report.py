"""The report on a diagnosis: a table of verdicts, then each layer's picture, bounds, measurements, causes, remedies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.bounds.product import BoundSeries
from symgrad.diagnosis.growth_bounds import GrowthBounds
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.diagnosis.results import Diagnosis, LayerDiagnosis
from symgrad.errors import SymgradError
from symgrad.numerics.network_verdict import Outcome
from symgrad.present.causes import growth_words, share_words, value_words
from symgrad.present.diagnoses import cause_words, exponent_words, head, memory_words
from symgrad.present.diagnosis_plots import plot_layer_diagnosis
from symgrad.present.dispatch import latex, text
from symgrad.present.growth_bounds import bound_rows, shortened, shown_steps
from symgrad.present.numbers import number_latex
from symgrad.present.report_contents import Asked, content
from symgrad.present.report_parts import (
    Cell,
    Code,
    Content,
    Fold,
    Formula,
    Grid,
    Heading,
    Item,
    Mark,
    Section,
    Shown,
    Words,
)

__all__ = ["cause_items", "outcome_mark", "remedy_items", "sentence"]

_TONES = {
    Outcome.NEITHER: "good",
    Outcome.UNDECIDED: "open",
    Outcome.VANISHING: "bad",
    Outcome.EXPLODING: "bad",
}
_CAPTION = (
    "Norms against the number of steps back: measured ones with quartiles over the sequences, bounds by method, the "
    "slope of the largest Lyapunov exponent and the limit delta."
)


def outcome_mark(outcome: Outcome) -> Mark:
    """An outcome, marked as what it is for training."""
    return Mark(outcome.value, _TONES[outcome])


@content.register
def _(found: Diagnosis, asked: Asked) -> Content:
    layers = [_layer(place, layer, asked) for place, layer in enumerate(found.layers)]
    return Content(f"Diagnosis of {found.name}", [Section("Verdicts", _verdicts(found)), *layers])


@content.register
def _(found: LayerDiagnosis, asked: Asked) -> Content:
    return Content(f"Diagnosis of {found.name}", [_layer(0, found, asked)])


def _verdicts(found: Diagnosis) -> list[Item]:
    header = ("layer", "outcome", "known", "memory", "exponent", "causes")
    rows: list[list[Cell]] = [
        [
            layer.name,
            outcome_mark(layer.outcome),
            layer.verdict.value,
            memory_words(layer),
            Formula(number_latex(exponent_words(layer))),
            cause_words(layer),
        ]
        for layer in found.layers
    ]
    said = [f"Inputs: {found.inputs}.", *(f"Note: {note}." for note in found.notes)]
    table = Grid(header, rows, (0.22, 0.13, 0.12, 0.13, 0.18, 0.22))
    return [Words(f"{sentence(head(found))}"), table, *map(Words, said)]


def sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."


def _layer(place: int, layer: LayerDiagnosis, asked: Asked) -> Section:
    axes = plot_layer_diagnosis(layer)
    picture = asked.pictures.saved(axes, f"layer-{place}", _CAPTION)
    items: list[Item] = [
        Words(sentence(text(layer.found))),
        picture,
        *cause_items(layer.causes),
        *remedy_items(layer.remedies),
        *_proved(layer.bounds),
        *_measured(layer),
        Fold("The layer's equations", [Shown(layer.model)]),
    ]
    return Section(f"{layer.name}: {layer.outcome.value} ({layer.verdict.value})", items)


def cause_items(causes: Sequence[Any]) -> list[Item]:
    """The table of causes; nothing where there are none."""
    rows = [[cause.cause.value, share_words(cause) or "-", cause.evidence] for cause in causes]
    return [Heading("Causes"), Grid(("cause", "share", "evidence"), rows, (0.18, 0.22, 0.6))] if rows else []


def remedy_items(remedies: Sequence[RemedyFound]) -> list[Item]:
    """Each remedy with its formula, numbers, promise and code."""
    found = [Fold(remedy.name, _remedy(remedy), unfolded=True) for remedy in remedies]
    return [Heading("Remedies"), *found] if found else []


def _remedy(remedy: RemedyFound) -> list[Item]:
    values = [[name, value_words(value)] for name, value in remedy.values.items()]
    items: list[Item] = [Formula(latex(remedy.formula))]
    items += [Grid(("set", "to"), values, (0.45, 0.55))] if values else []
    items += [Words(sentence(remedy.promise))] if remedy.promise else []
    items += [Words(f"Gradient over the horizon: {growth_words(remedy)}.")]
    return [*items, Code(remedy.code.splitlines())] if remedy.code else items


def _proved(bounds: GrowthBounds) -> list[Item]:
    header = ("norms of products of k Jacobians", *(f"k = {k}" for k in shown_steps(bounds)))
    share = 0.6 / (len(header) - 1)
    items: list[Item] = [Heading("Proved"), Grid(header, bound_rows(bounds), (0.4, *[share] * (len(header) - 1)))]
    items += [Words(sentence(f"for {bounds.scope}"))] if bounds.scope else []
    items += [Words(bounds.note)] if bounds.note else []
    closest = {side: bounds.best(side) for side in ("upper", "lower")}
    items += [_theorem(*key, series, key[1] == closest[key[0]]) for key, series in bounds.series.items()]
    missing = [[f"{name}, {side}", shortened(reason)] for (side, name), reason in bounds.missing.items()]
    return (
        [*items, Fold("Methods without a bound", [Grid(("bound", "why"), missing, (0.2, 0.8))])] if missing else items
    )


def _theorem(side: str, name: str, series: BoundSeries, proved: bool) -> Fold:
    """The theorem; of the closest one also the proof, or why it is not written out."""
    title = f"Bound from {'above' if side == 'upper' else 'below'} by {name}: theorem{' and proof' if proved else ''}"
    return Fold(title, [Shown(series.bound), *(_proof(series) if proved else [])])


def _proof(series: BoundSeries) -> list[Item]:
    try:
        return [Shown(series.bound.proof)]
    except SymgradError as error:
        return [Words(f"{error}.")]


def _measured(layer: LayerDiagnosis) -> list[Item]:
    found = [layer.memory, layer.normality, *layer.precision]
    lines: list[Item] = [Words(sentence(text(item))) for item in found]
    gates: list[list[Cell]] = [
        [Formula(latex(gate.formula)), _carries(gate), f"{gate.mean:.3g}", _part(gate.closed), _part(gate.open)]
        for gate in layer.gates
    ]
    header = ("gate", "hands on", "mean", "closed", "open")
    lines += [Grid(header, gates, (0.44, 0.2, 0.12, 0.12, 0.12))] if gates else []
    saturated: list[list[Cell]] = [
        [Formula(latex(item.formula)), _part(item.fraction), f"{item.mean_slope:.3g} of {item.steepest:.3g}"]
        for item in layer.saturation
    ]
    lines += [Grid(("activation", "saturated", "mean slope"), saturated, (0.5, 0.2, 0.3))] if saturated else []
    spectrum = Fold("Lyapunov exponents", [Shown(layer.lyapunov), *map(Words, layer.lyapunov.notes)])
    curve = Fold("Measured norms", [Shown(layer.measured), *map(Words, layer.measured.notes)])
    return [Heading("Measured, in floats"), *lines, curve, spectrum]


def _part(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _carries(gate: Any) -> str:
    if gate.carries is not None:
        return str(gate.carries)
    return "-" if gate.carries_complement is None else f"{gate.carries_complement} by one minus it"
