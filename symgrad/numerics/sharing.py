"""The nodes of a model with shared sub-expressions as one object each: looking one up compares only identities."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp

from symgrad.calculus.jacobian import jacobian
from symgrad.language.nodes import Node
from symgrad.language.operators import Operator, Vector
from symgrad.language.recurrence import Recurrence

__all__ = ["Blocks", "SharedNodes", "Sharing", "shared_nodes"]

Blocks = tuple[tuple[Operator, ...], ...]


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


@dataclass(frozen=True, eq=False)
class SharedNodes:
    """A model's updates and the blocks of its Jacobian, with all common parts shared."""

    model: Recurrence
    updates: dict[sp.Expr, Vector]
    sharing: Sharing

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks of the Jacobian, which a simulation does without: jumps have no derivative."""
        return tuple(tuple(map(self.sharing.node, row)) for row in jacobian(self.model).blocks)


@lru_cache(maxsize=64)
def shared_nodes(model: Recurrence) -> SharedNodes:
    """The nodes of a model in shared form, made once for a model object."""
    sharing = Sharing()
    updates = {state: sharing.node(node) for state, node in model.nodes.items()}
    return SharedNodes(model, updates, sharing)
