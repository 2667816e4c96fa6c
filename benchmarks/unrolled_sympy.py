"""Against explicit SymPy: the Jacobian of k unrolled steps written out entry by entry.

For an Elman network of n = 2, 3, 4 units SymPy composes the update k times, differentiates every entry and, as a bound
needs, forms the Frobenius norm. symgrad derives a bound for every n and k at once. Each cell runs in a process of its
own and is stopped after a time limit. Run: python benchmarks/unrolled_sympy.py
"""

from __future__ import annotations

import subprocess
import sys
import time

LIMIT = 60.0
SIZES = (2, 3, 4)
STEPS = (1, 2, 3, 4, 5, 6)
EXPLICIT = """
import time
import sympy as sp
begin = time.perf_counter()
n, k = {n}, {k}
W = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"w{{i}}{{j}}"))
b = sp.Matrix(n, 1, lambda i, j: sp.Symbol(f"b{{i}}"))
x0 = sp.Matrix(n, 1, lambda i, j: sp.Symbol(f"x{{i}}"))
x = x0
for step in range(k):
    x = (W * x + b).applyfunc(sp.tanh)
jacobian = x.jacobian(x0)
norm = sp.sqrt(sum(entry**2 for entry in jacobian))
print(time.perf_counter() - begin, sp.count_ops(norm))
"""
DERIVED = """
import time
import symgrad as sg
begin = time.perf_counter()
bound = sg.product_bound(sg.models.elman())
expr = bound.expr
print(time.perf_counter() - begin, expr.count_ops())
"""


def main() -> None:
    """Print seconds and the number of operations in the result for every cell."""
    seconds, operations = _run(DERIVED)
    print(f"symgrad, any n and any k: {seconds:.3f} s, {operations} operations")
    print(f"{'SymPy':<8}" + "".join(f"{f'k = {k}':>26}" for k in STEPS))
    for n in SIZES:
        cells = []
        for k in STEPS:
            stopped = bool(cells) and cells[-1].startswith(("-", "stopped"))
            cells.append("-" if stopped else _cell(n, k))
        print(f"n = {n:<4}" + "".join(f"{cell:>26}" for cell in cells))


def _cell(n: int, k: int) -> str:
    try:
        seconds, operations = _run(EXPLICIT.format(n=n, k=k))
    except subprocess.TimeoutExpired:
        return f"stopped after {LIMIT:.0f} s"
    return f"{seconds:.2f} s, {operations} ops"


def _run(code: str) -> tuple[float, int]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT)
    seconds, operations = done.stdout.split()
    return float(seconds), int(operations)


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"({time.perf_counter() - start:.0f} s in all)")
