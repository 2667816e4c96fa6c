"""What is printed: the forms that readers expect, decimals, shorthand, proofs and tables."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.present import check_table, latex, text, to_dict
from symgrad.present.checks import check_rows
from symgrad.present.numbers import decimal_digits, reads_as_decimal
from symgrad.present.powers import UP, power_latex, power_text

n = sp.Symbol("n", integer=True, positive=True)
W, h, u = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("u", n, 1)
LSTM = sg.models.lstm().assuming({"c": (-16, 16), "u": (0, 1)})


def test_the_usual_forms() -> None:
    elman = sg.models.elman()
    assert latex(elman) == r"h_{t} = \tanh\left(W h_{t-1} + U u_{t} + b\right)"
    assert latex(sg.jacobian(elman)) == (
        r"\frac{\partial h_{t}}{\partial h_{t-1}} = "
        r"\operatorname{diag}\left(\tanh'\left(W h_{t-1} + U u_{t} + b\right)\right) W"
    )
    assert latex(sg.product_bound(sg.models.sigmoid_rnn())) == (
        r"\left\lVert J_{t} J_{t-1} \cdots J_{t-k+1}\right\rVert_{2} \le "
        r"\left(\frac{\left\lVert W_{rec}\right\rVert_{2}}{4}\right)^{k}"
    )
    assert text(sg.product_bound(sg.models.residual("sigmoid"), "inf")) == (
        "||J[t]*J[t-1]*...*J[t-k+1]||_inf <= (||W||_inf/4 + 1)**k"
    )


def test_the_lstm_is_written_through_its_new_cell_state() -> None:
    assert (
        r"h_{t} &= \sigma\left(W_{ho} h_{t-1} + W_{io} u_{t} + b_{ho} + b_{io}\right) \odot \tanh\left(c_{t}\right)"
        in latex(LSTM)
    )
    assert r"\odot \tanh'\left(c_{t}\right)\right) \frac{\partial c_{t}}{\partial h_{t-1}}" in latex(sg.jacobian(LSTM))


def test_the_gain_matrix_its_eigenvalues_and_its_power_are_written_in_symbols() -> None:
    written = latex(sg.product_bound(LSTM))
    assert r"\le \left\lVert G^{k}\right\rVert_{2}" in written
    assert (
        r"\frac{\lambda_{1}^{k} \left(G - \lambda_{2} I\right) - \lambda_{2}^{k} \left(G - \lambda_{1} I\right)}"
        in written
    )
    assert len(written) < 1500


@pytest.mark.parametrize(("b", "c"), [(2, 3), (0, 5), (1, 0)])
@pytest.mark.parametrize(("a", "d"), [(1, 4), (2, 2)])
def test_the_printed_power_of_a_gain_matrix_is_its_power(a: int, b: int, c: int, d: int) -> None:
    x, y = sp.symbols("x y")
    bound = sg.product_bound(sg.Recurrence({x: a * x + b * y, y: c * x + d * y}))
    G, power = sp.Matrix(bound.gain), 7
    lines = dict(line.split(" = ") for line in text(bound).splitlines() if " = " in line)
    trace, det = G.trace(), G.det()
    root = sp.sqrt(trace**2 - 4 * det) / 2
    names = {"G": G, "I": sp.eye(2), "k": power, "lambda1": trace / 2 + root, "lambda2": trace / 2 - root}
    names["lambda"] = trace / 2
    formula = lines["G**k"].replace("lambda*", "lambda1*").replace("lambda**", "lambda1**")
    assert sp.simplify(eval(formula, {}, names) - G**power) == sp.zeros(2, 2)


def test_three_states_keep_the_power() -> None:
    x, y, z = sp.symbols("x y z")
    bound = sg.product_bound(sg.Recurrence({x: sp.tanh(y) / 2, y: z / 3 + x, z: x}))
    assert "||G**k||_2" in text(bound)
    assert "lambda" not in text(bound)


def test_a_claim_is_not_written_as_a_theorem() -> None:
    claim = sg.product_bound(sg.models.elman()).tightened(0.5)
    assert r"\overset{?}{\le}" in latex(claim)
    assert text(claim).splitlines() == [
        "||J[t]*J[t-1]*...*J[t-k+1]||_2 <=? (||W||_2/2)**k",
        "(a claim: the proved rate times 1/2)",
    ]
    data = to_dict(claim)
    assert (data["proved"], data["factor"], data["proof"]) == (False, "1/2", None)


def test_only_ranges_that_the_bound_rests_on_are_named_with_it() -> None:
    assert "c[t] in [-16, 16]" in text(sg.product_bound(LSTM))
    assert "u[t]" not in text(sg.product_bound(LSTM))
    assert "each entry of u[t] in [0, 1]" in text(LSTM)


def test_constants_known_by_enclosure_are_marked_and_explained() -> None:
    bound = sg.product_bound(sg.models.elman("silu"))
    assert r"1.09983932012887\ldots \left\lVert W" in latex(bound)
    assert r"1.09983932012887\ldots &= \sup \operatorname{SiLU}'\quad\text{(enclosed)}" in latex(bound)
    assert "1.09983932012887... = sup silu' (enclosed)" in text(bound)
    assert list(to_dict(bound)["enclosed"]) == ["1.09983932012887..."]


def test_long_decimals_are_cut_off_not_written_as_fractions() -> None:
    bound = sg.product_bound(sg.models.elman("selu"))
    assert r"1.7580993408473768\ldots \left\lVert W" in latex(bound)
    assert "(1.7580993408473768...*||W||_2)**k" in text(bound)
    exact = sg.activation("selu").slope.sup
    assert f"({exact.p}*OperatorNorm(W)/{exact.q})**k" == to_dict(bound)["expr"]["text"]


@pytest.mark.slow
@given(st.fractions(min_value=-100, max_value=100), st.integers(0, 40))
def test_decimal_digits_are_the_number_or_its_beginning(fraction: object, places: int) -> None:
    number = sp.Rational(round(fraction * 10**places), 10**places)
    digits, complete = decimal_digits(number)
    assert (sp.Rational(digits) == number) == complete
    assert abs(sp.Rational(digits)) <= abs(number)
    assert abs(sp.Rational(digits) - number) <= abs(number) / 10**16
    assert not reads_as_decimal(sp.Rational(1, 3))


@given(st.floats(-1e5, 1e5), st.integers(1, 6))
def test_powers_of_ten_are_right_and_round_up_on_demand(log10: float, digits: int) -> None:
    getcontext().prec = 40
    exact = Decimal(10) ** Decimal(log10)
    nearest, above = Decimal(power_text(log10, digits)), Decimal(power_text(log10, digits, rounding=UP))
    unit = Decimal(10) ** (math.floor(log10) - digits + 1)
    assert abs(nearest - exact) <= unit * Decimal("0.5000001")
    assert exact <= above <= exact + unit * Decimal("1.0000001")


@pytest.mark.parametrize(
    ("log10", "written"),
    [(0.0, "1"), (3.0, "1000"), (2.0, "100"), (-2.0, "0.01"), (5.0, "1.00e+5"), (-40.5, "3.16e-41"), (-math.inf, "0")],
)
def test_powers_of_ten_read_well(log10: float, written: str) -> None:
    assert float(power_text(log10)) == float(written)
    assert power_text(1e5 + 0.5, 2) == "3.2e+100000"
    assert power_latex(-40.5) == r"3.16 \cdot 10^{-41}"


def test_functions_that_a_name_does_not_explain_are_written_out() -> None:
    z = sp.Symbol("z")
    mine = sg.Activation("mine", z / (1 + z**2))
    model = sg.Recurrence(
        {h: mine(W * h) + sg.activation("leaky_relu", slope=0.2)(u) + sp.HadamardPower(h, 3)}, inputs=[u]
    )
    lines = text(model).splitlines()
    assert "mine(z) = z/(z**2 + 1)" in lines
    assert "leaky_relu(slope=1/5)(z) = Piecewise((z, z > 0), (z/5, True))" in lines
    assert "f(z) = z**3" in lines
    assert "tanh(z)" not in text(sg.models.elman())


def test_names_of_ours_give_way_to_those_of_the_user() -> None:
    J, G, a = sp.MatrixSymbol("J", n, n), sp.MatrixSymbol("G", n, n), sp.MatrixSymbol("a", n, 1)
    s = sg.activation("sigmoid")(J * h + G * u + a)
    model = sg.Recurrence({h: sg.hadamard(s, sg.activation("tanh")(h)) + s}, inputs=[u])
    written = text(sg.product_bound(model).proof)
    assert "||F[t]*F[t-1]*...*F[t-k+1]||_2" in written
    assert "p[t] = J*h[t-1] + G*u[t] + a" in written


def test_a_proof_names_rule_premises_hypotheses_and_source_of_each_step() -> None:
    proof = sg.product_bound(LSTM).proof
    data, written, typeset = to_dict(proof), text(proof), latex(proof)
    assert [step["number"] for step in data["steps"]] == list(range(1, len(proof) + 1))
    assert all(p < step["number"] for step in data["steps"] for p in step["premises"])
    for step, entry in zip(proof, data["steps"], strict=True):
        assert (entry["rule"], entry["source"]) == (step.rule.name, step.rule.source)
        assert entry["hypotheses"] == list(step.rule.hypotheses)
        assert f"({step.number})" in typeset
        assert step.rule.statement in typeset
    words = " ".join(written.split())
    assert written.splitlines()[0].startswith("J[t] = ")
    assert all(word in words for word in ("statement", "hypothesis", "source", "declared range", "Ostrowski"))


def test_equality_is_claimed_only_where_every_step_below_is_one() -> None:
    steps = to_dict(sg.product_bound(sg.models.leaky()).proof)["steps"]
    relations = {step["statement"]["text"]: step["relation"] for step in steps}
    assert relations["||(1 - alpha)*I||_2 = |alpha - 1|"] == "="
    assert relations["||alpha*diag(tanh'(a[t]))*W||_2 <= alpha*||W||_2"] == "<="  # homogeneity, but of a bound


def test_an_audit_in_print() -> None:
    audit = sg.product_bound(sg.models.elman()).proof.audit(instances=2)
    assert text(audit) == "5 steps checked on 2 random instances each: all hold"
    assert to_dict(audit)["holds"] is True


def test_a_check_in_print() -> None:
    weights = {"W": np.array([[0.0, 3.0], [3.0, 0.0]]), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    bound = sg.product_bound(sg.models.elman("identity"))
    true = sg.verify(bound, weights, horizon=40, trajectories=3)
    rows = [line.split() for line in check_table(true).splitlines()[2:]]
    assert [row[0] for row in rows] == ["1", "2", "5", "10", "20", "40"]
    assert rows[-1][1:] == ["1.22e+19", "1.22e+19", "1", "observed"]
    assert [line.split()[0] for line in check_table(true, [3]).splitlines()[2:]] == ["3"]
    with pytest.raises(sg.InputError, match="k: an integer from 1 to 40 is needed, got 41"):
        check_table(true, [1, 41])
    false = sg.verify(bound.tightened(0.9), weights, horizon=40, trajectories=3)
    assert "witness: trajectory" in text(false)
    assert to_dict(false)["witness"]["k"] == false.witness.k
    assert [row["verdict"] for row in to_dict(false)["rows"]][false.witness.k - 1] == "refuted"
    assert len(to_dict(false)["rows"]) == 40


def test_rows_without_any_trajectory_in_range_say_so() -> None:
    model = sg.models.elman("identity").assuming({"h": (-1, 1)})
    weights = {"W": np.eye(1), "U": np.ones((1, 1)), "b": np.full(1, 50.0)}
    check = sg.verify(sg.product_bound(model), weights, horizon=3, trajectories=4)
    assert [row.verdict for row in check_rows(check)] == ["observed", "undecided", "undecided"]
    assert check_table(check).splitlines()[-1].split() == ["3", "1", "none", "none", "undecided"]
    assert to_dict(check)["rows"][-1]["log10_observed"] is None
    assert r"\text{none} & \text{none} & \text{undecided}" in latex(check)


def test_presentation_does_not_load_matplotlib() -> None:
    import subprocess
    import sys

    code = (
        "import sys, symgrad as sg; sg.product_bound(sg.models.elman()).latex(); assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_functions_of_one_name_are_told_apart() -> None:
    z = sp.Symbol("z")
    functions = [sg.Activation("bump", sp.exp(-(z**2) / k)) for k in (1, 2, 3)]
    printed = text(sg.Recurrence({h: sum((f(W * h) for f in functions[1:]), functions[0](W * h))}))
    assert all(printed.splitlines()[0].count(f"{name}(W*h[t-1])") == 1 for name in (" bump", " bump[2]", " bump[3]"))
