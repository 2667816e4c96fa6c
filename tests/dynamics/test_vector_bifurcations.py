"""Bifurcations of models with several unknowns against known points, brute force, simulation and falsified claims."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from flint import arb

import symgrad as sg
from symgrad.dynamics.bifurcation_points import FLIP, HOPF, NEIMARK_SACKER, PITCHFORK, SADDLE_NODE, TRANSCRITICAL
from symgrad.dynamics.found_symmetries import symmetries_of
from symgrad.dynamics.vector_augmented import real_zero
from symgrad.dynamics.vector_bifurcations import vector_bifurcations
from symgrad.dynamics.vector_certificates import certify
from symgrad.dynamics.vector_conditions import FOLDS, Box, one_at_most
from symgrad.dynamics.vector_derivatives import Extended, column
from symgrad.dynamics.vector_search import search_box
from symgrad.dynamics.vector_values import vector_system
from symgrad.errors import InputError, UnknownNameError, UnsupportedExpressionError
from symgrad.rigor.balls import working_precision

G = sp.Symbol("g")


def bifurcations_of(model, parameter, values=None, interval=None, box=None, search=None, **options):
    return vector_bifurcations(model, parameter, values, interval, box, search, **{"branches": False} | options)


def gain_network(n, activation="tanh", bias=False):
    h, W = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("W", n, n)
    inner = G * W * h + sp.MatrixSymbol("b", n, 1) if bias else G * W * h
    return sg.Recurrence({h: sg.activation(activation)(inner)})


def flow(n=2):
    h, W, b = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("b", n, 1)
    return W, b, sg.Flow({h: -h + sg.activation("tanh")(W * h + b)})


def rotation(angle):
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def kinds(found):
    return [(point.kind, round(point.value, 9)) for point in found]


def test_rotation_has_a_neimark_sacker_point_at_gain_one():
    found = bifurcations_of(gain_network(2), G, {"W": rotation(0.7)}, interval=(-0.5, 1.3))
    (point,) = found
    assert found.complete
    assert kinds(found) == [(NEIMARK_SACKER, 1.0)]
    assert point.criticality == "supercritical"
    assert point.nondegenerate
    assert abs(float(point.coefficients["theta"]) - 0.7) < 1e-12
    assert float(point.parameter.rad()) < 1e-15
    assert any("exp(i k theta)" in text for text in point.conditions)


def test_lyapunov_coefficient_predicts_the_invariant_circle():
    matrix = rotation(0.7)
    (point,) = bifurcations_of(gain_network(2), G, {"W": matrix}, interval=(0.5, 1.3))
    d, speed = (float(point.coefficients[name]) for name in ("d", "d|lambda|/dp"))
    gain = 1.002
    x = np.array([0.1, 0.0])
    radii = []
    for step in range(6000):
        x = np.tanh(gain * matrix @ x)
        radii += [float(x @ x)] if step >= 4000 else []
    amplitude = -speed * (gain - 1) / d  # |zeta|^2 for x = zeta q + conj, |q| = 1: |x|^2 is 2 |zeta|^2 on average
    assert abs(np.mean(radii) - 2 * amplitude) < 0.02 * 2 * amplitude


def test_delayed_logistic_map():
    """Kuznetsov, example 4.2: theta = pi/3 and a(0) = -2 with an eigenvector of squared length 2."""
    x, y, r = sp.symbols("x y r")
    model = sg.Recurrence({x: r * x * (1 - y), y: x})
    found = bifurcations_of(model, r, {}, interval=(1.5, 2.5), box=(0.25, 0.75))
    (point,) = found
    assert found.complete
    assert kinds(found) == [(NEIMARK_SACKER, 2.0)]
    assert abs(float(point.coefficients["theta"]) - math.pi / 3) < 1e-12
    assert abs(float(point.coefficients["d"]) + 1) < 1e-12
    assert point.criticality == "supercritical"


@pytest.mark.slow
def test_wilson_cowan_populations_agree_with_brute_force():
    e, i, p = sp.symbols("e i p")
    s = sg.activation("sigmoid")
    model = sg.Flow({e: -e + s(12 * e - 8 * i + p), i: (-i + s(14 * e - 3 * i - 6)) / 2})
    found = bifurcations_of(model, p, {}, interval=(-6, 4))
    assert found.complete
    assert [point.kind for point in found] == [SADDLE_NODE, SADDLE_NODE, HOPF]
    grid, state = np.arange(-6, 4, 0.01), np.linspace(1e-6, 1 - 1e-6, 4001)
    before, changes = None, []
    for drive in grid:
        other = (12 * state + drive - np.log(state / (1 - state))) / 8  # the first equation solved for i
        rest = -other + 1 / (1 + np.exp(-(14 * state - 3 * other - 6)))
        at = np.flatnonzero(np.sign(rest[:-1]) != np.sign(rest[1:]))
        a, b = state[at] * (1 - state[at]), other[at] * (1 - other[at])
        matrices = np.array([[-1 + 12 * a, -8 * a], [7 * b, (-1 - 3 * b) / 2]]).transpose(2, 0, 1)
        now = sorted((np.linalg.eigvals(matrices).real > 0).sum(axis=1).tolist())
        changes += [drive] if before is not None and now != before else []
        before = now
    assert np.abs(np.array(changes) - [point.value for point in found]).max() < 0.02


def test_symmetries_that_hold_only_to_rounding_are_refused():
    model = gain_network(2, bias=True)
    values = {"W": np.array([[0.5, -1.0], [-1.0, 0.5]]), "b": np.array([0.25, 0.25])}
    assert [found.text for found in symmetries_of(extended(model, values), arb(1, 1))] == [
        "symmetry (h_1, h_2) -> (h_2, h_1)"
    ]
    values["b"] = np.array([0.25, 0.25 + 2e-16])
    assert symmetries_of(extended(model, values), arb(1, 1)) == ()


def test_resonances_are_reported():
    (point,) = bifurcations_of(gain_network(2), G, {"W": [[0, -1], [1, 0]]}, interval=(0.5, 1.2))
    assert point.kind == NEIMARK_SACKER
    assert point.nondegenerate is None  # i^4 = 1
    assert point.criticality is None


def test_hopf_point_of_a_flow():
    W, _, model = flow()
    found = bifurcations_of(model, W[0, 0], {"W": [[0, -2], [2, 1]], "b": [0, 0]}, interval=(0, 1.8))
    (point,) = found
    assert found.complete
    assert kinds(found) == [(HOPF, 1.0)]
    assert abs(float(point.coefficients["omega"]) - 2) < 1e-12
    assert abs(float(point.coefficients["dRe(lambda)/dp"]) - 0.5) < 1e-12


def test_first_lyapunov_coefficient_is_that_of_the_plane_formula():
    """Guckenheimer and Holmes, eq. (3.4.11), for x' = - w y + f, y' = w x + g; their a is l1 w / 2 where <q, q> = 1."""
    x, y, p = sp.symbols("x y p")
    f = x**2 / 2 + x * y / 3 - x**3 + y**2 / 4 + x * y**2 / 5
    g = -(x**2) / 3 + x * y / 2 + y**2 / 6 - y**3 / 2 + x**2 * y / 4
    w = sp.Rational(3, 2)
    model = sg.Flow({x: p * x - w * y + f, y: w * x + p * y + g})
    found = bifurcations_of(model, p, {}, interval=(-0.25, 0.25), box=(-0.1, 0.1))
    (point,) = found

    def d(e, *by):
        return sp.diff(e, *by).subs({x: 0, y: 0})

    cubic = d(f, x, x, x) + d(f, x, y, y) + d(g, x, x, y) + d(g, y, y, y)
    square = d(f, x, y) * (d(f, x, x) + d(f, y, y)) - d(g, x, y) * (d(g, x, x) + d(g, y, y))
    square += -d(f, x, x) * d(g, x, x) + d(f, y, y) * d(g, y, y)
    wanted = (cubic / 16 + square / (16 * w)) * 2 / w
    assert point.kind == HOPF
    assert abs(float(point.coefficients["l1"]) - float(wanted)) < 1e-12


def test_folds_of_decoupled_neurons():
    h, W, b = sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("W", 2, 2), sp.MatrixSymbol("b", 2, 1)
    model = sg.Recurrence({h: sg.activation("sigmoid")(W * h + G * b)})
    found = bifurcations_of(model, G, {"W": [[5, 0], [0, 1]], "b": [1, 0]}, interval=(-6, 6))
    roots = [(1 + sign * math.sqrt(1 - 4 / 5)) / 2 for sign in (1, -1)]
    wanted = sorted(math.log(x / (1 - x)) - 5 * x for x in roots)
    assert found.complete
    assert [point.kind for point in found] == [SADDLE_NODE] * 2
    assert np.allclose([point.value for point in found], wanted, atol=1e-13)
    assert all(point.nondegenerate and float(point.parameter.rad()) < 1e-15 for point in found)
    second = next(x for x in np.linspace(0, 1, 200001) if 1 / (1 + math.exp(-x)) - x < 0)
    assert all(abs(float(point.state[1]) - second) < 1e-4 for point in found)


@pytest.mark.slow
def test_flips_and_mirrored_pitchforks():
    found = bifurcations_of(gain_network(2), G, {"W": [[2, 0], [0, 1]]}, interval=(-0.75, 1.25))
    assert found.complete
    assert kinds(found) == [(FLIP, -0.5), (PITCHFORK, 0.5)] + [(PITCHFORK, 1.0)] * 3
    assert all(point.criticality == "supercritical" and point.nondegenerate for point in found)
    (flip, pitchfork, *_) = found
    assert abs(float(flip.coefficients["c"]) - 1 / 3) < 1e-12
    assert abs(float(pitchfork.coefficients["c"]) + 1 / 3) < 1e-12


@pytest.mark.slow
def test_mutual_inhibition_breaks_its_symmetry_in_a_pitchfork():
    h, b = sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("b", 2, 1)
    against = sp.ImmutableMatrix([[0, -1], [-1, 0]])
    model = sg.Flow({h: -h + sg.activation("sigmoid")(G * against * h + b)})
    found = bifurcations_of(model, G, {"b": [1, 1]}, interval=(3, 4.5))
    (point,) = found
    assert found.complete
    assert point.kind == PITCHFORK
    s = float(point.state[0])
    assert abs(point.value * s * (1 - s) - 1) < 1e-12  # g s'(z) = 1 on the branch h_1 = h_2
    assert abs(1 / (1 + math.exp(point.value * s - 1)) - s) < 1e-12
    assert any("h_2, h_1" in text for text in point.conditions)


def test_transcritical_and_flip_of_a_polynomial_map():
    x, y, r = sp.symbols("x y r")
    model = sg.Recurrence({x: r * x * (1 - x) + y / 10, y: y / 2 + x**2 * y})
    found = bifurcations_of(model, r, {}, interval=(0.5, 3.2), box={x: (-0.2, 0.69), y: (-0.2, 0.3)})
    assert found.complete
    assert kinds(found) == [(TRANSCRITICAL, 1.0), (FLIP, 3.0)]
    assert abs(float(found[1].coefficients["c"]) - 9) < 1e-9  # F_xx^2/4 + F_xxx/6 with F_xx = -6
    assert found[0].criticality is None


def changes_on_a_grid(matrix, bias, gains):
    """Where the number of fixed points or their stability changes, from Newton's method on many starts at each gain."""
    rng = np.random.default_rng(0)
    starts, size = rng.uniform(-1, 1, (60, len(bias))), len(bias)
    before, changes = None, []
    for gain in gains:
        x = starts.copy()
        for _ in range(60):
            s = np.tanh(gain * x @ matrix.T + bias)
            jac = (1 - s**2)[:, :, None] * gain * matrix - np.eye(size)
            x = x - np.linalg.solve(jac, (s - x)[..., None])[..., 0]
            x = np.clip(x, -3, 3)
        s = np.tanh(gain * x @ matrix.T + bias)
        good = np.abs(s - x).max(axis=1) < 1e-12
        roots = {tuple(np.round(row, 6)): row for row in x[good]}
        counts = []
        for row in roots.values():
            jac = (1 - np.tanh(gain * matrix @ row + bias) ** 2)[:, None] * gain * matrix
            counts.append(int((np.abs(np.linalg.eigvals(jac)) > 1).sum()))
        now = sorted(counts)
        changes += [gain] if before is not None and now != before else []
        before = now
    return changes


