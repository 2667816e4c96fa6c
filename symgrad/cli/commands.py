"""The commands: each a call of public functions, with exit codes that scripts can use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from symgrad.bounds.product import product_bound
from symgrad.calculus.jacobian import jacobian
from symgrad.cli.arguments import chosen_model, model_options, parsed_number
from symgrad.errors import NoBoundError, SymgradError
from symgrad.interop.checkpoints import load_inputs, load_weights
from symgrad.language import models
from symgrad.numerics.verdict import Verdict
from symgrad.numerics.verify import verify as verify_bound
from symgrad.present import latex, text, to_dict
from symgrad.present.proofs import proof_text

__all__ = ["main"]

app = typer.Typer(
    name="symgrad",
    help="Derive, typeset and verify closed-form bounds on products of Jacobians of recurrent networks.",
    epilog="Exit codes: 0 the bound holds (or nothing was to be checked), 1 refuted, 2 bad input, 3 undecided.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EXIT_CODES = {Verdict.REFUTED: 1, Verdict.UNDECIDED: 3}
BAD_INPUT = 2


class Format(StrEnum):
    """How a derivation is written."""

    TEXT = "text"
    LATEX = "latex"
    JSON = "json"


ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="A name from `symgrad models`.", show_default=False)]
ActivationText = Annotated[
    str | None,
    typer.Option("--activation", "-a", metavar="A", help="Such as tanh, leaky_relu(0.2) or elu(alpha=2)."),
]
NormText = Annotated[str, typer.Option("--norm", "-p", metavar="P", help="The operator norm: 1, 2 or inf.")]
Ranges = Annotated[
    list[str] | None,
    typer.Option("--range", "-r", metavar="NAME=LOW,HIGH", help="Range of all entries of a symbol, such as c=-16,16."),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="NAME=VALUE", help="An option of the model, such as alpha=0.3."),
]
Prefix = Annotated[str, typer.Option("--prefix", metavar="P", help="Read only weights whose name starts with P.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def main() -> int:
    """Run the command line on ``sys.argv``.

    Returns:
        0 when the bound holds or nothing was to be checked, 1 when it is refuted, 2 for bad input, 3 when undecided.
    """
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn what symgrad raises on purpose into one line on stderr and exit code 2."""
    try:
        yield
    except SymgradError as error:
        hint = "; here: --range NAME=LOW,HIGH" if isinstance(error, NoBoundError) and "assuming" in str(error) else ""
        typer.echo(f"error: {'; '.join(str(error).split(chr(10)))}{hint}", err=True)
        raise typer.Exit(BAD_INPUT) from None


def _write_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, allow_nan=False))


@app.command("models")
def list_models(as_json: Json = False) -> None:
    """List the models with their options and equations."""
    if as_json:
        _write_json([to_dict(models.build(name)) | {"options": model_options(name)} for name in sorted(models.names())])
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
    ranges: Ranges = None,
    options: Options = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to write the result.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Derive the bound on the norm of products of k Jacobians of a model.

    Writes the model's equations, its Jacobian, the bound in closed form and the proof step by step. A symbol whose
    range must be known for a finite bound, such as the cell state c of the LSTM, needs --range.
    """
    with _one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or ())
        bound = product_bound(chosen, norm)
        parts = {"Recurrence": chosen, "Jacobian": jacobian(chosen), "Bound": bound, "Proof": bound.proof}
        if as_json or form is Format.JSON:
            _write_json({name.lower(): to_dict(part) for name, part in parts.items() if name != "Proof"})
            return
        write = _latex_section if form is Format.LATEX else _text_section
        typer.echo("\n\n".join(write(name, part) for name, part in parts.items()))


def _text_section(title: str, part: Any) -> str:
    body = proof_text(part, _proof_widths()) if title == "Proof" else text(part)
    return f"{title}\n{'=' * len(title)}\n{body}"


def _proof_widths() -> tuple[int, ...]:
    """Column widths of a proof that fill the terminal, or what reads well where there is none."""
    total = max(shutil.get_terminal_size((170, 24)).columns, 100)
    number, rule, premises = 3, 20, 9
    rest = total - number - rule - premises - 10
    return number, rest * 46 // 100, rule, premises, rest * 23 // 100, rest * 31 // 100


def _latex_section(title: str, part: Any) -> str:
    return f"% {title} (needs amsmath)\n\\[\n{latex(part)}\n\\]"


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
    options: Options = None,
    prefix: Prefix = "",
    tightened: Annotated[
        str | None, typer.Option("--tightened", metavar="F", help="Check the claim that the rate times F bounds too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the bound of a model with given weights on simulated trajectories.

    Prints for k = 1, 2, 5, 10, ... the bound, the largest norm of a product of k Jacobians found, their ratio and the
    verdict. A bound is called refuted only after ball arithmetic has confirmed the counter-example.
    """
    with _one_line_errors():
        chosen = chosen_model(model, activation, options or (), ranges or ())
        bound = product_bound(chosen, norm)
        if tightened is not None:
            bound = bound.tightened(parsed_number("tightened", tightened))
        arrays = load_weights(weights, prefix)
        sequences = load_inputs(inputs) if inputs is not None else None
        with _progress(shown=not as_json) as report:
            check = verify_bound(
                bound, arrays, horizon=horizon, trajectories=trajectories, search=search, seed=seed,
                inputs=sequences, progress=report,
            )  # fmt: skip
        _write_json(to_dict(check)) if as_json else typer.echo(f"{text(bound)}\n\n{text(check)}")
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
