"""Threads of linear algebra where NumPy and SciPy take turns in a loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import scipy
from threadpoolctl import ThreadpoolController

__all__ = ["scipy_on_one_thread"]


class _Limit:
    """Counts those inside, as the number of threads is one for the whole process."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._before: list[int] = []

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = [library.num_threads for library in _libraries_of_scipy()]
                _set([1] * len(self._before))
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _set(self._before)


_LIMIT = _Limit()


@contextmanager
def scipy_on_one_thread() -> Iterator[None]:
    """While it lasts, the BLAS library that SciPy brings along works on one thread; NumPy's keeps its own.

    Installed from wheels, each brings its own OpenBLAS with its own threads. Idle ones go on spinning for a while, so
    that a loop that calls both in turn makes each wait for the other's. A library that both share is left alone.

    >>> with scipy_on_one_thread():
    ...     print({library.num_threads for library in _libraries_of_scipy()} <= {1})
    True
    """
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()


def _set(numbers: list[int]) -> None:
    for library, number in zip(_libraries_of_scipy(), numbers, strict=True):
        library.set_num_threads(number)


@lru_cache(maxsize=1)
def _libraries_of_scipy() -> tuple[Any, ...]:
    package = Path(scipy.__file__).resolve().parent
    folders = {package, package.with_name("scipy.libs")}
    return tuple(
        library
        for library in ThreadpoolController().lib_controllers
        if library.user_api == "blas" and folders & set(Path(library.filepath).resolve().parents)
    )
