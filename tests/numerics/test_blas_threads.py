"""Threads of linear algebra are put back, whoever ends first."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_info

from symgrad.numerics.blas_threads import scipy_on_one_thread


def threads() -> dict[str, int]:
    return {
        library["filepath"]: library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def test_threads_come_back_after_the_last_one() -> None:
    assert scipy.linalg.norm(np.eye(2)) > 1  # loads the library
    before = threads()
    first, second = ExitStack(), ExitStack()
    first.enter_context(scipy_on_one_thread())
    inside = threads()
    second.enter_context(scipy_on_one_thread())
    first.close()
    assert threads() == inside
    assert all(number == before[path] for path, number in inside.items() if "scipy" not in path)
    assert all(number == 1 for path, number in inside.items() if "scipy.libs" in path)
    second.close()
    assert threads() == before
