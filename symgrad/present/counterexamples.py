"""A search for growing gradients in print: the fixed point with its biases, or the proof that there is none."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import acb
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.numerics.claims.counterexample import SpectralRadiusCounterexample
from symgrad.numerics.claims.growth_point import GrowthPoint
from symgrad.numerics.claims.no_growth import NoGrowth
from symgrad.numerics.claims.statements import rounded
from symgrad.present.claims import paragraph, step_data, step_lines, step_rows
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.scalars import phrase
from symgrad.rigor.balls import lower_float, upper_float

__all__ = ["plot_counterexample"]

Array = NDArray[np.float64]

_SHOWN = 8  # entries of a vector, and powers of a Jacobian
_CELL = 26
_WIDTH = 88
_FOUND, _CLAIMED = "#D55E00", "#0072B2"


def _between(ends: Sequence[float]) -> str:
    return f"[{rounded(ends[0], up=False)}, {rounded(ends[1], up=True)}]"


def _meaning(found: SpectralRadiusCounterexample) -> str:
    """What it says about the claim that a spectral radius below 1 makes gradients vanish."""
    if found.refutes_claim:
        return "rho(W) < 1, so that this W refutes the claim that a spectral radius below 1 makes gradients vanish"
    if found.found:
        return "the claim about spectral radii below 1 does not speak of this W"
    return ""


def _real(value: complex) -> str:
    return f"{value.real:.8g}" if value.imag == 0 else f"{value:.8g}"


def _middle(ball: acb) -> complex:
    return complex(float(ball.real.mid()), float(ball.imag.mid()))


# --- plain text -----------------------------------------------------------------


@text.register
def _(found: SpectralRadiusCounterexample) -> str:
    size, model = len(found.matrix), found.network.model
    lines = [
        text(model),
        f"{found.network.weight}: {size} x {size}, spectral radius in {_between(found.spectral_radius)}",
        paragraph(found.reason, f"{found.verdict}: "),
        *filter(None, [paragraph(_meaning(found))]),
    ]
    return "\n".join([*lines, *(text(part) for part in (found.growth, found.proof) if part is not None)])


@text.register
def _(proof: NoGrowth) -> str:
    return "\n".join(step_lines(proof.steps))


@text.register
def _(point: GrowthPoint) -> str:
    return "\n".join(_point_lines(point))


def _point_lines(point: GrowthPoint) -> list[str]:
    columns = (point.slopes, point.biases, point.fixed_point)
    rows = [[str(i + 1), *(f"{column[i]:.8g}" for column in columns)] for i in range(min(len(point.biases), _SHOWN))]
    left = len(point.biases) - len(rows)
    norms = [[str(k), rounded(norm.lower, up=False), rounded(norm.upper, up=True)] for k, norm in _norms(point)]
    eigenvalue = [] if point.eigenvalue is None else [f"eigenvalue of J: about {_real(_middle(point.eigenvalue))}"]
    return [
        column_table(("unit", "slope", "bias", "fixed point"), rows, [_CELL] * 4),
        *([f"... and {left} more"] if left else []),
        f"spectral radius of J at the fixed point: at least {rounded(point.rate, up=False)}",
        *eigenvalue,
        column_table(("k", "||J^k||_2 at least", "at most"), norms, [_CELL] * 3),
    ]


def _norms(point: GrowthPoint) -> list[tuple[int, Any]]:
    return list(enumerate(point.norms, 1))[:_SHOWN]


# --- LaTeX ----------------------------------------------------------------------


@latex.register
def _(found: SpectralRadiusCounterexample) -> str:
    weight = latex(found.network.weight)
    rows = [
        latex(found.network.model),
        rf"\rho({weight}) \in {_between(found.spectral_radius)}",
        *(phrase(line) for line in textwrap.wrap(f"{found.verdict}: {found.reason}", _WIDTH)),
        *(phrase(line) for line in textwrap.wrap(_meaning(found), _WIDTH)),
    ]
    rows += _point_rows(found.growth) if found.growth is not None else []
    return _array([*rows, *step_rows(found.steps)])


@latex.register
def _(proof: NoGrowth) -> str:
    return _array(step_rows(proof.steps))


@latex.register
def _(point: GrowthPoint) -> str:
    return _array(_point_rows(point))


def _array(rows: list[str]) -> str:
    return "\\begin{array}{l}\n" + " \\\\[0.6ex]\n".join(rows) + "\n\\end{array}"


def _point_rows(point: GrowthPoint) -> list[str]:
    vectors = {"b": point.biases, r"x^*": point.fixed_point, r"\sigma'": point.slopes}
    found = [r" ,\quad ".join(rf"{name} \approx {_column(vector)}" for name, vector in vectors.items())]
    found.append(rf"\rho(J(x^*)) \ge {rounded(point.rate, up=False)}")
    norms = (rf"\lVert J^{{{k}}} \rVert_2 \ge {rounded(norm.lower, up=False)}" for k, norm in _norms(point)[:4])
    return [*found, r" ,\quad ".join(norms)]


def _column(vector: Array) -> str:
    entries = [_latex_number(float(entry)) for entry in vector[:_SHOWN]]
    dots = [r"\vdots"] if len(vector) > _SHOWN else []
    return r"\begin{pmatrix}" + r" \\ ".join([*entries, *dots]) + r"\end{pmatrix}"


def _latex_number(value: float) -> str:
    mantissa, mark, exponent = f"{value:.6g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if mark else mantissa


# --- data -----------------------------------------------------------------------


@to_dict.register
def _(found: SpectralRadiusCounterexample) -> dict[str, Any]:
    return {
        "kind": "search for growing gradients",
        "model": found.network.model.name,
        "activation": str(found.activation),
        "matrix": found.matrix.tolist(),
        "spectral_radius": [number(end) for end in found.spectral_radius],
        "claim_applies": found.claim_applies,
        "refutes_claim": found.refutes_claim,
        "found": found.found,
        "verdict": str(found.verdict),
        "reason": found.reason,
        "best": None if found.best is None else number(found.best),
        "seed": found.seed,
        "growth": None if found.growth is None else to_dict(found.growth),
        "proof": None if found.proof is None else to_dict(found.proof),
    }


@to_dict.register
def _(point: GrowthPoint) -> dict[str, Any]:
    value = point.eigenvalue
    parts = None if value is None else [[lower_float(x), upper_float(x)] for x in (value.real, value.imag)]
    return {
        "kind": "fixed point with growing gradients",
        "slopes": point.slopes.tolist(),
        "biases": point.biases.tolist(),
        "fixed_point": point.fixed_point.tolist(),
        "arguments": point.arguments.tolist(),
        "rate": number(point.rate),
        "eigenvalue": parts,
        "norms": [[number(norm.lower), number(norm.upper)] for norm in point.norms],
        "bits": point.bits,
    }


@to_dict.register
def _(proof: NoGrowth) -> dict[str, Any]:
    return {
        "kind": "proof that gradients do not grow",
        "method": proof.method,
        "rate": number(proof.rate),
        "constant": number(proof.constant),
        "vector": proof.vector.tolist(),
        "vanishes": proof.vanishes,
        "steps": [step_data(step) for step in proof.steps],
    }


# --- picture --------------------------------------------------------------------


@plot.register
def plot_counterexample(found: SpectralRadiusCounterexample, *, ax: Any = None) -> Any:
    """The norms of powers of the Jacobian at the fixed point, against the powers of the spectral radius of W.

    Args:
        found: a search that found a fixed point with growing gradients.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: no growth was found, so that there is nothing to draw.
    """
    if found.growth is None:
        raise InputError(f"obj: there is no picture, as no growing gradients were found ({found.reason})")
    axes, norms = new_axes(ax), found.growth.norms
    ks = np.arange(1, len(norms) + 1)
    axes.plot(ks, [norm.lower for norm in norms], "X-", color=_FOUND, label=r"$\Vert J^k \Vert_2$ at the fixed point")
    radius = found.spectral_radius[1]
    claimed = radius ** ks.astype(float)
    if radius > 0:
        axes.plot(ks, claimed, "--", color=_CLAIMED, label=r"$\rho(W)^k$")
    axes.set_yscale("log")
    axes.set_xlabel("number of factors $k$")
    axes.set_title(rf"{found.network.model.name}, $\rho(W) \leq {rounded(radius, up=True)}$")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return axes
