"""Which system the commands about dynamics are asked of: a neuron, an equation, or a model with a file of weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.cli.arguments import chosen_model, parsed_activation
from symgrad.errors import InputError
from symgrad.interop.checkpoints import load_weights
from symgrad.language import models
from symgrad.language.flow import Flow
from symgrad.language.parse import parse_equation, parse_expression
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import bind

__all__ = [
    "Asked",
    "Neuron",
    "asked_system",
    "parsed_box",
    "parsed_constant",
    "parsed_interval",
    "parsed_values",
    "separated",
]

_INFINITIES = {"inf": sp.oo, "+inf": sp.oo, "-inf": -sp.oo, "oo": sp.oo, "+oo": sp.oo, "-oo": -sp.oo}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Neuron:
    """The options of a neuron as they were written; None where they were not given."""

    activation: str | None = None
    weight: str | None = None
    bias: str | None = None
    eps: str | None = None
    w_in: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Option -> text."""
        options = {"-w": self.weight, "-b": self.bias, "--eps": self.eps, "--w-in": self.w_in}
        return {name: value for name, value in options.items() if value is not None}

    @property
    def values(self) -> dict[str, sp.Expr]:
        """The values of the symbols that the options stand for."""
        names = {"-w": "w", "-b": "b", "--eps": "eps", "--w-in": "w_in"}
        return {names[option]: parsed_constant(option, value) for option, value in self.given.items()}


@dataclass(frozen=True)
class Asked:
    """A system, and what is given for its symbols.

    Attributes:
        model: a recurrence, a flow or an equation.
        values: name -> exact number or array.
    """

    model: Recurrence | Flow | sp.Equality
    values: Mapping[str, Any]


def parsed_constant(label: str, text: str) -> sp.Expr:
    """An exact constant: a number or a formula without names.

    Raises:
        InputError: it is none; the message starts with the label.

    >>> parsed_constant("-b", "-2.5"), parsed_constant("-w", "ln(2)/3")
    (-5/2, log(2)/3)
    """
    return parse_expression(text, (), label=label)


def parsed_values(texts: Sequence[str]) -> dict[str, sp.Expr]:
    """Values written as ``NAME=NUMBER``.

    Raises:
        InputError: another form, or a name that is given twice.

    >>> parsed_values(["w=5", "b=-1/2"])
    {'w': 5, 'b': -1/2}
    """
    found: dict[str, sp.Expr] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise InputError(f"value: NAME=NUMBER such as w=5 is needed, got {text!r}")
        if name in found:
            raise InputError(f"value: {name} is given twice")
        found[name] = parsed_constant(f"value of {name}", value)
    return found


def parsed_interval(label: str, text: str) -> sp.Interval:
    """An interval written as ``LOW,HIGH``; ends may be infinite.

    Raises:
        InputError: another form, or an empty interval.

    >>> parsed_interval("interval", "-4,inf")
    Interval(-4, oo)
    """
    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"{label}: LOW,HIGH such as -4,0 is needed, got {text!r}")
    low, high = (_INFINITIES.get(part.strip().lower()) or parsed_constant(label, part) for part in parts)
    if not bool(low < high):
        raise InputError(f"{label}: the low end must be below the high end, got {text!r}")
    return sp.Interval(low, high)


def separated(text: str) -> list[str]:
    """What stands between commas; a comma between brackets belongs to an entry.

    >>> separated("W[0,1],b")
    ['W[0,1]', 'b']
    """
    return re.split(r",(?![^\[]*\])", text)


def parsed_box(texts: Sequence[str]) -> sp.Interval | dict[str, sp.Interval] | None:
    """A box written as ``LOW,HIGH`` for all states, or as ``NAME=LOW,HIGH`` for each of them.

    Raises:
        InputError: another form, or several boxes without names.

    >>> parsed_box(["h=-1,1", "c=-4,4"])
    {'h': Interval(-1, 1), 'c': Interval(-4, 4)}
    """
    if not texts:
        return None
    named = {}
    for text in texts:
        name, equals, ends = text.rpartition("=")
        if not equals and len(texts) > 1:
            raise InputError(f"box: of several boxes each names its state, as in h=-1,1, got {text!r}")
        if not equals:
            return parsed_interval("box", text)
        if name.strip() in named:
            raise InputError(f"box: {name.strip()} is given twice")
        named[name.strip()] = parsed_interval(f"box of {name.strip()}", ends)
    return named


