"""Norm atoms against numpy, mpmath and the rules they promise."""

from __future__ import annotations

import math
import pickle

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError
from symgrad.language.norms import NORMS, OperatorNorm, SmallestSingularValue, SpectralRadius, norm
from symgrad.language.spectra import closed_eigenvalues, eigenvalue_moduli, gram, singular_values

n, m = sp.symbols("n m", integer=True, positive=True)
W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, m)
ATOMS = (OperatorNorm, SmallestSingularValue, SpectralRadius)


def rationals(rows: int, columns: int) -> st.SearchStrategy[sp.Matrix]:
    entry = st.fractions(min_value=-5, max_value=5, max_denominator=4).map(
        lambda f: sp.Rational(f.numerator, f.denominator)
    )
    return st.lists(entry, min_size=rows * columns, max_size=rows * columns).map(
        lambda entries: sp.Matrix(rows, columns, entries)
    )


MATRICES = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(lambda shape: rationals(*shape))
SQUARES = st.integers(1, 3).flatmap(lambda size: rationals(size, size))


def numbers(matrix: sp.Matrix) -> np.ndarray:
    return np.array(matrix.evalf(20).tolist(), dtype=complex)


class TestConstruction:
    @pytest.mark.parametrize("atom", ATOMS)
    def test_homogeneous_in_numbers_and_symbols(self, atom):
        c, r = sp.Symbol("c"), sp.Symbol("r", positive=True)
        assert atom(-W) == atom(W)
        assert atom(-3 * W) == 3 * atom(W)
        assert atom(sp.sqrt(2) * W) == sp.sqrt(2) * atom(W)
        assert atom(c * W) == sp.Abs(c) * atom(W)
        assert atom(-r * W / 7) == r * atom(W) / 7
        assert atom(sp.I * W) == atom(W)
        assert atom(2 * c * W * W.T) == 2 * sp.Abs(c) * atom(W * W.T)

    @pytest.mark.parametrize("atom", ATOMS)
    def test_identity_and_zero(self, atom):
        assert atom(sp.Identity(n)) == 1
        assert atom(-5 * sp.Identity(n)) == 5
        assert atom(sp.ZeroMatrix(n, n)).doit() == 0

    @pytest.mark.parametrize("atom", ATOMS)
    def test_is_a_finite_nonnegative_real(self, atom):
        value = atom(W)
        for fact in ("nonnegative", "real", "finite", "extended_nonnegative", "commutative"):
            assert getattr(value, f"is_{fact}") is True, fact
        assert value.is_negative is not True
        assert value.is_infinite is False
        assert sp.Abs(value) == value
        assert sp.conjugate(value) == value
        assert sp.Max(value, -1) == value
        assert bool(value >= 0)
        assert sp.sqrt(value**2) == value

    @pytest.mark.parametrize("atom", ATOMS)
    def test_rebuilds_from_its_arguments(self, atom):
        value = atom(W)
        assert value.func(*value.args) == value
        assert pickle.loads(pickle.dumps(value)) == value
        assert value.matrix == W
        assert value.free_symbols >= {W}

    @pytest.mark.parametrize("p", [1, 2, sp.oo, math.inf, "inf", 2.0, "2", np.inf, norm(1)])
    def test_norm_indices(self, p):
        assert norm(p) is NORMS[norm(p).p]
        assert OperatorNorm(W, p).p == norm(p).p

    @pytest.mark.parametrize("p", [0, 3, -1, 1.5, "fro", None, True, sp.Symbol("p"), float("nan"), -math.inf])
    def test_other_norms_are_refused(self, p):
        with pytest.raises(InputError, match="accepted are 1, 2 and inf"):
            OperatorNorm(W, p)

    @pytest.mark.parametrize("atom", ATOMS)
    @pytest.mark.parametrize("value", [3, sp.Symbol("x"), "W", None, [[1]], np.eye(2)])
    def test_no_matrix_is_refused(self, atom, value):
        with pytest.raises(InputError, match=f"matrix: a SymPy matrix .* got {type(value).__name__}"):
            atom(value)

    def test_spectral_radius_needs_a_square_matrix(self):
        with pytest.raises(InputError, match=r"square matrix, got shape \(n, m\)"):
            SpectralRadius(V)
        with pytest.raises(InputError, match=r"square matrix, got shape \(1, 2\)"):
            SpectralRadius(sp.Matrix([[1, 2]]))


