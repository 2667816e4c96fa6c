"""The loop of a sweep: chunks out, parts in, a bounded number in flight; deaths of workers traced to single cells."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from symgrad.errors import InputError, SymgradError
from symgrad.sweeps.cell_function import CellFunction
from symgrad.sweeps.chunk_sizes import ChunkSizes
from symgrad.sweeps.chunks import Chunk, Done, died_part, run_chunk
from symgrad.sweeps.engines import Engine
from symgrad.sweeps.grid import Grid
from symgrad.sweeps.interruption import SweepInterruptedError
from symgrad.sweeps.keepers import Keeper
from symgrad.sweeps.parts import Part
from symgrad.sweeps.progress import Progress
from symgrad.sweeps.work import Work

__all__ = ["Drive"]

_LOOK = 1.0  # seconds between two looks at whether there are workers


@dataclass
class _Flight:
    """A chunk in flight, and whether no other was when it began."""

    chunk: Chunk
    alone: bool


class Drive:
    """One run of a sweep over the cells that are still to be done.

    Args:
        function: of the cells.
        grid: all cells.
        engine: where chunks are worked on.
        keeper: where parts are kept.
        sizes: of chunks.
        progress: what is told how far the run is.
        retries: how often cells whose worker died are tried again.
        fail_fast: whether the first failure of a cell ends the run.
    """

    def __init__(
        self,
        function: CellFunction,
        grid: Grid,
        engine: Engine,
        keeper: Keeper,
        sizes: ChunkSizes,
        progress: Progress,
        retries: int,
        fail_fast: bool,
    ) -> None:
        self._function, self._grid, self._engine, self._keeper = function, grid, engine, keeper
        self._sizes, self._progress, self._retries, self._fail_fast = sizes, progress, retries, fail_fast
        self._flying: dict[Future[Any], _Flight] = {}
        self._landed: SimpleQueue[Future[Any]] = SimpleQueue()
        self._seen_workers = time.monotonic()

    def run(self, work: Work) -> None:
        """Do all of the work.

        Raises:
            SweepInterruptedError: the executor broke, or a cell failed and failures end the run.
        """
        self._done = self._grid.size - work.remaining
        self._progress.show(self._done, self._grid.size, self._keeper.failed())
        try:
            while self._launch(work) or self._flying:
                self._land(self._next(), work)
        except BaseException as error:
            self._keep_what_landed()
            if isinstance(error, KeyboardInterrupt):
                error.add_note(self._ended("interrupted"))
            raise

    def _launch(self, work: Work) -> bool:
        """Bring as many chunks in flight as is worth it; whether there was any."""
        launched = False
        while len(self._flying) < self._engine.room():
            chunk = work.take(self._sizes.cells(work.remaining, self._engine.workers()), len(self._flying))
            if chunk is None:
                break
            launched = True
            self._start(chunk)
        return launched

    def _start(self, chunk: Chunk) -> None:
        piece = self._grid.piece(chunk.start, chunk.stop)
        try:
            future = self._engine.submit(run_chunk, self._function, piece, chunk, self._fail_fast)
        except SymgradError:
            raise
        except Exception as error:  # broken, shut down or disconnected, each executor in its own way
            raise self._interrupted(error) from error
        self._flying[future] = _Flight(chunk, not self._flying)
        future.add_done_callback(self._landed.put)

    def _next(self) -> Future[Any]:
        """The next finished task; as long as there is none, whether workers are left is looked at now and then."""
        while True:
            try:
                return self._landed.get(timeout=_LOOK)
            except Empty:
                if self._engine.workers():
                    self._seen_workers = time.monotonic()
                elif time.monotonic() - self._seen_workers > self._engine.idle_limit():
                    raise self._interrupted("no worker is left") from None

    def _land(self, future: Future[Any], work: Work) -> None:
        flight = self._flying.pop(future)
        if future.cancelled():
            raise self._interrupted("a task was cancelled")
        error = future.exception()
        if error is not None:
            self._lost(error, flight, work)
            return
        began, done = time.perf_counter(), future.result()
        self._take_in(flight.chunk, done)
        self._sizes.learn(max(done.cells, 1), done.seconds, time.perf_counter() - began)
        if done.broke is not None:
            index, failure = done.broke
            raise self._interrupted(f"cell {index} {self._grid.cell(index)} failed: {failure.error}: {failure.message}")

    def _take_in(self, chunk: Chunk, done: Done) -> None:
        """Keep a part; of cells tried again, within the part that has the others."""
        if done.cells:
            cells = chunk if chunk.rows is None else replace(chunk, rows=chunk.rows[: done.cells])
            self._keep(cells, Part.decoded(done.data), done.data)
            self._done += done.cells
        self._progress.show(self._done, self._grid.size, self._keeper.failed())

    def _keep(self, chunk: Chunk, part: Part, data: bytes | None = None) -> None:
        if chunk.rows is not None:
            part = self._keeper.get((chunk.start, chunk.stop)).replaced(chunk.rows, part)
            data = None
        try:
            self._keeper.put(part, part.encoded() if data is None else data)
        except OSError as error:  # no space, no permission
            raise self._interrupted(error) from error

    def _lost(self, error: BaseException, flight: _Flight, work: Work) -> None:
        """A worker died: its chunk is done again, then by halves; a single cell is given up when it did it alone."""
        chunk = flight.chunk
        if not self._engine.died(error):
            raise self._interrupted(error) from error
        if self._engine.certain and chunk.deaths < self._retries:
            work.give_back(replace(chunk, deaths=chunk.deaths + 1))
        elif len(chunk) > 1:
            for half in chunk.halves():
                work.give_back(half)
        elif self._engine.certain or flight.alone:
            self._keep(chunk, died_part(chunk))
            self._done += 1
            self._progress.show(self._done, self._grid.size, self._keeper.failed())
        else:
            work.judge(chunk)

    def _keep_what_landed(self) -> None:
        """Before the end, take in what is finished and give up the rest."""
        for future in self._flying:
            future.cancel()
        for future, flight in self._flying.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                self._take_in(flight.chunk, future.result())

    def _interrupted(self, cause: object) -> Exception:
        """The exception for a sweep that cannot go on; of what cannot be sent, that it cannot."""
        words = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else str(cause)
        if isinstance(cause, CancelledError):
            words = "the executor cancelled its tasks"
        if not self._keeper.spans() and isinstance(cause, AttributeError | TypeError | ImportError):
            return InputError(f"fn: the executor cannot send or run it ({words})")
        return SweepInterruptedError(self._ended(words))

    def _ended(self, why: str) -> str:
        return f"the sweep ended after {self._done} of {self._grid.size} cells: {why}. {self._keeper.how_to_resume()}"
