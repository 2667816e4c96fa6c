"""Activations of users, and activations applied to SymPy vectors and scalars."""

from __future__ import annotations

import pickle

import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, SymgradError, UnknownNameError, UnsupportedExpressionError

z, t = sp.symbols("z t")
n = sp.Symbol("n", integer=True, positive=True)
h, W = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("W", n, n)


class TestOwnFormulas:
    def test_the_formula_decides(self):
        mine, known = sg.Activation("mine", z * sp.tanh(sp.log(1 + sp.exp(z)))), sg.activation("mish")
        assert mine.expr == known.expr
        assert mine.derivative.expr == known.derivative.expr
        assert float(mine.slope.sup) == float(known.slope.sup)
        assert mine != known
        assert mine == sg.Activation("mine", t * sp.tanh(sp.log(1 + sp.exp(t))))

    def test_any_assumption_on_the_symbol(self):
        forms = [sp.Symbol("z"), sp.Symbol("z", real=True), sp.Symbol("q", positive=True), sp.Dummy("z")]
        found = [sg.Activation("f", 1 / (1 + sp.exp(-s))) for s in forms]
        assert all(activation == found[0] for activation in found)
        assert found[0].slope.sup == sp.Rational(1, 4)

    def test_constants_and_floats(self):
        assert sg.Activation("constant", 3).slope.sup_abs == 0
        swish = sg.Activation("quick_gelu", z / (1 + sp.exp(-1.702 * z)))
        assert float(swish.slope.sup) == pytest.approx(1.0998393201, abs=1e-9)

    @pytest.mark.parametrize(
        ("formula", "inf", "sup"),
        [
            (sp.Abs(z), -1, 1),
            (sp.Max(z, 0), 0, 1),
            (sp.Min(sp.Max(z, -1), 1), 0, 1),
            (z + sp.sin(z), 0, 2),
            (sp.log(z + sp.sqrt(1 + z**2)), 0, 1),
            (z**2, -sp.oo, sp.oo),
            (sp.exp(z), 0, sp.oo),
            (sp.tanh(z) ** 2, -4 / (3 * sp.sqrt(3)), 4 / (3 * sp.sqrt(3))),
            (sp.Piecewise((0, z < 0), (z, z < 6), (6, True)), 0, 1),
        ],
    )
    def test_slopes(self, formula, inf, sup):
        slope = sg.Activation("f", formula).slope
        assert sp.simplify(slope.inf - inf) == 0 or slope.inf == inf
        assert sp.simplify(slope.sup - sup) == 0 or slope.sup == sup

    def test_slope_on_an_interval(self):
        tanh = sg.activation("tanh")
        assert tanh.slope_on(sp.Interval(-1, 1)).inf.equals(1 - sp.tanh(1) ** 2)
        assert tanh.range_on(sp.Interval(0, sp.oo)).inf == 0
        assert sg.activation("relu").slope_on(sp.Interval(1, 2)).inf == 1

    @pytest.mark.parametrize(
        ("formula", "kind", "message"),
        [
            (z * t, InputError, "must be a formula in one symbol, got the symbols t, z"),
            ("z", InputError, "needs a SymPy expression, got str"),
            (None, InputError, "needs a SymPy expression, got NoneType"),
            (sp.Matrix([z]), InputError, "needs a SymPy expression, got MutableDenseMatrix"),
            (sp.Eq(z, 1), InputError, "needs a SymPy expression, got Equality"),
            (sp.nan, InputError, "must be finite, got nan"),
            (sp.oo, InputError, "must be finite, got oo"),
            (sp.zeta(z), UnsupportedExpressionError, "zeta"),
            (sp.besselj(0, z), UnsupportedExpressionError, "besselj"),
            (sp.Function("f")(z), UnsupportedExpressionError, "f"),
            (sp.I * z, UnsupportedExpressionError, "imaginary unit"),
            (sp.floor(z), UnsupportedExpressionError, "floor"),
        ],
    )
    def test_refused(self, formula, kind, message):
        with pytest.raises(kind, match=message):
            sg.Activation("f", formula)

    @pytest.mark.parametrize("name", ["", None, 3])
    def test_names(self, name):
        with pytest.raises(InputError, match="name: an activation needs a non-empty string"):
            sg.Activation(name, z)

    def test_what_cannot_be_proved_says_so(self):
        for formula in (sp.sqrt(z), sp.sin(z**2), sp.Piecewise((z, z > 0))):
            with pytest.raises(SymgradError):
                _ = sg.Activation("f", formula).slope


