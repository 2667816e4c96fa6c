"""The base of all expression nodes: immutable, hashed once, compared by structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Node"]


@dataclass(frozen=True, eq=False)
class Node:
    """An immutable expression node.

    The hash is computed once, and of two equal nodes one remembers the other: derivations share sub-expressions
    heavily, and a walk of the tree at every look-up would cost exponential time.
    """

    @classmethod
    def _operands(cls) -> tuple[str, ...]:
        return cls.__match_args__

    def _key(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self._operands()])

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
        if self.__dict__.get("_equal") is other or other.__dict__.get("_equal") is self:
            return True
        same = self._key() == other._key()
        if same:
            object.__setattr__(other, "_equal", self)
        return same

    def __getstate__(self) -> dict[str, Any]:
        """The operands alone: hashes of strings differ between processes."""
        return {name: getattr(self, name) for name in self._operands()}
