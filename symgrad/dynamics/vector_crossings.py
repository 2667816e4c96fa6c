"""Boxes around a transcritical or pitchfork point that hold no other singular fixed point: Lyapunov-Schmidt reduction.

With ``M = [[r_x, b], [l^T, 0]]`` regular over a box, ``r(x, p) + b h = 0, l . (x - x_0) = y`` have one solution
x(y, p), h(y, p): fixed points are the zeros of h, and r_x is singular just where h_y = 0 (Kuznetsov, *Elements of
Applied
Bifurcation Theory*, sections 5.4 and 7.1). On a lasting branch h(0, p) = 0, so ``h = y k(y, p)``:

* where h_yy has no zero, k_y has none, and off the branch no fixed point is singular;
* where ``k_y k_yp - k_p k_yy`` has no zero, k = k_y = 0 at one point at most, the pitchfork itself.

On the branch h_y = k vanishes once, as h_yp has no zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_conditions import Box, enclosed_solution
from symgrad.dynamics.vector_derivatives import Extended, column, unit_column

__all__ = ["Crossing"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Crossing:
    """A singular point on a lasting branch.

    Attributes:
        extended: the equations.
        centre: about the point, (N + 1,) floats; its x lies on the branch.
        vector: about the null vector q, with sum of squares 1, turned round by the symmetry.
        left: about the left null vector.
        symmetry: that keeps the branch.
        pitchfork: whether the second derivative of h is known to vanish at the point.
    """

    extended: Extended
    centre: Array
    vector: Array
    left: Array
    symmetry: Symmetry
    pitchfork: bool

    def alone(self, box: Box) -> bool:
        """Whether a box, with the point as its centre, is proved to hold no other singular fixed point."""
        away = np.maximum(box.high - self.centre, self.centre - box.low)[:-1]
        reach = float(np.abs(self.vector) @ away) * (1 + 1e-9)
        radius = np.maximum(2 * reach * np.abs(self.vector).max(), float(away.max()) * (1 + 1e-9))
        x = self.centre[:-1]
        wide = Box(np.append(x - radius, box.low[-1]), np.append(x + radius, box.high[-1]))
        if not (box.within(wide) and self._lasts(wide)):
            return False
        z = wide.balls
        matrix = self._bordered(z)
        if not self._exists(matrix, z, radius, reach):
            return False
        return self._derivatives_decide(matrix, z)

    def _lasts(self, box: Box) -> bool:
        """Whether the branch exists for all p of the box: a point must be fixed, a reflection keeps its space."""
        if self.symmetry.odd:
            return True
        at_centre = column([*self.centre[:-1], box.balls.entries()[-1]])
        return all(entry.is_zero() for entry in self.extended.residual(at_centre).entries())

    def _bordered(self, z: Any) -> Any:
        slopes = self.extended.slopes(z).tolist()
        rows = [[*row[:-1], arb(b)] for row, b in zip(slopes, self.left.tolist(), strict=True)]
        return arb_mat([*rows, [*map(arb, self.vector.tolist()), arb(0)]])

    def _exists(self, matrix: Any, z: Any, radius: float, reach: float) -> bool:
        """Whether for all y and p of the box there is one solution with x inside of the wide box."""
        entries = z.entries()
        at_centre = column([*self.centre[:-1], entries[-1]])
        residual = self.extended.residual(at_centre)
        error = column([*residual.entries(), arb(0, reach)])
        move = enclosed_solution(matrix, -error)  # u - u_0 = - [mean matrix]^(-1) E(u_0) for every solution u
        if move is None:
            return False
        return all(abs(entry).upper() < radius for entry in move.entries()[:-1])

    def _derivatives_decide(self, matrix: Any, z: Any) -> bool:
        size = self.extended.size
        by = {"y": enclosed_solution(matrix, unit_column(size + 1, size)), "p": self._by_parameter(matrix, z)}
        if by["y"] is None or by["p"] is None:
            return False
        along = {name: self._direction(found, int(name == "p")) for name, found in by.items()}
        yy, yp = (self._second(matrix, z, along, pair) for pair in ("yy", "yp"))
        if yy is None or yp is None:
            return False
        h_yy, h_yp = (found.entries()[-1] for found in (yy, yp))
        if h_yp.contains(0):
            return False
        if not self.pitchfork:
            return not h_yy.contains(0)
        h_yyy = self._third(matrix, z, along, "y", yy, yp)
        h_yyp = self._third(matrix, z, along, "p", yy, yp)
        if h_yyy is None or h_yyp is None:
            return False
        return not (h_yy / 2 * h_yyp / 2 - h_yp * h_yyy / 3).contains(0)

    def _by_parameter(self, matrix: Any, z: Any) -> Any | None:
        size = self.extended.size
        slopes = self.extended.slopes(z)
        return enclosed_solution(matrix, column([*(-slopes[i, size] for i in range(size)), 0]))

    def _direction(self, solution: Any, p: int) -> Any:
        """How (x, p) moves."""
        return column([*solution.entries()[:-1], p])

    def _second(self, matrix: Any, z: Any, along: dict[str, Any], pair: str) -> Any | None:
        u, v = along[pair[0]], along[pair[1]]
        return enclosed_solution(matrix, column([*(-self.extended.second(z, u, v)).entries(), 0]))

    def _third(self, matrix: Any, z: Any, along: dict[str, Any], last: str, yy: Any, yp: Any) -> arb | None:
        """The derivative h_yyy or h_yyp."""
        y, u = along["y"], along[last]
        x_yy, x_yu = self._direction(yy, 0), self._direction(yy if last == "y" else yp, 0)
        second = self.extended.second
        total = self.extended.third(z, y, y, u) + second(z, x_yy, u) + second(z, x_yu, y) * 2
        found = enclosed_solution(matrix, column([*(-total).entries(), 0]))
        return None if found is None else found.entries()[-1]
