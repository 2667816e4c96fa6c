"""Gradients through a layer chain, measured in floats on a log scale: how long they are at every layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.numerics.chain_values import ChainRun
from symgrad.numerics.products import log10_scaled, rescaled
from symgrad.presentable import Presentable

__all__ = ["MOST_WORK", "ChainGradients", "measured_gradients"]

Array = NDArray[np.float64]

MOST_WORK = 4 * 10**10
"""Multiplications that products of Jacobians may take; beyond, fewer samples are measured, or none."""


@dataclass(frozen=True, eq=False)
class ChainGradients(Presentable):
    """Norms of gradients at ``x_0, ..., x_L``, measured: approximate, by the network's own formulas in float64.

    Attributes:
        log10_loss: (B, L+1) decimal logarithms of ``||dL/dx_l||_2``.
        log10_products: (S, L+1) those of ``||dx_L/dx_l||_2`` for the first S samples; S = 0 where it takes too long.
        note: what was not measured and why, in words.
    """

    log10_loss: Array
    log10_products: Array
    note: str = ""

    @property
    def typical_loss(self) -> Array:
        """(L+1,) the medians over the samples of ``log10 ||dL/dx_l||``."""
        return _medians(self.log10_loss)

    @property
    def typical_products(self) -> Array:
        """(L+1,) the medians over the samples of ``log10 ||dx_L/dx_l||``; NaN where not measured."""
        return _medians(self.log10_products)

    @property
    def log10_ratios(self) -> Array:
        """(B, L+1) decimal logarithms of ``||dL/dx_l|| / ||dL/dx_L||``."""
        return _differences(self.log10_loss, self.log10_loss[:, -1:])

    @property
    def typical_ratio(self) -> Array:
        """(L+1,) the medians over the samples of :attr:`log10_ratios`."""
        return _medians(self.log10_ratios)


def _medians(curves: Array) -> Array:
    if not len(curves):
        return np.full(curves.shape[1], np.nan)
    ordered = np.sort(curves, axis=0)  # minus infinity counts as the least, so that there is no inf - inf
    low, high = ordered[(len(curves) - 1) // 2], ordered[len(curves) // 2]
    with np.errstate(invalid="ignore"):
        return np.where(low == high, low, (low + high) / 2)


def _differences(one: Array, other: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(other), np.nan, one - other)


def measured_gradients(run: ChainRun, loss: Any) -> ChainGradients:
    """The norms of the gradients at every layer of a chain.

    Args:
        run: the chain at a batch of B inputs.
        loss: (B, width of x_L), the gradient of the loss by the output of each sample.

    Raises:
        InputError: another shape, or a number that is not finite.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine
    >>> from symgrad.language.layer_chain import LayerChain
    >>> from symgrad.numerics.chain_values import run_chain
    >>> run = run_chain(LayerChain((Affine("0", 1, 1, "w"),)), {"w": [[0.01]]}, [[1.0]])
    >>> measured_gradients(run, [[1.0]]).log10_loss.round(6).tolist()
    [[-2.0, 0.0]]
    """
    gradient = np.asarray(loss, dtype=np.float64)
    if gradient.shape != run.output.shape or not np.isfinite(gradient).all():
        raise InputError(f"loss: finite gradients of shape {run.output.shape} are needed, got {gradient.shape}")
    count = _affordable(run)
    lost = len(run.output) - count
    note = f"norms of dx_L/dx_l are measured for {count} of {count + lost} samples, for the size of the layers"
    few = run if not lost else run.first(count)
    return ChainGradients(
        _scaled_norms(run, gradient[:, None], len(gradient)),
        _scaled_norms(few, _identities(few, count), count),
        note if lost else "",
    )


def _affordable(run: ChainRun) -> int:
    last, widths = run.values[-1].shape[1], [value.shape[1] for value in run.values]
    work = sum(last * before * (after + min(last, before)) for before, after in pairwise(widths))
    return min(len(run.output), MOST_WORK // max(work, 1))


def _identities(run: ChainRun, count: int) -> Array:
    size = run.output.shape[1]
    return np.broadcast_to(np.eye(size), (count, size, size))


def _scaled_norms(run: ChainRun, rows: Array, count: int) -> Array:
    """(count, L+1) logarithms of the norms of rows pulled back to every layer, rescaled on the way by powers of two."""
    logs = np.zeros((count, len(run.values)))
    if not count:
        return logs
    exponents = np.zeros(count, dtype=np.int64)
    for place in range(len(run.values) - 1, -1, -1):
        if place < len(run.maps):
            with np.errstate(all="ignore"):
                rows = run.maps[place].pull_back(rows)
        moved, powers = rescaled(np.moveaxis(rows, 0, 1))
        rows, exponents = np.moveaxis(moved, 1, 0), exponents + powers
        logs[:, place] = log10_scaled(_norms(rows), exponents)
    return logs


def _norms(rows: Array) -> Array:
    """The largest singular value of each sample's rows; NaN where an entry is not finite."""
    finite = np.asarray(np.isfinite(rows).all(axis=(1, 2)))
    tall = rows.shape[1] > rows.shape[2]
    clean = np.where(finite[:, None, None], rows, 0.0)
    if 1 in rows.shape[1:]:
        found = np.sqrt(np.square(clean).sum(axis=(1, 2)))
    else:
        turned = np.transpose(clean, (0, 2, 1))
        gram = turned @ clean if tall else clean @ turned
        found = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[:, -1], 0.0))
    return np.where(finite, found, np.nan)
