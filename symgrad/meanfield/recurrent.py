"""Mean-field theory of recurrent cells at initialisation: stationary moments and the size of the state Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.derivation import Derivation
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.meanfield.cell_parameters import CellParameters, cell_parameters, sigma_symbol
from symgrad.meanfield.duals import Dual
from symgrad.meanfield.moment_system import MomentSystem, check_wide, moment_system
from symgrad.meanfield.moment_values import FloatValues, ball_value
from symgrad.meanfield.recurrent_criticality import CriticalVariance, critical_variances
from symgrad.meanfield.recurrent_steps import assumptions_of, recurrent_steps
from symgrad.meanfield.stationary import MomentMap, stationary_moments
from symgrad.meanfield.stationary_point import StationaryPoint
from symgrad.presentable import Presentable
from symgrad.rigor.balls import working_precision
from symgrad.rigor.spectral_radius import spectral_radius_bounds

__all__ = ["RecurrentMeanField", "recurrent_mean_field"]

_BITS = 64
_FEW_BITS = 8


@dataclass(frozen=True)
class RecurrentMeanField(Presentable):
    """Mean-field theory of a recurrent cell at infinite width.

    Attributes:
        model: the cell.
        parameters: variances of the weights, means of the biases, second moments of the inputs.
        system: the equations, in moments and in symbols for the variances.

    >>> import symgrad as sg
    >>> theory = sg.mean_field(sg.models.leaky(0.1, "relu"), variances={"W": 2})
    >>> point = theory.point
    >>> round(float(theory.chi), 9), point.status, point.phase, round(float(point.time_scale), 6)
    (0.82, 'proved', 'vanishing', 5.039029)
    """

    model: Recurrence
    parameters: CellParameters
    system: MomentSystem

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What is assumed, in words."""
        return assumptions_of(self.system.closures)

    @property
    def moment_equations(self) -> tuple[sp.Basic, ...]:
        """The equations of the stationary moments."""
        return tuple(sp.Eq(symbol, update, evaluate=False) for symbol, update in self.system.updates.items())

    @property
    def block_formulas(self) -> sp.ImmutableDenseMatrix:
        """``lim tr(J_ij J_ij^T) / n`` of the blocks of the state Jacobian, in moments and variances."""
        return self.system.blocks

    @property
    def chi_formula(self) -> sp.Expr:
        """The mean-squared singular value of the state Jacobian, in moments and variances."""
        return self.system.mean_square

    @property
    def critical_equation(self) -> sp.Basic:
        """The condition under which gradients neither vanish nor explode; it holds with :attr:`moment_equations`."""
        if self.system.blocks.rows == 1:
            return sp.Eq(self.chi_formula, 1, evaluate=False)
        size = self.system.transfer.rows
        return sp.Eq(sp.Determinant(self.system.transfer - sp.eye(size)), 0, evaluate=False)

    @cached_property
    def derivation(self) -> Derivation:
        """How the equations follow."""
        claim = f"second moments of {self.model.name} at infinite width"
        return Derivation(
            claim, recurrent_steps(self.model, self.moment_equations, self.system, self.critical_equation)
        )

    @cached_property
    def points(self) -> tuple[StationaryPoint, ...]:
        """The stationary moments that states run to from several starts, and 0 if that is one; none if all run off."""
        found = stationary_moments(self._map) if self._map.unknowns else [np.array([])]
        return tuple(self._point(point) for point in found)

    @property
    def point(self) -> StationaryPoint:
        """The only stationary point, or the only one of several that is not repelling.

        Raises:
            InputError: there is none, or it is not the only one.
        """
        lasting = [point for point in self.points if point.attracting is not False]
        chosen = lasting if len(lasting) == 1 else list(self.points)
        if len(chosen) != 1:
            count = len(self.points)
            raise InputError(f"model {self.model.name}: {count or 'no'} stationary points were found, see points")
        return chosen[0]

    @property
    def chi(self) -> arb | float:
        """The growth factor of squared gradients at :attr:`point`."""
        return self.point.chi

    @property
    def time_scale(self) -> arb | float:
        """``-1 / log chi`` at :attr:`point`, in steps."""
        return self.point.time_scale

    def critical_variance(
        self, weight: Any, between: tuple[float, float] = (0.01, 10.0)
    ) -> tuple[CriticalVariance, ...]:
        """The variances of a weight at which chi is 1, the other variances as they are.

        The moments are the attracting ones. The search goes over a grid, so that it may miss crossings that lie close
        together; each that it returns says whether it is proved.

        Args:
            weight: the name of a matrix, or of a stacked tensor such as ``"weight_hh"``.
            between: where to look, two positive numbers.

        Raises:
            InputError: no such range, or the weight has variance 0 here.
            UnknownNameError: the model has no such weight.

        >>> import symgrad as sg
        >>> found = recurrent_mean_field(sg.models.leaky(0.2, "relu")).critical_variance("W", (10, 20))
        >>> [(round(float(each.variance), 6), each.status) for each in found]
        [(18.0, 'proved')]
        """
        low, high = _checked_range(between)
        names = self.model.stacked.get(str(weight), (str(weight),))
        known = {str(symbol): symbol for symbol in self.parameters.variances if self.parameters.variances[symbol] != 0}
        unknown_names = [name for name in names if name not in known]
        if unknown_names:
            raise UnknownNameError(f"random weight of model {self.model.name}", unknown_names[0], known)
        unknown = sp.Symbol("sigma^2", positive=True)
        sought = {sigma_symbol(known[name]): sp.sqrt(unknown) for name in names}
        updates = tuple(self._numeric(update.xreplace(sought)) for update in self.system.updates.values())
        transfer = self.system.transfer.applyfunc(lambda entry: self._numeric(entry.xreplace(sought)))
        return critical_variances(names, unknown, MomentMap(self.system.unknowns, updates), transfer, (low, high))

    @cached_property
    def _map(self) -> MomentMap:
        return MomentMap(self.system.unknowns, tuple(self._numeric(update) for update in self.system.updates.values()))

    def _numeric(self, expr: sp.Expr) -> sp.Expr:
        return expr.xreplace({symbol: sp.sqrt(value) for symbol, value in self.parameters.values.items()})

    def _point(self, point: Any) -> StationaryPoint:
        balls = self._map.proved(point) if self._map.unknowns and self._map.is_enclosed else None
        if self._map.unknowns and balls is None:
            return self._approximate(point, "stationary moments not proved")
        balls = balls or []
        size = len(self._map.unknowns)
        values = {s: Dual.constant(ball, size) for s, ball in zip(self._map.unknowns, balls, strict=True)}

        @cache  # with one state the transfer matrix is the block itself
        def enclosed(expr: sp.Expr) -> arb:
            return ball_value(self._numeric(expr), values, slopes=False).value

        with working_precision(_BITS):
            blocks, transfer = _evaluated(self.system.blocks, enclosed), _evaluated(self.system.transfer, enclosed)
            if not all(_is_narrow(entry) for row in (*blocks, *transfer) for entry in row):
                return self._approximate(point, "the second moments of the Jacobian are not enclosed")
            chi = _radius(transfer)
            attracting = self._attracting(balls)
        return self._assembled(dict(zip(self._map.unknowns, balls, strict=True)), blocks, transfer, chi, attracting)

    def _assembled(
        self, moments: Any, blocks: Any, transfer: Any, chi: Any, attracting: bool | None, why: str = ""
    ) -> StationaryPoint:
        status = why or ("proved" if not self.system.closures else "enclosed")
        if self.system.closures:
            names = ", ".join(self.system.closures)
            status = f"{status}; approximate: Gaussian closure of the law of {names}"
        entries = [entry for row in blocks for entry in row]
        mean = sum(entries[1:], entries[0]) / len(blocks)
        return StationaryPoint(moments, status, attracting, blocks, mean, chi, transfer)

    def _approximate(self, point: Any, why: str) -> StationaryPoint:
        values = dict(zip(self._map.unknowns, map(float, point), strict=True))
        at_point = FloatValues(values)

        def number(expr: sp.Expr) -> float:
            return at_point.of(self._numeric(expr))

        blocks, transfer = _evaluated(self.system.blocks, number), _evaluated(self.system.transfer, number)
        chi = float(np.abs(np.linalg.eigvals(np.array(transfer))).max())
        return self._assembled(values, blocks, transfer, chi, None, f"approximate quadrature: {why}")

    def _attracting(self, balls: list[arb]) -> bool | None:
        if not balls:
            return None
        column = arb_mat(len(balls), 1, balls)
        slopes = [slope for dual in self._map.duals(column) for slope in dual.slopes]
        if not all(slope.is_finite() for slope in slopes):
            return None
        low, high = spectral_radius_bounds(arb_mat(len(balls), len(balls), slopes))
        return True if high < 1 else False if low > 1 else None


