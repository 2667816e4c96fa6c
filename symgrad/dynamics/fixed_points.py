"""Fixed points of any model: one question, answered for scalars, sweeps and vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symgrad.dynamics.points import FixedPoints
from symgrad.dynamics.scalar_points import checked_box, scalar_fixed_points
from symgrad.dynamics.scalar_system import is_scalar_system, scalar_system
from symgrad.dynamics.sweep import FixedPointSweep, swept_points
from symgrad.dynamics.vector_points import vector_fixed_points
from symgrad.dynamics.vector_results import COMPLETE, VectorFixedPoints
from symgrad.errors import InputError
from symgrad.language.flow import Flow
from symgrad.language.recurrence import Recurrence

__all__ = ["fixed_points"]

_OPTIONS = ("max_boxes", "starts", "seed")  # of the search of a model with several unknowns


def fixed_points(
    model: Any, values: Mapping[Any, Any] | None = None, box: Any = None, search: str = COMPLETE, **options: int
) -> FixedPoints | FixedPointSweep | VectorFixedPoints:
    """All fixed points of a recurrent map, flow or equation, enclosed, with proof that there are no others.

    Models with vectors or several numbers as states are searched in a box, or from many starts where they are large:
    see :func:`symgrad.dynamics.vector_points.vector_fixed_points`.

    Args:
        model: a :class:`symgrad.Recurrence`, a :class:`symgrad.Flow`, or an equation of one unknown, of SymPy or as
            text such as ``"x = tanh(2*x)"``; ``x = g(x)`` is read as the map g.
        values: symbol or name -> number or constant SymPy expression, for parameters and constant inputs. A float
            stands for its shortest decimal. One may be a one-dimensional array: its numbers in turn, taken exactly.
        box: the interval in which they are searched; all real numbers where the model is defined unless given. Of
            several unknowns also a mapping state -> interval or pair of arrays.
        search: ``"complete"``, or for a model with several unknowns ``"sampled"``: from many starts, each fixed point
            proved, without the claim that there are no others.
        options: ``max_boxes``, ``starts`` and ``seed`` of the search of a model with several unknowns.

    Raises:
        InputError: a value is missing or no number, another kind of model or box.
        UnknownNameError: the model has no such symbol.

    Source: interval Newton, Moore, Kearfott and Cloud, Introduction to Interval Analysis 2009, sec. 8.1; of multiple
    ones the augmented system, Kearfott, Rigorous Global Search 1996.

    >>> import sympy as sp, symgrad as sg
    >>> x = sp.Symbol("x")
    >>> (point,) = sg.fixed_points(sp.Eq(x, sp.log(x / (1 - x)) - 5 * x))
    >>> round(point.value, 12), point.status
    (0.997489950762, 'unique')
    >>> [point.exact for point in sg.fixed_points(sg.models.neuron(activation="relu"), {"w": 2, "b": -1})]
    [0, 1]
    """
    unknown = sorted(options.keys() - set(_OPTIONS))
    if unknown:
        raise InputError(f"{', '.join(unknown)}: no such option; there are {', '.join(_OPTIONS)}")
    if isinstance(model, (Recurrence, Flow)) and not is_scalar_system(model):
        return vector_fixed_points(model, values, box, search, **options)
    if search != COMPLETE or options:
        given = ", ".join([*(["search"] if search != COMPLETE else []), *options])
        raise InputError(f"{given}: only a model with several unknowns has a choice; of one unknown all are found")
    sweep = swept_points(model, values, box) if is_scalar_system(model) else None
    if sweep is not None:
        return sweep
    system = scalar_system(model, values)
    return scalar_fixed_points(system, checked_box(box, system.state))
