"""Time to derive and typeset the bound of each model: from the recurrence to the LaTeX of its proof.

The answer is symbolic in the size n and in k, so neither enters the time. Every
model is timed in a fresh process, because derived ranges are cached, and once
more in the same process. Run: python benchmarks/derive.py
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
}
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
    print(f"{'model':<14} {'norm':>4} {'derive, s':>10} {'typeset, s':>10} {'both, s':>8} {'again, s':>9}")
    for name, model in MODELS.items():
        for norm in (1, 2, "inf"):
            rows = [_once(model, norm) for _ in range(repetitions)]
            derive, typeset, *again = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{name:<14} {norm:>4} {derive:10.3f} {typeset:10.3f} {derive + typeset:8.3f} {sum(again):9.3f}")


def _once(model: str, norm: int | str) -> list[float]:
    code = CODE.format(model=model, norm=norm)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return [float(number) for number in shown.split()]


if __name__ == "__main__":
    main()
