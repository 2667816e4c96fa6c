"""Orthogonal and identity initialisation: what they guarantee about products of Jacobians for an activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.product import Bound, product_bound
from symgrad.design.arguments import positive_parameter
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import NoBoundError, SymgradError
from symgrad.language.activations import activation as activation_of
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.elementwise import Activation
from symgrad.language.matrix_properties import orthogonal
from symgrad.language.models.elman import elman
from symgrad.language.norms import OperatorNorm, SmallestSingularValue
from symgrad.numerics.functions import array_function
from symgrad.rigor.ends import End
from symgrad.rigor.extrema import extrema
from symgrad.rigor.smooth_pieces import split

__all__ = ["OrthogonalInitialisation", "identity_initialisation", "orthogonal_initialisation"]

Array = NDArray[np.float64]
K = sp.Symbol("k", integer=True, nonnegative=True)
_SIZE = sp.Symbol("n", integer=True, positive=True)
_DRAWN, _SAMPLES = 4001, 10.0

_ISOMETRY = DerivationRule(
    "orthogonal factor",
    r"\sigma_i(D Q) = \sigma_i(D) \quad (Q^T Q = I)",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6: unitary invariance",
)
_DIAGONAL = DerivationRule(
    "slopes of the activation",
    r"D_t = \operatorname{diag}(s'(a_t)),\quad \inf|s'| \le \sigma_i(D_t) \le \sup|s'|",
    "the closed hull of the slope, by ball arithmetic",
)
_PRODUCT = DerivationRule(
    "power of a rate",
    r"\prod_t \sigma_{\min}(J_t) \le \sigma_{\min}(J_k \cdots J_1),\quad"
    r" \lVert J_k \cdots J_1\rVert \le \prod_t \lVert J_t\rVert",
    "submultiplicativity, k - 1 times",
)
_IDENTITY = DerivationRule(
    "product of diagonal matrices",
    r"W = g I:\quad J_k \cdots J_1 = g^k D_k \cdots D_1",
    "diagonal matrices commute with multiples of the identity",
)
_PROJECTION = DerivationRule(
    "projections",
    r"D_t^2 = D_t \Rightarrow \sigma_i \in \{0, 1\}",
    "a diagonal matrix of zeros and ones; a unit that is off at one step has its path cut",
)


@dataclass(frozen=True, eq=False)
class OrthogonalInitialisation(StatedResult):
    """The bounds on products of k Jacobians of ``h = s(W h + U u + b)`` with ``W = g Q``, Q orthogonal.

    Attributes:
        activation: s.
        gain: g.
        is_identity: whether Q is the identity.
        upper_bound: the engine's bound on the norm for gain 1, with its proof.
        lower_bound: the engine's bound on the smallest singular value for gain 1, or None where there is none.
        least_slope: the greatest lower bound of ``|s'|`` next to which no kink lies, 0 where it reaches zero.
        reason: why there is no lower bound above zero, or where it holds; empty where it holds everywhere.

    >>> found = orthogonal_initialisation("relu")
    >>> found.upper, found.lower, found.is_isometry
    (1, 0, False)
    >>> orthogonal_initialisation("identity").is_isometry
    True
    """

    activation: Activation
    gain: sp.Expr
    is_identity: bool
    upper_bound: Bound
    lower_bound: Bound | None
    least_slope: sp.Expr
    reason: str

    @property
    def rate(self) -> sp.Expr:
        """The bound on the norm of one Jacobian."""
        return self.gain * self.upper_bound.rate

    @property
    def floor(self) -> sp.Expr:
        """The bound on its smallest singular value from below; 0 where there is none above."""
        return self.gain * (self.least_slope if self.lower_bound is None else self.lower_bound.rate)

    @property
    def upper(self) -> sp.Expr:
        """The bound on the norm of a product of k Jacobians."""
        return self.rate**K

    @property
    def lower(self) -> sp.Expr:
        """The bound on its smallest singular value from below, for k >= 1."""
        return sp.S.Zero if self.floor == 0 else self.floor**K

    @property
    def is_isometry(self) -> bool:
        """Whether all products of Jacobians are proved to keep every length."""
        return self.rate == 1 and self.floor == 1

    @property
    def is_projection(self) -> bool:
        """Whether the slopes are 0 and 1 only, so that the diagonal factors are projections."""
        slope = sp.expand(self.activation.derivative.expr)
        pieces = slope.args if isinstance(slope, sp.Piecewise) else ((slope, sp.true),)
        return {value for value, _ in pieces} <= {sp.S.Zero, sp.S.One}

    @property
    def title(self) -> str:
        """The kind of initialisation and the activation."""
        kind = "identity" if self.is_identity else "orthogonal"
        scaled = "" if self.gain == 1 else f" times {self.gain}"
        verdict = ": products of Jacobians are isometries" if self.is_isometry else ""
        return f"{kind} initialisation{scaled} with {self.activation.name}{verdict}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Both bounds on products of k Jacobians, and why the lower one is zero where it is."""
        P = sp.MatrixSymbol("P", _SIZE, _SIZE)
        lower = "smallest singular value" + (f" ({self.reason})" if self.reason else "")
        return (
            Statement("norm of a product of k Jacobians", sp.Le(OperatorNorm(P), self.upper, evaluate=False)),
            Statement(lower, sp.Ge(SmallestSingularValue(P), self.lower, evaluate=False)),
        )

    @property
    def derivation(self) -> Derivation:
        """Unitary invariance, the slopes, and the power; the engine's proofs are those of the two bounds."""
        D, J, P = (sp.MatrixSymbol(name, _SIZE, _SIZE) for name in ("D", "J", "P"))
        upper, lower = (item.relation for item in self.statements)
        steps = [
            DerivationStep(_DIAGONAL, sp.Le(OperatorNorm(D), self.upper_bound.rate, evaluate=False)),
            DerivationStep(_ISOMETRY, sp.Eq(OperatorNorm(J), self.gain * OperatorNorm(D), evaluate=False)),
        ]
        if self.is_identity:
            steps.append(DerivationStep(_IDENTITY, sp.Eq(P, self.gain**K * D, evaluate=False), "D the product of all"))
        if self.is_projection:
            steps.append(DerivationStep(_PROJECTION, sp.Ge(SmallestSingularValue(D), 0, evaluate=False)))
        steps += [DerivationStep(_PRODUCT, lower, self.reason), DerivationStep(_PRODUCT, upper)]
        return Derivation(self.title, tuple(steps))

    def verify(self, seed: int = 0) -> Verification:
        """Multiply Jacobians of random states with random orthogonal weights, and look for slopes near both bounds.

        Args:
            seed: of the weights and states.
        """
        random = np.random.default_rng(seed)
        gain = float(self.gain.subs({s: sp.Rational(9, 10) for s in self.gain.free_symbols}))
        rate, floor = (float(e / self.gain) * gain for e in (self.rate, self.floor))
        cases = []
        for count in (1, 5, 30):
            for extreme in ("least", "largest", "random"):
                values = np.linalg.svd(self._product(count, extreme, gain, random), compute_uv=False)
                words = f"of {count} Jacobians, {extreme} slopes"
                cases.append(Case(f"norm {words}", float(values[0]), rate**count))
                least = float(values[-1]) + 1e-13 * float(values[0])
                cases.append(Case(f"smallest singular value {words}", least, floor**count, "lower"))
        return verified(self.title, "products of Jacobians in floats", cases)

    def _product(self, count: int, extreme: str, gain: float, random: np.random.Generator) -> Array:
        """A product with random orthogonal factors; slopes are drawn, or chosen where they are extreme."""
        slope = array_function(self.activation.derivative.expr)
        grid = np.linspace(-_SAMPLES, _SAMPLES, _DRAWN) + 1e-6
        slopes = np.broadcast_to(np.asarray(slope(np, grid), dtype=np.float64), grid.shape)
        chosen = {"least": np.argmin(np.abs(slopes)), "largest": np.argmax(np.abs(slopes))}
        product: Array = np.eye(4)
        for _ in range(count):
            picks = np.full(4, chosen[extreme]) if extreme in chosen else random.integers(0, len(grid), 4)
            Q = np.eye(4) if self.is_identity else np.linalg.qr(random.standard_normal((4, 4)))[0]
            product = gain * (slopes[picks][:, None] * Q) @ product
        return product


