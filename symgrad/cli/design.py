"""The commands about what to set: remedies, and bounds solved for a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import sympy as sp
import typer

from symgrad.cli.application import (
    EXIT_CODES,
    AlsoJson,
    Format,
    FormatOption,
    app,
    one_line_errors,
    write_picture,
    write_result,
)
from symgrad.cli.arguments import parsed_number
from symgrad.design.chrono import chrono as chrono_initialisation
from symgrad.design.gate_biases import forget_bias as bias_of_forget_gate
from symgrad.design.gate_biases import highway_bias as bias_of_transform_gate
from symgrad.design.gate_biases import update_bias as bias_of_update_gate
from symgrad.design.residual import residual_scale as scale_of_branches
from symgrad.design.solving import solve as solved_bound
from symgrad.errors import InputError
from symgrad.language.parse import parse_expression
from symgrad.numerics.verdict import Verdict

__all__ = ["design"]

design = typer.Typer(help="What to set so that gradients neither vanish nor explode, derived.", no_args_is_help=True)
app.add_typer(design, name="design")

Steps = Annotated[int | None, typer.Option("--steps", "-t", help="How many steps or layers; a symbol unless given.")]
Retain = Annotated[
    str | None, typer.Option("--retain", metavar="R", help="The fraction that is to be left, such as 0.37.")
]
Reach = Annotated[
    str, typer.Option("--preactivation", metavar="M", help="The largest modulus of what the gate receives.")
]
Picture = Annotated[str | None, typer.Option("--plot", metavar="FILE", help="Write a picture, such as bias.png.")]
Check = Annotated[bool, typer.Option("--check", help="Also measure what is promised; exit code 1 where it fails.")]


def _number(label: str, text: str | None) -> sp.Rational | None:
    return None if text is None else parsed_number(label, text)


def _write(remedy: Any, form: Format, as_json: bool, picture: str | None, checked: bool) -> None:
    if picture is not None:
        write_picture(remedy.plot(), picture)
    write_result(remedy, form, as_json)
    if not checked:
        return
    found = remedy.verify()
    typer.echo(str(found), err=as_json)
    if not found.holds:
        raise typer.Exit(EXIT_CODES[Verdict.REFUTED])


@design.command("forget-bias")
def forget_bias(
    steps: Steps = None,
    retain: Retain = None,
    preactivation: Reach = "0",
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    picture: Picture = None,
    checked: Check = False,
) -> None:
    """The forget bias of an LSTM that keeps a fraction of a cell over so many steps, beside log(T - 1)."""
    with one_line_errors():
        fraction, reach = _number("retain", retain), parsed_number("preactivation", preactivation)
        _write(bias_of_forget_gate(steps, fraction, reach), form, as_json, picture, checked)


@design.command("highway-bias")
def highway_bias(
    steps: Steps = None,
    retain: Retain = None,
    preactivation: Reach = "0",
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    picture: Picture = None,
    checked: Check = False,
) -> None:
    """The bias of transform gates through which a fraction of the input is carried over so many highway layers."""
    with one_line_errors():
        fraction, reach = _number("retain", retain), parsed_number("preactivation", preactivation)
        _write(bias_of_transform_gate(steps, fraction, reach), form, as_json, picture, checked)


@design.command("update-bias")
def update_bias(
    steps: Steps = None,
    retain: Retain = None,
    preactivation: Reach = "0",
    convention: Annotated[str, typer.Option("--convention", help="torch or cho: z is kept; chung: 1 - z.")] = "torch",
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    picture: Picture = None,
    checked: Check = False,
) -> None:
    """The bias of the update gate of a GRU that keeps a fraction of the state over so many steps."""
    with one_line_errors():
        fraction, reach = _number("retain", retain), parsed_number("preactivation", preactivation)
        found = bias_of_update_gate(steps, fraction, reach, convention=convention)
        _write(found, form, as_json, picture, checked)


@design.command("residual-scale")
def residual_scale(
    lipschitz: Annotated[
        str | None, typer.Option("--lipschitz", "-L", metavar="L", help="Lipschitz constant of a branch.")
    ] = None,
    steps: Steps = None,
    at_most: Annotated[str | None, typer.Option("--at-most", metavar="C", help="Limit on the norm.")] = None,
    at_least: Annotated[
        str | None, typer.Option("--at-least", metavar="C", help="Limit on the least stretching.")
    ] = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    checked: Check = False,
) -> None:
    """The scale of residual branches that keeps products of Jacobians within limits."""
    with one_line_errors():
        limits = {"at_most": _number("at-most", at_most), "at_least": _number("at-least", at_least)}
        remedy = scale_of_branches(_number("lipschitz", lipschitz), steps=steps, **limits)
        _write(remedy, form, as_json, None, checked)


@design.command("chrono")
def chrono(
    longest: Annotated[str, typer.Option("--steps", "-t", metavar="T", help="T_max.", show_default=False)],
    shortest: Annotated[str, typer.Option("--shortest", metavar="T", help="T_min.")] = "2",
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
    picture: Picture = None,
    checked: Check = False,
) -> None:
    """The chrono initialisation of forget and input biases for dependencies of up to T_max steps."""
    with one_line_errors():
        ends = parsed_number("shortest", shortest), parsed_number("steps", longest)
        _write(chrono_initialisation(ends), form, as_json, picture, checked)


@design.command("solve")
def solve(
    bound: Annotated[
        str, typer.Argument(metavar="BOUND", help='A formula, such as "(1 + a*L)^k".', show_default=False)
    ],
    parameter: Annotated[str, typer.Option("--for", metavar="NAME", help="What is solved for.", show_default=False)],
    at_most: Annotated[str | None, typer.Option("--at-most", metavar="C", help="The bound is to be <= C.")] = None,
    at_least: Annotated[str | None, typer.Option("--at-least", metavar="C", help="The bound is to be >= C.")] = None,
    equals: Annotated[str | None, typer.Option("--equals", metavar="C", help="The bound is to be C.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--value", "-v", metavar="NAME=VALUE", help="A number for another name.")
    ] = None,
    positive: Annotated[
        list[str] | None, typer.Option("--positive", metavar="NAME", help="A name that stands for positive numbers.")
    ] = None,
    within: Annotated[
        str | None, typer.Option("--within", metavar="LOW,HIGH", help="The interval to look in, such as 0,1 or -1,oo.")
    ] = None,
    form: FormatOption = Format.TEXT,
    as_json: AlsoJson = False,
) -> None:
    """All values of a name for which a formula meets a limit. Exit code 3: not all of them were found."""
    with one_line_errors():
        known = [sp.Symbol(name, positive=True) for name in positive or ()]
        formula = _formula(bound, known)
        target = _target(_number("at-least", at_least), _number("at-most", at_most), _number("equals", equals))
        numbers, interval = dict(map(_value, values or ())), None if within is None else _interval(within)
        found = solved_bound(formula, for_=parameter, target=target, values=numbers, within=interval)
        write_result(found, form, as_json)
    if not found.complete:
        raise typer.Exit(EXIT_CODES[Verdict.UNDECIDED])


def _formula(text: str, known: Sequence[sp.Symbol]) -> sp.Expr:
    """A formula in real symbols, of which some are positive."""
    formula = parse_expression(text, label="bound")
    return formula.subs({symbol: positive for symbol in formula.free_symbols for positive in known
                         if symbol.name == positive.name})  # fmt: skip


def _target(low: sp.Expr | None, high: sp.Expr | None, value: sp.Expr | None) -> Any:
    if value is not None:
        if low is not None or high is not None:
            raise InputError("equals: it takes neither --at-most nor --at-least beside it")
        return value
    if low is None and high is None:
        raise InputError("target: --at-most, --at-least or --equals is needed")
    return sp.Interval(-sp.oo if low is None else low, sp.oo if high is None else high)


def _interval(text: str) -> sp.Interval:
    ends = [part.strip() for part in text.split(",")]
    if len(ends) != 2:
        raise InputError(f"within: LOW,HIGH is needed, got {text!r}")
    infinite = {"oo": sp.oo, "-oo": -sp.oo}
    low, high = (infinite[end] if end in infinite else parsed_number("within", end) for end in ends)
    if low >= high:
        raise InputError(f"within: LOW must be below HIGH, got {text!r}")
    return sp.Interval(low, high)


def _value(text: str) -> tuple[str, sp.Rational]:
    name, sign, number = text.partition("=")
    if not sign or not name.strip():
        raise InputError(f"value: NAME=VALUE is needed, got {text!r}")
    return name.strip(), parsed_number(name.strip(), number)
