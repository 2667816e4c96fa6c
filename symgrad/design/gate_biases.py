"""Biases of gates that keep a given part of the state: forget gate, update gate and carry gate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy as sp
from flint import arb

from symgrad.design.gate_rules import (
    EQUALITY,
    GATE_BOUND,
    INVERSE,
    LOGIT,
    SUBSTITUTED,
)
from symgrad.design.gates import Gate, keeping_gate, measured_retention
from symgrad.design.real_powers import real_power
from symgrad.design.remedy import Remedy
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.rigor.balls import to_ball
from symgrad.rigor.functions import logistic

__all__ = ["ForgetBias", "forget_bias", "highway_bias", "update_bias"]

_KEPT, _REPLACED = "kept", "replaced"
_CONVENTIONS = {"torch": _KEPT, "cho": _KEPT, "chung": _REPLACED}


@dataclass(frozen=True, eq=False)
class ForgetBias(Remedy):
    """The forget bias, with the rule of thumb ``log(T - 1)`` next to it.

    Attributes:
        gate: what is solved for.
    """

    gate: Gate | None = None

    @property
    def classical(self) -> sp.Expr:
        """The bias ``log(T - 1)``, at which the gate without input is 1 - 1/T, a time constant of T steps."""
        return sp.log(self._gate.steps - 1)

    @property
    def retained_by_classical(self) -> sp.Expr:
        """What ``log(T - 1)`` keeps over T steps where the gate receives nothing: ``(1 - 1/T)**T``, below 1/e."""
        steps = self._gate.steps
        return real_power(1 - 1 / steps, steps)

    @property
    def series(self) -> tuple[sp.Expr, sp.Expr]:
        """The bias for many steps, and a bound on how far below it the exact one lies.

        With ``s = -log(r)`` it is ``log(T/s) - s/(2 T) + m``, minus a number between 0 and ``s**2/(24 T**2)``.
        """
        size = -sp.log(self._gate.retain)
        steps = self._gate.steps
        return sp.log(steps / size) - size / (2 * steps) + self._gate.reach, size**2 / (24 * steps**2)

    @property
    def difference(self) -> arb | None:
        """A ball around the bias minus ``log(T - 1)``; None with symbols, and for one step: log(0)."""
        if self.value is None or self._gate.steps == 1:
            return None
        return to_ball(self.value - self.classical, 128)

    @property
    def _gate(self) -> Gate:
        if self.gate is None:
            raise InputError("gate: this remedy has none")
        return self.gate


def forget_bias(steps: Any = None, retain: Any = None, preactivation: Any = 0) -> ForgetBias:
    """The forget bias of an LSTM that keeps a fraction r of a cell's content over T steps.

    The cell keeps ``f_1 f_2 ... f_T`` of its content along the direct path, ``f = logistic(p + b_f)`` with
    ``p = W_f h + U_f u`` between -m and m. So ``b_f >= logit(r**(1/T)) + m`` keeps at least r.

    Args:
        steps: T, a positive integer, a symbol, or None for the symbol T.
        retain: r, strictly between 0 and 1, a symbol, or None for the symbol r.
        preactivation: m, the largest modulus of an entry of ``W_f h + U_f u``; 0 for what the bias does alone.

    Returns:
        A :class:`ForgetBias`: the smallest bias as ``.value``, where there are numbers.

    Raises:
        InputError: a malformed argument; r = 1, which no finite bias keeps; r = 0, which asks for nothing.

    Source: Gers, Schmidhuber and Cummins 2000 for the gate; ``log(T - 1)`` is the largest bias of the chrono
    initialisation of Tallec and Ollivier 2018.

    >>> remedy = forget_bias(500, 0.37)
    >>> round(float(remedy), 6), round(float(remedy.retained_by_classical), 6)
    (6.219378, 0.367511)
    >>> print(forget_bias().formula)
    b_f >= -log(-1 + r**(-1/T))
    """
    gate = keeping_gate("b_f", steps, retain, preactivation, keeps=True)
    shown = sp.Ge(gate.bias, _least_bias(gate), evaluate=False)
    return ForgetBias(
        name="forget bias",
        quantity="bias of the forget gate, so that a cell keeps its content over many steps",
        parameter=gate.bias,
        formula=shown,
        guarantee=sp.Ge(gate.least, gate.retain, evaluate=False),
        derivation=_derivation(gate, "forget gates keep the fraction wanted"),
        value=_value(gate),
        bounds=(gate.bound,),
        remarks=_forget_remarks(),
        check=partial(measured_retention, gate) if gate.is_numeric else None,
        drawing=gate,
        gate=gate,
    )


def update_bias(steps: Any = None, retain: Any = None, preactivation: Any = 0, *, convention: str = "torch") -> Remedy:
    """The bias of the update gate of a GRU that keeps a fraction r of the state over T steps along the direct path.

    Papers and programs differ in what the gate z stands for. ``"torch"`` (``h = (1 - z) n + z h``) and ``"cho"``
    (Cho et al. 2014, the same) keep z of the state: ``b_z >= logit(r**(1/T)) + m``. ``"chung"``
    (Chung et al. 2014, ``h = (1 - z) h + z n``) keeps 1 - z: ``b_z <= -logit(r**(1/T)) - m``.

    Args:
        steps: T, as for :func:`forget_bias`.
        retain: r, as there.
        preactivation: m, the largest modulus of an entry of ``W_z h + U_z u``.
        convention: ``"torch"``, ``"cho"`` or ``"chung"``.

    Raises:
        InputError: see :func:`forget_bias`.
        UnknownNameError: another convention.

    >>> print(update_bias(100, 0.5).formula.rhs == -update_bias(100, 0.5, convention="chung").formula.rhs)
    True
    """
    if convention not in _CONVENTIONS:
        raise UnknownNameError("convention of the update gate", convention, _CONVENTIONS)
    keeps = _CONVENTIONS[convention] == _KEPT
    gate = keeping_gate("b_z", steps, retain, preactivation, keeps=keeps)
    step = "h = (1 - z) n + z h" if keeps else "h = (1 - z) h + z n"
    remarks = (
        f"here {step}, so that {'z' if keeps else '1 - z'} of the state is kept",
        "PyTorch and Cho et al. 2014 keep z of the state; Chung et al. 2014 keep 1 - z: the bias changes its sign",
        "PyTorch adds two biases, b_iz and b_hz: their sum counts",
    )
    return _gate_remedy(gate, "update bias", "bias of the update gate of a GRU, so that a state lasts", remarks)


def highway_bias(steps: Any = None, retain: Any = None, preactivation: Any = 0) -> Remedy:
    """The bias of the transform gates of k highway layers through which a fraction r of the input is carried.

    A layer is ``h = t o s(...) + (1 - t) o h`` with ``t = logistic(p + b_t)``; the carried part is ``1 - t``, so that
    ``b_t <= -logit(r**(1/k)) - m`` carries at least r through k layers if every entry of p is between -m and m.

    Args:
        steps: the number of layers, as for :func:`forget_bias`.
        retain: r, as there.
        preactivation: m, the largest modulus of an entry of ``W_t h + U_t u``.

    Raises:
        InputError: see :func:`forget_bias`.

    Source: Srivastava, Greff and Schmidhuber 2015, who advise a negative bias.

    >>> remedy = highway_bias(10, 0.5)
    >>> round(float(remedy), 6), remedy.verify().holds
    (-2.63424, True)
    """
    gate = keeping_gate("b_t", steps, retain, preactivation, keeps=False)
    remarks = ("the bound is on the carried part, the direct path, of the layers; the transformed part adds to it",)
    return _gate_remedy(gate, "carry bias", "bias of the transform gate of highway layers", remarks)


def _gate_remedy(gate: Gate, name: str, quantity: str, remarks: tuple[str, ...]) -> Remedy:
    least = _least_bias(gate)
    relation = sp.Ge if gate.keeps else sp.Le
    return Remedy(
        name=name,
        quantity=quantity,
        parameter=gate.bias,
        formula=relation(gate.bias, least, evaluate=False),
        guarantee=sp.Ge(gate.least, gate.retain, evaluate=False),
        derivation=_derivation(gate, f"{name} for the fraction wanted"),
        value=_value(gate),
        bounds=(gate.bound,),
        remarks=remarks,
        check=partial(measured_retention, gate) if gate.is_numeric else None,
        drawing=gate,
    )


def _least_bias(gate: Gate) -> sp.Expr:
    """``logit(r**(1/T)) + m``, or its negative for a gate of which the rest is kept."""
    logit = -sp.log(real_power(gate.retain, -1 / gate.steps) - 1)
    return logit + gate.reach if gate.keeps else -logit - gate.reach


def _value(gate: Gate) -> sp.Expr | None:
    return _least_bias(gate) if gate.is_numeric else None


def _derivation(gate: Gate, claim: str) -> Derivation:
    """From the proved bound to the bias, one equivalence after the other."""
    root = real_power(gate.retain, 1 / gate.steps)
    kept = gate.bias - gate.reach if gate.keeps else -gate.bias - gate.reach
    logit = sp.log(root / (1 - root))
    relation = sp.Ge if gate.keeps else sp.Le
    steps = (
        DerivationStep(
            GATE_BOUND, sp.Ge(gate.bound.expr.xreplace({gate.bound.k: gate.steps}), gate.least, evaluate=False)
        ),
        DerivationStep(SUBSTITUTED, sp.Ge(gate.least, gate.retain, evaluate=False)),
        DerivationStep(INVERSE, sp.Ge(logistic(kept), root, evaluate=False)),
        DerivationStep(LOGIT, sp.Ge(kept, logit, evaluate=False)),
        DerivationStep(EQUALITY, sp.Eq(logit, -sp.log(real_power(gate.retain, -1 / gate.steps) - 1), evaluate=False)),
        DerivationStep(SUBSTITUTED, relation(gate.bias, _least_bias(gate), evaluate=False)),
    )
    return Derivation(claim, steps)


def _forget_remarks() -> tuple[str, ...]:
    return (
        "log(T - 1) keeps (1 - 1/T)**T of the content over T steps, which rises to 1/e from below",
        "the bound is on the direct path through the cell; what passes through the gates' weights adds to it",
        "PyTorch adds two biases, b_if and b_hf: their sum counts",
    )
