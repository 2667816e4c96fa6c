"""The command about walls of the loss: where a settled state jumps, and what gradient descent does there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
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
    write_parts,
    write_picture,
    write_result,
)
from symgrad.cli.dynamics_options import (
    Bias,
    EquationText,
    InFlow,
    Input,
    Parameters,
    Picture,
    Step,
    Values,
    Weight,
    WeightIn,
)
from symgrad.cli.systems import Asked, Neuron, asked_system, parsed_constant, parsed_interval, parsed_values, separated
from symgrad.dynamics.landscape import LossLandscape, loss_landscape
from symgrad.errors import InputError
from symgrad.numerics.verdict import Verdict

__all__: list[str] = []


class Example(StrEnum):
    """Landscapes from papers."""

    GEOMETRIC = "geometric"
    UNIT = "unit"


@dataclass(frozen=True)
class _Setting:
    """What an example fills in where an option is not given."""

    equation: str | None
    values: tuple[str, ...]
    loss: str
    parameters: str
    intervals: tuple[str, ...]
    start: str
    horizon: float


_EXAMPLES = {
    # Doya 1993: x(0) lies on the unstable fixed point at b = -5/2.
    Example.GEOMETRIC: _Setting(None, ("w=5",), "(0.855 - x)^2", "b", ("-4,-1",), "1/2", 500),
    # Pascanu, Mikolov and Bengio 2013, figure 6.
    Example.UNIT: _Setting("x = w*sigmoid(x) + b", (), "(sigmoid(x) - 0.7)^2", "w,b", ("3,8", "-5,0"), "1/2", 50),
}
_HORIZON = 50.0
_RATE, _CLIP = "0.1", "1"


@app.command()
def landscape(
    equation: EquationText = None,
    example: Annotated[
        Example | None,
        typer.Option("--example", help="Fill in what is not given: the neuron of Doya, or the unit of Pascanu et al."),
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", "-l", metavar="L", help='A formula in the last state, "(0.855 - x)^2".')
    ] = None,
    parameters: Parameters = None,
    intervals: Annotated[
        list[str] | None, typer.Option("--interval", "-i", metavar="LOW,HIGH", help="Of the parameter; of each of two.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="X", help="The first state: a number or a formula; 0 unless given.")
    ] = None,
    horizon: Annotated[
        float | None, typer.Option("--horizon", "-k", metavar="T", help="Steps, or time of a flow; 50 unless given.")
    ] = None,
    points: Annotated[int | None, typer.Option("--points", help="Of the grid along each parameter.")] = None,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="[NAME=]NUMBER", help="Take a step of gradient descent from there."),
    ] = None,
    rate: Annotated[str, typer.Option("--rate", metavar="R", help="The learning rate of that step.")] = _RATE,
    clip: Annotated[str, typer.Option("--clip", metavar="C", help="The norm to which its gradient is cut.")] = _CLIP,
    activation: ActivationText = None,
    weight: Weight = None,
    bias: Bias = None,
    eps: Step = None,
    w_in: WeightIn = None,
    constant_input: Input = None,
    flow: InFlow = False,
    values: Values = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    picture: Picture = None,
) -> None:
    """Show a loss over one or two parameters, prove where it has walls, and step along its gradient.

    A wall is a value of the parameter at which the settled state jumps: a change of basin, or a fold. Exit code 3: a
    wall, or that there are no others, is not proved.
    """
    with one_line_errors():
        neuron = Neuron(activation, weight, bias, eps, w_in)
        setting = None if example is None else _EXAMPLES[example]
        names = _names(parameters, setting)
        asked = _asked(equation, neuron, setting, names, values or [], constant_input, flow)
        found = loss_landscape(
            asked.model, _filled("loss", loss, setting), names[0] if len(names) == 1 else tuple(names), asked.values,
            interval=_intervals(intervals, setting, len(names)), start=_start(start, setting),
            horizon=_horizon(horizon, setting), points=points,
        )  # fmt: skip
        parts: dict[str, Any] = {"Landscape": found}
        if at:
            parts["Step"] = found.descent_step(_place(at), parsed_constant("rate", rate), parsed_constant("clip", clip))
        if picture is not None:
            write_picture(list(parts.values())[-1].plot(), picture)
        write_parts(parts, form, as_json) if at else write_result(found, form, as_json)
        is_open = _is_open(found)
    if is_open:
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])


def _names(given: list[str] | None, setting: _Setting | None) -> list[str]:
    texts = given or [setting.parameters if setting is not None else "b"]
    return [name.strip() for text in texts for name in separated(text)]


def _asked(
    equation: str | None,
    neuron: Neuron,
    setting: _Setting | None,
    names: list[str],
    values: list[str],
    constant_input: str | None,
    flow: bool,
) -> Asked:
    """The system, with what an example adds to it unless it is given in another way."""
    if setting is not None:
        if equation is None and not neuron.given and neuron.activation is None:
            equation = setting.equation
        taken = {*parsed_values(values), *neuron.values, *names}
        values = values + [text for text in setting.values if text.partition("=")[0] not in taken]
    asked = asked_system(equation, None, None, neuron, values=values, constant_input=constant_input, flow=flow)
    varied = sorted(set(names) & set(asked.values))
    if varied:
        raise InputError(f"parameter: {', '.join(varied)} varies, so that it takes no number")
    return asked


def _filled(name: str, given: str | None, setting: _Setting | None) -> str:
    if given is not None:
        return given
    if setting is None:
        raise InputError(f'{name}: --{name} is needed, such as "(0.855 - x)^2", or an --example')
    return str(getattr(setting, name))


def _intervals(given: list[str] | None, setting: _Setting | None, count: int) -> Any:
    texts = given or (list(setting.intervals) if setting is not None else [])
    if len(texts) != count:
        raise InputError(
            f"interval: {count} are needed, one of each parameter, as in --interval=-4,-1; got {len(texts)}"
        )
    spans = [parsed_interval("interval", text) for text in texts]
    pairs = [(span.start, span.end) for span in spans]
    return pairs[0] if count == 1 else tuple(pairs)


def _start(given: str | None, setting: _Setting | None) -> Any:
    return given if given is not None else sp.S.Zero if setting is None else setting.start


def _horizon(given: float | None, setting: _Setting | None) -> float:
    found = given if given is not None else _HORIZON if setting is None else setting.horizon
    return int(found) if float(found).is_integer() else found


def _place(texts: list[str]) -> Any:
    """A number, or numbers by name."""
    if len(texts) == 1 and "=" not in texts[0]:
        return parsed_constant("at", texts[0])
    return parsed_values([part for text in texts for part in separated(text)])


def _is_open(found: LossLandscape) -> bool:
    """Whether something about the walls of one parameter is not proved."""
    if len(found.parameters) != 1:
        return False
    search = found.wall_search
    return not search.complete or not all(wall.certified for wall in search.walls)
