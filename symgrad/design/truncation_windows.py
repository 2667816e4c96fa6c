"""Truncated backpropagation through time: how many steps are enough, from the bound on what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.gradient import GradientBound, gradient_bound
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.backpropagation import Gradients, backpropagate

__all__ = ["TruncationWindow", "truncation"]

WINDOW = sp.Symbol("K", integer=True, nonnegative=True)
_TRIALS = 5

_TAIL = DerivationRule(
    "terms left out",
    r"\lVert \nabla L - \nabla_K L\rVert \le \lVert\nabla_x L\rVert\, M (\gamma^K + \dots + \gamma^{T-1})",
    "triangle inequality and submultiplicativity on the sum over the steps; Pascanu, Mikolov and Bengio 2013, sec. 2",
)
_LEAST = DerivationRule(
    "least number of terms",
    r"\text{the bound falls with every term kept, and is } 0 \text{ at } K = T",
    "its terms are not negative",
)


@dataclass(frozen=True, eq=False)
class TruncationWindow(StatedResult):
    """The least K for which truncation to the last K steps is proved to be harmless.

    Attributes:
        bound: the bound on the whole gradient; ``bound.truncation(K)`` bounds what is left out, with its proof.
        delta: the error that is accepted.
        absolute: whether delta is the error for a loss whose gradient by the last state has norm 1; otherwise it is
            a share of the bound on the whole gradient.
        window: K, a formula or with weights an integer.
        weights: the numbers that were put in, or None.
        steps: T in numbers where weights are given.

    >>> import numpy as np, symgrad as sg
    >>> model = sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})
    >>> weights = {"W_rec": 2 * np.eye(2), "W_in": np.ones((2, 1)), "b": np.zeros(2)}
    >>> found = truncation(model, delta=0.01, steps=100, weights=weights)
    >>> found.window, found.verify().holds
    (7, True)
    """

    bound: GradientBound
    delta: sp.Expr
    absolute: bool
    window: sp.Expr
    weights: Mapping[Any, Any] | None = field(default=None, repr=False)

    @property
    def steps(self) -> sp.Expr:
        """T, the number of steps."""
        return self.bound.steps

    @cached_property
    def error(self) -> GradientBound:
        """The bound on what is left out, for K terms; its ``proof`` is the engine's."""
        is_number = self.window.is_Integer
        return self.bound.truncation(self.window if is_number else WINDOW)

    @property
    def title(self) -> str:
        """The model and the error accepted."""
        kind = "absolute" if self.absolute else "relative"
        return f"truncated backpropagation of {self.bound.model.name}, {kind} error at most {self.delta}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The window and the error."""
        E = sp.Symbol("E", nonnegative=True)
        whole = self.bound.loss_gradient if self.absolute else self._sum(self.bound, sp.S.Zero)
        rest = self._sum(self.error, self.error.first)
        return (
            Statement("terms to keep", sp.Eq(WINDOW, self.window, evaluate=False)),
            Statement("bound on what is left out", sp.Le(E, rest, evaluate=False)),
            Statement("which is at most", sp.Le(E, self.delta * whole, evaluate=False)),
        )

    def _sum(self, bound: GradientBound, first: sp.Expr) -> sp.Expr:
        """The bound with its sum written as one; of several states as the engine writes it."""
        if bound.gain.rows > 1 or bound.constant != 1:
            return bound.expr
        j = sp.Symbol("j", integer=True, nonnegative=True)
        return bound.loss_gradient * bound.source * sp.Sum(bound.gamma**j, (j, first, self.steps - 1))

    @property
    def derivation(self) -> Derivation:
        """The tail of the sum and the least K; each bound's own proof is ``bound.proof`` and ``error.proof``."""
        window, error, limit = (item.relation for item in self.statements)
        source = "the proof of the bound on the gradient has its steps"
        steps = (
            DerivationStep(_TAIL, error, source),
            DerivationStep(_LEAST, limit),
            DerivationStep(_LEAST, window, "the least K for which it holds"),
        )
        return Derivation(self.title, steps)

    def verify(self, seed: int = 0) -> Verification:
        """Compare truncated with whole gradients along simulated trajectories, and K with K - 1.

        Args:
            seed: of the inputs, initial states and losses.

        Raises:
            InputError: no weights were given, or not all that a simulation needs.
        """
        if self.weights is None or not self.window.is_Integer:
            raise InputError("verify: give all weights and the number of steps to truncation")
        cases = [*self._least(), *self._simulated(np.random.default_rng(seed))]
        return verified(self.title, "gradients of simulated trajectories", cases)

    def _least(self) -> Iterator[Case]:
        """What the bounds themselves say about K and one term less."""
        limit = float(self.delta) * (1.0 if self.absolute else self._value(self.bound))
        yield Case("bound on what K terms leave out", self._value(self.error), limit)
        if self.window > 0:
            before = self._value(self.bound.truncation(self.window - 1))
            yield Case("the same with one term less", before, limit, "lower")

    def _value(self, bound: GradientBound) -> float:
        return float(bound.evaluate(self.weights))

    def _simulated(self, random: np.random.Generator) -> Iterator[Case]:
        limit = self._value(self.error)
        for trial in range(_TRIALS):
            options = self._drawn(random)
            whole = backpropagate(self.bound.model, self.weights, **options)
            part = backpropagate(self.bound.model, self.weights, **options, terms=int(self.window))
            error = _distance(whole, part, self.bound.norm.dual)
            yield Case(f"error of the truncated gradient, trajectory {trial}", error, limit)

    def _drawn(self, random: np.random.Generator) -> dict[str, Any]:
        """Inputs and initial states in their declared ranges, and a loss gradient of dual norm 1."""
        model, count = self.bound.model, int(self.steps)
        weights = {str(key): np.asarray(value) for key, value in (self.weights or {}).items()}
        sizes = _sizes(model, weights)
        rows = {s: sizes.get(s.shape[0], 1) if isinstance(s, sp.MatrixSymbol) else 1 for s in model.variables}
        inputs = {str(s): _inside(model, s, (count, rows[s]), random) for s in model.inputs}
        initial = {str(s): _inside(model, s, (rows[s],), random) for s in model.states}
        loss = random.standard_normal(rows[model.states[0]])
        loss /= _length(loss, self.bound.norm.dual)
        options = {"inputs": inputs or None, "initial": initial, "loss_gradient": {str(model.states[0]): loss}}
        return options if inputs else options | {"steps": count}


