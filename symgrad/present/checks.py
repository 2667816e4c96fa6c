"""The outcome of a check in print: the verdict, and a table of bound, largest observed norm and tightness."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from symgrad.language.weights import LayerWeights, Weights
from symgrad.numerics.verdict import Verdict
from symgrad.numerics.verify import Check
from symgrad.numerics.witness import Witness
from symgrad.present.data import number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.notation import LATEX
from symgrad.present.powers import DOWN, UP, power_latex, power_text

__all__ = ["CheckRow", "check_rows", "check_table", "shown_steps"]

_OBSERVED = {"upper": "largest observed", "lower": "least observed"}
_WIDTHS = (10, 16, 18, 14, 12)


@dataclass(frozen=True)
class CheckRow:
    """What a check says about one number of steps.

    Attributes:
        k: the number of factors.
        log10_bound: decimal logarithm of the bound, rounded up.
        log10_observed: decimal logarithm of the largest norm found; minus infinity for zero, None when no trajectory
            stayed within the declared ranges that long.
        log10_tightness: the difference of both: at most 0 where the bound is respected.
        verdict: ``refuted`` where the confirmed counter-example is, ``undecided`` where floats exceed the bound and
            where nothing was observed.
    """

    k: int
    log10_bound: float
    log10_observed: float | None
    log10_tightness: float | None
    verdict: Verdict


def shown_steps(check: Check) -> list[int]:
    """The numbers of steps worth a row: 1, 2, 5, 10, ... up to the horizon, the horizon and the witness's."""
    series = (base * 10**power for power in range(len(str(check.horizon))) for base in (1, 2, 5))
    steps = {k for k in series if k <= check.horizon} | {check.horizon}
    return sorted(steps | ({check.witness.k} if check.witness is not None else set()))


def check_rows(check: Check, steps: Iterable[int] | None = None) -> list[CheckRow]:
    """The rows of a check's table.

    Args:
        check: the outcome of a verification.
        steps: the numbers of factors; by default those of :func:`shown_steps`.

    Raises:
        InputError: a number of factors that is not from 1 to the horizon.
    """
    return [_row(check, k) for k in (shown_steps(check) if steps is None else steps)]


def _row(check: Check, k: int) -> CheckRow:
    check.tightness(k)  # refuses what was not checked
    bound, observed, ratio = (
        float(series[k - 1]) for series in (check.log10_bound, check.log10_observed, check.log10_ratio)
    )
    nothing = math.isinf(observed) and check.left_range == check.trajectories
    verdict = max(check.verdict, Verdict.OBSERVED)
    if check.witness is not None and check.witness.k == k:
        verdict = Verdict.REFUTED
    elif nothing or ratio > 0:
        verdict = Verdict.UNDECIDED
    return CheckRow(k, bound, None if nothing else observed, None if nothing else ratio, verdict)


def _header(check: Check) -> tuple[str, ...]:
    return "k", "bound", _OBSERVED[check.bound.side], "tightness", "verdict"


def _cells(row: CheckRow, power: Callable[..., str], check: Check) -> tuple[str, ...]:
    bound = power(row.log10_bound, rounding=UP if check.bound.side == "upper" else DOWN)
    found = ("none" if log10 is None else power(log10) for log10 in (row.log10_observed, row.log10_tightness))
    return str(row.k), bound, *found, str(row.verdict)


def _setting(check: Check) -> str:
    left = f", {check.left_range} left the declared ranges" if check.left_range else ""
    return f"{check.trajectories} trajectories{left}, {check.search} search, seed {check.seed}"


def check_table(check: Check, steps: Iterable[int] | None = None) -> str:
    """The table of a check in plain text: bound, largest observed norm, tightness and verdict for some k.

    Args:
        check: the outcome of a verification.
        steps: the numbers of factors, at most the horizon; by default 1, 2, 5, 10, ...
    """
    rows = [_cells(row, power_text, check) for row in check_rows(check, steps)]
    return column_table(_header(check), rows, _WIDTHS)


@text.register
def _(check: Check) -> str:
    witness = "" if check.witness is None else f"\n{text(check.witness)}"
    verdict = f"{check.verdict}: {check.reason}"
    return f"{check_table(check)}\n{verdict} ({_setting(check)}){witness}"


