"""The loss of a scalar model after T steps as a function of its parameters: what is asked for, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.dynamics.landscape_input import chosen_parameters, grid_axes, named_formula, whole_horizon
from symgrad.dynamics.loss_surface import LossLandscape
from symgrad.dynamics.scalar_system import EQUATION, scalar_system
from symgrad.errors import InputError

__all__ = ["LossLandscape", "loss_landscape"]


def loss_landscape(
    model: Any,
    loss: Any,
    parameter: Any,
    values: Mapping[Any, Any] | None = None,
    *,
    interval: Any,
    start: Any = 0,
    horizon: float = 50,
    points: int | Sequence[int] | None = None,
) -> LossLandscape:
    """The loss of a scalar model after T steps, or at time T, as a function of one or two parameters.

    A *wall* is a value of the parameter at which the settled state jumps: there the start lies on the boundary between
    two basins, or its attractor ends in a fold. Gradients next to it are as large as the horizon allows.

    Args:
        model: a :class:`symgrad.Recurrence` or :class:`symgrad.Flow` with one scalar state, or an equation
            ``x = g(x)`` read as a map.
        loss: a formula in the state, which stands for x(T): a SymPy expression or text.
        parameter: symbol or name, or a pair of them.
        values: numbers for the other parameters and constant inputs.
        interval: (low, high) of the parameter, or a pair of such pairs.
        start: x(0): a number, or a formula in the parameters.
        horizon: T: steps of a map, or time of a flow; ``sp.oo`` for the settled state.
        points: of the grid along each parameter; 401 of one, 81 of each of two unless given.

    Raises:
        InputError: another kind of model, loss, interval or number.
        UnknownNameError: the model has no such symbol.

    Source: Doya 1993; Pascanu, Mikolov and Bengio 2013, section 2.3 and figure 6.

    >>> import symgrad as sg
    >>> landscape = sg.loss_landscape(
    ...     sg.models.neuron(w=5), "(0.855 - x)^2", "b", interval=(-4, -1), start=0.5, horizon=500
    ... )
    >>> (wall,) = landscape.walls
    >>> wall.exact, round(float(wall.left.loss), 3), round(float(wall.right.loss), 3), wall.certified
    (-5/2, 0.504, 0.0, True)

    The unit of Pascanu et al., as a surface:

    >>> import sympy as sp
    >>> x, w, b = sp.symbols("x w b")
    >>> unit = sg.Recurrence({x: w * sg.activation("sigmoid")(x) + b})
    >>> surface = sg.loss_landscape(unit, "(sigmoid(x) - 0.7)^2", ("w", "b"), interval=((3, 8), (-5, 0)), start=0.5)
    >>> surface.losses.shape
    (81, 81)
    """
    given = {} if values is None else values
    system = scalar_system(model, given)
    if system.kind == EQUATION:
        raise InputError(f"model: {system.name} is an equation: a map x = g(x) or a flow is needed")
    parameters = chosen_parameters(system, parameter)
    missing = [str(p) for p in system.parameters if p not in parameters]
    if missing:
        raise InputError(f"values: numbers for {', '.join(missing)} of {system.name} are needed")
    time = whole_horizon(horizon, system)
    axes = grid_axes(parameters, interval, points)
    allowed = (system.state, *parameters)
    formula = named_formula("loss", loss, allowed)
    return LossLandscape(system, parameters, formula, named_formula("start", start, parameters), time, axes)
