"""GradientMonitor: how far gradients reach while a network is being trained, noted down every so many steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.monitor_arrays import sequences as as_sequences
from symgrad.diagnosis.monitor_network import Watched
from symgrad.diagnosis.monitor_records import LayerRecord, MonitorRecord, Source, layer_record
from symgrad.diagnosis.network_runs import Seen, run_network
from symgrad.diagnosis.quick_products import quick_norms
from symgrad.diagnosis.state_slopes import measured_from_states, plain_layer
from symgrad.errors import InputError, SymgradError
from symgrad.numerics.all_bounds import checked_count
from symgrad.numerics.network_verdict import checked_limits

__all__ = ["GradientMonitor"]

Array = NDArray[np.float64]

_LOGGER = logging.getLogger("symgrad")


class GradientMonitor:
    """A callback for training loops: every so many calls it measures how far gradients reach, and logs one line.

    It imports no framework: states, inputs and weights may be arrays of numpy, PyTorch, JAX or of anything else that
    numpy understands. Of the batch only a few sequences are looked at. What it says is observed along these, and
    approximate; :func:`symgrad.diagnose` proves what can be proved.

    With the inputs, the layers run again along them from the zero state, in float64 and without dropout. Without, the
    states of a plain top layer (``h = s(W h + U u + b)`` with s nowhere decreasing) tell its Jacobians exactly; other
    layers run along standard normal inputs. Each record says which it was.

    Args:
        every: measure at the calls 1, 1 + every, 1 + 2 every, ... One measurement of an LSTM of 64 units over 100 steps
            costs as much as ten steps of training it: 2 percent unless told otherwise.
        horizon: look at this many steps, the last ones of longer sequences.
        log: what is called with the line of each record; unless given, the logger ``symgrad`` at level INFO.
        delta: a product of Jacobians of smaller norm has vanished; between 0 and 1.
        growth: one of at least this norm has exploded; above 1.
        sequences: how many sequences of the batch are looked at.
        batch_first: whether arrays are (B, T, n) rather than (T, B, n); as the module has it unless given.
        seed: of inputs that are drawn.

    Raises:
        InputError: an argument of the wrong type or value.

    >>> import numpy as np, symgrad as sg
    >>> monitor = GradientMonitor(every=10)
    >>> weights = {"W": np.eye(2) / 2, "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> record = monitor.step((sg.models.elman("identity"), weights), np.ones((20, 4, 2)))
    >>> print(record.layers[0])
    layer 0: ||dx_T/dx_(T-20)|| = 9.5e-7, -0.301 decades a step, horizon 10 (from the states)
    >>> record.outcome.value, record.verdict.value
    ('vanishing', 'observed')
    >>> monitor.step((sg.models.elman("identity"), weights), np.ones((20, 4, 2))) is None, len(monitor.history)
    (True, 1)
    """

    def __init__(
        self,
        every: int = 500,
        horizon: int = 200,
        log: Callable[[str], Any] | None = None,
        *,
        delta: float = 1e-3,
        growth: float = 1e3,
        sequences: int = 2,
        batch_first: bool | None = None,
        seed: int = 0,
    ) -> None:
        self.every, self.horizon, self.sequences = (
            checked_count(name, value, 1)
            for name, value in (("every", every), ("horizon", horizon), ("sequences", sequences))
        )
        self.seed = checked_count("seed", seed, 0)
        self.delta, self.growth = checked_limits(delta, growth)
        if log is not None and not callable(log):
            raise InputError(f"log: a function of one line is needed, got {type(log).__name__} {log!r}")
        if batch_first not in (None, True, False):
            raise InputError(f"batch_first: True, False or None is needed, got {batch_first!r}")
        self.batch_first, self.log = batch_first, log or _LOGGER.info
        self.history: list[MonitorRecord] = []
        self.calls = 0
        self._watched: Watched | None = None

    @property
    def last(self) -> MonitorRecord | None:
        """The last record; None before the first."""
        return self.history[-1] if self.history else None

    def step(self, module: Any, hidden_states: Any, inputs: Any = None) -> MonitorRecord | None:
        """Count one step of training; where it is due, measure, note down and log.

        A first measurement that fails raises what was wrong with the arguments. A later one, such as on weights that
        have become NaN, is noted down with the reason, and training goes on.

        Args:
            module: a recurrent PyTorch module (or one that holds one such network), or ``(model, weights)`` with a
                :class:`~symgrad.Recurrence` or :class:`~symgrad.BidirectionalStack` and name -> array. It is read
                only: its mode, gradients and buffers stay as they are.
            hidden_states: the first states of the top layer after each step: (T, B, n), or (T, n) of one sequence, or
                a list with one array a step (of several states each, a list of tuples with the first state first); or
                what ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` returned.
            inputs: the inputs (T, B, m) in the same layout; a mapping name -> array where there are several.

        Returns:
            The record, or None where no measurement was due.

        Raises:
            InputError: arguments that do not fit each other, at the first measurement.
        """
        self.calls += 1
        if (self.calls - 1) % self.every:
            return None
        start = time.perf_counter()
        note = ""
        try:
            layers = self._measured(module, hidden_states, inputs)
        except SymgradError as error:
            if not self.history:
                raise
            layers, note = (), str(error)
        record = MonitorRecord(self.calls, layers, self.delta, time.perf_counter() - start, note)
        self.history.append(record)
        self.log(str(record))
        return record

    def _measured(self, module: Any, hidden_states: Any, inputs: Any) -> tuple[LayerRecord, ...]:
        first = _first(inputs)
        input_size = None if first is None else _last_size(first)
        if self._watched is None or not self._watched.is_of(module):
            self._watched = Watched.of(module, input_size)
        else:
            self._watched.refresh(module, input_size)
        return self._layers(self._watched, hidden_states, inputs)

    def _layers(self, watched: Watched, hidden_states: Any, inputs: Any) -> tuple[LayerRecord, ...]:
        batch_first = watched.batch_first if self.batch_first is None else self.batch_first
        states = as_sequences("hidden_states", _of_first_state(watched, hidden_states), self.sequences, batch_first)
        _check_finite("hidden_states", states)
        top = watched.network.levels[-1]
        sizes = [watched.sizes[part.name] for part in top]
        if states.shape[2] != sum(sizes):
            raise InputError(
                f"hidden_states: the top layer has states of size {' + '.join(map(str, sizes))}, got {states.shape[2]}"
            )
        seen = self._seen(watched, states, inputs, batch_first)
        told = {} if inputs is not None else self._told_by_states(watched, states)
        if len(told) == len(watched.network.parts):
            return tuple(told.values())
        source = Source.INPUTS if inputs is not None else Source.DRAWN
        runs = run_network(watched.network, seen).layers
        return tuple(
            told[run.name]
            if run.name in told
            else self._record(run.name, source, quick_norms(_tail(run, self.horizon)))
            for run in runs
        )

    def _told_by_states(self, watched: Watched, states: Array) -> dict[str, LayerRecord]:
        """Records of those plain layers of the top level whose states are given."""
        found, start = {}, 0
        for part in watched.network.levels[-1]:
            layer, stop = plain_layer(part.model), start + watched.sizes[part.name]
            if layer is not None:
                reached = part.along(states[:, :, start:stop])[:, -self.horizon :]
                found[part.name] = self._record(part.name, Source.STATES, measured_from_states(layer, part, reached))
            start = stop
        return found

    def _record(self, name: str, source: Source, curves: Array) -> LayerRecord:
        return layer_record(name, source, curves, self.delta, self.growth)

    def _seen(self, watched: Watched, states: Array, inputs: Any, batch_first: bool) -> Seen:
        """The inputs that were given, or random ones for as many steps."""
        bottom, (count, steps, _) = watched.network.levels[0][0], states.shape
        symbols = [str(symbol) for symbol in bottom.model.inputs]
        if inputs is None:
            draw = np.random.default_rng(self.seed)
            sizes = {name: bottom.size(name) or 1 for name in symbols}
            return Seen({name: draw.normal(size=(count, steps, m)) for name, m in sizes.items()}, length=steps)
        named = inputs if isinstance(inputs, Mapping) else {symbols[0]: inputs} if len(symbols) == 1 else {}
        if set(map(str, named)) != set(symbols):
            raise InputError(
                f"inputs: arrays for {', '.join(symbols) or 'nothing'} are needed, got {_described(inputs)}"
            )
        arrays = {str(n): as_sequences(f"inputs {n}", v, self.sequences, batch_first) for n, v in named.items()}
        for name, array in arrays.items():
            _check_finite(f"inputs {name}", array)
            if array.shape[:2] != (count, steps):
                raise InputError(
                    f"inputs {name}: {array.shape[1]} steps of {array.shape[0]} sequences, hidden_states have {steps} "
                    f"of {count}"
                )
        return Seen(arrays)


def _tail(run: LayerRun, steps: int) -> LayerRun:
    """The last steps of a run, from the states that it had reached before."""
    if run.steps <= steps:
        return run
    start = run.steps - steps
    return replace(
        run,
        inputs={name: array[:, start:] for name, array in run.inputs.items()},
        initial={name: array[:, start] for name, array in run.states.items()},
        length=steps,
    )


def _of_first_state(watched: Watched, hidden_states: Any) -> Any:
    """What is given about the first state: of (outputs, last states) the outputs, of tuples a step the first parts."""
    if not isinstance(hidden_states, (list, tuple)) or not hidden_states:
        return hidden_states
    if watched.returns_last_states and isinstance(hidden_states, tuple) and len(hidden_states) == 2:
        return hidden_states[0]
    return [step[0] if isinstance(step, tuple) else step for step in hidden_states]


def _first(inputs: Any) -> Any:
    """One array of the inputs."""
    array = next(iter(inputs.values()), None) if isinstance(inputs, Mapping) else inputs
    return array[0] if isinstance(array, (list, tuple)) and array else array


def _last_size(array: Any) -> int | None:
    shape = np.shape(array)
    return int(shape[-1]) if shape else None


def _described(inputs: Any) -> str:
    return ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else type(inputs).__name__


def _check_finite(name: str, array: Array) -> None:
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise InputError(f"{name}: {bad} of {array.size} entries are NaN or infinite")
