"""Bounds as plain functions of norms, scalar parameters and the number of steps, in floats or at any precision."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symgrad.bounds.arithmetic import ARITHMETICS, Arithmetic
from symgrad.bounds.growth import ComparisonPower, GainPower, Growth, RatePower
from symgrad.bounds.weighted_growth import BestPower, CertifiedPower, RefinedPower
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.entrywise import EntrywiseModulus, PerronRatio
from symgrad.language.norms import NORMS, MinimumModulus, Norm, OperatorNorm, SmallestSingularValue, SpectralRadius
from symgrad.rigor.balls import Enclosed

__all__ = ["bound_arguments", "bound_function"]

_KINDS = {
    OperatorNorm: "norm",
    SmallestSingularValue: "sigma_min",
    MinimumModulus: "modulus",
    SpectralRadius: "rho",
    PerronRatio: "kappa",
}


@dataclass
class _Parts:
    """What an expression is made of.

    Attributes:
        norms: those of symbolic matrices, which are arguments.
        explicit: those of explicit matrices with scalar symbols in them, which are computed: atom -> entries.
        constants: those of matrices of numbers, and enclosed constants.
        symbols: scalar parameters and sizes.
    """

    norms: set[sp.Expr] = field(default_factory=set)
    explicit: dict[sp.Expr, sp.ImmutableDenseMatrix] = field(default_factory=dict)
    constants: set[sp.Expr] = field(default_factory=set)
    symbols: set[sp.Basic] = field(default_factory=set)

    @classmethod
    def of(cls, content: sp.Basic) -> _Parts:
        """The parts of the content of a bound."""
        parts = cls()
        parts._add(content)
        return parts

    def _add(self, expr: sp.Basic) -> None:
        atoms = _outer(expr)
        for atom in atoms:
            if not atom.matrix.free_symbols:
                self.constants.add(atom)
            elif (entries := _entries(atom.matrix)) is None:
                self.norms.add(atom)
            else:
                self.explicit[atom] = entries
                self._add(entries)
        rest = expr.xreplace({atom: sp.S.One for atom in atoms})
        self.constants |= rest.atoms(Enclosed)
        self.symbols |= rest.free_symbols


def _outer(expr: sp.Basic) -> list[Any]:
    """The norms and the like that are not within another one."""
    if isinstance(expr, tuple(_KINDS)):
        return [expr]
    return [atom for part in expr.args for atom in _outer(part)]


def _entries(matrix: Any) -> sp.ImmutableDenseMatrix | None:
    """The entries of an explicit matrix; None where symbols stand for matrices."""
    if isinstance(matrix, sp.MatrixBase):
        return sp.ImmutableDenseMatrix(matrix)
    if matrix.atoms(sp.MatrixSymbol) or any(not size.is_Integer for size in matrix.shape):
        return None
    return sp.ImmutableDenseMatrix(matrix.doit().as_explicit())


def bound_arguments(growth: Growth, k: sp.Expr) -> dict[str, sp.Expr]:
    """What the function of a bound takes, in order: names -> norms and the like, then scalars and sizes, then k.

    Norms of explicit matrices are no arguments: they are computed from the numbers and scalars in these.
    """
    return _named(_Parts.of(_content(growth)), growth.norm, k)


def _content(growth: Growth) -> sp.Basic:
    """All that the function of a bound depends on but the number of steps."""
    match growth:
        case RefinedPower(inner):
            return _content(inner)
        case CertifiedPower():
            return sp.ImmutableDenseMatrix([[growth.constant, growth.rate]])
        case BestPower(named):
            return sp.Tuple(*(_content(each) for each in named.values()))
    return growth.content


def _alone(growth: Growth) -> list[Growth]:
    """The bounds of which the least counts."""
    match growth:
        case RefinedPower(inner):
            return [inner]
        case BestPower(named):
            return [part for each in named.values() for part in _alone(each)]
    return [growth]


def _named(parts: _Parts, norm: Norm, k: sp.Expr) -> dict[str, sp.Expr]:
    found: dict[str, sp.Expr] = {}
    for atom in sorted(parts.norms, key=str):
        found[_distinct(_name(atom, norm), found)] = atom
    for symbol in sorted(parts.symbols, key=str):
        found[_distinct(re.sub(r"\W+", "_", str(symbol)), found)] = symbol
    found[_distinct("k", found)] = k
    return found


def _name(atom: sp.Expr, norm: Norm) -> str:
    """``norm_W`` for the norm of W that the bound is in, ``norm_inf_W`` for another one."""
    matrix = atom.args[0]
    if matrix.atoms(EntrywiseModulus) and not isinstance(matrix, EntrywiseModulus):
        return f"{_KINDS[type(atom)]}_N"  # the bound on all moduli, which is long
    letters = {explicit: sp.MatrixSymbol("M", *explicit.shape) for explicit in matrix.atoms(sp.ImmutableDenseMatrix)}
    inner = re.sub(r"\W+", "_", str(matrix.xreplace(letters))).strip("_")
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
    if not isinstance(module, str) or module not in ARITHMETICS:
        raise UnknownNameError("module", str(module), ARITHMETICS)
    alone = _alone(growth)
    if not all(isinstance(each, (RatePower, GainPower, ComparisonPower, CertifiedPower)) for each in alone):
        raise InputError("lambdify: every layer has parameters of its own; evaluate with weights instead")
    parts, arithmetic = _Parts.of(_content(growth)), ARITHMETICS[module]
    arguments = _named(parts, growth.norm, k)
    constants = sorted(parts.constants, key=str)
    given = [*list(arguments.values())[:-1], *constants]
    entries = [_compiled(_content(each), parts, given, arithmetic) for each in alone]
    return _BoundFunction(alone, tuple(arguments), entries, constants, arithmetic)


def _compiled(
    content: sp.Basic, parts: _Parts, given: Sequence[sp.Expr], arithmetic: Arithmetic
) -> Callable[..., list[list[Any]]]:
    """The entries of the content's matrix as a function of what is given, in the arithmetic."""
    dummies = {item: sp.Dummy(f"given{i}", real=True) for i, item in enumerate(given)}
    sizes: dict[str, Callable[..., Any]] = {}

    def plain(expr: sp.Basic) -> sp.Basic:
        computed = {}
        for atom in dict.fromkeys(_outer(expr)):
            if atom in parts.explicit:
                entries = parts.explicit[atom]
                name = f"size{len(sizes)}"
                sizes[name] = partial(_size, arithmetic, type(atom), getattr(atom, "p", sp.Integer(2)), entries.cols)
                computed[atom] = sp.Function(name, real=True)(*map(plain, entries))
        return expr.xreplace({**dummies, **computed})

    matrix = content if isinstance(content, sp.MatrixBase) else sp.ImmutableDenseMatrix([[content]])
    rows = [[plain(entry) for entry in row] for row in matrix.tolist()]
    compiled: Callable[..., list[list[Any]]] = sp.lambdify(
        list(dummies.values()), rows, [sizes, *arithmetic.modules], cse=True
    )
    return compiled


