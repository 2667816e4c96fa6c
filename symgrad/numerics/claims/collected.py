"""All checked claims together."""

from __future__ import annotations

from symgrad.numerics.claims.horizon import horizon
from symgrad.numerics.claims.logistic_rate import logistic_rate
from symgrad.numerics.claims.spectral_radius import spectral_radius
from symgrad.numerics.claims.stable_points import stable_points
from symgrad.numerics.claims.statements import LiteratureClaim

__all__ = ["all_claims"]


def all_claims() -> tuple[LiteratureClaim, ...]:
    """The four claims as the article states them, each checked with the values that it uses.

    >>> [(claim.name, claim.verdict.value) for claim in all_claims()]  # doctest: +NORMALIZE_WHITESPACE
    [('logistic_rate', 'proved'), ('spectral_radius', 'refuted'), ('horizon', 'refuted'),
     ('stable_points', 'refuted')]
    """
    return logistic_rate(), spectral_radius(), horizon(), stable_points()
