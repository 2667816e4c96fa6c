"""Remedies as derived bounds, and bounds solved for a parameter."""

from symgrad.design.normalisation import Normalisation
from symgrad.design.normalisations import batch_norm, layer_norm, rms_norm
from symgrad.design.verification import Verification

__all__ = ["Normalisation", "Verification", "batch_norm", "layer_norm", "rms_norm"]
