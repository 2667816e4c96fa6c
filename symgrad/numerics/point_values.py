"""Values at many states and inputs, of any array library, by a tape that is recorded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.operators import Operator, Vector
from symgrad.numerics.arrays import ArrayEvaluator, LayerArrays
from symgrad.numerics.tape import Tape, recorded, replayed

__all__ = ["Computation", "PointValues"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Computation:
    """What an evaluator computes with its methods alone, as a function of columns (n, B, 1).

    Attributes:
        evaluator: the parameters; layers with parameters of their own are traversed at each call, and so are all
            models while a library traces or records derivatives.
        sizes: the numbers of rows of what is given: of symbols, which the evaluator gets to know, and of others.
        compute: from the evaluator, and all that is given, to the values wanted.
    """

    evaluator: ArrayEvaluator
    sizes: Mapping[Any, int]
    compute: Callable[[ArrayEvaluator, Mapping[Any, Any]], Sequence[Any]]

    def __call__(self, given: Mapping[Any, Any], step: int = 0) -> list[Any]:
        """The values; without the dimension of the batch what is the same everywhere."""
        arrays = [given[key] for key in self.sizes]
        if isinstance(self.evaluator, LayerArrays) or any(map(self.evaluator.library.is_traced, arrays)):
            symbols = {key: given[key] for key in self.sizes if isinstance(key, sp.Expr)}
            return list(self.compute(self.evaluator.at(symbols, step), given))
        tape = self._tape
        with np.errstate(all="ignore"):
            return replayed(tape.xp, tape.program, tape.constants, (), arrays)

    @cached_property
    def _tape(self) -> Tape:
        return recorded(self.evaluator, {}, {key: (size, 1) for key, size in self.sizes.items()}, self.compute)


@dataclass(frozen=True, eq=False)
class PointValues:
    """Vectors and matrices of operators as functions of states and inputs, in NumPy's arrays.

    Attributes:
        evaluator: the parameters.
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

    @cached_property
    def values(self) -> Computation:
        """The vectors, then the blocks."""
        return Computation(self.evaluator, self.sizes, lambda point, _: self._computed(point))

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
