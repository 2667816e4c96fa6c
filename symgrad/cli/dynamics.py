"""The commands about the dynamics of a network: its fixed points, and where they change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import sympy as sp
import typer

from symgrad.cli.application import (
    EXIT_CODES,
    ActivationText,
    AlsoJson,
    Format,
    FormatOption,
    app,
    one_line_errors,
    write_picture,
    write_result,
)
from symgrad.cli.dynamics_options import (
    Bias,
    Box,
    EquationText,
    FamilyOptions,
    InFlow,
    Input,
    ModelOption,
    Parameters,
    Picture,
    Prefixed,
    Step,
    Values,
    Weight,
    WeightIn,
    WeightsOption,
)
from symgrad.cli.systems import Asked, Neuron, asked_system, parsed_box, parsed_interval, separated
from symgrad.dynamics.bifurcation_points import Bifurcations
from symgrad.dynamics.bifurcations import bifurcations as all_bifurcations
from symgrad.dynamics.curve import fixed_point_curve
from symgrad.dynamics.fixed_points import fixed_points as all_fixed_points
from symgrad.dynamics.points import UNDECIDED
from symgrad.dynamics.vector_results import SAMPLED
from symgrad.errors import InputError
from symgrad.language.flow import Flow
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.verdict import Verdict

__all__ = ["parsed_parameter"]

_ENTRY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)\s*\[\s*([0-9]{1,6})\s*,\s*([0-9]{1,6})\s*\]")

Search = Annotated[
    str | None, typer.Option("--search", "-s", metavar="S", help="Of --model: complete, or sampled from many starts.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Of the starts of --model; 0 unless given.")]


@app.command("fixed-points")
def fixed_points(
    equation: EquationText = None,
    activation: ActivationText = None,
    weight: Weight = None,
    bias: Bias = None,
    eps: Step = None,
    w_in: WeightIn = None,
    constant_input: Input = None,
    flow: InFlow = False,
    values: Values = None,
    box: Box = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    prefix: Prefixed = "",
    options: FamilyOptions = None,
    search: Search = None,
    starts: Annotated[int | None, typer.Option("--starts", help="Of a sampled search.")] = None,
    boxes: Annotated[int | None, typer.Option("--boxes", help="At most so many of a complete search.")] = None,
    seed: Seed = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    picture: Picture = None,
) -> None:
    """Find all fixed points of a neuron, an equation or a model, enclosed, and prove that there are no others.

    A neuron is x = s(w*x + b) with --activation, -w and -b. An equation such as "x = tanh(2*x)" is read as a map; names
    in it take numbers by --value. A model takes its parameters from --weights. Exit code 3: that there are no others,
    or that what was found is a fixed point, is not proved.
    """
    with one_line_errors():
        asked = asked_system(
            equation, model, weights, Neuron(activation, weight, bias, eps, w_in), values=values or (),
            options=options or (), prefix=prefix, constant_input=constant_input, flow=flow,
        )  # fmt: skip
        limits = _given(search=search, starts=starts, max_boxes=boxes, seed=seed)
        found: Any = all_fixed_points(asked.model, asked.values, parsed_box(box or ()), **limits)
        if picture is not None:
            write_picture(found.plot(), picture)
        write_result(found, form, as_json)
    claimed = found.complete or limits.get("search") == SAMPLED
    if not claimed or any(point.status == UNDECIDED for point in found):
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])


@app.command()
def bifurcations(
    equation: EquationText = None,
    parameters: Parameters = None,
    intervals: Annotated[
        list[str] | None, typer.Option("--interval", "-i", metavar="LOW,HIGH", help="Of the parameter; of each of two.")
    ] = None,
    activation: ActivationText = None,
    weight: Weight = None,
    bias: Bias = None,
    eps: Step = None,
    w_in: WeightIn = None,
    constant_input: Input = None,
    flow: InFlow = False,
    values: Values = None,
    box: Box = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    prefix: Prefixed = "",
    options: FamilyOptions = None,
    search: Annotated[
        str | None, typer.Option("--search", "-s", metavar="S", help="Of --model: complete or continuation.")
    ] = None,
    starts: Annotated[int | None, typer.Option("--starts", help="Of a search by continuation.")] = None,
    boxes: Annotated[int | None, typer.Option("--boxes", help="At most so many of a complete search.")] = None,
    seed: Seed = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    picture: Picture = None,
) -> None:
    """Find where fixed points appear, meet or lose stability as a parameter varies, with normal-form coefficients.

    The parameter of a neuron is b or w, the others take numbers. With two parameters the cusps are found. Exit code 3:
    it is not proved that there are no others, or of which kind one is.
    """
    with one_line_errors():
        asked = asked_system(
            equation, model, weights, Neuron(activation, weight, bias, eps, w_in), values=values or (),
            options=options or (), prefix=prefix, constant_input=constant_input, flow=flow,
        )  # fmt: skip
        names = [name.strip() for text in parameters or ["b"] for name in separated(text)]
        varied = [parsed_parameter(name, asked.model) for name in names]
        spans = [parsed_interval("interval", text) for text in intervals or ()]
        limits = _given(search=search, starts=starts, max_boxes=boxes, seed=seed)
        found = all_bifurcations(
            asked.model, varied[0] if len(varied) == 1 else tuple(varied), _others(asked, names),
            _interval_of(spans, len(varied)), parsed_box(box or ()), **limits,
        )  # fmt: skip
        if picture is not None:
            write_picture(_drawn(found, asked), picture)
        write_result(found, form, as_json)
    if _is_open(found, limits.get("search")):
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])


def parsed_parameter(text: str, model: Any) -> Any:
    """A parameter: a name, or an entry such as ``W[0,1]`` of a matrix of the model.

    Raises:
        InputError: another form.
        UnknownNameError: the model has no such matrix.
    """
    found = _ENTRY.fullmatch(text)
    if found is None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text):
            raise InputError(f"parameter: a name such as b, or an entry such as W[0,1], is needed, got {text!r}")
        return text
    if not isinstance(model, (Recurrence, Flow)) or model.is_scalar:
        raise InputError(f"parameter: {text} is an entry of a matrix, which only --model has")
    symbol = model.symbol(found[1])
    if isinstance(symbol, sp.Symbol):
        raise InputError(f"parameter: {symbol} is a number, not a matrix with entries")
    return symbol[int(found[2]), int(found[3])]


def _drawn(found: Bifurcations, asked: Asked) -> Any:
    """The diagram; of the weight and the bias of one unit the region between the folds that meet in the cusps."""
    if len(found.parameter) == 2:
        with suppress(InputError):  # the model is no single unit
            curve = fixed_point_curve(asked.model, asked.values)
            if [str(curve.weight), str(curve.bias)] == [str(symbol) for symbol in found.parameter]:
                return curve.plot("region")
    return found.plot()


def _others(asked: Asked, names: Sequence[str]) -> dict[str, Any]:
    given = sorted(set(names) & set(asked.values))
    if given:
        raise InputError(f"parameter: {', '.join(given)} varies, so that it takes no number")
    return dict(asked.values)


def _interval_of(spans: list[sp.Interval], count: int) -> Any:
    if not spans:
        return None
    if len(spans) != count:
        raise InputError(f"interval: {count} parameters take as many intervals, got {len(spans)}")
    return spans[0] if count == 1 else tuple(spans)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _is_open(found: Bifurcations, search: str | None) -> bool:
    return (not found.complete and search != "continuation") or any(not point.decided for point in found)
