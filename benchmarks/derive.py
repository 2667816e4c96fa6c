"""Time to derive and typeset the bound of each model: from the recurrence to the LaTeX of its proof.

Every model of the catalogue is timed in a fresh process, because derived ranges
are cached, and once more in the same process; then one model for sizes n and
numbers of steps k, symbolic and up to a million. Run: python benchmarks/derive.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys

MODELS = {
    "sigmoid_rnn": "sg.models.sigmoid_rnn()",
    "elman": "sg.models.elman()",
    "elman, gelu": "sg.models.elman('gelu')",
    "elman, mish": "sg.models.elman('mish')",
    "leaky": "sg.models.leaky()",
    "residual": "sg.models.residual()",
    "lstm": "sg.models.lstm().assuming({'c': (-16, 16)})",
    "lstm, peephole": "sg.models.lstm(peephole=True).assuming({'c': (-16, 16)})",
    "lstm, coupled": "sg.models.lstm(coupled=True).assuming({'c': (-16, 16)})",
    "gru": "sg.models.gru().assuming({'h': (-1, 1)})",
    "highway": "sg.models.highway().assuming({'h': (-1, 1)})",
    "irnn": "sg.models.irnn()",
    "neuron": "sg.models.neuron(eps=None)",
    "feedforward": "sg.models.feedforward()",
    "stack of 2 lstm": "sg.stack([sg.models.lstm().assuming({'c': (-16, 16)})] * 2)",
}
SIZES = {"n symbolic": "n", "n = 1": "1", "n = 64": "64", "n = 4096": "4096"}
SIZED = """
import sympy as sp
n = sp.sympify({size}) if {size} else sp.Symbol('n', positive=True, integer=True)
h, u, b = (sp.MatrixSymbol(name, n, 1) for name in 'hub')
W, U = sp.MatrixSymbol('W', n, n), sp.MatrixSymbol('U', n, n)
"""
STEPS = (1, 10**3, 10**6)
EVALUATED = """
import time
import numpy as np
import symgrad as sg
series = sg.product_bound({model}).with_weights({{{weights}}})
begin = time.perf_counter()
series.at({k})
print(time.perf_counter() - begin)
"""
CODE = """
import time
import symgrad as sg
import symgrad.present
def run():
    begin = time.perf_counter()
    model = {model}
    bound = sg.product_bound(model, {norm!r})
    derived = time.perf_counter()
    text = model.latex() + sg.jacobian(model).latex() + bound.latex() + bound.proof.latex()
    assert text
    return derived - begin, time.perf_counter() - derived
print(*run(), *run())
"""


def main(repetitions: int = 5) -> None:
    """Print medians over fresh processes: derive, typeset, and the sum when the process has done it before."""
    print(f"{'model':<16} {'norm':>4} {'derive, s':>10} {'typeset, s':>10} {'both, s':>8} {'again, s':>9}")
    for name, model in MODELS.items():
        for norm in (1, 2, "inf"):
            rows = [_once(model, norm) for _ in range(repetitions)]
            derive, typeset, *again = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{name:<16} {norm:>4} {derive:10.3f} {typeset:10.3f} {derive + typeset:8.3f} {sum(again):9.3f}")
    _over_sizes(repetitions)
    _over_steps(repetitions)


def _over_sizes(repetitions: int) -> None:
    """The same for one model whose size is a symbol or a number."""
    print(f"\n{'elman, size':<16} {'both, s':>8} {'ratio':>6}")
    first = None
    for name, size in SIZES.items():
        value = size if size.isdigit() else "None"
        model = "sg.Recurrence({h: sg.activation('tanh')(W * h + U * u + b)}, inputs=[u])"
        rows = [_once(model, 2, SIZED.format(size=value)) for _ in range(repetitions)]
        both = statistics.median(row[0] + row[1] for row in rows)
        first = first or both
        print(f"{name:<16} {both:8.3f} {both / first:6.2f}")


def _over_steps(repetitions: int) -> None:
    """The value of a bound for weights at several numbers of steps."""
    print(f"\n{'value at k':<16} " + " ".join(f"{k:>12}" for k in STEPS))
    cases = {
        "elman": ("sg.models.elman()", "'W': np.eye(64) / 2"),
        "lstm": (MODELS["lstm"], ", ".join(f"'W_h{gate}': np.eye(64) / 9" for gate in "ifgo")),
    }
    for name, (model, weights) in cases.items():
        times = []
        for k in STEPS:
            code = EVALUATED.format(model=model, weights=weights, k=k)
            times.append(statistics.median(_run(code)[0] for _ in range(repetitions)))
        print(f"{name:<16} " + " ".join(f"{value * 1e3:9.3f} ms" for value in times))


def _once(model: str, norm: int | str, before: str = "") -> list[float]:
    return _run(CODE.format(model=model, norm=norm).replace("def run():", f"{before}\ndef run():"))


def _run(code: str) -> list[float]:
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return [float(number) for number in shown.split()]


if __name__ == "__main__":
    main()
