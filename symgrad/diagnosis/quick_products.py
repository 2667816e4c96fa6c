"""Norms of products of Jacobians in single precision, many steps evaluated together: quick, and close enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.matrix_free import vector_products
from symgrad.language.operators import Compose, Diagonal, Identity, Operator, OperatorSum, Scale, Zero
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.products import log10_scaled, rescaled

__all__ = ["LARGEST", "quick_norms"]

Array = NDArray[np.float64]
Singles = NDArray[np.float32]
# One step's block at (row, column): matrices (B, n, m), or the diagonal (B, n) of each.
Entry = tuple[int, int, Singles]

LARGEST = 384  # entries of all states, beyond which no product of Jacobians is formed
_AT_ONCE = 2**16  # entries of one block at all the steps that are evaluated together, so that they stay in the cache
_ROUNDS, _FIRST_ROUNDS = 2, 12


def quick_norms(run: LayerRun) -> Array:
    """``log10 ||dx_T / dx_{T-k}||_2`` for k = 0 ... T along each sequence, (B, T + 1), approximate.

    Products are formed in single precision with a running exponent. Each norm is sought by power iteration from the
    direction at the end that was found one step before: it is a lower estimate, most often to a few parts in a
    thousand. Beyond ``LARGEST`` entries of the states vectors alone are used.
    """
    if run.total > LARGEST:
        return vector_products(run)[:, 0].T
    ends = np.cumsum([run.setting.size(symbol) for symbol in run.model.states]).tolist()
    rows = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    product = np.repeat(np.eye(run.total, dtype=np.float32)[None], run.size, axis=0)
    exponent, found = np.zeros(run.size, dtype=np.int64), [np.zeros(run.size)]
    direction = _unit(np.random.default_rng(0).standard_normal((run.size, 1, run.total)).astype(np.float32))
    for entries in _steps_from_the_end(run):
        product = _times(product, entries, rows)
        columns: Any = np.moveaxis(product, 1, 0)
        moved, shift = rescaled(columns)
        product, exponent = np.moveaxis(np.asarray(moved, dtype=np.float32), 0, 1), exponent + shift
        norm, direction = _norm(product, direction, _ROUNDS if len(found) > 1 else _FIRST_ROUNDS)
        found.append(log10_scaled(norm.astype(np.float64), exponent))
    return np.array(found).T


def _times(product: Singles, entries: list[Entry], rows: list[slice]) -> Singles:
    """A product (B, N, N) times the Jacobian of one step, by its blocks."""
    result, filled = np.empty_like(product), set()
    for row, column, value in entries:
        left, place = product[:, :, rows[row]], result[:, :, rows[column]]
        term = left * value[:, None, :] if value.ndim == 2 else left @ value
        if column in filled:
            place += term
        else:
            place[...] = term
            filled.add(column)
    for column in set(range(len(rows))) - filled:
        result[:, :, rows[column]] = 0
    return result


def _norm(product: Singles, direction: Singles, rounds: int) -> tuple[Singles, Singles]:
    """The norms (B,) as far as found from rows (B, 1, N) on the left, and the rows for the next search."""
    turned = np.swapaxes(product, 1, 2)
    for _ in range(rounds):
        back = (direction @ product) @ turned
        norms = np.sqrt(np.einsum("bij,bij->b", back, back))[:, None, None]
        direction = np.where(norms > 0, back / np.where(norms > 0, norms, 1), direction)
    image = direction @ product
    return np.sqrt(np.einsum("bij,bij->b", image, image)), direction


def _unit(rows: Singles) -> Singles:
    norms = np.linalg.norm(rows, axis=2, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), dtype=np.float32)


def _steps_from_the_end(run: LayerRun) -> Iterator[list[Entry]]:
    """The blocks of the Jacobian of each step, the last step first."""
    evaluator = ArrayEvaluator.of_weights(run.setting.weights, like=np.zeros(0, dtype=np.float32))
    widest = max(run.setting.size(symbol) for symbol in run.model.states)
    together = max(1, _AT_ONCE // (widest**2 * run.size))
    for stop in range(run.steps, 0, -together):
        start = max(0, stop - together)
        blocks = _blocks(run, evaluator, start, stop)
        for step in reversed(range(stop - start)):
            here = slice(step * run.size, (step + 1) * run.size)
            yield [(row, column, value[here] if len(value) > 1 else value) for row, column, value in blocks]


def _blocks(run: LayerRun, evaluator: ArrayEvaluator, start: int, stop: int) -> list[Entry]:
    """The blocks at some steps, all sequences of the first one, then of the next: (steps * B, n, m), or (1, n, m)."""
    point = evaluator.at(
        {s: _together(array[start:stop]) for s, array in run.columns.items()}
        | {s: _together(array[start:stop]) for s, array in run.batch.inputs.items()}
    )
    found = []
    for row, operators in enumerate(run.setting.nodes.blocks):
        for column, operator in enumerate(operators):
            if not isinstance(operator, Zero):
                found.append((row, column, _value(point, operator)))
    return found


def _together(array: Array) -> Singles:
    """(steps, n, B, 1) as (n, steps * B, 1)."""
    return np.ascontiguousarray(np.moveaxis(array, 1, 0)).reshape(array.shape[1], -1, 1).astype(np.float32)


def _value(point: ArrayEvaluator, operator: Operator) -> Singles:
    if _is_diagonal(operator):
        ones = np.ones((point.size(operator.shape[1]), 1), dtype=np.float32)
        value: Any = np.asarray(point.apply(operator, ones))
        return np.ascontiguousarray(value[..., 0].T if value.ndim == 3 else value.T)
    value = np.asarray(point.operator(operator))
    return np.moveaxis(value, 1, 0) if value.ndim == 3 else value[None]


def _is_diagonal(operator: Operator) -> bool:
    """Whether it multiplies each entry by a number of its own, by its form."""
    match operator:
        case Diagonal() | Identity():
            return True
        case Scale(operand=operand):
            return _is_diagonal(operand)
        case OperatorSum(terms=parts) | Compose(factors=parts):
            return all(map(_is_diagonal, parts))
    return False
