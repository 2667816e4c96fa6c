"""rate_bracket: the asymptotic growth rate of products of Jacobians, enclosed from both sides, with witnesses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.joint_spectral_radius import rate_of_product
from symgrad.bounds.upper_rates import Spending, UpperRate, upper_rate
from symgrad.calculus.slope_form import SlopeForm
from symgrad.calculus.unit_ranges import UnitRanges
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.norms import norm as norm_of
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.numerics.orbit_system import OrbitSystem
from symgrad.numerics.periodic_orbit import PeriodicOrbit
from symgrad.numerics.realise import OrbitSearch
from symgrad.numerics.setting import Setting
from symgrad.numerics.slope_search import SlopeSearch
from symgrad.numerics.slope_setting import slope_setting
from symgrad.presentable import Presentable

__all__ = ["EFFORTS", "RateBracket", "SlopeWitness", "rate_bracket"]

Array = NDArray[np.float64]

EFFORTS = {
    "quick": Spending(hull=1024, corners=16, products=2_000, restarts=6, rounds=1, variations=10),
    "normal": Spending(hull=65536, corners=1024, products=20_000, restarts=16, rounds=4, variations=60),
    "thorough": Spending(hull=65536, corners=4096, products=200_000, restarts=64, rounds=16, variations=300),
}
_FREE_SIZE = 2
_REACHED = 0.99  # the share of the lower rate from which on real trajectories count as reaching it
_NEAR = 0.9999  # the share at which the search for faster trajectories stops
_LONGEST = 64
_SHORT = 26  # bits of an end that no rounding has produced
_ULPS = 2


@dataclass(frozen=True, eq=False)
class SlopeWitness(Presentable):
    """A periodic sequence of slopes along which products of Jacobians are proved to grow at a rate.

    Attributes:
        form: the Jacobian as a function of its slopes.
        slopes: (p, q) exact floats within the box of the form, in the order in which the Jacobians act.
        rate: proved lower bound of rho(J_p ... J_1)^(1/p).
    """

    form: SlopeForm = field(repr=False)
    slopes: Array
    rate: float

    @property
    def period(self) -> int:
        """The number of steps p."""
        return len(self.slopes)

    def replay(self) -> bool:
        """Prove the rate again from the slopes alone, in ball arithmetic."""
        inside = bool(((self.slopes >= self.form.low) & (self.slopes <= self.form.high)).all())
        return inside and _proved_rate(self.form, self.slopes) >= self.rate


@dataclass(frozen=True, eq=False)
class RateBracket(Presentable):
    """The largest asymptotic growth rate of products of Jacobians, from both sides.

    With ``P_k = J_k ... J_1``: limsup ``||P_k||^(1/k) <= upper`` along every trajectory that ``scope`` names, in any
    norm; and some sequence of slopes from the ranges at hand grows at a rate of at least ``lower``.

    Attributes:
        model: the recurrence.
        weights: its numbers, taken as exact.
        scope: which trajectories the upper rate covers, in words.
        ranges: symbol -> intervals: of inputs as declared; of states such that the trajectories meant are proved to
            enter them within some steps and to stay.
        bound: what proves the upper rate: methods, blocks, certificates.
        witness: the slopes that prove a lower rate of the slope set.
        realised: a periodic trajectory that grows, None where none was proved.
        norm: the norm that ``constant`` belongs to.
        seed: of the searches.

    >>> import numpy as np, symgrad as sg
    >>> bracket = sg.rate_bracket(sg.models.elman(), {"W": [[0.5]], "U": [[1.0]], "b": [0.0]})
    >>> bracket.lower <= 0.5 <= bracket.upper, bracket.gap < 1e-9, bracket.conclusion
    (True, True, 'all gradients vanish')
    """

    model: Recurrence
    weights: Weights = field(repr=False)
    scope: str
    ranges: UnitRanges = field(repr=False)
    bound: UpperRate
    witness: SlopeWitness
    realised: PeriodicOrbit | None
    norm: Any
    seed: int

    @property
    def upper(self) -> float:
        """The proved upper rate."""
        return self.bound.rate

    @property
    def method(self) -> str:
        """What proves the upper rate, "perron", "diagonal", "quadratic", "corners", "products" or "zero pattern"."""
        return self.bound.method

    @property
    def rates(self) -> dict[str, float]:
        """The upper rate that each method proves by itself."""
        return self.bound.rates

    @property
    def lower(self) -> float:
        """The proved lower rate of the slope set."""
        return max(self.witness.rate, self.realised.rate if self.realised is not None else 0.0)

    @property
    def gap(self) -> float:
        """The quotient upper / lower less 1; infinite if only the lower rate is 0."""
        if self.upper == self.lower:
            return 0.0
        return self.upper / self.lower - 1 if self.lower > 0 else math.inf

    @property
    def constant(self) -> float:
        """C with ||P_k|| <= C upper^k for all k, once states lie in ``ranges``; inf where the proof gives none."""
        return self.bound.constant(self.norm)

    @property
    def reached(self) -> str:
        """What reaches the lower rate, "by real trajectories", "in part by real trajectories" or "by slopes only"."""
        if self.realised is None:
            return "by slopes only"
        return "by real trajectories" if self.realised.rate >= _REACHED * self.lower else "in part by real trajectories"

    @property
    def conclusion(self) -> str:
        """What the bracket says about gradients, in words."""
        if self.upper < 1:
            return "all gradients vanish"
        if self.realised is not None and self.realised.rate > 1:
            return "gradients explode along a real trajectory"
        if self.lower > 1:
            return "the slopes by themselves allow growth, no growing trajectory is proved"
        return "neither vanishing nor explosion is proved"

    def replay(self) -> bool:
        """Prove both ends again, from the model and its weights, with the certificates, slopes and inputs found."""
        form, ranges, scope = slope_setting(self.model, self.weights)
        orbit, bound = self.realised, replace(self.bound, form=form)
        if orbit is not None:
            orbit = replace(orbit, model=self.model, weights=self.weights, ranges=ranges)
        real = orbit is None or orbit.replay()
        return real and scope == self.scope and replace(self.witness, form=form).replay() and bound.verify()


def rate_bracket(
    model: Recurrence,
    weights: Mapping[Any, Any] | None = None,
    *,
    norm: Any = 2,
    period: int = 3,
    seed: int = 0,
    effort: str = "normal",
) -> RateBracket:
    """Enclose the joint spectral radius of a model's Jacobians: the largest growth rate of gradients over many steps.

    From above: the least rate proved by weighted norms (Perron, diagonal, quadratic) and, where the slopes are few, by
    branch and bound over products of Jacobians (G. Gripenberg, Linear Algebra Appl. 234, 1996), for each block of
    entries that act on each other. From below: a periodic sequence of slopes, found by search, whose product has a
    spectral radius proved in ball arithmetic (rho(J_p ... J_1)^(1/p) is a lower bound: M. A. Berger, Y. Wang, *Bounded
    semigroups of matrices*, Linear Algebra Appl. 166, 1992); then inputs and a periodic orbit near those slopes are
    sought, and proved to exist.

    Args:
        model: the recurrence, without a depth.
        weights: symbol or name -> array, all parameters.
        norm: 1, 2 or inf, for the constant in front of the rate; rates are the same in every norm.
        period: the largest number of steps after which sequences of slopes repeat.
        seed: of the searches; nothing that is proved depends on it.
        effort: ``"quick"``, ``"normal"`` or ``"thorough"``.

    Returns:
        A :class:`RateBracket`.

    Raises:
        InputError: an argument of the wrong type or value, a missing weight, a model with a depth.
        UnknownNameError: an effort that is none of the three, a weight that the model does not have.
        NoBoundError: slopes without bounds; declared ranges of states and inputs may give them.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": [[0.6, 0.8], [-0.8, 0.6]], "U": np.eye(2), "b": np.zeros(2)}
    >>> bracket = sg.rate_bracket(sg.models.elman(), weights)
    >>> round(bracket.lower, 6), round(bracket.upper, 6), bracket.reached, bracket.replay()
    (1.0, 1.0, 'by real trajectories', True)
    """
    numbers = _checked(model, weights, period, seed, effort)
    measured, spending = norm_of(norm), EFFORTS[effort]
    form, ranges, scope = slope_setting(model, numbers)
    with np.errstate(all="ignore"):  # what leaves the floats proves nothing and is left out
        bound = upper_rate(form, norm, spending)
        random = np.random.default_rng(seed)
        witness = _witness(bound, period, spending, random)
        realised = _realised(Setting(model, numbers), ranges, witness, period, spending, random)
    return RateBracket(model, numbers, scope, ranges, bound, witness, realised, measured, int(seed))


def _checked(model: Any, weights: Any, period: Any, seed: Any, effort: Any) -> Weights:
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    if model.depth is not None:
        raise InputError(f"model: the layers of {model.name} end; a rate belongs to steps without end")
    for name, value, least, most in (("period", period, 1, _LONGEST), ("seed", seed, 0, math.inf)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value <= most:
            raise InputError(f"{name}: an integer from {least} to {most} is needed, got {value!r}")
    if effort not in EFFORTS:
        raise UnknownNameError("effort", effort, EFFORTS)
    numbers = bind(model, weights, model.parameters)
    return numbers.with_sizes({**dict.fromkeys(model.sizes, _FREE_SIZE), **numbers.sizes})


def _proved_rate(form: SlopeForm, slopes: Array) -> float:
    return rate_of_product([form.at_balls(step) for step in slopes])


def _witness(bound: UpperRate, period: int, spending: Spending, random: np.random.Generator) -> SlopeWitness:
    """The best sequence of slopes of the search and of branch and bound."""
    search = SlopeSearch(bound.form, bound.transform)
    found = [search.best(range(1, period + 1), spending.restarts, spending.rounds, random)]
    found += [slopes for part in bound.parts if (slopes := part.fastest_slopes) is not None]
    rates = [float(search.rates(slopes[None])[0]) for slopes in found]
    best = _inward(found[int(np.argmax(rates))], bound.form)
    return SlopeWitness(bound.form, best, _proved_rate(bound.form, best))


def _inward(slopes: Array, form: SlopeForm) -> Array:
    """Slopes moved inwards by what rounding may have added to an end; short floats, which none has made, stay."""
    mantissa = np.ldexp(np.frexp(slopes)[0], _SHORT)
    rounded = mantissa != np.rint(mantissa)
    middle = np.broadcast_to((form.low + form.high) / 2, slopes.shape)
    inside = slopes
    for _ in range(_ULPS):
        inside = np.nextafter(inside, middle)
    return np.where(rounded & (form.low < form.high), np.clip(inside, form.low, form.high), slopes)


def _realised(
    setting: Setting,
    ranges: UnitRanges,
    witness: SlopeWitness,
    period: int,
    spending: Spending,
    random: np.random.Generator,
) -> PeriodicOrbit | None:
    """The fastest periodic orbit found, of the witness's period and of others up to the largest."""
    search = OrbitSearch(OrbitSystem(setting, ranges), witness.form)
    best: PeriodicOrbit | None = None
    for steps in dict.fromkeys((witness.period, 1, period)):
        slopes = np.resize(witness.slopes, (steps, witness.form.count))
        found = search.best(slopes, spending.restarts, spending.variations, _NEAR * witness.rate, random)
        if found is not None and (best is None or found.rate > best.rate):
            best = found
        if best is not None and best.rate >= _REACHED * witness.rate:
            break
    return best
