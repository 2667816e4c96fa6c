"""Mean-field theory of whatever is given: a network with one activation, or a recurrent cell."""

from __future__ import annotations

from typing import Any, overload

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.elementwise import Activation
from symgrad.language.recurrence import Recurrence
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.layer_factors import any_activation
from symgrad.meanfield.recurrent import RecurrentMeanField, recurrent_mean_field
from symgrad.meanfield.variants import layer_variant

__all__ = ["MeanField", "mean_field"]


@overload
def mean_field(
    activation: str | Activation | sp.Expr,
    skip: Any = 0,
    dropout: Any = 0,
    weights: str = "gaussian",
    **options: Any,
) -> MeanField: ...
@overload
def mean_field(activation: Recurrence, **options: Any) -> RecurrentMeanField: ...
def mean_field(
    activation: Any, skip: Any = 0, dropout: Any = 0, weights: str = "gaussian", **options: Any
) -> MeanField | RecurrentMeanField:
    """The mean-field theory of a wide random network, or of a recurrent one.

    Args:
        activation: a name, an :class:`symgrad.Activation` or a SymPy formula in one symbol; or a
            :class:`symgrad.Recurrence`, for which :func:`symgrad.meanfield.recurrent.recurrent_mean_field`
            tells what options there are.
        skip: the factor of the input that a layer adds to its output, ``x' = skip x + W phi(x) + b``.
        dropout: the probability with which entries are dropped; the others are divided by what is left.
        weights: ``"gaussian"`` or ``"orthogonal"``.
        options: ``branch``, the factor of ``W phi(x) + b``; of a Recurrence ``variances``, ``means`` and ``inputs``.

    Raises:
        InputError: something else.

    Source: Poole et al. 2016; Schoenholz et al. 2017; Yang and Schoenholz 2017.

    >>> import sympy as sp
    >>> mean_field("relu").q_map
    q*sigma_w**2/2 + sigma_b**2
    >>> x = sp.Symbol("x")
    >>> mean_field(x + sp.sin(x)).phase(0.5, 0).word
    'chaotic'
    """
    recurrent = isinstance(activation, Recurrence)
    if recurrent and (skip, dropout, weights) != (0, 0, "gaussian"):
        raise InputError("skip, dropout, weights: they belong to an activation; a Recurrence states its own layers")
    known = ("variances", "means", "inputs") if recurrent else ("branch",)
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no such option here; there are {', '.join(known)}")
    if recurrent:
        return recurrent_mean_field(activation, **options)
    layer = layer_variant(any_activation(activation), skip, dropout, weights, **options)
    symbols = (layer.skip + layer.dropout + layer.branch).free_symbols
    if symbols:
        raise InputError(f"skip, dropout, branch: numbers are needed, got the symbol {', '.join(map(str, symbols))}")
    return MeanField(layer)