@pytest.mark.parametrize("seed", [11, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (3, 8))])
def test_random_networks_agree_with_a_grid(seed):
    rng = np.random.default_rng(seed)
    matrix, bias = 1.4 * rng.normal(size=(2, 2)), 0.3 * rng.normal(size=2)
    found = bifurcations_of(gain_network(2, bias=True), G, {"W": matrix, "b": bias}, interval=(0.1, 1.9))
    gains = np.linspace(0.1, 1.9, 181)
    changes = changes_on_a_grid(matrix, bias, gains)
    assert found.complete
    assert {math.ceil((point.value - 0.1) / 0.01) for point in found} == {round((g - 0.1) / 0.01) for g in changes}


def test_entries_of_weights_are_parameters():
    h, W, b = sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("W", 2, 2), sp.MatrixSymbol("b", 2, 1)
    model = sg.Recurrence({h: sg.activation("tanh")(W * h + b)})
    found = bifurcations_of(model, W[1, 1], {"W": [[0.5, 0], [0, 0]], "b": [0, 0]}, interval=(-1.125, 1.125))
    assert found.complete
    assert kinds(found) == [(FLIP, -1.0), (PITCHFORK, 1.0)]
    assert str(found.parameter[0]) == "W[1, 1]"
    bent = bifurcations_of(model, b[0, 0], {"W": [[2, 0], [0, 0.5]], "b": [0, 0.25]}, interval=(-1, 1))
    wanted = math.atanh(math.sqrt(0.5)) - 2 * math.sqrt(0.5)  # b = artanh(x) - 2 x where 2 (1 - x^2) = 1
    assert [point.kind for point in bent] == [SADDLE_NODE] * 2
    assert np.allclose([point.value for point in bent], [wanted, -wanted], atol=1e-13)


