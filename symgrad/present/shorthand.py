"""Names for sub-expressions that would be printed again and again: new states, pre-activations, blocks."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.calculus.jacobian import Jacobian
from symgrad.language.nodes import Node
from symgrad.language.operators import Constant, Elementwise, Identity, Variable, VectorSum, Weight, Zero, children
from symgrad.language.recurrence import Recurrence
from symgrad.present.layout import Equation
from symgrad.present.notation import Notation
from symgrad.present.scalar_writer import ScalarWriter
from symgrad.present.vocabulary import Vocabulary
from symgrad.present.writer import Writer

__all__ = ["Shorthand"]


class Shorthand:
    """The names chosen for the sub-expressions of some nodes of one model.

    Args:
        model: the recurrence.
        notation: LaTeX or plain text.
        roots: what will be printed.
        blocks: the Jacobian whose blocks are written as partial derivatives, if any.
    """

    def __init__(
        self, model: Recurrence, notation: Notation, roots: Sequence[Node], blocks: Jacobian | None = None
    ) -> None:
        self.vocabulary = Vocabulary(model, notation)
        self.names: dict[Node, str] = {}
        if not model.is_scalar:
            self.names |= self._new_states() | (self._partials(blocks) if blocks else {})
            self.names |= self._pre_activations(roots)
        writer = ScalarWriter if model.is_scalar else Writer
        self.writer: Writer = writer(self.vocabulary, self.names)

    def _new_states(self) -> dict[Node, str]:
        nodes = self.vocabulary.model.nodes.items()
        return {node: self.vocabulary.new(state) for state, node in nodes if not isinstance(node, (Variable, Constant))}

    def _partials(self, jacobian: Jacobian) -> dict[Node, str]:
        vocabulary, states = self.vocabulary, jacobian.model.states
        found: dict[Node, str] = {}
        for new, row in zip(states, jacobian.blocks, strict=True):
            for old, block in zip(states, row, strict=True):
                if not isinstance(block, (Identity, Zero, Weight)):
                    name = vocabulary.notation.partial(vocabulary.new(new), vocabulary.at(old, "t-1"))
                    found.setdefault(block, name)
        return found

    def _pre_activations(self, roots: Sequence[Node]) -> dict[Node, str]:
        """Arguments of activations that are sums and would be printed more than once."""
        order = _parents_first(roots)
        sums = {
            node.argument for node in order if isinstance(node, Elementwise) and isinstance(node.argument, VectorSum)
        }
        sums -= self.names.keys()
        counts = dict.fromkeys(order, 0)
        for root in roots:
            counts[root] += 1
        for node in order:
            once = node in self.names or node in sums  # what has a name is spelled out only where it is defined
            for child in children(node):
                counts[child] += min(counts[node], 1) if once else counts[node]
        chosen = [node for node in order if node in sums and counts[node] > 1]
        letter = self.vocabulary.letter("a", "p", "v", "y")
        steps = ["t"] if len(chosen) == 1 else [f"{index},t" for index, _ in enumerate(chosen, 1)]
        return {node: self.vocabulary.stepped(letter, step) for node, step in zip(chosen, steps, strict=True)}

    def definitions(self, printed: Sequence[Node], spelled_out: bool = True) -> list[Equation]:
        """What the names mean that are used when some nodes are printed, each once.

        Args:
            printed: the nodes.
            spelled_out: whether those of the nodes that have a name were spelled out, and so are explained already.
        """
        done = {node for node in printed if node in self.names} if spelled_out else set()
        found: list[Equation] = []
        waiting = [(node, spelled_out) for node in printed]
        while waiting:
            for node in self._used(*waiting.pop(0)):
                if node not in done:
                    done.add(node)
                    found.append(Equation(self.names[node], "=", self.writer.terms(node, spelled_out=True)))
                    waiting.append((node, True))
        return found

    def _used(self, node: Node, below: bool) -> list[Node]:
        """The named nodes met first on the way down from a node (or strictly below it), in reading order."""
        found: dict[Node, None] = {}
        seen: set[Node] = set()
        stack = list(reversed(children(node))) if below else [node]
        while stack:
            current = stack.pop()
            if current in self.names:
                found[current] = None
            elif current not in seen:
                seen.add(current)
                stack.extend(reversed(children(current)))
        return list(found)


def _parents_first(roots: Sequence[Node]) -> list[Node]:
    """Every node below some roots, each after all that contain it."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in roots]
    while stack:
        node, finished = stack.pop()
        if finished:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((child, False) for child in children(node))
    return order[::-1]
