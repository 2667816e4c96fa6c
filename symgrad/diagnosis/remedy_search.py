"""find_remedies: what to change in a layer whose gradients vanish or explode, each change tried on its sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import sympy as sp

from symgrad.design.advice import tried
from symgrad.design.candidates import candidates
from symgrad.design.gradient_clipping import clipping
from symgrad.design.growth import METHODS, Growth, Trial, simulated, without_state_ranges
from symgrad.design.questions import Candidate, Question
from symgrad.diagnosis.causes import Cause, CauseFound
from symgrad.diagnosis.changed_weights import Change, changes, torch_code
from symgrad.diagnosis.growth_parts import growth_parts
from symgrad.diagnosis.layer_candidates import common_factor, orthogonal_weights, without_shifts
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.language.norms import OperatorNorm
from symgrad.numerics.network_verdict import Outcome

__all__ = ["find_remedies"]

_RETAIN = sp.exp(-1)
_CURED = 3.0  # decades from 1 within which a gradient has neither vanished nor exploded
_FLAT = 0.5  # geometric mean of the slopes of an activation, as a part of the largest one, below which it saturates
_SEQUENCES = 4
_MOST_WORK = 2e10  # multiplications of one simulation
_MOST_STATES = 512  # up to which remedies are tried by products of Jacobians
_BOUNDED = 64  # states up to which the bound unit by unit is computed


def find_remedies(
    run: LayerRun, found: LayerOutcome, causes: tuple[CauseFound, ...] = (), *, threshold: float = 1.0
) -> tuple[RemedyFound, ...]:
    """Changes that bring the gradient over all steps of a run nearer to 1, the best first; none for a healthy layer.

    The remedies of :func:`symgrad.design.advise` are tried on the sequences of the layer. Where saturation is a cause
    the biases that shift the activations are tried at zero as well, and where growth for a while is one, orthogonal
    weights. Where nothing brings the gradient to between 1/1000 and 1000, a common factor of the recurrent weights is
    sought at which it is 1. Against explosion comes clipping. Layers of more than 512 states are not tried: what the
    formulas give is then listed with nan for the gradient after.

    Args:
        run: the layer with its sequences.
        found: what became of its gradients.
        causes: why.
        threshold: of clipping by norm.

    Raises:
        InputError: a threshold that is not a positive number.
    """
    if found.outcome not in (Outcome.VANISHING, Outcome.EXPLODING):
        return ()
    search = _Search(run, found, causes)
    remedies = search.remedies()
    if found.outcome is Outcome.EXPLODING:
        remedies.append(_clipped(search.now, threshold))
    return tuple(remedies)


@dataclass(frozen=True, eq=False)
class _Search:
    """Remedies for one layer."""

    run: LayerRun
    found: LayerOutcome
    causes: tuple[CauseFound, ...]

    @cached_property
    def question(self) -> Question:
        """What candidates are made for; fewer sequences of larger layers."""
        model, steps = without_state_ranges(self.run.model), self.run.steps
        count = min(_SEQUENCES, max(1, int(_MOST_WORK / (self.run.total**3 * steps))))
        inputs = {symbol: self.run.inputs[str(symbol)][:count] for symbol in model.inputs}
        return Question(model, self.run.setting.weights, Trial(inputs, steps), _RETAIN)

    @cached_property
    def now(self) -> float:
        """The typical decimal logarithm of the gradient as it is; nan where a layer is too large to try anything."""
        if self.run.total > _MOST_STATES:
            return math.nan
        return simulated(self.question.model, self.question.weights, self.question.trial)[1]

    def remedies(self) -> list[RemedyFound]:
        """Those that leave the gradient nearer to 1 than it is now: first those that cure, changes of weights first."""
        made = list(self._made())
        found = [self._tried(candidate) for candidate in made]
        if not any(map(self._cures, found)) and self.run.total <= _MOST_STATES:
            found += [self._tried(candidate) for candidate in common_factor(self.question)]
        now = abs(self.now) if not math.isinf(self.now) else math.inf
        better = [item for item in found if math.isnan(now) or _distance(item) < now]
        return sorted(better, key=self._place)

    def _made(self) -> Iterator[Candidate]:
        causes = {item.cause for item in self.causes}
        yield from candidates(self.question)
        if Cause.SATURATION in causes:
            slopes = growth_parts(self.run).slopes
            for candidate in without_shifts(self.question, [node for node, mean in slopes.items() if mean < _FLAT]):
                yield candidate
                yield from self._on_top_of(candidate)
        if Cause.NON_NORMAL in causes:
            yield from orthogonal_weights(self.question)

    def _on_top_of(self, first: Candidate) -> Iterator[Candidate]:
        """Changes of weights once others have been made."""
        question = replace(self.question, weights=first.weights)
        for candidate in candidates(question):
            if candidate.model is first.model:
                name, promise = f"{first.name}, then {candidate.name}", f"{first.promise}; {candidate.promise}"
                yield replace(candidate, name=name, promise=promise, changes=(*first.changes, *candidate.changes))

    def _tried(self, candidate: Candidate) -> RemedyFound:
        """A candidate with what it leaves of the gradient, its numbers and lines of PyTorch."""
        growth: Growth | None = None
        if self.run.total <= _MOST_STATES:
            growth = tried(candidate, self.question, METHODS if self.run.total <= _BOUNDED else METHODS[:1]).growth
        named = {str(symbol): array for symbol, array in candidate.weights.values.items()}
        changed = changes(self.run.weights, named) if candidate.model is self.question.model else None
        return RemedyFound(
            candidate.name,
            candidate.formula,
            _values(changed, candidate),
            candidate.promise,
            torch_code(self.run.model, self.run.weights, changed) if changed else _loop(candidate, self.question),
            (self.now, math.nan if growth is None else growth.typical),
            None if growth is None else growth.at_most,
        )

    def _cures(self, item: RemedyFound) -> bool:
        return _distance(item) <= _CURED

    def _place(self, item: RemedyFound) -> tuple[bool, bool, float, str]:
        rebuilt = item.code is None or "no_grad" not in item.code
        distance = _distance(item)
        return not self._cures(item), rebuilt and self._cures(item), distance, item.name


def _distance(item: RemedyFound) -> float:
    """How far the gradient is from 1 with a remedy, in decades."""
    return abs(item.growth[1]) if not math.isnan(item.growth[1]) else math.inf


def _values(changed: tuple[Change, ...] | None, candidate: Candidate) -> dict[str, float | str]:
    """What is set -> the number, or in words; a change of the model as it is described."""
    if changed:
        return {change.name: change.value for change in changed}
    split = [item.split(" = ", 1) if " = " in item else [item, ""] for item in candidate.changes]
    return {name: value for name, value in split}


def _loop(candidate: Candidate, question: Question) -> str | None:
    """The line of a loop over time that a new direct path of the only state changes; None for other models."""
    if candidate.model is question.model or len(question.model.states) != 1 or len(question.model.inputs) != 1:
        return None
    state, branch = question.model.states[0], next(iter(question.model.updates.values()))
    scales = [factor for factor in (candidate.model.updates[state] - state).args if isinstance(factor, sp.Float)]
    if len(scales) != 1 or not (candidate.model.updates[state] - state).has(branch):
        return None
    return f"h = h + {float(scales[0]):.9g} * module(u, h)  # for a cell, in the place of h = module(u, h)"


def _clipped(now: float, threshold: float) -> RemedyFound:
    """Clipping by norm, which bounds every update and leaves the Jacobians as they are."""
    theta = sp.Symbol("theta", positive=True)
    found, number = clipping(norm=theta), float(clipping(norm=threshold).threshold)
    update = OperatorNorm(sp.MatrixSymbol("v", found.size, 1))
    return RemedyFound(
        "clip the gradient by its norm",
        sp.Le(update, found.update, evaluate=False),
        {"theta": number},
        "no update v with the learning rate eta is longer than eta*theta; the products themselves stay as they are",
        f"torch.nn.utils.clip_grad_norm_(module.parameters(), max_norm={number:g})  # after loss.backward()",
        (now, math.nan),
    )
