"""Bounds on flows against solutions of the differential equation, and against maps with small steps."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import symgrad as sg
from symgrad.bounds.flow_limit import right_derivative
from symgrad.bounds.flow_quadratic import rate_from_multipliers
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.calculus.slope_form import slope_form
from symgrad.errors import InputError, NoBoundError, UnknownNameError
from symgrad.language.weights import bind
from symgrad.rigor.logarithmic_norms import logarithmic_norm

n, m = sp.symbols("n m", positive=True, integer=True)
W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, n)
U = sp.MatrixSymbol("U", n, m)
x, y, b, p = (sp.MatrixSymbol(name, n, 1) for name in "xybp")
u = sp.MatrixSymbol("u", m, 1)
s, w, v, c, r = sp.symbols("s w v c r", real=True)
tau = sp.Symbol("tau", positive=True)
tanh, sigmoid, relu = (sg.activation(name) for name in ("tanh", "sigmoid", "relu"))
ONE = sp.OneMatrix(n, 1)

FLOWS = {
    "outside": sg.Flow({x: -x + tanh(W * x + U * u + b)}, inputs=[u]),
    "inside": sg.Flow({x: (-x + W * sigmoid(x) + U * u) / tau}, inputs=[u]),
    "rectified": sg.Flow({x: -2 * x + relu(W * x + b)}),
    "two": sg.Flow({x: -x + tanh(W * y + b), y: -3 * y + sigmoid(V * x)}),
    "gated": sg.Flow({x: sg.hadamard(sigmoid(V * x), tanh(W * x)) - x}),
    "gate of its own": sg.Flow({x: sg.hadamard(ONE - sigmoid(U * u), tanh(W * x) - x)}, inputs=[u]).assuming(
        {u: (-1, 1)}
    ),
    "time constants": sg.Flow({x: tanh(W * x) - sg.hadamard(p, x)}),
    "product": sg.Flow({x: -x + sg.hadamard(x, y), y: -y}).assuming({x: (-2, 2), y: (-1, 1)}),
    "scalar": sg.Flow({s: -s + sigmoid(w * s + c)}),
    "two scalars": sg.Flow({s: -s + tanh(w * r), r: -2 * r + v * tanh(s)}),
}
NORMS = pytest.mark.parametrize("norm", [1, 2, "inf"])
ORDERS = {"1": 1, "2": 2, "inf": np.inf}


def drawn(flow, seed, size=3, scale=1.0):
    """Weights by name; m is 2."""
    random = np.random.default_rng(seed)

    def shape(symbol):
        dims = getattr(symbol, "shape", ())
        return tuple({n: size, m: 2}.get(d, d) for d in dims if d != 1)

    return {
        str(symbol): np.abs(values) + 0.1 if symbol.is_positive else values
        for symbol in flow.parameters
        for values in [scale * random.standard_normal(shape(symbol))]
    }


class Solution:
    """The variational equation ``dX/dt = J(x(t), u(t)) X`` along a solution, by SciPy."""

    def __init__(self, flow, weights, seed):
        self.flow, self.values = flow, bind(flow.field, weights)
        self.random = np.random.default_rng(seed)
        self.sizes = {n: sp.Integer(self.values.sizes.get(n, 3)), m: sp.Integer(2)}
        lengths = [sp.sympify(getattr(state, "shape", (1, 1))[0]) for state in flow.states]
        self.lengths = [int(length.xreplace(self.sizes)) for length in lengths]
        self.inputs = {q: self.random.uniform(-1, 1, (2, 2)) for q in flow.inputs}
        self.jacobian = sg.jacobian(flow.field)

    def _at(self, time, state):
        balls = BallEvaluator.of_weights(self.values)
        balls.sizes |= self.sizes
        for symbol, part in zip(self.flow.states, np.split(state, np.cumsum(self.lengths)[:-1]), strict=True):
            balls.values[symbol] = column_of_balls(part)
        for symbol, waves in self.inputs.items():
            balls.values[symbol] = column_of_balls(waves[0] * np.cos(waves[1] * 3 * time))
        return balls

    def _floats(self, matrix):
        return np.array([[float(entry.mid()) for entry in row] for row in matrix.tolist()])

    def rate(self, time, stacked):
        total = sum(self.lengths)
        balls = self._at(time, stacked[:total])
        velocity = np.concatenate([self._floats(balls.vector(node)).ravel() for node in self.flow.field.nodes.values()])
        matrix = np.block([[self._floats(balls.operator(block)) for block in row] for row in self.jacobian.blocks])
        return np.concatenate([velocity, (matrix @ stacked[total:].reshape(total, total)).ravel()])

    def derivative(self, time, scale=1.0):
        """dx(T)/dx(0), with the states on the way."""
        total = sum(self.lengths)
        start = np.concatenate([scale * self.random.uniform(-1, 1, total), np.eye(total).ravel()])
        found = solve_ivp(self.rate, (0, time), start, rtol=1e-9, atol=1e-11)
        return found.y[total:, -1].reshape(total, total)


@NORMS
@pytest.mark.parametrize("name", FLOWS)
def test_no_solution_exceeds_the_bound(name, norm):
    flow = FLOWS[name]
    bound = sg.flow_bound(flow, norm)
    seed = len(str(norm)) + len(name)
    weights = drawn(flow, seed, scale=1.5)
    derivative = Solution(flow, weights, seed).derivative(0.7)
    size = np.linalg.norm(derivative, ORDERS[str(norm)])
    assert size <= bound.evaluate(weights, T=0.7) * (1 + 1e-7)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 3), norm=st.sampled_from([1, 2, "inf"]), data=st.data())
def test_slopes_that_stay_as_they_are_obey_the_bound(size, norm, data):
    """A Jacobian that is the same all the time is one of the cases: its exponential is known."""
    square = arrays.arrays(np.float64, (size, size), elements=st.floats(-4, 4))
    matrix, share = data.draw(square), data.draw(arrays.arrays(np.float64, size, elements=st.floats(0, 1)))
    series = sg.flow_bound(sg.Flow({x: -x + tanh(W * x)}), norm).with_weights({"W": matrix})
    order = ORDERS[str(norm)]
    for time in (0.25, 2.0):
        reached = np.linalg.norm(expm(time * (share[:, None] * matrix - np.eye(size))), order)
        assert reached <= series.at(time) * (1 + 1e-9)


@NORMS
@pytest.mark.parametrize("name", FLOWS)
def test_the_proof_passes_its_audit(name, norm):
    audit = sg.flow_bound(FLOWS[name], norm).proof.audit(instances=3)
    assert audit, audit.failures
    assert audit.steps >= 2


def test_closed_forms():
    mu, size = sg.LogarithmicNorm, sg.OperatorNorm
    assert sg.flow_bound(FLOWS["outside"]).mu == mu(W) / 2 + size(W) / 2 - 1
    assert sg.flow_bound(FLOWS["outside"], "inf").mu == sp.Max(0, mu(W, "inf")) - 1
    assert sg.flow_bound(sg.Flow({x: -x + W * sigmoid(x)}), 1).mu == sp.Max(0, mu(W, 1) / 4) - 1
    assert sg.flow_bound(sg.Flow({x: W * x - 2 * x})).mu == mu(W) - 2
    assert sg.flow_bound(FLOWS["scalar"]).mu == sp.Max(-1, w / 4 - 1)
    gain = sp.Matrix([[-1, size(W)], [size(V) / 4, -3]])
    assert sg.flow_bound(FLOWS["two"]).mu == mu(gain)
    assert sg.flow_bound(FLOWS["two"]).expr == sp.exp(mu(gain) * sp.Symbol("T", nonnegative=True))
    assert sg.flow_bound(FLOWS["scalar"]).vanishes == (sp.Max(-1, w / 4 - 1) < 0)
    assert sg.flow_bound(sg.Flow({x: -x})).vanishes == sp.true


@NORMS
def test_a_linear_flow_attains_the_bound(norm):
    """A symmetric matrix (for p = 2), one of row sums (p = inf) or column sums (p = 1) all alike and non-negative."""
    matrix = np.array([[0.5, 0.25, 0.0], [0.25, 0.25, 0.25], [0.0, 0.25, 0.5]])
    bound = sg.flow_bound(sg.Flow({x: -x + W * x}), norm)
    size = np.linalg.norm(expm(4 * (matrix - np.eye(3))), ORDERS[str(norm)])
    assert bound.evaluate({"W": matrix}, T=4) == pytest.approx(size, rel=1e-12)


@NORMS
def test_a_lower_rate_is_refuted_where_the_bound_is_tight(norm):
    matrix = np.array([[0.0, 0.5], [0.5, 0.0]])
    series = sg.flow_bound(sg.Flow({x: -x + W * x}), norm).with_weights({"W": matrix})
    size = np.linalg.norm(expm(3 * (matrix - np.eye(2))), ORDERS[str(norm)])
    claimed = series.mu - 0.1 * abs(series.mu)
    assert size > math.exp(3 * claimed) * 1.01
    assert size <= series.at(3)


def test_a_nonlinear_flow_attains_the_bound_at_its_steepest_point():
    """With an odd activation the origin is fixed, and the slope there is the largest."""
    matrix = np.array([[1.25, -0.5], [0.5, 1.25]])
    bound = sg.flow_bound(sg.Flow({x: -x + tanh(W * x)}))
    size = np.linalg.norm(expm(5 * (matrix - np.eye(2))), 2)
    value = bound.evaluate({"W": matrix}, T=5)
    assert size <= value
    assert math.log(value) / 5 <= (1.25 + math.hypot(1.25, 0.5)) / 2 - 1 + 1e-12


def test_a_scalar_flow_against_mpmath():
    """For a scalar autonomous flow dx(T)/dx(0) = f(x(T)) / f(x(0)) exactly."""
    with mpmath.workdps(30):

        def f(_, z):
            return -z + 1 / (1 + mpmath.exp(-6 * z + 2))

        solution = mpmath.odefun(f, 0, mpmath.mpf("0.9"))
        end = solution(2)
        ratio = abs(f(0, end) / f(0, mpmath.mpf("0.9")))
    bound = sg.flow_bound(FLOWS["scalar"])
    value = bound.evaluate({"w": 6.0, "c": -2.0}, T=2)
    assert float(ratio) <= value
    assert value == pytest.approx(math.exp(2 * (6 / 4 - 1)), rel=1e-14)
    contracting = bound.evaluate({"w": -3.0, "c": 1.5}, T=2)
    assert contracting == pytest.approx(math.exp(-2), rel=1e-14)


def test_values_are_rounded_up_and_never_under_or_overflow():
    bound = sg.flow_bound(sg.Flow({x: -x}))
    assert bound.evaluate({}, T=0) == 1
    far = bound.evaluate({}, T=10_000)
    assert far.log10 == pytest.approx(-10_000 / math.log(10), rel=1e-12)
    assert far > 0
    growing = sg.flow_bound(sg.Flow({s: w * s})).evaluate({"w": 5.0}, T=1000)
    assert growing == math.inf
    assert growing.log10 == pytest.approx(5000 / math.log(10), rel=1e-12)
    exact = mpmath.exp(mpmath.mpf("0.3"))
    assert mpmath.mpf(sg.flow_bound(sg.Flow({s: s})).evaluate({}, T=0.3)) >= exact * (1 - mpmath.mpf(10) ** -17)


def test_the_horizon():
    bound, delta = sg.flow_bound(FLOWS["scalar"]), sp.Symbol("delta", positive=True)
    closed = bound.horizon(delta)
    time = float(closed.subs({delta: sp.Rational(1, 100), w: 2}))
    assert time == pytest.approx(math.log(100) / 0.5)
    assert closed.subs({delta: sp.Rational(1, 100), w: 5}) == sp.oo
    assert closed.subs({delta: 2, w: 5}) == sp.oo
    assert closed.subs({delta: 2, w: 2}) == 0
    found = bound.horizon(0.01, {"w": 2.0, "c": 0.0})
    assert found >= math.log(100) / 0.5
    assert found == pytest.approx(math.log(100) / 0.5, rel=1e-14)
    assert bound.evaluate({"w": 2.0, "c": 0.0}, T=found) <= 0.01 * (1 + 1e-14)
    assert bound.horizon(0.01, {"w": 5.0, "c": 0.0}) == math.inf
    assert bound.horizon(3, {"w": 5.0, "c": 0.0}) == math.inf
    assert bound.horizon(3, {"w": 2.0, "c": 0.0}) == 0
    assert sg.flow_bound(sg.Flow({x: x})).horizon(0.1) == sp.oo


@NORMS
def test_numbers_are_never_worse_than_the_closed_form(norm):
    for name, flow in FLOWS.items():
        bound, weights = sg.flow_bound(flow, norm), drawn(flow, 5)
        series = bound.with_weights(weights)
        order = ORDERS[str(norm)]
        sizes = {q: sp.Rational(float(a)) for q, a in bind(flow.field, weights).values.items() if not a.ndim}
        explicit = {q: sp.Matrix(a) for q, a in bind(flow.field, weights).values.items() if a.ndim}
        assert name
        assert order
        closed = float(bound.mu.subs(sizes).subs(explicit).doit().evalf())
        assert series.mu <= closed + 1e-9 * (1 + abs(closed))


def test_entries_see_what_norms_do_not():
    """A negative weight of a unit on itself slows it down, which no norm of W shows."""
    matrix = np.array([[-4.0, 0.5], [0.5, -4.0]])
    series = sg.flow_bound(sg.Flow({x: -x + W * x}), "inf").with_weights({"W": matrix})
    assert series.mu == -4.5
    weights = {"W": np.diag([0.5, 3.0]), "V": np.diag([4.0, 0.1]), "b": np.zeros(2)}
    two = sg.flow_bound(FLOWS["two"], 2).with_weights(weights)
    assert two.rate.method != "closed form"
    assert two.mu < two.rates[0].rate - 0.1


# --- maps with small steps --------------------------------------------------------


@NORMS
@pytest.mark.parametrize("name", FLOWS)
def test_the_bound_of_the_map_tends_to_the_limit(name, norm):
    flow = FLOWS[name]
    bound, weights = sg.flow_bound(flow, norm), drawn(flow, 3, scale=0.8)
    limit = bound.limit_of_discretised()
    steps, time = 2**16, 1.5
    map_value = bound.discretised(sp.Rational(3, 2 * steps)).evaluate(weights, steps)
    closed = limit.rate
    values = bind(flow.field, weights).values
    numbers = {q: sp.Rational(float(a)) for q, a in values.items() if not a.ndim}
    matrices = {q: sp.Matrix(a) for q, a in values.items() if a.ndim}
    if limit.gain.rows == 1:
        expected = math.exp(float(closed.subs(numbers).subs(matrices).doit().evalf()) * time)
    else:
        gain = np.array(limit.gain.subs(numbers).subs(matrices).doit().evalf(), dtype=float)
        expected = np.linalg.norm(expm(gain * time), ORDERS[str(norm)])
    assert map_value == pytest.approx(expected, rel=2e-3)
    assert bound.with_weights(weights).mu <= float(closed.subs(numbers).subs(matrices).doit().evalf()) + 1e-9


def test_the_limit_of_one_neuron_with_sympy():
    limit = sg.flow_bound(FLOWS["scalar"]).limit_of_discretised()
    eps = limit.step
    assert limit.agrees
    for weight in (2, 10, -3):
        rate = limit.bound.rate.subs(w, weight)
        branch = max(sp.Max.make_args(rate), key=lambda part: float(part.subs(eps, sp.Rational(1, 1000))))
        part = branch.args[0] if isinstance(branch, sp.Abs) else branch
        part = part if part.subs(eps, 0) > 0 else -part
        assert sp.limit(part ** (1 / eps), eps, 0, "+") == sp.exp(limit.rate.subs(w, weight))


def test_the_limit_of_a_linear_map_is_the_bound_of_the_flow():
    for norm in (1, 2, "inf"):
        limit = sg.flow_bound(sg.Flow({x: W * x - 2 * x}), norm).limit_of_discretised()
        assert limit.agrees
        assert limit.rate == sg.LogarithmicNorm(W, norm) - 2
    explicit = sp.Matrix([[0, 1], [-1, -2]])
    state = sp.MatrixSymbol("x", 2, 1)
    written = sg.flow_bound(sg.Flow({state: explicit * state}), 2).limit_of_discretised()
    assert written.rate.doit() == sg.LogarithmicNorm(explicit).doit() == 0
    rough = sg.flow_bound(FLOWS["outside"]).limit_of_discretised()
    assert not rough.agrees
    assert rough.rate == sg.OperatorNorm(W) - 1


def test_the_map_of_doya_is_that_of_the_flow():
    flow = sg.Flow({s: -s + sigmoid(w * s + c)})
    neuron = sg.product_bound(sg.models.neuron(eps=None))
    eps = sp.Symbol("eps", positive=True)
    found = sg.flow_bound(flow).discretised()
    own = neuron.rate.subs({sp.Symbol("eps"): eps, sp.Symbol("w"): w})
    for weight, step in ((3, sp.Rational(1, 3)), (-20, sp.Rational(1, 2)), (8, 1)):
        values = {w: weight, eps: step}
        assert own.subs(values) == found.rate.subs(values)


def test_right_derivatives():
    h = sp.Symbol("h", positive=True)
    assert right_derivative(sp.Abs(1 - h) + h * sg.OperatorNorm(W), h) == (1, sg.OperatorNorm(W) - 1)
    assert right_derivative(sp.Max(1 - h, sp.Abs(-1 - 2 * h), 3 * h), h) == (1, 2)
    assert right_derivative(sg.OperatorNorm(sp.Identity(n) + h * W, 1), h) == (1, sg.LogarithmicNorm(W, 1))
    assert right_derivative(sg.OperatorNorm(h * W), h) == (0, sg.OperatorNorm(W))
    assert right_derivative(sp.sqrt(1 + 4 * h), h) == (1, 2)
    for unknown in (sp.sin(h), sp.sqrt(h), sp.Max(w, h), sp.Abs(w + h)):
        with pytest.raises(NoBoundError):
            right_derivative(unknown, h)


# --- bad input ----------------------------------------------------------------------


def test_bad_input():
    bound = sg.flow_bound(FLOWS["outside"])
    with pytest.raises(InputError, match="flow: a Flow is needed, got Recurrence"):
        sg.flow_bound(sg.models.elman())
    with pytest.raises(InputError, match="norm: got 3, accepted are 1, 2 and inf"):
        sg.flow_bound(FLOWS["outside"], 3)
    with pytest.raises(InputError, match=r"W .* missing"):
        bound.evaluate({}, T=1)
    with pytest.raises(InputError, match="T: a non-negative number is needed, got -1"):
        bound.evaluate({"W": np.eye(2)}, T=-1)
    with pytest.raises(InputError, match="T: a finite real number is needed, got str"):
        bound.at("long")
    with pytest.raises(InputError, match="delta: a positive number or expression is needed"):
        bound.horizon(0)
    with pytest.raises(UnknownNameError):
        bound.evaluate({"W": np.eye(2), "Q": 1.0}, T=1)
    with pytest.raises(NoBoundError, match="declare the range"):
        sg.flow_bound(sg.Flow({x: -x + sg.hadamard(x, y), y: -y}))


def test_of_missing_weights_nothing_is_supposed():
    """U and b do not matter, and need not be given."""
    assert sg.flow_bound(FLOWS["outside"]).evaluate({"W": np.zeros((2, 2))}, T=1) == pytest.approx(math.exp(-1))


# --- numbers beside the closed form -----------------------------------------------


FORMS = {
    "one layer of slopes": sg.models.elman("tanh"),
    "slopes inside": sg.models.sigmoid_rnn(),
    "slopes of slopes": sg.Recurrence({x: -x + V * tanh(W * tanh(V * x + b))}),
    "gates": sg.models.gru().assuming({"h": (-1, 1), "u": (-1, 1)}),
    "two states": sg.models.lstm().assuming({"c": (-2, 2), "u": (-1, 1)}),
}


@pytest.mark.parametrize("name", FORMS)
def test_no_slopes_in_the_box_exceed_the_rate_from_multipliers(name):
    """Against random corners of the box of slopes and points within, the Jacobian by its own formula."""
    random = np.random.default_rng(7)
    form = slope_form(FORMS[name], bind(FORMS[name], drawn(FORMS[name], 11)))
    (rate,) = rate_from_multipliers(form)
    largest = -np.inf
    for trial in range(300):
        share = random.integers(0, 2, form.count) if trial % 2 else random.random(form.count)
        matrix = form.at(form.low + share * (form.high - form.low))
        largest = max(largest, np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
    assert largest <= rate
    assert rate <= logarithmic_norm(np.abs(form.magnitudes()), 2).upper + 1e-6


def test_the_multipliers_are_sharp_for_one_slope():
    """With one slope in [0, 1] the largest rate is at an end: the eigenvalue of the symmetric part of u v^T."""
    left, right = np.array([[1.0], [2.0]]), np.array([[0.5, -1.0]])
    state = sp.MatrixSymbol("x", 2, 1)
    model = sg.Recurrence({state: sp.Matrix(left) * tanh(sp.Matrix(right) * state)})
    form = slope_form(model, bind(model, {}))
    (rate,) = rate_from_multipliers(form)
    exact = max(0.0, float(np.linalg.eigvalsh((left @ right + (left @ right).T) / 2)[-1]))
    assert exact <= rate <= exact * (1 + 1e-3)


@NORMS
def test_comparison_with_a_metzler_matrix(norm):
    """A matrix that is strongly non-normal: its norm may grow at first, and the comparison knows that it falls."""
    matrix = np.array([[0.0, 50.0], [0.0, 0.0]])
    bound = sg.flow_bound(sg.Flow({x: -x + W * x}), norm)
    series = bound.with_weights({"W": matrix})
    assert series.mu > 0
    far = series.at(100)
    assert far.method == "comparison"
    assert far < 1e-30
    assert far >= np.linalg.norm(expm(100 * (matrix - np.eye(2))), ORDERS[str(norm)])
    assert series.horizon(sp.Rational(1, 100)) < 40
    for time in (0.1, 1.0, 5.0, 20.0):
        assert series.at(time) >= np.linalg.norm(expm(time * (matrix - np.eye(2))), ORDERS[str(norm)])


def test_the_slopes_halve_what_norms_say():
    random = np.random.default_rng(2)
    matrix = 0.9 * random.standard_normal((16, 16)) / 4
    series = sg.flow_bound(FLOWS["outside"]).with_weights({"W": matrix})
    closed = float(series.rates[0].rate)
    assert series.rate.method == "slopes"
    assert series.mu + 1 < 0.9 * (closed + 1)
    other = sg.flow_bound(FLOWS["outside"], "inf").with_weights({"W": matrix})
    assert other.at(20).method == "slopes, Euclidean"


def test_a_size_that_matters_is_not_supposed():
    """Rows of ones sum over as many inputs as there are, which the weights do not tell: the slopes stay unknown."""
    far = sp.OneMatrix(n, m) * u / 4 + 4 * sp.OneMatrix(n, 1)
    flow = sg.Flow({x: -x + W * tanh(far + x)}, inputs=[u]).assuming({u: (-1, 1), x: (-1, 1)})
    series = sg.flow_bound(flow).with_weights({"W": np.eye(2)})
    assert {rate.method for rate in series.rates} == {"closed form"}
    free = sg.Flow({x: -x + W * tanh(U * u + x)}, inputs=[u]).assuming({u: (-1, 1), x: (-1, 1)})
    assert "slopes" in {rate.method for rate in sg.flow_bound(free).with_weights({"W": np.eye(2)}).rates}


@NORMS
@pytest.mark.parametrize("scale", [0.0, 1e-320, 1e-150, 1e30, 1e80, 1e120, 1e308])
def test_at_the_edges_of_float64(scale, norm):
    matrix = scale * np.array([[0.5, 1.0], [1.0, -1.0]])
    for flow in (FLOWS["two"], FLOWS["outside"], sg.Flow({x: -x + V * tanh(W * tanh(V * x))})):
        given = {name: matrix for name in ("W", "V") if name in map(str, flow.parameters)}
        series = sg.flow_bound(flow, norm).with_weights(given)
        assert series.at(1) >= math.exp(-3)
        assert scale > 1e100 or series.at(0) == 1
        assert series.at(1) < 1 or scale > 1
