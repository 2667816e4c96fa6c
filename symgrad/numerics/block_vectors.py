"""Norms, dual vectors and inner products of B stacked vectors at once, given in blocks: symbol -> array (n, B, 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.language.norms import Norm

__all__ = ["divided", "dual", "joined", "log_norm", "pairing", "safe_exp"]

Array = NDArray[np.float64]
Point = dict[sp.Expr, Any]


def joined(blocks: Mapping[sp.Expr, Any]) -> Array:
    """(N, B) the blocks below each other."""
    return np.concatenate([array[:, :, 0] for array in blocks.values()])


def log_norm(blocks: Mapping[sp.Expr, Any], norm: Norm) -> Array:
    """(B,) natural logarithms of the norms, minus infinity for zero; squares neither over- nor underflow."""
    entries = np.abs(joined(blocks))
    largest = entries.max(axis=0)
    scaled = entries / np.where(largest > 0, largest, 1.0)
    lengths = {sp.oo: np.ones_like(largest), sp.Integer(1): scaled.sum(axis=0)}
    length = lengths[norm.p] if norm.p in lengths else np.sqrt((scaled**2).sum(axis=0))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(largest) + np.log(np.where(length > 0, length, 1.0)))


def safe_exp(log: Array) -> Array:
    """The exponential as a factor to divide by: finite and positive, 1 where the logarithm is not finite."""
    return np.exp(np.where(np.isfinite(log), np.clip(log, -700, 700), 0.0))


def dual(blocks: Point, norm: Norm, conjugate: bool = False) -> Point:
    """The vectors w of dual norm 1 with the largest inner product with given ones, which is their norm.

    Args:
        blocks: the given vectors.
        norm: their norm.
        conjugate: measure the given vectors in the dual norm instead, and w in the norm.
    """
    p = norm.dual if conjugate else norm.p
    if p == 2:
        length = np.exp(log_norm(blocks, norm))
        return {s: divided(array, length) for s, array in blocks.items()}
    if p == 1:
        return {s: np.where(array < 0, -1.0, 1.0) for s, array in blocks.items()}
    entries = joined(blocks)
    largest = np.abs(entries).argmax(axis=0), np.arange(entries.shape[1])
    chosen = np.zeros_like(entries)
    chosen[largest] = np.where(entries[largest] < 0, -1.0, 1.0)
    ends = np.cumsum([array.shape[0] for array in blocks.values()]).tolist()
    return {s: part[:, :, None] for s, part in zip(blocks, np.split(chosen, ends[:-1]), strict=True)}


def pairing(left: Point, right: Point) -> Array:
    """The inner products of stacked vectors."""
    return np.asarray(sum((left[s] * right[s]).sum(axis=(0, 2)) for s in right))


def divided(array: Array, number: Array) -> Array:
    """Each of B blocks divided by its number; left as it is where that is zero."""
    return array / np.where(number != 0, number, 1.0)[None, :, None]
