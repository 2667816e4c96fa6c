"""Lyapunov exponents of a recurrence along its sequences, by repeated orthonormalisation, with an error estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.step_jacobians import StepJacobians
from symgrad.errors import InputError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import bind
from symgrad.presentable import Presentable

__all__ = ["LyapunovSpectrum", "lyapunov", "lyapunov_spectrum"]

Array = NDArray[np.float64]

_BLOCKS = 20
_SHORTEST_BLOCK = 4
_STEPS = 1000
_ALL, _LEADING = 64, 32


@dataclass(frozen=True, eq=False)
class LyapunovSpectrum(Presentable):
    """The Lyapunov exponents along the sequences of a run, largest first, in floats (approximate).

    Attributes:
        exponents: (count,), the mean growth of an infinitesimal perturbation in natural logarithms per step; minus
            infinity where a perturbation becomes zero, or so small that floats cannot tell it from zero.
        errors: (count,), standard errors of the exponents, from the means over blocks of steps; NaN where there are
            too few steps for two blocks. What a longer warm-up would change is not part of them.
        steps: the number of steps of each sequence that count.
        discarded: the number of steps before them, in which the directions of fastest growth are found.
        trajectories: the number of sequences that the means are taken over.
        size: the number of entries of all states together, which is that of all exponents.
        notes: what was left out or is to be kept in mind, in words.

    >>> import sympy as sp, symgrad as sg
    >>> x, y = sp.symbols("x y")
    >>> henon = sg.Recurrence({x: 1 - sp.Rational(7, 5) * x**2 + y, y: sp.Rational(3, 10) * x})
    >>> found = sg.lyapunov_spectrum(henon, initial={"x": 0.1, "y": 0.1}, steps=500)
    >>> round(found.sum - float(np.log(0.3)), 9) == 0, found.largest > 0, found.dimension > 1
    (True, True, True)
    """

    exponents: Array
    errors: Array
    steps: int
    discarded: int
    trajectories: int
    size: int
    notes: tuple[str, ...] = ()

    @property
    def largest(self) -> float:
        """The largest exponent, natural logarithm per step."""
        return float(self.exponents[0])

    @property
    def sum(self) -> float:
        """The sum of the exponents asked for; of all of them the mean logarithm of the Jacobian's determinant."""
        return float(self.exponents.sum())

    @property
    def dimension(self) -> float | None:
        """The Kaplan-Yorke dimension of the attractor; None where it needs exponents that were not asked for."""
        totals = np.cumsum(self.exponents)
        if totals[0] < 0:
            return 0.0
        below = np.flatnonzero(totals < 0)
        if not len(below):
            return float(self.size) if len(self.exponents) == self.size else None
        place = int(below[0])
        return place + float(totals[place - 1] / abs(self.exponents[place]))


