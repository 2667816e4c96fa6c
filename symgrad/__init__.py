"""symgrad: derive, typeset and verify bounds on products of Jacobians of recurrent networks.

>>> import symgrad as sg
>>> sg.product_bound(sg.models.elman()).expr
OperatorNorm(W)**k
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sympy import Interval

from symgrad.errors import InputError, NoBoundError, NoRuleError, SymgradError, UnknownNameError
from symgrad.language import models
from symgrad.language.activations import activation, activation_names
from symgrad.language.elementwise import Activation, hadamard
from symgrad.language.flow import Flow
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.matrix_properties import MatrixProperty, diagonal, nonnegative, orthogonal, symmetric
from symgrad.language.norms import OperatorNorm, SmallestSingularValue, SpectralRadius
from symgrad.language.recurrence import Recurrence
from symgrad.language.stacking import stack

if TYPE_CHECKING:
    from symgrad import design
    from symgrad.bounds.chain import ChainBound, chain_bound
    from symgrad.bounds.flow import FlowBound, flow_bound
    from symgrad.bounds.gradient import GradientBound, gradient_bound
    from symgrad.bounds.invariant import InvariantBox, invariant_box
    from symgrad.bounds.joint_spectral_radius import JointSpectralRadius, joint_spectral_radius
    from symgrad.bounds.layer_gradient import LayerGradientBound, layer_gradient_bound
    from symgrad.bounds.product import Bound, product_bound
    from symgrad.bounds.tables import BoundTable, bound_table
    from symgrad.calculus.jacobian import Jacobian, jacobian
    from symgrad.calculus.unroll import Unrolled, unroll
    from symgrad.diagnosis.deep import deep_diagnosis
    from symgrad.diagnosis.deep_results import ChainLayerDiagnosis, DeepDiagnosis
    from symgrad.diagnosis.diagnose import diagnose
    from symgrad.diagnosis.lyapunov import LyapunovSpectrum, lyapunov_spectrum
    from symgrad.diagnosis.monitor import GradientMonitor
    from symgrad.diagnosis.results import Diagnosis, LayerDiagnosis
    from symgrad.dynamics.basins import Basins, basins
    from symgrad.dynamics.bifurcation_points import BifurcationPoint, Bifurcations
    from symgrad.dynamics.bifurcations import bifurcations
    from symgrad.dynamics.curve import FixedPointCurve, fixed_point_curve
    from symgrad.dynamics.fixed_points import fixed_points
    from symgrad.dynamics.landscape import LossLandscape, loss_landscape
    from symgrad.dynamics.latching import InformationLatching, information_latching
    from symgrad.dynamics.points import FixedPoint, FixedPoints
    from symgrad.dynamics.sensitivity import Sensitivity, sensitivity
    from symgrad.dynamics.sweep import FixedPointSweep
    from symgrad.dynamics.vector_results import VectorFixedPoint, VectorFixedPoints
    from symgrad.interop.checkpoints import load_inputs, load_weights
    from symgrad.interop.jax_cells import from_jax
    from symgrad.interop.torch_modules import from_torch
    from symgrad.language.layer_chain import LayerChain
    from symgrad.meanfield.deep_network import MeanField
    from symgrad.meanfield.gains import InitGain, init_gain
    from symgrad.meanfield.init_code import init_code
    from symgrad.meanfield.isometry import DynamicalIsometry, dynamical_isometry
    from symgrad.meanfield.mean_field import mean_field
    from symgrad.meanfield.recurrent import RecurrentMeanField
    from symgrad.meanfield.self_normalising import SelfNormalising, self_normalising
    from symgrad.meanfield.singular_values import SingularValues
    from symgrad.numerics import claims
    from symgrad.numerics.backends import Backend, backend
    from symgrad.numerics.backpropagation import Gradients, backpropagate
    from symgrad.numerics.bidirectional import BidirectionalStack
    from symgrad.numerics.comparison import BoundComparison, compare_bounds
    from symgrad.numerics.network_verdict import NetworkVerdict, verdict
    from symgrad.numerics.product_norms import ProductNorms, product_norms
    from symgrad.numerics.rate_bracket import RateBracket, rate_bracket
    from symgrad.numerics.simulate import Trajectory, simulate
    from symgrad.numerics.trajectory_bound import TrajectoryBound, trajectory_bound
    from symgrad.numerics.trajectory_bound_norms import CertifiedNorm
    from symgrad.numerics.verdict import Verdict
    from symgrad.numerics.verify import Check, verify
    from symgrad.numerics.wide_networks import WideNetwork, simulate_wide_network
    from symgrad.present.reports import report
    from symgrad.sweeps.interruption import SweepInterruptedError
    from symgrad.sweeps.results import SweepResult
    from symgrad.sweeps.sweep import load_sweep, sweep

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "Backend",
    "Basins",
    "BidirectionalStack",
    "BifurcationPoint",
    "Bifurcations",
    "Bound",
    "BoundComparison",
    "BoundTable",
    "CertifiedNorm",
    "ChainBound",
    "ChainLayerDiagnosis",
    "Check",
    "DeepDiagnosis",
    "Diagnosis",
    "DynamicalIsometry",
    "FixedPoint",
    "FixedPointCurve",
    "FixedPointSweep",
    "FixedPoints",
    "Flow",
    "FlowBound",
    "GradientBound",
    "GradientMonitor",
    "Gradients",
    "InformationLatching",
    "InitGain",
    "InputError",
    "Interval",
    "InvariantBox",
    "Jacobian",
    "JointSpectralRadius",
    "LayerChain",
    "LayerDiagnosis",
    "LayerGradientBound",
    "LogarithmicNorm",
    "LossLandscape",
    "LyapunovSpectrum",
    "MatrixProperty",
    "MeanField",
    "NetworkVerdict",
    "NoBoundError",
    "NoRuleError",
    "OperatorNorm",
    "ProductNorms",
    "RateBracket",
    "Recurrence",
    "RecurrentMeanField",
    "SelfNormalising",
    "Sensitivity",
    "SingularValues",
    "SmallestSingularValue",
    "SpectralRadius",
    "SweepInterruptedError",
    "SweepResult",
    "SymgradError",
    "Trajectory",
    "TrajectoryBound",
    "UnknownNameError",
    "Unrolled",
    "VectorFixedPoint",
    "VectorFixedPoints",
    "Verdict",
    "WideNetwork",
    "activation",
    "activation_names",
    "backend",
    "backpropagate",
    "basins",
    "bifurcations",
    "bound_table",
    "chain_bound",
    "claims",
    "compare_bounds",
    "deep_diagnosis",
    "design",
    "diagnose",
    "diagonal",
    "dynamical_isometry",
    "fixed_point_curve",
    "fixed_points",
    "flow_bound",
    "from_jax",
    "from_torch",
    "gradient_bound",
    "hadamard",
    "information_latching",
    "init_code",
    "init_gain",
    "invariant_box",
    "jacobian",
    "joint_spectral_radius",
    "layer_gradient_bound",
    "load_inputs",
    "load_sweep",
    "load_weights",
    "loss_landscape",
    "lyapunov_spectrum",
    "mean_field",
    "models",
    "nonnegative",
    "orthogonal",
    "product_bound",
    "product_norms",
    "rate_bracket",
    "report",
    "self_normalising",
    "sensitivity",
    "simulate",
    "simulate_wide_network",
    "stack",
    "sweep",
    "symmetric",
    "trajectory_bound",
    "unroll",
    "verdict",
    "verify",
]

# The language is there at once; what works on it is loaded on first use, so that importing the package costs little
# more than importing sympy.
_ON_FIRST_USE = {
    "Backend": "symgrad.numerics.backends",
    "Basins": "symgrad.dynamics.basins",
    "BidirectionalStack": "symgrad.numerics.bidirectional",
    "BifurcationPoint": "symgrad.dynamics.bifurcation_points",
    "Bifurcations": "symgrad.dynamics.bifurcation_points",
    "Bound": "symgrad.bounds.product",
    "BoundComparison": "symgrad.numerics.comparison",
    "BoundTable": "symgrad.bounds.tables",
    "ChainBound": "symgrad.bounds.chain",
    "ChainLayerDiagnosis": "symgrad.diagnosis.deep_results",
    "DeepDiagnosis": "symgrad.diagnosis.deep_results",
    "CertifiedNorm": "symgrad.numerics.trajectory_bound_norms",
    "Check": "symgrad.numerics.verify",
    "Diagnosis": "symgrad.diagnosis.results",
    "DynamicalIsometry": "symgrad.meanfield.isometry",
    "FixedPoint": "symgrad.dynamics.points",
    "FixedPointCurve": "symgrad.dynamics.curve",
    "FixedPointSweep": "symgrad.dynamics.sweep",
    "FixedPoints": "symgrad.dynamics.points",
    "FlowBound": "symgrad.bounds.flow",
    "GradientBound": "symgrad.bounds.gradient",
    "GradientMonitor": "symgrad.diagnosis.monitor",
    "Gradients": "symgrad.numerics.backpropagation",
    "InformationLatching": "symgrad.dynamics.latching",
    "InitGain": "symgrad.meanfield.gains",
    "InvariantBox": "symgrad.bounds.invariant",
    "Jacobian": "symgrad.calculus.jacobian",
    "JointSpectralRadius": "symgrad.bounds.joint_spectral_radius",
    "LayerChain": "symgrad.language.layer_chain",
    "LayerDiagnosis": "symgrad.diagnosis.results",
    "LayerGradientBound": "symgrad.bounds.layer_gradient",
    "LossLandscape": "symgrad.dynamics.landscape",
    "LyapunovSpectrum": "symgrad.diagnosis.lyapunov",
    "MeanField": "symgrad.meanfield.deep_network",
    "NetworkVerdict": "symgrad.numerics.network_verdict",
    "ProductNorms": "symgrad.numerics.product_norms",
    "RateBracket": "symgrad.numerics.rate_bracket",
    "RecurrentMeanField": "symgrad.meanfield.recurrent",
    "SelfNormalising": "symgrad.meanfield.self_normalising",
    "Sensitivity": "symgrad.dynamics.sensitivity",
    "SingularValues": "symgrad.meanfield.singular_values",
    "SweepInterruptedError": "symgrad.sweeps.interruption",
    "SweepResult": "symgrad.sweeps.results",
    "Trajectory": "symgrad.numerics.simulate",
    "TrajectoryBound": "symgrad.numerics.trajectory_bound",
    "Unrolled": "symgrad.calculus.unroll",
    "VectorFixedPoint": "symgrad.dynamics.vector_results",
    "VectorFixedPoints": "symgrad.dynamics.vector_results",
    "Verdict": "symgrad.numerics.verdict",
    "WideNetwork": "symgrad.numerics.wide_networks",
    "basins": "symgrad.dynamics.basins",
    "bifurcations": "symgrad.dynamics.bifurcations",
    "bound_table": "symgrad.bounds.tables",
    "backend": "symgrad.numerics.backends",
    "backpropagate": "symgrad.numerics.backpropagation",
    "chain_bound": "symgrad.bounds.chain",
    "compare_bounds": "symgrad.numerics.comparison",
    "deep_diagnosis": "symgrad.diagnosis.deep",
    "diagnose": "symgrad.diagnosis.diagnose",
    "dynamical_isometry": "symgrad.meanfield.isometry",
    "fixed_point_curve": "symgrad.dynamics.curve",
    "fixed_points": "symgrad.dynamics.fixed_points",
    "flow_bound": "symgrad.bounds.flow",
    "from_jax": "symgrad.interop.jax_cells",
    "from_torch": "symgrad.interop.torch_modules",
    "gradient_bound": "symgrad.bounds.gradient",
    "init_code": "symgrad.meanfield.init_code",
    "init_gain": "symgrad.meanfield.gains",
    "information_latching": "symgrad.dynamics.latching",
    "invariant_box": "symgrad.bounds.invariant",
    "jacobian": "symgrad.calculus.jacobian",
    "joint_spectral_radius": "symgrad.bounds.joint_spectral_radius",
    "layer_gradient_bound": "symgrad.bounds.layer_gradient",
    "load_inputs": "symgrad.interop.checkpoints",
    "load_sweep": "symgrad.sweeps.sweep",
    "load_weights": "symgrad.interop.checkpoints",
    "loss_landscape": "symgrad.dynamics.landscape",
    "lyapunov_spectrum": "symgrad.diagnosis.lyapunov",
    "mean_field": "symgrad.meanfield.mean_field",
    "product_bound": "symgrad.bounds.product",
    "product_norms": "symgrad.numerics.product_norms",
    "rate_bracket": "symgrad.numerics.rate_bracket",
    "report": "symgrad.present.reports",
    "self_normalising": "symgrad.meanfield.self_normalising",
    "sensitivity": "symgrad.dynamics.sensitivity",
    "simulate": "symgrad.numerics.simulate",
    "simulate_wide_network": "symgrad.numerics.wide_networks",
    "sweep": "symgrad.sweeps.sweep",
    "trajectory_bound": "symgrad.numerics.trajectory_bound",
    "unroll": "symgrad.calculus.unroll",
    "verdict": "symgrad.numerics.network_verdict",
    "verify": "symgrad.numerics.verify",
}
_MODULES_ON_FIRST_USE = {"claims": "symgrad.numerics.claims", "design": "symgrad.design"}


def __getattr__(name: str) -> Any:
    if name in _MODULES_ON_FIRST_USE:
        return import_module(_MODULES_ON_FIRST_USE[name])
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'symgrad' has no attribute {name!r}")
    value = getattr(import_module(_ON_FIRST_USE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
