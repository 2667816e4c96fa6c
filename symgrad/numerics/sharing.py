"""Shared sub-expressions as one object each, so that looking one up compares nothing but identities."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from symgrad.language.nodes import Node

__all__ = ["Sharing"]


class Sharing:
    """A pool of nodes: equal sub-expressions of all nodes that pass through it become the same object.

    Derivatives repeat large parts of an expression. Structural comparison of two equal trees costs their whole
    size, at every step of a simulation; of two identical objects it costs nothing.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Node, Node]] = {}
        self._pool: dict[Node, Node] = {}

    def node(self, node: Any) -> Any:
        """An equal node made of shared parts."""
        found = self._seen.get(id(node))
        if found is None:
            parts = {field.name: self._part(getattr(node, field.name)) for field in fields(node)}
            fresh = type(node)(**parts)
            found = self._seen[id(node)] = (node, self._pool.setdefault(fresh, fresh))  # keeps the id taken
        return found[1]

    def _part(self, value: Any) -> Any:
        if isinstance(value, Node):
            return self.node(value)
        return tuple(map(self._part, value)) if type(value) is tuple else value
