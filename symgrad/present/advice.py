"""Advice in print: a table of the remedies that were tried, then the formula behind each; and a picture."""

from __future__ import annotations

import math
from typing import Any

from symgrad.design.advice import Advice, Proposal
from symgrad.design.growth import Growth
from symgrad.present.data import expression, number
from symgrad.present.derivations import relation_text
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.scalars import phrase

__all__ = ["plot_advice"]

_NOW = "as it is"
_BAR, _LIMIT = "#0072B2", "#D55E00"
_WIDTHS = (34, 24, 26, 18, 18)
_FARTHEST = 300  # decades that are drawn


def _cells(growth: Growth, power: Any) -> list[str]:
    """Typical size, quartiles and proved bounds of the gradient."""
    low, middle, high = (_size(value, power) for value in growth.simulated)
    above = "-" if growth.at_most is None else power(growth.at_most, rounding=UP)
    below = "-" if growth.at_least is None else power(growth.at_least, rounding=DOWN)
    return [middle, f"{low} .. {high}" if power is power_text else rf"{low} \ldots {high}", below, above]


def _size(log10: float, power: Any) -> str:
    return "overflow" if log10 == math.inf else str(power(log10))


def _header(advice: Advice) -> list[str]:
    return ["remedy", f"gradient after {advice.horizon} steps", "quartiles", "proved at least", "proved at most"]


@text.register
def _(advice: Advice) -> str:
    rows = [[_NOW, *_cells(advice.now, power_text)]]
    rows += [[proposal.name, *_cells(proposal.growth, power_text)] for proposal in advice.proposals]
    table = column_table(_header(advice), rows, _WIDTHS)
    head = f"gradients of {advice.model.name} over {advice.horizon} steps: {advice.symptom}"
    count = "1 sequence" if advice.trajectories == 1 else f"{advice.trajectories} sequences"
    how = f"simulated on {count} (approximate); the bounds are proved; r = {text(advice.retain)}"
    tried = [f"- {text(proposal)}" for proposal in advice.proposals] or ["no remedy that could be tried applies"]
    return "\n".join([head, table, how, *tried])


@text.register
def _(proposal: Proposal) -> str:
    return (
        f"{proposal.name}: {'; '.join(proposal.changes)}\n  from {relation_text(proposal.formula)}: {proposal.promise}"
    )


@latex.register
def _(advice: Advice) -> str:
    rows = [[_NOW, *_cells(advice.now, power_latex)]]
    rows += [[proposal.name, *_cells(proposal.growth, power_latex)] for proposal in advice.proposals]
    lines = [
        " & ".join([phrase(row[0]), *(phrase(c) if c in ("-", "overflow") else c for c in row[1:])]) for row in rows
    ]
    header = " & ".join(map(phrase, _header(advice)))
    table = "\\begin{array}{l|rrrr}\n" + " \\\\\n".join([header + r" \\ \hline", *lines]) + "\n\\end{array}"
    formulas = [rf"{phrase(p.name)}:\quad {latex(p.formula)}" for p in advice.proposals]
    body = " \\\\[1ex]\n".join([table, *formulas])
    return f"\\begin{{array}}{{l}}\n{body}\n\\end{{array}}"


@latex.register
def _(proposal: Proposal) -> str:
    return latex(proposal.formula)


def _growth_data(growth: Growth) -> dict[str, Any]:
    quartiles = [number(value) for value in growth.simulated]
    bounds = {name: None if value is None else number(value) for name, value in _bounds(growth).items()}
    return {"simulated_log10": quartiles, **bounds, "method": growth.method}


def _bounds(growth: Growth) -> dict[str, float | None]:
    return {"at_least_log10": growth.at_least, "at_most_log10": growth.at_most}


@to_dict.register
def _(advice: Advice) -> dict[str, Any]:
    return {
        "kind": "advice",
        "model": advice.model.name,
        "horizon": advice.horizon,
        "retain": expression(advice.retain),
        "symptom": advice.symptom,
        "now": _growth_data(advice.now),
        "proposals": [to_dict(proposal) for proposal in advice.proposals],
        "trajectories": advice.trajectories,
        "seed": advice.seed,
    }


@to_dict.register
def _(proposal: Proposal) -> dict[str, Any]:
    return {
        "kind": "proposal",
        "name": proposal.name,
        "formula": expression(proposal.formula),
        "promise": proposal.promise,
        "changes": list(proposal.changes),
        "growth": _growth_data(proposal.growth),
    }


@plot.register
def plot_advice(advice: Advice, *, ax: Any = None) -> Any:
    """The gradient at the horizon as it is and with each remedy: simulated quartiles, and the bounds proved.

    Args:
        advice: what was found.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    entries = [(_NOW, advice.now), *((proposal.name, proposal.growth) for proposal in advice.proposals)]
    for place, (_, growth) in enumerate(entries):
        _draw(axes, place, growth)
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(entries)), [name for name, _ in entries])
    axes.invert_yaxis()
    axes.set_xlabel(rf"$\log_{{10}} \Vert \partial x_T / \partial x_0 \Vert_2$ after $T = {advice.horizon}$ steps")
    axes.legend(*_once(axes), loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False)
    return axes


def _draw(axes: Any, place: int, growth: Growth) -> None:
    low, middle, high = (max(min(value, _FARTHEST), -_FARTHEST) for value in growth.simulated)
    if growth.typical < math.inf:
        axes.plot([low, high], [place, place], color=_BAR, linewidth=4, alpha=0.5)
        axes.plot([middle], [place], "o", color=_BAR, label="simulated, with quartiles")
    for value, mark, name in ((growth.at_least, ">", "proved at least"), (growth.at_most, "<", "proved at most")):
        if value is not None and abs(value) <= _FARTHEST:
            axes.plot([value], [place], mark, color=_LIMIT, fillstyle="none", label=name)


def _once(axes: Any) -> tuple[list[Any], list[str]]:
    """Handles and labels of a legend, each label once."""
    found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return list(found.values()), list(found)
