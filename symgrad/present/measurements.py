"""What was measured along the sequences of a layer, in print: gradients, exponents, saturation, gates, memory."""

from __future__ import annotations

import math

import numpy as np

from symgrad.diagnosis.gates import LEVELS, GateStatistics
from symgrad.diagnosis.lyapunov import LyapunovSpectrum
from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.diagnosis.memory import MemoryHorizon
from symgrad.diagnosis.normality import NonNormality
from symgrad.diagnosis.precision import Underflow
from symgrad.diagnosis.saturation import Saturation
from symgrad.present.dispatch import latex, text
from symgrad.present.layout import column_table
from symgrad.present.numbers import number_latex
from symgrad.present.powers import power_latex, power_text
from symgrad.present.scalars import phrase

__all__: list[str] = []

_ROWS = 8  # of a table of steps
_SHOWN = 8  # exponents that are written out
_WIDTH = 40


def _shown_steps(last: int) -> list[int]:
    """The first steps, doubled up to the last one."""
    steps = [0, *(2**i for i in range(last.bit_length()) if 2**i < last), last]
    kept = steps[:1] + steps[-_ROWS + 1 :] if len(steps) > _ROWS else steps
    return list(dict.fromkeys(kept))


def _curves(found: MeasuredGradients) -> list[tuple[str, str, np.ndarray]]:
    """Header, LaTeX and curve of each column."""
    whole, first, loss = "||dx_T/dx_{T-k}||", f"||d{found.state}_T/d{found.state}_{{T-k}}||", "||dL/dx_{T-k}||"
    symbol = latex_name(found.state)
    columns = [(whole, r"\Vert \partial x_T / \partial x_{T-k} \Vert_2", found.typical)]
    if found.has_other_states:
        block = rf"\Vert \partial {symbol}_T / \partial {symbol}_{{T-k}} \Vert_2"
        columns.append((first, block, found.typical_first))
    if found.typical_loss is not None:
        columns.append((loss, r"\Vert \partial L / \partial x_{T-k} \Vert_2", found.typical_loss))
    return columns


def latex_name(name: str) -> str:
    """A state's name in a formula, one letter as it is."""
    return name if len(name) == 1 else rf"{{{phrase(name)}}}"


@text.register
def _(found: MeasuredGradients) -> str:
    curves, steps = _curves(found), _shown_steps(int(found.ks[-1]))
    rows = [[str(k), *(power_text(float(curve[k])) for _, _, curve in curves)] for k in steps]
    table = column_table(["k", *(name for name, _, _ in curves)], rows, [_WIDTH] * (len(curves) + 1))
    kind = "norms" if found.exact_norms else "lower estimates of norms"
    head = f"measured gradients, medians of {kind} along {len(found.log10_products)} sequences (approximate):"
    return "\n".join([head, table, *found.notes])


@latex.register
def _(found: MeasuredGradients) -> str:
    curves, steps = _curves(found), _shown_steps(int(found.ks[-1]))
    head = " & ".join(["k", *(sign for _, sign, _ in curves)]) + r" \\ \hline"
    rows = [" & ".join([str(k), *(power_latex(float(curve[k])) for _, _, curve in curves)]) for k in steps]
    return _array("r" * (len(curves) + 1), [head + "\n" + rows[0], *rows[1:]])


def _array(columns: str, rows: list[str]) -> str:
    return f"\\begin{{array}}{{{columns}}}\n" + " \\\\\n".join(rows) + "\n\\end{array}"


def _with_error(value: float, error: float) -> str:
    if not math.isfinite(value):
        return "-oo" if value < 0 else str(value)
    return f"{value:.5g}" if math.isnan(error) else f"{value:.5g} +- {error:.2g}"


@text.register
def _(spectrum: LyapunovSpectrum) -> str:
    pairs = list(zip(spectrum.exponents.tolist(), spectrum.errors.tolist(), strict=True))
    rows = [f"  lambda_{i} = {_with_error(*pair)}" for i, pair in enumerate(pairs[:_SHOWN], 1)]
    more = [f"  ... down to lambda_{len(pairs)} = {_with_error(*pairs[-1])}"] if len(pairs) > _SHOWN else []
    noun = "trajectory" if spectrum.trajectories == 1 else "trajectories"
    head = (
        f"{len(pairs)} of {spectrum.size} Lyapunov exponents, natural logarithm per step, {spectrum.steps} steps of "
        f"{spectrum.trajectories} {noun} after {spectrum.discarded} discarded (approximate; +- one standard error):"
    )
    return "\n".join([head, *rows, *more, *spectrum.notes])


