"""Remedies as derived bounds, and bounds solved for a parameter."""

from symgrad.design.advice import Advice, Proposal, advise
from symgrad.design.chrono import Chrono, chrono
from symgrad.design.decay import WeightDecay, weight_decay
from symgrad.design.gate_biases import ForgetBias, forget_bias, highway_bias, update_bias
from symgrad.design.gradient_clipping import Clipping, clipping
from symgrad.design.leaky_slopes import leaky_slope
from symgrad.design.losses import LossComparison, LossFactor, compare_losses, loss_factor
from symgrad.design.normalisation import Normalisation
from symgrad.design.normalisations import EvaluatedBatchNorm, batch_norm, batch_norm_evaluation, layer_norm, rms_norm
from symgrad.design.orthogonal import (
    OrthogonalInitialisation,
    identity_initialisation,
    orthogonal_initialisation,
)
from symgrad.design.remedy import Remedy
from symgrad.design.residual import residual_scale
from symgrad.design.saturating_losses import SaturatingLosses, saturating_losses
from symgrad.design.solution_check import SolutionCheck
from symgrad.design.solutions import Solution, SolutionCase
from symgrad.design.solving import solve
from symgrad.design.spectral import PowerIteration, SpectralNormalisation, power_iteration, spectral_normalisation
from symgrad.design.stacks import NormalisedStack, post_norm, pre_norm
from symgrad.design.truncation_windows import TruncationWindow, truncation
from symgrad.design.verification import Verification

__all__ = [
    "Advice",
    "Chrono",
    "Clipping",
    "EvaluatedBatchNorm",
    "ForgetBias",
    "LossComparison",
    "LossFactor",
    "Normalisation",
    "NormalisedStack",
    "OrthogonalInitialisation",
    "PowerIteration",
    "Proposal",
    "Remedy",
    "SaturatingLosses",
    "Solution",
    "SolutionCase",
    "SolutionCheck",
    "SpectralNormalisation",
    "TruncationWindow",
    "Verification",
    "WeightDecay",
    "advise",
    "batch_norm",
    "batch_norm_evaluation",
    "chrono",
    "clipping",
    "compare_losses",
    "forget_bias",
    "highway_bias",
    "identity_initialisation",
    "layer_norm",
    "leaky_slope",
    "loss_factor",
    "orthogonal_initialisation",
    "post_norm",
    "power_iteration",
    "pre_norm",
    "residual_scale",
    "rms_norm",
    "saturating_losses",
    "solve",
    "spectral_normalisation",
    "truncation",
    "update_bias",
    "weight_decay",
]
