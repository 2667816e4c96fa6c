"""What a monitor notes down at one step of training."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.limits import Limits, agreed
from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.diagnosis.memory import memory_horizon
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable

__all__ = ["LayerRecord", "MonitorRecord", "Source", "layer_record"]

Array = NDArray[np.float64]

_SEVERITY = (Outcome.NEITHER, Outcome.UNDECIDED, Outcome.VANISHING, Outcome.EXPLODING)


class Source(StrEnum):
    """Along which trajectories a record was made.

    ``INPUTS``: along those of the inputs given, run again from the zero state. ``STATES``: along the states given,
    which tell the slopes of a plain layer exactly. ``DRAWN``: along those of random inputs.
    """

    INPUTS = "inputs"
    STATES = "states"
    DRAWN = "drawn"


@dataclass(frozen=True)
class LayerRecord(Presentable):
    """One layer at one step of training, in floats (approximate).

    Attributes:
        name: such as ``"layer 0"``.
        source: along which trajectories.
        steps: the number k of steps that was measured.
        log10_norm: the median over the sequences of ``log10 ||dx_T/dx_{T-k}||_2``.
        rate: decades per step, of the later half of these steps; NaN where the norm is zero.
        horizon: the least number of steps from which on the median stays at or below delta; None where it does not
            within the steps measured.
        outcome: whether three quarters of the sequences vanish over these steps, explode after some of them, or do
            neither; those that overflow show nothing.
    """

    name: str
    source: Source
    steps: int
    log10_norm: float
    rate: float
    horizon: int | None
    outcome: Outcome

    @property
    def verdict(self) -> Verdict:
        """How the outcome is known, from these sequences alone."""
        return Verdict.UNDECIDED if self.outcome is Outcome.UNDECIDED else Verdict.OBSERVED


@dataclass(frozen=True)
class MonitorRecord(Presentable):
    """What :class:`symgrad.GradientMonitor` found at one call of its ``step``.

    Attributes:
        step: the number of that call, from 1.
        layers: one record a layer and direction; none where nothing could be measured.
        delta: the norm below which a gradient counts as vanished.
        seconds: how long it took.
        note: why nothing could be measured, or how sequences were chosen; empty where there is nothing to say.
    """

    step: int
    layers: tuple[LayerRecord, ...]
    delta: float
    seconds: float
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        """The worst of the layers; undecided where nothing could be measured."""
        return max((layer.outcome for layer in self.layers), key=_SEVERITY.index, default=Outcome.UNDECIDED)

    @property
    def verdict(self) -> Verdict:
        """How the outcome is known, observed at most."""
        return Verdict.UNDECIDED if self.outcome is Outcome.UNDECIDED else Verdict.OBSERVED

    @property
    def horizon(self) -> int | None:
        """The shortest of the layers' horizons; None where no layer reaches one."""
        return min((layer.horizon for layer in self.layers if layer.horizon is not None), default=None)


def layer_record(name: str, source: Source, curves: Array, delta: float, growth: float) -> LayerRecord:
    """A record of ``log10 ||dx_T/dx_{T-k}||_2`` for k = 0 ... T along some sequences, (B, T + 1)."""
    ks, limits = np.arange(curves.shape[1]), Limits.of(delta, growth)
    measured = MeasuredGradients(ks, curves, np.full_like(curves, np.nan), None)
    return LayerRecord(
        name,
        source,
        int(measured.ks[-1]),
        float(measured.typical[-1]),
        measured.slope,
        memory_horizon(measured, delta=delta).steps,
        agreed([limits.shown(curve) for curve in curves]),
    )
