"""Advice: what is proposed is put in, measured again by other means, and ranked."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg

N, M = 12, 2


def random_weights(model: sg.Recurrence, scale: float = 1.0, seed: int = 0) -> dict[str, np.ndarray]:
    source = np.random.default_rng(seed)
    sizes = {s: N if str(s) == "n" else M for s in model.sizes}
    values = {}
    for parameter in model.parameters:
        shape = [int(sp.sympify(d).subs(sizes)) for d in getattr(parameter, "shape", ())]
        values[str(parameter)] = scale * source.uniform(-1, 1, shape) / math.sqrt(N) if shape else 0.5
    return values


def jacobian_norm(advice_weights: dict[str, np.ndarray], inputs: np.ndarray) -> float:
    """log10 of the norm of ``d(h, c)_T / d(h, c)_0`` of an LSTM, by autograd."""
    w = {name: torch.tensor(value, dtype=torch.float64) for name, value in advice_weights.items()}

    def run(state: torch.Tensor) -> torch.Tensor:
        h, c = state[:N], state[N:]
        for u in torch.tensor(inputs):
            a = {
                g: w[f"W_i{g}"] @ u + w[f"b_i{g}"].flatten() + w[f"W_h{g}"] @ h + w[f"b_h{g}"].flatten() for g in "ifgo"
            }
            c = torch.sigmoid(a["f"]) * c + torch.sigmoid(a["i"]) * torch.tanh(a["g"])
            h = torch.sigmoid(a["o"]) * torch.tanh(c)
        return torch.cat([h, c])

    jacobian = torch.autograd.functional.jacobian(run, torch.zeros(2 * N, dtype=torch.float64))
    return math.log10(float(torch.linalg.matrix_norm(jacobian, 2)))


@pytest.mark.slow
def test_the_forget_bias_of_an_lstm_is_found_and_measured_as_autograd_does() -> None:
    model = sg.models.lstm()
    inputs = np.random.default_rng(1).normal(size=(60, M))
    advice = sg.design.advise(model, random_weights(model), horizon=60, inputs=inputs)
    assert advice.symptom == "vanishing"
    assert advice.seed is None
    assert advice.trajectories == 1
    coupled, proposal = sorted(advice.proposals, key=lambda found: len(found.changes), reverse=True)
    bias = math.log(math.exp(-1 / 60) / (1 - math.exp(-1 / 60)))
    assert np.allclose(proposal.weights["b_hf"], bias)
    assert not proposal.weights["b_if"].any()
    assert proposal.growth.typical == pytest.approx(jacobian_norm(dict(proposal.weights), inputs), abs=1e-6)
    assert advice.now.typical == pytest.approx(jacobian_norm(random_weights(model), inputs), abs=1e-6)
    assert advice.best in (proposal, coupled)
    assert abs(proposal.growth.typical) < 2
    assert np.allclose(coupled.weights["b_hf"], bias)
    assert np.allclose(coupled.weights["b_hi"], -bias)
    assert not coupled.weights["b_ii"].any()
    assert coupled.growth.typical == pytest.approx(jacobian_norm(dict(coupled.weights), inputs), abs=1e-6)


@pytest.mark.slow
def test_an_input_gate_that_lets_in_what_is_forgotten_keeps_the_cell_from_growing() -> None:
    model, steps = sg.models.lstm(), 40
    weights = random_weights(model)
    for gate in "if":  # so that the gates are what their biases say
        weights |= {f"W_{side}{gate}": 0 * weights[f"W_{side}{gate}"] for side in "ih"}
    weights["b_hg"] = np.full((N, 1), 5.0)  # a candidate near 1 at every step
    advice = sg.design.advise(model, weights, horizon=steps, trajectories=1)
    found = {len(proposal.changes): proposal for proposal in advice.proposals}
    assert set(found) == {2, 4}
    largest = {}
    for count, proposal in found.items():
        trajectory = sg.simulate(proposal.model, proposal.weights, inputs=np.zeros((20 * steps, M)))
        largest[count] = max(
            float(np.abs(values).max()) for name, values in trajectory.states.items() if str(name) == "c"
        )
    assert largest[4] < 1 < 5 < largest[2]
    latex = found[4].latex()
    assert "b_{hf}" in latex
    assert "b_{hi}" in latex


@pytest.mark.parametrize(
    ("name", "kept"), [pytest.param("gru", "b_hz", marks=pytest.mark.slow), ("highway", "b_t"), ("leaky", "alpha")]
)
def test_gates_of_other_cells_are_found(name: str, kept: str) -> None:
    model = sg.models.build(name)
    advice = sg.design.advise(model, random_weights(model), horizon=80, trajectories=2)
    best = advice.best
    assert best is not None
    assert kept in best.name
    assert abs(best.growth.typical) < 1 < -advice.now.typical


def test_an_exploding_network_is_tamed_and_the_bounds_hold() -> None:
    model = sg.models.elman("relu")
    advice = sg.design.advise(model, random_weights(model, scale=6.0), horizon=40, trajectories=3)
    assert advice.symptom == "exploding"
    assert [p.growth.distance for p in advice.proposals] == sorted(p.growth.distance for p in advice.proposals)
    for proposal in advice.proposals:
        low, high = proposal.growth.simulated[0], proposal.growth.simulated[-1]
        assert proposal.growth.at_most is None or high <= proposal.growth.at_most + 1e-9
        assert proposal.growth.at_least is None or low >= proposal.growth.at_least - 1e-9
    tamed = next(p for p in advice.proposals if p.name == "scale the recurrent weights")
    assert tamed.growth.at_most == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(tamed.weights["W"], 2) == pytest.approx(1)


def test_the_edge_of_chaos_is_that_of_the_activation_and_the_inputs() -> None:
    model = sg.models.elman("erf")
    weights = random_weights(model) | {"U": np.zeros((N, M)), "b": np.zeros(N)}
    advice = sg.design.advise(model, weights, horizon=10, trajectories=1)
    (proposal,) = [p for p in advice.proposals if "edge of chaos" in p.name]
    square = proposal.weights["W"] @ proposal.weights["W"].T
    assert np.allclose(square, math.pi / 4 * np.eye(N))  # erf'(0) = 2/sqrt(pi) and q* = 0 without biases


@pytest.mark.slow
def test_the_identity_comes_without_biases_which_it_would_add_up() -> None:
    model, steps = sg.models.elman(), 60
    weights = random_weights(model)
    weights["b"] = np.full((N, 1), 0.5)
    advice = sg.design.advise(model, weights, horizon=steps, inputs=np.zeros((steps, M)))
    (proposal,) = [p for p in advice.proposals if "identity" in p.name]
    assert np.array_equal(proposal.weights["W"], np.eye(N))
    assert not proposal.weights["b"].any()
    assert "b = 0" in proposal.changes
    assert proposal.growth.typical == pytest.approx(0)  # at the state 0 every slope is 1
    drifting = sg.simulate(model, weights | {"W": np.eye(N)}, inputs=np.zeros((steps, M)))
    assert all(np.abs(values[..., -1, :]).min() > 0.8 for values in drifting.states.values())


def test_what_cannot_be_advised_is_refused_in_words() -> None:
    model = sg.models.elman()
    weights = random_weights(model)
    for wrong, words in (
        ({"model": "elman"}, "model: a Recurrence"),
        ({"model": sg.models.feedforward()}, "share their weights"),
        ({"horizon": 0}, "horizon: a positive integer"),
        ({"retain": 1}, "retain: a number between 0 and 1"),
        ({"inputs": np.zeros((3, M))}, "at least horizon = 5 steps"),
        ({"weights": {"W": np.eye(N)}}, "U"),
    ):
        given = {"model": model, "weights": weights, "horizon": 5} | wrong
        with pytest.raises(sg.SymgradError, match=words):
            sg.design.advise(**given)


def test_it_is_presented() -> None:
    model = sg.models.leaky()
    advice = sg.design.advise(model, random_weights(model), horizon=30, trajectories=2)
    assert "set alpha" in str(advice)
    assert r"\alpha = 1 - r^{\frac{1}{T}}" in advice.latex()
    assert advice.to_dict()["proposals"][0]["growth"]["simulated_log10"]
    assert "log" in advice.plot().get_xlabel()


def test_an_exploding_residual_network_gets_smaller_weights_with_a_proved_bound() -> None:
    model = sg.models.residual()
    advice = sg.design.advise(model, random_weights(model, scale=4.0), horizon=30, trajectories=1)
    assert advice.symptom == "exploding"
    (proposal,) = advice.proposals
    assert proposal.growth.at_most is not None
    assert proposal.growth.at_most <= math.log10(math.e) + 1e-9  # (1 + s ||W||)^T = 1/r with r = 1/e
    assert np.linalg.norm(proposal.weights["W"], 2) == pytest.approx(math.exp(1 / 30) - 1)


def test_declared_ranges_of_states_do_not_bound_changed_networks() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    h, W = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("W", n, n)
    model = sg.Recurrence({h: sg.activation("relu_squared")(W * h)}).assuming({"h": (-0.01, 0.01)})
    advice = sg.design.advise(model, {"W": 0.5 * np.eye(3)}, horizon=3, trajectories=1)
    assert advice.now.at_most is not None
    assert all(proposal.growth.at_most is None for proposal in advice.proposals)


def test_of_several_parameters_of_a_direct_path_one_is_set_and_other_numbers_stay() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    h, W, b = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("b", n, 1)
    scale = sp.Symbol("scale", positive=True)
    kept = sp.HadamardProduct(sg.activation("sigmoid")(b), h)
    model = sg.Recurrence({h: scale * kept + sg.activation("tanh")(W * h)})
    weights = {"W": 0.1 * np.eye(3), "b": np.zeros(3), "scale": 0.999}
    proposal = next(p for p in sg.design.advise(model, weights, 50, trajectories=1).proposals if "set" in p.name)
    assert proposal.weights["scale"] == pytest.approx(0.999)
    assert np.allclose(0.999 / (1 + np.exp(-proposal.weights["b"])), math.exp(-1 / 50))
