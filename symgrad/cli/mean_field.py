"""The command about the mean-field theory of wide random networks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from symgrad.cli.application import (
    EXIT_CODES,
    AlsoJson,
    Format,
    FormatOption,
    app,
    one_line_errors,
    write_parts,
    write_picture,
)
from symgrad.cli.arguments import chosen_model, parsed_formula, parsed_number
from symgrad.errors import InputError
from symgrad.language import models
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.mean_field import mean_field as theory_of
from symgrad.meanfield.phase import UNDECIDED
from symgrad.numerics.verdict import Verdict

__all__: list[str] = []

Subject = Annotated[
    str,
    typer.Argument(metavar="A", help="An activation, a formula in one variable, or a model.", show_default=False),
]
Weights = Annotated[str | None, typer.Option("--sigma-w2", metavar="V", help="The variance of the weights times n.")]
Biases = Annotated[str | None, typer.Option("--sigma-b2", metavar="V", help="The variance of the biases.")]
Skip = Annotated[str, typer.Option("--skip", metavar="A", help="The factor of a skip connection.")]
Dropout = Annotated[str, typer.Option("--dropout", metavar="P", help="The rate at which entries are dropped.")]
Ensemble = Annotated[str, typer.Option("--weights", metavar="W", help="gaussian or orthogonal.")]
Depth = Annotated[int | None, typer.Option("--depth", metavar="L", help="Layers: the gradient's variance after them.")]
Picture = Annotated[
    str | None,
    typer.Option("--plot", metavar="FILE", help="The phase diagram; with both variances the map's cobweb."),
]


@app.command("mean-field")
def mean_field(
    subject: Subject,
    sigma_w2: Weights = None,
    sigma_b2: Biases = None,
    skip: Skip = "0",
    dropout: Dropout = "0",
    weights: Ensemble = "gaussian",
    depth: Depth = None,
    picture: Picture = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
) -> None:
    """Derive the mean-field theory of a wide random network: maps, critical weights, phase and depth scales.

    With --sigma-b2 all critical variances of the weights with the stability of their fixed points; with --sigma-w2 too
    the fixed points, the phase and the depth scales. Exit code 3: the phase, or that nothing is missing, is not proved.
    """
    with one_line_errors():
        if subject.strip() in models.names():
            theory: Any = theory_of(chosen_model(subject.strip()))
            write_parts({"Mean field": theory}, form, as_json)
            return
        theory = theory_of(
            parsed_formula(subject), parsed_number("skip", skip), parsed_number("dropout", dropout), weights
        )
        numbers = _numbers(sigma_w2, sigma_b2)
        parts, decided = _parts(theory, *numbers, depth)
        if picture is not None:
            write_picture(_drawn(theory, *numbers), picture)
        write_parts(parts, form, as_json)
    if not decided:
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])


def _numbers(sigma_w2: str | None, sigma_b2: str | None) -> tuple[Any, Any]:
    if sigma_w2 is not None and sigma_b2 is None:
        raise InputError("sigma-b2: the variance of the biases is needed beside that of the weights; it may be 0")
    return (
        None if sigma_w2 is None else parsed_number("sigma-w2", sigma_w2),
        None if sigma_b2 is None else parsed_number("sigma-b2", sigma_b2),
    )


def _parts(theory: MeanField, sigma_w2: Any, sigma_b2: Any, depth: int | None) -> tuple[dict[str, Any], bool]:
    """The titled results, and whether everything in them is proved."""
    parts: dict[str, Any] = {"Mean field": theory}
    if sigma_b2 is None:
        return parts, True
    if sigma_w2 is None:
        line = theory.critical_points(sigma_b2)
        parts["Critical line"] = line
        return parts, line.complete
    phase = theory.phase(sigma_w2, sigma_b2)
    parts["Fixed points"] = phase.variances
    parts["Phase"] = phase
    if len(phase.variances.attracting) == 1:
        parts["Correlations"] = theory.c_star(sigma_w2, sigma_b2)
        parts["Depth scales"] = theory.depth_scale(sigma_w2, sigma_b2)
        if depth is not None and theory.layer.skip == 0 and theory.layer.dropout == 0:
            parts["Singular values"] = theory.singular_values(sigma_w2, sigma_b2, depth)
    return parts, phase.word != UNDECIDED


def _drawn(theory: MeanField, sigma_w2: Any, sigma_b2: Any) -> Any:
    if sigma_w2 is not None:
        return theory.plot("cobweb", sigma_w2=sigma_w2, sigma_b2=sigma_b2)
    return theory.plot("phase") if not sigma_b2 else theory.plot("phase", sigma_b2=(0, 2 * float(sigma_b2)))
