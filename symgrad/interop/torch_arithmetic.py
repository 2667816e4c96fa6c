"""Entrywise arithmetic of PyTorch; the arguments are called what PyTorch calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symgrad.interop.block_entries import TraceRefusal, finite, partly_defined
from symgrad.interop.blocks import Blocks
from symgrad.interop.torch_activations import activation_of_call
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_operands import Operand, Operands
from symgrad.interop.torch_values import Fixed, Flow
from symgrad.interop.tracing import Traced
from symgrad.language.activations import activation
from symgrad.language.elementwise import VARIABLE, Activation

__all__ = ["ARITHMETIC"]


def _add(of: Operands, node: Any, input: Operand, other: Operand, alpha: Any = 1) -> Flow:
    return of.entrywise(node, lambda a, b: of.trace.add(a, of.scaled(alpha, b)), input, other)


def _sub(of: Operands, node: Any, input: Operand, other: Operand, alpha: Any = 1) -> Flow:
    return of.entrywise(node, lambda a, b: of.trace.subtract(a, of.scaled(alpha, b)), input, other)


def _rsub(of: Operands, node: Any, input: Operand, other: Operand, alpha: Any = 1) -> Flow:
    return of.entrywise(node, lambda a, b: of.trace.subtract(b, of.scaled(alpha, a)), input, other)


def _mul(of: Operands, node: Any, input: Operand, other: Operand) -> Flow:
    return of.entrywise(node, of.trace.multiply, input, other)


def _div(of: Operands, node: Any, input: Operand, other: Operand, rounding_mode: Any = None) -> Flow:
    if rounding_mode is not None:
        raise TraceRefusal("division with rounding has no derivative")
    return of.entrywise(node, of.trace.divide, input, other)


def _rdiv(of: Operands, node: Any, input: Operand, other: Operand) -> Flow:
    return _div(of, node, other, input)


def _neg(of: Operands, node: Any, input: Operand) -> Flow:
    return of.entrywise(node, of.trace.negate, input)


def _pow(of: Operands, node: Any, input: Operand, exponent: Operand) -> Flow:
    if not isinstance(exponent, (Flow, Fixed)):
        return of.entrywise(node, lambda a: of.trace.power(a, of.trace.number(exponent)), input)
    if isinstance(input, (Flow, Fixed)) or not input > 0:
        raise TraceRefusal("a power needs a given number as exponent, or a positive number as base")
    function = Activation(f"pow({input}, z)", sp.exp(sp.log(of.trace.number(input)) * VARIABLE))
    return of.entrywise(node, lambda a: of.trace.apply(function, a), exponent)


def _powered(exponent: sp.Expr) -> Callable[..., Flow]:
    def power(of: Operands, node: Any, input: Operand) -> Flow:
        return of.entrywise(node, lambda a: of.trace.power(a, exponent), input)

    return power


def _rpow(of: Operands, node: Any, input: Operand, other: Operand) -> Flow:
    return _pow(of, node, other, input)


def _lerp(of: Operands, node: Any, input: Operand, end: Operand, weight: Operand) -> Flow:
    t = of.trace
    return of.entrywise(node, lambda a, b, w: t.add(a, t.multiply(w, t.subtract(b, a))), input, end, weight)


def _addcmul(of: Operands, node: Any, input: Operand, tensor1: Operand, tensor2: Operand, value: Any = 1) -> Flow:
    t = of.trace
    return of.entrywise(node, lambda a, b, c: t.add(a, of.scaled(value, t.multiply(b, c))), input, tensor1, tensor2)


def _addcdiv(of: Operands, node: Any, input: Operand, tensor1: Operand, tensor2: Operand, value: Any = 1) -> Flow:
    t = of.trace
    return of.entrywise(node, lambda a, b, c: t.add(a, of.scaled(value, t.divide(b, c))), input, tensor1, tensor2)


def _where(of: Operands, node: Any, condition: Operand, input: Operand, other: Operand) -> Flow:
    if not isinstance(condition, Fixed):
        raise TraceRefusal("a choice by a condition on the input or the state cannot be traced")
    t, mask = of.trace, Fixed(condition.tensor.to(torch_module().float64), None, condition.name, condition.given)

    def mixed(m: Traced, a: Traced, b: Traced) -> Traced:
        return t.add(t.multiply(m, a), t.multiply(t.subtract(sp.S.One, m), b))

    return of.entrywise(node, mixed, mask, input, other)


def _maximum(of: Operands, node: Any, input: Operand, other: Operand) -> Flow:
    return _chosen(of, node, input, other, 1)


def _minimum(of: Operands, node: Any, input: Operand, other: Operand) -> Flow:
    return _chosen(of, node, input, other, -1)


def _chosen(of: Operands, node: Any, input: Operand, other: Operand, sign: int) -> Flow:
    """max(a, b) = b + relu(a - b), min(a, b) = b - relu(b - a)."""
    if not all(isinstance(value, (Flow, Fixed)) for value in (input, other)):
        raise TraceRefusal("the extremum over an axis cannot be traced")
    t, relu = of.trace, activation("relu")

    def larger(a: Traced, b: Traced) -> Traced:
        above = t.subtract(a, b) if sign > 0 else t.subtract(b, a)
        return t.add(b, of.scaled(sign, t.apply(relu, above)))

    return of.entrywise(node, larger, input, other)


def _prelu(of: Operands, node: Any, input: Operand, weight: Operand) -> Flow:
    """The leaky ReLU with a slope that is a parameter: relu(a) - w relu(-a)."""
    t, relu = of.trace, activation("relu")

    def bent(a: Traced, w: Traced) -> Traced:
        return t.subtract(t.apply(relu, a), t.multiply(w, t.apply(relu, t.negate(a))))

    return of.entrywise(node, bent, input, weight)


def _partly_defined(formula: sp.Expr) -> Callable[..., Flow]:
    def function(of: Operands, node: Any, input: Operand) -> Flow:
        def rule(a: Traced) -> Traced:
            if isinstance(a, Blocks):
                return a.map(lambda entry: partly_defined(formula, entry))
            return finite(formula.xreplace({VARIABLE: a}))

        return of.entrywise(node, rule, input)

    return function


def _clamp_min(of: Operands, node: Any, input: Operand, min: Any) -> Flow:
    return _clamped(of, node, input, {"min": min})


def _clamp_max(of: Operands, node: Any, input: Operand, max: Any) -> Flow:
    return _clamped(of, node, input, {"max": max})


def _clamped(of: Operands, node: Any, input: Operand, ends: dict[str, Any]) -> Flow:
    function = activation_of_call("clamp", [], ends)
    if function is None or any(isinstance(end, (Flow, Fixed)) for end in ends.values()):
        raise TraceRefusal("its bound must be a number")
    return of.entrywise(node, lambda a: of.trace.apply(function, a), input)


def _erfc(of: Operands, node: Any, input: Operand) -> Flow:
    t = of.trace
    return of.entrywise(node, lambda a: t.subtract(sp.S.One, t.apply(activation("erf"), a)), input)


def _exp2(of: Operands, node: Any, input: Operand) -> Flow:
    return _pow(of, node, 2, input)


def _masked_fill(of: Operands, node: Any, input: Operand, mask: Operand, value: Operand) -> Flow:
    return _where(of, node, mask, value, input)


ARITHMETIC: dict[str, Callable[..., Flow]] = {
    "add": _add,
    "sub": _sub,
    "rsub": _rsub,
    "mul": _mul,
    "div": _div,
    "rdiv": _rdiv,
    "neg": _neg,
    "square": _powered(sp.Integer(2)),
    "sqrt": _powered(sp.S.Half),
    "rsqrt": _powered(-sp.S.Half),
    "reciprocal": _powered(sp.S.NegativeOne),
    "pow": _pow,
    "float_power": _pow,
    "rpow": _rpow,
    "lerp": _lerp,
    "addcmul": _addcmul,
    "addcdiv": _addcdiv,
    "where": _where,
    "maximum": _maximum,
    "minimum": _minimum,
    "fmax": _maximum,
    "fmin": _minimum,
    "max": _maximum,
    "min": _minimum,
    "prelu": _prelu,
    "log": _partly_defined(sp.log(VARIABLE)),
    "log1p": _partly_defined(sp.log(1 + VARIABLE)),
    "logit": _partly_defined(sp.log(VARIABLE / (1 - VARIABLE))),
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "erfc": _erfc,
    "exp2": _exp2,
    "masked_fill": _masked_fill,
}