class TestPrinting:
    def test_text(self):
        assert str(OperatorNorm(W)) == "OperatorNorm(W)"
        assert str(OperatorNorm(W - W.T, 1)) == "OperatorNorm(W - W.T, 1)"
        assert str(OperatorNorm(W, sp.oo)) == "OperatorNorm(W, inf)"
        assert str(SmallestSingularValue(W)) == "SmallestSingularValue(W)"
        assert str(SpectralRadius(W) ** 2) == "SpectralRadius(W)**2"

    def test_latex(self):
        name = sp.MatrixSymbol("W_hh", n, n)
        assert sp.latex(OperatorNorm(W)) == r"\left\lVert W\right\rVert_{2}"
        assert sp.latex(OperatorNorm(name, sp.oo)) == r"\left\lVert W_{hh}\right\rVert_{\infty}"
        assert sp.latex(SmallestSingularValue(W)) == r"\sigma_{\min}\left(W\right)"
        assert sp.latex(SpectralRadius(W)) == r"\rho\left(W\right)"
        power = sp.latex(OperatorNorm(W) ** 2)
        assert power.count("^") == 1
        assert power.endswith("{2}")


class TestValues:
    @settings(max_examples=50)
    @given(MATRICES)
    def test_operator_norms_agree_with_numpy(self, matrix):
        for p, order in ((1, 1), (2, 2), (sp.oo, np.inf)):
            expected = np.linalg.norm(numbers(matrix), order)
            value = OperatorNorm(matrix, p)
            assert float(value.evalf()) == pytest.approx(expected, rel=1e-12, abs=1e-13)
            assert float(value.doit()) == pytest.approx(expected, rel=1e-12, abs=1e-13)

    @settings(max_examples=50)
    @given(MATRICES)
    def test_smallest_singular_value_agrees_with_numpy(self, matrix):
        expected = np.linalg.svd(numbers(matrix), compute_uv=False)[-1]
        value = SmallestSingularValue(matrix)
        assert float(value.evalf()) == pytest.approx(expected, rel=1e-9, abs=1e-13)
        assert float(value.doit()) == pytest.approx(expected, rel=1e-9, abs=1e-13)
        rank_deficient = matrix.rank() < min(matrix.shape)
        assert (value.doit() == 0) == rank_deficient == (value.evalf() == 0)

    @settings(max_examples=50)
    @given(SQUARES)
    def test_spectral_radius_agrees_with_mpmath(self, matrix):
        with mpmath.workdps(60):
            found, _ = mpmath.eig(mpmath.matrix(matrix.tolist()))
            expected = max(map(abs, found))
        assert float(SpectralRadius(matrix).evalf()) == pytest.approx(float(expected), rel=1e-12, abs=1e-14)
        assert float(sp.N(SpectralRadius(matrix).doit())) == pytest.approx(float(expected), rel=1e-12, abs=1e-14)

    @pytest.mark.parametrize("dps", [15, 50, 120])
    def test_evalf_gives_the_digits_asked_for(self, dps):
        golden = (1 + sp.sqrt(5)) / 2
        assert abs(OperatorNorm(sp.Matrix([[1, 1], [1, 0]])).evalf(dps) / golden.evalf(dps + 9) - 1) < 10.0 ** (1 - dps)
        transcendental = sp.Matrix([[sp.pi, 1], [0, sp.exp(1)]])
        with mpmath.workdps(2 * dps):
            expected = mpmath.svd_r(mpmath.matrix([[mpmath.pi, 1], [0, mpmath.e]]), compute_uv=False)
            for atom, value in ((OperatorNorm, max(expected)), (SmallestSingularValue, min(expected))):
                found = mpmath.mpf(atom(transcendental).evalf(dps))
                assert abs(found / value - 1) < mpmath.mpf(10) ** (1 - dps)

    def test_floats_are_evaluated_as_floats(self):
        matrix = sp.Matrix([[0.1, 0.7], [-0.3, 2.5]])
        for value in (OperatorNorm(matrix).doit(), SmallestSingularValue(matrix).doit()):
            assert isinstance(value, sp.Float)
        singular = np.linalg.svd(numbers(matrix), compute_uv=False)
        assert float(OperatorNorm(matrix).doit()) == pytest.approx(singular[0], rel=1e-14)
        assert float(SmallestSingularValue(matrix).doit()) == pytest.approx(singular[1], rel=1e-14)
        assert float(OperatorNorm(matrix, 1).doit()) == pytest.approx(3.2, rel=1e-14)
        assert float(OperatorNorm(matrix, sp.oo).evalf()) == pytest.approx(2.8, rel=1e-14)

    def test_closed_forms(self):
        root = sp.sqrt(221)
        assert OperatorNorm(sp.Matrix([[1, 2], [3, 4]])).doit() == sp.sqrt(15 + root)
        assert SmallestSingularValue(sp.Matrix([[1, 2], [3, 4]])).doit() == sp.sqrt(15 - root)
        assert SpectralRadius(sp.Matrix([[8, -16], [4, -8]])).doit() == 0
        assert OperatorNorm(sp.Matrix([[8, -16], [4, -8]])).doit() == 20
        assert SpectralRadius(sp.Matrix([[0, -4], [1, 0]])).doit() == 2
        assert OperatorNorm(sp.Matrix([[sp.sqrt(2), 0], [0, 1]])).doit() == sp.sqrt(2)

    def test_near_equal_values_are_told_apart(self):
        tiny = sp.Rational(1, 10**45)
        matrix = sp.diag(1, 1 + tiny)
        assert OperatorNorm(matrix).doit() == 1 + tiny
        assert SmallestSingularValue(matrix).doit() == 1
        assert SpectralRadius(matrix).doit() == 1 + tiny

    def test_jordan_blocks_keep_full_accuracy(self):
        for entry in (sp.Rational(1, 3), sp.pi):
            block = sp.Matrix(5, 5, lambda i, j, e=entry: e if i == j else sp.Integer(j == i + 1))
            assert abs(SpectralRadius(block).evalf(30) - entry.evalf(40)) < sp.Float("1e-29")
        assert SpectralRadius(sp.Matrix(6, 6, lambda i, j: int(j == i + 1))).evalf() == 0

    def test_symbolic_entries(self):
        a, b = sp.symbols("a b", real=True)
        matrix = sp.Matrix([[a, b], [b, a]])
        for atom in ATOMS:
            closed = atom(matrix).doit()
            assert not closed.has(atom)
            put_in = {a: sp.Rational(-7, 3), b: sp.Rational(1, 5)}
            assert float(closed.subs(put_in)) == pytest.approx(float(atom(matrix.subs(put_in)).evalf()), rel=1e-13)
        assert OperatorNorm(matrix, 1).doit() == sp.Abs(a) + sp.Abs(b)

    def test_without_a_short_closed_form_the_atom_stays_and_can_still_be_evaluated(self):
        a = sp.Symbol("a", real=True)
        symbolic = sp.Matrix(3, 3, [a, 1, 2, 3, a, 1, 5, 2, -a])
        assert SpectralRadius(symbolic).doit() == SpectralRadius(symbolic)
        matrix = sp.Matrix(3, 3, [sp.pi, 1, 2, 3, 0, 1, 5, 2, -1])
        kept = OperatorNorm(matrix).doit()
        assert isinstance(kept, OperatorNorm)
        assert float(kept) == pytest.approx(np.linalg.norm(numbers(matrix), 2), rel=1e-13)

    def test_complex_entries(self):
        matrix = sp.Matrix([[1, sp.I], [2, 3 - 4 * sp.I]])
        array = numbers(matrix)
        assert complex(OperatorNorm(matrix).evalf()) == pytest.approx(np.linalg.norm(array, 2), rel=1e-13)
        assert float(OperatorNorm(matrix, 1).doit()) == pytest.approx(np.linalg.norm(array, 1), rel=1e-13)
        assert float(SpectralRadius(matrix).evalf()) == pytest.approx(max(abs(np.linalg.eigvals(array))), rel=1e-12)

    def test_matrices_without_entries(self):
        empty = sp.zeros(0, 3)
        assert OperatorNorm(empty).doit() == 0
        assert SmallestSingularValue(empty).doit() == sp.oo
        assert SpectralRadius(sp.zeros(0, 0)).doit() == 0

    def test_larger_matrices_in_numbers(self):
        array = np.random.default_rng(5).standard_normal((12, 12))
        matrix = sp.Matrix(12, 12, [sp.Rational(float(value)) for value in array.ravel()])
        singular = np.linalg.svd(array, compute_uv=False)
        assert float(OperatorNorm(matrix).evalf()) == pytest.approx(singular[0], rel=1e-13)
        assert float(SmallestSingularValue(matrix).evalf()) == pytest.approx(singular[-1], rel=1e-11)
        assert float(SpectralRadius(matrix).evalf()) == pytest.approx(max(abs(np.linalg.eigvals(array))), rel=1e-12)


