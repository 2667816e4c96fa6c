"""What the commands share: the application, the types of their options, one-line errors and sections of text."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer

from symgrad.bounds.bound_values import BoundValue
from symgrad.errors import InputError, NoBoundError, SymgradError
from symgrad.numerics.verdict import Verdict
from symgrad.present import latex, text, to_dict
from symgrad.present.data import number
from symgrad.present.documents import body, document, page
from symgrad.present.powers import UP, power_latex, power_text
from symgrad.present.proofs import proof_text

__all__ = [
    "EXIT_CODES",
    "ActivationText",
    "AlsoJson",
    "Assumed",
    "Format",
    "FormatOption",
    "Json",
    "Layers",
    "Method",
    "ModelName",
    "NormText",
    "Options",
    "Prefix",
    "Ranges",
    "Side",
    "app",
    "main",
    "one_line_errors",
    "write_json",
    "write_parts",
    "write_picture",
    "write_result",
]

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
_DIGITS = 6


class Format(StrEnum):
    """How a derivation is written."""

    TEXT = "text"
    LATEX = "latex"
    DOCUMENT = "document"
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
Assumed = Annotated[
    list[str] | None,
    typer.Option("--assume", metavar="NAME=PROPERTY", help="A property of a weight matrix, such as W=orthogonal."),
]
Layers = Annotated[int, typer.Option("--layers", metavar="N", help="Stack N copies of the model.")]
Side = Annotated[str, typer.Option("--side", help="upper, or lower for a bound from below.")]
Method = Annotated[
    str, typer.Option("--method", "-m", metavar="M", help="norm, range, perron, diagonal, quadratic or best.")
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write the result.")]
AlsoJson = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
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
def one_line_errors() -> Iterator[None]:
    """Turn what symgrad raises on purpose into one line on stderr and exit code 2."""
    try:
        yield
    except SymgradError as error:
        hint = "; here: --range NAME=LOW,HIGH" if isinstance(error, NoBoundError) and "assuming" in str(error) else ""
        typer.echo(f"error: {'; '.join(str(error).split(chr(10)))}{hint}", err=True)
        raise typer.Exit(BAD_INPUT) from None


def write_json(data: Any) -> None:
    """Write data as JSON without infinities."""
    typer.echo(json.dumps(data, indent=2, allow_nan=False))


def write_parts(parts: Mapping[str, Any], form: Format, as_json: bool, value: BoundValue | None = None) -> None:
    """Write titled results one after the other; in JSON, proofs stand within what they prove.

    Args:
        parts: title -> result.
        form: the format.
        as_json: whether JSON was asked for by its own option.
        value: an upper bound's value for weights, which goes last.
    """
    if as_json or form is Format.JSON:
        data = {name.lower(): to_dict(part) for name, part in parts.items() if name != "Proof"}
        extra = {} if value is None else {"value": {"value": number(value), "log10": number(value.log10)}}
        write_json(data | extra)
        return
    if form is Format.DOCUMENT:
        written = [f"\\section*{{{name}}}\n{body(part)}" for name, part in parts.items()]
        last = [] if value is None else [rf"\section*{{Value}} at most ${power_latex(value.log10, _DIGITS, UP)}$"]
        typer.echo(page("\n".join(written + last)))
        return
    write = _latex_section if form is Format.LATEX else _text_section
    sections = [write(name, part) for name, part in parts.items()]
    if value is not None:
        head = "% Value: " if form is Format.LATEX else "Value\n=====\n"
        sections.append(f"{head}at most {power_text(value.log10, _DIGITS, UP)}")
    typer.echo("\n\n".join(sections))


def write_result(result: Any, form: Format, as_json: bool) -> None:
    """Write one result by itself."""
    if as_json or form is Format.JSON:
        write_json(to_dict(result))
    elif form is Format.DOCUMENT:
        typer.echo(document(result))
    else:
        typer.echo(latex(result) if form is Format.LATEX else text(result))


def write_picture(axes: Any, path: str) -> None:
    """Write a picture to a file.

    Raises:
        InputError: the file cannot be written, or its name has no known ending.
    """
    try:
        axes.figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"plot: {path!r} cannot be written: {error}") from error


def _text_section(title: str, part: Any) -> str:
    written = proof_text(part, _proof_widths()) if title == "Proof" else text(part)
    return f"{title}\n{'=' * len(title)}\n{written}"


def _proof_widths() -> tuple[int, ...]:
    """Column widths of a proof that fill the terminal, or what reads well where there is none."""
    total = max(shutil.get_terminal_size((170, 24)).columns, 100)
    number, rule, premises = 3, 20, 9
    rest = total - number - rule - premises - 10
    return number, rest * 46 // 100, rule, premises, rest * 23 // 100, rest * 31 // 100


def _latex_section(title: str, part: Any) -> str:
    return f"% {title} (needs amsmath)\n\\[\n{latex(part)}\n\\]"
