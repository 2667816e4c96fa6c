"""Why gradients vanish or explode over layers: what weights, slopes and normalisations each contribute."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from symgrad.diagnosis.causes import Cause, CauseFound
from symgrad.diagnosis.deep_results import ChainLayerDiagnosis
from symgrad.language.chain_layers import Entrywise, Residual
from symgrad.language.elementwise import Activation
from symgrad.numerics.functions import array_function
from symgrad.numerics.network_verdict import Outcome

__all__ = ["deep_causes", "unsaturated_slope"]

_KEPT = 1.0  # decades over all layers, within which a gradient is at the edge between vanishing and exploding
_LEAST_PART = 0.1  # of the whole change, below which a contribution is not called a cause
_NEAR_ZERO = 1e-6


@dataclass(frozen=True)
class _Parts:
    """By how many decades the typical gradient changes from the last layer back to the input, by what.

    Attributes:
        weights: weight matrices, factors and normalisations, with activations at their slopes around zero.
        blocks: residual blocks.
        slopes: activations, beyond their slopes around zero.
        dead: layers behind which no gradient is left at all.
    """

    weights: float
    blocks: float
    slopes: float
    dead: tuple[str, ...]

    @property
    def total(self) -> float:
        return self.weights + self.blocks + self.slopes


def deep_causes(layers: Sequence[ChainLayerDiagnosis], outcome: Outcome) -> tuple[CauseFound, ...]:
    """The causes of an outcome, the weightiest first.

    Going back from the output, the measured change of the gradient at a weight matrix counts for the weights; at an
    activation the root mean square of its two slopes at zero does too, and what the slopes change beyond that is
    saturation. Shares are decades per layer.

    Args:
        layers: of the network, with what was measured.
        outcome: what is to be explained.
    """
    parts = _parts(layers)
    count = len(layers)
    if outcome is Outcome.UNDECIDED:
        return ()
    if outcome is Outcome.NEITHER and abs(parts.total) <= _KEPT:
        words = f"over {count} layers the gradient changes by {parts.total:+.2g} decades"
        return (CauseFound(Cause.AT_EDGE, words, parts.total / count),)
    grows = outcome is Outcome.EXPLODING or (outcome is Outcome.NEITHER and parts.total > 0)
    sign = 1 if grows else -1
    found = [cause for cause in _candidates(parts, layers, sign) if cause.share is not None and sign * cause.share > 0]
    least = _LEAST_PART * max((abs(cause.share or 0.0) for cause in found), default=0.0)
    kept = [cause for cause in found if abs(cause.share or 0.0) >= least]
    return tuple(sorted(kept, key=lambda cause: -abs(cause.share or 0.0)))


def _candidates(parts: _Parts, layers: Sequence[ChainLayerDiagnosis], sign: int) -> Iterator[CauseFound]:
    count = len(layers)
    size = Cause.LARGE_NORM if sign > 0 else Cause.SMALL_NORM
    if parts.dead:
        words = f"all slopes of {', '.join(parts.dead)} are zero for the typical sample"
        yield CauseFound(Cause.SATURATION, words, -math.inf)
    gains = [layer.prediction.sigma_w2 for layer in layers if layer.prediction.sigma_w2 is not None]
    if parts.weights:
        shown = f"; the median of n_in times the weights' variance is {np.median(gains):.3g}" if gains else ""
        words = f"weights with unsaturated slopes change the gradient by {parts.weights:+.2f} decades in {count} layers"
        yield CauseFound(size, words + shown, parts.weights / count)
    if parts.blocks:
        blocks = sum(isinstance(layer.layer, Residual) for layer in layers)
        words = f"{blocks} residual blocks change the gradient by {parts.blocks:+.2f} decades"
        yield CauseFound(size, words, parts.blocks / count)
    if parts.slopes < 0:
        fractions = [layer.saturation for layer in layers if layer.saturation is not None]
        words = f"slopes below those at zero change the gradient by {parts.slopes:+.2f} decades in {count} layers"
        shown = f"; in the median layer {np.median(fractions):.0%} of the entries are saturated" if fractions else ""
        yield CauseFound(Cause.SATURATION, words + shown, parts.slopes / count)
    elif parts.slopes > 0:
        words = f"slopes above those at zero change the gradient by {parts.slopes:+.2f} decades in {count} layers"
        yield CauseFound(Cause.LARGE_NORM, words, parts.slopes / count)


def _parts(layers: Sequence[ChainLayerDiagnosis]) -> _Parts:
    weights = blocks = slopes = 0.0
    dead = []
    for layer in layers:
        if not math.isfinite(layer.step):
            dead += [layer.name] if layer.step == -math.inf else []
        elif isinstance(layer.layer, Entrywise):
            base = math.log10(unsaturated_slope(layer.layer.activation))
            weights, slopes = weights + base, slopes + layer.step - base
        elif isinstance(layer.layer, Residual):
            blocks += layer.step
        else:
            weights += layer.step
    return _Parts(weights, blocks, slopes, tuple(dead))


@lru_cache(maxsize=256)
def unsaturated_slope(phi: Activation) -> float:
    """The root mean square of the slopes just below and just above zero; 1 where both are zero or not finite.

    >>> import symgrad as sg
    >>> unsaturated_slope(sg.activation("sigmoid")), round(unsaturated_slope(sg.activation("relu")) ** 2, 6)
    (0.25, 0.5)
    """
    both = array_function(phi.derivative.expr)(np, np.array([-_NEAR_ZERO, _NEAR_ZERO]))
    found = float(np.sqrt(np.mean(np.square(both))))
    return round(found, 10) if math.isfinite(found) and found > _NEAR_ZERO else 1.0
