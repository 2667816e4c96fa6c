"""Reports on layer chains and on their bounds."""

from __future__ import annotations

from symgrad.bounds.chain import ChainBound, chain_bound
from symgrad.language.layer_chain import LayerChain
from symgrad.present.dispatch import latex, plot
from symgrad.present.report_contents import Asked, content
from symgrad.present.report_parts import Content, Formula, Item, Section, Shown, Words

__all__: list[str] = []


@content.register
def _(chain: LayerChain, asked: Asked) -> Content:
    if asked.weights is not None:
        return _about(chain_bound(chain, asked.weights), asked)
    return Content(f"Layers of {chain.name}", [Section("Network", [Shown(chain)])])


@content.register
def _(bound: ChainBound, asked: Asked) -> Content:
    return _about(bound, asked)


def _about(bound: ChainBound, asked: Asked) -> Content:
    depth = bound.chain.depth
    words = f"Bounds of the norm of dx_{depth}/dx_l against the layer l."
    picture = asked.pictures.saved(plot(bound), "bound", words)
    lower: list[Item] = [Words("Nothing above zero is proved from below.")]
    if bound.lower_derivation is not None:
        lower = [Shown(bound.lower_derivation)]
    return Content(
        f"Norms of Jacobians of {bound.chain.name}",
        [
            Section("Network", [Shown(bound.chain)]),
            Section("Bounds for every input", [picture, Formula(latex(bound))]),
            Section("Proof from above", [Shown(bound.derivation)]),
            Section("Proof from below", lower),
        ],
    )
