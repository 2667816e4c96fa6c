"""Dask's distributed scheduler as the engine of a sweep: chunks of lost workers are done again by others."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from symgrad.errors import InputError, SymgradError
from symgrad.sweeps.engines import Engine

__all__ = ["DaskEngine", "dask_client", "is_dask"]

_ASK_EVERY = 2.0  # seconds between two questions to the scheduler about its workers
_CONNECT = 20.0
_PATIENCE = 300.0  # a cluster that grows by itself may take minutes to start


def is_dask(executor: Any) -> bool:
    """Whether an executor is a client of a Dask scheduler, or an executor of one; loads nothing."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    return isinstance(executor, distributed.Client | distributed.cfexecutor.ClientExecutor)


def dask_client(address: str) -> Any:
    """A client of the scheduler at an address.

    Raises:
        InputError: no scheduler answers there.
        SymgradError: the package distributed is missing.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise SymgradError(
            "executor: an address needs the package distributed: pip install 'symgrad[distributed]'"
        ) from error
    try:
        return Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"executor: no Dask scheduler answers at {address!r} ({error})") from error


class DaskEngine(Engine):
    """A cluster of workers, which may come and go while a sweep is on.

    Args:
        executor: a client, or an executor of one.
        own: whether to close the client at the end.
    """

    certain = False  # Dask blames all chunks that waited at the worker

    def __init__(self, executor: Any, own: bool = False) -> None:
        client = getattr(executor, "_client", executor)
        if client.asynchronous:
            raise InputError("executor: a client that is not asynchronous is needed")
        self._client, self._own = client, own
        self._executor = client.get_executor(pure=False)
        self._threads, self._asked = 1, float("-inf")

    def room(self) -> int:
        return 2 * self.workers() + 1

    def workers(self) -> int:
        now = time.monotonic()
        if now - self._asked > _ASK_EVERY:
            self._threads, self._asked = self._ask(), now
        return self._threads

    def _ask(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, RuntimeError, ValueError):  # the scheduler is gone: its futures will say so
            return 0

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._executor.submit(task, *arguments)

    def died(self, error: BaseException) -> bool:
        from distributed.scheduler import KilledWorker

        return isinstance(error, KilledWorker)

    def idle_limit(self) -> float:
        return _PATIENCE

    def close(self) -> None:
        if self._own:
            self._client.close()