def asked_system(
    equation: str | None,
    model: str | None,
    weights: str | None,
    neuron: Neuron,
    *,
    values: Sequence[str] = (),
    options: Sequence[str] = (),
    prefix: str = "",
    constant_input: str | None = None,
    flow: bool = False,
) -> Asked:
    """The system that the options of a command describe.

    Args:
        equation: as text; None for the others.
        model: a name of a family.
        weights: a file with the parameters of that model.
        neuron: the options of a neuron; in an equation they are the values of the symbols w, b, eps and w_in.
        values: see :func:`parsed_values`.
        options: of the family.
        prefix: of the names in the file.
        constant_input: the value of the input u, or of every entry of every input.
        flow: whether the flow dx/dt = F(x) - x is meant.

    Raises:
        InputError: options that do not go together, or are malformed.
        UnknownNameError: no such family, activation or option.
    """
    given = parsed_values(values)
    own = neuron.values
    fed = None if constant_input is None else parsed_constant("input", constant_input)
    twice = sorted((set(own) | ({"u"} if fed is not None else set())) & set(given))
    if twice:
        raise InputError(f"value: {', '.join(twice)} is given twice, by --value and by its own option")
    if equation is not None:
        _refuse("an EQUATION", {"--model": model, "--weights": weights, "--activation": neuron.activation})
        _refuse("an EQUATION", {"--option": options or None})
        found = parse_equation(equation)
        numbers = {**own, **({} if fed is None else {"u": fed}), **given}
        return Asked(_flow_of_equation(found) if flow else found, numbers)
    if model is not None:
        _refuse("--model", {**neuron.given})
        return _of_family(model, weights, neuron.activation, options, prefix, given, fed, flow)
    _refuse("a neuron", {"--weights": weights, "--option": options or None})
    return _of_neuron(neuron, given, fed, flow)


def _refuse(what: str, options: Mapping[str, Any]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise InputError(f"{', '.join(given)}: not accepted together with {what}")


def _of_neuron(neuron: Neuron, given: dict[str, sp.Expr], fed: sp.Expr | None, flow: bool) -> Asked:
    activation = "sigmoid" if neuron.activation is None else parsed_activation(neuron.activation)
    own = neuron.values
    eps = own.pop("eps", None)
    with_input = fed is not None or "u" in given
    w_in = own.pop("w_in", sp.S.One if with_input else sp.S.Zero)
    step = None if eps is None and "eps" in given else sp.S.One if eps is None else eps
    made = models.neuron(None, None, step, w_in, activation)
    numbers = {**own, **({} if fed is None else {"u": fed}), **given}
    return Asked(_flow(made) if flow else made, numbers)


def _of_family(
    name: str,
    weights: str | None,
    activation: str | None,
    options: Sequence[str],
    prefix: str,
    given: dict[str, sp.Expr],
    fed: sp.Expr | None,
    flow: bool,
) -> Asked:
    made = chosen_model(name, activation, options)
    numbers: dict[str, Any] = {} if weights is None else dict(load_weights(weights, prefix))
    twice = sorted(set(numbers) & set(given))
    if twice:
        raise InputError(f"value: {', '.join(twice)} is in {weights} already")
    if fed is not None:
        numbers |= _constant_inputs(made, numbers, given, fed)
    return Asked(_flow(made) if flow else made, {**numbers, **given})


def _constant_inputs(
    model: Recurrence, arrays: Mapping[str, Any], given: Mapping[str, Any], value: sp.Expr
) -> dict[str, Any]:
    """The same number for every entry of every input that has no value yet."""
    free = [symbol for symbol in model.inputs if str(symbol) not in {*arrays, *given}]
    if not free:
        raise InputError(f"input: {model.name} has no input without a value")
    if all(isinstance(symbol, sp.Symbol) for symbol in free):
        return {str(symbol): value for symbol in free}
    own = set(map(str, model.inputs))
    sizes = bind(model, {name: array for name, array in arrays.items() if name not in own}).sizes
    found = {}
    for symbol in free:
        length = sizes.get(symbol.shape[0], symbol.shape[0])
        if not isinstance(length, (int, sp.Integer)):
            raise InputError(f"input: the size of {symbol} does not follow from the weights; put {symbol} in the file")
        found[str(symbol)] = np.full((int(length), 1), float(value))
    return found


def _flow(model: Recurrence) -> Flow:
    """The flow with the fixed points of a map."""
    rates = {state: update - state for state, update in model.updates.items()}
    return Flow(rates, model.inputs, model.name, model.ranges, model.properties)


def _flow_of_equation(equation: sp.Equality) -> Flow:
    if not isinstance(equation.lhs, sp.Symbol):
        raise InputError(
            f"flow: an equation x = F(x) for the flow dx/dt = F(x) - x is needed, got {equation.lhs} = ..."
        )
    return Flow({equation.lhs: equation.rhs - equation.lhs}, name=f"the flow d{equation.lhs}/dt = F - {equation.lhs}")
