"""find_causes: why gradients through a layer vanish, explode or are kept, from the parts of their measured growth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from symgrad.design.candidates import recurrent_matrices
from symgrad.diagnosis.carried_states import CarriedState
from symgrad.diagnosis.causes import Cause, CauseFound
from symgrad.diagnosis.growth_parts import GrowthParts, growth_parts
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import LyapunovSpectrum
from symgrad.diagnosis.normality import NonNormality
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.numerics.network_verdict import Outcome

__all__ = ["find_causes"]

_LN10 = math.log(10.0)
_DECADES = 1.0  # by which a gradient has to change over all steps before that is explained
_PART = 0.1  # of the growth, below which a cause is left out
_TRANSIENT = 0.5  # decades of growth above the long run
_ROUNDING = 1e-9  # decades per step
_NEAR = 3.0  # decades over all steps within which an exponent has to be known to be called zero
_FEW = 2  # matrices whose norms are told
_FEW_DECADES = 4


def find_causes(
    run: LayerRun,
    found: LayerOutcome,
    lyapunov: LyapunovSpectrum | None = None,
    normality: NonNormality | None = None,
    parts: GrowthParts | None = None,
) -> tuple[CauseFound, ...]:
    """Why gradients through a layer do what they do, the weightiest cause first.

    The measured decades per step are split into what the weights do with the largest slopes, what the slopes take away,
    and what the direct paths keep, see :func:`symgrad.diagnosis.growth_parts.growth_parts`; a part counts if it makes
    up a tenth of the growth and has its sign. All of it is measured, in floats.

    Args:
        run: the layer with its sequences.
        found: the outcome, which says whether there is anything to explain.
        lyapunov: the spectrum of the layer, to tell what happens in the long run.
        normality: how far the products grow for a while.
        parts: the growth in parts, computed unless given.
    """
    question = _Question(run, found, lyapunov, normality, parts or growth_parts(run))
    causes = [*question.long_run(), *question.decay(), *question.rise(), *question.kept()]
    return tuple(sorted(causes, key=question.place))


@dataclass(frozen=True, eq=False)
class _Question:
    """What is known about one layer."""

    run: LayerRun
    found: LayerOutcome
    lyapunov: LyapunovSpectrum | None
    normality: NonNormality | None
    parts: GrowthParts

    @property
    def moves(self) -> bool:
        """Whether there is growth or decay to explain."""
        decided = self.found.outcome in (Outcome.VANISHING, Outcome.EXPLODING)
        return decided or not abs(self.parts.rate * self.parts.steps) < _DECADES

    @property
    def exponent(self) -> tuple[float, float]:
        """The largest Lyapunov exponent and its error, decades per step; nan where they are not known."""
        if self.lyapunov is None or not len(self.lyapunov.exponents):
            return math.nan, math.nan
        return float(self.lyapunov.exponents[0]) / _LN10, float(self.lyapunov.errors[0]) / _LN10

    def long_run(self) -> Iterator[CauseFound]:
        """Transient growth before decay, and the edge between decay and growth."""
        value, error = self.exponent
        line, words = self._decaying_line
        if self._is_transient and self.normality is not None:
            text = (
                f"products reach {self.normality.transient:.2g} decades above the long run at {self.normality.at_k} "
                f"steps although {words}; departure from normality {self.normality.henrici:.2g} of the Frobenius norm"
            )
            yield _cause(Cause.NON_NORMAL, text, self.parts.rate - line)
        settled = self.found.outcome in (Outcome.VANISHING, Outcome.EXPLODING)
        steps = self.parts.steps
        known = 2 * error * steps <= _NEAR  # else zero is within the error of what may be anything
        if not settled and known and abs(value) <= max(2 * error + _ROUNDING, _DECADES / steps):
            text = (
                f"the largest Lyapunov exponent is {value * _LN10:.2g} per step, with an error of {error * _LN10:.2g}: "
                f"over {self._steps} it makes the factor {_factor(value * steps)}; {self._weights_text()}"
            )
            yield _cause(Cause.AT_EDGE, text, value)

    def decay(self) -> Iterator[CauseFound]:
        """What shrinks gradients."""
        rate, direct = self.parts.rate, self.parts.direct
        if not (self.moves and rate < 0):
            return
        closed = direct is not None and direct.gated and direct.best < _PART * rate
        if direct is not None and closed:
            yield _cause(Cause.CLOSED_GATE, f"{_kept_by(direct)}, too little for {self._steps}", max(direct.best, rate))
        if closed and direct is not None and not direct.best < (1 + _PART) * rate:
            return  # the direct path alone accounts for what is left
        limit = _PART * rate if math.isfinite(rate) else -_DECADES / self.parts.steps
        for cause, share, text in (
            (Cause.SMALL_NORM, self.parts.unsaturated, self._weights_text),
            (Cause.SATURATION, self.parts.saturation, self._slopes_text),
        ):
            if share < limit or share == rate:
                yield _cause(cause, text(), max(share, rate) if closed else share)

    def rise(self) -> Iterator[CauseFound]:
        """What lets gradients grow."""
        rate, direct = self.parts.rate, self.parts.direct
        if not (self.moves and rate > 0) or self._is_transient:
            return
        if direct is None:
            text = (
                f"{self._weights_text()}; {self._slopes_text()}" if self.parts.saturation < 0 else self._weights_text()
            )
            yield _cause(Cause.LARGE_NORM, text, self.parts.unsaturated)
        else:
            text = f"{self._weights_text()}; {_kept_by(direct)}"
            yield _cause(Cause.LARGE_NORM, text, max(rate - min(direct.best, 0.0), direct.best))

    def kept(self) -> Iterator[CauseFound]:
        """A direct path that keeps gradients."""
        direct = self.parts.direct
        if direct is not None and abs(direct.best * self.parts.steps) <= _DECADES:
            yield _cause(Cause.OPEN_GATE, f"{_kept_by(direct)}, which lasts for {self._steps}", direct.best)

    def place(self, item: CauseFound) -> tuple[bool, bool, float, int]:
        """Causes that act the way gradients go come first, by their share, the edge after what keeps gradients."""
        settled = self.found.outcome in (Outcome.VANISHING, Outcome.EXPLODING)
        passive = item.cause in (Cause.OPEN_GATE, Cause.AT_EDGE)
        size = math.inf if item.share is None else abs(item.share)
        return passive is settled, item.cause is Cause.AT_EDGE, -size, _ORDER.index(item.cause)

    @property
    def _steps(self) -> str:
        return f"{self.parts.steps} steps" if self.parts.steps != 1 else "1 step"

    @property
    def _decaying_line(self) -> tuple[float, str]:
        """Decades per step of a decay in the long run, and what shows it; nan where nothing does."""
        value, error = self.exponent
        if math.isfinite(value) and value < -error:
            return value, f"the largest Lyapunov exponent is {value * _LN10:.3g} per step"
        radius = math.nan if self.normality is None else self.normality.spectral_radius
        if 0 <= radius < 1:
            line = math.log10(radius) if radius else -math.inf
            return line, f"the spectral radius of a Jacobian is typically {radius:.3g}"
        return math.nan, ""

    @property
    def _is_transient(self) -> bool:
        grown = self.normality is not None and self.normality.transient >= _TRANSIENT
        return grown and not math.isnan(self._decaying_line[0])

    def _weights_text(self) -> str:
        factor = _factor(self.parts.unsaturated)
        return f"with the largest slopes gradients change by the factor {factor} per step{self._norms()}"

    def _norms(self) -> str:
        """The sizes of the recurrent matrices, if there are few."""
        matrices = recurrent_matrices(self.run.model)
        if not 0 < len(matrices) <= _FEW:
            return ""
        found = []
        for symbol in matrices:
            matrix = self.run.weights[str(symbol)]
            radius = float(np.abs(np.linalg.eigvals(matrix)).max()) if matrix.shape[0] == matrix.shape[1] else math.nan
            found.append(f"||{symbol}||_2 = {np.linalg.norm(matrix, 2):.3g}, spectral radius {radius:.3g}")
        return f" ({'; '.join(found)})"

    def _slopes_text(self) -> str:
        mean = self.parts.mean_slope
        slopes = "" if mean is None else f"slopes are on geometric average {mean:.2g} of their largest values, which "
        return f"{slopes}changes gradients by the factor {_factor(self.parts.saturation)} per step"


def _cause(cause: Cause, evidence: str, share: float) -> CauseFound:
    return CauseFound(cause, evidence, float(share) if math.isfinite(share) else None)


def _kept_by(direct: CarriedState) -> str:
    return (
        f"the direct path of {direct.state} with the factor {direct.factor} keeps {_factor(direct.best)} per step in "
        f"its best unit (median of all {direct.typical:.3g})"
    )


def _factor(decades: float) -> str:
    if decades == -math.inf:
        return "0"
    return f"{10**decades:.4g}" if abs(decades) < _FEW_DECADES else f"1e{decades:+.1f}"


_ORDER = (
    Cause.NON_NORMAL,
    Cause.CLOSED_GATE,
    Cause.SMALL_NORM,
    Cause.LARGE_NORM,
    Cause.SATURATION,
    Cause.OPEN_GATE,
    Cause.AT_EDGE,
)  # of causes with the same share
