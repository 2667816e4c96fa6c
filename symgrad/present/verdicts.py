"""Verdicts on networks in print: the outcome, the four statements, and what proves each of them."""

from __future__ import annotations

import math
from typing import Any

from symgrad.language.norms import Norm
from symgrad.numerics.growth_certificates import BoundCertificate, RuleCertificate, TrajectoryCertificate
from symgrad.numerics.network_verdict import NetworkVerdict, Outcome, Statement
from symgrad.present.data import number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.notation import LATEX
from symgrad.present.powers import DOWN, UP, power_latex, power_text
from symgrad.present.scalars import phrase

__all__: list[str] = []

_DIGITS = 6
_OUTCOMES = {
    Outcome.VANISHING: "all products of Jacobians tend to zero and have vanished by the horizon",
    Outcome.EXPLODING: "products of Jacobians explode",
    Outcome.NEITHER: "products of Jacobians neither explode nor do all of them vanish",
    Outcome.UNDECIDED: "neither vanishing nor explosion is proved, and not both are excluded",
}


def _log10(value: float, up: bool) -> float:
    """A decimal logarithm on the safe side; that of a power of ten is exact."""
    if value <= 0:
        return -math.inf
    logs = math.log10(value)
    return logs if 10.0**logs == value and logs == int(logs) else math.nextafter(logs, math.inf if up else -math.inf)


def _written(value: float, up: bool, power: Any) -> str:
    return str(power(_log10(value, up), _DIGITS, UP if up else DOWN))


def _range(steps: int | None, start: int = 0) -> str:
    if steps is not None:
        return f"for k <= {steps}"
    return f"for all k >= {start}" if start else "for all k"


def _norm_text(norm: Norm) -> str:
    return f"||P_k||_{norm}"


def _modulus_text(norm: Norm) -> str:
    return f"min ||P_k*x||_{norm}/||x||_{norm}"


def _latex_range(steps: int | None, start: int = 0) -> str:
    return rf"(k \le {steps})" if steps is not None else rf"(k \ge {start})"


def _norm_latex(norm: Norm) -> str:
    return rf"\left\lVert P_{{k}}\right\rVert_{{{norm.latex}}}"


@text.register
def _(item: BoundCertificate) -> str:
    up = item.side == "upper"
    limit = _written(item.limit, up, power_text)
    rate, constant = (_written(value, up, power_text) for value in (item.rate, item.constant))
    where = f"along {item.scope}, by method {item.method}"
    match item.claim:
        case "decays":
            tail = f"{_norm_text(item.norm)} <= {constant}*{rate}**k"
            return f"{_norm_text(item.norm)} <= {limit} {_range(None, item.start)}, and {tail}, {where}"
        case "grows":
            return f"{_modulus_text(item.norm)} >= {constant}*{rate}**k for all k, {where}"
        case "bounded":
            return f"{_norm_text(item.norm)} <= {limit} {_range(item.steps)}, {where}"
    return f"{_modulus_text(item.norm)} >= {limit} {_range(item.steps)}, {where}"


@latex.register
def _(item: BoundCertificate) -> str:
    up = item.side == "upper"
    limit = _written(item.limit, up, power_latex)
    rate, constant = (_written(value, up, power_latex) for value in (item.rate, item.constant))
    power = rf"{constant} \cdot \left({rate}\right)^{{k}}"
    modulus = LATEX.least("P_{k}", item.norm)
    match item.claim:
        case "decays":
            return rf"{_norm_latex(item.norm)} \le {power}, \quad \le {limit} \;(k \ge {item.start})"
        case "grows":
            return rf"{modulus} \ge {power}"
        case "bounded":
            return rf"{_norm_latex(item.norm)} \le {limit} \quad {_latex_range(item.steps)}"
    return rf"{modulus} \ge {limit} \quad {_latex_range(item.steps)}"


@to_dict.register
def _(item: BoundCertificate) -> dict[str, Any]:
    names = ("limit", "rate", "constant")
    return {
        "kind": "bound certificate",
        "claim": item.claim,
        "side": item.side,
        "method": item.method,
        "norm": str(item.norm),
        **{name: number(getattr(item, name)) for name in names},
        "start": item.start,
        "steps": item.steps,
        "block": item.block,
        "rates": [to_dict(rate) for rate in item.rates],
    }


