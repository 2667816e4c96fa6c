"""Gradients of a loss by all states and inputs of a layer along its sequences, in floats with a running exponent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.step_jacobians import StepJacobians
from symgrad.errors import InputError
from symgrad.numerics.products import log10_scaled, rescaled

__all__ = ["Adjoints", "adjoints"]

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Adjoints:
    """The total derivatives of a loss, through this and all later steps, approximate: ``array * 2**exponent``.

    Attributes:
        states: state name -> (B, T + 1, n), ``dL/dx_t`` for t = 0 ... T.
        inputs: input name -> (B, T, m), ``dL/du_t`` for t = 1 ... T; its exponents are ``exponent[:, 1:]``.
        exponent: (B, T + 1), one for each sequence and step, so that no length makes a gradient under- or overflow.
    """

    states: Mapping[str, Array]
    inputs: Mapping[str, Array]
    exponent: IntArray

    @property
    def log10_norms(self) -> Array:
        """``log10`` of the Euclidean norm of dL/dx_t over all states together, (B, T + 1); minus infinity for zero."""
        return self._log10(*self.states)

    @property
    def log10_first(self) -> Array:
        """The same of the first state alone, dL/dh_t."""
        return self._log10(next(iter(self.states)))

    def _log10(self, *names: str) -> Array:
        squares = np.sum([np.sum(self.states[name] ** 2, axis=2) for name in names], axis=0)
        return log10_scaled(np.sqrt(squares), self.exponent)

    def input_gradient(self, name: str) -> Array:
        """``dL/du_t`` of one input as plain floats (B, T, m); what is below 1e-308 becomes zero.

        For a layer that is fed from below this is the direct gradient of the first state there:
        ``LayerRun(..., loss={"h": adjoints(above).input_gradient("u")})``.
        """
        with np.errstate(all="ignore"):
            return np.asarray(np.ldexp(self.inputs[name], self.exponent[:, 1:, None]))


def adjoints(run: LayerRun) -> Adjoints:
    """The total derivatives of the loss of a run by its states and inputs.

    Args:
        run: a layer with ``loss``, the direct derivatives by the states.

    Raises:
        InputError: the run has no loss.

    Source: Werbos 1990, backpropagation through time, ``dL/dx_t = direct_t + J_{t+1}^T dL/dx_{t+1}``.

    >>> import symgrad as sg
    >>> weights = {"W": [[0.5]], "U": [[2.0]], "b": [0.0]}
    >>> direct = np.array([[[0.0], [0.0], [1.0]]])
    >>> run = LayerRun("layer 0", sg.models.elman("identity"), weights, {"u": np.ones((1, 3, 1))}, loss={"h": direct})
    >>> adjoints(run).states["h"].ravel().tolist(), adjoints(run).input_gradient("u").ravel().tolist()
    ([0.125, 0.25, 0.5, 1.0], [0.5, 1.0, 2.0])
    """
    if run.loss is None:
        raise InputError(f"loss: {run.name} was given none, so that there is no gradient by its states")
    jacobians = StepJacobians(run)
    direct = np.concatenate([np.transpose(array, (2, 0, 1)) for array in run.loss.values()])  # (N, B, T)
    vector, exponent = np.zeros((run.total, run.size, 1)), np.zeros(run.size, dtype=np.int64)
    found = np.zeros((run.steps + 1, run.total, run.size))
    exponents = np.zeros((run.steps + 1, run.size), dtype=np.int64)
    fed: dict[str, list[Array]] = {str(symbol): [] for symbol in run.model.inputs}
    for step in reversed(range(run.steps)):
        vector, exponent = _sum(vector, exponent, direct[:, :, step, None])
        found[step + 1], exponents[step + 1] = vector[:, :, 0], exponent
        for symbol, array in jacobians.by_inputs(step, vector).items():
            fed[str(symbol)].append(array[:, :, 0].T)
        vector, shift = rescaled(jacobians.backward(step, vector))
        exponent = exponent + shift
    found[0], exponents[0] = vector[:, :, 0], exponent
    names = zip(run.model.states, jacobians.rows, strict=True)
    return Adjoints(
        {str(symbol): np.ascontiguousarray(np.transpose(found[:, rows], (2, 0, 1))) for symbol, rows in names},
        {name: np.stack(arrays[::-1], axis=1) for name, arrays in fed.items()},
        exponents.T,
    )


def _sum(vector: Array, exponent: IntArray, direct: Array) -> tuple[Array, IntArray]:
    """``vector * 2**exponent + direct`` in the same form, neither lost where the other is much smaller in floats."""
    nothing = ~vector.any(axis=(0, 2))
    exponent = np.where(nothing, 0, exponent)
    common = np.where(direct.any(axis=(0, 2)), np.maximum(exponent, 0), exponent)
    shifted = [
        np.ldexp(array, power[None, :, None]) for array, power in ((vector, exponent - common), (direct, -common))
    ]
    scaled, shift = rescaled(shifted[0] + shifted[1])
    return scaled, np.asarray(common + shift)
