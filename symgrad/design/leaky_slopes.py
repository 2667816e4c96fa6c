"""The slope of leaky rectified linear units that keeps products of Jacobians away from zero."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symgrad.bounds.product import product_bound
from symgrad.design.arguments import checked_size, positive_parameter
from symgrad.design.remedy import Remedy
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.activations import activation
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.models.elman import elman
from symgrad.language.norms import SmallestSingularValue
from symgrad.rigor.balls import to_ball

__all__ = ["leaky_slope"]

SLOPE = sp.Symbol("s", positive=True)
_BITS = 256

_FACTOR = DerivationRule(
    "least stretching of a product",
    r"\sigma_{\min}(D W) \ge \sigma_{\min}(D)\, \sigma_{\min}(W)",
    "Horn and Johnson, Topics in Matrix Analysis 1991, theorem 3.3.16",
)
_POWER = DerivationRule(
    "power of a rate", r"\sigma_{\min}(J_k \cdots J_1) \ge \prod_t \sigma_{\min}(J_t)", "the same, k - 1 times"
)
_ROOT = DerivationRule("k-th root", r"x^k \ge c \iff x \ge c^{1/k} \quad (x, c > 0)", "x^k increases with x")


def leaky_slope(*, steps: Any = None, at_least: Any = None, sigma_min: Any = 1) -> Remedy:
    """The least slope of leaky ReLU with which every gradient keeps the share c of its length over k steps.

    With slopes s and 1 and ``sigma_min(W) >= sigma`` products of k Jacobians of ``h = LeakyReLU(W h + U u + b)``
    stretch every vector by at least ``(s sigma)**k``; this is at least c if and only if ``s >= c**(1/k)/sigma``.

    Args:
        steps: k, a positive integer; None for the symbol k.
        at_least: c in (0, 1]; None for the symbol c.
        sigma_min: a lower bound of the smallest singular value of W; 1 for orthogonal weights.

    Returns:
        A :class:`Remedy` for the slope.

    Raises:
        InputError: a malformed argument; even a slope of 1 keeps less than c.

    Source: Maas, Hannun and Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models, for the unit; the
    bound is :func:`symgrad.product_bound` with ``side="lower"``.

    >>> leaky_slope(steps=2, at_least=0.25).value
    1/2
    """
    k = checked_size("steps", steps, "k")
    c = sp.Symbol("c", positive=True) if at_least is None else positive_parameter("at_least", at_least)
    sigma = positive_parameter("sigma_min", sigma_min)
    found = c ** (1 / k) / sigma
    value = None if found.free_symbols else found
    if value is not None and not _is_at_most_one(value):
        raise InputError(f"at_least: even a slope of 1 keeps only ({sigma})**{k} of the length, less than {c}")
    return Remedy(
        name="slope of leaky ReLU",
        quantity="slope for negative pre-activations",
        parameter=SLOPE,
        formula=sp.Ge(SLOPE, found, evaluate=False),
        guarantee=sp.Ge(SmallestSingularValue(_product_symbol()), c, evaluate=False),
        derivation=_derivation(k, c, sigma, found),
        value=value,
        bounds=() if value is None or not value.is_Rational else (_engine_bound(value),),
        remarks=("with a slope of at most 1 the norm of the product stays at most ||W||_2**k",),
        check=None if value is None else partial(_measured, int(k), c, sigma),
    )


def _product_symbol() -> sp.MatrixSymbol:
    n = sp.Symbol("n", integer=True, positive=True)
    return sp.MatrixSymbol("P", n, n)


def _is_at_most_one(value: sp.Expr) -> bool:
    return value == 1 or bool(to_ball(value, _BITS) < 1)


def _engine_bound(slope: sp.Expr) -> Any:
    return product_bound(elman(activation("leaky_relu", slope=slope)), side="lower")


def _derivation(k: sp.Expr, c: sp.Expr, sigma: sp.Expr, found: sp.Expr) -> Derivation:
    n = sp.Symbol("n", integer=True, positive=True)
    J = sp.MatrixSymbol("J", n, n)
    one = sp.Ge(SmallestSingularValue(J), SLOPE * sigma, evaluate=False)
    power = sp.Ge(SmallestSingularValue(_product_symbol()), (SLOPE * sigma) ** k, evaluate=False)
    solved = sp.Ge(SLOPE, found, evaluate=False)
    goal = sp.Ge(SmallestSingularValue(_product_symbol()), c, evaluate=False)
    return Derivation(
        "a slope that keeps gradients",
        (
            DerivationStep(_FACTOR, one, "the slopes are s and 1, s <= 1"),
            DerivationStep(_POWER, power),
            DerivationStep(_ROOT, solved, "exactly then the bound is at least c"),
            DerivationStep(_POWER, goal),
        ),
    )


def _measured(k: int, c: sp.Expr, sigma: sp.Expr, value: sp.Expr, seed: int) -> Verification:
    """Products with all units in the negative part, where the bound is attained, and with random ones."""
    random = np.random.default_rng(seed)
    slope, scale, count = float(value), float(sigma), min(k, 200)
    share = float(c) ** (count / k)
    cases = []
    for words, on in (("all units negative", 0.0), ("half of the units negative", 0.5)):
        product = np.eye(4)
        for _ in range(count):
            Q = scale * np.linalg.qr(random.standard_normal((4, 4)))[0]
            product = np.where(random.random(4) < on, 1.0, slope)[:, None] * (Q @ product)
        least = float(np.linalg.svd(product, compute_uv=False)[-1])
        cases.append(Case(f"smallest singular value of {count} Jacobians, {words}", least, share, "lower"))
    return verified(f"products keep {c} of every length over {k} steps", "products of Jacobians in floats", cases)
