"""Bounds along one trajectory: what the products of Jacobians are for given weights, inputs and initial state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.bound_values import BoundValue
from symgrad.errors import InputError
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import LayerWeights
from symgrad.numerics.trajectory_bound_gradient import backward_norms, combined, largest_direction, source_norms
from symgrad.numerics.trajectory_bound_input import given_radii, given_sequence
from symgrad.numerics.trajectory_bound_linear import Linearised
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm, certified
from symgrad.numerics.trajectory_bound_products import moduli_of, narrow_norms
from symgrad.presentable import Presentable
from symgrad.rigor.balls import lower_float, to_ball, upper_float, working_precision

__all__ = ["TrajectoryBound", "trajectory_bound"]

Array = NDArray[np.float64]

_BITS = 128


@dataclass(frozen=True, eq=False)
class TrajectoryBound(Presentable):
    """Certified norms of products of Jacobians ``P_{t,k} = J_t ... J_{t-k+1}`` along one trajectory of T steps.

    Everything holds for the trajectory of the given numbers, taken as exact, and with radii for every trajectory within
    them. At a kink of an activation, such as that of the ReLU at 0, it holds for the slopes of both sides.

    Attributes:
        linearised: the enclosed trajectory and the Jacobians along it.
        norm: the operator norm.
        norms_from_end: for k = 1 ... T the norm of ``P_{T,k}`` from both sides.
        bits: the precision of the balls that they come from.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.diag([0.5, 2.0]), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> bound = sg.trajectory_bound(sg.models.elman(), weights, np.zeros((3, 1)))
    >>> [float(value.upper) for value in bound.norms_from_end], float(bound.moduli[-1].lower)
    ([2.0, 4.0, 8.0], 0.125)
    >>> print(bound.growth >= 8, bound.horizon(1))
    True None
    """

    linearised: Linearised
    norm: Norm
    norms_from_end: tuple[CertifiedNorm, ...]
    bits: int

    @property
    def model(self) -> Recurrence:
        """The recurrence."""
        return self.linearised.course.sequence.model

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return self.linearised.course.sequence.steps

    @property
    def has_radius(self) -> bool:
        """Whether the statements are about all trajectories within radii."""
        return self.linearised.tube is not None

    @cached_property
    def states(self) -> dict[str, tuple[Array, Array]]:
        """State name -> two arrays (T+1, n), not above and not below any state of the trajectories; row 0 the start."""
        return self.linearised.state_ends()

    @cached_property
    def gammas(self) -> Array:
        """(T,) upper bounds on ``||J_t||`` for t = 1 ... T."""
        return np.array([float(value.upper) for value in self.linearised.factor_norms(self.norm, self.bits)])

    @property
    def growth(self) -> BoundValue:
        """A lower bound on the norm of the whole product; by so much some direction at the start is stretched."""
        return self.norms_from_end[-1].lower

    @property
    def rate(self) -> float:
        """The bound per step, the T-th root of the bound on the norm of the whole product; rounded up."""
        return float(self.rates[-1])

    @cached_property
    def rates(self) -> Array:
        """(T,) for k = 1 ... T the k-th root of the bound on the norm of ``P_{T,k}``, rounded up."""
        with working_precision(_BITS):
            pairs = enumerate(self.norms_from_end, 1)
            return np.array([upper_float(value.upper.ball.upper() ** (arb(1) / k)) for k, value in pairs])

    def at(self, k: int) -> CertifiedNorm:
        """The norm of the product of the last k Jacobians, ``P_{T,k}``.

        Raises:
            InputError: k is no integer from 0 to T.
        """
        return self.between(self.steps, k)

    def between(self, t: int, k: int) -> CertifiedNorm:
        """The norm of ``P_{t,k} = J_t ... J_{t-k+1}``, the product of the k Jacobians up to step t.

        Raises:
            InputError: t is no integer from 0 to T, or k none from 0 to t.
        """
        t, k = _checked("t", t, self.steps), _checked("k", k, t)
        if k == 0:
            return certified(arb(1), arb(1))
        if t == self.steps:
            return self.norms_from_end[k - 1]
        linear = self.linearised
        return narrow_norms(lambda bits: linear.chain(self.norm, bits), k, self.steps - t, self.bits)[1][-1]

    @cached_property
    def moduli(self) -> tuple[CertifiedNorm, ...]:
        """For k = 1 ... T the minimum modulus of ``P_{T,k}``, ``min ||P x|| / ||x||``, from both sides.

        For the 2-norm it is the smallest singular value: growth in every direction is proved where it exceeds 1. Where
        a Jacobian is not proved invertible it is between 0 and the norm, and 0 where one surely is not.
        """
        linear, nothing = self.linearised, certified(arb(0), arb(0))
        found = moduli_of(lambda bits: linear.inverse_chain(self.norm, bits), self.norms_from_end, self.bits)
        with working_precision(self.bits):
            kernels = linear.singular(self.bits)
        return tuple(nothing if kernel else value for kernel, value in zip(kernels, found, strict=True))

    def horizon(self, delta: Any) -> int | None:
        """The least number of factors from which on the certified norms of ``P_{T,k}`` stay at most delta.

        Args:
            delta: a positive number.

        Returns:
            k, at most T; None where the bound on the whole product is above delta.

        Raises:
            InputError: delta is no positive number.
        """
        least = _threshold(delta)
        values = [arb(1), *(value.upper.ball for value in self.norms_from_end)]
        k = next((k for k in range(self.steps, -1, -1) if not values[k] <= least), -1) + 1
        return k if k <= self.steps else None

    @cached_property
    def _terms(self) -> list[arb]:
        """For k = 0 ... T-1 a bound on ``||P_{T,k} B_{T-k}||``."""
        with working_precision(_BITS):
            sources = source_norms(self.model, self.linearised.points(_BITS), self.norm)
            norms = [arb(1), *(value.upper.ball for value in self.norms_from_end[:-1])]
            return [(norm * source).upper() for norm, source in zip(norms, reversed(sources), strict=True)]

    @property
    def _layered(self) -> bool:
        return isinstance(self.linearised.course.sequence.weights, LayerWeights)

    def _tail(self, first: int) -> arb:
        with working_precision(_BITS):
            return combined(self._terms[first:], self.norm, self._layered).upper()

    def gradient(self) -> CertifiedNorm:
        """The norm of ``dx_T / dtheta``, the derivative of the last states by all parameters, from both sides.

        The gradient ``grad_theta L`` of a loss L of the last states is at most the upper side times ``||grad_x L||``,
        and at least the lower side times it for some L; norms of gradients are the dual ones (of ``norm`` 1 the
        maximum, of 2 the Euclidean length, of inf the sum of moduli). The upper side is the sum of
        ``||P_{T,k}|| ||B_{T-k}||`` with B the derivative of one step by the parameters.

        Source: the sum of :func:`symgrad.unroll`; Pascanu, Mikolov and Bengio 2013, eq. 3-5.
        """
        return certified(self._least_gradient, self._tail(0))

    def truncation(self, terms: int) -> BoundValue:
        """A bound on what is left out when only the last so many steps are kept, per unit of ``||grad_x L||``.

        It bounds the norm of the gradient minus the sum of its first terms, those k < ``terms`` of ``P_{T,k} B_{T-k}``.

        Raises:
            InputError: no integer from 0 to T.
        """
        return BoundValue(self._tail(_checked("terms", terms, self.steps)))

    def window(self, delta: Any) -> int:
        """The least window K of truncated backpropagation whose error is proved to be relatively at most delta.

        The bound :meth:`truncation` is compared with the lower side of :meth:`gradient`: the error, for every loss, is
        at most delta times the gradient by the parameters of the loss with the largest one of the same
        ``||grad_x L||``.

        Args:
            delta: a positive number.

        Returns:
            K; T, which leaves nothing out, where no shorter window is proved.

        Raises:
            InputError: delta is no positive number.
        """
        with working_precision(_BITS):
            most = _threshold(delta) * self._least_gradient
            return next((k for k in range(self.steps) if self._tail(k) <= most), self.steps)

    @cached_property
    def _least_gradient(self) -> arb:
        """A lower bound on the norm of ``dx_T / dtheta``: of its first terms for a good row, minus all others."""
        linear, bits = self.linearised, self.bits
        with working_precision(bits):
            row = largest_direction(linear.scaled_products(self.norm, self._terms, bits), self.norm)
            points, jacobians = linear.points(bits), linear.jacobians(bits)
            found = backward_norms(self.model, points, jacobians, row, self.norm, self._layered)
            best = arb(0)
            for k, value in enumerate(found, 1):
                least = (value - self._tail(k)).lower() if k < self.steps else value
                best = least if least > best else best
            return best


def _checked(name: str, value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value <= most:
        raise InputError(f"{name}: an integer from 0 to {most} is needed, got {value!r}")
    return int(value)


def _threshold(delta: Any) -> arb:
    number = exact_number("delta", delta)
    if not number.is_positive:
        raise InputError(f"delta: a positive number is needed, got {delta!r}")
    return arb(lower_float(to_ball(number, _BITS)))


def trajectory_bound(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    inputs: Any = None,
    initial: Mapping[Any, Any] | None = None,
    *,
    norm: Any = 2,
    steps: int | None = None,
    radius: Any = 0.0,
) -> TrajectoryBound:
    """The sharpest bounds for one network on one sequence: norms of products of Jacobians along an enclosed trajectory.

    The states are enclosed in ball arithmetic at a precision that is doubled until all balls are narrow, also where the
    network is chaotic; so are the products. With a radius the states of all trajectories within it are enclosed in a
    linear image of a box around the exact trajectory, and products of Jacobians by a perturbation bound over segments.

    Args:
        model: the recurrence.
        weights: symbol or name -> number or array, for all parameters of the model; taken as exact.
        inputs: an array of shape (T, m); a mapping name -> array if there are several inputs; taken as exact.
        initial: symbol or name -> (n,); states that are left out start at zero.
        norm: 1, 2 or inf.
        steps: the number of steps T, needed only for a model without inputs. Of a model with a depth the first T
            layers, all unless given.
        radius: by how much every entry of the inputs and of the initial state may differ from the given numbers: one
            number for all, or a mapping symbol or name -> number or array of the symbol's own shape, 0 for those that
            are left out.

    Returns:
        A :class:`TrajectoryBound`.

    Raises:
        InputError: a missing weight, a wrong shape, a batch of sequences, no steps, or a radius that is negative.
        UnknownNameError: a name that the model does not have.
        NoBoundError: a state or slope that has no proved bound.

    Source: mean value forms: Lohner 1987, Enclosing the solutions of ordinary initial and boundary value problems.

    >>> import numpy as np, symgrad as sg
    >>> neuron = sg.models.neuron()
    >>> bound = trajectory_bound(neuron, {"w": 4.0, "b": -2.0}, initial={"x": 0.5}, steps=50)
    >>> [round(float(bound.at(50).lower), 9), round(bound.rate, 9)]
    [1.0, 1.0]
    >>> around = trajectory_bound(neuron, {"w": 4.0, "b": -2.0}, initial={"x": 0.5}, steps=50, radius=0.001)
    >>> around.at(50).lower > 0.9, around.at(50).upper < 1.1
    (True, True)
    """
    which = norm_of(norm)
    sequence = given_sequence(model, weights, inputs, initial, steps)
    linear = Linearised.of(sequence, given_radii(sequence, radius))
    bits, norms = narrow_norms(lambda bits: linear.chain(which, bits))
    linear.check(which, bits)
    return TrajectoryBound(linear, which, tuple(norms), bits)
