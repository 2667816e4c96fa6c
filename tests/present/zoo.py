"""Every model family, ready to be bounded."""

from __future__ import annotations

import re

import symgrad as sg

__all__ = ["FAMILIES", "declared", "zoo"]

FAMILIES = sg.models.names()
_ASKED_FOR = re.compile(r"([^\s{,]+): sg\.Interval\(low, high\)")


def zoo(name: str) -> sg.Recurrence:
    """A family, with the ranges declared that its bound asks for."""
    return declared(sg.models.build(name))


def declared(model: sg.Recurrence) -> sg.Recurrence:
    """A model with the ranges declared that its bound asks for."""
    try:
        sg.product_bound(model)
    except sg.NoBoundError as error:
        return model.assuming({symbol: (-16, 16) for symbol in _ASKED_FOR.findall(str(error))})
    return model
