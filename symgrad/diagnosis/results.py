"""What a diagnosis says: of each layer its bounds, measurements, outcome, causes and remedies, and of all together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from symgrad.diagnosis.causes import CauseFound
from symgrad.diagnosis.gates import GateStatistics
from symgrad.diagnosis.growth_bounds import GrowthBounds
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import LyapunovSpectrum
from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.diagnosis.memory import MemoryHorizon
from symgrad.diagnosis.named_layers import layer_called
from symgrad.diagnosis.normality import NonNormality
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.diagnosis.precision import Underflow
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.diagnosis.saturation import Saturation
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable

__all__ = ["Diagnosis", "LayerDiagnosis"]

_SEVERITY = {Outcome.NEITHER: 0, Outcome.UNDECIDED: 1, Outcome.VANISHING: 2, Outcome.EXPLODING: 2}


@dataclass(frozen=True, eq=False)
class LayerDiagnosis(Presentable):
    """What is found about one recurrent layer.

    Attributes:
        run: the layer with the sequences that it saw.
        horizon: the number of steps that the outcome is about.
        bounds: what is proved about products of its Jacobians.
        measured: how large they are along the sequences, and the gradient of the loss.
        lyapunov: the exponents along the sequences.
        saturation: of each activation how often its slope is small.
        gates: of each gate how far it is open.
        normality: how far products grow although they decay in the long run.
        precision: in which format gradients round to zero, after how many steps back.
        memory: after how many steps back the gradient stays small.
        found: the outcome, and how it is known.
        causes: why, the weightiest first.
        remedies: what to change, the best first; none for a layer whose gradients neither vanish nor explode.

    >>> import symgrad as sg, numpy as np
    >>> weights = {"W": 0.5 * np.eye(2), "U": np.eye(2), "b": np.zeros(2)}
    >>> layer = sg.diagnose(sg.models.elman(), weights=weights, horizon=12, remedies=False)["layer 0"]
    >>> layer.name, layer.outcome.value, str(layer.model)
    ('layer 0', 'vanishing', 'h[t] = tanh(W*h[t-1] + U*u[t] + b)')
    """

    run: LayerRun = field(repr=False)
    horizon: int
    bounds: GrowthBounds = field(repr=False)
    measured: MeasuredGradients = field(repr=False)
    lyapunov: LyapunovSpectrum = field(repr=False)
    saturation: tuple[Saturation, ...] = field(repr=False)
    gates: tuple[GateStatistics, ...] = field(repr=False)
    normality: NonNormality = field(repr=False)
    precision: tuple[Underflow, ...] = field(repr=False)
    memory: MemoryHorizon = field(repr=False)
    found: LayerOutcome
    causes: tuple[CauseFound, ...]
    remedies: tuple[RemedyFound, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """Such as ``"layer 0"``."""
        return self.run.name

    @property
    def model(self) -> Recurrence:
        """The recurrence of this layer alone."""
        return self.run.model

    @property
    def outcome(self) -> Outcome:
        """Vanishing, exploding, neither or undecided."""
        return self.found.outcome

    @property
    def verdict(self) -> Verdict:
        """How the outcome is known."""
        return self.found.verdict


@dataclass(frozen=True, eq=False)
class Diagnosis(Presentable):
    """What :func:`symgrad.diagnose` finds about a recurrent network; its layers by number or name, or in a loop.

    Attributes:
        name: of the network.
        layers: from the bottom up, each direction by itself.
        horizon: the number of steps that the outcomes are about.
        inputs: where the sequences come from, in words.
        seed: of those that were drawn; None for those given.
        notes: what was left out or assumed, in words.

    >>> import symgrad as sg, numpy as np
    >>> weights = {"W": 0.5 * np.eye(2), "U": np.eye(2), "b": np.zeros(2)}
    >>> found = sg.diagnose(sg.models.elman(), weights=weights, horizon=12, remedies=False)
    >>> found.outcome.value, found.verdict.value, [layer.name for layer in found], found.seed
    ('vanishing', 'certified', ['layer 0'], 0)
    """

    name: str
    layers: tuple[LayerDiagnosis, ...]
    horizon: int
    inputs: str
    seed: int | None
    notes: tuple[str, ...]

    @property
    def worst(self) -> LayerDiagnosis:
        """The layer with the worst outcome, one that vanishes or explodes; of several, the one that is known best."""
        return max(self.layers, key=lambda layer: (_SEVERITY[layer.outcome], list(Verdict).index(layer.verdict)))

    @property
    def outcome(self) -> Outcome:
        """That of the worst layer."""
        return self.worst.outcome

    @property
    def verdict(self) -> Verdict:
        """How the outcome of the worst layer is known."""
        return self.worst.verdict

    @property
    def causes(self) -> tuple[CauseFound, ...]:
        """Those of all layers, from the worst one on."""
        return tuple(cause for layer in self._worst_first() for cause in layer.causes)

    @property
    def remedies(self) -> tuple[RemedyFound, ...]:
        """Those of all layers, from the worst one on."""
        return tuple(remedy for layer in self._worst_first() for remedy in layer.remedies)

    def _worst_first(self) -> tuple[LayerDiagnosis, ...]:
        return (self.worst, *(layer for layer in self.layers if layer is not self.worst))

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerDiagnosis]:
        return iter(self.layers)

    def __getitem__(self, key: int | str) -> LayerDiagnosis:
        return layer_called(self.layers, key)
