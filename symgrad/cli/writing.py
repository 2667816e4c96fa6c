"""The commands that bound gradients and write reports."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from symgrad.bounds.gradient import T, gradient_bound
from symgrad.bounds.layer_gradient import layer_gradient_bound
from symgrad.bounds.product import check_method
from symgrad.calculus.unroll import unroll
from symgrad.cli.application import (
    ActivationText,
    AlsoJson,
    Assumed,
    Format,
    FormatOption,
    Json,
    Layers,
    Method,
    ModelName,
    NormText,
    Options,
    Prefix,
    Ranges,
    app,
    one_line_errors,
    write_json,
    write_parts,
)
from symgrad.cli.arguments import chosen_model
from symgrad.errors import InputError
from symgrad.interop.checkpoints import load_weights
from symgrad.language.recurrence import Recurrence
from symgrad.present.reports import report as write_report

__all__: list[str] = []

WeightsFile = Annotated[
    str | None, typer.Option("--weights", "-w", metavar="FILE", help="A .safetensors or .npz file.")
]


@app.command()
def gradient(
    model: ModelName,
    steps: Annotated[int | None, typer.Option("--steps", "-t", help="How many steps; a symbol T unless given.")] = None,
    kept: Annotated[
        int | None, typer.Option("--truncate", "-k", metavar="K", help="Bound what keeping K terms leaves out.")
    ] = None,
    activation: ActivationText = None,
    norm: NormText = "2",
    method: Method = "norm",
    ranges: Ranges = None,
    assumed: Assumed = None,
    options: Options = None,
    layers: Layers = 1,
    weights: WeightsFile = None,
    prefix: Prefix = "",
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
) -> None:
    """Bound the gradient of a loss by a model's parameters.

    Writes backpropagation through time as a sum, the bound and its proof; with weights and steps also its value for a
    loss whose gradient by the last state has norm 1. States and inputs that are not bounded by themselves need --range;
    by every method but norm only inputs do, for trajectories that start in the invariant box.
    """
    with one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or (), assumed or (), layers)
        if chosen.depth is not None:
            check_method(chosen, method, "upper")
            _gradient_of_layers(chosen, norm, steps, kept, weights, form, as_json)
            return
        bound = gradient_bound(chosen, T if steps is None else steps, norm, method)
        bound = bound if kept is None else bound.truncation(kept)
        parts: dict[str, Any] = {"Sum": unroll(chosen), "Bound": bound, "Proof": bound.proof}
        value = None if weights is None else bound.evaluate(load_weights(weights, prefix))
        write_parts(parts, form, as_json, value)


def _gradient_of_layers(
    model: Recurrence, norm: str, steps: int | None, kept: int | None, weights: str | None, form: Format, as_json: bool
) -> None:
    """The same for a model with a depth, in which each layer has a gradient of its own."""
    refused = {"--steps": steps, "--truncate": kept, "--weights": weights}
    given = [name for name, value in refused.items() if value is not None]
    if given:
        raise InputError(f"{', '.join(given)}: model {model.name} has layers with parameters of their own, not steps")
    bound = layer_gradient_bound(model, norm)
    write_parts({"Sum": unroll(model), "Bound": bound, "Proof": bound.proofs[0]}, form, as_json, None)


@app.command()
def report(
    model: ModelName,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="Ends in .html, .tex, .md or .pdf.", show_default=False),
    ],
    weights: WeightsFile = None,
    activation: ActivationText = None,
    norms: Annotated[
        list[str] | None, typer.Option("--norm", "-p", metavar="P", help="1, 2 or inf; may be repeated.")
    ] = None,
    ranges: Ranges = None,
    assumed: Assumed = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="An option of the model, such as alpha=0.3."),
    ] = None,
    layers: Layers = 1,
    horizon: Annotated[int, typer.Option("--horizon", "-k", help="The largest number of factors.")] = 100,
    trajectories: Annotated[int, typer.Option("--trajectories", "-n", help="How many to simulate.")] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is drawn.")] = 0,
    prefix: Prefix = "",
    as_json: Json = False,
) -> None:
    """Write a report on a model: equations, Jacobian, gradient, bounds or why there are none, proofs.

    With weights also a table of the bounds' values, and a plot against simulated trajectories beside the report.
    """
    with one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or (), assumed or (), layers)
        arrays = None if weights is None else load_weights(weights, prefix)
        path = write_report(
            chosen, output, arrays, norms=norms or (2, 1, "inf"), horizon=horizon, trajectories=trajectories, seed=seed
        )
        write_json({"kind": "report", "model": chosen.name, "path": str(path)}) if as_json else typer.echo(str(path))
