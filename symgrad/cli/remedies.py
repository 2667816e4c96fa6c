"""The commands about normalisation, clipping, decay, initial weights and losses, beside those on gate biases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import sympy as sp
import typer

from symgrad.cli.application import (
    EXIT_CODES,
    AlsoJson,
    Format,
    FormatOption,
    one_line_errors,
    write_picture,
    write_result,
)
from symgrad.cli.arguments import chosen_model, parsed_formula, parsed_number
from symgrad.cli.design import design
from symgrad.design.decay import weight_decay as decayed
from symgrad.design.gradient_clipping import clipping as clipped
from symgrad.design.leaky_slopes import leaky_slope as slope_of_units
from symgrad.design.losses import compare_losses, loss_factor
from symgrad.design.normalisation import Normalisation
from symgrad.design.normalisations import batch_norm, layer_norm, rms_norm
from symgrad.design.orthogonal import identity_initialisation, orthogonal_initialisation
from symgrad.design.spectral import spectral_normalisation as scaled
from symgrad.design.stacks import post_norm, pre_norm
from symgrad.design.truncation_windows import truncation as cut_off
from symgrad.errors import InputError
from symgrad.numerics.verdict import Verdict

__all__: list[str] = []

_NORMS: dict[str, Callable[..., Normalisation]] = {"layer": layer_norm, "rms": rms_norm, "batch": batch_norm}
_STACKS = {"pre": pre_norm, "post": post_norm}

Check = Annotated[bool, typer.Option("--check", help="Also compare with numbers; exit code 1 where it fails.")]
Steps = Annotated[int | None, typer.Option("--steps", "-t", help="How many steps or layers; a symbol unless given.")]
Rate = Annotated[str | None, typer.Option("--rate", metavar="ETA", help="The learning rate; a symbol unless given.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="A model; see symgrad models.", show_default=False)]
Ranges = Annotated[
    list[str] | None, typer.Option("--assume", "-a", metavar="NAME=LOW,HIGH", help="The range of a state or input.")
]


def _number(label: str, text: str | None) -> sp.Rational | None:
    return None if text is None else parsed_number(label, text)


def _numbers(label: str, text: str | None) -> Any:
    """One number, or several between commas."""
    if text is None or "," not in text:
        return _number(label, text)
    return [parsed_number(label, part) for part in text.split(",")]


def _write(result: Any, form: Format, as_json: bool, checked: bool) -> None:
    write_result(result, form, as_json)
    if not checked:
        return
    found = result.verify()
    typer.echo(str(found), err=as_json)
    if not found.holds:
        raise typer.Exit(EXIT_CODES[Verdict.REFUTED])


def _chosen(label: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise InputError(f"{label}: one of {', '.join(known)} is needed, got {name!r}")
    return known[name]


@design.command("norm")
def norm(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="layer, rms or batch.", show_default=False)],
    size: Annotated[int | None, typer.Option("--size", "-n", help="Entries normalised together.")] = None,
    gamma: Annotated[str | None, typer.Option("--gamma", metavar="G", help="The gain, or one for each: 1,2,3.")] = None,
    eps: Annotated[str | None, typer.Option("--eps", metavar="E", help="What is added to the variance.")] = None,
    placement: Annotated[
        str | None, typer.Option("--stack", metavar="P", help="pre or post: a residual stack with it.")
    ] = None,
    lipschitz: Annotated[
        str | None, typer.Option("--lipschitz", "-L", metavar="L", help="Of the branches of the stack.")
    ] = None,
    std: Annotated[str | None, typer.Option("--std", metavar="S", help="A lower bound of s in the stack.")] = None,
    steps: Steps = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """The Jacobian of a normalisation and its norm, or the bound on a residual stack with it."""
    with one_line_errors():
        found: Any = _chosen("KIND", kind, _NORMS)(size, _numbers("gamma", gamma), _number("eps", eps))
        if placement is not None:
            options = {"lipschitz": _number("lipschitz", lipschitz), "std": _number("std", std), "steps": steps}
            found = _chosen("stack", placement, _STACKS)(found, **options)
        _write(found, form, as_json, checked)


@design.command("clipping")
def clipping(
    norm: Annotated[str | None, typer.Option("--norm", metavar="THETA", help="Threshold of the norm.")] = None,
    value: Annotated[str | None, typer.Option("--value", metavar="THETA", help="Threshold of each entry.")] = None,
    rate: Rate = None,
    momentum: Annotated[str, typer.Option("--momentum", metavar="MU", help="In [0, 1).")] = "0",
    size: Annotated[int | None, typer.Option("--size", "-n", help="Entries of the gradient.")] = None,
    ratio: Annotated[str | None, typer.Option("--ratio", metavar="RHO", help="Largest entry over threshold.")] = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """What clipped gradients can do to the parameters, by norm or by value."""
    with one_line_errors():
        limits = {"norm": _number("norm", norm), "value": _number("value", value), "rate": _number("rate", rate)}
        more = {"momentum": parsed_number("momentum", momentum), "ratio": _number("ratio", ratio)}
        _write(clipped(**limits, **more, size=size), form, as_json, checked)


@design.command("leaky-slope")
def leaky_slope(
    steps: Steps = None,
    at_least: Annotated[str | None, typer.Option("--at-least", metavar="C", help="The share to be kept.")] = None,
    sigma: Annotated[str, typer.Option("--sigma-min", metavar="S", help="Least singular value of W.")] = "1",
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """The slope of leaky ReLU that keeps a share of every gradient's length."""
    with one_line_errors():
        share = _number("at-least", at_least)
        found = slope_of_units(steps=steps, at_least=share, sigma_min=parsed_number("sigma-min", sigma))
        _write(found, form, as_json, checked)