def _sizes(model: Recurrence, weights: Mapping[str, NDArray[Any]]) -> dict[sp.Expr, int]:
    found: dict[sp.Expr, int] = {}
    for symbol in model.parameters:
        if str(symbol) in weights and isinstance(symbol, sp.MatrixSymbol):
            found |= dict(zip(symbol.shape, weights[str(symbol)].shape, strict=False))
    return found


def _inside(model: Recurrence, symbol: sp.Expr, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[Any]:
    interval = model.ranges.get(symbol)
    if interval is None:
        return random.standard_normal(shape)
    ends = [float(end) for end in (interval.start, interval.end)]
    low, high = max(ends[0], -10.0), min(ends[1], 10.0)
    return random.uniform(low, high, shape)


def _length(vector: NDArray[Any], p: sp.Expr) -> float:
    return float(np.linalg.norm(vector, np.inf if p == sp.oo else int(p)))


def _distance(first: Gradients, second: Gradients, p: sp.Expr) -> float:
    names = first.parameters
    difference = np.concatenate([(first.parameters[n] - second.parameters[n]).ravel() for n in names])
    return _length(difference, p)


def truncation(
    bound: Any,
    *,
    delta: Any,
    absolute: bool = False,
    steps: Any = None,
    weights: Mapping[Any, Any] | None = None,
    method: str = "norm",
) -> TruncationWindow:
    """The number of steps after which backpropagation through time may be cut off.

    Args:
        bound: a :class:`symgrad.GradientBound`, or a Recurrence with the ranges declared that its gradient bound needs.
        delta: the error that is accepted, a positive number or symbol.
        absolute: take delta for the error itself, for a loss whose gradient by the last state has norm 1 (needs
            weights); otherwise for a share of the bound on the whole gradient.
        steps: T, for a Recurrence; a symbol unless given.
        weights: symbol or name -> array; with them and a number T the window is a number.
        method: of :func:`symgrad.gradient_bound`, for a Recurrence.

    Returns:
        A :class:`TruncationWindow`.

    Raises:
        InputError: a malformed argument; an absolute error without weights and a number of steps.
        NoBoundError: there is no bound on the gradient; says which range is missing.

    Source: Pascanu, Mikolov and Bengio 2013, sec. 2, for the geometric decay that makes truncation harmless.
    """
    found = _bound_of(bound, steps, method)
    accepted = delta if isinstance(delta, sp.Expr) and delta.free_symbols else exact_number("delta", delta)
    numeric = weights is not None and found.steps.is_Integer
    if weights is not None and not numeric:
        raise InputError("steps: with weights a number of steps is needed")
    if absolute and not numeric:
        raise InputError("absolute: the error itself is compared with numbers; give weights and steps")
    window = found.window(accepted, weights, gradient=1 if absolute else None)
    return TruncationWindow(found, accepted, absolute, sp.sympify(window), weights)


def _bound_of(bound: Any, steps: Any, method: str) -> GradientBound:
    if isinstance(bound, GradientBound):
        if steps is not None or method != "norm":
            raise InputError("steps, method: a GradientBound has its own; give them with a Recurrence")
        return bound
    if not isinstance(bound, Recurrence):
        raise InputError(f"bound: a GradientBound or a Recurrence is needed, got {type(bound).__name__} {bound!r}")
    return gradient_bound(bound, method=method) if steps is None else gradient_bound(bound, steps, method=method)
