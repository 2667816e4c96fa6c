"""How far a sweep is: a bar in a terminal, or a function of the user's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from symgrad.errors import InputError

__all__ = ["Bar", "Progress", "Quiet", "Told", "progress_of"]


class Quiet:
    """Shows nothing."""

    def show(self, done: int, total: int, failed: int) -> None:
        """Take note of the number of cells done, in all, and failed."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Told(Quiet):
    """Tells a function how many cells are done, and of how many."""

    def __init__(self, tell: Callable[[int, int], Any]) -> None:
        self._tell = tell

    def show(self, done: int, total: int, failed: int) -> None:
        self._tell(done, total)


class Bar(Quiet):
    """A bar on the terminal that errors go to, with the rate and the remaining time."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("sweep"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}"),
        )
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("sweep", total=None, rate="", failed="")
        self._bar.start()

    def show(self, done: int, total: int, failed: int) -> None:
        speed = self._bar.tasks[0].speed
        rate = f"{speed:.3g} cells/s" if speed else ""
        words = f"{failed} failed" if failed else ""
        self._bar.update(self._task, completed=done, total=total, rate=rate, failed=words)

    def close(self) -> None:
        self._bar.stop()


Progress = Quiet


def progress_of(progress: Any) -> Progress:
    """What shows the progress: None for a bar where there is a terminal, True or False, or a function.

    Raises:
        InputError: something else.
    """
    if progress is None:
        return Bar() if sys.stderr is not None and sys.stderr.isatty() else Quiet()
    if isinstance(progress, bool):
        return Bar() if progress else Quiet()
    if callable(progress):
        return Told(progress)
    raise InputError(f"progress: None, True, False or a function of (done, total) is needed, got {progress!r}")
