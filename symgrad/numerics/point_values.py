"""Vectors and matrices of operators at many states and inputs, by a tape that is recorded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.operators import Operator, Vector
from symgrad.numerics.arrays import ArrayEvaluator, LayerArrays
from symgrad.numerics.tape import Tape, recorded, replayed

__all__ = ["PointValues"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PointValues:
    """Values in NumPy's arrays as functions of states and inputs.

    Attributes:
        evaluator: the parameters; layers with parameters of their own are traversed at each call.
        sizes: of the variables that values are given for.
        vectors: what is wanted as vectors.
        rows: blocks of a matrix that is wanted.

    >>> import symgrad as sg
    >>> from symgrad.language.weights import bind
    >>> from symgrad.numerics.sharing import shared_nodes
    >>> model = sg.models.elman("identity")
    >>> weights = bind(model, {"W": [[2.0]], "U": [[1.0]], "b": [0.0]}, model.parameters)
    >>> h, u = model.symbol("h"), model.symbol("u")
    >>> nodes = shared_nodes(model)
    >>> wanted = PointValues(ArrayEvaluator.of_weights(weights), {h: 1, u: 1}, [nodes.updates[h]], nodes.blocks)
    >>> after, jacobian = wanted.stacked({h: np.full((1, 1, 1), 3.0), u: np.ones((1, 1, 1))}, 1)
    >>> after.tolist(), jacobian.tolist()
    ([[7.0]], [[[2.0]]])
    """

    evaluator: ArrayEvaluator
    sizes: Mapping[sp.Expr, int]
    vectors: Sequence[Vector] = ()
    rows: Sequence[Sequence[Operator]] = ()

    def values(self, point: Mapping[sp.Expr, Array], step: int = 0) -> list[Any]:
        """The vectors at values (n, B, 1) of the variables, then the blocks; without B what is the same everywhere."""
        if isinstance(self.evaluator, LayerArrays):
            return self._computed(self.evaluator.at(point, step))
        tape = self._tape
        with np.errstate(all="ignore"):
            return replayed(tape.xp, tape.program, tape.constants, (), [point[symbol] for symbol in self.sizes])

    @cached_property
    def _tape(self) -> Tape:
        late = {symbol: (size, 1) for symbol, size in self.sizes.items()}
        return recorded(self.evaluator, {}, late, lambda point, _: self._computed(point))

    def _computed(self, point: ArrayEvaluator) -> list[Any]:
        blocks = [point.operator(entry) for row in self.rows for entry in row]
        return [*map(point.vector, self.vectors), *blocks]

    def stacked(self, point: Mapping[sp.Expr, Array], count: int, step: int = 0) -> tuple[Array, Array]:
        """The vectors (B, R) one below the other, and the matrix of the blocks (B, R', Y), at B points."""
        found = [value if value.ndim == 3 else value[:, None, :] for value in self.values(point, step)]
        vectors, blocks = found[: len(self.vectors)], iter(found[len(self.vectors) :])
        columns = [np.broadcast_to(v[..., 0].T, (count, v.shape[0])) for v in vectors]
        rows = [_beside([next(blocks) for _ in row], count) for row in self.rows]
        return (
            np.concatenate(columns, axis=1) if columns else np.zeros((count, 0)),
            np.moveaxis(np.concatenate(rows), 1, 0) if rows else np.zeros((count, 0, 0)),
        )


def _beside(blocks: Sequence[Any], count: int) -> Any:
    return np.concatenate([np.broadcast_to(b, (b.shape[0], count, b.shape[2])) for b in blocks], axis=2)
