"""What the diagnosis of a feed-forward or residual network says, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.chain import ChainBound
from symgrad.diagnosis.causes import CauseFound
from symgrad.diagnosis.named_layers import layer_called
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.diagnosis.precision import Underflow
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.language.chain_layers import ChainLayer
from symgrad.language.layer_chain import ChainWeights, LayerChain
from symgrad.meanfield.chain_prediction import ChainPrediction, LayerPrediction
from symgrad.numerics.chain_enclosure import ChainEnclosure
from symgrad.numerics.chain_gradients import ChainGradients
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable

__all__ = ["ChainLayerDiagnosis", "DeepDiagnosis"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChainLayerDiagnosis(Presentable):
    """What is found about layer l of a chain; all norms as decimal logarithms.

    Attributes:
        position: l, from 1 to L.
        layer: the layer.
        log10_gradient: typical ``||dL/dx_l||`` at its output, measured.
        log10_input_gradient: typical ``||dL/dx_{l-1}||`` at its input, measured.
        log10_product: typical ``||dx_L/dx_l||``, measured; NaN where it takes too long.
        log10_upper: a bound of that norm for every input, rounded up.
        log10_lower: a bound from below, rounded down.
        log10_predicted: ``||dL/dx_l||`` as mean-field theory predicts it from ``||dL/dx_L||``; NaN where it does not.
        prediction: what mean-field theory says about this layer alone.
        saturation: the fraction of entries whose slope is below 5 % of its supremum (of its largest value here where
            that is infinite); None where the layer is no activation.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine
    >>> chain = LayerChain(tuple(Affine(f"{i}", 2, 2, "w") for i in range(4)))
    >>> last = sg.deep_diagnosis(chain, {"w": [[0.5, 0], [0, 0.5]]}, remedies=False)["3"]
    >>> last.position, last.kind, round(10**last.step, 3)
    (4, 'affine', 0.5)
    """

    position: int
    layer: ChainLayer
    log10_gradient: float
    log10_input_gradient: float
    log10_product: float
    log10_upper: float
    log10_lower: float
    log10_predicted: float
    prediction: LayerPrediction = field(repr=False)
    saturation: float | None

    @property
    def name(self) -> str:
        """Where it stands in the network, such as ``"0"``."""
        return self.layer.name

    @property
    def kind(self) -> str:
        """What kind of layer it is."""
        return self.layer.kind

    @property
    def step(self) -> float:
        """By how many decades the gradient changes from its output back to its input, typically."""
        if np.isneginf(self.log10_input_gradient):
            return float("nan") if np.isneginf(self.log10_gradient) else float("-inf")
        return self.log10_input_gradient - self.log10_gradient


@dataclass(frozen=True, eq=False)
class DeepDiagnosis(Presentable):
    """What gradients do over the layers of a network; its layers by number or name, or in a loop.

    Attributes:
        name: of the network.
        chain: the network.
        weights: its parameters.
        layers: from the input to the output.
        bound: what is proved about ``||dx_L/dx_l||`` for every input.
        measured: norms of gradients for the given inputs (approximate).
        prediction: what mean-field theory says.
        enclosures: norms of gradients along the first inputs, proved in ball arithmetic.
        precision: in which format gradients round to zero, after how many layers back.
        found: the outcome, and how it is known.
        causes: why, the weightiest first.
        remedies: what to change, the best first; none for healthy networks.
        inputs: where the inputs come from, in words.
        loss: what the gradient starts from, in words.
        delta: what counts as vanished.
        growth: what counts as exploded.
        seed: of what was drawn; None where nothing was.
        notes: what was left out and why, in words.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine
    >>> chain = LayerChain(tuple(Affine(f"{i}", 2, 2, "w") for i in range(12)))
    >>> found = sg.deep_diagnosis(chain, {"w": [[0.5, 0], [0, 0.5]]}, remedies=False)
    >>> found.outcome.value, found.verdict.value, found.depth, float(found.bound.upper()) == 0.5**12
    ('vanishing', 'certified', 12, True)
    """

    name: str
    chain: LayerChain = field(repr=False)
    weights: ChainWeights = field(repr=False)
    layers: tuple[ChainLayerDiagnosis, ...] = field(repr=False)
    bound: ChainBound = field(repr=False)
    measured: ChainGradients = field(repr=False)
    prediction: ChainPrediction = field(repr=False)
    enclosures: tuple[ChainEnclosure, ...] = field(repr=False)
    precision: tuple[Underflow, ...] = field(repr=False)
    found: LayerOutcome
    causes: tuple[CauseFound, ...]
    remedies: tuple[RemedyFound, ...] = field(repr=False)
    inputs: str
    loss: str
    delta: float
    growth: float
    seed: int | None
    notes: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """Vanishing, exploding, neither or undecided, from ``x_L`` back to ``x_0``."""
        return self.found.outcome

    @property
    def verdict(self) -> Verdict:
        """How the outcome is known."""
        return self.found.verdict

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return self.chain.depth

    @property
    def log10_predicted(self) -> Array:
        """(L+1,) decimal logarithms of ``||dL/dx_l||`` as mean-field theory predicts them from that at the end."""
        return self.prediction.log10_gradients + self.measured.typical_loss[-1]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[ChainLayerDiagnosis]:
        return iter(self.layers)

    def __getitem__(self, key: int | str) -> ChainLayerDiagnosis:
        return layer_called(self.layers, key)
