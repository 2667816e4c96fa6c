"""The commands about remedies: what they print, exit codes, pictures, and one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(capsys, monkeypatch)


def test_a_forget_bias_with_its_check_and_picture(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "bias.png"
    done = run("design", "forget-bias", "--steps", "500", "--retain", "0.37", "--check", "--plot", str(picture))
    assert done.code == 0
    assert "b_f = 6.219377989..." in done.out
    assert "observed in 2 cases" in done.out
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (("forget-bias", "--steps", "500", "--retain", "0.37"), 6.21937798979835),
        (("highway-bias", "--steps", "10", "--retain", "1/2", "--preactivation", "1"), -3.63424047),
        (("update-bias", "--steps", "10", "--retain", "0.5", "--convention", "chung"), -2.63424047),
        (("residual-scale", "-L", "2", "-t", "10", "--at-most", "4"), 0.0743491775),
        (("chrono", "-t", "100"), 4.59511985),
    ],
)
def test_every_remedy_writes_json(run: Run, arguments: tuple[str, ...], value: float) -> None:
    done = run("design", *arguments, "--json")
    assert done.code == 0
    data = json.loads(done.out)
    assert data["kind"] == "remedy"
    assert data["ball"]["value"] == pytest.approx(value, rel=1e-8)


def test_formulas_are_solved(run: Run) -> None:
    done = run("design", "solve", "(1 + a*L)^k", "--for", "a", "--at-most", "4", "--positive", "L", "--value", "k=10")
    assert done.code == 0
    assert "a <= (-1 + 2**(1/5))/L" in done.out
    assert run("design", "solve", "sin(x)", "--for", "x", "--at-least", "0.1").code == 3
    bounded = run("design", "solve", "sin(x)", "--for", "x", "--equals", "1/2", "--within", "0,2")
    assert (bounded.code, "x = pi/6" in bounded.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("forget-bias", "--retain", "1"), "no finite bias"),
        (("forget-bias", "--steps", "0"), "steps"),
        (("highway-bias", "--retain", "x"), "retain"),
        (("update-bias", "--convention", "other"), "convention"),
        (("residual-scale",), "at least one limit"),
        (("chrono", "-t", "1"), "T_min"),
        (("solve", "x^2", "--for", "y", "--equals", "1"), "y"),
        (("solve", "x^2", "--for", "x"), "--at-most"),
        (("solve", "x^2", "--for", "x", "--equals", "1", "--at-most", "2"), "equals"),
        (("solve", "x^2 +", "--for", "x", "--equals", "1"), "bound"),
        (("solve", "x^2", "--for", "x", "--equals", "1", "--value", "y"), "value"),
        (("solve", "x^2", "--for", "x", "--equals", "1", "--within", "3,1"), "below"),
        (("solve", "x^2", "--for", "x", "--equals", "1", "--within", "3"), "LOW,HIGH"),
    ],
)
def test_bad_input_is_one_line(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run("design", *arguments)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert words in done.err