def test_gated_models():
    model = sg.models.gru()
    shapes = {str(s): tuple(1 for _ in s.shape) for s in (*model.parameters, *model.inputs)}
    values = {name: np.zeros(shape) for name, shape in shapes.items()}
    values |= {"W_hn": np.array([[2.0]]), "b_hr": np.full((1, 1), 40.0)}  # r = 1: h' = (1 - z) tanh(2 h + b) + z h
    found = bifurcations_of(model, model.symbol("b_in")[0, 0], values, interval=(-1, 1))
    wanted = math.sqrt(0.5) * 2 - math.atanh(math.sqrt(0.5))
    assert found.complete
    assert [point.kind for point in found] == [SADDLE_NODE] * 2
    assert np.allclose([point.value for point in found], [-wanted, wanted], atol=1e-9)


def test_kinks_are_no_obstacle_where_nothing_bifurcates():
    model = gain_network(2, "relu", bias=True)
    found = bifurcations_of(model, G, {"W": [[0.5, -1], [1, 0.25]], "b": [1, -0.25]}, interval=(0.1, 0.8), box=(-4, 4))
    assert found.complete
    assert not len(found)


def test_degenerate_points_are_left_open():
    found = bifurcations_of(gain_network(2), G, {"W": np.eye(2)}, interval=(0.96875, 1.03125), max_boxes=60)
    assert not found.complete
    assert any(1 in part for part in found.undecided)


