"""The base of all expression nodes: immutable, hashed once, compared by structure."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Node"]


@dataclass(frozen=True, eq=False)
class Node:
    """An immutable expression node.

    The hash is computed once: derivations share sub-expressions heavily, and a
    hash that walks the tree at every look-up would cost exponential time.
    """

    def _key(self) -> tuple[object, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))

    def __hash__(self) -> int:
        cached = self.__dict__.get("_hash")
        if cached is None:
            cached = hash((type(self).__name__, self._key()))
            object.__setattr__(self, "_hash", cached)
        return int(cached)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Node) or type(self) is not type(other) or hash(self) != hash(other):
            return False
        return self._key() == other._key()
