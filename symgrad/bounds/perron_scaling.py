"""Rates in weighted norms from the moduli of a Jacobian's entries: the rate is a Perron root, or close to it.

If ``|J| <= N`` entry by entry and ``N v <= g v`` for a positive v, then J is at most g in the norm ``max |x_i| / v_i``;
with ``w N <= g w`` for a positive w it is in ``sum w_i |x_i|``, and in ``sqrt(sum (w_i / v_i) x_i^2)`` by Schur's test.
(L. Collatz 1942, H. Wielandt 1950; C. D. Meyer, *Matrix Analysis and Applied Linear Algebra*, 2000, section 8.3.)

For each g above the Perron root, the least v >= 1 with ``N v <= g v`` gives the least constant max v / min v. It is
found by exchanging equations, as in the iteration of policies of R. A. Howard 1960. So a reducible N, which may have no
positive vector for its Perron root itself, needs no perturbation: rate is traded against constant.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.certificates import RateCertificate, norm_index, weighted_constants, weighted_sums, zero_power
from symgrad.calculus.slope_form import SlopeForm
from symgrad.errors import NoBoundError
from symgrad.rigor.balls import upper_float

__all__ = ["perron_certificate", "perron_certificates"]

Array = NDArray[np.float64]

# where the rates tried lie between the Perron root (0) and the plain norm (1)
_LADDER = (1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 3e-3, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
# for a nilpotent N, whose Perron root is 0, as many rates are tried, each half of the one before
_HALVINGS = 40
_CLOSE = 1e-12


def perron_certificates(form: SlopeForm, norm: Any = 2) -> list[RateCertificate]:
    """Certificates in weighted norms from the moduli of the entries, from the least constant to the least rate.

    Args:
        form: the Jacobians.
        norm: the weighted norm that is meant: 1, 2 or inf. The constants are for all three.

    Returns:
        At least one; in the order of falling rates, and constants in ``norm`` that rise. The last one's rate is about
        the Perron root of ``form.magnitudes()``, unless that is zero: then every product from ``vanishes_after``
        factors on is zero, and the rates go on to fall.

    Raises:
        InputError: another norm.
        NoBoundError: an entry of the Jacobians is not bounded by a float.

    >>> import numpy as np, symgrad as sg
    >>> from symgrad.calculus.slope_form import slope_form
    >>> from symgrad.language.weights import bind
    >>> model = sg.models.elman()
    >>> weights = {"W": [[0.0, 4.0], [0.25, 0.0]], "U": [[1.0], [1.0]], "b": [0.0, 0.0]}
    >>> best = perron_certificates(slope_form(model, bind(model, weights)), 2)[-1]
    >>> round(best.rate, 6), round(float(best.constants[2.0]), 6)
    (1.0, 4.0)
    """
    index, sizes = norm_index(norm), form.magnitudes()
    if not np.isfinite(sizes).all():
        raise NoBoundError("form: an entry of the Jacobians is not bounded by a float; declare narrower ranges")
    power = zero_power(sizes)
    candidates = [np.ones(len(sizes)), *(_weights(sizes, rate, index) for rate in _rates(sizes, power, index))]
    if power is None:
        candidates.append(_vectors(sizes, index))
    found = [_certificate(sizes, weights, index, power) for weights in candidates if weights is not None]
    return _without_worse([item for item in found if item is not None], index)


def perron_certificate(form: SlopeForm, norm: Any = 2, power: int | None = None) -> RateCertificate:
    """The one of :func:`perron_certificates` with the least bound on products of ``power`` factors.

    Args:
        form: the Jacobians.
        norm: 1, 2 or inf.
        power: the number of factors; by default the certificate of least rate is chosen.

    Raises:
        InputError: another norm.
        NoBoundError: an entry of the Jacobians is not bounded by a float.
    """
    found = perron_certificates(form, norm)
    if power is None:
        return found[-1]
    p = norm_index(norm)
    return min(found, key=lambda item: arb.log(item.bound(power, p)) if item.bound(power, p) > 0 else -math.inf)


def _certificate(sizes: Array, weights: Array, index: float, power: int | None) -> RateCertificate | None:
    rate = upper_float(weighted_sums(sizes, weights, index))
    constants = weighted_constants(weights, index)
    if not (math.isfinite(rate) and all(constant.is_finite() for constant in constants.values())):
        return None
    return RateCertificate("perron", rate, constants, index, weights, np.zeros(0), power)


def _without_worse(found: list[RateCertificate], index: float) -> list[RateCertificate]:
    """Those that no other one beats in rate and constant, by falling rate."""
    kept: list[RateCertificate] = []
    for item in sorted(found, key=lambda item: (item.rate, float(item.constants[index]))):
        if not kept or item.constants[index] < kept[-1].constants[index]:
            kept.append(item)
    return kept[::-1]


def _plain(sizes: Array, index: float) -> float:
    return float(np.linalg.norm(sizes, index)) if sizes.any() else 0.0


def _rates(sizes: Array, power: int | None, index: float) -> list[float]:
    top = _plain(sizes, index)
    if power is not None:
        return [math.ldexp(top, -halving) for halving in range(_HALVINGS)]
    root = min(float(np.abs(np.linalg.eigvals(sizes / top)).max()), 1.0) if top else 0.0
    return [top * (root * (1 - share) + share) for share in _LADDER]


def _weights(sizes: Array, rate: float, index: float) -> Array | None:
    """The weights S of the norm, for a rate above the Perron root."""
    if rate <= 0:
        return np.ones(len(sizes))
    with np.errstate(all="ignore"):
        right = _least_vector(sizes / rate) if index != 1 else None
        left = _least_vector(sizes.T / rate) if index != math.inf else None
        return _scaling(right, left, index)


def _scaling(right: Array | None, left: Array | None, index: float) -> Array | None:
    """``1/v``, ``sqrt(w/v)`` or ``w``; None where a vector is missing or not positive."""
    if index == 1:
        weights = left
    elif right is None or (index == 2 and left is None):
        return None
    else:
        weights = 1 / right if left is None else np.sqrt(left / right)
    if weights is None or not (np.isfinite(weights).all() and bool((weights > 0).all())):
        return None
    return weights


def _least_vector(matrix: Array) -> Array | None:
    """The least v >= 1 with N v <= v, for a Perron root below 1; about that, or None."""
    n = len(matrix)
    vector = np.ones(n)
    free = np.zeros(n, dtype=bool)
    for _ in range(n + 1):
        more = (matrix @ vector > vector * (1 + _CLOSE)) & ~free
        if not more.any():
            return vector
        free |= more
        inside = np.flatnonzero(free)
        system = np.eye(len(inside)) - matrix[np.ix_(inside, inside)]
        try:
            vector[inside] = np.linalg.solve(system, matrix[inside][:, ~free].sum(axis=1))
        except np.linalg.LinAlgError:
            return None
        if not (np.isfinite(vector).all() and bool((vector > 0).all())):
            return None
    return None


def _vectors(sizes: Array, index: float) -> Array | None:
    """The weights of the Perron vectors themselves, where they are positive."""
    with np.errstate(all="ignore"):
        right = _perron_vector(sizes) if index != 1 else None
        left = _perron_vector(sizes.T) if index != math.inf else None
        return _scaling(right, left, index)


def _perron_vector(sizes: Array) -> Array:
    values, vectors = np.linalg.eig(sizes / sizes.max())
    return np.abs(vectors[:, int(np.argmax(np.real(values)))])
