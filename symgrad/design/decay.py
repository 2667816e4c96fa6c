"""Weight decay: how fast it shrinks the norm of a weight, and after how many steps a model contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.design.arguments import checked_size, nonnegative_parameter, positive_parameter, power
from symgrad.design.spectral import spectral_normalisation
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.norms import OperatorNorm
from symgrad.language.recurrence import Recurrence
from symgrad.rigor.balls import to_ball

__all__ = ["WeightDecay", "weight_decay"]

STEPS = sp.Symbol("t", integer=True, nonnegative=True)
_PRECISIONS = (64, 256, 1024, 4096)
_EXACT = 5000  # steps whose power is written out

_STEP = DerivationRule(
    "one step of decay",
    r"\lVert (1 - \eta\lambda) W - \eta G \rVert \le |1 - \eta\lambda| \lVert W\rVert + \eta\lVert G\rVert",
    "triangle inequality; Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization, for the update",
)
_SERIES = DerivationRule(
    "geometric series",
    r"x_{t+1} \le r x_t + c \Rightarrow x_t \le r^t x_0 + c\, (1 - r^t)/(1 - r)",
    "induction on t",
)
_SOLVED = DerivationRule(
    "solved for the number of steps",
    r"r^t a \le b \iff t \ge \log(b/a)/\log r \quad (0 < b < a,\ 0 < r < 1)",
    "the logarithm is increasing and log r is negative",
)


@dataclass(frozen=True)
class WeightDecay(StatedResult):
    """The norm of a weight under ``W -> (1 - eta lambda) W - eta G`` with ``||G|| <= g``.

    Attributes:
        rate: eta.
        decay: lambda.
        norm: the operator norm of W at the start.
        gradient: g, the bound on the operator norm of every gradient; 0 for decay alone.
        target: the norm to come down to, or None.

    >>> found = weight_decay(rate=0.1, decay=0.1, norm=8, target=4)
    >>> found.shrinkage, found.steps
    (99/100, 69)
    """

    rate: sp.Expr
    decay: sp.Expr
    norm: sp.Expr
    gradient: sp.Expr
    target: sp.Expr | None

    @property
    def shrinkage(self) -> sp.Expr:
        """``r = |1 - eta lambda|``, the factor of each step; with symbols it supposes ``eta lambda <= 1``."""
        rest = 1 - self.rate * self.decay
        return sp.Abs(rest) if rest.is_number else rest

    @property
    def limit(self) -> sp.Expr:
        """The norm that the bound tends to, ``eta g/(1 - r)``, which is ``g/lambda`` for ``eta lambda <= 1``."""
        return sp.simplify(self.rate * self.gradient / (1 - self.shrinkage))

    def after(self, steps: Any = None) -> sp.Expr:
        """The bound on the norm after so many steps; None for the symbol t.

        Raises:
            InputError: no positive integer or symbol.
        """
        count = STEPS if steps is None else checked_size("steps", steps, "t")
        left = power(self.shrinkage, count)
        return left * self.norm + self.limit * (1 - left)

    @property
    def steps(self) -> sp.Expr:
        """The least number of steps after which the bound is at most the target; infinite where it never is.

        An integer where all is in numbers, decided in ball arithmetic; otherwise a formula.

        Raises:
            InputError: there is no target, or a number of steps could not be decided.
        """
        if self.target is None:
            raise InputError("target: a number or symbol for the norm to come down to is needed")
        start, goal = self.norm - self.limit, self.target - self.limit
        if start.is_number and goal.is_number and self.shrinkage.is_number:
            return self._counted(start, goal)
        least = sp.ceiling(sp.log(goal / start) / sp.log(self.shrinkage))
        return sp.Piecewise((0, sp.Ge(self.target, self.norm)), (sp.oo, sp.Le(goal, 0)), (least, True))

    def _counted(self, start: sp.Expr, goal: sp.Expr) -> sp.Expr:
        if sp.Le(self.norm, self.target) == sp.true:
            return sp.S.Zero
        if sp.Le(goal, 0) == sp.true:
            return sp.oo
        if self.shrinkage == 0:
            return sp.S.One
        exact = to_ball(sp.log(goal / start) / sp.log(self.shrinkage), _PRECISIONS[2])
        mantissa, exponent = exact.mid().man_exp()
        guess = int(sp.ceiling(sp.Integer(int(mantissa)) * sp.Integer(2) ** int(exponent)))
        for count in (guess - 1, guess, guess + 1):
            if count >= 0 and _shrunk(self.shrinkage, count, goal / start):
                return sp.Integer(count)
        raise InputError("steps: the least number could not be decided")

    @property
    def title(self) -> str:
        """Learning rate and decay."""
        product = self.rate * self.decay
        supposed = "" if product.is_number else f", {product} <= 1"
        return f"weight decay {self.decay} with learning rate {self.rate}{supposed}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The bound after t steps, its limit, and the number of steps."""
        norm = OperatorNorm(sp.MatrixSymbol("W_t", *[sp.Symbol("n", integer=True, positive=True)] * 2))
        rows = [Statement("norm after t steps", sp.Le(norm, self.after(), evaluate=False))]
        rows.append(Statement("which tends to", self.limit))
        if self.target is not None:
            rows.append(
                Statement(f"steps until the norm is at most {self.target}", sp.Ge(STEPS, self.steps, evaluate=False))
            )
        return tuple(rows)

    @property
    def derivation(self) -> Derivation:
        """One step, the series, and its solution for the number of steps."""
        n = sp.Symbol("n", integer=True, positive=True)
        first, then = (OperatorNorm(sp.MatrixSymbol(name, n, n)) for name in ("W_0", "W_1"))
        one = sp.Le(then, self.shrinkage * first + self.rate * self.gradient, evaluate=False)
        steps = [DerivationStep(_STEP, one), DerivationStep(_SERIES, self.statements[0].relation)]
        steps += [DerivationStep(_SOLVED, item.relation, item.words) for item in self.statements[2:]]
        return Derivation(self.title, tuple(steps))

    def verify(self, seed: int = 0) -> Verification:
        """Run the update on matrices with gradients that work against the decay, and with random ones.

        Args:
            seed: of the random matrices, and of the numbers for symbols.
        """
        random = np.random.default_rng(seed)
        symbols = sorted(self._symbols, key=str)
        values = {s: sp.Rational(int(random.integers(1, 10)), 10) for s in symbols}
        cases = [case for pushed in (True, False) for case in self._run(values, pushed, random)]
        if self.target is not None and not symbols and self.steps.is_Integer:
            cases += self._at_target()
        return verified(self.title, "the update in floats", cases)

    @property
    def _symbols(self) -> set[sp.Symbol]:
        return set().union(*(e.free_symbols for e in (self.rate, self.decay, self.norm, self.gradient)))

    def _run(self, values: dict[sp.Symbol, sp.Expr], pushed: bool, random: np.random.Generator) -> list[Case]:
        eta, decay, size, g = (float(e.subs(values)) for e in (self.rate, self.decay, self.norm, self.gradient))
        W, cases = size * np.eye(3), []
        sign = 1.0 if eta * decay <= 1 else -1.0
        for count in range(1, 31):
            draw = random.standard_normal((3, 3))
            G = -g * np.eye(3) * sign**count if pushed else g * draw / np.linalg.norm(draw, 2)
            W = (1 - eta * decay) * W - eta * G
            if count in (1, 5, 30):
                bound = float(self.after(count).subs(values))
                cases.append(Case(f"norm after {count} steps", float(np.linalg.norm(W, 2)), bound))
        return cases

    def _at_target(self) -> list[Case]:
        count, goal = int(self.steps), float(self.target or 0)
        cases = [Case(f"bound after {count} steps", float(self._value(count)), goal)]
        if count > 0:
            cases.append(Case(f"bound after {count - 1} steps", float(self._value(count - 1)), goal, "lower"))
        return cases

    def _value(self, count: int) -> sp.Expr:
        return self.norm if count == 0 else self.after(count)


