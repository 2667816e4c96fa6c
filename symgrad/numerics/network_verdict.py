"""verdict: whether gradients through a network vanish, explode, or do neither, each proved from its own side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from symgrad.errors import InputError
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.all_bounds import checked_count, with_numbers
from symgrad.numerics.growth_certificates import BoundCertificate, GrowthCertificate, RuleCertificate
from symgrad.numerics.growth_decision import Decision, Question
from symgrad.numerics.verdict import Verdict
from symgrad.presentable import Presentable

__all__ = ["NetworkVerdict", "Outcome", "Statement", "checked_delta", "checked_limits", "verdict"]


class Outcome(StrEnum):
    """What is proved about a network.

    ``VANISHING``: along every trajectory. ``EXPLODING``: along every direction, or along one trajectory.
    ``NEITHER``: both are excluded. ``UNDECIDED``: not all of that could be told.
    """

    VANISHING = "vanishing"
    EXPLODING = "exploding"
    NEITHER = "neither"
    UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False)
class Statement(Presentable):
    """One of the four statements of a verdict; true in a condition (``if statement:``) when it is proved.

    Attributes:
        name: such as ``"vanishing proved"``.
        verdict: ``PROVED`` from the rules alone, for all weights that meet the declared properties; ``CERTIFIED`` for
            these weights; else ``UNDECIDED``.
        certificate: what proves it, ``.replay()`` of which proves it again; None if it is not proved.
    """

    name: str
    verdict: Verdict
    certificate: GrowthCertificate | None

    def __bool__(self) -> bool:
        return self.certificate is not None

    @property
    def scope(self) -> str | None:
        """Which trajectories it is about, in words; None where nothing is proved.

        ``"every trajectory"``, ``"every trajectory from within the invariant box"`` or ``"one trajectory"``.
        """
        if isinstance(self.certificate, (BoundCertificate, RuleCertificate)):
            return self.certificate.scope
        return None if self.certificate is None else "one trajectory"

    @property
    def steps(self) -> int | None:
        """Up to which number of factors it is proved; None where that is all of them."""
        found = getattr(self.certificate, "steps", None)
        return None if found is None else int(found)

    def replay(self) -> bool:
        """Prove it again from the numbers of its certificate.

        Raises:
            InputError: it is not proved.
        """
        if self.certificate is None:
            raise InputError(f"certificate: there is none to replay, the statement {self.name!r} is {self.verdict}")
        return self.certificate.replay()


@dataclass(frozen=True, eq=False)
class NetworkVerdict(Presentable):
    """What :func:`verdict` says about a network.

    With P_k any product of k Jacobians that follow each other:

    Attributes:
        model: the recurrence.
        weights: its numbers; None when the verdict is about all of them.
        norm: the operator norm.
        horizon: the number of factors that counts as many.
        delta: what counts as vanished.
        growth: what counts as exploded.
        vanishing_proved: along every trajectory norms tend to zero, and are at most delta from some k up to the
            horizon on.
        vanishing_excluded: along every direction (or along one trajectory) products stay away from zero.
        explosion_proved: along every direction (or along one trajectory) products grow.
        explosion_excluded: along every trajectory norms stay bounded.
        seed: of the search.

    >>> import symgrad as sg
    >>> found = sg.verdict(sg.models.neuron(w=2, b=0))  # slopes of the logistic function are at most 1/4
    >>> found.outcome.value, found.verdict.value, bool(found.vanishing_excluded)
    ('vanishing', 'proved', False)
    >>> print(found.explosion_excluded.steps, found.explosion_excluded.scope)
    None every trajectory
    """

    model: Recurrence
    weights: Weights | None = field(repr=False)
    norm: Norm
    horizon: int
    delta: float
    growth: float
    vanishing_proved: Statement
    vanishing_excluded: Statement
    explosion_proved: Statement
    explosion_excluded: Statement
    seed: int

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All four."""
        return self.vanishing_proved, self.vanishing_excluded, self.explosion_proved, self.explosion_excluded

    @property
    def outcome(self) -> Outcome:
        """What follows from the four statements."""
        if self.vanishing_proved:
            return Outcome.VANISHING
        if self.explosion_proved:
            return Outcome.EXPLODING
        both = bool(self.vanishing_excluded) and bool(self.explosion_excluded)
        return Outcome.NEITHER if both else Outcome.UNDECIDED

    @property
    def verdict(self) -> Verdict:
        """How the outcome is known, the weaker word of the statements that it follows from."""
        match self.outcome:
            case Outcome.VANISHING:
                return self.vanishing_proved.verdict
            case Outcome.EXPLODING:
                return self.explosion_proved.verdict
            case Outcome.NEITHER:
                return min(self.vanishing_excluded.verdict, self.explosion_excluded.verdict)
        return Verdict.UNDECIDED

    def replay(self) -> bool:
        """Prove all statements again that are proved."""
        return all(statement.replay() for statement in self.statements if statement)


