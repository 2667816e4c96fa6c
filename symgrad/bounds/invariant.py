"""Invariant boxes in closed form: ranges that no state leaves, from those of the inputs and the norms of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.bounds.engine import PLAIN, Engine, Setting
from symgrad.bounds.inequality import EntryRange, Inequality
from symgrad.bounds.intervals import magnitude
from symgrad.bounds.proof import Proof
from symgrad.bounds.range_rules import invariant_box as invariant_box_rule
from symgrad.calculus.invariant_box import UnitBox, unit_box
from symgrad.calculus.unit_ranges import declared_ranges
from symgrad.errors import InputError, NoRuleError
from symgrad.language.norms import maximum, minimum
from symgrad.language.operators import Variable
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.presentable import Presentable
from symgrad.rigor.functions import logistic

__all__ = ["InvariantBox", "invariant_box"]

REFINED = Setting(refined=True)


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a range comes from: the model and the setting in which one step is proved to end in it."""

    model: Recurrence
    setting: Setting


@dataclass(frozen=True, eq=False)
class InvariantBox(Presentable):
    """Ranges of states that no trajectory leaves which starts within them.

    Attributes:
        model: the recurrence, with the declared ranges of the inputs.
        ranges: state -> the interval that holds all its entries; states with a declared range, and those for which
            none was found, are left out. The origin is always within.
        origins: for each of these states where its range comes from.

    >>> import symgrad as sg
    >>> box = invariant_box(sg.models.elman().assuming({"u": (-1, 1)}))
    >>> box.ranges
    {h: Interval(-1, 1)}
    """

    model: Recurrence
    ranges: Mapping[sp.Expr, sp.Interval]
    origins: Mapping[sp.Expr, Origin] = field(repr=False)

    @cached_property
    def assumed(self) -> Recurrence:
        """The model with these ranges as assumptions."""
        return self.model.assuming(self.ranges) if self.ranges else self.model

    @property
    def setting(self) -> Setting:
        """For derivations that rest on the box."""
        return Setting(refined=True, derived=frozenset(self.ranges))

    @cached_property
    def proofs(self) -> tuple[Proof, ...]:
        """For each state that one step from within the box ends in it."""
        return tuple(self._proof(state, origin) for state, origin in self.origins.items())

    def _proof(self, state: sp.Expr, origin: Origin) -> Proof:
        step = Engine(origin.model, origin.setting).prove(EntryRange(self.model.nodes[state]))
        return Proof(origin.model, step, origin.setting)

    def proof_of(self, inequality: Inequality) -> Proof:
        """The proof of an inequality that rests on the box, with those of the ranges that it uses."""
        steps = (step.quantity for step in inequality.steps() if step.rule is invariant_box_rule)
        vectors = {item.vector for item in steps if isinstance(item, EntryRange)}
        used = {vector.symbol for vector in vectors if isinstance(vector, Variable)}
        lemmas = tuple(proof for state, proof in zip(self.ranges, self.proofs, strict=True) if state in used)
        return Proof(self.assumed, inequality, self.setting, lemmas)

    def with_weights(self, weights: Mapping[Any, Any]) -> UnitBox:
        """The box with weights put in, sharper: an interval for each unit, proved invariant with directed rounding.

        It holds every start in those ranges that no weight stands in, and the origin of the other states.

        Raises:
            InputError: a malformed weight; weights that do not tell a size.
            UnknownNameError: a name that the model does not have.
        """
        return self.of_units(bind(self.model, weights))

    def of_units(self, weights: Weights) -> UnitBox:
        """The same for weights that are bound to the model."""
        outer = declared_ranges(self.assumed, weights)
        start = {state: outer[state] for state, interval in self.ranges.items() if not interval.free_symbols}
        return replace(unit_box(self.model, weights, start), closed=outer)


