"""What is random in a wide cell: variances of weights, means of biases, second moments of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence

__all__ = ["CellParameters", "cell_parameters", "sigma_symbol"]

_TORCH = sp.Rational(1, 3)  # entries uniform on (-1/sqrt(n), 1/sqrt(n)): n times their variance


@dataclass(frozen=True)
class CellParameters:
    """Numbers for what is random.

    Attributes:
        variances: of a matrix ``sigma_W^2`` (n times the variance of an entry, n its number of columns), of a vector
            the variance of an entry.
        means: of entries of vectors, and the values of scalar parameters.
        inputs: the second moment of the entries of each input.
    """

    variances: dict[sp.Expr, sp.Expr]
    means: dict[sp.Expr, sp.Expr]
    inputs: dict[sp.Expr, sp.Expr]

    @property
    def symbols(self) -> dict[sp.Expr, sp.Expr]:
        """``sigma_W^2`` and the like as they stand in formulas, of what has a variance."""
        given = {**self.variances, **self.inputs}
        return {key: sigma_symbol(key) ** 2 if value != 0 else sp.S.Zero for key, value in given.items()}

    @property
    def values(self) -> dict[sp.Symbol, sp.Expr]:
        """The square of each symbol in the formulas."""
        given = {**self.variances, **self.inputs}
        return {sigma_symbol(key): value for key, value in given.items() if value != 0}


def sigma_symbol(key: sp.Expr) -> sp.Symbol:
    """The standard deviation of a parameter in formulas."""
    return sp.Symbol(f"sigma_{key}", positive=True)


def cell_parameters(model: Recurrence, variances: Any, means: Any, inputs: Any) -> CellParameters:
    """The numbers, checked.

    Args:
        model: a recurrence of vectors.
        variances: ``"torch"``, a number for all matrices, or a mapping name -> number; a stacked tensor's name stands
            for all that it holds. Matrices that are not named have 1/3, vectors 0.
        means: a mapping name -> number of vectors and scalars; 0 for vectors that are not named.
        inputs: a number for all inputs, or a mapping name -> number.

    Raises:
        InputError: a negative variance, no number, the mean of a matrix, a scalar parameter without a value.
        UnknownNameError: a name that the model does not have.
    """
    matrices = [p for p in model.parameters if isinstance(p, sp.MatrixSymbol) and p.shape[1] != 1]
    vectors = [p for p in model.parameters if isinstance(p, sp.MatrixSymbol) and p.shape[1] == 1]
    scalars = [p for p in model.parameters if not isinstance(p, sp.MatrixSymbol)]
    known = dict.fromkeys(matrices, _TORCH) | dict.fromkeys(vectors, sp.S.Zero)
    if isinstance(variances, str) and variances != "torch":
        raise InputError(f"variances: 'torch', a number or a mapping {{name: number}} is needed, got {variances!r}")
    if isinstance(variances, Mapping):
        known |= _named(model, "variance", variances, matrices + vectors)
    elif variances != "torch":
        known |= dict.fromkeys(matrices, exact_number("variances", variances))
    _check_sign("variance", known)
    centres = _named(model, "mean", {} if means is None else means, vectors + scalars)
    missing = [str(symbol) for symbol in scalars if symbol not in centres]
    if missing:
        raise InputError(f"means: the scalar parameter {missing[0]} of model {model.name} needs a value")
    return CellParameters(known, centres, _inputs(model, inputs))


def _inputs(model: Recurrence, inputs: Any) -> dict[sp.Expr, sp.Expr]:
    if isinstance(inputs, Mapping):
        found = dict.fromkeys(model.inputs, sp.S.Zero) | _named(model, "inputs", inputs, list(model.inputs))
    else:
        found = dict.fromkeys(model.inputs, exact_number("inputs", inputs))
    _check_sign("second moment", found)
    return found


def _named(model: Recurrence, label: str, given: Any, among: list[sp.Expr]) -> dict[sp.Expr, sp.Expr]:
    if not isinstance(given, Mapping):
        raise InputError(f"{label}s: a mapping {{name: number}} is needed, got {type(given).__name__} {given!r}")
    known = {str(symbol): symbol for symbol in among}
    found: dict[sp.Expr, sp.Expr] = {}
    for key, value in given.items():
        parts = model.stacked.get(str(key), (str(key),))
        for part in parts:
            if part not in known:
                raise UnknownNameError(f"{label} of model {model.name}", str(key), [*known, *model.stacked])
            number = exact_number(f"{label} of {part}", value)
            found[known[part]] = found.get(known[part], sp.S.Zero) + number  # two biases of one sum add up
    return found


def _check_sign(label: str, values: Mapping[sp.Expr, sp.Expr]) -> None:
    for key, value in values.items():
        if value.is_negative:
            raise InputError(f"{label} of {key}: a number of at least 0 is needed, got {value}")
