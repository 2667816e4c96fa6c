"""The command line as a test calls it: arguments in, exit code and both streams out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from symgrad.cli import main

__all__ = ["Outcome", "Run", "runner"]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def runner(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs ``symgrad`` with some arguments on a terminal of fixed width."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["symgrad", *arguments])
        code = main()
        return Outcome(code, *capsys.readouterr())

    return call