@text.register
def _(item: RuleCertificate) -> str:
    norm = item.bound.norm
    where = f"along {item.scope}, by the rules alone: {'; '.join(text(item.bound).splitlines())}"
    match item.claim:
        case "decays":
            return f"{_norm_text(norm)} <= {_written(item.limit, True, power_text)} {_range(None, item.start)}, {where}"
        case "bounded":
            return f"{_norm_text(norm)} <= {_written(item.limit, True, power_text)} for all k, {where}"
        case "grows":
            return f"{_modulus_text(norm)} grows without limit, {where}"
    return f"{_modulus_text(norm)} >= {_written(item.limit, False, power_text)} for all k, {where}"


@latex.register
def _(item: RuleCertificate) -> str:
    return latex(item.bound)


@to_dict.register
def _(item: RuleCertificate) -> dict[str, Any]:
    return {
        "kind": "rule certificate",
        "claim": item.claim,
        "limit": number(item.limit),
        "start": item.start,
        "bound": to_dict(item.bound),
    }


@text.register
def _(item: TrajectoryCertificate) -> str:
    limit = _written(item.limit, False, power_text)
    which = f"for k = {item.steps}" if item.claim == "grows" else f"for every k <= {item.steps}"
    return f"{_norm_text(item.norm)} >= {limit} {which} up to step {item.steps} of a trajectory enclosed in balls"


@latex.register
def _(item: TrajectoryCertificate) -> str:
    limit, sign = _written(item.limit, False, power_latex), "=" if item.claim == "grows" else r"\le"
    where = phrase(f" up to step {item.steps} of one trajectory")
    return rf"{_norm_latex(item.norm)} \ge {limit} \quad (k {sign} {item.steps}){where}"


@to_dict.register
def _(item: TrajectoryCertificate) -> dict[str, Any]:
    return {
        "kind": "trajectory certificate",
        "claim": item.claim,
        "norm": str(item.norm),
        "limit": number(item.limit),
        "steps": item.steps,
        "initial": {name: array.tolist() for name, array in item.initial.items()},
        "inputs": {name: array.tolist() for name, array in item.inputs.items()},
    }


@text.register
def _(item: Statement) -> str:
    return f"{item.name}: {'not proved' if item.certificate is None else f'{item.verdict}: {text(item.certificate)}'}"


@latex.register
def _(item: Statement) -> str:
    if item.certificate is None:
        return phrase(f"{item.name}: not proved")
    return rf"{phrase(f'{item.name}: ')}{latex(item.certificate)}"


@to_dict.register
def _(item: Statement) -> dict[str, Any]:
    return {
        "kind": "statement",
        "name": item.name,
        "holds": bool(item),
        "verdict": str(item.verdict),
        "scope": item.scope,
        "steps": item.steps,
        "certificate": None if item.certificate is None else to_dict(item.certificate),
    }


def _numbers(item: NetworkVerdict) -> str:
    return f"horizon {item.horizon}, delta {item.delta:g}, growth {item.growth:g}"


@text.register
def _(item: NetworkVerdict) -> str:
    product = "P_k = J[t]*J[t-1]*...*J[t-k+1]"
    head = f"{item.model.name}: {item.outcome} ({item.verdict}): {_OUTCOMES[item.outcome]}"
    lines = [f"  {text(statement)}" for statement in item.statements]
    return "\n".join([head, f"  {product}, {_numbers(item)}", *lines])


@latex.register
def _(item: NetworkVerdict) -> str:
    rows = [phrase(f"{item.model.name}: {item.outcome} ({item.verdict})")]
    rows.append(rf"P_{{k}} = J_{{t}} \cdots J_{{t-k+1}}, \quad {phrase(_numbers(item))}")
    rows += [latex(statement) for statement in item.statements]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


@to_dict.register
def _(item: NetworkVerdict) -> dict[str, Any]:
    return {
        "kind": "network verdict",
        "model": item.model.name,
        "norm": str(item.norm),
        "outcome": str(item.outcome),
        "verdict": str(item.verdict),
        "horizon": item.horizon,
        "delta": number(item.delta),
        "growth": number(item.growth),
        "seed": item.seed,
        "statements": {statement.name.replace(" ", "_"): to_dict(statement) for statement in item.statements},
    }
