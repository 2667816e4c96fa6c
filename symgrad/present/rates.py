"""Brackets of growth rates in print: both ends, how they are proved, and what reaches the lower one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.bounds.joint_spectral_radius import JointSpectralRadius
from symgrad.errors import InputError
from symgrad.numerics.claims.statements import rounded
from symgrad.numerics.periodic_orbit import PeriodicOrbit
from symgrad.numerics.rate_bracket import RateBracket, SlopeWitness
from symgrad.numerics.rate_growth import observed_growth, periodic_growth
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.plots import new_axes
from symgrad.present.scalars import phrase

__all__ = ["plot_bracket"]

_UPPER, _LOWER, _OBSERVED = "#D55E00", "#0072B2", "#E69F00"  # Okabe and Ito (2008)
_CLOSE = 1e-8  # a gap that is told no more accurately
_METHODS = {
    "perron": "moduli of the entries, with weights from Perron vectors",
    "diagonal": "a weighted 2-norm",
    "quadratic": "a common quadratic norm",
    "corners": "a common quadratic norm, best at the corners of the slopes",
    "products": "branch and bound over products of Jacobians",
    "zero pattern": "every long product is zero",
}


def _down(value: float) -> str:
    return rounded(value, up=False)


def _up(value: float) -> str:
    return rounded(value, up=True)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _periodic_rate(period: int) -> str:
    """The rate of a periodic product."""
    if period == 1:
        return r"\rho\left(J_{1}\right)"
    factors = r"J_{2} J_{1}" if period == 2 else rf"J_{{{period}}} \cdots J_{{1}}"
    return rf"\rho\left({factors}\right)^{{1/{period}}}"


def _gap(value: float) -> str:
    if not math.isfinite(value):
        return "not bounded"
    return f"{rounded(100 * value, up=True, digits=3)} %" if value > _CLOSE else f"below {100 * _CLOSE:g} %"


@text.register
def _(bracket: RateBracket) -> str:
    lines = [
        f"{_down(bracket.lower)} <= growth rate <= {_up(bracket.upper)} (gap {_gap(bracket.gap)})",
        f"above: {_METHODS[bracket.method]}; {bracket.scope}",
        f"below: slopes that repeat after {_steps(bracket.witness.period)} grow at {_down(bracket.witness.rate)}",
    ]
    if bracket.realised is not None:
        orbit = bracket.realised
        lines.append(f"real: a trajectory of period {orbit.period} grows at {_down(orbit.rate)}")
    lines.append(f"reached {bracket.reached}: {bracket.conclusion}")
    return "\n".join(lines)


@latex.register
def _(bracket: RateBracket) -> str:
    sup = r"\sup\, \limsup_{k \to \infty} \left\lVert J_{k} \cdots J_{1}\right\rVert^{1/k}"
    rows = [
        rf"{_down(bracket.lower)} \le {sup} \le {_up(bracket.upper)}",
        phrase(f"above: {_METHODS[bracket.method]}"),
        rf"{latex(bracket.witness)} {phrase(' for the slopes of the witness')}",
        phrase(f"reached {bracket.reached}: {bracket.conclusion}"),
    ]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


@to_dict.register
def _(bracket: RateBracket) -> dict[str, Any]:
    return {
        "kind": "rate bracket",
        "model": bracket.model.name,
        "lower": bracket.lower,
        "upper": bracket.upper,
        "gap": number(bracket.gap),
        "method": bracket.method,
        "rates": {name: number(rate) for name, rate in bracket.rates.items()},
        "constant": number(bracket.constant),
        "norm": str(bracket.norm),
        "scope": bracket.scope,
        "reached": bracket.reached,
        "conclusion": bracket.conclusion,
        "seed": bracket.seed,
        "witness": to_dict(bracket.witness),
        "realised": None if bracket.realised is None else to_dict(bracket.realised),
    }


@text.register
def _(witness: SlopeWitness) -> str:
    return f"slopes that repeat after {_steps(witness.period)}: rate at least {_down(witness.rate)}"


@latex.register
def _(witness: SlopeWitness) -> str:
    return rf"{_periodic_rate(witness.period)} \ge {_down(witness.rate)}"


@to_dict.register
def _(witness: SlopeWitness) -> dict[str, Any]:
    return {"kind": "slope witness", "rate": witness.rate, "slopes": witness.slopes.tolist()}


@text.register
def _(orbit: PeriodicOrbit) -> str:
    names = ", ".join(orbit.inputs) or "no inputs"
    return f"trajectory of period {orbit.period} ({names}): rate at least {_down(orbit.rate)}, proved to exist"


@latex.register
def _(orbit: PeriodicOrbit) -> str:
    return rf"x_{{t+{orbit.period}}} = x_{{t}}, \quad {_periodic_rate(orbit.period)} \ge {_down(orbit.rate)}"


@to_dict.register
def _(orbit: PeriodicOrbit) -> dict[str, Any]:
    arrays = {"states": orbit.states, "inputs": orbit.inputs}
    data = {kind: {name: array.tolist() for name, array in named.items()} for kind, named in arrays.items()}
    return {"kind": "periodic orbit", "period": orbit.period, "rate": orbit.rate, **data}


@text.register
def _(found: JointSpectralRadius) -> str:
    order = " ".join(f"A{i + 1}" for i in reversed(found.product))
    return (
        f"{_down(found.lower)} <= joint spectral radius <= {_up(found.upper)} (gap {_gap(found.gap)})\n"
        f"the product {order} reaches the lower end; {found.examined} products of up to {found.depth} factors examined"
    )


@latex.register
def _(found: JointSpectralRadius) -> str:
    factors = " ".join(f"A_{{{i + 1}}}" for i in reversed(found.product))
    p = len(found.product)
    root = rf"\rho\left({factors}\right)^{{1/{p}}}" if p > 1 else rf"\rho\left({factors}\right)"
    return rf"{_down(found.lower)} \le {root} \le \hat{{\rho}} \le {_up(found.upper)}"


@to_dict.register
def _(found: JointSpectralRadius) -> dict[str, Any]:
    return {
        "kind": "joint spectral radius",
        "lower": found.lower,
        "upper": found.upper,
        "gap": number(found.gap),
        "product": list(found.product),
        "examined": found.examined,
        "depth": found.depth,
    }


@plot.register
def plot_bracket(
    bracket: RateBracket, *, horizon: int = 100, trajectories: int = 30, seed: int = 0, ax: Any = None
) -> Any:
    """The bracket against measured growth: ||P_k||^(1/k) along simulated trajectories and the witness's slopes.

    Args:
        bracket: both ends.
        horizon: the largest k.
        trajectories: how many random ones are simulated; 0 for none.
        seed: of the simulation.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes.

    Raises:
        InputError: a horizon that is not positive, a negative number of trajectories.
    """
    for name, value, least in (("horizon", horizon, 1), ("trajectories", trajectories, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name}: an integer of at least {least} is needed, got {value!r}")
    axes, ks = new_axes(ax), np.arange(1, horizon + 1)
    if trajectories:
        rates = np.exp(observed_growth(bracket, horizon, trajectories, seed) / ks[:, None])
        label = f"{trajectories} random trajectories"
        for place in range(trajectories):
            axes.plot(
                ks, rates[:, place], color=_OBSERVED, alpha=0.4, linewidth=0.8, label=label if not place else None
            )
    axes.plot(ks, np.exp(periodic_growth(bracket, horizon) / ks), color=_LOWER, label="slopes of the witness")
    axes.axhline(bracket.upper, color=_UPPER, label=f"upper rate {_up(bracket.upper)}")
    axes.axhline(bracket.lower, color=_LOWER, linestyle="--", label=f"lower rate {_down(bracket.lower)}")
    if bracket.realised is not None:
        label = f"real trajectory {_down(bracket.realised.rate)}"
        axes.axhline(bracket.realised.rate, color="0.3", linestyle=":", label=label)
    axes.set_xlabel("number of factors $k$")
    axes.set_ylabel(rf"$\Vert J_k \cdots J_1 \Vert_{{{bracket.norm.latex}}}^{{1/k}}$")
    axes.set_title(bracket.model.name)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return axes
