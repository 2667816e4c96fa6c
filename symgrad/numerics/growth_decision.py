"""The four statements of a verdict on a network, decided from what is cheap to what is dear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from symgrad.bounds.product import BoundSeries
from symgrad.language.exactness import exact_model
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.all_bounds import AllBounds, Theorems, all_bounds
from symgrad.numerics.findings import Findings
from symgrad.numerics.growth_certificates import GrowthCertificate, RuleCertificate, TrajectoryCertificate
from symgrad.numerics.growth_proofs import bounded, decays, grows, kept, rule_proof
from symgrad.numerics.growth_witnesses import (
    growing_orbit,
    growing_trajectory,
    kept_along,
    kept_trajectory,
    largest_products,
)
from symgrad.numerics.periodic_orbit import PeriodicOrbit
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch

__all__ = ["Decision", "Question"]

Proof = GrowthCertificate | None

_CHEAP, _DEAR = ("norm", "range", "perron"), ("diagonal", "quadratic")


@dataclass(frozen=True, eq=False)
class Question:
    """What a verdict is about.

    Attributes:
        model: the recurrence.
        weights: its numbers, None for statements about all of them.
        norm: the operator norm.
        steps: the number of factors that counts as many.
        delta: what counts as vanished.
        growth: what counts as exploded.
        seed: of the search.
        given: trajectories to look at first.
    """

    model: Recurrence
    weights: Weights | None
    norm: Norm
    steps: int
    delta: float
    growth: float
    seed: int = 0
    given: Batch | None = field(default=None, repr=False)


class Decision:
    """Certificates of the four statements, None for those that are not proved.

    No two of them contradict each other: trajectories are looked for only where no bound speaks against them, and
    statements about the first factors alone only where nothing is proved about all of them.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        weights = question.weights
        self.model = question.model if weights is None else exact_model(question.model, weights)
        self._theorems = Theorems(self.model, question.norm)

    @cached_property
    def vanishing(self) -> Proof:
        """That all norms are below delta by the number of steps, and tend to zero."""
        ask = self.question
        proof = self._rule("decays") or decays(self._upper, ask.delta, ask.steps)
        if proof is None and self._worthwhile:
            proof = decays(self._dear, ask.delta, ask.steps)
        return proof

    @cached_property
    def explosion(self) -> Proof:
        """That products grow along every direction, or along one trajectory."""
        if self.vanishing is not None:
            return None
        early = self._growth_everywhere or self._long_growth
        if early is not None or self._bounded_for_ever is not None or self._bounded_so_long is not None:
            return early
        for proof in (self._any_growth, self._orbit):
            if proof is not None and not (isinstance(proof, PeriodicOrbit) and proof.rate <= 1):
                return proof
        return None

    @cached_property
    def no_explosion(self) -> Proof:
        """That all norms are bounded: for ever, or below what counts as exploded up to the number of steps."""
        if self._bounded_for_ever is not None or self.explosion is not None:
            return self._bounded_for_ever
        return self._bounded_so_long

    @cached_property
    def no_vanishing(self) -> Proof:
        """That products are kept from zero: along every direction, or along one trajectory."""
        if self.vanishing is not None:
            return None
        everywhere = self._kept_for_ever or self._kept_so_long or self._growth_everywhere
        if everywhere is not None or isinstance(self.explosion, PeriodicOrbit):
            return everywhere or self.explosion
        ask = self.question
        if isinstance(self.explosion, TrajectoryCertificate) and self.explosion.steps == ask.steps:
            return kept_along(self.explosion, ask.delta)
        proofs = (kept_trajectory(place, ask.norm, found, ask.delta) for place, found in self._searches())
        return next((proof for proof in proofs if proof is not None), None)

    def _rule(self, claim: str) -> RuleCertificate | None:
        proof = rule_proof(self._theorems, claim, self.question.delta)
        return proof if proof is not None and proof.start <= self.question.steps else None

    def _bounds(self, methods: tuple[str, ...], *sides: str) -> AllBounds | None:
        weights = self.question.weights
        return None if weights is None else all_bounds(self._theorems, weights, methods, sides)

    @cached_property
    def _setting(self) -> AllBounds | None:
        return self._bounds(_CHEAP, "upper", "lower")

    @property
    def _upper(self) -> dict[str, BoundSeries]:
        return {} if self._setting is None else dict(self._setting.upper)

    @property
    def _lower(self) -> dict[str, BoundSeries]:
        return {} if self._setting is None else dict(self._setting.lower)

    @cached_property
    def _dear(self) -> dict[str, BoundSeries]:
        found = self._bounds(_DEAR, "upper")
        return {} if found is None else dict(found.upper)

    @property
    def _dear_if_known(self) -> dict[str, BoundSeries]:
        return self._dear if self._worthwhile else {}

    @cached_property
    def _worthwhile(self) -> bool:
        """Whether weighted 2-norms could tell anything that is not known yet."""
        if self._growth_everywhere is not None or self._long_growth is not None:
            return False
        held = self._kept_for_ever or self._kept_so_long
        below = self._cheaply_bounded or bounded(self._upper, self.question.steps, self.question.growth)
        return held is None or below is None

    @cached_property
    def _growth_everywhere(self) -> Proof:
        return self._rule("grows") or grows(self._lower, self.question.steps)

    @cached_property
    def _kept_for_ever(self) -> Proof:
        return self._rule("kept") or kept(self._lower, None)

    @cached_property
    def _kept_so_long(self) -> Proof:
        return kept(self._lower, self.question.steps, self.question.delta)

    @cached_property
    def _cheaply_bounded(self) -> Proof:
        return self._rule("bounded") or bounded(self._upper, None)

    @cached_property
    def _bounded_for_ever(self) -> Proof:
        known = self._cheaply_bounded
        return bounded(self._dear_if_known, None) if known is None and self._growth_everywhere is None else known

    @cached_property
    def _bounded_so_long(self) -> Proof:
        return bounded({**self._upper, **self._dear_if_known}, self.question.steps, self.question.growth)

    @cached_property
    def _places(self) -> list[Setting]:
        """Where trajectories are looked for: in the invariant box, then in all of the declared ranges."""
        if self._setting is None or self.question.weights is None:
            return []
        return [self._setting.setting, Setting(self.model, self.question.weights)]

    @cached_property
    def _known(self) -> dict[Setting, Findings]:
        return {}

    def _searches(self) -> Iterator[tuple[Setting, Findings]]:
        """The largest products of simulated trajectories, place by place."""
        ask = self.question
        for place in self._places:
            if place not in self._known:
                self._known[place] = largest_products(place, ask.norm, ask.steps, ask.given, ask.seed)
            yield place, self._known[place]

    @cached_property
    def _long_growth(self) -> TrajectoryCertificate | None:
        """A product of as many factors as count as many that is large: not one that falls again."""
        return self._growing([self.question.steps], 1)

    @cached_property
    def _any_growth(self) -> TrajectoryCertificate | None:
        return self._growing(list(range(1, self.question.steps + 1)), 2)

    def _growing(self, ends: list[int], places: int) -> TrajectoryCertificate | None:
        if self._cheaply_bounded is not None:
            return None
        ask = self.question
        found = (
            growing_trajectory(place, ask.norm, products, ask.growth, ends)
            for place, products in islice(self._searches(), places)
        )
        return next((proof for proof in found if proof is not None), None)

    @cached_property
    def _orbit(self) -> PeriodicOrbit | None:
        ask = self.question
        return None if ask.weights is None else growing_orbit(self.model, ask.weights, ask.norm, ask.seed)