@latex.register
def _(spectrum: LyapunovSpectrum) -> str:
    pairs = list(zip(spectrum.exponents.tolist(), spectrum.errors.tolist(), strict=True))
    shown = list(enumerate(pairs, 1))
    kept = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1]
    rows = [_exponent_latex(i, *pair) for i, pair in kept]
    if len(kept) < len(shown):
        i, pair = shown[-1]
        rows += [r"&\;\;\vdots", _exponent_latex(i, *pair)]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _exponent_latex(i: int, value: float, error: float) -> str:
    written, relation = number_latex(_with_error(value, error)), "&=" if math.isinf(value) else r"&\approx"
    return rf"\lambda_{{{i}}} {relation} {written}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


@text.register
def _(found: Saturation) -> str:
    stuck = f", {_percent(found.stuck)} of the units at nearly every step" if found.stuck > 0 else ""
    return (
        f"{found.name}: {_percent(found.fraction)} saturated{stuck}; mean slope {found.mean_slope:.3g} "
        f"of at most {found.steepest:.3g}"
    )


@latex.register
def _(found: Saturation) -> str:
    saturated = phrase(f"saturated in {_percent(found.fraction)}, mean slope ")
    return rf"{latex(found.formula)}:\quad {saturated} {number_latex(f'{found.mean_slope:.3g}')}"


def _carried(gate: GateStatistics) -> str:
    parts = [f"carries {gate.carries}"] if gate.carries is not None else []
    if gate.carries_complement is not None:
        parts.append(f"one minus it carries {gate.carries_complement}")
    return "".join(f", {part}" for part in parts)


@text.register
def _(gate: GateStatistics) -> str:
    spread = ", ".join(f"{level} % {value:.3g}" for level, value in zip(LEVELS, gate.quantiles, strict=True))
    formula = "" if gate.name == str(gate.formula) else f" = {gate.formula}"
    return (
        f"gate {gate.name}{formula}{_carried(gate)}: mean {gate.mean:.3g}, quantiles {spread}; "
        f"closed {_percent(gate.closed)}, open {_percent(gate.open)}"
    )


@latex.register
def _(gate: GateStatistics) -> str:
    words = phrase(f"mean {gate.mean:.3g}, closed {_percent(gate.closed)}, open {_percent(gate.open)}{_carried(gate)}")
    return rf"{latex(gate.formula)}:\quad {words}"


@text.register
def _(memory: MemoryHorizon) -> str:
    found = f"more than {memory.measured}" if memory.steps is None else str(memory.steps)
    predicted = memory.from_lyapunov
    line = f"memory horizon: {found} steps until the typical gradient stays below {memory.delta:g}"
    if predicted is None:
        return line
    return f"{line}; {'none' if math.isinf(predicted) else f'{predicted:.4g}'} by the largest Lyapunov exponent"


@latex.register
def _(memory: MemoryHorizon) -> str:
    found = rf"> {memory.measured}" if memory.steps is None else f"= {memory.steps}"
    return rf"k_{{\delta}} {found}, \quad \delta = {power_latex(math.log10(memory.delta))}"


def _where(steps: int | None, words: str) -> str:
    return "" if steps is None else f"{words} after {steps} steps"


def _range_words(found: Underflow) -> str:
    zero = _where(found.steps, "rounds to zero")
    if not zero and found.extrapolated is not None:
        zero = f"would round to zero after about {found.extrapolated} steps"
    parts = [zero, _where(found.subnormal_steps, "below the normal numbers"), _where(found.overflow_steps, "overflows")]
    return ", ".join(part for part in parts if part) or "stays within range"


@text.register
def _(found: Underflow) -> str:
    what = "gradient of the loss" if found.gradient == "loss" else "unit gradient"
    return f"{found.format}: the typical {what} {_range_words(found)}"


@latex.register
def _(found: Underflow) -> str:
    return phrase(text(found))


def _transient(found: NonNormality) -> str:
    if not found.transient > 0:
        return "no transient growth"
    return f"transient growth by {found.transient:.3g} decades at k = {found.at_k}"


@text.register
def _(found: NonNormality) -> str:
    line = _transient(found)
    if not found.points:
        return line
    return (
        f"{line}; a typical Jacobian has spectral radius {found.spectral_radius:.4g}, norm {found.operator_norm:.4g}, "
        f"departure from normality {found.henrici:.3g}"
    )


@latex.register
def _(found: NonNormality) -> str:
    growth = phrase(_transient(found))
    if not found.points:
        return growth
    radius, size = (number_latex(f"{value:.4g}") for value in (found.spectral_radius, found.operator_norm))
    return rf"{growth}, \quad \rho(J) \approx {radius}, \quad \Vert J \Vert_2 \approx {size}"
