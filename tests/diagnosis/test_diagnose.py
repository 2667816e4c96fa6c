"""The call ``sg.diagnose``: what it accepts, what it says of the whole, and that it says the truth about the layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import symgrad as sg

torch = pytest.importorskip("torch")
nn = torch.nn

QUICK: dict[str, Any] = {"horizon": 12, "trajectories": 2, "remedies": False, "methods": ["norm"]}


def inputs(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def seeded(kind: Any, *sizes: int, **options: Any) -> Any:
    torch.manual_seed(0)
    return kind(*sizes, **options)


def numbers(module: Any) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def test_measured_products_are_those_of_autograd() -> None:
    module = seeded(nn.RNN, 3, 4, batch_first=True).double()
    given = inputs(2, 6, 3)
    found = sg.diagnose(module, given, **QUICK)
    for sequence in range(2):
        tensor = torch.from_numpy(given[sequence : sequence + 1])
        for k in range(1, 7):
            before = module(tensor[:, : 6 - k])[1] if k < 6 else torch.zeros(1, 1, 4, dtype=torch.float64)
            tail = tensor[:, 6 - k :]
            jacobian = torch.autograd.functional.jacobian(lambda h, tail=tail: module(tail, h)[1].ravel(), before)
            norm = np.linalg.norm(jacobian.numpy().reshape(4, 4), 2)
            assert found[0].measured.log10_products[sequence, k] == pytest.approx(np.log10(norm), abs=1e-9)
    # The bounds hold for every trajectory with such inputs, so for these.
    assert (found[0].bounds.log10_best[:6] >= found[0].measured.log10_products[:, 1:].max(axis=0) - 1e-9).all()


def test_a_layer_above_reads_what_the_layer_below_gives() -> None:
    module = seeded(nn.LSTM, 3, 4, num_layers=2, batch_first=True).double()
    given = inputs(2, 5, 3)
    found = sg.diagnose(module, given, **QUICK)
    (output, _), lower = module(torch.from_numpy(given)), found[1].run.inputs["u_l1"]
    np.testing.assert_allclose(found[1].run.states["h_l1"][:, 1:], output.detach().numpy(), rtol=1e-11)
    np.testing.assert_array_equal(lower, found[0].run.states["h_l0"][:, 1:])
    assert [layer.name for layer in found] == ["layer 0", "layer 1"]
    assert found["layer 1"] is found[1]
    assert len(found) == 2
    with pytest.raises(sg.UnknownNameError, match="layer 7"):
        found["layer 7"]


def test_module_file_and_model_with_weights_are_the_same_network(tmp_path: Path) -> None:
    module = seeded(nn.RNN, 3, 4, batch_first=True)
    given = inputs(2, 12, 3)
    expected = sg.diagnose(module, given, **QUICK)[0].measured.log10_products
    save_file({f"net.{name}": array for name, array in numbers(module).items()}, tmp_path / "a.safetensors")
    np.savez(tmp_path / "a.npz", **numbers(module))
    torch.save(module.state_dict(), tmp_path / "a.pt")
    model, weights = sg.from_torch(module)
    ways: list[tuple[Any, dict[str, Any]]] = [
        (tmp_path / "a.safetensors", {"model": "elman"}),
        (str(tmp_path / "a.safetensors"), {"model": "elman", "prefix": "net."}),
        (tmp_path / "a.npz", {"model": sg.models.elman()}),
        (tmp_path / "a.pt", {"model": nn.RNN(3, 4, batch_first=True)}),
        ((model, weights), {}),
        (model, {"weights": weights}),
    ]
    for target, options in ways:
        found = sg.diagnose(target, given, **QUICK, **options)
        np.testing.assert_allclose(found[0].measured.log10_products, expected, rtol=1e-12)


def test_a_file_tells_its_network_where_shapes_do(tmp_path: Path) -> None:
    save_file(numbers(seeded(nn.LSTM, 3, 4, bidirectional=True)), tmp_path / "a.safetensors")
    found = sg.diagnose(tmp_path / "a.safetensors", **QUICK)
    assert (found.name, [layer.name for layer in found]) == ("a.safetensors", ["layer 0", "layer 0, reverse"])
    assert [len(layer.run.model.states) for layer in found] == [2, 2]


def test_drawn_sequences_are_repeatable_and_said_to_be_drawn() -> None:
    module = seeded(nn.RNN, 3, 4)
    first, again = (sg.diagnose(module, seed=3, **QUICK) for _ in range(2))
    np.testing.assert_array_equal(first[0].measured.log10_products, again[0].measured.log10_products)
    assert (first.seed, first.inputs) == (3, "drawn: 2 sequences of 12 steps, standard normal, seed 3")
    given = sg.diagnose(module, inputs(20, 1, 3), **QUICK)
    assert (given.seed, given.inputs) == (None, "given: 1 sequence of 20 steps")
    assert given[0].run.steps == 20


def test_sequences_shorter_than_the_horizon_are_said_to_be() -> None:
    found = sg.diagnose(seeded(nn.RNN, 3, 4), inputs(5, 3), **QUICK)
    assert found[0].measured.log10_products.shape == (1, 6)
    assert found[0].bounds.ks[-1] == 12
    assert any("5 steps" in note and "12" in note for note in found.notes)


def test_layouts_of_sequences_follow_the_module() -> None:
    given = inputs(2, 6, 3)
    time_first, batch_first = (seeded(nn.RNN, 3, 4, batch_first=first) for first in (False, True))
    nested = np.swapaxes(given, 0, 1).tolist()
    runs = [
        sg.diagnose(time_first, np.swapaxes(given, 0, 1), **QUICK)[0].run,
        sg.diagnose(time_first, nested, **QUICK)[0].run,
        sg.diagnose(batch_first, torch.from_numpy(given), **QUICK)[0].run,
        sg.diagnose(seeded(nn.RNNCell, 3, 4), given, **QUICK)[0].run,
    ]
    for run in runs:
        np.testing.assert_array_equal(run.inputs["u"], given)


def test_initial_states_are_used() -> None:
    module, given = seeded(nn.LSTM, 3, 4, batch_first=True).double(), inputs(2, 6, 3)
    start = inputs(2, 4, seed=1), inputs(2, 4, seed=2)
    tensors = tuple(torch.from_numpy(array[None]) for array in start)
    expected = module(torch.from_numpy(given), tensors)[0].detach().numpy()
    for initial in (tensors, {"h_l0": start[0], "c_l0": start[1]}):
        run = sg.diagnose(module, given, initial=initial, **QUICK)[0].run
        np.testing.assert_allclose(run.states["h_l0"][:, 1:], expected, rtol=1e-12)


def test_the_callers_mode_does_not_matter() -> None:
    def curve() -> np.ndarray:
        return sg.diagnose(module, given, lambda output: output[0].sum(), **QUICK)[0].measured.log10_loss

    module, given = seeded(nn.GRU, 3, 4, batch_first=True), inputs(2, 6, 3)
    usual = curve()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            np.testing.assert_array_equal(curve(), usual)
    with torch.inference_mode():  # its parameters are tensors that never have derivatives
        module = seeded(nn.GRU, 3, 4, batch_first=True)
    np.testing.assert_array_equal(curve(), usual)


def test_losses_as_arrays_and_functions_agree() -> None:
    module, given = seeded(nn.RNN, 3, 4, batch_first=True), inputs(2, 6, 3)
    weight = inputs(4, seed=5)
    tensor = torch.from_numpy(weight)
    everywhere = np.zeros((2, 6, 4))
    everywhere[:, -1] = weight
    model, weights = sg.from_torch(module)
    found = [
        sg.diagnose(module, given, weight, **QUICK),
        sg.diagnose(module, given, everywhere, **QUICK),
        sg.diagnose(module, given, lambda output: (output[0][:, -1] * tensor).sum(), **QUICK),
        sg.diagnose((model, weights), given, lambda outputs: (outputs[:, -1] * tensor).sum(), **QUICK),
        sg.diagnose((model, weights), given, {"h_l0": np.tile(weight, (2, 1))}, **QUICK),
    ]
    curves = [item[0].measured.log10_loss for item in found]
    for curve in curves[1:]:
        np.testing.assert_allclose(curve, curves[0], rtol=1e-11)
    assert sg.diagnose(module, given, **QUICK)[0].measured.log10_loss is None
    assert any("no loss" in note for note in sg.diagnose(module, given, **QUICK).notes)


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.rnn, self.head = nn.Embedding(7, 3), nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 7)

    def forward(self, ids: Any) -> Any:
        return self.head(self.rnn(self.embedding(ids))[0])


def test_token_ids_go_to_modules_that_embed_them() -> None:
    module, ids = seeded(Tagger), torch.randint(0, 7, (2, 6), generator=torch.Generator().manual_seed(1))
    found = sg.diagnose(module, ids, lambda out: nn.functional.cross_entropy(out.flatten(0, 1), ids.flatten()), **QUICK)
    np.testing.assert_array_equal(found[0].run.inputs["u"], module.embedding(ids).detach().double().numpy())
    assert found.name == "Tagger"


def test_the_worst_layer_speaks_for_the_whole() -> None:
    def layer(factor: float) -> dict[str, np.ndarray]:
        return {"W": factor * np.eye(3), "U": np.eye(3)}

    both = sg.stack([sg.models.elman("identity", bias=False)] * 2)
    weights = {
        f"{name}_l{index}": array for index, size in enumerate((1.0, 0.1)) for name, array in layer(size).items()
    }
    found = sg.diagnose(both, weights=weights, **QUICK)
    assert [item.outcome.value for item in found] == ["neither", "vanishing"]
    assert (found.worst.name, found.outcome.value, found.verdict) == ("layer 1", "vanishing", found[1].verdict)
    assert found.causes[: len(found[1].causes)] == found[1].causes
    assert found.verdict >= sg.Verdict.CERTIFIED


def test_states_that_overflow_are_left_out_and_said() -> None:
    model = sg.stack([sg.models.elman("relu", bias=False)] * 2)
    weights = {"W_l0": 1e60 * np.eye(2), "U_l0": np.eye(2), "W_l1": np.eye(2) / 2, "U_l1": 1e-300 * np.eye(2)}
    found = sg.diagnose(model, np.ones((12, 2)), weights=weights, loss=np.ones(2), **QUICK)
    assert any("overflow" in note for note in found.notes)
    assert found[0].outcome.value == "exploding"
    assert found[0].measured.log10_loss is None
    assert len(found) == 2


def test_the_outcome_and_the_head_speak_of_the_steps_that_decide() -> None:
    weights = {"W": 1e40 * np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    given = np.ones((2, 12, 1))
    given[0, 0] = -1.0  # the units are dead at the first step: the product over all steps is zero
    found = sg.diagnose(sg.models.elman("relu"), given, weights=weights, horizon=12, methods=["norm"], remedies=False)
    assert (found.outcome.value, [cause.cause.value for cause in found.causes]) == ("exploding", ["large norm"])
    assert str(found).startswith(f"gradients of elman over {found[0].found.steps} of 12 steps: exploding")
    assert any("2 of 2 sequences overflow" in note for note in found.notes)


def test_short_sequences_say_so_in_the_head() -> None:
    found = sg.diagnose(seeded(nn.GRU, 3, 4), np.ones((5, 3)), horizon=9, methods=["norm"], remedies=False)
    assert "over 5 of 9 steps" in str(found).splitlines()[0]


def test_feed_forward_networks_go_over_their_layers() -> None:
    module = nn.Sequential(*(seeded(nn.Linear, 3, 3) for _ in range(3)))
    found = sg.diagnose(module, inputs(2, 3), remedies=False)
    assert type(found).__name__ == "DeepDiagnosis"
    chain, weights = sg.from_torch(module)
    again = sg.diagnose(chain, inputs(2, 3), weights=weights, remedies=False)
    assert again.outcome is found.outcome


def test_a_model_without_inputs_runs_over_the_horizon() -> None:
    import sympy as sp

    x = sp.Symbol("x")
    found = sg.diagnose(sg.Recurrence({x: 4 * x * (1 - x)}), weights={}, initial={"x": 0.3}, **QUICK)
    assert found[0].run.steps == 12
    assert found[0].measured.typical[1] == pytest.approx(np.log10(abs(4 - 8 * found[0].run.states["x"][0, -2, 0])))


def test_the_module_is_left_as_it_was() -> None:
    module = seeded(nn.LSTM, 3, 4)
    module.weight_hh_l0.grad = torch.ones_like(module.weight_hh_l0)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    sg.diagnose(module, inputs(6, 2, 3), lambda out: out[0].sum(), **QUICK)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training
    assert module.weight_hh_l0.dtype == torch.float32
    assert torch.equal(module.weight_hh_l0.grad, torch.ones_like(module.weight_hh_l0))
    assert torch.get_default_dtype() == torch.float32
    assert not module._forward_hooks


class Picking(nn.Module):
    """Takes lengths besides the sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(3, 4, batch_first=True)

    def forward(self, sequences: Any, lengths: Any) -> Any:
        return {"picked": self.rnn(sequences)[0][torch.arange(len(lengths)), lengths - 1]}


