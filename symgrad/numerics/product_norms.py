"""product_norms: the norms of the products of Jacobians along trajectories, at every horizon or at some."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.dense_products import dense_norms
from symgrad.numerics.gram_norms import NormTable
from symgrad.numerics.jacobian_steps import weight_products
from symgrad.numerics.lanczos_products import CHECKS, lanczos_norms
from symgrad.numerics.layers import check_layers, filled_up, steps_of_layers
from symgrad.numerics.low_rank_products import ATTEMPTS, FAILURE, Factors, low_rank_norms
from symgrad.numerics.multiprecision import product_log10_norms
from symgrad.numerics.running import Batch
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.simulate import batch_of, check_fits, computing, given_initial, given_inputs, sized
from symgrad.presentable import Presentable

__all__ = ["METHODS", "ProductNorms", "product_norms"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

METHODS = ("auto", "low rank", "lanczos", "dense")
_MEMORY = 2**29  # bytes that the products of the trajectories computed together may take
_COPIES = 6  # arrays of the size of a product that are alive at once
_LONG = 32  # factors from which one horizon alone is sought with vectors
_ROUNDING = 4096  # multiples of the precision that the tolerance is at least


@dataclass(frozen=True, eq=False)
class ProductNorms(Presentable):
    """Norms of ``P_k = J_k J_{k-1} ... J_1`` along trajectories, in floats (approximate).

    Attributes:
        model: the recurrence.
        norm: the operator norm.
        ks: (K,) the numbers of factors, increasing.
        log10: (K, B), or (K,) for a single trajectory given without a batch dimension: ``log10 ||P_k||`` as found;
            minus infinity for a product that is zero, NaN from where a trajectory overflows.
        log10_upper: of the same shape, what it can be at most when all that was dropped is counted; by
            Gaussian probes of it, so that this fails with the probability ``failure`` at most. Rounding errors of the
            products themselves are not counted.
        ranks: of the same shape, how many directions were kept (of the Lanczos method: searched).
        failure: a bound on the probability, over the draws of the seed, that ``log10_upper`` is too small anywhere; 0
            where nothing was dropped.
        products: the number of products of a weight matrix with a column that were made.
        method: "low rank", "lanczos" or "dense".
        tolerance: what the ratio of both sides was to come within of 1; see :attr:`reached`.

    >>> import numpy as np, symgrad as sg
    >>> halved = {"W": np.eye(3) / 2, "U": np.zeros((3, 1)), "b": np.zeros(3)}
    >>> found = product_norms(sg.models.elman(), halved, np.zeros((100, 1)), ks=[1, 10, 100], norm=1)
    >>> found.ks.tolist(), (found.log10 / np.log10(0.5)).round(6).tolist(), found.failure
    ([1, 10, 100], [1.0, 10.0, 100.0], 0.0)
    """

    model: Recurrence
    norm: Norm
    ks: IntArray
    log10: Array
    log10_upper: Array
    ranks: IntArray
    failure: float
    products: int
    method: str
    tolerance: float

    @property
    def reached(self) -> float:
        """The largest relative distance between both sides; at most ``tolerance`` where the search succeeded."""
        with np.errstate(invalid="ignore"):
            gaps = self.log10_upper.astype(float) - self.log10.astype(float)
        known = gaps[~np.isnan(gaps)]
        return float(np.expm1(known.max() * math.log(10.0))) if known.size else 0.0


def product_norms(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    inputs: Any = None,
    initial: Mapping[Any, Any] | None = None,
    *,
    steps: int | None = None,
    ks: Collection[int] | int | None = None,
    norm: Any = 2,
    tolerance: float = 1e-6,
    seed: int = 0,
    method: str = "auto",
    backend: str | Backend = "numpy",
    device: str | None = None,
    dtype: str = "float64",
    digits: int | None = None,
) -> ProductNorms:
    """The norms of the products of Jacobians along trajectories, at every horizon k = 1 ... T or at some.

    Jacobians are applied to columns by their structure and never formed. For the spectral norm at many horizons as few
    columns are carried as matter: singular values of a product separate as it grows, and directions that have become
    negligible are dropped, with a bound on all that they can still do ("low rank"). One long horizon alone can be
    sought with vectors going forth and back ("lanczos"), which "auto" does where the columns of one trajectory take
    more than half a gigabyte. The norms 1 and infinity, and method "dense", keep all columns.

    Args:
        model: the recurrence.
        weights: symbol or name -> number or array, for all parameters of the model.
        inputs: an array of shape (T, m), or (B, T, m) for a batch; a mapping name -> array if there are several inputs.
        initial: symbol or name -> (n,), or (B, n) for a batch; states that are left out start at zero.
        steps: the number of steps T, needed only for a model without inputs.
        ks: the numbers of factors wanted, out of 1 ... T; all unless given.
        norm: 1, 2 or infinity.
        tolerance: relative, between the norm found and its upper side; what the data type cannot resolve is raised to
            what it can (about 1e-12 in float64, 5e-4 in float32).
        seed: of the random draws.
        method: "auto", "low rank", "lanczos" (one horizon) or "dense".
        backend: "numpy", "torch", "jax", "cupy", or "mpmath" for a slow reference at any precision.
        device: as the library spells it.
        dtype: "float64" or "float32".
        digits: decimal digits of "mpmath", 50 unless given; its results are dense, in arrays of objects.

    Returns:
        :class:`ProductNorms`; approximate. Memory is O(B n r) in the rank r that is kept, for one trajectory or as
        many together as half a gigabyte holds; the Lanczos method keeps the states of all steps as well.

    Raises:
        InputError: a missing weight, a wrong shape, horizons beyond the steps, or a method that does not fit.
        UnknownNameError: a name that the model does not have.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.diag([0.5, 0.25]), "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> found = product_norms(sg.models.elman("identity"), weights, np.zeros((3, 1)))
    >>> found.log10.round(6).tolist(), found.method
    ([-0.30103, -0.60206, -0.90309], 'low rank')
    """
    which = norm_of(norm)
    _check_settings(tolerance, method, seed)
    bound, batch, single = _bound_batch(model, weights, inputs, initial, steps)
    wanted = _wanted(ks, batch.steps)
    where = computing(backend, device, dtype, digits)
    if isinstance(where, int):
        return _reference(model, bound, batch, single, wanted, which, where)
    check_fits(where, bound, batch)
    tolerance = max(float(tolerance), _ROUNDING * where.eps)
    problem = _Problem(model, bound, batch.first(max(wanted)), frozenset(wanted), which, tolerance, seed, where)
    table, used = problem.solved(_method(method, which, wanted))
    shown = (slice(None), 0) if single else slice(None)
    places = int(np.count_nonzero(table.dropped))
    return ProductNorms(
        model,
        which,
        np.array(wanted),
        table.lower[shown] / math.log(10.0),
        table.upper[shown] / math.log(10.0),
        table.ranks[shown],
        min(1.0, FAILURE * places * max(ATTEMPTS, CHECKS)),
        table.columns,
        used,
        tolerance,
    )


def _reference(
    model: Recurrence, weights: Weights, batch: Batch, single: bool, wanted: list[int], norm: Norm, digits: int
) -> ProductNorms:
    """The same in mpmath's numbers, from dense products."""
    nodes = shared_nodes(model)
    p = norm.p if norm.p == sp.oo else int(norm.p)
    logs = product_log10_norms(weights, nodes.updates, nodes.blocks, batch, norm=p, ks=wanted, digits=digits)
    shown = logs[:, 0] if single else logs
    total = sum(len(array) for array in batch.initial.values())
    made = total * max(wanted) * batch.size * weight_products(model)
    ranks = np.full(shown.shape, total)
    return ProductNorms(
        model, norm, np.array(wanted), shown, shown, ranks, 0.0, made, "dense", 10.0 ** (1 - min(digits, 300))
    )


