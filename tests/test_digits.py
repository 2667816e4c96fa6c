"""The README's main job: its bounds are true for the shipped networks, and its tables show so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "examples" / "digits.py"


@pytest.mark.slow
def test_the_main_job_prints_a_table_for_each_network(tmp_path: Path) -> None:
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads only wait for each other where cores are busy
    call = [sys.executable, str(SCRIPT)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, env=settings)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert [row[0] for row in rows] == ["1", "2", "5", "10", "20", "50", "100", "200"] * 2
    for _, bound, observed, tightness, verdict in rows:
        assert 0 < float(observed) <= float(bound)
        assert float(observed) / float(bound) == pytest.approx(float(tightness), rel=0.02)
        assert verdict == "observed"
    assert "<= ||W||_2**k" in done.stdout
    assert "<= ||G**k||_2" in done.stdout
