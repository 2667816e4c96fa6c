"""Bounds, enclosures, measurements and predictions of gradients through layer chains, in print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.chain import ChainBound
from symgrad.meanfield.chain_prediction import ChainPrediction, LayerPrediction
from symgrad.numerics.chain_enclosure import ChainEnclosure
from symgrad.numerics.chain_gradients import ChainGradients
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm
from symgrad.present.ball_text import ball_text
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.documents import body, display
from symgrad.present.layout import column_table
from symgrad.present.numbers import number_latex
from symgrad.present.plots import new_axes
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.scalars import phrase, prose
from symgrad.present.statements import derivation_body

__all__ = ["array_of_rows", "logs_data", "power_cell", "shown_places"]

Power = Callable[..., str]

_MOST_ROWS = 40


def shown_places(count: int) -> list[int]:
    """Of 0, ..., count those that get a row: all, or the first, the last and some evenly spaced between."""
    if count < _MOST_ROWS:
        return list(range(count + 1))
    return sorted({round(place) for place in np.linspace(0, count, _MOST_ROWS)})


def power_cell(log10: float, rounding: str | None = None, power: Power = power_text) -> str:
    """Ten to the power of a number; a dash where it is not known."""
    if np.isnan(log10):
        return "-"
    return power(float(log10), 3, *([rounding] if rounding else []))


def logs_data(values: Any) -> list[float | str]:
    """Decimal logarithms as JSON holds them."""
    return [number(float(value)) for value in values]


def array_of_rows(header: Sequence[str], rows: Sequence[Sequence[str]], columns: str) -> str:
    """Rows of LaTeX cells below a header."""
    body_rows = " \\\\\n".join(" & ".join(row) for row in rows)
    return f"\\begin{{array}}{{{columns}}}\n{' & '.join(header)} \\\\ \\hline\n{body_rows}\n\\end{{array}}"


def _bound_rows(bound: ChainBound, power: Power) -> list[list[str]]:
    """For each layer the bound of its own Jacobian, and both bounds of what follows it."""
    upper, lower = bound.log10_upper, bound.log10_lower
    rows = []
    for place in shown_places(bound.chain.depth):
        own = "-" if not place else power_cell(BoundValue(bound.ends[place - 1].upper).log10, UP, power)
        layer = bound.chain.layers[place - 1] if place else None
        words = ["input", ""] if layer is None else [layer.name, layer.kind]
        ends = power_cell(upper[place], UP, power), power_cell(lower[place], DOWN, power)
        rows.append([str(place), *words, own, *ends])
    return rows


@text.register
def _(bound: ChainBound) -> str:
    depth = bound.chain.depth
    header = ["l", "layer", "kind", "||J_l|| at most", f"||dx_{depth}/dx_l|| at most", "at least"]
    title = f"{bound.chain.name}: norms of Jacobians, proved for every input"
    return "\n".join([title, column_table(header, _bound_rows(bound, power_text), (6, 28, 24, 18, 24, 14))])


@latex.register
def _(bound: ChainBound) -> str:
    header = [
        "l",
        phrase("layer"),
        phrase("kind"),
        r"\lVert J_l \rVert_2 \le",
        rf"\lVert \partial x_{{{bound.chain.depth}}}/\partial x_l \rVert_2 \le",
        r"\ge",
    ]
    rows = [[row[0], phrase(row[1]), phrase(row[2]), *row[3:]] for row in _bound_rows(bound, power_latex)]
    return array_of_rows(header, rows, "rllrrr")


@body.register
def _(bound: ChainBound) -> str:
    parts = [prose(f"Norms of Jacobians of {bound.chain.name}, for every input:"), display(latex(bound))]
    found = [bound.derivation, *([] if bound.lower_derivation is None else [bound.lower_derivation])]
    return "\n\n".join([*parts, *map(derivation_body, found)])


@to_dict.register
def _(bound: ChainBound) -> dict[str, Any]:
    lower = bound.lower_derivation
    return {
        "kind": "chain bound",
        "name": bound.chain.name,
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "log10_upper": number(BoundValue(end.upper).log10),
                "log10_lower": number(BoundValue(end.lower, "lower").log10),
                "rule": end.rule.name,
                "note": end.note,
            }
            for layer, end in zip(bound.chain.layers, bound.ends, strict=True)
        ],
        "log10_upper": logs_data(bound.log10_upper),
        "log10_lower": logs_data(bound.log10_lower),
        "derivation": to_dict(bound.derivation),
        "lower_derivation": None if lower is None else to_dict(lower),
    }


@plot.register
def plot_chain_bound(bound: ChainBound, *, ax: Any = None) -> Any:
    """Decimal logarithms of the bounds of ``||dx_L/dx_l||`` against l.

    Args:
        bound: of a chain.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    axes = new_axes(ax)
    places = np.arange(bound.chain.depth + 1)
    for logs, style, label in ((bound.log10_upper, "v--", "at most"), (bound.log10_lower, "^:", "at least")):
        if np.isfinite(logs).any():
            every = max(1, len(places) // 9)
            axes.plot(places, np.where(np.isfinite(logs), logs, np.nan), style, markevery=every, label=label)
    axes.set_xlabel("layer $l$")
    axes.set_ylabel(r"$\Vert \partial x_L / \partial x_l \Vert_2$")
    axes.yaxis.set_major_formatter(lambda log10, _: f"$10^{{{log10:g}}}$")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return axes


# --- along one input ----------------------------------------------------------------


def _norm_rows(found: ChainEnclosure, power: Power) -> list[list[str]]:
    norms = [side for side in (found.products, found.losses) if side is not None]
    count = len(norms[0]) - 1 if norms else -1
    rows = []
    for place in shown_places(count) if norms else []:
        cells = [
            _between(side[place], power) if side is not None else ["-", "-"] for side in (found.products, found.losses)
        ]
        rows.append([str(place), *cells[0], *cells[1]])
    return rows


def _between(norm: CertifiedNorm, power: Power) -> list[str]:
    return [power_cell(norm.lower.log10, DOWN, power), power_cell(norm.upper.log10, UP, power)]


@text.register
def _(found: ChainEnclosure) -> str:
    header = ["l", "||dx_L/dx_l|| at least", "at most", "||dL/dx_l|| at least", "at most"]
    return column_table(header, _norm_rows(found, power_text), (6, 24, 14, 22, 14))


@latex.register
def _(found: ChainEnclosure) -> str:
    header = [
        "l",
        r"\lVert \partial x_L/\partial x_l \rVert_2 \ge",
        r"\le",
        r"\lVert \partial \mathcal L/\partial x_l \rVert_2 \ge",
        r"\le",
    ]
    return array_of_rows(header, _norm_rows(found, power_latex), "rrrrr")


@to_dict.register
def _(found: ChainEnclosure) -> dict[str, Any]:
    def ends(norms: tuple[CertifiedNorm, ...] | None) -> Any:
        if norms is None:
            return None
        return [[number(norm.lower.log10), number(norm.upper.log10)] for norm in norms]

    return {
        "kind": "chain enclosure",
        "log10_products": ends(found.products),
        "log10_losses": ends(found.losses),
        "outputs": [ball_text(ball) for ball in found.outputs],
        "bits": found.bits,
    }


# --- measured and predicted ---------------------------------------------------------


@text.register
def _(found: ChainGradients) -> str:
    rows = [
        [str(place), power_cell(found.typical_loss[place]), power_cell(found.typical_products[place])]
        for place in shown_places(found.log10_loss.shape[1] - 1)
    ]
    table = column_table(["l", "||dL/dx_l||, median", "||dx_L/dx_l||, median"], rows, (6, 22, 24))
    return "\n".join([table, *([found.note] if found.note else [])])


@latex.register
def _(found: ChainGradients) -> str:
    header = ["l", r"\lVert \partial \mathcal L/\partial x_l \rVert_2", r"\lVert \partial x_L/\partial x_l \rVert_2"]
    curves = found.typical_loss, found.typical_products
    places = shown_places(found.log10_loss.shape[1] - 1)
    rows = [[str(place), *(power_cell(curve[place], None, power_latex) for curve in curves)] for place in places]
    return array_of_rows(header, rows, "rrr")


@to_dict.register
def _(found: ChainGradients) -> dict[str, Any]:
    return {
        "kind": "chain gradients",
        "log10_loss": [logs_data(row) for row in found.log10_loss],
        "log10_products": [logs_data(row) for row in found.log10_products],
        "typical_loss": logs_data(found.typical_loss),
        "typical_products": logs_data(found.typical_products),
        "note": found.note,
    }


def _prediction_row(place: int, layer: LayerPrediction) -> list[str]:
    known = [layer.variance, layer.sigma_w2, layer.sigma_b2, layer.chi]
    cells = ["-" if value is None or np.isnan(value) else f"{value:.4g}" for value in known]
    return [str(place), *cells, layer.reason]


@text.register
def _(found: ChainPrediction) -> str:
    header = ["l", "variance", "sigma_w^2", "sigma_b^2", "chi_1", "not known, since"]
    places = [place for place in shown_places(len(found.layers)) if place]
    rows = [_prediction_row(place, found.layers[place - 1]) for place in places]
    return column_table(header, rows, (6, 12, 12, 12, 12, 50))


@latex.register
def _(found: ChainPrediction) -> str:
    header = ["l", phrase("variance"), r"\sigma_w^2", r"\sigma_b^2", r"\chi_1"]
    places = [place for place in shown_places(len(found.layers)) if place]
    return array_of_rows(
        header, [list(map(number_latex, _prediction_row(p, found.layers[p - 1])[:5])) for p in places], "rrrrr"
    )


@to_dict.register
def _(found: ChainPrediction) -> dict[str, Any]:
    def value(item: float | None) -> float | str | None:
        return None if item is None else number(item)

    layers = [
        {
            "variance": value(layer.variance),
            "factor": value(layer.factor),
            "sigma_w2": value(layer.sigma_w2),
            "sigma_b2": value(layer.sigma_b2),
            "chi_1": value(layer.chi),
            "reason": layer.reason,
        }
        for layer in found.layers
    ]
    return {"kind": "chain prediction", "layers": layers, "log10_gradients": logs_data(found.log10_gradients)}
