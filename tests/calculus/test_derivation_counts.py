"""Each sub-expression is derived once, however many layers, blocks and pages it stands in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds import inequality
from symgrad.bounds.engine import Engine
from symgrad.calculus import jacobian as differentiation
from symgrad.language.nodes import Node
from symgrad.language.operators import walk
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.present.notation import LATEX


def lstm_stack(depth: int, mark: str = "l") -> sg.Recurrence:
    """A stack with names of its own: what is known of equal models is kept."""
    layers = [sg.models.lstm().assuming({"c": (-16, 16)})] * depth
    return sg.stack(layers, names=[f"{mark}{index}" for index in range(depth)])


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, key: Callable[..., Any]) -> Counter[Any]:
    """How often a method is called for each key, made of its arguments."""
    counts: Counter[Any] = Counter()
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        counts[key(*arguments)] += 1
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, wrapped)
    return counts


def test_each_vector_is_differentiated_once_by_each_variable(monkeypatch):
    counts = counted(monkeypatch, differentiation._Differentiation, "_of", lambda each, node: (each.variable, node))
    model = lstm_stack(4, "d")
    first = sg.jacobian(model)
    assert set(counts.values()) == {1}
    total = counts.total()
    assert sg.jacobian(model) is first
    bound = sg.product_bound(model)
    assert bound.latex()
    assert bound.proof.latex()
    assert counts.total() == total


def test_each_quantity_is_searched_once_and_each_rule_applied_once_to_it(monkeypatch):
    searched = counted(monkeypatch, Engine, "_search", lambda engine, quantity: (id(engine), quantity))
    applied = counted(monkeypatch, inequality.Rule, "__call__", lambda rule, goal, *_: (rule.name, goal))
    model = lstm_stack(4, "r")
    for norm in (1, 2, "inf", 2):
        sg.product_bound(model, norm)
    assert len(searched) > 100
    assert sg.product_bound(lstm_stack(4, "r")).latex()  # the same model put together anew
    assert set(searched.values()) == {1}
    assert set(applied.values()) == {1}


def test_each_expression_is_written_once_on_all_pages(monkeypatch):
    written = counted(monkeypatch, type(LATEX), "scalar", lambda _, expr, *__: expr)
    model = lstm_stack(4, "w")
    bound = sg.product_bound(model)
    for page in (model, sg.jacobian(model), bound, bound.proof, bound):
        assert page.latex()
    assert len(written) > 50
    assert set(written.values()) == {1}


@pytest.mark.parametrize("depth", [2, 4, 8])
def test_a_further_layer_adds_as_many_nodes_as_the_one_before(depth):
    def nodes(layers: int) -> set[Node]:
        return set(walk(sg.jacobian(lstm_stack(layers)).operator))

    before, here = len(nodes(depth - 1)), len(nodes(depth))
    assert here - before <= 100 + 10 * depth  # quadratic in all: a block for each pair of layers


def test_products_through_layers_are_the_derivatives_over_all_paths():
    model = lstm_stack(3)
    rng = np.random.default_rng(5)
    sizes = dict.fromkeys(model.sizes, 3)
    values = {s: rng.standard_normal([int(d.xreplace(sizes)) for d in s.shape]) for s in model.parameters}
    values |= {s: rng.standard_normal((3, 1, 1)) for s in model.variables}

    def step(states: dict[sp.Expr, np.ndarray]) -> np.ndarray:
        evaluator = ArrayEvaluator({**values, **states}, sizes, np.zeros(1))
        return np.concatenate([evaluator.vector(node).ravel() for node in model.nodes.values()])

    evaluator = ArrayEvaluator(values, sizes, np.zeros(1))
    blocks = [[evaluator.operator(entry).reshape(3, -1) for entry in row] for row in sg.jacobian(model).blocks]
    columns = []
    for state in model.states:
        for i in range(3):
            shift = np.zeros((3, 1, 1))
            shift[i] = 1e-6
            columns.append((step({state: values[state] + shift}) - step({state: values[state] - shift})) / 2e-6)
    assert np.allclose(np.block(blocks), np.stack(columns, axis=1), rtol=1e-6, atol=1e-8)
