"""What counts as vanished or exploded is compared, and what is said about it printed, without a rounding error."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from symgrad.diagnosis.growth_bounds import GrowthBounds
from symgrad.diagnosis.limits import Limits, size_text
from symgrad.diagnosis.outcome import layer_outcome
from symgrad.errors import InputError


@pytest.mark.parametrize("delta", [1e-3, 0.3, 1e-300, np.nextafter(1.0, 0.0)])
@pytest.mark.parametrize("growth", [1e3, 7.7, 1e300, np.nextafter(1.0, 2.0)])
def test_limits_lie_on_both_sides_of_the_logarithms(delta: float, growth: float) -> None:
    limits = Limits.of(delta, growth)
    with mpmath.workdps(60):
        for number, (low, high) in ((delta, limits.delta), (growth, limits.growth)):
            true = mpmath.log10(mpmath.mpf(float(number)))
            assert mpmath.mpf(low) <= true <= mpmath.mpf(high)
            assert high <= np.nextafter(low, np.inf)


def test_whole_powers_of_ten_are_exact() -> None:
    assert Limits.of(0.5, 1000).growth == (3.0, 3.0)


def test_a_norm_beside_a_limit_is_neither_nor() -> None:
    limits = Limits.of(0.3, 7.7)
    between = [limits.delta[1], limits.growth[0]]
    assert [limits.outcome(end, end).value for end in between] == ["undecided", "undecided"]


def test_bounds_are_printed_rounded_outwards() -> None:
    for value in np.random.default_rng(0).uniform(-9.0, -3.1, 200):
        curve = np.array([value])
        made = GrowthBounds(np.arange(1, 2), {"norm": curve}, {}, {}, None, "", "all")
        reason = layer_outcome(made, np.array([[0.0, value]])).reason
        printed = float(reason.split("at most ")[1].split()[0])
        with mpmath.workdps(40):
            assert mpmath.mpf(10) ** mpmath.mpf(value) <= mpmath.mpf(printed)
        assert printed <= 10**value * 1.01
    least, most = size_text(0.123, 0.4567).removeprefix("between ").split(" and ")
    assert float(least) <= 10**0.123 < 10**0.4567 <= float(most)


def test_bad_limits_are_refused() -> None:
    with pytest.raises(InputError, match="delta"):
        Limits.of(1.0, 2.0)
    with pytest.raises(InputError, match="growth"):
        Limits.of(0.5, 1.0)
