"""The scale of residual branches that keeps products of Jacobians between two numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symgrad.bounds.product import Bound, product_bound
from symgrad.design.arguments import checked_size, nonnegative_parameter
from symgrad.design.real_powers import real_power
from symgrad.design.remedy import Remedy
from symgrad.design.residual_rules import LIPSCHITZ, LOWER, SOLVED_LOWER, SOLVED_UPPER, UPPER
from symgrad.design.signs import Facts
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.activations import activation
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.language.models.catalogue import INPUT_SIZE, matrix, vector
from symgrad.language.norms import OperatorNorm, SmallestSingularValue, maximum, minimum
from symgrad.language.numbers import scalar_parameter
from symgrad.language.recurrence import Recurrence
from symgrad.rigor.balls import lower_float, to_ball, upper_float

__all__ = ["residual_scale"]

_SIZE = 6
_MOST_SIMULATED = 2000
_ONE_NORM = OperatorNorm(matrix("J"))
_NORM, _MODULUS = OperatorNorm(matrix("P")), SmallestSingularValue(matrix("P"))


def residual_scale(lipschitz: Any = None, *, steps: Any = None, at_most: Any = None, at_least: Any = None) -> Remedy:
    """The scale a of residual branches, ``x + a F(x)``, for products of k Jacobians with norms in given limits.

    With ``||F'(x)|| <= L`` the product of k Jacobians has norm at most ``(1 + a L)**k``, and stretches every vector by
    at least ``(1 - a L)**k`` where ``a L <= 1``. So ``a <= (C**(1/k) - 1)/L`` keeps the norm below C, and
    ``a <= (1 - c**(1/k))/L`` the least stretching above c; the smaller of both does both.

    Args:
        lipschitz: L, a Lipschitz constant of every branch in the 2-norm: a positive number, an expression, or None for
            the symbol L.
        steps: k, the number of branches, a positive integer, a symbol, or None for the symbol k.
        at_most: C >= 1, or a symbol; None for no such limit.
        at_least: c between 0 and 1, or a symbol; None for no such limit.

    Returns:
        A :class:`Remedy` whose value is the largest such scale a >= 0.

    Raises:
        InputError: no limit at all; C below 1 or c above 1, which not even a = 0 meets; a malformed argument.

    Source: submultiplicativity, and the reverse triangle inequality: Horn and Johnson, Matrix Analysis, 2nd ed. 2013,
    sec. 5.6 and 5.8.

    >>> remedy = residual_scale(2, steps=10, at_most=4)
    >>> print(remedy.value, remedy.verify().holds)
    -1/2 + 2**(1/5)/2 True
    >>> print(residual_scale(at_most=sp.Symbol("C", positive=True)).formula)
    a <= (C**(1/k) - 1)/L
    """
    size = nonnegative_parameter("lipschitz", sp.Symbol("L", positive=True) if lipschitz is None else lipschitz)
    count = checked_size("steps", steps, "k")
    if size.is_zero:
        raise InputError(
            "lipschitz: branches with L = 0 are constant, so that every scale will do; a number above 0 is needed"
        )
    if at_most is None and at_least is None:
        raise InputError("at_most, at_least: at least one limit is needed")
    limits: list[sp.Expr] = []
    steps_: list[DerivationStep] = []
    guarantees: list[sp.Basic] = []
    scale = sp.Symbol("a", nonnegative=True)
    if at_most is not None:
        limits.append(_from_above(scale, size, count, _limit("at_most", at_most, 1, None), steps_, guarantees))
    if at_least is not None:
        limits.append(_from_below(scale, size, count, _limit("at_least", at_least, 0, 1), steps_, guarantees))
    largest = _smaller(limits)
    numeric = not largest.free_symbols and not count.free_symbols
    target = (None if at_most is None else sp.sympify(at_most), None if at_least is None else sp.sympify(at_least))
    formula = sp.Le(scale, largest, evaluate=False)
    last = [DerivationStep(SOLVED_UPPER, formula, "the smaller of both")] if len(limits) == 2 else []
    return Remedy(
        name="residual branch scale",
        quantity="factor of every residual branch",
        parameter=scale,
        formula=formula,
        guarantee=sp.And(*guarantees, evaluate=False) if len(guarantees) > 1 else guarantees[0],
        derivation=Derivation("residual branch scale for products within limits", (*steps_, *last)),
        value=largest if numeric else None,
        bounds=tuple(
            _bound(scale, side) for side, given in (("upper", at_most), ("lower", at_least)) if given is not None
        ),
        remarks=(
            "both limits are attained by linear branches F(x) = L x and F(x) = -L x, so that no larger scale is safe",
        ),
        check=partial(_measured, size, count, target) if numeric else None,
    )


def _limit(label: str, value: Any, low: int, high: int | None) -> sp.Expr:
    number = scalar_parameter(label, value)
    if number.free_symbols:
        return number
    if to_ball(number) < low or (high is not None and to_ball(number) > high):
        reason = "a = 0 gives 1" if label == "at_least" or number >= 0 else "norms are not negative"
        wanted = "a number >= 1" if high is None else "a number from 0 to 1"
        raise InputError(f"{label}: {wanted} is needed, since {reason}, got {value!r}")
    return number


def _bound(scale: sp.Symbol, side: str) -> Bound:
    """The proved bound for ``h + a s(W h + U u + b)`` with slopes of s in [0, 1], where L is the norm of W."""
    h, u, b = vector("h"), vector("u", INPUT_SIZE), vector("b")
    inner = matrix("W") * h + matrix("U", columns=INPUT_SIZE) * u + b
    model = Recurrence({h: h + scale * activation("tanh")(inner)}, inputs=(u,), name="scaled residual")
    return product_bound(model, side=side)


def _from_above(
    scale: sp.Symbol, size: sp.Expr, count: sp.Expr, limit: sp.Expr, steps: list[DerivationStep], said: list[sp.Basic]
) -> sp.Expr:
    found = (real_power(limit, 1 / count) - 1) / size
    product = (1 + scale * size) ** count
    said.append(sp.Le(product, limit, evaluate=False))
    steps += [
        DerivationStep(LIPSCHITZ, sp.Le(_ONE_NORM, 1 + scale * size, evaluate=False)),
        DerivationStep(UPPER, sp.Le(_NORM, product, evaluate=False), "P is the product of k Jacobians"),
        DerivationStep(SOLVED_UPPER, sp.Le(scale, found, evaluate=False)),
    ]
    return found


def _from_below(
    scale: sp.Symbol, size: sp.Expr, count: sp.Expr, limit: sp.Expr, steps: list[DerivationStep], said: list[sp.Basic]
) -> sp.Expr:
    found = (1 - real_power(limit, 1 / count)) / size
    product = sp.Max(0, 1 - scale * size) ** count
    said.append(sp.Ge(product, limit, evaluate=False))
    steps += [
        DerivationStep(LOWER, sp.Ge(_MODULUS, product, evaluate=False), "P is the product of k Jacobians"),
        DerivationStep(SOLVED_LOWER, sp.Le(scale, found, evaluate=False)),
    ]
    return found


def _smaller(limits: list[sp.Expr]) -> sp.Expr:
    """The least of the limits; decided in balls where they are numbers."""
    if len(limits) == 1:
        return limits[0]
    first, second = limits
    signs = Facts().signs(first - second)
    if signs <= {-1, 0}:
        return first
    return second if signs <= {0, 1} else minimum(first, second)


def _measured(
    size: sp.Expr, count: sp.Expr, limits: tuple[sp.Expr | None, sp.Expr | None], value: sp.Expr, seed: int
) -> Verification:
    """Products of k Jacobians of linear branches that attain L, and of drawn branches, against the limits."""
    step, k = value * size, int(count)
    norms, moduli = _drawn_products(float(to_ball(value)), float(to_ball(size)), min(k, _MOST_SIMULATED), seed)
    cases: list[Case] = []
    if limits[0] is not None:
        highest = float(to_ball(limits[0]))
        cases.append(Case("norm with F(x) = L x in every branch", upper_float(_power(1 + step, k)), highest))
        cases.append(Case("largest norm of drawn branches", norms, highest))
    if limits[1] is not None:
        least = float(to_ball(limits[1]))
        attained = lower_float(_power(maximum(sp.S.Zero, 1 - step), k))
        cases.append(Case("least stretching with F(x) = -L x in every branch", attained, least, "lower"))
        cases.append(Case("least stretching of drawn branches", moduli, least, "lower"))
    return verified(f"products of {k} Jacobians within the limits", "linear and drawn branches", cases)


def _power(base: sp.Expr, k: int) -> Any:
    return to_ball(base, 256) ** k


def _drawn_products(scale: float, size: float, k: int, seed: int) -> tuple[float, float]:
    """The norm and the least singular value of a product of Jacobians ``I + a L diag(d) Q`` with orthogonal Q."""
    generator = np.random.default_rng(seed)
    product = np.eye(_SIZE)
    for _ in range(k):
        rotation = np.linalg.qr(generator.standard_normal((_SIZE, _SIZE)))[0]
        slopes = generator.uniform(0, 1, (_SIZE, 1))
        product = product + scale * size * slopes * (rotation @ product)
    values = np.linalg.svd(product, compute_uv=False)
    return float(values[0]), float(values[-1])
