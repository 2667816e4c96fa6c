"""Sweeps: one function over a grid of parameters, resumable, on any executor, with the same result everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symgrad.errors import InputError
from symgrad.sweeps.cell_function import CellFunction, cell_function
from symgrad.sweeps.chunk_sizes import ChunkSizes
from symgrad.sweeps.chunks import Chunk
from symgrad.sweeps.dask_engine import DaskEngine, dask_client, is_dask
from symgrad.sweeps.drive import Drive
from symgrad.sweeps.engines import Borrowed, Engine, InThisProcess, OwnProcesses
from symgrad.sweeps.file_errors import told
from symgrad.sweeps.grid import Grid, grid_of
from symgrad.sweeps.interruption import SweepInterruptedError
from symgrad.sweeps.keepers import InMemory, Keeper
from symgrad.sweeps.locks import StoreLock
from symgrad.sweeps.manifests import manifest_of
from symgrad.sweeps.progress import progress_of
from symgrad.sweeps.results import SweepResult, result_of
from symgrad.sweeps.stores import Store, checked_path, open_table
from symgrad.sweeps.tables import MemoryTable
from symgrad.sweeps.work import Work

__all__ = ["load_sweep", "sweep"]


@dataclass(frozen=True)
class _Sweep:
    """What a call asked for, checked."""

    function: CellFunction
    grid: Grid
    executor: Any
    chunk: int | None
    retries: int
    progress: Any
    again: bool
    fail_fast: bool

    def run(self, keeper: Keeper) -> None:
        """Do the cells that the keeper does not have, and those that failed if they are to be done again."""
        failed = keeper.with_failures() if self.again else []
        chunks = [Chunk(*span, rows=tuple(keeper.get(span).failures)) for span in failed]
        work = Work(keeper.gaps(self.grid.size), chunks)
        if not work.remaining:
            return
        sizes = ChunkSizes(self.chunk, self.grid.size)
        with _engine(self.executor, self.function) as engine:
            progress = progress_of(self.progress)
            try:
                drive = Drive(self.function, self.grid, engine, keeper, sizes, progress, self.retries, self.fail_fast)
                drive.run(work)
            finally:
                progress.close()


def sweep(
    fn: Callable[..., Any],
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    executor: Any = None,
    store: Any = None,
    *,
    seed: int = 0,
    repetitions: int = 1,
    chunk: int | None = None,
    retries: int = 2,
    progress: Any = None,
    resume: bool = True,
    retry: str | None = None,
    fail_fast: bool = False,
) -> SweepResult:
    """Call a function for every cell of a grid of parameters.

    The result depends on the function, the grid and the seed only: executor, number of workers, size of chunks,
    interruptions and their order change no byte of it, as long as the function itself gives the same for the same
    arguments (multi-threaded linear algebra may not; numbers drawn from anything but ``seed`` or ``rng`` do not). At
    any time at most a few chunks for each worker are in flight, and a grid is never written out, so that 10^9 cells
    are as good as 10.

    Args:
        fn: called with the parameters of a cell by name; returns a number, or a flat mapping of names to numbers,
            booleans and strings (None is left out). If it takes ``seed`` or ``rng`` that is not in the grid, it gets
            the seed of its own cell or a NumPy generator made from it; ``repetition`` likewise.
        grid: name -> values (numbers, strings or booleans), for all combinations with the last name fastest; or a
            sequence of cells, each a mapping name -> value.
        executor: None for this process; a number of processes, which are replaced when they die; any
            ``concurrent.futures.Executor``; a Dask ``distributed.Client``, its executor, or the address of a
            scheduler such as ``"tcp://host:8786"``.
        store: a file ending in ``.parquet`` or ``.npz``, written when all cells are done. Until then finished chunks
            are kept in the folder ``<store>.parts``; after an interruption of any kind the same call goes on there.
            None keeps the result in memory.
        seed: that the seeds of all cells come from.
        repetitions: how often each cell is done, each time with another seed.
        chunk: the number of cells that a worker does in one go; chosen from the time that cells take unless given.
        retries: how often cells are done again after the process that worked on them died, before they count as
            failed. Dask's scheduler has a number of its own, ``distributed.scheduler.allowed-failures``.
        progress: None for a bar where there is a terminal, True or False for or against it, or a function that is
            called with the number of cells done and of all cells.
        resume: whether to go on with what the store has; else it is replaced.
        retry: ``"failed"`` to do cells again that failed in an earlier call.
        fail_fast: whether the first failure ends the sweep; else failures are recorded and the other cells go on.

    Returns:
        :class:`SweepResult`. Cells that failed have NaN in place of numbers and their exception in ``errors``. A
        column that some cells have and others do not is NaN there too. Columns of several kinds become the widest one:
        booleans become integers, those floats, and beside strings all are written as strings.

    Raises:
        InputError: a malformed argument, before anything runs; or the store belongs to another sweep, or another
            process works on it.
        SweepInterruptedError: the executor broke, or a cell failed with ``fail_fast``; what is finished is stored.
        SymgradError: a package is missing.

    >>> import symgrad as sg
    >>> grid = {"sigma_w2": [1.0, 2.0], "sigma_b2": [0.0, 0.1]}
    >>> found = sg.sweep(lambda sigma_w2, sigma_b2, rng: sigma_w2 + rng.normal(), grid, repetitions=50)
    >>> found.array("value").shape, bool(abs(found.array("value")[1].mean() - 2) < 0.3)
    ((2, 2, 50), True)
    """
    cells = grid_of(grid, repetitions)
    function = cell_function(fn, cells, seed)
    _check_options(executor, chunk, retries, retry, resume, fail_fast)
    asked = _Sweep(function, cells, executor, chunk, retries, progress, retry == "failed", fail_fast)
    manifest = manifest_of(function, cells)
    if store is None:
        keeper = InMemory()
        asked.run(keeper)
        return result_of(MemoryTable(manifest, cells, keeper), None)
    path = checked_path(store)
    lock = StoreLock(path)
    try:
        return _stored(asked, manifest, path, resume)
    finally:
        lock.release()


def _stored(asked: _Sweep, manifest: dict[str, Any], path: Path, resume: bool) -> SweepResult:
    with told(f"{str(path)!r}, or what lies beside it, cannot be read or written"):
        store = Store(path, manifest)
        if resume:
            store.check()
        else:
            store.clear()
        table = store.finished()
        if table is not None:
            if not (asked.again and table.manifest["failed"]):
                return result_of(table, path)
            store.take_apart(table)
        parts = store.parts()
    asked.run(parts)
    try:
        return result_of(store.merge(parts, asked.grid), path)
    except OSError as error:
        raise SweepInterruptedError(
            f"all cells are done, but {str(path)!r} cannot be written ({error}). {parts.how_to_resume()}"
        ) from error


def load_sweep(path: Any) -> SweepResult:
    """The result of a finished sweep from its file.

    Args:
        path: of a ``.parquet`` or ``.npz`` file that :func:`sweep` wrote.

    Raises:
        InputError: there is no such file, or no sweep wrote it.
        SymgradError: a package is missing.

    >>> import tempfile, symgrad as sg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = sg.sweep(lambda a: a**2, {"a": range(4)}, store=f"{folder}/squares.npz")
    ...     print(sg.load_sweep(f"{folder}/squares.npz").column("value"))
    [0 1 4 9]
    """
    checked = checked_path(path)
    if not checked.exists():
        parts = checked.with_name(checked.name + ".parts")
        hint = f"; {parts.name} holds an unfinished sweep" if parts.exists() else ""
        raise InputError(f"path: there is no file {str(checked)!r}{hint}")
    return result_of(open_table(checked), checked)


def _check_options(executor: Any, chunk: Any, retries: Any, retry: Any, resume: Any, fail_fast: Any) -> None:
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise InputError(f"chunk: a positive number of cells, or None, is needed, got {chunk!r}")
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise InputError(f"retries: a non-negative integer is needed, got {retries!r}")
    if retry not in (None, "failed"):
        raise InputError(f"retry: None or 'failed' is needed, got {retry!r}")
    if retry is not None and not resume:
        raise InputError("retry: cells that failed are done again on resuming, not with resume=False")
    for name, value in {"resume": resume, "fail_fast": fail_fast}.items():
        if not isinstance(value, bool):
            raise InputError(f"{name}: True or False is needed, got {value!r}")
    count = isinstance(executor, int) and not isinstance(executor, bool)
    address = isinstance(executor, str) and "://" in executor
    if (count and executor < 1) or not (executor is None or count or address or _is_executor(executor)):
        raise InputError(
            "executor: None, a positive number of processes, a concurrent.futures.Executor, a Dask client or the "
            f"address of a Dask scheduler such as 'tcp://host:8786' is needed, got {executor!r}"
        )


def _is_executor(executor: Any) -> bool:
    return isinstance(executor, Executor) or is_dask(executor)


@contextmanager
def _engine(executor: Any, function: CellFunction) -> Iterator[Engine]:
    """The engine for what the user gave, closed at the end."""
    engine: Engine
    if executor is None:
        engine = InThisProcess()
    elif isinstance(executor, int):
        engine = OwnProcesses(executor, function)
    elif isinstance(executor, str):
        engine = DaskEngine(dask_client(executor), own=True)
    else:
        engine = DaskEngine(executor) if is_dask(executor) else Borrowed(executor, function)
    try:
        yield engine
    finally:
        engine.close()
