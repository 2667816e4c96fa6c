"""Proofs, from bounds, that all products of Jacobians vanish, stay bounded, are kept from zero, or grow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import sympy as sp
from flint import arb

from symgrad.bounds.product import Bound, BoundSeries
from symgrad.numerics.all_bounds import Theorems
from symgrad.numerics.growth_certificates import CLAIMS, RULE_CLAIMS, BoundCertificate, RuleCertificate
from symgrad.rigor.balls import lower_float, to_ball, upper_float, working_precision

__all__ = ["bounded", "decays", "grows", "kept", "rule_proof"]

_BITS = 192
_LONG = 2**40  # factors after which a bound shows whether it stays where it is
_SCANNED = 10_000
_LARGEST = 1e300
_ANY_RATE = 0.5  # for products that are zero from some number of factors on

Found = Mapping[str, BoundSeries]


def rule_proof(theorems: Theorems, claim: str, limit: float) -> RuleCertificate | None:
    """A certificate from the derivation of a bound alone, without numbers; None where there is none.

    Args:
        theorems: the bounds.
        claim: as for :class:`RuleCertificate`.
        limit: of what decays.
    """
    side = "upper" if claim in ("decays", "bounded") else "lower"
    for bound in (theorems.get(side, method) for method in ("norm", "range")):
        if not isinstance(bound, Bound) or bound.growth.content.atoms(sp.MatrixSymbol):
            continue  # norms of weights are not known without numbers
        most = limit if claim == "decays" else _constant(bound, side)
        start = _settled(bound, limit) if claim == "decays" else 0
        if most is not None and start is not None and RULE_CLAIMS[claim](bound, most, start):
            return RuleCertificate(bound, claim, most, start)
    return None


def _settled(bound: Bound, limit: float) -> int | None:
    """The number of factors from which on a bound without parameters is at most a limit."""
    steps = sp.sympify(bound.horizon(limit)) if bound.vanishes == sp.true else sp.oo
    return int(steps) if steps.is_number and steps != sp.oo else None


def _constant(bound: Bound, side: str) -> float | None:
    """The constant of a bound as a float on its side, None where it depends on parameters."""
    constant = sp.sympify(bound.constant)
    if not constant.is_number:
        return None
    ball = to_ball(constant, _BITS)
    return upper_float(ball) if side == "upper" else lower_float(ball)


def decays(found: Found, delta: float, steps: int) -> BoundCertificate | None:
    """The bound that proves soonest that norms are at most delta and tend to zero; None if none does by ``steps``."""
    best: tuple[int, BoundSeries] | None = None
    for series in found.values():
        start = series.horizon(sp.Rational(delta))
        if start != sp.oo and int(start) <= steps and (best is None or int(start) < best[0]):
            best = int(start), series
    return None if best is None else _geometric(best[1], "decays", delta, best[0], max(best[0], steps))


def grows(found: Found, steps: int) -> BoundCertificate | None:
    """The bound that proves that products grow along every direction: by some number of factors it exceeds 1."""
    for series in found.values():
        with working_precision(_BITS):
            block = next((k for k in (*_powers(steps), steps) if series.at(k).ball > 1), None)
        if block is not None:
            proof = _geometric(series, "grows", 1.0, block, block)
            if proof is not None:
                return proof
    return None


def bounded(found: Found, steps: int | None, most: float = math.inf) -> BoundCertificate | None:
    """The least bound on all norms, for all numbers of factors or up to some; None if none is proved to be below most.

    Args:
        found: bounds from above.
        steps: up to which number of factors, None for all.
        most: what it has to be below.
    """
    limits = (
        (_largest(series) if steps is None else _largest_until(series, steps), series) for series in found.values()
    )
    known = [(limit, series) for limit, series in limits if limit is not None and limit < most]
    if not known:
        return None
    limit, series = min(known, key=lambda item: item[0])
    return _plain(series, "bounded", limit, steps)


def kept(found: Found, steps: int | None, least: float = 0.0) -> BoundCertificate | None:
    """The largest bound on all minimum moduli, for all numbers of factors or up to some; None if not above least."""
    limits = ((_least(series) if steps is None else _least_until(series, steps), series) for series in found.values())
    known = [(limit, series) for limit, series in limits if limit is not None and limit > least]
    if not known:
        return None
    limit, series = max(known, key=lambda item: item[0])
    return _plain(series, "kept", limit, steps)


def _largest(series: BoundSeries) -> float | None:
    """A number that norms of products of any number of factors do not exceed."""
    limit = max((float(series.at(k)) for k in (*_powers(_SCANNED), _LONG)), default=math.inf)
    if not limit < _LARGEST:
        return None
    settled = series.horizon(sp.Rational(limit))
    if settled == sp.oo or int(settled) > _SCANNED:
        return None
    return max(limit, _largest_until(series, int(settled)))


def _largest_until(series: BoundSeries, steps: int) -> float:
    return max(float(series.at(k)) for k in range(steps + 1))


def _least(series: BoundSeries) -> float | None:
    """A number that minimum moduli of products of any number of factors do not go below."""
    limit = min(float(series.at(k)) for k in (0, *_powers(_SCANNED), _LONG))
    return limit if limit > 0 and series.horizon(sp.Rational(limit)) == sp.oo else None


def _least_until(series: BoundSeries, steps: int) -> float:
    return min(float(series.at(k)) for k in range(steps + 1))


def _powers(most: int) -> Iterable[int]:
    return (2**j for j in range(most.bit_length()) if 2**j <= most)


def _checked(proof: BoundCertificate, series: BoundSeries) -> BoundCertificate | None:
    """The certificate, if all of its numbers are confirmed."""
    return proof if CLAIMS[proof.claim](proof, series) else None


def _plain(series: BoundSeries, claim: str, limit: float, steps: int | None) -> BoundCertificate | None:
    bound, rates = series.bound, series.certificates
    proof = BoundCertificate(
        bound.free_model, series.weights, bound.norm, bound.side, bound.method, claim, limit, 0, steps, rates=rates
    )
    return _checked(proof, series)


def _geometric(series: BoundSeries, claim: str, limit: float, start: int, block: int) -> BoundCertificate | None:
    """The certificate of a rate from the bound at one number of factors, and the constant that goes with it."""
    bound, upper = series.bound, series.bound.side == "upper"
    rounded = upper_float if upper else lower_float
    block = max(block, 1)
    with working_precision(_BITS):
        ball = series.at(block).ball
        rate = _ANY_RATE if ball == 0 else rounded(ball.root(block))
        constants = [rounded(series.at(j).ball / arb(rate) ** j) for j in range(block)]
    constant = max(constants) if upper else min(constants)
    proof = BoundCertificate(
        bound.free_model, series.weights, bound.norm, bound.side, bound.method, claim, limit, start, None,
        block, rate, constant, series.certificates,
    )  # fmt: skip
    return _checked(proof, series)
