"""The scalar functions of PyTorch, as modules, functions and methods of tensors, and what they are here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import InputError, SymgradError
from symgrad.interop.torch_checks import torch_module
from symgrad.language.activations import activation
from symgrad.language.elementwise import VARIABLE as z
from symgrad.language.elementwise import Activation
from symgrad.language.numbers import exact_number
from symgrad.numerics.functions import array_function

__all__ = ["activation_of_call", "activation_of_module", "real_everywhere", "scalar_functions"]

_POINTS = np.array([-30.0, -2.0, -0.5, 0.5, 2.0, 30.0])  # places at which a function that is not real shows itself

Build = Callable[..., Activation]


@dataclass(frozen=True)
class _Function:
    """One scalar function: its parameters as PyTorch names them, with PyTorch's default values, and what it is."""

    build: Build
    parameters: Mapping[str, Any]


def _named(name: str) -> Build:
    return lambda: activation(name)


def _number(value: Any) -> sp.Expr:
    return exact_number("parameter of an activation", value)


def _made(name: str, formula: Callable[..., sp.Expr]) -> Build:
    """An activation of its own from a formula with the numbers put in, called by its name and numbers."""

    def build(*values: Any) -> Activation:
        numbers = [_number(value) for value in values]
        shown = f"{name}({', '.join(map(str, numbers))})" if numbers else name
        return Activation(shown, formula(*numbers), rf"\operatorname{{{name.replace('_', '')}}}")

    return build


def _gelu(approximate: str) -> Activation:
    if approximate not in ("none", "tanh"):
        raise InputError(f"approximate: of GELU 'none' or 'tanh' is accepted, got {approximate!r}")
    return activation("gelu" if approximate == "none" else "gelu_tanh")


def _softplus(beta: Any, threshold: Any) -> Activation:
    """Without the threshold above which PyTorch takes x itself: at 20, the default, values differ by 2.1e-9/beta."""
    scale = _number(beta)
    if not scale > 0:
        raise InputError(f"beta: of softplus a positive number is needed, got {beta!r}")
    plain = activation("softplus")
    return plain if scale == 1 else Activation(f"softplus({scale})", plain.expr.xreplace({z: scale * z}) / scale)


def _hardtanh(low: Any, high: Any) -> Activation:
    ends = _number(low), _number(high)
    if ends == (-1, 1):
        return activation("hard_tanh")
    return _made("hard_tanh", lambda a, b: sp.Piecewise((a, z <= a), (b, z >= b), (z, True)))(low, high)


def _clamp(low: Any, high: Any) -> Activation:
    cases = [(_number(low), z <= _number(low))] if low is not None else []
    cases += [(_number(high), z >= _number(high))] if high is not None else []
    shown = ", ".join("none" if end is None else str(_number(end)) for end in (low, high))
    return Activation(f"clamp({shown})", sp.Piecewise(*cases, (z, True)), r"\operatorname{clamp}")


def _celu(alpha: Any) -> Activation:
    return _made("celu", lambda a: sp.Piecewise((z, z > 0), (a * (sp.exp(z / a) - 1), True)))(alpha)


def _rrelu(lower: Any, upper: Any, training: Any = False) -> Activation:
    if training:
        raise InputError("module: RReLU is in training mode, in which its slopes are random; call module.eval() first")
    return activation("leaky_relu", slope=(_number(lower) + _number(upper)) / 2)


def _shrink(half_width: sp.Expr) -> sp.Expr:
    return sp.Piecewise((z - half_width, z > half_width), (z + half_width, z < -half_width), (0, True))


def _power(exponent: Any) -> Activation:
    number = _number(exponent)
    return Activation(f"power({number})", z**number)


