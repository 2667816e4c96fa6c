"""symgrad: derive, typeset and verify bounds on products of Jacobians of recurrent networks.

>>> import symgrad as sg
>>> sg.product_bound(sg.models.elman()).expr
OperatorNorm(W)**k
"""

from sympy import Interval

from symgrad.bounds.product import Bound, product_bound
from symgrad.calculus.jacobian import Jacobian, jacobian
from symgrad.errors import InputError, NoBoundError, NoRuleError, SymgradError, UnknownNameError
from symgrad.language import models
from symgrad.language.activations import activation, activation_names
from symgrad.language.elementwise import Activation, hadamard
from symgrad.language.norms import OperatorNorm, SmallestSingularValue, SpectralRadius
from symgrad.language.recurrence import Recurrence

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "Bound",
    "InputError",
    "Interval",
    "Jacobian",
    "NoBoundError",
    "NoRuleError",
    "OperatorNorm",
    "Recurrence",
    "SmallestSingularValue",
    "SpectralRadius",
    "SymgradError",
    "UnknownNameError",
    "activation",
    "activation_names",
    "hadamard",
    "jacobian",
    "models",
    "product_bound",
]
