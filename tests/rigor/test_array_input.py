import numpy as np
import pytest
import sympy as sp

from symgrad.errors import InputError, SymgradError
from symgrad.rigor.array_input import checked_matrix, checked_radius


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]], dtype=np.uint8),
        np.array([[1.5, -2], [0, 4]], dtype=np.float16),
        np.array([[0.1, 2], [3, 4]], dtype=np.float32),
        np.array([[2**53, -(2**62)]], dtype=np.int64),
        np.array([[2**63]], dtype=np.uint64),
        np.array([[True, False]]),
        np.array([[0.1, 5e-324]], dtype=">f8"),
        np.zeros((3, 4)).T[::2],
        np.zeros((0, 3)),
        np.zeros((2, 0)),
    ],
)
def test_exact_conversions(matrix):
    values = checked_matrix(matrix)
    assert values.dtype == np.float64
    assert values.flags.c_contiguous
    assert values.shape == np.shape(matrix)
    assert [float(x) for x in np.ravel(matrix)] == values.ravel().tolist()
    assert [int(x) for x in np.ravel(matrix)] == [int(x) for x in values.ravel()]


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ([1.0, 2.0], "shape (2,)"),
        (3.0, "shape ()"),
        (np.zeros((2, 2, 2)), "shape (2, 2, 2)"),
        ([[1.0, float("nan")]], "entry (0, 1) is nan"),
        ([[1.0], [float("-inf")]], "entry (1, 0) is -inf"),
        ([[1.0 + 0j]], "complex128"),
        ([["a"]], "<U1"),
        ([[1.0, 2.0], [3.0]], "list"),
        ([[None]], "object"),
        ([[10**400]], "object"),
        (np.array([[2**53 + 1]]), "no float64 equals"),
        (np.array([[2**64 - 1]], dtype=np.uint64), "no float64 equals"),
        (np.array([[np.iinfo(np.int64).max]]), "no float64 equals"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "datetime64"),
        (np.ma.masked_array([[1.0]], mask=[[True]]), "masked array"),
        (sp.Matrix([[1, sp.Symbol("x")]]), "object"),
        (sp.MatrixSymbol("W", 2, 2), "MatrixSymbol"),
        (None, "NoneType"),
    ],
)
def test_one_clear_message(matrix, words):
    with pytest.raises(InputError) as caught:
        checked_matrix(matrix, "weight_hh")
    message = str(caught.value)
    assert message.startswith("weight_hh: ")
    assert words in message
    assert "accepted is a 2-D array of finite real numbers" in message
    assert isinstance(caught.value, SymgradError)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant == 52, reason="extended precision is float64 here")
def test_extended_precision_is_taken_only_when_exact():
    assert checked_matrix(np.array([[0.5]], dtype=np.longdouble)).tolist() == [[0.5]]
    with pytest.raises(InputError, match="no float64 equals"):
        checked_matrix(np.array([[1]], dtype=np.longdouble) / 3)


def test_radius():
    assert checked_radius(None, (2, 2)) is None
    assert checked_radius(np.zeros((2, 2)), (2, 2)) is None
    assert checked_radius([[0.0, 1.0]], (1, 2)).tolist() == [[0.0, 1.0]]
    for radius, words in (([[1.0]], "shape"), ([[-1.0, 0.0]], "negative"), ([[np.inf, 0.0]], "radius: entry")):
        with pytest.raises(InputError, match=words):
            checked_radius(radius, (1, 2))