@pytest.mark.slow
def test_continuation_finds_what_the_spectrum_of_a_large_network_says():
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(32, 32)) / math.sqrt(32)
    largest = max(np.linalg.eigvals(matrix), key=abs)
    low, high = 0.9 / abs(largest), 1.02 / abs(largest)
    found = bifurcations_of(gain_network(32), G, {"W": matrix}, interval=(low, high), starts=8)
    assert not found.complete
    (point,) = (p for p in found if abs(p.value - 1 / abs(largest)) < 1e-9)
    assert point.kind == (NEIMARK_SACKER if largest.imag else PITCHFORK if largest.real > 0 else FLIP)
    assert point.criticality == "supercritical"
    assert all(float(ball.rad()) < 1e-15 for ball in (point.parameter, *point.state))
    assert any(len(branch) > 3 for branch in found.branches)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"interval": None}, InputError, "interval"),
        ({"interval": (0, sp.oo)}, InputError, "finite"),
        ({"parameter": "q"}, UnknownNameError, "q"),
        ({"parameter": (G, "W")}, InputError, "one parameter"),
        ({"search": "fast"}, InputError, "search"),
        ({"max_boxes": 0}, InputError, "max_boxes"),
        ({"values": {}}, InputError, "W"),
    ],
)
def test_bad_input_is_named(change, error, words):
    given = {"parameter": G, "values": {"W": np.eye(2)}, "interval": (0.0, 1.0)} | change
    with pytest.raises(error, match=words):
        bifurcations_of(gain_network(2), **given)


