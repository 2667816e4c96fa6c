"""The order of verdicts."""

from __future__ import annotations

import pytest

from symgrad.numerics.verdict import Verdict


def test_the_order() -> None:
    names = ["refuted", "undecided", "observed", "certified", "proved"]
    assert [str(v) for v in sorted(Verdict)] == names
    assert all(
        a < b and a <= b and b > a and b >= a for a, b in zip(sorted(Verdict), sorted(Verdict)[1:], strict=False)
    )
    assert not Verdict.PROVED < Verdict.PROVED
    assert Verdict.PROVED <= Verdict.PROVED


def test_what_holds() -> None:
    assert [v.holds for v in sorted(Verdict)] == [False, False, True, True, True]


def test_every_verdict_has_advice_of_its_own() -> None:
    assert len({v.advice for v in Verdict}) == 5


def test_comparison_with_other_things_is_refused() -> None:
    with pytest.raises(TypeError):
        _ = Verdict.PROVED < 3
    assert Verdict.REFUTED == "refuted"
