"""Remedies as derived bounds, and bounds solved for a parameter."""

from symgrad.design.advice import Advice, Proposal, advise
from symgrad.design.decay import WeightDecay, weight_decay
from symgrad.design.gradient_clipping import Clipping, clipping
from symgrad.design.leaky_slopes import leaky_slope
from symgrad.design.losses import LossComparison, LossFactor, compare_losses, loss_factor, saturating_losses
from symgrad.design.normalisation import Normalisation
from symgrad.design.normalisations import EvaluatedBatchNorm, batch_norm, batch_norm_evaluation, layer_norm, rms_norm
from symgrad.design.orthogonal import (
    OrthogonalInitialisation,
    identity_initialisation,
    orthogonal_initialisation,
)
from symgrad.design.spectral import PowerIteration, SpectralNormalisation, power_iteration, spectral_normalisation
from symgrad.design.stacks import NormalisedStack, post_norm, pre_norm
from symgrad.design.truncation_windows import TruncationWindow, truncation
from symgrad.design.verification import Verification

__all__ = [
    "Advice",
    "Clipping",
    "EvaluatedBatchNorm",
    "LossComparison",
    "LossFactor",
    "Normalisation",
    "NormalisedStack",
    "OrthogonalInitialisation",
    "PowerIteration",
    "Proposal",
    "SpectralNormalisation",
    "TruncationWindow",
    "Verification",
    "WeightDecay",
    "advise",
    "batch_norm",
    "batch_norm_evaluation",
    "clipping",
    "compare_losses",
    "identity_initialisation",
    "layer_norm",
    "leaky_slope",
    "loss_factor",
    "orthogonal_initialisation",
    "post_norm",
    "power_iteration",
    "pre_norm",
    "rms_norm",
    "saturating_losses",
    "spectral_normalisation",
    "truncation",
    "weight_decay",
]
