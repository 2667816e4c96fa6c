"""LayerRun: one recurrent layer together with the sequences that it really saw, checked; its trajectories in floats."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.exact_arrays import exact_array
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch, batch_of, given_initial, given_inputs, run, sized

__all__ = ["LayerRun", "usable"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

_REPRESENTATIVE = 0.75  # the part of the sequences that has to be left, as many as have to agree on an outcome


@dataclass(frozen=True, eq=False)
class LayerRun:
    """One recurrent layer with the sequences that it really saw.

    Args:
        name: how the layer is called, such as ``"layer 0"`` or ``"layer 1, reverse"``.
        model: the layer alone; its input is what the layer below gives.
        weights: all parameters by name, or stacked tensors in PyTorch's names; kept as parameter name -> float64 array.
        inputs: input name -> (B, T, m); (T, m) is one sequence. Empty for a model without inputs.
        initial: state name -> (B, n), or (n,) for all; states that are left out start at zero.
        loss: state name -> (B, T, n), ``dL/dx_t`` for t = 1 ... T by the state itself and not through later steps.
        length: the number of steps T, needed only for a model without inputs.

    Raises:
        InputError: a missing weight, a wrong shape, NaN or infinity, no step, numbers of sequences that do not agree.
        UnknownNameError: a name that the model does not have.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> found = LayerRun("layer 0", sg.models.elman("identity"), weights, {"u": np.ones((4, 3, 1))})
    >>> found.size, found.steps, found.total
    (4, 3, 2)
    >>> found.states["h"][0].tolist()
    [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    """

    name: str
    model: Recurrence
    weights: Mapping[str, Array]
    inputs: Mapping[str, Array] = field(default_factory=dict)
    initial: Mapping[str, Array] = field(default_factory=dict)
    loss: Mapping[str, Array] | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, Recurrence):
            raise InputError(f"model: a Recurrence is needed, got {type(self.model).__name__} {self.model!r}")
        if self.model.depth is not None or self.model.continuous:
            kind = "a flow" if self.model.continuous else "a model with a depth, whose steps are layers"
            raise InputError(f"model: a recurrence over steps in time is needed, {self.model.name} is {kind}")
        bound, batch = _checked_batch(self)
        object.__setattr__(self, "setting", Setting(self.model, bound))
        object.__setattr__(self, "batch", batch)
        object.__setattr__(self, "weights", {str(symbol): array for symbol, array in bound.values.items()})
        object.__setattr__(self, "inputs", {str(s): _sequences(array) for s, array in batch.inputs.items()})
        object.__setattr__(self, "initial", {str(s): array[:, :, 0].T for s, array in batch.initial.items()})
        object.__setattr__(self, "loss", None if self.loss is None else _checked_loss(self, self.loss))

    setting: Setting = field(init=False, repr=False)
    batch: Batch = field(init=False, repr=False)

    @property
    def size(self) -> int:
        """The number B of sequences."""
        return self.batch.size

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return self.batch.steps

    @property
    def total(self) -> int:
        """The number N of entries of all states together."""
        return self.setting.total

    @cached_property
    def columns(self) -> dict[sp.Expr, Array]:
        """The trajectories in the layout of computation, state symbol -> (T + 1, n, B, 1)."""
        return run(self.setting.evaluator, self.setting.nodes.updates, self.batch)

    @property
    def states(self) -> dict[str, Array]:
        """The trajectories, state name -> (B, T + 1, n), the initial state first."""
        return {str(s): _sequences(array) for s, array in self.columns.items()}

    @cached_property
    def finite_steps(self) -> IntArray:
        """For each sequence the number of steps before a state is infinite or NaN, (B,); T where none is."""
        finite = np.all([np.isfinite(array).all(axis=(1, 3)) for array in self.columns.values()], axis=0)
        return np.asarray(np.where(finite.all(axis=0), self.steps, np.argmin(finite, axis=0) - 1), dtype=np.int64)

    def part(self, which: NDArray[Any] | slice, steps: int | None = None) -> LayerRun:
        """Some of the sequences, their last ``steps`` steps cut off where fewer are asked for."""
        stop = self.steps if steps is None else steps
        return replace(
            self,
            inputs={name: array[which, :stop] for name, array in self.inputs.items()},
            initial={name: array[which] for name, array in self.initial.items()},
            loss=None if self.loss is None else {name: array[which, :stop] for name, array in self.loss.items()},
            length=stop,
        )

    def last(self, steps: int) -> LayerRun:
        """The last steps alone, from the states that were reached before them."""
        first = self.steps - steps
        if first <= 0:
            return self
        return replace(
            self,
            inputs={name: array[:, first:] for name, array in self.inputs.items()},
            initial={name: array[:, first] for name, array in self.states.items()},
            loss=None if self.loss is None else {name: array[:, first:] for name, array in self.loss.items()},
            length=steps,
        )


def usable(given: LayerRun) -> tuple[LayerRun, tuple[str, ...]]:
    """The part of a run in which all states are finite, and what was left out, in words.

    Sequences that overflow are left out where they are few; else what is left would speak for what does not overflow.
    Of more than a quarter the steps are kept that three quarters of the sequences reach; those that overflow in their
    first step are left out in any case.

    Raises:
        InputError: the very first step overflows for all sequences.
    """
    reached = given.finite_steps
    if (reached == given.steps).all():
        return given, ()
    if reached.max() < 1:
        raise InputError(f"{given.name}: every sequence overflows in its first step")
    started = np.sort(reached[reached > 0])
    steps = int(started[len(started) - math.ceil(_REPRESENTATIVE * len(started))])
    kept, overflowing = np.flatnonzero(reached >= steps), int((reached < given.steps).sum())
    note = f"{overflowing} of {given.size} sequences overflow, the first at step {int(reached.min()) + 1}"
    if steps < given.steps:
        note += f": the first {steps} of {given.steps} steps are used"
    if len(kept) < given.size:
        note += f", {given.size - len(kept)} of the sequences left out"
    return given.part(kept, steps), (note,)


def _sequences(array: Array) -> Array:
    """(T, n, B, 1) as (B, T, n)."""
    return np.ascontiguousarray(np.transpose(array[..., 0], (2, 0, 1)))


def _checked_batch(given: LayerRun) -> tuple[Weights, Batch]:
    """The parameters with all sizes, and the batch of trajectories."""
    model = given.model
    bound = bind(model, given.weights, model.parameters)
    if model.inputs and given.length is not None and not given.inputs:
        raise InputError(f"inputs: model {model.name} needs {', '.join(map(str, model.inputs))} of shape (B, T, m)")
    sequences = given_inputs(model, given.inputs or None, given.length)
    starts = given_initial(model, given.initial)
    bound = sized(model, bound, sequences, starts)
    batch, _ = batch_of(model, bound, sequences, starts, given.length)
    if batch.steps < 1 or batch.size < 1:
        raise InputError(
            f"inputs: at least one sequence of at least one step is needed, got {batch.size} of {batch.steps}"
        )
    return bound, batch


def _checked_loss(given: LayerRun, loss: Mapping[str, Array]) -> dict[str, Array]:
    """The direct gradients of the loss in full shape; zero for states that are left out."""
    if not isinstance(loss, Mapping):
        raise InputError(f"loss: a mapping {{state: array (B, T, n)}} is needed, got {type(loss).__name__}")
    names = [str(symbol) for symbol in given.model.states]
    for key in loss:
        if str(key) not in names:
            raise UnknownNameError(f"state of model {given.model.name}", str(key), names)
    named = {str(key): exact_array(f"loss {key}", value) for key, value in loss.items()}
    found = {}
    for symbol in given.model.states:
        shape = (given.size, given.steps, given.setting.size(symbol))
        array = named.get(str(symbol), np.zeros(shape))
        if array.shape != shape:
            raise InputError(f"loss {symbol}: shape (B, T, n) = {shape} is needed, got {array.shape}")
        found[str(symbol)] = array
    return found
