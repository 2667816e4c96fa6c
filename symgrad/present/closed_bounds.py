"""A bound in print: the inequality in closed form, and for several states the gain matrix with what its power is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symgrad.bounds.criteria import Criterion
from symgrad.bounds.growth import GainPower, Growth
from symgrad.bounds.product import Bound
from symgrad.bounds.weighted_growth import BestPower, CertifiedPower, RefinedPower
from symgrad.present.boxes import box_equations
from symgrad.present.data import bound_data, expression, interval
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.equations import range_equations
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.quantities import QuantityWriter, assumed_ranges
from symgrad.present.scalars import phrase
from symgrad.present.vocabulary import Vocabulary
from symgrad.rigor.balls import Enclosed

__all__ = ["bound_equations", "weighted_names", "weighted_rate", "weighted_right"]


@equations.register
def _(bound: Bound, notation: Notation) -> list[Equation]:
    return bound_equations(bound, notation)


def bound_equations(bound: Bound, notation: Notation, powers: bool = True) -> list[Equation]:
    """The bound, then the matrix in it if there is one, then constants and ranges.

    Args:
        bound: of products.
        notation: LaTeX or plain text.
        powers: whether to say what the power of a 2 x 2 matrix is.
    """
    writer = QuantityWriter(bound.model, notation, [])
    product = writer.product(bound.k)
    if bound.side == "upper":
        left, signs = writer.norm(product, bound.norm), (notation.less_or_equal, notation.claimed)
    else:
        left, signs = writer.least(product, bound.norm), (notation.greater_or_equal, notation.claimed_from_below)
    relation = signs[0] if bound.factor == 1 else signs[1]
    if isinstance(bound.growth, (BestPower, CertifiedPower)):
        right = weighted_right(bound, writer)
        found = [Equation(left, relation, [(False, right)]), *weighted_names(bound, writer)]
    elif bound.gain.rows == 1:
        found = [Equation(left, relation, [(False, writer.vocabulary.scalar(bound.expr))])]
    elif bound.side == "upper":
        found = _gain_equations(bound, writer, left, relation, powers)
    else:
        found = _comparison_equations(bound, writer, left, relation)
    derived = bound.box.ranges if bound.box is not None else {}
    ranges = range_equations(writer.vocabulary, assumed_ranges(bound.inequality) - set(derived))
    start = box_equations(bound.box, writer.vocabulary) if bound.box is not None else []
    return [*found, *_constants(bound, writer.vocabulary), *ranges, *start]


def weighted_right(bound: Bound, writer: QuantityWriter) -> str:
    """A bound in a weighted norm, or the least of several."""
    return writer.weighted.least([_written(growth, bound, writer) for growth in _named(bound).values()])


def weighted_rate(bound: Bound, writer: QuantityWriter) -> str:
    """The rate of such a bound, or the least of several, in the letters of their matrices."""
    return writer.weighted.least([_rate(growth, writer) for growth in _named(bound).values()])


def _rate(growth: Growth, writer: QuantityWriter) -> str:
    if isinstance(growth, RefinedPower) and isinstance(growth.inner, GainPower):
        return writer.notation.radius(writer.gain)
    return writer.weighted.scalar(growth.rate)


def weighted_names(bound: Bound, writer: QuantityWriter) -> list[Equation]:
    """What stands in such a bound."""
    named = _named(bound)
    matrices = [g.inner.gain for g in named.values() if isinstance(g, RefinedPower) and isinstance(g.inner, GainPower)]
    weighted = [growth.expr(bound.k) for growth in named.values() if isinstance(growth, CertifiedPower)]
    jacobian = writer.vocabulary.stepped(writer.jacobian, "t")
    return [
        *(line for matrix in matrices for line in writer.matrix_equations("gain", matrix)),
        *writer.weighted.matrix_equations(weighted),
        *writer.weighted.meanings(weighted, named, jacobian, bound.norm),
    ]


def _named(bound: Bound) -> Mapping[str, Growth]:
    return bound.growth.named if isinstance(bound.growth, BestPower) else {bound.method: bound.growth}


def _written(growth: Growth, bound: Bound, writer: QuantityWriter) -> str:
    """One of several bounds."""
    if isinstance(growth, RefinedPower) and isinstance(growth.inner, GainPower):
        return writer.notation.norm(writer.power("gain", bound.k), bound.norm)
    return writer.weighted.scalar(growth.expr(bound.k))


def _gain_equations(bound: Bound, writer: QuantityWriter, left: str, relation: str, powers: bool) -> list[Equation]:
    """The bound through the gain matrix G, its entries, and for two states G^k by its eigenvalues."""
    notation = writer.notation
    found = [
        Equation(left, relation, [(False, notation.norm(writer.power("gain", bound.k), bound.norm))]),
        *writer.matrix_equations("gain", bound.gain),
    ]
    if powers and bound.gain.rows == 2 and bound.model.depth is None:
        found += [Equation(name, "=", [(False, value)]) for name, value in _spectral_parts(bound, writer)]
    return found


def _comparison_equations(bound: Bound, writer: QuantityWriter, left: str, relation: str) -> list[Equation]:
    """The bound through the comparison matrix, its entries, and when it is an M-matrix."""
    notation = writer.notation
    found = [
        Equation(left, relation, [(False, notation.least(writer.power("comparison", bound.k), bound.norm))]),
        *writer.matrix_equations("comparison", bound.gain),
    ]
    conditions = sp.And.make_args(bound.growth.holds_if)
    return [*found, *(_condition(item, writer) for item in conditions if item != sp.true)]


def _condition(condition: sp.Basic, writer: QuantityWriter) -> Equation:
    """A condition ``a > b`` under which a bound holds."""
    if not isinstance(condition, sp.Rel):
        return Equation(writer.notation.words("holds never"), "", [(False, "")])
    relation = writer.notation.scalar(condition.func(sp.Symbol("a"), sp.Symbol("b")), {}, writer.notation.function)
    left, right = (writer.vocabulary.scalar(side) for side in (condition.lhs, condition.rhs))
    return Equation(f"{writer.notation.words('if ')}{left}", relation[1:-1].strip(), [(False, right)])


def _spectral_parts(bound: Bound, writer: QuantityWriter) -> list[tuple[str, ...]]:
    """Eigenvalues and power of a 2 x 2 matrix: Sylvester's formula, or with a double eigenvalue its limit."""
    a, b, c, d = bound.gain
    name = writer.vocabulary.letter("lambda", "mu", "omega")
    double = a == d and sp.S.Zero in (b, c)  # the entries are non-negative: else (a - d)^2 + 4bc > 0
    templates = (_DOUBLE if double else _DISTINCT)[writer.notation]
    return [tuple(side.replace("@", name).replace("#", writer.gain) for side in pair) for pair in templates]


