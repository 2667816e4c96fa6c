"""The command that runs sweeps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from symgrad.cli.application import Json, app, one_line_errors, write_json, write_picture
from symgrad.cli.arguments import parsed_number
from symgrad.errors import InputError, UnknownNameError
from symgrad.present import text, to_dict
from symgrad.sweeps.cells import QUANTITIES
from symgrad.sweeps.functions_by_name import function_by_name
from symgrad.sweeps.interruption import SweepInterruptedError
from symgrad.sweeps.sweep import sweep as run_sweep

__all__: list[str] = []

FAILED, ENDED_EARLY, INTERRUPTED = 4, 5, 130
_TRUTHS = {"true": True, "false": False}
_MOST = 10**9  # values of one parameter

Quantity = Annotated[
    str,
    typer.Argument(
        metavar="QUANTITY",
        help=f"One of {', '.join(QUANTITIES)}; or package.module:function, imported as Python does.",
        show_default=False,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        "-g",
        metavar="NAME=VALUES",
        help="LOW:HIGH:COUNT for equal steps, log:LOW:HIGH:COUNT for equal ratios, or a list such as 16,32,64. "
        "Repeated for each parameter; the last one changes fastest.",
    ),
]
Repetitions = Annotated[int, typer.Option("--repetitions", "-n", help="How often each cell, with other seeds.")]
Seed = Annotated[int, typer.Option("--seed", help="Of all that is drawn.")]
StoreFile = Annotated[
    str | None,
    typer.Option("--store", "-s", metavar="FILE", help="Ends in .parquet or .npz; resumed where it is there already."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", "-w", help="How many processes; this one alone unless given.")
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Of a Dask scheduler: tcp://host:8786.")
]
ChunkSize = Annotated[int | None, typer.Option("--chunk", metavar="N", help="Cells that a worker does in one go.")]
Picture = Annotated[str | None, typer.Option("--plot", metavar="FILE", help="Draw it: the file ends in .png or .pdf.")]
Shown = Annotated[
    str | None, typer.Option("--value", metavar="NAME", help="Of --plot: the value; the first by itself.")
]
Level = Annotated[float | None, typer.Option("--level", help="Of --plot: a value whose contour line is drawn.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Do cells again that failed in an earlier run.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="End at the first cell that fails.")]
Anew = Annotated[bool, typer.Option("--restart", help="Replace what the store has instead of resuming it.")]


@app.command()
def sweep(
    quantity: Quantity,
    parameters: Parameters = None,
    repetitions: Repetitions = 1,
    seed: Seed = 0,
    store: StoreFile = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    chunk: ChunkSize = None,
    picture: Picture = None,
    value: Shown = None,
    level: Level = None,
    retry: Retry = False,
    fail_fast: FailFast = False,
    anew: Anew = False,
    as_json: Json = False,
) -> None:
    """Compute a quantity for every cell of a grid of parameters: phase diagrams, ensembles of weights, bounds.

    Finished cells are kept beside the store, and the same command resumes after an interruption. The result does not
    depend on where it is computed. Exit codes: 4, cells failed, the result has their errors; 5, the sweep ended early,
    the same command resumes it; 130, after Ctrl-C, likewise.
    """
    with one_line_errors(), _resumable():
        if workers is not None and scheduler is not None:
            raise InputError("workers, scheduler: one of both is needed, not both")
        if workers is not None and workers < 1:
            raise InputError(f"workers: a positive number of processes is needed, got {workers}")
        if picture is None and (value is not None or level is not None):
            raise InputError("value, level: of a picture, which --plot asks for")
        if scheduler is not None and "://" not in scheduler:
            raise InputError(f"scheduler: an address such as tcp://host:8786 is needed, got {scheduler!r}")
        found = run_sweep(
            chosen_function(quantity),
            parsed_grid(parameters or ()),
            scheduler if workers is None else workers,
            store,
            seed=seed,
            repetitions=repetitions,
            chunk=chunk,
            resume=not anew,
            retry="failed" if retry else None,
            fail_fast=fail_fast,
        )
        write_json(to_dict(found)) if as_json else typer.echo(text(found))
        if picture is not None:  # last, since what is to be drawn may not be there to draw
            write_picture(found.plot(value=value, level=level), picture)
    if found.failed:
        raise typer.Exit(FAILED)


@contextmanager
def _resumable() -> Iterator[None]:
    """One line on stderr and an exit code of its own for a sweep that ended early."""
    try:
        yield
    except SweepInterruptedError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ENDED_EARLY) from None
    except KeyboardInterrupt as error:
        typer.echo("\n".join(["interrupted", *getattr(error, "__notes__", ())][-1:]), err=True)
        raise typer.Exit(INTERRUPTED) from None


def chosen_function(quantity: str) -> Callable[..., Any]:
    """One of the ready-made functions, or one of a module that can be imported from where the command runs.

    Raises:
        InputError: there is no such module or function.
        UnknownNameError: there is no such quantity.
    """
    if ":" not in quantity:
        if quantity not in QUANTITIES:
            raise UnknownNameError("quantity", quantity, QUANTITIES)
        return QUANTITIES[quantity]
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return function_by_name(quantity)


def parsed_grid(parameters: Any) -> dict[str, Any]:
    """The grid that the options describe.

    Raises:
        InputError: another form, or a parameter that is given twice.

    >>> parsed_grid(["gain=0.5:2:4", "size=16,32", "method=norm,range"])["size"]
    [16, 32]
    """
    grid: dict[str, Any] = {}
    for written in parameters:
        name, equals, values = (part.strip() for part in written.partition("="))
        if not (name and equals and values):
            raise InputError(f"grid: NAME=VALUES such as gain=0.5:2:16 or size=16,32 is needed, got {written!r}")
        if name in grid:
            raise InputError(f"grid: {name} is given twice")
        grid[name] = _parsed_values(name, values)
    if not grid:
        raise InputError("grid: at least one --grid NAME=VALUES is needed")
    return grid


def _parsed_values(name: str, values: str) -> Any:
    if ":" in values:
        return _spaced(name, values)
    words = [word.strip() for word in values.split(",")]
    if "" in words:
        raise InputError(f"grid: {name} has an empty value in {values!r}")
    if all(word.lower() in _TRUTHS for word in words):
        return [_TRUTHS[word.lower()] for word in words]
    try:
        return _numbers(name, words)
    except InputError:
        return words


def _numbers(name: str, words: list[str]) -> list[int] | list[float]:
    """Integers if all of them are, else floats."""
    exact = [parsed_number(name, word) for word in words]
    return [int(number) for number in exact] if all(n.is_Integer for n in exact) else [float(n) for n in exact]


def _spaced(name: str, values: str) -> Any:
    """Values with equal steps or equal ratios; whole numbers where ends and steps are."""
    head, _, rest = values.partition(":")
    logarithmic = head.strip() == "log"
    parts = (rest if logarithmic else values).split(":")
    if len(parts) != 3:
        raise InputError(f"grid: LOW:HIGH:COUNT or log:LOW:HIGH:COUNT is needed for {name}, got {values!r}")
    low, high, count = (parsed_number(f"grid of {name}", part) for part in parts)
    if not count.is_Integer or not 1 <= count <= _MOST or (count == 1) != (low == high):
        raise InputError(f"grid: a whole number of values, two or more between different ends, is needed: {values!r}")
    if logarithmic:
        if not 0 < low < high:
            raise InputError(f"grid: increasing positive ends are needed for {name}, got {values!r}")
        return np.geomspace(float(low), float(high), int(count))
    step = (high - low) / max(int(count) - 1, 1)
    if low.is_Integer and step.is_Integer and ("." not in values):
        return range(int(low), int(high) + (1 if step >= 0 else -1), int(step) or 1)
    return np.linspace(float(low), float(high), int(count))