def _shrunk(shrinkage: sp.Expr, count: int, ratio: sp.Expr) -> bool:
    """Whether ``shrinkage**count <= ratio``: exactly for few steps of a fraction, otherwise by enclosed logarithms."""
    if count <= _EXACT and shrinkage.is_Rational and ratio.is_Rational:
        return bool(shrinkage**count <= ratio)
    for bits in _PRECISIONS:
        difference = to_ball(count * sp.log(shrinkage) - sp.log(ratio), bits)
        if difference > 0 or difference < 0:
            return bool(difference < 0)
    return False


def weight_decay(
    *, rate: Any = None, decay: Any = None, norm: Any = None, gradient: Any = 0, target: Any = None
) -> WeightDecay:
    """The norm of a weight under weight decay, and the steps until it is at most a target.

    Args:
        rate: eta, the learning rate, positive; None for the symbol eta.
        decay: lambda, positive; None for the symbol lambda. With numbers eta lambda must be below 2.
        norm: the operator norm of the weight at the start; None for the symbol w.
        gradient: a bound on the operator norm of the gradients, 0 for decay alone.
        target: the norm to come down to; of a Recurrence with one weight matrix the one below which its products of
            Jacobians vanish.

    Returns:
        A :class:`WeightDecay`.

    Raises:
        InputError: a malformed number; eta lambda is 2 or more; the recurrence has no such norm.

    Source: Krogh and Hertz 1992, A Simple Weight Decay Can Improve Generalization; Loshchilov and Hutter 2019.

    >>> import symgrad as sg
    >>> weight_decay(rate=0.5, decay=0.1, norm=10, target=sg.models.sigmoid_rnn()).steps
    18
    """
    eta = sp.Symbol("eta", positive=True) if rate is None else positive_parameter("rate", rate)
    strength = sp.Symbol("lambda", positive=True) if decay is None else positive_parameter("decay", decay)
    start = sp.Symbol("w", positive=True) if norm is None else nonnegative_parameter("norm", norm)
    if (eta * strength).is_number and eta * strength >= 2:
        raise InputError(f"decay: learning rate times decay must be below 2, got {eta * strength}")
    goal = None if target is None else _target(target)
    return WeightDecay(eta, strength, start, nonnegative_parameter("gradient", gradient), goal)


def _target(target: Any) -> sp.Expr:
    if not isinstance(target, Recurrence):
        return positive_parameter("target", target)
    found = spectral_normalisation(target)
    if len(found.names) > 1 or found.largest is None or found.largest.is_positive is False:
        raise InputError(f"target: no norm of a weight alone makes the products of {target.name} vanish; give a number")
    return found.largest
