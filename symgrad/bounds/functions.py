"""Bounds as plain functions of norms, scalar parameters and the number of steps, in floats or at any precision."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symgrad.bounds.growth import ComparisonPower, GainPower, Growth, RatePower
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.norms import NORMS, MinimumModulus, Norm, OperatorNorm, SmallestSingularValue, SpectralRadius
from symgrad.rigor.balls import Enclosed

__all__ = ["MODULES", "bound_arguments", "bound_function"]

MODULES = ("numpy", "mpmath")
_KINDS = {OperatorNorm: "norm", SmallestSingularValue: "sigma_min", MinimumModulus: "modulus", SpectralRadius: "rho"}


def bound_arguments(growth: Growth, k: sp.Expr) -> dict[str, sp.Expr]:
    """What the function of a bound takes, in order: names -> norms and the like, then scalars and sizes, then k."""
    content = growth.content
    atoms = sorted(content.atoms(*_KINDS), key=str)
    inside: set[sp.Basic] = set()
    for atom in atoms:
        inside |= atom.args[0].free_symbols
    scalar = content.xreplace({atom: sp.Dummy(f"a{i}", nonnegative=True) for i, atom in enumerate(atoms)})
    symbols = sorted((s for s in scalar.free_symbols if not isinstance(s, sp.Dummy)), key=str)
    found: dict[str, sp.Expr] = {}
    for atom in atoms:
        found[_distinct(_name(atom, growth.norm), found)] = atom
    for symbol in symbols:
        found[_distinct(re.sub(r"\W+", "_", str(symbol)), found)] = symbol
    found[_distinct("k", found)] = k
    return found


def _name(atom: sp.Expr, norm: Norm) -> str:
    """``norm_W`` for the norm of W that the bound is in, ``norm_inf_W`` for another one."""
    inner = re.sub(r"\W+", "_", str(atom.args[0])).strip("_")
    other = isinstance(atom, OperatorNorm) and atom.p != norm.p
    return f"{_KINDS[type(atom)]}_{f'{NORMS[atom.p]}_' if other else ''}{inner}"


def _distinct(name: str, taken: Mapping[str, Any]) -> str:
    return name if name not in taken else _distinct(f"{name}_", taken)


def bound_function(growth: Growth, k: sp.Expr, module: str) -> Callable[..., Any]:
    """A function of the :func:`bound_arguments`, positionally or by name; approximate.

    Raises:
        UnknownNameError: another module.
        InputError: layers with parameters of their own, of which there are as many arguments as layers.
    """
    if module not in MODULES:
        raise UnknownNameError("module", module, MODULES)
    if not isinstance(growth, (RatePower, GainPower, ComparisonPower)):
        raise InputError("lambdify: every layer has parameters of its own; evaluate with weights instead")
    arguments = bound_arguments(growth, k)
    names = list(arguments)
    content = growth.content
    entries = sp.Matrix([[content]]) if not isinstance(content, sp.MatrixBase) else content
    dummies = [sp.Dummy(name, real=True) for name in names]
    constants = sorted(entries.atoms(Enclosed), key=str)
    fixed = [sp.Dummy(f"constant{i}", real=True) for i in range(len(constants))]
    replaced = dict(zip([*arguments.values(), *constants], [*dummies, *fixed], strict=True))
    plain = entries.xreplace(replaced)
    compiled = sp.lambdify([*dummies[:-1], *fixed], plain.tolist(), module, cse=True)
    power = (
        _NumpyPower(growth, names, compiled, constants)
        if module == "numpy"
        else _MpmathPower(growth, names, compiled, constants)
    )
    return power


class _Power:
    """A power of a small matrix whose entries are functions of the arguments.

    Attributes:
        arguments: the names of the arguments in order.
    """

    def __init__(self, growth: Growth, names: list[str], entries: Callable[..., Any], constants: Sequence[Any]) -> None:
        self.arguments = tuple(names)
        self._entries, self._constants = entries, constants
        self._norm, self._inverse = growth.norm, isinstance(growth, ComparisonPower)
        self.__doc__ = f"The bound as a function of {', '.join(names)}; approximate."

    def _given(self, values: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
        unknown = [name for name in named if name not in self.arguments]
        if unknown:
            raise UnknownNameError("argument", unknown[0], self.arguments)
        given = dict(zip(self.arguments, values, strict=False)) | dict(named)
        missing = [name for name in self.arguments if name not in given]
        if missing or len(values) + len(named) != len(self.arguments):
            raise InputError(
                f"arguments: {', '.join(self.arguments)} are needed once each, got {len(values)} values "
                f"and {', '.join(named) or 'no names'}"
            )
        return [given[name] for name in self.arguments]


class _NumpyPower(_Power):
    """In float64, over arrays that broadcast together."""

    def __call__(self, *values: Any, **named: Any) -> Any:
        *given, steps = np.broadcast_arrays(*self._given(values, named))
        constants = [float(constant) for constant in self._constants]
        rows = self._entries(*given, *constants)
        size = len(rows)
        table = np.empty((*steps.shape, size, size))
        for i, row in enumerate(rows):
            for j, entry in enumerate(row):
                table[..., i, j] = entry
        with np.errstate(all="ignore"):
            found = table[..., 0, 0] ** steps if size == 1 else self._powers(table, steps)
        return found[()]

    def _powers(self, table: Any, steps: Any) -> Any:
        order = np.inf if self._norm.p == sp.oo else int(self._norm.p)
        found = np.empty(steps.shape)
        for place in np.ndindex(steps.shape):
            matrix = np.linalg.inv(table[place]) if self._inverse else table[place]
            size = np.linalg.norm(np.linalg.matrix_power(matrix, int(steps[place])), order)
            holds = not self._inverse or bool((matrix >= 0).all())
            found[place] = (1 / size if holds else 0.0) if self._inverse else size
        return found


class _MpmathPower(_Power):
    """In mpmath, at the precision that is set there."""

    def __call__(self, *values: Any, **named: Any) -> Any:
        *given, steps = self._given(values, named)
        digits = mpmath.mp.dps + 5
        constants = [mpmath.mpf(str(sp.N(constant, digits))) for constant in self._constants]
        table = mpmath.matrix(self._entries(*map(mpmath.mpf, given), *constants))
        if table.rows == 1:
            return table[0, 0] ** int(steps)
        if self._inverse:
            inverse = table**-1
            holds = all(entry >= 0 for entry in inverse)
            return 1 / _mpmath_norm(inverse ** int(steps), self._norm) if holds else mpmath.mpf(0)
        return _mpmath_norm(table ** int(steps), self._norm)


def _mpmath_norm(matrix: Any, norm: Norm) -> Any:
    if norm.p == 2:
        return max(mpmath.svd_r(matrix, compute_uv=False))
    return mpmath.mnorm(matrix, mpmath.inf if norm.p == sp.oo else 1)