def _check_settings(tolerance: Any, method: str, seed: Any) -> None:
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float, np.floating)) or not 0 < tolerance < 1:
        raise InputError(f"tolerance: a number between 0 and 1 is needed, got {tolerance!r}")
    if method not in METHODS:
        raise InputError(f"method: one of {', '.join(METHODS)} is needed, got {method!r}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed: a non-negative integer is needed, got {seed!r}")


def _bound_batch(
    model: Recurrence, weights: Any, inputs: Any, initial: Any, steps: int | None
) -> tuple[Weights, Batch, bool]:
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    bound = bind(model, weights, model.parameters)
    steps = steps_of_layers(bound, steps) if not model.inputs else steps
    sequences = given_inputs(model, inputs, steps)
    starts = filled_up(bound, given_initial(model, initial))
    bound = sized(model, bound, sequences, starts)
    batch, single = batch_of(model, bound, sequences, starts, steps)
    check_layers(bound, batch.steps)
    if not batch.steps or not batch.size:
        raise InputError(f"inputs: at least one step and one trajectory are needed, got {batch.steps} and {batch.size}")
    return bound, batch, single


def _wanted(ks: Any, steps: int) -> list[int]:
    """The horizons in increasing order."""
    if ks is None:
        return list(range(1, steps + 1))
    given = list(ks) if isinstance(ks, Iterable) and not isinstance(ks, str) else [ks]
    numbers = [k for k in given if not isinstance(k, bool) and isinstance(k, (int, np.integer)) and 1 <= k <= steps]
    if len(numbers) < len(given) or not given:
        raise InputError(f"ks: integers from 1 to the number of steps {steps} are needed, got {given!r}")
    return sorted({int(k) for k in numbers})


