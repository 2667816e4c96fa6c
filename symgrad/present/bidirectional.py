"""Bidirectional stacks in print: the equations of each direction of each layer under its name."""

from __future__ import annotations

from typing import Any

from symgrad.numerics.bidirectional import BidirectionalStack
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.scalars import phrase

__all__: list[str] = []


@text.register
def _(stack: BidirectionalStack) -> str:
    rows = []
    for name, model in stack.directions:
        rows += [f"{name}:", *(f"  {line}" for line in text(model).splitlines())]
    return "\n".join(rows)


@latex.register
def _(stack: BidirectionalStack) -> str:
    parts = [part for name, model in stack.directions for part in (phrase(f"{name}:"), latex(model))]
    return "\n".join([r"\begin{array}{l}", " \\\\[1ex]\n".join(parts), r"\end{array}"])


@to_dict.register
def _(stack: BidirectionalStack) -> dict[str, Any]:
    layers = [{"forward": to_dict(forward), "reverse": to_dict(reverse)} for forward, reverse in stack.layers]
    return {"kind": "bidirectional stack", "layers": layers}
