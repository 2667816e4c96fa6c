"""Records of a monitor and bidirectional stacks in print."""

from __future__ import annotations

import json
from pathlib import Path

import symgrad as sg
from symgrad.diagnosis.monitor_records import LayerRecord, MonitorRecord, Source
from symgrad.numerics.network_verdict import Outcome
from tests.present.typesetting import complaints, typeset

GONE = LayerRecord("layer 0", Source.INPUTS, 50, -12.25, -0.25, 13, Outcome.VANISHING)
STILL = LayerRecord("layer 1, reverse", Source.DRAWN, 50, float("-inf"), float("nan"), None, Outcome.UNDECIDED)


def test_a_line_names_outcome_norm_rate_and_horizon() -> None:
    record = MonitorRecord(200, (GONE, STILL), 1e-3, 0.1)
    assert str(record) == (
        "step 200: vanishing (observed); layer 0: ||dx_T/dx_(T-50)|| = 5.6e-13, -0.25 decades a step, horizon 13 "
        "(along the inputs); layer 1, reverse: ||dx_T/dx_(T-50)|| = 0, horizon beyond 50 (along random inputs)"
    )
    data = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    assert (data["outcome"], data["verdict"], data["horizon"]) == ("vanishing", "observed", 13)
    assert data["layers"][1]["log10_norm"] == "-inf"
    assert str(MonitorRecord(7, (), 1e-3, 0.0, "weights are NaN")) == "step 7: nothing measured: weights are NaN"
    assert str(MonitorRecord(8, (STILL,), 1e-3, 0.0)).startswith("step 8: undecided; layer 1")


def test_the_latex_compiles(tmp_path: Path) -> None:
    stack = sg.BidirectionalStack.of([sg.models.gru(bias=False)])
    assert "W_{hr" in stack.latex()
    for shown in (MonitorRecord(200, (GONE, STILL), 1e-3, 0.1), MonitorRecord(7, (), 1, 0, "no_f"), stack):
        assert complaints(typeset(shown.latex(standalone=True), tmp_path)) == []


def test_the_data_of_a_bidirectional_stack_hold_both_directions() -> None:
    data = json.loads(json.dumps(sg.BidirectionalStack.of([sg.models.elman()] * 2).to_dict()))
    assert data["kind"] == "bidirectional stack"
    assert [state["name"] for state in data["layers"][1]["reverse"]["states"]] == ["h_l1_reverse"]