class TestSubstitution:
    def test_a_matrix_for_a_symbol(self):
        square = sp.MatrixSymbol("A", 2, 2)
        matrix = sp.ImmutableMatrix([[3, 0], [4, 0]])
        assert OperatorNorm(square).subs(square, matrix).doit() == 5
        assert OperatorNorm(square - square.T).subs(square, matrix).doit() == 4
        assert OperatorNorm(2 * square, 1).xreplace({square: matrix}).doit() == 14
        assert (sp.Rational(1, 4) * OperatorNorm(square)).subs(square, matrix).doit() == sp.Rational(5, 4)
        assert OperatorNorm(square).subs(square, sp.zeros(2, 2)).doit() == 0
        assert OperatorNorm(square).subs(square, sp.eye(2)).doit() == 1
        assert SpectralRadius(square).subs(square, matrix).doit() == 3

    def test_a_mutable_matrix_and_a_symbolic_size(self):
        sized = OperatorNorm(W).subs(n, 2)
        assert sized == OperatorNorm(sp.MatrixSymbol("W", 2, 2))
        assert sized.subs(sp.MatrixSymbol("W", 2, 2), sp.Matrix([[0, 2], [1, 0]])).doit() == 2

    def test_symbols_elsewhere_do_not_matter(self):
        x = sp.Symbol("x")
        assert OperatorNorm(W).diff(x) == 0
        assert (x * OperatorNorm(W)).diff(x) == OperatorNorm(W)
        assert OperatorNorm(W).subs(x, 2) == OperatorNorm(W)
        assert OperatorNorm(W).doit() == OperatorNorm(W)
        assert OperatorNorm(W).evalf() == OperatorNorm(W)

    def test_derived_from_an_entry_stays_a_derivative(self):
        x = sp.Symbol("x", real=True)
        assert OperatorNorm(sp.Matrix([[x, 1], [0, 1]])).diff(x).has(sp.Derivative)

    @pytest.mark.parametrize(
        "rewritten", [sp.simplify, sp.cancel, sp.together, sp.factor, sp.expand, sp.powsimp, sp.radsimp, sp.nsimplify]
    )
    def test_scalars_around_norms_can_be_rewritten(self, rewritten):
        size = sp.Symbol("n", integer=True, positive=True)
        V, W = sp.MatrixSymbol("V", size, size), sp.MatrixSymbol("W", size, size)
        square, other = OperatorNorm(V - W.T) + 1, OperatorNorm(W, 1)
        result = rewritten((square**2 - other**2) / (square - other) - square)
        assert sp.cancel(result - other) == 0

    def test_nested(self):
        inner = OperatorNorm(sp.Matrix([[3, 4]]))
        outer = OperatorNorm(sp.Matrix([[inner, 0], [0, 1]]))
        assert outer.doit() == 5
        assert float(outer.evalf()) == 5.0
        assert OperatorNorm(sp.Matrix([[3, 4]]).T).doit() == 5


