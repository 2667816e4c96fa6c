"""Every benchmark in turn: ``python benchmarks > figures.txt``, on a machine that does nothing else; 10 minutes."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "import_time",
    "derive",
    "unrolled_sympy",
    "matrix_norms",
    "weighted_norms",
    "fixed_points",
    "mean_field",
    "verification",
    "monitor",
)


def main() -> int:
    """Print the versions and what each script prints; the number of scripts that failed."""
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    for name in ("numpy", "scipy", "sympy", "mpmath", "python-flint"):
        print(name, metadata.version(name))
    failures = 0
    for script in SCRIPTS:
        print(f"\n== {script} ==", flush=True)
        failures += subprocess.run([sys.executable, str(HERE / f"{script}.py")], check=False).returncode != 0
    return failures


if __name__ == "__main__":
    sys.exit(main())
