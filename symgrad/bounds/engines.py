"""The engines of the last models, kept with all that they have proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

from symgrad.bounds.consistency import check_reachable
from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import Rule, rules_for
from symgrad.bounds.invariant import InvariantBox, invariant_box
from symgrad.language.recurrence import Recurrence

__all__ = ["engine_of"]

_ENGINES = 32  # models whose proved inequalities are kept


@lru_cache(maxsize=_ENGINES)
def _engine(content: _Content, boxed: bool, rules: tuple[Rule, ...]) -> tuple[Engine, InvariantBox | None]:
    """The engine for the rules that are registered: other rules need another one."""
    model = content.model
    box = invariant_box(model) if boxed else None
    engine = Engine(model) if box is None else Engine(box.assumed, box.setting)
    check_reachable(engine)
    return engine, box


def engine_of(model: Recurrence, method: str) -> tuple[Engine, InvariantBox | None]:
    """What proves bounds by a method, kept for the last models, and the invariant box that they rest on if any."""
    return _engine(_Content(model), method != "norm", rules_for())


class _Content:
    """A model as a key: models that are put together anew, as those of layers and remedies are, are equal to it."""

    def __init__(self, model: Recurrence) -> None:
        self.model = model
        self._parts = type(model), *(_hashable(getattr(model, item.name)) for item in fields(model))

    def __hash__(self) -> int:
        return hash(self._parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and (self.model is other.model or self._parts == other._parts)


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((key, _hashable(item)) for key, item in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value
