"""The cells that are still to be done, handed out chunk by chunk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from symgrad.sweeps.chunks import Chunk

__all__ = ["Work"]


class Work:
    """Chunks in order of their cells, those that are tried again first.

    Args:
        gaps: cells that no part covers, as pairs of start and stop.
        again: chunks of single cells that failed before.
    """

    def __init__(self, gaps: Iterable[tuple[int, int]], again: Iterable[Chunk] = ()) -> None:
        self._gaps = deque(gaps)
        self._again = deque(again)
        self._alone: deque[Chunk] = deque()
        self.remaining = sum(stop - start for start, stop in self._gaps) + sum(map(len, self._again))

    def take(self, cells: int, flying: int) -> Chunk | None:
        """The next chunk, of at most so many cells; None if there is none now, given how many are in flight."""
        chunk = self._next(cells, flying)
        self.remaining -= 0 if chunk is None else len(chunk)
        return chunk

    def _next(self, cells: int, flying: int) -> Chunk | None:
        if self._alone:
            return None if flying else self._alone.popleft()
        if self._again:
            return self._again.popleft()
        if not self._gaps:
            return None
        start, stop = self._gaps.popleft()
        end = min(start + cells, stop)
        if end < stop:
            self._gaps.appendleft((end, stop))
        return Chunk(start, end)

    def give_back(self, chunk: Chunk) -> None:
        """Have a chunk done again."""
        self._again.append(chunk)
        self.remaining += len(chunk)

    def judge(self, chunk: Chunk) -> None:
        """Have a cell done with no other in flight, so that a death is its own doing."""
        self._alone.append(chunk)
        self.remaining += len(chunk)
