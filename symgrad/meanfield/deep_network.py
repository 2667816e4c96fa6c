"""The mean-field theory of a wide random network with one activation: maps, fixed points, phase and depth scales."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.language.elementwise import Activation
from symgrad.language.numbers import exact_number
from symgrad.meanfield.correlation_points import CorrelationMap, CorrelationPoints, correlation_points
from symgrad.meanfield.critical_points import CriticalLine, critical_points
from symgrad.meanfield.depth_scales import DepthScales, layers_per_factor
from symgrad.meanfield.fast_critical_line import CriticalLineFloats, critical_line_floats
from symgrad.meanfield.layer_factors import positive_number
from symgrad.meanfield.phase import Phase, phase_of
from symgrad.meanfield.singular_values import SingularValues, singular_values
from symgrad.meanfield.variance_map import Unit, VarianceMap
from symgrad.meanfield.variance_points import VariancePoint, VariancePoints, variance_points
from symgrad.meanfield.variance_words import NEUTRAL
from symgrad.meanfield.variants import LayerVariant
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["MeanField"]

_BITS = 96


@dataclass(frozen=True)
class MeanField(Presentable):
    """The mean-field theory of a wide network with independent random weights and biases.

    Weights have mean 0 and variance ``sigma_w^2/n``, biases variance ``sigma_b^2``. Numbers are taken exactly, a float
    as its shortest decimal. All statements hold in the limit of infinite width.

    Attributes:
        layer: the kind of layer: activation, skip connection, dropout, weights.

    >>> import symgrad as sg
    >>> theory = sg.mean_field("erf")
    >>> theory.chi_formula
    4*sigma_w**2/(pi*sqrt(4*q + 1))
    >>> print(theory.q_star(1, 0)[1])
    q* = 0.1419237653..., attracting, V'(q*) = 0.7920742110..., chi_1 = 1.016902519..., xi_q = 4.290000780... layers
    """

    layer: LayerVariant

    @property
    def activation(self) -> Activation:
        """The activation phi."""
        return self.layer.activation

    @property
    def q_map(self) -> sp.Expr:
        """The variance map V(q), in q, sigma_w and sigma_b."""
        return self.layer.q_map

    @property
    def chi_formula(self) -> sp.Expr:
        """The factor chi_1 of the mean squared gradient in one layer, in q and sigma_w; infinite where phi jumps."""
        return self.layer.chi_formula

    @property
    def correlation_formula(self) -> sp.Expr:
        """The correlation of two inputs of variance q after one layer, in q, c, sigma_w and sigma_b."""
        return self.layer.correlation_formula

    @cached_property
    def derivation(self) -> Derivation:
        """How the Gaussian means in the maps were obtained, and how the maps follow from them."""
        means = [self.layer.square_mean, self.layer.slope_mean, self.layer.pair_mean]
        closed = [mean.closed for mean in means if mean is not None and mean.closed is not None]
        steps: list[DerivationStep] = [step for found in closed for step in found.derivation.steps]
        return Derivation(f"mean-field maps of {self.activation}", (*steps, *self.layer.derivation.steps))

    def q_star(self, sigma_w2: Any, sigma_b2: Any) -> VariancePoints:
        """All fixed points of the variance map, with their stability.

        Args:
            sigma_w2: ``sigma_w^2``, positive.
            sigma_b2: ``sigma_b^2``, not negative.

        Returns:
            Enclosures, closed forms where known, slopes ``V'(q*)``, ``chi_1``, stability; what is not proved is stated.

        Raises:
            InputError: no such numbers.

        Source: Poole et al. 2016; completeness by interval Newton and bounds under the mean.

        >>> import symgrad as sg
        >>> [point.stability for point in sg.mean_field("tanh").q_star(1, 0)]
        ['attracting algebraically']
        """
        return _points(self._flow(sigma_w2, sigma_b2))

    def chi(self, sigma_w2: Any, sigma_b2: Any, q: Any = None) -> arb:
        """An enclosure of ``chi_1``, the factor of the mean squared gradient in one layer.

        Args:
            sigma_w2: ``sigma_w^2``.
            sigma_b2: ``sigma_b^2``.
            q: the variance; the attracting fixed point unless given.

        Raises:
            InputError: no such numbers, or q is needed as not exactly one fixed point is proved to attract.

        >>> import symgrad as sg
        >>> sg.mean_field("relu").chi(2, 0) == 1
        True
        """
        return self._point(sigma_w2, sigma_b2, q).chi

    def c_star(self, sigma_w2: Any, sigma_b2: Any, q: Any = None) -> CorrelationPoints:
        """The fixed points of the correlation map in [0, 1], with proof that there are no others; as for :meth:`chi`.

        Source: Poole et al. 2016; by the absolute monotonicity of the map there is at most one below 1.
        """
        return correlation_points(self._correlations(sigma_w2, sigma_b2, q))

    def correlation_map(self, c: Any, sigma_w2: Any, sigma_b2: Any, q: Any = None) -> arb:
        """An enclosure of the correlation of two inputs of correlation c after one layer; as for :meth:`chi`.

        Raises:
            InputError: c is not in [-1, 1].
        """
        correlation = exact_number("c", c)
        if not (correlation >= -1 and correlation <= 1):
            raise InputError(f"c: a correlation in [-1, 1] is needed, got {c!r}")
        with working_precision(_BITS):
            return self._correlations(sigma_w2, sigma_b2, q).ball(to_ball(correlation))

    def depth_scale(self, sigma_w2: Any, sigma_b2: Any, q: Any = None) -> DepthScales:
        """In how many layers variance, correlation and gradient change by the factor e; as for :meth:`chi`.

        At the fixed point zero, where no correlation is left, ``xi_c`` is that of the covariance, ``1/|log chi_1|``.

        Source: Schoenholz et al., Deep information propagation, 2017.
        """
        point = self._point(sigma_w2, sigma_b2, q)
        with working_precision(_BITS):
            gradient = layers_per_factor(self._exactly_one(point, sigma_w2, sigma_b2))
            if point.ball == 0:
                return DepthScales(point.ball, point.stability, point.depth_scale, gradient, gradient)
            attracting = self.c_star(sigma_w2, sigma_b2, q).attracting
            xi_c = arb("nan") if attracting is None else layers_per_factor(attracting.slope)
            return DepthScales(point.ball, point.stability, point.depth_scale, xi_c, gradient)

    def gradient_variance(self, sigma_w2: Any, sigma_b2: Any, k: int, q: Any = None) -> arb:
        """The mean squared gradient k layers back over that at the end, ``chi_1^k``, at equal widths.

        The arguments are as for :meth:`chi`.

        Raises:
            InputError: k is no non-negative integer.
        """
        if isinstance(k, bool) or not isinstance(k, int) or k < 0:
            raise InputError(f"k: a number of layers, a non-negative integer, is needed, got {k!r}")
        point = self._point(sigma_w2, sigma_b2, q)
        with working_precision(_BITS):
            return self._exactly_one(point, sigma_w2, sigma_b2) ** k

    def phase(self, sigma_w2: Any, sigma_b2: Any) -> Phase:
        """Ordered, critical, chaotic, variance diverges or undecided, with the reason.

        Critical means ``chi_1 = 1`` at an attracting fixed point of the variance, or where every variance is fixed.

        >>> import symgrad as sg
        >>> relu = sg.mean_field("relu")
        >>> relu.phase(2, 0).word, relu.phase(2, 0.1).word, sg.mean_field("tanh").phase(1.5, 0.3).word
        ('critical', 'variance diverges', 'ordered')
        """
        return phase_of(self.q_star(sigma_w2, sigma_b2))

    def critical_points(self, sigma_b2: Any) -> CriticalLine:
        """All ``sigma_w^2`` at which ``chi_1 = 1`` at a fixed point of the variance, with the stability of that point.

        Args:
            sigma_b2: ``sigma_b^2``, a number.

        Raises:
            InputError: no such number.

        >>> import symgrad as sg
        >>> [(point.exact, point.is_edge) for point in sg.mean_field("tanh").critical_points(0)]
        [(1, True)]
        """
        return critical_points(self._unit, self.layer, _offset(sigma_b2))

    def critical_line(self, sigma_b2: Any) -> CriticalLine | CriticalLineFloats:
        """The critical line: proved for one ``sigma_b^2``, in floats for an array of them.

        The errors of an array of a plain layer are proved, for as many solutions as wanted, by
        :func:`symgrad.meanfield.checked_critical_line.checked_critical_line`.

        Args:
            sigma_b2: a number, for which :meth:`critical_points` is the answer; or an array or list of one dimension.

        Raises:
            InputError: no such numbers; for an array, no layer with a critical line.

        >>> import symgrad as sg
        >>> sg.mean_field("tanh").critical_line([0, 0.05]).edge_of_chaos.round(4).tolist()
        [1.0, 1.761]
        """
        if np.ndim(sigma_b2) == 0:
            return self.critical_points(sigma_b2)
        layer, slack = self.layer, 1 - self.layer.skip**2
        if self._unit.jumps or not slack > 0:
            raise InputError(f"sigma_b2: there is no critical line: {layer.edge}")
        inputs = np.asarray(sigma_b2, dtype=float)
        found = critical_line_floats(self.activation, inputs * float(layer.branch**2 / slack))
        slopes = float(layer.skip**2) + float(slack) * found.slopes
        attracting = found.attracting & (np.abs(slopes) < 1) if layer.skip else found.attracting
        gains = found.sigma_w2 * float(slack / layer.gain)
        return replace(found, sigma_b2=inputs, sigma_w2=gains, slopes=slopes, attracting=attracting)

    def singular_values(self, sigma_w2: Any, sigma_b2: Any, depth: int) -> SingularValues:
        """Mean and variance of the squared singular values of the Jacobian of so many layers, at the attracting q*.

        Raises:
            InputError: as for :meth:`chi`, or the layer has a skip connection or dropout.

        Source: Pennington, Schoenholz and Ganguli, The emergence of spectral universality in deep networks, 2018.
        """
        if self.layer.skip != 0 or self.layer.dropout != 0 or self.layer.branch != 1:
            raise InputError("singular_values: they are known for plain layers, without skip connection or dropout")
        q = self._point(sigma_w2, sigma_b2, None).ball
        return singular_values(self.activation, sigma_w2, depth, q=q, weights=self.layer.weights)

    @cached_property
    def _unit(self) -> Unit:
        return _unit(self.activation)

    def _flow(self, sigma_w2: Any, sigma_b2: Any) -> VarianceMap:
        layer = self.layer
        gain = layer.gain * positive_number("sigma_w2", sigma_w2)
        return VarianceMap(self._unit, gain, layer.branch**2 * _offset(sigma_b2), layer.skip**2)

    def _exactly_one(self, point: VariancePoint, sigma_w2: Any, sigma_b2: Any) -> arb:
        """``chi_1``, exactly one where that is proved."""
        exact = point.exact
        critical = exact is not None and self._flow(sigma_w2, sigma_b2).is_critical(exact)
        return arb(1) if critical else point.chi

    def _point(self, sigma_w2: Any, sigma_b2: Any, q: Any) -> VariancePoint:
        """The attracting fixed point, or what a given variance would be as one."""
        flow = self._flow(sigma_w2, sigma_b2)
        points = _points(flow)
        if q is None and len(points.attracting) == 1:
            return points.attracting[0]
        if q is None and points.continuum and not flow.chi_expr.free_symbols:
            return replace(_given_point(flow, sp.S.One), stability=NEUTRAL)
        if q is not None:
            return _given_point(flow, q)
        found = ", ".join(f"{float(point):.6g} ({point.stability})" for point in points) or "none"
        raise InputError(f"q: a variance is needed, as not exactly one fixed point attracts; fixed points: {found}")

    def _correlations(self, sigma_w2: Any, sigma_b2: Any, q: Any) -> CorrelationMap:
        flow = self._flow(sigma_w2, sigma_b2)
        gain = self.layer.pair_gain * positive_number("sigma_w2", sigma_w2)
        return CorrelationMap(flow, gain, self._point(sigma_w2, sigma_b2, q).ball)


@lru_cache(maxsize=64)
def _unit(activation: Activation) -> Unit:
    return Unit(activation)


@lru_cache(maxsize=256)
def _points(flow: VarianceMap) -> VariancePoints:
    return variance_points(flow)


def _offset(sigma_b2: Any) -> sp.Expr:
    number = exact_number("sigma_b2", sigma_b2)
    if number < 0:
        raise InputError(f"sigma_b2: a number that is not negative is needed, got {sigma_b2!r}")
    return number


def _given_point(flow: VarianceMap, q: Any) -> VariancePoint:
    """A variance that the caller names, as if it were a fixed point."""
    number = exact_number("q", q)
    if number < 0:
        raise InputError(f"q: a variance, not negative, is needed, got {q!r}")
    with working_precision(_BITS):
        ball = to_ball(number)
        return VariancePoint(ball, number, flow.ball(ball, 1), flow.chi(ball), "given")