def _initialisation(activation: Any, gain: Any, is_identity: bool) -> OrthogonalInitialisation:
    function = activation_of(activation)
    scale = positive_parameter("gain", gain)
    model = elman(function).assuming({"W": orthogonal})
    upper = product_bound(model)
    try:
        lower, least, reason = product_bound(model, side="lower"), sp.S.Zero, ""
    except NoBoundError:
        lower, least = None, _least_slope(function)
        ends = f"slopes lie in [{_short(function.slope.inf)}, {_short(function.slope.sup)}]"
        reason = f"{ends}, not away from 0" if least == 0 else f"{ends}; not at kinks"
    return OrthogonalInitialisation(function, scale, is_identity, upper, lower, least, reason)


def _short(end: sp.Expr) -> str:
    """A number in words, to six digits where it is no fraction."""
    return str(end) if end.is_Rational or end.is_infinite else f"{float(end):.6g}"


def _least_slope(function: Activation) -> sp.Expr:
    """The greatest lower bound of the modulus of the slope between kinks; 0 where that is not proved to be more."""
    z = function.variable
    try:
        pieces = split(function.derivative.expr, z, End(-sp.oo, 1), End(sp.oo, -1))
        least = [_least_modulus(p.formula, z, sp.Interval.open(p.left.value, p.right.value)) for p in pieces]
    except SymgradError:
        return sp.S.Zero
    return sp.Min(*least)


