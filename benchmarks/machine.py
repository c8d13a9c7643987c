"""What the benchmarks say of the machine that they ran on, and how they write what they found."""

import json
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import debye

RESULTS = Path(__file__).parent / "results"


def machine():
    """What ran where."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    models = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "debye": debye.__version__,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
    }


def write(name, content):
    """Write a result as JSON with the machine's description."""
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine()} | content, indent=1) + "\n")
    print(f"written: {path}")


def high_water():
    """Peak memory of this process in MB; getrusage would carry over the parent's."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e3
