"""Derive, evaluate and verify the bounds of two trained recurrent networks.

An Elman network and an LSTM that read handwritten digits row by row (``train_digits.py`` made them) are treated alike:

1. the equations and the bound on ``||J_t ... J_{t-k+1}||`` in closed form, from the update equations alone;
2. its value for the trained weights, rounded up, at k = 1 ... 200;
3. a search for a counter-example, on real rows of digits and on random trajectories.

Prints one table a network. The exit code is 1 if a bound is refuted, else 0. Run with ``python examples/digits.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import symgrad as sg
from symgrad.present import check_table, text

HERE = Path(__file__).resolve().parent
STEPS = (1, 2, 5, 10, 20, 50, 100, 200)
PIXELS = sg.Interval(0, 1)
# The cell state of the LSTM has no bound of its own, so a range is declared; trajectories that leave it do not count.
NETWORKS = {
    "elman": sg.models.elman().assuming({"u": PIXELS}),
    "lstm": sg.models.lstm().assuming({"u": PIXELS, "c": sg.Interval(-16, 16)}),
}


def report(name: str) -> sg.Check:
    """Print equations, bound and table of one network; return the outcome of the check."""
    weights = sg.load_weights(HERE / f"digits_{name}.safetensors")
    sequences = sg.load_inputs(HERE / "digits_sequences.safetensors")
    bound = sg.product_bound(NETWORKS[name])
    check = sg.verify(bound, weights, horizon=max(STEPS), inputs=sequences)
    print(f"{name}\n{'=' * len(name)}")
    print(text(NETWORKS[name]), text(bound), check_table(check, STEPS), sep="\n\n", end="\n\n")
    print(f"{check.verdict}: {check.reason}; proof in {len(bound.proof)} steps\n")
    return check


def main() -> int:
    """Report on both networks."""
    checks = [report(name) for name in NETWORKS]
    return 0 if all(check.verdict.holds for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
