"""The fixed points of one unit as a curve: its bias as a function of the state, and where the curve turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.dynamics.constants import in_order
from symgrad.dynamics.curve_arcs import arcs_of
from symgrad.dynamics.curve_points import CurveCusp, CurvePoint, cusps_of, points_at_multiplier
from symgrad.dynamics.curve_regions import CurveRegion, FoldValues, critical_levels, fold_values, regions_of
from symgrad.dynamics.curve_setting import Setting, neat, setting_of
from symgrad.dynamics.inverse_activation import OUTPUT, Inverse, inverse_of
from symgrad.dynamics.scalar_system import EQUATION
from symgrad.dynamics.slope_pieces import slope_period
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.language.numbers import exact_number
from symgrad.presentable import Presentable
from symgrad.rigor.tail_monomials import TailUndecidedError

__all__ = ["FixedPointCurve", "fixed_point_curve"]


@dataclass(frozen=True, eq=False)
class FixedPointCurve(Presentable):
    """All fixed points of one unit, as a curve in the plane of state and bias.

    With the pre-activation z as parameter, ``B(z) = z - W s(z)`` is the effective bias of the fixed point there, for
    every activation s; W is the effective weight. The formulas are in the symbols of the model. Where the model has no
    parameter for its weight or its bias, ``W`` or ``B`` stands for it.

    Attributes:
        setting: the unit, its weight and its bias.
        inverse: the inverse of the activation; None where it is not strictly monotone.

    >>> import symgrad as sg
    >>> curve = sg.fixed_point_curve(sg.models.neuron(activation="arctan"))
    >>> curve.expr, [fold.b for fold in curve.folds]
    (-w*x + tan(x), [w*atan(sqrt(w - 1)) - sqrt(w - 1), -w*atan(sqrt(w - 1)) + sqrt(w - 1)])
    >>> curve.bistability.weights, curve.bistability.counts
    (w > 1, (1, 3, 1))
    """

    setting: Setting = field(repr=False)
    inverse: Inverse | None = field(repr=False)

    @property
    def name(self) -> str:
        """Of the model."""
        return self.setting.unit.system.name

    @property
    def state(self) -> sp.Symbol:
        """The symbol of the state."""
        return self._named(self.setting.unit.system.state)

    @property
    def weight(self) -> sp.Symbol:
        """The symbol of the weight."""
        return self._named(self.setting.weight)

    @property
    def bias(self) -> sp.Symbol:
        """The symbol of the bias."""
        return self._named(self.setting.bias)

    @property
    def given(self) -> dict[sp.Symbol, sp.Expr]:
        """The values of weight and bias, where they were given."""
        return {self._named(symbol): value for symbol, value in self.setting.given.items()}

    @cached_property
    def expr(self) -> sp.Expr | None:
        """The bias as a function of the state; None where the activation has no proved inverse in closed form."""
        unit, bias = self.setting.unit, self.setting.bias
        state, put = unit.system.state, self.setting.at_weight
        if bias not in unit.bias_in.free_symbols:
            output = unit.activation.expr.xreplace({VARIABLE: put(unit.weight_in) * state + put(unit.bias_in)})
            free = state - put(unit.height) * output
            return self._named(neat(_solved(put(unit.offset), bias, free)))
        if self.inverse is None or self.inverse.expr is None or bias in unit.offset.free_symbols:
            return None
        output = (state - put(unit.offset)) / put(unit.height)
        free = self.inverse.expr.xreplace({OUTPUT: output}) - put(unit.weight_in) * state
        return self._named(neat(_solved(put(unit.bias_in), bias, free)))

    @cached_property
    def derivative(self) -> sp.Expr | None:
        """The derivative of the bias by the state; None where there is no formula of the bias."""
        if self.expr is None:
            return None
        unit, bias, put = self.setting.unit, self.setting.bias, self.setting.at_weight
        if bias not in unit.bias_in.free_symbols or self.inverse is None:
            return sp.diff(self.expr, self.state)
        output = (unit.system.state - put(unit.offset)) / put(unit.height)
        inner = sp.sympify(self.inverse.derivative).xreplace({OUTPUT: output}) / put(unit.height)
        return self._named((inner - put(unit.weight_in)) / sp.diff(put(unit.bias_in), bias))

    @cached_property
    def domain(self) -> sp.Basic:
        """The states that are fixed points for some bias, an interval or a condition where its ends are not known."""
        unit, put = self.setting.unit, self.setting.at_weight
        if self.setting.bias not in unit.bias_in.free_symbols:
            return sp.Interval(-sp.oo, sp.oo)
        reach = unit.activation.range
        height, offset = put(unit.height), put(unit.offset)
        low, high = (reach.inf, reach.sup) if self.inverse is None else (self.inverse.low, self.inverse.high)
        if (height * offset + height).free_symbols:
            output = self._named((unit.system.state - offset) / height)
            return sp.And(output > low, output < high)
        ends = sorted((height * low + offset, height * high + offset), key=float)
        openness = (True, True) if self.inverse is not None else self._open_ends(height)
        return sp.Interval(*ends, *openness)

    def _open_ends(self, height: sp.Expr) -> tuple[bool, bool]:
        found = self.setting.unit.activation.range.extrema
        ends = (True, True) if found is None else (not found.inf.attained, not found.sup.attained)
        return ends if height > 0 else (ends[1], ends[0])

    @cached_property
    def parametric(self) -> tuple[sp.Expr, sp.Expr]:
        """State and bias of the fixed point whose pre-activation is z, formulas in the symbol ``z``."""
        unit, put = self.setting.unit, self.setting.at_weight
        output = unit.activation.expr
        bias = self.setting.bias_for(VARIABLE - put(unit.weight) * output)
        state = put(unit.height) * output + put(unit.offset)
        if self.setting.bias in unit.offset.free_symbols:
            state = sp.expand(state.xreplace({self.setting.bias: bias}))
        return self._named(state), self._named(bias)

    @property
    def multiplier(self) -> sp.Expr | None:
        """The multiplier of the map, or the eigenvalue of the flow, at a pre-activation z; None of an equation."""
        if self.setting.unit.system.kind == EQUATION:
            return None
        return self._named(self.setting.at_weight(self.setting.unit.multiplier_at(VARIABLE)))

    @property
    def period(self) -> sp.Expr | None:
        """The period of s' in z, if it has one; folds, flips and cusps are those of one period around zero then."""
        return slope_period(self.setting.unit.activation)

    @cached_property
    def folds(self) -> tuple[CurvePoint, ...]:
        """All places where the curve turns, W s'(z) = 1."""
        return points_at_multiplier(self.setting, 1)

    @cached_property
    def flip(self) -> tuple[CurvePoint, ...]:
        """All places where the multiplier of a map is -1; none of a flow."""
        return points_at_multiplier(self.setting, -1) if self.setting.is_map else ()

    @cached_property
    def cusps(self) -> tuple[CurveCusp, ...]:
        """All places in the plane of weight and bias where folds merge, whatever weight was given."""
        return cusps_of(self.setting)

    @cached_property
    def regions(self) -> tuple[CurveRegion, ...]:
        """The number of fixed points for each range of weights with folds, where those are closed forms.

        Empty also where two folds could not be told apart.
        """
        try:
            return regions_of(self.setting, self.folds)
        except TailUndecidedError:  # two folds or two cusps could not be told apart
            return ()

    @property
    def critical_weights(self) -> tuple[sp.Expr, ...]:
        """The weights at which the number of folds may change, in increasing order; those not told apart count once."""
        return self._critical(sp.S.One)

    @property
    def critical_flip_weights(self) -> tuple[sp.Expr, ...]:
        """The weights at which the number of flips changes, in increasing order; none of a flow."""
        return self._critical(self.setting.level(-1)) if self.setting.is_map else ()

    def _critical(self, target: sp.Expr) -> tuple[sp.Expr, ...]:
        levels = [target * level for level in critical_levels(self.setting, merged=True) if not level.is_zero]
        ordered = levels if target.free_symbols else in_order(levels, merged=True)
        return tuple(self._named(self.setting.weight_for(level)) for level in ordered)

    @property
    def bistability(self) -> CurveRegion | None:
        """The region with three fixed points between two folds, one for positive weights first; None without one."""
        found = [region for region in self.regions if region.is_bistable]
        return found[-1] if found else None

    def with_values(self, values: Mapping[Any, Any]) -> FixedPointCurve:
        """The curve with numbers for some of its symbols.

        Raises:
            InputError: no such symbol, or no number.
        """
        return replace(self, setting=self.setting.with_values(values))

    def count(self, values: Mapping[Any, Any] | None = None, **by_name: Any) -> sp.Expr:
        """The number of fixed points, proved: an integer, or infinity where they fill an interval.

        Args:
            values: symbol or name -> number, for the weight, the bias, and what else has no value.
            by_name: the same by name.

        Raises:
            InputError: a parameter without a value, or no such parameter.
            TailUndecidedError: the bias lies too close to that of a fold to be told apart from it.

        >>> import symgrad as sg
        >>> curve = sg.fixed_point_curve(sg.models.neuron())
        >>> curve.count(w=5, b=-2.5), curve.count(w=5, b=0), curve.count(w=4, b=-2)
        (3, 1, 1)
        """
        numbers = self._numbers({**(values or {}), **by_name})
        weight, bias = (expr.xreplace(numbers) for expr in (self.setting.unit.weight, self.setting.unit.bias))
        missing = sorted(map(str, weight.free_symbols | bias.free_symbols))
        if missing:
            raise InputError(f"values: numbers for {', '.join(missing)} of {self.name} are needed")
        return arcs_of(self.setting.unit.activation, weight).count(bias)

    def region(self, w_values: Any, multiplier: int = 1) -> FoldValues:
        """The biases at the folds for many weights, enclosed.

        Args:
            w_values: (n,) values of the weight, taken as the exact float64s that they are.
            multiplier: 1 for the folds; -1 for the flips of a map.

        Raises:
            InputError: malformed weights, or other parameters without a value.
            TailUndecidedError: a weight lies too close to that of a cusp to be told apart from it.

        >>> import symgrad as sg
        >>> sg.fixed_point_curve(sg.models.neuron(activation="hard_tanh")).region([0.5, 3]).upper.tolist()
        [[nan, nan], [2.0, 2.0]]
        """
        return fold_values(self.setting, w_values, multiplier)

    def _numbers(self, values: Mapping[Any, Any]) -> dict[sp.Symbol, sp.Expr]:
        given = {self.setting.value_of(key): exact_number(str(key), value) for key, value in values.items()}
        return {**{symbol: value.xreplace(given) for symbol, value in self.setting.given.items()}, **given}

    def _named(self, expr: Any) -> Any:
        return self.setting.named(expr)


