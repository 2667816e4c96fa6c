"""What a recurrence may be built from, and that all else is refused with the sub-expression at fault."""

from __future__ import annotations

import pytest
import sympy as sp
from sympy.matrices.expressions.hadamard import HadamardPower

import symgrad as sg
from symgrad.errors import InputError, SymgradError, UnsupportedExpressionError
from symgrad.language.operators import walk
from symgrad.language.well_formed import distinct_nodes

n, m = sp.symbols("n m", integer=True, positive=True)
W, A = (sp.MatrixSymbol(name, n, n) for name in "WA")
U = sp.MatrixSymbol("U", n, m)
h, b, v = (sp.MatrixSymbol(name, n, 1) for name in "hbv")
u = sp.MatrixSymbol("u", m, 1)
h2, W2 = sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("W", 2, 2)
c, k, w, x, y = sp.symbols("c k w x y")
tanh = sg.activation("tanh")

VECTORS_REFUSED = {
    "a state as a row": (h * h.T * b, "h: h .a state or input. is used as a matrix"),
    "a state as a matrix inside an activation": (tanh(h * h.T) * b, r"tanh\(h\*h.T\): h .* used as a matrix"),
    "an inverse of what varies": (sp.Inverse(sp.Identity(n) + sp.DiagMatrix(h)) * b, "h .a state .* used as a matrix"),
    "an entrywise product of what varies": (sp.HadamardProduct(W, sp.DiagMatrix(h)) * b, "h .* used as a matrix"),
    "an activation of a varying matrix": (tanh(W * sp.DiagMatrix(h)) * b, "h .* used as a matrix"),
    "a scalar made of a state": ((v.T * h)[0, 0] * W * h, r"the scalar factor Sum\("),
    "a trace": (sp.trace(W) * h, r"the scalar factor Trace\(W\) must be built from scalar parameters"),
    "an entry": (W[0, 0] * h, r"the scalar factor W\[0, 0\]"),
    "an unknown scalar function": (sp.zeta(c) * W * h, r"zeta\(c\): the function zeta"),
    "a complex scalar": (sp.I * h, "imaginary unit"),
    "an infinite scalar": (sp.oo * h, "oo: every number must be finite"),
    "a matrix power with a symbol": (W**k * h, r"W\*\*k: a matrix power needs a given integer exponent, got k"),
    "a root of a matrix": (W ** sp.Rational(1, 2) * h, "integer exponent, got 1/2"),
    "a symbolic entrywise power": (HadamardPower(h, k), "the exponent must be a number, got k"),
    "a symbolic entrywise power of a weight": (HadamardPower(W, k) * h, "the exponent must be a number, got k"),
    "a Kronecker product": (sp.KroneckerProduct(W, sp.Identity(1)) * h, "KroneckerProduct is not part of the language"),
    "a block matrix": (sp.BlockMatrix([[W, A]]) * sp.BlockMatrix([[h], [b]]), "BlockMatrix is not part"),
    "a diagonal of a matrix": (sp.DiagonalOf(W), "DiagonalOf is not part of the language"),
    "a diagonal matrix of a matrix": (sp.DiagonalMatrix(W) * h, "DiagonalMatrix is not part of the language"),
    "an unknown function of entries": (h.applyfunc(sp.zeta), "zeta"),
    "a function of two symbols": (h.applyfunc(sp.Lambda(x, x * w)), "has the parameter w"),
    "a sum of two sizes": (W * h + u, r"shapes do not fit, .* has shape \(n, 1\) and .* has \(m, 1\)|shape \(m, 1\)"),
    "a product of two sizes": (sp.MatMul(W, U * u) + sp.MatMul(W, u), "shapes do not fit"),
}


@pytest.mark.parametrize("case", VECTORS_REFUSED)
def test_vector_expressions_outside_the_language(case):
    expression, message = VECTORS_REFUSED[case]
    with pytest.raises(UnsupportedExpressionError, match=message):
        sg.Recurrence({h: expression}, inputs=[u])


