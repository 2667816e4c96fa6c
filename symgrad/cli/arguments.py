"""What users write on the command line, read by small parsers of our own: nothing is ever evaluated."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symgrad.errors import InputError, UnknownNameError
from symgrad.language import models
from symgrad.language.activations import activation, activation_parameters
from symgrad.language.elementwise import Activation, written_out
from symgrad.language.matrix_properties import PROPERTIES, MatrixProperty
from symgrad.language.parse import parse_expression
from symgrad.language.recurrence import Recurrence
from symgrad.language.stacking import stack

__all__ = [
    "chosen_model",
    "model_options",
    "parsed_activation",
    "parsed_formula",
    "parsed_number",
    "parsed_properties",
    "parsed_range",
]

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?(/[0-9]+)?")
_INFINITIES = {"inf": sp.oo, "+inf": sp.oo, "-inf": -sp.oo, "oo": sp.oo, "-oo": -sp.oo}
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
_WORD = re.compile(r"\s*[A-Za-z]\w*\s*")
_CALL = re.compile(r"\s*([A-Za-z]\w*)\s*(?:\(([^()]*)\))?\s*")


def parsed_number(label: str, text: str) -> sp.Rational:
    """A decimal number or a fraction, taken exactly.

    Raises:
        InputError: it is neither; the message starts with the label.

    >>> parsed_number("alpha", "0.1"), parsed_number("alpha", "-3e2"), parsed_number("alpha", "1/3")
    (1/10, -300, 1/3)
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{label}: a number such as 2, -0.5, 1e-3 or 1/3 is needed, got {text!r}")
    number, _, divisor = text.partition("/")
    if divisor and not int(divisor):
        raise InputError(f"{label}: division by zero in {text!r}")
    return sp.Rational(Fraction(number) / int(divisor or 1))


def parsed_activation(text: str) -> Activation:
    """An activation written as ``tanh``, ``leaky_relu(0.2)`` or ``leaky_relu(slope=0.2)``.

    Raises:
        InputError: another form, an unknown name or parameter, or too many parameters.

    >>> str(parsed_activation("leaky_relu(0.2)"))
    'leaky_relu(slope=1/5)'
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise InputError(f"activation: a name such as tanh or leaky_relu(0.2) is needed, got {text!r}")
    name, inside = match[1], (match[2] or "").strip()
    known = list(activation_parameters(name))
    values: dict[str, sp.Expr] = {}
    for position, item in enumerate(inside.split(",") if inside else []):
        key, equals, value = item.rpartition("=")
        if not equals and position >= len(known):
            raise InputError(f"activation: {name} takes {len(known)} parameters ({', '.join(known)}), got {text!r}")
        key = key.strip() if equals else known[position]
        if key in values:
            raise InputError(f"activation: {key} is given twice in {text!r}")
        values[key] = parsed_number(f"{key} of activation {name}", value)
    return activation(name, **values)


def parsed_formula(text: str) -> Activation:
    """An activation as :func:`parsed_activation` reads it, or a formula in one variable such as ``x*tanh(x)``.

    Raises:
        InputError: neither; the message tells where.

    >>> parsed_formula("elu(alpha=2)").name, parsed_formula("x*sigmoid(2*x)").expr
    ('elu(alpha=2)', z*logistic(2*z))
    """
    if _WORD.fullmatch(text):
        return parsed_activation(text)
    try:
        formula = parse_expression(text, label="activation")
    except InputError:
        if "=" not in text:
            raise
        return parsed_activation(text)
    if formula.free_symbols:
        return Activation("phi", written_out(formula), r"\varphi")
    return parsed_activation(text)


def parsed_range(text: str) -> tuple[str, sp.Interval]:
    """A range written as ``c=-16,16``; ends may be infinite.

    Raises:
        InputError: another form, or an empty range.

    >>> parsed_range("c=-16,16"), parsed_range("u=0,inf")
    (('c', Interval(-16, 16)), ('u', Interval(0, oo)))
    """
    name, equals, ends = text.partition("=")
    parts = ends.split(",")
    if not equals or not name.strip() or len(parts) != 2:
        raise InputError(f"range: NAME=LOW,HIGH such as c=-16,16 is needed, got {text!r}")
    low, high = (_end(f"range of {name.strip()}", part) for part in parts)
    if not low < high:
        raise InputError(f"range of {name.strip()}: the low end must be below the high end, got {ends!r}")
    return name.strip(), sp.Interval(low, high)


def _end(label: str, text: str) -> sp.Expr:
    infinite = _INFINITIES.get(text.strip().lower())
    return parsed_number(label, text) if infinite is None else infinite


def parsed_properties(text: str) -> tuple[str, list[MatrixProperty]]:
    """Properties of a weight matrix written as ``W=orthogonal`` or ``W=symmetric,nonnegative``.

    Raises:
        InputError: another form.
        UnknownNameError: no such property; the nearest is suggested.

    >>> name, held = parsed_properties("W=symmetric,nonnegative")
    >>> name, list(map(str, held))
    ('W', ['symmetric', 'nonnegative'])
    """
    name, equals, listed = (part.strip() for part in text.partition("="))
    if not (name and equals and listed):
        raise InputError(f"assume: NAME=PROPERTY such as W=orthogonal is needed, got {text!r}")
    held = [item.strip() for item in listed.split(",")]
    for item in held:
        if item not in PROPERTIES:
            raise UnknownNameError(f"property of {name}", item, PROPERTIES)
    return name, [PROPERTIES[item] for item in held]


def _parsed_option(text: str) -> tuple[str, Any]:
    """``name=value``: a number, true or false, or an activation for the option of that name."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        raise InputError(f"option: NAME=VALUE such as alpha=0.3 is needed, got {text!r}")
    if name == "activation":
        return name, parsed_activation(value)
    if value.lower() in _TRUTHS:
        return name, _TRUTHS[value.lower()]
    number = parsed_number(f"option {name}", value)
    return name, int(number) if number.is_Integer else number