def _solved(expr: sp.Expr, symbol: sp.Symbol, value: sp.Expr) -> sp.Expr:
    """The symbol, from ``expr = value``, where the expression is affine in it."""
    slope = sp.diff(expr, symbol)
    return (value - sp.expand(expr - slope * symbol)) / slope


def fixed_point_curve(model: Any, values: Mapping[Any, Any] | None = None) -> FixedPointCurve:
    """The curve of fixed points of a model of one unit, its folds, cusps and flips, in closed form.

    Everything is derived from the formula of the activation: its derivative is cut into monotone pieces, on each of
    which ``W s'(z) = 1`` is solved; a closed form is proved, a number without one is enclosed to any precision.

    Args:
        model: a Recurrence, a Flow or an equation with one scalar state x that enters one activation, as in
            ``x' = (1 - eps) x + eps s(w x + b)`` or ``x' = w s(x) + b``.
        values: symbol or name -> number, for some parameters; a float stands for its shortest decimal.

    Raises:
        InputError: the model has another form; malformed values.
        UnknownNameError: a value for a parameter that there is not.
        UnsupportedExpressionError: the activation jumps, or its slope has infinitely many pieces and no period.

    Source: Doya 1993, Bifurcations of recurrent neural networks in gradient descent learning.

    >>> import symgrad as sg
    >>> curve = sg.fixed_point_curve(sg.models.neuron())
    >>> curve.expr, curve.derivative
    (-w*x + log(x/(1 - x)), -w + 1/(x*(1 - x)))
    >>> [fold.x for fold in curve.folds], curve.folds[0].condition
    ([1/2 - sqrt(1 - 4/w)/2, sqrt(1 - 4/w)/2 + 1/2], w >= 4)
    >>> tuple(curve.cusps[0])
    (4, -2, 1/2)
    """
    setting = setting_of(model, values)
    return FixedPointCurve(setting, inverse_of(setting.unit.activation))
