"""Bounds side by side in print: formula, rate and condition, with weights their values; as text, LaTeX and data."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.bounds.product import Bound
from symgrad.bounds.tables import BoundTable
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.quantities import QuantityWriter
from symgrad.present.scalars import phrase

__all__: list[str] = []

_WIDTHS = (24, 46, 34, 30)


def _header(table: BoundTable) -> list[str]:
    condition = {"upper": "vanishing if", "lower": "exploding if"}
    sides = {condition[bound.side] for bound in table.bounds}
    return ["bound", "formula", "rate", " / ".join(sorted(sides, reverse=True)), *(f"k = {k}" for k in table.ks)]


def _cells(bound: Bound, notation: Notation) -> list[str]:
    """Formula, rate and condition; of several states in the letter of their matrix, which a note explains."""
    writer = QuantityWriter(bound.model, notation, [])
    scalar = writer.vocabulary.scalar
    if bound.gain.rows > 1 and bound.side == "upper" and bound.model.depth is None:
        rate = notation.radius(writer.gain)
        return [notation.norm(writer.power("gain", bound.k), bound.norm), rate, f"{rate} < 1"]
    formula = scalar(bound.expr)
    if bound.gain.rows > 1:
        upper = bound.side == "upper"
        inner = writer.power("gain" if upper else "comparison", bound.k)
        formula = notation.norm(inner, bound.norm) if upper else notation.least(inner, bound.norm)
    enough = next((item.solved for item in bound.criteria if item.kind == "sufficient"), sp.false)
    words = {sp.true: "always", sp.false: "not by this bound"}
    return [formula, scalar(bound.rate), notation.words(words[enough]) if enough in words else scalar(enough)]


def _notes(table: BoundTable, notation: Notation) -> list[tuple[str, str]]:
    """What the matrices in the formulas are."""
    found = []
    for label, bound in zip(table.labels, table.bounds, strict=True):
        if bound.gain.rows > 1:
            writer = QuantityWriter(bound.model, notation, [])
            letter = writer.gain if bound.side == "upper" else writer.comparison
            found.append((label, f"{letter} = {writer.gain_matrix(bound.gain)}"))
    return found


@text.register
def _(table: BoundTable) -> str:
    rows = []
    for index, (label, bound) in enumerate(zip(table.labels, table.bounds, strict=True)):
        values = [power_text(v.log10, rounding=_rounding(bound)) for v in (table.values[index] if table.values else ())]
        rows.append([label, *_cells(bound, TEXT), *values])
    notes = [f"{note}  ({label})" for label, note in _notes(table, TEXT)]
    return "\n".join([column_table(_header(table), rows, (*_WIDTHS, *[12] * len(table.ks))), *notes])


def _rounding(bound: Bound) -> Any:
    return UP if bound.side == "upper" else DOWN


@latex.register
def _(table: BoundTable) -> str:
    columns = "l" + "l" * 3 + "r" * len(table.ks)
    header = " & ".join(phrase(name) if not name.startswith("k =") else name for name in _header(table))
    rows = []
    for index, (label, bound) in enumerate(zip(table.labels, table.bounds, strict=True)):
        values = [
            power_latex(v.log10, rounding=_rounding(bound)) for v in (table.values[index] if table.values else ())
        ]
        rows.append(" & ".join([phrase(label), *_cells(bound, LATEX), *values]))
    body = " \\\\\n".join(rows)
    whole = rf"\begin{{array}}{{{columns}}}{_rows('toprule', header, 'midrule', body, 'bottomrule')}\end{{array}}"
    notes = [rf"{note}\quad {phrase(f'({label})')}" for label, note in _notes(table, LATEX)]
    return whole if not notes else "\\begin{gathered}\n" + " \\\\[1ex]\n".join([whole, *notes]) + "\n\\end{gathered}"


def _rows(top: str, header: str, middle: str, body: str, bottom: str) -> str:
    return f"\n\\{top}\n{header} \\\\\n\\{middle}\n{body} \\\\\n\\{bottom}\n"


@to_dict.register
def _(table: BoundTable) -> dict[str, Any]:
    rows = []
    for index, (label, bound) in enumerate(zip(table.labels, table.bounds, strict=True)):
        row: dict[str, Any] = {
            "label": label,
            "model": bound.model.name,
            "norm": str(bound.norm),
            "side": bound.side,
            "expr": expression(bound.expr),
            "rate": expression(bound.rate),
            "vanishes": expression(bound.vanishes),
            "explodes": expression(bound.explodes),
        }
        if table.values:
            row["values"] = {
                str(k): {"value": number(v), "log10": number(v.log10)}
                for k, v in zip(table.ks, table.values[index], strict=True)
            }
        rows.append(row)
    return {"kind": "bound table", "ks": list(table.ks), "rows": rows}
