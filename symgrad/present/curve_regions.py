"""Regions with a constant number of fixed points, and enclosed folds, in print."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.dynamics.curve_regions import CurveRegion, FoldValues
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.scalars import phrase

__all__: list[str] = []


@text.register
def _(region: CurveRegion) -> str:
    counts = ", ".join(map(str, region.counts))
    folds = " and ".join(map(text, region.folds)) or "none"
    where = "" if region.weights == sp.true else f" where {text(region.weights)}"
    return f"{counts} fixed points from the lowest to the highest bias{where}; folds: {folds}"


@latex.register
def _(region: CurveRegion) -> str:
    counts = phrase(f"{max(region.counts)} fixed points: ") + latex(region.condition)
    return counts


@to_dict.register
def _(region: CurveRegion) -> dict[str, Any]:
    return {
        "kind": "curve region",
        "weights": expression(region.weights),
        "folds": [expression(fold) for fold in region.folds],
        "counts": [str(count) if count == sp.oo else int(count) for count in region.counts],
        "condition": expression(region.condition),
    }


@text.register
def _(values: FoldValues) -> str:
    rows = [
        [f"{weight:.10g}", *(f"[{low:.17g}, {high:.17g}]" for low, high in row if low == low)]
        for weight, row in zip(values.weights.tolist(), values.folds.tolist(), strict=True)
    ]
    count = values.folds.shape[1]
    header = ["weight", *(f"fold {k + 1}" for k in range(count))]
    return column_table(header, [row + [""] * (len(header) - len(row)) for row in rows], [24, *([48] * count)])


@latex.register
def _(values: FoldValues) -> str:
    count = values.folds.shape[1]
    lines = []
    for weight, row in zip(values.weights.tolist(), values.folds.tolist(), strict=True):
        cells = [f"[{low:.17g},\\, {high:.17g}]" if low == low else "" for low, high in row]
        lines.append(" & ".join([f"{weight:.10g}", *cells]))
    return f"\\begin{{array}}{{{'r' * (count + 1)}}}\n" + " \\\\\n".join(lines) + "\n\\end{array}"


@to_dict.register
def _(values: FoldValues) -> dict[str, Any]:
    folds = [[[number(end) for end in fold] for fold in row] for row in values.folds.tolist()]
    return {"kind": "fold values", "weights": values.weights.tolist(), "folds": folds}
