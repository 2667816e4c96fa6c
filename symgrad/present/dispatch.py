"""The five questions of presentation as generic functions; each kind of object registers its own answers."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from symgrad.errors import InputError

__all__ = ["latex", "plot", "terminal", "text", "to_dict"]


@singledispatch
def latex(obj: Any) -> str:
    r"""An object as LaTeX source for display mathematics, without delimiters; needs the package amsmath.

    Raises:
        InputError: nothing is known about typesetting such an object.

    >>> import symgrad as sg
    >>> print(latex(sg.models.elman()))
    h_{t} = \tanh\left(W h_{t-1} + U u_{t} + b\right)
    """
    raise _unknown(obj)


@singledispatch
def text(obj: Any) -> str:
    """An object as plain text in ASCII; states and inputs carry their step as in ``h[t-1]``.

    Raises:
        InputError: nothing is known about printing such an object.

    >>> import symgrad as sg
    >>> print(text(sg.models.elman()))
    h[t] = tanh(W*h[t-1] + U*u[t] + b)
    """
    raise _unknown(obj)


@singledispatch
def terminal(obj: Any) -> Any:
    """An object for a terminal, as something that the package rich prints; its plain text unless its kind has more.

    >>> import symgrad as sg
    >>> print(terminal(sg.models.elman()))
    h[t] = tanh(W*h[t-1] + U*u[t] + b)
    """
    from rich.text import Text

    return Text(text(obj))


@singledispatch
def to_dict(obj: Any) -> dict[str, Any]:
    """An object as plain data that JSON can hold: expressions as SymPy text and LaTeX, infinities as strings.

    Raises:
        InputError: nothing is known about such an object.

    >>> import symgrad as sg
    >>> to_dict(sg.product_bound(sg.models.elman()))["expr"]["text"]
    'OperatorNorm(W)**k'
    """
    raise _unknown(obj)


@singledispatch
def plot(obj: Any, *args: Any, **options: Any) -> Any:
    """A picture of an object, drawn with matplotlib.

    Returns:
        The matplotlib axes.

    Raises:
        InputError: there is no picture of such an object.

    >>> import symgrad as sg
    >>> axes = plot(sg.product_bound(sg.models.elman()), {"W": [[0.5]]}, horizon=20, trajectories=0)
    >>> axes.get_xlabel()
    'number of factors $k$'
    """
    raise InputError(f"obj: there is no picture of {type(obj).__name__}; there are of bounds and checks")


def _unknown(obj: Any) -> InputError:
    return InputError(
        f"obj: {type(obj).__name__} cannot be presented; accepted are models, Jacobians, bounds, proofs, "
        "checks, operators and SymPy expressions"
    )
