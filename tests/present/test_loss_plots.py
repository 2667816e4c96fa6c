"""Pictures of losses: what is drawn is the factor, told apart without colour."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad import design


def test_both_factors_are_drawn() -> None:
    axes = design.saturating_losses()[1].plot(reach=5)
    first, second = axes.get_lines()[:2]
    a = first.get_xdata()
    assert first.get_ydata() == pytest.approx(-1 / (1 + np.exp(-a)), rel=1e-12)
    assert second.get_ydata() == pytest.approx(1 / (1 + np.exp(-a)) - 1, rel=1e-9)
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "L = log(1 - y), saturates",
        "L = -log(y), does not saturate",
    ]
    axes.figure.canvas.draw()


def test_the_losses_that_saturate_are_drawn_beside_those_that_do_not() -> None:
    labels = [text.get_text() for text in design.saturating_losses().plot().get_legend().get_texts()]
    assert labels == [
        "L = (y - 1)**2/2, saturates",
        "L = -log(y), does not saturate",
        "L = log(1 - y), saturates",
    ]


def test_where_the_loss_is_not_defined_nothing_is_drawn() -> None:
    values = design.loss_factor("-log(y)", "hard_sigmoid").plot().get_lines()[0].get_ydata()
    assert np.isnan(values[0])
    assert values[-1] == 0


def test_bad_arguments_are_named() -> None:
    with pytest.raises(sg.InputError, match="target: a picture needs a number"):
        design.loss_factor("(y - t)^2").plot()
    with pytest.raises(sg.InputError, match="reach: a positive number"):
        design.loss_factor("-log(y)").plot(reach=-1)
