"""Engines: where the chunks of a sweep are worked on, and what it means there that a worker died."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from symgrad.errors import InputError
from symgrad.sweeps.cell_function import CellFunction, check_picklable

__all__ = ["Borrowed", "Engine", "InThisProcess", "OwnProcesses"]


_STARTS = 10  # in a row that may fail after others succeeded


class Engine(ABC):
    """Takes tasks and gives futures; the number of tasks that it is worth giving at a time may change."""

    #: Whether a death tells for certain which chunk did it.
    certain = True

    @abstractmethod
    def room(self) -> int:
        """How many chunks should be in flight."""

    @abstractmethod
    def workers(self) -> int:
        """How many chunks are worked on at the same time."""

    @abstractmethod
    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a task."""

    @abstractmethod
    def died(self, error: BaseException) -> bool:
        """Whether an exception says that the worker of this very task died, and others take its place."""

    @abstractmethod
    def close(self) -> None:
        """End what the engine itself started."""

    def idle_limit(self) -> float:
        """The number of seconds without any worker after which waiting is in vain."""
        return float("inf")


class InThisProcess(Engine):
    """One chunk after the other, at once."""

    def room(self) -> int:
        return 1

    def workers(self) -> int:
        return 1

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(task(*arguments))
        return future

    def died(self, error: BaseException) -> bool:
        return False

    def close(self) -> None:
        """Nothing was started."""


class Borrowed(Engine):
    """An executor of the user's, which stays open; what breaks it ends the sweep."""

    def __init__(self, executor: Executor, function: CellFunction) -> None:
        if isinstance(executor, ProcessPoolExecutor):
            check_picklable(function)
        self._executor = executor
        count = getattr(executor, "_max_workers", None)  # of the executors in the standard library, and of MPI's
        self._count = count if isinstance(count, int) and count > 0 else os.cpu_count() or 1

    def room(self) -> int:
        return 2 * self._count + 1

    def workers(self) -> int:
        return self._count

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(task, *arguments)

    def died(self, error: BaseException) -> bool:
        return False

    def close(self) -> None:
        """The executor belongs to the user."""


class OwnProcesses(Engine):
    """Processes of our own, each an executor by itself, so that a death tells which chunk did it and disturbs no other.

    The functions of an interactive session live in no file: where the system can fork, processes are forked for them.
    """

    def __init__(self, count: int, function: CellFunction) -> None:
        check_picklable(function)
        self._context = multiprocessing.get_context(_start_method(function.function))
        self._free: list[ProcessPoolExecutor | None] = [None] * count
        self._count = count
        self._busy: set[ProcessPoolExecutor] = set()
        self._broken: list[ProcessPoolExecutor] = []
        self._starting: dict[ProcessPoolExecutor, Future[Any]] = {}
        self._in_vain, self._any_started = 0, False
        self._lock = threading.Lock()

    def room(self) -> int:
        return self._count

    def workers(self) -> int:
        return self._count

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        self._bury()
        with self._lock:
            worker = self._free.pop() or self._new()
        try:
            future = worker.submit(task, *arguments)
        except BrokenExecutor:  # it died between two chunks: another one takes its place
            self._broken.append(worker)
            worker = self._new()
            future = worker.submit(task, *arguments)
        self._busy.add(worker)
        future.add_done_callback(lambda finished: self._release(worker, finished))
        return future

    def _new(self) -> ProcessPoolExecutor:
        """A new process, whose first task tells whether it can start at all."""
        worker = ProcessPoolExecutor(1, self._context, _begin)
        self._starting[worker] = worker.submit(os.getpid)
        return worker

    def _release(self, worker: ProcessPoolExecutor, finished: Future[Any]) -> None:
        """Called in a thread of the executor, which must not be shut down from there."""
        broken = not finished.cancelled() and isinstance(finished.exception(), BrokenExecutor)
        with self._lock:
            self._busy.discard(worker)
            self._free.append(None if broken else worker)
            self._broken += [worker] if broken else []
            began = self._starting.pop(worker, None)
            if began is not None:
                started = began.done() and not began.cancelled() and began.exception() is None
                self._any_started |= started
                self._in_vain = 0 if started else self._in_vain + 1

    def _bury(self) -> None:
        with self._lock:
            broken, self._broken = self._broken, []
        for worker in broken:
            worker.shutdown(wait=True)

    def died(self, error: BaseException) -> bool:
        if self._in_vain > (_STARTS if self._any_started else 0):
            raise InputError(
                "executor: its processes end before they do anything; a script that uses processes has to stand under "
                "`if __name__ == '__main__':`"
            )
        return isinstance(error, BrokenProcessPool)

    def close(self) -> None:
        self._bury()
        with self._lock:
            idle, busy = [worker for worker in self._free if worker is not None], list(self._busy)
        for worker in busy:  # only after an error or an interruption: nobody waits for what they do
            for process in list((worker._processes or {}).values()):
                process.kill()
        for worker in [*idle, *busy]:
            worker.shutdown(wait=True, cancel_futures=True)


def _start_method(function: Any) -> str:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    starting = getattr(multiprocessing.current_process(), "_inheriting", False)  # of a script without a guard
    if starting or (file is not None and os.path.isfile(file)):
        return "spawn"
    while isinstance(function, partial):
        function = function.func
    if getattr(function, "__module__", None) != "__main__":
        return "spawn"  # libraries with threads, such as JAX, do not survive a fork
    if "fork" in multiprocessing.get_all_start_methods():
        return "fork"
    raise InputError("fn: other processes cannot import what an interactive session defines; put it into a module")


def _begin() -> None:
    """Let a process end with the one that started it, even if that one is killed, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
