"""Gradient clipping by norm and by value: bounds on the update, and how far its direction can turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.arguments import checked_size, nonnegative_parameter, positive_parameter, power
from symgrad.design.clipping_steps import clipping_derivation, clipping_quantities
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation

__all__ = ["Clipping", "clipping"]

Array = NDArray[np.float64]

_MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class Clipping(StatedResult):
    """What clipping guarantees about a gradient g of n entries and the update that is made of it.

    Attributes:
        by: ``"norm"``: g is scaled down to length theta where it is longer; ``"value"``: each entry is cut to
            ``[-theta, theta]``.
        threshold: theta.
        rate: the learning rate eta.
        momentum: mu of ``v = mu v + g``, update ``eta v``; 0 without.
        size: n.
        ratio: a bound on ``max |g_i| / theta``, at least 1; None where none is known.
        length: the bound on the 2-norm of the clipped gradient.
        update: the bound on the 2-norm of every update.
        cosine: the bound from below on the cosine between the gradient and the clipped one.

    >>> clipping(value=1, rate=0.1, size=4).update, clipping(value=1, size=4).cosine
    (1/5, 1/2)
    """

    by: str
    threshold: sp.Expr
    rate: sp.Expr
    momentum: sp.Expr
    size: sp.Expr
    ratio: sp.Expr | None
    length: sp.Expr
    update: sp.Expr
    cosine: sp.Expr

    def displacement(self, steps: Any = None) -> sp.Expr:
        """The bound on how far the parameters move in so many updates from zero velocity.

        Args:
            steps: their number; None for the symbol T.

        >>> clipping(norm=1, rate=0.1).displacement(5)
        1/2
        """
        count, mu = checked_size("steps", steps, "T"), self.momentum
        if mu == 0:
            return self.rate * self.length * count
        return self.rate * self.length * (count - mu * (1 - power(mu, count)) / (1 - mu)) / (1 - mu)

    @property
    def title(self) -> str:
        """Which clipping, with its numbers."""
        moved = "" if self.momentum == 0 else f", momentum {self.momentum}"
        return f"clipping by {self.by} at {self.threshold}, learning rate {self.rate}{moved}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The bounds on the clipped gradient, the update and the direction."""
        clipped, moved, cosine = clipping_quantities(self.size)
        relation = sp.Eq if self.cosine == 1 else sp.Ge
        return (
            Statement("length of the clipped gradient c", sp.Le(clipped, self.length, evaluate=False)),
            Statement("length of every update u", sp.Le(moved, self.update, evaluate=False)),
            Statement("cosine between gradient and clipped gradient", relation(cosine, self.cosine, evaluate=False)),
        )

    @property
    def derivation(self) -> Derivation:
        """From the definition of the clipped gradient to the three bounds."""
        return clipping_derivation(self)

    def clip(self, gradient: Any) -> Array:
        """A gradient clipped, in floats.

        Raises:
            InputError: the threshold is a symbol.

        >>> clipping(norm=5).clip([30.0, 40.0]).tolist()
        [3.0, 4.0]
        """
        if self.threshold.free_symbols:
            raise InputError("threshold: a number is needed to clip numbers")
        return _clipped(np.asarray(gradient, dtype=np.float64), self.by, float(self.threshold))

    def verify(self, seed: int = 0) -> Verification:
        """Clip random gradients and those that come closest to the bounds, with and without momentum.

        Args:
            seed: of the gradients, and of the numbers for symbols.
        """
        random = np.random.default_rng(seed)
        symbols = set().union(
            *(e.free_symbols for e in (self.threshold, self.rate, self.momentum, self.ratio or self.rate))
        )
        values = {s: sp.Rational(int(random.integers(1, 8)), 9) for s in sorted(symbols, key=str)}
        if self.ratio is not None and self.ratio.is_Symbol:
            values[self.ratio] = sp.Integer(4)
        sizes = [5, 64] if self.size.is_Symbol else [int(self.size)]
        cases = [case for n in sizes for case in _cases(self, values | {self.size: sp.Integer(n)}, n, random)]
        return verified(f"clipping by {self.by}", "gradients clipped in floats", cases)


def _clipped(gradient: Array, by: str, threshold: float) -> Array:
    if by == "value":
        return np.clip(gradient, -threshold, threshold)
    length = float(np.linalg.norm(gradient))
    return gradient if length <= threshold else gradient * (threshold / length)