@latex.register
def _(check: Check) -> str:
    rows = [_cells(row, power_latex, check) for row in check_rows(check)]
    first, *names = _header(check)
    head = " & ".join([first, *(rf"\text{{{name}}}" for name in names)])
    body = " \\\\\n".join(" & ".join(rf"\text{{{cell}}}" if cell.isalpha() else cell for cell in row) for row in rows)
    return f"\\begin{{array}}{{rrrrl}}\n\\hline\n{head} \\\\\n\\hline\n{body} \\\\\n\\hline\n\\end{{array}}"


@to_dict.register
def _(check: Check) -> dict[str, Any]:
    return {
        "kind": "check",
        "model": check.bound.model.name,
        "norm": str(check.bound.norm),
        "factor": str(check.bound.factor),
        "verdict": str(check.verdict),
        "holds": check.verdict.holds,
        "reason": check.reason,
        "advice": check.verdict.advice,
        "search": check.search,
        "seed": check.seed,
        "horizon": check.horizon,
        "trajectories": check.trajectories,
        "left_range": check.left_range,
        "worst_k": check.worst_k,
        "worst_ratio": number(check.worst_ratio),
        "rows": [_row_data(row) for row in check_rows(check, map(int, check.ks))],
        "witness": None if check.witness is None else to_dict(check.witness),
        "backend": str(check.backend),
        "versions": dict(check.versions),
    }


def _row_data(row: CheckRow) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in ("log10_bound", "log10_observed", "log10_tightness")}
    numbers = {name: None if value is None else number(value) for name, value in found.items()}
    return {"k": row.k, **numbers, "verdict": str(row.verdict)}


@text.register
def _(witness: Witness) -> str:
    upper = witness.bound.side == "upper"
    observed = power_text(witness.log10_observed, 6, DOWN if upper else UP)
    bound = power_text(witness.log10_bound, 6, UP if upper else DOWN)
    sides = ("have norm at least", "at most") if upper else ("stretch a vector by at most", "at least")
    return (
        f"witness: trajectory {witness.trajectory} of seed {witness.seed}: "
        f"{witness.k} Jacobians up to step {witness.t} {sides[0]} {observed}, "
        f"the claim says {sides[1]} {bound} (balls of {witness.bits} bits)"
    )


@latex.register
def _(witness: Witness) -> str:
    upper = witness.bound.side == "upper"
    observed = power_latex(witness.log10_observed, 6, DOWN if upper else UP)
    bound = power_latex(witness.log10_bound, 6, UP if upper else DOWN)
    subscript = witness.bound.norm.latex
    factors = rf"J_{{{witness.t}}} \cdots J_{{{witness.t - witness.k + 1}}}"
    if upper:
        product, relations = rf"\left\lVert {factors}\right\rVert_{{{subscript}}}", (r"\ge", ">")
    else:
        product, relations = LATEX.least(factors, witness.bound.norm), (r"\le", "<")
    return rf"{product} {relations[0]} {observed} {relations[1]} {bound} \quad (k = {witness.k})"


def _weights_data(weights: Weights) -> dict[str, Any]:
    """Numbers by name; of layers with parameters of their own a list of them."""
    if not isinstance(weights, LayerWeights):
        return {str(symbol): array.tolist() for symbol, array in weights.values.items()}
    layers = [_weights_data(layer) for layer in weights.layers]
    return {name: [layer[name] for layer in layers] for name in layers[0]}


@to_dict.register
def _(witness: Witness) -> dict[str, Any]:
    return {
        "kind": "witness",
        "seed": witness.seed,
        "trajectory": witness.trajectory,
        "k": witness.k,
        "t": witness.t,
        "log10_observed": number(witness.log10_observed),
        "log10_bound": number(witness.log10_bound),
        "bits": witness.bits,
        "weights": _weights_data(witness.weights),
        "initial": {name: array.tolist() for name, array in witness.initial.items()},
        "inputs": {name: array.tolist() for name, array in witness.inputs.items()},
        "direction": witness.direction.tolist(),
    }
