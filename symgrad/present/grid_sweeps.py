"""Sweeps over a grid in print: the first cells as a table, failures by kind, and all cells as data."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

from symgrad.present.data import number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.scalars import phrase
from symgrad.sweeps.results import CellError, SweepResult

__all__: list[str] = []

_SHOWN, _KINDS = 12, 5
_WIDTH, _MESSAGE = 24, 100
_DIGITS = 6
_ALL = 10_000  # cells up to which data holds all of them


def _summary(sweep: SweepResult) -> str:
    over = ", ".join(sweep.parameters)
    failed = f", {sweep.failed} of them failed" if sweep.failed else ""
    stored = f", stored in {sweep.path}" if sweep.path is not None else ""
    return f"sweep of {sweep.function} over {over}: {len(sweep)} cells{failed}{stored}"


def _written(value: Any) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def _rows(sweep: SweepResult) -> list[list[str]]:
    """The first cells; what stands for the others goes below."""
    return [[_written(value) for value in sweep.cell(i).values()] for i in range(min(len(sweep), _SHOWN))]


def _rest(sweep: SweepResult) -> list[str]:
    return [f"and {len(sweep) - _SHOWN} more cells"] if len(sweep) > _SHOWN else []


def _failures(sweep: SweepResult) -> list[str]:
    """The most frequent failures with the first cell of each."""
    if not sweep.failed:
        return []
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], int] = {}
    for error in sweep.errors:
        kind = error.error, error.message[:_MESSAGE]
        counts[kind] += 1
        first.setdefault(kind, error.index)
    found = [
        f"{count} failed with {kind[0]}: {kind[1]} (first: cell {first[kind]})"
        for kind, count in counts.most_common(_KINDS)
    ]
    left = sweep.failed - sum(count for _, count in counts.most_common(_KINDS))
    return [*found, *([f"{left} failed in other ways"] if left else [])]


@text.register
def _(sweep: SweepResult) -> str:
    table = column_table(sweep.columns, _rows(sweep), [_WIDTH] * len(sweep.columns))
    return "\n".join([_summary(sweep), table, *_rest(sweep), *_failures(sweep)])


@latex.register
def _(sweep: SweepResult) -> str:
    heads = " & ".join(phrase(name) for name in sweep.columns)
    body = " \\\\\n".join(" & ".join(phrase(cell) for cell in row) for row in _rows(sweep))
    array = f"\\begin{{array}}{{{'r' * len(sweep.columns)}}}\n{heads} \\\\ \\hline\n{body}\n\\end{{array}}"
    rows = [phrase(_summary(sweep)), array, *map(phrase, (*_rest(sweep), *_failures(sweep)))]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


@to_dict.register
def _(sweep: SweepResult) -> dict[str, Any]:
    """All cells of a sweep of up to 10 000, else those of the first; the store has all."""
    shown = min(len(sweep), _ALL)
    columns = {name: sweep.column(name)[:shown].tolist() for name in sweep.columns}
    return {
        "kind": "sweep",
        "function": sweep.function,
        "seed": sweep.seed,
        "parameters": list(sweep.parameters),
        "values": list(sweep.values),
        "shape": list(sweep.shape),
        "listed": sweep.listed,
        "cells": len(sweep),
        "failed": sweep.failed,
        "path": None if sweep.path is None else str(sweep.path),
        "shown": shown,
        "columns": {name: [_plain(value) for value in column] for name, column in columns.items()},
        "errors": [_error(error) for error in islice(sweep.errors, _ALL)],
    }


def _plain(value: Any) -> Any:
    return number(value) if isinstance(value, float) else value


def _error(error: CellError) -> dict[str, Any]:
    return {"index": error.index, "error": error.error, "message": error.message, "traceback": error.traceback}
