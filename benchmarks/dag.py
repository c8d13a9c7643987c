"""Time and memory that Snakemake needs to plan: `python benchmarks/dag.py`.

A dry run of the million scenario as it is, and with more and more shards of its training split.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from machine import write

from debye.config import Config
from debye.planning.plan import jobs

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "workflow" / "scenarios" / "million.yaml"
PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
sys.stderr.buffer.write(done.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def dry_run(content, folder):
    """Seconds and peak memory in MB of `snakemake -n` on a configuration."""
    file = folder / "config.yaml"
    file.write_text(yaml.dump(content, sort_keys=False))
    snakemake = [
        str(Path(sys.executable).parent / "snakemake"),
        "-n",
        "-q",
        "--snakefile",
        str(ROOT / "Snakefile"),
    ]
    snakemake += ["--directory", str(folder), "--configfile", str(file), "--cores", "1"]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *snakemake], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start, int(done.stdout) / 1e3


def main():
    """Measure, print, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=int, nargs="*", default=[300, 1000, 3000, 10_000])
    options = parser.parse_args()
    scenario = yaml.safe_load(SCENARIO.read_text())
    families = scenario["splits"]["train"]["geometries"]
    cases = [scenario]
    for shards in options.shards:
        train = scenario["splits"]["train"] | {"seeds": list(range(-(-shards // len(families))))}
        cases.append(scenario | {"splits": scenario["splits"] | {"train": train}})
    rows = []
    print(f"{'shards':>7} {'jobs':>7} {'s':>6} {'peak MB':>8}")
    for content in cases:
        counted = jobs(Config(**content))
        with tempfile.TemporaryDirectory() as name:
            seconds, peak = dry_run(content, Path(name))
        rows.append(
            {
                "shards": counted["sample"],
                "jobs": sum(counted.values()),
                "seconds": round(seconds, 1),
                "peak_MB": round(peak),
            }
        )
        print(f"{rows[-1]['shards']:7d} {rows[-1]['jobs']:7d} {seconds:6.1f} {peak:8.0f}", flush=True)
    write("dag", {"dry_run": rows})


if __name__ == "__main__":
    main()