def _checked_range(between: Any) -> tuple[float, float]:
    """Two positive numbers in order."""
    try:
        low, high = (float(exact_number("between", end)) for end in between)
    except (TypeError, ValueError) as error:
        raise InputError(f"between: two positive numbers are needed, got {between!r}") from error
    if not 0 < low < high:
        raise InputError(f"between: two positive numbers in order are needed, got {between!r}")
    return low, high


def _evaluated(matrix: sp.ImmutableDenseMatrix, function: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(function(entry) for entry in matrix.row(i)) for i in range(matrix.rows))


def _is_narrow(ball: arb) -> bool:
    """Whether a ball says something about its number."""
    return bool(ball.is_finite()) and (ball == 0 or ball.rel_accuracy_bits() >= _FEW_BITS)


def _radius(transfer: tuple[tuple[arb, ...], ...]) -> arb:
    if len(transfer) == 1:
        return transfer[0][0]
    low, high = spectral_radius_bounds(arb_mat([list(row) for row in transfer]))
    return low.union(high)


def recurrent_mean_field(
    model: Recurrence, variances: Any = "torch", means: Any = None, inputs: Any = 1
) -> RecurrentMeanField:
    """Stationary moments of a wide recurrent cell at initialisation, and the size of its state Jacobian.

    Entries of an n-wide weight are independent, of mean 0 and variance ``sigma_W^2 / n`` (n its number of columns);
    states and pre-activations are taken in the limit of infinite width. The state-to-state Jacobian is the model's
    own, a sum of products of diagonal matrices and weights, and its mean-squared singular value
    ``E[D_0^2] + sum_k sigma_k^2 E[D_k^2]`` follows from it.

    Args:
        model: any recurrence of vectors whose weights are dense matrices.
        variances: ``"torch"`` (uniform on ``(-1/sqrt(n), 1/sqrt(n))`` with as many inputs as states: 1/3 for every
            matrix, biases 0 in the limit); a number ``sigma^2`` for all matrices; or a mapping name -> number, in
            which a stacked tensor's name such as ``"weight_hh"`` stands for all that it holds. Matrices that are not
            named have 1/3, vectors 0.
        means: name -> mean of the entries of a vector (a forget bias, say) or value of a scalar parameter.
        inputs: the second moment of the entries of the inputs, a number or a mapping name -> number.

    Returns:
        A :class:`RecurrentMeanField`. Its ``points`` say whether their numbers are proved or approximate, and why.

    Raises:
        InputError: a negative variance, a scalar parameter without a value.
        UnknownNameError: a name that the model does not have.
        UnsupportedExpressionError: a scalar model, a flow, weights that are not dense, states of different sizes.

    Source: Chen, Pennington and Schoenholz 2018, Dynamical isometry and a mean field theory of RNNs; Gilboa et al.
    2019, Dynamical isometry and a mean field theory of LSTMs and GRUs.

    >>> import symgrad as sg
    >>> theory = recurrent_mean_field(sg.models.elman(), variances={"W": 2}, inputs=0)
    >>> theory.chi_formula
    sigma_W**2*E[(1 - tanh(sqrt(Q_h)*sigma_W*z)**2)**2]
    >>> [(point.attracting, point.status) for point in theory.points], round(float(theory.chi), 6)
    ([(False, 'proved'), (True, 'proved')], 1.105529)
    """
    if not isinstance(model, Recurrence):
        raise InputError(f"model: a Recurrence is needed, got {type(model).__name__} {model!r}")
    check_wide(model)
    parameters = cell_parameters(model, variances, means, inputs)
    return RecurrentMeanField(model, parameters, moment_system(model, parameters))
