"""Stores: the file of a sweep's result, and the folder of parts beside it while the sweep is on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from symgrad.errors import InputError
from symgrad.sweeps.grid import Grid
from symgrad.sweeps.keepers import PartFolder, sync_folder
from symgrad.sweeps.manifests import check_same
from symgrad.sweeps.merging import schema_of
from symgrad.sweeps.npz_files import NpzTable, write_npz
from symgrad.sweeps.parquet_files import ParquetTable, need_pyarrow, write_parquet
from symgrad.sweeps.tables import StoredTable, with_schema

__all__ = ["Store", "checked_path", "open_table"]

_WRITERS = {".parquet": write_parquet, ".npz": write_npz}
_TABLES = {".parquet": ParquetTable, ".npz": NpzTable}


def checked_path(store: Any) -> Path:
    """The path of a store, checked before anything is computed.

    Raises:
        InputError: another ending, or no such folder.
        SymgradError: the package that writes it is missing.
    """
    if not isinstance(store, str | os.PathLike) or Path(store).suffix not in _WRITERS:
        raise InputError(f"store: a file ending in .parquet or .npz, or None, is needed, got {store!r}")
    path = Path(store)
    if not path.parent.is_dir():
        raise InputError(f"store: there is no folder {str(path.parent)!r}")
    if path.is_dir():
        raise InputError(f"store: {str(path)!r} is a folder")
    if path.suffix == ".parquet":
        need_pyarrow()
    return path


def open_table(path: Path) -> StoredTable:
    """The finished file of a store."""
    return _TABLES[path.suffix](path)


class Store:
    """One store of one sweep; its lock is held by the caller.

    The folder of parts is more recent than the file wherever both are there; it goes away by being renamed first, so
    that it is complete as long as it has its name.

    Args:
        path: of the file.
        manifest: of the sweep.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self._path, self._manifest = path, manifest
        self._folder = path.with_name(path.name + ".parts")
        self._new = path.with_name(path.name + ".parts.new")
        self._old = path.with_name(path.name + ".parts.old")
        for left in (self._new, self._old):  # by a process that was killed
            _remove(left)

    def check(self) -> None:
        """Refuse the store of another sweep.

        Raises:
            InputError: the message says what differs.
        """
        begun = PartFolder.manifest(self._folder)
        if begun is not None:
            check_same(begun, self._manifest, repr(str(self._folder)))
        elif self._path.exists():
            check_same(open_table(self._path).manifest, self._manifest, repr(str(self._path)))

    def finished(self) -> StoredTable | None:
        """The result, if the sweep is finished."""
        return open_table(self._path) if self._path.exists() and not self._folder.exists() else None

    def parts(self) -> PartFolder:
        """The parts so far."""
        return PartFolder(self._folder, self._manifest)

    def clear(self) -> None:
        """Remove what an earlier sweep left; a file that no sweep wrote stays.

        Raises:
            InputError: the file is none of ours.
        """
        if self._path.exists():
            open_table(self._path)
            self._path.unlink()
        self._drop_parts()

    def take_apart(self, table: StoredTable) -> None:
        """Make parts of a finished result, in which cells can be done again."""
        parts = PartFolder(self._new, self._manifest)
        for part in table.parts():
            parts.put(part, part.encoded())
        os.replace(self._new, self._folder)

    def merge(self, parts: PartFolder, grid: Grid) -> StoredTable:
        """Write the file from all parts and remove them."""
        schema = schema_of(parts.parts(), grid.size)
        written = self._folder / "merged.tmp"
        manifest = with_schema(self._manifest, schema, grid.size)
        _WRITERS[self._path.suffix](written, parts, grid, schema, manifest)
        with open(written, "rb") as file:
            os.fsync(file.fileno())
        os.replace(written, self._path)
        sync_folder(self._path.parent)
        self._drop_parts()
        return open_table(self._path)

    def _drop_parts(self) -> None:
        if self._folder.exists():
            os.replace(self._folder, self._old)
            _remove(self._old)


def _remove(path: Path) -> None:
    """Remove a folder with all that is in it, or a file; nothing if there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
