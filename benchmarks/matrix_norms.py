"""Time and width of certified singular values against NumPy's singular value decomposition.

Run from the repository root: ``python benchmarks/matrix_norms.py [n] [repetitions]``.
The two functions compared take turns, so that a change of the machine's load hits both; medians are printed.
"""

from __future__ import annotations

import statistics
import sys

import numpy as np
from figures import Figure, in_turn
from numpy.typing import NDArray

from symgrad.rigor.matrix_norms import NormEnclosure, operator_norm, smallest_singular_value

Matrix = NDArray[np.float64]


def matrices(n: int) -> dict[str, Matrix]:
    """The matrices compared: one per kind of spectrum."""
    rng = np.random.default_rng(1)
    gauss = rng.standard_normal((n, n))
    return {
        "Gaussian": gauss,
        "orthogonal": np.linalg.qr(gauss)[0],
        "graded": gauss * 10.0 ** -np.linspace(0, 200, n),
        "rank 1": np.outer(gauss[0], gauss[1]),
        "non-negative": np.abs(gauss),
    }


def excess(enclosure: NormEnclosure) -> float:
    """The width of an enclosure relative to its upper end."""
    return (enclosure.upper - enclosure.lower) / enclosure.upper


def compare(name: str, matrix: Matrix, repetitions: int) -> None:
    """Print one line: times, their ratio, and the relative widths around sigma_max and sigma_min."""
    ours, theirs = in_turn(lambda: operator_norm(matrix), lambda: np.linalg.norm(matrix, 2), repetitions)
    certified, approximate = statistics.median(ours), statistics.median(theirs)
    ratio = statistics.median(own / other for own, other in zip(ours, theirs, strict=True))
    largest = excess(operator_norm(matrix))
    smallest = excess(smallest_singular_value(matrix))
    print(f"{name:14s}{certified:10.3f}{approximate:10.3f}{ratio:8.2f}{largest:14.1e}{smallest:14.1e}")


def figures(quick: bool) -> list[Figure]:
    """The enclosure of sigma_max: at most 3 times NumPy's time, at most 1e-10 wide."""
    n, repetitions, target = (256, 3, None) if quick else (1024, 7, 1 / 3)
    found = []
    for name, matrix in matrices(n).items():
        operator_norm(matrix)
        certify, estimate = (lambda m=matrix: operator_norm(m)), (lambda m=matrix: np.linalg.norm(m, 2))
        ours, theirs = in_turn(certify, estimate, repetitions)
        width = excess(operator_norm(matrix))
        note = f"enclosed to {width:.1e}, NumPy's not certified"
        case = f"sigma_max certified, n = {n}, {name}"
        rival = "numpy.linalg.norm(A, 2)"
        found.append(Figure("matrix_norms", case, ours, rival, theirs, target, note, holds=width <= 1e-10))
    return found


def main() -> None:
    """Print the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    print(f"n = {n}, median of {repetitions}, numpy {np.__version__}")
    print(f"{'matrix':14s}{'bound, s':>10s}{'norm, s':>10s}{'ratio':>8s}{'width, max':>14s}{'width, min':>14s}")
    for name, matrix in matrices(n).items():
        compare(name, matrix, repetitions)


if __name__ == "__main__":
    main()
