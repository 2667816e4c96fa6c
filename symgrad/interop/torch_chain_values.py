"""What a value is while a feed-forward module is traced: the layers that lead to it from the input, or a constant."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.interop.torch_activations import real_everywhere
from symgrad.language.activations import activation, activation_names
from symgrad.language.chain_layers import Affine, ChainLayer, Entrywise, PassThrough, Residual, Scaling
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.numbers import exact_number

__all__ = [
    "UNKNOWN",
    "Constant",
    "InputWidthError",
    "Path",
    "added",
    "combined",
    "is_in_place",
    "scaled",
    "shifted",
]

Array = NDArray[np.float64]
Combine = Callable[[Any, Any], Any]

UNKNOWN = -1

_FORMULAS: dict[str, Combine] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
}


class InputWidthError(Exception):
    """The width of the input has been found: the trace is repeated with it.

    Attributes:
        width: of the input.
    """

    def __init__(self, width: int) -> None:
        super().__init__(f"the input has {width} entries")
        self.width = width


@dataclass(frozen=True, eq=False)
class Constant:
    """A number, or a parameter or buffer of the module (or what is computed from these alone).

    Attributes:
        name: under which its numbers are kept; empty for a plain number.
        array: the numbers.
    """

    name: str
    array: Array

    @property
    def number(self) -> float | None:
        """Its value, where it is a plain number."""
        return None if self.name else float(self.array)

    def renamed(self, suffix: str, array: Array) -> Constant:
        """Another constant that is computed from this one."""
        return Constant(f"{self.name}.{suffix}" if self.name else "", array)


@dataclass(frozen=True, eq=False)
class Path:
    """A value that depends on the input.

    Attributes:
        layers: which lead to it from the input.
        start: the width of the input; ``UNKNOWN`` while nothing tells it.
    """

    layers: tuple[ChainLayer, ...]
    start: int

    @property
    def width(self) -> int:
        """How many entries it has; ``UNKNOWN`` for as many as the input while nothing tells it."""
        return self.layers[-1].outputs if self.layers else self.start

    def known_width(self, wanted: int | None = None) -> int:
        """The width, which is to be ``wanted`` where given.

        Raises:
            InputError: it is another one.
            InputWidthError: nothing told it before.
        """
        if wanted is not None and self.width != wanted:
            if self.width == UNKNOWN:
                raise InputWidthError(wanted)
            raise InputError(f"{wanted} entries are taken, but {self.width} are given")
        return self.width

    @property
    def memory(self) -> tuple[int, ...]:
        """Equal for values that are one tensor in PyTorch: layers that do nothing give back what they are given."""
        layers = list(self.layers)
        while layers and isinstance(layers[-1], PassThrough) and layers[-1].reason != "copy":
            layers.pop()
        return tuple(map(id, layers))

    def then(self, layer: ChainLayer) -> Path:
        """What a further layer makes of it."""
        return replace(self, layers=(*self.layers, layer))


def _length(constant: Constant) -> int:
    return int(constant.array.size)


def _checked(path: Path, constant: Constant) -> int:
    """The width of a path that a constant scalar or vector is combined with."""
    array = constant.array
    if array.ndim > 1 and array.size == array.shape[-1]:
        array = array.reshape(-1)
    if array.ndim > 1:
        raise InputError(f"a scalar or a vector is needed beside the values of a layer, got the shape {array.shape}")
    return path.known_width(array.size if array.size > 1 else None)


def scaled(path: Path, constant: Constant, name: str) -> Path:
    """The entrywise product with a constant."""
    width = _checked(path, constant)
    if constant.number is not None:
        return path.then(Scaling(name, width, width, factor=constant.number))
    return path.then(Scaling(name, width, width, weight=constant.name))


def shifted(path: Path, constant: Constant, name: str) -> Path:
    """The sum with a constant; of an affine layer without bias it becomes the bias."""
    width = _checked(path, constant)
    if constant.number is not None:
        return path.then(Scaling(name, width, width, offset=constant.number))
    last = path.layers[-1] if path.layers else None
    if isinstance(last, Affine) and last.bias is None and _length(constant) == width:
        return replace(path, layers=(*path.layers[:-1], replace(last, bias=constant.name)))
    return path.then(Scaling(name, width, width, bias=constant.name))


def combined(kind: str, left: Path, right: Path, name: str) -> Path | None:
    """Two scalar functions of the same value, combined entry by entry to one; None where they are not that."""
    prefix, one, other = _parted(left, right)
    formulas = _formula(one), _formula(other)
    width = Path(prefix, left.start).width
    if formulas[0] is None or formulas[1] is None:
        return None
    formula = _FORMULAS[kind](*formulas)
    return Path((*prefix, Entrywise(name, width, width, _recognised(formula))), left.start)


def added(left: Path, right: Path, name: str) -> Path:
    """The sum of two values: one entrywise function, or else a residual block after what they have in common.

    Raises:
        InputError: their widths differ.
    """
    if left.width != right.width:
        if UNKNOWN in (left.width, right.width):
            raise InputWidthError(max(left.width, right.width))
        raise InputError(f"a sum of values of {left.width} and {right.width} entries")
    found = combined("add", left, right, name)
    if found is not None:
        return found
    prefix, one, other = _parted(left, right)
    shortcut, branch = (one, other) if len(one) <= len(other) else (other, one)
    before = Path(prefix, left.start).width
    return Path((*prefix, Residual(name, before, left.width, branch=branch, shortcut=shortcut)), left.start)


def _parted(left: Path, right: Path) -> tuple[tuple[ChainLayer, ...], tuple[ChainLayer, ...], tuple[ChainLayer, ...]]:
    """The layers that both have passed, the very same ones, and the rest of each."""
    count = 0
    for one, other in zip(left.layers, right.layers, strict=False):
        if one is not other:
            break
        count += 1
    return left.layers[:count], left.layers[count:], right.layers[count:]


def _formula(layers: tuple[ChainLayer, ...]) -> sp.Expr | None:
    """The scalar function that layers apply entry by entry; None where they do more than that."""
    found: sp.Expr = VARIABLE
    for layer in layers:
        if isinstance(layer, Entrywise):
            found = layer.activation.expr.xreplace({VARIABLE: found})
        elif isinstance(layer, Scaling) and layer.weight is None and layer.bias is None:
            found = exact_number("factor", layer.factor) * found + exact_number("offset", layer.offset)
        elif not isinstance(layer, PassThrough):
            return None
    return found


def _recognised(formula: sp.Expr) -> Activation:
    """The activation of that formula, by its name where it is one of those known by name."""
    found = real_everywhere("the combined formula", Activation("f", formula))
    slope = found.derivative
    named = (activation(name) for name in activation_names())
    return next((phi for phi in named if phi.expr == found.expr and phi.derivative.expr == slope.expr), found)


def is_in_place(name: str, target: Any) -> bool:
    """Whether a function or method changes its first argument: such as ``relu_`` or ``+=``."""
    if getattr(operator, name, None) is target:
        return name in ("iadd", "isub", "imul", "itruediv", "ipow", "imatmul")
    return name.endswith("_") and not name.endswith("__") and name != "requires_grad_"
