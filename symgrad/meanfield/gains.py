"""Gains: how large the random weights of a wide network are to be, derived from the activation's formula."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from flint import arb

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.language.elementwise import Activation
from symgrad.meanfield.critical_gain import critical_gain
from symgrad.meanfield.gain_comparison import GainComparison, compared
from symgrad.meanfield.gain_modes import Found, backward_gain, forward_gain, kumar_gain
from symgrad.meanfield.gain_remarks import remarks
from symgrad.meanfield.gain_rules import FAN_IN, GAIN, GLOROT, SCALE, STANDARD_DEVIATION
from symgrad.meanfield.layer_factors import Moments, Quantity, any_activation, positive_number
from symgrad.presentable import Presentable

__all__ = ["InitGain", "init_gain"]

_AT_A_VARIANCE = {"forward": forward_gain, "backward": backward_gain}
_BY_ITSELF = {"kumar": kumar_gain, "chi1": critical_gain}


@dataclass(frozen=True)
class InitGain(Presentable):
    """A gain g: weights of mean 0 and variance ``g^2/n``, n the number of inputs, and biases of mean 0.

    Attributes:
        activation: phi.
        mode: ``"forward"``, ``"backward"``, ``"kumar"`` or ``"chi1"``.
        found: the gain with the variance at which it holds, the equation that it solves and the steps.
        fan_in: number of inputs of a layer, if given.
        fan_out: number of its outputs, if given.

    >>> found = init_gain("relu", fan_in=50)
    >>> found.gain, found.std, found.forward.expr, found.chi.expr
    (sqrt(2), 1/5, 1, 1)
    """

    activation: Activation
    mode: str
    found: Found
    fan_in: int | None = None
    fan_out: int | None = None

    @property
    def gain(self) -> sp.Expr:
        """The gain as a formula, in closed form where the Gaussian mean has one."""
        return self.found.gain.expr

    @property
    def ball(self) -> arb:
        """An enclosure of the gain."""
        return self.found.gain.ball

    @property
    def variance(self) -> sp.Expr:
        """The variance of the pre-activations at which the gain holds; 0 stands for the limit of small ones."""
        return self.found.variance

    @property
    def preserves(self) -> str:
        """What stays the same from layer to layer, in words."""
        return self.found.keeps

    @property
    def condition(self) -> sp.Basic:
        """The equation that the gain solves, in the symbol g."""
        return self.found.condition

    @property
    def std(self) -> sp.Expr:
        """The standard deviation of the weights.

        It is ``g/sqrt(n_in)``; of a backward gain for which only the outputs are given ``g/sqrt(n_out)``; with both
        ``g sqrt(2/(n_in + n_out))``, the compromise of Glorot and Bengio. Numbers that were not given are symbols.
        """
        return self.gain * self.scale

    @property
    def scale(self) -> sp.Expr:
        """The standard deviation of the weights over the gain, such as ``1/sqrt(n_in)``."""
        if self.fan_in and self.fan_out:
            return sp.sqrt(sp.Rational(2, self.fan_in + self.fan_out))
        if self.fan_out and self.mode == "backward":
            return 1 / sp.sqrt(self.fan_out)
        return 1 / sp.sqrt(self.fan_in or FAN_IN)

    @cached_property
    def forward(self) -> Quantity:
        """The variance of pre-activations after a layer without biases over that before it, at :attr:`variance`."""
        return (
            Quantity(sp.S.One, arb(1)) if self.variance == 0 else self._moments.forward(self.found.gain, self.variance)
        )

    @cached_property
    def chi(self) -> Quantity:
        """The mean squared gradient before a layer over that after it, ``chi_1``, at :attr:`variance`.

        Raises:
            InputError: it is infinite or not proved to be finite.
            UnsupportedExpressionError: the activation jumps.
        """
        if self.variance == 0:
            return Quantity(sp.S.One, arb(1))
        return self._moments.backward(self.found.gain, self.variance)

    @cached_property
    def slope(self) -> Quantity:
        """The slope of the variance map of this gain at :attr:`variance`: below 1 deviations shrink."""
        return Quantity(sp.S.One, arb(1)) if self.variance == 0 else self._moments.slope(self.found.gain, self.variance)

    @property
    def _moments(self) -> Moments:
        return Moments(self.activation)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What the gain does not keep, and whether what it keeps is stable; each with its number."""
        return (*self.found.remarks, *remarks(self.mode, self.variance, self._moments, self.found.gain))

    def compare(self, gain: Any) -> GainComparison:
        """Another gain beside this one: which variances it keeps, how stably, and what becomes of gradients there.

        Args:
            gain: a positive number, such as 5/3, the one that PyTorch lists for tanh.

        Raises:
            InputError: no positive number.

        >>> import sympy as sp
        >>> found = init_gain("tanh").compare(sp.Rational(5, 3))
        >>> [(point.stability, round(float(point), 4)) for point in found.points]
        [('repelling', 0.0), ('attracting', 1.1785)]
        """
        return compared(self.activation, gain, self.found.gain, self.variance)

    @property
    def derivation(self) -> Derivation:
        """The steps from the condition to the gain and to the standard deviation of the weights."""
        scale = GLOROT if self.fan_in and self.fan_out else SCALE
        relation = sp.Eq(STANDARD_DEVIATION, GAIN * self.scale, evaluate=False)
        claim = f"gain of {self.activation} that keeps {self.preserves}"
        return Derivation(claim, (*self.found.steps[:-1], DerivationStep(scale, relation), self.found.steps[-1]))

    def __float__(self) -> float:
        return float(self.ball.mid())


