"""Commands about normalisation, clipping, decay, initial weights and losses."""

from __future__ import annotations

import json

import pytest

import symgrad.cli.remedies
from tests.command_line import Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    assert symgrad.cli.remedies.design
    return runner(capsys, monkeypatch)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["norm", "layer", "-n", "8", "--gamma", "2", "--eps", "0.01", "--check"], "||J||_2 = 2/s"),
        (["norm", "rms", "--gamma", "1,-3,2", "--eps", "1"], "||J||_2 <= 3"),
        (["norm", "layer", "--eps", "1", "--gamma", "1", "--stack", "pre", "-L", "0.5", "-t", "4"], "<= 81/16"),
        (["clipping", "--norm", "1", "--rate", "0.1", "--momentum", "0.9", "--check"], "||u||_2 <= 1"),
        (["leaky-slope", "-t", "2", "--at-least", "0.25"], "1/2"),
        (["orthogonal", "relu", "--identity", "--check"], "sigma_min(P) >= 0"),
        (["weight-decay", "--rate", "0.1", "--decay", "0.1", "--norm", "8", "--target", "4"], "t >= 69"),
        (["spectral-normalisation", "sigmoid_rnn", "--radius", "3", "--check"], "(3/4)**k"),
        (["truncation", "sigmoid_rnn", "--delta", "0.1", "-a", "u=-1,1"], "terms to keep"),
        (["loss", "(y - t)^2/2", "--target", "1", "--check"], "sigmoid(a): saturates"),
        (["loss", "log(1 - y)", "--against", "-log(y)"], "-y/(y - 1)"),
    ],
)
def test_commands(run: Run, arguments: list[str], words: str) -> None:
    outcome = run("design", *arguments)
    assert outcome.code == 0, outcome.err
    assert words in outcome.out
    if "--check" in arguments:
        assert "observed" in outcome.out


def test_data_and_bad_arguments(run: Run) -> None:
    outcome = run("design", "clipping", "--value", "1", "--json")
    assert json.loads(outcome.out)["kind"] == "Clipping"
    for arguments, words in (
        (["clipping"], "exactly one threshold"),
        (["norm", "group"], "KIND: one of layer, rms, batch"),
        (["norm", "layer", "--stack", "mid"], "stack: one of pre, post"),
        (["loss", "y +"], "loss:"),
        (["norm", "layer", "--gamma", "1,x"], "gamma: a number such as"),
    ):
        outcome = run("design", *arguments)
        assert outcome.code == 2
        assert words in outcome.err