def verdict(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    horizon: int = 200,
    *,
    norm: Any = 2,
    inputs: Any = None,
    delta: Any = 1e-3,
    growth: Any = 1e3,
    seed: int = 0,
) -> NetworkVerdict:
    """Whether gradients through a network vanish, explode, or provably do neither.

    From above every method of :func:`symgrad.product_bound` is tried, from simple to elaborate, as long as it may
    decide something; from below its bounds on minimum moduli, then trajectories found by search and enclosed in ball
    arithmetic, and periodic trajectories of :func:`symgrad.rate_bracket`.

    Bounds by other methods than ``"norm"`` are about trajectories that start within the invariant box: around the zero
    state, where networks start, or as wide as the declared range of a state. States that are reached from elsewhere
    count once their ranges are declared. Inputs keep to the declared ranges.

    Args:
        model: the recurrence, without a depth.
        weights: symbol or name -> number or array, for all parameters, taken as exact. Without weights only what the
            rules prove for all weights with the declared ranges and properties is stated.
        horizon: the number of factors that counts as many.
        norm: 1, 2 or inf.
        inputs: sequences to look at too, as :func:`symgrad.verify` takes them.
        delta: between 0 and 1: products of smaller norm have vanished.
        growth: above 1: products of at least this norm have exploded.
        seed: of the search; nothing that is proved depends on it.

    Returns:
        A :class:`NetworkVerdict`.

    Raises:
        InputError: an argument of the wrong type or value, a missing or malformed weight, a model with a depth.
        UnknownNameError: a name that the model does not have.

    >>> import numpy as np, symgrad as sg
    >>> rotation = {"W": [[0.0, -1.0], [1.0, 0.0]], "U": np.eye(2), "b": np.zeros(2)}
    >>> sg.verdict(sg.models.elman("identity"), rotation).outcome.value
    'neither'
    >>> found = sg.verdict(sg.models.elman(), {**rotation, "W": np.eye(2) / 2})
    >>> found.outcome.value, found.vanishing_proved.certificate.start, found.replay()
    ('vanishing', 10, True)
    """
    question = _question(model, weights, horizon, norm, inputs, delta, growth, seed)
    decision = Decision(question)
    proofs = decision.vanishing, decision.no_vanishing, decision.explosion, decision.no_explosion
    small, not_small, large, not_large = map(_statement, _NAMES, proofs)
    return NetworkVerdict(
        model, question.weights, question.norm, question.steps, question.delta, question.growth,
        small, not_small, large, not_large, question.seed,
    )  # fmt: skip


_NAMES = ("vanishing proved", "vanishing excluded", "explosion proved", "explosion excluded")


def _statement(name: str, proof: GrowthCertificate | None) -> Statement:
    if proof is None:
        return Statement(name, Verdict.UNDECIDED, None)
    return Statement(name, Verdict.PROVED if isinstance(proof, RuleCertificate) else Verdict.CERTIFIED, proof)


def _question(
    model: Any, weights: Any, horizon: Any, norm: Any, inputs: Any, delta: Any, growth: Any, seed: Any
) -> Question:
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    if model.depth is not None:
        raise InputError(f"model: the layers of {model.name} end; a verdict is about steps without end")
    which, (small, large) = norm_of(norm), checked_limits(delta, growth)
    steps, seed = checked_count("horizon", horizon, 1), checked_count("seed", seed, 0)
    if weights is None and model.parameters:
        if inputs is not None:
            raise InputError("inputs: they take part only together with weights")
        return Question(model, None, which, steps, small, large, seed)
    numbers, steps, given = with_numbers(model, weights, inputs, steps)
    return Question(model, numbers, which, steps, small, large, seed, given)


def checked_limits(delta: Any, growth: Any) -> tuple[float, float]:
    """What counts as vanished and what as exploded, as floats.

    Raises:
        InputError: delta is no number between 0 and 1, or growth none above 1.

    >>> checked_limits("1/1000", 1000)
    Traceback (most recent call last):
        ...
    symgrad.errors.InputError: delta: a finite real number is needed, got str '1/1000'
    """
    small, large = checked_delta(delta), float(exact_number("growth", growth))
    if not large > 1:
        raise InputError(f"growth: a number above 1 is needed, got {growth!r}")
    return small, large


def checked_delta(delta: Any) -> float:
    """What counts as vanished, as a float.

    Raises:
        InputError: no number between 0 and 1.
    """
    small = float(exact_number("delta", delta))
    if not 0 < small < 1:
        raise InputError(f"delta: a number between 0 and 1 is needed, got {delta!r}")
    return small
