"""A proof as numbered steps, and its audit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symgrad.bounds.engine import PLAIN, Engine, Setting
from symgrad.bounds.inequality import Inequality, Lacking, Quantity, Rule, rules_for
from symgrad.bounds.instances import Instance, obeys
from symgrad.errors import SymgradError
from symgrad.language.recurrence import Recurrence
from symgrad.presentable import Presentable

__all__ = ["Audit", "Proof", "Step"]


@dataclass(frozen=True)
class Step:
    """One line of a proof.

    Attributes:
        number: its number, from 1.
        inequality: what it states.
        premises: the numbers of the steps that it uses.
    """

    number: int
    inequality: Inequality
    premises: tuple[int, ...]

    @property
    def rule(self) -> Rule:
        """The theorem that it applies."""
        return self.inequality.rule


@dataclass(frozen=True)
class Audit(Presentable):
    """The outcome of checking a proof again.

    Attributes:
        steps: how many steps were checked.
        instances: on how many random instances each step was tried.
        failures: what does not hold, one sentence each; empty when all is well.
    """

    steps: int
    instances: int
    failures: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.failures


@dataclass(frozen=True, eq=False)
class Proof(Presentable):
    """The derivation of an inequality: premises before what follows from them.

    Attributes:
        model: the recurrence.
        conclusion: the inequality.
        setting: what it was derived in.
        lemmas: the derivations of ranges that the proof supposes, one for each state.
    """

    model: Recurrence
    conclusion: Inequality
    setting: Setting = PLAIN
    lemmas: tuple[Proof, ...] = ()

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps, numbered."""
        numbers: dict[Quantity, int] = {}
        found: list[Step] = []
        for number, inequality in enumerate(self.conclusion.steps(), 1):
            numbers[inequality.quantity] = number
            found.append(Step(number, inequality, tuple(numbers[p.quantity] for p in inequality.premises)))
        return tuple(found)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def audit(self, instances: int = 12, seed: int = 0) -> Audit:
        """Check every step again: the rule applies, its premises give its bound, and random instances obey it.

        Args:
            instances: random sizes, weights, states and inputs to try each step on.
            seed: of the random generator.

        Returns:
            An :class:`Audit`, true when nothing failed. An instance fails only when ball arithmetic separates
            the quantity from its bound.
        """
        random = np.random.default_rng(seed)
        samples = [Instance.draw(self.model, random) for _ in range(instances)]
        failures = [failure for step in self.steps for failure in self._failures(step, samples)]
        audits = [lemma.audit(instances, seed) for lemma in self.lemmas]
        failures += [f"lemma {number}: {text}" for number, audit in enumerate(audits, 1) for text in audit.failures]
        return Audit(len(self.steps) + sum(audit.steps for audit in audits), instances, tuple(failures))

    def _failures(self, step: Step, samples: list[Instance]) -> Iterator[str]:
        try:
            self._reapply(step)
        except SymgradError as error:
            yield f"step {step.number}: {error}"
        for index, sample in enumerate(samples):
            if not obeys(step.inequality, sample):
                yield f"step {step.number}: instance {index} exceeds the bound"

    def _reapply(self, step: Step) -> None:
        """Apply the rule to the premises on record, and compare with what the step states."""
        given = {premise.quantity: premise for premise in step.inequality.premises}

        fresh = Engine(self.model, self.setting)

        def recorded(quantity: Quantity) -> Inequality:
            return given[quantity] if quantity in given else fresh.prove(quantity)

        if step.rule not in rules_for():
            raise SymgradError(f"rule {step.rule.name!r} is not registered")
        answer = step.rule(step.inequality.quantity, recorded, fresh.context)
        if isinstance(answer, Lacking):
            raise SymgradError(f"rule {step.rule.name!r} does not apply: {answer.reason}")
        if answer.bound != step.inequality.bound or answer.premises != step.inequality.premises:
            raise SymgradError(f"rule {step.rule.name!r} gives {answer.bound}, the step states {step.inequality.bound}")
