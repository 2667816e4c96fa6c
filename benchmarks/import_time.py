"""How much longer ``import symgrad`` takes than the libraries it cannot do without.

Each measurement is a fresh interpreter that times its own imports; the two kinds alternate, in changing order, so that
a change in the machine's load meets both. Printed: the median time of each, and the median of the ratios of neighbours
with its quartiles.

Run with ``python benchmarks/import_time.py [--pairs 20] [--limit 1.3]``; exit code 1 if the median ratio is above the
limit.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys

from figures import Figure

REFERENCE = "import sympy, numpy, flint"
PACKAGE = "import symgrad"
TIMED = "from time import perf_counter as t; start = t(); {statement}; print(t() - start)"


def seconds(statement: str) -> float:
    """Time of one import statement in a fresh interpreter, without the interpreter's own start."""
    command = [sys.executable, "-c", TIMED.format(statement=statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measure(pairs: int) -> tuple[list[float], list[float]]:
    """Times of the reference and of the package, interleaved, after one uncounted warm-up of each."""
    times: dict[str, list[float]] = {REFERENCE: [], PACKAGE: []}
    order = [REFERENCE, PACKAGE]
    for statement in order:
        seconds(statement)
    for _ in range(pairs):
        for statement in order:
            times[statement].append(seconds(statement))
        order.reverse()
    return times[REFERENCE], times[PACKAGE]


def figures(quick: bool) -> list[Figure]:
    """The import of the package against that of its foundations, which it contains: at most 1.3 times as long."""
    reference, package = measure(3 if quick else 20)
    return [Figure("import_time", PACKAGE, package, REFERENCE, reference, target=1 / 1.3)]


def main() -> int:
    """Print the figures; 0 if the ratio is within the limit."""
    parser = argparse.ArgumentParser(description="Ratio of the import times of symgrad and of its foundations.")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--limit", type=float, default=1.3)
    options = parser.parse_args()
    reference, package = measure(options.pairs)
    ratios = [own / base for own, base in zip(package, reference, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"Python {platform.python_version()}, {platform.machine()}, {options.pairs} pairs")
    print(f"{REFERENCE}: {statistics.median(reference):.3f} s")
    print(f"{PACKAGE}: {statistics.median(package):.3f} s")
    print(f"ratio: {middle:.3f} (quartiles {low:.3f} to {high:.3f}), limit {options.limit}")
    return int(middle > options.limit)


if __name__ == "__main__":
    sys.exit(main())
