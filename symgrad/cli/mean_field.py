"""The command about the mean-field theory of wide random networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from flint import arb

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
from symgrad.meanfield.depth_scales import GradientVariance
from symgrad.meanfield.mean_field import mean_field as theory_of
from symgrad.meanfield.phase import UNDECIDED
from symgrad.meanfield.recurrent import RecurrentMeanField
from symgrad.numerics.verdict import Verdict

__all__: list[str] = []

Subject = Annotated[
    str,
    typer.Argument(metavar="A", help="An activation, a formula in one variable, or a model.", show_default=False),
]
Weights = Annotated[str | None, typer.Option("--sigma-w2", metavar="V", help="The variance of the weights times n.")]
Biases = Annotated[str | None, typer.Option("--sigma-b2", metavar="V", help="The variance of the biases.")]
Skip = Annotated[str | None, typer.Option("--skip", metavar="A", help="The factor of a skip connection.")]
Dropout = Annotated[str | None, typer.Option("--dropout", metavar="P", help="The rate at which entries are dropped.")]
Ensemble = Annotated[str | None, typer.Option("--weights", metavar="W", help="gaussian or orthogonal.")]
Depth = Annotated[int | None, typer.Option("--depth", metavar="L", help="How many layers gradients pass.")]
Picture = Annotated[str | None, typer.Option("--plot", metavar="FILE", help="Draw it: the file ends in .png or .pdf.")]
Kind = Annotated[
    str | None,
    typer.Option("--kind", metavar="K", help="Of --plot: phase, cobweb, correlation or depth."),
]
Variances = Annotated[
    list[str] | None,
    typer.Option("--variance", metavar="[NAME=]V", help="Of a model: n times that of a weight; of all without a name."),
]
Means = Annotated[
    list[str] | None, typer.Option("--mean", metavar="NAME=V", help="Of a model: of a bias, or a scalar parameter.")
]
Inputs = Annotated[str | None, typer.Option("--inputs", metavar="V", help="Of a model: mean square of the inputs.")]
ModelOptions = Annotated[
    list[str] | None, typer.Option("--option", "-o", metavar="NAME=VALUE", help="Of a model, such as alpha=0.3.")
]


@app.command("mean-field")
def mean_field(
    subject: Subject,
    sigma_w2: Weights = None,
    sigma_b2: Biases = None,
    skip: Skip = None,
    dropout: Dropout = None,
    weights: Ensemble = None,
    depth: Depth = None,
    variances: Variances = None,
    means: Means = None,
    inputs: Inputs = None,
    options: ModelOptions = None,
    picture: Picture = None,
    kind: Kind = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
) -> None:
    """Derive the mean-field theory of a wide random network: maps, critical weights, phase and depth scales.

    With --sigma-b2 all critical variances of the weights with the stability of their fixed points; with --sigma-w2 too
    the fixed points, the phase and the depth scales. Of a model such as lstm the stationary moments and the size of the
    state Jacobian. Exit code 3: a phase, a stability, or that nothing is missing, is not proved.
    """
    with one_line_errors():
        if kind is not None and picture is None:
            raise InputError("kind: of a picture, which --plot asks for")
        name = subject.strip()
        layer = {"sigma-w2": sigma_w2, "sigma-b2": sigma_b2, "skip": skip, "dropout": dropout, "weights": weights}
        cell = {"variance": variances, "mean": means, "inputs": inputs, "option": options}
        if name in models.names():
            _refuse({**layer, "depth": depth, "kind": kind}, "an activation", f"the model {name}")
            theory: Any = _recurrent(name, variances or (), means or (), inputs, options or ())
            parts: dict[str, Any] = {"Theory": theory}
            decided = _is_decided(theory)
            axes = None if picture is None else theory.plot()
        else:
            _refuse(cell, "a model", f"the activation {name}")
            theory = _feedforward(subject, skip, dropout, weights)
            numbers = _numbers(sigma_w2, sigma_b2, depth)
            parts, decided = _parts(theory, *numbers, depth)
            axes = None if picture is None else _drawn(theory, *numbers, kind, depth)
        if picture is not None:
            write_picture(axes, picture)
        write_parts(parts, form, as_json)
    if not decided:
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])


def _refuse(options: dict[str, Any], owner: str, subject: str) -> None:
    given = [name for name, value in options.items() if value not in (None, [])]
    if given:
        raise InputError(f"{', '.join(given)}: of {owner}, got {subject}")


def _feedforward(subject: str, skip: str | None, dropout: str | None, weights: str | None) -> MeanField:
    kept, dropped = parsed_number("skip", skip or "0"), parsed_number("dropout", dropout or "0")
    return theory_of(parsed_formula(subject), kept, dropped, weights or "gaussian")


def _recurrent(
    name: str, variances: Sequence[str], means: Sequence[str], inputs: str | None, options: Sequence[str]
) -> RecurrentMeanField:
    found: dict[str, Any] = {"means": _named("mean", means)} if means else {}
    if len(variances) == 1 and "=" not in variances[0]:
        found["variances"] = parsed_number("variance", variances[0])
    elif variances:
        found["variances"] = _named("variance", variances)
    if inputs is not None:
        found["inputs"] = parsed_number("inputs", inputs)
    return theory_of(chosen_model(name, options=options), **found)


def _named(label: str, texts: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for written in texts:
        name, equals, value = (part.strip() for part in written.partition("="))
        if not (name and equals and value):
            raise InputError(f"{label}: NAME=NUMBER such as W=2 is needed, got {written!r}")
        if name in found:
            raise InputError(f"{label}: {name} is given twice")
        found[name] = parsed_number(f"{label} of {name}", value)
    return found


def _is_decided(theory: RecurrentMeanField) -> bool:
    """Whether each stationary point is proved, with its stability and its phase."""
    return bool(theory.points) and all(
        point.attracting is not None and point.phase != UNDECIDED and isinstance(point.chi, arb)
        for point in theory.points
    )


def _numbers(sigma_w2: str | None, sigma_b2: str | None, depth: int | None) -> tuple[Any, Any]:
    if sigma_w2 is not None and sigma_b2 is None:
        raise InputError("sigma-b2: the variance of the biases is needed beside that of the weights; it may be 0")
    if depth is not None and sigma_w2 is None:
        raise InputError("depth: gradients need the variances of weights and biases, --sigma-w2 and --sigma-b2")
    return (
        None if sigma_w2 is None else parsed_number("sigma-w2", sigma_w2),
        None if sigma_b2 is None else parsed_number("sigma-b2", sigma_b2),
    )


def _parts(theory: MeanField, sigma_w2: Any, sigma_b2: Any, depth: int | None) -> tuple[dict[str, Any], bool]:
    """The titled results, and whether everything in them is proved."""
    parts: dict[str, Any] = {"Theory": theory}
    if sigma_b2 is None:
        return parts, True
    if sigma_w2 is None:
        line = theory.critical_points(sigma_b2)
        parts["Criticality"] = line
        return parts, line.complete and all(point.is_edge is not None for point in line)
    phase = theory.phase(sigma_w2, sigma_b2)
    parts |= {"Phase": phase, "Variances": phase.variances}
    if len(phase.variances.attracting) != 1 and not phase.variances.continuum:
        return parts, phase.word != UNDECIDED
    correlations = theory.c_star(sigma_w2, sigma_b2)
    parts |= {"Correlations": correlations, "Scales": theory.depth_scale(sigma_w2, sigma_b2)}
    if depth is not None:
        parts["Gradient"] = _gradient(theory, sigma_w2, sigma_b2, depth)
    return parts, phase.word != UNDECIDED and correlations.complete


def _gradient(theory: MeanField, sigma_w2: Any, sigma_b2: Any, depth: int) -> GradientVariance:
    scales = theory.depth_scale(sigma_w2, sigma_b2)
    chi, value = theory.chi(sigma_w2, sigma_b2), theory.gradient_variance(sigma_w2, sigma_b2, depth)
    return GradientVariance(scales.variance, scales.stability, chi, depth, value)


def _drawn(theory: MeanField, sigma_w2: Any, sigma_b2: Any, kind: str | None, depth: int | None) -> Any:
    """The picture asked for; by itself the cobweb of given variances, or the phase diagram."""
    chosen = kind or ("phase" if sigma_w2 is None else "cobweb")
    if chosen == "phase":
        ends = {"sigma_b2": (0, 2 * float(sigma_b2))} if sigma_b2 else {}
        return theory.plot("phase", **ends)
    layers = {"depth": depth} if depth is not None else {}
    return theory.plot(chosen, sigma_w2=sigma_w2, sigma_b2=sigma_b2, **layers)
