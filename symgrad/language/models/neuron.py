"""One neuron that feeds itself: a scalar map (Doya 1993)."""

from __future__ import annotations

import sympy as sp

from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import Activation
from symgrad.language.models.catalogue import family
from symgrad.language.numbers import scalar_parameter
from symgrad.language.recurrence import Recurrence

__all__ = ["neuron"]


@family
def neuron(
    w: float | sp.Expr | None = None,
    b: float | sp.Expr | None = None,
    eps: float | sp.Expr | None = 1,
    w_in: float | sp.Expr | None = 0,
    activation: str | Activation = "sigmoid",
) -> Recurrence:
    """``x = (1 - eps) x + eps s(w x + b) + eps w_in u``.

    Args:
        w: the weight of the neuron on itself; a number, a symbol, or None for the parameter ``w``.
        b: the bias, likewise.
        eps: the step of the map, likewise; 1, as given if left out, for the plain map ``x = s(w x + b)``.
        w_in: the weight of an input u, likewise; 0, as given if left out, for a neuron without input.
        activation: name or object.

    Source: Doya 1993, Bifurcations of recurrent neural networks in gradient descent learning.

    >>> import symgrad as sg
    >>> neuron(w=5, b=-2.5).updates
    {x: sigmoid(5*x - 5/2)}
    >>> sg.product_bound(neuron(eps=None)).expr
    Max(Abs(eps - 1), Abs(eps*w/4 - eps + 1))**k
    """
    s = activation_by_name(activation)
    weight, bias, step, feeding = (
        scalar_parameter(name, value) for name, value in {"w": w, "b": b, "eps": eps, "w_in": w_in}.items()
    )
    x, u = sp.symbols("x u")
    update = (1 - step) * x + step * s(weight * x + bias) + step * feeding * u
    return Recurrence({x: update}, inputs=() if feeding == 0 or step == 0 else (u,), name="neuron")
