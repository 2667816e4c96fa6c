"""What is diagnosed: the recurrent layers of a network with the sequences that they saw."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.diagnosis.layer_run import LayerRun

__all__ = ["Options", "Subject"]


@dataclass(frozen=True)
class Options:
    """How sequences are drawn where none are given.

    Attributes:
        horizon: the number of steps.
        trajectories: the number of sequences.
        seed: of the random numbers.
    """

    horizon: int
    trajectories: int
    seed: int


@dataclass(frozen=True, eq=False)
class Subject:
    """The layers of a network with the sequences that they saw.

    Attributes:
        name: of the network.
        layers: one run a layer and direction, from the bottom up.
        inputs: where the sequences come from, in words.
        seed: of those that were drawn; None for those given.
        notes: what was left out or assumed, in words.
        paths: where the module of each layer lies in the whole one; empty where there is none.
    """

    name: str
    layers: tuple[LayerRun, ...]
    inputs: str
    seed: int | None
    notes: tuple[str, ...]
    paths: tuple[str, ...] = ()
