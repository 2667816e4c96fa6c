"""What a gate with a bias keeps over many steps: the bound, and its inverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.bounds.product import Bound, product_bound
from symgrad.design.arguments import checked_size, nonnegative_parameter
from symgrad.design.solutions import Solution
from symgrad.design.solving import solve
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.activations import activation
from symgrad.language.elementwise import hadamard
from symgrad.language.models.catalogue import STATE_SIZE, vector
from symgrad.language.numbers import scalar_parameter
from symgrad.language.recurrence import Recurrence
from symgrad.rigor.balls import lower_float, to_ball, working_precision
from symgrad.rigor.functions import logistic

__all__ = ["Gate", "checked_retention", "keeping_gate", "measured_retention"]

_MOST_SIMULATED = 10**5
_UNITS = 32
_BITS = 256


@dataclass(frozen=True)
class Gate:
    """A gate ``logistic(p + b)`` with a bias b and what it receives, p, between -m and m in every entry.

    Attributes:
        bias: the symbol of b.
        steps: the number of steps, a number or a symbol.
        retain: the fraction that is to be left, a number or a symbol.
        reach: m.
        keeps: whether the gate itself is what is kept; otherwise one minus the gate.
    """

    bias: sp.Symbol
    steps: sp.Expr
    retain: sp.Expr
    reach: sp.Expr
    keeps: bool

    @property
    def is_numeric(self) -> bool:
        """Whether all but the bias are numbers."""
        return not (self.steps.free_symbols | self.retain.free_symbols | self.reach.free_symbols)

    @property
    def model(self) -> Recurrence:
        """The part of the state that the gate hands on, with what the gate receives as an input."""
        sigmoid, sign = activation("sigmoid"), 1 if self.keeps else -1  # 1 - sigmoid(x) = sigmoid(-x)
        if self.reach == 0:
            cell, write = sp.symbols("c v", real=True)
            return Recurrence({cell: sigmoid(sign * self.bias) * cell + write}, inputs=(write,), name="carried part")
        c, p, v = vector("c"), vector("p"), vector("v")
        kept = sigmoid(sign * (p + self.bias * sp.OneMatrix(STATE_SIZE, 1)))
        step = Recurrence({c: hadamard(kept, c) + v}, inputs=(p, v), name="carried part")
        return step.assuming({p: sp.Interval(-self.reach, self.reach)})

    @property
    def bound(self) -> Bound:
        """The proved lower bound on what is kept."""
        return product_bound(self.model, side="lower")

    @property
    def least(self) -> sp.Expr:
        """What is surely kept: the gate at the worst p, to the power of the number of steps."""
        return self.rate**self.steps

    @property
    def rate(self) -> sp.Expr:
        """What one step keeps at the worst p."""
        return logistic((self.bias if self.keeps else -self.bias) - self.reach)

    def solution(self) -> Solution:
        """The biases for which what is kept is at least what is wanted."""
        return solve(self.least, for_=self.bias, target=sp.Ge(self.least, self.retain, evaluate=False))


def keeping_gate(name: str, steps: Any, retain: Any, reach: Any, *, keeps: bool) -> Gate:
    """The gate for arguments of a user: numbers, symbols, or None for a symbol.

    Raises:
        InputError: an argument out of range; a retention of 0 or 1.
    """
    count = checked_size("steps", steps, "T")
    fraction = checked_retention(retain)
    return Gate(sp.Symbol(name, real=True), count, fraction, nonnegative_parameter("preactivation", reach), keeps)


def checked_retention(retain: Any) -> sp.Expr:
    """A number strictly between 0 and 1, a symbol, or for None the symbol r.

    Raises:
        InputError: another number; 0 and 1 are refused with the reason.
    """
    if retain is None:
        return sp.Symbol("r", positive=True)
    fraction = scalar_parameter("retain", retain)
    if fraction.free_symbols:
        return fraction
    ball = to_ball(fraction)
    if fraction == 0:
        raise InputError(
            "retain: 0 asks for nothing, every finite bias keeps more; a number above 0 and below 1 is needed"
        )
    if fraction == 1:
        raise InputError("retain: 1 is kept by no finite bias, since a gate stays below 1; a number below 1 is needed")
    if not (ball > 0 and ball < 1):
        raise InputError(f"retain: a fraction above 0 and below 1 is needed, got {retain!r}")
    return fraction


def measured_retention(gate: Gate, value: sp.Expr, seed: int) -> Verification:
    """What a bias keeps, by balls at the worst of what the gate receives, and along drawn sequences of it."""
    wanted = float(to_ball(gate.retain).mid())
    with working_precision(_BITS):
        base = gate.rate.xreplace({gate.bias: value})
        exact = to_ball(base, _BITS + int(gate.steps).bit_length()) ** int(gate.steps)
        surely = exact >= to_ball(gate.retain, _BITS) or _equal(gate, value, exact)
    worst = max(lower_float(exact), wanted) if surely else min(lower_float(exact), float(np.nextafter(wanted, 0)))
    cases = [Case("kept at the worst of what the gate receives (enclosed)", worst, wanted, "lower")]
    steps = int(gate.steps)
    if steps <= _MOST_SIMULATED:
        cases.append(Case("least kept along drawn sequences", _simulated(gate, value, steps, seed), wanted, "lower"))
    claim = f"at least {wanted:.6g} is kept over {steps} steps"
    return verified(claim, "balls, and products of gates in floats", cases)


def _equal(gate: Gate, value: sp.Expr, exact: arb) -> bool:
    """Whether the value is the very bias at which the bound is attained."""
    return bool(exact.overlaps(to_ball(gate.retain, _BITS)))


def _simulated(gate: Gate, value: sp.Expr, steps: int, seed: int) -> float:
    generator = np.random.default_rng(seed)
    reach, bias = float(to_ball(gate.reach).mid()), float(to_ball(value).mid())
    logs = np.zeros(_UNITS)
    for start in range(0, steps, 1024):
        received = generator.uniform(-reach, reach, (min(1024, steps - start), _UNITS))
        inner = bias + received if gate.keeps else -bias - received
        logs += -np.logaddexp(0.0, -inner).sum(axis=0)
    return float(np.exp(logs.min()))
