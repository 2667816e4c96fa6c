"""Statements of the literature about vanishing gradients, checked: counter-examples and corrected theorems."""

from symgrad.numerics.claims.counterexample import SpectralRadiusCounterexample, spectral_radius_counterexample
from symgrad.numerics.claims.horizon import horizon
from symgrad.numerics.claims.statements import LiteratureClaim

__all__ = ["LiteratureClaim", "SpectralRadiusCounterexample", "horizon", "spectral_radius_counterexample"]
