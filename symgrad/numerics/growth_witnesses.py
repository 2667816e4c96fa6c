"""Trajectories along which products are proved to grow, or not to vanish: found in floats, then enclosed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from symgrad.errors import SymgradError
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.numerics.exploration import SideExploration
from symgrad.numerics.findings import Findings
from symgrad.numerics.growth_certificates import TrajectoryCertificate
from symgrad.numerics.periodic_orbit import PeriodicOrbit
from symgrad.numerics.rate_bracket import rate_bracket
from symgrad.numerics.search import explored
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch
from symgrad.numerics.trajectory_bound import TrajectoryBound

__all__ = ["growing_orbit", "growing_trajectory", "kept_along", "kept_trajectory", "largest_products"]

_TRAJECTORIES = 60
_ROOM = 1e-6  # by how much floats must exceed what balls have to prove
_TRIED = 3


def largest_products(setting: Setting, norm: Norm, steps: int, given: Batch | None, seed: int) -> Findings:
    """The largest products of up to so many factors along given and along random trajectories, in floats."""
    exploration = SideExploration(setting, norm, "upper", steps)
    windows = None if given is None else exploration.windows(given)
    with np.errstate(all="ignore"):  # what overflows in floats is left out
        return explored(exploration, windows, "random", _TRAJECTORIES, seed)


def growing_trajectory(
    setting: Setting, norm: Norm, found: Findings, growth: float, ends: Iterable[int]
) -> TrajectoryCertificate | None:
    """An enclosed trajectory whose product of Jacobians has norm at least ``growth``, None where none is proved.

    Args:
        setting: the model with its weights.
        norm: the operator norm.
        found: the largest products in floats.
        growth: a number above 1.
        ends: the numbers of factors to be tried.
    """
    enough = [k for k in ends if found.log[k - 1] >= math.log(growth) + _ROOM]
    proofs = (_proved(setting, norm, found, k, "grows", growth) for k in enough[:_TRIED])
    return next((proof for proof in proofs if proof is not None), None)


def kept_trajectory(setting: Setting, norm: Norm, found: Findings, delta: float) -> TrajectoryCertificate | None:
    """An enclosed trajectory along which the last k Jacobians have a product of norm above delta, for each k."""
    steps = len(found.log)
    enough = found.log[-1] >= math.log(delta) + _ROOM
    return _proved(setting, norm, found, steps, "kept", delta) if enough else None


def _proved(
    setting: Setting, norm: Norm, found: Findings, steps: int, claim: str, least: float
) -> TrajectoryCertificate | None:
    """The certificate about the trajectory of the largest product of so many factors, None where it proves less."""
    start = found.starts.get(int(found.trajectory[steps - 1]))
    if start is None:
        return None
    initial = {str(s): np.array(array[:, 0, 0]) for s, array in start.initial.items()}
    inputs = {str(s): np.array(array[:steps, :, 0, 0]) for s, array in start.inputs.items()}
    certificate = TrajectoryCertificate(setting, norm, initial, inputs, steps, claim, least)
    try:
        return _sharpened(certificate, certificate.enclosed())
    except SymgradError:  # no proved enclosure
        return None


def kept_along(growing: TrajectoryCertificate, delta: float) -> TrajectoryCertificate | None:
    """The same trajectory as one along which products of any number of the last factors have norms above delta."""
    return _sharpened(replace(growing, claim="kept", limit=delta), growing.enclosure or growing.enclosed())


def _sharpened(certificate: TrajectoryCertificate, enclosure: TrajectoryBound) -> TrajectoryCertificate | None:
    """The certificate with the largest limit that an enclosure proves, None where that is below its own."""
    sharp = replace(certificate, limit=certificate.least_of(enclosure), enclosure=enclosure)
    return sharp if sharp.limit >= certificate.limit and sharp.is_proved_by(enclosure) else None


def growing_orbit(model: Recurrence, weights: Weights, norm: Norm, seed: int) -> PeriodicOrbit | None:
    """A periodic trajectory along which products of Jacobians are proved not to shrink, None where none is found."""
    try:
        bracket = rate_bracket(model, weights.values, norm=norm.p, seed=seed, effort="quick")
    except SymgradError:  # slopes without bounds
        return None
    return bracket.realised if bracket.realised is not None and bracket.realised.rate >= 1 else None
