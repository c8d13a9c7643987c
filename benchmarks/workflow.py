"""Time and memory that Snakemake needs to plan the workflow, beside a bare one: `python benchmarks/workflow.py`.

A dry run of the million scenario with more and more shards, frozen slices and digests of the code included, in turn
with one of as many jobs of a Snakefile with one fan-out, one merge and no package. Time by the clock and of the
processor; peak memory of Snakemake's own process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from machine import write

from debye.config import Config
from debye.planning.plan import jobs

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "workflow" / "scenarios" / "million.yaml"
MEASURED = ("seconds", "processor", "peak_MiB")
LIMITS = {"seconds": 30.0, "peak_MiB": 1024.0}
"""At most, for 10 000 shards."""

BARE = """
rule all:
    input:
        "merged.txt",

rule sample:
    output:
        "shards/{{seed}}.txt",
    shell:
        "touch {{output}}"

rule merge:
    input:
        expand("shards/{{seed}}.txt", seed=range({shards})),
    output:
        "merged.txt",
    shell:
        "touch {{output}}"
"""

# A process of its own, for the peak and the processor's time are those of all children that a process has had.
MEASURE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
if done.returncode:
    sys.exit(done.stderr)
print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def dry_run(folder, *arguments):
    """Seconds by the clock, seconds of the processor, peak memory in MiB of one plan."""
    snakemake = [str(Path(sys.executable).parent / "snakemake"), "-n", "-q", "--cores", "1"]
    command = [sys.executable, "-c", MEASURE, *snakemake, "--directory", str(folder), *arguments]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return dict(zip(MEASURED, json.loads(done.stdout), strict=True))


def scenario(shards):
    """The million with as many shards in all."""
    content = yaml.safe_load(SCENARIO.read_text())
    splits = content["splits"]
    families = splits["train"]["geometries"]
    others = Config(**content).splits
    left = shards - sum(len(others[name].shards()) for name in others if name != "train")
    each = {
        name: left // len(families) + (number < left % len(families)) for number, name in enumerate(families)
    }
    splits["train"]["seeds"] = {name: list(range(count)) for name, count in each.items()}
    return content


def compare(shards, rounds):
    """Plan ours and a bare workflow of as many jobs in turn; medians."""
    content = scenario(shards)
    counted = jobs(Config(**content))
    assert counted["sample"] == shards
    # Snakemake counts `all` too; of the bare jobs two are no shards.
    total = sum(counted.values()) + 1
    taken = {"ours": [], "bare": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "config.yaml").write_text(yaml.dump(content, sort_keys=False))
            (folder / "bare").write_text(BARE.format(shards=total - 2))
            ours = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(folder / "config.yaml")]
            taken["ours"].append(dry_run(folder / "ours", *ours))
            taken["bare"].append(dry_run(folder / "theirs", "--snakefile", str(folder / "bare")))
    medians = {
        who: {name: round(statistics.median(run[name] for run in runs), 2) for name in MEASURED}
        for who, runs in taken.items()
    }
    ratio = {name: round(medians["ours"][name] / medians["bare"][name], 2) for name in MEASURED}
    return {"shards": shards, "jobs": total, "rounds": rounds, **medians, "ratio": ratio}


def main():
    """Measure, print, write the JSON file; end with 1 where 10 000 shards take too much."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows, missed = [], []
    print(f"{'shards':>7} {'jobs':>7}  {'ours':^24}  {'bare':^24}  {'ratio':^18}")
    print(" " * 15 + "       s  cpu s  peak MiB" * 2 + "    s   cpu   peak")
    for shards in options.shards:
        row = compare(shards, options.rounds)
        rows.append(row)
        text = "".join(
            "{seconds:8.1f} {processor:6.1f} {peak_MiB:9.0f}".format(**row[who]) for who in ("ours", "bare")
        )
        ratio = "{seconds:5.2f} {processor:5.2f} {peak_MiB:6.2f}".format(**row["ratio"])
        print(f"{shards:7d} {row['jobs']:7d}{text}{ratio}", flush=True)
        if shards == 10_000:
            missed = [name for name, limit in LIMITS.items() if row["ours"][name] > limit]
            print(
                f"limits of 10 000 shards, {LIMITS}: {'missed: ' + ', '.join(missed) if missed else 'kept'}"
            )
    write("workflow", {"limits_of_10000": LIMITS, "dry_run": rows})
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
