"""Layers of different widths: which models allow them, whether they fit together, and how they are made alike.

Zeros added to smaller layers change no norm of a product of Jacobians: let W take x to ``f(W x, b)`` entry by entry.
With rows and columns of zeros added to W, what is added to x meets zeros only, so the Jacobian is the old one with
zeros added, and so is every product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.operators import (
    Apply,
    Constant,
    Elementwise,
    Hadamard,
    Identity,
    Operator,
    Scale,
    Variable,
    Vector,
    VectorSum,
    Weight,
)
from symgrad.language.recurrence import Recurrence

__all__ = ["layer_widths", "padded", "unpadded", "width_roles"]

Array = NDArray[np.float64]
Roles = dict[sp.Expr, tuple[str, ...]]

NEW, OLD = "new", "old"


def width_roles(model: Recurrence) -> Roles | None:
    """For each parameter whether its rows (and columns) count the new state or the old one; None if they must agree.

    They may differ where the one state x has no inputs beside it and reaches the new state only through matrices:
    ``f(W g(x), V h(x), b, ...)`` with all functions taken entry by entry.
    """
    if len(model.states) != 1 or model.inputs or model.is_scalar:
        return None
    (state,) = model.states
    roles: Roles = {}
    fits = isinstance(state.shape[0], sp.Symbol) and _visit(model.nodes[state], NEW, state, roles)
    return roles if fits and all(_is_sized(symbol, roles[symbol], state) for symbol in roles) else None


def _is_sized(symbol: sp.Expr, role: tuple[str, ...], state: sp.Expr) -> bool:
    width = state.shape[0]
    return symbol.shape == ((width, width) if len(role) == 2 else (width, 1))


def _visit(node: Vector, side: str, state: sp.Expr, roles: Roles) -> bool:
    """Whether a vector on one side of the matrices has the form that allows two widths; notes the parameters' roles."""
    match node:
        case Constant():
            return True
        case Variable(symbol):
            return side == OLD if symbol == state else _noted(symbol, (side,), roles)
        case VectorSum(terms):
            return all(_visit(term, side, state, roles) for term in terms)
        case Hadamard(left, right):
            return _visit(left, side, state, roles) and _visit(right, side, state, roles)
        case Elementwise(_, argument) | Apply(Scale(_, Identity()), argument):
            return _visit(argument, side, state, roles)
        case Apply(operator, argument):
            matrix = _parameter(operator)
            known = side == NEW and matrix is not None and _noted(matrix, (NEW, OLD), roles)
            return known and _visit(argument, OLD, state, roles)
    return False


def _parameter(operator: Operator) -> sp.Expr | None:
    """The matrix parameter that an operator is, up to a factor."""
    match operator:
        case Scale(_, Weight(matrix)) | Weight(matrix) if isinstance(matrix, sp.MatrixSymbol):
            return matrix
    return None


def _noted(symbol: sp.Expr, role: tuple[str, ...], roles: Roles) -> bool:
    return isinstance(symbol, sp.MatrixSymbol) and roles.setdefault(symbol, role) == role


def layer_widths(roles: Roles, layers: Sequence[Mapping[sp.Expr, Array]]) -> list[int | None]:
    """The sizes of the state before the first layer and after each; None where no weight tells.

    Raises:
        InputError: shapes that do not fit together; names the layer.
    """
    widths: list[int | None] = [None] * (len(layers) + 1)
    for layer, values in enumerate(layers, 1):
        for symbol, array in values.items():
            for side, length in zip(roles.get(symbol, ()), array.shape, strict=False):
                place = layer if side == NEW else layer - 1
                known = widths[place]
                if known is not None and known != length:
                    what = "gives" if side == NEW else "takes"
                    raise InputError(
                        f"weights: layer {layer}: {symbol} of shape {array.shape} {what} vectors of size {length}, "
                        f"but the weights before have size {known} there"
                    )
                widths[place] = length
    return widths


def padded(roles: Roles, values: Mapping[sp.Expr, Array], width: int) -> dict[sp.Expr, Array]:
    """The weights of a layer with zeros added up to one width."""
    return {
        symbol: np.pad(array, [(0, width - length) for length in array.shape]) if symbol in roles else array
        for symbol, array in values.items()
    }


def unpadded(roles: Roles, symbol: sp.Expr, array: Array, widths: Sequence[int | None]) -> Array:
    """An array of a parameter's shape without the zeros, for the sizes of the old and the new state."""
    old, new = widths
    return array[tuple(slice(new if side == NEW else old) for side in roles.get(symbol, ()))]
