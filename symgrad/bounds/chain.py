"""chain_bound: how much a feed-forward or residual network can stretch gradients, from each layer to the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.chain_layers import JacobianEnds, layer_ends, products_to_the_end
from symgrad.bounds.chain_steps import lower_steps, upper_steps
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation
from symgrad.language.layer_chain import ChainWeights, LayerChain
from symgrad.presentable import Presentable

__all__ = ["ChainBound", "chain_bound"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChainBound(Presentable):
    """Bounds on ``||dx_L/dx_l||_2`` that hold for every input of a layer chain, for the given weights.

    Attributes:
        chain: the network.
        weights: its parameters.
        ends: for each layer, what is proved about its Jacobian.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine
    >>> chain = LayerChain((Affine("0", 1, 1, "w"), Affine("1", 1, 1, "v")))
    >>> bound = sg.chain_bound(chain, {"w": [[2.0]], "v": [[-0.5]]})
    >>> [float(bound.upper(start)) for start in range(3)]  # ||dx_2/dx_0||, ||dx_2/dx_1||, ||dx_2/dx_2||
    [1.0, 0.5, 1.0]
    """

    chain: LayerChain
    weights: ChainWeights = field(repr=False)
    ends: tuple[JacobianEnds, ...] = field(repr=False)

    @cached_property
    def products(self) -> tuple[JacobianEnds, ...]:
        """For l = 0, ..., L what is proved about ``dx_L/dx_l``."""
        return products_to_the_end(self.ends)

    def upper(self, start: int = 0) -> BoundValue:
        """A number not below ``||dx_L/dx_start||_2`` at any input, rounded up.

        Raises:
            InputError: no position from 0 to L.
        """
        return BoundValue(self._product(start).upper, "upper")

    def lower(self, start: int = 0) -> BoundValue:
        """A number not above ``||dx_L/dx_start||_2`` at any input, rounded down; 0 where nothing is proved."""
        return BoundValue(self._product(start).lower, "lower")

    def gradient_lower(self, start: int = 0) -> BoundValue:
        """A number not above ``||dL/dx_start||/||dL/dx_L||`` for any loss and any input, rounded down."""
        return BoundValue(self._product(start).surjective, "lower")

    @property
    def log10_upper(self) -> Array:
        """(L+1,) decimal logarithms of :meth:`upper` from every position, rounded up."""
        return np.array([self.upper(start).log10 for start in range(self.chain.depth + 1)])

    @property
    def log10_lower(self) -> Array:
        """(L+1,) decimal logarithms of :meth:`lower`, rounded down; minus infinity where nothing is proved."""
        return np.array([self.lower(start).log10 for start in range(self.chain.depth + 1)])

    @property
    def derivation(self) -> Derivation:
        """The proof of the bound from above on ``||dx_L/dx_0||_2``, with its numbers."""
        return Derivation(
            f"norm of the Jacobian of {self.chain.name}", upper_steps(self.chain, self.ends, self.upper())
        )

    @property
    def lower_derivation(self) -> Derivation | None:
        """The proof of the bound from below; None where nothing above 0 is proved."""
        if not self.lower() > 0 and self.lower().log10 == -np.inf:
            return None
        return Derivation(
            f"least norm of the Jacobian of {self.chain.name}", lower_steps(self.chain, self.ends, self.lower())
        )

    def _product(self, start: int) -> JacobianEnds:
        if isinstance(start, bool) or not isinstance(start, int) or not 0 <= start <= self.chain.depth:
            raise InputError(f"start: a position from 0 to {self.chain.depth} is needed, got {start!r}")
        return self.products[start]


def chain_bound(chain: LayerChain, weights: Any) -> ChainBound:
    """Bounds on the Jacobians of a feed-forward or residual network, from every layer to the end.

    They hold for every input. Norms and least singular values of weight matrices are enclosed, extrema of slopes are
    exact or enclosed, and a normalisation is bounded by ``max|gamma|/sqrt(eps)``; so is a product of such numbers.

    Args:
        chain: the network, such as :func:`symgrad.from_torch` gives.
        weights: its parameters.

    Raises:
        InputError: no layer chain; missing or malformed weights.

    Source: Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6 and 7.3; the rules that a derivation lists.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine, Entrywise
    >>> chain = LayerChain((Affine("0", 1, 1, "w"), Entrywise("1", 1, 1, sg.activation("sigmoid"))))
    >>> bound = chain_bound(chain, {"w": [[2.0]]})
    >>> float(bound.upper()), float(bound.lower())
    (0.5, 0.0)
    """
    if not isinstance(chain, LayerChain):
        raise InputError(f"chain: a LayerChain is needed, got {type(chain).__name__}")
    arrays = chain.bind(weights)
    return ChainBound(chain, arrays, _all_ends(chain, arrays))


def _all_ends(chain: LayerChain, weights: ChainWeights) -> tuple[JacobianEnds, ...]:
    """Of each layer; once nothing can be proved from below, least singular values are not sought any more."""
    found: list[JacobianEnds] = []
    (after,) = products_to_the_end(())
    for layer in reversed(chain.layers):
        wanted = any(bound > 0 for bound in (after.lower, after.injective, after.surjective))
        found.insert(0, layer_ends(layer, weights, wanted))
        after = products_to_the_end((found[0], after))[0]
    return tuple(found)
