"""The command about initialisation: the gain of an activation, and code that uses it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from symgrad.cli.application import (
    AlsoJson,
    Format,
    FormatOption,
    app,
    one_line_errors,
    write_json,
    write_result,
)
from symgrad.cli.arguments import chosen_model, parsed_formula, parsed_number
from symgrad.errors import InputError
from symgrad.language import models
from symgrad.language.elementwise import Activation
from symgrad.language.recurrence import Recurrence
from symgrad.meanfield.gains import init_gain
from symgrad.meanfield.init_code import init_code
from symgrad.present import to_dict

__all__: list[str] = []

Subject = Annotated[
    str,
    typer.Argument(metavar="A", help="An activation, a formula in one variable, or a model.", show_default=False),
]
Framework = Annotated[
    str | None, typer.Option("--framework", "-w", metavar="F", help="Write code: torch or jax.", show_default=False)
]
Mode = Annotated[
    str | None, typer.Option("--mode", "-m", metavar="M", help="forward, backward, kumar or chi1; forward by itself.")
]
Variance = Annotated[str | None, typer.Option("--variance", "-q", metavar="Q", help="That is kept; 1 by itself.")]
FanIn = Annotated[int | None, typer.Option("--fan-in", metavar="N", help="Inputs of a layer.")]
FanOut = Annotated[int | None, typer.Option("--fan-out", metavar="N", help="Outputs of a layer.")]
Weights = Annotated[str | None, typer.Option("--weights", metavar="W", help="Of the code: gaussian or orthogonal.")]
Fan = Annotated[str | None, typer.Option("--fan", metavar="F", help="Of the code: in, out or average.")]
Forget = Annotated[str | None, typer.Option("--forget-bias", metavar="B", help="Of the code for a gated model.")]


@app.command("init")
def init(
    subject: Subject,
    framework: Framework = None,
    mode: Mode = None,
    variance: Variance = None,
    fan_in: FanIn = None,
    fan_out: FanOut = None,
    weights: Weights = None,
    fan: Fan = None,
    forget_bias: Forget = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
) -> None:
    """Derive the gain of an activation's random weights, or write code that initialises a network.

    Without --framework the gain is shown with its derivation; with it, a snippet of Python that runs by itself.
    """
    with one_line_errors():
        asked = _subject(subject)
        q = None if variance is None else parsed_number("variance", variance)
        options: dict[str, Any] = {"weights": weights, "fan": fan, "forget_bias": _number("forget-bias", forget_bias)}
        if framework is None:
            _write_gain(asked, {"fan_in": fan_in, "fan_out": fan_out}, mode, q, options, form, as_json)
            return
        if fan_in is not None or fan_out is not None:
            raise InputError("fan-in, fan-out: the code reads them off the layers")
        code = init_code(asked, framework, mode, variance=q, **options)
        if as_json or form is Format.JSON:
            write_json({"kind": "code", "framework": framework, "code": code, **_gain_data(asked, mode, q)})
        else:
            typer.echo(code, nl=False)


def _subject(text: str) -> Activation | Recurrence:
    return chosen_model(text.strip()) if text.strip() in models.names() else parsed_formula(text)


def _number(label: str, text: str | None) -> float | None:
    return None if text is None else float(parsed_number(label, text))


def _write_gain(asked: Any, fans: Any, mode: str | None, q: Any, options: Any, form: Format, as_json: bool) -> None:
    given = [name.replace("_", "-") for name, value in options.items() if value is not None]
    if given:
        raise InputError(f"{', '.join(given)}: of the code, which --framework asks for")
    if isinstance(asked, Recurrence):
        raise InputError(f"framework: torch or jax is needed for a model; {asked.name} has no one gain")
    write_result(init_gain(asked, mode or "forward", variance=q, **fans), form, as_json)


def _gain_data(asked: Any, mode: str | None, q: Any) -> dict[str, Any]:
    return {} if isinstance(asked, Recurrence) else {"gain": to_dict(init_gain(asked, mode or "forward", variance=q))}