def test_further_arguments_may_be_integers() -> None:
    module, given = seeded(Picking), inputs(2, 6, 3)
    found = sg.diagnose(module, (given, np.array([6, 4])), lambda output: output["picked"].sum(), **QUICK)[0].run
    assert found.loss is not None
    assert found.loss["h_l0"].any(axis=2).tolist() == [[False] * 5 + [True], [False] * 3 + [True] + [False] * 2]


class Named(nn.Module):
    """Takes its sequences by name."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(3, 4, batch_first=True)

    def forward(self, batch: Any) -> Any:
        return self.rnn(batch["sequences"])[0]


def test_a_mapping_is_one_argument() -> None:
    given = inputs(2, 6, 3)
    found = sg.diagnose(seeded(Named), {"sequences": given}, **QUICK)
    np.testing.assert_array_equal(found[0].run.inputs["u"], given)


class OneTensor(nn.Module):
    """An LSTM cell whose state is one tensor, in a loop of its own or called by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Linear(3 + 4, 16)

    def forward(self, inputs: Any, state: Any) -> Any:
        h, c = state.chunk(2, -1)
        i, f, g, o = self.gates(torch.cat([inputs, h], -1)).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return torch.cat([o.sigmoid() * c.tanh(), c], -1)


@pytest.mark.slow
def test_a_state_in_one_tensor_is_cut_as_the_cell_cuts_it() -> None:
    cell, given, start = seeded(OneTensor).double(), inputs(2, 6, 3), inputs(8, seed=4)
    state, states = torch.from_numpy(np.tile(start, (2, 1))), []
    for step in range(6):
        state = cell(torch.from_numpy(given[:, step]), state)
        states.append(state.detach().numpy())
    weight = inputs(2, 8, seed=5)
    found = sg.diagnose(cell, given, weight, initial=start, **QUICK)[0]
    ran = np.concatenate([array[:, 1:] for array in found.run.states.values()], axis=2)
    np.testing.assert_allclose(ran, np.stack(states, 1), rtol=1e-11)
    assert found.run.loss is not None
    direct = np.concatenate(list(found.run.loss.values()), axis=2)
    np.testing.assert_array_equal(direct[:, -1], weight)
    assert not direct[:, :-1].any()
    by_function = sg.diagnose(
        cell, given, lambda h: (h[:, -1] * torch.from_numpy(weight)).sum(), initial=start, **QUICK
    )
    np.testing.assert_allclose(by_function[0].measured.log10_loss, found.measured.log10_loss, rtol=1e-12)


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.RNN(3, 4, batch_first=True)])

    def forward(self, sequences: Any) -> Any:
        return self.blocks[0](sequences)[0]


@pytest.mark.slow
def test_the_code_of_a_remedy_changes_the_module_that_was_given() -> None:
    module, given = seeded(Deep), inputs(2, 40, 3)
    with torch.no_grad():
        module.blocks[0].weight_hh_l0.mul_(0.1)
    options = {"horizon": 40, "methods": ["norm"]}
    before = sg.diagnose(module, given, **options)
    assert before.outcome.value == "vanishing"
    remedy = next(item for item in before.remedies if item.code and "module.blocks[0].weight_hh_l0" in item.code)
    exec(remedy.code, {"torch": torch, "module": module})
    after = sg.diagnose(module, given, remedies=False, **options)
    assert after[0].measured.typical[-1] == pytest.approx(remedy.growth[1], abs=0.1)
    assert after[0].measured.typical[-1] > before[0].measured.typical[-1] + 10
