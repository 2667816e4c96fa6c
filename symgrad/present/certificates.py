r"""Certificates of rates in print: the bound on products, the norm it holds in, and why it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from flint import arb

from symgrad.bounds.certificates import RateCertificate
from symgrad.present.data import number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.powers import UP, power_latex, power_text
from symgrad.present.rounded import Rounded, rounded
from symgrad.rigor.balls import log10_of, upper_float

__all__ = ["named_norm"]

_DIGITS = 6
_NAMES = {1.0: ("1", "1"), 2.0: ("2", "2"), math.inf: ("inf", r"\infty")}
_KINDS = {
    "perron": "weights from the Perron vectors of the moduli of the entries",
    "diagonal": "the best weights of the 2-norm",
    "quadratic": "a common quadratic norm",
}


def named_norm(certificate: RateCertificate) -> str:
    """What kind of norm a certificate rests on, in words."""
    return _KINDS[certificate.kind]


def _shown(value: Any) -> Rounded:
    """A number as a decimal that is never below it: also where it differs from a short one by rounding alone."""
    ball = value if isinstance(value, arb) else arb(value)
    found = rounded(ball, up=True, digits=_DIGITS)
    if found.kind != "about":
        return found
    log10 = log10_of(ball, up=True)
    return Rounded("bound", power_text(log10, _DIGITS, UP), power_latex(log10, _DIGITS, UP))


def _by_name(constants: Mapping[float, arb]) -> dict[str, arb]:
    return {_NAMES[p][0]: constants[p] for p in sorted(constants)}


@text.register
def _(certificate: RateCertificate) -> str:
    rate = _shown(certificate.rate).text
    constants = ", ".join(f"C_{name} = {_shown(value).text}" for name, value in _by_name(certificate.constants).items())
    lines = [f"||J[k]*...*J[1]||_p <= C_p*{rate}**k", constants]
    if certificate.scaling.ndim == 2:
        lines.append(f"since (J*x)'*P*(J*x) <= {rate}**2*x'*P*x: {named_norm(certificate)}")
    else:
        name = _NAMES[certificate.index][0]
        lines.append(f"since ||S*J*S^-1||_{name} <= {rate} with S = diag(s): {named_norm(certificate)}")
    if certificate.vanishes_after is not None:
        lines.append(f"and the product is 0 for k >= {certificate.vanishes_after}")
    return "\n".join(lines)


@latex.register
def _(certificate: RateCertificate) -> str:
    rate = _shown(certificate.rate).latex
    lines = [rf"\left\lVert J_{{k}} \cdots J_{{1}}\right\rVert_p &\le C_p \, \left({rate}\right)^{{k}}"]
    constants = (
        rf"C_{{{_NAMES[p][1]}}} = {_shown(certificate.constants[p]).latex}" for p in sorted(certificate.constants)
    )
    lines.append("& " + r", \quad ".join(constants))
    lines += _reason(certificate, rate)
    if certificate.vanishes_after is not None:
        lines.append(rf"J_{{k}} \cdots J_{{1}} &= 0 \quad (k \ge {certificate.vanishes_after})")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _reason(certificate: RateCertificate, rate: str) -> list[str]:
    """The inequality that is proved for each Jacobian."""
    if certificate.scaling.ndim == 2:
        constant = r"C_2 \ge \sqrt{\lambda_{\max}(P) / \lambda_{\min}(P)}"
        return [rf"J^{{\mathsf{{T}}}} P J &\preceq \left({rate}\right)^{{2}} P, \quad {constant}"]
    name = _NAMES[certificate.index][1]
    weights = r"S = \operatorname{diag}(s), \quad s_i > 0"
    return [rf"\left\lVert S J S^{{-1}}\right\rVert_{{{name}}} &\le {rate}, \quad {weights}"]


@to_dict.register
def _(certificate: RateCertificate) -> dict[str, Any]:
    constants = {name: number(upper_float(value)) for name, value in _by_name(certificate.constants).items()}
    return {
        "kind": "rate certificate",
        "method": certificate.kind,
        "rate": number(certificate.rate),
        "constants": constants,
        "norm": _NAMES[certificate.index][0],
        "scaling": certificate.scaling.tolist(),
        "multipliers": certificate.multipliers.tolist(),
        "vanishes_after": certificate.vanishes_after,
    }
