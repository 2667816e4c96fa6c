"""Every benchmark, or those named, in one table: our time, a named rival's, their ratio and what is aimed at.

    python benchmarks/run.py [--quick] [--threads N] [--output FILE] [names ...]

Each script of this folder with a function ``figures(quick)`` runs in a process of its own. The figures are also written
as JSON, with the machine, the versions of the libraries and the number of threads, to
``benchmarks/results/<machine>-<date>.json``. ``--quick`` takes smaller cases and fewer repetitions, to see that all
runs. A ratio is the rival's time to ours: above 1 we are faster. The exit code is 1 if a script fails, not if a target
is missed.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LIBRARIES = ("symgrad", "numpy", "scipy", "sympy", "mpmath", "python-flint", "torch", "jax", "dask", "distributed")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
COLUMNS = ("benchmark", "case", "ours", "rival", "time", "ratio", "target", "met")


def scripts() -> tuple[str, ...]:
    """The scripts of this folder that define ``figures``, found without loading any."""
    return tuple(sorted(path.stem for path in HERE.glob("*.py") if _defines_figures(path)))


def _defines_figures(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "figures" for node in body)


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; 1 if a script failed."""
    options = _options(arguments)
    if options.collect is not None:
        return collect(options.names[0], options.quick, options.collect)
    print(_row(dict(zip(COLUMNS, COLUMNS, strict=True))))
    records, failed = _run_all(options)
    print(_summary(records, failed))
    path = options.output or HERE / "results" / f"{_file_name(options)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(options.threads), "quick": options.quick, "figures": records, "failed": failed}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")
    return int(bool(failed))


def collect(name: str, quick: bool, path: Path) -> int:
    """In a script's own process: its figures, written as JSON."""
    found = importlib.import_module(name).figures(quick)
    path.write_text(json.dumps([figure.record() for figure in found]), encoding="utf-8")
    return 0


def machine(threads: int) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "gpu": _first_line(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "threads": threads,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "revision": _first_line(["git", "-C", str(HERE), "rev-parse", "HEAD"]),
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the benchmarks and print a table of ratios.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(scripts())}; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller cases, fewer repetitions")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of BLAS; all cores by default")
    parser.add_argument("--output", type=Path, help="the JSON file")
    parser.add_argument("--collect", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(scripts()):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(scripts())}")
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, not {options.threads}")
    return options


def _run_all(options: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The figures of all scripts, printed as they come, and why scripts failed."""
    environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(options.threads))
    records: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for name in options.names or scripts():
        found = _collected(name, options.quick, environment)
        if isinstance(found, str):
            failed[name] = found
            print(f"{name} failed: {found}", flush=True)
            continue
        records += found
        for record in found:
            print(_row(_cells(record)), flush=True)
    return records, failed


def _collected(name: str, quick: bool, environment: dict[str, str]) -> list[dict[str, Any]] | str:
    """The figures of one script from a process of its own, or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        call = [sys.executable, __file__, name, "--collect", str(path), *(["--quick"] if quick else [])]
        start = time.perf_counter()
        done = subprocess.run(
            call, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            return lines[-1] if lines else f"exit code {done.returncode}"
        print(f"({name}: {time.perf_counter() - start:.0f} s)", file=sys.stderr)
        return list(json.loads(path.read_text(encoding="utf-8")))


def _cells(record: dict[str, Any]) -> dict[str, str]:
    ratio, target = record["ratio"], _target(record)
    return {
        "benchmark": record["benchmark"],
        "case": record["case"],
        "ours": _time(record["seconds"]),
        "rival": record["rival"] or "-",
        "time": _time(record["rival_seconds"]),
        "ratio": "-" if ratio is None else f"{ratio:.3g}",
        "target": target,
        "met": {True: "yes", False: "NO", None: "-"}[record["met"]] + (f"  {record['note']}" if record["note"] else ""),
    }


def _target(record: dict[str, Any]) -> str:
    parts = [] if record["target"] is None else [f">= {record['target']:.3g}"]
    if record["allowed_seconds"] is not None:
        parts.append(f"<= {_time(record['allowed_seconds'])}")
    return ", ".join(parts) or "-"


def _row(cells: dict[str, str]) -> str:
    widths = {"benchmark": 14, "case": 58, "ours": 8, "rival": 38, "time": 8, "ratio": 7, "target": 8}
    return "  ".join(f"{cells[key]:<{widths.get(key, 0)}}" for key in COLUMNS).rstrip()


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for scale, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _summary(records: list[dict[str, Any]], failed: dict[str, str]) -> str:
    aimed = [record for record in records if record["met"] is not None]
    met = sum(record["met"] for record in aimed)
    return f"{len(records)} figures; {met} of {len(aimed)} targets met; {len(failed)} scripts failed"


def _file_name(options: argparse.Namespace) -> str:
    """What tells the run from others: a quick or partial one does not replace the figures of a whole one."""
    parts = [_machine_name(), datetime.date.today().isoformat(), *options.names, *(["quick"] if options.quick else [])]
    return "-".join(parts)


def _machine_name() -> str:
    name = re.sub(r"\(\w+\)|\bprocessor\b|\bcpu\b|@.*", " ", _cpu_model(), flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", f"{name} {os.cpu_count()} cores".lower()).strip("-")


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return found[1] if found else platform.machine()


def _first_line(call: list[str]) -> str | None:
    """What a command prints first; None where it is missing or fails."""
    try:
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