def test_neutral_saddles_are_no_bifurcations():
    model = gain_network(2)
    found = bifurcations_of(model, G, {"W": [[2, 0], [0, 0.5]]}, interval=(0.9, 1.1))  # multipliers 2 g and g/2
    assert found.complete
    assert not len(found)


@pytest.mark.slow
def test_continuation_agrees_with_the_complete_search():
    rng = np.random.default_rng(11)
    given = {"W": 1.4 * rng.normal(size=(2, 2)), "b": 0.3 * rng.normal(size=2)}
    followed = bifurcations_of(gain_network(2, bias=True), G, given, (0.1, 1.9), search="continuation", starts=16)
    whole = bifurcations_of(gain_network(2, bias=True), G, given, (0.1, 1.9))
    assert kinds(followed) == kinds(whole)
    assert not followed.complete


def extended(model, values):
    return Extended(vector_system(model, values, free=[G]))


def logistic_folds():
    h, W, b = sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("W", 2, 2), sp.MatrixSymbol("b", 2, 1)
    model = sg.Recurrence({h: sg.activation("sigmoid")(W * h + G * b)})
    return extended(model, {"W": [[5, 0], [0, 1]], "b": [1, 0]})


def around(centre, radius):
    return Box(np.array(centre) - radius, np.array(centre) + radius)


def test_a_box_with_two_folds_is_not_said_to_hold_one():
    equations = logistic_folds()
    folds = [real_zero(equations, 1, np.array(start)) for start in ([0.28, 0.66, -2.34], [0.72, 0.66, -2.66])]
    first, second = ([float(entry) for entry in fold.z.entries()] for fold in folds)
    assert one_at_most(equations, FOLDS, around(first, 0.01))
    both = Box(np.minimum(first, second) - 1e-3, np.maximum(first, second) + 1e-3)
    assert not one_at_most(equations, FOLDS, both)


def test_a_box_with_two_pitchforks_is_not_said_to_hold_one():
    equations = extended(gain_network(2), {"W": [[2, 0], [0, 1]]})
    symmetries = symmetries_of(equations, arb(1, 1))
    point, _, alone = certify(equations, symmetries, FOLDS, np.array([0, 0, 0.48]))
    assert point.kind == PITCHFORK
    assert alone(around([0, 0, 0.5], 0.02))
    assert not alone(around([0, 0, 0.5], 0.51))  # that of the other neuron lies at g = 1


