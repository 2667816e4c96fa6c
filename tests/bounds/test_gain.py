"""Powers of gain matrices against repeated multiplication and mpmath."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb_mat
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.bounds.gain import ball_power_norm, gain_power, irreducible_blocks, perron_constant, perron_root
from symgrad.language.norms import SpectralRadius
from symgrad.rigor.balls import lower_float, upper_float, working_precision

K = sp.Symbol("k", integer=True, nonnegative=True)
entries = st.fractions(min_value=0, max_value=3, max_denominator=8)
matrices = st.lists(entries, min_size=4, max_size=4).map(
    lambda values: sp.ImmutableDenseMatrix(2, 2, [sp.Rational(v.numerator, v.denominator) for v in values])
)


def as_floats(matrix):
    return np.array(matrix.tolist(), dtype=float)


@given(matrices, st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_closed_power_equals_repeated_multiplication(gain, k):
    closed = as_floats(gain_power(gain, K).subs(K, k).evalf(30))
    assert np.allclose(closed, as_floats(gain**k), rtol=1e-10, atol=1e-10)


def test_closed_power_with_symbols():
    a, b, c, d = sp.symbols("a b c d", positive=True)
    closed = gain_power(sp.ImmutableDenseMatrix([[a, b], [c, d]]), K).subs(K, 3)
    values = {a: 2, b: sp.Rational(1, 3), c: 5, d: sp.Rational(7, 2)}
    expected = sp.Matrix([[2, sp.Rational(1, 3)], [5, sp.Rational(7, 2)]]) ** 3
    assert np.allclose(as_floats(closed.subs(values).evalf(30)), as_floats(expected), rtol=1e-14)


@given(matrices)
@settings(max_examples=40, deadline=None)
def test_perron_root_is_the_spectral_radius(gain):
    expected = max(abs(np.linalg.eigvals(as_floats(gain))))
    assert float(perron_root(gain)) == pytest.approx(expected, abs=1e-6)  # nearly defective ones lose half the digits


@given(matrices, st.sampled_from([1, 2, sp.oo]))
@settings(max_examples=60, deadline=None)
def test_constant_times_rate_is_above_every_power(gain, p):
    constant = perron_constant(gain, sp.sympify(p))
    if constant is None:
        return
    rate, order = float(perron_root(gain)), np.inf if p == sp.oo else p
    for k in range(12):
        norm = np.linalg.norm(np.linalg.matrix_power(as_floats(gain), k), order)
        assert norm <= float(constant) * rate**k * (1 + 1e-9)


def test_the_constant_cannot_be_tightened():
    gain = sp.ImmutableDenseMatrix([[0, 4], [1, 0]])  # G^2 = 4 I, and ||G||_oo = 4 = 2 * rate
    assert perron_constant(gain, sp.oo) == 2
    assert perron_root(gain) == 2


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("p", [1, 2, sp.oo])
@pytest.mark.parametrize("k", [0, 1, 2, 9])
def test_ball_norm_of_a_power_encloses_the_truth(size, p, k):
    values = np.random.default_rng(size).random((size, size))
    with mpmath.workdps(40):
        power = mpmath.matrix(values.tolist()) ** k if k else mpmath.eye(size)
        truth = (
            max(mpmath.svd_r(power, compute_uv=False))
            if p == 2
            else mpmath.mnorm(power, mpmath.inf if p == sp.oo else 1)
        )
        with working_precision(128):
            ball = ball_power_norm(arb_mat(values.tolist()), k, sp.sympify(p))
        low, high = lower_float(ball), upper_float(ball)
        assert low <= truth <= high
        assert high - low <= 1e-11 * max(truth, 1e-300)


def test_a_million_steps_neither_under_nor_overflow():
    with working_precision(128):
        for scale in ("1e-3", "1e3"):
            gain = arb_mat(2, 2, [float(scale), 0.5 * float(scale), 0.25 * float(scale), float(scale)])
            log10 = ball_power_norm(gain, 10**6, sp.Integer(2)).log() / 10
            assert log10.is_finite()


def test_zero_gain():
    with working_precision(128):
        zero = arb_mat(3, 3, [0] * 9)
        assert upper_float(ball_power_norm(zero, 5, sp.Integer(2))) == 0.0
        assert upper_float(ball_power_norm(zero, 0, sp.Integer(2))) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(20))
def test_block_triangular_matrices_have_the_roots_of_their_blocks(seed):
    """Hidden by a random order of rows and columns; blocks of one to three rows."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 4, random.integers(1, 4))
    total = int(sizes.sum())
    dense = np.zeros((total, total))
    start = 0
    for size in sizes:
        dense[start : start + size, start:] = random.integers(1, 9, (size, total - start)) / 4
        start += size
    order = random.permutation(total)
    shuffled = dense[np.ix_(order, order)]
    gain = sp.ImmutableDenseMatrix(total, total, [sp.Rational(float(value)) for value in shuffled.flat])
    assert sorted(block.rows for block in irreducible_blocks(gain)) == sorted(sizes.tolist())
    expected = max(abs(np.linalg.eigvals(dense)))
    assert float(perron_root(gain).evalf()) == pytest.approx(expected, rel=1e-9)


def test_a_stack_vanishes_where_each_of_its_layers_does():
    layer = sg.models.lstm().assuming({"c": (-1, 1)})
    stack = sg.product_bound(sg.stack([layer, layer]))
    assert isinstance(stack.vanishes, sp.And)
    assert len(stack.vanishes.args) == 2
    assert not stack.vanishes.has(SpectralRadius)
    random = np.random.default_rng(0)
    for scale in (0.01, 1.0):
        atoms = sorted(stack.gain.atoms(sg.language.norms.OperatorNorm), key=str)
        values = {atom: sp.Float(scale * random.random()) for atom in atoms}
        radius = max(abs(np.linalg.eigvals(as_floats(stack.gain.xreplace(values).evalf()))))
        assert bool(stack.vanishes.xreplace(values)) == bool(radius < 1)
