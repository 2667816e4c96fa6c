"""The activations that symgrad knows by name: one declaration of a formula each.

To add one, add one ``declare`` line. Everything else (slope, curvature, range,
parity, evaluation in floats and balls) is derived from the formula. Where the
formula has a kink, a ``Piecewise`` states which branch holds there, so that the
derivative at the kink is the one that PyTorch's autograd uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sympy as sp

from symgrad.errors import InputError, SymgradError, UnknownNameError
from symgrad.language.elementwise import VARIABLE as z
from symgrad.language.elementwise import Activation
from symgrad.language.numbers import exact_number
from symgrad.rigor.functions import logistic, softplus

__all__ = ["activation", "activation_names", "activation_parameters"]


@dataclass(frozen=True)
class _Declaration:
    name: str
    formula: Callable[..., sp.Expr]
    latex: str | None = None
    parameters: dict[str, sp.Expr] = field(default_factory=dict)


_DECLARED: dict[str, _Declaration] = {}
_BUILT: dict[tuple[object, ...], Activation] = {}
_ALSO_CALLED = {"logistic": "sigmoid"}


def declare(name: str, formula: Callable[..., sp.Expr], *, latex: str | None = None, **parameters: object) -> None:
    """Make an activation known by name.

    Args:
        name: the name users give.
        formula: called with the parameters as SymPy numbers, returns the formula in ``z``.
        latex: how the name is typeset.
        parameters: names and default values of the parameters.

    Raises:
        SymgradError: the name is declared already.
    """
    if name in _DECLARED:
        raise SymgradError(f"activation {name!r} is declared twice")
    defaults = {key: exact_number(f"{key} of activation {name}", value) for key, value in parameters.items()}
    _DECLARED[name] = _Declaration(name, formula, latex, defaults)


def activation_names() -> tuple[str, ...]:
    """The names that :func:`activation` accepts.

    >>> "tanh" in activation_names()
    True
    """
    return tuple(_DECLARED)


def activation_parameters(name: str) -> dict[str, sp.Expr]:
    """The parameters of an activation in their order, and their default values.

    Raises:
        UnknownNameError: no activation has that name; the nearest is suggested.

    >>> activation_parameters("leaky_relu"), activation_parameters("tanh")
    ({'slope': 1/100}, {})
    """
    return dict(_declaration(name).parameters)


def _declaration(name: object) -> _Declaration:
    own = _ALSO_CALLED.get(name, name) if isinstance(name, str) else None
    if own not in _DECLARED:
        raise UnknownNameError("activation", name, _DECLARED)
    return _DECLARED[own]


def activation(name: str | Activation, **parameters: float | sp.Expr) -> Activation:
    """The activation with a given name; an :class:`Activation` is returned as it is.

    Args:
        name: one of :func:`activation_names`; ``"logistic"`` is another word for ``"sigmoid"``.
        parameters: numbers, for those that have parameters: ``slope`` of
            ``leaky_relu``, ``alpha`` of ``elu``. Floats are taken at their shortest decimal value.

    Raises:
        UnknownNameError: no activation or parameter has that name; the nearest is suggested.
        InputError: a parameter is not a finite real number.

    >>> activation("sigmoid").slope.sup, activation("leaky_relu", slope=0.2).slope.inf
    (1/4, 1/5)
    """
    if isinstance(name, Activation):
        if parameters:
            raise InputError(f"{', '.join(parameters)}: parameters belong to a name, got the Activation {name}")
        return name
    declaration = _declaration(name)
    name = declaration.name
    for key in parameters:
        if key not in declaration.parameters:
            raise UnknownNameError(f"parameter of activation {name}", key, declaration.parameters)
    values = {
        key: exact_number(f"{key} of activation {name}", parameters.get(key, value))
        for key, value in declaration.parameters.items()
    }
    identity = (name, *values.items())
    if identity not in _BUILT:
        shown = (
            name if values == declaration.parameters else f"{name}({', '.join(f'{k}={v}' for k, v in values.items())})"
        )
        latex = declaration.latex
        _BUILT[identity] = Activation(shown, declaration.formula(**values), latex)
    return _BUILT[identity]


def _above(threshold: object, value: object, otherwise: object) -> sp.Piecewise:
    return sp.Piecewise((value, z > threshold), (otherwise, True))


def _between(low: object, high: object, below: object, value: object, above: object) -> sp.Piecewise:
    return sp.Piecewise((below, z <= low), (above, z >= high), (value, True))


# Klambauer et al. 2017, "Self-Normalizing Neural Networks", section 2; the decimals that PyTorch documents.
_SELU_ALPHA = sp.Rational("1.6732632423543772848170429916717")
_SELU_SCALE = sp.Rational("1.0507009873554804934193349852946")

declare("sigmoid", lambda: logistic(z), latex=r"\sigma")
declare("tanh", lambda: sp.tanh(z), latex=r"\tanh")
declare("relu", lambda: _above(0, z, 0), latex=r"\operatorname{ReLU}")
declare("leaky_relu", lambda slope: _above(0, z, slope * z), latex=r"\operatorname{LeakyReLU}", slope=0.01)
declare("elu", lambda alpha: _above(0, z, alpha * (sp.exp(z) - 1)), latex=r"\operatorname{ELU}", alpha=1)
declare("gelu", lambda: z * (1 + sp.erf(z / sp.sqrt(2))) / 2, latex=r"\operatorname{GELU}")
declare(
    "gelu_tanh",
    lambda: z * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (z + sp.Rational(44715, 10**6) * z**3))) / 2,
    latex=r"\operatorname{GELU}_{\tanh}",
)
declare("silu", lambda: z * logistic(z), latex=r"\operatorname{SiLU}")
declare("mish", lambda: z * sp.tanh(softplus(z)), latex=r"\operatorname{Mish}")
declare("softplus", lambda: softplus(z))
declare("softsign", lambda: z / (1 + sp.Abs(z)))
declare("arctan", lambda: sp.atan(z), latex=r"\arctan")
declare("erf", lambda: sp.erf(z))
declare("sin", lambda: sp.sin(z), latex=r"\sin")
declare("gaussian", lambda: sp.exp(-(z**2)))
declare("identity", lambda: z, latex=r"\operatorname{id}")
declare("selu", lambda: _SELU_SCALE * _above(0, z, _SELU_ALPHA * (sp.exp(z) - 1)), latex=r"\operatorname{SELU}")
declare("hard_sigmoid", lambda: _between(-3, 3, 0, z / 6 + sp.Rational(1, 2), 1))
declare("hard_tanh", lambda: _between(-1, 1, -1, z, 1))
declare("hardswish", lambda: _between(-3, 3, 0, z * (z + 3) / 6, z))
declare("log_sigmoid", lambda: -softplus(-z))
declare("relu_squared", lambda: _above(0, z**2, 0), latex=r"\operatorname{ReLU}^2")
