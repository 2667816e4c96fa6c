"""Certified rates of one network in several norms, what they cost, and how close they come to each other.

Run from the repository root: ``python benchmarks/weighted_norms.py [n ...]``; a minute by default.
The network is ``h[t] = tanh(W h[t-1] + ...)`` with slopes in [0, 1] or [0.2, 1]; W is Gaussian with entries of variance
1/n, or the same scaled to the 2-norm 1.5. Rates: of the plain 2-norm, of weights from Perron vectors, of the best
diagonal norm and of the best quadratic norm, all proved. ``C`` is the constant that goes with the last; times are those
to find a certificate, and to prove it again. In ``figures`` the rival is one feasibility problem of the same kind, at
the rate that was found, for an interior-point solver (Clarabel through cvxpy), which proves nothing.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
import time

import numpy as np
from figures import Figure, repeated, seconds_of
from numpy.typing import NDArray

import symgrad as sg
from symgrad.bounds.diagonal_scaling import diagonal_certificate
from symgrad.bounds.perron_scaling import perron_certificates
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.calculus.slope_form import SlopeForm, slope_form
from symgrad.language.weights import bind

SIZES = (8, 32, 64, 128)


def matrices(n: int) -> dict[str, NDArray[np.float64]]:
    """The matrices W compared."""
    gaussian = np.random.default_rng(n).standard_normal((n, n)) / np.sqrt(n)
    return {"Gaussian": gaussian, "norm 1.5": 1.5 * gaussian / np.linalg.norm(gaussian, 2)}


def network(w: NDArray[np.float64], low: float) -> SlopeForm:
    """The Jacobians of the network, with slopes from ``low`` to 1."""
    model = sg.models.elman()
    n = len(w)
    form = slope_form(model, bind(model, {"W": w, "U": np.zeros((n, 1)), "b": np.zeros(n)}))
    return dataclasses.replace(form, low=np.full(n, low))


def compare(name: str, w: NDArray[np.float64], low: float) -> None:
    """Print one line: rates, constant and times."""
    form = network(w, low)
    perron = perron_certificates(form, 2)
    start = time.perf_counter()
    diagonal = diagonal_certificate(form)
    middle = time.perf_counter()
    quadratic = quadratic_certificate(form)
    end = time.perf_counter()
    proved = all(certificate.verify(form) for certificate in (perron[-1], diagonal, quadratic))
    check = (time.perf_counter() - end) / 3
    rates = (float(np.linalg.norm(w, 2)), perron[-1].rate, diagonal.rate, quadratic.rate)
    cells = "".join(f"{rate:10.4f}" for rate in rates)
    constant = float(quadratic.constants[2.0])
    print(
        f"{len(w):5d} {name:10s}{low:6.1f}{cells}{constant:8.1f}{middle - start:9.2f}{end - middle:9.2f}{check:9.3f}"
        f"{'' if proved else '  not proved'}",
        flush=True,
    )


def figures(quick: bool) -> list[Figure]:
    """The quadratic norm, found by bisection over the rate and proved, against one step of a bisection by a solver."""
    found = []
    for n in (8,) if quick else (8, 16, 32):
        form = network(matrices(n)["Gaussian"], 0.0)
        rate = quadratic_certificate(form).rate
        ours = repeated(lambda form=form: quadratic_certificate(form), 3)
        case = f"quadratic norm, proved, n = {n}, tanh"
        rival = "one feasibility step, Clarabel"
        target = 1.0 if n > 8 else None
        if importlib.util.find_spec("cvxpy") is None:
            found.append(Figure("weighted_norms", case, ours, rival, None, target, "cvxpy is not installed"))
            continue
        feasible(np.eye(2), 2.0)  # loads the solver
        theirs = seconds_of(lambda n=n, rate=rate: feasible(matrices(n)["Gaussian"], 1.001 * rate))
        found.append(Figure("weighted_norms", case, ours, rival, theirs, target, f"rate {rate:.4f}; rival not proved"))
    return found


def feasible(w: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """A matrix P > 0 with ``|D W x|_P <= rate |x|_P`` for all diagonal D with entries in [0, 1], by the S-procedure.

    For y = D W x and any T >= 0, ``y' T (W x - y) >= 0``; rate^2 x'Px - y'Py - that must not be negative.
    """
    import cvxpy

    n = len(w)
    p, t = cvxpy.Variable((n, n), symmetric=True), cvxpy.diag(cvxpy.Variable(n, nonneg=True))
    lmi = cvxpy.bmat([[rate**2 * p, -w.T @ t / 2], [-t @ w / 2, t - p]])
    problem = cvxpy.Problem(cvxpy.Minimize(0), [p >> np.eye(n), (lmi + lmi.T) / 2 >> 0])
    problem.solve(solver=cvxpy.CLARABEL)
    if p.value is None:
        raise ArithmeticError(f"the solver finds no norm of rate {rate}: {problem.status}")
    return np.asarray(p.value)


def main() -> None:
    """Print the table."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    heads = ("norm", "perron", "diagonal", "quadratic")
    columns = "".join(f"{head:>10s}" for head in heads)
    print(f"{'n':>5s} {'W':10s}{'low':>6s}{columns}{'C':>8s}{'diag, s':>9s}{'quad, s':>9s}{'check, s':>9s}")
    for n in sizes:
        for name, w in matrices(n).items():
            for low in (0.0, 0.2):
                compare(name, w, low)


if __name__ == "__main__":
    main()
