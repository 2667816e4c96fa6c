"""Layer norm, RMS norm and batch norm by their names; the running statistics of batch norm."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.design.arguments import checked_size, nonnegative_parameter
from symgrad.design.normalisation import Normalisation
from symgrad.errors import InputError
from symgrad.language.numbers import scalar_parameter

__all__ = ["batch_norm", "layer_norm", "rms_norm"]


def _normalisation(name: str, n: Any, gamma: Any, eps: Any, centred: bool, entries: bool) -> Normalisation:
    gains = _gains(gamma)
    if entries and len(gains) > 1 and n is None:
        n = len(gains)
    size = checked_size("n" if entries else "batch", n, "n")
    if entries and len(gains) > 1 and size != len(gains):
        raise InputError(f"gamma: one number or {size} of them are needed, got {len(gains)}")
    return Normalisation(name, size, gains, _epsilon(eps), centred)


def _epsilon(eps: Any) -> sp.Expr:
    return sp.Symbol("epsilon", positive=True) if eps is None else nonnegative_parameter("eps", eps)


def _gains(gamma: Any) -> tuple[sp.Expr, ...]:
    if isinstance(gamma, (str, bytes)) or (hasattr(gamma, "__len__") and len(gamma) == 0):
        raise InputError(f"gamma: a number or a non-empty sequence of numbers is needed, got {gamma!r}")
    entries = list(gamma) if hasattr(gamma, "__iter__") else [gamma]
    return tuple(scalar_parameter("gamma", entry, real=True) for entry in entries)


def layer_norm(n: Any = None, gamma: Any = None, eps: Any = None) -> Normalisation:
    """Layer normalisation over the n entries of a vector.

    Args:
        n: how many entries; a positive integer, a symbol, or None for the symbol n.
        gamma: the gain: a number, an expression, a sequence of n of them, or None for the symbol gamma.
        eps: what is added to the variance, not negative; None for the symbol epsilon. PyTorch's is 1e-5.

    Returns:
        A :class:`Normalisation`.

    Raises:
        InputError: a malformed argument.

    Source: Ba, Kiros and Hinton 2016, Layer Normalization, sec. 3; Xiong et al. 2020, On Layer Normalization in the
    Transformer Architecture, lemma 3, for the Jacobian.

    >>> layer_norm(n=2).norm, layer_norm(n=1).norm, layer_norm(n=8, gamma=[1, -3, 2, 1, 1, 1, 1, 1]).norm
    (epsilon*Abs(gamma)/s**3, 0, 3/s)
    >>> layer_norm(n=4, gamma=1, eps=0.01).uniform(), layer_norm(n=4, gamma=1, eps=0).uniform()
    (10, oo)
    """
    return _normalisation("layer norm", n, gamma, eps, centred=True, entries=True)


def rms_norm(n: Any = None, gamma: Any = None, eps: Any = None) -> Normalisation:
    """RMS normalisation, ``y = gamma x / sqrt(mean(x**2) + eps)``; the arguments are those of :func:`layer_norm`.

    Source: Zhang and Sennrich 2019, Root Mean Square Layer Normalization, sec. 4.

    >>> rms_norm(n=2, gamma=1).norm, rms_norm(n=1, gamma=1).norm
    (1/s, epsilon/s**3)
    """
    return _normalisation("RMS norm", n, gamma, eps, centred=False, entries=True)


def batch_norm(batch: Any = None, gamma: Any = None, eps: Any = None) -> Normalisation:
    """Batch normalisation while training: each feature over the samples of the batch.

    The Jacobian of all features is block diagonal with one n x n block for each; its norm is the largest of the
    blocks. With running statistics (evaluation) the map is affine: see :func:`batch_norm_evaluation`.

    Args:
        batch: how many samples are normalised together; None for the symbol n.
        gamma: the gain of every feature, or a sequence with one for each.
        eps: as for :func:`layer_norm`.

    Source: Ioffe and Szegedy 2015, Batch Normalization, sec. 3.

    >>> batch_norm(32, gamma=[1, -2]).uniform()
    2/sqrt(epsilon)
    """
    return _normalisation("batch norm", batch, gamma, eps, centred=True, entries=False)
