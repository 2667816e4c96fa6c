"""Diagnoses of feed-forward and residual networks in print: a row a layer, then outcome, causes and remedies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.diagnosis.deep_results import ChainLayerDiagnosis, DeepDiagnosis
from symgrad.present.chain_bounds import array_of_rows, logs_data, power_cell, shown_places
from symgrad.present.data import number
from symgrad.present.deep_plots import draw_deep_diagnosis
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.documents import body, display
from symgrad.present.layer_chains import layer_data
from symgrad.present.layout import column_table
from symgrad.present.numbers import number_latex
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.scalars import phrase, prose

__all__: list[str] = []

Power = Callable[..., str]

_HEADER = ("l", "layer", "kind", "|dL/dx_l|", "predicted", "|dx_L/dx_l|", "at most", "at least", "chi_1", "saturated")
_WIDTHS = (5, 26, 22, 11, 11, 12, 11, 11, 8, 9)
_LATEX_HEADER = (
    "l",
    r"\text{layer}",
    r"\text{kind}",
    r"\lVert \partial\mathcal L/\partial x_l \rVert",
    r"\text{predicted}",
    r"\lVert \partial x_L/\partial x_l \rVert",
    r"\le",
    r"\ge",
    r"\chi_1",
    r"\text{saturated}",
)


def _rows(found: DeepDiagnosis, power: Power) -> list[list[str]]:
    """A row for the input and one for each layer that is shown."""
    measured, predicted = found.measured, found.log10_predicted
    loss, products = measured.typical_loss, measured.typical_products
    upper, lower = found.bound.log10_upper, found.bound.log10_lower
    rows = []
    for place in shown_places(found.depth):
        layer = found.layers[place - 1] if place else None
        rows.append(
            [
                str(place),
                *(["input", ""] if layer is None else [layer.name, layer.kind]),
                power_cell(loss[place], None, power),
                power_cell(predicted[place], None, power),
                power_cell(products[place], None, power),
                power_cell(upper[place], UP, power),
                power_cell(lower[place], DOWN, power),
                *_own(layer),
            ]
        )
    return rows


def _own(layer: ChainLayerDiagnosis | None) -> list[str]:
    """What is known of the layer by itself."""
    chi = None if layer is None else layer.prediction.chi
    part = None if layer is None else layer.saturation
    return ["-" if chi is None or np.isnan(chi) else f"{chi:.3g}", "-" if part is None else f"{part:.0%}"]


def _summary(found: DeepDiagnosis) -> list[str]:
    """Outcome, precision and notes, a line each."""
    lines = [f"outcome: {text(found.found)}", f"inputs: {found.inputs}; gradient: {found.loss}"]
    lost = [f"{item.format} after {item.steps} layers" for item in found.precision if item.steps is not None]
    lines += [f"the typical gradient rounds to zero in {', '.join(lost)}"] if lost else []
    if len(shown_places(found.depth)) <= found.depth:
        lines.append(f"{len(shown_places(found.depth))} of {found.depth + 1} rows are shown")
    return [*lines, *found.notes]


@text.register
def _(found: DeepDiagnosis) -> str:
    title = f"{found.name}: gradients over {found.depth} layers"
    parts = [title, column_table(_HEADER, _rows(found, power_text), _WIDTHS), *_summary(found)]
    parts += [f"cause: {text(cause)}" for cause in found.causes]
    return "\n".join([*parts, *(f"remedy: {text(remedy)}" for remedy in found.remedies)])


def _table(found: DeepDiagnosis) -> str:
    rows = [
        [row[0], phrase(row[1]), phrase(row[2]), *row[3:8], number_latex(row[8]), row[9].replace("%", r"\%")]
        for row in _rows(found, power_latex)
    ]
    return array_of_rows(_LATEX_HEADER, rows, "rllrrrrrrr")


@latex.register
def _(found: DeepDiagnosis) -> str:
    rows = [_table(found), *map(phrase, _summary(found)), *(latex(cause) for cause in found.causes)]
    return "\\begin{array}{l}\n" + " \\\\[1ex]\n".join(rows) + "\n\\end{array}"


@body.register
def _(found: DeepDiagnosis) -> str:
    lines = [*_summary(found), *(f"cause: {text(cause)}" for cause in found.causes)]
    head = rf"\section*{{{prose(f'Gradients over the layers of {found.name}')}}}"
    remedies = [display(latex(remedy)) for remedy in found.remedies]
    title = [r"\subsection*{Remedies}"] if remedies else []
    bound = [r"\subsection*{Bounds for every input}", body(found.bound)]
    return "\n\n".join([head, display(_table(found)), *map(prose, lines), *title, *remedies, *bound])


@text.register
def _(layer: ChainLayerDiagnosis) -> str:
    known = [
        ("gradient at its output", power_cell(layer.log10_gradient)),
        ("gradient at its input", power_cell(layer.log10_input_gradient)),
        ("predicted at its output", power_cell(layer.log10_predicted)),
        ("norm of dx_L/dx_l", power_cell(layer.log10_product)),
        ("at most", power_cell(layer.log10_upper, UP)),
        ("at least", power_cell(layer.log10_lower, DOWN)),
        ("chi_1", _own(layer)[0]),
        ("saturated", _own(layer)[1]),
    ]
    return "\n".join([f"layer {layer.position}, {layer.name}: {layer.kind}", *(f"  {k}: {v}" for k, v in known)])


@latex.register
def _(layer: ChainLayerDiagnosis) -> str:
    rows = " \\\\\n".join(phrase(line.strip()) for line in text(layer).splitlines())
    return f"\\begin{{array}}{{l}}\n{rows}\n\\end{{array}}"


@to_dict.register
def _(layer: ChainLayerDiagnosis) -> dict[str, Any]:
    prediction = layer.prediction
    return {
        "position": layer.position,
        "layer": layer_data(layer.layer),
        "log10_gradient": number(layer.log10_gradient),
        "log10_input_gradient": number(layer.log10_input_gradient),
        "step": number(layer.step),
        "log10_product": number(layer.log10_product),
        "log10_upper": number(layer.log10_upper),
        "log10_lower": number(layer.log10_lower),
        "log10_predicted": number(layer.log10_predicted),
        "chi_1": None if prediction.chi is None else number(prediction.chi),
        "sigma_w2": None if prediction.sigma_w2 is None else number(prediction.sigma_w2),
        "sigma_b2": None if prediction.sigma_b2 is None else number(prediction.sigma_b2),
        "saturation": layer.saturation,
    }


@to_dict.register
def _(found: DeepDiagnosis) -> dict[str, Any]:
    return {
        "kind": "deep diagnosis",
        "name": found.name,
        "depth": found.depth,
        "outcome": found.outcome.value,
        "verdict": found.verdict.value,
        "found": to_dict(found.found),
        "causes": [to_dict(cause) for cause in found.causes],
        "remedies": [to_dict(remedy) for remedy in found.remedies],
        "layers": [to_dict(layer) for layer in found.layers],
        "measured": to_dict(found.measured),
        "log10_predicted": logs_data(found.log10_predicted),
        "bound": to_dict(found.bound),
        "enclosures": [to_dict(item) for item in found.enclosures],
        "precision": [
            {"format": item.format, "steps": item.steps, "overflow_steps": item.overflow_steps}
            for item in found.precision
        ],
        "inputs": found.inputs,
        "loss": found.loss,
        "delta": number(found.delta),
        "growth": number(found.growth),
        "seed": found.seed,
        "notes": list(found.notes),
    }


@plot.register
def plot_deep_diagnosis(found: DeepDiagnosis, *, ax: Any = None) -> Any:
    """Norms of gradients against the layers: measured, bounded, predicted and enclosed, on one logarithmic axis.

    Args:
        found: the diagnosis.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.
    """
    return draw_deep_diagnosis(found, ax)
