"""The claim that a spectral radius below 1 makes products of Jacobians vanish: a gradient that doubles refutes it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symgrad.bounds.product import product_bound
from symgrad.errors import InputError, NoBoundError
from symgrad.language import models
from symgrad.language.matrix_properties import symmetric
from symgrad.numerics.claims.growth_point import GrowthPoint, certified_growth
from symgrad.numerics.claims.no_growth import no_growth
from symgrad.numerics.claims.plain_network import plain_network
from symgrad.numerics.claims.statements import (
    ARTICLE,
    Correction,
    Demonstration,
    DerivedStep,
    Line,
    LiteratureClaim,
    Statement,
    holds,
    numbered,
    rounded,
)
from symgrad.numerics.verdict import Verdict

__all__ = ["spectral_radius"]

_W = sp.ImmutableMatrix([[8, -16], [4, -8]])
_BIASES = (-4.0, -100.0)
_STATE = (0.0, -98.0)
_D1, _D2, _LAMBDA = sp.symbols("d_1 d_2 lambda", real=True)


def spectral_radius(steps: int = 12) -> LiteratureClaim:
    """The claim that ||P_k|| <= gamma^k for large k if the spectral radius gamma of W_rec is below 1.

    It is false. W = [[8, -16], [4, -8]] has the square 0, hence spectral radius 0; with b = (-4, -100) the logistic
    network ``x = W s(x) + b`` has a fixed point within 1e-30 of x = (0, -98), where its Jacobian has an eigenvalue 2: a
    gradient doubles at every step. What is true: the rate ``s ||W||``; ``s rho(W)`` for normal W, whose norm is its
    spectral radius; and ``s rho(|W|)``, with a constant.

    Args:
        steps: how many powers of the Jacobian the demonstration lists, at most 100.

    Returns:
        The claim, refuted; the correction holds the bounds in ``||W||``, in ``rho(W)`` for symmetric W, and in
        ``rho(|W|)``, with their proofs.

    Raises:
        InputError: steps is no integer from 1 to 100.

    See also :func:`symgrad.numerics.claims.spectral_radius_counterexample` for a W of one's own.

    >>> claim = spectral_radius(3)
    >>> [f"{lower:.6g}" for lower in claim.demonstration.column("norm, at least")]
    ['2.23607', '4.47214', '8.94427']
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= _MOST:
        raise InputError(f"steps: an integer from 1 to {_MOST} is needed, got {steps!r}")
    point = _point(steps)
    reason = (
        "rho(W) = 0 for W = [[8, -16], [4, -8]], but with b = (-4, -100) the Jacobian at the fixed point near "
        f"(0, -98) has an eigenvalue of at least {rounded(point.rate, up=False)}: up to one part in 10^15 the gradient "
        "doubles at every step"
    )
    again = partial(spectral_radius, steps)
    return LiteratureClaim(
        "spectral_radius",
        _CLAIM,
        Verdict.REFUTED,
        reason,
        _correction(),
        _steps(point),
        _table(point),
        _numbers(point),
        again,
    )


def _numbers(point: GrowthPoint) -> dict[str, Any]:
    return {
        "W": point.matrix,
        "b": point.biases,
        "fixed point": point.fixed_point,
        "slopes": point.slopes,
        "spectral radius of W": 0.0,
        "spectral radius of J at least": point.rate,
    }


_MOST = 100
_CLAIM = Statement(
    "if the spectral radius gamma of W_rec is below 1, then products of k Jacobians of x = W_rec s(x) + ... "
    "have norm at most gamma^k for large k",
    r"\rho(W_{rec}) = \gamma < 1 \implies \left\lVert J_t \cdots J_{t-k+1} \right\rVert \le \gamma^k",
    f"{ARTICLE}, on the prototypical recurrent network; Pascanu, Mikolov and Bengio 2013 (arXiv:1211.5063), first "
    "version, sec. 2.1, argue with the spectral radius, the published one with the largest singular value",
)


def _correction() -> Correction:
    model = models.sigmoid_rnn()
    bounds = (
        product_bound(model),
        product_bound(model.assuming({"W_rec": symmetric})),
        product_bound(model, "inf", method="perron"),
    )
    return Correction(
        "products of k Jacobians have norm at most (s ||W||)^k; (s rho(W))^k for normal W, where ||W||_2 = rho(W); and "
        "C (s rho(|W|))^k with C = max v / min v, in the maximum norm, for a Perron vector v > 0 of |W|",
        r"\left\lVert P_k\right\rVert \le (s\lVert W\rVert)^k, \quad W W^* = W^* W \Rightarrow "
        r"\lVert W\rVert_2 = \rho(W), \quad "
        r"\lVert P_k\rVert_\infty \le \tfrac{\max v}{\min v} \left(s \rho(|W|)\right)^k",
        "Pascanu, Mikolov and Bengio 2013, sec. 2.1; Horn and Johnson, Matrix Analysis, 2nd ed., 2.5 and 8.1",
        bounds,
    )


def _array() -> Any:
    return np.array(_W.tolist(), dtype=np.float64)