def _method(method: str, norm: Norm, wanted: list[int]) -> str:
    """The method asked for, or the one that suits."""
    if norm.p != 2:
        if method not in ("auto", "dense"):
            raise InputError(f"method: {method!r} is for the spectral norm; the norm {norm.p} takes 'auto' or 'dense'")
        return "dense"
    if method == "lanczos" and len(wanted) > 1:
        raise InputError(f"method: 'lanczos' is for one horizon, got {len(wanted)} in ks")
    return method


@dataclass(frozen=True, eq=False)
class _Problem:
    """All that the methods take, checked."""

    model: Recurrence
    weights: Weights
    batch: Batch
    wanted: frozenset[int]
    norm: Norm
    tolerance: float
    seed: int
    backend: Backend

    def solved(self, method: str) -> tuple[NormTable, str]:
        """The norms, and the method that found them."""
        with self.backend.scope():
            evaluator = ArrayEvaluator.of_weights(self.weights, like=self.backend.like)
            if method == "auto":
                return self._automatic(evaluator)
            return self._in_portions(lambda batch: self._by(method, evaluator, batch)), method

    def _automatic(self, evaluator: ArrayEvaluator) -> tuple[NormTable, str]:
        """One long horizon of too many states for columns with vectors, where these suffice; else with few columns."""
        if len(self.wanted) == 1 and max(self.wanted) >= _LONG and self._bytes > _MEMORY:
            table, used = self._in_portions(lambda batch: self._by("lanczos", evaluator, batch)), "lanczos"
            with np.errstate(invalid="ignore"):
                if not (table.upper - table.lower > math.log1p(self.tolerance)).any():
                    return table, used
        return self._in_portions(lambda batch: self._by("low rank", evaluator, batch)), "low rank"

    def _by(self, method: str, evaluator: ArrayEvaluator, batch: Batch) -> NormTable:
        nodes = shared_nodes(self.model)
        if method == "lanczos":
            return lanczos_norms(self.model, evaluator, batch, self.tolerance, self.backend, self.seed)
        if method == "dense":
            table = dense_norms(evaluator, nodes, batch, self.wanted, self.norm, self.backend)
        else:
            factors = Factors.along(evaluator, nodes, batch)
            table = low_rank_norms(factors, self.wanted, self.tolerance, self.backend, self.seed)
        table.columns *= weight_products(self.model)
        return table

    @property
    def _bytes(self) -> int:
        """What the columns of one trajectory take at first."""
        total = sum(array.shape[0] for array in self.batch.initial.values())
        return int(8 * _COPIES * total**2)

    def _in_portions(self, solve: Callable[[Batch], NormTable]) -> NormTable:
        """Some trajectories after others, so that memory stays bounded."""
        together = max(1, _MEMORY // self._bytes)
        parts = [
            solve(self.batch.part(slice(start, start + together))) for start in range(0, self.batch.size, together)
        ]
        if len(parts) == 1:
            return parts[0]
        table = NormTable.empty(self.wanted, self.batch.size)
        for number, part in enumerate(parts):
            table.replace(part, np.arange(number * together, number * together + part.lower.shape[1]))
        return table