def _cases(found: Clipping, values: dict[Any, Any], n: int, random: np.random.Generator) -> list[Case]:
    def number(expr: sp.Expr) -> float:
        return float(expr.subs(values))

    theta, ratio = number(found.threshold), None if found.ratio is None else number(found.ratio)
    gradients = _gradients(theta, n, ratio, random)
    cases = []
    for words, gradient in gradients:
        clipped = _clipped(gradient, found.by, theta)
        length = float(np.linalg.norm(clipped))
        cases.append(Case(f"length, {words}, n = {n}", length, number(found.length)))
        if length > 0:
            cosine = float(gradient / np.linalg.norm(gradient) @ clipped) / length
            cases.append(Case(f"cosine, {words}, n = {n}", cosine, number(found.cosine), "lower"))
    steps = min(round(10 / (1 - number(found.momentum))), _MOST_STEPS)  # so many bring the update next to its bound
    length = float(np.linalg.norm(_clipped(np.full(n, theta), found.by, theta)))
    last, way = _run(length, number(found.rate), number(found.momentum), steps)
    cases.append(Case(f"update after {steps} equal gradients, n = {n}", last, number(found.update)))
    cases.append(Case(f"way of {steps} updates, n = {n}", way, number(found.displacement(steps))))
    return cases


def _gradients(theta: float, n: int, ratio: float | None, random: np.random.Generator) -> list[tuple[str, Array]]:
    """Random ones, and one large entry among entries at the threshold, which turns the most."""
    top = 1e8 if ratio is None else ratio
    single = np.full(n, theta)
    single[0] *= top
    several = np.full(n, theta)
    several[: max(1, round(n / (1 + top)))] *= top
    found = [("one large entry", single), ("some large entries", several), ("equal entries", np.full(n, theta))]
    for size in (0.1, 1.0, 10.0):
        drawn = size * theta * random.standard_normal(n)
        found.append((f"random of size {size}", drawn if ratio is None else np.clip(drawn, -top * theta, top * theta)))
    return found


def _run(length: float, rate: float, momentum: float, steps: int) -> tuple[float, float]:
    """The last update's length and the whole way of so many updates along one gradient, clipped to this length."""
    velocity = total = 0.0
    for _ in range(steps):
        velocity = momentum * velocity + length
        total += rate * velocity
    return rate * velocity, total


def clipping(
    *, norm: Any = None, value: Any = None, rate: Any = None, momentum: Any = 0, size: Any = None, ratio: Any = None
) -> Clipping:
    """Bounds on what clipped gradients do to the parameters, whatever the gradient is.

    Args:
        norm: the threshold theta of clipping by norm: a positive number or symbol; or
        value: that of clipping by value.
        rate: the learning rate, positive; None for the symbol eta.
        momentum: mu in [0, 1) of ``v = mu v + g``; 0 without. Nesterov's update obeys the same bound.
        size: n, how many entries the gradient has; None for the symbol n.
        ratio: of clipping by value, where known, a bound of at least 1 on the largest entry over the threshold.

    Returns:
        A :class:`Clipping`.

    Raises:
        InputError: both thresholds or none; a malformed number; momentum outside [0, 1); ratio below 1.

    PyTorch divides by the norm plus 1e-6, which makes gradients shorter still: the bounds hold for it too.

    Source: Pascanu, Mikolov and Bengio 2013, sec. 3.2, for clipping by norm; the angle of clipping by value with a
    ratio is the inequality of Polya and Szego (Mitrinovic, Analytic Inequalities, sec. 2.11).

    >>> clipping(norm=1, rate=0.01, momentum=0.9).update
    1/10
    >>> clipping(value=1, size=100, ratio=4).cosine
    4/5
    """
    if (norm is None) == (value is None):
        raise InputError("norm, value: exactly one threshold is needed, as in clipping(norm=1.0)")
    by, given = ("norm", norm) if value is None else ("value", value)
    theta, n = positive_parameter(by, given), checked_size("size", size, "n")
    eta = sp.Symbol("eta", positive=True) if rate is None else positive_parameter("rate", rate)
    mu = nonnegative_parameter("momentum", momentum)
    if mu.is_number and mu >= 1:
        raise InputError(f"momentum: a number in [0, 1) is needed, got {momentum!r}")
    top = None if ratio is None else positive_parameter("ratio", ratio)
    if top is not None and (by == "norm" or (top.is_number and top < 1)):
        raise InputError(f"ratio: a number of at least 1 is needed, with clipping by value alone, got {ratio!r}")
    length = theta if by == "norm" else theta * sp.sqrt(n)
    return Clipping(by, theta, eta, mu, n, top, length, eta * length / (1 - mu), _least_cosine(by, n, top))


def _least_cosine(by: str, n: sp.Expr, ratio: sp.Expr | None) -> sp.Expr:
    if by == "norm":
        return sp.S.One
    plain = 1 / sp.sqrt(n)
    return plain if ratio is None else sp.Max(plain, 2 * sp.sqrt(ratio) / (1 + ratio))
