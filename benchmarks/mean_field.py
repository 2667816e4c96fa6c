"""Time to find the critical line of tanh, sigma_w^2 for 100 values of sigma_b^2, to 1e-10.

On the line ``sigma_w^2 E[phi'^2] = 1`` at a fixed point q of the variance map, for which both ways solve
``q - E[phi^2]/E[phi'^2] = sigma_b^2``:

* symgrad: a scan over q for all values at once, then Newton's method for all at once, with the trapezoidal rule in a
  hyperbolic variable; its first call also compiles the formulas and is timed apart;
* scipy: for each value ``brentq`` inside [sigma_b^2, sigma_b^2 + 10], with ``quad`` for both means, over half of the
  line (both integrands are even) up to ten standard deviations, in plain Python floats, to 1e-11.

Every line is compared with the enclosed means at its ends and in its middle: chi_1 and sigma_b^2 at the variance found
are enclosed, and with the slope of the line bound the error. Run: python benchmarks/mean_field.py
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

import symgrad as sg
from symgrad.language.elementwise import VARIABLE
from symgrad.meanfield.fast_critical_line import critical_line_floats
from symgrad.meanfield.means import Mean
from symgrad.rigor.balls import upper_float, working_precision

Array = NDArray[np.float64]

COUNT = 100
VALUES = np.linspace(0.01, 1.0, COUNT)
TOLERANCE = 1e-10
REACH = 10.0
REPETITIONS = 7
ROOT = math.sqrt(2 * math.pi)


def together(values: Array) -> Array:
    """symgrad: pairs of sigma_w^2 and q."""
    line = critical_line_floats(sg.activation("tanh"), values)
    return np.stack([line.edge_of_chaos, line.q[:, 0]], axis=1)


def one_by_one(values: Array) -> Array:
    """scipy: the same."""
    found = []
    for b in values.tolist():
        q = brentq(lambda q, b=b: q - second_moment(q) / slope_moment(q) - b, b, b + 10, xtol=1e-300, rtol=1e-11)
        found.append((1 / slope_moment(q), q))
    return np.array(found)


def second_moment(q: float) -> float:
    """``E[tanh(sqrt(q) z)^2]``."""
    root = math.sqrt(q)
    value = quad(lambda z: math.tanh(root * z) ** 2 * math.exp(-z * z / 2), 0, REACH, epsabs=0, epsrel=1e-11)[0]
    return float(2 * value / ROOT)


def slope_moment(q: float) -> float:
    """``E[tanh'(sqrt(q) z)^2]``."""
    root = math.sqrt(q)

    def integrand(z: float) -> float:
        return (1 - math.tanh(root * z) ** 2) ** 2 * math.exp(-z * z / 2)

    return float(2 * quad(integrand, 0, REACH, epsabs=0, epsrel=1e-11)[0] / ROOT)


def proved_error(values: Array, found: Array) -> float:
    """The largest proved relative error of sigma_w^2 at three values, by one interval Newton step for q."""
    errors = []
    square, slope = Mean(sp.tanh(VARIABLE) ** 2), Mean((1 - sp.tanh(VARIABLE) ** 2) ** 2)
    with working_precision(80):
        for i in (0, len(values) // 2, len(values) - 1):
            b, gain, q = (arb(float(number)) for number in (values[i], found[i, 0], found[i, 1]))
            box = q * (1 + arb(0, 1e-8))
            k, m, k1, m1 = (mean.ball(box, order) for order in (0, 1) for mean in (square, slope))
            residual = q - square.ball(q) / slope.ball(q) - b
            step = residual / (1 - (k1 - k * m1 / m) / m)
            if not box.contains(q - step):
                raise ArithmeticError(f"no solution is proved near {q}")
            errors.append(upper_float(abs(gain * slope.ball(q - step) - 1)))
    return max(errors)


def main(repetitions: int = REPETITIONS) -> None:
    """Print the times, their ratio, and the proved errors, which must be within the tolerance."""
    ways: dict[str, Callable[[Array], Array]] = {"symgrad": together, "scipy quad + brentq": one_by_one}
    begin = time.perf_counter()
    together(VALUES)
    print(f"first call of symgrad, with compilation: {(time.perf_counter() - begin) * 1e3:.1f} ms")
    print(f"{'way':<20} {'ms':>9} {'ratio':>7} {'error':>9}")
    first = None
    for name, way in ways.items():
        seconds = statistics.median(_seconds(way) for _ in range(repetitions))
        first = first or seconds
        error = proved_error(VALUES, way(VALUES))
        print(f"{name:<20} {seconds * 1e3:9.2f} {seconds / first:7.1f} {error:9.1e}")
        if not error <= TOLERANCE:
            raise ArithmeticError(f"{name}: an error of {error} is proved only")


def _seconds(way: Callable[[Array], Array]) -> float:
    begin = time.perf_counter()
    way(VALUES)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
