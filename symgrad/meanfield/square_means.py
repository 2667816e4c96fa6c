"""Gaussian means of non-negative functions over stretches of variances, from their values at the ends.

For f >= 0 the product of ``sqrt(q)`` and ``E[f(sqrt(q) z)]`` is the integral of f against ``exp(-x^2/(2 q))``, which
grows with q. So between two variances the mean lies within ``sqrt(low/q)`` times its value at the lower one and
``sqrt(high/q)`` times its value at the upper; likewise for ``x^2 f``, of which the derivative by q is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flint import arb, ctx

from symgrad.meanfield.means import Mean

__all__ = ["SquareMean"]

_Key = tuple[int, int, int]


@dataclass(frozen=True)
class SquareMean:
    """The mean of a non-negative function of ``sqrt(q) z``, by rigorous values at exact variances, each found once.

    Args:
        mean: of a function that is nowhere negative.
    """

    mean: Mean
    _known: dict[_Key, tuple[arb, arb]] = field(default_factory=dict, compare=False, repr=False)

    def ball(self, variance: arb) -> arb:
        """An enclosure of the mean for all variances in a ball."""
        if variance.is_exact():
            return self._at(variance)[0]
        low, high = variance.lower().mid(), variance.upper().mid()
        if not low > 0:
            return self.mean.ball(variance)
        ratio = (high / low).sqrt()
        return (self._at(low)[0] / ratio).union(self._at(high)[0] * ratio)

    def rise(self, variance: arb) -> arb:
        """An enclosure of q times the derivative of the mean by q, ``(E[z^2 f] - E[f])/2``."""
        if variance.is_exact():
            value, weighted = self._at(variance)
            return (weighted - value) / 2
        low, high = variance.lower().mid(), variance.upper().mid()
        if not low > 0:
            return variance * self.mean.ball(variance, 1)
        ratio = (high / low).sqrt() ** 3
        weighted = (self._at(low)[1] / ratio).union(self._at(high)[1] * ratio)
        return (weighted - self.ball(variance)) / 2

    def _at(self, variance: arb) -> tuple[arb, arb]:
        """``E[f]`` and ``E[z^2 f]`` at an exact variance."""
        mantissa, exponent = variance.man_exp()
        key = int(mantissa), int(exponent), int(ctx.prec)
        if key not in self._known:
            value = self.mean.ball(variance)
            self._known[key] = value, value + 2 * variance * self.mean.ball(variance, 1)
        return self._known[key]
