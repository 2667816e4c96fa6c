"""Layers other than the plain one: skip connections, scaled branches, dropout, orthogonal weights.

A layer is ``x' = alpha x + beta (W (m o phi(x)) + b)`` with pre-activations x, entries of W of variance
``sigma_w^2 / n`` (Gaussian, or W orthogonal times sigma_w), entries of b of variance ``sigma_b^2``, and inverted
dropout: entries of the mask m are ``1 / (1 - p)`` with probability 1 - p and otherwise 0. The plain layer has
alpha = 0, beta = 1, p = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.derivation import Derivation
from symgrad.language.elementwise import Activation
from symgrad.language.gaussian import CORRELATION, VARIANCE
from symgrad.language.numbers import scalar_parameter
from symgrad.meanfield.means import Mean, PairMean
from symgrad.meanfield.variant_steps import SIGMA_B, SIGMA_W, edge_of_chaos, factor_steps, map_steps
from symgrad.rigor.jumps import jumps

__all__ = ["LayerVariant", "layer_variant"]

_WEIGHTS = ("gaussian", "orthogonal")


@dataclass(frozen=True)
class LayerVariant:
    """A kind of layer, and its maps in mean-field theory as expressions in q, c, sigma_w and sigma_b.

    Attributes:
        activation: phi.
        skip: alpha, what the layer keeps of its input.
        dropout: p, the probability that an entry is dropped.
        weights: ``"gaussian"`` or ``"orthogonal"``.
        branch: beta, the factor of the branch; ``1/sqrt(L)`` is a depth-scaled residual network.
    """

    activation: Activation
    skip: sp.Expr = sp.S.Zero
    dropout: sp.Expr = sp.S.Zero
    weights: str = "gaussian"
    branch: sp.Expr = sp.S.One

    @property
    def gain(self) -> sp.Expr:
        """What stands before ``sigma_w^2 K(q)`` in the variance map, ``beta^2 / (1 - p)``."""
        return self.branch**2 / (1 - self.dropout)

    @property
    def pair_gain(self) -> sp.Expr:
        """What stands before ``sigma_w^2 E[phi(u_1) phi(u_2)]`` in the covariance of two inputs, ``beta^2``.

        The masks of the two are independent, so they average out.
        """
        return self.branch**2

    @cached_property
    def square_mean(self) -> Mean:
        """``K(q) = E[phi(sqrt(q) z)^2]``."""
        return Mean(self.activation.expr**2)

    @cached_property
    def slope_mean(self) -> Mean | None:
        """``E[phi'(sqrt(q) z)^2]``; None where phi jumps, so that it is infinite."""
        return None if self.slope is None else Mean(self.slope**2)

    @cached_property
    def slope(self) -> sp.Expr | None:
        """The formula of phi', or None where phi jumps."""
        jumping = jumps(self.activation.expr, self.activation.variable)
        return None if jumping else self.activation.derivative.expr

    @cached_property
    def pair_mean(self) -> PairMean:
        """``E[phi(u_1) phi(u_2)]``."""
        return PairMean(self.activation.expr, self.activation.expr)

    @cached_property
    def slope_pair_mean(self) -> PairMean | None:
        """``E[phi'(u_1) phi'(u_2)]``; None where phi jumps."""
        return None if self.slope is None else PairMean(self.slope, self.slope)

    @property
    def q_map(self) -> sp.Expr:
        """The variance of the next pre-activations, in q."""
        kept = self.gain * SIGMA_W**2 * self.square_mean.expr
        return self.skip**2 * VARIANCE + kept + self.branch**2 * SIGMA_B**2

    @property
    def chi_formula(self) -> sp.Expr:
        """The factor of the mean-squared gradient in one layer, in q; infinite where phi jumps."""
        if self.slope_mean is None:
            return sp.oo
        return self.skip**2 + self.gain * SIGMA_W**2 * self.slope_mean.expr

    @property
    def correlation_formula(self) -> sp.Expr:
        """The correlation of two inputs after the layer, in q and c, for inputs of variance q each."""
        kept = self.skip**2 * VARIANCE * CORRELATION + self.branch**2 * SIGMA_B**2
        return (kept + self.pair_gain * SIGMA_W**2 * self.pair_mean.expr) / self.q_map

    @property
    def correlation_slope(self) -> sp.Expr:
        """The derivative of the correlation map by c at a fixed point of the variance map, in q and c."""
        if self.slope_pair_mean is None:
            return sp.diff(self.correlation_formula, CORRELATION)
        return self.skip**2 + self.pair_gain * SIGMA_W**2 * self.slope_pair_mean.expr

    @property
    def correlation_at_one(self) -> sp.Expr:
        """Where the correlation map takes c = 1 at a fixed point of the variance map, in q; 1 without dropout."""
        lost = self.dropout / (1 - self.dropout) * self.branch**2 * SIGMA_W**2 * self.square_mean.expr
        return 1 - lost / VARIANCE if self.dropout != 0 else sp.S.One

    @property
    def critical_equations(self) -> tuple[sp.Basic, ...]:
        """The equations of the edge of chaos in q, sigma_w and sigma_b; empty where there is none."""
        if not edge_of_chaos(self).exists:
            return ()
        return (sp.Eq(self.q_map, VARIANCE, evaluate=False), sp.Eq(self.chi_formula, 1, evaluate=False))

    @property
    def edge(self) -> str:
        """What an edge of chaos is for this layer, or why there is none."""
        return edge_of_chaos(self).words

    @cached_property
    def derivation(self) -> Derivation:
        """How the maps follow, and what becomes of the edge of chaos."""
        return Derivation("mean-field maps of the layer", map_steps(self))

    def factor_bound(self, depth: Any) -> Derivation:
        """A bound of the gradient's factor ``chi^L`` over L layers that holds at every variance.

        With a skip connection of 1 and branches scaled by ``1/sqrt(L)`` it does not grow with L.

        Args:
            depth: L, a positive number or a symbol.

        Raises:
            InputError: the slope of the activation is unbounded, or the depth is not positive.

        >>> import symgrad as sg
        >>> L = sp.Symbol("L", positive=True)
        >>> layer_variant(sg.activation("tanh"), skip=1, branch=1 / sp.sqrt(L)).factor_bound(L).conclusion
        chi**L <= exp(sigma_w**2)
        """
        layers = scalar_parameter("depth", depth)
        if layers.is_positive is False:
            raise InputError(f"depth: a positive number or a symbol is needed, got {depth!r}")
        steepest = self.activation.slope.sup_abs
        if not steepest.is_finite:
            raise InputError(f"activation: the slope of {self.activation.name} is unbounded, so chi has no bound")
        steps = factor_steps(self, self.gain, steepest, layers)
        return Derivation(f"gradients over {layers} layers", steps)


def layer_variant(
    activation: Activation, skip: Any = 0, dropout: Any = 0, weights: str = "gaussian", branch: Any = 1
) -> LayerVariant:
    """A kind of layer, its arguments checked.

    Args:
        activation: phi.
        skip: alpha, a real number or an expression in symbols.
        dropout: p in [0, 1), likewise.
        weights: ``"gaussian"`` or ``"orthogonal"``.
        branch: beta, likewise.

    Raises:
        InputError: dropout outside [0, 1), unknown weights, no real number.

    Source: Poole et al. 2016; Schoenholz et al. 2017, section 4 (dropout); Yang and Schoenholz 2017 (residual);
    Pennington, Schoenholz and Ganguli 2017 (orthogonal).

    >>> import symgrad as sg
    >>> layer = layer_variant(sg.activation("relu"), skip=1)
    >>> layer.critical_equations, layer.edge[:21]
    ((), 'no edge of chaos: chi')
    """
    if not isinstance(activation, Activation):
        raise InputError(f"activation: an Activation is needed, got {type(activation).__name__} {activation!r}")
    if weights not in _WEIGHTS:
        raise InputError(f"weights: 'gaussian' or 'orthogonal' is needed, got {weights!r}")
    rate = scalar_parameter("dropout", dropout)
    if rate.is_number and not (rate >= 0 and rate < 1):
        raise InputError(f"dropout: a probability in [0, 1) is needed, got {dropout!r}")
    return LayerVariant(activation, scalar_parameter("skip", skip), rate, weights, scalar_parameter("branch", branch))
