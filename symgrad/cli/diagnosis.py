"""The command that says why gradients through the network of a weight file vanish or explode."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from symgrad.cli.application import (
    EXIT_CODES,
    ActivationText,
    Json,
    Layers,
    Options,
    Prefix,
    app,
    one_line_errors,
    write_json,
    write_picture,
)
from symgrad.cli.arguments import chosen_model, parsed_number
from symgrad.cli.networks import Failure
from symgrad.diagnosis.diagnose import diagnose as diagnosis_of
from symgrad.interop.checkpoints import load_inputs
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.present import to_dict
from symgrad.present.reports import report

__all__: list[str] = []


@app.command()
def diagnose(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Weights: .safetensors, .npz or a PyTorch state dict.", show_default=False),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="MODEL", help="A name from `symgrad models`; read off the shapes unless given."
        ),
    ] = None,
    activation: ActivationText = None,
    options: Options = None,
    layers: Layers = 1,
    inputs: Annotated[
        str | None,
        typer.Option("--inputs", "-i", metavar="FILE", help="Sequences: (steps, size) or (sequences, steps, size)."),
    ] = None,
    horizon: Annotated[int, typer.Option("--horizon", "-k", help="The largest number of factors.")] = 200,
    trajectories: Annotated[
        int, typer.Option("--trajectories", "-n", help="How many sequences to draw where none are given.")
    ] = 8,
    delta: Annotated[str, typer.Option("--delta", metavar="D", help="Products below D have vanished.")] = "1e-3",
    growth: Annotated[str, typer.Option("--growth", metavar="G", help="Products of G or more have exploded.")] = "1e3",
    seed: Annotated[int, typer.Option("--seed", help="Of all that is drawn.")] = 0,
    remedies: Annotated[bool, typer.Option("--remedies/--no-remedies", help="Look for remedies, or not.")] = True,
    fail_if: Annotated[
        list[Failure] | None,
        typer.Option("--fail-if", help="Exit code 1 if a layer's gradients do that, 3 if undecided; may be repeated."),
    ] = None,
    picture: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Also draw it: .png, .pdf or .svg.")
    ] = None,
    page: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Also write a report: .html, .md, .tex or .pdf.")
    ] = None,
    prefix: Prefix = "",
    as_json: Json = False,
) -> None:
    """Say why gradients through a network vanish or explode, and what to do about it.

    Prints for each layer the outcome and how it is known, the certified bounds, what was measured, causes and remedies.
    """
    with one_line_errors():
        found = diagnosis_of(
            file, None if inputs is None else load_inputs(inputs), horizon=horizon, prefix=prefix, seed=seed,
            model=_model(model, activation, options or [], layers), trajectories=trajectories, remedies=remedies,
            delta=parsed_number("delta", delta), growth=parsed_number("growth", growth),
        )  # fmt: skip
        if picture is not None:
            write_picture(found.plot(), picture)
        if page is not None:
            report(found, page)
        write_json(to_dict(found)) if as_json else Console().print(found)
    _exit(found, fail_if or [])


def _model(name: str | None, activation: str | None, options: list[str], layers: int) -> Any:
    """The model, or its bare name where the file is to tell the number of layers."""
    if name is None or (activation is None and not options and layers == 1):
        return name
    return chosen_model(name, activation, options, [], [], layers)


def _exit(found: Any, failures: list[Failure]) -> None:
    """End with the code of a finding, or with that of an open question."""
    outcomes = {layer.outcome for layer in found.layers}
    if any(Outcome(failure.value) in outcomes for failure in failures):
        raise typer.Exit(EXIT_CODES[Verdict.REFUTED])
    if failures and Outcome.UNDECIDED in outcomes:
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])
