"""Where parts are kept while a sweep is on: in memory, or as files in a folder beside the store."""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from symgrad.errors import InputError
from symgrad.sweeps.parts import DamagedPartError, Part

__all__ = ["InMemory", "Keeper", "PartFolder", "sync_folder", "write_safely"]

_NAME = re.compile(r"(\d{20})-(\d{20})\.part")
_MANIFEST = "manifest.json"


class Keeper(ABC):
    """Parts by the cells they cover, which do not overlap."""

    def __init__(self) -> None:
        self._failed: dict[tuple[int, int], int] = {}
        self._failures = 0

    def spans(self) -> list[tuple[int, int]]:
        """The cells that the parts cover, as pairs of start and stop in order."""
        return sorted(self._failed)

    def failed(self) -> int:
        """How many cells failed."""
        return self._failures

    def with_failures(self) -> list[tuple[int, int]]:
        """The parts in which cells failed."""
        return sorted(span for span, count in self._failed.items() if count)

    def gaps(self, size: int) -> list[tuple[int, int]]:
        """The cells that no part covers."""
        found, place = [], 0
        for start, stop in [*self.spans(), (size, size)]:
            if start > place:
                found.append((place, start))
            place = stop
        return found

    def put(self, part: Part, data: bytes) -> None:
        """Keep a part for good, in place of one that covers the same cells."""
        self.write((part.start, part.stop), data)
        self._count((part.start, part.stop), len(part.failures))

    def _count(self, span: tuple[int, int], failed: int) -> None:
        self._failures += failed - self._failed.get(span, 0)
        self._failed[span] = failed

    def get(self, span: tuple[int, int]) -> Part:
        """The part that covers some cells."""
        return Part.decoded(self.read(span))

    def parts(self) -> Iterator[Part]:
        """All parts in order, one at a time."""
        return map(self.get, self.spans())

    @abstractmethod
    def write(self, span: tuple[int, int], data: bytes) -> None:
        """Keep the bytes of a part."""

    @abstractmethod
    def read(self, span: tuple[int, int]) -> bytes:
        """The bytes of a part."""

    @abstractmethod
    def how_to_resume(self) -> str:
        """What becomes of the parts of a sweep that ended early, in a sentence."""


class InMemory(Keeper):
    """Parts as bytes in memory: a few bytes for each value."""

    def __init__(self) -> None:
        super().__init__()
        self._data: dict[tuple[int, int], bytes] = {}

    def write(self, span: tuple[int, int], data: bytes) -> None:
        self._data[span] = data

    def read(self, span: tuple[int, int]) -> bytes:
        return self._data[span]

    def how_to_resume(self) -> str:
        return "Nothing was stored: give a store to be able to resume"


class PartFolder(Keeper):
    """Parts as files in a folder with the manifest of their sweep.

    Args:
        folder: made if it is not there. Damaged parts in it are removed, their cells will be done again.
        manifest: of the sweep, for a new folder.

    Attributes:
        damaged: how many parts were removed because they were damaged.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        super().__init__()
        self._folder, self.damaged, self._last_stop = folder, 0, 0
        folder.mkdir(exist_ok=True)
        if not (folder / _MANIFEST).exists():
            for path in folder.glob("*.part"):
                raise InputError(f"store: {str(folder)!r} holds {path.name} but no manifest, remove it to begin anew")
            write_safely(folder / _MANIFEST, json.dumps(manifest, indent=1).encode())
            sync_folder(folder.parent)
        for path in sorted(folder.iterdir()):
            self._take_in(path)

    @staticmethod
    def manifest(folder: Path) -> dict[str, Any] | None:
        """The manifest of a folder; None if there is none.

        Raises:
            InputError: it cannot be read.
        """
        try:
            return dict(json.loads((folder / _MANIFEST).read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:
            raise InputError(f"store: {str(folder / _MANIFEST)!r} cannot be read ({error})") from error

    def _take_in(self, path: Path) -> None:
        match = _NAME.fullmatch(path.name)
        if match is None:
            if path.suffix == ".tmp":  # left by a process that was killed while it wrote
                path.unlink()
            return
        span = int(match[1]), int(match[2])
        try:
            part = Part.decoded(path.read_bytes())
        except DamagedPartError:
            part = None
        if part is None or (part.start, part.stop) != span or span[0] < self._last_stop:
            path.unlink()
            self.damaged += 1
            return
        self._count(span, len(part.failures))
        self._last_stop = span[1]

    def write(self, span: tuple[int, int], data: bytes) -> None:
        write_safely(self._path(span), data)

    def read(self, span: tuple[int, int]) -> bytes:
        return self._path(span).read_bytes()

    def how_to_resume(self) -> str:
        return f"What is finished is kept in {str(self._folder)!r}: the same call resumes"

    def _path(self, span: tuple[int, int]) -> Path:
        return self._folder / f"{span[0]:020d}-{span[1]:020d}.part"


def write_safely(path: Path, data: bytes) -> None:
    """Write a file so that it is there in full or not at all, whenever the process or the machine ends."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder outlast a failure of the machine, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
