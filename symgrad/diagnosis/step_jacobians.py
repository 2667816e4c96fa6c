"""The Jacobians of one step along a run, in floats: as matrices, and applied to vectors by their structure."""

from __future__ import annotations

from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.pullback import Pullback
from symgrad.language.operators import Operator, Zero
from symgrad.numerics.arrays import ArrayEvaluator

__all__ = ["StepJacobians"]

Array = NDArray[np.float64]
Blocks = tuple[tuple[Operator, ...], ...]


class StepJacobians:
    """``J_t = dx_t / dx_{t-1}`` for t = 1 ... T along the sequences of a run, approximate.

    Entries of all states lie one below the other, in the model's order of states. Steps count from 0: that of index t
    leads from x_t to x_{t+1}.
    """

    def __init__(self, run: LayerRun) -> None:
        self.run = run
        sizes = [run.setting.size(symbol) for symbol in run.model.states]
        ends = np.cumsum(sizes).tolist()
        self.rows = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

    @cached_property
    def _blocks(self) -> Blocks:
        return self.run.setting.nodes.blocks

    @cached_property
    def _by_states(self) -> Pullback:
        return Pullback(self.run.setting.nodes.updates, self.run.model.states)

    @cached_property
    def _by_inputs(self) -> Pullback:
        return Pullback(self.run.setting.nodes.updates, self.run.model.inputs)

    def point(self, step: int) -> ArrayEvaluator:
        """The values at one step, for all sequences at once."""
        columns, inputs = self.run.columns, self.run.batch.inputs
        here = {s: a[step] for s, a in columns.items()} | {s: a[step] for s, a in inputs.items()}
        return self.run.setting.evaluator.at(here, step)

    def dense(self, step: int) -> Array:
        """The Jacobian of a step as matrices (B, N, N)."""
        found = np.zeros((self.run.size, self.run.total, self.run.total))
        with np.errstate(all="ignore"):
            point = self.point(step)
            for row, rows in zip(self._blocks, self.rows, strict=True):
                for entry, columns in zip(row, self.rows, strict=True):
                    if not isinstance(entry, Zero):
                        value = np.asarray(point.operator(entry))
                        found[:, rows, columns] = value if value.ndim == 2 else np.moveaxis(value, 1, 0)
        return found

    def forward(self, step: int, vectors: Array) -> Array:
        """The Jacobian of a step times vectors (N, B, p)."""
        parts = [np.ascontiguousarray(vectors[rows]) for rows in self.rows]
        with np.errstate(all="ignore"):
            point = self.point(step)
            return np.concatenate([_row(point, row, parts) for row in self._blocks])

    def backward(self, step: int, vectors: Array) -> Array:
        """The transposed Jacobian of a step times vectors (N, B, p)."""
        found = self._pulled(self._by_states, step, vectors)
        result = np.zeros_like(vectors)
        for symbol, rows in zip(self.run.model.states, self.rows, strict=True):
            if symbol in found:
                result[rows] = found[symbol]
        return result

    def by_inputs(self, step: int, vectors: Array) -> dict[sp.Expr, Array]:
        """For each input the transposed derivative of a step by it times vectors (N, B, p): (m, B, p)."""
        found = self._pulled(self._by_inputs, step, vectors)
        shapes = {s: (self.run.setting.size(s), *vectors.shape[1:]) for s in self.run.model.inputs}
        return {symbol: found.get(symbol, np.zeros(shape)) for symbol, shape in shapes.items()}

    def _pulled(self, pullback: Pullback, step: int, vectors: Array) -> dict[sp.Expr, Array]:
        states = zip(self.run.model.states, self.rows, strict=True)
        with np.errstate(all="ignore"):
            return pullback(self.point(step), {s: np.ascontiguousarray(vectors[rows]) for s, rows in states})


def _row(point: ArrayEvaluator, entries: tuple[Operator, ...], parts: list[Array]) -> Array:
    terms: list[Any] = [point.apply(entry, part) for entry, part in zip(entries, parts, strict=True)]
    return np.asarray(reduce(np.add, terms))