def lyapunov_spectrum(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    inputs: Any = None,
    *,
    initial: Mapping[Any, Any] | None = None,
    steps: int | None = None,
    count: int | None = None,
    discard: int | None = None,
) -> LyapunovSpectrum:
    """The Lyapunov spectrum of a recurrence, with the inputs that it is driven by.

    Args:
        model: the recurrence.
        weights: symbol or name -> number or array, for all parameters of the model.
        inputs: an array of shape (T, m), or (B, T, m) for several sequences; a mapping name -> array if there are
            several inputs. Zero unless given.
        initial: symbol or name -> (n,), or (B, n); states that are left out start at zero.
        steps: the number of steps, those discarded included; that of the inputs, or 1000 without any.
        count: how many exponents, the largest ones; all unless given.
        discard: how many first steps do not count; a fifth of them unless given.

    Returns:
        :class:`LyapunovSpectrum`; its values are approximate.

    Raises:
        InputError: a missing weight, a wrong shape, no positive number, or every trajectory overflows.
        UnknownNameError: a name that the model does not have.

    Source: Benettin, Galgani, Giorgilli and Strelcyn 1980; Shimada and Nagashima 1979; for driven recurrent networks
    Engelken, Wolf and Abbott 2023.

    >>> import sympy as sp, symgrad as sg
    >>> x = sp.Symbol("x")
    >>> found = sg.lyapunov_spectrum(sg.Recurrence({x: 4 * x * (1 - x)}), initial={"x": 0.3}, steps=5000)
    >>> bool(abs(found.largest - np.log(2)) < 0.01)
    True
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    steps = None if steps is None else _positive("steps", steps)
    weights, initial = {} if weights is None else weights, {} if initial is None else initial
    run = _run_of(model, weights, inputs, initial, steps)
    return lyapunov(run, count=run.total if count is None else count, discard=discard)


def lyapunov(run: LayerRun, *, count: int | None = None, discard: int | None = None) -> LyapunovSpectrum:
    """The same along the sequences of a run; see :func:`lyapunov_spectrum`.

    Args:
        run: the layer with its sequences.
        count: how many exponents, the largest ones; unless given all of up to 64, of more the largest 32.
        discard: how many first steps do not count; a fifth of them unless given.

    Raises:
        InputError: no positive number, no step left to count, or every sequence overflows.
    """
    usual = run.total if run.total <= _ALL else _LEADING
    count = usual if count is None else min(_positive("count", count), run.total)
    discard = run.steps // 5 if discard is None else _discarded(discard, run.steps)
    kept = np.flatnonzero(run.finite_steps == run.steps)
    if not len(kept):
        last = int(run.finite_steps.max()) + 1
        raise InputError(f"initial: every trajectory of {run.model.name} overflows, the last at step {last}")
    notes = [] if len(kept) == run.size else [f"{run.size - len(kept)} of {run.size} sequences overflow, left out"]
    growth = _growth(run if len(kept) == run.size else run.part(kept), count)[discard:]
    exponents, errors = _means(growth)
    order = np.argsort(-exponents, kind="stable")
    if exponents.max() > 0 and _rests(run):
        notes.append("the states rest at an unstable fixed point; start elsewhere to see where they go")
    return LyapunovSpectrum(exponents[order], errors[order], len(growth), discard, len(kept), run.total, tuple(notes))


def _run_of(model: Recurrence, weights: Mapping[Any, Any], inputs: Any, initial: Any, steps: int | None) -> LayerRun:
    """A run with the inputs given, cut to the number of steps, or with zeros."""
    named = (
        inputs if isinstance(inputs, Mapping) or inputs is None else {model.inputs[0]: inputs} if model.inputs else {}
    )
    if not model.inputs and inputs is not None and not (isinstance(inputs, Mapping) and not inputs):
        raise InputError(f"inputs: model {model.name} has none; give steps instead")
    if len(model.inputs) > 1 and inputs is not None and not isinstance(inputs, Mapping):
        names = ", ".join(map(str, model.inputs))
        raise InputError(f"inputs: model {model.name} has several, give a mapping with {names}")
    if not model.inputs or named:
        run = LayerRun(
            model.name, model, weights, named or {}, initial, length=None if model.inputs else steps or _STEPS
        )
        if steps is not None and steps > run.steps:
            raise InputError(f"steps: the inputs have {run.steps}, got {steps}")
        return run if steps in (None, run.steps) else run.part(slice(None), steps)
    return LayerRun(model.name, model, weights, _no_inputs(model, weights, steps or _STEPS), initial)


def _no_inputs(model: Recurrence, weights: Mapping[Any, Any], steps: int) -> dict[str, Array]:
    bound = bind(model, weights, model.parameters)
    return {str(symbol): np.zeros((steps, (bound.shape(symbol) or (1,))[0])) for symbol in model.inputs}


def _growth(run: LayerRun, count: int) -> Array:
    """The logarithms of the diagonal of R at every step, (T, B, count)."""
    jacobians = StepJacobians(run)
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((run.total, count)))[0]
    frames = np.repeat(vectors[:, None, :], run.size, axis=1)
    growth = np.empty((run.steps, run.size, count))
    for step in range(run.steps):
        moved = np.moveaxis(jacobians.forward(step, frames), 1, 0)
        if not np.isfinite(moved).all():
            raise InputError(f"{run.name}: a Jacobian overflows at step {step + 1}")
        scale = np.abs(moved).max(axis=(1, 2), keepdims=True)
        orthonormal, upper = np.linalg.qr(moved / np.where(scale > 0, scale, 1.0))
        frames = np.moveaxis(orthonormal, 0, 1)
        growth[step] = _logarithms(upper) + np.log(np.where(scale > 0, scale, 1.0))[:, :, 0]
    return growth


def _logarithms(upper: Array) -> Array:
    """Those of the diagonals of R (B, p, p); minus infinity for what is rounding error of its column, and so zero."""
    diagonal = np.abs(np.diagonal(upper, axis1=1, axis2=2))
    noise = 4 * upper.shape[1] * np.finfo(float).eps * np.linalg.norm(upper, axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.where(diagonal > noise, diagonal, 0.0)))


def _means(growth: Array) -> tuple[Array, Array]:
    """The means over steps and sequences, and their standard errors from means over blocks of steps."""
    steps, batch, count = growth.shape
    exponents = growth.mean(axis=(0, 1))
    blocks = max(1, min(_BLOCKS, steps // _SHORTEST_BLOCK))
    length = steps // blocks
    if blocks * batch < 2:
        return exponents, np.full(count, np.nan)
    tail = growth[steps - blocks * length :]
    finite = np.isfinite(exponents)
    means = np.where(finite, tail, 0.0).reshape(blocks, length, batch, count).mean(axis=1).reshape(-1, count)
    errors = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return exponents, np.where(finite, errors, np.nan)


def _rests(run: LayerRun) -> bool:
    """Whether no state ever moves."""
    return all(bool((array == array[:1]).all()) for array in run.columns.values())


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name}: a positive integer is needed, got {value!r}")
    return int(value)


def _discarded(value: Any, steps: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < steps:
        raise InputError(f"discard: an integer from 0 to {steps - 1} is needed, got {value!r}")
    return int(value)
