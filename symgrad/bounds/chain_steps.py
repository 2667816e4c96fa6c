"""The proofs of bounds on layer chains, as chains of relations with a rule each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import sympy as sp
from flint import arb

from symgrad.bounds.bound_values import BoundValue
from symgrad.bounds.chain_layers import JacobianEnds
from symgrad.bounds.chain_rules import PRODUCT, PRODUCT_LOWER, SUM, SUM_LOWER
from symgrad.language.chain_layers import Affine, ChainLayer, Residual
from symgrad.language.derivation import DerivationStep
from symgrad.language.layer_chain import LayerChain
from symgrad.language.norms import OperatorNorm, SmallestSingularValue

__all__ = ["lower_steps", "upper_steps"]

_MOST_FACTORS = 8  # of a product that is written out


def upper_steps(chain: LayerChain, ends: tuple[JacobianEnds, ...], found: BoundValue) -> tuple[DerivationStep, ...]:
    """From the norms of the layers to that of the product."""
    steps: list[DerivationStep] = []
    for index, (layer, end) in enumerate(zip(chain.layers, ends, strict=True), start=1):
        steps += _layer(layer, end, str(index))
    P = sp.MatrixSymbol("P", chain.widths[-1], chain.widths[0])
    norms = [OperatorNorm(_jacobian(layer, str(i))) for i, layer in enumerate(chain.layers, start=1)]
    if chain.depth <= _MOST_FACTORS:
        note = f"P = {' '.join(f'J_{i}' for i in range(chain.depth, 0, -1))}"
        steps.append(DerivationStep(PRODUCT, sp.Le(OperatorNorm(P), _product(norms), evaluate=False), note))
    note = f"the product of all {chain.depth} norms" if chain.depth > _MOST_FACTORS else ""
    steps.append(DerivationStep(PRODUCT, sp.Le(OperatorNorm(P), _upper_number(found.ball), evaluate=False), note))
    return tuple(steps)


def _layer(layer: ChainLayer, end: JacobianEnds, index: str) -> Iterator[DerivationStep]:
    """The steps of one layer; of a residual block those of its parts first."""
    J = _jacobian(layer, index)
    if isinstance(layer, Residual):
        yield from _residual(layer, end, index)
        return
    note = f"layer {layer.name}: {layer.kind}"
    if isinstance(layer, Affine):
        W = sp.MatrixSymbol(f"W_{index}", layer.outputs, layer.inputs)
        yield DerivationStep(end.rule, sp.Eq(OperatorNorm(J), OperatorNorm(W), evaluate=False), end.note)
        yield DerivationStep(end.rule, sp.Le(OperatorNorm(W), _upper_number(end.upper), evaluate=False), note)
        return
    bound = end.formula if end.formula is not None else _upper_number(end.upper)
    yield DerivationStep(end.rule, sp.Le(OperatorNorm(J), bound, evaluate=False), note)


def _residual(layer: Residual, end: JacobianEnds, index: str) -> Iterator[DerivationStep]:
    J = _jacobian(layer, index)
    sides = []
    for letter, part, ends in zip("SB", (layer.shortcut, layer.branch), end.parts, strict=True):
        side = sp.MatrixSymbol(f"{letter}_{index}", layer.outputs, layer.inputs)
        sides.append(OperatorNorm(side))
        names = [f"{index}{letter.lower()}{i}" for i in range(1, len(part) + 1)]
        for inner, inner_end, name in zip(part, ends, names, strict=True):
            yield from _layer(inner, inner_end, name)
        norms = [OperatorNorm(_jacobian(inner, name)) for inner, name in zip(part, names, strict=True)]
        what = "shortcut" if letter == "S" else "branch"
        yield DerivationStep(PRODUCT, sp.Le(sides[-1], _product(norms), evaluate=False), f"{what} of {layer.name}")
    yield DerivationStep(SUM, sp.Le(OperatorNorm(J), sp.Add(*sides, evaluate=False), evaluate=False), layer.name)
    yield DerivationStep(SUM, sp.Le(OperatorNorm(J), _upper_number(end.upper), evaluate=False))


def lower_steps(chain: LayerChain, ends: tuple[JacobianEnds, ...], found: BoundValue) -> tuple[DerivationStep, ...]:
    """From least stretches and norms of the layers to the least norm of the product."""
    pivot = _pivot(ends)
    steps = []
    for index, (layer, end) in enumerate(zip(chain.layers, ends, strict=True)):
        J = _jacobian(layer, str(index + 1))
        value, quantity = {
            -1: (end.surjective, SmallestSingularValue(J)),
            0: (end.lower, OperatorNorm(J)),
            1: (end.injective, SmallestSingularValue(J)),
        }[(index > pivot) - (index < pivot)]
        rule = SUM_LOWER if isinstance(layer, Residual) else end.rule
        note = f"layer {layer.name}: {layer.kind}"
        steps.append(DerivationStep(rule, sp.Ge(quantity, _lower_number(value), evaluate=False), note))
    P = sp.MatrixSymbol("P", chain.widths[-1], chain.widths[0])
    relation = sp.Ge(OperatorNorm(P), _lower_number(found.ball), evaluate=False)
    return (*steps, DerivationStep(PRODUCT_LOWER, relation, f"with B = J_{pivot + 1}"))


def _pivot(ends: tuple[JacobianEnds, ...]) -> int:
    """The layer whose norm counts in the largest of the products from below."""

    def value(place: int) -> arb:
        parts = [end.surjective for end in ends[:place]] + [end.injective for end in ends[place + 1 :]]
        return reduce(lambda a, b: a * b, parts, ends[place].lower).lower()

    return max(range(len(ends)), key=value)


def _jacobian(layer: ChainLayer, index: str) -> sp.MatrixSymbol:
    return sp.MatrixSymbol(f"J_{index}", layer.outputs, layer.inputs)


def _product(factors: list[sp.Expr]) -> sp.Expr:
    return sp.Mul(*factors, evaluate=False) if len(factors) > 1 else (factors[0] if factors else sp.S.One)


def _upper_number(ball: arb) -> sp.Expr:
    value = BoundValue(ball, "upper")
    if float(value) in (0.0, float("inf")) or not ball.is_finite():
        return sp.oo if not ball.is_finite() else _power_of_ten(value.log10)
    return _shown(float(value), 1)


def _lower_number(ball: arb) -> sp.Expr:
    value = BoundValue(ball, "lower")
    if float(value) == 0.0:
        return _power_of_ten(value.log10)
    return _shown(float(value), -1)


def _shown(value: float, direction: int) -> sp.Expr:
    """A number that stays on its side when 15 of its digits are printed."""
    return sp.Float(value if len(repr(value)) <= 14 else value * (1 + direction * 2e-14))


def _power_of_ten(exponent: float) -> sp.Expr:
    return sp.S.Zero if exponent == float("-inf") else sp.Pow(10, sp.Float(exponent), evaluate=False)
