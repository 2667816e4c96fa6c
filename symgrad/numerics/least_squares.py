"""Linear least squares for many systems of one size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq

__all__ = ["least_squares"]

Array = NDArray[np.float64]

_SMALL = 256  # entries of matrices that are decomposed together


def least_squares(matrices: Array, targets: Array, cutoff: float) -> Array:
    """(B, Y) the shortest vectors x that bring ``A x`` nearest to targets, in floats.

    Args:
        matrices: A, (B, R, Y), all entries finite.
        targets: (B, R).
        cutoff: singular values below this share of the largest count as zero; of large matrices they are estimated by
            a QR decomposition with pivoting (LAPACK's gelsy), which takes a quarter of the time.

    >>> least_squares(np.array([[[2.0, 0.0], [0.0, 0.0]]]), np.array([[1.0, 3.0]]), 1e-9).tolist()
    [[0.5, 0.0]]
    """
    if matrices[0:1].size <= _SMALL:
        return np.asarray((np.linalg.pinv(matrices, rcond=cutoff) @ targets[..., None])[..., 0])
    solved = [
        lstsq(matrix, target, cond=cutoff, lapack_driver="gelsy", check_finite=False)[0]
        for matrix, target in zip(matrices, targets, strict=True)
    ]
    return np.array(solved).reshape(len(matrices), matrices.shape[2])
