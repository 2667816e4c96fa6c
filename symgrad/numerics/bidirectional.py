"""Bidirectional stacks: in each layer one recurrence reads the sequence forwards and another one backwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.recurrence import Recurrence
from symgrad.language.stacking import stack
from symgrad.numerics.simulate import Trajectory, simulate
from symgrad.presentable import Presentable

__all__ = ["BidirectionalStack", "BidirectionalTrajectory"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BidirectionalTrajectory:
    """What a simulation of a bidirectional stack gives, in floats (approximate).

    Attributes:
        runs: for each layer its forward and its reverse run. The steps of a reverse run are in the order in which it
            reads: its first step reads the last input.
    """

    runs: tuple[tuple[Trajectory, Trajectory], ...]

    @property
    def outputs(self) -> Array:
        """What the top layer gives at each step in time, (T, 2n), or (T, B, 2n) for a batch; forward part first."""
        return _joined(*self.runs[-1])


@dataclass(frozen=True, eq=False)
class BidirectionalStack(Presentable):
    """Layers that each read their input in both directions of time, as ``torch.nn.LSTM(bidirectional=True)``.

    A layer gives, at every step in time, the first states of both directions one below the other. It is no recurrence,
    since an output depends on all inputs; each direction of each layer is one.

    Args:
        layers: from the bottom up the forward and the reverse recurrence of each layer, each with one input; no two of
            them share the name of a state or of a parameter.

    Raises:
        InputError: something else is given.

    >>> import numpy as np, symgrad as sg
    >>> both = BidirectionalStack.of([sg.models.elman("identity", bias=False)])
    >>> print(both)
    layer 0:
      h_l0[t] = identity(W_l0*h_l0[t-1] + U_l0*u[t])
    layer 0, reverse:
      h_l0_reverse[t] = identity(W_l0_reverse*h_l0_reverse[t-1] + U_l0_reverse*u[t])
    >>> weights = {"W_l0": [[1]], "U_l0": [[1]], "W_l0_reverse": [[1]], "U_l0_reverse": [[1]]}
    >>> both.simulate(weights, [[1], [2], [3]]).outputs.tolist()
    [[1.0, 6.0], [3.0, 5.0], [6.0, 3.0]]
    """

    layers: tuple[tuple[Recurrence, Recurrence], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", _checked(self.layers))

    @classmethod
    def of(cls, models: Iterable[Recurrence]) -> BidirectionalStack:
        """Each model in both directions; names end in ``_l0``, ``_l0_reverse``, ``_l1`` ... as in PyTorch."""
        given = [models] if isinstance(models, Recurrence) else list(models)
        return cls(
            tuple(
                (stack([model], [f"l{index}"]), stack([model], [f"l{index}_reverse"]))
                for index, model in enumerate(given)
            )
        )

    @property
    def directions(self) -> tuple[tuple[str, Recurrence], ...]:
        """All recurrences, named ``"layer 0"``, ``"layer 0, reverse"``, ``"layer 1"``, ..."""
        return tuple(
            (f"layer {index}{end}", model)
            for index, pair in enumerate(self.layers)
            for end, model in zip(("", ", reverse"), pair, strict=True)
        )

    def weights_of(self, weights: Mapping[Any, Any], layer: int, reverse: bool = False) -> dict[str, Any]:
        """Of the weights of all layers those of one direction of one layer.

        Raises:
            InputError: no mapping, or no such layer.
            UnknownNameError: a name that no layer has.

        >>> import symgrad as sg
        >>> both = BidirectionalStack.of([sg.models.elman()])
        >>> sorted(both.weights_of({"weight_hh_l0": [[1]], "weight_hh_l0_reverse": [[2]]}, 0, reverse=True))
        ['weight_hh_l0_reverse']
        """
        if not isinstance(weights, Mapping):
            raise InputError(f"weights: a mapping {{name: array}} is needed, got {type(weights).__name__}")
        if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < len(self.layers):
            raise InputError(f"layer: a number from 0 to {len(self.layers) - 1} is needed, got {layer!r}")
        known = {name for _, model in self.directions for name in _names(model)}
        for name in weights:
            if str(name) not in known:
                raise UnknownNameError("weight of the bidirectional stack", str(name), known)
        own = _names(self.layers[layer][bool(reverse)])
        return {str(name): array for name, array in weights.items() if str(name) in own}

    def simulate(
        self, weights: Mapping[Any, Any], inputs: Any, *, initial: Mapping[Any, Any] | None = None
    ) -> BidirectionalTrajectory:
        """Run all layers in floats.

        Args:
            weights: name -> array for all parameters, by their own names or those of PyTorch's tensors.
            inputs: (T, m), or (B, T, m) for a batch.
            initial: state name -> (n,) or (B, n), for a reverse direction before the last input is read; zero unless
                given.

        Raises:
            InputError: as :func:`symgrad.simulate`.
            UnknownNameError: a name that no layer has.
        """
        states = {str(state) for _, model in self.directions for state in model.states}
        for name in initial or {}:
            if str(name) not in states:
                raise UnknownNameError("state of the bidirectional stack", str(name), states)
        runs: list[tuple[Trajectory, Trajectory]] = []
        for index, pair in enumerate(self.layers):
            fed = inputs if not runs else _given(_joined(*runs[-1]))
            forward, reverse = (
                _run(model, self.weights_of(weights, index, bool(turn)), fed, initial, bool(turn))
                for turn, model in enumerate(pair)
            )
            runs.append((forward, reverse))
        return BidirectionalTrajectory(tuple(runs))


def _run(
    model: Recurrence, weights: Mapping[str, Any], inputs: Any, initial: Mapping[Any, Any] | None, reverse: bool
) -> Trajectory:
    own = {str(state) for state in model.states}
    start = {str(name): value for name, value in (initial or {}).items() if str(name) in own}
    # Asked of the array's own type, as that is checked below and may be of any kind.
    read = np.flip(np.asarray(inputs), axis=-2) if reverse and np.ndim(inputs) >= 2 else inputs
    return simulate(model, weights, read, initial=start)


def _joined(forward: Trajectory, reverse: Trajectory) -> Array:
    """Both first states at each step in time, (T, [B,] 2n)."""
    ahead, back = (next(iter(run.states.values()))[1:] for run in (forward, reverse))
    return np.concatenate([ahead, back[::-1]], axis=-1)


def _given(outputs: Array) -> Array:
    """(T, B, n) as :func:`symgrad.simulate` takes it, (B, T, n)."""
    return np.swapaxes(outputs, 0, 1) if outputs.ndim == 3 else outputs


def _names(model: Recurrence) -> set[str]:
    return {str(symbol) for symbol in model.parameters} | set(model.stacked)


def _checked(layers: Any) -> tuple[tuple[Recurrence, Recurrence], ...]:
    pairs = list(layers) if isinstance(layers, Iterable) and not isinstance(layers, (Recurrence, str)) else []
    if not pairs:
        raise InputError(f"layers: pairs (forward, reverse) of recurrences are needed, got {layers!r}")
    for index, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or [isinstance(model, Recurrence) for model in pair] != [True, True]:
            raise InputError(f"layers: layer {index} must be a pair (forward, reverse) of recurrences, got {pair!r}")
        for model in pair:
            if len(model.inputs) != 1 or model.depth is not None or model.is_scalar:
                raise InputError(
                    f"layers: layer {index} ({model.name}) must have vector states, one input and no depth"
                )
    models = [model for pair in pairs for model in pair]
    for what, names in (("state", [map(str, model.states) for model in models]), ("parameter", map(_names, models))):
        every = [name for group in names for name in group]
        twice = sorted({name for name in every if every.count(name) > 1})
        if twice:
            raise InputError(f"layers: the {what} {twice[0]} stands in several; give each layer names of its own")
    return tuple((forward, reverse) for forward, reverse in pairs)