def _size(arithmetic: Arithmetic, kind: type[sp.Expr], p: sp.Expr, width: int, *entries: Any) -> Any:
    rows = [entries[start : start + width] for start in range(0, len(entries), width)]
    return arithmetic.size(kind, p, rows)


class _BoundFunction:
    """Powers of rates, or norms of powers of small matrices, whose entries are functions of the arguments: the least.

    Attributes:
        arguments: the names of the arguments in order.
    """

    def __init__(
        self,
        growths: Sequence[Growth],
        names: tuple[str, ...],
        entries: Sequence[Callable[..., list[list[Any]]]],
        constants: Sequence[sp.Expr],
        arithmetic: Arithmetic,
    ) -> None:
        self.arguments = names
        self._parts, self._constants, self._arithmetic = list(zip(growths, entries, strict=True)), constants, arithmetic
        self.__doc__ = f"The bound as a function of {', '.join(names)}; approximate."

    def __call__(self, *values: Any, **named: Any) -> Any:
        """The bound.

        Raises:
            InputError: arguments that are missing, given twice, no numbers, or whose shapes do not go together.
            UnknownNameError: another argument.
        """
        given, steps = self._arithmetic.arguments(self.arguments, self._ordered(values, named))
        with np.errstate(all="ignore"):  # what overflows is infinite, what underflows is zero
            given += map(self._arithmetic.constant, self._constants)
            found = [self._power(growth, entries(*given), steps) for growth, entries in self._parts]
            return found[0] if len(found) == 1 else self._arithmetic.least(found)

    def _power(self, growth: Growth, rows: list[list[Any]], steps: Any) -> Any:
        if isinstance(growth, ComparisonPower):
            return self._arithmetic.inverse_power_norm(rows, steps, growth.norm.p)
        if isinstance(growth, CertifiedPower):
            constant, rate = rows[0]
            return constant * self._arithmetic.rate_power(rate, steps)
        if len(rows) == 1:
            return self._arithmetic.rate_power(rows[0][0], steps)
        return self._arithmetic.power_norm(rows, steps, growth.norm.p)

    def _ordered(self, values: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
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
