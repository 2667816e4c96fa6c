"""Simulation of any recurrence in floats, for a batch of trajectories at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.language.operators import Vector
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights, Weights, bind, exact_array
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.backends import backend as chosen_backend
from symgrad.numerics.layers import check_layers, filled_up, steps_of_layers, trimmed
from symgrad.numerics.multiprecision import checked_digits, multiprecision_run
from symgrad.numerics.running import Batch, run
from symgrad.numerics.sharing import shared_nodes

__all__ = [
    "Batch",
    "Trajectory",
    "batch_of",
    "check_fits",
    "computing",
    "given_initial",
    "given_inputs",
    "run",
    "simulate",
    "sized",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What a simulation gives, in floats (approximate).

    Attributes:
        model: the recurrence.
        states: name -> array (T+1, n), or (T+1, B, n) for a batch; row 0 is the initial state.
        inputs: name -> array (T, m) or (T, B, m); row t - 1 is the input of step t.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> run = sg.simulate(sg.models.elman("identity"), weights, np.ones((3, 1)))
    >>> run.steps, run.states["h"][-1].tolist(), run.inputs["u"].shape
    (3, [3.0, 3.0], (3, 1))
    """

    model: Recurrence
    states: dict[str, Array]
    inputs: dict[str, Array]

    @property
    def steps(self) -> int:
        """The number of steps T."""
        return len(next(iter(self.states.values()))) - 1


