"""Against explicit SymPy: the Jacobian of k unrolled steps written out entry by entry.

For an Elman network of n = 2, 3, 4 units SymPy composes the update k times, differentiates every entry and, as a bound
needs, forms the Frobenius norm. symgrad derives a bound for every n and k at once. Each cell runs in a process of its
own and is stopped after a minute or at 4 GiB. Run: python benchmarks/unrolled_sympy.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

from figures import Figure

REPETITIONS = 5
LIMIT = 60.0
MEMORY = 4 * 2**30
SIZES = (2, 3, 4)
STEPS = (1, 2, 4, 5, 6, 7, 8)
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
    """Print for every cell seconds, their ratio to symgrad's, and the number of operations in the result."""
    runs = [_run(DERIVED) for _ in range(REPETITIONS)]
    own, operations = statistics.median(seconds for seconds, _ in runs), runs[0][1]
    print(f"symgrad, any n and any k: {own:.3f} s, {operations} operation")
    print(f"{'SymPy':<6} {'k':>3} {'time':>12} {'ratio':>8} {'operations':>12}")
    for n in SIZES:
        for k in STEPS:
            result = _cell(n, k)
            if isinstance(result, str):
                print(f"n = {n:<2} {k:>3} {result:>12}")
                break
            seconds, operations = result
            print(f"n = {n:<2} {k:>3} {seconds:10.2f} s {seconds / own:8.1f} {operations:12}")


def figures(quick: bool) -> list[Figure]:
    """One bound for every n and k against SymPy for one of each; stopped after a minute."""
    own = [_run(DERIVED)[0] for _ in range(REPETITIONS)]
    found = []
    for n, k in ((2, 2), (3, 4)) if quick else ((2, 8), (3, 6), (3, 8), (4, 6), (4, 7)):
        result = _cell(n, k)
        seconds, note = (None, f"rival stopped: {result}") if isinstance(result, str) else (result[0], "")
        case = f"bound for every n and k; rival n = {n}, k = {k}"
        found.append(Figure("unrolled_sympy", case, own, "explicit SymPy derivative", seconds, None, note))
    return found


def _cell(n: int, k: int) -> tuple[float, int] | str:
    """Seconds and operations, or why there are none."""
    try:
        return _run(EXPLICIT.format(n=n, k=k))
    except subprocess.TimeoutExpired:
        return f"> {LIMIT:.0f} s"
    except subprocess.CalledProcessError as error:
        if "MemoryError" not in error.stderr:
            raise
        return f"> {MEMORY >> 30} GiB"


def _run(code: str) -> tuple[float, int]:
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, capture_output=True, text=True, check=True, timeout=LIMIT, preexec_fn=_limit_memory)
    seconds, operations = done.stdout.split()
    return float(seconds), int(operations)


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"({time.perf_counter() - start:.0f} s in all)")
