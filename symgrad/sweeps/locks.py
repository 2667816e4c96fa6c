"""A lock on a store, held by one process at a time and given back by the system when that process ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from symgrad.errors import InputError

__all__ = ["StoreLock"]

_HELD: set[int] = set()


def _let_go_in_child() -> None:
    """A forked process shares the lock of its parent, and would keep it after the parent's end."""
    for held in _HELD:
        os.close(held)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


class StoreLock:
    """The lock of one store: ``results.parquet.lock`` beside it.

    Raises:
        InputError: another sweep works on the store, or nothing can be written there.
    """

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(store.name + ".lock")
        while True:
            self._file = self._opened()
            if not _try_lock(self._file):
                holder = os.read(self._file, 100).decode(errors="replace").strip()
                os.close(self._file)
                raise InputError(f"store: another sweep ({holder or 'of another process'}) works on {str(store)!r}")
            if self._is_current():
                break
            os.close(self._file)  # the holder before us removed the file between our two calls
        _HELD.add(self._file)
        os.ftruncate(self._file, 0)
        os.write(self._file, f"process {os.getpid()}".encode())

    def _opened(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"store: {str(self._path)!r} cannot be written ({error})") from error

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self._path))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back and remove its file."""
        _HELD.discard(self._file)
        if sys.platform == "win32":  # an open file cannot be removed there
            os.close(self._file)
            self._path.unlink(missing_ok=True)
        else:
            self._path.unlink(missing_ok=True)
            os.close(self._file)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
