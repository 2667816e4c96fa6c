"""What is proved about the growth of gradients through a layer, in print: each method's bound at a few lengths."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from symgrad.diagnosis.growth_bounds import GrowthBounds
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.growth_plots import draw_bounds, finish
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.scalars import phrase

__all__ = ["bound_rows", "shortened", "shown_steps"]

Power = Callable[..., str]

_LONGEST = 200  # signs of a reason
_ROUNDING = {"upper": UP, "lower": DOWN}
_SIDES = {"upper": "at most", "lower": "at least"}


def shown_steps(bounds: GrowthBounds) -> list[int]:
    """The numbers of steps that have a column: powers of ten, the length of the first sequence and the horizon."""
    last = bounds.horizon
    decades = {10**power for power in range(len(str(last))) if 10**power <= last}
    known = [] if bounds.along is None else bounds.ks[~np.isnan(bounds.along)].tolist()
    return sorted(decades | {last, *known[-1:]})


def shortened(reason: str) -> str:
    """A reason for printing: long ones name expressions that stand in full in ``missing``."""
    return reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 3]}..."


def _header(bounds: GrowthBounds) -> list[str]:
    return ["norms of products of k Jacobians", *(f"k = {k}" for k in shown_steps(bounds))]


def bound_rows(bounds: GrowthBounds, power: Power = power_text) -> list[list[str]]:
    """A row for each bound that tells something, an upper one rounded up and a lower one down, and for each enclosure.

    Of bounds that tell nothing (:meth:`GrowthBounds.telling`) the best stands in one row; lower ones of 0 are left out.
    """
    rows = []
    for side, found in (("upper", bounds.upper), ("lower", bounds.lower)):
        told = bounds.telling(side)
        named = {f"method {name}": found[name] for name in told} | _together(bounds, side, told)
        for name, logs in named.items():
            rows.append([f"{_SIDES[side]}, {name}", *_cells(bounds, logs, _ROUNDING[side], power)])
    if bounds.along is not None:
        rows.append(["first sequence, at most", *_cells(bounds, bounds.along, UP, power)])
    if bounds.along_least is not None:
        rows.append(["first sequence, at least", *_cells(bounds, bounds.along_least, DOWN, power)])
    return rows


def _together(bounds: GrowthBounds, side: str, told: Collection[str]) -> dict[str, Any]:
    """The best of all bounds that tell nothing, under the names of their methods."""
    found, best = (bounds.upper, np.min) if side == "upper" else (bounds.lower, np.max)
    rest = {name: logs for name, logs in found.items() if name not in told and not np.isneginf(logs).all()}
    return {f"method{'s' * (len(rest) > 1)} {', '.join(rest)}": best(list(rest.values()), axis=0)} if rest else {}


def _cells(bounds: GrowthBounds, logs: Any, rounding: str, power: Power) -> list[str]:
    values = (float(logs[k - 1]) for k in shown_steps(bounds))
    return ["-" if np.isnan(value) else power(value, 3, rounding) for value in values]


def _remarks(bounds: GrowthBounds) -> list[str]:
    """What the bounds are about, and why some are missing."""
    reasons: dict[str, list[str]] = {}
    for (side, name), reason in bounds.missing.items():
        reasons.setdefault(reason, []).append(f"{name} ({side})")
    missing = [f"no bound by {', '.join(names)}: {shortened(reason)}" for reason, names in reasons.items()]
    return [*([f"for {bounds.scope}"] if bounds.scope else []), *([bounds.note] if bounds.note else []), *missing]


@text.register
def _(bounds: GrowthBounds) -> str:
    header = _header(bounds)
    table = column_table(header, bound_rows(bounds), _widths(len(header)))
    return "\n".join([table, *_remarks(bounds)])


def _widths(count: int) -> list[int]:
    return [34, *[20] * (count - 1)]


@latex.register
def _(bounds: GrowthBounds) -> str:
    rows = [" & ".join([phrase(row[0]), *row[1:]]) for row in bound_rows(bounds, power_latex)]
    header = " & ".join([r"\lVert J_T \cdots J_{T-k+1} \rVert_2", *(f"k = {k}" for k in shown_steps(bounds))])
    body = f"{header} \\\\ \\hline\n" + " \\\\\n".join(rows)
    return f"\\begin{{array}}{{l{'r' * len(shown_steps(bounds))}}}\n{body}\n\\end{{array}}"


@to_dict.register
def _(bounds: GrowthBounds) -> dict[str, Any]:
    def logs(values: Any) -> list[float | str] | None:
        return None if values is None else [number(float(value)) for value in values]

    return {
        "kind": "growth bounds",
        "ks": [int(k) for k in bounds.ks],
        "upper_log10": {name: logs(values) for name, values in bounds.upper.items()},
        "lower_log10": {name: logs(values) for name, values in bounds.lower.items()},
        "along_log10": logs(bounds.along),
        "along_least_log10": logs(bounds.along_least),
        "missing": [
            {"side": side, "method": name, "reason": reason} for (side, name), reason in bounds.missing.items()
        ],
        "scope": bounds.scope,
        "note": bounds.note,
    }


@plot.register
def plot_growth_bounds(bounds: GrowthBounds, *, ax: Any = None) -> Any:
    """Decimal logarithms of the bounds against the number of factors.

    Args:
        bounds: of one layer.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    draw_bounds(axes, bounds)
    finish(axes, bounds.horizon)
    return axes


@text.register
def _(found: LayerOutcome) -> str:
    scope = f" (for {found.scope})" if found.scope else ""
    return f"{found.outcome.value}, {found.verdict.value}: {found.reason}{scope}"


@latex.register
def _(found: LayerOutcome) -> str:
    return phrase(text(found))


@to_dict.register
def _(found: LayerOutcome) -> dict[str, Any]:
    return {
        "kind": "layer outcome",
        "outcome": found.outcome.value,
        "verdict": found.verdict.value,
        "reason": found.reason,
        "scope": found.scope,
        "steps": found.steps,
    }
