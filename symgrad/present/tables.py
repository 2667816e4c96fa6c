"""Bounds side by side in print: formula, rate and condition, with weights their values; as text, LaTeX and data."""

from __future__ import annotations

from collections.abc import Callable
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
_NUMBER = 24
_LONG = 7  # operations in a rate


def _header(table: BoundTable) -> list[str]:
    condition = {"upper": "vanishing if", "lower": "exploding if"}
    sides = {condition[bound.side] for bound in table.bounds}
    return ["bound", "formula", "rate", " / ".join(sorted(sides, reverse=True))]


def _values(table: BoundTable, index: int, power: Callable[..., str], notation: Notation) -> list[str]:
    """The values of a bound, an upper one rounded up and a lower one down, and its horizon."""
    rounding = UP if table.bounds[index].side == "upper" else DOWN
    values = [power(v.log10, rounding=rounding) for v in (table.values[index] if table.values else ())]
    horizons = [table.horizons[index]] if table.horizons else []
    return values + [notation.words("none") if steps == sp.oo else str(steps) for steps in horizons]


def _horizon_header(table: BoundTable) -> list[str]:
    return [] if table.delta is None else [f"horizon of {float(table.delta):.3g}"]


def _cells(bound: Bound, notation: Notation) -> list[str]:
    """Formula, rate and condition; of several states in the letter of their matrix, which a note explains."""
    writer = QuantityWriter(bound.model, notation, [])
    scalar = writer.vocabulary.scalar
    if bound.gain.rows > 1 and bound.side == "upper" and bound.model.depth is None:
        rate = notation.radius(writer.gain)
        return [notation.norm(writer.power("gain", bound.k), bound.norm), rate, f"{rate} < 1"]
    enough = next((item.solved for item in bound.criteria if item.kind == "sufficient"), sp.false)
    formula, rate = scalar(bound.expr), scalar(bound.rate)
    if _wide(bound):
        letter = _letter(bound)
        formula, rate = scalar(letter**bound.k), f"{scalar(letter)} = {rate}"
        if enough not in (sp.true, sp.false) and enough in (bound.vanishes, bound.explodes):
            enough = sp.Lt(letter, 1) if bound.side == "upper" else sp.Gt(letter, 1)
    elif bound.gain.rows > 1:
        upper = bound.side == "upper"
        inner = writer.power("gain" if upper else "comparison", bound.k)
        formula = notation.norm(inner, bound.norm) if upper else notation.least(inner, bound.norm)
    words = {sp.true: "always", sp.false: "not by this bound"}
    return [formula, rate, notation.words(words[enough]) if enough in words else scalar(enough)]


def _wide(bound: Bound) -> bool:
    """Whether a rate is so long that a letter stands for it in the other cells."""
    return bound.gain.rows == 1 and bound.expr == bound.rate**bound.k and sp.count_ops(bound.rate) > _LONG


def _letter(bound: Bound) -> sp.Symbol:
    """gamma, unless the model has a symbol of that name."""
    taken = {str(symbol) for symbol in (*bound.model.variables, *bound.model.parameters, *bound.model.sizes)}
    name = next(name for name in ("gamma", *(f"gamma_{i}" for i in range(len(taken)))) if name not in taken)
    return sp.Symbol(name, nonnegative=True)


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
    header = [*_header(table), *(f"k = {k}" for k in table.ks), *_horizon_header(table)]
    rows = [
        [label, *_cells(bound, TEXT), *_values(table, index, power_text, TEXT)]
        for index, (label, bound) in enumerate(zip(table.labels, table.bounds, strict=True))
    ]
    notes = [f"{note}  ({label})" for label, note in _notes(table, TEXT)]
    return "\n".join([column_table(header, rows, (*_WIDTHS, *[_NUMBER] * (len(header) - len(_WIDTHS)))), *notes])


@latex.register
def _(table: BoundTable) -> str:
    names = [*map(phrase, _header(table)), *(f"k = {k}" for k in table.ks), *map(phrase, _horizon_header(table))]
    columns = "llll" + "r" * (len(names) - 4)
    rows = [
        " & ".join([phrase(label), *_cells(bound, LATEX), *_values(table, index, power_latex, LATEX)])
        for index, (label, bound) in enumerate(zip(table.labels, table.bounds, strict=True))
    ]
    body = _rows("toprule", " & ".join(names), "midrule", " \\\\[0.5ex]\n".join(rows), "bottomrule")
    whole = rf"\begin{{array}}{{{columns}}}{body}\end{{array}}"
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
        if table.horizons:
            steps = table.horizons[index]
            row["horizon"] = "inf" if steps == sp.oo else int(steps)
        rows.append(row)
    delta = {} if table.delta is None else {"delta": number(table.delta)}
    return {"kind": "bound table", "ks": list(table.ks), **delta, "rows": rows}