def _point(steps: int) -> GrowthPoint:
    """The certified fixed point, with the powers of its Jacobian."""
    point = certified_growth(plain_network(None, "sigmoid"), _array(), np.array(_STATE), steps)
    if point is None or tuple(point.biases) != _BIASES:
        raise NoBoundError("the fixed point near (0, -98) could not be enclosed")
    return point


def _steps(point: GrowthPoint) -> tuple[DerivedStep, ...]:
    return numbered(*_ALGEBRA, _certified(point), *_CORRECTED)


def _polynomial() -> sp.Expr:
    """The characteristic polynomial of W diag(d_1, d_2)."""
    return sp.expand((_LAMBDA * sp.eye(2) - _W * sp.diag(_D1, _D2)).det())


_ALGEBRA: tuple[Line, ...] = (
    (
        "W^2 = 0, so that all eigenvalues of W are 0: rho(W) = 0",
        r"W = \begin{pmatrix} 8 & -16 \\ 4 & -8 \end{pmatrix}, \quad W^2 = 0, \quad \rho(W) = 0",
        "multiplication",
        lambda: (_W * _W).is_zero_matrix is True and _W.eigenvals() == {0: 2},
    ),
    (
        "J = W diag(d_1, d_2) with the slopes d_i = s'(x_i) has the eigenvalues 0 and 8 (d_1 - d_2)",
        r"\det(\lambda I - W \operatorname{diag}(d_1, d_2)) = \lambda \left(\lambda - 8 (d_1 - d_2)\right)",
        "characteristic polynomial",
        lambda: holds(sp.Eq(_polynomial(), _LAMBDA * (_LAMBDA - 8 * (_D1 - _D2)))),
    ),
    (
        "at x = (0, -98) the slopes are d_1 = 1/4 and 0 < d_2 < e^-98, so that the eigenvalue is above 2 - 8 e^-98",
        r"\sigma'(0) = \tfrac14, \quad 0 < \sigma'(-98) < e^{-98}",
        "s' = s (1 - s), in ball arithmetic",
        lambda: _slope(0) == sp.Rational(1, 4) and holds(_slope(-98) > 0) and holds(_slope(-98) < sp.exp(-98)),
    ),
    (
        "with b = (-4, -100), x = (0, -98) is mapped to itself up to 16 e^-98",
        r"\left| W \sigma(x) + b - x \right| \le 16 e^{-98}",
        "x_1 = 8 s(0) - 16 s(-98) - 4, x_2 = 4 s(0) - 8 s(-98) - 100",
        lambda: all(holds(abs(entry) <= 16 * sp.exp(-98)) for entry in _residual()),
    ),
)


def _value(x: int) -> sp.Expr:
    return 1 / (1 + sp.exp(-x))


def _slope(x: int) -> sp.Expr:
    return _value(x) * (1 - _value(x))


def _residual() -> list[sp.Expr]:
    """W s(x) + b - x at x = (0, -98)."""
    column = _W * sp.Matrix([_value(int(x)) for x in _STATE])
    return [entry + sp.Integer(int(b)) - int(x) for entry, b, x in zip(column, _BIASES, _STATE, strict=True)]


def _certified(point: GrowthPoint) -> Line:
    return (
        "there is a fixed point within 1e-30 of it, where J has an eigenvalue of at least "
        f"{rounded(point.rate, up=False, digits=17)}",
        r"x^* = W \sigma(x^*) + b, \quad \rho(J(x^*)) > 2 - 10^{-15}",
        "the operator of Krawczyk in ball arithmetic, for the fixed point and for the eigenvalue with its vector",
        lambda: point.replay() and point.rate > 2 - 1e-15 and _is_near(point),
    )


def _is_near(point: GrowthPoint) -> bool:
    found = point.enclosed()
    near = zip(found.state.entries(), _STATE, strict=True) if found is not None else ()
    return found is not None and all(bool(abs(ball - x) < 1e-30) for ball, x in near)


_CORRECTED: tuple[Line, ...] = (
    (
        "the corrected rates allow it: s ||W||_2 = 5 and s rho(|W|) = 4 are above 1",
        r"\tfrac14 \lVert W\rVert_2 = 5, \quad \tfrac14 \rho(|W|) = 4",
        "singular values and eigenvalues in closed form",
        lambda: (
            _norm() == 20 and _positive_radius() == 16 and no_growth(plain_network(None, "sigmoid"), _array()) is None
        ),
    ),
)


def _norm() -> sp.Expr:
    return sp.Max(*_W.singular_values())


def _positive_radius() -> sp.Expr:
    return sp.Max(*map(abs, _W.applyfunc(abs).eigenvals()))


def _table(point: GrowthPoint) -> Demonstration:
    rows = tuple((k, 0.0, norm.lower, norm.upper) for k, norm in enumerate(point.norms, 1))
    title = "2-norms of J^k at the fixed point, rounded down and up, against the bound rho(W)^k = 0 that is claimed"
    header = ("k", "claimed bound", "norm, at least", "norm, at most")
    return Demonstration(title, header, rows, ("k", "norm, at least"), ("", "", "down", "up"))