class TestByName:
    @pytest.mark.parametrize("name", ["tahn", 3, None, ["tanh"], {}])
    def test_unknown(self, name):
        with pytest.raises(UnknownNameError, match="unknown activation"):
            sg.activation(name)

    def test_parameters(self):
        assert sg.activation("elu", alpha=0.1).range.inf == -sp.Rational(1, 10)
        assert sg.activation("elu", alpha=sp.sqrt(2)).slope.sup == sp.sqrt(2)
        assert str(sg.activation("elu", alpha=2)) == "elu(alpha=2)"
        assert sg.activation("elu", alpha=1) is sg.activation("elu")
        with pytest.raises(UnknownNameError, match="unknown parameter of activation elu 'beta': Known: alpha"):
            sg.activation("elu", beta=1)
        for value in ("x", float("nan"), float("inf"), True, sp.Symbol("q"), sp.I):
            with pytest.raises(InputError, match="alpha of activation elu: a finite real number is needed"):
                sg.activation("elu", alpha=value)

    def test_an_activation_is_returned_as_it_is(self):
        mine = sg.Activation("mine", z**3)
        assert sg.activation(mine) is mine
        with pytest.raises(InputError, match="slope: parameters belong to a name"):
            sg.activation(mine, slope=1)


class TestApplication:
    tanh = sg.activation("tanh")

    def test_vectors(self):
        applied = self.tanh(W * h)
        assert applied.shape == (n, 1)
        assert str(applied) == "tanh(W*h)"
        assert sp.latex(applied) == r"\tanh\left(W h\right)"
        assert applied.activation == self.tanh
        assert applied.argument == W * h
        assert applied.func(*applied.args) == applied
        assert pickle.loads(pickle.dumps(applied)) == applied
        assert applied.subs(W, sp.Identity(n)).doit() == self.tanh(h)

    def test_entries(self):
        sized = self.tanh(sp.MatrixSymbol("h", 2, 1))
        assert sized.as_explicit().doit()[1, 0] == sp.tanh(sp.MatrixSymbol("h", 2, 1)[1, 0])
        written = self.tanh(sp.Matrix([0, 1]))
        assert written.as_explicit().applyfunc(lambda e: e.doit()) == sp.Matrix([0, sp.tanh(1)])

    def test_scalars(self):
        applied = self.tanh(2 * t)
        assert applied.diff(t).doit().equals(2 * (1 - sp.tanh(2 * t) ** 2))
        assert applied.free_symbols == {t}
        assert applied.subs(t, 0).doit() == 0
        assert float(sg.activation("sigmoid")(1.5).evalf()) == pytest.approx(0.8175744761936437, rel=1e-15)
        assert sg.activation("relu")(sp.Integer(-3)).evalf(30) == 0
        assert float(sg.activation("gelu")(sp.Rational(1, 2)).evalf(25)) == pytest.approx(
            0.34573123063700656, rel=1e-14
        )

    @pytest.mark.parametrize("argument", ["x", None, [1, 2]])
    def test_refused(self, argument):
        with pytest.raises(InputError, match="argument of tanh: a SymPy vector or scalar"):
            self.tanh(argument)


class TestHadamard:
    def test_products(self):
        assert sg.hadamard(h, W * h).shape == (n, 1)
        assert sg.hadamard(t, z) == t * z
        assert sg.hadamard(sp.Matrix([1, 2]), sp.Matrix([3, 4])).doit() == sp.Matrix([3, 8])

    @pytest.mark.parametrize(
        ("factors", "message"),
        [
            ((h,), "needs at least two, got 1"),
            ((), "needs at least two, got 0"),
            ((h, W), r"needs one shape, got h of shape \(n, 1\), W of shape \(n, n\)"),
            ((h, t), "needs one shape"),
            ((h, 3), "takes SymPy expressions, got int 3"),
            ((h, "h"), "takes SymPy expressions, got str"),
        ],
    )
    def test_refused(self, factors, message):
        with pytest.raises(InputError, match=message):
            sg.hadamard(*factors)
