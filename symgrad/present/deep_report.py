"""The report on gradients over the layers of a network, and its table for a terminal."""

from __future__ import annotations

from typing import Any

from symgrad.diagnosis.deep_results import DeepDiagnosis
from symgrad.present.chain_bounds import power_cell, shown_places
from symgrad.present.diagnosis_report import cause_items, outcome_mark, remedy_items, sentence
from symgrad.present.diagnosis_terminal import cause_tables, plain_table, remedy_tables
from symgrad.present.dispatch import latex, plot, terminal, text
from symgrad.present.powers import DOWN, UP
from symgrad.present.report_contents import Asked, content
from symgrad.present.report_parts import Content, Fold, Formula, Grid, Heading, Item, Section, Shown, Words

__all__: list[str] = []

_HEADER = ("l", "layer", "kind", "|dL/dx_l|", "mean field", "|dx_L/dx_l|", "at most", "at least")
_WIDTHS = (0.06, 0.18, 0.2, 0.12, 0.12, 0.12, 0.1, 0.1)
_CAPTION = (
    "Norms of gradients against the layers: of the loss and of products of Jacobians, measured; the bounds that are "
    "proved; and what mean-field theory predicts."
)


def _rows(found: DeepDiagnosis) -> list[list[str]]:
    """For the input and each layer that is shown what is measured, predicted and proved."""
    measured, bound = found.measured, found.bound
    upper, lower = bound.log10_upper, bound.log10_lower
    rows = []
    for place in shown_places(found.depth):
        name, kind = ("input", "") if not place else (found.layers[place - 1].name, found.layers[place - 1].kind)
        known = (measured.typical_loss[place], found.log10_predicted[place], measured.typical_products[place])
        proved = power_cell(upper[place], UP), power_cell(lower[place], DOWN)
        rows.append([str(place), name, kind, *map(power_cell, known), *proved])
    return rows


def _notes(found: DeepDiagnosis) -> list[str]:
    head = f"Inputs: {found.inputs}; gradient: {found.loss}; limits {found.delta:g} and {found.growth:g}."
    return [head, *map(sentence, found.notes)]


@content.register
def _(found: DeepDiagnosis, asked: Asked) -> Content:
    verdict = Grid(
        ("network", "layers", "outcome", "known", "causes"),
        [
            [
                found.name,
                str(found.depth),
                outcome_mark(found.outcome),
                found.verdict.value,
                ", ".join(cause.cause.value for cause in found.causes) or "-",
            ]
        ],
        (0.3, 0.1, 0.18, 0.17, 0.25),
    )
    verdicts = Section("Verdict", [verdict, Words(sentence(text(found.found))), *map(Words, _notes(found))])
    return Content(f"Diagnosis of {found.name}", [verdicts, _layers(found, asked), _proofs(found)])


def _layers(found: DeepDiagnosis, asked: Asked) -> Section:
    picture = asked.pictures.saved(plot(found), "layers", _CAPTION)
    # What a step back is in a recurrent layer is a layer here.
    precision = [Words(sentence(text(item).replace(" steps", " layers"))) for item in found.precision]
    items: list[Item] = [picture, *cause_items(found.causes), *remedy_items(found.remedies)]
    return Section(
        "Gradients over the layers", [*items, Heading("Norms"), Grid(_HEADER, _rows(found), _WIDTHS), *precision]
    )


def _proofs(found: DeepDiagnosis) -> Section:
    lower = found.bound.lower_derivation
    items: list[Item] = [Fold("Bound from above", [Shown(found.bound.derivation)])]
    items += [] if lower is None else [Fold("Bound from below", [Shown(lower)])]
    return Section("Bounds for every input", [Formula(latex(found.bound)), *items])


@terminal.register
def _(found: DeepDiagnosis) -> Any:
    from rich.console import Group
    from rich.text import Text

    title = f"{found.name}: gradients over {found.depth} layers"
    table = plain_table(title, _HEADER, _rows(found), [_HEADER[0], *_HEADER[3:]])
    head = Text(f"{found.name}: {text(found.found)}", style="bold")
    return Group(table, head, *map(Text, _notes(found)), *cause_tables(found), *remedy_tables(found))
