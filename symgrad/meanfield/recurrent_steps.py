"""The steps from a cell to its mean-field equations, and what they assume."""

from __future__ import annotations

import sympy as sp

from symgrad.language.derivation import DerivationRule, DerivationStep
from symgrad.language.gaussian import GaussianMean
from symgrad.language.joint_mean import GaussianJointMean
from symgrad.language.recurrence import Recurrence
from symgrad.meanfield.moment_system import MomentSystem

__all__ = ["assumptions_of", "named_variances", "recurrent_steps", "single_terms", "with_names"]

_FIELD = DerivationRule(
    "Gaussian pre-activations",
    r"(W v)_a \to N(0, \sigma_W^2 \mathbb{E}[v^2]) \text{ independent of } v_a \text{ as } n \to \infty,"
    r" \text{ for entries of } W \text{ of mean } 0 \text{ and variance } \sigma_W^2 / n \text{ independent of } v",
    "Poole et al. 2016; for cells Chen, Pennington and Schoenholz 2018, Gilboa et al. 2019",
)
_TRACE = DerivationRule(
    "traces of products",
    r"\tfrac{1}{n} \operatorname{tr} (D W E)(D' W' E')^\top \to \sigma_W^2\, \mathbb{E}[D D']\, \mathbb{E}[E E']"
    r" \text{ if } W = W', \text{ else } 0",
    "Gilboa et al. 2019",
)
_GROWTH = DerivationRule(
    "criticality",
    r"\mathbb{E} \|J_k \cdots J_1\|_F^2 \text{ grows as } \rho^k"
    r" \text{ with the spectral radius } \rho \text{ of the map of second moments of the gradient}",
    "Gilboa et al. 2019; Horn and Johnson, Matrix Analysis, 5.6.14",
)

_ALWAYS = (
    "the width is infinite",
    "entries of weights are independent and centred, and the weights are independent of the states they act on "
    "(as if drawn anew at every step; for tied weights an approximation)",
    "gradients are independent of the states they pass",
    "inputs are independent from step to step, with centred entries",
)


def assumptions_of(closures: tuple[str, ...]) -> tuple[str, ...]:
    """The assumptions in words, given the states whose law is taken as Gaussian."""
    closed = tuple(f"the law of {name} is taken as Gaussian with its mean and variance" for name in closures)
    return (*_ALWAYS, *closed)


def recurrent_steps(
    model: Recurrence, equations: tuple[sp.Basic, ...], system: MomentSystem, critical: sp.Basic
) -> tuple[DerivationStep, ...]:
    """Variances of pre-activations, stationary moments, traces of the Jacobian's blocks, condition of criticality."""
    names = [str(state) for state in model.states]
    traces = {
        sp.Symbol(f"Gamma_{of},{by}", nonnegative=True): (system.blocks[i, j], f"derivative of next {of} by old {by}")
        for i, of in enumerate(names)
        for j, by in enumerate(names)
    }
    variances = named_variances([*equations, *(value for value, _ in traces.values())])
    steps = [_step(_FIELD, name, value, "variance of a pre-activation") for value, name in variances.items()]
    for equation in equations:
        steps.append(_step(_FIELD, equation.lhs, with_names(equation.rhs, variances), "stationary"))
    for name, (value, note) in traces.items():
        steps += _in_parts(name, with_names(value, variances), note)
    if system.blocks.rows == 1:
        critical = sp.Eq(next(iter(traces)), 1, evaluate=False)
    return (*steps, DerivationStep(_GROWTH, with_names(critical, variances)))


def _in_parts(name: sp.Symbol, value: sp.Expr, note: str) -> list[DerivationStep]:
    """What each path through the cell adds to a trace, and their sum."""
    terms = single_terms(value)
    if len(terms) == 1:
        return [_step(_TRACE, name, value, note)]
    parts = [sp.Symbol(f"{name}^({k})", nonnegative=True) for k in range(1, len(terms) + 1)]
    steps = [_step(_TRACE, part, term, note) for part, term in zip(parts, terms, strict=True)]
    return [*steps, _step(_TRACE, name, sp.Add(*parts, evaluate=False), "paths over different weights add up")]


def single_terms(value: sp.Expr) -> list[sp.Expr]:
    """The terms of a sum, products of sums multiplied out."""
    spread = sp.Add(*(sp.expand_mul(term, deep=False) for term in sp.Add.make_args(value)))
    return sorted(sp.Add.make_args(spread), key=lambda term: (len(str(term)), str(term)))


def _step(rule: DerivationRule, name: sp.Expr, value: sp.Expr, note: str) -> DerivationStep:
    return DerivationStep(rule, sp.Eq(name, value, evaluate=False), note)


def named_variances(expressions: list[sp.Basic]) -> dict[sp.Expr, sp.Symbol]:
    """The variances that Gaussian means in the expressions are taken over, each with a short name."""
    found: dict[sp.Expr, sp.Symbol] = {}
    for expr in expressions:
        for mean in sorted(expr.atoms(GaussianMean, GaussianJointMean), key=str):
            for variance in [mean.variance] if isinstance(mean, GaussianMean) else mean.variances:
                if not variance.is_Atom and variance not in found:
                    found[variance] = sp.Symbol(f"v_{len(found) + 1}", nonnegative=True)
    return found


def with_names(expr: sp.Basic, variances: dict[sp.Expr, sp.Symbol]) -> sp.Basic:
    """An expression with the short names in its Gaussian means."""

    def named(mean: sp.Expr) -> sp.Expr:
        if isinstance(mean, GaussianMean):
            return GaussianMean(mean.function, variances.get(mean.variance, mean.variance))
        return GaussianJointMean(mean.function, sp.Tuple(*(variances.get(v, v) for v in mean.variances)))

    means = expr.atoms(GaussianMean, GaussianJointMean)
    return expr.xreplace({mean: named(mean) for mean in means})