@design.command("orthogonal")
def orthogonal(
    activation: Annotated[str, typer.Argument(metavar="A", help="An activation or a formula.", show_default=False)],
    gain: Annotated[str, typer.Option("--gain", metavar="G", help="What the weights are multiplied by.")] = "1",
    identity: Annotated[
        bool, typer.Option("--identity", help="The identity instead of any orthogonal matrix.")
    ] = False,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """What orthogonal or identity weights guarantee about products of Jacobians."""
    with one_line_errors():
        make = identity_initialisation if identity else orthogonal_initialisation
        _write(make(parsed_formula(activation), parsed_number("gain", gain)), form, as_json, checked)


@design.command("weight-decay")
def weight_decay(
    rate: Rate = None,
    decay: Annotated[str | None, typer.Option("--decay", metavar="LAMBDA", help="A symbol unless given.")] = None,
    norm: Annotated[str | None, typer.Option("--norm", metavar="W", help="The norm at the start.")] = None,
    gradient: Annotated[str, typer.Option("--gradient", metavar="G", help="Limit on the norm of gradients.")] = "0",
    target: Annotated[str | None, typer.Option("--target", metavar="C", help="The norm to come down to.")] = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """How fast weight decay shrinks a norm, and after how many steps it is small enough."""
    with one_line_errors():
        first = {"rate": _number("rate", rate), "decay": _number("decay", decay), "norm": _number("norm", norm)}
        found = decayed(**first, gradient=parsed_number("gradient", gradient), target=_number("target", target))
        _write(found, form, as_json, checked)


@design.command("spectral-normalisation")
def spectral_normalisation(
    model: Model,
    radius: Annotated[str, typer.Option("--radius", metavar="RHO", help="The norm that weights are scaled to.")] = "1",
    which: Annotated[list[str] | None, typer.Option("--weight", "-w", metavar="NAME", help="Only this weight.")] = None,
    ranges: Ranges = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """The rate of a model after its weights are scaled to an operator norm."""
    with one_line_errors():
        chosen = chosen_model(model, ranges=ranges or ())
        found = scaled(chosen, radius=parsed_number("radius", radius), which=which or None)
        _write(found, form, as_json, checked)


@design.command("truncation")
def truncation(
    model: Model,
    delta: Annotated[str, typer.Option("--delta", metavar="D", help="The share that may be left out.")],
    steps: Steps = None,
    ranges: Ranges = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
) -> None:
    """The window of truncated backpropagation through time that leaves out at most a share of the bound."""
    with one_line_errors():
        found = cut_off(chosen_model(model, ranges=ranges or ()), delta=parsed_number("delta", delta), steps=steps)
        _write(found, form, as_json, checked=False)


@design.command("loss")
def loss(
    formula: Annotated[str, typer.Argument(metavar="L", help='In y and t, as "(y - t)^2/2".', show_default=False)],
    against: Annotated[str | None, typer.Option("--against", metavar="L", help="Another loss to compare with.")] = None,
    output: Annotated[str, typer.Option("--output", metavar="A", help="The output activation.")] = "sigmoid",
    target: Annotated[str | None, typer.Option("--target", metavar="T", help="A number for t.")] = None,
    picture: Annotated[str | None, typer.Option("--plot", metavar="FILE", help="Write a picture.")] = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """What a loss sends back through its output activation, and whether that saturates."""
    with one_line_errors():
        function, number = parsed_formula(output), _number("target", target)
        one = loss_factor(formula, function, number)
        found = one if against is None else compare_losses(formula, against, function, number)
        if picture is not None:
            write_picture(found.plot(), picture)
        _write(found, form, as_json, checked)