def invariant_box(model: Recurrence) -> InvariantBox:
    """Ranges of the states, in closed form in the ranges of the inputs and the norms of the weights.

    A state whose next value is bounded whatever the states are gets that range. For the others ``|x| <= r`` is
    supposed and the radius r is solved from ``phi r + iota = r``, where one step turns r into at most
    ``phi r + iota``: finite if and only if ``phi < 1``.

    Raises:
        InputError: no Recurrence, or a model with a depth.

    >>> import symgrad as sg
    >>> box = invariant_box(sg.models.gru().assuming({"u": (-1, 1)}))
    >>> [(str(state), interval) for state, interval in box.ranges.items()]
    [('h', Interval(-1, 1))]
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    if model.depth is not None:
        raise InputError(f"model: every layer of {model.name} has parameters of its own, so no box is the same for all")
    free = [state for state in model.states if state not in model.ranges]
    found, origins = _bounded_anyway(model, free)
    rest = [state for state in free if state not in found]
    while rest:
        solved = {s: answer for s in rest if (answer := _solved(model, found, s, rest)) is not None}
        if not solved:
            break
        found |= {s: sp.Interval(-radius, radius) for s, (radius, _) in solved.items()}
        origins |= {s: Origin(model.assuming(found), setting) for s, (_, setting) in solved.items()}
        rest = [state for state in rest if state not in solved]
    kept = [state for state in free if state in found]
    return InvariantBox(model, {s: found[s] for s in kept}, {s: origins[s] for s in kept})


def _bounded_anyway(
    model: Recurrence, states: list[sp.Expr]
) -> tuple[dict[sp.Expr, sp.Interval], dict[sp.Expr, Origin]]:
    """The ranges of next states that hold whatever the free states are, each put to use for the others."""
    found: dict[sp.Expr, sp.Interval] = {}
    origins: dict[sp.Expr, Origin] = {}
    for _ in states:
        assumed = model.assuming(found) if found else model
        engine = Engine(assumed, REFINED)
        new = {s: _around_zero(bounds) for s in states if s not in found and (bounds := _range(engine, s)) is not None}
        if not new:
            break
        found |= new
        origins |= dict.fromkeys(new, Origin(assumed, REFINED))
    return found, origins


def _range(engine: Engine, state: sp.Expr) -> sp.Tuple | None:
    """The range of a next state, None where it is not finite."""
    try:
        inequality = engine.prove(EntryRange(engine.context.model.nodes[state]))
    except NoRuleError:
        return None
    return inequality.bound if inequality.is_finite else None


def _around_zero(bounds: sp.Tuple) -> sp.Interval:
    low, high = minimum(bounds[0], sp.S.Zero), maximum(bounds[1], sp.S.Zero)
    return sp.Interval(low, high) if low != high else sp.Interval(-1, 1)


def _solved(
    model: Recurrence, found: Mapping[sp.Expr, sp.Interval], state: sp.Expr, others: list[sp.Expr]
) -> tuple[sp.Expr, Setting] | None:
    """The radius r with one step from ``|x| <= r`` back within, and how that is seen; None without a closed form."""
    radii = {s: sp.Dummy(f"r_{s}", positive=True) for s in others}
    assumed = model.assuming({**found, **{s: sp.Interval(-r, r) for s, r in radii.items()}})
    for setting in (REFINED, PLAIN):  # the closer bounds need not be affine in the radius
        bounds = _range(Engine(assumed, setting), state)
        radius = None if bounds is None else _fixed_radius(magnitude(bounds), radii[state], set(radii.values()))
        if radius is not None:
            return radius, setting
    return None


def _fixed_radius(size: sp.Expr, own: sp.Symbol, radii: set[sp.Symbol]) -> sp.Expr | None:
    """The least r that a maximum of sizes ``phi r + iota`` does not exceed, 1 where every r will do."""
    parts = size.args if isinstance(size, sp.Max) else (size,)
    found = [_radius_of(sp.expand(part), own, radii) for part in parts]
    if None in found:
        return None
    radius = maximum(*(r for r in found if r is not None))
    return sp.S.One if radius.is_zero else radius


def _radius_of(size: sp.Expr, own: sp.Symbol, radii: set[sp.Symbol]) -> sp.Expr | None:
    """The least r >= 0 with ``phi r + iota <= r`` for an affine size; infinite, by a zero denominator, if phi >= 1."""
    factor, rest = size.coeff(own, 1), size.coeff(own, 0)
    affine = sp.expand(size - factor * own - rest).is_zero
    if not affine or (factor.free_symbols | rest.free_symbols) & radii:
        return None
    remaining = logistic(-factor.args[0]) if isinstance(factor, logistic) else 1 - factor
    if rest.is_zero:
        return sp.S.Zero if remaining.is_nonnegative else None  # every radius will do, or it depends on the weights
    if remaining.is_nonpositive:
        return None
    return rest / (remaining if remaining.is_positive else maximum(sp.S.Zero, remaining))
