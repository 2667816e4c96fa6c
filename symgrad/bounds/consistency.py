"""Declared ranges that no trajectory can keep are refused."""

from __future__ import annotations

import sympy as sp

from symgrad.bounds.engine import Engine
from symgrad.bounds.inequality import EntryRange
from symgrad.bounds.intervals import is_numeric
from symgrad.errors import InputError, NoRuleError

__all__ = ["check_reachable"]


def check_reachable(engine: Engine) -> None:
    """Refuse a declared range of a state that its own update never reaches, whatever the other ranges allow.

    Raises:
        InputError: names the state, what is declared and where the update stays.
    """
    model = engine.context.model
    for state, declared in model.ranges.items():
        if state not in model.nodes or declared.free_symbols:
            continue
        try:
            found = engine.prove(EntryRange(model.nodes[state])).bound
        except NoRuleError:
            continue
        if is_numeric(found) and (
            sp.Lt(found[1], declared.start) == sp.true or sp.Gt(found[0], declared.end) == sp.true
        ):
            raise InputError(
                f"range of {state}: {declared} is declared, but its update stays in [{found[0]}, {found[1]}]: "
                "no trajectory is left"
            )
