"""What a store belongs to: the function, the grid and the seed that its results come from."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from symgrad.errors import InputError
from symgrad.sweeps.cell_function import CellFunction, function_name
from symgrad.sweeps.grid import Grid

__all__ = ["check_same", "manifest_of"]

_FORMAT = 1


def manifest_of(function: CellFunction, grid: Grid) -> dict[str, Any]:
    """What tells a sweep from others, as plain data; a store keeps it."""
    return {
        "kind": "symgrad sweep",
        "format": _FORMAT,
        "function": function_name(function.function),
        "seed": function.seed,
        "grid": grid.description(),
        "names": list(grid.names),
        "shape": list(grid.shape),
        "symgrad": _version(),
    }


def _version() -> str:
    try:
        return metadata.version("symgrad")
    except metadata.PackageNotFoundError:  # used from its source without being installed
        return "not installed"


def check_same(stored: dict[str, Any], given: dict[str, Any], where: str) -> None:
    """Refuse to go on with the store of another sweep.

    Raises:
        InputError: the message says what differs.
    """
    if stored.get("kind") != given["kind"]:
        raise InputError(f"store: {where} was not written by a sweep, give another name")
    if stored.get("format") != given["format"]:
        raise InputError(f"store: {where} was written in another format by symgrad {stored.get('symgrad')}")
    words = list(_differences(stored, given))
    if words:
        raise InputError(
            f"store: {where} holds another sweep: {'; '.join(words)}. "
            "Give another name, or resume=False (--restart) to replace it"
        )


def _differences(stored: dict[str, Any], given: dict[str, Any]) -> Any:
    for key in ("function", "seed"):
        if stored[key] != given[key]:
            yield f"{key} {stored[key]} there, {given[key]} here"
    before, now = stored["grid"], given["grid"]
    if before["repetitions"] != now["repetitions"]:
        yield f"repetitions {before['repetitions']} there, {now['repetitions']} here"
    if before["listed"] != now["listed"]:
        forms = {True: "cells one by one", False: "all combinations"}
        yield f"{forms[before['listed']]} there, {forms[now['listed']]} here"
    names, given_names = ([axis["name"] for axis in part["parameters"]] for part in (before, now))
    if names != given_names:
        yield f"parameters {', '.join(names)} there, {', '.join(given_names)} here"
        return
    for axis, other in zip(before["parameters"], now["parameters"], strict=True):
        if axis != other:
            yield f"{axis['name']}: {_words(axis)} there, {_words(other)} here"


def _words(axis: dict[str, Any]) -> str:
    return f"{axis['count']} values ({axis['kind']}) from {axis['first']} to {axis['last']}"
