"""The commands: each a call of public functions, with exit codes that scripts can use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from symgrad.bounds.product import product_bound
from symgrad.calculus.jacobian import jacobian
from symgrad.cli.application import (
    EXIT_CODES,
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
    Side,
    app,
    one_line_errors,
    write_json,
    write_parts,
)
from symgrad.cli.arguments import chosen_model, model_options, parsed_number
from symgrad.interop.checkpoints import load_inputs, load_weights
from symgrad.language import models
from symgrad.numerics.verify import verify as verify_bound
from symgrad.present import text, to_dict

__all__: list[str] = []


@app.command("models")
def list_models(as_json: Json = False) -> None:
    """List the models with their options and equations."""
    if as_json:
        write_json([to_dict(models.build(name)) | {"options": model_options(name)} for name in sorted(models.names())])
        return
    for name in sorted(models.names()):
        options = model_options(name)
        typer.echo(f"{name}({options})")
        typer.echo("\n".join(f"    {line}" for line in text(models.build(name)).splitlines()))


@app.command()
def derive(
    model: ModelName,
    activation: ActivationText = None,
    norm: NormText = "2",
    side: Side = "upper",
    method: Method = "norm",
    ranges: Ranges = None,
    assumed: Assumed = None,
    options: Options = None,
    layers: Layers = 1,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
) -> None:
    """Derive the bound on the norm of products of k Jacobians of a model.

    Writes the model's equations, its Jacobian, the bound in closed form and the proof step by step. A symbol whose
    range must be known for a finite bound, such as the cell state c of the LSTM, needs --range.
    """
    with one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or (), assumed or (), layers)
        bound = product_bound(chosen, norm, side, method)
        parts = {"Recurrence": chosen, "Jacobian": jacobian(chosen), "Bound": bound, "Proof": bound.proof}
        write_parts(parts, form, as_json)


@app.command()
def verify(
    model: ModelName,
    weights: Annotated[
        str, typer.Option("--weights", "-w", metavar="FILE", help="A .safetensors or .npz file.", show_default=False)
    ],
    activation: ActivationText = None,
    norm: NormText = "2",
    horizon: Annotated[int, typer.Option("--horizon", "-k", help="The largest number of factors.")] = 200,
    trajectories: Annotated[int, typer.Option("--trajectories", "-n", help="How many to simulate.")] = 200,
    search: Annotated[str, typer.Option("--search", "-s", help="random or adversarial.")] = "random",
    seed: Annotated[int, typer.Option("--seed", help="Of all that is drawn.")] = 0,
    inputs: Annotated[
        str | None,
        typer.Option(
            "--inputs", "-i", metavar="FILE", help="Real sequences: (steps, size) or (sequences, steps, size)."
        ),
    ] = None,
    ranges: Ranges = None,
    assumed: Assumed = None,
    options: Options = None,
    layers: Layers = 1,
    side: Side = "upper",
    method: Method = "norm",
    prefix: Prefix = "",
    tightened: Annotated[
        str | None, typer.Option("--tightened", metavar="F", help="Check the claim that the rate times F bounds too.")
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="numpy, torch, jax or cupy computes.")] = "numpy",
    device: Annotated[
        str | None, typer.Option("--device", help="Where, in that library's words: cpu, cuda, ...")
    ] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float64 or float32.")] = "float64",
    as_json: Json = False,
) -> None:
    """Check the bound of a model with given weights on simulated trajectories.

    Prints for k = 1, 2, 5, 10, ... the bound, the largest norm of a product of k Jacobians found, their ratio and the
    verdict. A bound is called refuted only after ball arithmetic has confirmed the counter-example.
    """
    with one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or (), assumed or (), layers)
        bound = product_bound(chosen, norm, side, method)
        if tightened is not None:
            bound = bound.tightened(parsed_number("tightened", tightened))
        arrays = load_weights(weights, prefix)
        sequences = load_inputs(inputs) if inputs is not None else None
        with _progress(shown=not as_json) as report:
            check = verify_bound(
                bound, arrays, horizon=horizon, trajectories=trajectories, search=search, seed=seed,
                inputs=sequences, progress=report, backend=backend, device=device, dtype=dtype,
            )  # fmt: skip
        write_json(to_dict(check)) if as_json else typer.echo(f"{text(bound)}\n\n{text(check)}")
    if not check.verdict.holds:
        raise typer.Exit(EXIT_CODES[check.verdict])


@contextmanager
def _progress(shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, only on a terminal; yields the function that moves it."""
    console = Console(stderr=True)
    columns = TextColumn("trajectories"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("trajectories", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
