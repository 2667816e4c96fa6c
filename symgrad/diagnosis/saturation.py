"""Saturation: how often each activation of a layer is where its slope is next to zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.diagnosis.everywhere import Everywhere
from symgrad.diagnosis.formulas import Formulas
from symgrad.diagnosis.gates import named_formulas
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.errors import SymgradError
from symgrad.language.elementwise import Activation
from symgrad.language.operators import Elementwise, symbols_of, walk
from symgrad.numerics.functions import constant_float
from symgrad.presentable import Presentable

__all__ = ["THRESHOLD", "Saturation", "saturation"]

Array = NDArray[np.float64]

THRESHOLD = 0.05  # of the largest slope, below which an entry counts as saturated
_ALWAYS = 0.95  # of the steps, from which on a unit counts as stuck


@dataclass(frozen=True, eq=False)
class Saturation(Presentable):
    """How far one entrywise activation of a layer is saturated along the sequences, in floats (approximate).

    Attributes:
        name: its place, such as ``tanh(W*h + U*u + b)``; ``c_next`` stands for the new value of a state c, and gates
            stand by their short names where they have one.
        formula: the same as a SymPy expression.
        activation: the function.
        fraction: of all entries at all steps, those where the slope's modulus is below 5 % of its supremum.
        mean_slope: the mean of the slope's modulus.
        steepest: the supremum of the slope's modulus over all arguments.
        by_step: (T,), the fraction at each step that was looked at; see ``steps``.
        steps: (T,), the steps, counted from 1.
        stuck: the fraction of units that are saturated at 95 % of the steps or more, such as dead units of a ReLU.
    """

    name: str
    formula: sp.Expr
    activation: Activation
    fraction: float
    mean_slope: float
    steepest: float
    by_step: Array
    steps: NDArray[np.int64]
    stuck: float


def saturation(run: LayerRun) -> tuple[Saturation, ...]:
    """The saturation of each activation in the updates of a layer that depends on its states or inputs.

    Activations whose slope is constant or has no finite supremum never saturate and are left out.

    Raises:
        InputError: every sequence overflows.

    >>> import symgrad as sg
    >>> weights = {"W": np.eye(2), "U": np.array([[10.0], [0.0]]), "b": np.zeros(2)}
    >>> run = LayerRun("layer 0", sg.models.elman(), weights, {"u": np.ones((1, 4, 1))})
    >>> [(one.name, one.fraction, one.stuck) for one in saturation(run)]
    [('tanh(U*u + W*h + b)', 0.5, 0.5)]
    """
    everywhere, formulas = Everywhere(run), named_formulas(run)
    found = []
    for node in _activations(run):
        steepest = _steepest(node.function)
        if steepest is not None:
            found.append(_saturation(everywhere, formulas, node, steepest))
    return tuple(found)


def _activations(run: LayerRun) -> list[Elementwise]:
    """The activations that vary, in the order of the states and from the inside out."""
    variables = set(run.model.variables)
    order: dict[Elementwise, None] = {}
    for node in run.setting.nodes.updates.values():
        inside = [part for part in walk(node) if isinstance(part, Elementwise) and symbols_of(part) & variables]
        order.update(dict.fromkeys(reversed(inside)))
    return list(order)


def _steepest(function: Activation) -> float | None:
    """The supremum of the slope's modulus; None where nothing can saturate."""
    try:
        if function.derivative.expr.is_number:
            return None
        largest = constant_float(function.slope.sup_abs)
    except SymgradError:
        return None
    return largest if np.isfinite(largest) and largest > 0 else None


def _saturation(everywhere: Everywhere, formulas: Formulas, node: Elementwise, steepest: float) -> Saturation:
    slopes = np.abs(everywhere.values(Elementwise(node.function.derivative, node.argument)))
    low = slopes < THRESHOLD * steepest
    formula = formulas.of(node)
    return Saturation(
        name=str(formula),
        formula=formula,
        activation=node.function,
        fraction=float(low.mean()),
        mean_slope=float(slopes.mean()),
        steepest=steepest,
        by_step=low.mean(axis=(0, 2)),
        steps=everywhere.steps + 1,
        stuck=float((low.mean(axis=(1, 2)) >= _ALWAYS).mean()),
    )