# The power of a 2 x 2 matrix # by its eigenvalues @, for which placeholders stand.
_DISTINCT = {
    LATEX: (
        (
            r"\@_{1,2}",
            r"\frac{1}{2} \left(\operatorname{tr} # \pm \sqrt{\left(\operatorname{tr} #\right)^{2} - 4 \det #}\right)",
        ),
        (
            r"#^{k}",
            r"\frac{\@_{1}^{k} \left(# - \@_{2} I\right) - \@_{2}^{k} \left(# - \@_{1} I\right)}{\@_{1} - \@_{2}}",
        ),
        (r"\rho\left(#\right)", r"\@_{1}"),
    ),
    TEXT: (
        ("@1, @2", "(trace(#) +- sqrt(trace(#)**2 - 4*det(#)))/2"),
        ("#**k", "(@1**k*(# - @2*I) - @2**k*(# - @1*I))/(@1 - @2)"),
        ("rho(#)", "@1"),
    ),
}
_DOUBLE = {
    LATEX: (
        (r"\@", r"\frac{1}{2} \operatorname{tr} #"),
        ("#^{k}", r"\@^{k} I + k \@^{k-1} \left(# - \@ I\right)"),
        (r"\rho\left(#\right)", r"\@"),
    ),
    TEXT: (("@", "trace(#)/2"), ("#**k", "@**k*I + k*@**(k-1)*(# - @*I)"), ("rho(#)", "@")),
}


def _constants(bound: Bound, vocabulary: Vocabulary) -> list[Equation]:
    """What the enclosed constants are, of which only digits are printed."""
    found = []
    for item in sorted(bound.gain.atoms(Enclosed), key=str):
        digits = vocabulary.notation.scalar(item, {}, vocabulary.notation.function)
        found.append(Equation(digits, "=", [(False, _meaning(item, vocabulary))]))
    return found


def _meaning(item: Enclosed, vocabulary: Vocabulary) -> str:
    """An extreme slope of one of the model's activations by name, or what the constant is labelled with."""
    for function in vocabulary.functions:
        for name, extreme in (("sup", function.slope.sup), ("inf", function.slope.inf)):
            if extreme == item:
                return vocabulary.notation.extreme(name, vocabulary.function(function.derivative))
    return vocabulary.notation.words(item.label)


@latex.register
def _(bound: Bound) -> str:
    return aligned(equations(bound, LATEX))


@text.register
def _(bound: Bound) -> str:
    lines = plain_lines(equations(bound, TEXT))
    return lines if bound.factor == 1 else f"{lines}\n(a claim: the proved rate times {bound.factor})"


@to_dict.register
def _(bound: Bound) -> dict[str, Any]:
    proved = bound.factor == 1
    return {
        "kind": "bound",
        "side": bound.side,
        "method": bound.method,
        "box": None if bound.box is None else {str(state): interval(i) for state, i in bound.box.ranges.items()},
        "model": bound.model.name,
        "norm": str(bound.norm),
        "proved": proved,
        "factor": str(bound.factor),
        "expr": expression(bound.expr),
        "gain": bound_data(bound.gain),
        "rate": expression(bound.rate),
        "constant": expression(bound.constant),
        "vanishes": expression(bound.vanishes),
        "explodes": expression(bound.explodes),
        "criteria": [to_dict(item) for item in bound.criteria],
        "parameters": [str(symbol) for symbol in bound.parameters],
        "enclosed": {str(item): item.label for item in bound.gain.atoms(Enclosed)},
        "equations": {"text": text(bound), "latex": latex(bound)},
        "proof": to_dict(bound.proof) if proved else None,
    }


_WORDS = "{condition} is {kind} for {phenomenon} gradients"
_ALWAYS = {"sufficient": "{phenomenon} gradients, whatever the parameters", "necessary": "no {phenomenon} gradients"}


@text.register
def _(item: Criterion) -> str:
    if item.condition in (sp.true, sp.false):
        return _ALWAYS[item.kind].format(phenomenon=item.phenomenon)
    return _WORDS.format(condition=text(item.solved), kind=item.kind, phenomenon=item.phenomenon)


@latex.register
def _(item: Criterion) -> str:
    if item.condition in (sp.true, sp.false):
        return phrase(text(item))
    words = _WORDS.format(condition="", kind=item.kind, phenomenon=item.phenomenon)
    return rf"{latex(item.solved)} {phrase(words)}"


@to_dict.register
def _(item: Criterion) -> dict[str, Any]:
    return {
        "kind": "criterion",
        "phenomenon": item.phenomenon,
        "sufficient": item.kind == "sufficient",
        "condition": expression(item.condition),
        "solved": expression(item.solved),
    }