_PLAIN = {
    "sigmoid": "sigmoid",
    "expit": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "selu": "selu",
    "silu": "silu",
    "mish": "mish",
    "softsign": "softsign",
    "atan": "arctan",
    "arctan": "arctan",
    "erf": "erf",
    "sin": "sin",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hardswish",
    "logsigmoid": "log_sigmoid",
    "log_sigmoid": "log_sigmoid",
    "identity": "identity",
}
_FORMULAS = {
    "cos": sp.cos(z),
    "exp": sp.exp(z),
    "expm1": sp.exp(z) - 1,
    "abs": sp.Abs(z),
    "absolute": sp.Abs(z),
    "square": z**2,
    "reciprocal": 1 / z,
    "sinh": sp.sinh(z),
    "cosh": sp.cosh(z),
    "asinh": sp.asinh(z),
    "arcsinh": sp.asinh(z),
    "tanhshrink": z - sp.tanh(z),
    "relu6": sp.Piecewise((0, z <= 0), (6, z >= 6), (z, True)),
}
_FUNCTIONS: dict[str, _Function] = {
    **{name: _Function(_named(own), {}) for name, own in _PLAIN.items()},
    **{name: _Function(_made(name, lambda formula=formula: formula), {}) for name, formula in _FORMULAS.items()},
    "leaky_relu": _Function(lambda slope: activation("leaky_relu", slope=slope), {"negative_slope": 0.01}),
    "rrelu": _Function(_rrelu, {"lower": 1 / 8, "upper": 1 / 3, "training": False}),
    "elu": _Function(lambda alpha: activation("elu", alpha=alpha), {"alpha": 1.0}),
    "celu": _Function(_celu, {"alpha": 1.0}),
    "gelu": _Function(_gelu, {"approximate": "none"}),
    "softplus": _Function(_softplus, {"beta": 1, "threshold": 20}),
    "hardtanh": _Function(_hardtanh, {"min_val": -1.0, "max_val": 1.0}),
    "clamp": _Function(_clamp, {"min": None, "max": None}),
    "clip": _Function(_clamp, {"min": None, "max": None}),
    "softshrink": _Function(_made("softshrink", _shrink), {"lambd": 0.5}),
    "pow": _Function(_power, {"exponent": 1}),
}
_MODULES = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "LeakyReLU": "leaky_relu",
    "RReLU": "rrelu",
    "ELU": "elu",
    "CELU": "celu",
    "SELU": "selu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Hardtanh": "hardtanh",
    "Hardsigmoid": "hardsigmoid",
    "Hardswish": "hardswish",
    "LogSigmoid": "logsigmoid",
    "Tanhshrink": "tanhshrink",
    "Softshrink": "softshrink",
}
_IGNORED = ("inplace", "out", "input", "self")


def scalar_functions() -> tuple[str, ...]:
    """The names of PyTorch's scalar functions that are known here."""
    return tuple(_FUNCTIONS)


def activation_of_module(module: Any) -> Activation | None:
    """The activation that a module of PyTorch applies entry by entry; None where it is of another kind.

    Raises:
        InputError: an activation with a parameter that is not accepted.
    """
    torch = torch_module()
    name = type(module).__name__
    if name not in _MODULES or type(module) is not getattr(torch.nn, name, None):
        return None
    function = _FUNCTIONS[_MODULES[name]]
    return function.build(*(getattr(module, key) for key in function.parameters))


def activation_of_call(target: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> Activation | None:
    """The activation of a call of a function or method; None where it is no scalar function that is known.

    Args:
        target: a function of ``torch``, ``torch.nn.functional`` or ``torch.special``, or the name of a method.
        arguments: what follows the tensor itself.
        options: named arguments.

    Raises:
        InputError: an argument that is not accepted.
    """
    name = target if isinstance(target, str) else _function_name(target)
    key = "" if name is None else name.removesuffix("_") if name.removesuffix("_") in _FUNCTIONS else name
    if key not in _FUNCTIONS:
        return None
    function = _FUNCTIONS[key]
    values = dict(function.parameters)
    named = {label: value for label, value in options.items() if label not in _IGNORED}
    unknown = named.keys() - values.keys()
    if unknown:
        known = ", ".join(values) or "none"
        raise InputError(f"{', '.join(sorted(unknown))}: no parameter of {key} that is known; there are {known}")
    values |= dict(zip(values, arguments, strict=False)) | named
    return real_everywhere(key, function.build(*values.values()))


def real_everywhere(name: str, found: Activation) -> Activation:
    """The activation itself, if it is real and has a slope nearly everywhere.

    Raises:
        InputError: it is not.
    """
    try:
        slopes = array_function(found.derivative.expr)(np, _POINTS)
    except SymgradError as error:
        raise InputError(f"{name} has no slope: {error}") from error
    if np.isnan([array_function(found.expr)(np, _POINTS), slopes]).any():
        raise InputError(f"{name} is not real for every number, as an activation has to be")
    return found


def _function_name(target: Any) -> str | None:
    """The name of a function of PyTorch, where it is one."""
    torch = torch_module()
    name = getattr(target, "__name__", "")
    places = (torch, torch.nn.functional, torch.special, torch._C._nn)
    return name if any(getattr(place, name, None) is target for place in places) else None
