"""Bounds side by side, with values for weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.bounds.product import Bound, BoundValue
from symgrad.bounds.steps import checked_steps
from symgrad.errors import InputError
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

    >>> import symgrad as sg
    >>> table = bound_table([sg.product_bound(sg.models.elman("sigmoid"))], {"W": [[2.0]]}, ks=[0, 1, 2])
    >>> table.labels, table.values
    (('elman, norm 2',), ((1.0, 0.5, 0.25),))
    """

    labels: tuple[str, ...]
    bounds: tuple[Bound, ...]
    ks: tuple[int, ...] = ()
    values: tuple[tuple[BoundValue, ...], ...] = ()


def bound_table(
    bounds: Iterable[Bound] | Mapping[str, Bound],
    weights: Mapping[Any, Any] | None = None,
    ks: Sequence[int] = (1, 10, 100),
) -> BoundTable:
    """A table of bounds: formula, rate and condition, with weights also the values at some numbers of steps.

    Args:
        bounds: a list, or label -> bound.
        weights: symbol or name -> array, for all of them; or label -> such a mapping where models differ.
        ks: the numbers of steps that get a column.

    Returns:
        A :class:`BoundTable` with ``str()``, ``.latex()`` (needs the package booktabs) and ``.to_dict()``.

    Raises:
        InputError: something that is no bound, or no bound at all; see :meth:`Bound.evaluate`.

    >>> import symgrad as sg
    >>> print(bound_table([sg.product_bound(sg.models.elman(), norm=p) for p in (2, "inf")]))
    bound            formula       rate       vanishing if
    ---------------  ------------  ---------  -------------
    elman, norm 2    ||W||_2**k    ||W||_2    ||W||_2 < 1
    elman, norm inf  ||W||_inf**k  ||W||_inf  ||W||_inf < 1
    """
    named = dict(bounds) if isinstance(bounds, Mapping) else _labelled(list(bounds))
    wrong = [item for item in named.values() if not isinstance(item, Bound)]
    if wrong or not named:
        got = f"{type(wrong[0]).__name__} {wrong[0]!r}" if wrong else "none"
        raise InputError(f"bounds: a list of bounds or a mapping label -> bound is needed, got {got}")
    if weights is None:
        return BoundTable(tuple(named), tuple(named.values()))
    steps = tuple(checked_steps(k) for k in ks)
    values = []
    for label, bound in named.items():
        own = weights[label] if isinstance(weights.get(label), Mapping) else weights
        series = bound.with_weights(own)
        values.append(tuple(series.at(k) for k in steps))
    return BoundTable(tuple(named), tuple(named.values()), steps, tuple(values))


def _labelled(bounds: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in bounds:
        label = _label(item) if isinstance(item, Bound) else str(item)
        count = sum(name == label or name.startswith(f"{label} (") for name in found)
        found[f"{label} ({count + 1})" if count else label] = item
    return found


def _label(bound: Bound) -> str:
    claim = "" if bound.factor == 1 else f", claim times {bound.factor}"
    return f"{bound.model.name}, norm {bound.norm}{', lower' if bound.side == 'lower' else ''}{claim}"
