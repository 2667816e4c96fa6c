"""Seeds of single cells: they depend on the seed of the sweep and the number of the cell, on nothing else."""

from __future__ import annotations

import numpy as np

__all__ = ["cell_generator", "cell_seed"]


def cell_seed(seed: int, index: int) -> int:
    """The seed of one cell, of 63 bits.

    Source: NumPy's ``SeedSequence`` with the number of the cell as spawn key (O'Neill 2015, parallel streams).

    >>> cell_seed(0, 7) == cell_seed(0, 7), cell_seed(0, 7) == cell_seed(0, 8)
    (True, False)
    """
    return int(np.random.SeedSequence(seed, spawn_key=(index,)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def cell_generator(seed: int, index: int) -> np.random.Generator:
    """The random generator of one cell."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