FIXED_SIZE_REFUSED = {
    "entries of a state as a vector": (sp.Matrix([h2[1, 0], sp.tanh(h2[0, 0])]), "h .a state or input."),
    "entries of a state as a matrix": (sp.Matrix([[w, h2[0, 0]], [3, 4]]) * h2, "h .a state or input. is used"),
    "an entry that is not a number": (sp.Matrix([[sp.nan, 1], [0, 1]]) * h2, "nan: every number must be finite"),
    "an entry that is not real": (sp.Matrix([[sp.I, 1], [0, 1]]) * h2, "imaginary unit"),
    "an entry with an unknown function": (sp.Matrix([[sp.zeta(w), 1], [0, 1]]) * h2, r"zeta\(w\): the function zeta"),
}


@pytest.mark.parametrize("case", FIXED_SIZE_REFUSED)
def test_written_out_matrices_outside_the_language(case):
    expression, message = FIXED_SIZE_REFUSED[case]
    with pytest.raises(UnsupportedExpressionError, match=message):
        sg.Recurrence({h2: expression})


SCALARS_REFUSED = {
    "an unknown function": (w * sp.zeta(x), r"zeta\(x\): the function zeta is not part"),
    "a function of two arguments": (sp.besselj(0, x), r"besselj\(0, x\): the function besselj"),
    "an undefined function": (sp.tanh(sp.Function("f")(x)), r"f\(x\): the function f"),
    "an unknown function of a parameter": (sp.zeta(w) * x, r"zeta\(w\): the function zeta"),
    "a power with a symbol": (x**w, r"x\*\*w: Pow of 2 arguments"),
    "an exponential with a symbolic base": (w**x, r"w\*\*x: Pow"),
    "a derivative": (sp.Derivative(sp.Function("f")(x), x), "f"),
    "a sum over an index": (sp.Sum(x**k, (k, 0, 3)), "Sum"),
    "a complex factor": (sp.I * x, "imaginary unit"),
    "not a number": (sp.nan, "nan: every number must be finite"),
    "infinity": (sp.oo * x, "every number must be finite"),
    "an entry of a matrix": (W[0, 0] * x, "scalar symbols and numbers only"),
    "a norm": (sg.OperatorNorm(W) * x, "scalar symbols and numbers only"),
    "a jump of a parameter": (sp.Piecewise((x, w > 0), (0, True)), "Piecewise"),
}


@pytest.mark.parametrize("case", SCALARS_REFUSED)
def test_scalar_expressions_outside_the_language(case):
    expression, message = SCALARS_REFUSED[case]
    with pytest.raises(UnsupportedExpressionError, match=message):
        sg.Recurrence({x: expression})


@pytest.mark.parametrize(
    ("updates", "inputs", "message"),
    [
        ({}, (), "updates: a mapping .* with at least one state, got {}"),
        ([h], (), "updates: a mapping"),
        (None, (), "updates: a mapping"),
        ({h: "W*h"}, (), r"next state of h: a SymPy expression is needed, got str 'W\*h'"),
        ({h: [1, 2]}, (), "next state of h: a SymPy expression is needed, got list"),
        ({h: True}, (), "got bool True"),
        ({x: sp.Eq(x, 1)}, (), "next state of x: a SymPy expression is needed, got Equality"),
        ({h: u}, (), r"next state of h: got shape \(m, 1\), needed \(n, 1\): u"),
        ({h: sp.Integer(3)}, (), "next state of h: got shape None, needed"),
        ({x: h}, (), "next state of x: got shape"),
        ({3: x}, (), r"states: a MatrixSymbol of shape \(n, 1\) or a Symbol is needed, got int 3"),
        ({"h": x}, (), "states: .* got str 'h'"),
        ({W: W}, (), r"states: .* got MatrixSymbol W of shape \(n, n\)"),
        ({h: W * h}, [h], "inputs: h is given both as a state and as an input"),
        ({h: W * h}, [u, u], "inputs: the same symbol stands twice"),
        ({h: W * h}, "u", "inputs: a list of symbols is needed, got str 'u'"),
        ({h: W * h}, u, "inputs: a list of symbols is needed, got MatrixSymbol u"),
        ({h: W * h}, None, "inputs: a list of symbols is needed, got NoneType"),
        ({h: W * h}, [3], "inputs: a MatrixSymbol .* got int 3"),
        ({h: W * h}, [x], r"all vectors or all scalars, got h \(MatrixSymbol\), x \(Symbol\)"),
        ({h: W * h + sp.Symbol("h") * b}, (), "different symbols share the name h"),
        ({h: W * h + sp.MatrixSymbol("W", n, 1)}, (), "different symbols share the name W"),
        ({h: sp.Symbol("n") * W * h}, (), "different symbols share the name n"),
    ],
)
def test_bad_arguments(updates, inputs, message):
    with pytest.raises(InputError, match=message):
        sg.Recurrence(updates, inputs=inputs)


