"""One sentence for a file that cannot be read or written, whatever library stumbled over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from symgrad.errors import InputError

__all__ = ["told"]


@contextmanager
def told(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of the system, and of some other kinds, into one sentence that says what went wrong.

    Raises:
        InputError: in place of such an error.
    """
    caught: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except caught as error:
        raise InputError(f"store: {what} ({error})") from error
