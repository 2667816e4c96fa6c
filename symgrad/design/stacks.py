"""Residual stacks with normalisation before or after the branch: bounds on products of their Jacobians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.arguments import checked_size, nonnegative_parameter, power
from symgrad.design.normalisation import Normalisation
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.norms import OperatorNorm, SmallestSingularValue

__all__ = ["NormalisedStack", "post_norm", "pre_norm"]

K = sp.Symbol("k", integer=True, nonnegative=True)
_PRE, _POST = "pre-norm", "post-norm"
_FORMS = {_PRE: "x + F(N(x))", _POST: "N(x + F(x))"}

_CHAIN = DerivationRule("chain rule", r"D(f \circ g)(x) = Df(g(x))\, Dg(x)", "calculus")
_NORMALISED = DerivationRule(
    "norm of the normalisation",
    r"\lVert DN\rVert_2 \le \nu",
    "the derivation of the normalisation's own Jacobian",
)
_TRIANGLE = DerivationRule(
    "triangle inequality",
    r"1 - \lVert A\rVert \le \sigma_{\min}(I + A),\quad \lVert I + A\rVert \le 1 + \lVert A\rVert",
    "Horn and Johnson, Matrix Analysis, 2nd ed. 2013, sec. 5.6 and 7.3",
)
_PRODUCT = DerivationRule(
    "power of a rate",
    r"\lVert J_k \cdots J_1\rVert \le \gamma^k,\quad \sigma_{\min}(J_k \cdots J_1) \ge \lambda^k",
    "submultiplicativity, k - 1 times; Pascanu, Mikolov and Bengio 2013, sec. 2.1",
)
_KERNEL = DerivationRule(
    "kernel of the normalisation",
    r"DN\, \mathbf 1 = 0",
    "adding the same number to all entries changes nothing after the mean is subtracted",
)


@dataclass(frozen=True)
class NormalisedStack(StatedResult):
    """k blocks ``x + F(N(x))`` or ``N(x + F(x))`` with branches of Lipschitz constant at most L.

    Attributes:
        placement: ``"pre-norm"`` or ``"post-norm"``.
        normalisation: N; every block has one like it.
        lipschitz: L, a bound on the operator norm of the branch's Jacobian.
        std: a lower bound on s, the standard deviation that N divides by; None for ``sqrt(eps)``.
        steps: k, the number of blocks.
        rate: the bound on the norm of one block's Jacobian.
        floor: the bound on its smallest singular value from below.

    >>> from symgrad import design
    >>> stack = design.pre_norm(design.layer_norm(n=16, gamma=1, eps=0), lipschitz=0.1, std=1)
    >>> stack.rate, stack.upper, stack.lower
    (11/10, (11/10)**k, (9/10)**k)
    """

    placement: str
    normalisation: Normalisation
    lipschitz: sp.Expr
    std: sp.Expr | None
    steps: sp.Expr
    rate: sp.Expr
    floor: sp.Expr

    @property
    def upper(self) -> sp.Expr:
        """The bound on the operator norm of the product of all blocks' Jacobians."""
        return power(self.rate, self.steps)

    @property
    def lower(self) -> sp.Expr:
        """The bound on the smallest singular value of that product from below."""
        return sp.S.Zero if self.floor == 0 else power(self.floor, self.steps)

    @property
    def title(self) -> str:
        """The form of a block and its normalisation."""
        least = "" if self.std is None else f", s >= {self.std}"
        return f"{self.placement} residual stack {_FORMS[self.placement]} with {self.normalisation.name}{least}"

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The bounds on one block and on all of them."""
        n = self.normalisation.size
        J, P = sp.MatrixSymbol("J", n, n), sp.MatrixSymbol("P", n, n)
        return (
            Statement("one block", sp.Le(OperatorNorm(J), self.rate, evaluate=False)),
            Statement("all k blocks", sp.Le(OperatorNorm(P), self.upper, evaluate=False)),
            Statement(
                "smallest singular value of all blocks", sp.Ge(SmallestSingularValue(P), self.lower, evaluate=False)
            ),
        )

    @property
    def derivation(self) -> Derivation:
        """From the chain rule to the bounds on the product."""
        n = self.normalisation.size
        J, F, N, P = (sp.MatrixSymbol(name, n, n) for name in ("J", "F", "N", "P"))
        block = sp.Identity(n) + F * N if self.placement == _PRE else N * (sp.Identity(n) + F)
        slope = _slope(self.normalisation, self.std)
        steps = [
            DerivationStep(_CHAIN, sp.Eq(J, block, evaluate=False), "F and N stand for the Jacobians"),
            DerivationStep(_NORMALISED, sp.Le(OperatorNorm(N), slope, evaluate=False)),
            DerivationStep(_TRIANGLE, sp.Le(OperatorNorm(J), self.rate, evaluate=False), "the branch has norm <= L"),
            self._lower_step(J),
            DerivationStep(_PRODUCT, sp.Ge(SmallestSingularValue(P), self.lower, evaluate=False)),
            DerivationStep(_PRODUCT, sp.Le(OperatorNorm(P), self.upper, evaluate=False)),
        ]
        return Derivation(f"products of Jacobians of a {self.placement} stack", tuple(steps))

    def _lower_step(self, J: sp.MatrixSymbol) -> DerivationStep:
        relation = sp.Ge(SmallestSingularValue(J), self.floor, evaluate=False)
        if self.placement == _PRE:
            return DerivationStep(_TRIANGLE, relation, "no more than this where L times the slope reaches 1")
        if self.normalisation.centred:
            return DerivationStep(_KERNEL, relation, "so that no lower bound above 0 exists")
        return DerivationStep(_NORMALISED, relation, "along x the slope epsilon/s**3 has no positive lower bound")

    def verify(self, seed: int = 0) -> Verification:
        """Compare the bounds with products of Jacobians along random inputs, and where one block attains its bound.

        Args:
            seed: of the inputs, the branches, and the numbers for symbols.
        """
        return _checked(self, np.random.default_rng(seed))


def _slope(norm: Normalisation, std: Any) -> sp.Expr:
    """The bound on the slope of the normalisation; for a symbol n the one of many entries, which holds for few too."""
    slope = norm.uniform(std)
    return slope.args[-1][0] if isinstance(slope, sp.Piecewise) else slope


def _stack(placement: str, norm: Any, lipschitz: Any, std: Any, steps: Any) -> NormalisedStack:
    if not isinstance(norm, Normalisation):
        raise InputError(f"normalisation: a Normalisation such as layer_norm() is needed, got {type(norm).__name__}")
    if norm.along_batch:
        raise InputError("normalisation: batch norm couples the samples; a stack needs layer_norm or rms_norm")
    if norm.centred and norm.size == 1 and norm.eps == 0:
        raise InputError("normalisation: layer norm of one entry is 0/0 without eps; a positive eps is needed")
    L = nonnegative_parameter("L" if lipschitz is None else "lipschitz", lipschitz)
    least = None if std is None else nonnegative_parameter("std", std)
    count = K if steps is None else checked_size("steps", steps, "k")
    slope = _slope(norm, least)
    if slope.has(sp.oo):
        raise InputError("std: without eps the normalisation has no bounded slope; give a positive lower bound of s")
    pre = placement == _PRE
    rate = 1 + L * slope if pre else slope * (1 + L)
    floor = sp.Max(0, 1 - L * slope) if pre else sp.S.Zero
    return NormalisedStack(placement, norm, L, least, count, rate, floor)


def pre_norm(
    normalisation: Normalisation, lipschitz: Any = None, std: Any = None, steps: Any = None
) -> NormalisedStack:
    """The stack of blocks ``x + F(N(x))``, with the path ``x`` untouched by the normalisation.

    Args:
        normalisation: N, from :func:`layer_norm` or :func:`rms_norm`.
        lipschitz: L >= 0, bounding the operator norm of the branch's Jacobian; None for the symbol L.
        std: a lower bound of s, where one is known; the bound then holds as long as s stays above.
        steps: how many blocks; None for the symbol k.

    Returns:
        A :class:`NormalisedStack`.

    Raises:
        InputError: a malformed argument; neither eps nor std keeps the slope of N bounded.

    Source: chain rule and submultiplicativity; Xiong et al. 2020, On Layer Normalization in the Transformer
    Architecture, for the two placements.

    >>> from symgrad import design
    >>> pre_norm(design.layer_norm(n=8, gamma=1, eps=1)).upper
    (L + 1)**k
    """
    return _stack(_PRE, normalisation, lipschitz, std, steps)


def post_norm(
    normalisation: Normalisation, lipschitz: Any = None, std: Any = None, steps: Any = None
) -> NormalisedStack:
    """The stack of blocks ``N(x + F(x))``; the arguments are those of :func:`pre_norm`.

    >>> from symgrad import design
    >>> post_norm(design.layer_norm(n=8, gamma=1, eps=0), lipschitz=1, std=4).rate
    1/2
    """
    return _stack(_POST, normalisation, lipschitz, std, steps)


def _checked(stack: NormalisedStack, random: np.random.Generator) -> Verification:
    """One block with the branch that attains the bound, then products of random blocks."""
    numbers = _numbers(stack, random)
    norm, L = stack.normalisation, numbers(stack.lipschitz)
    n = int(norm.size) if norm.size.is_Integer else 4
    gains = np.array([numbers(gain) for gain in norm.gains]) * np.ones(n)
    eps, rate, floor = numbers(norm.eps), numbers(stack.rate), numbers(stack.floor)
    least = max(np.sqrt(eps), 0.0 if stack.std is None else numbers(stack.std))
    world = _World(stack.placement, gains, eps, norm.centred, least)
    slope = numbers(_slope(norm, stack.std))
    opposed = -min(L, 1 / slope) if slope > 0 else -L  # cancels the path x, as far as L allows
    cases = [case for size in (L, opposed) for case in world.one_block(size * np.eye(n), (rate, floor), random)]
    for count in (2, 5, 20):
        cases += world.product([_branch(L, n, random) for _ in range(count)], (rate, floor), random)
    return verified(f"{stack.placement} stack", "products of exact Jacobians in floats", cases)


def _numbers(stack: NormalisedStack, random: np.random.Generator) -> Any:
    """A function that puts random numbers in for symbols, for L one for which the lower bound is above zero."""
    norm = stack.normalisation
    symbols = {s for e in (*norm.gains, norm.eps, stack.lipschitz, stack.std or 0) for s in sp.sympify(e).free_symbols}
    values = {s: sp.Rational(int(random.integers(1, 20)), 10) for s in sorted(symbols, key=str)}
    if norm.size.is_Symbol:
        values[norm.size] = sp.Integer(4)
    if stack.lipschitz.is_Symbol:
        slope = _slope(norm, stack.std).subs(values)
        values[stack.lipschitz] = sp.Rational(1, 2) if slope == 0 else sp.Rational(f"{float(1 / (2 * slope)):.6g}")
    return lambda expr: float(sp.sympify(expr).subs(values))


def _branch(L: float, n: int, random: np.random.Generator) -> NDArray[np.float64]:
    matrix = random.standard_normal((n, n))
    return np.asarray(L * matrix / np.linalg.norm(matrix, 2))


@dataclass(frozen=True)
class _World:
    """Blocks with linear branches, in floats."""

    placement: str
    gains: NDArray[np.float64]
    eps: float
    centred: bool
    least: float

    def slope(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """The normalised vector, the Jacobian and s."""
        n = len(x)
        rest = x - x.mean() if self.centred else x
        std = float(np.sqrt(np.mean(rest**2) + self.eps))
        hat = rest / std
        bracket = np.eye(n) - np.outer(hat, hat) / n - (1 / n if self.centred else 0.0)
        return self.gains * hat, self.gains[:, None] * bracket / std, std

    def block(self, x: NDArray[np.float64], W: NDArray[np.float64]) -> tuple[NDArray[np.float64], Any, float]:
        """One block's output, Jacobian and s."""
        eye = np.eye(len(x))
        if self.placement == _PRE:
            hat, jacobian, std = self.slope(x)
            return x + W @ hat, eye + W @ jacobian, std
        hat, jacobian, std = self.slope(x + W @ x)
        return hat, jacobian @ (eye + W), std

    def one_block(self, W: NDArray[np.float64], ends: tuple[float, float], random: np.random.Generator) -> list[Case]:
        """At a point where s is as small as allowed."""
        x = random.standard_normal(len(self.gains))
        rest = x - x.mean() if self.centred else x
        size = float(np.sqrt(np.mean(rest**2)))
        if size == 0.0:
            return []
        stretch = 1.0 if self.placement == _PRE else abs(1 + W[0, 0])
        wanted = np.sqrt(max(self.least**2 - self.eps, 0.0))
        rest = rest * (wanted / (size * stretch) if stretch else 0.0)
        _, jacobian, std = self.block(rest, W)
        return self._cases(jacobian, ends, 1) if std >= self.least * (1 - 1e-12) else []

    def product(self, branches: list[Any], ends: tuple[float, float], random: np.random.Generator) -> list[Case]:
        """Along one input, for as many blocks as keep s above its bound."""
        x = 3 * self.least * random.standard_normal(len(self.gains))
        total, count = np.eye(len(x)), 0
        for W in branches:
            x, jacobian, std = self.block(x, W)
            if std < self.least:
                break
            total, count = jacobian @ total, count + 1
        return self._cases(total, ends, count) if count else []

    def _cases(self, matrix: Any, ends: tuple[float, float], count: int) -> list[Case]:
        values = np.linalg.svd(matrix, compute_uv=False)
        noise = 1e-12 * float(values[0])
        return [
            Case(f"norm of {count} blocks", float(values[0]), ends[0] ** count),
            Case(f"smallest singular value of {count} blocks", float(values[-1]) + noise, ends[1] ** count, "lower"),
        ]
