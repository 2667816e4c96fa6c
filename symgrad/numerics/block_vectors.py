"""Norms, dual vectors and inner products of B stacked vectors at once, given in blocks: symbol -> array (n, B, 1).

The arrays are of any library of the Python array API standard.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import sympy as sp
from array_api_compat import array_namespace, device

from symgrad.language.norms import Norm

__all__ = ["divided", "dual", "log_norm", "pairing", "safe_exp", "split"]

Point = dict[sp.Expr, Any]


def _joined(blocks: Mapping[sp.Expr, Any]) -> Any:
    """(N, B) the blocks below each other."""
    arrays = [array[:, :, 0] for array in blocks.values()]
    return array_namespace(*arrays).concat(arrays, axis=0)


def split(stacked: Any, like: Mapping[sp.Expr, Any]) -> Point:
    """An array (N, B, p) cut into blocks with as many rows as others have."""
    found, start = {}, 0
    for symbol, array in like.items():
        found[symbol] = stacked[start : start + array.shape[0]]
        start += array.shape[0]
    return found


def log_norm(blocks: Mapping[sp.Expr, Any], norm: Norm) -> Any:
    """(B,) natural logarithms of the norms, minus infinity for zero; squares neither over- nor underflow."""
    stacked = _joined(blocks)
    xp = array_namespace(stacked)
    entries = xp.abs(stacked)
    largest = xp.max(entries, axis=0)
    scaled = entries / _nonzero(largest)
    if norm.p == sp.oo:
        return xp.log(largest)
    length = xp.sum(scaled, axis=0) if norm.p == 1 else xp.sqrt(xp.sum(scaled**2, axis=0))
    return xp.log(largest) + xp.log(_nonzero(length))


def safe_exp(log: Any) -> Any:
    """The exponential as a factor to divide by: finite and positive, 1 where the logarithm is not finite."""
    xp = array_namespace(log)
    most = 700.0 if log.dtype == xp.float64 else 80.0
    return xp.exp(xp.clip(xp.where(xp.isfinite(log), log, xp.zeros_like(log)), -most, most))


def dual(blocks: Point, norm: Norm, conjugate: bool = False) -> Point:
    """The vectors w of dual norm 1 with the largest inner product with given ones, which is their norm.

    Args:
        blocks: the given vectors.
        norm: their norm.
        conjugate: measure the given vectors in the dual norm instead, and w in the norm.
    """
    p = norm.dual if conjugate else norm.p
    xp = array_namespace(*blocks.values())
    if p == 2:
        length = xp.exp(log_norm(blocks, norm))
        return {s: divided(array, length) for s, array in blocks.items()}
    signs = {s: xp.where(array < 0, -xp.ones_like(array), xp.ones_like(array)) for s, array in blocks.items()}
    if p == 1:
        return signs
    largest = xp.argmax(xp.abs(_joined(blocks)), axis=0)
    rows = split(xp.arange(sum(array.shape[0] for array in blocks.values()), device=device(largest)), blocks)
    return {s: xp.where(rows[s][:, None, None] == largest[None, :, None], sign, 0 * sign) for s, sign in signs.items()}


def pairing(left: Point, right: Point) -> Any:
    """The inner products of stacked vectors."""
    return reduce(lambda a, b: a + b, [_sum(left[s] * right[s]) for s in right])


def _sum(array: Any) -> Any:
    return array_namespace(array).sum(array, axis=(0, 2))


def divided(array: Any, number: Any) -> Any:
    """Each of B blocks divided by its number; left as it is where that is zero."""
    return array / _nonzero(number)[None, :, None]


def _nonzero(array: Any) -> Any:
    """The same array with 1 in the place of 0."""
    xp = array_namespace(array)
    return xp.where(array != 0, array, xp.ones_like(array))