def chosen_model(
    name: str,
    activation_text: str | None = None,
    options: Sequence[str] = (),
    ranges: Sequence[str] = (),
    assumed: Sequence[str] = (),
    layers: int = 1,
) -> Recurrence:
    """The model that the arguments of a command describe.

    Args:
        name: of the model's family.
        activation_text: see :func:`parsed_activation`; None for the family's own.
        options: ``name=value`` each.
        ranges: see :func:`parsed_range`; names of the family's symbols hold for all layers, as in ``c``, and names of
            the stack's for one, as in ``c_l0``.
        assumed: see :func:`parsed_properties`; names as for ranges.
        layers: how many copies are stacked.

    Raises:
        InputError: an argument of the wrong form.
        UnknownNameError: no such model, activation, option or symbol; the nearest is suggested.

    >>> chosen_model("leaky", "relu", ["alpha=0.3"], ["u=-1,1"]).ranges
    {u: Interval(-1, 1)}
    >>> chosen_model("lstm", ranges=["c=-1,1"], layers=2).ranges
    {c_l0: Interval(-1, 1), c_l1: Interval(-1, 1)}
    """
    given = dict(map(_parsed_option, options))
    if activation_text is not None:
        if "activation" in given:
            raise InputError("activation: it is given twice, by --activation and by --option")
        given["activation"] = parsed_activation(activation_text)
    if layers < 1:
        raise InputError(f"layers: a positive integer is needed, got {layers}")
    single = models.build(name, **given)
    assumptions: list[tuple[str, Any]] = [*map(parsed_range, ranges), *map(parsed_properties, assumed)]
    own = {str(symbol) for symbol in (*single.variables, *single.parameters)}
    for symbol, assumption in assumptions:
        single = single.assuming({symbol: assumption}) if symbol in own or layers == 1 else single
    model = single if layers == 1 else stack([single] * layers)
    for symbol, assumption in assumptions:
        model = model.assuming({symbol: assumption}) if symbol not in own else model
    return model


def model_options(name: str) -> str:
    """The options of a family with their default values, as in ``activation=tanh``."""
    parameters = inspect.signature(getattr(models, name)).parameters.values()
    return ", ".join(f"{p.name}={'symbol' if p.default is None else p.default}" for p in parameters)
