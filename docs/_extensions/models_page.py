"""The page of models: the catalogue's families with equations, Jacobian and bounds, as the library derives them."""

from __future__ import annotations

from collections.abc import Iterator

import symgrad as sg

ENDS = (-1, 1)


def models_page() -> str:
    """The page as Markdown."""
    parts = [
        "# Models",
        "The families of the catalogue, with what symgrad derives for each: this page is made by calling "
        "{py:func}`symgrad.jacobian` and {py:func}`symgrad.product_bound` when the documentation is built. Where a "
        f"bound needs the range of a state, {list(ENDS)} is declared and shown.",
        *(part for name in sg.models.names() for part in section(name)),
    ]
    return "\n\n".join(parts) + "\n"


def section(name: str) -> Iterator[str]:
    """One family: what it is, its equations, its Jacobian and its bounds."""
    model = sg.models.build(name)
    yield f"## {name}"
    yield f"Options and source: {{py:func}}`symgrad.models.{name}`."
    yield from (formula(model.latex()), formula(sg.jacobian(model).latex()))
    above = bounded(model, "upper")
    below = bounded(model, "lower")
    yield from (formula(bound.latex()) for bound in (above, below) if bound)
    if above and above.gain.rows == 1:  # the conditions on a Perron root are too long for a page
        yield "\n".join(f"- ${criterion.latex()}$" for criterion in above.criteria)


def bounded(model: sg.Recurrence, side: str) -> sg.Bound | None:
    """The bound with the fewest of the states' ranges declared; None where there is none."""
    candidates = [model, *(model.assuming({state: ENDS}) for state in model.states)]
    for candidate in [*candidates, model.assuming(dict.fromkeys(model.states, ENDS))]:
        try:
            return sg.product_bound(candidate, side=side)
        except sg.NoBoundError:
            continue
    return None


def formula(latex: str) -> str:
    """A formula on a line of its own."""
    return f"$$\n{latex}\n$$"