def init_gain(
    activation: Any,
    mode: str = "forward",
    *,
    variance: Any = None,
    fan_in: int | None = None,
    fan_out: int | None = None,
) -> InitGain:
    r"""The gain of an activation, derived from its formula.

    Args:
        activation: a name, an :class:`~symgrad.Activation` or a SymPy formula in one symbol.
        mode: ``"forward"`` keeps the variance of the pre-activations, ``g^2 E[phi(sqrt(q) z)^2] = q`` (for the identity
            LeCun's, for ReLU He's); ``"backward"`` keeps the mean squared gradient, ``g^2 E[phi'(sqrt(q) z)^2] = 1``;
            ``"kumar"`` keeps the variance of the activations of the linearisation at 0; ``"chi1"`` is the gain at the
            edge of chaos of a network without biases: ``chi_1 = 1`` at a variance that the network settles at.
        variance: q, positive, of modes forward and backward; 1 unless given.
        fan_in: number of inputs of a layer, for the standard deviation of its weights.
        fan_out: number of its outputs.

    Returns:
        The gain; ``float(...)`` of it is the number.

    Raises:
        InputError: malformed arguments; or there is no such gain, with the reason.

    Sources: He et al. 2015; Glorot and Bengio 2010; Kumar 2017; Schoenholz et al. 2017.

    >>> init_gain("relu").gain, init_gain("relu", "backward").gain, float(init_gain("tanh", "kumar"))
    (sqrt(2), sqrt(2), 1.0)
    >>> init_gain("identity", fan_in=300, fan_out=100).std
    sqrt(2)/20
    """
    phi = any_activation(activation)
    fans = [_count(label, value) for label, value in (("fan_in", fan_in), ("fan_out", fan_out))]
    if mode in _AT_A_VARIANCE:
        found = _AT_A_VARIANCE[mode](phi, positive_number("variance", 1 if variance is None else variance))
    elif not isinstance(mode, str) or mode not in _BY_ITSELF:
        raise UnknownNameError("mode", mode, [*_AT_A_VARIANCE, *_BY_ITSELF])
    elif variance is not None:
        raise InputError(f"variance: mode {mode!r} finds its own; a variance belongs to forward and backward")
    else:
        found = _BY_ITSELF[mode](phi)
    return InitGain(phi, mode, found, *fans)


def _count(label: str, value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise InputError(f"{label}: a positive whole number is needed, got {value!r} ({type(value).__name__})")
