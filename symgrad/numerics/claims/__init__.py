"""Statements of the literature about vanishing gradients, checked: counter-examples and corrected theorems."""

from symgrad.numerics.claims.collected import all_claims as all
from symgrad.numerics.claims.counterexample import SpectralRadiusCounterexample, spectral_radius_counterexample
from symgrad.numerics.claims.horizon import horizon
from symgrad.numerics.claims.logistic_rate import logistic_rate
from symgrad.numerics.claims.spectral_radius import spectral_radius
from symgrad.numerics.claims.stable_points import stable_points
from symgrad.numerics.claims.statements import LiteratureClaim

__all__ = [
    "LiteratureClaim",
    "SpectralRadiusCounterexample",
    "all",
    "horizon",
    "logistic_rate",
    "spectral_radius",
    "spectral_radius_counterexample",
    "stable_points",
]