class TestSpectra:
    @settings(max_examples=50)
    @given(SQUARES)
    def test_symmetric_matrices_have_closed_eigenvalues(self, matrix):
        symmetric = matrix + matrix.T
        expected = np.linalg.eigvalsh(numbers(symmetric).real)
        found = sorted(float(value) for value in closed_eigenvalues(sp.ImmutableMatrix(symmetric)))
        assert all(min(abs(value - expected)) < 1e-12 * (1 + abs(value)) for value in found)
        assert all(min(abs(value - np.array(found))) < 1e-6 for value in expected)

    def test_complex_roots_of_irreducible_polynomials_are_not_closed(self):
        assert closed_eigenvalues(sp.ImmutableMatrix(3, 3, [0, 1, 0, 0, 0, 1, 1, 0, 1])) is None
        radius = SpectralRadius(sp.Matrix(3, 3, [0, 1, 0, 0, 0, 1, 1, 0, 1]))  # the supergolden ratio
        assert float(radius.evalf()) == pytest.approx(1.465571231876768, rel=1e-14)

    @settings(max_examples=50)
    @given(MATRICES)
    def test_gram_is_the_smaller_product(self, matrix):
        assert gram(sp.ImmutableMatrix(matrix)).rows == min(matrix.shape)

    @settings(max_examples=50)
    @given(SQUARES)
    def test_product_of_singular_values_is_the_determinant(self, matrix):
        found = singular_values(sp.ImmutableMatrix(matrix), 100)
        assert found == sorted(found)
        assert len(found) == matrix.rows
        assert abs(sp.Mul(*found) - abs(matrix.det())) < 1e-24 * (1 + abs(matrix.det()))
        moduli = eigenvalue_moduli(sp.ImmutableMatrix(matrix), 100)
        assert abs(sp.Mul(*moduli) - abs(matrix.det())) < 1e-24 * (1 + abs(matrix.det()))