def test_shifted_points_are_refuted():
    equations = logistic_folds()
    fold = real_zero(equations, 1, np.array([0.28, 0.66, -2.34]))
    with working_precision(192):
        shifts = (0, 1e-12)
        moved = [column([entry + shift for entry in fold.z.entries()]) for shift in shifts]
        holds = [all(entry.contains(0) for entry in equations.residual(z).entries()) for z in moved]
        kept = [
            all(e.contains(0) for e in (equations.linearisation(z) * fold.vector - fold.vector).entries())
            for z in moved
        ]
    assert holds == [True, False]
    assert kept == [True, False]


def test_without_certificates_nothing_is_lost():
    equations = logistic_folds()
    whole = Box(np.array([0.0, 0.6, -3.0]), np.array([1.0, 0.7, -2.0]))
    outcome = search_box(equations, whole, lambda condition, start, reach: None, 400)
    for x in ((1 - math.sqrt(0.2)) / 2, (1 + math.sqrt(0.2)) / 2):
        p = math.log(x / (1 - x)) - 5 * x
        holding = [b for b in outcome.open if b.low[0] <= x <= b.high[0] and b.low[2] <= p <= b.high[2]]
        assert holding


@pytest.mark.slow
def test_curves_lead_through_every_point_of_a_complete_search():
    found = bifurcations_of(
        gain_network(2), G, {"W": [[1, 0.3], [0.2, 0.8]]}, (2, 2.5), [[-1, -0.8], [0, 1]], branches=True, starts=1
    )
    (fold,) = found
    assert fold.kind == SADDLE_NODE
    (through,) = [branch for branch in found.branches if fold in branch.special]
    assert abs(through.parameter.min() - fold.value) < 1e-9  # the curve turns back there
    assert len(np.unique(through.stable)) == 2


@pytest.mark.slow
def test_branches_carry_their_points():
    found = bifurcations_of(gain_network(2), G, {"W": [[2, 0], [0, 0.25]]}, interval=(0.25, 0.75), branches=True)
    (point,) = found
    through = [branch for branch in found.branches if point in branch.special]
    assert through
    assert {bool(flag) for branch in through for flag in branch.stable} == {True, False}
    for branch in found.branches:
        images = np.tanh(branch.parameter[:, None] * branch.states * [2, 0.25])
        assert np.abs(images - branch.states).max() < 1e-9


def test_jumps_have_no_jacobian():
    z = sp.Symbol("z", real=True)
    h, W = sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("W", 2, 2)
    model = sg.Recurrence({h: sg.activation("tanh")(G * W * sg.Activation("step", sp.Heaviside(z, 1))(h))})
    with pytest.raises(UnsupportedExpressionError, match="jumps"):
        bifurcations_of(model, G, {"W": np.eye(2)}, interval=(0, 1))


@pytest.mark.slow
def test_entries_go_by_name_as_well():
    _, b, model = flow()
    values = {"W": [[2, 1], [0, 0.5]], "b": [0, 0]}
    named = bifurcations_of(model, "b[0]", values, interval=(-0.9, 0.9))
    assert kinds(named) == kinds(bifurcations_of(model, b[0, 0], values, interval=(-0.9, 0.9)))
    assert [point.kind for point in named] == [SADDLE_NODE, SADDLE_NODE]


@pytest.mark.parametrize(
    ("entry", "told"),
    [("W[0]", "rows and columns"), ("b[0, 1]", "no entry"), ("W[2, 0]", "no entry"), ("g[0]", "a number")],
)
def test_names_of_no_entries_are_refused(entry, told):
    model = gain_network(2, bias=True)
    with pytest.raises(InputError, match=told):
        bifurcations_of(model, entry, {"W": [[2, 1], [0, 0.5]], "b": [0, 0], "g": 1}, interval=(0, 1))
