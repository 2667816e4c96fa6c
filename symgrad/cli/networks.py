"""The commands about a network with given weights as a whole: all bounds side by side, and a verdict."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from symgrad.cli.application import (
    EXIT_CODES,
    ActivationText,
    Assumed,
    Json,
    Layers,
    ModelName,
    NormText,
    Options,
    Prefix,
    Ranges,
    app,
    one_line_errors,
    write_json,
    write_picture,
)
from symgrad.cli.arguments import chosen_model, parsed_number
from symgrad.interop.checkpoints import load_inputs, load_weights
from symgrad.numerics.comparison import compare_bounds
from symgrad.numerics.network_verdict import NetworkVerdict
from symgrad.numerics.network_verdict import verdict as verdict_on
from symgrad.numerics.verdict import Verdict
from symgrad.present import text, to_dict

__all__: list[str] = []

Horizon = Annotated[int, typer.Option("--horizon", "-k", help="The largest number of factors.")]
Seed = Annotated[int, typer.Option("--seed", help="Of all that is drawn.")]
Inputs = Annotated[
    str | None,
    typer.Option("--inputs", "-i", metavar="FILE", help="Real sequences: (steps, size) or (sequences, steps, size)."),
]


class Failure(StrEnum):
    """What makes the verdict a failure for scripts."""

    VANISHING = "vanishing"
    EXPLODING = "exploding"


@app.command()
def compare(
    model: ModelName,
    weights: Annotated[
        str, typer.Option("--weights", "-w", metavar="FILE", help="A .safetensors or .npz file.", show_default=False)
    ],
    activation: ActivationText = None,
    norm: NormText = "2",
    methods: Annotated[
        list[str] | None, typer.Option("--method", "-m", metavar="M", help="Only this method; may be repeated.")
    ] = None,
    horizon: Horizon = 100,
    trajectories: Annotated[int, typer.Option("--trajectories", "-n", help="How many to simulate.")] = 100,
    seed: Seed = 0,
    inputs: Inputs = None,
    picture: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Also draw it: .png, .pdf or .svg.")
    ] = None,
    ranges: Ranges = None,
    assumed: Assumed = None,
    options: Options = None,
    layers: Layers = 1,
    prefix: Prefix = "",
    as_json: Json = False,
) -> None:
    """Compare what every method proves with the growth of simulated trajectories.

    Prints each bound for some k, how many factors it takes to vanish, and which bound is closest when.
    """
    with one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or (), assumed or (), layers)
        found = compare_bounds(
            chosen, load_weights(weights, prefix), horizon, norm=norm, methods=methods or None,
            trajectories=trajectories, seed=seed, inputs=None if inputs is None else load_inputs(inputs),
        )  # fmt: skip
        if picture is not None:
            write_picture(found.plot(), picture)
        write_json(to_dict(found)) if as_json else typer.echo(text(found))


@app.command()
def verdict(
    model: ModelName,
    weights: Annotated[
        str | None, typer.Option("--weights", "-w", metavar="FILE", help="A .safetensors or .npz file.")
    ] = None,
    activation: ActivationText = None,
    norm: NormText = "2",
    horizon: Horizon = 200,
    delta: Annotated[str, typer.Option("--delta", metavar="D", help="Products below D have vanished.")] = "1e-3",
    growth: Annotated[str, typer.Option("--growth", metavar="G", help="Products of G or more have exploded.")] = "1e3",
    seed: Seed = 0,
    inputs: Inputs = None,
    fail_if: Annotated[
        Failure | None, typer.Option("--fail-if", help="Exit code 1 if this is proved, 3 if it is not excluded.")
    ] = None,
    ranges: Ranges = None,
    assumed: Assumed = None,
    options: Options = None,
    layers: Layers = 1,
    prefix: Prefix = "",
    as_json: Json = False,
) -> None:
    """Tell whether gradients through a network vanish, explode, or provably do neither.

    Prints the outcome and, for each of four statements, what proves it. Without weights only what the rules prove for
    all weights with the declared ranges and properties is stated.
    """
    with one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or (), assumed or (), layers)
        found = verdict_on(
            chosen, None if weights is None else load_weights(weights, prefix), horizon, norm=norm, seed=seed,
            inputs=None if inputs is None else load_inputs(inputs),
            delta=parsed_number("delta", delta), growth=parsed_number("growth", growth),
        )  # fmt: skip
        write_json(to_dict(found)) if as_json else typer.echo(text(found))
    if fail_if is not None:
        _exit(found, fail_if)


def _exit(found: NetworkVerdict, failure: Failure) -> None:
    """End with the code of a finding, or with that of an open question."""
    if failure is Failure.VANISHING:
        proved, excluded = found.vanishing_proved, found.vanishing_excluded
    else:
        proved, excluded = found.explosion_proved, found.explosion_excluded
    if proved:
        raise typer.Exit(EXIT_CODES[Verdict.REFUTED])
    if not excluded:
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])
