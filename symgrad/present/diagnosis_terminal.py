"""A diagnosis in a terminal: tables in colours, made with the package rich. Colours repeat what words say."""

from __future__ import annotations

from typing import Any, Literal

from symgrad.diagnosis.results import Diagnosis
from symgrad.numerics.network_verdict import Outcome
from symgrad.present.causes import growth_words, share_words, value_words
from symgrad.present.derivations import relation_text
from symgrad.present.diagnoses import HEADER, head, verdict_row
from symgrad.present.dispatch import terminal, text
from symgrad.present.growth_bounds import bound_rows, shown_steps

__all__ = ["cause_tables", "plain_table", "remedy_tables", "rich_table"]

_STYLES = {Outcome.NEITHER: "green", Outcome.UNDECIDED: "yellow", Outcome.VANISHING: "red", Outcome.EXPLODING: "red"}
_NUMBERS = ("gradient", "memory", "exponent")
_UNBROKEN = 12  # letters of a word that is not to be broken, as far as the terminal is wide enough


def rich_table(found: Diagnosis) -> Any:
    """The table of verdicts, a row for each layer.

    Returns:
        A ``rich.table.Table``.

    >>> import symgrad as sg, numpy as np
    >>> weights = {"W": 0.5 * np.eye(2), "U": np.eye(2), "b": np.zeros(2)}
    >>> found = sg.diagnose(sg.models.elman(), weights=weights, horizon=12, remedies=False)
    >>> rich_table(found).row_count
    1
    """
    from rich.text import Text

    rows = []
    for layer in found.layers:
        cells = [Text(cell) for cell in verdict_row(layer)]
        cells[1].stylize(f"bold {_STYLES[layer.outcome]}")
        rows.append(cells)
    return plain_table(head(found), HEADER, rows, _NUMBERS)


def plain_table(title: str, header: Any, rows: Any, numbers: Any = ()) -> Any:
    """A table of words, in which no word is a command to rich; columns named in ``numbers`` stand to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place, name in enumerate(header):
        widest = _widest_word([name, *(str(row[place]) for row in rows)])
        side: Literal["left", "right"] = "right" if name in numbers else "left"
        table.add_column(Text(name), justify=side, overflow="fold", min_width=min(widest, _UNBROKEN))
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return table


def _widest_word(cells: list[str]) -> int:
    return max((len(word) for cell in cells for word in cell.split()), default=0)


@terminal.register
def _(found: Diagnosis) -> Any:
    from rich.console import Group
    from rich.text import Text

    notes = [Text(f"inputs: {found.inputs}"), *(Text(f"note: {note}") for note in found.notes)]
    parts = [rich_table(found), *notes]
    for layer in found.layers:
        steps = [f"k = {k}" for k in shown_steps(layer.bounds)]
        parts += [Text(""), Text(f"{layer.name}: {text(layer.found)}", style="bold")]
        parts += [plain_table("proved", ["norm of k Jacobians", *steps], bound_rows(layer.bounds), steps)]
        parts += [_measured(layer), *cause_tables(layer), *remedy_tables(layer)]
    return Group(*parts)


def _measured(layer: Any) -> Any:
    items = [layer.memory, layer.normality, *layer.gates, *layer.saturation, *layer.precision]
    rows = [[text(item)] for item in items]
    return plain_table("measured (approximate)", ["in floats, along the sequences"], rows)


def cause_tables(layer: Any) -> list[Any]:
    """The table of a diagnosis' causes; none where there are none."""
    rows = [[cause.cause.value, share_words(cause), cause.evidence] for cause in layer.causes]
    return [plain_table("causes", ["cause", "share", "evidence"], rows)] if rows else []


def remedy_tables(layer: Any) -> list[Any]:
    """The table of a diagnosis' remedies and their code; none where there are none."""
    from rich.text import Text

    rows = []
    for remedy in layer.remedies:
        values = "\n".join(f"{name} = {value_words(value)}" for name, value in remedy.values.items())
        rows.append([remedy.name, relation_text(remedy.formula), values, growth_words(remedy)])
    table = [plain_table("remedies", ["remedy", "formula", "values", "gradient"], rows)] if rows else []
    codes = [Text(remedy.code, style="cyan") for remedy in layer.remedies if remedy.code]
    return [*table, *codes]