ACCEPTED = {
    "nested twice": tanh(W * tanh(W * h + U * u + b) + b),
    "residual": h + tanh(W * h),
    "antisymmetric": h + c * tanh((W - W.T - c * sp.Identity(n)) * h + b),
    "products of matrices": A * W * h + W**3 * h + W**-1 * b,
    "rank one": b * v.T * h,
    "Cayley transform": sp.Inverse(sp.Identity(n) + A) * (sp.Identity(n) - A) * h,
    "diagonals": sp.DiagMatrix(b) * h + sp.DiagMatrix(tanh(h)) * W * h,
    "transposed sum with a diagonal": sp.Transpose(W + sp.DiagMatrix(h)) * b,
    "adjoint": W.adjoint() * h,
    "scaled by the size": W * h / sp.sqrt(n),
    "ones": h + c * sp.OneMatrix(n, 1) + sp.OneMatrix(n, n) * h,
    "zero": sp.ZeroMatrix(n, 1),
    "three factors": sg.hadamard(h, tanh(W * h), b),
    "a mapped function": h.applyfunc(sp.exp) + h.applyfunc(sp.Lambda(x, x**2)),
    "entrywise powers": HadamardPower(h, 2) + HadamardPower(W, 2) * h,
    "an activated weight": tanh(W) * h,
    "unevaluated transposes": sp.Transpose(sp.Transpose(W * h)),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_vector_expressions_of_the_language(case):
    model = sg.Recurrence({h: ACCEPTED[case]}, inputs=[u])
    assert sg.jacobian(model).explicit(2).shape == (2, 2)


def test_a_transposed_sum_with_a_varying_diagonal_is_differentiated():
    jacobian = sg.jacobian(sg.Recurrence({h: sp.Transpose(W + sp.DiagMatrix(h)) * b})).explicit(2)
    assert jacobian == sp.diag(sp.MatrixSymbol("b", 2, 1)[0, 0], sp.MatrixSymbol("b", 2, 1)[1, 0])


def test_one_by_one_matrices():
    h1, w1 = sp.MatrixSymbol("h", 1, 1), sp.MatrixSymbol("w", 1, 1)
    found = sg.jacobian(sg.Recurrence({h1: tanh(w1 * h1)})).explicit()
    assert found[0, 0].equals(w1[0, 0] * (1 - sp.tanh(w1[0, 0] * h1[0, 0]) ** 2))


def test_a_row_of_parameters_stands_upright_and_a_single_one_is_an_identity():
    r, one = sp.MatrixSymbol("r", 1, 2), sp.MatrixSymbol("s", 1, 1)
    model = sg.Recurrence({h2: tanh(h2) + r.T})
    run = sg.simulate(model, {"r": [[3.0, -1.0]]}, initial={"h": [0.5, 2.0]}, steps=1)
    assert run.states["h"][-1] == pytest.approx([3 + float(sp.tanh(0.5)), -1 + float(sp.tanh(2))])
    single = sg.Recurrence({one: one + sp.Identity(1)})
    assert sg.simulate(single, initial={"s": [2.0]}, steps=1).states["s"][-1] == pytest.approx([3])


def test_floats_are_taken_at_their_shortest_decimal():
    model = sg.Recurrence({x: 0.1 * (0.3 * x + 0.7 * sp.tanh(1.1 * x))})
    assert not any(value.has(sp.Float) for value in sg.jacobian(model).explicit())
    vector = sg.Recurrence({h: 0.1 * h + 0.9 * tanh(0.3 * W * h)})
    assert not any(value.has(sp.Float) for value in sg.jacobian(vector).explicit(1))


def test_shared_parts_are_treated_once():
    """Ten residual steps in one expression are 2**10 paths to the state, but few different sub-expressions."""
    update = h
    for _ in range(10):
        update = update + tanh(W * update)
    model = sg.Recurrence({h: update})
    assert len(list(walk(model.nodes[h]))) < 100
    assert len(distinct_nodes(update)) < 100


def test_every_refusal_is_a_symgrad_error():
    assert issubclass(UnsupportedExpressionError, SymgradError)
