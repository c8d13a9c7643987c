"""Two workers at once against one: `python benchmarks/threads.py`.

A worker is a process that makes shards of stars at 128², as a job of the workflow does, with no thread count in its
environment: what it gets is Debye's own default. One worker alone and all workers at once take turns, and between them
two loads that say what the machine itself can do: arithmetic in registers, and a sum that streams through memory. Run
it on an idle machine; the load before it is written down.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import write

from debye.config import load_config
from debye.frozen import slices
from debye.physics.sampling import make_shard
from debye.threads import ASKED_FOR, one_thread_from_now_on

SCENARIO = Path(__file__).parents[1] / "workflow" / "scenarios" / "million.yaml"
ENOUGH = 1.8
"""Times the throughput of one worker that two should have."""


def shard(samples):
    """Work: a shard of so many samples."""
    part = slices(load_config(SCENARIO))["shards/train/star"].model_copy(update={"samples": samples})
    folder = tempfile.mkdtemp()

    def work():
        make_shard(part, 0, Path(folder) / "shard.nc")

    return work


def arithmetic(samples):
    """Work: integers added up by the interpreter, which need nothing but a core."""
    return lambda: sum(range(600_000 * samples))


def memory(samples):
    """Work: sums of two arrays too large for any cache."""
    one, two = np.ones(4_000_000), np.ones(4_000_000)

    def work():
        for _ in range(3 * samples):
            np.add(one, two, out=two)

    return work


LOADS = {"shard": shard, "arithmetic": arithmetic, "memory": memory}


def worker(samples):
    """Do what standard input names, and answer with the seconds and the processor's seconds that it took."""
    one_thread_from_now_on()
    work = {name: make(samples) for name, make in LOADS.items()}
    for load in work.values():
        load()
    print("ready", flush=True)
    for line in sys.stdin:
        start, used = time.perf_counter(), time.process_time()
        work[line.strip()]()
        print(json.dumps([time.perf_counter() - start, time.process_time() - used]), flush=True)


def started(count, samples):
    """Workers that are ready."""
    environment = {name: value for name, value in os.environ.items() if name not in ASKED_FOR}
    command = [sys.executable, __file__, "--worker", "--samples", str(samples)]
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        for _ in range(count)
    ]
    for one in workers:
        if one.stdout.readline().strip() != "ready":
            sys.exit("a worker did not start: run `python benchmarks/threads.py --worker` to see why")
    return workers


def together(workers, load):
    """Seconds until all have done a load, and the most that a processor worked on it."""
    for one in workers:
        one.stdin.write(load + "\n")
        one.stdin.flush()
    answers = [json.loads(one.stdout.readline()) for one in workers]
    return max(seconds for seconds, _ in answers), max(used for _, used in answers)


def measured(workers, rounds):
    """Ratio of throughputs of all workers to that of one, round by round: by the clock, and by the processors' time.

    Where other programs take part of the cores, the first says little; the second still tells whether workers slow each
    other down.
    """
    clock, processor = {name: [] for name in LOADS}, {name: [] for name in LOADS}
    for number in range(rounds):
        for name in LOADS:
            alone, used_alone = together(workers[:1], name)
            all_at_once, used = together(workers, name)
            clock[name].append(len(workers) * alone / all_at_once)
            processor[name].append(len(workers) * used_alone / used)
        line = ", ".join(f"{name} {clock[name][-1]:.2f} ({processor[name][-1]:.2f})" for name in LOADS)
        print(f"round {number + 1}: {line}", flush=True)
    return clock, processor


def verdict(clock, processor, count):
    """What binds, in words, from the medians by the clock and by the processors' time."""
    enough = ENOUGH / 2 * count
    if clock["shard"] >= enough:
        return f"nothing binds: {count} workers have {clock['shard']:.2f} times the throughput of one"
    if processor["shard"] >= enough:
        return (
            f"workers wait, for a core that other programs use or for a disk: {clock['shard']:.2f} times by the clock, "
            f"{processor['shard']:.2f} times by the processors' time"
        )
    if processor["arithmetic"] < enough:
        return (
            f"the cores bind: plain arithmetic has {processor['arithmetic']:.2f} times the throughput of one"
        )
    if processor["memory"] < enough:
        return f"memory binds: sums that stream through it have {processor['memory']:.2f} times the throughput of one"
    return "the caches that cores share bind: neither arithmetic nor streaming is slowed down as much"


def main():
    """Measure, print, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--samples", type=int, default=64, help="in a shard")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if options.worker:
        worker(options.samples)
        return
    load = os.getloadavg()[0]
    workers = started(options.workers, options.samples)
    try:
        clock, processor = measured(workers, options.rounds)
    finally:
        for one in workers:
            one.stdin.close()
            one.wait()
    medians = [
        {name: round(statistics.median(values), 2) for name, values in ratios.items()}
        for ratios in (clock, processor)
    ]
    words = verdict(*medians, options.workers)
    print(
        f"{options.workers} workers against one, medians: {medians[0]}, by the processors' time {medians[1]}\n{words}"
    )
    write(
        "threads",
        {
            "load_before": round(load, 2),
            "workers": options.workers,
            "throughput_ratio": medians[0],
            "throughput_ratio_by_processor_time": medians[1],
            "rounds": {name: [round(value, 2) for value in values] for name, values in clock.items()},
            "verdict": words,
        },
    )


if __name__ == "__main__":
    main()