def _least_modulus(formula: sp.Expr, symbol: sp.Symbol, interval: sp.Interval) -> sp.Expr:
    found = extrema(formula, symbol, interval)
    low, high = found.inf.value, found.sup.value
    return low if low > 0 else -high if high < 0 else sp.S.Zero


def orthogonal_initialisation(activation: Any = "identity", gain: Any = 1) -> OrthogonalInitialisation:
    """What orthogonal recurrent weights, times a gain, guarantee about products of Jacobians.

    For linear units every length is kept. For others the norm stays below a power of the largest slope times the gain;
    the smallest singular value stays above one of the least slope, and above nothing where slopes reach zero.

    Args:
        activation: s, by name or as an Activation.
        gain: g, a positive number or symbol.

    Returns:
        An :class:`OrthogonalInitialisation`.

    Raises:
        InputError: a malformed gain.
        NoBoundError: the slope of the activation is unbounded.
        UnknownNameError: no activation of that name.

    Source: Saxe, McClelland and Ganguli 2014, Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks, sec. 3.

    >>> orthogonal_initialisation("leaky_relu").lower
    (1/100)**k
    """
    return _initialisation(activation, gain, is_identity=False)


def identity_initialisation(activation: Any = "relu", gain: Any = 1) -> OrthogonalInitialisation:
    """What recurrent weights ``g I`` guarantee; the arguments are those of :func:`orthogonal_initialisation`.

    With rectified linear units and g = 1 the derivative is the product of diagonal projections: a unit that stays on
    carries its gradient unchanged, one that is off at any step carries none.

    Source: Le, Jaitly and Hinton 2015, A simple way to initialize recurrent networks of rectified linear units, sec. 4.

    >>> found = identity_initialisation()
    >>> found.upper, found.lower, found.is_projection
    (1, 0, True)
    """
    return _initialisation(activation, gain, is_identity=True)
