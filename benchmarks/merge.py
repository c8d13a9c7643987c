"""Peak memory of a merge against the size of its input, side by side: `python benchmarks/merge.py`.

Each merge runs in a process of its own; what the interpreter and a merge of one small shard need is taken off.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import debye
from debye import merging, schema, store


def high_water():
    """Peak memory of this process in MB; getrusage would carry over the parent's."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e3


def peak(shards, out):
    """Peak memory in MB above that of merging the first shard alone, in this process."""
    merging.merge(shards[:1], out, "warm-up", "none")
    before = high_water()
    merging.merge(shards, out, "benchmark", "none")
    return high_water() - before


def main():
    """Print a row for each number of shards of 250 samples at 128²."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid = debye.Grid(cells=128, half_width=16.0)
        shards = [folder / "shard.nc"]
        store.write(schema.mock(samples=8, grid=grid, geometry="warm"), shards[0])
        print(f"{'samples':>8} {'input / MB':>11} {'peak / MB':>10}")
        for count in (2, 4, 8, 16):
            while len(shards) <= count:
                shards.append(folder / f"shard{len(shards)}.nc")
                store.write(schema.mock(samples=250, grid=grid, seed=len(shards)), shards[-1])
            command = [sys.executable, __file__, str(folder / "merged.nc"), *map(str, shards)]
            measured = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            size = sum(path.stat().st_size for path in shards) / 1e6
            print(f"{250 * count + 8:8d} {size:11.0f} {measured:10.0f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(peak([Path(path) for path in sys.argv[2:]], Path(sys.argv[1])))
    else:
        main()
