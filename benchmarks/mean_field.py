"""Time to find the critical line of tanh, sigma_w^2 for 100 values of sigma_b^2, to 1e-10.

On the line ``sigma_w^2 E[phi'^2] = 1`` at a fixed point q of the variance map, for which both ways solve
``q - E[phi^2]/E[phi'^2] = sigma_b^2``:

* symgrad: a scan over q for all values at once, then Newton's method for all at once, with the trapezoidal rule in a
  hyperbolic variable; its first call also compiles the formulas and is timed apart;
* scipy: for each value ``brentq`` inside [sigma_b^2, sigma_b^2 + 10], with ``quad`` for both means, over half of the
  line (both integrands are even) up to ten standard deviations, in plain Python floats, to 1e-11.

Both lines are compared with enclosed solutions at their ends and in their middle. Run: python benchmarks/mean_field.py
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from figures import Figure, in_turn, seconds_of
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

import symgrad as sg
from symgrad.meanfield.checked_critical_line import checked_critical_line
from symgrad.meanfield.fast_critical_line import CriticalLineFloats, critical_line_floats

Array = NDArray[np.float64]

COUNT = 100
VALUES = np.linspace(0.01, 1.0, COUNT)
TOLERANCE = 1e-10
REACH = 10.0
REPETITIONS = 15
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
    """The largest proved relative error of sigma_w^2 at three values, by the interval Newton method for q."""
    column = [found[:, [i]] for i in range(2)]
    nothing = np.full_like(column[0], np.nan)
    line = CriticalLineFloats(values, column[1], column[0], nothing, np.isfinite(nothing), False)
    return checked_critical_line(sg.activation("tanh"), line, count=3).largest_error


def figures(quick: bool) -> list[Figure]:
    """The critical line: at least 20 times as fast as scipy, to 1e-10."""
    first = seconds_of(lambda: together(VALUES))
    ours, theirs = in_turn(lambda: together(VALUES), lambda: one_by_one(VALUES), 3 if quick else REPETITIONS)
    errors = [proved_error(VALUES, way(VALUES)) for way in (together, one_by_one)]
    note = f"proved errors {errors[0]:.1e} and {errors[1]:.1e}; first call {first * 1e3:.0f} ms"
    case = f"critical line of tanh, {COUNT} values of sigma_b^2"
    rival = "scipy quad + brentq"
    return [Figure("mean_field", case, ours, rival, theirs, 20.0, note, holds=errors[0] <= TOLERANCE)]


def main(repetitions: int = REPETITIONS) -> None:
    """Print the shortest times, their ratio, and the proved errors, which must be within the tolerance."""
    ways: dict[str, Callable[[Array], Array]] = {"symgrad": together, "scipy quad + brentq": one_by_one}
    begin = time.perf_counter()
    together(VALUES)
    print(f"first call of symgrad, with compilation: {(time.perf_counter() - begin) * 1e3:.1f} ms")
    print(f"{'way':<20} {'ms':>9} {'ratio':>7} {'error':>9}")
    first = None
    for name, way in ways.items():
        seconds = min(seconds_of(lambda way=way: way(VALUES)) for _ in range(repetitions))
        first = first or seconds
        error = proved_error(VALUES, way(VALUES))
        print(f"{name:<20} {seconds * 1e3:9.2f} {seconds / first:7.1f} {error:9.1e}")
        if not error <= TOLERANCE:
            raise ArithmeticError(f"{name}: an error of {error} is proved only")


if __name__ == "__main__":
    main()
