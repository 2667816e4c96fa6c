"""The equations that an object consists of in print, as a generic function."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from symgrad.present.layout import Equation
from symgrad.present.notation import Notation

__all__ = ["equations", "has_equations"]


@singledispatch
def equations(obj: Any, notation: Notation) -> list[Equation]:
    """The equations that say what an object is, one below the other in print.

    Raises:
        TypeError: objects of this kind are no list of equations; see :func:`has_equations`.
    """
    raise TypeError(f"{type(obj).__name__} is not presented as equations")


def has_equations(obj: Any) -> bool:
    """Whether objects of this kind are presented as equations."""
    return equations.dispatch(type(obj)) is not equations.dispatch(object)
