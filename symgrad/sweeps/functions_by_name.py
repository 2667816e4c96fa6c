"""Functions that users name on the command line, found by Python's usual import."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

from symgrad.errors import InputError

__all__ = ["function_by_name"]


def function_by_name(name: str) -> Callable[..., Any]:
    """The function called ``package.module:function``.

    Raises:
        InputError: the module cannot be imported, or has no such function.

    >>> function_by_name("math:hypot")(3, 4)
    5.0
    """
    module, colon, function = name.partition(":")
    if not (module and colon and function) or not all(
        part.isidentifier() for part in (*module.split("."), *function.split("."))
    ):
        raise InputError(f"quantity: package.module:function is needed, got {name!r}")
    try:
        found = resolve_name(name)
    except ImportError as error:
        raise InputError(f"quantity: {module} cannot be imported ({error})") from error
    except AttributeError as error:
        raise InputError(f"quantity: {module} has no {function}") from error
    if not callable(found):
        raise InputError(f"quantity: {name} is no function but {type(found).__name__}")
    return found