def simulate(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    inputs: Any = None,
    *,
    initial: Mapping[Any, Any] | None = None,
    steps: int | None = None,
    backend: str | Backend = "numpy",
    device: str | None = None,
    dtype: str = "float64",
    digits: int | None = None,
) -> Trajectory:
    """Run a recurrence in floats, or in as many digits as wanted.

    Weights, inputs and initial states are read on the host and moved to the device once; the loop over the steps runs
    there; the states come back to the host at the end, as NumPy arrays. JAX compiles the loop at the first call with a
    model and shapes.

    Args:
        model: the recurrence.
        weights: symbol or name -> number or array, for all parameters of the model.
        inputs: an array of shape (T, m), or (B, T, m) for a batch; a mapping name -> array if there are several inputs.
        initial: symbol or name -> (n,), or (B, n) for a batch; states that are left out start at zero.
        steps: the number of steps T, needed only for a model without inputs. Of a model with a depth the first T
            layers, all unless given.
        backend: what computes: "numpy", "torch", "jax" or "cupy", or what :func:`symgrad.backend` gives; "mpmath" for
            any precision, for reference.
        device: as the library spells it, such as "cpu", "cuda", "cuda:1"; by default the library's own choice.
        dtype: "float64" or "float32".
        digits: decimal digits, for "mpmath" only; 50 unless given.

    Returns:
        A :class:`Trajectory`; its values are approximate, of the data type; for "mpmath" its numbers in arrays of
        objects, each step right to the digits. States of layers that are narrower than others are filled up with zeros.

    Raises:
        InputError: a missing weight, a wrong shape, or numbers of steps or trajectories that do not agree; a device
            that is not there; numbers beyond those of the data type.
        UnknownNameError: a name that the model does not have, or an unknown back end.
        SymgradError: the library of the back end is not installed.

    >>> import sympy as sp, symgrad as sg
    >>> x, r = sp.symbols("x r")
    >>> logistic_map = sg.Recurrence({x: r * x * (1 - x)})
    >>> simulate(logistic_map, {"r": 2}, initial={"x": 0.25}, steps=2).states["x"].ravel().tolist()
    [0.25, 0.375, 0.46875]
    >>> exact = simulate(logistic_map, {"r": 2}, initial={"x": 0.1}, steps=1, backend="mpmath", digits=20)
    >>> print(exact.states["x"][-1, 0])
    0.18
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    where = computing(backend, device, dtype, digits)
    bound = bind(model, weights, model.parameters)
    steps = steps_of_layers(bound, steps) if steps is None and not model.inputs else steps
    sequences = given_inputs(model, inputs, steps)
    starts = filled_up(bound, given_initial(model, initial))
    bound = sized(model, bound, sequences, starts)
    batch, single = batch_of(model, bound, sequences, starts, steps)
    check_layers(bound, batch.steps)
    check_fits(where, bound, batch)
    states = trimmed(bound, _run_on(where, bound, shared_nodes(model).updates, batch))
    shown = (slice(None), slice(None), 0, 0) if single else (slice(None), slice(None), slice(None), 0)
    return Trajectory(
        model,
        {str(s): _rows_last(array[shown]) for s, array in states.items()},
        {str(s): _rows_last(array[shown]) for s, array in batch.inputs.items()},
    )


def computing(name: str | Backend, device: str | None, dtype: str, digits: int | None) -> Backend | int:
    """What to compute with: a back end, or for mpmath the decimal digits.

    Raises:
        InputError: see :func:`symgrad.numerics.backends.backend`; or digits without mpmath, or mpmath with a device.
    """
    if name != "mpmath":
        if digits is not None:
            raise InputError(f"digits: only backend='mpmath' takes a number of digits, got backend={name!r}")
        return chosen_backend(name, device, dtype)
    if device is not None or dtype != "float64":
        raise InputError(f"backend: mpmath has digits, but no device or dtype, got {device!r} and {dtype!r}")
    return checked_digits(digits)


def check_fits(where: Backend | int, weights: Weights, batch: Batch | None = None) -> None:
    """Refuse numbers beyond those of the data type, which would become infinite.

    Raises:
        InputError: names the array and its largest entry.
    """
    if isinstance(where, int) or where.dtype == "float64":
        return
    given = [layer.values for layer in (weights.layers if isinstance(weights, LayerWeights) else (weights,))]
    given += [batch.initial, batch.inputs] if batch is not None else []
    for symbol, array in (item for part in given for item in part.items()):
        largest = float(np.abs(array.astype(float)).max(initial=0.0))
        if largest > float(np.finfo(where.dtype).max):
            raise InputError(f"dtype: {where.dtype} does not hold all numbers of {symbol}, up to {largest:.3g}")


def _run_on(
    where: Backend | int, weights: Weights, updates: Mapping[sp.Expr, Vector], batch: Batch
) -> dict[sp.Expr, Array]:
    """The states as arrays on the host."""
    if isinstance(where, int):
        return multiprecision_run(weights, updates, batch, where)
    with where.scope():
        evaluator = ArrayEvaluator.of_weights(weights, like=where.like)
        return {s: where.numpy(array) for s, array in run(evaluator, updates, batch).items()}


def _rows_last(array: Array) -> Array:
    """(T, n) as it is, (T, n, B) as (T, B, n)."""
    return array if array.ndim == 2 else np.ascontiguousarray(np.moveaxis(array, 1, 2))


def given_inputs(model: Recurrence, inputs: Any, steps: int | None = None) -> dict[sp.Expr, Array]:
    """Input sequences as arrays (T, m) or (B, T, m), checked; empty for a model without inputs.

    Raises:
        InputError: inputs are missing, of a wrong shape, or not needed; no positive number of steps.
        UnknownNameError: a name that is no input of the model.
    """
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0):
        raise InputError(f"steps: a non-negative integer is needed, got {steps!r}")
    if not model.inputs:
        if inputs is not None and not (isinstance(inputs, Mapping) and not inputs):
            raise InputError(f"inputs: model {model.name} has none; give steps instead")
        if steps is None:
            raise InputError(f"steps: model {model.name} has no inputs, so the number of steps is needed")
        return {}
    named = _by_name(model, inputs)
    missing = [str(s) for s in model.inputs if s not in named]
    if missing:
        raise InputError(f"inputs: {', '.join(missing)} of model {model.name} missing")
    sequences = {s: _sequence(s, value) for s, value in named.items()}
    lengths = {array.shape[-2] for array in sequences.values()} | ({int(steps)} if steps is not None else set())
    if len(lengths) > 1:
        raise InputError(f"inputs: different numbers of steps, {sorted(lengths)}")
    return sequences


def _by_name(model: Recurrence, inputs: Any) -> dict[sp.Expr, Any]:
    if isinstance(inputs, Mapping):
        return {model.symbol(key, model.inputs): value for key, value in inputs.items()}
    if inputs is None:
        raise InputError(f"inputs: model {model.name} needs {', '.join(map(str, model.inputs))} of shape (T, m)")
    if len(model.inputs) > 1:
        names = ", ".join(map(str, model.inputs))
        raise InputError(f"inputs: model {model.name} has several, give a mapping with {names}")
    return {model.inputs[0]: inputs}


def _sequence(symbol: sp.Expr, value: Any) -> Array:
    array = exact_array(f"inputs {symbol}", value)
    if isinstance(symbol, sp.Symbol) and array.ndim == 1:
        array = array[:, None]
    if array.ndim not in (2, 3):
        raise InputError(f"inputs {symbol}: shape (T, m) or (B, T, m) is needed, got {array.shape}")
    return array


def given_initial(model: Recurrence, initial: Mapping[Any, Any] | None) -> dict[sp.Expr, Array]:
    """Initial states as arrays (n,) or (B, n), as far as given.

    Raises:
        InputError: not a mapping, or a wrong shape.
        UnknownNameError: a name that is no state of the model.
    """
    if initial is not None and not isinstance(initial, Mapping):
        raise InputError(f"initial: a mapping {{state: array}} is needed, got {type(initial).__name__}")
    starts = {}
    for key, value in (initial or {}).items():
        symbol = model.symbol(key, model.states)
        array = exact_array(f"initial {symbol}", value)
        if isinstance(symbol, sp.Symbol) and array.ndim == 0:
            array = array.reshape(1)
        if array.ndim not in (1, 2):
            raise InputError(f"initial {symbol}: shape (n,) or (B, n) is needed, got {array.shape}")
        starts[symbol] = array
    return starts


def sized(
    model: Recurrence, weights: Weights, sequences: Mapping[sp.Expr, Array], starts: Mapping[sp.Expr, Array]
) -> Weights:
    """The weights with the sizes that only inputs and initial states tell.

    Raises:
        InputError: shapes that contradict each other.
    """
    sizes = dict(weights.sizes)
    for what, given in (("inputs", sequences), ("initial", starts)):
        for symbol, array in given.items():
            rows = sp.S.One if isinstance(symbol, sp.Symbol) else sp.sympify(symbol.shape[0])
            length = int(array.shape[-1])
            if isinstance(rows, sp.Symbol):
                sizes.setdefault(rows, length)
            wanted = sp.sympify(rows.xreplace(sizes))
            if wanted.is_Integer and wanted != length:
                raise InputError(f"{what} {symbol}: the last dimension must be {rows} = {wanted}, got {array.shape}")
    return weights.with_sizes(sizes)


def batch_of(
    model: Recurrence,
    weights: Weights,
    sequences: Mapping[sp.Expr, Array],
    starts: Mapping[sp.Expr, Array],
    steps: int | None,
) -> tuple[Batch, bool]:
    """A batch from checked arrays, and whether it is one trajectory given without a batch dimension."""
    counts = {f"inputs {s}": a.shape[0] for s, a in sequences.items() if a.ndim == 3}
    counts |= {f"initial {s}": a.shape[0] for s, a in starts.items() if a.ndim == 2}
    if len(set(counts.values())) > 1:
        raise InputError(f"trajectories: the numbers do not agree: {counts}")
    size = next(iter(counts.values()), 1)
    initial = {}
    for symbol in model.states:
        rows = (weights.shape(symbol) or (1, 1))[0]
        start = starts.get(symbol, np.zeros(rows))
        initial[symbol] = np.ascontiguousarray(np.broadcast_to(start, (size, rows)).T[:, :, None])
    inputs = {s: _columns(array, size) for s, array in sequences.items()}
    length = next((len(array) for array in inputs.values()), steps or 0)
    return Batch(initial, inputs, length), not counts


def _columns(array: Array, size: int) -> Array:
    """(T, m) or (B, T, m) as (T, m, B, 1)."""
    batch = np.broadcast_to(array, (size, *array.shape[-2:]))
    return np.ascontiguousarray(np.transpose(batch, (1, 2, 0))[..., None])
