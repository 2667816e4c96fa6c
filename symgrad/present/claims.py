"""Claims of the literature in print: claim, verdict, corrected theorem, steps and table; text, LaTeX, data, picture."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from symgrad.numerics.claims.statements import Cell, Demonstration, DerivedStep, LiteratureClaim, Statement, rounded
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.documents import body, display, fitted
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.scalars import phrase, prose

__all__ = ["paragraph", "step_data", "step_lines", "step_rows"]

_WIDTH = 100
_LATEX_WIDTH = 88
_CELL = 30
_LOGARITHMIC = 100.0  # ratio of the largest to the least number of a picture from which on its axis is logarithmic
_COLOURS = ("#0072B2", "#E69F00", "#D55E00")  # Okabe and Ito (2008)


# --- plain text -----------------------------------------------------------------


def paragraph(words: str, first: str = "") -> str:
    """Words on lines of a readable width; the lines after the first are indented."""
    indent = " " * max(len(first), 2)
    return textwrap.fill(first + words, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def step_lines(steps: Iterable[DerivedStep]) -> list[str]:
    """Numbered steps with their reasons."""
    return [paragraph(f"{step.text} [{step.reason}]", f"{step.number}. ") for step in steps]


def _cell(value: Cell, rounding: str, approximate: Callable[[float], str] = "{:.6g}".format) -> str:
    if not isinstance(value, float):
        return str(value)
    return rounded(value, up=rounding == "up") if rounding else approximate(value)


def _cells(table: Demonstration) -> list[list[str]]:
    return [[_cell(value, way) for value, way in zip(row, table.rounding, strict=True)] for row in table.rows]


@text.register
def _(table: Demonstration) -> str:
    """The table in columns below its title."""
    return "\n".join([paragraph(table.title), column_table(table.header, _cells(table), [_CELL] * len(table.header))])


@text.register
def _(claim: LiteratureClaim) -> str:
    lines = [
        paragraph(f"{claim.claim.text} ({claim.claim.source})", "Claim: "),
        paragraph(claim.reason, f"Verdict: {claim.verdict}: "),
        paragraph(f"{claim.correction.text} ({claim.correction.source})", "Instead: "),
        *(f"  {line}" for bound in claim.correction.bounds for line in text(bound).splitlines()),
        *([paragraph(_numbers(claim), "Counter-example: ")] if claim.counterexample else []),
        "Derivation:",
        *step_lines(claim.steps),
        text(claim.demonstration),
    ]
    return "\n".join(lines)


def _numbers(claim: LiteratureClaim) -> str:
    """The counter-example in words: bounds rounded, arrays as lists."""
    return "; ".join(_named(name, value) for name, value in claim.counterexample.items())


def _named(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return f"{name} = {np.asarray(value).tolist()}"
    if name.endswith(("at least", "at most")):
        return f"{name} {rounded(value, up=name.endswith('at most'))}"
    return f"{name} = {value:.6g}"


# --- LaTeX ----------------------------------------------------------------------


def _phrases(words: str) -> list[str]:
    return [phrase(line) for line in textwrap.wrap(words, _LATEX_WIDTH)]


def _rows(claim: LiteratureClaim) -> list[str]:
    correction = [rf"\quad {latex(bound)}" for bound in claim.correction.bounds] or [rf"\quad {claim.correction.latex}"]
    return [
        *_phrases(f"Claim: {claim.claim.text}"),
        rf"\quad {claim.claim.latex}",
        *_phrases(f"Verdict: {claim.verdict}: {claim.reason}"),
        *_phrases(f"Instead: {claim.correction.text}"),
        *correction,
        *(_phrases(f"Counter-example: {_numbers(claim)}") if claim.counterexample else []),
        *step_rows(claim.steps),
        *_phrases(claim.demonstration.title),
        latex(claim.demonstration),
    ]


def step_rows(steps: Iterable[DerivedStep]) -> list[str]:
    """Numbered formulas with their reasons below, as rows of an array."""
    return [row for step in steps for row in _step_rows(step)]


def _step_rows(step: DerivedStep) -> list[str]:
    reason = textwrap.wrap(step.reason, _LATEX_WIDTH)
    return [rf"({step.number}) \quad {step.latex}", *(rf"\qquad\scriptstyle {phrase(line)}" for line in reason)]


@latex.register
def _(table: Demonstration) -> str:
    """A table as an array of numbers."""
    head = " & ".join(phrase(name) for name in table.header)
    rows = [" & ".join(_latex_cell(cell) for cell in row) for row in _cells(table)]
    columns = "r" * len(table.header)
    return (
        f"\\begin{{array}}{{{columns}}}\n\\hline\n{head} \\\\\n\\hline\n"
        + " \\\\\n".join(rows)
        + (" \\\\\n\\hline\n\\end{array}")
    )


def _latex_cell(cell: str) -> str:
    mantissa, mark, exponent = cell.partition("e")
    try:
        float(cell)
    except ValueError:
        return phrase(cell)
    if cell in ("inf", "-inf"):
        return cell.replace("inf", r"\infty")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if mark else cell


@latex.register
def _(claim: LiteratureClaim) -> str:
    return "\\begin{array}{l}\n" + " \\\\[0.6ex]\n".join(_rows(claim)) + "\n\\end{array}"


@body.register
def _(claim: LiteratureClaim) -> str:
    """The same on pages, with the proofs of the bounds."""
    parts = [
        rf"\textbf{{Claim}} ({prose(claim.claim.source)}): {prose(claim.claim.text)}.",
        display(claim.claim.latex),
        rf"\textbf{{Verdict}}: {claim.verdict}: {prose(claim.reason)}.",
        "",
        rf"\textbf{{Instead}}: {prose(claim.correction.text)} ({prose(claim.correction.source)}).",
        display(claim.correction.latex),
        *(body(bound) for bound in claim.correction.bounds),
        *([rf"\textbf{{Counter-example}}: {prose(_numbers(claim))}."] if claim.counterexample else []),
        r"\begin{enumerate}",
        *(f"\\item {prose(step.text)}\n{display(step.latex)}\n{prose(step.reason)}" for step in claim.steps),
        r"\end{enumerate}",
        prose(claim.demonstration.title),
        f"\\[\n{fitted(latex(claim.demonstration))}\n\\]",
        *(rf"\subsection*{{Proof}}{body(bound.proof)}" for bound in claim.correction.bounds),
    ]
    return "\n".join(parts)


# --- data -----------------------------------------------------------------------


def _statement_data(statement: Statement) -> dict[str, str]:
    return {"text": statement.text, "latex": statement.latex, "source": statement.source}


def step_data(step: DerivedStep) -> dict[str, Any]:
    """A step as plain data, with whether it holds."""
    return {
        "number": step.number,
        "text": step.text,
        "latex": step.latex,
        "reason": step.reason,
        "holds": step.holds(),
    }


@to_dict.register
def _(table: Demonstration) -> dict[str, Any]:
    rows = [[number(cell) if isinstance(cell, float) else cell for cell in row] for row in table.rows]
    return {
        "kind": "table of numbers",
        "title": table.title,
        "header": list(table.header),
        "rows": rows,
        "rounding": list(table.rounding),
    }


def _data(value: Any) -> Any:
    return number(value) if isinstance(value, float) else np.asarray(value).tolist()


@to_dict.register
def _(claim: LiteratureClaim) -> dict[str, Any]:
    return {
        "kind": "claim of the literature",
        "name": claim.name,
        "claim": _statement_data(claim.claim),
        "verdict": str(claim.verdict),
        "reason": claim.reason,
        "correction": {
            **_statement_data(claim.correction),
            "bounds": [to_dict(bound) for bound in claim.correction.bounds],
        },
        "steps": [step_data(step) for step in claim.steps],
        "counterexample": {name: _data(value) for name, value in claim.counterexample.items()},
        "demonstration": to_dict(claim.demonstration),
    }


# --- pictures -------------------------------------------------------------------


@plot.register
def plot_claim(claim: LiteratureClaim, *, ax: Any = None) -> Any:
    """The numbers of a claim's demonstration.

    Args:
        claim: a checked claim.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = plot_table(claim.demonstration, ax=ax)
    axes.set_title(f"{claim.name}: {claim.verdict}")
    return axes


@plot.register
def plot_table(table: Demonstration, *, ax: Any = None) -> Any:
    """The columns of a table that belong into a picture, against the first of them.

    Args:
        table: certified numbers.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    across, *names = table.plotted
    values = {name: [float(cell) for cell in table.column(name)] for name in table.plotted}
    for colour, name in zip(_COLOURS, names, strict=False):
        axes.plot(values[across], values[name], ".-", color=colour, label=name)
    if "stability" in table.header:
        _mark(axes, table, values[across], values[names[0]])
    heights = [value for name in names for value in values[name]]
    if min(heights) > 0 and max(heights) > _LOGARITHMIC * min(heights):
        axes.set_yscale("log")
    axes.set_xlabel(across)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return axes


def _mark(axes: Any, table: Demonstration, across: list[float], heights: list[float]) -> None:
    """Points that are not stable, in a colour of their own."""
    kinds = table.column("stability")
    for kind in dict.fromkeys(kind for kind in kinds if kind != "stable"):
        places = [place for place, found in enumerate(kinds) if found == kind]
        axes.plot([across[i] for i in places], [heights[i] for i in places], "x", color=_COLOURS[2], label=str(kind))
