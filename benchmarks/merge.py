"""The merge: its memory against the size of the input, and its speed beside a plain copy of the same bytes.

`python benchmarks/merge.py` merges up to 4000 samples at 128² in processes of their own; what the interpreter and a
merge of one small shard need is taken off. `python benchmarks/merge.py --samples 100000` makes real shards of 1000
samples with made-up fields (26 GB of disk while it runs), and merges and copies them in turn. Both end when the
operating system has the file on disk, and both start with none of the shards in its cache.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import high_water, write

import debye
from debye import merging, schema, store

GRID = debye.Grid(cells=128, half_width=16.0)
A_SHARD = 1000


def merged_here(shards, out):
    """Seconds, those of the processor, and peak memory in MB of merging the first shard alone and of all."""
    merging.merge(shards[:1], out, "warm-up", "none")
    before, start, used = high_water(), time.perf_counter(), time.process_time()
    merging.merge(shards, out, "benchmark", "none")
    return time.perf_counter() - start, time.process_time() - used, before, high_water()


def merged(shards, out):
    """As `merged_here`, in a process of its own."""
    command = [sys.executable, __file__, "--merge", str(out), *map(str, shards)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return tuple(float(word) for word in done.stdout.split())


def copied(shards, out):
    """Seconds, and those of the processor, until the shards are on disk one after another in one file."""
    start, used = time.perf_counter(), time.process_time()
    with out.open("wb") as target:
        for shard in shards:
            with shard.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 22)
        target.flush()
        os.fsync(target.fileno())
    return time.perf_counter() - start, time.process_time() - used


def megabytes(shards):
    """Size of all shards."""
    return sum(shard.stat().st_size for shard in shards) / 1e6


def memory(folder):
    """A row for each number of shards of 250 samples."""
    shards = [warm_up(folder)]
    rows = []
    print(f"{'samples':>8} {'input / MB':>11} {'peak / MB':>10}")
    for count in (2, 4, 8, 16):
        while len(shards) <= count:
            shards.append(folder / f"shard{len(shards)}.nc")
            store.write(schema.mock(samples=250, grid=GRID, seed=len(shards)), shards[-1])
        _, _, before, after = merged(shards, folder / "merged.nc")
        rows.append(
            {
                "samples": 250 * count + 8,
                "input_MB": round(megabytes(shards)),
                "peak_MB": round(after - before),
            }
        )
        print(f"{rows[-1]['samples']:8d} {rows[-1]['input_MB']:11d} {rows[-1]['peak_MB']:10d}")
    return rows


def warm_up(folder):
    """A small shard, first in order."""
    path = folder / "warm.nc"
    store.write(schema.mock(samples=8, grid=GRID, geometry="a"), path)
    return path


def made(folder, samples):
    """Shards with fields that no two samples share: one mock, its fields scaled and moved about."""
    mock = schema.mock(samples=A_SHARD, grid=GRID)
    shards = []
    for seed in range(-(-samples // A_SHARD)):
        count = min(A_SHARD, samples - seed * A_SHARD)
        mock["seed"] = mock["seed"] * 0 + seed
        for name in ("regular_potential", "level_set"):
            mock[name] = mock[name].copy(data=np.roll(mock[name].values, 1, axis=0) * np.float32(1.001))
        shards.append(folder / f"seed{seed}.nc")
        store.write(mock.isel(sample=slice(0, count)), shards[-1])
    return shards


def drop_from_cache(paths):
    """Let the operating system forget what it holds of files that are on disk."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def speed(folder, samples, rounds):
    """Merge and copy in turn."""
    shards = [warm_up(folder), *made(folder, samples)]
    size = megabytes(shards)
    copies, merges = [], []
    for number in range(rounds):
        drop_from_cache(shards)
        copies.append(copied(shards, folder / "copy"))
        (folder / "copy").unlink()
        drop_from_cache(shards)
        merges.append(merged(shards, folder / "merged.nc"))
        (folder / "merged.nc").unlink()
        (seconds, used), (merge_seconds, merge_used, before, after) = copies[-1], merges[-1]
        print(
            f"round {number + 1}: copy {size / seconds:.0f} MB/s ({used:.0f} s of the processor), merge "
            f"{size / merge_seconds:.0f} MB/s ({merge_used:.0f} s), peak {after:.0f} MB, small {before:.0f} MB",
            flush=True,
        )
    return {
        "samples": samples,
        "shards": len(shards) - 1,
        "input_MB": round(size),
        "copy_MB_per_s": [round(size / seconds) for seconds, _ in copies],
        "copy_processor_s": [round(used, 1) for _, used in copies],
        "merge_MB_per_s": [round(size / one[0]) for one in merges],
        "merge_processor_s": [round(one[1], 1) for one in merges],
        "merge_over_copy": round(
            statistics.median(one[0] for one in copies) / statistics.median(one[0] for one in merges), 2
        ),
        "peak_MB": round(max(one[3] for one in merges)),
        "peak_of_one_small_shard_MB": round(max(one[2] for one in merges)),
    }


def main():
    """Measure, print, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, help="time a merge of so many samples beside a plain copy")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are made; the system's by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if options.samples is None:
            memory(folder)
        else:
            rows = memory(folder)
            for path in folder.iterdir():
                path.unlink()
            write("merge", {"memory": rows, "speed": speed(folder, options.samples, options.rounds)})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--merge"]:
        print(*merged_here([Path(path) for path in sys.argv[3:]], Path(sys.argv[2])))
    else:
        main()
