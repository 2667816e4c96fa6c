"""What each layer of a network reads, and what a loss tells each of them directly, as layer runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.adjoints import adjoints
from symgrad.diagnosis.layer_run import LayerRun, usable
from symgrad.diagnosis.networks import Network, Part

__all__ = ["NetworkRun", "Seen", "run_network"]

Array = NDArray[np.float64]
LossOfOutputs = Callable[[Array], tuple[Array | None, Mapping[str, Array]]]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network saw: sequences, initial states and, of a loss, its direct gradients.

    Attributes:
        inputs: name of an input of the bottom level -> (B, T, m).
        initial: state -> (B, n); states that are left out start at zero.
        output_gradient: dL/d output (B, T, size) of the top level, its directions side by side; None without a loss.
        state_gradients: state -> (B, T, n): what the loss takes from a state besides, in the order in which its layer
            reads.
        length: the number of steps of a network without inputs.
    """

    inputs: Mapping[str, Array]
    initial: Mapping[str, Array] = field(default_factory=dict)
    output_gradient: Array | None = None
    state_gradients: Mapping[str, Array] = field(default_factory=dict)
    length: int | None = None

    @property
    def has_loss(self) -> bool:
        """Whether a loss was given."""
        return self.output_gradient is not None or bool(self.state_gradients)

    def without_loss(self) -> Seen:
        """The same sequences alone."""
        return replace(self, output_gradient=None, state_gradients={})

    def part(self, kept: NDArray[np.int64], steps: int) -> Seen:
        """Some of the sequences, up to a step."""
        return Seen(
            {name: array[kept, :steps] for name, array in self.inputs.items()},
            {state: array[kept] for state, array in self.initial.items()},
            None if self.output_gradient is None else self.output_gradient[kept, :steps],
            {state: array[kept, :steps] for state, array in self.state_gradients.items()},
            None if self.length is None else steps,
        )


@dataclass(frozen=True, eq=False)
class NetworkRun:
    """The runs of all layers, from the bottom up.

    Attributes:
        layers: one run a layer and direction.
        notes: what was left out, in words.
        paths: where the module of each layer lies in a larger one; empty where there is none.
    """

    layers: tuple[LayerRun, ...]
    notes: tuple[str, ...]
    paths: tuple[str, ...] = ()


def run_network(network: Network, seen: Seen, loss: LossOfOutputs | None = None) -> NetworkRun:
    """Run a network level by level, then hand the gradient of the loss down from level to level.

    Sequences and steps whose states overflow in some layer are left out for all layers, which the notes say.

    Args:
        network: the levels.
        seen: the sequences, with the gradients of a loss if they are known already.
        loss: the outputs (B, T, size) of the top level -> dL/d output and state -> dL/d state, as in ``seen``.

    Raises:
        InputError: shapes that do not fit, or a network that overflows in its first step.
    """
    notes: list[str] = []
    while True:
        levels = _forward(network, seen)
        cut = next((run for level in levels for run in level if (run.finite_steps < run.steps).any()), None)
        if cut is None:
            break
        seen, note = _without_overflow(seen, cut)
        notes.append(note)
    if loss is not None and notes:
        notes.append("the loss, which needs all sequences and steps, is left out")
    elif loss is not None:
        by_output, by_state = loss(_outputs(network.levels[-1], levels[-1]))
        seen = replace(seen, output_gradient=by_output, state_gradients=by_state)
    if seen.has_loss:
        levels = _with_loss(network, levels, seen)
    return NetworkRun(tuple(run for level in levels for run in level), tuple(notes))


def _forward(network: Network, seen: Seen) -> list[tuple[LayerRun, ...]]:
    """The runs of all levels; up to the first that overflows, as nothing above it can be run."""
    levels: list[tuple[LayerRun, ...]] = []
    given: Mapping[str, Array] | Array = seen.inputs
    for level in network.levels:
        runs = tuple(_run(part, given, seen) for part in level)
        levels.append(runs)
        if any((run.finite_steps < run.steps).any() for run in runs):
            break
        given = _outputs(level, runs)
    return levels


def _run(part: Part, given: Mapping[str, Array] | Array, seen: Seen) -> LayerRun:
    named = given if isinstance(given, Mapping) else {str(part.model.inputs[0]): given}
    inputs = {name: part.along(array) for name, array in named.items()}
    initial = {str(state): seen.initial[str(state)] for state in part.model.states if str(state) in seen.initial}
    return LayerRun(part.name, part.model, part.weights, inputs, initial, None, seen.length)


def _outputs(level: tuple[Part, ...], runs: tuple[LayerRun, ...]) -> Array:
    """What a level gives after every step, its directions side by side, (B, T, size)."""
    found = [part.along(run.states[name][:, 1:]) for part, run in zip(level, runs, strict=True) for name in part.read]
    return np.concatenate(found, axis=2)


def _without_overflow(seen: Seen, run: LayerRun) -> tuple[Seen, str]:
    """What is left when the sequences that overflow in a layer are taken out, or their last steps."""
    short, notes = usable(run)
    left = seen.part(np.flatnonzero(run.finite_steps >= short.steps), short.steps)
    note = f"{run.name}: {'; '.join(notes)}"
    if short.steps < run.steps and seen.has_loss:
        return left.without_loss(), f"{note}; the loss, which needs the last step, is left out"
    return left, note


def _with_loss(network: Network, levels: list[tuple[LayerRun, ...]], seen: Seen) -> list[tuple[LayerRun, ...]]:
    """The runs with the direct gradients of the loss, handed down from the top level."""
    above = seen.output_gradient
    found: list[tuple[LayerRun, ...]] = []
    for level, runs in zip(reversed(network.levels), reversed(levels), strict=True):
        losses = _direct(level, runs, above, seen)
        known = tuple(replace(run, loss=loss) for run, loss in zip(runs, losses, strict=True))
        found.insert(0, known)
        if level is not network.levels[0]:
            above = sum((part.along(_to_input(run)) for part, run in zip(level, known, strict=True)), np.zeros(()))
    return found


def _to_input(run: LayerRun) -> Array:
    """dL/d input (B, T, m) of a layer above the bottom, which has one input."""
    return adjoints(run).input_gradient(str(run.model.inputs[0]))


def _direct(
    level: tuple[Part, ...], runs: tuple[LayerRun, ...], above: Array | None, seen: Seen
) -> list[dict[str, Array]]:
    """For each part of a level, dL/d state by the level's output and by what the loss takes from the states besides."""
    losses, start = [], 0
    for part, run in zip(level, runs, strict=True):
        sizes = {str(state): run.setting.size(state) for state in run.model.states}
        loss = {name: np.array(seen.state_gradients[name]) for name in sizes if name in seen.state_gradients}
        if above is not None:
            for name in part.read:
                stop = start + sizes[name]
                direct = part.along(above[:, :, start:stop])
                loss[name] = loss[name] + direct if name in loss else direct
                start = stop
        losses.append(loss)
    return losses
