"""Bounds side by side, with values for weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.product import Bound
from symgrad.bounds.steps import checked_steps
from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
from symgrad.presentable import Presentable

__all__ = ["BoundTable", "bound_table"]


@dataclass(frozen=True)
class BoundTable(Presentable):
    """Bounds side by side.

    Attributes:
        labels: one a bound.
        bounds: the bounds.
        ks: the numbers of steps with a column each; none without weights.
        values: for each bound its values at the ``ks``, rigorous; empty without weights.
        delta: the size of a gradient whose horizon has a column; None for no such column.
        horizons: for each bound an integer or ``sp.oo``, see :meth:`Bound.horizon`; empty without ``delta``.

    >>> import symgrad as sg
    >>> table = bound_table([sg.product_bound(sg.models.elman("sigmoid"))], {"W": [[2.0]]}, ks=[0, 1, 2])
    >>> table.labels, table.values
    (('elman, norm 2',), ((1.0, 0.5, 0.25),))
    """

    labels: tuple[str, ...]
    bounds: tuple[Bound, ...]
    ks: tuple[int, ...] = ()
    values: tuple[tuple[BoundValue, ...], ...] = ()
    delta: sp.Expr | None = None
    horizons: tuple[sp.Expr | int, ...] = ()

    def _repr_latex_(self) -> str:
        """For notebooks, whose formulas know no booktabs."""
        found = super()._repr_latex_()
        for name in ("toprule", "midrule", "bottomrule"):
            found = found.replace(f"\\{name}", r"\hline")
        return found


def bound_table(
    bounds: Iterable[Bound] | Mapping[str, Bound],
    weights: Mapping[Any, Any] | None = None,
    ks: Iterable[int] = (1, 10, 100),
    delta: Any = None,
) -> BoundTable:
    """A table of bounds: formula, rate and condition, with weights also values and horizons.

    Args:
        bounds: a list, or label -> bound.
        weights: symbol or name -> array, for all of them; or label -> such a mapping where models differ.
        ks: the numbers of steps that get a column; of models with a depth up to the number of their layers.
        delta: with weights, a positive number: how far back a gradient of that relative size reaches.

    Returns:
        A :class:`BoundTable` with ``str()``, ``.latex()`` (needs the package booktabs) and ``.to_dict()``.

    Raises:
        InputError: something that is no bound, or no bound at all; labels that are no strings; ``delta`` without
            weights; see :meth:`Bound.evaluate` and :meth:`Bound.horizon`.

    >>> import symgrad as sg
    >>> print(bound_table([sg.product_bound(sg.models.elman(), norm=p) for p in (2, "inf")]))
    bound            formula       rate       vanishing if
    ---------------  ------------  ---------  -------------
    elman, norm 2    ||W||_2**k    ||W||_2    ||W||_2 < 1
    elman, norm inf  ||W||_inf**k  ||W||_inf  ||W||_inf < 1
    """
    named = _named(bounds)
    if weights is None:
        if delta is not None:
            raise InputError(
                "delta: horizons are numbers, for which weights are needed; see Bound.horizon for formulas"
            )
        return BoundTable(tuple(named), tuple(named.values()))
    if not isinstance(weights, Mapping):
        raise InputError(f"weights: a mapping {{name: array}} is needed, got {type(weights).__name__} {weights!r}")
    steps = _steps(ks)
    threshold = None if delta is None else exact_number("delta", delta)
    values, horizons = [], []
    for label, bound in named.items():
        own = _own(label, weights)
        series = bound.with_weights(own)
        values.append(tuple(series.at(k) for k in steps))
        horizons += [] if threshold is None else [bound.horizon(threshold, own)]
    return BoundTable(tuple(named), tuple(named.values()), steps, tuple(values), threshold, tuple(horizons))


def _named(bounds: Any) -> dict[str, Bound]:
    if isinstance(bounds, str) or not isinstance(bounds, Iterable):
        raise _no_bounds(_given(bounds))
    named = dict(bounds) if isinstance(bounds, Mapping) else _labelled(list(bounds))
    wrong = [item for item in named.values() if not isinstance(item, Bound)]
    if wrong or not named:
        raise _no_bounds(_given(wrong[0]) if wrong else "none")
    unfit = [label for label in named if not isinstance(label, str)]
    if unfit:
        raise InputError(f"bounds: labels are strings, got {type(unfit[0]).__name__} {unfit[0]!r}")
    return named


def _no_bounds(got: str) -> InputError:
    return InputError(f"bounds: a list of bounds or a mapping label -> bound is needed, got {got}")


def _given(value: Any) -> str:
    kind = type(value).__name__
    return f"one {kind} outside a list" if isinstance(value, Bound) else f"{kind} {value!r}"


def _steps(ks: Any) -> tuple[int, ...]:
    if isinstance(ks, str) or not isinstance(ks, Iterable):
        raise InputError(f"ks: a list of non-negative integers is needed, got {type(ks).__name__} {ks!r}")
    return tuple(dict.fromkeys(checked_steps(k) for k in ks))


def _own(label: str, weights: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The weights of one bound: of that label where weights are given by labels, else those for all bounds."""
    if not any(isinstance(value, Mapping) for value in weights.values()):
        return weights
    if not isinstance(weights.get(label), Mapping):
        raise InputError(f"weights: a mapping for the bound {label} is needed too, got {', '.join(map(str, weights))}")
    own: Mapping[Any, Any] = weights[label]
    return own


def _labelled(bounds: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in bounds:
        label = _label(item) if isinstance(item, Bound) else str(item)
        count = sum(name == label or name.startswith(f"{label} (") for name in found)
        found[f"{label} ({count + 1})" if count else label] = item
    return found


def _label(bound: Bound) -> str:
    claim = "" if bound.factor == 1 else f", claim times {bound.factor}"
    method = "" if bound.method == "norm" else f", {bound.method}"
    return f"{bound.model.name}, norm {bound.norm}{method}{', lower' if bound.side == 'lower' else ''}{claim}"
