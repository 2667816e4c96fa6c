"""How many cells make a chunk: as many as take about a second, learnt from the cells done so far."""

from __future__ import annotations

from math import ceil

__all__ = ["ChunkSizes"]

_SHORTEST, _LONGEST = 1.0, 60.0  # seconds that a chunk takes
_MOST_CELLS = 1 << 18
_MOST_CHUNKS = 100_000
_GROWTH = 8
_SHARE = 0.25  # of the time of this process that taking in results may cost
_MEMORY = 0.9


class ChunkSizes:
    """Chooses the number of cells of the next chunk.

    A chunk takes a second; longer, up to a minute, where taking in the results of all workers would otherwise keep this
    process busy for more than a quarter of its time, or where there would be more than 100 000 chunks. Towards the end
    chunks become smaller, so that the workers end together. The result of a sweep does not depend on it.

    Args:
        given: the number that the user gave, if any; more than 2**18 are never done in one go.
        size: the number of all cells.
    """

    def __init__(self, given: int | None, size: int) -> None:
        self._given, self._size = None if given is None else min(given, _MOST_CELLS), size
        self._cells = self._seconds = 0.0
        self._taking_in = 0.0
        self._largest = 0

    def learn(self, cells: int, seconds: float, taking_in: float) -> None:
        """Take note of a finished chunk and of how long this process took to take it in."""
        self._cells = _MEMORY * self._cells + cells
        self._seconds = _MEMORY * self._seconds + seconds
        self._taking_in = taking_in if not self._taking_in else 0.8 * self._taking_in + 0.2 * taking_in
        self._largest = max(self._largest, cells)

    def seconds(self, workers: int) -> float:
        """How long a chunk should take."""
        return min(max(_SHORTEST, workers * self._taking_in / _SHARE), _LONGEST)

    def cells(self, remaining: int, workers: int) -> int:
        """The number of cells of the next chunk."""
        if self._given is not None:
            return self._given
        if not self._largest:
            return 1
        each = max(self._seconds / self._cells, 1e-9)
        wanted = max(self.seconds(workers) / each, min(self._size / _MOST_CHUNKS, _LONGEST / each))
        fair = ceil(remaining / (2 * workers)) if workers > 1 else remaining
        return int(max(1, min(wanted, fair, _GROWTH * self._largest, _MOST_CELLS)))
