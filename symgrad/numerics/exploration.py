"""Batches of trajectories of a model with numbers put in, and the largest products of Jacobians found along them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend, backend
from symgrad.numerics.jacobian_steps import StepJacobian, known_steps, rescaled_columns
from symgrad.numerics.products import Products, inverted, log_frobenius, log_norms
from symgrad.numerics.ranges import RangeSet
from symgrad.numerics.setting import Setting
from symgrad.numerics.sharing import SharedNodes
from symgrad.numerics.simulate import Batch, run

__all__ = ["NUMPY", "Exploration", "SideExploration"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Any]

NUMPY = backend("numpy")

_PROBES = 6  # columns by which trajectories are told apart
_SCREENED = 3  # a model with more entries of states than so many times the probes is searched by them first


class Exploration(ABC):
    """What a search for large (or small) products needs to know: a model with numbers, a norm and a side.

    Batches of trajectories are NumPy arrays; simulation and products are made on the arrays of a back end.

    Attributes:
        horizon: the largest number of factors.
        backend: what computes.
    """

    horizon: int
    backend: Backend

    @property
    @abstractmethod
    def setting(self) -> Setting:
        """The model with its weights, and the ranges that trajectories keep to."""

    @property
    @abstractmethod
    def norm(self) -> Norm:
        """The norm in which products are measured."""

    @property
    @abstractmethod
    def sign(self) -> int:
        """1 where large norms are looked for, -1 where small minimum moduli are.

        Findings are logarithms times this sign.
        """

    @property
    def model(self) -> Recurrence:
        """The recurrence."""
        return self.setting.model

    @cached_property
    def evaluator(self) -> ArrayEvaluator:
        """The parameters as arrays of the back end."""
        return self.setting.evaluator if self.backend == NUMPY else self.setting.on(self.backend)

    @cached_property
    def _limits(self) -> dict[sp.Expr, tuple[Any, Any]]:
        """The ends of the declared ranges on the back end, none of them further out than declared."""
        ends = {s: self.ranges.of(s) for s in self.ranges.ends}
        return {s: tuple(map(self.backend.asarray, self._inward(s, (e.low, e.high)))) for s, e in ends.items()}

    @property
    def nodes(self) -> SharedNodes:
        """The updates and the blocks of the Jacobian as nodes."""
        return self.setting.nodes

    @property
    def ranges(self) -> RangeSet:
        """The ranges of states and inputs."""
        return self.setting.ranges

    def size(self, symbol: sp.Expr) -> int:
        """The number of entries of a variable."""
        return self.setting.size(symbol)

    @property
    def total(self) -> int:
        """The number of entries of all states."""
        return self.setting.total

    def _inward(self, symbol: sp.Expr, array: Any) -> Any:
        """Numbers rounded to the data type of the back end, those within the range of a variable within it."""
        if self.backend.dtype == "float64":
            return array
        ends, rounded = self.ranges.of(symbol), np.asarray(array, dtype=self.backend.dtype)
        rounded = np.where(rounded > ends.high, np.nextafter(rounded, np.float32(-np.inf)), rounded)
        return np.where(rounded < ends.low, np.nextafter(rounded, np.float32(np.inf)), rounded).astype(float)

    def rounded(self, batch: Batch) -> Batch:
        """The trajectories in numbers of the back end's data type."""
        initial, inputs = ({s: self._inward(s, a) for s, a in part.items()} for part in (batch.initial, batch.inputs))
        return Batch(initial, inputs, batch.steps)

    def placed(self, values: Mapping[sp.Expr, Any]) -> Point:
        """NumPy arrays as arrays of the back end."""
        return {s: self.backend.asarray(array) for s, array in values.items()}

    def fetched(self, values: Mapping[sp.Expr, Any]) -> Point:
        """Arrays of the back end as NumPy arrays of float64."""
        return {s: self.backend.numpy(array).astype(float) for s, array in values.items()}

    def holds(self, symbol: sp.Expr, array: Any) -> Any:
        """For each trajectory of an array (n, B, 1) of the back end whether it is finite and in range."""
        xp = self.backend.xp
        kept = xp.isfinite(array)
        if symbol in self._limits:
            low, high = self._limits[symbol]
            kept = kept & (array >= low) & (array <= high)
        return xp.all(kept, axis=(0, 2))

    def followed(self, batch: Batch, start: Array | None = None) -> Iterator[tuple[Products, Any]]:
        """What is measured at each k, as NumPy arrays, and (B,) which trajectories have kept to the ranges so far.

        For an upper bound the product, for a lower one its inverse: multiplied up factor by factor, its norm, the
        reciprocal of the minimum modulus, is not lost in the rounding errors of a long product.

        Args:
            batch: the trajectories, rounded to the back end's data type. The caller is within its scope.
            start: (N, B, p) columns in the place of the identity, for an upper bound.
        """
        placed = Batch(self.placed(batch.initial), self.placed(batch.inputs), batch.steps)
        columns = self.backend.asarray(np.eye(self.total)[:, None, :] if start is None else start)
        states = run(self.evaluator, self.nodes.updates, placed)
        steps = self.ranges.steps_inside(self.fetched(states), batch.inputs, batch.steps)
        exponent = np.zeros(batch.size, dtype=np.int64)
        for k, step in enumerate(known_steps(self.evaluator, self.nodes.blocks, states, placed.inputs), 1):
            columns, shift = rescaled_columns(self._multiplied(step, columns), self.backend)
            exponent, matrix = exponent + shift, self.backend.numpy(columns)
            yield Products(k, np.broadcast_to(matrix, (self.total, batch.size, matrix.shape[2])), exponent), steps >= k

    def _multiplied(self, step: StepJacobian, columns: Any) -> Any:
        if self.sign == 1:
            return step.times(columns)
        factor = self.backend.numpy(step.times(self.backend.asarray(np.eye(self.total)[:, None, :])))
        product = np.moveaxis(self.backend.numpy(columns), 1, 0) @ inverted(np.moveaxis(factor, 1, 0))
        return self.backend.asarray(np.moveaxis(product, 0, 1))

    @cached_property
    def reference(self) -> Exploration:
        """The same search in NumPy's float64, whatever the back end is."""
        return self if self.backend == NUMPY else self.on(NUMPY)

    def on(self, backend: Backend) -> Exploration:
        """The same search with parameters of its own on a back end."""
        return SideExploration(self.setting, self.norm, "upper" if self.sign == 1 else "lower", self.horizon, backend)

    def last_products(self, batch: Batch, factors: int) -> Array:
        """(N, B, N) the products of the first factors, of any scale, in NumPy's float64."""
        with NUMPY.scope():
            *_, (last, _) = self.reference.followed(batch.first(factors))
        return last.matrix

    def simulated(self, batch: Batch) -> dict[sp.Expr, Array]:
        """The states of a batch, in NumPy's float64 whatever the back end is."""
        return run(self.setting.evaluator, self.nodes.updates, batch)

    def windows(self, batch: Batch) -> Batch:
        """Trajectories cut into windows of ``horizon`` steps each; the last one ends where they end.

        Of layers with parameters of their own only the first steps.
        """
        if self.model.depth is not None:
            return batch.first(self.horizon)
        starts = sorted({*range(0, batch.steps - self.horizon, self.horizon), batch.steps - self.horizon})
        states = self.simulated(batch)
        cut = [batch.between(start, start + self.horizon, states) for start in starts]
        return reduce(Batch.joined, cut)

    def log_norms(self, batch: Batch, factors: int) -> Array:
        """(B,) findings for ``J_k ... J_1`` and one k; minus infinity for those that leave the ranges."""
        with self.backend.scope():
            *_, (last, inside) = self.followed(self.rounded(batch.first(factors)))
        return np.where(inside, np.nan_to_num(log_norms(last, self.norm), nan=-np.inf), -np.inf)

    def reached(self, batch: Batch, lost: float, start: Array | None = None) -> Array:
        """(B,) findings for all factors of a batch; far lower where a product vanishes or leaves the ranges before.

        Args:
            batch: the trajectories.
            lost: taken off for each factor that is missing.
            start: (N, B, p) columns in the place of the identity, for an upper bound.
        """
        lasting, last = np.zeros(batch.size), None
        with self.backend.scope():
            for item, inside in self.followed(self.rounded(batch), start):
                lasting, last = np.where(inside & item.matrix.any(axis=(0, 2)), item.k, lasting), item
        logs = lasting if last is None else log_norms(last, self.norm)
        missing = batch.steps - lasting
        return np.where(missing > 0, -lost * missing, np.nan_to_num(logs, nan=-np.inf))

    def estimates(self, batch: Batch, ks: Collection[int]) -> dict[int, Array]:
        """For some k the findings (B,), of large models estimates; minus infinity for those that leave the ranges."""
        found, start = {}, self.probes if self.is_screened else None
        with self.backend.scope():
            for item, inside in self.followed(self.rounded(batch.first(max(ks))), start):
                if item.k in ks:
                    logs = log_frobenius(item) if self.is_screened else log_norms(item, self.norm)
                    found[item.k] = np.where(inside, np.nan_to_num(logs, nan=-np.inf), -np.inf)
        return found

    @property
    def is_screened(self) -> bool:
        """Whether a few columns are so much cheaper than whole products that they tell trajectories apart first."""
        return self.sign == 1 and self.total > _SCREENED * _PROBES

    @property
    def probes(self) -> Array:
        """(N, 1, p) the columns for that."""
        return np.random.default_rng(_PROBES).standard_normal((self.total, 1, _PROBES))


@dataclass(frozen=True, eq=False)
class SideExploration(Exploration):
    """A search without any claim to be checked.

    Attributes:
        place: the model with its weights, and the ranges that trajectories keep to.
        measured: the norm.
        side: ``"upper"`` for large norms, ``"lower"`` for small minimum moduli.
        horizon: the largest number of factors.
        backend: what computes.
    """

    place: Setting
    measured: Norm
    side: str
    horizon: int
    backend: Backend = NUMPY

    @property
    def setting(self) -> Setting:
        return self.place

    @property
    def norm(self) -> Norm:
        return self.measured

    @property
    def sign(self) -> int:
        return 1 if self.side == "upper" else -1
