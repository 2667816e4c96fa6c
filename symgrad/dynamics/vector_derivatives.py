"""Derivatives of a vector system by its states and one parameter, in balls: of any order along lines, and multilinear.

Points are columns z = (x_1, ..., x_N, p) of balls, so that the dependence of r on p is differentiated with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import column_of_balls
from symgrad.calculus.taylor import SeriesEvaluator
from symgrad.dynamics.vector_system import VectorSystem, entry_place

__all__ = ["Extended", "column", "dot", "entries_of", "unit_column"]

Array = NDArray[np.float64]


def column(entries: Any) -> Any:
    """An ``arb_mat`` of one column, of balls or exact floats."""
    listed = [entry if isinstance(entry, arb) else arb(float(entry)) for entry in entries]
    return arb_mat(len(listed), 1, listed)


def unit_column(size: int, place: int) -> Any:
    """A unit vector."""
    return column([int(i == place) for i in range(size)])


def entries_of(*columns: Any) -> list[arb]:
    """The entries of columns, one below the other."""
    return [entry for one in columns for entry in one.entries()]


def dot(left: Any, right: Any) -> arb:
    """The inner product of two columns of balls."""
    return (left.transpose() * right)[0, 0]


@dataclass(frozen=True, eq=False)
class Extended:
    """The equations r(x, p) = 0 of a vector system with one free scalar p, as N equations in z = (x, p).

    Attributes:
        system: with exactly one free scalar.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.vector_values import vector_system
    >>> h = sp.MatrixSymbol("h", 2, 1)
    >>> g = sp.Symbol("g")
    >>> spun = sp.ImmutableMatrix([[0, -1], [1, 0]])
    >>> model = sg.Recurrence({h: sg.activation("tanh")(g * spun * h)})
    >>> at = Extended(vector_system(model, {}, free=[g]))
    >>> at.third(column([0, 0, 1]), *[unit_column(3, 0)] * 3)[1, 0].contains(-2)  # of tanh(g h_0)
    True
    """

    system: VectorSystem

    @property
    def size(self) -> int:
        """N."""
        return self.system.size

    def split(self, z: Any) -> tuple[Any, arb]:
        """The states x and the parameter p."""
        entries = z.entries()
        return column(entries[:-1]), entries[-1]

    def residual(self, z: Any) -> Any:
        """r, (N, 1) in balls."""
        x, p = self.split(z)
        return self.system.residual(x, [p])

    def linearisation(self, z: Any) -> Any:
        """A = F'(x) of a map, f'(x) of a flow, (N, N) in balls."""
        x, p = self.split(z)
        return self.system.linearisation(x, [p])

    def slopes(self, z: Any) -> Any:
        """The derivative of r by z, (N, N + 1) in balls."""
        x, p = self.split(z)
        left, right = self.system.jacobian(x, [p]).tolist(), self.system.by_parameters(x, [p]).tolist()
        return arb_mat([a + b for a, b in zip(left, right, strict=True)])

    def linearisation_along(self, z: Any, direction: Any) -> Any:
        """The derivative of A along a direction of (x, p), (N, N) in balls."""
        line = self._line(z, direction, 1)
        rows: list[list[Any]] = []
        for blocks in self.system.nodes.blocks:
            parts = [_coefficient(line.operator(entry), 1).tolist() for entry in blocks]
            rows += [[x for part in parts for x in part[i]] for i in range(len(parts[0]))]
        return arb_mat(rows)

    def second(self, z: Any, u: Any, v: Any) -> Any:
        """The second derivative of r, ``D^2 r(z)(u, v)``, (N, 1): by polarisation of squares."""
        if u is v:
            return self._power(z, u, 2) * 2
        return (self._power(z, u + v, 2) - self._power(z, u - v, 2)) / 2

    def third(self, z: Any, u: Any, v: Any, w: Any) -> Any:
        """The third derivative of r, ``D^3 r(z)(u, v, w)``, (N, 1): by polarisation of cubes."""
        if u is v is w:
            return self._power(z, u, 3) * 6
        if u is v or v is w:  # 6 u u w = (w + u)^3 + (w - u)^3 - 2 w^3
            twice, once = (u, w) if u is v else (v, u)
            cubes = self._power(z, once + twice, 3) + self._power(z, once - twice, 3) - self._power(z, once, 3) * 2
            return cubes
        signs = ((u + v + w, 1), (u + v - w, -1), (u - v + w, -1), (v + w - u, -1))
        return reduce(lambda a, b: a + b, [self._power(z, line, 3) * sign for line, sign in signs]) / 4

    def floats(self, z: Array) -> tuple[Array, Array]:
        """(N,) r and (N, N + 1) its derivative by z in floats, approximate."""
        right, slopes = self.system.floats(z[None, :-1], [float(z[-1])])
        return right[0], np.column_stack([slopes[0], self._by_parameter(z)])

    def float_linearisation(self, z: Array) -> Array:
        """A in floats, approximate."""
        slopes = self.system.floats(z[None, :-1], [float(z[-1])])[1][0]
        return slopes + np.eye(self.size) if self.system.is_map else slopes

    def _by_parameter(self, z: Array) -> Array:
        step = 1e-6 * max(1.0, abs(float(z[-1])))
        ends = [self.system.residuals(z[None, :-1], [float(z[-1]) + sign * step])[0] for sign in (1, -1)]
        return np.asarray((ends[0] - ends[1]) / (2 * step))

    def _power(self, z: Any, direction: Any, order: int) -> Any:
        """The coefficient of t^order of r(z + t u)."""
        line = self._line(z, direction, order)
        parts = [_coefficient(line.vector(node), order) for node in self.system.nodes.updates.values()]
        return column(entries_of(*parts))

    def _line(self, z: Any, direction: Any, order: int) -> SeriesEvaluator:
        (x, p), (u, du) = self.split(z), self.split(direction)
        values: dict[sp.Expr, tuple[Any, ...]] = {
            symbol: (value,) for symbol, value in self.system.constants([p]).items()
        }
        if not du.is_zero():
            symbol, speed = self._moving(du)
            values[symbol] = (values[symbol][0], speed)
        places, speeds = self.system.split(x), self.system.split(u)
        states = {s: (column_of_balls(places[s]), column_of_balls(speeds[s])) for s in self.system.states}
        return SeriesEvaluator({**values, **states}, self.system.weights.sizes, order)

    def _moving(self, du: arb) -> tuple[sp.Expr, Any]:
        """The symbol in which the parameter stands and how it moves."""
        (free,) = self.system.free
        if isinstance(free, sp.Symbol):
            return free, arb_mat([[du]])
        symbol, i, j = entry_place(free)
        rows, columns = (*self.system.weights.shape(symbol), 1)[:2]
        entries = [arb(0)] * (rows * columns)
        entries[i * columns + j] = du
        return symbol, arb_mat(rows, columns, entries)


def _coefficient(series: Sequence[Any], place: int) -> Any:
    return series[place] if place < len(series) else series[0] * 0
